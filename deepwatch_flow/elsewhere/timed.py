"""Steps with a timeout on a worker elsewhere: executed in a child process, which can be ended."""
from __future__ import annotations

import contextlib
import importlib
import sys
from typing import Iterator, Mapping, Optional

from ..config import Config
from ..engine import hanging
from ..engine.calls import Call, Outcome
from ..engine.processes import ProcessExecutor
from ..engine.workerprocess import Setup
from ..workers import WorkerSetup, execute_call, initialise


class Timed:
    """A worker's own worker process, made when the first call with a timeout comes."""

    def __init__(self, config: Config, state: str, sources: Mapping[str, bytes], scratch: str) -> None:
        self._config, self._state, self._sources, self._scratch = config, state, sources, scratch
        self._executor: Optional[ProcessExecutor] = None

    def execute(self, call: Call) -> Outcome:
        """Execute a call; it is ended when its time is over."""
        with _no_daemon():
            if self._executor is None:
                scratch = self._scratch
                setup = WorkerSetup(self._config, self._state, self._sources, tuple(sys.path), scratch)
                self._executor = ProcessExecutor(1, Setup(initialise, setup, execute_call, lambda worker: hanging.told(scratch, worker)))
            self._executor.submit(call)
        while True:
            for _, outcome in self._executor.wait():
                return outcome

    def close(self) -> None:
        """End the process."""
        if self._executor is not None:
            self._executor.close(cancel=True)
            self._executor = None


@contextlib.contextmanager
def _no_daemon() -> Iterator[None]:
    """Let this process start another one, though it is a daemon, as Dask's workers are.

    The child ends with its parent in any case (`children.live_with_parent`), which is why daemons may have none.
    """
    process = importlib.import_module("multiprocessing").current_process()
    config = getattr(process, "_config", {})
    before = config.get("daemon")
    if before:
        config["daemon"] = False
    try:
        yield
    finally:
        if before:
            config["daemon"] = before
