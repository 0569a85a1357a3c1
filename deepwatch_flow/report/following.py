"""What steps print, told while they do: a thread looks at their logs and hands on what has come.

Where several run at a time only whole lines are told, each with the name of its step; of a line that is
written over, as progress bars are, what it was at last.
"""
from __future__ import annotations

import threading
from typing import BinaryIO, Callable, ContextManager, Dict, Optional

from ..events import StepFinished, StepPrints
from .explain import printable

_SECONDS = 0.05
_CHUNK = 64 << 10


class Follower:
    """Follows the logs of the steps that are being executed; `lock` is held while `write` is called."""

    def __init__(self, write: Callable[[bytes], None], named: bool, lock: ContextManager[object]) -> None:
        self._write = write
        self._named = named
        self._lock = lock
        self._followed: Dict[str, _Followed] = {}
        self._stop = threading.Event()
        self._thread: Optional[threading.Thread] = None

    def begin(self, event: StepPrints) -> None:
        """Follow what a step prints."""
        self._followed[event.step] = _Followed(event)
        if self._thread is None:
            self._stop.clear()
            self._thread = threading.Thread(target=self._watch, name="deepwatch-follower", daemon=True)
            self._thread.start()

    def poll(self) -> None:
        """Hand on what has come."""
        for followed in self._followed.values():
            self._hand_on(followed)

    def end(self, event: StepFinished) -> bool:
        """Tell what is left of a step that has finished; whether it was followed."""
        followed = self._followed.pop(event.step, None)
        if followed is None:
            return False
        if event.printed is not None:
            self._hand_on(followed, event.printed.end)
        if followed.line:
            self._tell(followed, followed.line)
        followed.close()
        return True

    def close(self) -> None:
        """Follow nothing any more."""
        if self._thread is not None:
            self._stop.set()
            self._thread.join()
            self._thread = None
        for followed in self._followed.values():
            followed.close()
        self._followed.clear()

    def _watch(self) -> None:
        while not self._stop.wait(_SECONDS):
            with self._lock:
                self.poll()

    def _hand_on(self, followed: _Followed, until: Optional[int] = None) -> None:
        while True:
            data = followed.read(until)
            if not data:
                return
            if not self._named:
                self._write(data)
                continue
            *lines, rest = (followed.line + data).split(b"\n")
            for line in lines:
                self._tell(followed, line)
            # a line without an end is shown when it has one; what was written over is never shown
            followed.line = rest.rpartition(b"\r")[2] if not rest.endswith(b"\r") else rest[-_CHUNK:]
            if len(followed.line) > _CHUNK:
                self._tell(followed, followed.line)
                followed.line = b""

    def _tell(self, followed: _Followed, line: bytes) -> None:
        shown = line.rstrip(b"\r").rpartition(b"\r")[2]
        self._write(followed.name + b" | " + shown + b"\n")


class _Followed:
    """A step's log, and how far it was read."""

    def __init__(self, event: StepPrints) -> None:
        self.name = printable(event.step).encode("utf-8", "backslashreplace")
        self.line = b""                      # the beginning of one that has no end yet
        self._path = event.file
        self._at = event.start
        self._file: Optional[BinaryIO] = None

    def read(self, until: Optional[int]) -> bytes:
        """Return the next bytes, none where nothing has come; not beyond `until`."""
        try:
            if self._file is None:
                self._file = open(self._path, "rb")      # noqa: SIM115 - it stays open while the step runs
                self._file.seek(self._at)
            data = self._file.read(_CHUNK if until is None else max(0, min(_CHUNK, until - self._at)))
        except OSError:                      # a worker that is just starting has no log yet
            return b""
        self._at += len(data)
        return data

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.close()
            self._file = None
