"""A project's plugin may say where steps are executed."""
from __future__ import annotations

from pathlib import Path

import pytest

from deepwatch_flow import DeepwatchError, run

PIPELINE = "from deepwatch_flow import step\n@step\ndef one(): return 1\n@step\ndef two(one): return one + 1\n"
PLUGIN = """
from deepwatch_flow import hookimpl

class Noting:
    def __init__(self, execute):
        self.execute, self.done = execute, []
    def free(self):
        return not self.done
    def submit(self, call):
        with open("noted.txt", "a") as notes:
            notes.write(call.step + "\\n")
        self.done.append((call, self.execute(call)))
    def wait(self):
        done, self.done = self.done, []
        return done
    def close(self, cancel=False):
        pass

@hookimpl
def deepwatch_executor(name, jobs, execute):
    return Noting(execute) if name == "noting" else None
"""


def project(folder: Path, executor: str) -> Path:
    (folder / "pipeline.py").write_text(PIPELINE)
    (folder / "deepwatch_plugins.py").write_text(PLUGIN)
    (folder / "deepwatch.toml").write_text(f'executor = "{executor}"\n')
    return folder


def test_steps_are_executed_by_the_executor_that_the_settings_name(tmp_path: Path) -> None:
    report = run(root=str(project(tmp_path, "noting")))
    assert report.counts["ran"] == 2
    assert (tmp_path / "noted.txt").read_text() == "one\ntwo\n"


def test_an_executor_that_nobody_brings_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DeepwatchError, match="no plugin brings the executor `clusters`"):
        run(root=str(project(tmp_path, "clusters")))


THREADS = """
import queue
import threading
from deepwatch_flow import hookimpl

class Threads:
    def __init__(self, jobs, execute):
        self.jobs, self.execute, self.flight, self.ended = jobs, execute, 0, queue.Queue()
    def free(self):
        return self.flight < self.jobs
    def submit(self, call):
        self.flight += 1
        threading.Thread(target=lambda: self.ended.put((call, self.execute(call)))).start()
    def wait(self, seconds=None):
        self.flight -= 1
        return [self.ended.get()]
    def close(self, cancel=False):
        pass

@hookimpl
def deepwatch_executor(name, jobs, execute):
    return Threads(jobs, execute) if name == "ours" else None
"""
READING = """
import time
from deepwatch_flow import step

def read(name):
    time.sleep(0.05)
    with open(name) as file:
        text = file.read()
    time.sleep(0.05)
    return text

@step
def one():
    return read("one.txt")

@step
def two():
    return read("two.txt")

@step
def three():
    return read("three.txt")
"""


def test_what_is_executed_in_threads_counts_for_its_own_step(tmp_path: Path) -> None:
    project(tmp_path, "ours")
    (tmp_path / "pipeline.py").write_text(READING)
    (tmp_path / "deepwatch_plugins.py").write_text(THREADS)
    for name in ("one", "two", "three"):
        (tmp_path / f"{name}.txt").write_text(name)
    assert run(root=str(tmp_path), jobs=3).counts["ran"] == 3
    for name in ("one", "two", "three"):
        (tmp_path / f"{name}.txt").write_text(name * 2)
        assert [each.step for each in run(root=str(tmp_path), jobs=3).steps if each.outcome == "ran"] == [name]
