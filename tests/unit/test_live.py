"""The status line never gets in the way of what steps print, and is gone at the end."""
from __future__ import annotations

import io
import os
import subprocess
import sys
import time
from typing import List

import pytest

from deepwatch_flow.events import Event, RunFinished, RunStarted, StepFinished, StepStarted
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


def test_the_status_line_names_what_runs_and_is_gone_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Terminal()
    monkeypatch.setattr(sys, "stdout", Terminal())
    before = sys.stdout
    with LiveReporter(stream) as reporter:
        reporter(RunStarted("r", ("model",)))
        reporter(StepStarted("model", ()))
        assert sys.stdout is not before
        reporter.draw()
        assert "0/1  model" in stream.getvalue()
        reporter(StepFinished("model", "ran", (), 1))
        assert not reporter._shown
    assert sys.stdout is before
    assert stream.getvalue().rstrip().endswith("s")


def test_what_a_step_prints_stays_whole_and_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Terminal()
    monkeypatch.setattr(sys, "stdout", screen)
    with LiveReporter(screen) as reporter:
        reporter(RunStarted("r", ("model",)))
        reporter(StepStarted("model", ()))
        reporter.draw()
        print("epoch", end=" ")
        reporter.draw()                     # must not cut the line in two
        print("1")
        print("half a line", end="")
        reporter(StepFinished("model", "ran", (), 1))
    text = screen.getvalue()
    assert "epoch 1\n" in text
    assert "half a line\n       ran  model" in text


def test_a_step_that_forks_does_not_hang() -> None:
    if not hasattr(os, "fork"):
        pytest.skip("no fork here")
    reporter = LiveReporter(Terminal())
    reporter(RunStarted("r", ("model",)))
    reporter(StepStarted("model", ()))
    try:
        for _ in range(20):
            reporter.draw()
            child = os.fork()
            if child == 0:
                reporter.draw()
                with reporter._lock:
                    os._exit(0)
            deadline = time.monotonic() + 10
            done = (0, 0)
            while done[0] == 0 and time.monotonic() < deadline:
                done = os.waitpid(child, os.WNOHANG)
            if done[0] == 0:
                os.kill(child, 9)
                os.waitpid(child, 0)
            assert done == (child, 0)
    finally:
        reporter.close()


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


RELAYED = """
import io, os, subprocess, sys, time
from deepwatch_flow.events import *
from deepwatch_flow.report.live import LiveReporter
r = LiveReporter(sys.stderr, workers=True)
r(RunStarted("r", ("model",)))
r(StepStarted("model", ()))
r.draw()
worker = [sys.executable, "-c", "import os; assert os.isatty(1) and os.get_terminal_size(1).columns == 99; print('from below')"]
subprocess.run(worker, check=True)
if sys.argv[1:]:
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(20)"])     # holds the streams open
print("and from here")
r(StepFinished("model", "ran", (), 1))
r(RunFinished("r", 1))
print("after")
"""


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="there are no pseudo-terminals here")
@pytest.mark.parametrize("left_behind", [[], ["yes"]])
def test_what_workers_print_comes_whole_and_above_the_status_line(left_behind: List[str]) -> None:
    import fcntl
    import struct
    import termios

    master, slave = os.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 99, 0, 0))
    path = os.pathsep.join(path for path in sys.path if path)
    started = time.monotonic()
    process = subprocess.Popen([sys.executable, "-c", RELAYED, *left_behind], stdout=slave, stderr=slave,
                               env={**os.environ, "PYTHONPATH": path, "TERM": "xterm"})
    os.close(slave)
    seen = b""
    try:
        while b"after" not in seen and time.monotonic() < started + 30:
            seen += os.read(master, 65536)
    finally:
        assert process.wait(30) == 0, seen
        os.close(master)
    assert time.monotonic() < started + 15
    lines = [line.rpartition(b"\x1b[2K")[2].rpartition(b"\x1b[?25h")[2].strip() for line in seen.splitlines()]
    told = [line for line in lines if line and b"\x1b" not in line]
    assert told == [b"from below", b"and from here", b"ran  model    1.00 s", b"1 ran in 1.00 s", b"after"], seen
