"""The seam to the disk: a file is old or new, and each refusal is explained."""
from __future__ import annotations

import errno
import os
import signal
import stat
import subprocess
import sys
import textwrap
import time

import pytest
from conftest import REPOSITORY

from deepwatch_flow.errors import EnvironmentFault
from deepwatch_flow.state import disk


def environment():
    return {**os.environ, "PYTHONPATH": str(REPOSITORY)}


@pytest.fixture
def faults(monkeypatch):
    """Record all calls; the test may set `fail(operation, path)`."""
    class Faults:
        def __init__(self):
            self.calls = []
            self.fail = lambda operation, path: None

        def __call__(self, operation, path):
            self.calls.append(operation)
            return self.fail(operation, path)

    recorder = Faults()
    monkeypatch.setattr(disk, "faults", recorder)
    return recorder


def raising(name, number):
    def fail(operation, path):
        if operation == name:
            raise OSError(number, os.strerror(number))
    return fail


def leftovers(folder):
    return [name for name in os.listdir(folder) if name.startswith(disk.TEMPORARY[0])]


def test_a_file_is_written_and_replaced(tmp_path):
    path = str(tmp_path / "f")
    disk.write_atomic(path, b"one")
    disk.write_atomic(path, b"two", durable=True)
    assert disk.read_bytes(path) == b"two"
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize("operation", ["open", "write", "fsync", "replace"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EDQUOT, errno.EROFS, errno.EACCES])
def test_a_failing_call_leaves_the_old_bytes_and_no_temporary_file(tmp_path, faults, operation, number):
    path = str(tmp_path / "f")
    disk.write_atomic(path, b"old")
    faults.fail = raising(operation, number)
    with pytest.raises(EnvironmentFault) as caught:
        disk.write_atomic(path, b"new bytes", durable=True)
    assert path in caught.value.message
    assert os.strerror(number) in caught.value.message
    assert caught.value.hint
    faults.fail = lambda operation, path: None
    assert disk.read_bytes(path) == b"old"
    assert leftovers(tmp_path) == []


def test_an_interrupt_at_any_call_leaves_the_old_bytes_or_the_new(tmp_path, faults):
    path = str(tmp_path / "f")
    disk.write_atomic(path, b"old", durable=True)
    calls = len(faults.calls)
    seen = set()
    for stop in range(calls):
        disk.faults = None
        disk.write_atomic(path, b"old")
        disk.faults = faults
        count = iter(range(100))

        def fail(operation, path, stop=stop, count=count):
            if next(count) == stop:
                raise KeyboardInterrupt
        faults.fail = fail
        with pytest.raises(KeyboardInterrupt):
            disk.write_atomic(path, b"new", durable=True)
        disk.faults = None
        seen.add(disk.read_bytes(path))
        assert leftovers(tmp_path) == []
    assert seen == {b"old", b"new"}     # the last call syncs the folder: the file is new by then


def test_short_writes_are_continued(tmp_path, faults):
    faults.fail = lambda operation, path: 3 if operation == "write" else None
    path = str(tmp_path / "f")
    data = bytes(range(256)) * 3
    disk.write_atomic(path, data)
    assert faults.calls.count("write") == 256
    assert disk.read_bytes(path) == data


@pytest.mark.skipif(os.name != "posix", reason="limits of POSIX")
def test_a_real_limit_on_file_sizes_is_explained(tmp_path):
    path = str(tmp_path / "f")
    disk.write_atomic(path, b"old")
    code = textwrap.dedent("""
        import resource, signal, sys
        from deepwatch_flow.state import disk
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))
        try:
            disk.write_atomic(sys.argv[1], b"x" * 10_000)
        except Exception as error:
            print(type(error).__name__, error)
    """)
    told = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=True,
                          env=environment()).stdout
    assert told.startswith("EnvironmentFault")
    assert "ulimit" in told
    assert disk.read_bytes(path) == b"old"
    assert leftovers(tmp_path) == []


def test_the_mode_of_the_file_before_is_kept(tmp_path):
    path = str(tmp_path / "f")
    disk.write_atomic(path, b"1")
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o666 & ~current_umask()
    os.chmod(path, 0o640)
    disk.write_atomic(path, b"2")
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o640


def current_umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_a_symbolic_link_is_replaced_and_its_target_left_alone(tmp_path):
    target = tmp_path / "target"
    target.write_bytes(b"precious")
    link = tmp_path / "link"
    link.symlink_to(target)
    disk.write_atomic(str(link), b"new")
    assert target.read_bytes() == b"precious"
    assert not link.is_symlink()
    assert link.read_bytes() == b"new"


def test_a_missing_file_is_an_answer_and_no_fault(tmp_path):
    with pytest.raises(FileNotFoundError):
        disk.read_bytes(str(tmp_path / "none"))
    assert disk.remove(str(tmp_path / "none")) is False


def test_what_is_no_regular_file_is_not_read(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    (tmp_path / "file").write_bytes(b"x")
    with pytest.raises(EnvironmentFault, match="not a regular file"):
        disk.read_bytes(str(tmp_path / "pipe"))
    with pytest.raises(EnvironmentFault):
        disk.read_bytes(str(tmp_path))
    with pytest.raises(EnvironmentFault, match="link"):
        disk.read_bytes(str(tmp_path / "link"), follow=False)
    assert disk.read_bytes(str(tmp_path / "link")) == b"x"


@pytest.mark.parametrize("size", [0, 1, disk.CHUNK - 1, disk.CHUNK, disk.CHUNK + 1, 2 * disk.CHUNK + 7])
def test_files_of_any_size_are_read_whole(tmp_path, size):
    path = str(tmp_path / "f")
    data = os.urandom(size)
    disk.write_atomic(path, data)
    assert disk.read_bytes(path) == data


def test_publishing_never_overwrites(tmp_path):
    first, second, target = (str(tmp_path / name) for name in ("a", "b", "target"))
    disk.write_atomic(first, b"first")
    disk.write_atomic(second, b"second")
    assert disk.publish(first, target) is True
    assert disk.publish(second, target) is False
    assert disk.read_bytes(target) == b"first"
    assert os.listdir(tmp_path) == ["target"]


@pytest.mark.parametrize("call", [
    lambda path: disk.make_folder(path + "/inner"),
    lambda path: disk.remove(path + "/inner"),
    lambda path: disk.replace(path, path + "/inner"),
    lambda path: disk.write_atomic(path + "/inner", b""),
    lambda path: disk.read_bytes(path + "/inner"),
])
def test_a_file_in_the_place_of_a_folder_is_explained(tmp_path, call):
    path = str(tmp_path / "f")
    disk.write_atomic(path, b"")
    with pytest.raises(EnvironmentFault) as caught:
        call(path)
    assert "inner" in caught.value.message
    assert disk.read_bytes(path) == b""


def test_a_name_that_is_too_long_is_explained(tmp_path):
    with pytest.raises(EnvironmentFault, match="too long"):
        disk.write_atomic(str(tmp_path / ("x" * 300)), b"")
    assert leftovers(tmp_path) == []


def test_only_old_temporary_files_are_swept(tmp_path):
    old, young, other = (tmp_path / name for name in (".deepwatch-1-aa.tmp", ".deepwatch-2-bb.tmp", "mine.tmp"))
    for path in (old, young, other):
        path.write_bytes(b"")
    before = time.time() - 2 * disk.ABANDONED_SECONDS
    os.utime(old, (before, before))
    os.utime(other, (before, before))
    assert disk.sweep(str(tmp_path)) == 1
    assert sorted(os.listdir(tmp_path)) == [".deepwatch-2-bb.tmp", "mine.tmp"]
    assert disk.sweep(str(tmp_path / "none")) == 0


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="kill -9 is of POSIX")
def test_a_killed_writer_leaves_old_bytes_or_new_ones(tmp_path):
    path = str(tmp_path / "f")
    code = textwrap.dedent("""
        import os, signal, sys
        from deepwatch_flow.state import disk
        left = int(sys.argv[2])
        def faults(operation, path):
            global left
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            left -= 1
        disk.faults = faults
        disk.write_atomic(sys.argv[1], b"new", durable=True)
    """)
    seen = []
    for calls in range(6):
        disk.write_atomic(path, b"old")
        subprocess.run([sys.executable, "-c", code, path, str(calls)], check=False, env=environment())
        seen.append(disk.read_bytes(path))
    assert seen == [b"old"] * 4 + [b"new"] * 2
