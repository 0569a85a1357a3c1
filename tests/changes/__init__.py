"""Changes to small projects as compact data: what `test_changes` checks; see `model` for the form."""
from __future__ import annotations

from typing import List

from . import classes, helpers
from .model import Change

CHANGES: List[Change] = [*helpers.CHANGES, *classes.CHANGES]
