"""Results that are forgotten: their traces, and the blobs that no other trace has."""
from __future__ import annotations

import os
from typing import Mapping, Optional, Sequence, Set

from ..model import Digest, Trace
from . import collect, logs, watchlist
from .database import Database
from .mutex import Mutex
from .parts import CODEC, blobs_of
from .store import BlobStore


def forget(state: str, database: Database, store: BlobStore, steps: Optional[Sequence[str]]) -> int:
    """Forget the stored results of steps, or of all; return how many blobs were removed.

    Raises BusyError while a run goes on: it counts on what is stored.
    """
    with Mutex(os.path.join(state, "mutex"), "deepwatch clean").acquire(timeout=0):
        watchlist.forget(state)
        blobs = _blobs_of(database.traces(steps), store)
        if steps is None:
            blobs.update(store.list())
            logs.forget_all(state)
        database.forget(steps)
        database.commit()
        if steps is not None:
            blobs -= _blobs_of(database.traces(), store)
        return sum(store.remove(blob) for blob in blobs)


def _blobs_of(traces: Mapping[str, Sequence[Trace]], store: BlobStore) -> Set[Digest]:
    def read(blob: Digest) -> Optional[bytes]:
        return store.get(blob) if store.has(blob) else None

    found = {blob for each in traces.values() for trace in each for blob in collect.blobs_of(trace)}
    return found | {blob for each in traces.values() for trace in each if trace.artifact.codec == CODEC
                    for blob, _ in blobs_of(trace.artifact, read)}
