"""One holder at a time, and no lock that outlives its holder."""
from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time

import pytest
from conftest import REPOSITORY

from deepwatch_flow.errors import BusyError, EnvironmentFault
from deepwatch_flow.state import disk, mutex
from deepwatch_flow.state.mutex import Holder, Mutex

HOLD = textwrap.dedent("""
    import sys, time
    from deepwatch_flow.state.mutex import Mutex
    with Mutex(sys.argv[1], "deepwatch run model").acquire():
        print("held", flush=True)
        time.sleep(60)
""")


def environment():
    return {**os.environ, "PYTHONPATH": str(REPOSITORY)}


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "state" / "mutex")


@pytest.fixture
def holder(path):
    """Another process that holds the mutex."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, path], stdout=subprocess.PIPE, text=True, env=environment())
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_two_objects_of_one_process_exclude_each_other(path):
    with Mutex(path, "one").acquire():
        with pytest.raises(BusyError):
            Mutex(path, "two").acquire(timeout=0)
    with Mutex(path, "two").acquire(timeout=0) as second:
        assert second.held
    assert not second.held


def test_the_busy_error_names_pid_since_and_command(path, holder):
    with pytest.raises(BusyError) as caught:
        Mutex(path, "me").acquire(timeout=0.02)
    assert f"process {holder.pid} " in caught.value.message
    assert "deepwatch run model" in caught.value.message
    assert time.strftime("%Y-") in caught.value.message
    assert caught.value.hint


def test_a_killed_holder_frees_it(path, holder):
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    with Mutex(path, "me").acquire(timeout=5):
        pass


def test_who_waits_is_told_once_for_whom_and_goes_on_when_it_is_free(path):
    told = []
    first = Mutex(path, "first").acquire()
    threading.Timer(0.15, first.release).start()
    with Mutex(path, "second").acquire(timeout=10, on_wait=told.append):
        assert [holder.command for holder in told] == ["first"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="fork is of POSIX")
def test_a_forked_child_does_not_keep_it(path):
    with Mutex(path, "parent").acquire() as held:
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(write)
            os.read(read, 1)        # lives on until the test is done
            os._exit(1 if held.held else 0)
        os.close(read)
    try:
        with Mutex(path, "next").acquire(timeout=1):
            pass
    finally:
        os.close(write)
        assert os.waitpid(child, 0)[1] == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="fork is of POSIX")
def test_a_forked_child_does_not_free_it(path):
    with Mutex(path, "parent").acquire() as held:
        child = os.fork()
        if child == 0:
            held.release()
            os._exit(0)
        os.waitpid(child, 0)
        with pytest.raises(BusyError, match="parent"):
            Mutex(path, "next").acquire(timeout=0)


def test_workers_started_by_the_holder_do_not_inherit_it(path):
    held = Mutex(path, "parent").acquire()
    worker = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], close_fds=False)
    try:
        held.release()
        with Mutex(path, "next").acquire(timeout=1):
            pass
    finally:
        worker.kill()
        worker.wait()


def test_the_file_stays_and_is_the_same(path):
    with Mutex(path, "one").acquire():
        inode = os.stat(path).st_ino
    with Mutex(path, "two").acquire():
        assert os.stat(path).st_ino == inode
    assert os.path.getsize(path) == 0       # nobody is named as holder any more


def test_a_symbolic_link_is_refused_and_its_target_left_alone(tmp_path):
    target = tmp_path / "target"
    target.write_text("precious")
    (tmp_path / "mutex").symlink_to(target)
    with pytest.raises(EnvironmentFault, match="link"):
        Mutex(str(tmp_path / "mutex"), "me").acquire(timeout=0)
    assert target.read_text() == "precious"


def test_what_is_no_file_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for name in ("pipe", "."):
        with pytest.raises(EnvironmentFault):
            Mutex(str(tmp_path / name), "me").acquire(timeout=0)


@pytest.mark.parametrize("text", [b"", b"garbage", b"[1]", b'{"pid": "x"}', b"\xff\xfe" * 5000, b'{"pid": 1}'])
def test_any_text_in_the_file_is_harmless(path, text):
    os.mkdir(os.path.dirname(path))
    with open(path, "wb") as file:
        file.write(text)
    assert Mutex(path, "me").holder() == Holder()
    with Mutex(path, "me").acquire(timeout=0) as held:
        assert held.holder().pid == os.getpid()


def test_a_command_can_not_paint_the_terminal(path):
    with Mutex(path, "run \x1b[31m\nboo").acquire() as held:
        assert "\x1b" not in str(held.holder())
        assert "\n" not in str(held.holder())
        assert "boo" in str(held.holder())


def test_taking_what_one_holds_is_an_error_and_releasing_twice_none(path):
    held = Mutex(path, "me").acquire()
    with pytest.raises(RuntimeError, match="already held"):
        held.acquire(timeout=0)
    held.release()
    held.release()


def test_a_file_system_without_locks_is_explained(path, monkeypatch):
    def flock(descriptor, operation):
        raise OSError(errno.ENOSYS, "Function not implemented")
    monkeypatch.setattr(mutex.fcntl, "flock", flock)
    with pytest.raises(EnvironmentFault, match="has no locks") as caught:
        Mutex(path, "me").acquire()
    assert "local disk" in caught.value.hint


def test_a_folder_that_can_not_be_written_is_explained(path, monkeypatch):
    def refuse(operation, path):
        if operation == "open":
            raise OSError(errno.EROFS, "Read-only file system")
    monkeypatch.setattr(disk, "faults", refuse)
    with pytest.raises(EnvironmentFault, match="Read-only"):
        Mutex(path, "me").acquire()


def test_no_two_processes_are_ever_inside(tmp_path, path):
    log = tmp_path / "log"
    code = textwrap.dedent("""
        import os, sys
        from deepwatch_flow.state.mutex import Mutex
        for _ in range(25):
            with Mutex(sys.argv[1], "x").acquire():
                with open(sys.argv[2], "a") as file:
                    file.write(f"in {os.getpid()}\\n"); file.flush()
                    file.write(f"out {os.getpid()}\\n")
    """)
    processes = [subprocess.Popen([sys.executable, "-c", code, path, str(log)], env=environment()) for _ in range(4)]
    assert [process.wait(60) for process in processes] == [0] * 4
    lines = log.read_text().splitlines()
    assert len(lines) == 200
    for entered, left in zip(lines[::2], lines[1::2]):
        assert entered.split() == ["in", left.split()[1]]


@pytest.mark.skipif(os.name != "posix", reason="closes descriptors by their numbers")
def test_a_file_that_stands_in_place_of_the_mutex_is_left_alone(tmp_path):
    mutex = Mutex(str(tmp_path / "mutex"), "run").acquire()
    descriptor = mutex._descriptor
    with open(tmp_path / "own", "w+b", buffering=0) as own:
        own.write(b"a step's")
        os.dup2(own.fileno(), descriptor)       # a step has closed all descriptors, and opened its own
    try:
        mutex.release()
        assert os.fstat(descriptor).st_size == 8
        with Mutex(str(tmp_path / "mutex"), "next").acquire(timeout=0):
            pass
    finally:
        os.close(descriptor)
