"""With `executor = "threads"`, steps that are not observed run side by side in the process; all others run alone."""
from __future__ import annotations

import signal
from typing import Any

import pytest
from faulty import Begun

THREADS = 'executor = "threads"\njobs = 3\n'
MEETING = """
    import threading
    from deepwatch_flow import step

    MET = threading.Barrier(3)

    @step(observe=False)
    def one():
        return MET.wait(60) >= 0

    @step(observe=False)
    def two():
        return MET.wait(60) >= 0

    @step(observe=False)
    def three():
        return MET.wait(60) >= 0

    @step
    def all_of_them(one, two, three):
        return [one, two, three]
    """
ALONE = """
    import time
    from deepwatch_flow import Each, step

    inside = []

    def busy(name, seconds=0.02):
        inside.append(name)
        time.sleep(seconds)
        others = [each for each in inside if each != name]
        inside.remove(name)
        return others

    @step
    def watched():
        return busy("watched") + open("data.txt").read().split()

    @step(observe=False)
    def first():
        return bool(busy("first", 0.1)) and "watched" in inside

    @step(observe=False)
    def second():
        return bool(busy("second", 0.1)) and "watched" in inside

    @step(observe=False, seed=1)
    def drawn():
        import random
        return [busy("drawn"), random.random()]
    """


def test_steps_that_are_not_observed_run_side_by_side(project: Any) -> None:
    project.write("pipeline.py", MEETING)
    project.write("deepwatch.toml", THREADS)
    assert project.run().counts["ran"] == 4
    assert project.value("all_of_them") == [True, True, True]
    assert project.run().executed == []


def test_what_is_observed_or_draws_by_a_seed_runs_alone(project: Any) -> None:
    project.write("pipeline.py", ALONE)
    project.write("deepwatch.toml", THREADS)
    project.write("data.txt", "")
    project.run()
    assert (project.value("watched"), project.value("first"), project.value("second")) == ([], False, False)
    others, number = project.value("drawn")
    assert others == []
    project.write("data.txt", "more")
    assert project.run().executed == ["watched"]
    project.write("deepwatch.toml", 'executor = "inline"\n')
    project.run("--force", "drawn")
    assert project.value("drawn") == [[], number]


def test_each_consumer_gets_a_value_of_its_own(project: Any) -> None:
    project.write("pipeline.py", """
        import threading
        from deepwatch_flow import step

        MET = threading.Barrier(2)

        @step
        def made():
            return [1]

        @step(observe=False)
        def left(made):
            made.append("left")
            MET.wait(60)
            return made

        @step(observe=False)
        def right(made):
            made.append("right")
            MET.wait(60)
            return made
        """)
    project.write("deepwatch.toml", THREADS)
    project.run()
    assert (project.value("left"), project.value("right")) == ([1, "left"], [1, "right"])


@pytest.mark.parametrize("raised", ["ValueError('no')", "KeyboardInterrupt()", "SystemExit(3)"])
def test_a_step_that_fails_in_a_thread_fails_alone(raised: str, project: Any) -> None:
    project.write("pipeline.py", f"""
        from deepwatch_flow import step

        @step(observe=False)
        def bad():
            raise {raised}

        @step(observe=False)
        def good():
            return 1
        """)
    project.write("deepwatch.toml", THREADS)
    done = project.run(code=1)
    assert done.outcomes == {"bad": "failed", "good": "ran"}
    assert raised.partition("(")[0] in done.steps["bad"]["error"]


@pytest.mark.fault
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_run_in_threads_ends_at_a_signal_and_keeps_what_is_done(number: int, code: int, project: Any) -> None:
    project.write("pipeline.py", """
        import time
        from pathlib import Path
        from deepwatch_flow import step

        @step(observe=False)
        def done():
            return 1

        @step(observe=False)
        def hangs(done):
            Path("begun").touch()
            time.sleep(600)
        """)
    project.write("deepwatch.toml", THREADS)
    run = Begun(project, "run").until("begun").tell(number)
    assert run.ends() == code
    run.leaves_nothing()
    assert project.run("done").executed == []
