"""The store of a worker without the driver's file system: its own cache, and the remote behind it.

Other than for a driver, a remote that does not answer is an error: without it the worker can do nothing.
"""
from __future__ import annotations

from typing import Callable, Dict, Iterable, Tuple

from ..engine.calls import Outcome
from ..events import Notice
from ..model import Artifact, Digest
from ..observation.recorder import unobserved
from ..remote.blobs import RemoteBlobs
from ..remote.files import Files
from ..remote.through import ReadThrough, Result
from ..state.parts import blobs_of
from ..state.store import BlobMissing, BlobStore


class Borrowed(ReadThrough):
    """A `BlobStore` that brings what is asked for from the remote."""

    def __init__(self, local: BlobStore, url: str, tell: Callable[[Notice], None]) -> None:
        super().__init__(local)
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

    def _through(self, digest: Digest, read: Callable[[], Result]) -> Result:
        try:
            return read()
        except BlobMissing:
            with unobserved():
                self._blobs.learn({digest: -1})     # somebody put it there after we looked
                if not self._blobs.fetch(digest):
                    raise
        return read()
