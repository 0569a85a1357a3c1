"""A family over a declared output: the elements of that output are its parts, and the other outputs are not."""
from __future__ import annotations

from typing import Any

import pytest

STEPS = """
    from deepwatch_flow import Each, step

    A = 7
    B = [1, 2, 3]

    @step(outputs=["a", "b"])
    def split():
        return A, {gives}

    @step
    def fit(n=Each("split.b")):
        return n * 10

    @step(needs={{"whole": "split.b", "a": "split.a"}})
    def last(fit, whole, a):
        return list(fit.values()), whole, a
    """
GIVES = {"list": "B", "dict": "{f'n{n}': n for n in B}", "generator": "(n for n in B)"}


@pytest.mark.parametrize("gives", sorted(GIVES))
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_an_insertion_into_the_output_runs_one_instance_and_another_output_none(gives: str, jobs: str, project: Any) -> None:
    project.write("pipeline.py", STEPS.format(gives=GIVES[gives]))
    assert len(project.run("-j", jobs).executed) == 5
    whole = {"n1": 1, "n2": 2, "n3": 3} if gives == "dict" else [1, 2, 3]
    assert project.value("last") == [[10, 20, 30], whole, 7]
    assert project.run("-j", jobs).executed == []
    assert project.run("--locked").executed == []
    project.edit("pipeline.py", "A = 7", "A = 8")
    assert sorted(project.run("-j", jobs).executed) == ["last", "split"]
    project.edit("pipeline.py", "[1, 2, 3]", "[9, 1, 2, 3]")
    assert sorted(project.run("-j", jobs).executed) == ["fit[n9]" if gives == "dict" else "fit[0]", "last", "split"]
    assert project.value("last")[0] == [90, 10, 20, 30]


def test_a_result_that_was_stored_without_its_elements_is_made_anew(project: Any) -> None:
    project.write("pipeline.py", STEPS.format(gives="B").replace('Each("split.b")', "Each([1, 2, 3])"))
    project.run()
    project.edit("pipeline.py", "Each([1, 2, 3])", 'Each("split.b")')
    assert "split" in project.run().executed
    assert project.value("last") == [[10, 20, 30], [1, 2, 3], 7]
    assert project.run().executed == []


def test_an_output_without_elements_fails_its_step_and_says_which_output(project: Any) -> None:
    project.write("pipeline.py", STEPS.format(gives="5"))
    done = project.run(code=1)
    assert "`split[b]` can't be taken apart: it returned a value of type `int`, and a step goes through its elements (`Each`)" in done.steps["split"]["error"]
    assert "hint: return a list, a dict or a generator" in done.steps["split"]["error"]
