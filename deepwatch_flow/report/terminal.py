"""A run on the terminal: one line a step that ran, one closing line, all of it on one stream.

`PlainReporter` writes lines and is all that a log, a pipe or a run without work needs.
`LiveReporter` adds a status line that moves; only it imports rich, and only when a step starts.
Colour repeats what the words say and never replaces them.
"""
from __future__ import annotations

import os
import sys
import threading
import time
from collections import Counter
from types import TracebackType
from typing import Any, Dict, Iterable, List, Mapping, Optional, TextIO, Tuple, Type

from ..events import OUTCOMES, Event, Notice, RunFinished, RunStarted, StepFinished, StepStarted
from .explain import block, closing, headline, names, pad, printable, seconds, width

#: style -> SGR code
_CODES = {"good": "32", "bad": "1;31", "warn": "33", "dim": "2", "name": "1", "add": "32", "remove": "31",
          "head": "36"}
_OUTCOME_STYLE = {"ran": "good", "restored": "good", "failed": "bad", "blocked": "warn",
                  "cancelled": "warn", "reused": "dim"}
_OUTCOME_WIDTH = max(map(len, OUTCOMES))
_WIDEST_NAME = 32
_BLOCKED_SHOWN = 8


def is_terminal(stream: Optional[TextIO], environ: Mapping[str, str]) -> bool:
    """Return whether `stream` is a terminal that can move its cursor."""
    try:
        return stream is not None and stream.isatty() and environ.get("TERM", "") != "dumb"
    except ValueError:          # closed
        return False


def wants_color(stream: Optional[TextIO], environ: Mapping[str, str]) -> bool:
    """Return whether to colour what is written to `stream` (https://no-color.org)."""
    if environ.get("NO_COLOR"):
        return False
    if os.name == "nt" and not (environ.get("WT_SESSION") or environ.get("TERM") or environ.get("ANSICON")):
        return False
    return is_terminal(stream, environ)


class Paint:
    """Put a style around a text, or leave the text alone where colour is not wanted."""

    def __init__(self, color: bool) -> None:
        self.color = color

    def __call__(self, style: str, text: str) -> str:
        """Return `text` in `style`, one of the names in this module's table."""
        return f"\x1b[{_CODES[style]}m{text}\x1b[0m" if self.color and text else text


class PlainReporter:
    """Events of one run as lines of text."""

    def __init__(self, stream: TextIO, *, verbosity: int = 0, paint: Optional[Paint] = None) -> None:
        self.stream = stream
        self.verbosity = verbosity           # -1 quiet, 0, 1 verbose
        self.paint = paint or Paint(False)
        self.outcomes: Dict[str, str] = {}   # a step may be told twice: reused, then run after all
        self.total = 0
        self.running: Dict[str, float] = {}  # step -> when it started
        self._widest = 0

    def __enter__(self) -> PlainReporter:
        return self

    def __exit__(self, kind: Optional[Type[BaseException]], error: Optional[BaseException],
                 trace: Optional[TracebackType]) -> None:
        self.close()

    def close(self) -> None:
        """Leave the stream as the next writer expects it."""

    def __call__(self, event: Event) -> None:
        """Report one event."""
        if isinstance(event, StepFinished):
            self._finished(event)
        elif isinstance(event, StepStarted):
            self._started(event)
        elif isinstance(event, Notice):
            self.write(notice_lines(event, self.paint, self.verbosity))
        elif isinstance(event, RunStarted):
            self.total = len(event.steps)
            self._widest = min(max((width(printable(name)) for name in event.steps), default=0), _WIDEST_NAME)
        elif isinstance(event, RunFinished):
            self._run_finished(event)

    def write(self, lines: List[str]) -> None:
        """Write whole lines."""
        if lines:
            self.stream.write("".join(f"{line}\n" for line in lines))
            self.stream.flush()

    def _started(self, event: StepStarted) -> None:
        self.running[event.step] = time.monotonic()
        if self.verbosity > 0:
            self.write([self._line("dim", "start", event.step, "", headline(event.reasons))])

    def _finished(self, event: StepFinished) -> None:
        self.outcomes[event.step] = event.outcome
        self.running.pop(event.step, None)
        if self._is_told(event.outcome):
            self.write(self._finished_lines(event))

    def _is_told(self, outcome: str) -> bool:
        if outcome == "failed" or self.verbosity > 0:
            return True
        return self.verbosity == 0 and outcome in ("ran", "restored")

    def _finished_lines(self, event: StepFinished) -> List[str]:
        why = headline(event.reasons)
        error, _, more = (event.error or "failed").partition("\n")
        if event.outcome == "failed":
            why = printable(error)
        elif event.outcome == "ran" and not event.changed:
            why = f"{why}; same output as before" if why else "same output as before"
        took = seconds(event.seconds) if event.outcome in ("ran", "failed") else ""
        lines = [self._line(_OUTCOME_STYLE[event.outcome], event.outcome, event.step, took, why)]
        if event.outcome == "failed":
            lines += [f"    {line}" for line in block(more).split("\n") if line]
            lines += traceback_lines(event.traceback, self.paint)
        return lines

    def _line(self, style: str, word: str, step: str, took: str, why: str) -> str:
        name = pad(printable(step), self._widest)
        text = f"{self.paint(style, word.rjust(_OUTCOME_WIDTH))}  {self.paint('name', name)}  {took:>8}  {why}"
        return text.rstrip()

    def _run_finished(self, event: RunFinished) -> None:
        self.running.clear()
        lines = []
        blocked = [step for step, outcome in self.outcomes.items() if outcome == "blocked"]
        if blocked and self.verbosity == 0:
            word = self.paint("warn", "blocked".rjust(_OUTCOME_WIDTH))
            lines.append(f"{word}  {names(blocked, _BLOCKED_SHOWN)}")
        if self.verbosity >= 0:
            counts = Counter(self.outcomes.values())
            style = "bad" if event.interrupted or counts["failed"] else "name"
            lines.append(self.paint(style, closing(counts, event.seconds, event.interrupted)))
        self.write(lines)


def notice_lines(notice: Notice, paint: Paint, verbosity: int = 0) -> List[str]:
    """Return a notice as lines; under --quiet only warnings are told."""
    if verbosity < 0 and notice.level != "warning":
        return []
    lead = paint("warn", "warning:") if notice.level == "warning" else paint("dim", f"{notice.level}:")
    lines = [f"{lead} {block(notice.message)}"]
    if notice.hint:
        lines.append(f"{paint('head', 'hint:')} {block(notice.hint)}")
    return lines


def traceback_lines(text: Optional[str], paint: Paint) -> List[str]:
    """Return the user's traceback, indented below the line of its step."""
    if not text:
        return []
    return [f"    {paint('dim', '|')} {line}" if line else f"    {paint('dim', '|')}"
            for line in block(text).rstrip("\n").split("\n")]


class LiveReporter(PlainReporter):
    """The same lines, and below them one line that tells what is running.

    A thread draws that line, ten times a second and only while it holds `_lock`; whoever writes
    takes the lock and removes it first. A fork in a step's code takes the lock, too (see
    `_before_fork`), so that a child never inherits a lock that nobody will release.
    """

    def __init__(self, stream: TextIO, *, verbosity: int = 0, paint: Optional[Paint] = None) -> None:
        super().__init__(stream, verbosity=verbosity, paint=paint)
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

    def close(self) -> None:
        """Remove the status line and give the streams back."""
        global _current
        with self._lock:
            self._hide()
            self._live = _current = None
            self._stop.set()
            if self._streams is not None:
                sys.stdout, sys.stderr = self._streams
                self._streams = None
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
        console = Console(file=self.stream, force_terminal=True, no_color=not self.paint.color, highlight=False)
        self._live = Live("", console=console, auto_refresh=False, transient=True,
                          redirect_stdout=False, redirect_stderr=False)
        self._streams = (sys.stdout, sys.stderr)
        if is_terminal(sys.stdout, os.environ):      # a file or a pipe does not disturb the screen
            sys.stdout = _Above(sys.stdout, self)
        if is_terminal(sys.stderr, os.environ):
            sys.stderr = _Above(sys.stderr, self)
        _current = self
        _watch_forks()
        self._stop.clear()
        self._thread = threading.Thread(target=self._redraw, name="deepwatch-status", daemon=True)
        self._thread.start()

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


def reporter_for(stream: TextIO, environ: Mapping[str, str], verbosity: int = 0) -> PlainReporter:
    """Return the reporter that suits the stream."""
    paint = Paint(wants_color(stream, environ))
    if verbosity >= 0 and is_terminal(stream, environ):
        return LiveReporter(stream, verbosity=verbosity, paint=paint)
    return PlainReporter(stream, verbosity=verbosity, paint=paint)
