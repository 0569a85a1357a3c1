"""Plugins: where they are found, who is asked first, and what is told of one that does not fit."""
from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, Iterator, List, Optional

import pytest

from deepwatch_flow.errors import FingerprintError, PluginError
from deepwatch_flow.events import RunReport
from deepwatch_flow.hooks import EntryPoint, Hooks, entry_points, hookimpl, plugin_manager

HEAD = "from deepwatch_flow.hooks import hookimpl\n"
DIGEST = HEAD + "@hookimpl\ndef deepwatch_digest_value(value):\n    return [{!r}] if value in ('all', {!r}) else None\n"


@pytest.fixture(autouse=True)
def modules_and_path_are_put_back() -> Iterator[None]:
    modules, path = dict(sys.modules), list(sys.path)
    yield
    for name in set(sys.modules) - set(modules):
        del sys.modules[name]
    sys.path[:] = path


def installed(site: Path, name: str, entry: str, **files: str) -> None:
    info = site / f"{name}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "entry_points.txt").write_text(entry)
    for module, text in files.items():
        (site / f"{module}.py").write_text(text)


def refused(root: Path, text: str) -> PluginError:
    (root / "deepwatch_plugins.py").write_text(text)
    with pytest.raises(PluginError) as caught:
        plugin_manager(str(root))
    assert "`deepwatch_plugins.py`" in caught.value.message
    assert caught.value.hint
    return caught.value


# -- where plugins come from ------------------------------------------------------------------------

def test_without_plugins_every_hook_can_be_called(tmp_path: Path) -> None:
    hook: Any = plugin_manager(str(tmp_path)).hook
    assert hook.deepwatch_codecs() == hook.deepwatch_commands() == hook.deepwatch_reporter() == []
    assert hook.deepwatch_digest_value(value=1) is None
    assert hook.deepwatch_collect_steps(path="x") is None
    assert hook.deepwatch_executor(name="x", jobs=1, execute=print, dispatch=print) is None
    assert hook.deepwatch_store(folder="x") is None
    hook.deepwatch_run_started(run="r", steps=())
    hook.deepwatch_step_started(step="a")
    hook.deepwatch_step_finished(step="a", outcome="ran")
    hook.deepwatch_run_finished(report=RunReport("r", ()))


def test_the_projects_file_beats_the_settings_these_beat_entry_points_and_all_beat_builtins(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site, root = tmp_path / "site", tmp_path / "root"
    root.mkdir()
    installed(site, "dist", "[deepwatch]\nx = dw_entry\n", dw_entry=DIGEST.format("entry", "entry"))
    monkeypatch.syspath_prepend(str(site))
    (root / "dw_module.py").write_text(DIGEST.format("module", "module"))
    (root / "deepwatch_plugins.py").write_text(DIGEST.format("file", "file"))

    class Builtin:
        @hookimpl
        def deepwatch_digest_value(self, value: object) -> Optional[List[str]]:
            return ["builtin"]

    hook: Any = plugin_manager(str(root), ["dw_module"], [Builtin()]).hook
    for value, digest in {"all": "file", "file": "file", "module": "module", "entry": "entry", "other": "builtin"}.items():
        assert hook.deepwatch_digest_value(value=value) == [digest]


def test_loading_plugins_leaves_no_trace_on_the_path_nor_bytecode(tmp_path: Path) -> None:
    (tmp_path / "helper.py").write_text("x = 1\n")
    (tmp_path / "deepwatch_plugins.py").write_text("import sys, helper\nsys.path.append('/left/behind')\n")
    before = list(sys.path)
    plugin_manager(str(tmp_path))
    assert sys.path == before
    assert not list(tmp_path.glob("__pycache__/deepwatch_plugins*"))


def test_two_projects_have_two_plugin_files_and_an_edited_one_is_loaded_again(tmp_path: Path) -> None:
    for name in ("a", "b", "a"):
        (tmp_path / name).mkdir(exist_ok=True)
        for text in ("x", "y"):   # the same size within the same second: only the bytes tell
            (tmp_path / name / "deepwatch_plugins.py").write_text(DIGEST.format(name + text, "v"))
            hook: Any = plugin_manager(str(tmp_path / name)).hook
            assert hook.deepwatch_digest_value(value="all") == [name + text]


def test_a_plugin_file_may_define_dataclasses(tmp_path: Path) -> None:
    (tmp_path / "deepwatch_plugins.py").write_text(
        "from __future__ import annotations\nfrom dataclasses import dataclass\n@dataclass\nclass A:\n    x: int = 1\n")
    plugin_manager(str(tmp_path))


def test_a_plugin_found_in_two_ways_is_asked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = HEAD + "@hookimpl\ndef deepwatch_reporter():\n    return print\n"
    installed(tmp_path, "dist", "[deepwatch]\na = dw_twice\nb = dw_twice\n", dw_twice=text)
    monkeypatch.syspath_prepend(str(tmp_path))
    hook: Any = plugin_manager(str(tmp_path), ["dw_twice", "dw_twice"]).hook
    assert hook.deepwatch_reporter() == [print]


@pytest.mark.parametrize("attribute", ["made", "Made", "Holder.made"])
def test_an_entry_point_may_name_an_object_or_a_class_in_a_module(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch, attribute: str) -> None:
    text = HEAD + ("class Made:\n    @hookimpl\n    def deepwatch_store(self, folder):\n        return folder + '!'\n"
                   "made = Made()\nclass Holder:\n    made = made\n")
    installed(tmp_path, "dist", f"[deepwatch]\na = dw_object : {attribute}\n", dw_object=text)
    monkeypatch.syspath_prepend(str(tmp_path))
    hook: Any = plugin_manager(str(tmp_path)).hook
    assert hook.deepwatch_store(folder="f") == "f!"


# -- the scan ---------------------------------------------------------------------------------------

def test_the_scan_reads_our_group_only_and_the_first_distribution_of_a_name_wins(tmp_path: Path) -> None:
    first, second = tmp_path / "1", tmp_path / "2"
    installed(first, "b_dist", "[console_scripts]\nx = y:z\n\n[deepwatch]\n# said\none = m.n\ntwo=m:f [extra]\n[other]\nno = no\n")
    installed(second, "b_dist", "[deepwatch]\nold = old\n")
    installed(second, "a_dist", "[ deepwatch ]\n")
    installed(second, "c_dist", "[deepwatch.more]\nx = y\n")
    (second / "no_entries-1.dist-info").mkdir()
    (second / "old.egg-info").mkdir()
    (second / "old.egg-info" / "entry_points.txt").write_text("[deepwatch]\negg = e\n")
    found = entry_points([str(first), str(tmp_path / "missing"), str(second), str(first)])
    assert found == [EntryPoint("egg", "e", "old"), EntryPoint("one", "m.n", "b_dist"), EntryPoint("two", "m:f", "b_dist")]


def test_managing_plugins_loads_neither_importlib_metadata_nor_much_else(tmp_path: Path) -> None:
    code = ("import sys, deepwatch_flow.hooks as h; before = set(sys.modules); h.plugin_manager('.');"
            "print('importlib.metadata' in sys.modules, sorted(set(sys.modules) - before))")
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    result = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environ, stdout=subprocess.PIPE, check=True)
    assert result.stdout.decode().split() == ["False", "[]"]


# -- what does not fit ------------------------------------------------------------------------------

def test_a_plugin_that_can_not_be_imported_is_named_with_the_cause(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "deepwatch_plugins", raising=False)    # of another test of this process
    assert "ZeroDivisionError" in refused(tmp_path, "1 / 0").message
    assert "SyntaxError" in refused(tmp_path, "def (").message
    assert "SystemExit" in refused(tmp_path, "raise SystemExit(3)").message
    assert "deepwatch_plugins" not in sys.modules
    (tmp_path / "deepwatch_plugins.py").unlink()
    with pytest.raises(PluginError, match=r"plugin `not\.there` can't be loaded: ModuleNotFoundError") as caught:
        plugin_manager(str(tmp_path), ["not.there"])
    assert "[plugins]" in str(caught.value.hint)
    installed(tmp_path / "site", "some_dist", "[deepwatch]\nx = os:no_such\n")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    with pytest.raises(PluginError, match="plugin `x of some_dist` can't be loaded: AttributeError") as caught:
        plugin_manager(str(tmp_path))
    assert "some_dist" in str(caught.value.hint)


def test_an_unknown_hook_is_told_with_the_one_that_was_meant(tmp_path: Path) -> None:
    error = refused(tmp_path, HEAD + "@hookimpl\ndef deepwatch_digest_valeu(value): pass\n")
    assert "deepwatch_digest_valeu" in error.message
    assert error.hint == "did you mean `deepwatch_digest_value`?"


def test_arguments_that_a_hook_does_not_pass_are_named_and_fewer_are_fine(tmp_path: Path) -> None:
    error = refused(tmp_path, HEAD + "@hookimpl\ndef deepwatch_step_finished(step, result): pass\n")
    assert "`deepwatch_step_finished`" in error.message
    assert "`result`" in error.message
    assert "step, outcome" in str(error.hint)
    (tmp_path / "deepwatch_plugins.py").write_text(HEAD + "@hookimpl\ndef deepwatch_step_finished(outcome): pass\n")
    plugin_manager(str(tmp_path)).hook.deepwatch_step_finished(step="a", outcome="ran")


def test_a_hook_without_its_mark_is_an_error_and_other_functions_are_none(tmp_path: Path) -> None:
    assert "@hookimpl" in str(refused(tmp_path, "def deepwatch_codecs(): return []\n").hint)
    (tmp_path / "deepwatch_plugins.py").write_text("import deepwatch_flow\ndef deepwatch_helper(): pass\ndeepwatch_codecs = 3\n")
    plugin_manager(str(tmp_path))


def test_what_a_plugin_raises_names_plugin_and_hook_but_our_own_errors_pass(tmp_path: Path) -> None:
    (tmp_path / "deepwatch_plugins.py").write_text(
        HEAD + "from deepwatch_flow.errors import FingerprintError\n@hookimpl\ndef deepwatch_digest_value(value):\n    raise value\n")
    hook: Any = plugin_manager(str(tmp_path)).hook
    with pytest.raises(PluginError, match=r"`deepwatch_plugins\.py` failed in `deepwatch_digest_value`: KeyError: 'x'"):
        hook.deepwatch_digest_value(value=KeyError("x"))
    with pytest.raises(FingerprintError, match="mine"):
        hook.deepwatch_digest_value(value=FingerprintError("mine"))
    with pytest.raises(KeyboardInterrupt):
        hook.deepwatch_digest_value(value=KeyboardInterrupt())


@pytest.mark.parametrize(("hook", "result"), [
    ("deepwatch_codecs()", "[1]"), ("deepwatch_codecs()", "{}"), ("deepwatch_commands()", "[('a', 'b')]"),
    ("deepwatch_reporter()", "3"), ("deepwatch_collect_steps(path)", "3"),
])
def test_a_result_of_another_kind_names_plugin_and_hook(tmp_path: Path, hook: str, result: str) -> None:
    (tmp_path / "deepwatch_plugins.py").write_text(HEAD + f"@hookimpl\ndef {hook}:\n    return {result}\n")
    name = hook.partition("(")[0]
    with pytest.raises(PluginError, match=f"`{name}` must return"):
        getattr(plugin_manager(str(tmp_path)).hook, name)(**({"path": "x"} if "path" in hook else {}))


def test_results_of_the_right_kind_pass_from_all_plugins(tmp_path: Path) -> None:
    class Codec:
        name = "c"

        def encode(self, value: object) -> None:
            return None

        def decode(self, data: bytes) -> bytes:
            return data

    plugin = ModuleType("plugin")
    codec = Codec()
    commands = [("hello", "Say hello.", print, print)]
    plugin.deepwatch_codecs = hookimpl(lambda: [codec])            # type: ignore[attr-defined]
    plugin.deepwatch_commands = hookimpl(lambda: commands)         # type: ignore[attr-defined]
    hook: Any = plugin_manager(str(tmp_path), (), [plugin]).hook
    assert hook.deepwatch_codecs() == [[codec]]
    assert hook.deepwatch_commands() == [commands]


def test_wrappers_around_a_hook_work(tmp_path: Path) -> None:
    (tmp_path / "deepwatch_plugins.py").write_text(
        HEAD + "@hookimpl(wrapper=True)\ndef deepwatch_store(folder):\n    found = yield\n    return found or folder\n")
    hook: Any = plugin_manager(str(tmp_path)).hook
    assert hook.deepwatch_store(folder="f") == "f"


def test_trylast_is_kept(tmp_path: Path) -> None:
    (tmp_path / "deepwatch_plugins.py").write_text(
        HEAD + "@hookimpl(trylast=True)\ndef deepwatch_store(folder):\n    return 'file'\n")

    class Builtin:
        @hookimpl
        def deepwatch_store(self, folder: str) -> str:
            return "builtin"

    hook: Any = plugin_manager(str(tmp_path), (), [Builtin()]).hook
    assert hook.deepwatch_store(folder="f") == "builtin"


def test_every_hook_is_documented() -> None:
    hooks = [name for name in vars(Hooks) if not name.startswith("__")]
    assert len(hooks) == 11
    assert all(name.startswith("deepwatch_") and getattr(Hooks, name).__doc__ for name in hooks)
