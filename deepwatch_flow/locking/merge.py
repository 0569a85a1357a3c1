"""Three-way merge of locks, by step. Pure.

Each entry of a lock is a statement by itself: with this key and these conditions, that is the output.
So an entry taken whole from either side is never wrong; at worst it is of no use, and its step runs
again. Entries are never mixed. Of a step that both sides changed, the facts (code, params, inputs,
outputs of upstream steps, what was observed) are merged one by one, as git merges the code that they
tell of; a side's entry is taken where all its facts are the merged ones, else the step has no entry.

Which side is which has no influence on the result.
"""
from __future__ import annotations

from collections import Counter
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Optional, Set, Tuple, TypeVar

from ..model import Accepted, FamilyEntry, Input, Lock, LockEntry

T = TypeVar("T")
_Facts = Dict[Tuple[str, str], Any]

EMPTY = Lock({}, {}, {})
#: stands for the fact that can't be known: the output of a step that has no entry
_UNKNOWN = object()

CHANGED = "changed differently on both sides"
REMOVED = "changed on one side, removed on the other"
OLDER = "changed on the side whose digests are of an older scheme"


class Dropped(NamedTuple):
    """A step that has no entry in the merged lock although it had one: it is stale."""

    step: str
    why: str                          #: one of the texts above
    facts: Tuple[str, ...] = ()       #: what can't be merged: ``code``, ``param alpha``, ``input data.csv`` ...


class Merged(NamedTuple):
    """The lock that two sides come to."""

    lock: Lock
    dropped: Tuple[Dropped, ...] = ()     #: sorted by step


def merge(base: Optional[Lock], ours: Lock, theirs: Lock) -> Merged:
    """Return what two locks come to that were made from one; `base` is None where they had none in common."""
    base = base if base is not None else EMPTY._replace(scheme=min(ours.scheme, theirs.scheme))
    if ours in (theirs, base):
        return Merged(theirs)
    if theirs == base:
        return Merged(ours)
    if ours.scheme != theirs.scheme:
        return _across_schemes(base, *sorted((ours, theirs), key=lambda side: side.scheme))
    steps, dropped = _Steps(base, ours, theirs).merged()
    families, mixed = _families(base, ours, theirs)
    accepted = _table(*[{each[:2]: each for each in side.accepted} for side in (base, ours, theirs)])
    return Merged(
        Lock(steps, _sorted(_table(base.definitions, ours.definitions, theirs.definitions)),
             _sorted(_table(base.packages, ours.packages, theirs.packages)), ours.scheme, _in_order(accepted), families),
        tuple(sorted([*dropped, *mixed])))


def _families(base: Lock, ours: Lock, theirs: Lock) -> Tuple[Dict[str, FamilyEntry], List[Dropped]]:
    """Merge the entries of families: by instances, where both sides saw them depend on the same."""
    found: Dict[str, FamilyEntry] = {}
    dropped: List[Dropped] = []
    for name in sorted({**base.families, **ours.families, **theirs.families}):
        sides = [lock.families.get(name) for lock in (base, ours, theirs)]
        entry = _three(*sides)
        if entry is _UNKNOWN:
            before, mine, other = sides
            if mine is None or other is None or mine.observed != other.observed:
                dropped.append(Dropped(name, CHANGED if mine and other else REMOVED, ("observed",) if mine and other else ()))
                continue
            entry = _family(before if before is not None else FamilyEntry(mine.code, ()), mine, other)
        if entry is not None:
            found[name] = entry
    return found, dropped


def _family(base: FamilyEntry, ours: FamilyEntry, theirs: FamilyEntry) -> FamilyEntry:
    """Merge the instances of two entries, each with what it wrote; of two that wrote one file neither is certain to be right."""
    made = _table(*[{key: (artifact, wrote.get(key, ())) for key, artifact in side.instances}
                    for side in (base, ours, theirs) for wrote in [dict(side.products)]])
    often = Counter(product.path for _, products in made.values() for product in products)
    made = {key: each for key, each in made.items() if all(often[product.path] == 1 for product in each[1])}
    inputs = _table(*[dict(side.inputs) for side in (base, ours, theirs)])
    # the code is told for people: an instance's key has it
    return FamilyEntry(min(ours.code, theirs.code), tuple(sorted((key, artifact) for key, (artifact, _) in made.items())), ours.observed,
                       tuple(Input(*each) for each in sorted(inputs.items())),
                       tuple(sorted((key, products) for key, (_, products) in made.items() if products)))


def _across_schemes(base: Lock, older: Lock, newer: Lock) -> Merged:
    """Return the newer side, without what the other one changed: its digests can't be compared."""
    touched = [name for name in sorted({*older.steps, *base.steps}) if older.steps.get(name) != base.steps.get(name)]
    steps = {name: entry for name, entry in newer.steps.items() if name not in touched}
    dropped = tuple(Dropped(name, OLDER) for name in touched if name in newer.steps or name in older.steps)
    packages = _table(base.packages, older.packages, newer.packages)
    families = {name: entry for name, entry in newer.families.items() if older.families.get(name) == base.families.get(name)}
    return Merged(newer._replace(steps=steps, packages=_sorted(packages), families=families), dropped)


def _in_order(accepted: Mapping[Tuple[str, ...], Accepted]) -> Tuple[Accepted, ...]:
    return tuple(sorted(accepted.values()))


def _sorted(table: Mapping[str, T]) -> Dict[str, T]:
    return dict(sorted(table.items()))


def _table(base: Mapping[Any, T], ours: Mapping[Any, T], theirs: Mapping[Any, T]) -> Dict[Any, T]:
    """Merge facts by name; one that both sides changed differently is left out."""
    found: Dict[Any, T] = {}
    for name in {**base, **ours, **theirs}:
        value = _three(base.get(name), ours.get(name), theirs.get(name))
        if value is not None and value is not _UNKNOWN:
            found[name] = value
    return found


def _three(base: Any, ours: Any, theirs: Any) -> Any:
    if ours in (theirs, base):
        return theirs
    return ours if theirs == base else _UNKNOWN


class _Steps:
    """The merge of the entries: first those that one side alone changed, then the others, upstream first."""

    def __init__(self, base: Lock, ours: Lock, theirs: Lock) -> None:
        self._base, self._sides = base.steps, (ours.steps, theirs.steps)
        self._steps: Dict[str, LockEntry] = {}
        self._dropped: Dict[str, Dropped] = {}
        self._open: Dict[str, None] = {}      #: the steps that both sides changed

    def merged(self) -> Tuple[Dict[str, LockEntry], List[Dropped]]:
        ours, theirs = self._sides
        for name in sorted({**self._base, **ours, **theirs}):
            entry = _three(self._base.get(name), ours.get(name), theirs.get(name))
            if entry is _UNKNOWN:
                self._open[name] = None
            elif entry is not None:
                self._steps[name] = entry
        for name in _upstream_first(self._open, self._upstreams):
            self._decide(name)
        return _sorted(self._steps), list(self._dropped.values())

    def _upstreams(self, name: str) -> Set[str]:
        return {each.step for side in self._sides if name in side for each in side[name].upstreams}

    def _decide(self, name: str) -> None:
        entries = [side[name] for side in self._sides if name in side]
        if len(entries) < 2:
            self._dropped[name] = Dropped(name, REMOVED)
            return
        facts = [_facts_of(entry) for entry in entries]
        merged = self._merged_facts(_facts_of(self._base.get(name)), *facts)
        fitting = [entry for entry, each in zip(entries, facts) if each == merged]
        if not fitting or len({entry.key for entry in fitting}) > 1:
            unclear = sorted(f"{kind} {what}".strip() for (kind, what), value in merged.items() if value is _UNKNOWN)
            self._dropped[name] = Dropped(name, CHANGED, tuple(unclear))
            return
        # of two results of one key both are right: the choice is the same from either side
        self._steps[name] = min(fitting)

    def _merged_facts(self, base: _Facts, ours: _Facts, theirs: _Facts) -> _Facts:
        found: _Facts = {}
        for name in {**ours, **theirs}:
            value = _three(base.get(name), ours.get(name), theirs.get(name))
            if name[0] == "upstream":
                value = self._upstream(value, ours.get(name), theirs.get(name))
            if value is not None:
                found[name] = value
        return found

    def _upstream(self, merged: Any, ours: Any, theirs: Any) -> Any:
        """Return (step, output) of an upstream as the merged lock has it."""
        named = {each[0] for each in (ours, theirs) if each is not None}
        if merged is None or len(named) != 1:
            return merged
        step = named.pop()
        if step in self._steps:
            return (step, self._steps[step].artifact.output)
        return _UNKNOWN if step in self._open else merged


def _facts_of(entry: Optional[LockEntry]) -> _Facts:
    """Return all that an entry says of what its step was made from."""
    if entry is None:
        return {}
    facts: _Facts = {("code", ""): entry.code}
    facts.update((("param", name), digest) for name, digest in entry.params)
    facts.update((("input", each.path), each.digest) for each in entry.inputs)
    facts.update((("upstream", each.parameter), (each.step, each.output)) for each in entry.upstreams)
    facts.update((("product", each.path), True) for each in entry.products)
    facts.update((("observed", what), digest) for what, digest in entry.observed)
    return facts


def _upstream_first(names: Mapping[str, None], upstreams: Callable[[str], Set[str]]) -> List[str]:
    """Return names in an order in which each comes after its upstreams; those in a circle come last."""
    waits = {name: upstreams(name) & set(names) - {name} for name in names}
    users: Dict[str, List[str]] = {}
    for name, each in waits.items():
        for step in each:
            users.setdefault(step, []).append(name)
    ready = [name for name in names if not waits[name]]
    for name in ready:
        for user in users.get(name, []):
            waits[user].discard(name)
            if not waits[user]:
                ready.append(user)
    return [*ready, *(name for name in names if waits[name])]
