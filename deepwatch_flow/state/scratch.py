"""A small file of one run, open as long as the run: the kernel keeps what stands in it when the process is killed.

It is never flushed, and removed at the end of the run. A step may close it, as any descriptor, and open a
file of its own in its place: so each call looks first whether the descriptor leads where it did.
"""
from __future__ import annotations

import contextlib
import os
from typing import Optional, Tuple

from . import disk

_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)


class Scratch:
    """The file at `path`, made with the first bytes. Whatever can't be done raises OSError, and after that all else."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._descriptor: Optional[int] = None
        self._identity: Optional[Tuple[int, int]] = None
        self._broken = False
        self._end = 0
        #: whether there is a file
        self.is_made = False

    def make(self) -> None:
        """Make the file, empty, unless it is made."""
        self._opened()

    def is_closed(self) -> bool:
        """Tell whether a step has closed the file, and so it may be all that this process had opened before."""
        return self._descriptor is not None and not self._is_ours(self._descriptor)

    def make_again(self) -> None:
        """Make the file, empty, after a step has closed it."""
        self._descriptor, self._broken, self._end = None, False, 0
        self.make()

    def put(self, data: bytes, at: int = 0) -> None:
        """Write bytes to a place."""
        if self._broken or not hasattr(os, "pwrite"):       # Windows
            raise OSError("it can't be written")
        self._broken = True     # until all went well
        descriptor = self._opened()
        if disk.faults is not None:
            disk.faults("write", self._path)
        written = os.pwrite(descriptor, data, at)
        if written != len(data):
            raise OSError("only a part of it could be written")
        self._broken = False
        self._end = max(self._end, at + written)

    def append(self, data: bytes) -> None:
        """Write bytes to the end."""
        self.put(data, self._end)

    def empty(self) -> None:
        """Leave nothing in the file, if there is one."""
        if self.is_made:
            os.ftruncate(self._opened(), 0)
            self._end = 0

    def close(self) -> None:
        """Close the file and remove it."""
        descriptor, self._descriptor, self._broken = self._descriptor, None, True
        if descriptor is not None and self._is_ours(descriptor):
            with contextlib.suppress(OSError):
                os.close(descriptor)
        if self.is_made:
            self.is_made = False
            with contextlib.suppress(OSError):
                os.remove(self._path)

    def _opened(self) -> int:
        if self._descriptor is None:
            self._descriptor = os.open(self._path, _FLAGS, 0o666)
            self._identity, self.is_made = disk.identity(self._descriptor), True
        elif not self._is_ours(self._descriptor):
            raise OSError("a step has closed the file")
        return self._descriptor

    def _is_ours(self, descriptor: int) -> bool:
        return disk.identity(descriptor) == self._identity
