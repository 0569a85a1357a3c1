"""Results carried over to another scheme of digests, where it is proved that only the digests are others.

After a change of the scheme, no key of the lockfile can be compared with one of now. A step's result is
carried over where all that its key was made of is known to be what it was: its code by the units and
texts that the database has of that execution (``samecode``); params, inputs and what was observed by
equal digests; upstream steps by being carried over themselves. The output is digested anew from the
stored value. What is not proved runs again, with the reason told.
"""
from __future__ import annotations

from typing import Callable, Dict, Mapping, NamedTuple, Optional, Sequence, Tuple, Union

from ..engine.conditions import portable
from ..engine.planner import InputDigest, inputs_of, key_of
from ..model import (
    Artifact,
    Digest,
    Lock,
    LockEntry,
    Observation,
    Reason,
    StepFacts,
    Trace,
    Upstream,
    base_of,
)
from .samecode import SameCode


class Present(NamedTuple):
    """The project as it is now."""

    facts: Mapping[str, StepFacts]                          #: in topological order
    input_digest: InputDigest
    broken: Callable[[Trace], Tuple[Reason, ...]]           #: why what an execution was seen to depend on does not hold
    output: Callable[[str, Artifact], Optional[Digest]]     #: the digest of a stored value now, None where there is none


class Upgrade(NamedTuple):
    """What becomes of the entries of a lock of another scheme."""

    traces: Mapping[str, Trace]          #: of the steps that are carried over, by the digests of now
    again: Mapping[str, str]             #: step -> why it has to run again


def upgraded(lock: Lock, recorded: Mapping[str, Sequence[Trace]], present: Present, code: SameCode) -> Upgrade:
    """Return what can be carried over of a lock; `recorded` are the executions that the database knows."""
    traces: Dict[str, Trace] = {}
    again: Dict[str, str] = {}
    for name, facts in present.facts.items():
        entry = lock.steps.get(name)
        trace = None if entry is None else _recorded(entry, recorded.get(name, ()))
        if entry is None or trace is None:
            again[name] = "its instances are not carried over" if facts.family is not None else \
                "the lockfile has no entry of it" if entry is None else "its execution is not recorded here"
            continue
        found = _carried(lock, trace, facts, present, _Before(code, traces))
        if isinstance(found, str):
            again[name] = found
        else:
            traces[name] = found
    return Upgrade(traces, again)


class _Before(NamedTuple):
    code: SameCode
    traces: Mapping[str, Trace]          #: of the steps above that are carried over


def _recorded(entry: LockEntry, traces: Sequence[Trace]) -> Optional[Trace]:
    """Return the execution that a lockfile entry tells of."""
    for trace in reversed(traces):
        if (trace.key, trace.artifact, portable(trace.observation)) == (entry.key, entry.artifact, entry.observed):
            return trace
    return None


def _carried(lock: Lock, trace: Trace, facts: StepFacts, present: Present, before: _Before) -> Union[Trace, str]:
    """Return a trace by the digests of now, or why it can't be had."""
    other = _other(trace, facts, present, before.code)
    if other is not None:
        return other
    upstreams = _upstreams(lock, trace, facts, before.traces)
    if isinstance(upstreams, str):
        return upstreams
    output = present.output(facts.name, trace.artifact)
    if output is None:
        return "its value is not stored here, so it can't be digested anew"
    key = key_of(facts, trace.inputs, upstreams)
    return Trace(facts.name, key, facts.fingerprint.digest, facts.fingerprint.root, facts.params, trace.inputs, upstreams,
                 trace.artifact._replace(output=output), trace.products, facts.fingerprint.packages,
                 _observation(trace.observation, before.code))


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


def _upstreams(lock: Lock, trace: Trace, facts: StepFacts, above: Mapping[str, Trace]) -> Union[Tuple[Upstream, ...], str]:
    then = {each.parameter: each for each in trace.upstreams}
    if {(each.parameter, each.step) for each in trace.upstreams} != set(facts.upstreams):
        return "it uses other steps"
    found = []
    for parameter, step in facts.upstreams:
        if step not in above:
            return f"step `{step}` runs again"
        if step != base_of(step) or step not in lock.steps:
            return f"it uses a part of `{base_of(step)}`"
        if then[parameter].output != lock.steps[step].artifact.output:
            return f"it was made from another output of `{step}`"
        found.append(Upstream(parameter, step, above[step].artifact.output))
    return tuple(found)


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
