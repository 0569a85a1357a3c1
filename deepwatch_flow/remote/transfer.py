"""Push and pull: many blobs and traces at a time, told as they go, taken up again where they stopped.

What is there is asked first and not sent again; each blob is whole or absent. So a push that was cut
off goes on with the next one.
"""
from __future__ import annotations

from typing import Any, Callable, Dict, Iterable, List, Mapping, NamedTuple, Optional, Tuple

from ..model import Digest
from .blobs import STALL, WORKERS, RemoteBlobs
from .files import PIECE, Unreachable
from .pool import NoAnswer, each
from .shared import RemoteTraces
from .traces import Sent

#: how many small files go in one batch, and how many batches are under way at a time
_TOGETHER, _BATCHES = 64, 3
#: is told of each finished one: how many of how many, and the bytes of all that is finished
Progress = Callable[[int, int, int], None]


class Moved(NamedTuple):
    """What a push or a pull did."""

    blobs: int = 0                             #: how many went over
    size: int = 0                              #: their bytes
    there: int = 0                             #: how many had no need to
    lost: Tuple[Digest, ...] = ()              #: which could not be had
    traces: int = 0                            #: how many traces went over


def both(one: Moved, other: Moved) -> Moved:
    """Return what two pushes or pulls did together."""
    return Moved(one.blobs + other.blobs, one.size + other.size, one.there + other.there, one.lost + other.lost, one.traces + other.traces)


def _untold(_: int, __: int, ___: int) -> None:
    return None


def push(blobs: Mapping[Digest, int], sent: Iterable[Sent], to: RemoteBlobs, traces: Optional[RemoteTraces],
         progress: Progress = _untold) -> Moved:
    """Send blobs of the local store, then traces; raises Unreachable.

    A trace goes only after the blobs it tells of: who finds it, finds them.
    """
    to.look(blobs)
    moved = _all(blobs, to.send_many, to, progress)
    if traces is None:
        return moved
    gone = set(moved.lost)
    whole = [each for each in sent if not gone & {blob for blob, _ in blobs_of(each)}]
    return moved._replace(traces=_push_traces(whole, to, traces))


def pull(blobs: Mapping[Digest, int], source: RemoteBlobs, here: Callable[[Digest, int], bool],
         progress: Progress = _untold) -> Moved:
    """Bring blobs into the local store that are not `here`; raises Unreachable."""
    wanted = {digest: size for digest, size in blobs.items() if not here(digest, size)}
    source.look(wanted)
    found = _all(wanted, source.fetch_many, source, progress)
    # what did not come is lost, not there
    lost = tuple(digest for digest in wanted if not here(digest, wanted[digest]))
    return found._replace(there=len(blobs) - len(wanted), lost=lost)


def blobs_of(sent: Sent) -> List[Tuple[Digest, int]]:
    """Return the blobs that a trace tells of, with their sizes."""
    artifact = sent.entry.artifact
    return [(artifact.blob, artifact.size), *((each.blob, each.size) for each in sent.entry.products)]


def _all(sizes: Mapping[Digest, int], work: Callable[[Mapping[Digest, int]], Mapping[Digest, Optional[bool]]],
         remote: RemoteBlobs, progress: Progress) -> Moved:
    moved, count, bytes_done = Moved(), 0, 0
    lost: List[Digest] = []
    for _, found in _each(_parts(sizes, remote), work, remote):
        if isinstance(found, Exception):
            raise found
        for digest, went in found.items():
            if went is None:
                lost.append(digest)
            elif went:
                moved = moved._replace(blobs=moved.blobs + 1, size=moved.size + sizes[digest])
            else:
                moved = moved._replace(there=moved.there + 1)
            count, bytes_done = count + 1, bytes_done + sizes[digest]
        progress(count, len(sizes), bytes_done)
    return moved._replace(lost=tuple(lost))


def _parts(sizes: Mapping[Digest, int], remote: RemoteBlobs) -> List[Dict[Digest, int]]:
    """Return what is to be moved in parts: one thread's work at a time, and small enough for its memory."""
    most = _TOGETHER if remote.files.in_batches else 1
    parts: List[Dict[Digest, int]] = []
    room = filled = 0
    for digest, size in sizes.items():
        if not room or filled + size > PIECE:
            parts.append({})
            room, filled = most, 0
        parts[-1][digest] = size
        room, filled = room - 1, filled + size
    return parts


def _push_traces(sent: List[Sent], to: RemoteBlobs, traces: RemoteTraces) -> int:
    count = 0
    packed = [(each.entry.key, *traces.packed(each)) for each in sent]
    for _ in _each(sorted({key[:2]: key for key, _, _ in packed}.values()), traces.names, to):
        pass        # the listings are kept
    missing = [(name, data) for key, name, data in packed if name not in traces.names(key)]
    together = to.files.in_batches
    parts = [dict(missing[at:at + _TOGETHER]) for at in range(0, len(missing), _TOGETHER)] if together else [dict([each]) for each in missing]

    def write(part: Mapping[str, bytes]) -> None:
        if together:
            to.files.write_many(part)
        else:
            for name, data in part.items():
                to.files.write(name, data)

    for part, found in _each(parts, write, to):
        if isinstance(found, Exception):
            raise found
        count += len(part)
    return count


def _each(items: List[Any], work: Callable[[Any], Any], remote: RemoteBlobs) -> Iterable[Tuple[Any, Any]]:
    remote.files.open()
    workers = _BATCHES if remote.files.in_batches else WORKERS
    try:
        yield from each(items, work, workers, STALL, lambda: remote.files.moved)
    except NoAnswer as error:
        raise Unreachable(f"the remote {remote.files.shown} can't be used: {error}",
                          hint="what went over stays: begin again to go on") from None


__all__ = ["Moved", "Progress", "blobs_of", "pull", "push"]
