"""The corpus of change cases: no missed rerun and no needless one, in a fresh process per run, in both modes."""
from __future__ import annotations

from pathlib import Path

import pytest
from corpus import KNOWN_MISSES, Case, fault, load

CASES = load()
#: the categories in which precise mode has no needless rerun at all
PROVED = ("unused-method", "equivalent", "refactor", "alpha-rename", "unrelated")


def marked(case: Case, mode: str) -> object:
    marks = []
    if case.name in KNOWN_MISSES[mode]:
        marks.append(pytest.mark.xfail(reason=KNOWN_MISSES[mode][case.name]))
    if not case.runs_here:
        marks.append(pytest.mark.skip(reason=f"needs Python {case.facts['python']}"))
    return pytest.param(case, mode, id=f"{mode}-{case.name}", marks=marks)


@pytest.mark.parametrize(("case", "mode"), [marked(case, mode) for mode in KNOWN_MISSES for case in CASES])
def test_only_a_change_that_counts_runs_the_step_again(case: Case, mode: str, tmp_path: Path) -> None:
    assert fault(case, tmp_path, mode) is None


def test_the_corpus_is_there() -> None:
    assert len(CASES) >= 66
    assert {case.facts["expect"] for case in CASES} == {"rerun", "skip"}


def test_only_hard_cases_may_be_known_misses() -> None:
    hard = {case.name for case in CASES if case.hard}
    assert [set(known) <= hard for known in KNOWN_MISSES.values()] == [True, True]


def test_precise_mode_has_no_needless_rerun_where_it_proves_things() -> None:
    proved = {case.name for case in CASES if case.facts["category"] in PROVED}
    assert len(proved) > 10
    assert proved & set(KNOWN_MISSES["precise"]) == set()


def test_each_known_miss_is_explained_in_the_docs() -> None:
    text = (Path(__file__).parent.parent / "docs" / "precision.md").read_text(encoding="utf-8")
    assert [name for known in KNOWN_MISSES.values() for name in known if f"`{name}`" not in text] == []
