"""Small changes of all kinds: the fingerprint of a step changes where what it does changed, and only there.

Every expectation is checked against the truth first: the step is executed on both sides. And every
first side is looked at once more, in another process, at another place, with another hash seed.
"""
from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Dict, Iterator

import pytest
from changes import CHANGES
from changes.model import Change
from changes.stage import Stage, drift, fault, mistake

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="the workers fork")

#: The hard cases in which the fingerprint alone decides otherwise, and why. A strict xfail: a case that
#: starts to be right has to leave this table.
KNOWN: Dict[str, str] = {
    **dict.fromkeys((
        "data_directory_listed", "data_environment_membership", "data_environment_name_passed", "data_file_in_step",
        "dynamic_import_by_dotted_path", "environment_package_version_read",
    ), "what a run reads is found by observing it"),
    **dict.fromkeys((
        "unused_method_added", "unused_method_inherited", "unused_method_of_module_instance",
        "unused_method_overridden", "unused_method_static_call",
    ), "a class counts with all its methods; which of them ran is found by observing the run"),
    "alpha_rename_nested_function": "the name of a nested function is in sight",
    "checkout_root_in_f_string": "a text that only contains the root is not taken apart",
    "effect_logging_text": "a call is a call",
    "equivalent_if_debug": "`__debug__` is not folded",
}



@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    made = Stage()
    yield made
    made.close()


def marked(change: Change) -> object:
    marks = []
    reason = KNOWN.get(change.name)
    if reason is not None:
        marks.append(pytest.mark.xfail(reason=reason, raises=WrongDecision))
    if sys.version_info < change.python:
        marks.append(pytest.mark.skip(reason=f"needs Python {change.python}"))
    return pytest.param(change, id=change.name, marks=marks)


class WrongDecision(AssertionError):
    """The fingerprint decides otherwise than the case expects."""


@pytest.mark.parametrize("change", [marked(change) for change in CHANGES])
def test_the_fingerprint_changes_only_with_what_the_step_does(change: Change, stage: Stage, tmp_path: Path) -> None:
    sides = stage.look(change, tmp_path)
    assert mistake(change, sides) is None
    found = fault(change, sides) or drift(sides, stage.again(change, tmp_path))
    if found is not None:
        raise WrongDecision(found)


def test_names_are_unique() -> None:
    names = [change.name for change in CHANGES]
    assert sorted(set(names)) == sorted(names)


def test_only_hard_cases_may_be_known_misses() -> None:
    assert set(KNOWN) <= {change.name for change in CHANGES if change.hard}
