"""Steps that run again in one run although they were fresh: what they gave is needed, and can't be had."""
from __future__ import annotations

from typing import Callable, Dict, Iterable, Mapping, Optional, Tuple

from ..model import Reason, StepFacts, Trace, base_of
from .fanout import FanOut
from .line import Line
from .planner import World, part_of

#: how often a step is run again because its stored value is gone, in one run
_REVIVALS = 2

Lost = Mapping[str, Tuple[Reason, ...]]


class Revival:
    """Which values are lost, and which steps are to run again for them; `facts` and `traces` are the run's."""

    def __init__(self, world: World, facts: Mapping[str, StepFacts], traces: Mapping[str, Trace], fanout: FanOut, line: Line) -> None:
        self._world = world
        self._facts = facts
        self._traces = traces
        self._fanout = fanout
        self._line = line
        self._again: Dict[str, Tuple[Reason, ...]] = {}
        self._times: Dict[str, int] = {}

    def made(self, step: str) -> Trace:
        """Return the trace of a step that is done, or of a part of its value."""
        return self._traces[step] if step in self._traces else part_of(self._world, self._traces[base_of(step)], step)

    def maker(self, step: str) -> str:
        """Return the step that makes a value: an instance, or the step that the value is a part of."""
        return step if step in self._traces else base_of(step)

    def put(self, name: str, reasons: Tuple[Reason, ...]) -> None:
        """Have a step run whatever it is judged next, for these reasons."""
        self._again[name] = reasons

    def take(self, name: str) -> Optional[Tuple[Reason, ...]]:
        """Return the reasons that were put for a step, once; None where it is judged as any other."""
        return self._again.pop(name, None)

    def lost(self, name: str, is_live: Callable[[str], bool]) -> Dict[str, Tuple[Reason, ...]]:
        """Return the steps whose values a step needs and that can't be had, each with why."""
        found: Dict[str, Tuple[Reason, ...]] = {}
        for _, step in self._facts[name].upstreams:
            gone, _ = self._world.holdings(self.made(step), True)
            if gone and not is_live(step):
                found[self.maker(step)] = gone
        return found

    def revive(self, consumer: str, lost: Lost, running: Iterable[str]) -> Optional[str]:
        """Put steps before the one that needs their values; return one that was run too often for that already."""
        spent = next((step for step in lost if self._times.get(step, 0) >= _REVIVALS), None)
        if spent is not None:
            return spent
        for step, gone in lost.items():
            self._line.wait(consumer, step)
            self._times[step] = self._times.get(step, 0) + 1
            if self._facts[step].family is not None:
                members = {each: self._world.holdings(self._traces[each], True)[0] for each in self._fanout.members(step)}
                spent = self.revive(step, {each: why for each, why in members.items() if why}, running)
                if spent is not None:
                    return spent
            elif step not in self._again and step not in running:
                self._again[step] = gone
                self._line.push(step)
        return None
