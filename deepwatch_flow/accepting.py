"""Which changes of a step's code are accepted: found between two fingerprints, named for people. Pure.

A definition is accepted by the pair of its deep digests, former and of now, so that the acceptance is
void once the definition or anything that it uses changes again. Definitions that use each other have
no deep digests of their own: those of a knot are accepted together, or none of them.
"""
from __future__ import annotations

from collections import deque
from typing import (
    AbstractSet,
    Callable,
    Deque,
    Dict,
    Iterable,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Set,
    Tuple,
)

from .checking import meant
from .engine.changes import Lookup, matched
from .errors import ConfigError, quoted
from .model import ALL, Accepted, Digest, Unit

#: gives what a step's code counts as if definitions had their former deep digests
AsFormerly = Callable[[Mapping[Digest, Digest]], Digest]


class Pair(NamedTuple):
    """A unit as it was and as it is."""

    old: Unit
    new: Unit
    names: Tuple[str, ...]        #: what its change is called by; empty where only something that it uses changed

    @property
    def name(self) -> str:
        """The name for the lockfile."""
        return self.names[0] if self.names else self.new.name


class Code(NamedTuple):
    """A step's code as its result was made with it, and as it is now."""

    step: str
    former: Digest                #: what the result was made with
    root: Digest                  #: of now
    pairs: Tuple[Pair, ...]       #: what differs; empty where it is not known what there was
    as_formerly: AsFormerly


def differing(old_root: Digest, new_root: Digest, old_unit: Lookup, new_unit: Lookup) -> Tuple[Pair, ...]:
    """Return all units below two roots whose deep digests differ, users before what they use."""
    found: List[Pair] = []
    seen: Set[Tuple[Digest, Digest]] = set()
    waiting: Deque[Tuple[Digest, Digest]] = deque([(old_root, new_root)])
    while waiting:
        both = waiting.popleft()
        if both[0] == both[1] or both in seen:
            continue
        seen.add(both)
        old, new = old_unit(both[0]), new_unit(both[1])
        if old is None or new is None:
            continue
        pairs, gone, come = matched(old, new)
        waiting.extend(pairs)
        # where the text is what it was, a name in it stands for something else: `why` tells of that one
        others = [unit.name for lookup, uses in ((new_unit, come), (old_unit, gone)) for _, deep in uses
                  for unit in [lookup(deep)] if unit is not None]
        changed = old.own != new.own or bool(gone or come)
        found.append(Pair(old, new, (new.name, *others) if changed else ()))
    return tuple(found)


def accept(code: Code, definition: Optional[str], reason: str, before: Iterable[Accepted] = ()) -> Tuple[Accepted, ...]:
    """Return the changes of a step's code that are accepted now, without a definition all that are not yet.

    `before` are those accepted earlier that are in the code of now. Raises ConfigError where the definition did not change, or is
    in a knot with another one that changed.
    """
    changed = [pair for pair in code.pairs if pair.names and pair.new.kind != "step"]
    if definition is None:
        known = {each[2:4] for each in before}      # these keep the reason that was given for them
        accepted = _named(code.step, [pair for pair in _with_knots(code.pairs, changed) if (pair.old.deep, pair.new.deep) not in known], reason)
        former = {each.new: each.old for each in (*before, *accepted)}
        if accepted and code.as_formerly(former) == code.former:
            return accepted
        # the step's own parameters, what its code reads of others, effects of imports, units that nobody recorded
        return (Accepted(code.step, ALL, code.former, code.root, reason),)
    if not code.pairs:
        raise ConfigError(f"it is not known here which definitions of `{code.step}` changed: its result was made on another machine",
                          hint=f'accept all of its code: deepwatch accept {quoted(code.step)} --reason "…"')
    chosen = _chosen(code.step, changed, definition)
    pairs = _with_knots(code.pairs, chosen)
    also = [pair for pair in pairs if pair.names and pair not in chosen]
    if also:
        raise ConfigError(f"`{chosen[0].name}` and `{also[0].name}` use each other, and both changed: one can't be accepted alone",
                          hint=f'accept all changes: deepwatch accept {quoted(code.step)} --reason "…"')
    return _named(code.step, pairs, reason)


def _chosen(step: str, changed: List[Pair], definition: str) -> List[Pair]:
    """Return the changes that a name stands for; the end of a dotted name will do where it fits one."""
    exact = [pair for pair in changed if definition in pair.names]
    found = exact or [pair for pair in changed if any(name.endswith(f".{definition}") for name in pair.names)]
    if len({pair.name for pair in found}) > 1:
        raise ConfigError(f"`{definition}` fits several changes of `{step}`: {_listed(found)}", hint="give the whole name")
    if not found:
        names = [pair.name for pair in changed]
        raise ConfigError(f"`{definition}` is none of the definitions of `{step}` that changed",
                          hint=meant(definition, names, f"these changed: {_listed(changed)}") if names else None)
    return found


def _listed(pairs: List[Pair]) -> str:
    return ", ".join(f"`{name}`" for name in dict.fromkeys(pair.name for pair in pairs))


def _named(step: str, pairs: Iterable[Pair], reason: str) -> Tuple[Accepted, ...]:
    found: Dict[str, Accepted] = {}
    for pair in pairs:
        name, number = pair.name, 1
        while name in found:      # two lambdas of one module
            number += 1
            name = f"{pair.name} ({number})"
        found[name] = Accepted(step, name, pair.old.deep, pair.new.deep, reason)
    return tuple(sorted(found.values()))


# -- knots ----------------------------------------------------------------------------------------

def _with_knots(pairs: Tuple[Pair, ...], chosen: List[Pair]) -> List[Pair]:
    """Return the chosen units and those that are in a knot with one of them."""
    users: Dict[Digest, List[Digest]] = {}
    uses = {pair.new.deep: [deep for _, deep in pair.new.links] for pair in pairs}
    for user, used in uses.items():
        for deep in used:
            users.setdefault(deep, []).append(user)
    taken: Set[Digest] = set()
    for pair in chosen:
        if pair.new.deep not in taken:
            taken |= _reached(pair.new.deep, uses) & _reached(pair.new.deep, users)
    return [pair for pair in pairs if pair.new.deep in taken]


def _reached(start: Digest, links: Mapping[Digest, List[Digest]]) -> AbstractSet[Digest]:
    found = {start}
    waiting = [start]
    while waiting:
        for deep in links.get(waiting.pop(), ()):
            if deep not in found:
                found.add(deep)
                waiting.append(deep)
    return found
