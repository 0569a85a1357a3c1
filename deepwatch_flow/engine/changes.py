"""Which definitions changed between two fingerprints, and by which path they are used. Pure.

Two roots are walked side by side over their units: where the deep digests agree nothing below can
differ, where the own digests differ a definition changed. The work is in proportion to the change.
"""
from __future__ import annotations

from collections import deque
from typing import Callable, Deque, Dict, List, NamedTuple, Optional, Set, Tuple

from ..model import Digest, Unit

_Use = Tuple[str, Digest]
_Pair = Tuple[Digest, Digest, Tuple[str, ...]]
Lookup = Callable[[Digest], Optional[Unit]]


class Change(NamedTuple):
    """One definition that changed, came or went."""

    old: Optional[Unit]
    new: Optional[Unit]
    path: Tuple[str, ...]            #: names from the root's user down to the definition


def changes(old_root: Digest, new_root: Digest, old_unit: Lookup, new_unit: Lookup, limit: int = 50) -> List[Change]:
    """Return the changed definitions between two roots, nearest first; empty where units are unknown."""
    found: List[Change] = []
    seen: Set[Tuple[Digest, Digest]] = set()
    waiting: Deque[_Pair] = deque([(old_root, new_root, ())])
    while waiting and len(found) < limit:
        old_deep, new_deep, path = waiting.popleft()
        if old_deep == new_deep or (old_deep, new_deep) in seen:
            continue
        seen.add((old_deep, new_deep))
        old, new = old_unit(old_deep), new_unit(new_deep)
        if old is None or new is None:
            continue
        here = (*path, new.name) if new.kind != "step" else path
        if old.own != new.own:
            found.append(Change(old, new, here))
        both, gone, come = matched(old, new)
        waiting.extend((before, after, here) for before, after in both)
        if old.own == new.own:  # the text is what it was, so a name in it stands for something else
            found += [_other(text, None, new_unit(deep), here) for text, deep in come]
            found += [_other(text, old_unit(deep), None, here) for text, deep in gone]
    return found


def _other(text: str, old: Optional[Unit], new: Optional[Unit], path: Tuple[str, ...]) -> Change:
    unit = new or old
    return Change(old, new, (*path, unit.name if unit is not None else text))


def matched(old: Unit, new: Unit) -> Tuple[List[Tuple[Digest, Digest]], List[_Use], List[_Use]]:
    """Match the links of two units by the text of their uses: those of both, those gone, those come."""
    before: Dict[str, List[Digest]] = {}
    for text, deep in old.links:
        before.setdefault(text, []).append(deep)
    both: List[Tuple[Digest, Digest]] = []
    come: List[_Use] = []
    for text, deep in new.links:
        others = before.get(text)
        if others:
            both.append((others.pop(0), deep))
        else:
            come.append((text, deep))
    return both, [(text, deep) for text, deeps in before.items() for deep in deeps], come
