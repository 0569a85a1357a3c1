"""Bytes on their way to and from the store: held in memory while they are few, else in a file.

What a codec writes is digested as it is written, so a large value is never there twice.
"""
from __future__ import annotations

import io
import os
import shutil
import tempfile
import weakref
from types import TracebackType
from typing import Any, Callable, Optional, Tuple, Type

from blake3 import blake3

from ..model import Digest
from . import disk


class Sink(io.RawIOBase):
    """A file to write to, forwards only; from the first full piece on it is a temporary file on the disk.

    A refusing disk is an EnvironmentFault, so that it differs from what the writing code itself raises.
    Leaving the context removes the temporary file, unless somebody has renamed it.
    """

    def __init__(self, new_file: Callable[[], str], mode: int) -> None:
        super().__init__()
        self._new_file = new_file
        self._mode = mode
        self._hasher = blake3()
        self._path: Optional[str] = None
        self._descriptor = -1
        #: what is not written yet
        self.held = bytearray()
        self.size = 0

    @property
    def digest(self) -> Digest:
        """The digest of all that was written."""
        return Digest(self._hasher.hexdigest())

    def writable(self) -> bool:
        """Tell that this is a file to write to."""
        return True

    def tell(self) -> int:
        """Return how many bytes were written."""
        return self.size

    def write(self, data: Any) -> int:
        """Take bytes, or anything that has them in one piece of memory."""
        with memoryview(data) as given, given.cast("B") as view:
            length = len(view)
            self.size += length
            if len(self.held) + length < disk.CHUNK:
                self.held += view
                return length
            self._drain()
            for start in range(0, length, disk.CHUNK):
                self._keep(view[start:start + disk.CHUNK])
        return length

    def finish(self) -> Optional[str]:
        """Write what is held and return the temporary file's path; None where all of it is in `held`."""
        if self._path is None:
            return None
        self._drain()
        self._close()
        return self._path

    def __enter__(self) -> Sink:
        return self

    def __exit__(self, kind: Optional[Type[BaseException]], error: Optional[BaseException],
                 trace: Optional[TracebackType]) -> None:
        self._close()
        if self._path is not None:
            disk.discard(self._path)

    def _drain(self) -> None:
        if self.held:
            self._keep(memoryview(self.held))
            self.held = bytearray()

    def _keep(self, piece: memoryview) -> None:
        try:
            if self._path is None:
                path = self._new_file()
                self._descriptor = disk.create(path, self._mode)
                self._path = path
            self._hasher.update(piece)
            disk.write_all(self._descriptor, piece, self._path)
        except OSError as error:
            raise disk.explain(error, f"write a result of more than {self.size} bytes to", self._path or "the store") from error

    def _close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


class Mirror:
    """Files for bytes that are only in memory; they go when this object goes."""

    def __init__(self) -> None:
        self._folder: Optional[str] = None

    def path(self, name: str, data: bytes) -> str:
        """Return the path of a file with these bytes."""
        if self._folder is None:
            self._folder = tempfile.mkdtemp(prefix="deepwatch-")
            weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        path = os.path.join(self._folder, name)
        if not os.path.exists(path):
            disk.write_atomic(path, data, mode=0o444)
        return path


def digest_of(path: str) -> Digest:
    """Return the digest of a regular file's bytes, read piece by piece; errors are those of the disk."""
    hasher = blake3()
    for chunk in disk.read_chunks(path, follow=False):
        hasher.update(chunk)
    return Digest(hasher.hexdigest())


def copied(source: str, target: str, mode: int, follow: bool = True) -> Tuple[Digest, int]:
    """Copy a file piece by piece to a new one; return digest and size of the bytes copied."""
    hasher, size = blake3(), 0
    chunks = disk.read_chunks(source, follow=follow)
    first = next(chunks, b"")           # an unreadable source must not leave an empty target
    descriptor = disk.create(target, mode)
    try:
        while first:
            hasher.update(first)
            size += len(first)
            disk.write_all(descriptor, first, target)
            first = next(chunks, b"")
    finally:
        os.close(descriptor)
        chunks.close()
    return Digest(hasher.hexdigest()), size
