"""What differs between two locks. Pure."""
from __future__ import annotations

from typing import Any, Callable, Dict, Iterator, List, Mapping, NamedTuple, Optional, Tuple, TypeVar

from ..model import FamilyEntry, Lock, LockEntry

Entry = TypeVar("Entry", LockEntry, FamilyEntry)

ADDED, REMOVED, CHANGED = "added", "removed", "changed"


class Fact(NamedTuple):
    """One fact of a step's entry that differs."""

    kind: str                  #: code | param | input | upstream | observed | output | product | stored | key
    name: str                  #: of the param, the path, the upstream step; else empty
    old: Optional[str]         #: digest, or what else tells the fact; None where it was not there
    new: Optional[str]


class StepChange(NamedTuple):
    """A step whose entries differ."""

    name: str
    change: str                       #: added | removed | changed
    facts: Tuple[Fact, ...] = ()      #: of a changed step, causes before results

    @property
    def same_output(self) -> bool:
        """Whether the step gives the same value, so that steps below it have no reason to run."""
        return self.change == CHANGED and not any(fact.kind in ("output", "instances") for fact in self.facts)


class NameChange(NamedTuple):
    """A definition, package or accepted change that differs."""

    name: str
    change: str
    old: Optional[str] = None
    new: Optional[str] = None


class LockDiff(NamedTuple):
    """All that differs between two locks, sorted by name."""

    steps: Tuple[StepChange, ...]
    definitions: Tuple[NameChange, ...]
    packages: Tuple[NameChange, ...]
    accepted: Tuple[NameChange, ...]
    scheme: Optional[Tuple[int, int]] = None      #: old and new, where they differ

    @property
    def any(self) -> bool:
        """Whether anything differs."""
        return self != LockDiff((), (), (), ())


def differences(old: Lock, new: Lock) -> LockDiff:
    """Return what differs between two locks."""
    steps = sorted([*_changes(old.steps, new.steps, _facts), *_changes(old.families, new.families, _family_facts)])
    return LockDiff(tuple(steps), _names(old.definitions, new.definitions), _names(old.packages, new.packages),
                    _names(_accepted(old), _accepted(new)),
                    (old.scheme, new.scheme) if old.scheme != new.scheme else None)


def _changes(old: Mapping[str, Entry], new: Mapping[str, Entry], facts: Callable[[Entry, Entry], Tuple[Fact, ...]]) -> Iterator[StepChange]:
    for name in {**old, **new}:
        before, after = old.get(name), new.get(name)
        if before is None or after is None:
            yield StepChange(name, ADDED if before is None else REMOVED)
        elif before != after:
            yield StepChange(name, CHANGED, facts(before, after))


def _facts(old: LockEntry, new: LockEntry) -> Tuple[Fact, ...]:
    found: List[Fact] = []
    before, after = _told(old), _told(new)
    for kind in before:
        for name in sorted({*before[kind], *after[kind]}):
            was, is_ = before[kind].get(name), after[kind].get(name)
            if was != is_:
                found.append(Fact(kind, name, was, is_))
    # the key is made of the causes: alone it differs where a parameter has another name
    return tuple(found) or (Fact("key", "", old.key, new.key),)


def _family_facts(old: FamilyEntry, new: FamilyEntry) -> Tuple[Fact, ...]:
    """Return what differs of a family: its code, what it was seen to depend on, and how many instances came and went."""
    found = [Fact("code", "", old.code, new.code)] if old.code != new.code else []
    before, after = dict(old.observed), dict(new.observed)
    found += _named("input", dict(old.inputs), dict(new.inputs))
    found += _named("observed", before, after)
    gone, come = dict(old.instances).keys() - dict(new.instances).keys(), dict(new.instances).keys() - dict(old.instances).keys()
    other = [key for key, made in new.instances if dict(old.instances).get(key, made) != made]
    for count, word in ((len(come), "new"), (len(gone), "gone"), (len(other), "of another value")):
        if count:
            found.append(Fact("instances", f"{count} {'instance' if count == 1 else 'instances'} {word}", str(count), str(count)))
    return (*found, *_named("product", *({file.path: file.blob for _, files in side.products for file in files} for side in (old, new))))


def _named(kind: str, old: Mapping[str, str], new: Mapping[str, str]) -> List[Fact]:
    return [Fact(kind, name, old.get(name), new.get(name)) for name in sorted({*old, *new}) if old.get(name) != new.get(name)]


def _told(entry: LockEntry) -> Dict[str, Dict[str, str]]:
    """Return the facts of an entry by kind and name, causes before results."""
    return {"code": {"": entry.code}, "param": dict(entry.params),
            "input": {each.path: each.digest for each in entry.inputs},
            "upstream": {f"{each.parameter} = {each.step}" if each.parameter != each.step else each.step: each.output
                         for each in entry.upstreams},
            "observed": dict(entry.observed), "output": {"": entry.artifact.output},
            "product": {each.path: each.blob for each in entry.products},
            "stored": {"": f"{entry.artifact.codec} {entry.artifact.blob}"}}


def _accepted(lock: Lock) -> Dict[str, str]:
    return {f"{each.step}:{each.definition}": each.reason for each in lock.accepted}


def _names(old: Mapping[str, Any], new: Mapping[str, Any]) -> Tuple[NameChange, ...]:
    return tuple(
        NameChange(name, ADDED if name not in old else REMOVED if name not in new else CHANGED, old.get(name), new.get(name))
        for name in sorted({*old, *new}) if old.get(name) != new.get(name))
