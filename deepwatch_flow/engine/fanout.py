"""The families of one run: which instances they have, and which of those have the same key."""
from __future__ import annotations

from typing import Dict, Iterable, List, Mapping, Optional, Tuple

from ..model import Artifact, Digest, StepFacts, Trace, base_of
from .families import Claims, gathered, instances, named
from .planner import World, elements_of


class FanOut:
    """Takes families apart when what they go through is known, and puts them together when all is done.

    `facts` and `traces` are the run's: what steps are, and what holds of those that are done. Two
    instances of one key (two equal elements) are executed once: the other one waits for the result.
    """

    def __init__(self, world: World, facts: Dict[str, StepFacts], traces: Mapping[str, Trace]) -> None:
        self._world = world
        self._facts = facts
        self._traces = traces
        self._claims = Claims(world.produced)
        self._members: Dict[str, Tuple[str, ...]] = {}
        self._working: Dict[Digest, str] = {}      # instances of other families, too: of one key, they give the same
        self._keys: Dict[str, Digest] = {}         # of those that work
        self._done: Dict[Digest, Trace] = {}
        self._twins: Dict[Digest, List[str]] = {}

    def is_expanded(self, name: str) -> bool:
        """Whether the instances of a family are known."""
        return name in self._members

    def expand(self, name: str, force: Iterable[str] = ()) -> Tuple[str, ...]:
        """Return the names of a family's instances, whose facts are known from now on; raises PipelineError, and NoInstance where one is named that there is not."""
        facts = self._facts[name]
        members = named(facts, self._claims.taken(facts, instances(facts, self._parts_of)), self._world.only.get(name), force)
        self._facts.update((member.name, member) for member in members)
        self._members[name] = tuple([member.name for member in members])
        return self._members[name]

    def gather(self, name: str) -> Optional[Tuple[Trace, bytes]]:
        """Return the trace of a family and its manifest; None where it has no value as a whole."""
        members = self._members[name]
        if name in self._world.only or any(each not in self._traces for each in members):
            return None
        return gathered(self._facts[name], members, lambda each: self._traces[each].artifact)

    def members(self, name: str) -> Tuple[str, ...]:
        """Return the names of a family's instances."""
        return self._members[name]

    def _parts_of(self, step: str) -> Mapping[str, Artifact]:
        if step in self._members:
            return {each: self._traces[each].artifact for each in self._members[step]}
        return elements_of(self._world, self._traces[base_of(step)], step) or {}

    # -- instances of one key -----------------------------------------------------------------------

    def twin(self, name: str, key: Digest) -> Optional[Trace]:
        """Return the trace of an instance of this key that was done in this run."""
        return self._done.get(key) if base_of(name) != name else None

    def waits(self, name: str, key: Digest) -> bool:
        """Tell whether an instance has to wait for another one of its key; if not, others wait for it."""
        if base_of(name) == name:
            return False
        if self._working.setdefault(key, name) != name:
            self._twins.setdefault(key, []).append(name)
            return True
        self._keys[name] = key
        return False

    def ended(self, key: Digest, trace: Optional[Trace]) -> List[str]:
        """Note that an execution ended, without a trace where it failed; return those that waited for it."""
        self._keys.pop(self._working.pop(key, ""), None)
        if trace is not None and base_of(trace.step) != trace.step:
            self._done[key] = trace
        return self._twins.pop(key, [])

    def given_up(self, name: str) -> List[str]:
        """Note that a step comes to no result in this run; return those that waited for it."""
        key = self._keys.get(name)
        return [] if key is None else self.ended(key, None)
