"""A run as lines: compact, in order, on one stream."""
from __future__ import annotations

import io
import re
from typing import Any, List

import pytest

from deepwatch_flow.events import Event, Notice, RunFinished, RunStarted, StepFinished, StepStarted
from deepwatch_flow.model import Reason
from deepwatch_flow.report import explain, terminal
from deepwatch_flow.report.terminal import Paint, PlainReporter, is_terminal, wants_color

WHY = (Reason("code", "h.x", "o", "n", "h.py", 3),)
RUN: List[Event] = [
    RunStarted("r", ("load", "clean", "model", "plot")),
    StepFinished("load", "reused"),
    StepStarted("clean", WHY), StepFinished("clean", "ran", WHY, 1.25),
    StepStarted("model", ()), StepFinished("model", "failed", (), 0.5, "ValueError: no\nhint: try", "  File x\n    boom"),
    StepFinished("plot", "blocked", (Reason("upstream-failed", "model"),)),
    RunFinished("r", 1.9),
]


class Terminal(io.StringIO):
    """A terminal that remembers."""

    def isatty(self) -> bool:
        return True


def told(events: List[Event], **options: Any) -> List[str]:
    stream = io.StringIO()
    with PlainReporter(stream, **options) as reporter:
        for event in events:
            reporter(event)
    return stream.getvalue().splitlines()


def test_one_line_a_step_that_ran_and_a_closing_line() -> None:
    assert told(RUN) == [
        "       ran  clean    1.25 s  `h.x` changed (h.py:3)",
        "    failed  model    0.50 s  ValueError: no",
        "    hint: try",
        "    |   File x",
        "    |     boom",
        "   blocked  `plot`",
        "1 ran, 1 reused, 1 failed, 1 blocked in 1.90 s",
    ]


def test_verbose_lists_what_was_reused_and_what_starts() -> None:
    lines = told(RUN, verbosity=1)
    assert any(line.split()[:2] == ["reused", "load"] for line in lines)
    assert any(line.split()[:2] == ["start", "clean"] for line in lines)
    assert any(line.split()[:2] == ["blocked", "plot"] for line in lines)


def test_quiet_tells_failures_and_warnings_only() -> None:
    lines = told([*RUN, Notice("odd"), Notice("by the way", level="note")], verbosity=-1)
    assert [line.split()[0] for line in lines] == ["failed", "hint:", "|", "|", "warning:"]


def test_a_run_without_work_is_one_line() -> None:
    assert told([RunStarted("r", ("a",)), StepFinished("a", "reused"), RunFinished("r", 0.01)]) == [
        "1 step up to date"]


def test_a_step_told_twice_counts_once() -> None:
    events = [RunStarted("r", ("a",)), StepFinished("a", "reused"), StepFinished("a", "ran", (), 1), RunFinished("r", 1)]
    assert told(events)[-1] == "1 ran in 1.00 s"


def test_the_same_output_is_told() -> None:
    lines = told([RunStarted("r", ("a",)), StepFinished("a", "ran", WHY, 1, changed=False)])
    assert lines[0].endswith("(h.py:3); same output as before")


def test_an_interrupted_run_says_so() -> None:
    assert told([RunFinished("r", 1, interrupted=True)])[-1].startswith("interrupted: ")


def test_notices_have_their_word_and_their_hint() -> None:
    assert told([Notice("the disk is slow", "buy one")]) == ["warning: the disk is slow", "hint: buy one"]
    assert told([Notice("fyi", level="note")]) == ["note: fyi"]


def test_names_are_escaped_and_line_up() -> None:
    names = ("a\x1b[2J", "漢字")
    lines = told([RunStarted("r", names), *(StepFinished(name, "ran", (), 1) for name in names)])
    assert "\x1b" not in "".join(lines)
    assert explain.width(lines[0]) == explain.width(lines[1])


def test_colour_adds_codes_and_changes_no_word() -> None:
    plain, coloured = told(RUN), told(RUN, paint=Paint(True))
    assert "\x1b[" in "".join(coloured)
    assert [re.sub("\x1b\\[[0-9;]*m", "", line) for line in coloured] == plain


@pytest.mark.parametrize("environ, expected", [
    ({"TERM": "xterm"}, True), ({"TERM": "xterm", "NO_COLOR": "1"}, False), ({"TERM": "xterm", "NO_COLOR": ""}, True),
    ({"TERM": "dumb"}, False)])
def test_colour_needs_a_terminal_and_leave(environ: dict, expected: bool) -> None:
    assert wants_color(Terminal(), environ) is expected
    assert wants_color(io.StringIO(), environ) is False


def test_a_closed_or_missing_stream_is_no_terminal() -> None:
    stream = Terminal()
    stream.close()
    assert not is_terminal(None, {})
    assert is_terminal(Terminal(), {})
