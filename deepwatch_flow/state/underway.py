"""Which step a run executes in its own process, or which several in threads of it: written down for whoever finds that process dead.

One small file below the state's folder (``scratch``), written over in place at the begin and the end of each step.
Who reads it holds the mutex, so no run that is still going on is taken for a dead one.
"""
from __future__ import annotations

import contextlib
import os
import threading
import time
from typing import List, NamedTuple, Optional, Tuple

from ..events import Printed
from . import logs
from .rows import Execution
from .scratch import Scratch

_FILE = "underway"
#: so many digits tell how long the text behind them is; none of it counts while no step is executed
_DIGITS = 8
_NOTHING = b"0" * _DIGITS
_LONGEST = 100_000
#: stands between the names of several steps
_BETWEEN = "\0"


class Underway:
    """What one run writes down; on a disk that refuses, it writes nothing."""

    def __init__(self, state: str, run: str) -> None:
        self._file = Scratch(os.path.join(os.path.abspath(state), _FILE))
        self._run = run
        self._steps: List[str] = []
        self._lock = threading.Lock()                   # threads begin and end as they like

    def begin(self, step: str, start: Optional[int]) -> None:
        """A step begins; the driver's log has so many bytes, None where nothing is captured."""
        with self._lock:
            self._steps.append(step)
            self._tell(start)

    def end(self, step: str) -> None:
        """It has ended, this way or another."""
        with self._lock:
            self._steps.remove(step)
            if self._steps:             # several are executed in threads: none of them is captured
                self._tell(None)
            elif self._file.is_made:
                self._write(_NOTHING)

    def close(self) -> None:
        """The run ends."""
        self._file.close()

    def _tell(self, start: Optional[int]) -> None:
        text = f"{self._run} {'-' if start is None else start} {_BETWEEN.join(self._steps)}".encode("utf-8", "surrogatepass")
        self._write(b"%08d%s" % (len(text), text))

    def _write(self, data: bytes) -> None:
        with contextlib.suppress(OSError):     # a full disk shows where it matters; a step may have closed the file
            self._file.put(data)


class Dead(NamedTuple):
    """A run whose process is gone, and the steps that it executed then: one, or several in threads."""

    run: str
    executions: Tuple[Execution, ...]


def left_behind(state: str) -> bool:
    """Tell whether there is something to be read: a run goes on, or is dead."""
    return os.path.lexists(os.path.join(state, _FILE))


def take(state: str) -> Optional[Dead]:
    """Return what a dead run left, and remove it; the caller holds the mutex. None where no step was executed then."""
    path = os.path.join(state, _FILE)
    try:
        with open(path, "rb") as file:
            data = file.read(_LONGEST)
        when = int(os.stat(path).st_mtime)
        os.remove(path)
        text = data[_DIGITS:_DIGITS + int(data[:_DIGITS])].decode("utf-8", "surrogatepass")
        run, start, steps = text.split(" ", 2)
        since = None if start == "-" else int(start)
    except (OSError, ValueError):       # gone, of no step, or never written whole
        return None
    printed = _printed(state, run, since)
    return Dead(run, tuple([Execution(step, run, min(when, int(time.time())), "failed", printed, since is not None) for step in steps.split(_BETWEEN)]))


def _printed(state: str, run: str, start: Optional[int]) -> Optional[Printed]:
    path = logs.file_of(logs.folder_of(state, run))
    try:
        end = os.path.getsize(path)
    except OSError:
        return None
    return Printed(os.path.basename(path), start, end) if start is not None and end > start else None
