"""Changes to small projects as compact data: what `test_changes` checks; see `model` for the form."""
from __future__ import annotations

from typing import List

from . import (
    packages,
    beside,
    called_back,
    captured,
    classes,
    data,
    direct,
    dynamic,
    fields,
    bindings,
    helpers,
    mixed,
    moved,
    patches,
    places,
    readers,
    registries,
    same,
    steps,
    texts,
    values,
)
from .model import Change

CHANGES: List[Change] = [
    *packages.CHANGES,
    *beside.CHANGES,
    *called_back.CHANGES,
    *captured.CHANGES,
    *classes.CHANGES,
    *data.CHANGES,
    *direct.CHANGES,
    *dynamic.CHANGES,
    *fields.CHANGES,
    *bindings.CHANGES,
    *helpers.CHANGES,
    *mixed.CHANGES,
    *moved.CHANGES,
    *patches.CHANGES,
    *places.CHANGES,
    *readers.CHANGES,
    *registries.CHANGES,
    *same.CHANGES,
    *steps.CHANGES,
    *texts.CHANGES,
    *values.CHANGES,
]
