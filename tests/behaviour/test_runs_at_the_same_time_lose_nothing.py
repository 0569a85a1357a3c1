"""Two runs of one project take turns, and the second goes on from what the first has written."""
from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import Any

import pytest

pytestmark = pytest.mark.fault

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


COUNTED = """
    import os
    import time

    from deepwatch_flow import Each, step

    def count(name):
        with open("counted", "a") as file:      # one write to an appended file is never torn
            file.write(name + "\\n")

    @step(observe=False)
    def first():
        count("first")
        return 1

    @step(observe=False)
    def slow(first):
        count("slow")
        open("begun", "w").close()
        while not os.path.exists("go on"):
            time.sleep(0.01)
        return 1

    @step(observe=False)
    def each(slow, n=Each([1, 2, 3, 4])):
        count(f"each {n}")
        return n
    """
ALL = sorted(["first", "slow", "each 1", "each 2", "each 3", "each 4"])


@pytest.mark.parametrize("args", [(), ("-j", "2")], ids=["inline", "processes"])
def test_no_step_runs_twice(project: Any, args: Any) -> None:
    project.write("pipeline.py", COUNTED)
    runs = [start(project, *args) for _ in range(3)]
    until(project, "begun")
    project.write("go on", "")
    told = [run.communicate(timeout=60)[1].decode() for run in runs]
    assert [run.returncode for run in runs] == [0, 0, 0], told
    assert sorted(project.read("counted").split("\n")[:-1]) == ALL


def test_when_the_first_is_killed_the_second_goes_on_with_what_is_left(project: Any) -> None:
    project.write("pipeline.py", COUNTED)
    first = start(project)
    until(project, "begun")
    second = start(project)
    assert second.stderr is not None
    assert b"waiting" in second.stderr.readline()
    first.kill()
    first.communicate(timeout=60)
    project.write("go on", "")
    told = second.communicate(timeout=60)[1].decode()
    assert second.returncode == 0, told
    assert sorted(project.read("counted").split("\n")[:-1]) == sorted([*ALL, "slow"])     # what was running runs again, no more


def test_who_waits_is_told_what_the_other_run_is_about(project: Any) -> None:
    project.write("pipeline.py", COUNTED)
    first = start(project, "slow")
    until(project, "begun")
    done = project.cli("run", "each", "--wait", "0")
    assert done.code == 5
    assert f"process {first.pid}" in done.stderr
    assert "(deepwatch run slow)" in done.stderr
    project.write("go on", "")
    first.communicate(timeout=60)
    assert first.returncode == 0


def test_runs_of_programs_take_turns_too(project: Any) -> None:
    project.write("pipeline.py", COUNTED)
    program = "import deepwatch_flow; assert deepwatch_flow.run().ok"
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    runs = [subprocess.Popen([sys.executable, "-c", program], cwd=str(project.root), env=environ) for _ in range(3)]
    until(project, "begun")
    project.write("go on", "")
    assert [run.wait(60) for run in runs] == [0, 0, 0]
    assert sorted(project.read("counted").split("\n")[:-1]) == ALL


@pytest.mark.parametrize("command", [["gc"], ["clean", "--all", "--yes"], ["accept", "other", "--reason", "none"], ["lock", "upgrade"],
                                     ["doctor", "--fix"]], ids=" ".join)
def test_what_would_take_something_from_a_run_is_refused_and_what_looks_is_not(project: Any, command: Any) -> None:
    project.write("pipeline.py", STEPS)
    assert project.run("other").executed == ["other"]
    first = start(project)
    until(project, "begun")
    done = project.cli(*command)
    assert done.code == 5, done.stderr
    assert f"process {first.pid}" in done.stderr
    for looking in (["status"], ["why", "slow"], ["log"], ["graph"], ["show", "other"]):
        assert project.cli(*looking).code == 0
    project.write("go on", "")
    first.communicate(timeout=60)
    assert first.returncode == 0
    assert project.run().executed == []


def test_runs_of_threads_take_turns_too(project: Any) -> None:
    project.write("pipeline.py", COUNTED)
    project.write("program.py", """
        from concurrent.futures import ThreadPoolExecutor

        import deepwatch_flow

        with ThreadPoolExecutor(3) as threads:
            reports = [each.result() for each in [threads.submit(deepwatch_flow.run) for _ in range(3)]]
        assert all(report.ok for report in reports)
        """)
    project.write("go on", "")
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "program.py"], cwd=str(project.root), env=environ, check=True, timeout=120)
    assert sorted(project.read("counted").split("\n")[:-1]) == ALL
