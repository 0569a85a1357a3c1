"""The loop of a run with fakes: what is executed, what is recorded, and what a failure stops."""
from __future__ import annotations

from typing import Any, Callable, Dict, List, Optional, Tuple

import pytest

from deepwatch_flow.engine.handover import Values
from deepwatch_flow.engine.planner import World
from deepwatch_flow.engine.runner import Parts, Runner
from deepwatch_flow.engine.calls import Call, Failure, Outcome
from deepwatch_flow.errors import LockedError
from deepwatch_flow.events import Event, RunReport, StepStarted, fold
from deepwatch_flow.model import (
    Artifact, Digest, Fingerprint, History, Lock, LockEntry, Policy, ProductFile, Reason, StepFacts, Trace,
)
from deepwatch_flow.state.codecs import Codecs
from deepwatch_flow.state.memory import MemoryStore
from deepwatch_flow.state.store import BlobMissing


class Project:
    """A made-up project; what a step gives is its name and the version of its code, or what `does` says."""

    def __init__(self, *steps: StepFacts) -> None:
        self.facts = {step.name: step for step in steps}
        self.files: Dict[str, Digest] = {}
        self.does: Dict[str, Callable[[], Any]] = {}
        self.store = MemoryStore()
        self.traces: Dict[Digest, Trace] = {}
        self.latest: Dict[str, Trace] = {}
        self.recorded: List[str] = []
        self.restored: List[str] = []
        self.events: List[Event] = []
        self.on_disk: Dict[str, Digest] = {}
        self.lock: Optional[Lock] = None
        self.forgetful = False
        self.closed: List[bool] = []
        self.slots = 1
        self.product = b""

    # -- what the runner sees

    def holdings(self, trace: Trace, wanted: bool) -> Tuple[Tuple[Reason, ...], Tuple[ProductFile, ...]]:
        lost = (Reason("artifact", trace.step),) if wanted and not self.store.has(trace.artifact.blob) else ()
        return lost, tuple(each for each in trace.products if self.on_disk.get(each.path) != each.blob)

    def record(self, trace: Trace, seconds: float) -> None:
        self.recorded.append(trace.step)
        self.traces[trace.key] = self.latest[trace.step] = trace

    def restore(self, product: ProductFile) -> None:
        self.store.get(product.blob)
        self.restored.append(product.path)
        self.on_disk[product.path] = product.blob

    # -- running

    def execute(self, call: Call) -> Outcome:
        for _, step, artifact in call.upstreams:
            if not self.store.has(artifact.blob):
                return Outcome(failure=Failure("lost", lost=step))
        try:
            value = self.does.get(call.step, lambda: [call.step, self.facts[call.step].fingerprint.digest])()
        except RuntimeError as error:
            return Outcome(failure=Failure(f"RuntimeError: {error}", "traceback", "a hint"))
        encoded = Codecs().encode(value)
        blob = self.store.put(encoded.data)
        if self.forgetful:
            self.store.remove(blob)
        products = tuple(ProductFile(path, self.store.put(path.encode() + self.product), 1) for _, path in call.products)
        self.on_disk.update({each.path: each.blob for each in products})
        return Outcome(Artifact(Digest("of " + encoded.data.decode()), blob, 1, encoded.codec), products)

    def run(self, wanted: Tuple[str, ...] = (), **policy: Any) -> RunReport:
        self.recorded, self.restored, self.events = [], [], []
        world = World(self.facts, History({key: (trace,) for key, trace in self.traces.items()}, dict(self.latest)), self.files.get, self.holdings,
                      {path: step.name for step in self.facts.values() for _, path in step.products})
        values = Values(self.store, Codecs(), {})
        self.runner = Runner(world, Policy(**policy), set(wanted), Parts(
            Executor(self), values, self.record, self.restore, self.events.append, self.lock))
        self.runner.run()
        return fold(self.events)

    def edit(self, name: str, digest: str = "new") -> None:
        self.facts[name] = self.facts[name]._replace(fingerprint=Fingerprint(Digest(digest), Digest(digest), ()))

    @property
    def executed(self) -> List[str]:
        return [event.step for event in self.events if isinstance(event, StepStarted)]


class Executor:
    """Executes calls when it is waited for, several in flight if the project has slots."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.calls: List[Call] = []

    def free(self) -> bool:
        return len(self.calls) < self.project.slots

    def submit(self, call: Call) -> None:
        assert self.free()
        self.calls.append(call)

    def wait(self) -> List[Tuple[Call, Outcome]]:
        call = self.calls.pop()
        return [(call, self.project.execute(call))]

    def close(self, cancel: bool = False) -> None:
        self.project.closed.append(cancel)


def step(name: str, *upstreams: str, files: Tuple[str, ...] = (), products: Tuple[str, ...] = (), after: Tuple[str, ...] = ()) -> StepFacts:
    return StepFacts(name, Fingerprint(Digest("code " + name), Digest("code " + name), ()), (),
                     tuple((f"file{i}", path) for i, path in enumerate(files)),
                     tuple((f"product{i}", path) for i, path in enumerate(products)),
                     tuple((each, each) for each in upstreams), (*upstreams, *after))


def chain() -> Project:
    return Project(step("a"), step("b", "a"), step("c", "b"))


def fails(message: str = "no") -> Callable[[], Any]:
    def fail() -> Any:
        raise RuntimeError(message)

    return fail


def outcomes(report: RunReport) -> Dict[str, str]:
    return {each.step: each.outcome for each in report.steps}


# -- reuse ----------------------------------------------------------------------------------------------------

def test_all_run_in_order_the_first_time_and_none_the_second() -> None:
    project = chain()
    assert project.run().counts["ran"] == 3
    assert project.executed == project.recorded == ["a", "b", "c"]
    assert project.run().counts["reused"] == 3
    assert project.executed == project.recorded == []
    assert project.closed == [False, False]


def test_an_edited_step_that_gives_the_same_as_before_runs_alone() -> None:
    project = chain()
    project.does["b"] = lambda: 1
    project.run()
    project.edit("b")
    report = project.run()
    assert project.executed == ["b"]
    assert [each.changed for each in report.steps if each.step == "b"] == [False]


def test_an_edited_step_that_gives_something_else_has_what_is_below_run() -> None:
    project = chain()
    project.run()
    project.edit("b")
    report = project.run()
    assert project.executed == ["b", "c"]
    assert [each.changed for each in report.steps] == [False, True, False]


def test_going_back_to_an_earlier_version_runs_nothing_and_makes_it_the_latest() -> None:
    project = chain()
    project.run()
    project.edit("b")
    project.run()
    project.edit("b", "code b")
    assert project.run().counts["reused"] == 3
    assert project.recorded == ["b", "c"]
    assert project.latest["b"].code == "code b"


def test_steps_start_with_their_reasons() -> None:
    project = chain()
    project.run()
    project.edit("b")
    report = project.run()
    assert [(each.step, [reason.kind for reason in each.reasons]) for each in report.steps] == [
        ("a", []), ("b", ["code"]), ("c", ["upstream"])]


def test_several_run_at_once_where_the_executor_is_free() -> None:
    project = Project(step("a"), step("b"), step("c"), step("end", "a", "b", "c"))
    project.slots = 2
    assert project.run().counts["ran"] == 4
    assert project.executed == ["a", "b", "c", "end"]


def test_a_step_after_another_waits_for_it_without_its_value() -> None:
    project = Project(step("a"), step("b", after=("a",)))
    project.does["a"] = fails()
    assert outcomes(project.run()) == {"a": "failed", "b": "blocked"}


# -- failures ---------------------------------------------------------------------------------------------------

def test_a_failure_blocks_what_depends_on_it_and_nothing_else() -> None:
    project = Project(step("a"), step("b", "a"), step("c", "b"), step("x"), step("y", "x"))
    project.does["a"] = fails()
    report = project.run()
    assert outcomes(report) == {"a": "failed", "b": "blocked", "c": "blocked", "x": "ran", "y": "ran"}
    assert not report.ok
    failed = next(each for each in report.steps if each.step == "a")
    assert (failed.error, failed.traceback) == ("RuntimeError: no\nhint: a hint", "traceback")
    assert [each.reasons for each in report.steps if each.step == "c"] == [(Reason("upstream-failed", "b"),)]
    assert project.recorded == ["x", "y"]
    assert set(project.runner.results.traces) == {"x", "y"}


def test_after_a_failure_the_next_run_goes_on_where_it_stopped() -> None:
    project = chain()
    project.does["b"] = fails()
    project.run()
    del project.does["b"]
    assert outcomes(project.run()) == {"a": "reused", "b": "ran", "c": "ran"}


def test_with_fail_fast_nothing_more_is_started() -> None:
    project = Project(step("a"), step("b", "a"), step("x"), step("y", "x"))
    project.does["a"] = fails()
    assert outcomes(project.run(fail_fast=True)) == {"a": "failed", "b": "blocked", "x": "cancelled", "y": "cancelled"}
    assert project.executed == ["a"]


def test_with_fail_fast_what_is_in_flight_is_brought_to_its_end() -> None:
    project = Project(step("a"), step("b"), step("c", "a"))
    project.slots = 2
    project.does["b"] = fails()
    assert outcomes(project.run(fail_fast=True)) == {"a": "ran", "b": "failed", "c": "cancelled"}


def test_a_missing_input_is_a_failure_that_names_it() -> None:
    project = Project(step("a", files=("in.csv",)), step("b", "a"))
    report = project.run()
    assert outcomes(report) == {"a": "failed", "b": "blocked"}
    assert "input `in.csv` of `a` does not exist" in str(report.steps[0].error)


def test_an_interrupt_closes_the_executor_at_once_and_goes_on() -> None:
    def interrupt() -> Any:
        raise KeyboardInterrupt

    project = chain()
    project.does["b"] = interrupt
    with pytest.raises(KeyboardInterrupt):
        project.run()
    assert project.recorded == ["a"]
    assert project.closed == [True]


# -- inputs that move, steps that can't be cached ------------------------------------------------------------------

def test_an_input_that_changed_while_its_step_ran_is_not_recorded() -> None:
    project = Project(step("a", files=("in.csv",)), step("b", "a"))
    project.files["in.csv"] = Digest("1")

    def slow() -> Any:
        project.files["in.csv"] = Digest("2")
        return 1

    project.does["a"] = slow
    report = project.run()
    assert outcomes(report) == {"a": "ran", "b": "ran"}
    assert project.recorded == ["b"]
    assert project.runner.results.vouched().keys() == {"b"}
    assert ["`in.csv` changed while `a` ran" in notice.message for notice in report.notices] == [True]
    assert outcomes(project.run()) == {"a": "ran", "b": "reused"}


def test_an_uncacheable_step_runs_each_time_and_is_never_recorded() -> None:
    project = chain()
    project.facts["b"] = project.facts["b"]._replace(fingerprint=Fingerprint(Digest("x"), Digest("x"), (), (), "an open file"))
    project.run()
    assert project.recorded == ["a", "c"]
    assert outcomes(project.run()) == {"a": "reused", "b": "ran", "c": "reused"}
    assert "b" not in project.runner.results.vouched()


def test_a_forced_step_runs_and_is_recorded_again() -> None:
    project = chain()
    project.run()
    assert outcomes(project.run(force=("b",))) == {"a": "reused", "b": "ran", "c": "reused"}
    assert project.recorded == ["b"]


# -- what was lost -----------------------------------------------------------------------------------------------------

def lose(project: Project, *names: str) -> None:
    for name in names:
        project.store.remove(project.latest[name].artifact.blob)


def test_a_lost_value_that_nobody_needs_is_left_alone() -> None:
    project = chain()
    project.run()
    lose(project, "a", "b")
    assert project.run(wanted=("c",)).counts["reused"] == 3


def test_a_lost_value_that_is_wanted_has_its_step_run() -> None:
    project = chain()
    project.run()
    lose(project, "c")
    assert outcomes(project.run(wanted=("c",))) == {"a": "reused", "b": "reused", "c": "ran"}


def test_a_lost_value_that_a_step_needs_is_made_again_in_the_same_run_and_so_are_those_above_it() -> None:
    project = chain()
    project.run()
    lose(project, "a", "b")
    project.edit("c")
    report = project.run()
    assert outcomes(report) == {"a": "ran", "b": "ran", "c": "ran"}
    assert project.executed == ["a", "b", "c"]
    assert [[reason.kind for reason in each.reasons] for each in report.steps] == [["artifact"], ["artifact"], ["code"]]


def test_a_lost_value_two_steps_need_is_made_again_once() -> None:
    project = Project(step("a"), step("b", "a"), step("c", "a"))
    project.slots = 3
    project.run()
    lose(project, "a")
    project.edit("b")
    project.edit("c")
    assert project.run().counts["ran"] == 3
    assert sorted(project.executed) == ["a", "b", "c"]
    assert project.executed[0] == "a"


def test_a_value_found_damaged_only_when_it_is_read_is_made_again() -> None:
    project = chain()
    project.run()
    project.edit("c")
    seen: List[str] = []

    def holdings(trace: Trace, wanted: bool) -> Any:
        seen.append(trace.step)
        return (), ()   # the file is there, its bytes turn out damaged

    lose(project, "b")
    project.holdings = holdings  # type: ignore[method-assign]
    assert outcomes(project.run()) == {"a": "reused", "b": "ran", "c": "ran"}
    assert project.executed == ["c", "b", "c"]


def test_a_store_that_loses_whatever_it_is_given_ends_in_a_failure_and_not_in_a_loop() -> None:
    project = chain()
    project.forgetful = True
    report = project.run()
    assert outcomes(report) == {"a": "ran", "b": "failed", "c": "blocked"}
    assert "can't be read back" in str(next(each for each in report.steps if each.step == "b").error)
    assert len(project.executed) < 10


def test_a_revived_step_that_fails_blocks_its_consumer() -> None:
    project = chain()
    project.run()
    lose(project, "b")
    project.edit("c")
    project.does["b"] = fails()
    assert outcomes(project.run()) == {"a": "reused", "b": "failed", "c": "blocked"}


def test_a_missing_product_is_put_back_from_the_store() -> None:
    project = Project(step("a", products=("out.png",)))
    project.run()
    project.on_disk.clear()
    assert outcomes(project.run()) == {"a": "restored"}
    assert project.restored == ["out.png"]
    assert outcomes(project.run()) == {"a": "reused"}


def test_a_product_whose_stored_bytes_are_damaged_has_its_step_run() -> None:
    project = Project(step("a", products=("out.png",)), step("b", "a"))
    project.run()
    project.on_disk.clear()
    project.store.remove(project.latest["a"].products[0].blob)
    report = project.run()
    assert outcomes(report) == {"a": "ran", "b": "reused"}
    assert report.steps[0].reasons == (Reason("product", "out.png"),)


# -- locked ------------------------------------------------------------------------------------------------------------

def lock(project: Project) -> Lock:
    entries = {name: LockEntry(trace.key, trace.code, (), trace.inputs, trace.upstreams, trace.artifact) for name, trace in project.latest.items()}
    return Lock(entries, {}, {})


def test_locked_runs_what_the_lockfile_says() -> None:
    project = chain()
    project.run()
    project.lock = lock(project)
    project.traces.clear()
    assert project.run(locked=True).counts["ran"] == 3
    assert project.run(locked=True).counts["reused"] == 3


@pytest.mark.parametrize("keep", [("a", "c"), ("a", "b", "c")], ids=["not in the lock", "another key"])
def test_locked_refuses_what_the_lockfile_does_not_say(keep: Tuple[str, ...]) -> None:
    project = chain()
    project.run()
    known = lock(project)
    project.lock = known._replace(steps={name: entry for name, entry in known.steps.items() if name in keep})
    if "b" in keep:
        project.edit("b")
    with pytest.raises(LockedError, match="`b`"):
        project.run(locked=True)
    assert project.executed == []
    assert project.closed[-1] is True


def test_another_product_is_another_output() -> None:
    project = Project(step("a", products=("out.txt",)))
    project.does["a"] = lambda: None
    project.run()
    project.edit("a")
    assert [each.changed for each in project.run().steps] == [False]
    project.edit("a", "newer")
    project.product = b"other bytes"
    assert [each.changed for each in project.run().steps] == [True]
