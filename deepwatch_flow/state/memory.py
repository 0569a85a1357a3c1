"""A store without a disk."""
from __future__ import annotations

import io
import os
from typing import BinaryIO, Callable, Dict, Iterator, Optional, Tuple

from ..hashing.digest import digest_bytes
from ..model import Digest
from . import disk
from .store import BlobMissing
from .streams import Mirror


class MemoryStore:
    """Blobs in memory, as long as this object: for tests and simulations."""

    def __init__(self) -> None:
        self._blobs: Dict[Digest, bytes] = {}
        self._mirror = Mirror()

    def put(self, data: disk.Bytes) -> Digest:
        """Keep `data` and return its digest."""
        digest = digest_bytes(data)
        self._blobs.setdefault(digest, bytes(data))
        return digest

    def put_file(self, path: str) -> Tuple[Digest, int]:
        """Keep the bytes of a file; return their digest and how many they are."""
        try:
            data = disk.read_bytes(path)
            return self.put(data), len(data)
        except FileNotFoundError as error:
            raise disk.explain(error, "keep a copy of", path) from error

    def put_stream(self, write: Callable[[BinaryIO], None]) -> Tuple[Digest, int]:
        """Keep what `write` writes; nothing is kept where it raises."""
        write(buffer := io.BytesIO())
        return self.put(buffer.getbuffer()), len(buffer.getbuffer())

    def path(self, digest: Digest) -> str:
        """Return the path of a file with the blob, which lasts as long as this object; raises BlobMissing."""
        return self._mirror.path(digest, self.get(digest))

    def get(self, digest: Digest) -> bytes:
        """Return the bytes of a blob; raises BlobMissing."""
        try:
            return self._blobs[digest]
        except KeyError:
            raise BlobMissing(digest) from None

    def has(self, digest: Digest, size: Optional[int] = None) -> bool:
        """Tell whether a blob (of this size, if given) is here."""
        return digest in self._blobs and size in (None, len(self._blobs[digest]))

    def copy_to(self, digest: Digest, path: str) -> None:
        """Write a blob to a file, complete or not at all; raises BlobMissing."""
        data = self.get(digest)
        disk.make_folder(os.path.dirname(path) or os.curdir)
        disk.write_atomic(path, data, mode=None)

    def size(self, digest: Digest) -> Optional[int]:
        """Return how many bytes a blob has, None if it is not here."""
        return len(self._blobs[digest]) if digest in self._blobs else None

    def remove(self, digest: Digest) -> bool:
        """Remove a blob and tell whether it was here."""
        return self._blobs.pop(digest, None) is not None

    def list(self) -> Iterator[Digest]:
        """Yield the digests of all blobs here."""
        return iter(tuple(self._blobs))
