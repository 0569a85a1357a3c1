"""A step's arguments gathered from a live project: what can't be read back is made again, and then told."""
from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any, Dict, Optional, Tuple

import pytest

from deepwatch_flow.config import load
from deepwatch_flow.engine.calls import Call
from deepwatch_flow.engine.worker import Tools
from deepwatch_flow.errors import EnvironmentFault
from deepwatch_flow.hashing.values import ValueHasher
from deepwatch_flow.model import Artifact, Digest
from deepwatch_flow.project import Project
from deepwatch_flow.state.codecs import Codecs
from deepwatch_flow.state.memory import MemoryStore
from deepwatch_flow.workers import execute_in

PIPELINE = """
    from deepwatch_flow import step

    class Odd:
        def __reduce__(self):
            return (fail, ())

    def fail():
        raise ValueError("not again")

    @step
    def make():
        return Odd()

    @step
    def use(make, more=1):
        return [make, more]
"""


class Bench:
    def __init__(self, folder: Path) -> None:
        (folder / "pipeline.py").write_text(textwrap.dedent(PIPELINE))
        self.project = Project(load(str(folder), {}))
        self.tools = Tools(MemoryStore(), Codecs(), ValueHasher())

    def artifact(self, value: Any) -> Artifact:
        encoded = self.tools.codecs.encode(value)
        return Artifact(Digest("o"), self.tools.store.put(encoded.data), len(encoded.data), encoded.codec)

    def use(self, artifact: Artifact) -> Any:
        return execute_in(self.project, self.tools, Call("use", (("make", "make", artifact),), ()), None)


def test_upstream_values_come_from_the_store(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    with bench.project:
        assert bench.use(bench.artifact({"a": 1})).value == [{"a": 1}, 1]


def test_a_value_that_is_not_in_the_store_names_the_step_that_lost_it(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    with bench.project:
        artifact = bench.artifact([1])
        bench.tools.store.remove(artifact.blob)
        failure = bench.use(artifact).failure
    assert failure.lost == "make"
    assert "is not in the store" in failure.error


def test_a_value_whose_own_code_fails_when_it_is_read_back_names_step_and_error(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    with bench.project as project:
        made = project.graph.nodes["make"].step.function()
        failure = bench.use(bench.artifact(made)).failure
    assert failure.lost == "make"
    assert failure.error == "the value of `make` can't be read back: ValueError: not again"
    assert "in fail" in failure.traceback


def test_a_value_of_a_codec_that_is_no_more_is_made_again(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    with bench.project:
        assert bench.use(bench.artifact([1])._replace(codec="gone")).failure.lost == "make"


def test_a_disk_that_can_t_be_read_is_nobodys_failure(tmp_path: Path) -> None:
    class Broken(MemoryStore):
        def get(self, digest: Digest) -> bytes:
            raise EnvironmentFault("the disk is gone")

    bench = Bench(tmp_path)
    bench.tools = bench.tools._replace(store=Broken())
    with bench.project, pytest.raises(EnvironmentFault):
        bench.use(bench.artifact([1]))


def test_a_run_ends_with_the_reason_where_a_value_never_comes_back(project: Any) -> None:
    project.write("pipeline.py", PIPELINE)
    done = project.run(code=1)
    assert done.outcomes == {"make": "ran", "use": "failed"}
    assert "the value of `make` can't be read back: ValueError: not again" in str(done.steps["use"])
