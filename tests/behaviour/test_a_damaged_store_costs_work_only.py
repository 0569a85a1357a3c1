"""A blob that is damaged, cut short or gone is made again; it is told once, with its step; it is never an answer."""
from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Callable, Dict

import pytest

from deepwatch_flow.state.stock import blob_paths, digest_unnoticed, leftovers
from tests.conftest import REPOSITORY

PIPELINE = """
    from deepwatch_flow import step

    @step
    def numbers():
        return [1, 2, 3] * 100

    @step
    def first(numbers):
        return numbers[0] + ADDED

    @step
    def last(numbers):
        return numbers[-1] + ADDED
    """


def version(project: Any, added: int) -> None:
    project.write("pipeline.py", PIPELINE.replace("ADDED", str(added)))


def blob_of(project: Any, step: str) -> Path:
    digest = project.read("deepwatch.lock").split(f'[steps."{step}"]')[1].split('blob = "')[1][:64]
    return Path(project.path(".deepwatch") / "objects" / digest[:2] / digest[2:])


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[10] ^= 2
    os.chmod(str(path), 0o644)
    path.write_bytes(bytes(data))


def cut(path: Path) -> None:
    os.chmod(str(path), 0o644)
    path.write_bytes(path.read_bytes()[:-1])


def swap(path: Path) -> None:
    path.unlink()
    path.write_bytes(b"[1, 2, 3, 4]")


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


FAULTS: Dict[str, Callable[[Path], None]] = {"flipped": flip, "cut": cut, "swapped": swap, "folder": folder, "gone": Path.unlink}


@pytest.mark.parametrize("jobs", ["1", "2"])
@pytest.mark.parametrize("fault", sorted(FAULTS))
def test_each_fault(project: Any, fault: str, jobs: str) -> None:
    version(project, 0)
    project.run()
    lock = project.lock
    FAULTS[fault](blob_of(project, "numbers"))
    version(project, 1)
    done = project.run("-j", jobs)
    assert sorted(done.executed) == ["first", "last", "numbers"]
    assert (project.value("first"), project.value("last")) == (2, 4)
    notices = done.document["notices"]
    if fault != "gone":
        (notice,) = notices
        assert "value of `numbers`" in notice["message"] and "damaged" in notice["message"]
        assert "will run again" in notice["hint"]
    else:
        assert notices == []
    assert project.run().executed == []
    version(project, 0)
    assert project.run().executed == [] and project.lock == lock


def test_a_damaged_value_is_not_shown(project: Any) -> None:
    version(project, 0)
    project.run()
    flip(blob_of(project, "numbers"))
    done = project.cli("show", "numbers")
    assert done.code != 0 and "1, 2, 3" not in done.stdout
    assert "value of `numbers`" in done.stderr and "hint:" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.skipif(os.name != "posix", reason="there is no such limit")
def test_a_disk_that_takes_no_more(project: Any) -> None:
    project.write("pipeline.py", """
        import os, resource
        from deepwatch_flow import step

        @step
        def small():
            return b"x" * 1000

        @step
        def large(small):
            if os.path.exists("full"):
                resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, resource.RLIM_INFINITY))
            return small * 5000
        """)
    project.write("full", "")
    done = project.cli("run")
    assert done.code == 6 and "hint:" in done.stderr and "Traceback" not in done.stderr
    objects = str(project.path(".deepwatch/objects"))
    assert [digest_unnoticed(path) == digest for digest, path in blob_paths(objects)] == [True]
    assert leftovers(os.path.join(objects, "tmp")) == []
    project.path("full").unlink()
    assert project.run().executed == ["large"]
    assert project.cli("doctor").code == 0


_WRITER = """
import sys
sys.path.insert(0, sys.argv[1])
from deepwatch_flow.state.store import LocalStore
store = LocalStore("objects")
print("go", flush=True)
for number in range(10_000):
    store.put(b"%d " % number * 300_000)
    store.put_file("source")
    if number % 3 == 0:
        for digest in list(store.list()):
            store.remove(digest)
"""


@pytest.mark.skipif(os.name != "posix", reason="processes can't be killed like that")
def test_a_writer_that_is_killed_leaves_whole_blobs(tmp_path: Path) -> None:
    (tmp_path / "source").write_bytes(os.urandom(3_000_000))
    objects = tmp_path / "objects"
    seen = 0
    for round_ in range(12):
        process = subprocess.Popen([sys.executable, "-c", _WRITER, str(REPOSITORY)], cwd=str(tmp_path), stdout=subprocess.PIPE)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(0.003 * round_ + 0.01)
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        for digest, path in blob_paths(str(objects)):
            assert digest_unnoticed(path) == digest
            seen += 1
    assert seen
    shutil.rmtree(str(objects))
