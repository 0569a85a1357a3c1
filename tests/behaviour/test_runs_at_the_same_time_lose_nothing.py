"""Two runs of one project take turns, and the second goes on from what the first has written."""
from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import Any

STEPS = """
    import os
    import time

    from deepwatch_flow import step

    @step(observe=False)       # it waits for a file: one that comes while it runs would be no result to keep
    def slow():
        open("begun", "w").close()
        while not os.path.exists("go on"):
            time.sleep(0.01)
        return 1

    @step
    def other():
        return 2
    """


def start(project: Any, *args: str) -> "subprocess.Popen[bytes]":
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    environ.update(PYTHONPATH=os.pathsep.join(sys.path), PYTHONDONTWRITEBYTECODE="1")
    return subprocess.Popen([sys.executable, "-m", "deepwatch_flow", "run", *args], cwd=str(project.root), env=environ,
                            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def until(project: Any, name: str) -> None:
    deadline = time.monotonic() + 60
    while not project.path(name).exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_the_second_keeps_what_the_first_wrote(project: Any) -> None:
    project.write("pipeline.py", STEPS)
    first = start(project, "slow")
    until(project, "begun")
    second = start(project, "other")
    assert second.stderr is not None
    assert b"waiting" in second.stderr.readline()
    project.write("go on", "")
    assert first.wait(60) == 0
    assert second.wait(60) == 0
    assert first.stderr is not None
    first.stderr.close()
    second.stderr.close()
    assert '[steps."slow"]' in project.read("deepwatch.lock")
    assert '[steps."other"]' in project.read("deepwatch.lock")


def test_who_will_not_wait_is_told_who_runs(project: Any) -> None:
    project.write("pipeline.py", STEPS)
    first = start(project)
    until(project, "begun")
    for command in (("run", "--wait", "0"), ("clean", "--all", "--yes")):
        done = project.cli(*command)
        assert done.code == 5, done.stderr
        assert str(first.pid) in done.stderr
        assert "hint:" in done.stderr
    assert project.status().verdicts == {"slow": "stale", "other": "stale"}      # readers never wait
    project.write("go on", "")
    first.communicate(timeout=60)
    assert first.returncode == 0
    assert project.run().executed == []
