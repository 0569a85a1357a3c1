"""A store that has what a local one has, and gets from elsewhere what it lacks."""
from __future__ import annotations

from typing import Any, BinaryIO, Callable, Iterator, Optional, Tuple, TypeVar

from ..model import Digest
from ..state.store import BlobStore

Result = TypeVar("Result")


class ReadThrough:
    """A `BlobStore` over the store `local`; who inherits tells by `_through` where else a blob is looked for."""

    def __init__(self, local: BlobStore) -> None:
        self._local = local

    def _through(self, digest: Digest, read: Callable[[], Result]) -> Result:
        """Return what `read` reads from the local store, the blob brought there if it has to be; raises BlobMissing."""
        raise NotImplementedError

    def put(self, data: Any) -> Digest:
        """Keep `data` and return its digest."""
        return self._local.put(data)

    def put_file(self, path: str) -> Tuple[Digest, int]:
        """Keep the bytes of a file; return their digest and how many they are."""
        return self._local.put_file(path)

    def put_stream(self, write: Callable[[BinaryIO], None]) -> Tuple[Digest, int]:
        """Keep what `write` writes; return its digest and size."""
        return self._local.put_stream(write)

    def get(self, digest: Digest) -> bytes:
        """Return the bytes, checked against their digest; raises BlobMissing."""
        return self._through(digest, lambda: self._local.get(digest))

    def path(self, digest: Digest) -> str:
        """Return the path of a local file with a blob's bytes, checked; raises BlobMissing."""
        return self._through(digest, lambda: self._local.path(digest))

    def copy_to(self, digest: Digest, path: str) -> None:
        """Write a blob to a file: checked, and complete or not at all; raises BlobMissing."""
        self._through(digest, lambda: self._local.copy_to(digest, path))

    def has(self, digest: Digest, size: Optional[int] = None) -> bool:
        """Tell whether a blob (of this size, if given) is here."""
        return self._local.has(digest, size)

    def size(self, digest: Digest) -> Optional[int]:
        """Return how many bytes a blob here has, None if it is not here."""
        return self._local.size(digest)

    def remove(self, digest: Digest) -> bool:
        """Remove a blob here and tell whether it was here; elsewhere it stays."""
        return self._local.remove(digest)

    def list(self) -> Iterator[Digest]:
        """Yield the digests of all blobs here."""
        return self._local.list()
