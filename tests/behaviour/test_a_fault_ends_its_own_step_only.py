"""A step that crashes, is killed, ends its process or hangs fails alone, and a run that is stopped leaves nothing behind."""
from __future__ import annotations

import os
import shutil
import signal
import time
from typing import Any

import pytest
from faulty import Begun

pytestmark = [pytest.mark.fault, pytest.mark.skipif(not os.path.exists("/proc/self/environ"), reason="processes are found by /proc")]

HEAD = """\
import ctypes
import os
import signal
import subprocess
import sys
import threading
import time

from deepwatch_flow import Each, step


def meet(name, other):
    open(name, "w").close()
    while not os.path.exists(other):
        time.sleep(0.01)


def rest():
    # one long sleep would miss a signal that comes between Python's look for signals and the call of the system
    for _ in range(6000):
        time.sleep(0.1)


"""

#: the way in which a step ends badly, and what is told of it
FAULTS = {
    "segfaults": ("ctypes.string_at(0)", "SIGSEGV"),
    "aborts": ("os.abort()", "SIGABRT"),
    "is killed": ("os.kill(os.getpid(), signal.SIGKILL)", "SIGKILL"),
    "is terminated": ("os.kill(os.getpid(), signal.SIGTERM)", "SIGTERM"),
    "exits": ("os._exit(3)", "the code 3"),
    "exits as if all were well": ("os._exit(0)", "worker process died"),
    "hangs": ("time.sleep(600)", "timeout of 1 s"),
    "hangs in compiled code": ("ctypes.PyDLL(None).sleep(600)", "timeout of 1 s"),      # the interpreter is locked meanwhile
    "is stopped": ("os.kill(os.getpid(), signal.SIGSTOP)", "timeout of 1 s"),
    "hangs and hears nothing": ("signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 32)); time.sleep(600)", "timeout of 1 s"),
    "closes all files": ("os.closerange(0, 256); time.sleep(600)", "worker process died"),
}

#: a step that strikes while another is at work and six wait
BESIDE = HEAD + """\
@step(observe=False, retries={retries}, timeout={timeout})
def bad():
    meet("bad is here", "beside is here")
    with open("struck", "a") as file:
        file.write("x")
    {fault}


@step(observe=False)
def beside():
    meet("beside is here", "struck")
    return 1


@step
def after(bad):
    return 1


@step
def upon(beside):
    return beside + 1


@step
def waits(n=Each([1, 2, 3, 4, 5])):
    return n
"""
OTHERS = {"beside", "upon", *(f"waits[{n}]" for n in range(1, 6))}


def pipeline(project: Any, text: str) -> None:
    project.path("pipeline.py").write_text(text, encoding="utf-8")


@pytest.mark.parametrize("retries", [0, 1])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_fails_its_own_step_and_no_other(project: Any, fault: str, retries: int) -> None:
    code, told = FAULTS[fault]
    pipeline(project, BESIDE.format(fault=code, retries=retries, timeout=1 if "timeout" in told else None))
    run = Begun(project, "run", "-j", "2")
    assert run.ends() == 1
    run.leaves_nothing()
    assert told in run.told
    assert project.read("struck") == "x" * (1 + retries)
    verdicts = project.status().verdicts
    assert {name for name, verdict in verdicts.items() if verdict == "fresh"} == OTHERS
    again = project.run("-j", "2", code=1)
    assert {name for name, outcome in again.outcomes.items() if outcome == "reused"} - {"waits"} == OTHERS
    assert again.outcomes["bad"] == "failed"
    assert again.outcomes["after"] == "blocked"


@pytest.mark.parametrize("fault", FAULTS)
def test_a_step_that_has_a_fault_once_is_repeated_and_goes_on(project: Any, fault: str) -> None:
    code, told = FAULTS[fault]
    once = f'if open("struck").read() == "x":\n        {code}\n    return 1'
    pipeline(project, BESIDE.format(fault=once, retries=1, timeout=1 if "timeout" in told else None))
    run = Begun(project, "run", "-j", "2")
    assert run.ends() == 0
    run.leaves_nothing()
    assert told in run.told
    assert project.run("-j", "2").executed == []


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_an_instance_fails_that_one(project: Any, fault: str) -> None:
    code, told = FAULTS[fault]
    timeout = 1 if "timeout" in told else None
    pipeline(project, HEAD + f"""\
@step(observe=False, timeout={timeout})
def each(n=Each([1, 2, 3, 4, 5, 6])):
    if n == 3:
        {code}
    return n


@step
def total(each):
    return sum(each.values())
""")
    run = Begun(project, "run", "-j", "2")
    assert run.ends() == 1
    run.leaves_nothing()
    done = project.run("-j", "2", code=1)
    outcomes = {name: outcome for name, outcome in done.outcomes.items() if name.startswith("each[")}
    assert outcomes == {f"each[{n}]": "failed" if n == 3 else "reused" for n in range(1, 7)}
    assert done.outcomes["total"] == "blocked"


# -- what a step leaves behind -----------------------------------------------------------------------------

#: what a step may start: it ignores SIGTERM, has a child of its own, or has gone elsewhere
CHILDREN = {
    "a child": 'subprocess.Popen(["sleep", "600"])',
    "a child that ignores what it is told": """subprocess.Popen(["sh", "-c", "trap '' TERM INT HUP; touch child; sleep 600; sleep 600"])""",
    "a grandchild": 'subprocess.Popen(["sh", "-c", "sleep 600; sleep 600"])',
    "an orphan": 'subprocess.run(["sh", "-c", "sleep 600 &"])',
    "a child in another group": 'subprocess.Popen(["sh", "-c", "sleep 600; sleep 600"], preexec_fn=os.setpgrp)',
    "a child in another session": 'subprocess.Popen(["sh", "-c", "sleep 600; sleep 600"], start_new_session=True)',
    "a fork": "os.fork() or time.sleep(600)",
    "fifty": 'for _ in range(50): subprocess.Popen(["sleep", "600"])',
}


@pytest.mark.parametrize("children", CHILDREN)
def test_a_step_that_hangs_takes_what_it_has_started_along(project: Any, children: str) -> None:
    pipeline(project, HEAD + f"""\
@step(timeout=2)
def bad():
    {CHILDREN[children]}
    time.sleep(600)


@step
def other():
    return 1
""")
    run = Begun(project, "run", "-j", "2")
    assert run.ends() == 1
    run.leaves_nothing()
    assert project.status().verdicts == {"bad": "stale", "other": "fresh"}


@pytest.mark.parametrize("children", [name for name in CHILDREN if "another" not in name])
def test_a_worker_that_is_killed_takes_what_it_has_started_along(project: Any, children: str) -> None:
    pipeline(project, HEAD + f"@step\ndef bad():\n    {CHILDREN[children]}\n    os.kill(os.getpid(), signal.SIGKILL)\n")
    run = Begun(project, "run", "-j", "2")
    assert run.ends() == 1
    run.leaves_nothing()


@pytest.mark.parametrize("args", [(), ("-j", "2")], ids=["inline", "processes"])
def test_what_a_step_leaves_behind_ends_with_the_run(project: Any, args: Any) -> None:
    pipeline(project, HEAD + f"@step(observe=False)\ndef one():\n    {CHILDREN['fifty']}\n    return 1\n")
    run = Begun(project, "run", *args)
    assert run.ends() == 0
    run.leaves_nothing()


def test_a_thread_that_a_step_leaves_behind_holds_no_worker(project: Any) -> None:
    pipeline(project, HEAD + "@step\ndef one():\n    threading.Thread(target=time.sleep, args=(600,)).start()\n    return 1\n")
    run = Begun(project, "run", "-j", "2")
    assert run.ends() == 0
    run.leaves_nothing()
    assert project.run().executed == []


def test_a_pool_of_forks_that_a_step_ends_shows_nothing(project: Any) -> None:
    pipeline(project, HEAD + """\
import multiprocessing


@step(observe=False)
def one():
    with multiprocessing.get_context("fork").Pool(4) as pool:
        return pool.map(abs, [-1, -2])
""")
    run = Begun(project, "run")
    assert run.ends() == 0
    run.leaves_nothing()


# -- workers -----------------------------------------------------------------------------------------------

def test_a_worker_that_dies_while_it_waits_fails_nobody(project: Any) -> None:
    pipeline(project, HEAD + """\
@step(observe=False)
def quick():
    watch = f"while test ! -e go; do sleep 0.01; done; kill -9 {os.getpid()}; touch dead"
    subprocess.Popen(["sh", "-c", watch], start_new_session=True)
    return 1


@step(observe=False)
def slow():
    while not (os.path.isdir(".deepwatch/objects") and os.listdir(".deepwatch/objects")):
        time.sleep(0.01)
    time.sleep(1)           # its value is stored: it waits for the next call soon
    meet("go", "dead")
    return 1


@step
def one(slow):
    return 1


@step
def two(slow):
    return 2
""")
    run = Begun(project, "run", "-j", "2")
    assert run.ends() == 0, run.told
    run.leaves_nothing()


@pytest.mark.parametrize("ends, told", [("os._exit(7)", "died while it started"), ("raise KeyboardInterrupt", "KeyboardInterrupt"),
                                        ("sys.exit(7)", "can't be imported")])
def test_a_pipeline_that_ends_its_workers_is_told_as_such(project: Any, ends: str, told: str) -> None:
    pipeline(project, HEAD + f"""\
if "spawn_main" in open("/proc/self/cmdline").read():
    {ends}


@step
def one():
    return 1


@step
def two():
    return 1
""")
    run = Begun(project, "run", "-j", "2")
    assert run.ends() == 1
    run.leaves_nothing()
    assert run.told.count(told) == 2


# -- stopped -----------------------------------------------------------------------------------------------

ENDS = [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
WAYS = [(args, group) for args in ((), ("-j", "2")) for group in (True, False)]
WAY_NAMES = [f"{'processes' if args else 'inline'}-{'group' if group else 'alone'}" for args, group in WAYS]

STOPPED = HEAD + """\
@step
def done():
    return 1


@step(observe=False)
def long(done):
    {before}
    open("at work", "w").close()
    {work}


@step
def last(long):
    return 1
"""


@pytest.mark.parametrize("args, group", WAYS, ids=WAY_NAMES)
@pytest.mark.parametrize("number, code", ENDS)
@pytest.mark.parametrize("children", CHILDREN)
def test_a_run_that_is_stopped_ends_all_and_keeps_what_is_finished(
        project: Any, number: int, code: int, args: Any, group: bool, children: str) -> None:
    if children == "an orphan" and not args:
        pytest.skip("nobody can tell whose it is")
    if children == "a fork" and not args:
        pytest.skip("a fork of the run itself is the run to whoever signals its group")
    pipeline(project, STOPPED.format(before=CHILDREN[children], work="rest()"))
    run = Begun(project, "run", *args).until("at work").tell(number, group)
    assert run.ends() == code
    run.leaves_nothing()
    assert "interrupted: 1 ran" in run.told
    assert project.status().verdicts == {"done": "fresh", "long": "stale", "last": "pending"}
    assert '[steps."done"]' in project.read("deepwatch.lock")


def test_what_a_step_starts_without_end_ends_with_it(project: Any) -> None:
    breeds = """subprocess.Popen(["sh", "-c", "while :; do sh -c 'sleep 0.002; sleep 0.003'; done"])"""
    pipeline(project, STOPPED.format(before=f"for _ in range(10): {breeds}", work="rest()"))
    run = Begun(project, "run").until("at work").tell(signal.SIGTERM, group=False)
    assert run.ends() == 143
    run.leaves_nothing()


def test_a_step_that_makes_another_error_of_a_signal_is_stopped_all_the_same(project: Any) -> None:
    pipeline(project, STOPPED.format(before="pass", work="try:\n        rest()\n    finally:\n        raise ImportError('tidied up badly')"))
    run = Begun(project, "run").until("at work").tell(signal.SIGTERM)
    assert run.ends() == 143
    assert "interrupted: 1 ran, 2 not done" in run.told


@pytest.mark.parametrize("args", [(), ("-j", "2")], ids=["inline", "processes"])
@pytest.mark.parametrize("number, code", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_second_signal_ends_at_once_whatever_the_step_does(project: Any, number: int, code: int, args: Any) -> None:
    swallows = """while True:
        try:
            open("tries", "w").close()
            rest()
        except BaseException:
            open("swallowed", "w").close()"""
    before = "signal.signal(signal.SIGTERM, lambda *_: open('swallowed', 'w').close())" if args else "pass"
    pipeline(project, STOPPED.format(before=before, work=swallows))
    run = Begun(project, "run", *args).until("tries").tell(number).until("swallowed")
    time.sleep(0.4)              # sooner it is the same wish
    run.tell(number)
    assert run.ends() == code
    run.leaves_nothing()
    assert project.status().verdicts["done"] == "fresh"
    assert project.run("done").executed == []


def test_what_two_hands_pass_on_at_the_same_time_is_one_wish(project: Any) -> None:
    pipeline(project, STOPPED.format(before="pass", work="rest()"))
    run = Begun(project, "run").until("at work").tell(signal.SIGINT).tell(signal.SIGINT, group=False)
    assert run.ends() == 130
    run.leaves_nothing()
    assert "interrupted: 1 ran" in run.told


def test_a_step_that_ignores_signals_has_them_back_for_the_next(project: Any) -> None:
    deaf = "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT]); signal.signal(signal.SIGINT, signal.SIG_IGN)"
    pipeline(project, STOPPED.format(before="pass", work="rest()").replace("return 1", f"{deaf}\n    return 1", 1))
    run = Begun(project, "run").until("at work").tell(signal.SIGINT)
    assert run.ends() == 130
    run.leaves_nothing()


@pytest.mark.parametrize("number, code", ENDS)
@pytest.mark.parametrize("command", ["run", "run -j 2", "status", "graph", "why one"])
def test_a_command_that_is_stopped_while_the_pipeline_loads_says_one_line(
        project: Any, command: str, number: int, code: int) -> None:
    pipeline(project, HEAD + 'open("loading", "w").close()\nrest()\n\n\n@step\ndef one():\n    return 1\n')
    run = Begun(project, *command.split()).until("loading").tell(number)
    assert run.ends() == code
    run.leaves_nothing()
    assert run.told == "interrupted\n"


@pytest.mark.parametrize("number, code", ENDS)
def test_a_run_that_is_stopped_while_its_workers_load_ends_them(project: Any, number: int, code: int) -> None:
    pipeline(project, HEAD + """\
if "spawn_main" in open("/proc/self/cmdline").read():
    open("loading", "w").close()
    time.sleep(600)


@step
def one():
    return 1
""")
    run = Begun(project, "run", "-j", "2").until("loading").tell(number)
    assert run.ends() == code
    run.leaves_nothing()


@pytest.mark.parametrize("args", [(), ("-j", "2")], ids=["inline", "processes"])
@pytest.mark.parametrize("number, code", ENDS)
def test_a_run_that_is_stopped_while_a_repetition_is_due_ends(project: Any, number: int, code: int, args: Any) -> None:
    pipeline(project, HEAD + """\
@step(retries=3, retry_delay=600)
def flaky():
    open("at work", "w").close()
    raise ValueError("not yet")
""")
    run = Begun(project, "run", *args).until("at work").tell(number)
    assert run.ends() == code
    run.leaves_nothing()


@pytest.mark.parametrize("children", CHILDREN)
def test_a_run_that_is_killed_takes_its_workers_along(project: Any, children: str) -> None:
    pipeline(project, STOPPED.format(before=CHILDREN[children], work="rest()"))
    run = Begun(project, "run", "-j", "2").until("at work").tell(signal.SIGKILL, group=False)
    assert run.ends() == -signal.SIGKILL
    run.told = ""
    for folder in run.scratch.iterdir():       # what is killed can't tidy up
        shutil.rmtree(str(folder))
    run.leaves_nothing()
    assert project.run("done").executed == []          # it is recorded, and nothing is locked
