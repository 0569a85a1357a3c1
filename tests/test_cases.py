"""The corpus of change cases: no missed rerun and no needless one, in a fresh process per run."""
from __future__ import annotations

from pathlib import Path

import pytest
from corpus import KNOWN_MISSES, Case, fault, load

CASES = load()


def marked(case: Case) -> object:
    marks = []
    if case.name in KNOWN_MISSES:
        marks.append(pytest.mark.xfail(reason=KNOWN_MISSES[case.name]))
    if not case.runs_here:
        marks.append(pytest.mark.skip(reason=f"needs Python {case.facts['python']}"))
    return pytest.param(case, id=case.name, marks=marks)


@pytest.mark.parametrize("case", [marked(case) for case in CASES])
def test_only_a_change_that_counts_runs_the_step_again(case: Case, tmp_path: Path) -> None:
    assert fault(case, tmp_path) is None


def test_the_corpus_is_there() -> None:
    assert len(CASES) >= 66
    assert {case.facts["expect"] for case in CASES} == {"rerun", "skip"}


def test_only_hard_cases_may_be_known_misses() -> None:
    hard = {case.name for case in CASES if case.hard}
    assert set(KNOWN_MISSES) <= hard


def test_each_known_miss_is_explained_in_the_docs() -> None:
    text = (Path(__file__).parent.parent / "docs" / "precision.md").read_text(encoding="utf-8")
    assert [name for name in KNOWN_MISSES if f"`{name}`" not in text] == []
