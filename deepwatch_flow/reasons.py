"""Reasons told in full: a changed fingerprint as the definitions that changed in it.

The planner says that a step's code changed; this says which definition, where it stands, how the
step comes to use it, and what its text was and is. Units of earlier runs are in the database; in a
fresh clone the definitions in the lockfile tell at least the names.
"""
from __future__ import annotations

from typing import Callable, Dict, Iterable, List, Mapping, Optional, Tuple

from .engine.changes import Change, changes
from .model import Digest, Fresh, Lock, Plan, Reason, StepFacts, Unit, base_of
from .state.database import Database


class Explainer:
    """Tells reasons in full; `units` gives the units of fingerprints made in this session."""

    def __init__(self, database: Database, lock: Optional[Lock], facts: Mapping[str, StepFacts],
                 units: Callable[[Iterable[Digest]], List[Unit]], text: Callable[[Unit], Optional[str]]) -> None:
        self._database = database
        self._lock = lock
        self._facts = facts
        self._units = units
        self._text = text
        self._new: Dict[Digest, Unit] = {}
        self._loaded = False
        self._old: Dict[Digest, Optional[Unit]] = {}
        self._known: Dict[Tuple[Digest, Digest], Tuple[Change, ...]] = {}

    def tell(self, step: str, reasons: Tuple[Reason, ...]) -> Tuple[Reason, ...]:
        """Return reasons with each `code` reason exchanged for the definitions behind it."""
        if len(reasons) == 1 and reasons[0].kind != "code":     # what most steps of a first run have
            return reasons
        told: List[Reason] = []
        packages = {reason.subject for reason in reasons if reason.kind == "package"}
        for reason in reasons:
            if reason.kind != "code":
                told.append(reason)
                continue
            found = self._changes(step, Digest(reason.old or ""), Digest(reason.new or ""))
            told += [each for each in found if each.subject not in packages]
            if not found and not packages:
                told.append(reason._replace(old=None, new=None))
        # by hidden code the same definition may be reached several times: the first way there will do
        return tuple({each._replace(path=()): each for each in reversed(told)}.values())[::-1]

    def _changes(self, step: str, old: Digest, new: Digest) -> List[Reason]:
        if not old:
            return self._by_lock(step, new)
        pair = (old, new)
        if pair not in self._known:
            if new not in self._new:      # of hidden code: no step's fingerprint
                self._new.update((unit.deep, unit) for unit in self._units([new]))
            self._known[pair] = tuple(changes(old, new, self._old_unit, self._new_unit))
        accepted = {each.new for each in self._facts[step].accepted} if step in self._facts else set()
        return [self._reason(step, change) for change in self._known[pair]
                if change.new is None or change.new.deep not in accepted]

    def _reason(self, step: str, change: Change) -> Reason:
        unit = change.new or change.old
        if unit is None:
            return Reason("code", change.path[-1] if change.path else step, path=(step, *change.path[1:]))
        old = self._database.text(change.old.own) if change.old is not None else None
        new = self._text(change.new) if change.new is not None else None
        kind = "package" if unit.kind == "package" else "code"
        return Reason(kind, unit.name, old, new, unit.file, unit.line, (step, *change.path[1:]))

    def _by_lock(self, step: str, new: Digest) -> List[Reason]:
        definitions = self._lock.definitions if self._lock is not None else {}
        found = []
        for unit in self._units([new]):
            known = definitions.get(unit.name)
            if known is not None and known != unit.own and unit.kind != "step":
                found.append(Reason("code", unit.name, None, self._text(unit), unit.file, unit.line, (step, unit.name)))
        return found

    def _old_unit(self, deep: Digest) -> Optional[Unit]:
        if deep not in self._old:
            self._old[deep] = self._database.unit(deep)
        return self._old[deep]

    def _new_unit(self, deep: Digest) -> Optional[Unit]:
        unit = self._new.get(deep)
        if unit is None:
            self._load()
            unit = self._new.get(deep)
        return unit

    def _load(self) -> None:
        if not self._loaded:
            self._loaded = True
            for unit in self._units([facts.fingerprint.root for facts in self._facts.values()]):
                self._new[unit.deep] = unit


def reasons_of(name: str, plan: Plan) -> Tuple[Reason, ...]:
    """Return all reasons of a plan for which a step would run, those of its upstream steps included.

    Reasons of an upstream step have the path from it down to the given step's consumer first. What holds
    for many instances of a family alike is told once, of the family.
    """
    reasons: Dict[Reason, None] = {}
    for other, verdict in plan.verdicts.items():
        if isinstance(verdict, Fresh):
            continue
        told = other if other == name else base_of(other)
        for reason in verdict.reasons:
            reason = reason.told_of(other, told)
            path = reason.path if reason.path[:1] == (told,) else (told, *reason.path)
            reasons[reason if name == told else reason._replace(path=(name, *path))] = None
    return tuple(reasons)
