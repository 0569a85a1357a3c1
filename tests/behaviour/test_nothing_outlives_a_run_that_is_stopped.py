"""A run that is interrupted, terminated or killed keeps what is finished and leaves no process behind."""
from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import Any, Sequence

import pytest
from living import gone

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals are different there")

STEPS = """
    import os
    import subprocess
    import time

    from deepwatch_flow import step

    @step
    def first():
        return 1

    @step
    def long(first):
        child = subprocess.Popen(["sleep", "60"])
        with open("pids", "w") as file:
            file.write(f"{os.getpid()} {child.pid}")
        os.rename("pids", "started")
        time.sleep(60)

    @step
    def last(long):
        return 1
    """


def _hears_all() -> None:
    # whoever runs these tests may be deaf to a signal (`nohup`, a job in the background), and that is inherited
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def begun(project: Any, *args: str) -> "subprocess.Popen[bytes]":
    """Start a run and return once its long step is at work."""
    project.write("pipeline.py", STEPS)
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    scratch = project.root.parent / "scratch"
    scratch.mkdir(exist_ok=True)
    environ.update(PYTHONPATH=os.pathsep.join(sys.path), PYTHONDONTWRITEBYTECODE="1", TMPDIR=str(scratch))
    run = subprocess.Popen([sys.executable, "-m", "deepwatch_flow", "run", *args], cwd=str(project.root), env=environ,
                           stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                           start_new_session=True, preexec_fn=_hears_all)
    deadline = time.monotonic() + 60
    while not project.path("started").exists():
        assert run.poll() is None and time.monotonic() < deadline, run.communicate()
        time.sleep(0.02)
    return run


@pytest.mark.parametrize("number, code", [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
@pytest.mark.parametrize("args", [(), ("-j", "2")], ids=["inline", "processes"])
def test_a_signal_ends_it_in_good_order(project: Any, number: int, code: int, args: Sequence[str]) -> None:
    run = begun(project, *args)
    pids = [int(pid) for pid in project.read("started").split()]
    os.killpg(run.pid, number)         # a terminal tells the whole group
    _, told = run.communicate(timeout=30)
    assert run.returncode == code, told
    assert b"Traceback" not in told, told
    assert b"interrupted: 1 ran" in told
    assert gone(pids[0])
    assert gone(pids[1])
    assert project.status().verdicts == {"first": "fresh", "long": "stale", "last": "pending"}
    assert os.listdir(str(project.root.parent / "scratch")) == []


def test_a_killed_run_takes_its_workers_along(project: Any) -> None:
    run = begun(project, "-j", "2")
    pids = [int(pid) for pid in project.read("started").split()]
    run.kill()
    run.communicate(timeout=30)
    assert gone(pids[0])
    assert gone(pids[1])
    project.edit("pipeline.py", "time.sleep(60)", "return 2")
    project.edit("pipeline.py", '"60"', '"0"')
    assert project.run().counts["ran"] >= 2       # the next run finds the project free
    assert project.run().executed == []


@pytest.mark.parametrize("place, error", [("pipeline", "ImportError"), ("machinery", "AttributeError")])
def test_a_signal_that_turns_into_another_error_ends_it_all_the_same(project: Any, place: str, error: str) -> None:
    stopped = f"""
import os
import signal
import time

def stop():
    try:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(10)
    finally:
        raise {error}("what tidies up has failed")
"""
    if place == "pipeline":      # compiled packages make an ImportError of whatever comes while they load
        project.write("pipeline.py", stopped + "\nstop()\n")
    else:                        # our own machinery can be in the middle of anything
        project.write("pipeline.py", "from deepwatch_flow import step\n\n@step\ndef one():\n    return 1\n")
        project.write("sitecustomize.py", stopped + "\nimport argparse\nargparse.ArgumentParser.parse_known_intermixed_args = lambda *_: stop()\n")
    done = project.cli("run", env={"PYTHONPATH": os.pathsep.join([str(project.root), *sys.path])})
    assert done.code == 143, done.stderr
    assert "deepwatch itself failed" not in done.stderr
    if place == "machinery":
        assert done.stderr == "interrupted\n"
