"""The loop of a run: judge what is ready, reuse or execute it, record, go on.

Decisions are the planner's. A step is judged when all that it needs is done; a failure blocks what depends on it and
nothing else. A stored value that turns out lost when it is needed has its step run again in the same run. Each
finished step is recorded before the next event is told.
"""
from __future__ import annotations

import time
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Optional, Sequence, Set, Tuple

from ..errors import LockedError, NoInstance, PipelineError
from ..events import Emit, FamilyStarted, Notice, StepFinished, StepStarted
from ..model import (
    Artifact,
    Digest,
    Fresh,
    Lock,
    Observation,
    Policy,
    ProductFile,
    Reason,
    Stale,
    StepFacts,
    Trace,
    Verdict,
    base_of,
)
from ..observation.seen import Seen
from ..pipeline.options import DEFAULTS
from ..state.store import BlobMissing
from . import failures
from .calls import Call, Failure, Outcome, call_of
from .conditions import Noted, undeclared_of
from .executors import Executor
from .fanout import FanOut
from .handover import Values
from .line import Line
from .planner import World, inputs_of, judge, key_of, upstreams_of
from .products import Edited
from .results import Results, of_now
from .revival import Lost, Revival
from .schedule import Schedule


class Parts(NamedTuple):
    """What a run works with."""

    executor: Executor
    values: Values
    record: Callable[[Trace, float], None]
    restore: Callable[[ProductFile], None]
    emit: Emit
    lock: Optional[Lock]
    clear: Callable[[Trace], None] = lambda _: None     #: remove what the last execution wrote
    #: what was observed of a step, and what its value holds, as conditions
    note: Callable[[StepFacts, Seen, Sequence[Tuple[str, str]]], Noted] = lambda *_: Noted(Observation())
    options: Callable[[str], Mapping[str, Any]] = lambda _: DEFAULTS     #: of a step (pipeline/options.py)
    schedule: Optional[Schedule] = None
    #: raises Edited where a step would run only to have its products again, and that would lose something
    guard: Callable[[Sequence[Reason]], None] = lambda _: None
    #: takes note of what an execution that came to no end may have left at the paths of its products
    left: Callable[[Sequence[str]], None] = lambda _: None


class _Running(NamedTuple):
    """A step in flight, with what was true when it started."""

    reasons: Tuple[Reason, ...]
    trace: Trace                       #: complete but for artifact and products
    cacheable: bool


_NOTHING = Artifact(Digest(""), Digest(""), 0, "")


class Runner:
    """One run over the selected steps; `wanted` are those whose values must be at hand."""

    def __init__(self, world: World, policy: Policy, wanted: Set[str], parts: Parts) -> None:
        families = any(each.family is not None for each in world.facts.values())
        known = world.facts
        self._facts: Dict[str, StepFacts] = known if isinstance(known, dict) and not families else dict(known)     # instances are added
        self._world = world._replace(facts=self._facts)
        self._policy = policy
        self._wanted = wanted
        self._parts = parts
        self._schedule = parts.schedule or Schedule()
        self._line = Line({name: facts.needs for name, facts in world.facts.items()}, self._schedule.priorities)
        self._running: Dict[str, _Running] = {}
        self._bad: Set[str] = set()                       # failed or blocked
        self.results = Results(self._world, self._facts)
        self._stopping = False
        self._fanout = FanOut(self._world, self._facts, self.results.traces)
        self._revival = Revival(self._world, self._facts, self.results.traces, self._fanout, self._line)

    def run(self) -> None:
        """Run until nothing is left to do; raises LockedError, KeyboardInterrupt."""
        executor = self._parts.executor
        retries = self._schedule.retries
        try:
            while self._line or self._running or retries.next() is not None:
                self._wake()
                while self._line and executor.free():
                    name = self._line.pop()
                    self._begin(name)
                    self._line.had_turn(name)
                due = retries.next()
                left = None if due is None else max(0.0, due - time.monotonic())
                if self._running:
                    for call, outcome in executor.wait() if left is None else executor.wait(left):
                        self._end(call, outcome)
                elif left is not None and not self._line:
                    time.sleep(left)
        except BaseException:
            executor.close(cancel=True)
            for name in self._running:
                self._leave(name)
            raise
        executor.close()

    def _wake(self) -> None:
        """Put those in line again that waited to be repeated."""
        while True:
            name = self._schedule.retries.due(time.monotonic())
            if name is None:
                return
            self._line.push(name)

    # -- one step ---------------------------------------------------------------------------------

    def _begin(self, name: str) -> None:
        facts = self._facts[name]
        bad = sorted(self._bad.intersection(facts.needs)) if self._bad else []
        if bad or (self._stopping and not self._fanout.is_expanded(name)):
            self._fail(name, "blocked" if bad else "cancelled", tuple(Reason("upstream-failed", need) for need in bad))
            return
        if facts.family is not None:
            self._begin_family(name)
            return
        revived = self._revival.take(name)
        verdict = self._verdict(name)
        if isinstance(verdict, Fresh) and revived is None:
            self._reuse(name, verdict)
            return
        reasons = revived or (verdict.reasons if isinstance(verdict, Stale) else ())
        inputs, missing = inputs_of(facts, self._world.input_digest)
        if missing:
            self._fail(name, "failed", reasons, failures.missing_input(name, missing))
            return
        try:
            self._parts.guard(reasons)
        except Edited as error:
            self._refuse(name, reasons, error)
            return
        upstreams = upstreams_of(facts, self.results.outputs)
        # the value of a fresh step is lost: it runs by its code of now, whatever that was accepted to count as
        key = verdict.key if isinstance(verdict, Stale) else key_of(facts, inputs, upstreams) if isinstance(verdict, Fresh) else None
        self._check_lock(name, key)
        trace = Trace(name, key or Digest(""), facts.fingerprint.digest, facts.fingerprint.root, facts.params, inputs,
                      upstreams, _NOTHING, (), facts.fingerprint.packages)
        if revived is not None:
            self._revival.put(name, revived)   # the reasons stay while it waits for its own upstreams
        if self._revive_lost(name, reasons):
            return
        if key is not None and self._fanout.waits(name, key):
            return
        if not self._schedule.resources.take(base_of(name)):
            self._line.hold(name, self._schedule.resources.kind(base_of(name)))
            return
        self._revival.take(name)
        self._execute(name, _Running(reasons, trace, key is not None))

    def _verdict(self, name: str) -> Verdict:
        family = base_of(name)
        wanted = family in self._wanted or name in self._wanted or family in self._world.only
        verdict = judge(self._world, name, self.results.outputs, self._policy, wanted)
        twin = self._fanout.twin(name, verdict.key) if isinstance(verdict, Stale) and verdict.key is not None else None
        return verdict if twin is None else Fresh(twin)

    def _begin_family(self, name: str) -> None:
        """Put a family's instances in line; settle it by them once they are done."""
        if not self._fanout.is_expanded(name):
            try:
                members = self._fanout.expand(name, self._policy.force)
            except (NoInstance, PipelineError) as error:
                self._fail(name, "failed", (), Failure(error.message, hint=error.hint))
                return
            self._parts.emit(FamilyStarted(name, members))
            self._line.insert(name, members)
            return
        made = self._fanout.gather(name)
        if made is None:      # what is wrong is told of its instances
            if not self._bad.isdisjoint(self._fanout.members(name)):
                self._bad.add(name)
            self._release(name)
            return
        trace, data = made
        self._parts.values.store(data, trace.artifact)
        self._settle(name, trace, vouched=self.results.all_vouched(self._fanout.members(name)))

    def _execute(self, name: str, running: _Running) -> None:
        facts = self._facts[name]
        for before in self._world.history.wrote(facts):
            self._parts.clear(before)
        self._parts.emit(StepStarted(name, running.reasons))
        self._running[name] = running
        given = [(parameter, step, self._revival.made(step).artifact) for parameter, step in facts.upstreams]
        self._parts.executor.submit(call_of(facts, given, self._parts.options(name)))

    def _is_refused(self, name: str, observation: Optional[Observation], reasons: Tuple[Reason, ...], seconds: float) -> bool:
        """Fail a step that must be hermetic and is not; tell whether it is one."""
        undeclared = undeclared_of(observation) if self._policy.hermetic else ()
        if undeclared:
            self._fail(name, "failed", reasons, failures.not_hermetic(name, undeclared), seconds)
        return bool(undeclared)

    def _reuse(self, name: str, verdict: Fresh) -> None:
        if self._is_refused(name, verdict.trace.observation, (), 0.0):
            return
        for product in verdict.restore:
            try:
                self._parts.restore(product)
            except BlobMissing:   # it was there by its name, and its bytes turned out damaged
                self._revival.put(name, (Reason("product", product.path),))
                self._line.push(name)
                return
            except Edited as error:
                self._refuse(name, (), error)
                return
        key = verdict.key or verdict.trace.key
        self._check_lock(name, key)
        facts = self._facts[name]
        trace = of_now(facts, verdict, key, inputs_of(facts, self._world.input_digest)[0], upstreams_of(facts, self.results.outputs))
        last = self._world.history.latest.get(name)
        if last is None or (last.key, last.observation) != (key, trace.observation):
            self._parts.record(trace, 0.0)   # from now on this is the step's last trace
        self._settle(name, trace)
        outcome = "restored" if verdict.restore else "reused" if key == verdict.trace.key else "unaffected"
        self._parts.emit(StepFinished(name, outcome, changed=False))

    def _refuse(self, name: str, reasons: Tuple[Reason, ...], error: Edited) -> None:
        self._fail(name, "failed", reasons, Failure(error.message, hint=error.told(name)))

    def _check_lock(self, name: str, key: Optional[Digest]) -> None:
        lock = self._parts.lock
        if self._policy.locked and key is not None and (lock is None or not lock.vouches(name, key)):
            raise LockedError(f"`{name}` is not what `deepwatch.lock` says",
                              hint="run `deepwatch run` without `--locked` and commit the lockfile")

    def _revive_lost(self, name: str, reasons: Tuple[Reason, ...]) -> bool:
        """Put upstream steps whose stored value is gone before this one."""
        lost = self._revival.lost(name, self._parts.values.is_live)
        if lost:
            self._revive(name, reasons, lost)
        return bool(lost)

    def _revive(self, consumer: str, reasons: Tuple[Reason, ...], lost: Lost, failure: Optional[Failure] = None) -> None:
        """Have the steps run again whose values a consumer can't get, the consumer after them."""
        spent = self._revival.revive(consumer, lost, self._running)
        if spent is not None:
            self._fail(consumer, "failed", reasons, failure or failures.unreadable(spent))

    def _end(self, call: Call, outcome: Outcome) -> None:
        name = call.step
        running = self._running.pop(name)
        self._give_back(name)
        for notice in outcome.notices:
            self._parts.emit(notice)
        if outcome.failure is not None or outcome.artifact is None:
            self._end_badly(name, running, outcome.failure or Failure("it gave nothing"), outcome.seconds)
            return
        trace = running.trace._replace(artifact=outcome.artifact, products=outcome.products)
        noted = self._parts.note(self._facts[name], outcome.seen, outcome.held) if outcome.seen is not None else None
        if noted is not None and self._is_refused(name, noted.observation, running.reasons, outcome.seconds):
            return
        changed = self._changed_inputs(trace)
        if noted is not None:
            trace = trace._replace(observation=noted.observation)
            changed += noted.changed
        if changed:
            self._parts.emit(Notice(
                f"`{changed[0]}` changed while `{name}` ran: its result is used now, but not recorded",
                hint="the next run repeats the step"))
        elif running.cacheable:
            self._parts.record(trace, outcome.seconds)
        last = self._world.history.latest.get(name)
        if outcome.here:
            self._parts.values.keep(name, outcome.value, outcome.shared)
        self._push(self._fanout.ended(trace.key, trace))
        self._settle(name, trace, vouched=running.cacheable and not changed, ran=True)
        same = last is not None and (last.artifact.output, last.products) == (trace.artifact.output, trace.products)
        self._parts.emit(StepFinished(name, "ran", running.reasons, outcome.seconds, changed=not same))

    def _leave(self, name: str) -> None:
        if self._facts[name].products:
            self._parts.left([path for _, path in self._facts[name].products])

    def _end_badly(self, name: str, running: _Running, failure: Failure, seconds: float) -> None:
        self._leave(name)
        self._push(self._fanout.ended(running.trace.key, None))
        maker = self._revival.maker(failure.lost) if failure.lost is not None else None
        # a value made just now that can't be read never can
        if maker is not None and not (failure.traceback and self.results.ran(maker)):
            self._revive(name, running.reasons, {maker: (Reason("artifact", failure.lost or ""),)}, failure)
        elif not self._again(name, running, failure):
            self._fail(name, "failed", running.reasons, failure, seconds)

    def _give_back(self, name: str) -> None:
        self._schedule.resources.give_back(base_of(name))
        self._line.try_held()

    def _again(self, name: str, running: _Running, failure: Failure) -> bool:
        """Have a step that failed executed again, if it may be."""
        repeated = None if self._stopping else self._schedule.retries.again(name, time.monotonic())
        if repeated is None:
            return False
        number, often, seconds = repeated
        self._revival.put(name, running.reasons)     # whatever it is judged then, it runs
        when = f" in {seconds:g} s" if seconds else ""
        self._parts.emit(Notice(f"`{name}` failed: {failure.error}", hint=f"it is executed again{when} (retry {number} of {often})"))
        return True

    def _changed_inputs(self, trace: Trace) -> List[str]:
        return [each.path for each in trace.inputs if self._world.input_digest(each.path) != each.digest]

    def _push(self, names: Sequence[str]) -> None:
        for name in names:
            self._line.push(name)

    def _settle(self, name: str, trace: Trace, vouched: bool = True, ran: bool = False) -> None:
        self.results.settle(name, trace, vouched, ran)
        self._release(name)

    def _fail(self, name: str, outcome: str, reasons: Tuple[Reason, ...], failure: Optional[Failure] = None,
              seconds: float = 0.0) -> None:
        self._push(self._fanout.given_up(name))
        if outcome != "cancelled":
            self._bad.add(name)
        if outcome == "failed" and self._policy.fail_fast:
            self._stopping = True
        error = failure.error if failure is not None else None
        if failure is not None and failure.hint is not None:
            error = f"{error}\nhint: {failure.hint}"
        self._parts.emit(StepFinished(name, outcome, reasons, seconds, error, failure.traceback if failure else None))
        self._release(name)

    def _release(self, name: str) -> None:
        self._parts.values.done(name, {step for _, step in self._facts[name].upstreams})
        self._line.release(name)
