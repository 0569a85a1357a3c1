"""The status line on a terminal: what is running, below the lines of what is done.

Only this module imports rich, and only when a step starts. What steps print goes into their logs; where
it is followed, the line steps aside for it.
"""
from __future__ import annotations

import threading
import time
from typing import Any, List, Mapping, Optional, TextIO

from ..events import Event, RunFinished, StepAsks, StepFinished, StepStarted
from .explain import printable, seconds
from .terminal import Paint, PlainReporter, is_terminal, wants_color


class LiveReporter(PlainReporter):
    """The same lines, and below them one line that tells what is running.

    A thread draws that line, ten times a second and only while it holds `_lock`; whoever writes
    takes the lock and removes it first.
    """

    def __init__(self, stream: TextIO, *, verbosity: int = 0, paint: Optional[Paint] = None, several: bool = False) -> None:
        super().__init__(stream, verbosity=verbosity, paint=paint, several=several)
        self._live: Optional[Any] = None
        self._shown = False
        self._asked = False                  # a step has the terminal
        self._stop = threading.Event()
        self._thread: Optional[threading.Thread] = None
        self._tick = 0

    def __call__(self, event: Event) -> None:
        """Report one event."""
        super().__call__(event)
        if isinstance(event, RunFinished):
            self._end()

    def _report(self, event: Event) -> None:
        if isinstance(event, StepStarted) and self._live is None:
            self._open()
        elif isinstance(event, StepAsks):
            self._hide()
            self._asked = True
        elif isinstance(event, StepFinished):
            self._asked = False
        super()._report(event)

    def write(self, lines: List[str]) -> None:
        """Write whole lines, the status line out of the way."""
        with self._lock:
            self._hide()
            super().write(lines)

    def close(self) -> None:
        """Remove the status line and give the stream back."""
        self._end()
        super().close()

    def draw(self) -> None:
        """Show or renew the status line, unless a step is in the middle of a line."""
        with self._lock:
            if self._live is None or self._line_open or self._asked or not self.running:
                return
            self._tick += 1
            self._live.update(self._status())
            if self._shown:
                self._live.refresh()
            else:
                self._live.start(refresh=True)
                self._shown = True

    def _above(self, data: bytes) -> None:
        self._hide()
        super()._above(data)

    def _hide(self) -> None:
        if self._shown and self._live is not None:
            self._live.stop()
            self._shown = False

    def _open(self) -> None:
        from rich.console import Console  # rich is worth its time only where something is drawn
        from rich.live import Live
        from rich.text import Text

        self._text = Text
        console = Console(file=self.stream, force_terminal=True, no_color=not self.paint.color, highlight=False)
        self._live = Live("", console=console, auto_refresh=False, transient=True,
                          redirect_stdout=False, redirect_stderr=False)
        self._stop.clear()
        self._thread = threading.Thread(target=self._redraw, name="deepwatch-status", daemon=True)
        self._thread.start()

    def _end(self) -> None:
        with self._lock:
            self._hide()
            self._live = None
            self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=1.0)
            self._thread = None

    def _redraw(self) -> None:
        while not self._stop.wait(0.1):
            self.draw()

    def _status(self) -> Any:
        now = time.monotonic()
        running = ", ".join(f"{printable(step)} {seconds(now - since)}" for step, since in self.running.items())
        spinner = "|/-\\"[self._tick % 4]
        text = f"{spinner} {len(self.outcomes)}/{self.total}  {running}"
        return self._text(text, style="dim", no_wrap=True, overflow="ellipsis")


def reporter_for(stream: TextIO, environ: Mapping[str, str], verbosity: int = 0, *, several: bool = False,
                 captured: bool = True) -> PlainReporter:
    """Return the reporter that suits the stream; there is no status line where steps print to the terminal themselves."""
    paint = Paint(wants_color(stream, environ))
    if captured and verbosity >= 0 and is_terminal(stream, environ):
        return LiveReporter(stream, verbosity=verbosity, paint=paint, several=several)
    return PlainReporter(stream, verbosity=verbosity, paint=paint, several=several)
