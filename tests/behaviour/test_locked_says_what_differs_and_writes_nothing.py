"""``--locked`` ends with exit code 3 wherever the lockfile would have to change, and leaves it alone."""
from __future__ import annotations

import shutil
from typing import Any, Sequence

import pytest

STEPS = """
    from deepwatch_flow import step

    @step
    def one():
        return 1

    @step
    def two(one):
        return one + 1
    """


@pytest.fixture
def good(project: Any) -> Any:
    project.write("pipeline.py", STEPS)
    project.run()
    return project


def refused(project: Any, *words: str, args: Sequence[str] = ()) -> None:
    path = project.path("deepwatch.lock")
    before = project.lock if path.exists() else None
    done = project.cli("run", "--locked", *args)
    assert done.code == 3, done.stderr
    assert [word for word in ("error:", "hint:", *words) if word not in done.stderr] == []
    assert (project.lock if path.exists() else None) == before


def test_a_lockfile_that_holds(good: Any) -> None:
    assert good.run("--locked").executed == []


def test_an_edit(good: Any) -> None:
    good.edit("pipeline.py", "one + 1", "one + 2")
    refused(good, "two")
    refused(good, "two", args=("-j", "2"))
    assert good.run("--locked", "one").executed == []


def test_a_step_more_and_a_step_less(good: Any) -> None:
    good.write("pipeline.py", STEPS + "\n    @step\n    def three(): return 3\n")
    refused(good, "three")
    good.write("pipeline.py", STEPS.split("    @step\n    def two")[0])
    refused(good, "two")


def test_no_lockfile(good: Any) -> None:
    good.path("deepwatch.lock").unlink()
    refused(good, "there is no `deepwatch.lock`")


def test_a_checkout_without_the_results_makes_them(good: Any) -> None:
    shutil.rmtree(str(good.path(".deepwatch")))
    before = good.lock
    assert good.run("--locked").executed == ["one", "two"]
    assert good.lock == before


def test_results_that_come_out_otherwise(project: Any) -> None:
    project.write("pipeline.py", """
        import os
        from deepwatch_flow import step

        @step
        def random():
            return os.urandom(8).hex()
        """)
    project.run()
    shutil.rmtree(str(project.path(".deepwatch")))
    refused(project, "differ")
    assert "interrupted" in project.cli("log").stdout


def test_digests_of_another_scheme(good: Any) -> None:
    text = good.read("deepwatch.lock")
    scheme = next(line for line in text.splitlines() if line.startswith("scheme = "))
    good.write("deepwatch.lock", text.replace(scheme, "scheme = 999"))
    for args in ((), ("--locked",), ("--accept-scheme",)):
        done = good.cli("run", *args)
        assert done.code == 4
        assert "999" in done.stderr and "upgrade" in done.stderr
    assert "scheme = 999" in good.read("deepwatch.lock")
    good.write("deepwatch.lock", text.replace(scheme, "scheme = 0"))
    assert "--accept-scheme" in good.cli("run").stderr
    assert good.run("--accept-scheme").counts == {"reused": 2}
    assert good.read("deepwatch.lock") == text
