"""What the steps of one run gave, as far as they are done.

A run may have a million steps, so nothing is kept of one that its trace tells: its output, say.
"""
from __future__ import annotations

from typing import Dict, Iterable, Iterator, Mapping, Sequence, Set

from ..model import Digest, Fresh, Input, StepFacts, Trace, Upstream, base_of
from .planner import World, outputs_of


class Results:
    """The traces of the steps that are done; `facts` are the run's: instances are added."""

    def __init__(self, world: World, facts: Mapping[str, StepFacts]) -> None:
        self._world = world
        self._facts = facts
        self.traces: Dict[str, Trace] = {}        # what holds now, for the lockfile
        self._unvouched: Set[str] = set()         # those of them that hold in this run alone
        self._reused: Set[str] = set()
        self._parts: Dict[str, Digest] = {}       # the outputs of parts of values
        #: by step, or part of a step's value that others take apart
        self.outputs: Mapping[str, Digest] = _Outputs(self.traces, self._parts)

    def settle(self, name: str, trace: Trace, vouched: bool, ran: bool) -> None:
        """Note what a step gave; `vouched` tells that it was recorded, `ran` that it was executed in this run."""
        self.traces[name] = trace
        (self._unvouched.discard if vouched else self._unvouched.add)(name)
        (self._reused.discard if ran else self._reused.add)(name)
        if self._facts[name].parts is not None:
            self._parts.update(outputs_of(self._world, name, trace))

    def ran(self, name: str) -> bool:
        """Tell whether what a step gave was made in this run."""
        return name in self.traces and name not in self._reused

    def all_vouched(self, names: Iterable[str]) -> bool:
        """Tell whether what all of these steps gave was recorded."""
        return self._unvouched.isdisjoint(names)

    def settled(self) -> Dict[str, Trace]:
        """Return what holds now, of families only those of which all instances were wanted."""
        return {name: trace for name, trace in self.traces.items() if name not in self._world.only}

    def vouched(self) -> Dict[str, Trace]:
        """Return what holds now, without what was not recorded."""
        return {name: trace for name, trace in self.traces.items() if name not in self._unvouched}


class _Outputs(Mapping[str, Digest]):
    """The outputs in traces, and those of parts."""

    def __init__(self, traces: Mapping[str, Trace], parts: Mapping[str, Digest]) -> None:
        self._traces = traces
        self._parts = parts

    def __getitem__(self, step: str) -> Digest:
        trace = self._traces.get(step)
        return trace.artifact.output if trace is not None else self._parts[step]

    def __iter__(self) -> Iterator[str]:
        yield from self._traces
        yield from (part for part in self._parts if part not in self._traces)

    def __len__(self) -> int:
        return len(self._traces.keys() | self._parts.keys())


def of_now(facts: StepFacts, verdict: Fresh, key: Digest, inputs: Sequence[Input], upstreams: Sequence[Upstream]) -> Trace:
    """Return the trace of a step that is fresh as one of its code and its key of now.

    Its root stays: what the execution used is told by the code that it ran. A trace that is so already
    is returned itself: history and run then share it.
    """
    trace = verdict.trace
    if not verdict.pinned:
        trace = trace._replace(step=facts.name, key=key, params=facts.params)
    if not (verdict.pinned or verdict.accepted):     # else it stays the record of the code that the result was made with
        trace = trace._replace(code=facts.fingerprint.digest, packages=facts.fingerprint.packages,
                               root=trace.root or facts.fingerprint.root)
    if facts.name != base_of(facts.name):    # the lockfile's line of an instance does not tell what it was made of
        trace = trace._replace(inputs=tuple(inputs), upstreams=tuple(upstreams))
    return verdict.trace if trace == verdict.trace else trace
