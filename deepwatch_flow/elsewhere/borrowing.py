"""The store of a worker without the driver's file system: its own cache, and the remote behind it.

Other than for a driver, a remote that does not answer is an error: without it the worker can do nothing.
"""
from __future__ import annotations

from typing import Any, BinaryIO, Callable, Dict, Iterable, Iterator, Optional, Tuple, TypeVar

from ..engine.worker import Outcome
from ..events import Notice
from ..model import Artifact, Digest
from ..observation.recorder import unobserved
from ..remote.blobs import RemoteBlobs
from ..remote.files import Files
from ..state.parts import blobs_of
from ..state.store import BlobMissing, BlobStore

Result = TypeVar("Result")


class Borrowed:
    """A `BlobStore` that brings what is asked for from the remote."""

    def __init__(self, local: BlobStore, url: str, tell: Callable[[Notice], None]) -> None:
        self._local = local
        self._blobs = RemoteBlobs(Files(url), local, tell)

    def fetch(self, artifacts: Iterable[Artifact]) -> None:
        """Bring all blobs of values; raises BlobMissing, Unreachable."""
        for artifact in artifacts:
            for blob, _ in blobs_of(artifact, self.get):
                self.path(blob)

    def send(self, outcome: Outcome) -> Tuple[Tuple[Digest, int], ...]:
        """Send what an execution gave to the remote; return the blobs. Raises Unreachable."""
        if outcome.artifact is None:
            return ()
        blobs: Dict[Digest, int] = dict(blobs_of(outcome.artifact, self._local.get))
        blobs.update((product.blob, product.size) for product in outcome.products)
        self._blobs.send_many({digest: size for digest, size in blobs.items() if self._local.has(digest, size)})
        return tuple(blobs.items())

    # -- BlobStore --------------------------------------------------------------------------------

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
        """Return the bytes, checked against their digest; raises BlobMissing, Unreachable."""
        return self._through(digest, lambda: self._local.get(digest))

    def path(self, digest: Digest) -> str:
        """Return the path of a file with a blob's bytes, checked; raises BlobMissing, Unreachable."""
        return self._through(digest, lambda: self._local.path(digest))

    def copy_to(self, digest: Digest, path: str) -> None:
        """Write a blob to a file: checked, and complete or not at all; raises BlobMissing, Unreachable."""
        self._through(digest, lambda: self._local.copy_to(digest, path))

    def has(self, digest: Digest, size: Optional[int] = None) -> bool:
        """Tell whether a blob is in the worker's cache."""
        return self._local.has(digest, size)

    def size(self, digest: Digest) -> Optional[int]:
        """Return how many bytes a blob in the cache has, None if it is not there."""
        return self._local.size(digest)

    def remove(self, digest: Digest) -> bool:
        """Remove a blob from the cache."""
        return self._local.remove(digest)

    def list(self) -> Iterator[Digest]:
        """Yield the digests of all blobs in the cache."""
        return self._local.list()

    def _through(self, digest: Digest, read: Callable[[], Result]) -> Result:
        try:
            return read()
        except BlobMissing:
            with unobserved():
                self._blobs.learn({digest: -1})     # somebody put it there after we looked
                if not self._blobs.fetch(digest):
                    raise
        return read()
