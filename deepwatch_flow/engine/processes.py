"""Executing steps in worker processes.

Workers are spawned, load the pipeline from the very bytes that the driver digested, and get digests
only: values go through the store. They stay for the next call. A worker has one call in flight, so its
death harms no other, and ending it, as a timeout must, ends nobody else.
"""
from __future__ import annotations

import importlib
import time
from typing import Any, Dict, List, NamedTuple, Optional

from ..errors import EnvironmentFault
from . import children
from .calls import Call, Failure, Outcome
from .executors import Done
from .workerprocess import Setup, Unread, WorkerProcess

#: how long a worker is given to tell where it hangs before it is ended
_LAST_WORDS_SECONDS = 0.2
#: how often it is looked whether a worker is dead that may have no way of telling
_ASK_SECONDS = 0.25


class ProcessExecutor:
    """Executes calls in `jobs` spawned processes."""

    def __init__(self, jobs: int, setup: Setup) -> None:
        self._jobs = jobs
        self._setup = setup
        # a run in one process need not pay for the import
        self._connection: Any = importlib.import_module("multiprocessing.connection")
        self._idle: List[WorkerProcess] = []
        self._running: Dict[WorkerProcess, _Running] = {}

    def free(self) -> bool:
        """Whether another call may be submitted."""
        return len(self._running) < self._jobs

    def submit(self, call: Call) -> None:
        """Hand a call to a worker that waits, or to a new one."""
        self._submit(call)

    def _submit(self, call: Call, again: bool = False) -> None:
        worker = self._idle.pop() if self._idle else None
        if worker is None or worker.is_dead():      # the system may end one that waits, too
            worker = WorkerProcess(self._setup)
        self._setup.began(worker.process.pid, call.step, worker.logged)
        worker.submit(call)
        self._running[worker] = _Running(call, worker, time.monotonic(), again)

    def wait(self, seconds: Optional[float] = None) -> List[Done]:
        """Return at least one finished call; none where none is finished after so many seconds, or none is at work."""
        until = None if seconds is None else time.monotonic() + seconds
        done: List[Done] = []
        while self._running and not done:
            awaited = {each: worker for worker in self._running for each in (worker.connection, worker.process.sentinel)}
            ready = self._connection.wait(list(awaited), self._until_next(until))
            # a process that a dead worker has forked holds both open: then only asking tells
            heard = [awaited[each] for each in ready] or [worker for worker in self._running if worker.is_dead()]
            for worker in dict.fromkeys(heard):
                done += self._heard(worker)
            done += [self._ended(worker) for worker in self._late()]
            if until is not None and time.monotonic() >= until:
                break
        return done

    def close(self, cancel: bool = False) -> None:
        """End the workers; with `cancel` those at work, too."""
        workers = [*self._idle, *self._running]
        self._idle.clear()
        self._running.clear()
        if not cancel:
            for worker in workers:
                worker.dismiss()
            self._let_end([worker.process.sentinel for worker in workers])
        # a step may have left a thread that never ends, and processes: nobody waits for these any more
        children.end([worker.process for worker in workers])
        for worker in workers:
            worker.close()

    def _let_end(self, sentinels: List[Any]) -> None:
        until = time.monotonic() + children.GRACE_SECONDS
        while sentinels and time.monotonic() < until:
            gone = self._connection.wait(sentinels, max(0.0, until - time.monotonic()))
            sentinels = [each for each in sentinels if each not in gone]

    # -- time -------------------------------------------------------------------------------------

    def _until_next(self, until: Optional[float]) -> float:
        ends = [end for running in self._running.values() for end in [running.ends()] if end is not None]
        if until is not None:
            ends.append(until)
        now = time.monotonic()
        return max(0.0, min([_ASK_SECONDS, *(end - now for end in ends)]))

    def _late(self) -> List[WorkerProcess]:
        now = time.monotonic()
        return [worker for worker, running in self._running.items()
                for end in [running.ends()] if end is not None and end <= now and not worker.connection.poll()]

    # -- outcomes ---------------------------------------------------------------------------------

    def _heard(self, worker: WorkerProcess) -> List[Done]:
        """Return what a worker that is to be heard gave: nothing where it has only become ready."""
        running = self._running[worker]
        try:
            answer = worker.answer()
        except (EOFError, Unread) as error:
            del self._running[worker]
            failure = worker.death()
            if isinstance(error, Unread) and not running.again:
                self._submit(running.call, again=True)      # it has died while it waited
                return []
            return [self._dead(running, failure)]
        if answer is None:
            return []
        del self._running[worker]
        self._idle.append(worker)
        if isinstance(answer, EnvironmentFault):
            raise answer
        if answer.printed is not None:
            worker.logged = answer.printed.end
        return [(running.call, answer)]

    def _dead(self, running: _Running, failure: Failure) -> Done:
        """Return what is left of a call whose worker is gone: what it had printed."""
        printed = self._setup.printed(running.worker.process.pid, running.worker.logged)
        return running.call, Outcome(seconds=time.monotonic() - running.since, failure=failure, printed=printed)

    def _ended(self, worker: WorkerProcess) -> Done:
        """End the worker of a call that took too long."""
        running = self._running.pop(worker)
        children.end([worker.process])
        worker.close()
        failure = Failure(f"it took longer than its timeout of {running.call.timeout:g} s", self._setup.hung(worker.process.pid),
                          "raise @step(timeout=...), or look where it hangs")
        return self._dead(running, failure)


class _Running(NamedTuple):
    call: Call
    worker: WorkerProcess
    since: float
    again: bool = False                    #: whether another worker has died before it read the call

    def ends(self) -> Optional[float]:
        """Return when its time is over; None while the worker is still being prepared, and without a timeout."""
        if self.call.timeout is None or self.worker.since is None:
            return None
        return max(self.since, self.worker.since) + self.call.timeout + _LAST_WORDS_SECONDS
