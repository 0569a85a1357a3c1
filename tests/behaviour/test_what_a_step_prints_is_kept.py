"""What a step prints is kept with the run, shown where it fails, and seen at once by ``-v``."""
from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from typing import Any, Dict, List, Sequence, Tuple

import pytest

STEPS = """
    import logging
    import os
    import subprocess
    import sys

    from deepwatch_flow import Each, step

    print("the pipeline is loaded")

    @step
    def loud():
        print("by print")
        sys.stderr.write("by stderr\\n")
        logging.warning("by logging")
        os.write(1, b"by write\\n")
        subprocess.run([sys.executable, "-c", "print('by a child')"], check=True)
        return 1

    @step
    def quiet(loud):
        return loud

    @step
    def fit(loud, country=Each(["us", "de"])):
        print("fitting", country)
        return country
    """
LOUD = b"by print\nby stderr\nWARNING:root:by logging\nby write\nby a child\n"
JOBS = pytest.mark.parametrize("jobs", ["1", "2"])


def bytes_of(project: Any, *args: str) -> bytes:
    """What a command writes to stdout."""
    done = subprocess.run([sys.executable, "-m", "deepwatch_flow", *args], cwd=str(project.root), stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120, env=environment())
    assert done.returncode == 0, done.stderr
    return done.stdout


def environment() -> Dict[str, str]:
    found = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return {**found, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path), "TERM": "xterm"}


@JOBS
def test_whatever_prints_it_is_kept_and_not_shown(project: Any, jobs: str) -> None:
    project.write("pipeline.py", STEPS)
    done = project.cli("run", "-j", jobs)
    assert done.code == 0
    assert "by " not in done.stdout + done.stderr
    assert bytes_of(project, "log", "loud").replace(b"the pipeline is loaded\n", b"") == LOUD
    assert "it printed nothing" in project.cli("log", "quiet").stderr
    family = project.cli("log", "fit").stdout
    assert family.index("== fit[de]: ran at") < family.index("fitting de") < family.index("== fit[us]: ran at")
    assert project.cli("log", "fit[de]").stdout.endswith("fitting de\n")
    assert project.run().executed == []                      # nothing of it counts for a result
    assert bytes_of(project, "log", "loud").endswith(LOUD)   # a reused step: of the execution that made its result


def test_bytes_that_are_no_text_are_kept_and_shown_escaped(project: Any) -> None:
    project.write("pipeline.py", """
        import os
        from deepwatch_flow import step

        @step
        def bad():
            os.write(1, b"odd \\xff\\x1b[31m bytes")
            raise ValueError("no")
        """)
    assert "| odd \\xff\\x1b[31m bytes\n" in project.cli("run").stderr
    assert bytes_of(project, "log", "bad") == b"odd \xff\x1b[31m bytes\n"


def test_nothing_of_it_is_observed_of_a_step(project: Any) -> None:
    project.write("pipeline.py", """
        from deepwatch_flow import step

        @step
        def loud():
            print("a" * 100_000)
            return 1
        """)
    project.cli("run")
    assert ".deepwatch" not in project.cli("status", "-v", "--json").stdout
    assert ".deepwatch" not in project.lock.decode()
    assert project.cli("deps", "--observed", "loud").stdout.count("logs") == 0
    assert project.run().executed == []


@JOBS
def test_a_failed_step_shows_the_end_of_it(project: Any, jobs: str) -> None:
    project.write("pipeline.py", """
        from deepwatch_flow import step

        @step
        def bad():
            for number in range(100):
                print("line", number)
            raise ValueError("no")
        """)
    done = project.cli("run", "-j", jobs)
    assert done.code == 1
    shown = done.stderr.partition("what it printed last (all of it: deepwatch log bad)")
    assert "ValueError: no" in shown[0]
    assert "| line 80\n" in shown[2] and "| line 99\n" in shown[2] and "line 79" not in shown[2]
    assert project.cli("log", "bad").stdout == "".join(f"line {number}\n" for number in range(100))
    assert project.cli("log", "bad", "--tail", "1").stdout == "line 99\n"
    assert project.run("-j", jobs, code=1).steps["bad"]["printed"].splitlines()[-1] == "line 99"


@pytest.mark.skipif(os.name != "posix", reason="processes end otherwise there")
@pytest.mark.parametrize("end", ["os._exit(3)", "os.kill(os.getpid(), 11)", "time.sleep(60)"])
def test_so_does_one_whose_worker_dies(project: Any, end: str) -> None:
    project.write("pipeline.py", f"""
        import os, time
        from deepwatch_flow import step

        @step
        def before():
            print("of another step")

        @step(timeout=2)
        def dies(before):
            print("the last words")
            {end}
        """)
    done = project.cli("run", "-j", "2")
    assert done.code == 1
    assert "what it printed last" in done.stderr
    assert "| the last words" in done.stderr and "of another step" not in done.stderr
    assert project.cli("log", "dies").stdout == "the last words\n"


@pytest.mark.skipif(os.name != "posix", reason="there is no POSIX shell")
def test_a_command_of_the_shell_tells_its_last_lines_once(project: Any) -> None:
    project.write("pipeline.py", """
        from deepwatch_flow import sh
        bad = sh("echo the value; echo oh no $((1 + 1)) >&2; exit 3", name="bad")
        """)
    done = project.cli("run")
    assert done.stderr.count("oh no 2") == 1
    assert "ended with 3" in done.stderr
    assert project.cli("log", "bad").stdout == "oh no 2\nthe value\n"


@pytest.mark.skipif(os.name != "posix", reason="signals are different there")
@JOBS
def test_verbose_shows_it_as_it_comes(project: Any, jobs: str) -> None:
    project.write("pipeline.py", """
        import os, time
        from deepwatch_flow import step

        @step(observe=False)
        def slow():
            print("at once")
            while not os.path.exists("go"):
                time.sleep(0.01)
            print("at the end", end="")
        """)
    run = subprocess.Popen([sys.executable, "-m", "deepwatch_flow", "run", "-v", "-j", jobs], cwd=str(project.root),
                           stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment())
    assert run.stderr is not None
    told = b""
    try:
        while b"at once\n" not in told:
            data = os.read(run.stderr.fileno(), 65536)
            assert data, told
            told += data
        project.write("go", "")
        told += run.communicate(timeout=60)[1]
    finally:
        run.kill()
        run.communicate()
    assert run.returncode == 0
    lines = told.decode().splitlines()
    name = "slow | " if jobs == "2" else ""
    at = lines.index(f"{name}at once")
    assert lines[at + 1] == f"{name}at the end"
    assert lines[at + 2].split()[:2] == ["ran", "slow"]


def test_it_is_left_alone_on_demand(project: Any) -> None:
    project.write("pipeline.py", STEPS)
    for args in (["-s"], ["--no-capture", "-j", "2", "-f", "loud"]):
        done = project.cli("run", *args)
        assert "by print" in done.stdout and "by a child" in done.stdout and "by stderr" in done.stderr
    assert not project.path(".deepwatch/logs").exists()
    assert "what it printed was not captured" in project.cli("log", "loud").stderr


def test_the_output_of_an_older_execution_is_not_told_as_that_of_the_last(project: Any) -> None:
    project.write("pipeline.py", STEPS)
    project.cli("run")
    first = project.cli("log", "loud", "--json").document["steps"][0]
    assert first["captured"] and "by print" in first["printed"]
    project.cli("run", "-s", "--force", "loud", "loud")
    done = project.cli("log", "loud")
    assert done.stdout == "" and "not captured" in done.stderr
    last = project.cli("log", "loud", "--json").document["steps"][0]
    assert last["run"] != first["run"] and (last["captured"], last["printed"]) == (False, None)
    assert "by print" in project.cli("log", "loud", "--run", first["run"]).stdout


@pytest.mark.parametrize(("args", "word"), [(["-n", "0"], "from 1"), (["loud", "--tail", "-1"], "from 1"), (["loud", "--tail", "x"], "from 1"),
                                            (["--tail", "2"], "no step is named")])
def test_numbers_of_the_log_that_make_no_sense_are_refused(project: Any, args: List[str], word: str) -> None:
    project.write("pipeline.py", STEPS)
    project.cli("run")
    done = project.cli("log", *args)
    assert done.code == 2 and word in done.stderr and "hint:" in done.stderr and done.stdout == ""


def test_the_log_as_json_is_what_was_printed_to_the_byte(project: Any) -> None:
    project.write("pipeline.py", """
        import os
        from deepwatch_flow import step

        @step
        def odd():
            os.write(1, b'"quoted" \\\\ \\x00 \\xff' + ("é" * 700_000 + "\U0001F600 end").encode())

        @step
        def quiet():
            return 1
        """)
    project.cli("run")
    document = project.cli("log", "--run", project.cli("log", "--json").document["runs"][0]["run"], "--json").document
    printed = {each["name"]: each["printed"] for each in document["steps"]}
    assert printed == {"odd": '"quoted" \\ \x00 \\xff' + "é" * 700_000 + "\U0001F600 end", "quiet": ""}


def test_the_api_leaves_it_alone_unless_asked(project: Any) -> None:
    project.write("pipeline.py", STEPS)
    code = ("import deepwatch_flow, os\n"
            "from deepwatch_flow.model import Policy\n"
            "report = deepwatch_flow.run(['loud'], policy=Policy(capture={0}, force=('loud',)))\n"
            "print('ok', report.ok, report.steps[0].printed is not None)\n")
    for capture in (False, True):
        done = subprocess.run([sys.executable, "-c", code.format(capture)], cwd=str(project.root), env=environment(),
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120)
        assert (b"by print" in done.stdout) is not capture, done.stderr
        assert done.stdout.splitlines()[-1].decode() == f"ok True {capture}"


def test_much_output_is_never_read_as_a_whole(project: Any) -> None:
    project.write("pipeline.py", """
        import os
        from deepwatch_flow import step

        @step
        def bad():
            for number in range(50):
                os.write(1, b"0123456789abcde\\n" * 65536)
            print("the end")
            raise ValueError("no")
        """)
    code = ("import resource, sys\n"
            "from deepwatch_flow.cli.main import main\n"
            "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
            "code = main(sys.argv[1:])\n"
            "grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before\n"
            "assert grown < 45 * 1024, grown\n"       # the project's own modules are among that
            "sys.exit(code)\n")
    if not sys.platform.startswith("linux"):
        pytest.skip("memory is told in other units there")
    for args in (["run"], ["run", "-v"], ["log", "bad"], ["log", "bad", "--json"]):
        done = subprocess.run([sys.executable, "-c", code, *args], cwd=str(project.root), env=environment(), timeout=300,
                              stdout=subprocess.DEVNULL if args[0] == "log" else subprocess.PIPE, stderr=subprocess.PIPE)
        assert done.returncode == (0 if args[0] == "log" else 1), done.stderr[-2000:]
        assert b"the end" in done.stderr or args[0] == "log"


def test_a_folder_of_logs_that_can_t_be_written_costs_the_logs_only(project: Any) -> None:
    project.write("pipeline.py", STEPS)
    project.path(".deepwatch").mkdir()
    project.write(".deepwatch/logs", "a file in the way")
    for jobs in ("1", "2"):
        done = project.cli("run", "-j", jobs, "-f", "loud")
        assert done.code == 0
        assert done.stderr.count("what steps print is not kept") >= 1
        assert "by print" in done.stdout
    assert done.stderr.count("what steps print is not kept") <= 2      # one each of the workers


def test_a_run_can_be_chosen_and_logs_can_be_removed(project: Any) -> None:
    project.write("pipeline.py", STEPS)
    project.cli("run")
    first = project.cli("log", "loud", "--json").document["steps"][0]
    project.edit("pipeline.py", "by print", "by printing")
    project.cli("run")
    assert "by printing" in project.cli("log", "loud").stdout
    assert "by print\n" in project.cli("log", "loud", "--run", first["run"][:6]).stdout
    assert "fitting us" in project.cli("log", "--run", first["run"]).stdout
    unknown = project.cli("log", "loud", "--run", "zz")
    assert unknown.code == 2 and "no run begins with `zz`" in unknown.stderr
    assert len(project.cli("log").stdout.splitlines()) == 2
    project.cli("clean", "--all", "--yes")
    assert not project.path(".deepwatch/logs").exists()
    gone = project.cli("log", "loud")
    assert gone.code != 0 and "no execution of `loud` is recorded" in gone.stderr and "hint:" in gone.stderr


def test_a_log_that_was_removed_by_hand_is_told(project: Any) -> None:
    project.write("pipeline.py", STEPS)
    project.cli("run")
    for folder in project.path(".deepwatch/logs").iterdir():
        for file in folder.iterdir():
            file.unlink()
    assert "what it printed was removed" in project.cli("log", "loud").stderr


@pytest.mark.skipif(os.name != "posix", reason="signals are different there")
def test_an_interrupted_run_gives_the_terminal_back(project: Any) -> None:
    project.write("pipeline.py", """
        import os, signal
        from deepwatch_flow import step

        @step
        def stops():
            print("captured")
            os.kill(os.getpid(), signal.SIGINT)
        """)
    done = project.cli("run")
    assert done.code == 130
    assert "interrupted" in done.stderr and "captured" not in done.stderr + done.stdout


# -- at a terminal ----------------------------------------------------------------------------------

def at_terminal(project: Any, args: Sequence[str], answers: Sequence[Tuple[bytes, bytes]]) -> Tuple[int, bytes]:
    """Run a command at a terminal, give each answer when its question is there; returns its code and the screen."""
    master, slave = os.openpty()
    run = subprocess.Popen([sys.executable, "-m", "deepwatch_flow", *args], cwd=str(project.root), stdin=slave, stdout=slave,
                           stderr=slave, env=environment(), start_new_session=True)
    os.close(slave)
    screen, left = b"", list(answers)
    deadline = time.monotonic() + 60
    try:
        while time.monotonic() < deadline:
            if select.select([master], [], [], 0.1)[0]:
                try:
                    data = os.read(master, 65536)
                except OSError:            # the other end is closed
                    break
                if not data:
                    break
                screen += data
            if left and left[0][0] in screen:
                os.write(master, left.pop(0)[1])
        return run.wait(10), screen
    finally:
        if run.poll() is None:
            os.killpg(run.pid, signal.SIGKILL)
            run.wait()
        os.close(master)


terminal = pytest.mark.skipif(not hasattr(os, "openpty"), reason="there are no pseudo-terminals here")


@terminal
@pytest.mark.parametrize("asks, answer, value", [
    ('answer = input("how many? ")', [(b"how many? ", b"42\n")], "42"),
    ('answer = input("how many? ") + input("sure? ")', [(b"how many? ", b"42\n"), (b"sure? ", b"yes\n")], "42yes"),
    ('import sys; print("a line?"); answer = next(sys.stdin).strip()', [(b"a line?\r\n", b"43\n")], "43"),
    ('answer = "1"; breakpoint()', [(b"(Pdb) ", b"answer = '5'\n"), (b"'5'\r\n(Pdb) ", b"c\n")], "5"),
    ('import pdb; answer = "2"; pdb.set_trace()', [(b"(Pdb) ", b"c\n")], "2")])
def test_a_step_that_asks_gets_the_terminal(project: Any, asks: str, answer: List[Tuple[bytes, bytes]], value: str) -> None:
    project.write("pipeline.py", f"""
        from deepwatch_flow import step

        @step
        def asks():
            print("kept")
            {asks}
            result = answer
            return result

        @step
        def after(asks):
            print("kept again")
        """)
    code, screen = at_terminal(project, ["run"], answer)
    assert code == 0, screen
    assert project.value("asks") == value
    assert b"kept again" not in screen
    assert project.cli("log", "after").stdout == "kept again\n"


@terminal
@JOBS
def test_a_step_that_forks_under_the_status_line_ends(project: Any, jobs: str) -> None:
    project.write("pipeline.py", """
        import os, time
        from deepwatch_flow import step

        @step
        def forks():
            for _ in range(20):
                time.sleep(0.01)
                child = os.fork()
                if child == 0:
                    print("from a fork")
                    os._exit(0)
                os.waitpid(child, 0)
        """)
    code, screen = at_terminal(project, ["run", "-j", jobs], [])
    assert code == 0, screen
    assert b"from a fork" not in screen


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_what_a_step_does_to_its_streams_is_no_other_step_s(project: Any, jobs: str) -> None:
    project.write("pipeline.py", """
        import io
        import os
        import sys

        from deepwatch_flow import step

        class Broken:
            def write(self, text):
                raise RuntimeError("broken")

            flush = write

        @step
        def breaks():
            sys.stdout = Broken()
            return 1

        @step
        def closes(breaks):
            print("one")
            sys.stdout.close()
            return 1

        @step
        def replaces(closes):
            print("two")
            sys.stdout = io.StringIO()
            return 1

        @step
        def goes_on(replaces):
            print("three")
            return 1
        """)
    assert project.cli("run", "-j", jobs).code == 0
    for step, printed in (("closes", "one"), ("replaces", "two"), ("goes_on", "three")):
        assert project.cli("log", step).stdout.splitlines()[-1] == printed


def test_a_step_that_closes_what_it_has_inherited_spoils_no_file(project: Any) -> None:
    project.write("pipeline.py", """
        import os

        from deepwatch_flow import step

        @step(observe=False)
        def closes():
            for descriptor in range(3, 64):
                try:
                    os.close(descriptor)
                except OSError:
                    pass
            return 1

        @step(observe=False)
        def opens(closes):
            global files
            files = [open(f"mine{number}", "w+b") for number in range(8)]
            return 2

        @step(observe=False)
        def last(opens):
            return 3
        """)
    done = project.cli("run")
    assert done.code == 0
    assert "3 ran" in done.stderr
    assert [project.path(f"mine{number}").read_bytes() for number in range(8)] == [b""] * 8
