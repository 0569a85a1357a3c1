"""A run as lines: one a step that ran, one that closes it, all of them on one stream.

All that a log, a pipe or a run without work needs; ``report.live`` adds the line that moves. Colour
repeats what the words say and never replaces them.
"""
from __future__ import annotations

import contextlib
import io
import os
import threading
import time
from collections import Counter
from types import TracebackType
from typing import Dict, List, Mapping, Optional, TextIO, Tuple, Type

from .._compat import duplicate_high
from ..errors import quoted
from ..events import (
    OUTCOMES,
    Event,
    FamilyStarted,
    Notice,
    RunFinished,
    RunStarted,
    StepFinished,
    StepPrints,
    StepStarted,
)
from ..model import Plan, base_of
from ..state import logs
from .explain import (
    VERDICTS,
    block,
    closing,
    column_width,
    columns,
    counted,
    headline,
    names,
    pad,
    plan_counts,
    printable,
    seconds,
    up_to_date,
    verdict_line,
    verdict_name,
)
from .folding import FOLDED, Families, folded, lost_products, remark, unfolded
from .following import Follower

#: style -> SGR code
_CODES = {"good": "32", "bad": "1;31", "warn": "33", "dim": "2", "name": "1", "add": "32", "remove": "31",
          "head": "36"}
VERDICT_STYLE = {"stale": "warn", "pending": "head", "fresh": "good"}
_OUTCOME_STYLE = {"ran": "good", "restored": "good", "failed": "bad", "blocked": "warn",
                  "cancelled": "warn", "reused": "dim", "unaffected": "dim"}
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


def _own(stream: TextIO) -> Optional[TextIO]:
    """Return another way to where this process's stderr leads, None where `stream` is no such stream."""
    try:
        if stream.fileno() != 2:
            return None
        return io.TextIOWrapper(os.fdopen(duplicate_high(2), "wb"), encoding=stream.encoding, errors="backslashreplace")
    except (AttributeError, OSError, ValueError):      # no descriptor, or closed
        return None


class Paint:
    """Put a style around a text, or leave the text alone where colour is not wanted."""

    def __init__(self, color: bool) -> None:
        self.color = color

    def __call__(self, style: str, text: str) -> str:
        """Return `text` in `style`, one of the names in this module's table."""
        return f"\x1b[{_CODES[style]}m{text}\x1b[0m" if self.color and text else text


class PlainReporter:
    """Events of one run as lines of text."""

    def __init__(self, stream: TextIO, *, verbosity: int = 0, paint: Optional[Paint] = None, several: bool = False) -> None:
        """`several` steps may run at a time: what they print is told with their names."""
        self._own = _own(stream)             # steps' descriptors lead elsewhere while they run: ours must not
        self._given = stream
        self.stream = self._own or stream
        self.verbosity = verbosity           # -1 quiet, 0, 1 verbose
        self.paint = paint or Paint(False)
        self.outcomes: Dict[str, str] = {}   # a step may be told twice: reused, then run after all
        self.total = 0
        self.running: Dict[str, float] = {}  # step -> when it started
        self._widest = 0
        self._families = Families()
        self._tracebacks = Tracebacks()
        self._lock = threading.RLock()       # what steps print is written by another thread
        self._follower = Follower(self._above, several, self._lock)
        self._line_open = False              # a step printed something without a line end

    def __enter__(self) -> PlainReporter:
        return self

    def __exit__(self, kind: Optional[Type[BaseException]], error: Optional[BaseException],
                 trace: Optional[TracebackType]) -> None:
        self.close()

    def close(self) -> None:
        """Leave the stream as the next writer expects it."""
        self._follower.close()
        if self._own is not None:
            self.stream = self._given
            with contextlib.suppress(OSError):
                self._own.close()
            self._own = None

    def __call__(self, event: Event) -> None:
        """Report one event."""
        with self._lock:
            self._report(event)
        if isinstance(event, RunFinished):
            self._follower.close()

    def _report(self, event: Event) -> None:
        if isinstance(event, StepFinished):
            self._finished(event)
        elif isinstance(event, StepPrints):
            self._follower.begin(event)
        elif isinstance(event, StepStarted):
            self._started(event)
        elif isinstance(event, FamilyStarted):
            self.total += len(event.instances) - 1
            self._families.begin(event.step, event.instances)
            if len(event.instances) <= FOLDED:
                self._widest = column_width(map(printable, event.instances), _WIDEST_NAME, self._widest)
        elif isinstance(event, Notice):
            self.write(notice_lines(event, self.paint, self.verbosity))
        elif isinstance(event, RunStarted):
            self.total = len(event.steps)
            self._widest = column_width(map(printable, event.steps), _WIDEST_NAME)
        elif isinstance(event, RunFinished):
            self._run_finished(event)

    def write(self, lines: List[str]) -> None:
        """Write whole lines; where nobody reads them any more the run goes on all the same."""
        if lines:
            self._follower.poll()            # what a step said before stands before
            text = "".join(f"{line}\n" for line in lines)
            with contextlib.suppress(OSError):
                self.stream.write(f"\n{text}" if self._line_open else text)
                self.stream.flush()
            self._line_open = False

    def _above(self, data: bytes) -> None:
        """Write what a step printed, in its place among the lines."""
        with contextlib.suppress(OSError):
            self.stream.flush()
            buffer = getattr(self.stream, "buffer", None)
            if buffer is not None:
                buffer.write(data)
            else:
                self.stream.write(data.decode("utf-8", "backslashreplace"))
            self.stream.flush()
        self._line_open = not data.endswith(b"\n")

    def _started(self, event: StepStarted) -> None:
        self.running[event.step] = time.monotonic()
        if self.verbosity > 0:
            self.write([self._line("dim", "start", event.step, "", headline(event.reasons))])

    def _finished(self, event: StepFinished) -> None:
        followed = self._follower.end(event)
        self.outcomes[event.step] = event.outcome
        self.running.pop(event.step, None)
        folded = self._families.finish(event) if self.verbosity <= 0 and self._families.has(event.step) else None
        if self.verbosity <= 0 and base_of(event.step) != event.step and event.outcome != "failed" and (
                folded is not None or self._families.has(event.step)):
            if folded is not None and self._is_told(folded.outcome):
                self.write([self._line(_OUTCOME_STYLE[folded.outcome], folded.outcome, base_of(event.step),
                                       seconds(folded.seconds), folded.told)])
        elif self._is_told(event.outcome):
            self.write(self._finished_lines(event._replace(printed=None) if followed else event))

    def _is_told(self, outcome: str) -> bool:
        if outcome == "failed" or self.verbosity > 0:
            return True
        return self.verbosity == 0 and outcome in ("ran", "restored", "unaffected")

    def _finished_lines(self, event: StepFinished) -> List[str]:
        why = headline(event.reasons)
        error, _, more = (event.error or "failed").partition("\n")
        if event.outcome == "failed":
            why = printable(error)
        elif event.outcome == "unaffected":
            why = "its code changed, and nothing that it used did"
        elif event.outcome == "ran" and not event.changed:
            why = f"{why}; same output as before" if why else "same output as before"
        took = seconds(event.seconds) if event.outcome in ("ran", "failed") else ""
        lines = [self._line(_OUTCOME_STYLE[event.outcome], event.outcome, event.step, took, why)]
        if event.outcome == "failed":
            lines += [f"    {line}" for line in block(more).split("\n") if line]
            lines += self._tracebacks.lines(event.step, event.traceback, self.paint)
            lines += printed_lines(event, self.paint)
        return lines

    def _line(self, style: str, word: str, step: str, took: str, why: str) -> str:
        name = pad(printable(step), self._widest)
        text = f"{self.paint(style, word.rjust(_OUTCOME_WIDTH))}  {self.paint('name', name)}  {took:>8}  {why}"
        return text.rstrip()

    def _run_finished(self, event: RunFinished) -> None:
        lines = []
        if event.interrupted and self.running and self.verbosity >= 0:
            lines.append(f"{self.paint('warn', 'stopped'.rjust(_OUTCOME_WIDTH))}  {names(list(self.running), _BLOCKED_SHOWN)}")
        self.running.clear()
        blocked = [step for step, outcome in self.outcomes.items() if outcome == "blocked"]
        if blocked and self.verbosity == 0:
            word = self.paint("warn", "blocked".rjust(_OUTCOME_WIDTH))
            lines.append(f"{word}  {names(blocked, _BLOCKED_SHOWN)}")
        if self.verbosity >= 0:
            counts = Counter(self.outcomes.values())
            style = "bad" if event.interrupted or counts["failed"] else "name"
            left = self.total - len(self.outcomes) if event.interrupted else 0
            lines.append(self.paint(style, closing(counts, event.seconds, event.interrupted, left)))
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


def plan_lines(plan: Plan, paint: Paint, verbosity: int = 0) -> List[str]:
    """Return a plan as lines: what is not fresh, and the counts."""
    rows = []
    for row in folded(plan) if verbosity <= 0 else unfolded(plan):
        word = verdict_name(row.verdict)
        why = "; ".join(text for text in (verdict_line(row.verdict), remark(plan, row.steps)) if text)
        if word != "fresh" or verbosity > 0 or why:
            rows.append((word, printable(row.name), why))
    lines = []
    for (word, _, _), (first, name, why) in zip(rows, columns(rows)):
        lines.append(f"{paint(VERDICT_STYLE[word], first)}  {paint('name', name)}  {why}".rstrip())
    if verbosity >= 0:
        counts = plan_counts(plan)
        fresh = plan.verdicts and counts["fresh"] == len(plan.verdicts) and not plan.refused
        told = up_to_date(counts["fresh"]) if fresh else counted(counts, VERDICTS) or "no steps"
        lost = len(lost_products(plan, [step for step in plan.verdicts if step not in plan.refused]))
        told += f"; a run puts {lost} {'product' if lost == 1 else 'products'} back" if lost else ""
        lines.append(told + (f"; a run refuses {len(plan.refused)} of them, and fails" if plan.refused else ""))
    return lines


def printed_lines(event: StepFinished, paint: Paint) -> List[str]:
    """Return the end of what a step printed, as lines below the line of the step."""
    text = logs.tail(event.printed) if event.printed is not None else ""
    if not text:
        return []
    return [f"    {paint('head', 'what it printed last')} (all of it: deepwatch log {quoted(printable(event.step))})",
            *traceback_lines(text, paint)]


class Tracebacks:
    """The tracebacks that were shown: what many instances of a family have alike is shown of the first."""

    def __init__(self) -> None:
        self._shown: Dict[Tuple[str, str], str] = {}

    def lines(self, step: str, text: Optional[str], paint: Paint) -> List[str]:
        """Return the lines of a step's traceback, or the one that says whose it is as well."""
        first = self._shown.setdefault((base_of(step), text), step) if text else step
        return traceback_lines(text if first == step else f"the same traceback as of `{first}`", paint)


def traceback_lines(text: Optional[str], paint: Paint) -> List[str]:
    """Return the user's traceback, indented below the line of its step."""
    if not text:
        return []
    return [f"    {paint('dim', '|')} {line}" if line else f"    {paint('dim', '|')}"
            for line in block(text).rstrip("\n").split("\n")]
