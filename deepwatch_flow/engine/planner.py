"""The decision: is a step fresh, and if not, why. Pure; the only place that decides it.

A key is the digest of a step's code, params, inputs and the output digests of its upstream steps.
A step is fresh if a trace with this key is known, what its execution was seen to depend on is as it
was, and what it recorded can be had. A trace with former code will do where all that changed since was
accepted; in precise mode one with any other code, if nothing that its execution used has changed. Every branch that says *stale* gives its reason there and then;
``why`` only renders them.
"""
from __future__ import annotations

from typing import Callable, Dict, FrozenSet, List, Mapping, NamedTuple, Optional, Sequence, Tuple, Union

from ..hashing.digest import Hasher
from ..model import (
    Artifact,
    Digest,
    Fresh,
    History,
    Input,
    Policy,
    ProductFile,
    Reason,
    Stale,
    StepFacts,
    Trace,
    Upstream,
    Verdict,
    base_of,
    part_name,
)
from .restored import Restored

#: gives the reasons for which a trace's artifact or products can't be had, and the products to put back
Holdings = Callable[[Trace, bool], Tuple[Tuple[Reason, ...], Tuple[ProductFile, ...]]]
#: gives the digest of a declared input, None where there is no such file or folder
InputDigest = Callable[[str], Optional[Digest]]
#: gives the reasons for which what an execution was seen to depend on is not as it was; empty: it is
Broken = Callable[[Trace], Tuple[Reason, ...]]
#: tells whether all that changed in a step's code since a trace is proved to be of no effect on it
Unaffected = Callable[[Trace, StepFacts], bool]
#: gives the artifacts of the parts of a trace's value by the names of the parts; None where it has none, or lost them
Parts = Callable[[Trace], Optional[Mapping[str, Artifact]]]


def _whole(_: Trace) -> Optional[Mapping[str, Artifact]]:
    return None


def _no_reasons(_: Trace) -> Tuple[Reason, ...]:
    return ()


def _unproved(_: Trace, __: StepFacts) -> bool:
    return False


class World(NamedTuple):
    """All that the planner may look at."""

    facts: Mapping[str, StepFacts]             #: selected steps, in topological order
    history: History
    input_digest: InputDigest
    holdings: Holdings
    produced: Mapping[str, str]                #: path of a product -> its step or instance, as far as paths are known before a run
    broken: Broken = _no_reasons
    unaffected: Unaffected = _unproved
    parts: Parts = _whole
    only: Mapping[str, FrozenSet[str]] = {}    #: family -> the instances that are wanted of it, where not all are
    #: gives `input_digest` and `broken` as they will be once products are back; the plan adds these as it goes on
    ahead: Optional[Callable[[Restored], Tuple[InputDigest, Broken]]] = None


def inputs_of(facts: StepFacts, input_digest: InputDigest) -> Tuple[Tuple[Input, ...], Tuple[str, ...]]:
    """Return a step's inputs with their digests, and the paths of those that are missing."""
    inputs: List[Input] = []
    missing: List[str] = []
    for _, path in facts.files:
        digest = input_digest(path)
        if digest is None:
            missing.append(path)
        else:
            inputs.append(Input(path, digest))
    return tuple(inputs), tuple(missing)


def key_of(facts: StepFacts, inputs: Sequence[Input], upstreams: Sequence[Upstream],
           code: Optional[Digest] = None) -> Digest:
    """Return the key of one execution, of this code or of another."""
    hasher = Hasher("key/1").field("code", code or facts.fingerprint.digest)
    for param in facts.params:
        hasher.field("param", param.name).field("value", param.digest)
    for (parameter, _), declared in zip(facts.files, inputs):
        hasher.field("input", parameter).field("path", declared.path).field("content", declared.digest)
    for upstream in upstreams:
        hasher.field("upstream", upstream.parameter).field("output", upstream.output)
    for parameter, path in facts.products:
        hasher.field("product", parameter).field("path", path)
    return hasher.digest()


def upstreams_of(facts: StepFacts, outputs: Mapping[str, Digest]) -> Tuple[Upstream, ...]:
    """Return a step's upstreams with their output digests."""
    return tuple(Upstream(parameter, step, outputs[step]) for parameter, step in facts.upstreams)


def judge(world: World, name: str, outputs: Mapping[str, Digest], policy: Policy, wanted: bool) -> Verdict:
    """Return the verdict on a step whose upstream outputs are all known.

    `wanted` tells that the step's own value must be at hand, not only its digest.
    """
    facts = world.facts[name]
    kept = pinned(world, facts, policy, wanted)
    if kept is not None:
        return kept
    if facts.fingerprint.uncacheable is not None:
        return Stale((Reason("uncacheable", name, new=facts.fingerprint.uncacheable),), None)
    inputs, missing = inputs_of(facts, world.input_digest)
    if missing:
        return Stale(tuple(Reason("input", path, new=None) for path in missing), None)
    upstreams = upstreams_of(facts, outputs)
    key = key_of(facts, inputs, upstreams)
    wish = asked(facts, policy)
    if wish:
        return Stale(wish, key)
    traces = world.history.by_key.get(key, ())
    verdict = _best(world, facts, traces, wanted)
    if isinstance(verdict, Fresh):
        return verdict
    formerly = _accepted(world, facts, inputs, upstreams, wanted)
    if isinstance(formerly, Fresh):
        return formerly
    verdict = verdict or formerly
    proved = _unaffected(world, facts, inputs, upstreams, wanted) if facts.precise else None
    if proved is not None:
        return proved._replace(key=key)
    if verdict is None:
        return Stale(differences(facts, inputs, upstreams, _last(world, facts, inputs, upstreams)), key)
    return verdict._replace(key=key)


def _forced(facts: StepFacts, policy: Policy) -> bool:
    return facts.forced or base_of(facts.name) in policy.force


def asked(facts: StepFacts, policy: Policy) -> Tuple[Reason, ...]:
    """Return why a step runs whatever has changed."""
    if _forced(facts, policy):
        return (Reason("forced", facts.name),)
    return (Reason("cue", facts.name, new="always"),) if facts.cue == "always" else ()


def pinned(world: World, facts: StepFacts, policy: Policy, wanted: bool) -> Optional[Fresh]:
    """Return the verdict on a step whose last result will do whatever has changed, where it can be had."""
    if facts.cue != "never" or _forced(facts, policy):
        return None
    last = world.history.latest.get(facts.name)
    for trace in (*([last] if last is not None else []), *world.history.by_step.get(facts.name, ())):
        if not _are_declared(facts, trace):
            continue
        lost, restore = world.holdings(trace, wanted)
        if not lost:
            return Fresh(trace, restore, pinned=True)
    return None


def _best(world: World, facts: StepFacts, traces: Sequence[Trace], wanted: bool) -> Union[Fresh, Stale, None]:
    """Return the verdict by the first of some traces that holds, or why none does; None without any.

    The key of the verdict is left to the caller.
    """
    reasons: Tuple[Reason, ...] = ()
    for each in traces:
        trace = each if each.step == facts.name else each._replace(step=facts.name)     # of another instance, or label
        if not _are_declared(facts, trace):
            continue      # of another declaration, or of a lockfile that somebody wrote by hand
        broken = world.broken(trace)
        if broken:
            reasons = reasons or broken
            continue
        lost, restore = world.holdings(trace, wanted)
        if not lost and facts.parts is not None and not _is_in_parts(world, facts, trace):
            lost = (Reason("artifact", facts.name),)
        lost += tuple(Reason("product", path, new="gone") for path in _folders_left_empty(facts, trace) if world.input_digest(path) is None)
        if not lost:
            return Fresh(trace, restore)
        reasons = lost
    return Stale(reasons, None) if reasons else None


def _are_declared(facts: StepFacts, trace: Trace) -> bool:
    """Tell whether all products of a trace are such as the step declares: others are never written."""
    declared = [path for _, path in facts.products]
    return all(any(each.path == path or each.path.startswith(path + "/") for path in declared) for each in trace.products)


def _unaffected(world: World, facts: StepFacts, inputs: Sequence[Input], upstreams: Sequence[Upstream],
                wanted: bool) -> Optional[Fresh]:
    """Return the verdict by a trace of other code, where what changed is proved to be of no effect on it."""
    for trace in world.history.by_step.get(facts.name, ()):
        if trace.code == facts.fingerprint.digest or trace.key != key_of(facts, inputs, upstreams, trace.code):
            continue
        verdict = _best(world, facts, (trace,), wanted)
        if isinstance(verdict, Fresh) and world.unaffected(trace, facts):
            return verdict
    return None


def _accepted(world: World, facts: StepFacts, inputs: Sequence[Input], upstreams: Sequence[Upstream],
              wanted: bool) -> Union[Fresh, Stale, None]:
    """Return the verdict by a trace of the code that this one was accepted to count as."""
    if facts.accepted_code is None:
        return None
    traces = world.history.by_key.get(key_of(facts, inputs, upstreams, facts.accepted_code), ())
    verdict = _best(world, facts, traces, wanted)
    return verdict._replace(accepted=facts.accepted) if isinstance(verdict, Fresh) else verdict


def _last(world: World, facts: StepFacts, inputs: Sequence[Input], upstreams: Sequence[Upstream]) -> Optional[Trace]:
    """Return what a stale step is compared with: its last trace, or that of an instance that only the lockfile knows, by the family's code of then."""
    last, code = world.history.latest.get(facts.name), world.history.families.get(base_of(facts.name))
    if last is not None or code is None or facts.name == base_of(facts.name):
        return last
    for trace in world.history.by_key.get(key_of(facts, inputs, upstreams, code), ()):
        return trace._replace(step=facts.name, code=code, params=facts.params, inputs=tuple(inputs), upstreams=tuple(upstreams))
    return None


def _folders_left_empty(facts: StepFacts, trace: Trace) -> List[str]:
    """Return the products of which nothing could be stored: a folder without a file in it."""
    kept = [product.path for product in trace.products]
    return [path for _, path in facts.products
            if not any(each == path or each.startswith(path + "/") for each in kept)]


def differences(facts: StepFacts, inputs: Sequence[Input], upstreams: Sequence[Upstream],
                last: Optional[Trace]) -> Tuple[Reason, ...]:
    """Return what differs between a step now and its last trace."""
    if last is None:
        return (Reason("never-ran", facts.name),)
    reasons: List[Reason] = []
    if last.code not in (facts.fingerprint.digest, facts.accepted_code):
        reasons += _packages(facts, last)
        reasons.append(Reason("code", facts.name, last.root, facts.fingerprint.root))
    now = {param.name: param for param in facts.params}
    then = {param.name: param for param in last.params}
    for param in sorted(set(now) | set(then)):
        old, new = then.get(param), now.get(param)
        if (old and old.digest) != (new and new.digest):
            reasons.append(Reason("param", param, old.shown if old else None, new.shown if new else None))
    reasons += _changed("input", {each.path: each.digest for each in last.inputs},
                        {each.path: each.digest for each in inputs})
    before = {each.parameter: each for each in last.upstreams}
    after = {each.parameter: each for each in upstreams}
    for parameter in sorted(set(before) | set(after)):
        was, is_ = before.get(parameter), after.get(parameter)
        if (was and was.output) != (is_ and is_.output):
            reasons.append(Reason("upstream", (is_ or was).step if (is_ or was) else parameter,  # type: ignore[union-attr]
                                  was.output if was else None, is_.output if is_ else None))
    declared = sorted(path for _, path in facts.products)
    if not reasons and declared != sorted({each.path for each in last.products}):
        reasons.append(Reason("product", ", ".join(declared)))
    return tuple(reasons) or (Reason("never-ran", facts.name, new="not with these inputs"),)


def _packages(facts: StepFacts, last: Trace) -> List[Reason]:
    if not last.packages:
        return []
    return _changed("package", dict(last.packages), dict(facts.fingerprint.packages), only_both=True)


def _changed(kind: str, old: Mapping[str, str], new: Mapping[str, str], only_both: bool = False) -> List[Reason]:
    names = set(old) & set(new) if only_both else set(old) | set(new)
    return [Reason(kind, name, old.get(name), new.get(name)) for name in sorted(names) if old.get(name) != new.get(name)]


def outputs_of(world: World, name: str, trace: Trace) -> Dict[str, Digest]:
    """Return the output digest of a step, and those of the parts of its value where others take it apart."""
    facts = world.facts[name]
    found = {name: trace.artifact.output}
    parts = world.parts(trace) if facts.parts is not None else None
    for those in (parts or {}, *(elements_of(world, trace, part_name(name, label)) or {} for label in facts.apart)):
        found.update((part, artifact.output) for part, artifact in those.items())
    return found


def elements_of(world: World, trace: Trace, part: str) -> Optional[Mapping[str, Artifact]]:
    """Return the artifacts of the elements of one part of a trace's value; of the value itself where `part` is the step."""
    if part == base_of(part):
        return world.parts(trace)
    artifact = (world.parts(trace) or {}).get(part)
    return None if artifact is None else world.parts(trace._replace(step=part, artifact=artifact))


def _is_in_parts(world: World, facts: StepFacts, trace: Trace) -> bool:
    """Tell whether a value is stored in the parts that others need."""
    return world.parts(trace) is not None and all(elements_of(world, trace, part_name(facts.name, label)) is not None for label in facts.apart)


def part_of(world: World, trace: Trace, name: str) -> Trace:
    """Return the trace of a part as if it had been a step, or that of the step itself."""
    if base_of(name) == name:
        return trace
    artifact = (world.parts(trace) or {}).get(name)
    for label in world.facts[trace.step].apart if artifact is None else ():
        part = part_name(trace.step, label)
        if artifact is None and name.startswith(f"{part}["):
            artifact = (elements_of(world, trace, part) or {}).get(name)
    return trace._replace(artifact=artifact or trace.artifact, products=())


def awaited(world: World, name: str) -> List[str]:
    """Return the steps without whose results nothing can be said of a step."""
    facts = world.facts[name]
    axes = [base_of(axis.step) for axis in facts.family.axes if axis.step] if facts.family is not None else []
    return list(dict.fromkeys([*axes, *(base_of(step) for _, step in (*facts.upstreams, *facts.makers)), *_seen_makers(world, name)]))


def _seen_makers(world: World, name: str) -> List[str]:
    """Return the steps whose products a step was seen to read without declaring it."""
    last = world.history.latest.get(name)
    if last is None or last.observation is None or not world.produced:
        return []
    makers = [_maker_of(world, each.path) for each in last.observation.files]
    return [maker for maker in makers if maker is not None and maker != name]


def _maker_of(world: World, path: str) -> Optional[str]:
    """Return the step whose product a path is, or in whose product folder it lies."""
    while path:
        if path in world.produced:
            return base_of(world.produced[path])
        path = path.rpartition("/")[0]
    return None
