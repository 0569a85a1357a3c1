"""The status line never gets in the way of what steps print, and is gone at the end."""
from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import List

from deepwatch_flow.events import Event, Printed, RunFinished, RunStarted, StepAsks, StepFinished, StepPrints, StepStarted
from deepwatch_flow.model import Reason
from deepwatch_flow.report.live import LiveReporter, reporter_for
from deepwatch_flow.report.terminal import PlainReporter

RUN: List[Event] = [
    RunStarted("r", ("load", "model", "plot")),
    StepFinished("load", "reused"),
    StepStarted("model", ()), StepFinished("model", "failed", (), 0.5, "ValueError: no", "  File x\n    boom"),
    StepFinished("plot", "blocked", (Reason("upstream-failed", "model"),)),
    RunFinished("r", 1.9),
]


class Terminal(io.StringIO):
    """A terminal that remembers."""

    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_the_status_line_unless_quiet() -> None:
    assert isinstance(reporter_for(Terminal(), {"TERM": "xterm"}), LiveReporter)
    assert not isinstance(reporter_for(Terminal(), {"TERM": "xterm"}, -1), LiveReporter)
    assert not isinstance(reporter_for(Terminal(), {"TERM": "dumb"}), LiveReporter)
    assert not isinstance(reporter_for(io.StringIO(), {"TERM": "xterm"}), LiveReporter)


def test_the_live_reporter_writes_the_same_lines() -> None:
    stream = Terminal()
    with LiveReporter(stream) as reporter:
        for event in RUN:
            reporter(event)
    plain = io.StringIO()
    with PlainReporter(plain) as other:
        for event in RUN:
            other(event)
    assert stream.getvalue() == plain.getvalue()


def test_the_status_line_names_what_runs_and_is_gone_at_the_end() -> None:
    stream = Terminal()
    with LiveReporter(stream) as reporter:
        reporter(RunStarted("r", ("model",)))
        reporter(StepStarted("model", ()))
        reporter.draw()
        assert "0/1  model" in stream.getvalue()
        reporter(StepFinished("model", "ran", (), 1))
        assert not reporter._shown
    assert stream.getvalue().rstrip().endswith("s")


def followed(tmp_path: Path, several: bool, text: bytes) -> str:
    """What the screen shows of a step that prints a text, cut into lines as they come."""
    log = tmp_path / "x.log"
    log.write_bytes(b"of an earlier step\n")
    start = log.stat().st_size
    screen = Terminal()
    with LiveReporter(screen, verbosity=1, several=several) as reporter:
        reporter(RunStarted("r", ("model",)))
        reporter(StepStarted("model", ()))
        reporter(StepPrints("model", str(log), start))
        reporter.draw()
        for piece in re.findall(rb"(?s).{1,7}", text):
            with log.open("ab") as file:
                file.write(piece)
            reporter._follower._hand_on(reporter._follower._followed["model"])
            reporter.draw()                     # must not cut a line in two
        reporter(StepFinished("model", "ran", (), 1, printed=Printed(str(log), start, log.stat().st_size)))
    return screen.getvalue()


def test_what_a_step_prints_stays_whole_and_in_order(tmp_path: Path) -> None:
    text = followed(tmp_path, False, b"epoch one and two\nhalf of a line")
    assert "epoch one and two\n" in text
    assert "half of a line\n       ran  model" in text
    assert "earlier" not in text


def test_lines_of_several_steps_have_names_and_a_progress_bar_its_last_state(tmp_path: Path) -> None:
    text = followed(tmp_path, True, b"first\n\r 10%\r 50%\r100%\nbytes \xff\r\nlast")
    assert re.findall(r"model \| ([^\n\x1b]*)", text) == ["first", "100%", "bytes \\xff", "last"]


def test_the_status_line_is_away_while_a_step_asks() -> None:
    screen = Terminal()
    with LiveReporter(screen) as reporter:
        reporter(RunStarted("r", ("model",)))
        reporter(StepStarted("model", ()))
        reporter.draw()
        reporter(StepAsks("model"))
        before = screen.getvalue()
        reporter.draw()
        assert screen.getvalue() == before
        reporter(StepFinished("model", "ran", (), 1))
        reporter(StepStarted("model", ()))
        reporter.draw()
        assert "1/1  model" in screen.getvalue()


def test_rich_is_loaded_by_nothing_but_a_step_on_a_terminal() -> None:
    code = ("import io, sys\n"
            "from deepwatch_flow.report import documents, explain, graphs, live\n"
            "from deepwatch_flow.events import RunFinished, RunStarted, StepFinished\n"
            "class T(io.StringIO):\n"
            "    def isatty(self): return True\n"
            "r = live.reporter_for(T(), {'TERM': 'xterm'})\n"
            "for e in [RunStarted('r', ('a',)), StepFinished('a', 'reused'), RunFinished('r', 1)]: r(e)\n"
            "assert 'rich' not in sys.modules")
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60, env={**os.environ, "PYTHONPATH": os.pathsep.join(
        path for path in sys.path if path)})
