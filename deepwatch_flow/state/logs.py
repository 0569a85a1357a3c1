"""Logs: what steps printed, a file for each process of a run below the state's folder.

A step's part of such a file is a `Printed`: from where to where. A part whose file is gone, or that was cut,
reads as what is left of it. Logs are bounded: those of the last runs stay, and of older ones
those that tell of the last execution of a step, good or failed.
"""
from __future__ import annotations

import contextlib
import os
import shutil
from typing import Callable, Container, Iterator, List, Optional

from ..events import Printed

#: of how many runs that executed something the logs stay whatever is in them
KEPT_RUNS = 20
#: how many lines are shown of a step that failed
TAIL_LINES = 20
_TAIL_BYTES = 64 << 10
_CHUNK = 1 << 20
_FOLDER = "logs"
#: the first two digits of a run's id are below that in one run of ten: ids are random
_ONE_OF_TEN = 26


def folder_of(state: str, run: Optional[str] = None) -> str:
    """Return the folder of the logs of a run, or of all runs."""
    return os.path.join(state, _FOLDER, run) if run is not None else os.path.join(state, _FOLDER)


def file_of(folder: str, process: Optional[int] = None) -> str:
    """Return the log of a worker process, or of the driver."""
    return os.path.join(folder, f"{process if process is not None else 'driver'}.log")


def loading_file_of(folder: str, process: int) -> str:
    """Return where a worker process prints while it loads the pipeline: no step's output."""
    return os.path.join(folder, f"{process}.loading.log")


def chunks(printed: Printed) -> Iterator[bytes]:
    """Yield what a step printed, piece by piece; raises OSError where its file is gone."""
    with open(printed.file, "rb") as file:
        file.seek(printed.start)
        left = printed.end - printed.start
        while left > 0:
            data = file.read(min(left, _CHUNK))
            if not data:
                return
            left -= len(data)
            yield data


def tail(printed: Printed, lines: int = TAIL_LINES) -> str:
    """Return the last lines of what a step printed, as a terminal shows them; empty where they are gone.

    No more than the last 64 KB are read, however much it is.
    """
    start = max(printed.start, printed.end - _TAIL_BYTES)
    try:
        data = b"".join(chunks(printed._replace(start=start)))
    except OSError:
        return ""
    if start > printed.start and b"\n" in data:
        data = data.partition(b"\n")[2]          # it begins in the middle of a line
    return "\n".join(as_shown(data)[-lines:]) if lines > 0 else ""


def as_shown(data: bytes) -> List[str]:
    """Return printed bytes as lines of text; of a line that was written over (a progress bar) what came last."""
    text = data.decode("utf-8", "backslashreplace").replace("\r\n", "\n").rstrip("\n")
    return [line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n")] if text else []


def drop_empty(folder: str) -> None:
    """Remove the logs of a run into which nothing was printed."""
    with contextlib.suppress(OSError):           # never made, or of no use to anybody: no reason to stop
        for name in os.listdir(folder):
            path = os.path.join(folder, name)
            if os.path.getsize(path) == 0:
                os.remove(path)
        os.rmdir(folder)


def sweep(state: str, run: str, needed: Callable[[int], Container[str]]) -> None:
    """Remove the logs of old runs, at the end of one that executed something.

    `needed` returns which stay: the newest, whose number it is told, and more. It takes time that grows with the
    steps, and has to be asked now and then where nothing is printed, too: by one run of ten.
    """
    try:
        there = os.listdir(folder_of(state))
    except OSError:                              # nothing was printed yet
        there = []
    if len(there) <= KEPT_RUNS and int(run[:2], 16) >= _ONE_OF_TEN:
        return
    stay = needed(KEPT_RUNS)
    for each in there:
        if each not in stay:
            shutil.rmtree(folder_of(state, each), ignore_errors=True)


def forget_all(state: str) -> None:
    """Remove all logs."""
    shutil.rmtree(folder_of(state), ignore_errors=True)
