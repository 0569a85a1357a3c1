"""Which blobs a collection keeps and which it removes. Pure; the only place that decides it.

A blob is *locked* if the lockfile of the working tree names it, and *needed* if a lockfile in git
names it or one of the last runs used it. What is neither goes. Where a size is given, needed blobs
go as well, the one first that was used longest ago, until the rest fits: each can be computed again.
Locked ones always stay: the next run would make them again, and the store would be no smaller. A
blob that was written a moment ago stays, whoever writes it: its trace may be about to be recorded.
"""
from __future__ import annotations

import re
from typing import Dict, FrozenSet, Iterable, List, Mapping, NamedTuple, Optional, Sequence, Set, Tuple

from ..model import Digest, Trace

#: what keeps a blob, the strongest first
LOCK, GIT, RUNS, YOUNG = "lock", "git", "runs", "young"
#: why a blob goes: nothing needs it, or the store has to be smaller
UNNEEDED, EVICTED = "unneeded", "evicted"

_NAMED = re.compile(rb'"([0-9a-f]{64})"')


class Stored(NamedTuple):
    """A blob as it lies in the store."""

    digest: Digest
    size: int                     #: bytes
    written: float                #: when, in seconds of the clock
    used: float                   #: when it was read last, or written
    shared: bool = False          #: a hard link to it is elsewhere: removing it frees nothing


class Needs(NamedTuple):
    """Which blobs somebody counts on."""

    lock: FrozenSet[Digest] = frozenset()
    git: FrozenSet[Digest] = frozenset()
    runs: FrozenSet[Digest] = frozenset()

    def of(self, digest: Digest) -> Optional[str]:
        """Return what keeps a blob, None where nothing does."""
        for name, blobs in ((LOCK, self.lock), (GIT, self.git), (RUNS, self.runs)):
            if digest in blobs:
                return name
        return None


class Rules(NamedTuple):
    """What the user asked of a collection."""

    now: float
    grace: float = 600.0                       #: seconds for which a blob stays that was just written
    max_size: Optional[int] = None             #: bytes that may stay


class Removal(NamedTuple):
    """A blob that goes."""

    blob: Stored
    why: str                                   #: unneeded | evicted


class Collection(NamedTuple):
    """What a collection keeps and removes."""

    kept: Mapping[str, Tuple[Stored, ...]]     #: by what keeps it: lock, git, runs, young
    removed: Tuple[Removal, ...]

    @property
    def kept_size(self) -> int:
        """How many bytes stay."""
        return sum(blob.size for blobs in self.kept.values() for blob in blobs)

    @property
    def freed(self) -> int:
        """How many bytes the disk gets back; a blob that is a product's file too gives none."""
        return sum(removal.blob.size for removal in self.removed if not removal.blob.shared)


def plan_collection(blobs: Iterable[Stored], needs: Needs, rules: Rules) -> Collection:
    """Return what is to be kept and what to be removed."""
    kept: Dict[str, List[Stored]] = {LOCK: [], GIT: [], RUNS: [], YOUNG: []}
    removed: List[Removal] = []
    for blob in sorted(blobs):
        keeper = needs.of(blob.digest)
        if keeper is None and rules.now - blob.written < rules.grace:
            keeper = YOUNG
        if keeper is not None:
            kept[keeper].append(blob)
        else:
            removed.append(Removal(blob, UNNEEDED))
    evicted = _evicted(kept, rules) if rules.max_size is not None else set()
    removed += [Removal(blob, EVICTED) for blobs in kept.values() for blob in blobs if blob.digest in evicted]
    return Collection({name: tuple([blob for blob in each if blob.digest not in evicted]) for name, each in kept.items()},
                      tuple(removed))


def _evicted(kept: Mapping[str, Sequence[Stored]], rules: Rules) -> Set[Digest]:
    """Return those that go for want of space, the least recently used first."""
    total = sum(blob.size for blobs in kept.values() for blob in blobs)
    evictable = [blob for name in (GIT, RUNS) for blob in kept[name] if rules.now - blob.written >= rules.grace]
    gone: Set[Digest] = set()
    for blob in sorted(evictable, key=lambda blob: (blob.used, blob.digest)):
        if total <= (rules.max_size or 0):
            break
        # one that is a product's file too frees nothing on the disk, but the store is smaller by it
        gone.add(blob.digest)
        total -= blob.size
    return gone


# -- what is needed ---------------------------------------------------------------------------------

def named_in(lockfile: bytes) -> FrozenSet[Digest]:
    """Return all digests that a lockfile names.

    It names keys and others besides blobs; these are no blob's, so too much is kept of nothing. Any
    text will do, a lockfile of a later version or with conflict markers as well: what it needs can't
    be told otherwise, and must not be lost.
    """
    return frozenset(Digest(found.decode("ascii")) for found in _NAMED.findall(lockfile))


def used_by_runs(recorded: Iterable[Tuple[str, Trace]], runs: Iterable[str]) -> FrozenSet[Digest]:
    """Return the blobs that some of the last runs used.

    `recorded` are all traces with the runs that recorded them, oldest first; `runs` are the last ones.
    A run that reuses a step's last result records nothing: so the last trace from before these runs
    counts, too.
    """
    wanted = set(runs)
    before: Dict[str, Trace] = {}
    used: Set[Digest] = set()
    for run, trace in recorded:
        if run in wanted:
            used |= blobs_of(trace)
        else:
            before[trace.step] = trace
    for trace in before.values() if wanted else ():
        used |= blobs_of(trace)
    return frozenset(used)


def with_owner(message: str, digest: str, traces: Iterable[Iterable[Trace]]) -> str:
    """Return a message about a blob with what the blob is, as far as some traces tell."""
    for trace in (trace for each in traces for trace in each):
        if trace.artifact.blob == digest:
            return f"the stored value of `{trace.step}`: {message}"
        for product in trace.products:
            if product.blob == digest:
                return f"the stored product `{product.path}` of `{trace.step}`: {message}"
    return message


def blobs_of(trace: Trace) -> Set[Digest]:
    """Return the blobs of a trace: its value's and its products'."""
    return {trace.artifact.blob, *(product.blob for product in trace.products)}
