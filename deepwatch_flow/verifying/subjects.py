"""What a verification compares with: the steps that are as the lockfile says, the instances of families among them.

The walk goes by the outputs that the lockfile names, not by those of the last run: so each step is judged by
itself, whatever the steps before it would give now.
"""
from __future__ import annotations

from typing import Dict, Iterable, List, Mapping, NamedTuple, Optional, Sequence, Tuple, Union

from ..engine.families import gathered, instances
from ..engine.planner import (
    World,
    elements_of,
    inputs_of,
    judge,
    key_of,
    outputs_of,
    part_of,
    upstreams_of,
)
from ..errors import PipelineError
from ..histories import trace_of
from ..model import (
    Accepted,
    Artifact,
    Digest,
    Fresh,
    Lock,
    Policy,
    ProductFile,
    Reason,
    Stale,
    StepFacts,
    Trace,
    Verdict,
    base_of,
)
from ..report import explain
from ..vouching import LOCKFILE

#: reasons for which a step would run, and by which it is what the lockfile says all the same
_LOST = frozenset({"artifact", "product"})
#: reasons that speak of the step itself
_OF_ITSELF = frozenset({"code", "artifact", "never-ran", "uncacheable"})


class Locked(NamedTuple):
    """A step or an instance to verify: what the lockfile says of it, and by which trace it is what it was."""

    facts: StepFacts
    artifact: Artifact
    products: Tuple[ProductFile, ...]
    trace: Trace
    given: Tuple[Tuple[str, str, Artifact], ...] = ()      #: (parameter, step, its artifact): what it gets of others
    accepted: Tuple[Accepted, ...] = ()


class Subjects(NamedTuple):
    """All steps of a pipeline as far as the lockfile tells of them."""

    steps: Mapping[str, Union[Locked, str]]                #: in topological order, families by their instances; or why it can't be compared
    members: Mapping[str, Tuple[str, ...]]                 #: family -> its instances, where they are known
    manifests: Mapping[Digest, bytes]                      #: blobs that are the values of families
    products: Mapping[str, Tuple[ProductFile, ...]]        #: step, or family -> what it wrote, by the lockfile


def subjects_of(world: World, lock: Lock) -> Subjects:
    """Return what the lockfile says of all steps; `world` has those of the whole pipeline."""
    walk = _Walk(world, lock)
    for name in world.facts:
        if world.facts[name].family is not None:
            walk.family(name)
        else:
            walk.step(name)
    return Subjects(walk.steps, walk.members, walk.manifests, {name: tuple(each) for name, each in walk.products.items()})


class _Walk:
    def __init__(self, world: World, lock: Lock) -> None:
        self._facts = dict(world.facts)                    # instances are added
        self._world = world._replace(facts=self._facts)
        self._lock = lock
        self._outputs: Dict[str, Digest] = {}              # of steps, parts of their values, instances, families
        self._traces: Dict[str, Trace] = {}                # what the lockfile says of them
        self.steps: Dict[str, Union[Locked, str]] = {}
        self.members: Dict[str, Tuple[str, ...]] = {}
        self.manifests: Dict[Digest, bytes] = {}
        self.products: Dict[str, List[ProductFile]] = {}

    # -- steps --------------------------------------------------------------------------------------

    def step(self, name: str) -> None:
        """Note what the lockfile says of a step."""
        facts = self._facts[name]
        entry = self._lock.steps.get(name)
        if entry is not None:
            self._know(name, trace_of(name, entry, lambda _: ""))
            self.products[name] = list(entry.products)
        why = self._unknown(facts, [step for _, step in facts.upstreams])
        if why is None and entry is None:
            why = f"`{LOCKFILE}` has no result of `{name}`"
        if why is not None or entry is None:
            self.steps[name] = why or ""
            return
        verdict = judge(self._world, name, self._outputs, Policy(), False)
        found = self._trace_of(verdict, entry.key)
        self.steps[name] = found if isinstance(found, str) else Locked(
            facts, entry.artifact, entry.products, found, self._given(facts), _accepted(verdict))

    def _know(self, name: str, trace: Trace) -> None:
        self._traces[name] = trace
        self._outputs.update(outputs_of(self._world, name, trace))

    def _unknown(self, facts: StepFacts, needed: Iterable[str]) -> Optional[str]:
        """Return why nothing can be said of a step by the lockfile, given what it gets of others; None where something can."""
        if facts.fingerprint.uncacheable is not None:
            return f"it runs each time: {facts.fingerprint.uncacheable}"
        for step in needed:
            if base_of(step) not in self._traces:
                return f"`{LOCKFILE}` has no result of `{base_of(step)}`"
            if step not in self._outputs:
                return f"what `{base_of(step)}` gave is not stored here"
        return None

    def _trace_of(self, verdict: Verdict, key: Digest) -> Union[Trace, str]:
        """Return the trace by which a step is what an entry of this key says, or why it is not."""
        if isinstance(verdict, Fresh) and key in (verdict.key, verdict.trace.key):
            return verdict.trace
        kept = self._world.history.by_key.get(key, ())
        reasons: Tuple[Reason, ...] = () if isinstance(verdict, Fresh) else verdict.reasons
        if isinstance(verdict, Stale) and verdict.key == key and kept and {each.kind for each in reasons} <= _LOST:
            return kept[0]
        return _out_of_date(reasons, "the lockfile has another result")

    def _given(self, facts: StepFacts) -> Tuple[Tuple[str, str, Artifact], ...]:
        return tuple([(parameter, step, self._made(step)) for parameter, step in facts.upstreams])

    def _made(self, step: str) -> Artifact:
        """Return the artifact of a step, an instance, or a part of a value, as the lockfile has it."""
        known = self._traces.get(step)
        return known.artifact if known is not None else part_of(self._world, self._traces[base_of(step)], step).artifact

    # -- families -----------------------------------------------------------------------------------

    def family(self, name: str) -> None:
        """Note what the lockfile says of the instances of a family, and of the family by them."""
        facts = self._facts[name]
        axes = facts.family.axes if facts.family is not None else ()
        why = self._unknown(facts, [axis.step for axis in axes if axis.step] + [step for _, step in facts.upstreams])
        if why is None and name not in self._lock.families:
            why = f"`{LOCKFILE}` has no result of `{name}`"
        lost = [axis.step for axis in axes if axis.step and self._elements(axis.step) is None] if why is None else []
        if lost:
            why = f"what `{base_of(lost[0])}` gave is not stored here"
        try:
            found = instances(facts, lambda step: self._elements(step) or {}) if why is None else ()
        except PipelineError as error:
            why = error.message
        if why is not None:
            self.steps[name] = why
            return
        self.members[name] = tuple([each.name for each in found])
        entry = self._lock.families[name]
        made, wrote = dict(entry.instances), dict(entry.products)
        for each in found:
            self._facts[each.name] = each
            self._instance(name, each, made, wrote)
        if all(each.name in self._traces for each in found):
            trace, data = gathered(facts, self.members[name], self._made)
            self.manifests[trace.artifact.blob] = data
            self._traces[name] = trace
            self._outputs[name] = trace.artifact.output

    def _elements(self, step: str) -> Optional[Mapping[str, Artifact]]:
        if base_of(step) in self.members:
            return {each: self._made(each) for each in self.members[base_of(step)]}
        return elements_of(self._world, self._traces[base_of(step)], step)

    def _instance(self, family: str, facts: StepFacts, made: Mapping[Digest, Artifact], wrote: Mapping[Digest, Tuple[ProductFile, ...]]) -> None:
        """Note what the lockfile says of one instance; `made` and `wrote` have its values and products by their keys."""
        verdict = judge(self._world, facts.name, self._outputs, Policy(), False)
        keys = self._keys(family, facts, verdict)
        key = next((each for each in keys if each in made), None)
        if key is None:
            self.steps[facts.name] = _out_of_date(() if isinstance(verdict, Fresh) else verdict.reasons, f"`{LOCKFILE}` has no result of it")
            return
        found = self._trace_of(verdict, key)
        products = wrote.get(key, ())
        self.products.setdefault(family, []).extend(products)
        self._know(facts.name, Trace(facts.name, key, facts.fingerprint.digest, Digest(""), (), (), (), made[key], products))
        self.steps[facts.name] = found if isinstance(found, str) else Locked(
            facts, made[key], products, found, self._given(facts), _accepted(verdict))

    def _keys(self, family: str, facts: StepFacts, verdict: Verdict) -> List[Digest]:
        """Return the keys by which the lockfile may know an instance: of now, of what stands for it, of its code of then."""
        found = [verdict.key, verdict.trace.key] if isinstance(verdict, Fresh) else [verdict.key] if isinstance(verdict, Stale) else []
        inputs, missing = inputs_of(facts, self._world.input_digest)
        if not missing:
            upstreams = upstreams_of(facts, self._outputs)
            found += [key_of(facts, inputs, upstreams, code) for code in (self._lock.families[family].code, facts.accepted_code) if code]
        return [key for key in found if key]


def _out_of_date(reasons: Sequence[Reason], otherwise: str) -> str:
    """Return why a step is not what the lockfile says; of the instances of a family it is the same text."""
    told = [reason._replace(subject="") if reason.kind in _OF_ITSELF else reason for reason in reasons]
    return f"it is out of date: {explain.headline(told) or otherwise}"


def _accepted(verdict: Verdict) -> Tuple[Accepted, ...]:
    return verdict.accepted if isinstance(verdict, Fresh) else ()
