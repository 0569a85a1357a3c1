"""A command with nothing to do imports nothing and writes nothing; and it is never mistaken about that."""
from __future__ import annotations

import marshal
import os
import shutil
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Callable, Dict, List

import pytest
from watched_project import LOADED, STEPS, fill, ready, rewrite, was_quick

UP_TO_DATE = f"{STEPS} steps up to date\n"
#: the modules of ours that it takes, and those that are part of the interpreter
ALLOWED = {
    "deepwatch_flow", "deepwatch_flow.__main__", "deepwatch_flow._version", "deepwatch_flow.cli", "deepwatch_flow.cli.main",
    "deepwatch_flow.cli.quick", "deepwatch_flow.state", "deepwatch_flow.state.watched",
    "_blake2", "atexit", "gc", "marshal", "time",
}

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no time of change: no list is written there")


@pytest.fixture
def watched(project: Any) -> Any:
    """A project that was run, so that nothing is to do."""
    return ready(project)


# -- what is answered ------------------------------------------------------------------------------

@pytest.mark.parametrize(("arguments", "count"), [
    (["run"], 4), (["run", "--locked"], 4), (["run", "report"], 3), (["run", "rows", "--locked"], 1),
    (["run", "rows", "greeting"], 2), (["status"], 4), (["status", "--check"], 4), (["status", "count"], 2),
    (["status", "greeting", "--check"], 1)])
def test_a_command_with_nothing_to_do_imports_nothing(watched: Any, arguments: List[str], count: int) -> None:
    done = watched.cli(*arguments)
    assert was_quick(done)
    told = done.stderr if arguments[0] == "run" else done.stdout
    assert told == f"{count} {'step' if count == 1 else 'steps'} up to date\n"


@pytest.mark.parametrize("arguments", [["run"], ["run", "report"], ["status"], ["status", "--check"]])
def test_the_ordinary_way_says_the_same(watched: Any, arguments: List[str]) -> None:
    quick = watched.cli(*arguments)
    watched.path(".deepwatch/watchlist").unlink()
    ordinary = watched.cli(*arguments)
    assert was_quick(quick)
    assert LOADED in ordinary.stderr
    assert (quick.code, quick.stdout) == (ordinary.code, ordinary.stdout)
    assert quick.stderr == ordinary.stderr.replace(f"{LOADED}\n", "")


@pytest.mark.parametrize("arguments", [
    ["run", "--json"], ["run", "-v"], ["run", "-j", "2"], ["run", "repo*"], ["run", "out/report.txt"], ["run", "--force", "rows"],
    ["status", "--json"], ["status", "--tag", "x"], ["run", "-C", "."], ["status", "no-such-step"]])
def test_any_other_option_takes_the_ordinary_way(watched: Any, arguments: List[str]) -> None:
    assert LOADED in watched.cli(*arguments).stderr


def test_only_modules_on_the_list_are_loaded(watched: Any) -> None:
    driver = ("import atexit, runpy, sys\nbefore = set(sys.modules)\nsys.argv[1:] = ['run']\n"
              "atexit.register(lambda: print(*sorted(set(sys.modules) - before)))\n"
              "runpy.run_module('deepwatch_flow', run_name='__main__', alter_sys=True)\n")
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    environ["PYTHONPATH"] = str(Path(__file__).resolve().parent.parent.parent)

    def run() -> Any:
        return subprocess.run([sys.executable, "-c", driver], cwd=str(watched.root), env=environ, check=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)

    run()       # another way to start Python: the first such run is an ordinary one
    done = run()
    assert done.stderr == UP_TO_DATE
    assert set(done.stdout.split()) <= ALLOWED


def test_nothing_is_written(watched: Any) -> None:
    def everything() -> Dict[str, Any]:
        found = {str(path): path.lstat() for path in [watched.root, *watched.root.rglob("*")]}
        return {name: (each.st_mtime_ns, each.st_ctime_ns, each.st_size, each.st_ino) for name, each in found.items()}

    before = everything()
    for arguments in (["run"], ["status"], ["run", "count"], ["run", "--locked"]):
        assert was_quick(watched.cli(*arguments))
    assert everything() == before


def test_a_program_that_calls_us_takes_the_ordinary_way(watched: Any, monkeypatch: Any) -> None:
    from deepwatch_flow.cli.main import main

    monkeypatch.chdir(watched.root)
    assert main(["status", "--check"]) == 0
    assert watched.path(".deepwatch/watchlist").exists()


def test_a_folder_below_takes_the_ordinary_way(watched: Any) -> None:
    done = watched.cli("status", cwd=watched.path("tables"))
    assert (done.stdout, LOADED in done.stderr) == (UP_TO_DATE, True)


# -- when it is written ----------------------------------------------------------------------------

def test_status_alone_does_not_speak_for_run(watched: Any) -> None:
    # after a status the lockfile may have to be written still
    watched.path(".deepwatch/watchlist").unlink()
    assert LOADED in watched.cli("status").stderr
    assert was_quick(watched.cli("status"))
    assert LOADED in watched.cli("run").stderr
    assert was_quick(watched.cli("run"))


def test_status_writes_it_anew_after_a_file_was_touched(watched: Any) -> None:
    os.utime(watched.path("parts/__init__.py"))
    os.utime(watched.path("deepwatch.lock"))
    for name in ("parts/__init__.py", "pipeline.py"):
        watched.path(name).write_bytes(watched.path(name).read_bytes() + b"\n\n# a comment\n")
    assert LOADED in watched.cli("status").stderr
    assert was_quick(watched.cli("status"))


@pytest.mark.parametrize("arguments", [["show", "count"], ["log"], ["graph"], ["why", "rows"], ["status", "--json"]])
def test_it_outlives_commands_that_only_look(watched: Any, arguments: List[str]) -> None:
    assert watched.cli(*arguments).code == 0
    assert was_quick(watched.cli("run"))


def test_files_that_have_settled_are_known_by_their_stamps(watched: Any) -> None:
    time.sleep(2.2)
    watched.path(".deepwatch/watchlist").unlink()
    watched.cli("run")
    table = marshal.loads(watched.path(".deepwatch/watchlist").read_bytes().partition(b"\n")[2])
    assert table["contents"] == ()
    assert was_quick(watched.cli("run"))
    rewrite(watched.path("data.csv"), b"one two seven\n")
    assert "stale" in watched.cli("status").stdout
    rewrite(watched.path("data.csv"), b"one two three\n")
    rewrite(watched.path("helpers.py"), watched.path("helpers.py").read_bytes().replace(b"3", b"2"))
    assert "stale" in watched.cli("status").stdout


def test_a_run_that_began_meanwhile_leaves_none(watched: Any) -> None:
    # the second run waits for the first, and both have looked at the same state
    watched.edit("helpers.py", "[:3]", "[:2]")
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parent.parent.parent)}
    both = [subprocess.Popen([sys.executable, "-m", "deepwatch_flow", "run"], cwd=str(watched.root), env=environ,
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for _ in range(2)]
    assert [each.wait() for each in both] == [0, 0]
    assert watched.cli("status").stdout == UP_TO_DATE
    assert watched.read("out/report.txt") == "23"


def test_there_is_none_after_clean(watched: Any) -> None:
    assert watched.cli("clean", "greeting").code == 0
    assert "stale" in watched.cli("status").stdout


@pytest.mark.parametrize("line", ["import time\nNOW = time.time()", "import datetime\nDAY = datetime.date.today().day",
                                  "import sys\nWORDS = sys.argv[1:]", "import os\nos.makedirs('made', exist_ok=True)\nopen('made/x', 'w').close()"])
def test_there_is_none_where_loading_depends_on_more_than_files(project: Any, line: str) -> None:
    fill(project)
    project.path("helpers.py").write_text(f"{line}\n{project.read('helpers.py')}")
    for _ in range(3):
        assert LOADED in project.cli("run").stderr


def test_a_clock_inside_a_step_does_no_harm(project: Any) -> None:
    fill(project)
    project.write("helpers.py", "import time\n\ndef trim(text):\n    time.time()\n    return text[:3]\n")
    project.cli("run")
    assert was_quick(project.cli("run"))


def test_there_is_none_where_a_step_fails_or_has_no_key(project: Any) -> None:
    project.write("pipeline.py", """
        import sys
        from deepwatch_flow import step
        print("the pipeline is imported", file=sys.stderr)
        @step
        def bad():
            raise ValueError("no")
        @step
        def good():
            return 1
        """)
    for _ in range(2):
        done = project.cli("run")
        assert (done.code, LOADED in done.stderr) == (1, True)


def test_there_is_none_with_plugins(project: Any) -> None:
    fill(project)
    project.write("deepwatch_plugins.py", """
        from deepwatch_flow import hookimpl
        @hookimpl
        def deepwatch_run_finished(report):
            print("a plugin saw the end")
        """)
    for _ in range(2):
        assert "a plugin saw the end" in project.cli("run").stdout


def test_values_given_by_set_do_not_stay(project: Any) -> None:
    project.write("pipeline.py", """
        from deepwatch_flow import step
        @step
        def number(base=1):
            return base
        """)
    project.cli("run")
    project.cli("run", "--set", "number.base=2")
    assert project.value("number") == 2
    assert project.cli("run").code == 0
    assert project.status()  # the value of base=1 is known
    assert project.cli("status").stdout == "1 step up to date\n"


def test_a_run_of_one_step_leaves_the_others_stale(watched: Any) -> None:
    watched.edit("helpers.py", "[:3]", "[:2]")
    assert watched.cli("run", "rows").code == 0
    assert "stale" in watched.cli("status").stdout or "pending" in watched.cli("status").stdout
    assert "greeting" not in watched.cli("status").stdout


def test_what_was_interrupted_is_done_later(watched: Any) -> None:
    watched.write("helpers.py", "import os\ndef trim(text):\n    os._exit(9)\n")
    watched.cli("run")
    assert "stale" in watched.cli("status").stdout


# -- it is never mistaken --------------------------------------------------------------------------

def _edit(name: str, old: str, new: str) -> Callable[[Any], Any]:
    return lambda project: project.edit(name, old, new)


def _delete_blobs(project: Any) -> None:
    for path in sorted(project.path(".deepwatch/objects").rglob("*")):
        if path.is_file():
            path.chmod(stat.S_IWRITE | stat.S_IREAD)
            path.unlink()


def _shadow(project: Any) -> None:
    project.write("helpers/__init__.py", "def trim(text):\n    return text[:1]\n")


HAZARDS: Dict[str, Callable[[Any], Any]] = {
    "helper": _edit("helpers.py", "[:3]", "[:2]"),
    "helper of the same size": _edit("helpers.py", "[:3]", "[:4]"),
    "helper, its time restored": lambda project: rewrite(
        project.path("helpers.py"), project.path("helpers.py").read_bytes().replace(b"3", b"4")),
    "constant in a package": _edit("parts/inner.py", "2", "3"),
    "input": lambda project: project.write("data.csv", "four\n"),
    "input of the same size, its time restored": lambda project: rewrite(project.path("data.csv"), b"one two seven\n"),
    "file in an input folder": lambda project: project.write("tables/b.txt", "b\n"),
    "file in an input folder, changed": lambda project: project.write("tables/a.txt", "b\n"),
    "file in an input folder, gone": lambda project: project.path("tables/a.txt").unlink(),
    "file read while loading": lambda project: project.write("settings.txt", "11\n"),
    "module that was looked for in vain": lambda project: project.write("faster.py", "EXTRA = 1\n"),
    "module that shadows another": _shadow,
    "settings": lambda project: project.write("deepwatch.toml", '[steps.count.params]\nfactor = 3\n'),
    "blobs": _delete_blobs,
    "all of the state": lambda project: shutil.rmtree(str(project.path(".deepwatch"))),
}


@pytest.mark.parametrize("hazard", sorted(HAZARDS))
def test_a_change_is_noticed(watched: Any, hazard: str) -> None:
    assert was_quick(watched.cli("status"))
    HAZARDS[hazard](watched)
    done = watched.cli("status", "--check")
    assert "up to date" not in done.stdout
    assert done.code in (2, 3)          # 2: there is no such param


def test_a_lost_or_edited_product_is_noticed(watched: Any) -> None:
    path = watched.path("out/report.txt")
    for spoil in (lambda: None, lambda: path.write_text("9"), lambda: rewrite(path, b"77")):
        spoil()
        if watched.read("out/report.txt") != "23":
            done = watched.cli("run")
            assert done.code == 1 and "out/report.txt` was edited" in done.stderr
        path.unlink()
        assert "restored" in watched.cli("run").stderr
        assert watched.read("out/report.txt") == "23"
        assert was_quick(watched.cli("run"))


def test_a_lost_lockfile_is_written_again(watched: Any) -> None:
    lock = watched.lock
    watched.path("deepwatch.lock").unlink()
    watched.cli("run")
    assert watched.lock == lock


def test_a_damaged_database_is_no_reason_to_believe_the_list(watched: Any) -> None:
    watched.path(".deepwatch/state.db").write_bytes(b"x" * 5000)
    assert not was_quick(watched.cli("run"))


@pytest.mark.parametrize("damage", [b"", b"x", b"deepwatch watch list 1\n", b"\0" * 300])
def test_a_damaged_list_is_no_list(watched: Any, damage: bytes) -> None:
    path = watched.path(".deepwatch/watchlist")
    whole = path.read_bytes()
    for data in (damage, whole[:-1], whole + b"x", whole[:200] + damage):
        path.write_bytes(data)
        done = watched.cli("run")
        assert (done.code, LOADED in done.stderr) == (0, True)


def test_variables_that_were_read_count(watched: Any) -> None:
    assert was_quick(watched.cli("status", env={"UNRELATED": "1"}))
    for name in ("WATCHED_MODE", "WATCHED_NAME"):
        done = watched.cli("status", env={name: "something else"})
        assert "up to date" not in done.stdout
    assert b"something else" not in watched.path(".deepwatch/watchlist").read_bytes()


def test_another_start_of_the_interpreter_counts(watched: Any) -> None:
    for env in ({"PYTHONOPTIMIZE": "1"}, {"PYTHONPATH": os.pathsep.join([str(watched.root.parent), os.environ.get(
            "PYTHONPATH", ""), str(Path(__file__).resolve().parent.parent.parent)])}, {"LC_ALL": "C"}, {"DEEPWATCH_JOBS": "2"}):
        assert LOADED in watched.cli("status", env=env).stderr


def test_a_project_that_was_moved_is_looked_at_anew(watched: Any, make_project: Any) -> None:
    place = watched.root.parent / "elsewhere"
    watched.root.rename(place)
    done = make_project("elsewhere").cli("status")
    assert (done.stdout, LOADED in done.stderr) == (UP_TO_DATE, True)


def test_a_touched_file_changes_nothing(watched: Any) -> None:
    for name in ("helpers.py", "data.csv", "out/report.txt", "deepwatch.lock"):
        os.utime(watched.path(name))
        done = watched.cli("run")
        assert done.stderr.replace(f"{LOADED}\n", "") == UP_TO_DATE
        assert was_quick(watched.cli("run"))


def test_files_beside_that_nobody_reads_change_nothing(watched: Any) -> None:
    watched.write("notes.txt", "nobody reads me\n")
    watched.write("tables/__pycache__/x.pyc", "")
    watched.write("out/other.txt", "")
    assert was_quick(watched.cli("run"))


def test_a_package_that_is_upgraded_counts(project: Any, tmp_path: Path) -> None:
    site = tmp_path / "lib" / "site-packages"
    (site / "fakelib").mkdir(parents=True)
    (site / "fakelib" / "__init__.py").write_text("def double(x):\n    return 2 * x\n")
    info = site / "fakelib-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Name: fakelib\nVersion: 1.0\n")
    (info / "RECORD").write_text("fakelib/__init__.py,,\n")
    project.write("pipeline.py", f"""
        import sys
        print("{LOADED}", file=sys.stderr)
        from deepwatch_flow import step
        from fakelib import double
        @step
        def four():
            return double(2)
        """)
    path = {"PYTHONPATH": os.pathsep.join([str(Path(__file__).resolve().parent.parent.parent), str(site)])}
    assert project.cli("run", env=path).code == 0
    assert was_quick(project.cli("run", env=path))
    info.rename(site / "fakelib-2.0.dist-info")
    (site / "fakelib-2.0.dist-info" / "METADATA").write_text("Name: fakelib\nVersion: 2.0\n")
    done = project.cli("status", env=path)
    assert "stale" in done.stdout and "fakelib" in done.stdout
