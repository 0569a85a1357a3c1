"""`include` brings in the steps of other pipeline files, under a prefix."""
from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent.parent

ETL = """
    from deepwatch_flow import step
    from flows import helpers


    @step(outputs=["train", "test"])
    def split(clean):
        return clean[:1], clean[1:]


    @step
    def load(source):
        return [source, 2, 3]


    @step(tags=["slow"])
    def clean(load, rows=3):
        return helpers.kept(load)[:rows]
"""
PIPELINE = """
    from deepwatch_flow import include, step

    include("flows/etl.py", prefix="etl.")


    @step
    def source():
        return 1


    @step
    def rows():
        return 99


    @step(needs={"part": "etl.split.train", "whole": "etl.clean"})
    def model(part, whole):
        return part + whole
"""


@pytest.fixture
def including(project: Any) -> Any:
    project.write("pipeline.py", PIPELINE)
    project.write("flows/etl.py", ETL)
    project.write("flows/helpers.py", "def kept(rows):\n    return list(rows)\n")
    return project


def run(project: Any, *words: str) -> Any:
    return sorted(project.run(*words).executed)


ALL = ["etl.clean", "etl.load", "etl.split", "model", "rows", "source"]


def test_included_steps_run_under_their_prefix_and_are_reused(including: Any) -> None:
    assert run(including) == ALL
    assert run(including) == []
    assert "6 steps up to date" in including.cli("run").stderr
    assert including.value("model") == [1, 1, 2, 3]


def test_an_edit_runs_exactly_what_uses_it(including: Any) -> None:
    run(including)
    including.edit("flows/helpers.py", "list(rows)", "[*rows, 4][:3] + [5]")
    assert run(including) == ["etl.clean"]      # it gives the same
    assert including.value("etl.clean") == [1, 2, 3]
    including.edit("flows/etl.py", "[source, 2, 3]", "[source, 2, 4]")
    assert run(including) == ["etl.clean", "etl.load", "etl.split", "model"]
    including.edit("flows/etl.py", "clean[:1], clean[1:]", "clean[:1], clean[2:]")
    assert run(including) == ["etl.split"]      # the part that the model takes is the same


def test_worker_processes_load_the_same_steps(including: Any) -> None:
    assert run(including, "-j", "2") == ALL
    assert run(including) == []


def test_moving_steps_into_an_included_file_keeps_their_results(project: Any) -> None:
    steps = "from deepwatch_flow import step\n\n@step\ndef load():\n    return 1\n\n@step\ndef clean(load):\n    return load + 1\n"
    project.write("pipeline.py", steps)
    assert run(project) == ["clean", "load"]
    project.write("flow.py", steps)
    project.write("pipeline.py", 'from deepwatch_flow import include\ninclude("flow.py")\n')
    assert run(project) == []


def test_a_file_is_included_twice_and_its_functions_mean_steps_of_their_own_side(project: Any) -> None:
    project.write("flow.py", """
        from deepwatch_flow import step

        @step
        def load(country="de"):
            return country

        @step(needs={"text": load})
        def clean(text):
            return text.upper()
    """)
    project.write("pipeline.py", """
        from deepwatch_flow import include
        include("flow.py", prefix="us.")
        include("flow.py", prefix="de.")
    """)
    project.write("deepwatch.toml", '[steps.us.load.params]\ncountry = "us"\n')
    run(project)
    assert project.value("us.clean") == "US"
    assert project.value("de.clean") == "DE"
    assert run(project, "--set", "de.load.country=fr") == ["de.clean", "de.load"]


@pytest.mark.parametrize(("words", "chosen"), [
    (["etl.*"], ["etl.clean", "etl.load", "etl.split", "source"]),
    (["etl.clean+"], ALL[:4] + ["source"]),
    (["@slow"], ["etl.clean", "etl.load", "source"]),
    (["!model", "!rows"], ["etl.clean", "etl.load", "etl.split", "source"]),
])
def test_targets_choose_included_steps(including: Any, words: Any, chosen: Any) -> None:
    assert run(including, *words) == chosen


def test_prefixes_of_nested_includes_add_up_and_paths_are_relative_to_the_including_file(project: Any) -> None:
    project.write("pipeline.py", 'from deepwatch_flow import include\ninclude("a/one.py", prefix="one.")\n')
    project.write("a/one.py", 'from deepwatch_flow import include, step\ninclude("b/two.py", "two.")\n\n'
                              "@step\ndef base():\n    return 2\n")
    project.write("a/b/two.py", "from deepwatch_flow import step\n\n@step\ndef last(base):\n    return base\n")
    assert run(project) == ["one.base", "one.two.last"]
    assert project.cli("why", "one.two.last").code == 0


def test_a_module_that_was_imported_first_is_included_under_the_prefix_only(including: Any) -> None:
    including.write("pipeline.py", PIPELINE.replace(
        "from deepwatch_flow import include, step", "from deepwatch_flow import include, step\n    from flows.etl import clean"
    ).replace('"etl.clean"', "clean"))
    assert run(including) == ALL


def test_a_pipeline_that_includes_can_be_imported_by_a_test(including: Any) -> None:
    including.write("use.py", "import pipeline\nprint(pipeline.model([1], [2]))\n")
    done = subprocess.run([sys.executable, "use.py"], cwd=including.root, env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
                          capture_output=True, text=True, check=False, timeout=60)
    assert (done.stdout, done.stderr) == ("[1, 2]\n", "")


def test_a_removed_included_file_is_noticed_at_once(including: Any) -> None:
    run(including)
    (including.root / "flows/etl.py").rename(including.root / "flows/etl2.py")
    done = including.cli("run")
    assert done.code == 2
    assert "the included file `flows/etl.py` is not there" in done.stderr
    assert "did you mean `flows/etl2.py`?" in done.stderr


@pytest.mark.parametrize(("line", "told"), [
    ('include("../x.py")', "lies outside of the project"),
    ('include("flows")', "is a folder"),
    ('include("pipeline.py")', "include each other: pipeline.py -> pipeline.py"),
    ('include("flows/etl.py", prefix="a b.")', "can't begin the name of a step"),
    ('include("flows/etl.py", prefix="@etl.")', "can't begin the name of a step"),
    ('include("flows/etl.py", prefix=3)', "takes a text"),
    ("include(3)", "takes the path of a pipeline file"),
    ('include("flows/helpers.py")', "declares no steps"),
    ('include("flows/etl.py", "a."); include("flows/etl.py", "a.")', "include the file with another prefix"),
    ('include("flows/bad.py")', "NameError"),
    ('step(name="etl.split.train")(lambda: 1); include("flows/etl.py", "etl.")', "is the output `train`"),
])
def test_what_is_wrong_with_an_include_is_told_in_words(including: Any, line: str, told: str) -> None:
    including.write("flows/bad.py", "nonsense\n")
    including.write("pipeline.py", f"from deepwatch_flow import include, step\n{line}\n\n@step\ndef source():\n    return 1\n")
    done = including.cli("run")
    assert done.code == 2
    assert told in done.stderr
    assert "hint: " in done.stderr
    assert "deepwatch itself failed" not in done.stderr


def test_an_include_inside_a_step_fails_the_step(including: Any) -> None:
    including.write("pipeline.py", 'from deepwatch_flow import include, step\n\n@step\ndef a():\n    include("flows/etl.py")\n')
    done = including.cli("run")
    assert done.code == 1
    assert "called where no pipeline loads" in done.stderr
