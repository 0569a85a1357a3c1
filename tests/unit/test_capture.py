"""What a step prints is led into a log, and the descriptors lead back afterwards whatever happens."""
from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Callable, List

import pytest

from deepwatch_flow.engine.capture import Capture
from deepwatch_flow.engine.calls import Call, Outcome
from deepwatch_flow.events import Notice, Printed
from deepwatch_flow.state import logs
from deepwatch_flow.state.database import Database
from deepwatch_flow.state.rows import Execution


@pytest.fixture
def captured(tmp_path: Path) -> Any:
    """Run a function captured as an inline step is; returns what it printed, as bytes."""
    told: List[Notice] = []
    capture = Capture(str(tmp_path / "logs" / "x.log"), told.append, lambda _: None)

    def run(function: Callable[[], object]) -> bytes:
        def execute(_: Call) -> Outcome:
            function()
            return Outcome()

        outcome = capture.around(execute, Call("s", (), ()))
        return b"".join(logs.chunks(outcome.printed)) if outcome.printed is not None else b""

    run.told = told            # type: ignore[attr-defined]
    run.capture = capture      # type: ignore[attr-defined]
    yield run
    capture.close()


def identity(descriptor: int) -> Any:
    found = os.fstat(descriptor)
    return found.st_dev, found.st_ino


def test_each_step_has_its_part_of_one_log(captured: Any) -> None:
    assert captured(lambda: os.write(1, b"one\n")) == b"one\n"
    assert captured(lambda: None) == b""
    assert captured(lambda: subprocess.run([sys.executable, "-c", "import sys; sys.stderr.write('two')"], check=True)) == b"two"


def test_the_descriptors_lead_back_whatever_the_step_does_to_them(captured: Any) -> None:
    before = [identity(1), identity(2)]

    def raises() -> None:
        raise KeyboardInterrupt

    def closes() -> None:
        os.close(1)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)

    with pytest.raises(KeyboardInterrupt):
        captured(raises)
    assert [identity(1), identity(2)] == before
    captured(closes)
    assert [identity(1), identity(2)] == before
    assert captured(lambda: os.write(1, b"still there")) == b"still there"


def test_a_step_that_closes_all_descriptors_loses_its_log_and_is_told_once(captured: Any) -> None:
    os.close(captured.capture._log)
    assert captured(lambda: os.write(2, b"")) == b""
    assert captured(lambda: os.write(2, b"")) == b""
    assert [notice.message.partition(":")[0] for notice in captured.told] == ["what steps print is not kept"]


def test_a_full_disk_lets_steps_run_uncaptured(captured: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deepwatch_flow.engine.capture._is_full", lambda _: True)
    ran: List[int] = []
    assert captured(lambda: ran.append(identity(1)[1])) == b""
    assert ran == [identity(1)[1]]
    assert "the disk is full" in captured.told[0].message


def test_what_the_log_can_t_take_is_printed(tmp_path: Path) -> None:
    code = ("import sys\n"
            "from deepwatch_flow.engine.capture import Capture\n"
            "from deepwatch_flow.engine.calls import Call, Outcome\n"
            "import deepwatch_flow.engine.capture as module\n"
            "module._is_full = lambda _: False\n"
            "told = []\n"
            "capture = Capture('/dev/full', told.append, lambda _: None)\n"
            "sys.stdout.reconfigure(line_buffering=False)\n"
            "def step(call):\n"
            "    print('mine')\n"
            "    return Outcome()\n"
            "assert capture.around(step, Call('s', (), ())).printed is None\n"
            "assert 'not kept' in told[0].message\n")
    if not os.path.exists("/dev/full"):
        pytest.skip("no /dev/full here")
    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60,
                          env={"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)})
    assert (done.returncode, done.stdout) == (0, b"mine\n"), done.stderr


def test_breakpoint_gives_the_descriptors_back(captured: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    real, seen = [identity(1), identity(2)], []
    monkeypatch.setattr(sys, "breakpointhook", lambda: seen.append([identity(1), identity(2)]))
    hook = sys.breakpointhook

    def asks() -> None:
        assert identity(1) != real[0]
        breakpoint()       # noqa: T100 - that is what is tested
        assert [identity(1), identity(2)] == real

    captured(asks)
    assert seen == [real]
    assert sys.breakpointhook is hook


def test_only_the_end_of_much_output_is_read(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    log.write_bytes(b"x" * 1000 + b"\n" * 200_000 + b"a\rb\r\n\xff\n")
    whole = Printed(str(log), 0, log.stat().st_size)
    assert logs.tail(whole, 2) == "b\n\\xff"
    assert logs.tail(whole, 0) == ""
    assert logs.tail(whole._replace(file=str(tmp_path / "gone"))) == ""
    assert logs.tail(Printed(str(log), 0, 1000)) == "x" * 1000


def test_old_logs_go_but_for_those_of_each_step_s_last_execution(tmp_path: Path) -> None:
    with Database.open(str(tmp_path / "state.db"), lambda notice: pytest.fail(str(notice))) as database:
        for number in range(logs.KEPT_RUNS + 5):
            run = f"run{number:02}"
            os.makedirs(logs.folder_of(str(tmp_path), run))
            database.executed([Execution("often", run, number, "ran", None)])
            if number < 2:
                database.executed([Execution("once", run, number, "failed" if number else "ran", None)])
            if number == 2:
                database.executed([Execution("once", run, number, "failed", None)])
        logs.sweep(str(tmp_path), "ff", database.forget_others)
        stay = {"run00", "run02", *[f"run{number:02}" for number in range(5, logs.KEPT_RUNS + 5)]}
        assert set(os.listdir(logs.folder_of(str(tmp_path)))) == stay
        assert [(each.step, each.run) for each in database.executions()] == [("once", "run02"), ("often", "run24")]


def test_executions_that_print_nothing_are_bounded_too(tmp_path: Path) -> None:
    with Database.open(str(tmp_path / "state.db"), lambda notice: pytest.fail(str(notice))) as database:
        for number in range(logs.KEPT_RUNS + 5):
            database.executed([Execution("often", f"{number:02}", number, "ran", None)])
        logs.sweep(str(tmp_path), "ff", database.forget_others)
        assert database.executions("00") != []
        logs.sweep(str(tmp_path), "00", database.forget_others)
        assert database.executions("00") == []
        assert database.executions("24") != []
