"""The plan: the verdict on each selected step, families taken apart into their instances. Pure."""
from __future__ import annotations

from typing import Dict, List, Mapping, Sequence, Set

from ..model import (
    Artifact,
    Digest,
    Fresh,
    Input,
    Pending,
    Plan,
    Policy,
    Reason,
    Stale,
    StepFacts,
    Trace,
    Verdict,
    base_of,
)
from .families import Claims, gathered, instances, named
from .planner import (
    World,
    asked,
    awaited,
    differences,
    elements_of,
    judge,
    outputs_of,
    part_of,
    pinned,
)
from .restored import Restored


def plan(world: World, policy: Policy, wanted: Set[str]) -> Plan:
    """Return the verdict on each selected step without running any.

    `wanted` are the steps whose values the user wants at hand. A fresh step whose value is lost is
    stale only if it is wanted or something that may run needs it. The instances of a family come
    before it, as soon as what it goes through is known.
    """
    planner = _Planner(world, policy, wanted)
    for name in world.facts:
        if world.facts[name].family is not None:
            planner.family(name)
        else:
            planner.settle(name, planner.verdict(name))
    planner.revive()
    return Plan(planner.verdicts, planner.wholes)


def done_of(plan: Plan) -> Dict[str, Trace]:
    """Return the traces by which steps, instances and whole families are fresh."""
    return {**{name: verdict.trace for name, verdict in plan.verdicts.items() if isinstance(verdict, Fresh)}, **plan.families}


class _Planner:
    def __init__(self, world: World, policy: Policy, wanted: Set[str]) -> None:
        self._facts = dict(world.facts)        # instances are added
        self._restored = Restored()                        # products that a run puts back: who reads them is judged by what it will find
        digest, broken = world.ahead(self._restored) if world.ahead is not None else (world.input_digest, world.broken)
        self._world = world._replace(facts=self._facts, input_digest=digest, broken=broken)
        self._claims = Claims(world.produced)
        self._members: Dict[str, List[str]] = {}
        self._undone: Set[str] = set()                     # families some of whose instances are not fresh
        self.wholes: Dict[str, Trace] = {}                 # of families whose instances are all fresh
        self._policy = policy
        self._wanted = wanted
        self.verdicts: Dict[str, Verdict] = {}
        self._outputs: Dict[str, Digest] = {}

    def settle(self, name: str, verdict: Verdict) -> None:
        """Note a verdict, and the outputs that it makes known."""
        self.verdicts[name] = verdict
        if isinstance(verdict, Fresh):
            self._outputs.update(outputs_of(self._world, name, verdict.trace))
            for product in verdict.restore:
                self._restored.add(product)

    def verdict(self, name: str) -> Verdict:
        """Return the verdict on a step, by what is known of those before it."""
        world, facts = self._world, self._facts[name]
        kept = pinned(world, facts, self._policy, name in self._wanted)
        if kept is not None:
            return kept
        waits = self._waits(name)
        if not waits:
            return judge(world, name, self._outputs, self._policy, name in self._wanted)
        return self._undecided(facts, waits)

    def family(self, name: str) -> None:
        """Judge the instances of a family, if what it goes through is known, and the family by them."""
        facts = self._facts[name]
        waits = self._waits(name)
        if waits:
            self.settle(name, self._undecided(facts, waits))
            return
        members = self._members[name] = []
        only = self._world.only.get(name)
        for member in named(facts, self._claims.taken(facts, instances(facts, self._parts_of)), only, self._policy.force):
            members.append(member.name)
            self._facts[member.name] = member
            self.settle(member.name, judge(self._world, member.name, self._outputs, self._policy, only is not None or name in self._wanted))
        if only is not None:
            return      # nobody needs the family as a whole
        made = {each: verdict.trace.artifact for each in members for verdict in [self.verdicts[each]] if isinstance(verdict, Fresh)}
        if len(made) < len(members):
            self._undone.add(name)
            return
        trace, _ = gathered(facts, members, made.__getitem__)
        self.wholes[name] = trace      # its instances tell; one without any is no step to be counted
        self._outputs[name] = trace.artifact.output

    def revive(self) -> None:
        """Have those steps run whose values are lost and that something that may run needs."""
        looked: Set[str] = set()      # at most once at what many may need
        for name in reversed(list(self.verdicts)):
            if isinstance(self.verdicts[name], Fresh) or self._facts[name].family is not None:
                continue
            for _, upstream in self._facts[name].upstreams:
                for step in self._sources(upstream) if upstream not in looked else ():
                    fresh = self.verdicts.get(step)
                    if isinstance(fresh, Fresh):
                        lost, _ = self._world.holdings(part_of(self._world, fresh.trace, upstream if step != upstream else step), True)
                        if lost:
                            # it will run by the code of now, not by what that was accepted to count as
                            self.verdicts[step] = Stale(lost, fresh.trace.key if not fresh.accepted else None)
                looked.add(upstream)

    def _sources(self, upstream: str) -> List[str]:
        """Return the steps whose stored values make up an upstream value."""
        if upstream in self.verdicts and self._facts[upstream].family is None:
            return [upstream]                 # a step, or an instance
        base = base_of(upstream)
        if base in self._facts and self._facts[base].family is not None:
            return self._members.get(base, [])
        return [base]

    def _parts_of(self, step: str) -> Mapping[str, Artifact]:
        if self._facts[base_of(step)].family is not None:
            return {each: verdict.trace.artifact for each in self._members[step] for verdict in [self.verdicts[each]]
                    if isinstance(verdict, Fresh)}
        verdict = self.verdicts[base_of(step)]
        return (elements_of(self._world, verdict.trace, step) if isinstance(verdict, Fresh) else None) or {}

    def _waits(self, name: str) -> List[str]:
        waits = [step for step in awaited(self._world, name)
                 if step in self._undone or (step in self.verdicts and not isinstance(self.verdicts[step], Fresh))]
        return list(dict.fromkeys(waits))

    def _undecided(self, facts: StepFacts, waits: Sequence[str]) -> Verdict:
        if facts.fingerprint.uncacheable is not None:
            return Stale((Reason("uncacheable", facts.name, new=facts.fingerprint.uncacheable),), None)
        wish = asked(facts, self._policy)
        if wish:
            return Stale(wish, None)
        last = self._world.history.latest.get(facts.name)
        if last is None:
            return Pending(tuple(waits), (Reason("never-ran", facts.name),) if facts.family is None else ())
        made = {path for path, _ in facts.makers}
        known = [path for _, path in facts.files if path not in made]
        inputs = tuple(Input(path, digest) for path in known for digest in [self._world.input_digest(path)] if digest is not None)
        same = last._replace(inputs=tuple(each for each in last.inputs if each.path in known), upstreams=())
        reasons = [] if not _differs(facts, inputs, same) else list(differences(facts, inputs, (), same))
        return Pending(tuple(waits), tuple(reasons))


def _differs(facts: StepFacts, inputs: Sequence[Input], last: Trace) -> bool:
    return (last.code not in (facts.fingerprint.digest, facts.accepted_code) or tuple(inputs) != last.inputs
            or [(each.name, each.digest) for each in facts.params] != [(each.name, each.digest) for each in last.params])
