"""The line in which steps wait: for those that they need, for resources, then for their turn.

It may hold a million steps, so each is one number and one name, and a step that waits for others is a
count of them: who waits is noted with the step that is waited for, once for each time it is counted.
"""
from __future__ import annotations

import heapq
from typing import Dict, Hashable, List, Mapping, Sequence, Tuple

#: the places of a family's instances lie between its own and the next step's: room for 2 ** 40 of them
_ROOM = 40


class Line:
    """Which steps are ready, the next one first: by priority, then by their order; instances in their family's place."""

    def __init__(self, needs: Mapping[str, Sequence[str]], priorities: Mapping[str, float]) -> None:
        """`needs` are the steps in topological order, each with those that it needs; others than these don't count."""
        order = sorted(needs, key=lambda name: -priorities.get(name, 0.0)) if priorities else needs
        self._place = {name: number << _ROOM for number, name in enumerate(order)}
        self._left: Dict[str, int] = {}                   # for how many a step waits, if for any
        self._consumers: Dict[str, List[str]] = {}        # who waits for a step
        self._ready: List[Tuple[int, str]] = []
        self._held: Dict[Hashable, List[Tuple[int, str]]] = {}      # ready, but what they want is in use
        self._tried: Dict[str, Hashable] = {}             # back in line, to see whether there is enough now
        for name, listed in needs.items():
            for need in dict.fromkeys(listed):
                if need in needs:
                    self.wait(name, need)
            if name not in self._left:
                self.push(name)

    def __bool__(self) -> bool:
        return bool(self._ready)

    def push(self, name: str) -> None:
        """Have a step be ready."""
        heapq.heappush(self._ready, (self._place[name], name))

    def pop(self) -> str:
        """Take the step that comes next."""
        return heapq.heappop(self._ready)[1]

    def wait(self, name: str, step: str) -> None:
        """Have one step wait for another one that is to be done, or to be done again."""
        self._left[name] = self._left.get(name, 0) + 1
        self._consumers.setdefault(step, []).append(name)

    def release(self, name: str) -> None:
        """Let those go on that waited for a step."""
        for consumer in self._consumers.pop(name, ()):
            left = self._left.pop(consumer) - 1
            if left:
                self._left[consumer] = left
            else:
                self.push(consumer)

    def insert(self, family: str, members: Sequence[str]) -> None:
        """Put the instances of a family in line, in its place; the family waits for all of them."""
        place = self._place[family]
        for number, member in enumerate(members, 1):
            self._place[member] = place + number
            self.wait(family, member)
            self.push(member)
        if not members:
            self.push(family)

    # -- those that are ready, and want what is in use ------------------------------------------------

    def hold(self, name: str, wants: Hashable) -> None:
        """Have a ready step wait until something is given back; `wants` stands for what it wants, the same for many."""
        self._tried.pop(name, None)
        heapq.heappush(self._held.setdefault(wants, []), (self._place[name], name))

    def try_held(self) -> None:
        """Put the first of those back that are held for the same: something was given back.

        The next one is tried when that one `had_turn`. If all were tried, each step that ends would
        cost a look at every step that waits.
        """
        for wants in list(self._held):
            self._try(wants)

    def had_turn(self, name: str) -> None:
        """Note that a step was begun, or could not be; if it was held before, it may be the turn of the next one."""
        if self._tried and name in self._tried:
            self._try(self._tried.pop(name))

    def _try(self, wants: Hashable) -> None:
        held = self._held.get(wants)
        if held:
            place, name = heapq.heappop(held)
            if not held:
                del self._held[wants]
            self._tried[name] = wants
            heapq.heappush(self._ready, (place, name))
