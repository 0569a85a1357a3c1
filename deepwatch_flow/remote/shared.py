"""The store and the history as the engine sees them where there is a remote: what is not here is asked for there.

A remote that does not answer is told once and then asked no more: the run goes on with what is here.
Writing goes to the local store alone; what a run has made is sent when it is over (`transfer`), so
that nothing of it happens while a step is observed.
"""
from __future__ import annotations

import contextlib
from typing import (
    Any,
    Callable,
    Dict,
    Iterable,
    Iterator,
    List,
    Mapping,
    Optional,
    Sequence,
    Set,
    Tuple,
    Union,
    overload,
)

from ..errors import DeepwatchError
from ..events import Notice
from ..model import Digest, Trace
from ..state.store import BlobMissing, BlobStore
from . import traces
from .blobs import RemoteBlobs
from .files import Absent, Files
from .pool import NoAnswer
from .signing import Signer
from .through import ReadThrough, Result

Tell = Callable[[Notice], None]
#: of one key; more would be somebody's flood
_MOST_TRACES = 20


class Link:
    """Whether the remote answers; told once where it does not."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self.down = False

    def ask(self, call: Callable[[], Result], otherwise: Result) -> Result:
        """Return what a question to the remote gives, or `otherwise` where it does not answer."""
        if self.down:
            return otherwise
        try:
            return call()
        except (DeepwatchError, NoAnswer) as error:
            self.down = True
            hint = getattr(error, "hint", None)
            self._tell(Notice(f"{error.message if isinstance(error, DeepwatchError) else error}; going on without it", hint))
            return otherwise


class SharedStore(ReadThrough):
    """A `BlobStore` that reads through to a remote."""

    def __init__(self, local: BlobStore, blobs: RemoteBlobs, link: Link) -> None:
        super().__init__(local)
        self._blobs = blobs
        self._link = link
        self._fetching = False

    @contextlib.contextmanager
    def fetching(self) -> Iterator[None]:
        """Have `has` bring what it tells of: a run asks for what it is about to need, a plan only whether it can be had."""
        self._fetching = True
        try:
            yield
        finally:
            self._fetching = False

    def has(self, digest: Digest, size: Optional[int] = None) -> bool:
        """Tell whether a blob (of this size, if given) can be had, here or from the remote."""
        if self._local.has(digest, size):
            return True
        # what a worker elsewhere has just put there is for other workers: it need not come here
        ask = self._blobs.fetch if self._fetching and digest not in self._blobs.learned else self._blobs.has
        return self._link.ask(lambda: ask(digest, size), False)

    def _through(self, digest: Digest, read: Callable[[], Result]) -> Result:
        try:
            return read()
        except BlobMissing:
            if not self._link.ask(lambda: self._blobs.fetch(digest), False):
                raise
        return read()


class RemoteTraces:
    """The traces at the remote that may be believed."""

    def __init__(self, files: Files, signer: Optional[Signer], unsigned: bool, tell: Tell) -> None:
        self._files = files
        self._signer = signer
        self._unsigned = unsigned
        self._tell = tell
        self._listed: Dict[str, Dict[Digest, List[str]]] = {}
        self._read: Dict[Digest, List[traces.Sent]] = {}
        self._told: Set[str] = set()

    @property
    def usable(self) -> bool:
        """Whether any trace of a remote could be believed here."""
        return self._files.lists and (self._signer is not None or self._unsigned)

    def of(self, key: Digest) -> List[traces.Sent]:
        """Return what executions with this key gave elsewhere; raises Unreachable."""
        if not self.usable:
            return []
        if key not in self._read:
            self._read[key] = [sent for name in self.names(key)[:_MOST_TRACES] for sent in self._believed(name)]
        return self._read[key]

    def names(self, key: Digest) -> List[str]:
        """Return the names of the traces of a key at the remote; raises Unreachable."""
        shard = traces.shard(key)
        if shard not in self._listed:
            self._listed[shard] = traces.by_key(self._files.names(shard))
        return self._listed[shard].get(key, [])

    def packed(self, sent: traces.Sent) -> Tuple[str, bytes]:
        """Return a trace's name at the remote and its bytes."""
        return traces.packed(sent, self._signer)

    def _believed(self, name: str) -> Iterator[traces.Sent]:
        try:
            yield traces.unpacked(name, self._files.read(name), self._signer, self._unsigned)
        except Absent:
            return
        except traces.Refused as error:
            why = str(error)
            if why not in self._told:       # a wrong key gives the same for each of them
                self._told.add(why)
                self._tell(Notice(f"traces at {self._files.shown} are not used: {why} (the first: {name})",
                                  "see \"Whom to trust\" in docs/remote.md"))


class Through(Dict[Digest, Tuple[Trace, ...]]):
    """Traces by key, those of here first; the remote is asked when these do not do."""

    def __init__(self, here: Mapping[Digest, Tuple[Trace, ...]], there: Callable[[Digest], Iterable[Trace]]) -> None:
        super().__init__(here)
        self._there = there

    def get(self, key: Digest, default: Any = ()) -> Any:
        """Return the traces of a key."""
        return _Traces(super().get(key, default), lambda: self._there(key))


class _Traces(Sequence[Trace]):
    """The traces of here, then those that the remote is asked for."""

    def __init__(self, here: Tuple[Trace, ...], more: Callable[[], Iterable[Trace]]) -> None:
        self._here = here
        self._more = more

    def __iter__(self) -> Iterator[Trace]:
        yield from self._here
        yield from (trace for trace in self._more() if trace not in self._here)

    def __len__(self) -> int:
        return len(tuple(self))

    @overload
    def __getitem__(self, at: int) -> Trace: ...

    @overload
    def __getitem__(self, at: slice) -> Sequence[Trace]: ...

    def __getitem__(self, at: Union[int, slice]) -> Union[Trace, Sequence[Trace]]:
        return tuple(self)[at]
