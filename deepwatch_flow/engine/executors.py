"""Where steps are executed: in this process, or in worker processes.

Workers are spawned, load the pipeline from the very bytes that the driver digested, and get digests
only: values go through the store. A worker that dies takes its pool with it; what was in flight is
then run again one at a time, so that only the step that kills its worker fails.
"""
from __future__ import annotations

import importlib
from collections import deque
from typing import Any, Callable, Deque, Dict, List, Protocol, Tuple

from ..errors import EnvironmentFault
from . import children
from .worker import Call, Failure, Outcome

Done = Tuple[Call, Outcome]


class Executor(Protocol):
    """Executes calls; the runner submits while `free` and then waits."""

    def free(self) -> bool:
        """Whether another call may be submitted."""

    def submit(self, call: Call) -> None:
        """Take a call."""

    def wait(self) -> List[Done]:
        """Return at least one finished call; blocks."""

    def close(self, cancel: bool = False) -> None:
        """Let go of all workers; with `cancel` without waiting for what is in flight."""


class InlineExecutor:
    """Executes each call at once, in this process."""

    def __init__(self, execute: Callable[[Call], Outcome]) -> None:
        self._execute = execute
        self._done: List[Done] = []

    def free(self) -> bool:
        """One at a time: the next only when the last was taken."""
        return not self._done

    def submit(self, call: Call) -> None:
        """Execute the call."""
        self._done.append((call, self._execute(call)))

    def wait(self) -> List[Done]:
        """Return the finished call."""
        done, self._done = self._done, []
        return done

    def close(self, cancel: bool = False) -> None:
        """Nothing is held."""


class ProcessExecutor:
    """Executes calls in `jobs` spawned processes, each prepared once by `initialise(setup)`.

    `initialise` and `execute` are module-level functions: they are found by name in the worker.
    """

    def __init__(self, jobs: int, initialise: Callable[[Any], None], setup: Any,
                 execute: Callable[[Call], Outcome]) -> None:
        self._jobs = jobs
        self._initialise = initialise
        self._setup = setup
        self._execute = execute
        # 30 ms of imports that a run in one process need not pay
        self._futures: Any = importlib.import_module("concurrent.futures")
        self._broken_pool: Any = importlib.import_module("concurrent.futures.process").BrokenProcessPool
        self._pool: Any = None
        self._running: Dict[Any, Call] = {}
        self._suspects: Deque[Call] = deque()      # in flight when a worker died: alone from now on

    def free(self) -> bool:
        """Whether a worker waits, and nobody is under suspicion."""
        return len(self._running) + len(self._suspects) < self._jobs

    def submit(self, call: Call) -> None:
        """Hand a call to a worker."""
        if self._suspects:
            self._suspects.append(call)
        else:
            self._start(call)

    def wait(self) -> List[Done]:
        """Return at least one finished call."""
        done: List[Done] = []
        while not done:
            if not self._running:
                self._start(self._suspects.popleft())
            finished, _ = self._futures.wait(self._running, return_when="FIRST_COMPLETED")
            alone = len(self._running) == 1
            for future in finished:
                call = self._running.pop(future, None)
                if call is None:
                    continue
                error = future.exception()
                if isinstance(error, self._broken_pool):
                    self._broken(call, alone, done)
                elif isinstance(error, EnvironmentFault):
                    raise error
                elif error is not None:
                    done.append((call, Outcome(failure=Failure(f"{type(error).__name__}: {error}"))))
                else:
                    done.append((call, future.result()))
        return done

    def close(self, cancel: bool = False) -> None:
        """End the workers."""
        pool, self._pool = self._pool, None
        if pool is None:
            return
        if cancel:
            children.end(_processes(pool))
        pool.shutdown(wait=True)

    def _start(self, call: Call) -> None:
        with children.spawning():
            if self._pool is None:
                spawn = importlib.import_module("multiprocessing").get_context("spawn")
                self._pool = self._futures.ProcessPoolExecutor(
                    self._jobs, mp_context=spawn, initializer=self._initialise, initargs=(self._setup,))
            future = self._pool.submit(self._execute, call)
        self._running[future] = call

    def _broken(self, call: Call, alone: bool, done: List[Done]) -> None:
        # every call in flight sees the broken pool: only one that ran alone is known to be guilty
        self.close(cancel=True)
        if alone:
            done.append((call, Outcome(failure=Failure(
                "the worker process died while it ran this step",
                hint="killed by the system (out of memory?), a crash in compiled code, or os._exit()"))))
            return
        self._suspects.append(call)
        for future, other in self._running.items():
            if future.done() and future.exception() is None:
                done.append((other, future.result()))   # it was ready before the other's end
            else:
                self._suspects.append(other)
        self._running.clear()


def _processes(pool: Any) -> List[Any]:
    # the pool has no public way to its processes, and forgets them when it breaks
    return list((getattr(pool, "_processes", None) or {}).values())
