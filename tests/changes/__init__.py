"""Changes to small projects as compact data: what `test_changes` checks; see `model` for the form."""
from __future__ import annotations

from typing import List

from . import classes, data, direct, dynamic, helpers
from .model import Change

CHANGES: List[Change] = [
    *direct.CHANGES, *helpers.CHANGES, *classes.CHANGES, *data.CHANGES, *dynamic.CHANGES,
]
