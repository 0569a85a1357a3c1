"""Processes that a step starts: what they run and read is seen, however they end."""
from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import Any

import pytest
from observed import run_script

pytestmark = pytest.mark.skipif(os.name != "posix", reason="on Windows child processes are a gap")

WORK = """
    def work(number):
        import kidmod
        return kidmod.helper(number)
    """
STEP_CODE = {"work", "helper", "<module>"}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "kidmod.py").write_text(
        "import os\n\ndef helper(number):\n    os.environ.get('SEEN_KID')\n    os.listdir('inbox')\n"
        "    return open('kid.txt').read() * number\n")
    (tmp_path / "kid.txt").write_text("k")
    (tmp_path / "inbox").mkdir()
    return tmp_path


def check(seen: Any) -> None:
    assert set(seen["codes"]) >= STEP_CODE
    assert seen["reads"] == ["kid.txt"]
    assert seen["listed"] == ["inbox"]
    assert "SEEN_KID" in seen["variables"]
    assert seen["gaps"] == []


def test_fork(root: Path) -> None:
    check(run_script(root, WORK + """
    def step():
        process = os.fork()
        if process == 0:
            work(1)
            os._exit(0)
        os.waitpid(process, 0)

    assert observed(step) == []
    """))


def test_a_child_that_is_killed_loses_nothing(root: Path) -> None:
    check(run_script(root, WORK + """
    import signal

    def step():
        receiver, sender = os.pipe()
        process = os.fork()
        if process == 0:
            work(1)
            os.write(sender, b"x")
            signal.pause()
        os.read(receiver, 1)
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)

    assert observed(step) == []
    """))


def test_a_child_that_closes_all_descriptors(root: Path) -> None:
    seen = run_script(root, WORK + """
    def step():
        process = os.fork()
        if process == 0:
            os.closerange(3, 100)
            held = [os.open("mine.txt", os.O_CREAT | os.O_RDWR) for _ in range(3)]
            work(1)
            assert os.path.getsize("mine.txt") == 0
            os._exit(0)
        assert os.waitpid(process, 0)[1] == 0

    observed(step)
    """)
    assert seen["reads"] == ["kid.txt"]
    assert seen["written"] == ["mine.txt"]


def test_a_grandchild(root: Path) -> None:
    check(run_script(root, WORK + """
    def forked(function):
        process = os.fork()
        if process == 0:
            function()
            os._exit(0)
        os.waitpid(process, 0)

    assert observed(lambda: forked(lambda: forked(lambda: work(1)))) == []
    """))


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_a_pool_of_processes(root: Path, method: str) -> None:
    check(run_script(root, WORK + f"""
    def step():
        import multiprocessing
        from concurrent.futures import ProcessPoolExecutor
        with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("{method}")) as pool:
            assert list(pool.map(work, [1, 2])) == ["k", "kk"]

    if __name__ == "__main__":
        assert observed(step) == []
    """))


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_pool_that_is_terminated(root: Path, method: str) -> None:
    check(run_script(root, WORK + f"""
    import multiprocessing

    def step():
        with multiprocessing.get_context("{method}").Pool(2) as pool:
            assert pool.map(work, [1, 2]) == ["k", "kk"]

    if __name__ == "__main__":
        assert observed(step) == []
    """))


def test_a_process_that_can_not_be_observed(root: Path) -> None:
    seen = run_script(root, WORK + """
    def step():
        import multiprocessing
        from deepwatch_flow.observation import children
        children._BEGIN = children._BEGIN.replace("begin(", "nothing(")
        process = multiprocessing.get_context("spawn").Process(target=work, args=(1,))
        process.start()
        process.join()

    if __name__ == "__main__":
        assert observed(step) == []
    """)
    assert seen["gaps"] == ["a Python process that it started could not be observed"]


@pytest.mark.skipif(importlib.util.find_spec("joblib") is None, reason="joblib is not installed")
def test_joblib(root: Path) -> None:
    seen = run_script(root, WORK + """
    def step():
        from joblib import Parallel, delayed
        assert Parallel(2)(delayed(work)(number) for number in [1, 2]) == ["k", "kk"]

    if __name__ == "__main__":
        observed(step)
    """)
    assert set(seen["codes"]) >= {"helper", "<module>"}     # what is pickled by value has the code of another file
    assert seen["reads"] == ["kid.txt"]
    assert set(seen["gaps"]) <= {"a process that it started outlived it: what that reads later is not seen",
                                 "a Python process that it started could not be observed",     # it had not begun yet
                                 # on old Pythons joblib starts a helper of its own, that counts semaphores
                                 "it started the program `python`: what that reads beyond the files in its arguments is not seen"}
    assert seen["gaps"]


def test_a_process_that_outlives_the_step(root: Path) -> None:
    seen = run_script(root, WORK + """
    import signal

    def step():
        global process
        receiver, sender = os.pipe()
        process = os.fork()
        if process == 0:
            work(1)
            os.write(sender, b"x")
            signal.pause()
        os.read(receiver, 1)

    with tempfile.TemporaryDirectory() as spool, Recorder(Origins(Boundary(os.getcwd())), Wants(), spool) as recorder:
        with recorder.observing() as first:
            step()
        assert "work" in {name for _, _, name in first().codes}
        assert len(first().gaps) == 1 and "outlived" in first().gaps[0]
        with recorder.observing() as second:
            pass
        assert len(second().gaps) == 1 and "before" in second().gaps[0]
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
        with recorder.observing() as third:
            pass
        show(third())
    """)
    assert seen["gaps"] == []


def test_without_a_place_for_their_notes_children_are_a_gap(root: Path) -> None:
    seen = run_script(root, WORK + """
    def step():
        process = os.fork()
        if process == 0:
            work(1)
            os._exit(0)
        os.waitpid(process, 0)

    with Recorder(Origins(Boundary(os.getcwd())), Wants()) as recorder:
        with recorder.observing() as seen:
            step()
        show(seen())
    """)
    assert seen["gaps"] == ["it started a process: what that reads is not seen"]
    assert seen["reads"] == []


def test_a_forked_child_that_becomes_another_program(root: Path) -> None:
    seen = run_script(root, WORK + """
    def step():
        process = os.fork()
        if process == 0:
            os.execvp("true", ["true", "secret"])
        os.waitpid(process, 0)

    assert observed(step) == []
    """)
    assert seen["gaps"] == ["it started the program `true`: what that reads beyond the files in its arguments is not seen"]


def test_what_is_loaded_in_a_child(root: Path) -> None:
    seen = run_script(root, WORK + """
    def step():
        process = os.fork()
        if process == 0:
            work(1)
            import wave         # tells that the import before it is over
            os._exit(0)
        os.waitpid(process, 0)

    observed(step)
    """)
    assert seen["modules"] == ["kidmod"]


def test_a_child_observes_for_itself(root: Path) -> None:
    """A step that runs deepwatch in a child: what is seen there belongs to the step, too."""
    check(run_script(root, WORK + """
    def step():
        process = os.fork()
        if process == 0:
            with Recorder(Origins(Boundary(os.getcwd())), Wants()) as inner, inner.observing() as seen:
                work(1)
            assert "helper" in {name for _, _, name in seen().codes}
            os._exit(0)
        assert os.waitpid(process, 0)[1] == 0

    assert observed(step) == []
    """))


def test_leaving_the_observation_in_the_child(root: Path) -> None:
    check(run_script(root, WORK + """
    with tempfile.TemporaryDirectory() as spool, Recorder(Origins(Boundary(os.getcwd())), Wants(), spool) as recorder:
        try:
            with recorder.observing() as seen:
                process = os.fork()
                if process == 0:
                    raise SystemExit(3)
                assert os.waitpid(process, 0)[1] == 0
        except SystemExit:
            work(1)     # whatever the child does belongs to the step
            os._exit(0)
        show(seen())
    """))


def test_a_child_that_takes_the_folder_of_notes_away(root: Path) -> None:
    seen = run_script(root, WORK + """
    def step():
        process = os.fork()
        if process == 0:
            raise SystemExit(3)     # and leaves the `with` of the folder
        assert os.waitpid(process, 0)[1] >> 8 == 3

    try:
        observed(step)
    except FileNotFoundError:       # there is nothing to list
        pass
    """)
    assert seen["gaps"] == ["what processes that it started had noted could not be read"]


def test_nothing_of_multiprocessing_stays_exchanged(root: Path) -> None:
    run_script(root, WORK + """
    import multiprocessing.spawn
    real = multiprocessing.spawn.get_preparation_data
    observed(lambda: None)
    assert multiprocessing.spawn.get_preparation_data is real
    """)
