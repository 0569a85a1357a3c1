"""The status line on a terminal: what is running, below the lines of what is done.

Only this module imports rich, and only when a step starts. What steps print must come out whole and
in its place: in this process their streams step aside for it, from workers it comes by `Relay`.
"""
from __future__ import annotations

import os
import sys
import threading
import time
from typing import Any, Iterable, List, Mapping, Optional, TextIO, Tuple

from ..events import Event, RunFinished, StepStarted
from .explain import printable, seconds
from .relay import Relay
from .terminal import Paint, PlainReporter, is_terminal, wants_color


class LiveReporter(PlainReporter):
    """The same lines, and below them one line that tells what is running.

    A thread draws that line, ten times a second and only while it holds `_lock`; whoever writes
    takes the lock and removes it first. A fork in a step's code takes the lock, too (see
    `_before_fork`), so that a child never inherits a lock that nobody will release.
    """

    def __init__(self, stream: TextIO, *, verbosity: int = 0, paint: Optional[Paint] = None,
                 workers: bool = False) -> None:
        super().__init__(stream, verbosity=verbosity, paint=paint)
        self._workers = workers              # whether steps run in processes of their own
        self._relay: Optional[Relay] = None
        self._lock = threading.RLock()
        self._live: Optional[Any] = None
        self._shown = False
        self._line_open = False              # a step printed something without a line end
        self._stop = threading.Event()
        self._thread: Optional[threading.Thread] = None
        self._streams: Optional[Tuple[TextIO, TextIO]] = None
        self._tick = 0

    def __call__(self, event: Event) -> None:
        """Report one event."""
        with self._lock:
            if isinstance(event, StepStarted) and self._live is None:
                self._open()
            super().__call__(event)
        if isinstance(event, RunFinished):
            self.close()

    def write(self, lines: List[str]) -> None:
        """Write whole lines, the status line out of the way."""
        with self._lock:
            self.relayed()                   # a step's last words come before the line that closes it
            self._hide()
            if self._line_open and lines:
                self.stream.write("\n")
                self._line_open = False
            super().write(lines)

    def above(self, text: str, stream: TextIO) -> int:
        """Write what a step printed, in its place among the lines."""
        with self._lock:
            self._hide()
            if text:
                self._line_open = not text.endswith("\n")
            written = stream.write(text)
            stream.flush()
            return written

    def relayed(self) -> bool:
        """Write what workers have written since; whether there was anything."""
        with self._lock:
            came = False
            while self._relay is not None:
                data = self._relay.read()
                if not data:
                    break
                came = True
                self._hide()
                self._line_open = not data.endswith(b"\n")
                self.stream.buffer.write(data)
                self.stream.flush()
            return came

    def close(self) -> None:
        """Remove the status line and give the streams back."""
        global _current
        if self._relay is not None:
            self._relay.stop()               # what the workers wrote last still passes through here
        with self._lock:
            self._hide()
            self._live = _current = None
            self._stop.set()
            if self._streams is not None:
                sys.stdout, sys.stderr = self._streams
                self._streams = None
            if self._relay is not None:
                self.stream, self._relay = self._relay.stream, None
        if self._thread is not None:
            self._thread.join(timeout=1.0)
            self._thread = None

    def draw(self) -> None:
        """Show or renew the status line, unless a step is in the middle of a line."""
        with self._lock:
            if self._live is None or self._line_open or not self.running:
                return
            self._tick += 1
            self._live.update(self._status())
            if self._shown:
                self._live.refresh()
            else:
                self._live.start(refresh=True)
                self._shown = True

    def _hide(self) -> None:
        if self._shown and self._live is not None:
            self._live.stop()
            self._shown = False

    def _open(self) -> None:
        global _current
        from rich.console import Console  # rich is worth its time only where something is drawn
        from rich.live import Live
        from rich.text import Text

        self._text = Text
        if self._workers and Relay.possible(self.stream):
            self._relay = Relay(self.stream, self.relayed)
            self.stream = self._relay.start()
        console = Console(file=self.stream, force_terminal=True, no_color=not self.paint.color, highlight=False)
        self._live = Live("", console=console, auto_refresh=False, transient=True,
                          redirect_stdout=False, redirect_stderr=False)
        self._streams = (sys.stdout, sys.stderr)
        if self._relay is None:
            self._step_aside()
        _current = self
        _watch_forks()
        self._stop.clear()
        self._thread = threading.Thread(target=self._redraw, name="deepwatch-status", daemon=True)
        self._thread.start()

    def _step_aside(self) -> None:
        if is_terminal(sys.stdout, os.environ):      # a file or a pipe does not disturb the screen
            sys.stdout = _Above(sys.stdout, self)
        if is_terminal(sys.stderr, os.environ):
            sys.stderr = _Above(sys.stderr, self)

    def _redraw(self) -> None:
        while not self._stop.wait(0.1):
            self.draw()

    def _status(self) -> Any:
        now = time.monotonic()
        running = ", ".join(f"{printable(step)} {seconds(now - since)}" for step, since in self.running.items())
        spinner = "|/-\\"[self._tick % 4]
        text = f"{spinner} {len(self.outcomes)}/{self.total}  {running}"
        return self._text(text, style="dim", no_wrap=True, overflow="ellipsis")


class _Above:
    """A text stream that makes the status line step aside for what a step prints."""

    def __init__(self, stream: Any, reporter: LiveReporter) -> None:
        self._stream = stream
        self._reporter = reporter

    def write(self, text: str) -> int:
        """Write to the stream itself."""
        return self._reporter.above(text, self._stream)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write several texts."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


_current: Optional[LiveReporter] = None
_watching = False


def _watch_forks() -> None:
    global _watching
    if not _watching and hasattr(os, "register_at_fork"):
        _watching = True
        os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_in_child)


_held: List[LiveReporter] = []


def _before_fork() -> None:
    reporter = _current
    if reporter is not None:
        reporter._lock.acquire()
        _held.append(reporter)


def _after_fork() -> None:
    if _held:
        _held.pop()._lock.release()


def _in_child() -> None:
    """In the child nobody redraws: give it the plain streams."""
    if _held:
        reporter = _held.pop()
        reporter._live = None
        reporter._shown = False
        if reporter._streams is not None:
            sys.stdout, sys.stderr = reporter._streams
        reporter._lock.release()


def reporter_for(stream: TextIO, environ: Mapping[str, str], verbosity: int = 0,
                 jobs: int = 1, live: bool = True) -> PlainReporter:
    """Return the reporter that suits the stream; none that redraws lines unless `live`."""
    paint = Paint(wants_color(stream, environ))
    if live and verbosity >= 0 and is_terminal(stream, environ):
        return LiveReporter(stream, verbosity=verbosity, paint=paint, workers=jobs > 1)
    return PlainReporter(stream, verbosity=verbosity, paint=paint)
