"""The records of a run that the database does not have yet, kept for whoever finds the run dead.

To commit before each step that may take long, or end this process, costs seven times as much as to append to a file.
The kernel keeps what was appended when the process is killed; nothing is flushed. The file is emptied once
the database has it all, and removed at the end of the run. Who reads it holds the mutex, so the run is dead.
"""
from __future__ import annotations

import contextlib
import os
from typing import List, Optional, Sequence, Tuple

from . import disk
from .rows import pack, unpack
from .schema import Row

_FILE = "unwritten"
#: so many bytes tell how long the record behind them is
_LENGTH = 4


class Unwritten:
    """What one run appends; `folder` is that of the state."""

    def __init__(self, folder: str) -> None:
        self._path = os.path.join(os.path.abspath(folder), _FILE)
        self._descriptor: Optional[int] = None
        self._identity: Optional[Tuple[int, int]] = None
        self._rows: Sequence[Row] = ()
        self._kept = 0

    def keep(self, rows: Sequence[Row]) -> None:
        """Keep all of a growing list of rows; another list than the last time is a new one. Raises OSError."""
        if rows is not self._rows:
            if self._descriptor is not None:
                self._check()
                os.ftruncate(self._descriptor, 0)
            self._rows, self._kept = rows, 0
        if len(rows) > self._kept:
            if self._descriptor is None:
                self._open()
            self._append(rows[self._kept:])
            self._kept = len(rows)

    def close(self) -> None:
        """The database has it all."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            with contextlib.suppress(OSError):
                if _identity(descriptor) == self._identity:
                    os.close(descriptor)
                os.remove(self._path)

    def _open(self) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
        self._descriptor = os.open(self._path, flags | getattr(os, "O_BINARY", 0), 0o666)
        self._identity = _identity(self._descriptor)

    def _append(self, rows: Sequence[Row]) -> None:
        assert self._descriptor is not None
        self._check()
        if disk.faults is not None:
            disk.faults("write", self._path)
        packed = [pack(row) for row in rows]
        data = b"".join([len(each).to_bytes(_LENGTH, "little") + each for each in packed])
        if os.write(self._descriptor, data) != len(data):
            raise OSError("only a part could be written")

    def _check(self) -> None:
        # a step may have closed it, and opened a file of its own in its place
        if self._descriptor is None or _identity(self._descriptor) != self._identity:
            self._descriptor = None
            raise OSError("a step has closed the file")


def left_behind(folder: str) -> bool:
    """Tell whether there is something to be read: a run goes on, or is dead."""
    return os.path.lexists(os.path.join(folder, _FILE))


def read(folder: str) -> List[Row]:
    """Return the rows that a dead run left; the caller holds the mutex. What was not written whole is left out."""
    try:
        with open(os.path.join(folder, _FILE), "rb") as file:
            data = file.read()
    except OSError:
        return []
    rows: List[Row] = []
    at = 0
    while at + _LENGTH <= len(data):
        end = at + _LENGTH + int.from_bytes(data[at:at + _LENGTH], "little")
        row = unpack(data[at + _LENGTH:end])
        if row is None:
            break
        rows.append(tuple(row))
        at = end
    return rows


def forget(folder: str) -> None:
    """Remove what a dead run left."""
    with contextlib.suppress(OSError):
        os.remove(os.path.join(folder, _FILE))


def _identity(descriptor: int) -> Tuple[int, int]:
    found = os.fstat(descriptor)
    return found.st_dev, found.st_ino
