"""A step may raise what it likes, fork, crash its worker or move elsewhere: the others don't notice."""
from __future__ import annotations

import os
import subprocess
import sys
from typing import Any, Tuple

import pytest


def scripted(project: Any, name: str) -> Tuple[int, str]:
    """Run a script of the project; return its exit code and what it complains about."""
    environ = dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path))
    done = subprocess.run([sys.executable, name], cwd=str(project.root), env=environ, stdin=subprocess.DEVNULL,
                          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=120, universal_newlines=True)
    return done.returncode, done.stderr


@pytest.mark.parametrize("jobs", ["1", "2"])
@pytest.mark.parametrize("raised", ["SystemExit(0)", "GeneratorExit('x')", "type('Own', (BaseException,), {})('x')"])
def test_anything_raised_is_a_failure_of_the_step(project: Any, raised: str, jobs: str) -> None:
    project.write("pipeline.py", f"""
        from deepwatch_flow import step

        @step
        def bad():
            raise {raised}

        @step
        def other():
            return 1
        """)
    done = project.run("-j", jobs, code=1)
    assert done.outcomes == {"bad": "failed", "other": "ran"}
    assert "pipeline.py" in done.steps["bad"]["traceback"]
    assert os.path.join("deepwatch_flow", "") not in done.stderr


def test_an_endless_message_is_cut(project: Any) -> None:
    project.write("pipeline.py", """
        from deepwatch_flow import step

        @step
        def bad():
            raise ValueError("begin" + "x" * 1_000_000 + "end")
        """)
    told = project.cli("run").stderr
    assert "ValueError: begin" in told
    assert "xend" in told
    assert len(told) < 20_000


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork there")
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_forked_child_does_not_go_on_with_the_run(project: Any, jobs: str) -> None:
    project.write("pipeline.py", """
        import os

        from deepwatch_flow import step

        @step
        def forks():
            if os.fork() == 0:
                return "the child"
            _, status = os.wait()
            return ["the parent", status]

        @step
        def after(forks):
            with open("log", "a") as file:
                file.write("once ")
            return forks
        """)
    assert project.run("-j", jobs).executed == ["forks", "after"]
    assert project.value("after") == ["the parent", 0]
    assert project.read("log") == "once "


def test_only_the_step_that_kills_its_worker_fails(project: Any) -> None:
    project.write("pipeline.py", """
        import os
        import signal

        from deepwatch_flow import step

        @step
        def one():
            return 1

        @step
        def exits():
            os._exit(0)

        @step
        def killed():
            os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))

        @step
        def two(one):
            return one + 1

        @step
        def after(exits):
            return 1
        """)
    done = project.run("-j", "3", code=1)
    assert done.outcomes == {"one": "ran", "exits": "failed", "killed": "failed", "two": "ran", "after": "blocked"}
    assert "worker process died" in done.steps["exits"]["error"]


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_an_async_step_needs_no_loop_and_minds_none(project: Any, jobs: str) -> None:
    project.write("pipeline.py", """
        from deepwatch_flow import step

        @step
        async def later():
            return 1
        """)
    project.write("script.py", f"""
        import asyncio
        import deepwatch_flow

        async def notebook():
            return deepwatch_flow.run(jobs={jobs}).counts["ran"]

        assert asyncio.run(notebook()) == 1
        """)
    assert scripted(project, "script.py") == (0, "")
    assert project.value("later") == 1


def test_a_script_without_a_guard_may_use_processes(project: Any) -> None:
    project.write("pipeline.py", """
        from deepwatch_flow import step

        @step
        def one():
            return 1
        """)
    project.write("script.py", """
        import deepwatch_flow

        with open("log", "a") as file:
            file.write("once ")
        assert deepwatch_flow.run(jobs=2).counts["ran"] == 1
        """)
    assert scripted(project, "script.py") == (0, "")
    assert project.read("log") == "once "
