"""The command line as programs and people meet it: arguments, streams, documents, exit codes."""
from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, List

import pytest

from deepwatch_flow import __version__
from deepwatch_flow.cli import commands, parser
from deepwatch_flow.cli.commands import TABLE
from deepwatch_flow.cli.main import main
from deepwatch_flow.errors import BusyError, ConfigError, EnvironmentFault, LockedError, StateError
from deepwatch_flow.events import RunReport, StepFinished

PIPELINE = """
    from deepwatch_flow import File, Product, step
    from helpers import twice

    @step
    def one(start=1):
        return start

    @step(tags=["ml"])
    def two(one):
        return twice(one)

    @step(after=["two"])
    def three(one, out=Product("out.txt")):
        out.write_text("x")
    """
HELPERS = "def twice(x):\n    return x * 2\n"


@pytest.fixture
def good(project: Any) -> Any:
    project.write("pipeline.py", PIPELINE)
    project.write("helpers.py", HELPERS)
    return project


def said(project: Any, *args: str) -> Any:
    return project.cli(*args, inline=True)


# -- the way in -----------------------------------------------------------------------------------

def test_the_version_loads_next_to_nothing() -> None:
    code = ("import sys; from deepwatch_flow.cli.main import main; code = main(['--version']); "
            "heavy = {'argparse', 'typing', 're', 'sqlite3', 'rich', 'blake3', 'pluggy', 'json', 'pathlib'}; "
            "site = set(SITE); sys.exit(str(sorted(heavy & set(sys.modules) - site)) if heavy & set(sys.modules) - site else code)")
    # what the interpreter itself loads at start is not ours to judge
    site = subprocess.run([sys.executable, "-c", "import sys; print(sorted(sys.modules))"], stdout=subprocess.PIPE,
                          check=True, timeout=60, universal_newlines=True).stdout
    done = subprocess.run([sys.executable, "-c", code.replace("SITE", site)], stdout=subprocess.PIPE, timeout=60,
                          stderr=subprocess.PIPE, universal_newlines=True, env={**os.environ, "PYTHONPATH": _path()})
    assert (done.returncode, done.stdout, done.stderr) == (0, f"deepwatch {__version__}\n", "")


def _path() -> str:
    return os.pathsep.join(path for path in sys.path if path)


def test_looking_at_a_function_loads_neither_the_runner_nor_the_state(project: Any) -> None:
    project.write("work.py", HELPERS)
    code = ("import sys; from deepwatch_flow.cli.main import main; main(['hash', 'work.py:twice']); "
            "sys.exit(str(sorted({'sqlite3', 'rich', 'deepwatch_flow.workspace'} & set(sys.modules))).replace('[]', '') or 0)")
    done = subprocess.run([sys.executable, "-c", code], cwd=str(project.root), stdout=subprocess.PIPE, timeout=60,
                          stderr=subprocess.PIPE, universal_newlines=True, env={**os.environ, "PYTHONPATH": _path()})
    assert (done.returncode, done.stderr) == (0, "")


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    assert [name for name in TABLE if name not in text] == []
    assert main([]) == 0
    assert capsys.readouterr().out == text


@pytest.mark.parametrize("name", TABLE)
def test_every_command_has_help_and_the_shared_options(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([name, "--help"]) == 0
    text = capsys.readouterr().out
    assert f"usage: deepwatch {name}" in text
    assert [option for option in ("--directory", "--quiet", "--verbose") if option not in text] == []


@pytest.mark.parametrize("args, words", [
    (["rnu"], ["`rnu`", "did you mean `run`?"]),
    (["run", "--lokced"], ["--lokced", "did you mean `--locked`?"]),
    (["status", "--json=3"], ["--json"]),
    (["run", "-j", "0"], ["from 1"]),
    (["run", "-j", "many"], ["many"]),
    (["run", "--wait", "-1"], ["--wait"]),
    (["why"], ["STEP"]),
    (["why", "a", "b"], ["`b`"]),
    (["run", "-q", "-v"], ["--quiet", "--verbose"]),
    (["graph", "--dot", "--mermaid"], ["--dot"]),
    (["-C", "nowhere/at/all", "run"], ["nowhere/at/all", "-C"]),
    (["-C", "."], ["no command"]),
    (["hash", "no-colon"], ["FILE:FUNC"]),
    (["run", "--set", "x"], ["--set x"]),
    (["completion", "fish"], ["fish"]),
])
def test_a_wrong_argument_is_told_in_one_message(args: List[str], words: List[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(args) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ") and "Traceback" not in err
    assert [word for word in words if word not in err] == [], err


def test_an_argument_with_control_characters_is_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["\x1b[2Jrun"]) == 2
    assert "\x1b" not in capsys.readouterr().err


def test_the_shared_options_stand_anywhere(good: Any) -> None:
    for args in (["-C", str(good.root), "status", "-q"], ["status", "-C", str(good.root), "-q"],
                 ["-q", "status", "one", "-C", str(good.root), "two"], [f"-C{good.root}", "-q", "status"]):
        assert main(args) == 0, args


def test_the_working_directory_is_given_back(good: Any) -> None:
    before = os.getcwd()
    assert main(["-C", str(good.root), "status"]) == 0
    assert os.getcwd() == before


def test_targets_may_stand_on_both_sides_of_an_option(good: Any) -> None:
    done = said(good, "run", "one", "--json", "two")
    assert done.outcomes == {"one": "ran", "two": "ran"}


@pytest.mark.parametrize("error, code", [
    (ConfigError("no"), 2), (LockedError("no"), 3), (StateError("no"), 4), (BusyError("no"), 5), (EnvironmentFault("no"), 6),
    (KeyboardInterrupt(), 130), (BrokenPipeError(), 141), (PermissionError(13, "Permission denied", "x"), 6),
    (ZeroDivisionError("oops"), 70),
])
def test_every_error_has_its_exit_code(error: BaseException, code: int, monkeypatch: pytest.MonkeyPatch, good: Any) -> None:
    def fail(*args: Any) -> int:
        raise error

    monkeypatch.setattr(commands, "ours", lambda name: parser.Command(lambda parser: None, fail))
    monkeypatch.setattr(commands, "_settle", lambda *_: None)
    done = said(good, "config")
    assert done.code == code
    assert done.stdout == ""
    assert ("Traceback" in done.stderr) == (code == 70)


def test_an_error_under_json_is_a_document_too(project: Any) -> None:
    done = said(project, "run", "--json")
    assert done.code == 2
    assert done.document["steps"] == [] and done.document["counts"] == {}
    assert done.document["error"]["exit_code"] == 2 and "pipeline.py" in done.document["error"]["message"]
    assert done.stderr.startswith("error: ")


# -- run ------------------------------------------------------------------------------------------

def test_a_run_tells_on_stderr_and_leaves_stdout_to_the_steps(good: Any) -> None:
    good.edit("pipeline.py", "return start", "print('hello')\n    return start")
    done = said(good, "run")
    assert done.stdout == "hello\n"
    assert [line.split()[:2] for line in done.stderr.splitlines()[:3]] == [["ran", "one"], ["ran", "two"], ["ran", "three"]]
    assert done.stderr.splitlines()[-1].startswith("3 ran in ")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no full device here")
def test_a_full_stream_for_progress_ends_nothing_and_one_for_results_is_told(good: Any) -> None:
    command = [sys.executable, "-m", "deepwatch_flow", "-C", str(good.root)]
    environ = {**os.environ, "PYTHONPATH": _path()}
    with open("/dev/full", "w") as full:
        assert subprocess.run([*command, "run"], stderr=full, env=environ, timeout=60).returncode == 0
        assert subprocess.run([*command, "why", "nope"], stderr=full, env=environ, timeout=60).returncode == 2
        assert good.run().executed == []
        done = subprocess.run([*command, "status"], stdout=full, stderr=subprocess.PIPE, env=environ, timeout=60)
    assert done.returncode == 6 and b"No space left" in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="pipes are different there")
def test_a_reader_that_goes_away_is_no_error(good: Any) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run([sys.executable, "-m", "deepwatch_flow", "-C", str(good.root), "graph"], stdout=writing,
                          stderr=subprocess.PIPE, env={**os.environ, "PYTHONPATH": _path()}, timeout=60)
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, b"")


NOISY = """
    import os, subprocess, sys
    from deepwatch_flow import step
    print("loading")

    @step
    def noisy():
        print("python")
        os.write(1, b"descriptor\\n")
        subprocess.call([sys.executable, "-c", "print('child')"])
        return 1
    """


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_what_steps_print_does_not_spoil_the_document(project: Any, jobs: str) -> None:
    project.write("pipeline.py", NOISY)
    words = ("python", "descriptor", "child")
    for args, shown in ((["-s"], [*words]), (["-v", "-f", "noisy"], [*words]), (["-f", "noisy"], [])):
        done = project.run("-j", jobs, *args)
        assert done.outcomes == {"noisy": "ran"}
        assert "loading" in done.stderr
        assert [word for word in words if word in done.stderr] == shown


@pytest.mark.parametrize("args", [("status", "--json"), ("graph", "--json"), ("why", "noisy", "--json"),
                                  ("show", "noisy", "--json"), ("log", "--json"), ("run", "--dry-run", "--json")])
def test_what_the_pipeline_prints_while_it_loads_does_not_either(project: Any, args: Any) -> None:
    project.write("pipeline.py", NOISY)
    project.run()
    assert isinstance(project.cli(*args).document, dict)


def test_a_dry_run_tells_and_does_nothing(good: Any) -> None:
    done = said(good, "run", "--dry-run")
    assert [line.split()[:2] for line in done.stdout.splitlines()[:2]] == [["stale", "one"], ["pending", "two"]]
    assert not good.path("deepwatch.lock").exists()
    assert said(good, "run", "-n", "--json").verdicts["one"] == "stale"


def test_a_failed_run_ends_with_1_and_shows_the_user_s_frames(good: Any) -> None:
    good.write("helpers.py", "def twice(x):\n    return x / 0\n")
    done = said(good, "run")
    assert done.code == 1
    assert "failed  two" in done.stderr and "ZeroDivisionError" in done.stderr and "helpers.py" in done.stderr
    assert os.path.join("engine", "worker.py") not in done.stderr


class Fake:
    """A workspace whose run ends as it is told to."""

    def __init__(self, report: RunReport) -> None:
        self.report = report

    def __call__(self, config: Any, emit: Any, mends: bool) -> Any:
        return self

    def __enter__(self) -> Any:
        hook = type("Hook", (), {"deepwatch_reporter": staticmethod(lambda: [])})
        plugins = type("Plugins", (), {"hook": hook})
        self.project = type("Project", (), {"plugins": plugins, "scratch": None})
        return self

    def __exit__(self, *args: Any) -> None:
        pass

    def run(self, policy: Any) -> RunReport:
        self.policy = policy
        return self.report


def test_an_interrupted_run_ends_with_130(good: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from deepwatch_flow.cli import run

    monkeypatch.setattr(run, "open_workspace", Fake(RunReport("r", (StepFinished("one", "ran"),), interrupted=True)))
    done = said(good, "run", "--json")
    assert done.code == 130
    assert done.document["interrupted"] is True


def test_all_that_can_be_asked_of_a_run_reaches_it(good: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from deepwatch_flow.cli import run

    fake = Fake(RunReport("r", ()))
    monkeypatch.setattr(run, "open_workspace", fake)
    good.write("deepwatch.toml", "jobs = 3\n")
    assert said(good, "run", "a", "-f", "b", "--locked", "-x", "-t", "ml", "--accept-scheme", "--wait", "0").code == 0
    policy = fake.policy
    assert (policy.targets, policy.force, policy.tags, policy.jobs) == (("a",), ("b",), ("ml",), 3)
    assert (policy.locked, policy.fail_fast, policy.accept_scheme, policy.wait) == (True, True, True, 0.0)
    said(good, "run", "-j", "5")
    assert fake.policy.jobs == 5


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such signals there")
def test_a_terminated_run_keeps_what_is_done_and_ends_with_143(project: Any) -> None:
    project.write("pipeline.py", """
        import os, signal, time
        from deepwatch_flow import step

        @step
        def first():
            return 1

        @step
        def second(first):
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(30)
        """)
    done = project.cli("run", "--json")
    assert done.code == 143, done.stderr
    assert done.outcomes["first"] == "ran"
    project.edit("pipeline.py", "os.kill(os.getpid(), signal.SIGTERM)", "return 2")
    assert project.run().executed == ["second"]


# -- looking --------------------------------------------------------------------------------------

def test_status_tells_what_is_stale_and_counts_the_rest(good: Any) -> None:
    assert said(good, "status", "--check").code == 3
    good.run(inline=True)
    done = said(good, "status", "--check")
    assert (done.code, done.stdout) == (0, "3 steps up to date\n")
    good.edit("helpers.py", "x * 2", "x + x")
    done = said(good, "status")
    assert done.code == 0
    assert done.stdout.splitlines()[0] == "stale  two  `helpers.twice` changed (helpers.py:1)"
    assert done.stdout.splitlines()[1:] == ["1 stale, 2 fresh"]
    assert [line.split()[0] for line in said(good, "status", "-v").stdout.splitlines()[:3]] == ["fresh", "stale", "fresh"]
    assert said(good, "status", "one", "--check").code == 0


def test_why_leads_to_the_definition_and_shows_the_edit(good: Any) -> None:
    good.run(inline=True)
    assert "is fresh" in said(good, "why", "two").stdout
    good.edit("helpers.py", "x * 2", "x + x")
    text = said(good, "why", "two").stdout
    assert "`helpers.twice` changed  helpers.py:1" in text
    assert "two -> helpers.twice" in text
    assert "-    return x * 2" in text and "+    return x + x" in text
    document = said(good, "why", "two", "--json").document
    assert (document["name"], document["verdict"]) == ("two", "stale")
    assert document["reasons"][0]["file"] == "helpers.py" and document["reasons"][0]["line"] == 1


def test_an_unknown_step_gets_a_suggestion(good: Any) -> None:
    for command in ("why", "show", "run", "status", "graph", "clean"):
        done = said(good, command, "tow")
        assert done.code == 2, command
        assert "`tow`" in done.stderr and "two" in done.stderr, command


def test_the_graph_in_all_its_forms(good: Any) -> None:
    assert said(good, "graph").stdout.splitlines()[0] == "three"
    assert "s0 --> s1" in said(good, "graph", "--mermaid").stdout
    assert '"one" -> "two"' in said(good, "graph", "--dot").stdout
    steps = {step["name"]: step for step in said(good, "graph", "--json").document["steps"]}
    assert steps["two"]["upstreams"] == ["one"] and steps["two"]["tags"] == ["ml"]
    assert steps["three"]["after"] == ["two"] and steps["three"]["products"] == {"out": "out.txt"}
    assert "one  stale" in said(good, "graph", "--status").stdout


def test_show_prints_the_value_and_what_is_recorded(good: Any) -> None:
    assert said(good, "show", "two").code == 4
    good.run(inline=True)
    done = said(good, "show", "two")
    assert done.stdout == "2\n"            # the value alone: what is recorded of it is told apart
    assert "two (fresh)" in done.stderr
    assert said(good, "show", "two", "-q").stdout == "2\n"
    document = said(good, "show", "two", "--json").document
    assert (document["value"], document["type"], document["fresh"]) == (2, "int", True)


def test_a_value_that_is_no_plain_data_is_shown_by_its_repr(project: Any) -> None:
    project.write("pipeline.py", """
        from deepwatch_flow import step

        class Odd:
            def __repr__(self):
                raise RuntimeError("no repr")

        @step
        def odd():
            return Odd()

        @step
        def bits():
            return {1, 2}

        @step
        def text():
            return "two\\nlines\\x1b[2J"
        """)
    project.run()
    assert "no repr" in project.cli("show", "odd").stdout
    document = project.cli("show", "bits", "--json").document
    assert (document["value"], document["repr"]) == (None, "{1, 2}")
    assert project.cli("show", "text", "-q").stdout == "two\nlines\\x1b[2J\n"


def test_the_log_lists_runs_the_latest_first(good: Any) -> None:
    assert "no runs" in said(good, "log").stderr
    good.run(inline=True)
    good.run(inline=True)
    lines = said(good, "log").stdout.splitlines()
    assert [line.split("  ")[-1] for line in lines] == ["3 reused", "3 ran"]
    runs = said(good, "log", "--json", "-n", "1").document["runs"]
    assert [run["counts"]["reused"] for run in runs] == [3]


# -- code -----------------------------------------------------------------------------------------

def test_hash_prints_one_digest_and_changes_with_the_helper(good: Any) -> None:
    deep, shallow = (said(good, "hash", "pipeline.py:two", *more).stdout for more in ((), ("--shallow",)))
    assert len(deep.strip()) == len(shallow.strip()) == 64
    good.edit("helpers.py", "x * 2", "x + x")
    assert said(good, "hash", "pipeline.py:two").stdout != deep
    assert said(good, "hash", "pipeline.py:two", "--shallow").stdout == shallow
    assert "helpers.twice" in said(good, "hash", "pipeline.py:two", "--transcript").stdout
    assert said(good, "hash", "pipeline.py:two", "--json").document["shallow"] == shallow.strip()


def test_deps_is_a_tree_with_files_and_lines(good: Any) -> None:
    lines = said(good, "deps", "helpers.py:twice").stdout.splitlines()
    assert lines == ["helpers.twice  helpers.py:1"]
    text = said(good, "deps", "pipeline.py:two").stdout
    assert "└── helpers.twice  helpers.py:1" in text
    units = {unit["name"]: unit for unit in said(good, "deps", "pipeline.py:two", "--json").document["units"]}
    assert units["pipeline.two"]["uses"] == [units["helpers.twice"]["deep"]]


def test_deps_of_a_deep_chain_is_drawn_without_recursion(project: Any) -> None:
    project.write("deep.py", "def f0():\n    return 0\n" + "".join(
        f"def f{i}():\n    return f{i - 1}()\n" for i in range(1, 1500)))
    assert len(said(project, "deps", "deep.py:f1499").stdout.splitlines()) >= 1500
    assert len(said(project, "deps", "deep.py:f1499", "--json").document["units"]) == 1500


# -- project --------------------------------------------------------------------------------------

def test_init_writes_a_pipeline_that_runs_and_never_overwrites(tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                                               capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "new"
    assert main(["init", str(folder)]) == 0
    capsys.readouterr()
    assert main(["-C", str(folder), "run", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["counts"]["ran"] == 3
    (folder / "pipeline.py").unlink()
    before = (folder / "helpers.py").read_bytes()
    (folder / "helpers.py").write_bytes(before + b"# mine\n")
    monkeypatch.chdir(folder)
    assert main(["init"]) == 2
    assert "helpers.py" in capsys.readouterr().err
    assert (folder / "helpers.py").read_bytes() == before + b"# mine\n"
    assert not (folder / "pipeline.py").exists()


def test_init_keeps_a_gitignore(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("mine\n")
    assert main(["init", str(tmp_path)]) == 0
    assert (tmp_path / ".gitignore").read_text() == "mine\n"


def test_init_where_nothing_can_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert main(["init", str(tmp_path / "file" / "below")]) == 6
    assert "hint:" in capsys.readouterr().err


def test_clean_forgets_what_it_is_told_to(good: Any) -> None:
    good.run(inline=True)
    assert said(good, "clean").code == 2
    assert said(good, "clean", "two", "--all").code == 2
    assert said(good, "clean", "--all").code == 2          # nobody is there to confirm
    assert said(good, "show", "two", "-q").code == 0
    assert said(good, "clean", "two").code == 0
    assert said(good, "show", "two").code == 4
    assert said(good, "show", "one").code == 0
    assert said(good, "clean", "--all", "--yes").code == 0
    assert said(good, "show", "one").code == 4


def test_config_tells_each_setting_and_where_it_comes_from(good: Any) -> None:
    good.write("deepwatch.toml", "jobs = 2\n[steps.one.params]\nstart = 7\n[plugins]\nmodules = ['math']\n")
    done = said(good, "config", "--set", "two.x=true")
    rows = {line.split()[0]: line.split()[1:] for line in done.stdout.splitlines()}
    assert rows["jobs"] == ["2", "deepwatch.toml"]
    assert rows["store.folder"] == ['".deepwatch"', "default"]
    assert rows["executor"] == ['"auto"', "default"]
    assert rows["plugins.modules"] == ['["math"]', "deepwatch.toml"]
    assert rows["steps.one.params.start"] == ["7", "deepwatch.toml"]
    assert rows["steps.two.params.x"] == ["true", "--set"]
    document = said(good, "config", "--json").document
    assert document["settings"]["jobs"] == {"value": 2, "source": "deepwatch.toml"}
    assert document["root"] == str(good.root)


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_the_completion_script_knows_the_commands(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("shtab")
    assert main(["completion", shell]) == 0
    text = capsys.readouterr().out
    assert [name for name in TABLE if name not in text] == []
    assert "--fail-fast" in text


# -- plugins --------------------------------------------------------------------------------------

PLUGIN = """
    from deepwatch_flow import hookimpl

    def add(parser):
        parser.add_argument("words", nargs="*")
        parser.add_argument("-v", "--volume")

    def call(args, console):
        if args.words == ["fail"]:
            raise KeyError("oops")
        print(" ".join(args.words), args.volume)
        return 9

    @hookimpl
    def deepwatch_commands():
        return [("shout", "say it", add, call)]

    @hookimpl
    def deepwatch_reporter():
        def listen(event):
            raise ValueError("bad reporter")
        return listen
    """


def test_a_plugin_s_command_is_found_listed_and_may_have_options_of_its_own(good: Any) -> None:
    good.write("deepwatch_plugins.py", PLUGIN)
    done = said(good, "shout", "a", "-v", "11")
    assert (done.code, done.stdout) == (9, "a 11\n")
    assert "shout" in said(good, "--help").stdout
    assert "did you mean `shout`?" in said(good, "shuot").stderr
    done = said(good, "shout", "fail")
    assert done.code == 2 and "`shout`" in done.stderr and "KeyError" in done.stderr


def test_a_plugin_s_reporter_that_fails_is_told_once_and_ends_nothing(good: Any) -> None:
    good.write("deepwatch_plugins.py", PLUGIN)
    done = good.cli("run")
    assert done.code == 0
    assert done.stderr.count("bad reporter") == 1


def test_a_broken_plugin_does_not_take_the_help_away(good: Any) -> None:
    good.write("deepwatch_plugins.py", "1 / 0\n")
    done = said(good, "--help")
    assert done.code == 0 and "run" in done.stdout and "warning:" in done.stderr
