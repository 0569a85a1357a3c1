"""A step that failed, a run whose process died, a value that was removed: later commands say so, and agree."""
from __future__ import annotations

import os
from typing import Any

import pytest

CRASHES = """
    import ctypes, os, signal
    from deepwatch_flow import step

    @step
    def first():
        return 1

    @step
    def fit(first):
        print("begin fit")
        how = os.environ.get("HOW")
        if how == "segfault":
            ctypes.string_at(0)
        if how == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if how == "exit":
            os._exit(3)
        return first

    @step
    def last(fit):
        return fit
    """


@pytest.mark.skipif(os.name != "posix", reason="signals are different there")
@pytest.mark.parametrize("options", [(), ("-s",)])
@pytest.mark.parametrize("how", ["segfault", "kill", "exit"])
def test_the_next_command_names_the_step_in_which_a_run_died(project: Any, how: str, options: Any) -> None:
    project.write("pipeline.py", CRASHES)
    done = project.cli("run", *options, env={"HOW": how})
    assert done.code not in (0, 1)
    if how == "segfault":
        assert "in fit" in done.stderr and "Segmentation fault" in done.stderr
    told = project.cli("status")
    assert "ended while it executed `fit`" in told.stderr and "-j 2" in told.stderr
    assert "fit" in told.stdout and "failed when it was last executed" in told.stdout
    assert told.stdout.count("failed when") == 1
    assert "ended while" not in project.cli("status").stderr        # once is enough; what it means for the step stays
    log = project.cli("log", "fit")
    assert "failed at" in log.stderr and ("begin fit" in log.stdout) == (not options)
    assert project.run().executed == ["fit", "last"]
    assert "failed" not in project.cli("status").stdout
    assert not project.path(".deepwatch/underway").exists()


@pytest.mark.skipif(os.name != "posix", reason="signals are different there")
def test_the_next_run_names_it_as_well_and_goes_on(project: Any) -> None:
    project.write("pipeline.py", CRASHES)
    project.cli("run", env={"HOW": "exit"})
    done = project.run()
    assert done.executed == ["fit", "last"] and "ended while it executed `fit`" in done.stderr + done.stdout


def test_a_run_that_goes_on_is_not_taken_for_dead(project: Any) -> None:
    project.write("pipeline.py", """
        import subprocess, sys
        from deepwatch_flow import step

        @step
        def asks():
            return subprocess.run([sys.executable, "-m", "deepwatch_flow", "status"], stderr=subprocess.PIPE,
                                  stdout=subprocess.PIPE).stderr.decode()
        """)
    assert project.run().executed == ["asks"]
    assert "ended while" not in project.value("asks")


def test_what_is_written_down_about_a_step_is_read_only_where_it_is_whole(tmp_path: Any) -> None:
    from deepwatch_flow.state import underway

    state = str(tmp_path)
    writer = underway.Underway(state, "0123456789ab")
    writer.begin("a long name", 7)
    dead = underway.take(state)
    assert dead is not None and dead.run == "0123456789ab"
    assert [(each.step, each.outcome, each.captured) for each in dead.executions] == [("a long name", "failed", True)]
    for text in (b"", b"000000", b"99999999x", b"00000000", b"\xff" * 20):
        (tmp_path / "underway").write_bytes(text)
        assert underway.left_behind(state) and underway.take(state) is None and not underway.left_behind(state)
    other = underway.Underway(state, "0123456789ab")
    other.begin("f[a b]", None)
    again = underway.take(state)
    assert again is not None and [(each.step, each.captured) for each in again.executions] == [("f[a b]", False)]
    other = underway.Underway(state, "0123456789ab")
    for step in ("short", "beside it", "and this"):
        other.begin(step, None)
    other.end("beside it")
    dead = underway.take(state)
    assert dead is not None and [each.step for each in dead.executions] == ["short", "and this"]
    other = underway.Underway(state, "0123456789ab")
    other.begin("short", None)
    other.end("short")
    assert underway.take(state) is None


@pytest.mark.skipif(os.name != "posix", reason="signals are different there")
def test_all_steps_that_were_executed_in_threads_are_named(project: Any) -> None:
    project.write("deepwatch.toml", 'executor = "threads"\n')
    project.write("pipeline.py", """
        import os, signal, time
        from deepwatch_flow import step

        @step(observe=False)
        def done():
            return 1

        @step(observe=False)
        def waits(done):
            open("waiting", "w").close()
            while os.environ.get("HOW"):
                time.sleep(0.01)

        @step(observe=False)
        def dies(done):
            while os.environ.get("HOW"):
                if os.path.exists("waiting"):
                    os.kill(os.getpid(), signal.SIGKILL)
                time.sleep(0.01)
        """)
    assert project.cli("run", "-j", "2", env={"HOW": "kill"}).code not in (0, 1)
    told = project.cli("status")
    named = told.stderr.partition("ended while it executed ")[2].partition(":")[0]
    assert set(named.split(", ")) == {"`waits`", "`dies`"} and told.stdout.count("failed when it was last executed") == 2
    assert "failed at" in project.cli("log", "dies").stderr
    assert set(project.run("-j", "2").executed) == {"waits", "dies"}
    assert not project.path(".deepwatch/underway").exists()


@pytest.mark.parametrize("options", [(), ("-s",), ("-j", "2")])
def test_status_and_why_say_that_a_step_failed_when_it_was_last_executed(project: Any, options: Any) -> None:
    project.write("pipeline.py", """
        from deepwatch_flow import Each, step

        @step
        def bad():
            raise ValueError("no")

        @step
        def good():
            return 1

        @step
        def many(n=Each(list(range(8)))):
            return 1 / (n % 4)
        """)
    assert project.cli("run", *options).code == 1
    told = project.cli("status").stdout.splitlines()
    assert [line for line in told if "failed when" in line and "bad" in line] and "good" not in "".join(told)
    assert [line for line in told if "many[2 of 8]" in line and "2 of them failed when last executed" in line], told
    done = project.status()
    assert done.steps["bad"]["failed_in"] == project.cli("log", "--json").document["runs"][0]["run"]
    assert "failed_in" not in done.steps["good"] and done.verdicts["bad"] == "stale"
    assert "failed when it was last executed" in project.cli("why", "bad").stderr
    assert project.cli("why", "bad", "--json").document["failed_in"] == done.steps["bad"]["failed_in"]
    assert project.cli("status", "--check").code == 3
    project.edit("pipeline.py", 'raise ValueError("no")', "return 0")
    assert "failed when it was last executed" in project.cli("status", "bad").stdout     # of another code, as the reason says
    assert project.cli("run", "bad").code == 0
    assert "failed" not in project.cli("status", "bad").stdout + project.cli("why", "bad").stderr


def test_a_step_that_was_cleaned_is_up_to_date_by_the_lockfile_and_all_commands_say_what_that_means(project: Any) -> None:
    project.write("pipeline.py", """
        from deepwatch_flow import step

        @step
        def one():
            return 1

        @step
        def two(one):
            return one + 1
        """)
    project.run()
    done = project.cli("clean", "one")
    assert "removed 1 stored value" in done.stderr and "vouches for `one`" in done.stderr and "`deepwatch run one`" in done.stderr
    assert project.cli("status").stdout == "2 steps up to date\n"
    told = project.cli("status", "-v").stdout
    assert "one  its value is not in the store, and is made again when it is needed" in told and told.count("not in the store") == 1
    assert {name: step["stored"] for name, step in project.status("-v").steps.items()} == {"one": False, "two": True}
    why = project.cli("why", "one")
    assert "not in the store" in why.stdout and "leaves it as it is, up to date" in why.stderr
    assert project.cli("show", "one").code == 4
    assert project.run().executed == [] and project.run("one").executed == ["one"]
    assert "not in the store" not in project.cli("status", "-v").stdout


def test_a_step_whose_value_a_run_needs_is_not_said_to_be_left_alone(project: Any) -> None:
    project.write("pipeline.py", """
        from deepwatch_flow import step

        @step
        def one():
            return 1
        """)
    project.run()
    project.cli("clean", "one")
    assert "up to date" not in project.cli("why", "one").stderr and project.run().executed == ["one"]
