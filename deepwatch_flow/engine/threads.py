"""Calls executed in threads of this process, for steps that wait for other machines.

What a thread reads can't be told from what others of its process read at the same time, and the random
numbers are one for all. So only those calls run side by side of which nothing of the kind is asked: what
is observed, has a seed, or is stored while it is read, runs alone.
"""
from __future__ import annotations

import contextlib
import queue
import threading
from typing import Callable, Iterator, List, Optional, Tuple, Union

from ..errors import EnvironmentFault
from ..observation.recorder import unobserved
from .calls import Call, Outcome
from .executors import Done, answer_to


class ThreadExecutor:
    """Executes calls in threads, so many at a time; a thread can't be ended: at a cancel, nobody waits for it any more."""

    def __init__(self, jobs: int, execute: Callable[[Call], Outcome]) -> None:
        self._jobs = jobs
        self._execute = execute
        self._flight = 0
        self._ended: queue.SimpleQueue[Tuple[Call, Union[Outcome, EnvironmentFault]]] = queue.SimpleQueue()
        self._gate = Gate()
        self._ours = contextlib.ExitStack()
        self._ours.enter_context(unobserved())      # what this thread reads meanwhile is the run's, not the step's

    def free(self) -> bool:
        """Whether a thread is to be had."""
        return self._flight < self._jobs

    def submit(self, call: Call) -> None:
        """Execute a call in a thread of its own."""
        self._flight += 1
        threading.Thread(target=self._run, args=(call,), name=f"deepwatch {call.step}", daemon=True).start()

    def wait(self, seconds: Optional[float] = None) -> List[Done]:
        """Return a call that ended, none where none does after so many seconds; raises EnvironmentFault."""
        try:
            call, answer = self._ended.get(timeout=seconds)
        except queue.Empty:
            return []
        self._flight -= 1
        if isinstance(answer, EnvironmentFault):
            raise answer
        return [(call, answer)]

    def close(self, cancel: bool = False) -> None:    # noqa: ARG002 - a thread can't be ended
        """End; who closes has waited for all calls, or waits for none."""
        self._ours.close()

    def _run(self, call: Call) -> None:
        with self._gate.alone() if must_be_alone(call) else self._gate.together():
            answer = answer_to(call, self._execute)
        self._ended.put((call, answer))


def must_be_alone(call: Call) -> bool:
    """Tell whether a call shares with others what has to be its own."""
    return call.observe or call.seed is not None or call.parts is not None or bool(call.apart)


class Gate:
    """Lets in many together, or one alone."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._inside = 0
        self._is_alone = False

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """Be inside, while nobody is alone."""
        with self._changed:
            self._changed.wait_for(lambda: not self._is_alone)
            self._inside += 1
        try:
            yield
        finally:
            self._leave()

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Be inside, and nobody else."""
        with self._changed:
            self._changed.wait_for(lambda: not self._is_alone)
            self._is_alone = True        # nobody comes in any more
            self._changed.wait_for(lambda: self._inside == 0)
            self._inside = 1
        try:
            yield
        finally:
            with self._changed:
                self._is_alone = False
            self._leave()

    def _leave(self) -> None:
        with self._changed:
            self._inside -= 1
            self._changed.notify_all()
