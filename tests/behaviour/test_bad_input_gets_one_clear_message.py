"""What can be wrong is told once, with a hint and the right exit code, and nothing is lost."""
from __future__ import annotations

import os
import sys
from typing import Any

import pytest

GOOD = """
    from deepwatch_flow import File, Product, step

    @step
    def one():
        return 1

    @step
    def two(one):
        return one + 1
    """


@pytest.fixture
def good(project: Any) -> Any:
    project.write("pipeline.py", GOOD)
    project.run()
    return project


def told(done: Any, code: int, *words: str) -> None:
    """The command ended with `code` and said each of `words`, without a traceback of ours."""
    text = done.stderr + done.stdout
    assert done.code == code, text
    assert [word for word in words if word not in text] == [], text
    assert os.path.join("deepwatch_flow", "") not in text, text
    assert "Traceback" not in text or "pipeline.py" in text, text


def test_no_pipeline_at_all(project: Any) -> None:
    told(project.cli("run"), 2, "error:", "pipeline.py", "hint:")


def test_a_syntax_error(good: Any) -> None:
    before = good.lock
    good.write("pipeline.py", "def broken(:\n    pass\n")
    told(good.cli("run"), 2, "error:", "pipeline.py", "1")
    assert good.lock == before


def test_a_missing_module(good: Any) -> None:
    good.write("pipeline.py", "import a_module_that_is_not_there\n")
    told(good.cli("run"), 2, "error:", "a_module_that_is_not_there", "pipeline.py", "hint:")


def test_an_exception_while_the_pipeline_loads(good: Any) -> None:
    good.write("pipeline.py", "import helper\n")
    good.write("helper.py", "LIMIT = 1\nLIMIT / 0\n")
    told(good.cli("run"), 2, "error:", "helper.py", "ZeroDivisionError")


def test_no_steps(good: Any) -> None:
    good.write("pipeline.py", "x = 1\n")
    told(good.cli("run"), 2, "error:", "step")


def test_a_step_that_raises_blocks_what_needs_it_and_nothing_else(project: Any) -> None:
    project.write("pipeline.py", """
        from deepwatch_flow import step
        import helper

        @step
        def bad():
            return helper.divide(1, 0)

        @step
        def after(bad):
            return bad

        @step
        def other():
            return "fine"
        """)
    project.write("helper.py", "def divide(a, b):\n    return a / b\n")
    done = project.run(code=1)
    assert done.outcomes == {"bad": "failed", "after": "blocked", "other": "ran"}
    text = project.cli("run").stderr
    assert "ZeroDivisionError" in text
    assert "helper.py" in text
    assert os.path.join("engine", "worker.py") not in text
    project.edit("helper.py", "a / b", "a")
    assert project.run().executed == ["bad", "after"]


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_value_that_can_t_be_stored(project: Any, jobs: str) -> None:
    project.write("pipeline.py", """
        from deepwatch_flow import step

        @step
        def rows():
            return [{"a": 1}, (x for x in range(3))]
        """)
    told(project.cli("run", "-j", jobs), 1, "rows", "generator", "hint:")


def test_a_missing_input_file(project: Any) -> None:
    project.write("pipeline.py", """
        from deepwatch_flow import File, step

        @step
        def read(path=File("data/in.csv")):
            return path.read_text()
        """)
    done = project.cli("run")
    assert done.code in (1, 2)
    assert "data/in.csv" in done.stderr + done.stdout
    project.write("data/in.csv", "a\n")
    assert project.run().executed == ["read"]


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_step_that_deletes_its_input_is_not_recorded(project: Any, jobs: str) -> None:
    project.write("pipeline.py", """
        from deepwatch_flow import File, step

        @step
        def eat(path=File("in.csv")):
            text = path.read_text()
            path.unlink()
            return text
        """)
    project.write("in.csv", "a\n")
    done = project.cli("run", "-j", jobs)
    assert "in.csv" in done.stderr + done.stdout
    project.write("in.csv", "a\n")
    assert project.status().verdicts == {"eat": "stale"}


def test_a_corrupt_database_is_moved_aside(good: Any) -> None:
    (database,) = [path for path in good.path(".deepwatch").glob("*.db")]
    for extra in good.path(".deepwatch").glob("*.db-*"):
        extra.unlink()
    database.write_bytes(b"not a database at all, but long enough to be looked at" * 100)
    assert good.run().counts == {"reused": 2}
    assert good.run().executed == []


def test_a_corrupt_blob_runs_its_step_again(good: Any) -> None:
    for blob in good.path(".deepwatch").glob("objects/*/*"):
        blob.chmod(0o644)
        blob.write_bytes(b"x" * blob.stat().st_size)
    good.edit("pipeline.py", "one + 1", "one + 2")
    done = good.run()
    assert done.executed == ["one", "two"]
    assert good.value("two") == 3


@pytest.mark.parametrize("text, word", [
    ("<<<<<<< ours\na = 1\n=======\na = 2\n>>>>>>> theirs\n", "git checkout"),
    ("version = 1\nthis is not toml\n", "deepwatch.lock"),
    ("version = 999\n", "upgrade"),
])
def test_a_lockfile_that_can_t_be_read_is_left_alone(good: Any, text: str, word: str) -> None:
    good.write("deepwatch.lock", text)
    told(good.cli("run"), 4, "error:", "deepwatch.lock", word)
    assert good.read("deepwatch.lock") == text


def test_unknown_settings_and_targets_get_a_suggestion(good: Any) -> None:
    told(good.cli("run", "tow"), 2, "tow", "two")
    good.write("deepwatch.toml", "job = 2\n")
    told(good.cli("run"), 2, "deepwatch.toml", "job", "jobs")


@pytest.mark.skipif(sys.platform == "win32", reason="permissions are different there")
@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_project(good: Any) -> None:
    good.edit("pipeline.py", "one + 1", "one + 2")
    for path in [good.root, *good.root.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        told(good.cli("run"), 6, "error:", "hint:")
    finally:
        for path in [good.root, *good.root.rglob("*")]:
            path.chmod(0o755 if path.is_dir() else 0o644)


@pytest.mark.parametrize("name", ["a b", "ünï→code", "x.y/z", "..", "'quoted' \"twice\"", "#table"])
def test_odd_step_names(project: Any, name: str) -> None:
    project.write("pipeline.py", f"""
        from deepwatch_flow import step

        @step(name={name!r})
        def odd():
            return 1

        @step(needs={{"x": {name!r}}})
        def uses(x):
            return x + 1
        """)
    assert project.run().executed == [name, "uses"]
    assert project.run().executed == []
    assert project.value(name) == 1
    assert project.cli("why", name).code == 0


@pytest.mark.parametrize("name", ["a b.txt", "ünï→code.txt", "x'y\".txt", "#.txt", "sub/../in.txt"])
def test_odd_file_names(project: Any, name: str) -> None:
    project.write("pipeline.py", f"""
        from deepwatch_flow import File, Product, step

        @step
        def read(path=File({name!r}), out=Product({'out/' + name.split('/')[-1]!r})):
            out.parent.mkdir(exist_ok=True)
            out.write_text(path.read_text())
        """)
    project.path("sub").mkdir()
    project.write(name, "1\n")
    assert project.run().executed == ["read"]
    assert project.run().executed == []
    project.write(name, "2\n")
    assert project.run().executed == ["read"]
    project.path("out").joinpath(name.split("/")[-1]).unlink()
    assert project.run().outcomes == {"read": "restored"}


def test_a_product_outside_of_the_project_is_refused(project: Any) -> None:
    project.write("pipeline.py", """
        from deepwatch_flow import Product, step

        @step
        def out(path=Product("../out.txt")):
            path.write_text("x")
        """)
    told(project.cli("run"), 2, "../out.txt", "out")
    assert not project.root.parent.joinpath("out.txt").exists()
