"""What a step leaves in its process for later ones, and what they are charged for using it.

A step that fills a cache or sets a global has read something for whoever uses that later, and that one reads
nothing. So what a step leaves is kept together with what the step was seen to read, and a later step of this process
that can have used it counts as having read that, too. At worst that is too much: a needless run, no wrong skip.
"""
from __future__ import annotations

import linecache
import os
import sys
from types import ModuleType
from typing import (
    AbstractSet,
    Any,
    Callable,
    Dict,
    FrozenSet,
    Iterable,
    List,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
)

from .code import NO_TOOL, REPLACED, TAKEN
from .contents import is_cache
from .findings import Findings
from .holders import Change, Holders, Label, Place
from .names import ANYTHING, Names
from .noting import ELSEWHERE
from .seen import EMPTY, Seen, merged

#: own code by its place: absolute file, first line, name
Codes = FrozenSet[Tuple[str, int, str]]
#: tells of what ran what the step's fingerprint does not cover
Hidden = Callable[[Seen], Codes]

#: where these are told, code may have run that is not known
_BLIND = frozenset({NO_TOOL, REPLACED, TAKEN, ELSEWHERE})
#: how many steps may add to one thing before it is put back as it was: each further one counts as having read more
_MOST = 16


class Watched(NamedTuple):
    """What is known of a step that has just been observed."""

    found: Findings
    seen: Seen
    hidden: Hidden


class _Kept(NamedTuple):
    """Something that steps have left."""

    value: Any                  #: held, so that nothing else gets its id
    labels: FrozenSet[Label]    #: by which code gets at it
    seen: Seen                  #: what they were seen to read for it
    times: int                  #: how many steps added to it
    hits: int = 0               #: of a cache: how often it has been used


class Leftovers:
    """What steps of this process have left, from the first one on."""

    def __init__(self, is_own: Callable[[str], bool], sift: Callable[[Findings], Seen]) -> None:
        self._is_own = is_own
        self._sift = sift
        self._holders = Holders(is_own, _own_modules(is_own))
        self._kept: Dict[Place, _Kept] = {}
        self._variables: Dict[str, Seen] = {}
        self._names = Names(is_own)
        #: code whose reads are told apart while it runs, by id
        self.fillers = self._holders.fillers.codes

    def after(self, watched: Watched) -> Seen:
        """Return what a step counts as having read, with what it used of earlier ones; keep what it leaves."""
        charges = self._charges(watched) if self._kept or self._variables else []
        if not charges and watched.found.only_code() and (self._holders.is_empty() or not watched.hidden(watched.seen)):
            return watched.seen
        return self._left(watched, charges)

    # -- what it used -------------------------------------------------------------------------------

    def _charges(self, watched: Watched) -> List[Seen]:
        found = watched.found
        every = bool(found.children) or not found.wants.code or not _BLIND.isdisjoint(found.gaps)
        names: AbstractSet[Label] = frozenset() if every else self._names.among(found.ran)
        every = every or not ANYTHING.isdisjoint(names)
        charges: List[Seen] = []
        for place, kept in list(self._kept.items()):
            used = not kept.labels.isdisjoint(names)
            if is_cache(kept.value):
                hits = kept.value.cache_info().hits
                used = hits != kept.hits or bool(found.children)    # those have caches of their own
                self._kept[place] = kept._replace(hits=hits)
            elif every:
                used = True
            if used:
                charges.append(kept.seen)
        charges += [seen for name, seen in self._variables.items() if every or found.whole or name in found.variables]
        return charges

    # -- what it leaves -----------------------------------------------------------------------------

    def _left(self, watched: Watched, charges: List[Seen]) -> Seen:
        found, seen = watched.found, watched.seen
        given = _unwritten(charges, seen.written)
        full = merged([*given, seen])
        codes = watched.hidden(seen).union(*(each.codes for each in given))
        left = full._replace(codes=codes, distributions=frozenset(), written=frozenset())
        changes = self._holders.changes([code for code in found.ran if self._names.of(code)])
        if found.children or not all(change.fillers for change in changes):
            parts = [left] * len(changes)
        else:
            parts = self._parts(found, changes, left, given)
        for change, part in zip(changes, parts):
            if any(part):
                self._keep(change, part)
        self._kept = {place: kept for place, kept in self._kept.items() if place in self._holders}
        if any(left):
            for name in found.assigned:
                self._variables[name] = merged([self._variables.get(name, EMPTY), left])
        for path in [each for each in list(linecache.cache) if os.path.abspath(each) in seen.reads]:    # other threads fill it
            linecache.cache.pop(path, None)       # the next step reads it itself
        return full

    def _parts(self, found: Findings, changes: Sequence[Change], left: Seen, given: Sequence[Seen]) -> List[Seen]:
        """Return for each change what was read by the code that has made it.

        One filler may have used what another one had just left: a cache counts that, a global does not.
        """
        parts = [self._part(found, change.fillers or (), left) for change in changes]
        used = [part for part, change in zip(parts, changes) if change.cache is None or change.cache.cache_info().hits]
        return [merged([*given, *used, part])._replace(written=frozenset()) for part in parts]

    def _part(self, found: Findings, fillers: Sequence[int], left: Seen) -> Seen:
        """Return what was read while some code ran, or by other threads."""
        part = Findings(found.wants)
        for code in (0, *fillers):
            for kind, key in found.credited.get(code, ()):
                table = getattr(found, kind)
                if key in table:
                    part.note(kind, key, table[key])
        part.written.update(found.written)
        return self._sift(part)._replace(codes=left.codes, classes=left.classes)

    def _keep(self, change: Change, seen: Seen) -> None:
        before: Optional[_Kept] = self._kept.get(change.place)
        times = 1 if before is None else before.times + 1
        if times > _MOST and self._holders.put_back(change.place):
            del self._kept[change.place]
            return
        hits = 0 if change.cache is None else change.cache.cache_info().hits
        self._kept[change.place] = _Kept(self._holders.value(change.place), change.labels,
                                         seen if before is None else merged([before.seen, seen]), times, hits)


def _unwritten(charges: Iterable[Seen], written: FrozenSet[str]) -> List[Seen]:
    """Return what earlier steps saw, without what this one has written itself."""
    if not written:
        return list(charges)
    return [each._replace(
        reads={path: stamp for path, stamp in each.reads.items() if path not in written},
        present={path: kind for path, kind in each.present.items() if path not in written},
        sized={path: size for path, size in each.sized.items() if path not in written},
        links={path: text for path, text in each.links.items() if path not in written},
        absent=each.absent - written) for each in charges]


def _own_modules(is_own: Callable[[str], bool]) -> List[ModuleType]:
    found: List[ModuleType] = []
    for name, module in list(sys.modules.items()):
        if isinstance(module, ModuleType):
            file = vars(module).get("__file__")
            if is_own(file) if isinstance(file, str) else name == "__main__":
                found.append(module)
    return found
