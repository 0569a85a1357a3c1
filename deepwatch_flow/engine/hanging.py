"""Where a step hung that took longer than it may: the worker writes it down, the driver reads it.

``faulthandler`` writes the frames of all threads from a thread of its own, whatever the step does: a
busy loop, a sleep, a call into compiled code.
"""
from __future__ import annotations

import contextlib
import importlib
import itertools
import os
import re
from typing import Iterator, List, Optional

_FRAME = re.compile(r'  File "(?P<file>.*)", line (?P<line>\d+) in (?P<function>.*)')
_HERE = os.path.dirname(os.path.abspath(__file__))


@contextlib.contextmanager
def telling(folder: Optional[str], seconds: Optional[float]) -> Iterator[None]:
    """Write down where this process is, should what is inside take longer than so many seconds."""
    if folder is None or seconds is None:
        yield
        return
    faulthandler = importlib.import_module("faulthandler")
    with open(_path(folder, os.getpid()), "w", encoding="utf-8") as file:
        faulthandler.dump_traceback_later(seconds, file=file)
        try:
            yield
        finally:
            faulthandler.cancel_dump_traceback_later()


def told(folder: Optional[str], process: int) -> Optional[str]:
    """Return the user's frames of what a worker has written down, in the form of a traceback; None without any."""
    if folder is None:
        return None
    for place, _, names in os.walk(folder):     # a worker's folder lies in the driver's
        if os.path.basename(_path("", process)) in names:
            with open(_path(place, process), encoding="utf-8", errors="replace") as file:
                return _traceback(file.read())
    return None


def _path(folder: str, process: int) -> str:
    return os.path.join(folder, f"hung-{process}")


def _traceback(text: str) -> Optional[str]:
    frames: List[str] = []
    for line in text.rpartition("Thread ")[2].splitlines():      # the main thread comes last
        found = _FRAME.match(line)
        if found is None:
            continue
        if found["file"].startswith(_HERE):
            break
        frames.append(f'  File "{found["file"]}", line {found["line"]}, in {found["function"]}\n{_source(found["file"], int(found["line"]))}')
    return "Traceback (most recent call last):\n" + "".join(reversed(frames)) if frames else None


def _source(path: str, number: int) -> str:
    """Return a line of a file as a traceback has it; nothing where it can't be read."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            text = next(itertools.islice(file, number - 1, None), "").strip()
    except OSError:
        return ""
    return f"    {text}\n" if text else ""
