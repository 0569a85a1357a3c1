"""Changes to small projects as compact data: what `test_changes` checks; see `model` for the form."""
from __future__ import annotations

from typing import List

from . import around, classes, data, direct, dynamic, helpers, same, texts
from .model import Change

CHANGES: List[Change] = [
    *direct.CHANGES, *helpers.CHANGES, *classes.CHANGES, *data.CHANGES, *dynamic.CHANGES,
    *texts.CHANGES, *same.CHANGES, *around.CHANGES,
]
