"""A result is reused only while what its execution was seen to read and to run is as it was."""
from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

PIPELINE = """
    import importlib
    import os
    from pathlib import Path
    from deepwatch_flow import step
    import tools

    @step
    def answer(name="alpha"):
        return ANSWER
    """


@pytest.fixture
def ask(project: Any) -> Any:
    """Make a project with one step that returns an expression."""
    def make(expression: str) -> Any:
        project.write("pipeline.py", PIPELINE.replace("ANSWER", expression))
        project.write("tools.py", """
            LIMIT = 3

            def used():
                return helper()

            def helper():
                return 1

            def other():
                return 2
            """)
        return project
    return make


def why(project: Any, step: str = "answer", **options: Any) -> Any:
    (verdict,) = [each for each in project.status(**options).document["steps"] if each["name"] == step]
    return verdict["verdict"], [(reason["kind"], reason["subject"]) for reason in verdict["reasons"]]


# -- files --------------------------------------------------------------------------------------------

def test_a_file_that_was_read_without_being_declared(ask: Any) -> None:
    project = ask("int(open('data.txt').read())")
    project.write("data.txt", "1")
    assert project.run().executed == ["answer"]
    assert project.run().executed == []
    project.write("data.txt", "2")
    assert why(project) == ("stale", [("seen-file", "data.txt")])
    assert project.run().executed == ["answer"]
    assert project.value("answer") == 2


def test_each_content_of_a_hidden_file_has_its_own_result(ask: Any) -> None:
    project = ask("int(open('data.txt').read())")
    for content in ("1", "2", "3"):
        project.write("data.txt", content)
        assert project.run().executed == ["answer"]
    for content in ("1", "3", "2"):
        project.write("data.txt", content)
        assert project.run().executed == []
        assert project.value("answer") == int(content)


def test_a_file_that_was_looked_for_in_vain(ask: Any) -> None:
    project = ask("os.path.exists('flag')")
    assert project.run().executed == ["answer"]
    assert project.run().executed == []
    project.write("flag", "")
    assert why(project) == ("stale", [("seen-file", "flag")])
    assert project.run().executed == ["answer"]
    project.write("flag", "its content was not read")
    assert project.run().executed == []


def test_a_folder_that_was_listed(ask: Any) -> None:
    project = ask("sorted(os.listdir('inbox'))")
    project.write("inbox/a.txt", "")
    assert project.run().executed == ["answer"]
    project.write("inbox/a.txt", "its content was not read")
    assert project.run().executed == []
    project.write("inbox/b.txt", "")
    assert project.run().executed == ["answer"]


def test_a_file_that_the_step_wrote_itself_does_not_count(ask: Any) -> None:
    project = ask("Path('note.txt').write_text('x') + len(Path('note.txt').read_text())")
    assert project.run().executed == ["answer"]
    project.write("note.txt", "yyyy")
    assert project.run().executed == []


def test_an_ignored_file_does_not_count(ask: Any) -> None:
    project = ask("int(open('data/tmp/x.txt').read()) + len(os.environ.get('WORK_' + name.upper(), ''))")
    project.write("deepwatch.toml", '[observe]\nignore = ["data/tmp/**", "WORK_ALPHA"]\n')
    project.write("data/tmp/x.txt", "1")
    assert project.run().executed == ["answer"]
    project.write("data/tmp/x.txt", "2")
    assert project.run(env={"WORK_ALPHA": "x"}).executed == []


def test_a_declared_file_is_no_condition_besides(project: Any) -> None:
    project.write("pipeline.py", """
        from deepwatch_flow import File, Product, step

        @step
        def answer(path=File("data"), out=Product("out/x.txt")):
            out.write_text("x")
            return [each.read_text() for each in sorted(path.iterdir())]
        """)
    project.write("data/x.txt", "1")
    project.run()
    observed = json.loads(project.cli("deps", "answer", "--observed", "--json").stdout)
    assert (observed["files"], observed["missed"]) == ([], [])


# -- variables ----------------------------------------------------------------------------------------

@pytest.mark.parametrize("expression", [
    "os.environ.get('WORK_' + name.upper())", "os.getenv('WORK_' + name.upper())", "'WORK_' + name.upper() in os.environ",
    "sorted(each for each in os.environ if each.startswith('WORK_'))"])
def test_a_variable_that_was_read_by_a_computed_name(ask: Any, expression: str) -> None:
    project = ask(expression)
    assert project.run().executed == ["answer"]
    assert project.run().executed == []
    assert project.run(env={"WORK_ALPHA": "x"}).executed == ["answer"]
    assert project.run(env={"WORK_ALPHA": "x"}).executed == []
    assert project.run().executed == []


def test_values_of_variables_are_kept_nowhere(ask: Any) -> None:
    project = ask("len(os.environ['WORK_' + name.upper()])")
    project.run(env={"WORK_ALPHA": "opensesame-opensesame"})
    files = [path for path in project.root.rglob("*") if path.is_file()]
    assert files
    assert [path for path in files if b"opensesame" in path.read_bytes()] == []


def of_a_package(ask: Any, text: str) -> Any:
    project = ask("__import__('tinykit').run()")
    project.write("libs/site-packages/tinykit.py", text)
    project.write("libs/site-packages/tinykit-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tinykit\nVersion: 1.0\n")
    project.write("libs/site-packages/tinykit-1.0.dist-info/RECORD", "tinykit.py,,\n")
    return project


def in_site(project: Any, **variables: str) -> Any:
    import deepwatch_flow
    places = (str(project.path("libs/site-packages")), str(Path(deepwatch_flow.__file__).parent.parent))
    return {"PYTHONPATH": ":".join(places), **variables}


def test_a_package_that_passes_the_environment_on_is_no_reader_of_it(ask: Any) -> None:
    project = of_a_package(ask, "import os\ndef run():\n    return len(os.environ.copy()) > len(dict(os.environ))\n")
    assert project.run(env=in_site(project)).executed == ["answer"]
    assert project.run(env=in_site(project, WORK_ALPHA="x")).executed == []
    assert b"observed" not in project.lock


def test_a_variable_that_a_package_asks_for_counts_here_and_is_not_vouched_for(ask: Any) -> None:
    project = of_a_package(ask, "import os\ndef run():\n    return os.environ.get('TINYKIT_MODE')\n")
    assert project.run("--hermetic", env=in_site(project)).executed == ["answer"]
    assert project.run(env=in_site(project, TINYKIT_MODE="x")).executed == ["answer"]
    assert project.run(env=in_site(project)).executed == []
    assert b"TINYKIT_MODE" not in project.lock


def test_what_a_step_sets_in_the_environment_is_nothing_that_another_run_would_find(project: Any) -> None:
    project.write("pipeline.py", """
        import os
        from deepwatch_flow import step

        @step
        def sets(name="work_mode"):
            os.environ[name.upper()] = "x"

        @step(after=["sets"])
        def reads(name="work_mode"):
            return name.upper() in os.environ
        """)
    assert project.run().executed == ["sets", "reads"]
    assert project.run().executed == []


# -- code ---------------------------------------------------------------------------------------------

def test_a_function_found_by_a_computed_name_counts_with_what_it_calls(project: Any) -> None:
    project.write("pipeline.py", """
        import sys
        from deepwatch_flow import step
        import tools

        @step
        def answer(name="used"):
            return getattr(sys.modules["TOOLS".lower()], name)()
        """)
    project.write("tools.py", "def used():\n    return helper()\n\ndef helper():\n    return 1\n\ndef other():\n    return 2\n")
    project.run()
    observed = json.loads(project.cli("deps", "answer", "--observed", "--json").stdout)
    assert sorted(unit["qualname"] for unit in observed["missed"]) == ["helper", "used"]
    project.edit("tools.py", "return 2", "return 3")
    assert project.run().executed == []
    project.edit("tools.py", "return 1", "return 4")
    assert why(project) == ("stale", [("code", "tools.helper")])
    assert project.run().executed == ["answer"]
    assert project.value("answer") == 4


def test_a_module_imported_by_a_computed_name_counts_in_each_step_that_imports_it(project: Any) -> None:
    project.write("pipeline.py", """
        import importlib
        from deepwatch_flow import step

        def limit(name):
            return importlib.import_module("plugin_" + name.lower()).LIMIT

        @step
        def one(name="Alpha"):
            return limit(name)

        @step
        def two(name="Alpha"):
            return limit(name) + 1
        """)
    project.write("plugin_alpha.py", "LIMIT = int(open('limit.txt').read())\n")
    project.write("limit.txt", "5")
    assert project.run().executed == ["one", "two"]
    assert project.run().executed == []
    project.write("limit.txt", "6")
    assert project.run().executed == ["one", "two"]
    assert (project.value("one"), project.value("two")) == (6, 7)
    project.edit("plugin_alpha.py", "LIMIT", "# a comment\nLIMIT")
    assert project.run().executed == []
    project.edit("plugin_alpha.py", "int(", "1 + int(")
    assert project.run().executed == ["one", "two"]


@pytest.mark.parametrize("ask_for", ["importlib.import_module(name)", "captured(name)", "pkgutil.resolve_name(name)",
                                     "futures.ThreadPoolExecutor(1).submit(captured, name).result()"])
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_loaded_module_that_is_got_by_a_computed_name_counts_as_a_whole(project: Any, ask_for: str, jobs: str) -> None:
    if "resolve_name" in ask_for and sys.version_info < (3, 9):
        ask_for = "getattr(importlib, 'import_module')(name)"       # the other came later
    project.write("pipeline.py", f"""
        import importlib
        import pkgutil
        from concurrent import futures
        from importlib import import_module as captured
        from deepwatch_flow import step
        import other
        import tools

        def got(name):
            return {ask_for}

        @step
        def answer(which="TOOLS"):
            return got(which.lower()).LIMIT

        @step
        def neighbour(answer):
            return answer + tools.STEP + other.LIMIT
        """)
    project.write("tools.py", "import time\nfrom inner import *\n__version__ = '1'\nSTARTED = time.time()\nSTEP = 1\n")
    project.write("inner.py", "LIMIT = 1\n")
    project.write("other.py", "LIMIT = 1\n")
    assert project.run("-j", jobs).executed == ["answer", "neighbour"]
    assert project.run("-j", jobs).executed == []
    project.edit("other.py", "LIMIT = 1", "LIMIT = 2")
    assert project.run("-j", jobs).executed == ["neighbour"]
    project.edit("inner.py", "LIMIT = 1", "LIMIT = 5")
    assert why(project)[0] == "stale"
    assert project.run("-j", jobs).executed == ["answer", "neighbour"]
    assert project.value("answer") == 5


def test_a_module_that_is_got_while_files_of_its_package_are_looked_for_does_not_count(project: Any) -> None:
    project.write("pipeline.py", """
        from importlib import resources
        from deepwatch_flow import step
        import tools

        @step
        def answer(which="TOOLS"):
            return resources.read_text(which.lower(), "data.txt")
        """)
    project.write("tools/__init__.py", "LIMIT = 1\n")
    project.write("tools/data.txt", "1")
    assert project.run().executed == ["answer"]
    project.edit("tools/__init__.py", "LIMIT = 1", "LIMIT = 5")
    assert project.run().executed == []
    project.write("tools/data.txt", "2")
    assert project.run().executed == ["answer"]


def test_a_loaded_package_that_is_got_by_a_computed_name_counts_for_each_step(project: Any) -> None:
    project.write("pipeline.py", """
        import importlib
        from deepwatch_flow import step

        def got(name):
            return importlib.import_module(name).__name__

        @step
        def one(which="PLUGGY"):
            return got(which.lower())

        @step
        def two(one, which="PLUGGY"):
            return got(which.lower())
        """)
    assert project.run().executed == ["one", "two"]
    assert project.lock.count(b'"package pluggy"') == 2


def test_a_method_of_an_unpickled_object(project: Any) -> None:
    project.write("pipeline.py", """
        import pickle
        from deepwatch_flow import step
        import shapes

        @step
        def area(path="square.pickle"):
            with open(path, "rb") as file:
                return pickle.load(file).area()
        """)
    project.write("shapes.py", "class Square:\n    def area(self):\n        return 4\n")
    project.path("square.pickle").write_bytes(b"\x80\x03cshapes\nSquare\nq\x00)\x81q\x01.")
    assert project.run().executed == ["area"]
    project.edit("shapes.py", "return 4", "return 9")
    assert project.run().executed == ["area"]
    assert project.value("area") == 9


def test_what_worker_processes_see_counts_too(ask: Any) -> None:
    project = ask("int(open('data.txt').read()) + importlib.import_module('plugin_' + name.lower()).LIMIT")
    project.write("plugin_alpha.py", "LIMIT = 1\n")
    project.write("data.txt", "1")
    assert project.run("-j", "2").executed == ["answer"]
    assert project.run("-j", "2").executed == []
    assert project.run().executed == []
    project.write("data.txt", "2")
    assert project.run("-j", "2").executed == ["answer"]
    project.edit("plugin_alpha.py", "1", "2")
    assert project.run("-j", "2").executed == ["answer"]


def test_what_a_process_of_the_step_loads_stays_as_it_is_here(project: Any) -> None:
    project.write("pipeline.py", """
        import multiprocessing
        from deepwatch_flow import step
        from shapes import Square, side

        @step
        def sides():
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                return pool.map(side, [1, 2])

        @step
        def is_the_same(sides):
            import shapes
            return shapes.Square is Square
        """)
    project.write("shapes.py", "class Square:\n    side = 2\n\ndef side(of):\n    return of * Square.side\n")
    locks = []
    for jobs in ("1", "2"):
        project.run("-j", jobs, "--force", "*")
        assert project.value("is_the_same") is True
        locks.append(project.lock)
    assert locks[0] == locks[1]
    assert b"observed]" not in locks[0]      # nor is what Python's own library looks for in vain while it loads
    project.edit("shapes.py", "side = 2", "side = 3")
    assert project.run().executed == ["sides", "is_the_same"]


# -- settings, the lockfile, the command line -------------------------------------------------------------

def test_a_step_that_is_not_observed_has_no_conditions(project: Any) -> None:
    project.write("pipeline.py", """
        from deepwatch_flow import step

        @step(observe=False)
        def answer():
            return open("data.txt").read()
        """)
    project.write("data.txt", "1")
    project.run()
    project.write("data.txt", "2")
    assert project.run().executed == []
    assert project.cli("deps", "answer", "--observed").code == 4


@pytest.mark.parametrize("setting", ["files", "env", "code"])
def test_each_kind_can_be_turned_off(ask: Any, setting: str) -> None:
    project = ask("[open('data.txt').read(), os.environ.get('WORK_' + name.upper()), vars(tools)['us' + 'ed']()]")
    project.write("deepwatch.toml", f"[observe]\n{setting} = false\n")
    project.write("data.txt", "1")
    assert project.run().executed == ["answer"]
    project.write("data.txt", "2")
    assert project.run().executed == ([] if setting == "files" else ["answer"])
    assert project.run(env={"WORK_ALPHA": "x"}).executed == ([] if setting == "env" else ["answer"])


def test_the_lockfile_tells_what_a_clone_without_history_has_to_check(ask: Any) -> None:
    project = ask("int(open('data.txt').read())")
    project.write("data.txt", "1")
    project.run()
    assert b'"file data.txt" = ' in project.lock
    for path in project.root.glob(".deepwatch/state.db*"):
        path.unlink()
    project.write("data.txt", "2")
    assert why(project) == ("stale", [("seen-file", "data.txt")])
    project.write("data.txt", "1")
    assert project.run().executed == []


def test_locked_refuses_another_hidden_input(ask: Any) -> None:
    project = ask("int(open('data.txt').read())")
    project.write("data.txt", "1")
    project.run()
    lock = project.lock
    project.write("data.txt", "2")
    project.run("--locked", code=3)
    assert project.lock == lock
    project.write("data.txt", "1")
    project.run("--locked")


def test_hermetic_fails_a_step_that_reads_what_it_does_not_declare(ask: Any) -> None:
    project = ask("[open('data.txt').read(), os.environ.get('WORK_' + name.upper())]")
    project.write("data.txt", "1")
    done = project.run("--hermetic", code=1)
    (step,) = done.document["steps"]
    assert step["outcome"] == "failed"
    assert "`data.txt`" in step["error"]
    assert "`WORK_ALPHA`" in step["error"]
    assert "hint:" in step["error"]
    assert project.run().executed == ["answer"]


def test_hermetic_lets_declared_files_and_params_pass(project: Any) -> None:
    project.write("pipeline.py", """
        from deepwatch_flow import File, Product, step

        @step
        def answer(path=File("data.txt"), out=Product("out.txt"), factor=2):
            out.write_text("x")
            return int(path.read_text()) * factor
        """)
    project.write("data.txt", "2")
    assert project.run("--hermetic").executed == ["answer"]


def test_deps_observed_marks_what_reading_the_code_had_missed(ask: Any) -> None:
    project = ask("[tools.used(), open('data.txt').read(), importlib.import_module('plugin_' + name.lower()).LIMIT]")
    project.write("plugin_alpha.py", "LIMIT = 1\n")
    project.write("data.txt", "1")
    project.run()
    lines = project.cli("deps", "answer", "--observed").stdout.splitlines()
    assert [line.split()[:2] for line in lines[1:]] == [
        ["ran", "pipeline.answer"], ["ran", "tools.helper"], ["ran", "tools.used"], ["imported", "plugin_alpha"],
        ["read", "data.txt"]]
    assert "missed" in lines[4]
    assert "undeclared" in lines[5]


def test_a_file_that_changes_while_a_step_reads_it_is_not_recorded(ask: Any, tmp_path: Path) -> None:
    project = ask("[open('data.txt').read(), __import__('subprocess').call(['sh', '-c', 'echo changed | tee data.*'])]")
    project.write("data.txt", "1")
    done = project.run()
    assert "changed while `answer` ran" in done.document["notices"][0]["message"]
    assert project.run().executed == ["answer"]


@pytest.mark.parametrize("asked", ["importlib.util.find_spec('fast' + 'lib') is not None", "attempt(name)", "attempt('beta.' + name)"])
def test_a_module_that_was_looked_for_in_vain_counts_when_it_comes(ask: Any, asked: str) -> None:
    project = ask(asked)
    project.write("beta/__init__.py", "")
    project.write("pipeline.py", project.read("pipeline.py").replace("import importlib\n", "import importlib.util\n").replace('"alpha"', '"fastlib"') + """
def attempt(name):
    try:
        importlib.import_module(name)
    except ImportError:
        return False
    return True
""")
    project.run()
    assert project.value("answer") is False
    assert project.run().outcomes == {"answer": "reused"}
    project.write("beta/fastlib.py" if "beta" in asked else "fastlib.py", "X = 1\n")
    assert project.run().outcomes == {"answer": "ran"}
    assert project.value("answer") is True


def test_code_that_was_compiled_under_any_name_is_no_file_that_changed(ask: Any) -> None:
    project = ask("eval(compile('tools.used()', 'template', 'eval'))")
    done = project.run()
    assert "changed while" not in done.stderr
    assert project.run().outcomes == {"answer": "reused"}


def test_a_hermetic_run_looks_at_what_is_reused_too(ask: Any) -> None:
    project = ask("Path('data.txt').read_text()")
    project.write("data.txt", "1")
    project.run()
    done = project.run("--hermetic", code=1)
    assert "`data.txt` without declaring it" in str(done.steps["answer"])
    assert project.run().outcomes == {"answer": "reused"}


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_generator_that_began_while_the_pipeline_loaded_runs_on_in_a_step(project: Any, jobs: str) -> None:
    project.write("feed.py", """
        def numbers():
            yield 1
            yield helper()

        def helper():
            return 5

        FEED = numbers()
        next(FEED)
        """)
    project.write("pipeline.py", """
        import feed
        from deepwatch_flow import step

        @step
        def take():
            return next(feed.FEED)
        """)
    project.run("-j", jobs)
    assert project.value("take") == 5
    told = project.cli("deps", "take", "--observed").stdout
    assert {"pipeline.take", "feed.numbers", "feed.helper"} <= set(told.split())
    assert "missed" not in told
