"""What the steps of one run print, in the driver: where it goes, whose it is, what is remembered of it."""
from __future__ import annotations

import os
import time
from typing import Callable, Dict, List, Optional

from ..events import Emit, Event, Printed, StepAsks, StepFinished, StepPrints
from ..model import Policy
from ..state import logs
from ..state.database import Database
from ..state.rows import Execution
from ..state.underway import Underway
from .calls import Call, Outcome
from .capture import Capture, uncaptured
from .executors import Done, Executor

#: how long an execution may wait to be recorded together with others: a kill loses where its output is, not its result
_RECORD_SECONDS = 0.5


class StepLogs:
    """The logs of one run, and the record of what was executed; where its policy does not capture, only that."""

    def __init__(self, state: str, run: str, policy: Policy, database: Database, emit: Emit) -> None:
        self._state, self._run, self._policy = state, run, policy
        self._database = database
        self._emit = emit
        #: None where the descriptors are left alone
        self.folder: Optional[str] = logs.folder_of(os.path.abspath(state), run) if policy.capture else None
        self._printed: Dict[str, Optional[Printed]] = {}
        self._capture: Optional[Capture] = None
        self._executions: List[Execution] = []     # of which the database was not told yet
        self._recorded = time.time()
        self._any = False
        self._underway = Underway(state, run)

    def here(self, execute: Callable[[Call], Outcome]) -> Callable[[Call], Outcome]:
        """Return what executes a call in this process, writes down that it does, and captures what it prints."""
        def marked(call: Call) -> Outcome:
            self._underway.begin(call.step, self._capture.start if self._capture is not None else None)
            try:
                return execute(call)
            finally:
                self._underway.end(call.step)

        def captured(call: Call) -> Outcome:
            capture = self._opened()
            if capture is None:
                return marked(call)
            if self._policy.follow:
                self._emit(StepPrints(call.step, capture.path, _size(capture.path)))
            return capture.around(marked, call)

        return captured if self.folder is not None else marked

    def beside(self, execute: Callable[[Call], Outcome]) -> Callable[[Call], Outcome]:
        """Return what executes a call in a thread of this process while others are executed, and writes down that it does."""
        self.keep_nothing()      # descriptors are one for all
        return self.here(execute)

    def began(self, process: int, step: str, start: int) -> None:
        """A worker begins with a step; its log has so many bytes."""
        if self.folder is not None and self._policy.follow:
            self._emit(StepPrints(step, logs.file_of(self.folder, process), start))

    def of_worker(self, process: int, start: int) -> Optional[Printed]:
        """Return what a worker that has died printed since."""
        if self.folder is None:
            return None
        path = logs.file_of(self.folder, process)
        end = _size(path)
        return Printed(path, start, end) if end > start else None

    def keeping(self, executor: Executor) -> Executor:
        """Return an executor that has us hear of each execution."""
        return _Logged(executor, self)

    def keep_nothing(self) -> None:
        """Capture nothing: executions are recorded, and what they print goes elsewhere."""
        self.folder = None

    def telling(self, emit: Emit) -> Emit:
        """Return an `emit` by which a step's end is told with what it printed."""
        def told(event: Event) -> None:
            if isinstance(event, StepFinished):
                printed = self._printed.pop(event.step, None)
                if printed is not None:
                    event = event._replace(printed=printed)
            emit(event)

        return told if self.folder is not None else emit

    def ended(self, call: Call, outcome: Outcome) -> None:
        """Remember an execution."""
        self._any = True
        if self.folder is not None:
            self._printed[call.step] = outcome.printed
        how = "ran" if outcome.failure is None else "failed"
        printed = outcome.printed
        if printed is not None:
            printed = printed._replace(file=os.path.basename(printed.file))
        now = time.time()
        self._executions.append(Execution(call.step, self._run, int(now), how, printed, captured=self.folder is not None))
        if now - self._recorded > _RECORD_SECONDS:
            self._record(now)

    def close(self, cancel: bool = False) -> None:
        """Give the descriptors back, and let go of empty logs, and of old ones unless the run is cancelled."""
        self._underway.close()
        if self._capture is not None:
            self._capture.close()
            self._capture = None
        if self._executions:
            self._record(time.time())
        if self.folder is not None:
            logs.drop_empty(self.folder)
        if self._any and not cancel:
            logs.sweep(self._state, self._run, self._database.forget_others)

    def _record(self, now: float) -> None:
        self._database.executed(self._executions)
        self._executions = []
        self._recorded = now

    def _opened(self) -> Optional[Capture]:
        if self._capture is None and self.folder is not None:
            try:
                self._capture = Capture(logs.file_of(self.folder), self._emit, lambda step: self._emit(StepAsks(step)))
            except OSError as error:
                self._emit(uncaptured(f"{error.filename or self.folder}: {error.strerror or error}"))
                self.folder = None
        return self._capture


class _Logged:
    """An executor, with ears at its end."""

    def __init__(self, inner: Executor, logs: StepLogs) -> None:
        self._inner = inner
        self._logs = logs
        self.free = inner.free
        self.submit = inner.submit

    def wait(self, seconds: Optional[float] = None) -> List[Done]:
        done = self._inner.wait() if seconds is None else self._inner.wait(seconds)
        for call, outcome in done:
            self._logs.ended(call, outcome)
        return done

    def close(self, cancel: bool = False) -> None:
        try:
            self._inner.close(cancel)
        finally:
            self._logs.close(cancel)


def _size(path: str) -> int:
    try:
        return os.path.getsize(path)
    except OSError:          # nothing was printed there yet
        return 0
