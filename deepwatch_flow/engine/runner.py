"""The loop of a run: judge what is ready, reuse or execute it, record, go on.

Decisions are the planner's. A step is judged when all that it needs is done; a failure blocks what
depends on it and nothing else. A stored value that turns out lost when it is needed has its step run
again in the same run. Each finished step is recorded before the next event is told.
"""
from __future__ import annotations

import heapq
from typing import Callable, Dict, List, Mapping, NamedTuple, Optional, Sequence, Set, Tuple

from ..errors import LockedError
from ..events import Emit, Notice, StepFinished, StepStarted
from ..model import Artifact, Digest, Fresh, Lock, Observation, Policy, ProductFile, Reason, Stale, Trace
from ..observation.seen import Seen
from ..state.store import BlobMissing
from .conditions import Noted, undeclared_of
from .executors import Executor
from .handover import Values
from .planner import World, inputs_of, judge, key_of, upstreams_of
from .products import Edited
from .worker import Call, Failure, Outcome


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
    note: Callable[[str, Seen, Sequence[Tuple[str, str]]], Noted] = lambda *_: Noted(Observation())
    observed: Callable[[str], bool] = lambda _: True    #: whether a step is observed
    #: raises Edited where a step would run only to have its products again, and that would lose something
    guard: Callable[[Sequence[Reason]], None] = lambda _: None


class _Running(NamedTuple):
    """A step in flight, with what was true when it started."""

    reasons: Tuple[Reason, ...]
    trace: Trace                       #: complete but for artifact and products
    cacheable: bool


def _not_hermetic(name: str, undeclared: Tuple[str, ...]) -> Failure:
    shown = ", ".join(undeclared[:5]) + (f", and {len(undeclared) - 5} more" if len(undeclared) > 5 else "")
    return Failure(f"`{name}` read {shown} without declaring it",
                   hint="declare files as File(...), give the rest as params; or run without --hermetic")


#: how often a step is run again because its stored value is gone, in one run
_REVIVALS = 2
_NOTHING = Artifact(Digest(""), Digest(""), 0, "")


class Runner:
    """One run over the selected steps; `wanted` are those whose values must be at hand."""

    def __init__(self, world: World, policy: Policy, wanted: Set[str], parts: Parts) -> None:
        self._world = world
        self._policy = policy
        self._wanted = wanted
        self._parts = parts
        self._order = {name: i for i, name in enumerate(world.facts)}
        self._waits = {name: {need for need in facts.needs if need in world.facts} for name, facts in world.facts.items()}
        self._consumers: Dict[str, List[str]] = {name: [] for name in world.facts}
        for name, needs in self._waits.items():
            for need in needs:
                self._consumers[need].append(name)
        self._ready = [self._order[name] for name, needs in self._waits.items() if not needs]
        heapq.heapify(self._ready)
        self._names = list(world.facts)
        self._running: Dict[str, _Running] = {}
        self._outputs: Dict[str, Digest] = {}
        self._bad: Set[str] = set()                       # failed or blocked
        self._revived: Dict[str, Tuple[Reason, ...]] = {}      # to run again, and why
        self._revivals: Dict[str, int] = {}
        self._ran: Set[str] = set()                       # a value made just now that can't be read never can
        self.traces: Dict[str, Trace] = {}                # what holds now, for the lockfile
        self.vouched: Dict[str, bool] = {}                # whether that was recorded
        self._stopping = False

    def run(self) -> None:
        """Run until nothing is left to do; raises LockedError, KeyboardInterrupt."""
        executor = self._parts.executor
        try:
            while self._ready or self._running:
                while self._ready and executor.free():
                    self._begin(self._names[heapq.heappop(self._ready)])
                if self._running:
                    for call, outcome in executor.wait():
                        self._end(call, outcome)
        except BaseException:
            executor.close(cancel=True)
            raise
        executor.close()

    # -- one step ---------------------------------------------------------------------------------

    def _begin(self, name: str) -> None:
        facts = self._world.facts[name]
        bad = sorted(need for need in facts.needs if need in self._bad)
        if bad or self._stopping:
            self._fail(name, "blocked" if bad else "cancelled", tuple(Reason("upstream-failed", need) for need in bad))
            return
        revived = self._revived.pop(name, None)
        verdict = judge(self._world, name, self._outputs, self._policy, name in self._wanted)
        if isinstance(verdict, Fresh) and revived is None:
            self._reuse(name, verdict)
            return
        reasons = revived or (verdict.reasons if isinstance(verdict, Stale) else ())
        inputs, missing = inputs_of(facts, self._world.input_digest)
        if missing:
            self._missing(name, reasons, missing)
            return
        try:
            self._parts.guard(reasons)
        except Edited as error:
            self._refuse(name, reasons, error)
            return
        upstreams = upstreams_of(facts, self._outputs)
        # the value of a fresh step is lost: it runs by its code of now, whatever that was accepted to count as
        key = verdict.key if isinstance(verdict, Stale) else key_of(facts, inputs, upstreams) if isinstance(verdict, Fresh) else None
        self._check_lock(name, key)
        trace = Trace(name, key or Digest(""), facts.fingerprint.digest, facts.fingerprint.root, facts.params, inputs,
                      upstreams, _NOTHING, (), facts.fingerprint.packages)
        if revived is not None:
            self._revived[name] = revived   # the reasons stay while it waits for its own upstreams
        if self._revive_lost(name, reasons):
            return
        self._revived.pop(name, None)
        last = self._world.history.latest.get(name)
        if last is not None:
            self._parts.clear(last)
        self._parts.emit(StepStarted(name, reasons))
        self._running[name] = _Running(reasons, trace, key is not None)
        self._parts.executor.submit(Call(
            name, tuple((parameter, step, self.traces[step].artifact) for parameter, step in facts.upstreams),
            facts.products, self._parts.observed(name)))

    def _is_refused(self, name: str, observation: Optional[Observation], reasons: Tuple[Reason, ...], seconds: float) -> bool:
        """Fail a step that must be hermetic and is not; tell whether it is one."""
        undeclared = undeclared_of(observation) if self._policy.hermetic else ()
        if undeclared:
            self._fail(name, "failed", reasons, _not_hermetic(name, undeclared), seconds)
        return bool(undeclared)

    def _reuse(self, name: str, verdict: Fresh) -> None:
        if self._is_refused(name, verdict.trace.observation, (), 0.0):
            return
        for product in verdict.restore:
            try:
                self._parts.restore(product)
            except BlobMissing:   # it was there by its name, and its bytes turned out damaged
                self._revived[name] = (Reason("product", product.path),)
                heapq.heappush(self._ready, self._order[name])
                return
            except Edited as error:
                self._refuse(name, (), error)
                return
        key = verdict.key or verdict.trace.key
        self._check_lock(name, key)
        facts = self._world.facts[name]
        # its root stays: what the execution used is told by the code that it ran
        trace = verdict.trace._replace(step=name, key=key, params=facts.params)
        if not verdict.accepted:     # else it stays the record of the code that the result was made with
            trace = trace._replace(code=facts.fingerprint.digest, packages=facts.fingerprint.packages,
                                   root=trace.root or facts.fingerprint.root)
        last = self._world.history.latest.get(name)
        if last is None or (last.key, last.observation) != (key, trace.observation):
            self._parts.record(trace, 0.0)   # from now on this is the step's last trace
        self._settle(name, trace)
        outcome = "restored" if verdict.restore else "reused" if key == verdict.trace.key else "unaffected"
        self._parts.emit(StepFinished(name, outcome, changed=False))

    def _refuse(self, name: str, reasons: Tuple[Reason, ...], error: Edited) -> None:
        self._fail(name, "failed", reasons, Failure(error.message, hint=error.told(name)))

    def _missing(self, name: str, reasons: Tuple[Reason, ...], missing: Tuple[str, ...]) -> None:
        shown = ", ".join(f"`{path}`" for path in missing)
        self._fail(name, "failed", reasons, Failure(
            f"input {shown} of `{name}` does not exist",
            hint="create it, or correct the path in the step's File(...); it is relative to the project's folder"))

    def _check_lock(self, name: str, key: Optional[Digest]) -> None:
        if not self._policy.locked or key is None:
            return
        entry = self._parts.lock.steps.get(name) if self._parts.lock is not None else None
        if entry is None or entry.key != key:
            raise LockedError(f"`{name}` is not what `deepwatch.lock` says",
                              hint="run `deepwatch run` without `--locked` and commit the lockfile")

    def _revive_lost(self, name: str, reasons: Tuple[Reason, ...]) -> bool:
        """Put upstream steps whose stored value is gone before this one."""
        lost: Dict[str, Tuple[Reason, ...]] = {}
        for _, step in self._world.facts[name].upstreams:
            gone, _ = self._world.holdings(self.traces[step], True)
            if gone and not self._parts.values.is_live(step):
                lost[step] = gone
        if lost:
            self._revive(name, reasons, lost)
        return bool(lost)

    def _revive(self, consumer: str, reasons: Tuple[Reason, ...], lost: Mapping[str, Tuple[Reason, ...]],
                failure: Optional[Failure] = None) -> None:
        """Have the steps run again whose values a consumer can't get, the consumer after them."""
        for step in lost:
            if self._revivals.get(step, 0) >= _REVIVALS:
                self._fail(consumer, "failed", reasons, failure or Failure(
                    f"the value of `{step}` was stored and can't be read back",
                    hint="the store loses what it is given: look at its disk, or at the plugin that offers it"))
                return
        for step, gone in lost.items():
            self._waits[consumer].add(step)
            if step not in self._revived and step not in self._running:
                self._revivals[step] = self._revivals.get(step, 0) + 1
                self._revived[step] = gone
                heapq.heappush(self._ready, self._order[step])

    def _end(self, call: Call, outcome: Outcome) -> None:
        name = call.step
        running = self._running.pop(name)
        for notice in outcome.notices:
            self._parts.emit(notice)
        failure = outcome.failure
        if failure is not None and failure.lost is not None and not (failure.traceback and failure.lost in self._ran):
            self._revive(name, running.reasons, {failure.lost: (Reason("artifact", failure.lost),)}, failure)
            return
        if failure is not None or outcome.artifact is None:
            self._fail(name, "failed", running.reasons, failure or Failure("it gave nothing"), outcome.seconds)
            return
        trace = running.trace._replace(artifact=outcome.artifact, products=outcome.products)
        noted = self._parts.note(name, outcome.seen, outcome.held) if outcome.seen is not None else None
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
        self._ran.add(name)
        last = self._world.history.latest.get(name)
        if outcome.here:
            self._parts.values.keep(name, outcome.value, outcome.shared)
        self._settle(name, trace, vouched=running.cacheable and not changed)
        same = last is not None and (last.artifact.output, last.products) == (trace.artifact.output, trace.products)
        self._parts.emit(StepFinished(name, "ran", running.reasons, outcome.seconds, changed=not same))

    def _changed_inputs(self, trace: Trace) -> List[str]:
        return [each.path for each in trace.inputs if self._world.input_digest(each.path) != each.digest]

    def _settle(self, name: str, trace: Trace, vouched: bool = True) -> None:
        self.traces[name] = trace
        self.vouched[name] = vouched
        self._outputs[name] = trace.artifact.output
        self._release(name)

    def _fail(self, name: str, outcome: str, reasons: Tuple[Reason, ...], failure: Optional[Failure] = None,
              seconds: float = 0.0) -> None:
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
        self._parts.values.done(name, {step for _, step in self._world.facts[name].upstreams})
        for consumer, waits in ((each, self._waits[each]) for each in self._consumers[name]):
            if name in waits:
                waits.discard(name)
                if not waits:
                    heapq.heappush(self._ready, self._order[consumer])
