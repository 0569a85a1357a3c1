"""The garbage of a project's local store: what is needed is gathered, what is not is removed.

Needed is what the lockfile names, here and in all branches and tags of git, and what the last runs
used; ``state.collect`` decides by that. Nothing of the user's is imported. The project's mutex is
held from the first look to the last removal, so no run counts meanwhile on what goes.
"""
from __future__ import annotations

import contextlib
import os
import time
from typing import Dict, FrozenSet, Iterable, List, NamedTuple, Optional, Sequence, Set

from .config import Config
from .errors import DeepwatchError, StateError
from .events import Emit
from .git import Repository, in_repository
from .model import Digest
from .state import collect, disk, parts, stock, watchlist
from .state.database import Database
from .state.mutex import Mutex
from .vouching import LOCKFILE

DATABASE = os.path.basename(watchlist.STATE)
#: what git knows besides branches and tags: the index
_OTHER_TIPS = ("",)


class Order(NamedTuple):
    """What the user asks of a collection."""

    runs: int = 10                       #: how many of the last runs count
    grace: float = 600.0                 #: seconds for which a blob stays that was just written
    max_size: Optional[int] = None       #: bytes
    git: bool = True                     #: whether branches and tags count
    dry: bool = False                    #: only tell


class Swept(NamedTuple):
    """What a collection did, or would do."""

    collection: collect.Collection
    leftovers: Sequence[stock.Leftover]  #: unfinished files and damaged blobs that went, too
    revisions: int                       #: of git that were asked

    @property
    def freed(self) -> int:
        """How many bytes the disk gets back."""
        return self.collection.freed + sum(each.size for each in self.leftovers)


def sweep(config: Config, order: Order, emit: Emit) -> Swept:
    """Collect the garbage of a project; raises BusyError while a run goes on, StateError where git can't be asked."""
    state = os.path.join(config.root, config.store)
    folder = os.path.join(state, "objects")
    if not os.path.isdir(state):
        return Swept(collect.plan_collection((), collect.Needs(), collect.Rules(time.time())), (), 0)
    with Mutex(os.path.join(state, "mutex"), "deepwatch gc").acquire(timeout=0):
        in_git = locks_in_git(config.root) if order.git else {}
        with Database.open(os.path.join(state, DATABASE), emit) as database:
            runs = [run.run for run in database.runs(order.runs)]
            used = collect.used_by_runs(database.recorded(), runs)
        needs = collect.Needs(*(_with_parts(folder, digests) for digests in (
            collect.named_in(_bytes(os.path.join(config.root, LOCKFILE))),
            _all(collect.named_in(data) for data in in_git.values()), used)))
        rules = collect.Rules(time.time(), order.grace, order.max_size)
        collection = collect.plan_collection(stock.stored(folder), needs, rules)
        leftovers = _abandoned(folder, state, order.grace, rules.now)
        if not order.dry:
            _remove(state, folder, collection, leftovers)
    return Swept(collection, leftovers, len(in_git))


def _with_parts(folder: str, digests: FrozenSet[Digest]) -> FrozenSet[Digest]:
    """Return blobs with those that they name, where they are values that are stored in parts."""
    found = set(digests)
    waiting = list(digests)
    while waiting:
        digest = waiting.pop()
        path = os.path.join(folder, digest[:2], digest[2:])
        with contextlib.suppress(OSError), open(path, "rb") as file:
            head = file.read(parts.LONGEST_HEAD)
            if parts.is_manifest(head):
                more = collect.named_in(head + file.read()) - found
                found |= more
                waiting += more
    return frozenset(found)


def _remove(state: str, folder: str, collection: collect.Collection, leftovers: Sequence[stock.Leftover]) -> None:
    if collection.removed:
        watchlist.forget(state)      # it may name a blob that goes: a result that is fresh though no lockfile has it
    for removal in collection.removed:
        digest = removal.blob.digest
        disk.remove(os.path.join(folder, digest[:2], digest[2:]))
    for each in leftovers:
        disk.remove(each.path)


def _abandoned(folder: str, state: str, grace: float, now: float) -> List[stock.Leftover]:
    """Return unfinished files, and damaged blobs that were moved aside, but for young ones: they may be in use."""
    found = [*stock.leftovers(os.path.join(folder, stock.TEMPORARY)), *stock.leftovers(state), *stock.set_aside(folder)]
    return [each for each in found if now - each.written >= grace]


def locks_in_git(root: str) -> Dict[str, bytes]:
    """Return the lockfiles of all branches, tags, the index and the stash, by their ids in git.

    Empty for a project that is in no repository. Raises StateError where there is one that can't be
    asked: what its branches need would be lost.
    """
    if not in_repository(root):
        return {}
    try:
        repository = Repository(root)
        blobs = set(repository.blobs(LOCKFILE, [*repository.tips(), *_OTHER_TIPS, *repository.unfinished()]).values())
        return {blob: repository.ask("cat-file", "blob", blob) for blob in sorted(blobs)}
    except DeepwatchError as error:
        raise StateError(f"what the branches of this repository need can't be told: {error.message}",
                         hint=f"{error.hint or 'let git work in this folder'}; or give `--no-git`: "
                              "results that only branches and tags need go then") from error


def _bytes(path: str) -> bytes:
    try:
        return disk.read_bytes(path)
    except FileNotFoundError:
        return b""


def _all(sets: Iterable[FrozenSet[Digest]]) -> FrozenSet[Digest]:
    found: Set[Digest] = set()
    for each in sets:
        found |= each
    return frozenset(found)
