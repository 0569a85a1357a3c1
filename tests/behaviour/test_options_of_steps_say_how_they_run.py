"""Retries, timeouts, resources, cues and seeds: what ``@step(...)`` says of an execution is what happens."""
from __future__ import annotations

import os
from typing import Any

import pytest
from living import gone

HEAD = "import os, random, time\nfrom deepwatch_flow import step\n"


def pipeline(project: Any, text: str) -> None:
    project.write("pipeline.py", HEAD + text)


# -- retries ---------------------------------------------------------------------------------------------

FLAKY = """
@step(retries={retries})
def flaky():
    tries = len(os.listdir("tries"))
    open(f"tries/{{tries}}", "w").close()
    if tries < 2:
        {dies}
    return tries

@step
def after(flaky):
    return flaky
"""


@pytest.mark.parametrize("dies", ["raise ValueError(tries)", "os._exit(3)", "os.kill(os.getpid(), 9)", "time.sleep(60)"])
def test_an_execution_that_fails_is_repeated(project: Any, dies: str) -> None:
    if dies.startswith("os.") and os.name != "posix":
        pytest.skip("processes die in another way there")
    os.mkdir(str(project.path("tries")))
    options = "2, timeout=1" if "sleep" in dies else "2"
    pipeline(project, FLAKY.format(retries=options, dies=dies))
    arguments = ["-j", "2"] if dies.startswith("os.") else []
    done = project.run(*arguments)
    assert done.outcomes == {"flaky": "ran", "after": "ran"}
    assert sorted(os.listdir(str(project.path("tries")))) == ["0", "1", "2"]
    assert "it is executed again (retry 2 of 2)" in done.stderr


def test_a_step_that_never_succeeds_fails_after_its_last_repetition(project: Any) -> None:
    os.mkdir(str(project.path("tries")))
    pipeline(project, FLAKY.format(retries=1, dies="raise ValueError(tries)"))
    done = project.run(code=1)
    assert done.outcomes == {"flaky": "failed", "after": "blocked"}
    assert len(os.listdir(str(project.path("tries")))) == 2


def test_repetitions_wait_and_hold_up_nobody(project: Any) -> None:
    pipeline(project, """
@step(retries=1, retry_delay=1)
def waits():
    if not os.path.exists("quick.txt"):
        raise ValueError("not yet")
    return 1

@step
def zquick():
    open("quick.txt", "w").close()
    return 2
""")
    assert project.run("-j", "1").outcomes == {"waits": "ran", "zquick": "ran"}


# -- timeouts --------------------------------------------------------------------------------------------

def test_a_step_that_hangs_is_ended_with_all_that_it_started_and_tells_where_it_hung(project: Any) -> None:
    pipeline(project, """
import subprocess

def stuck():
    while True:
        time.sleep(0.05)

@step(timeout=1)
def hangs():
    child = subprocess.Popen(["sleep", "60"])
    with open("pid", "w") as file:
        file.write(str(child.pid))
    stuck()

@step
def other():
    return 1
""")
    done = project.run(code=1)
    assert done.outcomes == {"hangs": "failed", "other": "ran"}
    assert "timeout of 1 s" in str(done.steps["hangs"])
    assert "in stuck" in str(done.steps["hangs"]) and "    time.sleep(0.05)" in done.steps["hangs"]["traceback"]
    if os.name == "posix":
        assert gone(int(project.read("pid")))


# -- resources -------------------------------------------------------------------------------------------

TOGETHER = """
@step(resources={{"gpu": {amount}}})
def one():
    return meet()

@step(resources={{"gpu": {amount}}})
def two():
    return meet()

def meet():
    open(f"{{os.getpid()}}.here", "w").close()
    for _ in range({patience}):
        if len([name for name in os.listdir(".") if name.endswith(".here")]) > 1:
            os.rename(f"{{os.getpid()}}.here", f"{{os.getpid()}}.gone")
            return True
        time.sleep(0.05)
    os.remove(f"{{os.getpid()}}.here")
    return False
"""


def test_steps_never_ask_for_more_than_there_is(project: Any) -> None:
    project.write("deepwatch.toml", "[resources]\ngpu = 1\n")
    pipeline(project, TOGETHER.format(amount=1, patience=20))
    project.run("-j", "2")
    assert [project.value(name) for name in ("one", "two")] == [False, False]


def test_a_resource_without_a_total_is_not_counted(project: Any) -> None:
    pipeline(project, TOGETHER.format(amount=1, patience=200))
    project.run("-j", "2")
    assert True in [project.value(name) for name in ("one", "two")]


def test_a_step_that_asks_for_more_than_there_ever_is_is_an_error(project: Any) -> None:
    project.write("deepwatch.toml", "[resources]\ngpu = 1\n")
    pipeline(project, TOGETHER.format(amount=2, patience=1))
    done = project.cli("run")
    assert done.code == 2
    assert "asks for gpu=2, and the settings have 1" in done.stderr


# -- cues and the cache ----------------------------------------------------------------------------------

COUNTS = """
K = 1
@step({options})
def counted():
    with open("runs", "a") as file:
        file.write("x")
    return K

@step
def after(counted):
    return counted + 1
"""


@pytest.mark.parametrize("options", ['cue="always"', "cache=False"])
def test_what_runs_each_time_spares_what_comes_after_where_the_result_is_the_same(project: Any, options: str) -> None:
    pipeline(project, COUNTS.format(options=options))
    assert project.run().outcomes == {"counted": "ran", "after": "ran"}
    assert project.run().outcomes == {"counted": "ran", "after": "reused"}
    assert project.read("runs") == "xx"


def test_what_runs_each_time_says_why(project: Any) -> None:
    pipeline(project, COUNTS.format(options='cue="always"'))
    project.run()
    assert 'cue="always"' in project.cli("why", "counted").stdout


def test_a_step_whose_cue_is_never_runs_once_and_when_it_is_forced(project: Any) -> None:
    pipeline(project, COUNTS.format(options='cue="never"'))
    assert project.run().outcomes == {"counted": "ran", "after": "ran"}
    project.edit("pipeline.py", "K = 1", "K = 2")
    assert project.run().outcomes == {"counted": "reused", "after": "reused"}
    assert project.value("counted") == 1
    assert project.run("--force", "counted").outcomes == {"counted": "ran", "after": "ran"}
    assert project.value("after") == 3


def test_a_step_whose_cue_is_never_runs_where_its_result_is_lost(project: Any) -> None:
    pipeline(project, COUNTS.format(options='cue="never"'))
    project.run()
    project.cli("clean", "counted")
    os.remove(str(project.path("deepwatch.lock")))
    assert project.run().outcomes["counted"] == "ran"


# -- seeds -----------------------------------------------------------------------------------------------

SEEDED = """
@step(seed={seed})
def drawn():
    return random.random()

@step(seed=1)
def other():
    return random.random()
"""


def test_random_numbers_are_the_same_for_a_seed_and_others_for_each_step(project: Any) -> None:
    pipeline(project, SEEDED.format(seed=1))
    project.run()
    first = project.value("drawn"), project.value("other")
    assert first[0] != first[1]
    project.run("--force", "*", "-j", "2")
    assert (project.value("drawn"), project.value("other")) == first
    pipeline(project, SEEDED.format(seed=2))
    assert project.run().outcomes == {"drawn": "ran", "other": "reused"}
    assert project.value("drawn") != first[0]


def test_numpys_numbers_are_seeded_too_and_what_comes_after_is_not(project: Any) -> None:
    pytest.importorskip("numpy")
    pipeline(project, """
@step(seed=1)
def drawn():
    import numpy
    return float(numpy.random.random())

@step
def free():
    import numpy
    return float(numpy.random.random())
""")
    project.run()
    first = project.value("drawn"), project.value("free")
    project.run("--force", "*")
    assert project.value("drawn") == first[0]
    assert project.value("free") != first[1]


@pytest.mark.parametrize("options, told", [
    ("retries=-1", "retries=...) takes a whole number"), ("timeout=0", "more than 0"), ('cue="sometimes"', '"always" or "never"'),
    ('resources={"memory": "4 parsecs"}', "names with amounts"), ("seed=1.5", "a whole number"), ("retry=3", "unexpected keyword"),
])
def test_an_option_that_can_t_be_is_refused_where_it_stands(project: Any, options: str, told: str) -> None:
    pipeline(project, f"@step({options})\ndef one(): return 1\n")
    done = project.cli("run")
    assert done.code == 2
    assert told in done.stderr
    assert "pipeline.py" in done.stderr
