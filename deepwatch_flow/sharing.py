"""A project's remote, by its settings: what a run reads from it and leaves there.

Nothing of the remote is opened before something is asked of it, and with ``remote.mode = "off"`` or no
remote at all the store and the history are the local ones.
"""
from __future__ import annotations

import contextlib
import os
from typing import (
    AbstractSet,
    Callable,
    ContextManager,
    Dict,
    Iterable,
    List,
    Mapping,
    Optional,
    Sequence,
    Set,
    Tuple,
)

from .config import Config
from .engine.planner import World
from .errors import ConfigError
from .events import Notice, RunReport
from .histories import trace_of
from .model import Artifact, Digest, Fresh, History, Lock, LockEntry, Plan, Trace, base_of, part_name
from .remote import transfer
from .remote.blobs import RemoteBlobs
from .remote.files import Files
from .remote.shared import Link, RemoteTraces, SharedStore, Through
from .remote.signing import signer_of
from .remote.traces import Sent
from .state.parts import CODEC, blobs_of
from .state.store import BlobStore
from .vouching import entry_of

Tell = Callable[[Notice], None]
Version = Callable[[str], str]

#: family -> the keys of those of its instances that are asked for
Instances = Mapping[str, AbstractSet[Digest]]


class Sharing:
    """The remote of a project, and the store through which it is read."""

    def __init__(self, config: Config, local: BlobStore, tell: Tell, lock: Callable[[], Optional[Lock]]) -> None:
        self._storing = config.storing
        self._local = local
        self._tell = tell
        self._lock = lock
        self._shared: Optional[SharedStore] = None
        self._blobs: Optional[RemoteBlobs] = None
        self._traces: Optional[RemoteTraces] = None
        self._link = Link(tell)
        #: the store for the engine
        self.store: BlobStore = local
        if self._storing.remote is not None and self._storing.mode != "off":
            self._open(self._storing.remote)
            self.store = self._shared = SharedStore(local, self._remote()[0], self._link)

    def _open(self, url: str) -> None:
        storing = self._storing
        signer = signer_of(storing.sign_with, os.environ)
        files = Files(url)
        if storing.sign_with is not None and signer is None:
            self._tell(Notice(f"the key for signatures is not set ({storing.sign_with}): traces are neither read from the remote nor sent",
                              "results that the lockfile names come all the same", level="note"))
        self._blobs = RemoteBlobs(files, self._local, self._tell)
        self._blobs.expected = self._expected
        self._traces = RemoteTraces(files, signer, storing.trust == "remote", self._tell)

    def _remote(self) -> Tuple[RemoteBlobs, RemoteTraces]:
        if self._blobs is None or self._traces is None:
            if self._storing.remote is None:
                raise ConfigError("the project has no remote", hint='add to deepwatch.toml: [store] remote = "s3://bucket/folder"')
            self._open(self._storing.remote)
        assert self._blobs is not None
        assert self._traces is not None
        return self._blobs, self._traces

    def writable(self) -> Optional[RemoteBlobs]:
        """Return the blobs of the remote where a run may read and write them, for workers that do so; None otherwise."""
        return self._blobs if self._shared is not None and self._storing.mode == "read-write" else None

    # -- what a run reads -------------------------------------------------------------------------

    def history(self, here: History, version: Version) -> History:
        """Return a history in which the remote is asked for keys that are not known here."""
        traces = self._traces
        if self._shared is None or traces is None or not traces.usable:
            return here

        def there(key: Digest) -> Iterable[Trace]:
            found: List[Sent] = self._link.ask(lambda: traces.of(key), [])
            return [trace_of(sent.step, sent.entry, version) for sent in found]

        return here._replace(by_key=Through(here.by_key, there))

    def _expected(self) -> List[Digest]:
        """Return the blobs that the lockfile names and that are not here."""
        lock = self._lock()
        known = artifacts_of(lock) if lock is not None else []
        return [each.blob for each in known if not self._local.has(each.blob, each.size)]

    def fetch(self, world: World, plan: Plan, wanted: Set[str]) -> None:
        """Bring what a run by this plan is known to need, many at a time; what can't be had shows in the run."""
        blobs = self._blobs
        if self._shared is None or blobs is None:
            return
        needed: Dict[Digest, int] = {}
        for name, verdict in plan.verdicts.items():
            if not isinstance(verdict, Fresh):
                steps = [step for _, step in world.facts[base_of(name)].upstreams]
            else:
                needed.update((product.blob, product.size) for product in verdict.restore)
                steps = [name] if name in wanted else []
            for step in steps:
                above = plan.verdicts.get(step)
                if isinstance(above, Fresh):
                    needed[above.trace.artifact.blob] = above.trace.artifact.size
        if any(not self._local.has(digest, size) for digest, size in needed.items()):
            self._link.ask(lambda: transfer.pull(needed, blobs, self._local.has), transfer.Moved())

    def wanted(self, plan: Plan, wanted: Set[str], locked: bool) -> Set[str]:
        """Return the steps whose values a run has to bring here: `--locked` only judges those that are fresh."""
        if self._shared is None or not locked:
            return wanted
        return {name for name in wanted if not isinstance(plan.verdicts.get(name), Fresh)}

    def fetching(self) -> ContextManager[None]:
        """Be entered while what is asked for is about to be used."""
        return self._shared.fetching() if self._shared is not None else contextlib.nullcontext()

    # -- what it leaves there ---------------------------------------------------------------------

    def send(self, report: RunReport, vouched: Mapping[str, Trace]) -> None:
        """Send what a run has executed and recorded, where the settings say so; a remote that fails is told and no error."""
        if self._shared is None or self._storing.mode != "read-write" or report.interrupted:
            return
        made = [Sent(step.step, entry_of(vouched[step.step])) for step in report.steps
                if step.outcome == "ran" and step.step in vouched]
        if made:
            self._link.ask(lambda: self._push(made), transfer.Moved())

    # -- by command -------------------------------------------------------------------------------

    def push(self, steps: Iterable[str], latest: Mapping[str, Trace], progress: transfer.Progress, only: Instances) -> transfer.Moved:
        """Send the results of steps that the lockfile names, and the last ones of here; of families `only` some instances.

        Raises ConfigError without a remote, Unreachable.
        """
        steps = list(steps)
        named = self._named(steps, only)
        made = {name: entry_of(latest[name]) for name in steps if name in latest and latest[name].key}
        results = [Sent(name, entry) for source in (named, made) for name, entry in source.items()]
        return self._push(list(dict.fromkeys(results)), progress)

    def pull(self, steps: Iterable[str], progress: transfer.Progress, only: Instances) -> transfer.Moved:
        """Bring the values and products of steps that the lockfile names; of families `only` some instances.

        Raises ConfigError without a remote, Unreachable.
        """
        blobs, _ = self._remote()
        results = [Sent(name, entry) for name, entry in self._named(steps, only).items()]
        moved = transfer.pull(_blobs(results), blobs, self._local.has, progress)
        if moved.lost and blobs.files.is_missing():
            self._tell(Notice(f"the folder of the remote, {blobs.files.shown}, is not there",
                              "mount its drive, or correct `store.remote`; the first push makes it"))
        # a value that is stored in parts names them: they are known once it is here
        parts = self._parts(results)
        return transfer.both(moved, transfer.pull(parts, blobs, self._local.has, progress)) if parts else moved

    def _named(self, steps: Iterable[str], only: Instances) -> Dict[str, LockEntry]:
        lock = self._lock()
        if lock is None:
            return {}
        found = {name: lock.steps[name] for name in steps if name in lock.steps}
        for name in [*steps, *only]:
            family = lock.families.get(name)
            if family is None:
                continue
            wrote = dict(family.products)
            for key, artifact in family.instances:
                if name not in only or key in only[name]:
                    found[part_name(name, key[:16])] = LockEntry(key, family.code, (), (), (), artifact, wrote.get(key, ()), family.observed)
        return found

    def _parts(self, results: Iterable[Sent]) -> Dict[Digest, int]:
        """Return the blobs of the parts of values, as far as the manifests are here."""
        def read(blob: Digest) -> Optional[bytes]:
            return self._local.get(blob) if self._local.has(blob) else None

        return dict(pair for sent in results if sent.entry.artifact.codec == CODEC for pair in blobs_of(sent.entry.artifact, read))

    def _push(self, results: Sequence[Sent], progress: transfer.Progress = lambda *_: None) -> transfer.Moved:
        blobs, traces = self._remote()
        if not blobs.files.lists:
            raise ConfigError(f"nothing can be sent to the remote {blobs.files.shown}", hint='set [remote] mode = "read"')
        return transfer.push({**_blobs(results), **self._parts(results)}, results, blobs, traces if traces.usable else None, progress)


def artifacts_of(lock: Lock) -> List[Artifact]:
    """Return all values that a lockfile names."""
    return [*(each.artifact for each in lock.steps.values()),
            *(artifact for family in lock.families.values() for _, artifact in family.instances)]


def _blobs(results: Iterable[Sent]) -> Mapping[Digest, int]:
    return dict(pair for sent in results for pair in transfer.blobs_of(sent))
