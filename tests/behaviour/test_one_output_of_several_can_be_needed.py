"""A step with several outputs: a consumer of one is not made stale by another."""
from __future__ import annotations

from typing import Any

import pytest

STEPS = """
    from deepwatch_flow import step

    TRAIN, TEST = 1, 2

    @step(outputs=["train", "test"])
    def split():
        return {returned}

    @step(needs={{"rows": "split.train"}})
    def fit(rows):
        return rows * 10

    @step(needs={{"rows": "split[test]"}})
    def score(rows, fit):
        return rows + fit

    @step
    def both(split):
        return list(split)
    """


@pytest.fixture(params=["TRAIN, TEST", '{"train": TRAIN, "test": TEST}'])
def parted(request: Any, project: Any) -> Any:
    project.write("pipeline.py", STEPS.format(returned=request.param))
    return project


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_only_consumers_of_the_output_that_changed_run(parted: Any, jobs: str) -> None:
    assert set(parted.run("-j", jobs).outcomes.values()) == {"ran"}
    assert [parted.value(name) for name in ("fit", "score")] == [10, 12]
    assert set(parted.run("-j", jobs).outcomes.values()) == {"reused"}
    parted.edit("pipeline.py", "TRAIN, TEST = 1, 2", "TRAIN, TEST = 1, 3")
    done = parted.run("-j", jobs)
    assert done.outcomes == {"split": "ran", "fit": "reused", "score": "ran", "both": "ran"}
    assert parted.value("score") == 13
    assert "split[test]" in parted.cli("status", "-v").stdout + str(done.steps["score"])


def test_a_clone_with_the_lockfile_alone_needs_what_is_lost_and_no_more(parted: Any) -> None:
    parted.run()
    assert parted.cli("clean", "--all", "--yes").code == 0
    assert parted.status(code=0).verdicts["fit"] in ("stale", "pending", "fresh")
    assert set(parted.run().outcomes.values()) == {"ran"}


def test_a_lost_part_has_its_step_run_again(parted: Any) -> None:
    parted.run()
    for path in (parted.path(".deepwatch") / "objects").rglob("*"):
        if path.is_file() and path.read_bytes() == b"1":       # the training rows
            path.unlink()
    parted.edit("pipeline.py", "rows * 10", "rows * 20")
    done = parted.run()
    assert done.outcomes["split"] == "ran"
    assert parted.value("fit") == 20


def test_the_whole_is_shown_as_it_was_returned(parted: Any) -> None:
    parted.run()
    shown = parted.value("split")
    assert shown in ([1, 2], {"train": 1, "test": 2})


@pytest.mark.parametrize("returned, told", [("(1, 2, 3)", "3 values, and its outputs are 2"), ("5", "a tuple or a dict"),
                                            ('{"train": 1}', "its outputs are `train`, `test`")])
def test_what_is_returned_must_be_what_is_declared(project: Any, returned: str, told: str) -> None:
    project.write("pipeline.py", STEPS.format(returned=returned))
    assert told in str(project.run(code=1).steps["split"])


def test_an_output_that_is_not_declared_is_an_error_with_what_was_meant(parted: Any) -> None:
    parted.edit("pipeline.py", "split.train", "split.trian")
    done = parted.cli("status")
    assert done.code == 2
    assert "did you mean `train`" in done.stderr


def test_a_name_with_brackets_is_refused(project: Any) -> None:
    project.write("pipeline.py", 'from deepwatch_flow import step\n@step(name="a[b]")\ndef one(): return 1\n')
    assert "brackets" in project.cli("status").stderr
