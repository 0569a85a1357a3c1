"""The records of a run that the database does not have yet, kept for whoever finds the run dead.

To commit before each step that may take long, or end this process, costs seven times as much as to append to a file.
The file is emptied once the database has it all. Who reads it holds the mutex, so the run is dead.
"""
from __future__ import annotations

import contextlib
import os
from typing import List, Sequence

from .rows import pack, unpack
from .schema import VERSION, Row
from .scratch import Scratch

_FILE = "unwritten"
#: so many bytes tell how long the record behind them is
_LENGTH = 4


class Unwritten:
    """What one run appends; `folder` is that of the state."""

    def __init__(self, folder: str) -> None:
        self._file = Scratch(os.path.join(os.path.abspath(folder), _FILE))
        self._rows: Sequence[Row] = ()
        self._kept = 0

    def is_closed(self) -> bool:
        """Tell whether a step has closed the file, and maybe all that this process had opened before."""
        return self._file.is_closed()

    def begin_again(self) -> None:
        """Make the file anew after that. Raises OSError."""
        self._rows, self._kept = (), 0
        self._file.make_again()

    def keep(self, rows: Sequence[Row]) -> None:
        """Keep all of a growing list of rows; another list than the last time is a new one. Raises OSError.

        The file is made even for none: by it is told whether a step closes what this process has opened.
        """
        self._file.make()
        if rows is not self._rows:
            self._file.empty()
            self._rows, self._kept = rows, 0
        if len(rows) > self._kept:
            packed = [pack((VERSION, row)) for row in rows[self._kept:]]
            self._file.append(b"".join([len(each).to_bytes(_LENGTH, "little") + each for each in packed]))
            self._kept = len(rows)

    def close(self) -> None:
        """The database has it all."""
        self._file.close()


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
        found = unpack(data[at + _LENGTH:end])
        if found is None:
            break
        version, row = found
        if version == VERSION:      # another deepwatch was there before this one
            rows.append(tuple(row))
        at = end
    return rows


def forget(folder: str) -> None:
    """Remove what a dead run left."""
    with contextlib.suppress(OSError):
        os.remove(os.path.join(folder, _FILE))

