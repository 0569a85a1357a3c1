"""Reading a lockfile that a merge left with conflict markers.

Git keeps both sides and their common ancestor beside such a file: these are merged by step. What the
merge can't decide, the present code does: both sides' entries count as recorded results, so each step
whose key now is that of either side is fresh. Where git has nothing (the markers were committed),
entries are taken from the text where both its sides have them alike, and from commits nearby.
"""
from __future__ import annotations

import os
from typing import Callable, Iterator, List, NamedTuple, Optional, Tuple

from ..errors import DeepwatchError, StateError
from ..events import Notice
from ..git import Repository, repository
from ..model import Lock, LockEntry
from ..report.explain import names
from ..state import lockfile
from .conflict import Sides, sides_of
from .merge import EMPTY, merge

#: revisions at hand in a merge, rebase or cherry-pick, and after a commit of one
_NEARBY = ("HEAD", "MERGE_HEAD", "CHERRY_PICK_HEAD", "REBASE_HEAD", "REVERT_HEAD", "ORIG_HEAD", "HEAD^1", "HEAD^2")
_SHOWN = 10


class Mended(NamedTuple):
    """What a conflicted lockfile comes to."""

    lock: Lock
    others: Tuple[Lock, ...]            #: all whose entries are true: ours, theirs, those of commits nearby
    dropped: Tuple[str, ...]            #: steps on which the merge alone can't decide
    our_name: str
    their_name: str


class LockBook:
    """The lockfile of an open project: read, mended where that is asked for, written."""

    def __init__(self, path: str, cache: Optional[lockfile.LockCache], tell: Callable[[Notice], None], mends: bool) -> None:
        self._path = path
        self._cache = cache
        self._tell = tell
        self._mends = mends
        #: what the conflicted file came to that was read last, None where it had no conflict
        self.mended: Optional[Mended] = None

    @property
    def others(self) -> Tuple[Lock, ...]:
        """Locks whose entries count beside those of the lockfile."""
        return self.mended.others if self.mended is not None else ()

    def read(self) -> Optional[Lock]:
        """Return the lock, None where there is no file; raises StateError."""
        try:
            found = lockfile.read(self._path, self._cache)
        except lockfile.Conflicted:
            if not self._mends:
                raise
            self.mended = mend(self._path)
            if self.mended is None:
                raise
            return self.mended.lock
        self.mended = None
        return found

    def write(self, lock: Lock) -> None:
        """Write the lock; where it stands for a conflicted one, tell how it came about."""
        lockfile.write(self._path, lock, mends=self.mended is not None)
        mended, self.mended = self.mended, None
        if mended is not None:
            name = os.path.basename(self._path)
            self._tell(Notice(f"the merge conflict in `{name}` is mended: {_told(mended, lock)}", f"git add {name}", "note"))


def _told(mended: Mended, lock: Lock) -> str:
    """Say where the entries of a mended lock come from."""
    groups: List[Tuple[str, List[str]]] = [(f"as in {mended.our_name}", []), (f"as in {mended.their_name}", []),
                                           ("by the code as it is now", []), ("left out", [])]
    for step in mended.dropped:
        entry = lock.steps.get(step)
        sides = [step in side.steps and side.steps[step] == entry for side in mended.others[:2]]
        groups[3 if entry is None else sides.index(True) if True in sides else 2][1].append(step)
    steps = len(lock.steps) - sum(len(each) for _, each in groups[:3])
    parts = [f"{steps} {'step' if steps == 1 else 'steps'} merged"]
    parts += [f"{names(listed, _SHOWN)} {how}" for how, listed in groups if listed]
    return "; ".join(parts)


def mend(path: str) -> Optional[Mended]:
    """Return what the conflicted lockfile at `path` comes to, None where its markers or sides make no sense."""
    text = lockfile.text_of(path)
    sides = sides_of(text) if text is not None else None
    if sides is None:
        return None
    found = repository(os.path.dirname(path) or ".")
    return (_by_stages(path, found, sides) if found is not None else None) or _by_text(path, found, sides)


def _by_stages(path: str, git: Repository, sides: Sides) -> Optional[Mended]:
    """Merge what git keeps of an unmerged file: the ancestor, ours, theirs."""
    base, ours, theirs = (_lock_in(path, git, stage) for stage in (":1", ":2", ":3"))
    if ours is None or theirs is None:
        return None
    merged = merge(base, ours, theirs)
    return Mended(merged.lock, (ours, theirs), tuple(each.step for each in merged.dropped), sides.our_name, sides.their_name)


def _by_text(path: str, git: Optional[Repository], sides: Sides) -> Optional[Mended]:
    """Take what both sides of the text have alike; a block with markers in it may be of two minds.

    The lines outside of the markers are those that git merged by itself, as it does without a conflict.
    """
    try:
        ours, theirs = (lockfile.loads(text, path) for text in (sides.ours, sides.theirs))
    except StateError:
        return None
    if ours.scheme != theirs.scheme:
        return None
    steps = {name: entry for name, entry in ours.steps.items() if theirs.steps.get(name) == entry}
    nearby = tuple(_nearby(path, git)) if git is not None else ()
    if nearby:      # git may have put a block together from both sides where they changed it far apart
        steps = dict(_whole(EMPTY._replace(steps=steps), nearby).steps)
    dropped = tuple(name for name in sorted({*ours.steps, *theirs.steps}) if name not in steps)
    lock = EMPTY._replace(steps=steps, scheme=ours.scheme,
                          definitions=dict(set(ours.definitions.items()) & set(theirs.definitions.items())),
                          packages=dict(set(ours.packages.items()) & set(theirs.packages.items())),
                          accepted=tuple(sorted(set(ours.accepted) & set(theirs.accepted))),
                          families={name: entry for name, entry in ours.families.items() if theirs.families.get(name) == entry})
    return Mended(lock, (_whole(ours, nearby), _whole(theirs, nearby), *nearby), dropped, sides.our_name, sides.their_name)


def _whole(side: Lock, nearby: Tuple[Lock, ...]) -> Lock:
    """Return a side of a text with those of its entries alone that some commit has as they are."""
    def is_known(name: str, entry: LockEntry) -> bool:
        return any(each.steps.get(name) == entry for each in nearby)

    return side._replace(steps={name: entry for name, entry in side.steps.items() if is_known(name, entry)})


def _nearby(path: str, git: Repository) -> Iterator[Lock]:
    for revision in _NEARBY:
        found = _lock_in(path, git, revision)
        if found is not None:
            yield found


def _lock_in(path: str, git: Repository, revision: str) -> Optional[Lock]:
    """Return the lock in a revision or a stage of the index, None where there is none that can be read."""
    try:
        data = git.show(os.path.basename(path), revision)
        return lockfile.decode(data, path) if data else None
    except DeepwatchError:
        return None
