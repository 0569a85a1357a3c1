"""Syntax trees as canonical text: the same on Python 3.8 to 3.14, blind to layout.

One place says how each node is written: by its fields (`walk`), or by a handler of `expressions`
or `statements`. What the compiler itself treats alike is one text (`normal`).
"""
from __future__ import annotations

from .expressions import EXPRESSIONS
from .scopes import Scope
from .statements import STATEMENTS, arguments, docstring
from .walk import Canon, Item

__all__ = ["Canon", "Item", "arguments", "docstring", "writer"]

_HANDLERS = {**EXPRESSIONS, **STATEMENTS}


def writer(scope: Scope) -> Canon:
    """Return the writer of one definition or statement, whose names are looked up from `scope`."""
    return Canon(scope, _HANDLERS)
