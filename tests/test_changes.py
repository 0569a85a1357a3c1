"""Small changes of all kinds: the fingerprint of a step changes where what it does changed, and only there.

Every expectation is checked against the truth first: the step is executed on both sides.
"""
from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Dict, Iterator

import pytest
from changes import CHANGES
from changes.model import Change
from changes.stage import Stage, fault, mistake

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="the workers fork")

#: The hard cases in which the fingerprint alone decides otherwise, and why. A strict xfail: a case that
#: starts to be right has to leave this table.
KNOWN: Dict[str, str] = {
}


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    made = Stage()
    yield made
    made.close()


def marked(change: Change) -> object:
    marks = []
    if change.name in KNOWN:
        marks.append(pytest.mark.xfail(reason=KNOWN[change.name], raises=WrongDecision))
    if sys.version_info < change.python:
        marks.append(pytest.mark.skip(reason=f"needs Python {change.python}"))
    return pytest.param(change, id=change.name, marks=marks)


class WrongDecision(AssertionError):
    """The fingerprint decides otherwise than the case expects."""


@pytest.mark.parametrize("change", [marked(change) for change in CHANGES])
def test_the_fingerprint_changes_only_with_what_the_step_does(change: Change, stage: Stage, tmp_path: Path) -> None:
    sides = stage.look(change, tmp_path)
    assert mistake(change, sides) is None
    found = fault(change, sides)
    if found is not None:
        raise WrongDecision(found)


def test_names_are_unique() -> None:
    names = [change.name for change in CHANGES]
    assert sorted(set(names)) == sorted(names)


def test_only_hard_cases_may_be_known_misses() -> None:
    assert set(KNOWN) <= {change.name for change in CHANGES if change.hard}
