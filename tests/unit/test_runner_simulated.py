"""Runs over drawn graphs, with an executor that ends its calls in any order and loses workers."""
from __future__ import annotations

from typing import Dict, List, Optional, Sequence, Tuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepwatch_flow.engine.handover import Values, consumers_of
from deepwatch_flow.engine.line import Line
from deepwatch_flow.engine.planner import World
from deepwatch_flow.engine.runner import Parts, Runner
from deepwatch_flow.engine.schedule import Resources, Retries, Schedule
from deepwatch_flow.engine.calls import Call, Failure, Outcome
from deepwatch_flow.events import Event, FamilyStarted, Notice, RunReport, StepFinished, StepStarted, fold
from deepwatch_flow.hashing.digest import Hasher
from deepwatch_flow.model import (
    Artifact, Axis, Digest, Family, Fingerprint, History, Param, Policy, StepFacts, Trace, base_of,
)
from deepwatch_flow.state.codecs import Codecs
from deepwatch_flow.state.memory import MemoryStore

#: the answers of chance are drawn by Hypothesis: one number each time that something is left to it
Chance = Sequence[int]
RETRIES = 2
GPUS = 2


class Plan:
    """A drawn pipeline: which steps need which, and what is left to chance."""

    def __init__(self, needs: List[List[int]], families: List[int], greedy: List[bool], broken: List[bool]) -> None:
        self.facts: Dict[str, StepFacts] = {}
        names: List[str] = []
        for number, (listed, members) in enumerate(zip(needs, families)):
            name = f"s{number}"
            upstreams = tuple(names[each] for each in sorted(set(listed)) if each < number)
            axes = (Axis("item", "", tuple((str(i), Param("item", Digest(f"item {i}"), "")) for i in range(members - 1))),)
            self.facts[name] = StepFacts(
                name, Fingerprint(Digest(name), Digest(name), ()), upstreams=tuple((each, each) for each in upstreams),
                needs=upstreams, family=Family(axes) if members else None)
            names.append(name)
        self.greedy = {f"s{i}" for i, wants in enumerate(greedy[:len(needs)]) if wants}
        self.broken = {f"s{i}" for i, fails in enumerate(broken[:len(needs)]) if fails}


plans = st.integers(1, 12).flatmap(lambda count: st.builds(
    Plan, st.lists(st.lists(st.integers(0, count), max_size=4), min_size=count, max_size=count),
    # 0: a step; else a family of one instance less
    st.lists(st.sampled_from([0, 0, 1, 2, 5]), min_size=count, max_size=count),
    st.lists(st.booleans(), min_size=count, max_size=count),
    st.lists(st.sampled_from([False, False, False, True]), min_size=count, max_size=count)))


class Simulated:
    """Ends calls in a drawn order; loses the workers of some, the same one never more often than is repeated."""

    def __init__(self, slots: int, order: Chance, losses: Chance, broken: Sequence[str] = ()) -> None:
        self.slots = slots
        self.order, self.losses = list(order), list(losses)
        self.broken = broken
        self.flight: List[Call] = []
        self.begun: List[str] = []
        self.ended: List[str] = []
        self.lost: Dict[str, int] = {}
        self.greedy: List[str] = []
        self.most_greedy = 0

    def free(self) -> bool:
        return len(self.flight) < self.slots

    def submit(self, call: Call) -> None:
        assert self.free()
        assert all(step in self.ended or "[" not in step and step not in self.begun for _, step, _ in call.upstreams)
        self.begun.append(call.step)
        self.flight.append(call)
        self.most_greedy = max(self.most_greedy, sum(base_of(each.step) in self.greedy for each in self.flight))

    def wait(self, seconds: Optional[float] = None) -> List[Tuple[Call, Outcome]]:
        call = self.flight.pop((self.order.pop() if self.order else 0) % len(self.flight))
        lost = self.lost.get(call.step, 0)
        if base_of(call.step) in self.broken or (self.losses and self.losses.pop() and lost < RETRIES):
            self.lost[call.step] = lost + 1
            return [(call, Outcome(failure=Failure("the worker was lost")))]
        self.ended.append(call.step)
        given = [f"{parameter} {artifact.output}" for parameter, _, artifact in call.upstreams]
        output = Hasher("test/1").field("step", base_of(call.step)).fields("labels", [label for _, label in call.labels]) \
            .fields("given", given).digest()
        return [(call, Outcome(Artifact(output, output, 1, "json/1"), seconds=1.0))]

    def close(self, cancel: bool = False) -> None:
        assert not self.flight or cancel


class Done:
    """One run, and what was seen of it."""

    def __init__(self, plan: Plan, executor: Simulated, history: History = History({}, {})) -> None:
        self.events: List[Event] = []
        self.recorded: List[Trace] = []
        executor.greedy = sorted(plan.greedy)
        wanted = {name: {"gpu": 1.0} for name in plan.greedy}
        world = World(plan.facts, history, lambda _: None, lambda trace, wanted: ((), ()), {})
        runner = Runner(world, Policy(), set(), Parts(
            executor, Values(MemoryStore(), Codecs(), consumers_of(plan.facts)), lambda trace, _: self.recorded.append(trace),
            lambda _: None, self.events.append, None, schedule=Schedule(
                None, Resources({"gpu": float(GPUS)}, wanted), Retries(dict.fromkeys(plan.facts, (RETRIES, 0.0))))))
        runner.run()
        self.report: RunReport = fold(self.events)
        self.traces = runner.results.traces
        self.outputs = {name: trace.artifact.output for name, trace in self.traces.items()}
        self.members = {event.step: event.instances for event in self.events if isinstance(event, FamilyStarted)}

    @property
    def executed(self) -> List[str]:
        return [event.step for event in self.events if isinstance(event, StepStarted)]

    @property
    def retried(self) -> int:
        return sum(isinstance(event, Notice) for event in self.events)


def expected(plan: Plan) -> List[str]:
    """Return what is executed where nothing fails for good."""
    found = []
    for name, facts in plan.facts.items():
        found += [name] if facts.family is None else [f"{name}[{label}]" for label, _ in facts.family.axes[0].values]
    return sorted(found)


chances = st.lists(st.integers(0, 50), max_size=60)
losses = st.lists(st.integers(0, 1), max_size=40)


@given(plans, st.integers(1, 4), chances, losses)
def test_each_step_gives_its_result_once_whatever_order_calls_end_in_and_whoever_is_lost(
        plan: Plan, slots: int, order: Chance, lost: Chance) -> None:
    plan.broken = set()
    calm = Done(plan, Simulated(1, (), ()))
    executor = Simulated(slots, order, lost)
    done = Done(plan, executor)
    assert sorted(executor.ended) == expected(plan) == sorted(trace.step for trace in done.recorded)
    assert len(executor.begun) == len(executor.ended) + sum(executor.lost.values())
    assert done.retried == sum(executor.lost.values())
    assert done.outputs == calm.outputs
    assert {name: trace.key for name, trace in done.traces.items()} == {name: trace.key for name, trace in calm.traces.items()}
    assert done.report.ok


@given(plans, st.integers(1, 4), chances, losses)
def test_a_step_is_begun_after_all_that_it_needs(plan: Plan, slots: int, order: Chance, lost: Chance) -> None:
    plan.broken = set()
    done = Done(plan, Simulated(slots, order, lost))
    begun: Dict[str, int] = {}
    ended: Dict[str, int] = {}
    for at, event in enumerate(done.events):
        if isinstance(event, StepStarted):
            begun.setdefault(event.step, at)
        elif isinstance(event, StepFinished):
            ended[event.step] = at
    for name, facts in plan.facts.items():
        before = [each for need in facts.needs for each in done.members.get(need, (need,))]
        for each in done.members.get(name, (name,)):
            assert all(ended[other] < begun[each] for other in before)


@given(plans, st.integers(1, 6), chances, losses)
def test_never_more_run_than_there_are_resources_for_and_all_have_their_turn(
        plan: Plan, slots: int, order: Chance, lost: Chance) -> None:
    executor = Simulated(slots, order, lost, sorted(plan.broken))
    done = Done(plan, executor)
    assert executor.most_greedy <= GPUS
    told = {step.step for step in done.report.steps}
    assert told >= {name for name, facts in plan.facts.items() if facts.family is None}
    for name in done.members:
        assert told >= set(done.members[name])


@given(plans, st.integers(1, 4), chances)
def test_what_fails_for_good_blocks_what_depends_on_it_and_nothing_else(plan: Plan, slots: int, order: Chance) -> None:
    executor = Simulated(slots, order, (), sorted(plan.broken))
    done = Done(plan, executor)
    bad = set()
    for name, facts in plan.facts.items():       # in topological order
        fails = name in plan.broken and (facts.family is None or len(facts.family.axes[0].values) > 0)
        if any(need in bad for need in facts.needs) or fails:
            bad.add(name)
    outcomes = {step.step: step.outcome for step in done.report.steps}
    for name, facts in plan.facts.items():
        for each in done.members.get(name, (name,) if facts.family is None else ()):
            blocked = any(need in bad for need in facts.needs)
            assert outcomes[each] == ("blocked" if blocked else "failed" if name in plan.broken else "ran")
            # each one that fails is executed once and repeated as often as it may be
            assert executor.begun.count(each) == (0 if blocked else RETRIES + 1 if name in plan.broken else 1)


@given(plans, st.integers(1, 4), chances, losses)
def test_a_second_run_executes_nothing(plan: Plan, slots: int, order: Chance, lost: Chance) -> None:
    plan.broken = set()
    first = Done(plan, Simulated(slots, order, lost))
    history = History({trace.key: (trace,) for trace in first.recorded}, {trace.step: trace for trace in first.recorded})
    second = Done(plan, Simulated(slots, order, lost), history)
    assert second.executed == []
    assert second.outputs == first.outputs


def test_what_waits_for_resources_is_not_looked_at_again_by_each_that_ends() -> None:
    count = 100
    plan = Plan([[] for _ in range(count)], [0] * count, [True] * count, [])
    executor = Simulated(8, (), ())
    held: List[str] = []
    hold = Line.hold

    def counted(line: Line, name: str, wants: object) -> None:
        held.append(name)
        hold(line, name, wants)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Line, "hold", counted)
        done = Done(plan, executor)
    assert executor.most_greedy == GPUS
    assert executor.begun == [f"s{number}" for number in range(count)]
    assert done.report.ok
    # once when its turn came, and once for each that ended and left too little for one more
    assert len(held) <= 2 * count
