"""Results carried over to another scheme of digests, where it is proved that only the digests are others.

After a change of the scheme, no key of the lockfile can be compared with one of now. A step's result is
carried over where all that its key was made of is known to be what it was: its code by the units and
texts that the database has of that execution (``samecode``); params, inputs and what was observed by
equal digests; upstream steps by being carried over themselves. The output is digested anew from the
stored value, part by part where it is stored so. What is not proved runs again, with the reason told.
"""
from __future__ import annotations

from typing import Callable, Dict, FrozenSet, Mapping, NamedTuple, Optional, Sequence, Tuple, Union

from ..engine.conditions import portable
from ..engine.families import gathered, instances
from ..engine.planner import InputDigest, inputs_of, key_of
from ..errors import PipelineError
from ..model import (
    Artifact,
    Digest,
    FamilyEntry,
    Lock,
    LockEntry,
    Observation,
    Reason,
    StepFacts,
    Trace,
    Upstream,
    base_of,
    part_name,
)
from ..state.parts import CODEC, parse, part_artifacts
from .samecode import SameCode

#: what an instance was made of: the outputs that it got, by its parameters, and its params
_Marks = Tuple[FrozenSet[Tuple[str, Digest]], FrozenSet[Tuple[str, Digest]]]
_NOTHING = Artifact(Digest(""), Digest(""), 0, "")


class Present(NamedTuple):
    """The project as it is now."""

    facts: Mapping[str, StepFacts]                          #: in topological order
    input_digest: InputDigest
    broken: Callable[[Trace], Tuple[Reason, ...]]           #: why what an execution was seen to depend on does not hold
    anew: Callable[[str, Artifact], Optional[Artifact]]     #: a stored value by the digests of now, None where it can't be had
    read: Callable[[Digest], Optional[bytes]]               #: a stored blob, None where there is none


class Upgrade(NamedTuple):
    """What becomes of the entries of a lock of another scheme."""

    traces: Mapping[str, Trace]               #: of the steps and instances that are carried over, by the digests of now
    again: Mapping[str, str]                  #: step or instance -> why it has to run again
    families: Mapping[str, Trace] = {}        #: of the families all of whose instances are carried over


def upgraded(lock: Lock, recorded: Mapping[str, Sequence[Trace]], present: Present, code: SameCode) -> Upgrade:
    """Return what can be carried over of a lock; `recorded` are the executions that the database knows."""
    walk = _Walk(lock, recorded, present, code)
    for name, facts in present.facts.items():
        if facts.family is not None:
            why = walk.family(facts)
            if why is not None:
                walk.again[name] = why
        else:
            walk.step(facts)
    return Upgrade(walk.traces, walk.again, walk.families)


class _Walk:
    """Goes through the steps in topological order: what a step got of others was carried over before it."""

    def __init__(self, lock: Lock, recorded: Mapping[str, Sequence[Trace]], present: Present, code: SameCode) -> None:
        self._lock, self._recorded, self._present, self._code = lock, recorded, present, code
        #: what was carried over, by the digests of then and of now: steps, parts of their values, instances, families
        self._then: Dict[str, Artifact] = {}
        self._now: Dict[str, Artifact] = {}
        self._members: Dict[str, Tuple[str, ...]] = {}
        self.traces: Dict[str, Trace] = {}
        self.again: Dict[str, str] = {}
        self.families: Dict[str, Trace] = {}

    def step(self, facts: StepFacts) -> None:
        """Carry over a step, or note why it runs again."""
        entry = self._lock.steps.get(facts.name)
        trace = None if entry is None else _recorded(entry, self._recorded.get(facts.name, ()))
        if entry is None or trace is None:
            self.again[facts.name] = "the lockfile has no entry of it" if entry is None else "its execution is not recorded here"
            return
        found: Union[Trace, str] = "it uses other steps"
        if {(each.parameter, each.step) for each in trace.upstreams} == set(facts.upstreams):
            found = self._carried(trace, facts)
        self._note(facts, trace, found)

    def family(self, facts: StepFacts) -> Optional[str]:
        """Carry over the instances of a family, or note of each why it runs again; return why nothing can be said of them."""
        entry = self._lock.families.get(facts.name)
        if entry is None or facts.family is None:
            return "the lockfile has no entry of it"
        if facts.fingerprint.uncacheable is not None:
            return facts.fingerprint.uncacheable
        for source in [axis.step for axis in facts.family.axes if axis.step]:
            if base_of(source) not in self._members and source not in self._now:
                return f"step `{base_of(source)}` runs again"
            if base_of(source) not in self._members and self._now[source].codec != CODEC:
                return f"what `{base_of(source)}` gave is not stored by its elements"
        try:
            members = instances(facts, self._elements)
        except PipelineError as error:
            return error.message
        self._members[facts.name] = names = tuple([each.name for each in members])
        made = dict(entry.instances)
        known = self._executions(facts.name, entry, made)
        for each in members:
            missing = next((step for _, step in each.upstreams if step not in self._then), None)
            trace = None if missing is not None else known.get(self._marks(each)) or self._last(each.name, entry, made)
            if trace is not None:
                self._note(each, trace, self._carried(trace, each))
            else:
                self.again[each.name] = f"step `{base_of(missing)}` runs again" if missing is not None else "its execution is not recorded here"
        if all(name in self.traces for name in names):
            self._then[facts.name] = gathered(facts, names, self._then.__getitem__)[0].artifact
            self.families[facts.name] = gathered(facts, names, self._now.__getitem__)[0]
            self._now[facts.name] = self.families[facts.name].artifact
        return None

    def _note(self, facts: StepFacts, trace: Trace, found: Union[Trace, str]) -> None:
        if isinstance(found, str):
            self.again[facts.name] = found
            return
        self.traces[facts.name] = found
        self._then.update(self._parts(facts.name, trace.artifact, facts.apart))
        self._now.update(self._parts(facts.name, found.artifact, facts.apart))

    def _parts(self, name: str, artifact: Artifact, apart: Tuple[str, ...] = ()) -> Dict[str, Artifact]:
        """Return the artifacts of a value and of its parts, by their names."""
        found = {name: artifact}
        data = self._present.read(artifact.blob) if artifact.codec == CODEC else None
        if data is not None:
            found.update(part_artifacts(name, parse(data)))
            for part in [part_name(name, label) for label in apart]:
                if part in found:
                    found.update(self._parts(part, found[part]))
        return found

    # -- instances ----------------------------------------------------------------------------------

    def _elements(self, step: str) -> Mapping[str, Artifact]:
        if base_of(step) in self._members:
            return {name: self._now.get(name, _NOTHING) for name in self._members[base_of(step)]}
        return {name: artifact for name, artifact in self._parts(step, self._now[step]).items() if name != step}

    def _executions(self, family: str, entry: FamilyEntry, made: Mapping[Digest, Artifact]) -> Dict[_Marks, Trace]:
        """Return the recorded executions that a family's entry tells of, whatever they were called."""
        return {(frozenset((each.parameter, each.output) for each in trace.upstreams), frozenset((each.name, each.digest) for each in trace.params)): trace
                for name, traces in self._recorded.items() if base_of(name) == family for trace in traces if _is_in(trace, entry, made)}

    def _last(self, name: str, entry: FamilyEntry, made: Mapping[Digest, Artifact]) -> Optional[Trace]:
        """Return the last execution of an instance of this name: what became different since is told."""
        return next((trace for trace in reversed(self._recorded.get(name, ())) if _is_in(trace, entry, made)), None)

    def _marks(self, facts: StepFacts) -> _Marks:
        return (frozenset((parameter, self._then[step].output) for parameter, step in facts.upstreams),
                frozenset((each.name, each.digest) for each in facts.params))

    # -- one execution ------------------------------------------------------------------------------

    def _carried(self, trace: Trace, facts: StepFacts) -> Union[Trace, str]:
        """Return a trace by the digests of now, or why it can't be had."""
        other = _other(trace, facts, self._present, self._code)
        if other is not None:
            return other
        upstreams = self._upstreams(trace, facts)
        if isinstance(upstreams, str):
            return upstreams
        artifact = self._present.anew(facts.name, trace.artifact)
        if artifact is None:
            return "its value is not stored here, so it can't be digested anew"
        key = key_of(facts, trace.inputs, upstreams)
        return Trace(facts.name, key, facts.fingerprint.digest, facts.fingerprint.root, facts.params, trace.inputs, upstreams, artifact,
                     trace.products, facts.fingerprint.packages, _observation(trace.observation, self._code))

    def _upstreams(self, trace: Trace, facts: StepFacts) -> Union[Tuple[Upstream, ...], str]:
        then = {each.parameter: each.output for each in trace.upstreams}
        found = []
        for parameter, step in facts.upstreams:
            if step not in self._now:
                return f"step `{base_of(step)}` runs again"
            if then.get(parameter) != self._then[step].output:
                return f"it was made from another output of `{base_of(step)}`"
            found.append(Upstream(parameter, step, self._now[step].output))
        return tuple(found) if len(found) == len(then) else "it uses other steps"


def _is_in(trace: Trace, entry: FamilyEntry, made: Mapping[Digest, Artifact]) -> bool:
    """Tell whether a family's entry in the lockfile tells of an execution; `made` has its instances."""
    return made.get(trace.key) == trace.artifact and set(portable(trace.observation)) <= set(entry.observed)


def _recorded(entry: LockEntry, traces: Sequence[Trace]) -> Optional[Trace]:
    """Return the execution that a lockfile entry tells of."""
    for trace in reversed(traces):
        if (trace.key, trace.artifact, portable(trace.observation)) == (entry.key, entry.artifact, entry.observed):
            return trace
    return None


def _other(trace: Trace, facts: StepFacts, present: Present, code: SameCode) -> Optional[str]:
    """Return what is not known to be as it was, its upstream steps aside."""
    if facts.fingerprint.uncacheable is not None:
        return facts.fingerprint.uncacheable
    if trace.packages != facts.fingerprint.packages:
        return "a package has another version"
    other = code.difference(trace.root, facts.fingerprint.root)
    if other is not None:
        return other
    then, now = {each.name: each.digest for each in trace.params}, {each.name: each.digest for each in facts.params}
    for name in sorted({*then, *now}):
        if then.get(name) != now.get(name):
            return f"param `{name}` is not known to be what it was"
    if inputs_of(facts, present.input_digest) != (trace.inputs, ()):
        return "an input is not known to be what it was"
    if not _are_products(facts, trace):
        return "it has other products"
    broken = present.broken(trace)
    return f"`{broken[0].subject}`, which it was seen to use, is not known to be what it was" if broken else None


def _are_products(facts: StepFacts, trace: Trace) -> bool:
    declared = [path for _, path in facts.products]
    return all(any(each.path == path or each.path.startswith(path + "/") for path in declared) for each in trace.products)


def _observation(observation: Optional[Observation], code: SameCode) -> Optional[Observation]:
    """Return an observation with the own digests of now for the functions that ran."""
    if observation is None:
        return None
    ran = [(name, code.owns.get(own)) for name, own in observation.ran]
    if any(own is None for _, own in ran):
        # of no use to the precise mode: it must know all that ran
        return observation._replace(ran=(), code=False)
    return observation._replace(ran=tuple((name, own) for name, own in ran if own is not None))
