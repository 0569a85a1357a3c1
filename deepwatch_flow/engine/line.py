"""The line in which steps wait: for those that they need, then for their turn."""
from __future__ import annotations

import heapq
from typing import Dict, List, Mapping, Sequence, Set, Tuple


class Line:
    """Which steps are ready, the next one first: by priority, then by their order; instances in their family's place."""

    def __init__(self, needs: Mapping[str, Sequence[str]], priorities: Mapping[str, float]) -> None:
        """`needs` are the steps in topological order, each with those that it needs; others than these don't count."""
        self._place = {name: (-priorities.get(name, 0.0), i, 0) for i, name in enumerate(needs)}
        self._waits = {name: {need for need in listed if need in needs} for name, listed in needs.items()}
        self._consumers: Dict[str, List[str]] = {name: [] for name in needs}
        for name, listed in self._waits.items():
            for need in listed:
                self._consumers[need].append(name)
        self._ready: List[Tuple[Tuple[float, int, int], str]] = []
        for name, listed in self._waits.items():
            if not listed:
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
        """Have one step wait for another one that is to be done again."""
        self._waits[name].add(step)
        if name not in self._consumers[step]:
            self._consumers[step].append(name)

    def release(self, name: str) -> None:
        """Let those go on that waited for a step."""
        for consumer in self._consumers[name]:
            waits: Set[str] = self._waits[consumer]
            if name in waits:
                waits.discard(name)
                if not waits:
                    self.push(consumer)

    def insert(self, family: str, members: Sequence[str]) -> None:
        """Put the instances of a family in line, in its place; the family waits for all of them."""
        priority, place, _ = self._place[family]
        for number, member in enumerate(members, 1):
            self._place[member] = (priority, place, number)
            self._waits[member] = set()
            self._consumers[member] = [family]
            self.push(member)
        self._waits[family] = set(members)
        if not members:
            self.push(family)
