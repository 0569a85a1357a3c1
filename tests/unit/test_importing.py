"""Importing own code by path, and the world of modules of a run."""
from __future__ import annotations

import dataclasses
import os
import pickle
import sys
from pathlib import Path
from typing import Any, Dict, Iterator

import pytest

from deepwatch_flow.errors import ConfigError, PipelineError
from deepwatch_flow.loading.importing import ImportWorld, import_path, module_name
from deepwatch_flow.loading.origin import Origins
from deepwatch_flow.loading.snapshot import Snapshot
from deepwatch_flow.model import Boundary


@pytest.fixture(autouse=True)
def modules_are_put_back() -> Iterator[None]:
    modules = dict(sys.modules)
    yield
    for name in set(sys.modules) - set(modules):
        del sys.modules[name]
    sys.modules.update(modules)


def write(root: Path, files: Dict[str, str]) -> str:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    return str(root)


def world(root: Path) -> ImportWorld:
    return ImportWorld(Snapshot(), Origins(Boundary(str(root))), str(root))


# -- names --------------------------------------------------------------------------------------------

@pytest.mark.parametrize(("file", "packages", "name", "base"), [
    ("pipeline.py", [], "pipeline", ""), ("flows/main.py", [], "flows.main", ""), ("a/b/c.py", ["a", "a/b"], "a.b.c", ""),
    ("src/pkg/mod.py", ["src/pkg"], "pkg.mod", "src"), ("my-flows/main.py", [], "main", "my-flows"), ("my.flow.py", [], "my_flow", ""),
    ("pkg/__init__.py", ["pkg"], "pkg", ""), ("my-flows/pkg/x.py", ["my-flows/pkg"], "pkg.x", "my-flows"), ("pipeline.py", ["."], "pipeline", ""),
])
def test_a_module_is_named_by_its_place_below_the_root(tmp_path: Path, file: str, packages: list, name: str, base: str) -> None:
    write(tmp_path, {file: "", **{f"{package}/__init__.py": "" for package in packages}})
    assert module_name(str(tmp_path / file), str(tmp_path)) == (name, str(tmp_path / base))


def test_outside_of_the_root_the_outermost_package_begins_the_name(tmp_path: Path) -> None:
    write(tmp_path, {"x/pkg/__init__.py": "", "x/pkg/sub/__init__.py": "", "x/pkg/sub/mod.py": "", "root/pipeline.py": ""})
    assert module_name(str(tmp_path / "x/pkg/sub/mod.py"), str(tmp_path / "root")) == ("pkg.sub.mod", str(tmp_path / "x"))


# -- import_path ----------------------------------------------------------------------------------------

def test_relative_imports_and_packages_work(tmp_path: Path) -> None:
    write(tmp_path, {"ip_pkg/__init__.py": "", "ip_pkg/a.py": "from .sub.b import y\nfrom . import sub\nimport ip_top\n",
                     "ip_pkg/sub/__init__.py": "from ..c import z\n", "ip_pkg/sub/b.py": "y = 1\n", "ip_pkg/c.py": "z = 2\n", "ip_top.py": ""})
    module = import_path(tmp_path / "ip_pkg" / "a.py")
    assert (module.__name__, module.__package__, module.y, module.sub.z) == ("ip_pkg.a", "ip_pkg", 1, 2)
    assert sys.modules["ip_pkg.a"] is module is sys.modules["ip_pkg"].a
    assert import_path(tmp_path / "ip_pkg" / "__init__.py") is sys.modules["ip_pkg"]


def test_the_root_is_where_absolute_imports_start_and_folders_need_no_init(tmp_path: Path) -> None:
    write(tmp_path, {"ip_ns/deep/mod.py": "from ip_lib.x import v\nfrom . import beside\n", "ip_ns/deep/beside.py": "", "ip_lib/x.py": "v = 5\n"})
    module = import_path(str(tmp_path / "ip_ns" / "deep" / "mod.py"), root=tmp_path)
    assert (module.__name__, module.v) == ("ip_ns.deep.mod", 5)


def test_path_and_folder_are_as_before_afterwards_even_on_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    moving = "import os, sys\nsys.path.insert(0, '/x')\nsys.path[:] = sys.path + ['/y']\nos.chdir('/')\n"
    write(tmp_path, {"ip_moving.py": moving, "ip_failing.py": moving + "1 / 0\n"})
    before, same, finders = list(sys.path), sys.path, list(sys.meta_path)
    import_path("ip_moving.py")
    with pytest.raises(PipelineError):
        import_path("ip_failing.py")
    assert sys.path == before and sys.path is same
    assert os.getcwd() == str(tmp_path)
    assert sys.meta_path == finders
    assert "ip_failing" not in sys.modules


def test_a_file_is_imported_once_and_again_when_it_or_its_helper_was_edited(tmp_path: Path) -> None:
    write(tmp_path, {"ip_once.py": "from ip_help import x\n", "ip_help.py": "x = 1\n"})
    first = import_path(tmp_path / "ip_once.py")
    assert import_path(tmp_path / "ip_once.py") is first
    write(tmp_path, {"ip_help.py": "x = 2\n"})    # same size, same second
    again = import_path(tmp_path / "ip_once.py")
    assert (first.x, again.x) == (1, 2)
    (tmp_path / "ip_help.py").unlink()
    with pytest.raises(PipelineError, match="ip_help"):
        import_path(tmp_path / "ip_once.py")


def test_two_projects_with_equal_names_do_not_get_each_others_modules(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write(tmp_path / name, {"main.py": "from ip_common import who\nfrom ip_space import part\n", "ip_common.py": f"who = {name!r}\n",
                                "ip_space/part.py": f"who = {name!r}\n"})
    for name in ("one", "two", "one"):
        module = import_path(tmp_path / name / "main.py")
        assert (module.who, module.part.who) == (name, name)


def test_a_module_of_the_program_with_the_same_name_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "theirs", {"ip_same.py": "who = 'theirs'\n"})
    write(tmp_path / "ours", {"ip_same.py": "who = 'ours'\n", "main.py": "from ip_same import who\n"})
    monkeypatch.syspath_prepend(str(tmp_path / "theirs"))
    import ip_same  # type: ignore[import-not-found]

    assert import_path(tmp_path / "ours" / "main.py").who == "ours"
    assert import_path(tmp_path / "ours" / "ip_same.py").who == "ours"
    assert sys.modules["ip_same"] is ip_same


def test_a_project_inside_another_one_does_not_lend_it_its_modules(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "sub"):
        write(folder, {"main.py": "from ip_nested import who\n", "ip_nested.py": f"who = {folder.name!r}\n"})
    for folder in (tmp_path / "sub", tmp_path, tmp_path / "sub"):
        assert import_path(folder / "main.py").who == folder.name


@pytest.mark.parametrize("name", ["statistics", "queue", "json", "code"])
def test_a_file_named_like_a_module_of_python_is_itself_and_python_keeps_its_own(tmp_path: Path, name: str) -> None:
    __import__(name)
    theirs = sys.modules[name]
    write(tmp_path, {f"{name}.py": "mine = True\n", "main.py": f"import {name}\nmine = {name}.mine\n"})
    assert import_path(tmp_path / f"{name}.py").mine
    assert import_path(tmp_path / "main.py").mine
    assert sys.modules[name] is theirs


def test_odd_file_names_can_be_imported(tmp_path: Path) -> None:
    for name in ("with space.py", "1st.py", "a.b.c.py", "mit-ümlaut.py", "noextension"):
        write(tmp_path, {name: "x = __file__\n"})
        assert import_path(tmp_path / name).x == str(tmp_path / name)


def test_what_is_defined_there_pickles_and_dataclasses_work(tmp_path: Path) -> None:
    write(tmp_path, {"ip_data.py": "from __future__ import annotations\nimport dataclasses\n@dataclasses.dataclass\nclass A:\n    x: int = 1\n"})
    made = import_path(tmp_path / "ip_data.py").A(4)
    assert pickle.loads(pickle.dumps(made)) == made
    assert dataclasses.asdict(made) == {"x": 4}


def test_what_is_not_there_or_is_a_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match=r"no_such\.py` *: it does not exist"):
        import_path(tmp_path / "no_such.py")
    with pytest.raises(PipelineError, match="is a folder"):
        import_path(tmp_path)


# -- errors -----------------------------------------------------------------------------------------------

@pytest.mark.parametrize(("helper", "place", "what", "hint"), [
    ("x = 1\n1 / 0\n", "ie_helper.py:2", "ZeroDivisionError: division by zero", "move the work into a step"),
    ("x = (\n", "ie_helper.py:1", "SyntaxError", "syntax"),
    ("if x:\npass\n", "ie_helper.py:2", "IndentationError", "syntax"),
    ("import no_such_thing.sub\n", "ie_helper.py:1", "No module named 'no_such_thing'", "`no_such_thing`"),
    ("\nfrom json import no_such_name\n", "ie_helper.py:2", "cannot import name 'no_such_name'", "version"),
    ("from . import x\n", "ie_helper.py:1", "ImportError", "relative imports need a package"),
    ("import ie_main\nie_main.y\n", "ie_helper.py:2", "AttributeError", "importing a module runs it"),
    ("from ie_main import y\n", "ie_helper.py:1", "cannot import name 'y'", "import each other"),
    ("import sys\nsys.exit(3)\n", "ie_helper.py:2", "ends the program (exit status 3)", "__main__"),
    ("raise KeyError\n", "ie_helper.py:1", "KeyError", "runs it"),
    ("import json\njson.loads('{')\n", "ie_helper.py:2", "JSONDecodeError", "runs it"),
])
def test_an_error_is_told_with_file_place_cause_and_cure(tmp_path: Path, helper: str, place: str, what: str, hint: str) -> None:
    write(tmp_path, {"ie_main.py": "import ie_helper\ny = 1\n", "ie_helper.py": helper})
    with pytest.raises(PipelineError) as caught:
        import_path(tmp_path / "ie_main.py")
    message = caught.value.message
    assert message.startswith(f"`{tmp_path / 'ie_main.py'}` can't be imported: {place}: ")
    assert what in message
    assert hint in str(caught.value.hint)
    assert "\n" not in message


def test_the_traceback_has_the_users_frames_only_with_causes(tmp_path: Path) -> None:
    write(tmp_path, {"ie_main.py": "import ie_helper\n",
                     "ie_helper.py": "def f():\n    try:\n        1 / 0\n    except ZeroDivisionError as error:\n        raise ValueError('bad') from error\nf()\n"})
    with pytest.raises(PipelineError) as caught:
        import_path(tmp_path / "ie_main.py")
    shown = str(caught.value.traceback)
    assert "importlib" not in shown and "deepwatch_flow" not in shown
    assert "import ie_helper" in shown and "raise ValueError('bad') from error" in shown
    assert "ZeroDivisionError" in shown and "direct cause" in shown


def test_our_own_errors_keep_message_and_hint_and_get_a_place(tmp_path: Path) -> None:
    source = "from deepwatch_flow.errors import {0}\n\nraise {0}('what', hint='cure')\n"
    write(tmp_path, {"ie_pipe.py": source.format("PipelineError"), "ie_config.py": source.format("ConfigError")})
    with pytest.raises(PipelineError) as caught:
        import_path(tmp_path / "ie_pipe.py")
    assert (caught.value.message, caught.value.hint) == ("ie_pipe.py:3: what", "cure")
    with pytest.raises(ConfigError, match="what"):
        import_path(tmp_path / "ie_config.py")


def test_an_interrupt_passes(tmp_path: Path) -> None:
    write(tmp_path, {"ie_stop.py": "raise KeyboardInterrupt\n"})
    with pytest.raises(KeyboardInterrupt):
        import_path(tmp_path / "ie_stop.py")
    assert "ie_stop" not in sys.modules


# -- the world of a run -------------------------------------------------------------------------------------

PROJECT = {"pipeline.py": "import iw_help\nfrom iw_lib import part\nx = iw_help.x\n", "iw_help.py": "x = 1\n", "iw_lib/part.py": "y = 1\n"}


def test_a_world_loads_from_its_snapshot_and_puts_all_back(tmp_path: Path) -> None:
    write(tmp_path, PROJECT)
    modules, path, finders = dict(sys.modules), list(sys.path), list(sys.meta_path)
    with world(tmp_path) as inside:
        module = inside.load("pipeline.py")
        assert module is sys.modules["pipeline"] is inside.load(str(tmp_path / "pipeline.py"))
        assert sys.path[0] == str(tmp_path)
        assert set(inside.snapshot.sources) == {str(tmp_path / name) for name in PROJECT}
        sys.path.append("/left/behind")
    assert (dict(sys.modules), sys.path, sys.meta_path) == (modules, path, finders)


def test_each_world_sees_the_files_as_they_are_and_the_programs_modules_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, PROJECT)
    monkeypatch.syspath_prepend(str(tmp_path))
    import iw_help  # type: ignore[import-not-found]
    import iw_lib.part  # type: ignore[import-not-found]

    write(tmp_path, {"iw_help.py": "x = 2\n", "iw_lib/part.py": "y = 2\n"})
    for _ in range(2):
        with world(tmp_path) as inside:
            module = inside.load("pipeline.py")
            assert (module.x, module.part.y) == (2, 2)
    assert sys.modules["iw_help"] is iw_help and sys.modules["iw_lib"] is iw_lib
    assert (iw_help.x, iw_lib.part.y) == (1, 1)


def test_two_projects_one_after_the_other_in_one_process(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write(tmp_path / name, {**PROJECT, "iw_help.py": f"x = {name!r}\n", "iw_lib/part.py": f"y = {name!r}\n"})
    for name in ("one", "two", "one"):
        with world(tmp_path / name) as inside:
            module = inside.load("pipeline.py")
            assert (module.x, module.part.y) == (name, name)


@pytest.mark.parametrize("name", ["statistics", "queue", "calendar", "json", "code", "turtle"])
def test_the_projects_module_wins_over_pythons_as_in_a_script_beside_it(tmp_path: Path, name: str) -> None:
    if name != "turtle":
        __import__(name)
    before = sys.modules.get(name)
    write(tmp_path, {"pipeline.py": f"import {name}\nmine = {name}.mine\n", f"{name}.py": "mine = True\n"})
    with world(tmp_path) as inside:
        assert inside.load("pipeline.py").mine
        assert str(tmp_path / f"{name}.py") in inside.snapshot.sources
    assert sys.modules.get(name) is before


def test_what_python_itself_runs_on_stays(tmp_path: Path) -> None:
    write(tmp_path, {"pipeline.py": "import os, sys, types\n", "os.py": "", "sys.py": "", "types.py": ""})
    with world(tmp_path) as inside:
        assert inside.load("pipeline.py").os is os


def test_a_pipeline_in_a_folder_imports_what_is_beside_it_and_what_is_at_the_root(tmp_path: Path) -> None:
    write(tmp_path, {"flows/pipeline.py": "import iw_beside, iw_top\n", "flows/iw_beside.py": "", "iw_top.py": ""})
    with world(tmp_path) as inside:
        assert inside.load("flows/pipeline.py").__name__ == "flows.pipeline"
        assert sys.path[0] == str(tmp_path)


def test_a_folder_hidden_by_a_module_elsewhere_does_not_keep_a_file_from_loading(tmp_path: Path) -> None:
    write(tmp_path, {"code/deep/pipeline.py": "x = 1\n", "test/pipeline.py": "x = 2\n"})
    with world(tmp_path) as inside:
        assert inside.load("code/deep/pipeline.py").x == 1
        assert inside.load("test/pipeline.py").x == 2


def test_an_installed_module_of_the_pipelines_name_is_not_taken_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "site-packages", {"pipeline/__init__.py": "x = 'theirs'\n", "pipeline-1.dist-info/RECORD": "pipeline/__init__.py,,\n"})
    monkeypatch.syspath_prepend(str(tmp_path / "site-packages"))
    import pipeline as theirs  # type: ignore[import-not-found]

    write(tmp_path / "root", {"pipeline.py": "x = 'ours'\n"})
    with world(tmp_path / "root") as inside:
        assert inside.load("pipeline.py").x == "ours"
    assert sys.modules["pipeline"] is theirs


def test_packages_imported_inside_stay_imported_and_namespaces_of_packages_too(tmp_path: Path) -> None:
    site = tmp_path / "site-packages"
    write(site, {"iw_dist.py": "", "iw_ns/a.py": "", "iw_dist-1.dist-info/RECORD": "iw_dist.py,,\niw_ns/a.py,,\n"})
    write(tmp_path / "root", {"pipeline.py": f"import sys\nsys.path.append({str(site)!r})\nimport iw_dist, iw_ns.a\n"})
    with world(tmp_path / "root") as inside:
        module = inside.load("pipeline.py")
    assert sys.modules["iw_dist"] is module.iw_dist
    assert sys.modules["iw_ns"] is module.iw_ns


def test_the_world_tells_errors_relative_to_its_root_and_still_puts_all_back(tmp_path: Path) -> None:
    write(tmp_path, {**PROJECT, "iw_help.py": "x = 1\n\nx.y\n"})
    modules = dict(sys.modules)
    with pytest.raises(PipelineError) as caught, world(tmp_path) as inside:
        inside.load("pipeline.py")
    assert caught.value.message == "`pipeline.py` can't be imported: iw_help.py:3: AttributeError: 'int' object has no attribute 'y'"
    sys.modules.pop("_suggestions", None)    # what `traceback` imports is not of the world
    assert dict(sys.modules) == modules
    with pytest.raises(PipelineError, match=r"there is no file `gone\.py`"), world(tmp_path) as inside:
        inside.load("gone.py")


def test_a_worker_runs_the_bytes_that_the_driver_read(tmp_path: Path) -> None:
    write(tmp_path, PROJECT)
    with world(tmp_path) as driver:
        driver.load("pipeline.py")
        sources = driver.snapshot.data()
    write(tmp_path, {"iw_help.py": "x = 'edited'\n"})
    worker = world(tmp_path)
    worker.snapshot.preload(sources)
    with worker:
        assert worker.load("pipeline.py").x == 1


def test_import_path_inside_a_world_reads_through_its_snapshot_and_disturbs_nothing(tmp_path: Path) -> None:
    write(tmp_path / "other", {"iw_help.py": "x = 'other'\n"})
    write(tmp_path / "root", {"iw_help.py": "x = 'root'\n",
                              "pipeline.py": "import iw_help\nfrom deepwatch_flow.loading.importing import import_path\n"
                                             "other = import_path('../other/iw_help.py')\n"})
    before = os.getcwd()
    os.chdir(tmp_path / "root")
    try:
        with world(tmp_path / "root") as inside:
            module: Any = inside.load("pipeline.py")
            assert (module.other.x, module.iw_help.x) == ("other", "root")
            assert sys.modules["iw_help"] is module.iw_help
            assert str(tmp_path / "other" / "iw_help.py") in inside.snapshot.sources
    finally:
        os.chdir(before)
