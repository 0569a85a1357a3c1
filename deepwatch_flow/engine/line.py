"""The line in which steps wait: for those that they need, for resources, then for their turn.

It may hold a million steps, so each has a number, under which all else is listed, and a step that waits
for others is a count of them: who waits is noted with the step that is waited for, once for each time
it is counted.
"""
from __future__ import annotations

import heapq
from typing import Dict, Hashable, List, Mapping, Optional, Sequence, Tuple

#: (rank, number): what comes first has the lower one
_Place = Tuple[int, int]


class Line:
    """Which steps are ready, the next one first: by priority, then by their order; instances in their family's place."""

    def __init__(self, needs: Mapping[str, Sequence[str]], priorities: Mapping[str, float]) -> None:
        """`needs` are the steps in topological order, each with those that it needs; others than these don't count."""
        self._numbers = {name: number for number, name in enumerate(needs)}
        # by number
        self._names = list(needs)
        self._ranks = self._ranked(priorities)            # instances have their family's
        self._left = [0] * len(self._names)               # for how many a step waits
        self._consumers: List[Optional[List[str]]] = [None] * len(self._names)     # who waits for a step
        self._ready: List[_Place] = []
        self._held: Dict[Hashable, List[_Place]] = {}     # ready, but what they want is in use
        self._tried: Dict[str, Hashable] = {}             # back in line, to see whether there is enough now
        for name, listed in needs.items():
            for need in dict.fromkeys(listed):
                if need in self._numbers:
                    self.wait(name, need)
            if not self._left[self._numbers[name]]:
                self.push(name)

    def __bool__(self) -> bool:
        return bool(self._ready)

    def push(self, name: str) -> None:
        """Have a step be ready."""
        heapq.heappush(self._ready, self._place(name))

    def pop(self) -> str:
        """Take the step that comes next."""
        return self._names[heapq.heappop(self._ready)[1]]

    def wait(self, name: str, step: str) -> None:
        """Have one step wait for another one that is to be done, or to be done again."""
        self._left[self._numbers[name]] += 1
        number = self._numbers[step]
        waiting = self._consumers[number]
        if waiting is None:
            self._consumers[number] = [name]
        else:
            waiting.append(name)

    def release(self, name: str) -> None:
        """Let those go on that waited for a step."""
        number = self._numbers[name]
        waiting, self._consumers[number] = self._consumers[number], None
        for consumer in waiting or ():
            at = self._numbers[consumer]
            self._left[at] -= 1
            if not self._left[at]:
                self.push(consumer)

    def insert(self, family: str, members: Sequence[str]) -> None:
        """Put the instances of a family in line, in its place; the family waits for all of them."""
        count = len(members)
        self._numbers.update(zip(members, range(len(self._names), len(self._names) + count)))
        self._names += members
        self._ranks += [self._ranks[self._numbers[family]]] * count
        self._left += [0] * count
        self._consumers += [None] * count
        for member in members:
            self.wait(family, member)
            self.push(member)
        if not members:
            self.push(family)

    def _ranked(self, priorities: Mapping[str, float]) -> List[int]:
        """Return by number which steps come first."""
        numbers = list(self._numbers.values())       # the same numbers, not a second set of them
        ranks = list(numbers)
        if priorities:
            for rank, number in zip(numbers, sorted(numbers, key=lambda number: -priorities.get(self._names[number], 0.0))):
                ranks[number] = rank
        return ranks

    def _place(self, name: str) -> _Place:
        number = self._numbers[name]
        return self._ranks[number], number

    # -- those that are ready, and want what is in use ------------------------------------------------

    def hold(self, name: str, wants: Hashable) -> None:
        """Have a ready step wait until something is given back; `wants` stands for what it wants, the same for many."""
        self._tried.pop(name, None)
        heapq.heappush(self._held.setdefault(wants, []), self._place(name))

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
            place = heapq.heappop(held)
            if not held:
                del self._held[wants]
            self._tried[self._names[place[1]]] = wants
            heapq.heappush(self._ready, place)
