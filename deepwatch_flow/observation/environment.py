"""Environment variables that are read: the dictionary below `os.environ` takes note.

Reads by the standard library for purposes of its own do not count (`tempfile` looks for ``TMPDIR``),
nor do those of variables that the step has set itself. An installed package that takes all of the
environment passes it on (to a process that it starts); single variables that it asks for do count.
"""
from __future__ import annotations

import os
import sys
from _thread import get_ident
from typing import Any, Callable, Dict, Iterator, Optional, Tuple

from .callers import INSTALLED, USER, caller
from .findings import NOW, Findings


class Variables(Dict[Any, Any]):
    """What `os.environ` keeps its variables in, encoded as the system has them."""

    def __getitem__(self, key: Any) -> Any:
        if NOW.active is not None:
            _note(NOW.active, key, self)
        return _get(self, key)

    def __setitem__(self, key: Any, value: Any) -> None:
        if NOW.active is not None:
            _note_assignment(NOW.active, key)
        _set(self, key, value)

    def __delitem__(self, key: Any) -> None:
        if NOW.active is not None:
            _note_assignment(NOW.active, key)
        dict.__delitem__(self, key)

    def __contains__(self, key: Any) -> bool:
        if NOW.active is not None:
            _note(NOW.active, key, self)
        return dict.__contains__(self, key)

    def __iter__(self) -> Iterator[Any]:
        if NOW.active is not None:
            _note_all(NOW.active)
        return dict.__iter__(self)

    def __len__(self) -> int:
        if NOW.active is not None:
            _note_all(NOW.active)
        return dict.__len__(self)

    def get(self, key: Any, default: Any = None) -> Any:
        """Return a variable or the default."""
        if NOW.active is not None:
            _note(NOW.active, key, self)
        return dict.get(self, key, default)

    def pop(self, key: Any, *default: Any) -> Any:
        """Remove a variable and return its value."""
        if NOW.active is not None:
            _note(NOW.active, key, self)
            _note_assignment(NOW.active, key)
        return dict.pop(self, key, *default)

    def keys(self) -> Any:
        """Return all names."""
        if NOW.active is not None:
            _note_all(NOW.active)
        return dict.keys(self)

    def values(self) -> Any:
        """Return all values."""
        if NOW.active is not None:
            _note_all(NOW.active)
        return dict.values(self)

    def items(self) -> Any:
        """Return names and values."""
        if NOW.active is not None:
            _note_all(NOW.active)
        return dict.items(self)

    def copy(self) -> Any:
        """Return a plain dictionary of all."""
        if NOW.active is not None:
            _note_all(NOW.active)
        return dict(dict.items(self))

    def __reduce__(self) -> Tuple[Callable[..., Any], Tuple[Any, ...]]:
        return dict, (self.copy(),)     # a pickled environment belongs to another process


_get, _set = dict.__getitem__, dict.__setitem__


class Environment:
    """Exchanges the dictionary of `os.environ`; `install` and `remove` are exact opposites."""

    def __init__(self) -> None:
        self._real: Optional[Dict[Any, Any]] = None
        self._ours: Optional[Variables] = None

    def install(self) -> None:
        """Have reads noted from now on."""
        environ: Any = os.environ
        if type(getattr(environ, "_data", None)) is not dict:      # another implementation, or somebody like us
            return
        self._real = environ._data
        self._ours = Variables(self._real)
        self._exchange(self._real, self._ours)

    def remove(self) -> None:
        """Put the old dictionary back, with what has been set since."""
        real, ours = self._real, self._ours
        if real is not None and ours is not None:
            self._exchange(ours, real)
            now = dict(dict.items(ours))
            real.clear()
            real.update(now)
        self._real = self._ours = None

    @staticmethod
    def _exchange(old: Any, new: Any) -> None:
        for name in ("environ", "environb"):
            mapping: Any = getattr(os, name, None)
            if mapping is not None and getattr(mapping, "_data", None) is old:
                mapping._data = new

    @property
    def installed(self) -> bool:
        """Whether reads are noted."""
        return self._ours is not None


def _counts(found: Findings) -> bool:
    return found.wants.env and not (NOW.suspended and get_ident() in NOW.suspended)


def _note(found: Findings, key: Any, data: Variables) -> None:
    try:
        name = os.fsdecode(key)
    except TypeError:
        return
    if name in found.assigned or (not found.fillers and (name in found.owned or found.whole)) or not _counts(found):
        return
    kind, file = caller(sys._getframe(2))
    if kind != USER and (kind != INSTALLED or file in found.takers):
        return
    value = dict.get(data, key)
    found.note("variables", name, None if value is None else os.fsdecode(value))
    if kind == USER:
        found.note("owned", name)


def _note_all(found: Findings) -> None:
    if (found.whole and not found.fillers) or not _counts(found):
        return
    kind, file = caller(sys._getframe(2))
    if kind == USER:
        found.note("whole", "environ")
    elif kind == INSTALLED:
        found.note("takers", file)


def _note_assignment(found: Findings, key: Any) -> None:
    if _counts(found):
        found.note("assigned", os.fsdecode(key))
