"""In which order what is ready is begun: how long a path it is on, what resources are left. Pure.

A step is begun before another if the longest path from it to the end is expected to take longer, as
critical path scheduling has it (Graham 1966 bounds what such lists cost); durations are those of the
last executions.
"""
from __future__ import annotations

import heapq
from typing import Dict, Hashable, List, Mapping, Optional, Sequence, Tuple

from ..errors import ConfigError
from ..model import base_of

#: seconds that a step is expected to take where none was ever timed
_UNKNOWN = 1.0


def priorities(needs: Mapping[str, Sequence[str]], durations: Mapping[str, float]) -> Dict[str, float]:
    """Return the expected seconds from the start of each step to the end of all that depends on it.

    `needs` are the steps in topological order, each with those that it needs.
    """
    known = [durations[name] for name in needs if name in durations]
    usual = sum(known) / len(known) if known else _UNKNOWN
    longest: Dict[str, float] = dict.fromkeys(needs, 0.0)
    for name in reversed(list(needs)):
        longest[name] += durations.get(name, usual)
        for need in needs[name]:
            if need in longest:
                longest[need] = max(longest[need], longest[name])
    return longest


class Resources:
    """What steps take while they run, against what there is; a resource without a total is not counted."""

    def __init__(self, totals: Mapping[str, float], wanted: Mapping[str, Mapping[str, float]]) -> None:
        """Raise ConfigError where a step asks for more than there will ever be."""
        self._left: Dict[str, float] = dict(totals)
        self._wanted = {name: {each: amount for each, amount in wants.items() if each in totals} for name, wants in wanted.items()}
        for name, wants in self._wanted.items():
            for each, amount in wants.items():
                if amount > totals[each]:
                    raise ConfigError(f"step `{name}` asks for {each}={amount:g}, and the settings have {totals[each]:g}",
                                      hint=f"[resources] {each} = ..., or @step(resources=...)")

    def take(self, name: str) -> bool:
        """Take what a step wants; False, and nothing is taken, where it is not there."""
        wants = self._wanted.get(name)
        if not wants:
            return True
        if any(amount > self._left[each] for each, amount in wants.items()):
            return False
        for each, amount in wants.items():
            self._left[each] -= amount
        return True

    def kind(self, name: str) -> Hashable:
        """Return what stands for all that a step wants: equal for those that want the same."""
        return tuple(sorted(self._wanted.get(name, {}).items()))

    def give_back(self, name: str) -> None:
        """Take back what a step had."""
        for each, amount in self._wanted.get(name, {}).items():
            self._left[each] += amount


class Retries:
    """How often failed executions are repeated, and when: each repetition waits twice as long as the one before."""

    def __init__(self, allowed: Mapping[str, Tuple[int, float]]) -> None:
        self._allowed = allowed                     # step or family -> (how often, seconds before the first)
        self._failed: Dict[str, int] = {}
        self._due: List[Tuple[float, str]] = []

    def again(self, name: str, now: float) -> Optional[Tuple[int, int, float]]:
        """Have a step that failed executed again; return (repetition, of how many, seconds until then), None for never."""
        often, delay = self._allowed.get(base_of(name), (0, 0.0))
        failed = self._failed[name] = self._failed.get(name, 0) + 1
        if failed > often:
            return None
        delay *= 2.0 ** (failed - 1)
        heapq.heappush(self._due, (now + delay, name))
        return failed, often, delay

    def next(self) -> Optional[float]:
        """Return when the next repetition is due."""
        return self._due[0][0] if self._due else None

    def due(self, now: float) -> Optional[str]:
        """Return a step that is to be executed again now, once."""
        return heapq.heappop(self._due)[1] if self._due and self._due[0][0] <= now else None


class Schedule:
    """What a run is told of order, resources and repetition."""

    def __init__(self, priorities: Optional[Mapping[str, float]] = None, resources: Optional[Resources] = None,
                 retries: Optional[Retries] = None) -> None:
        self.priorities = priorities or {}
        self.resources = resources or Resources({}, {})
        self.retries = retries or Retries({})
