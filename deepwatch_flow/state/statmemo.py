"""The stat memo: the digest that a file had when its stat data was what it is now.

It holds the rows of the database's table ``files`` in memory, so that a look-up costs no query. An
entry is kept only where any later change must show in the stamps of the file. Which files are looked
up, and how they are digested, is decided in ``hashing.files``.
"""
from __future__ import annotations

import os
import time
from typing import Callable, Dict, List, Optional, Tuple

from ..hashing.files import StatMemo, settled
from ..model import Digest
from .rows import pack, unpack
from .schema import Row

#: size, both stamps, inode and device
_Stamp = Tuple[int, int, int, int, int]


class TableMemo(StatMemo):
    """A stat memo over rows that `load` returns when first asked; `take` yields those to write."""

    def __init__(self, load: Callable[[], List[Row]], clock_behind_ns: int = 0) -> None:
        self._load = load
        self._behind = clock_behind_ns
        self._known: Optional[Dict[str, Tuple[_Stamp, Digest]]] = None
        self._asked: Dict[str, int] = {}
        self._new: Dict[str, Tuple[_Stamp, Digest]] = {}

    def get(self, path: str, stat: os.stat_result) -> Optional[Digest]:
        """Return the digest recorded for an unchanged file, or None."""
        known = self._known
        if known is None:
            known = self._known = self._loaded()
        entry = known.get(path)
        if entry is not None and entry[0] == _stamp(stat):
            return entry[1]
        # The file will be read now. Whether its stamps tell a later change is a question of this
        # moment: a file may be written to while it is read, within one tick of the clock.
        self._asked[path] = time.time_ns() - self._behind
        return None

    def put(self, path: str, stat: os.stat_result, digest: Digest) -> None:
        """Record the digest that the file had while its stat data was `stat`."""
        looked = self._asked.pop(path, None)
        if looked is None or os.name == "nt":
            return      # Windows has no time of change: content may differ under equal stamps
        if settled(stat, looked):
            if self._known is None:
                self._known = self._loaded()
            self._known[path] = self._new[path] = (_stamp(stat), digest)

    def take(self) -> List[Row]:
        """Return the rows to write, and forget that they are new."""
        rows: List[Row] = [(os.fsencode(path), pack((path, *stamp, digest)))
                           for path, (stamp, digest) in self._new.items()]
        self._new = {}
        return rows

    def _loaded(self) -> Dict[str, Tuple[_Stamp, Digest]]:
        known: Dict[str, Tuple[_Stamp, Digest]] = {}
        for (data,) in self._load():
            plain = unpack(data)
            if plain is not None:
                path, size, mtime, ctime, inode, device, digest = plain
                known[path] = ((size, mtime, ctime, inode, device), digest)
        return known


def clock_behind_ns(path: str) -> int:
    """Return how far the clock of the file system is behind ours; 0 where it is not or can't be told."""
    before = time.time_ns()
    try:
        os.utime(path)
        return max(before - os.stat(path).st_mtime_ns, 0)
    except OSError:
        return 0        # a read-only database; the margin of two seconds has to do


def _stamp(stat: os.stat_result) -> _Stamp:
    return (stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino, stat.st_dev)
