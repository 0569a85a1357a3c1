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
