"""Executing steps in worker processes, each a pool of its own.

Workers are spawned, load the pipeline from the very bytes that the driver digested, and get digests
only: values go through the store. They stay for the next call. A pool of one process is what makes a
death harmless: the standard library's pool, like those built on it, is broken as a whole when one of
its processes dies, and which call was guilty is then unknown. Here a worker has one call in flight, and
ending it, as a timeout must, ends nobody else.
"""
from __future__ import annotations

import importlib
import signal
import threading
import time
from typing import Any, Callable, Dict, List, NamedTuple, Optional

from ..errors import EnvironmentFault
from ..events import Printed
from . import children
from .executors import Done
from .worker import Call, Failure, Outcome

#: how long a worker is given to tell where it hangs before it is ended
_LAST_WORDS_SECONDS = 0.2


class Setup(NamedTuple):
    """How a worker is prepared, and what it executes: functions that are found by name there."""

    initialise: Callable[[Any], None]
    given: Any                                     #: to `initialise`
    execute: Callable[[Call], Outcome]
    #: where a call that was ended hung, by the worker's process number
    hung: Callable[[int], Optional[str]] = lambda _: None
    #: told of each call that begins: the worker's process number, the step, how long its log is
    began: Callable[[int, str, int], None] = lambda *_: None
    #: what a worker that has died printed since its log had so many bytes
    printed: Callable[[int, int], Optional[Printed]] = lambda *_: None


class ProcessExecutor:
    """Executes calls in `jobs` spawned processes."""

    def __init__(self, jobs: int, setup: Setup) -> None:
        self._jobs = jobs
        self._setup = setup
        # 30 ms of imports that a run in one process need not pay
        self._futures: Any = importlib.import_module("concurrent.futures")
        self._broken_pool: Any = importlib.import_module("concurrent.futures.process").BrokenProcessPool
        self._idle: List[_Worker] = []
        self._running: Dict[Any, _Running] = {}        # by future

    def free(self) -> bool:
        """Whether another call may be submitted."""
        return len(self._running) < self._jobs

    def submit(self, call: Call) -> None:
        """Hand a call to a worker that waits, or to a new one."""
        worker = self._idle.pop() if self._idle else _Worker(self._futures, self._setup)
        for process in worker.processes:
            self._setup.began(process.pid, call.step, worker.logged)
        with children.spawning():
            future = worker.pool.submit(self._setup.execute, call)
        self._running[future] = _Running(call, worker, time.monotonic())

    def wait(self, seconds: Optional[float] = None) -> List[Done]:
        """Return at least one finished call; none where none is finished after so many seconds."""
        until = None if seconds is None else time.monotonic() + seconds
        done: List[Done] = []
        while not done:
            left = self._until_next(until)
            finished, _ = self._futures.wait(self._awaited(), left, return_when="FIRST_COMPLETED")
            done += [self._done(future) for future in finished if future in self._running]
            done += [self._ended(future) for future in self._late()]
            if until is not None and time.monotonic() >= until:
                break
        return done

    def close(self, cancel: bool = False) -> None:
        """End the workers; with `cancel` those at work, too."""
        busy = [running.worker for running in self._running.values()]
        self._running.clear()
        workers = [*self._idle, *busy]
        self._idle.clear()
        if cancel:
            children.end([process for worker in workers for process in worker.processes])
        # all at a time; `wait=False` would do as well, but below Python 3.9 it closes what the pool's thread still reads
        ending = [threading.Thread(target=worker.pool.shutdown, name="deepwatch-ending") for worker in workers]
        for thread in ending:
            thread.start()
        for thread in ending:
            thread.join()

    # -- time -------------------------------------------------------------------------------------

    def _awaited(self) -> List[Any]:
        """Return the futures at work, and those that tell when the time of a call begins to count."""
        starting = [running.worker.ready for running in self._running.values()
                    if running.call.timeout is not None and not running.worker.ready.done()]
        return [*self._running, *starting]

    def _until_next(self, until: Optional[float]) -> Optional[float]:
        ends = [end for running in self._running.values() for end in [running.ends()] if end is not None]
        if until is not None:
            ends.append(until)
        return max(0.0, min(ends) - time.monotonic()) if ends else None

    def _late(self) -> List[Any]:
        now = time.monotonic()
        return [future for future, running in self._running.items()
                for end in [running.ends()] if end is not None and end <= now and not future.done()]

    # -- outcomes ---------------------------------------------------------------------------------

    def _done(self, future: Any) -> Done:
        running = self._running.pop(future)
        error = future.exception()
        if isinstance(error, self._broken_pool):
            return self._dead(running, running.worker.death())
        self._idle.append(running.worker)
        if isinstance(error, EnvironmentFault):
            raise error
        if error is not None:
            return running.call, Outcome(failure=Failure(f"{type(error).__name__}: {error}"))
        outcome: Outcome = future.result()
        if outcome.printed is not None:
            running.worker.logged = outcome.printed.end
        return running.call, outcome

    def _dead(self, running: _Running, failure: Failure) -> Done:
        """Return what is left of a call whose worker is gone: what it had printed."""
        parts = [part for process in running.worker.processes
                 for part in [self._setup.printed(process.pid, running.worker.logged)] if part is not None]
        return running.call, Outcome(seconds=time.monotonic() - running.since, failure=failure, printed=parts[0] if parts else None)

    def _ended(self, future: Any) -> Done:
        """End the worker of a call that took too long."""
        running = self._running.pop(future)
        processes = running.worker.processes
        children.end(processes)
        running.worker.pool.shutdown(wait=True)
        hung = [text for process in processes for text in [self._setup.hung(process.pid)] if text]
        failure = Failure(f"it took longer than its timeout of {running.call.timeout:g} s", "".join(hung) or None,
                          "raise @step(timeout=...), or look where it hangs")
        return self._dead(running, failure)


class _Worker:
    """A process that executes one call at a time; it lives until it is ended, or dies of a call."""

    def __init__(self, futures: Any, setup: Setup) -> None:
        with children.spawning():
            spawn = importlib.import_module("multiprocessing").get_context("spawn")
            self.pool: Any = futures.ProcessPoolExecutor(1, mp_context=spawn, initializer=setup.initialise,
                                                         initargs=(setup.given,))
            #: done when the worker is prepared, or dead
            self.ready: Any = self.pool.submit(_ready)
        # the pool has no public way to it, and forgets it when it breaks
        self.processes: List[Any] = list((getattr(self.pool, "_processes", None) or {}).values())
        self.since: Optional[float] = None             #: when it was prepared
        self.logged = 0                                #: how many bytes of its log earlier calls printed
        self.ready.add_done_callback(self._prepared)

    def _prepared(self, _: Any) -> None:
        self.since = time.monotonic()

    def death(self) -> Failure:
        """Tell how the process ended."""
        children.end(self.processes)    # what it had started is of its group, and may live on
        self.pool.shutdown(wait=True)
        codes = [process.exitcode for process in self.processes if process.exitcode]
        if codes and codes[0] < 0:
            return Failure(f"the worker process died while it ran this step: killed by {_signal_name(-codes[0])}",
                           hint="the system ends what takes too much memory; compiled code may crash")
        told = f": it ended itself with the code {codes[0]}" if codes else ""
        return Failure(f"the worker process died while it ran this step{told}",
                       hint="os._exit() ends a process at once, and so does some compiled code")


class _Running(NamedTuple):
    call: Call
    worker: _Worker
    since: float

    def ends(self) -> Optional[float]:
        """Return when its time is over; None while the worker is still being prepared, and without a timeout."""
        if self.call.timeout is None or self.worker.since is None:
            return None
        return max(self.since, self.worker.since) + self.call.timeout + _LAST_WORDS_SECONDS


def _ready() -> None:
    """Be executed: then the worker is prepared."""


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
