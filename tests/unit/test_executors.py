"""Where steps are executed: one after the other here, or in processes of which any may die."""
from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any, Dict, Iterator, List

import executor_steps
import pytest

from deepwatch_flow.engine.executors import Executor, InlineExecutor
from deepwatch_flow.engine.processes import ProcessExecutor
from deepwatch_flow.engine.workerprocess import Setup
from deepwatch_flow.engine.calls import Call, Failure, Outcome
from deepwatch_flow.errors import EnvironmentFault


def call(name: str) -> Call:
    return Call(name, (), ())


def drive(executor: Executor, *names: str) -> Dict[str, Outcome]:
    """Execute all as the runner does: submit while there is room, then wait."""
    waiting, done = list(names), {}
    while len(done) < len(names):
        while waiting and executor.free():
            executor.submit(call(waiting.pop(0)))
        for finished, outcome in executor.wait():
            assert finished.step not in done, "told twice"
            done[finished.step] = outcome
    return done


def failed(done: Dict[str, Outcome]) -> List[str]:
    return sorted(name for name, outcome in done.items() if outcome.failure is not None)


# -- in this process --------------------------------------------------------------------------------------

def test_inline_executes_at_once_and_one_at_a_time() -> None:
    executed: List[str] = []

    def execute(each: Call) -> Outcome:
        executed.append(each.step)
        return Outcome(value=each.step)

    executor = InlineExecutor(execute)
    assert executor.free()
    executor.submit(call("a"))
    assert executed == ["a"]
    assert not executor.free()
    assert executor.wait() == [(call("a"), Outcome(value="a"))]
    assert executor.free()
    executor.close()


def test_inline_gives_each_outcome_once() -> None:
    done = drive(InlineExecutor(lambda each: Outcome(value=each.step)), "a", "b", "c")
    assert [outcome.value for outcome in done.values()] == ["a", "b", "c"]


def test_inline_lets_an_interrupt_through() -> None:
    def interrupt(each: Call) -> Any:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        InlineExecutor(interrupt).submit(call("a"))


# -- in processes --------------------------------------------------------------------------------------------

@pytest.fixture
def pool(monkeypatch: pytest.MonkeyPatch) -> Iterator[ProcessExecutor]:
    _let_workers_find_this(monkeypatch)
    executor = ProcessExecutor(2, Setup(executor_steps.initialise, "setup", executor_steps.execute))
    yield executor
    executor.close(cancel=True)


def _let_workers_find_this(monkeypatch: pytest.MonkeyPatch) -> None:
    here = Path(__file__).resolve()
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(here.parent), str(here.parents[2])]))


def test_workers_are_prepared_and_are_other_processes(pool: ProcessExecutor) -> None:
    done = drive(pool, "a", "b", "c")
    assert {outcome.value[0] for outcome in done.values()} == {"setup"}
    assert os.getpid() not in {outcome.value[1] for outcome in done.values()}


def test_as_many_run_at_once_as_there_are_jobs(pool: ProcessExecutor, tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    done = drive(pool, f"meet {one} {other}", f"meet {other} {one}")
    assert [outcome.value for outcome in done.values()] == ["met", "met"]


def test_there_is_room_for_as_many_as_there_are_jobs(pool: ProcessExecutor) -> None:
    pool.submit(call("a"))
    assert pool.free()
    pool.submit(call("b"))
    assert not pool.free()
    seen = 0
    while seen < 2:
        seen += len(pool.wait())
    assert pool.free()


def test_a_worker_that_dies_fails_only_its_own_step(pool: ProcessExecutor) -> None:
    done = drive(pool, "slow 1", "die", "slow 2", "a", "b")
    assert failed(done) == ["die"]
    failure = done["die"].failure
    assert failure is not None
    assert "worker process died" in failure.error
    assert failure.hint


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere nobody tells whether a dead process has read what was sent")
def test_a_worker_that_is_killed_before_it_reads_the_call_fails_nobody(pool: ProcessExecutor) -> None:
    drive(pool, "a")
    worker, = pool._idle
    os.kill(worker.process.pid, signal.SIGSTOP)      # it waits, and gets to nothing any more
    while ") T " not in Path(f"/proc/{worker.process.pid}/stat").read_text():
        time.sleep(0.01)
    pool.submit(call("b"))
    os.kill(worker.process.pid, signal.SIGKILL)
    assert [(each.step, outcome.failure) for each, outcome in finished(pool)] == [("b", None)]


def finished(pool: ProcessExecutor) -> List[Any]:
    done: List[Any] = []
    while not done:
        done = pool.wait(60.0)
    return done


@pytest.mark.skipif(os.name != "posix", reason="signals are different there")
@pytest.mark.parametrize("number, name", [(9, "SIGKILL"), (11, "SIGSEGV"), (6, "SIGABRT")])
def test_the_signal_that_killed_a_worker_is_named(pool: ProcessExecutor, number: int, name: str) -> None:
    done = drive(pool, f"kill {number}", "a", "b")
    assert failed(done) == [f"kill {number}"]
    assert name in done[f"kill {number}"].failure.error


def test_what_is_in_flight_beside_a_death_goes_on(pool: ProcessExecutor, tmp_path: Path) -> None:
    # the very execution goes on: a second one would come from another process
    flight = f"until {tmp_path / 'go'}"
    pool.submit(call(flight))
    pool.submit(call("die"))
    (first, outcome), = pool.wait()
    assert (first.step, outcome.failure is not None) == ("die", True)
    workers = {worker.process.pid for worker in pool._running}
    (tmp_path / "go").touch()
    (second, outcome), = pool.wait()
    assert (second.step, {outcome.value[1]}) == (flight, workers)


def test_a_call_that_takes_longer_than_its_timeout_is_ended_and_nobody_else(pool: ProcessExecutor) -> None:
    pool.submit(call("hang")._replace(timeout=0.3))
    pool.submit(call("slow"))
    done: Dict[str, Outcome] = {}
    while len(done) < 2:
        done.update((each.step, outcome) for each, outcome in pool.wait())
    assert failed(done) == ["hang"]
    assert done["hang"].failure.error == "it took longer than its timeout of 0.3 s"
    assert failed(drive(pool, "a", "b", "c")) == []


def test_preparing_a_worker_does_not_count_against_a_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    _let_workers_find_this(monkeypatch)
    executor = ProcessExecutor(1, Setup(executor_steps.initialise_slowly, None, executor_steps.execute))
    executor.submit(call("a")._replace(timeout=0.5))
    (_, outcome), = executor.wait()
    executor.close()
    assert outcome.failure is None


def test_waiting_ends_after_the_seconds_that_are_given(pool: ProcessExecutor) -> None:
    pool.submit(call("slow"))
    assert pool.wait(0.01) == []
    assert len(pool.wait()) == 1


def test_two_that_kill_their_workers_at_once_fail_both_and_nobody_else(pool: ProcessExecutor) -> None:
    assert failed(drive(pool, "die 1", "die 2", "a", "die 3", "b")) == ["die 1", "die 2", "die 3"]


def test_a_step_that_fails_leaves_its_worker_alive(pool: ProcessExecutor) -> None:
    done = drive(pool, "fail for a reason", "a")
    assert done["fail for a reason"].failure == Failure("ValueError: for a reason", "ValueError: for a reason\n")
    assert done["a"].failure is None


def test_an_error_outside_of_the_step_is_told_as_its_failure(pool: ProcessExecutor) -> None:
    failure = drive(pool, "break", "a")["break"].failure
    assert failure is not None
    assert failure.error == "ZeroDivisionError: inside our own code"


def test_a_full_disk_in_a_worker_ends_the_run(pool: ProcessExecutor) -> None:
    pool.submit(call("fault"))
    with pytest.raises(EnvironmentFault) as caught:
        pool.wait()
    assert (caught.value.message, caught.value.hint) == ("the disk is full", "make room")


@pytest.mark.filterwarnings("ignore")
def test_workers_that_can_t_be_prepared_fail_their_steps_and_don_t_hang(monkeypatch: pytest.MonkeyPatch) -> None:
    _let_workers_find_this(monkeypatch)
    executor = ProcessExecutor(2, Setup(executor_steps.initialise_badly, "bad setup", executor_steps.execute))
    assert failed(drive(executor, "a")) == ["a"]
    executor.close()


def test_closing_with_cancel_does_not_wait_for_what_is_in_flight(pool: ProcessExecutor, tmp_path: Path) -> None:
    pool.submit(call(f"meet {tmp_path / 'one'} {tmp_path / 'never'}"))   # would wait half a minute
    for _ in range(600):
        if (tmp_path / "one").exists():
            break
        assert pool.wait(0.05) == []
    started = time.monotonic()
    pool.close(cancel=True)
    assert time.monotonic() - started < 10


def test_closing_what_never_started_is_no_error() -> None:
    executor = ProcessExecutor(2, Setup(executor_steps.initialise, None, executor_steps.execute))
    executor.close()
    executor.close(cancel=True)
