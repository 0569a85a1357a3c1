"""What happens around the call of a step's function: values stored, failures told, nothing let through."""
from __future__ import annotations

import asyncio
import io
import os
import sys
import threading
from pathlib import Path
from typing import Any, Callable, List

import pytest

from deepwatch_flow.engine.arguments import arguments_of
from deepwatch_flow.engine.calls import Call, Outcome, failure_of
from deepwatch_flow.engine.worker import Tools, execute, product_files
from deepwatch_flow.errors import EnvironmentFault
from deepwatch_flow.hashing.digest import digest_bytes
from deepwatch_flow.hashing.values import Undigestible, ValueHasher
from deepwatch_flow.model import Artifact, Digest, ProductFile
from deepwatch_flow.pipeline.graph import build
from deepwatch_flow.pipeline.step import File, Product, step
from deepwatch_flow.state.codecs import Codecs
from deepwatch_flow.state.memory import MemoryStore


@pytest.fixture(autouse=True)
def _in_a_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def tools() -> Tools:
    return Tools(MemoryStore(), Codecs(), ValueHasher())


def run(function: Callable[..., Any], *products: str, kit: Any = None, **arguments: Any) -> Outcome:
    call = Call("s", (), tuple((f"p{i}", path) for i, path in enumerate(products)))
    return execute(function, lambda: arguments, call, kit or tools())


def error_of(outcome: Outcome) -> str:
    assert outcome.artifact is None
    assert outcome.failure is not None
    return outcome.failure.error


# -- values -----------------------------------------------------------------------------------------------

def test_a_value_is_stored_by_its_bytes_and_told_by_its_digest() -> None:
    kit = tools()
    outcome = run(lambda x: {"a": x}, kit=kit, x=1)
    blob = digest_bytes(b'{"a":1}')
    assert outcome.artifact == Artifact(ValueHasher().digest({"a": 1}), blob, 7, "json")
    assert kit.store.get(blob) == b'{"a":1}'
    assert (outcome.value, outcome.here, outcome.failure) == ({"a": 1}, True, None)


def test_an_async_step_is_awaited() -> None:
    async def slow(x: int) -> int:
        await asyncio.sleep(0)
        return x + 1

    assert run(slow, x=1).value == 2


def test_a_value_that_has_no_digest_but_bytes_counts_by_these() -> None:
    class Hasher(ValueHasher):
        def digest(self, value: Any) -> Any:
            raise Undigestible("", "thing", "it has no digest")

    first = execute(lambda: [1], dict, Call("s", (), ()), tools()._replace(hasher=Hasher())).artifact
    other = execute(lambda: [2], dict, Call("s", (), ()), tools()._replace(hasher=Hasher())).artifact
    assert first is not None
    assert other is not None
    assert first.output != other.output


CACHE: List[int] = []


def test_a_value_is_known_to_be_held_by_somebody_else() -> None:
    assert run(lambda: [1, 2]).shared is False
    assert run(lambda: CACHE).shared is True
    held: List[Any] = []
    assert run(lambda: held.append([1]) or held[0]).shared is True


@pytest.mark.parametrize("value", [
    lambda: (i for i in range(3)), lambda: [1, {"a": io.BytesIO(b"x").getbuffer()}], lambda: sys._getframe(),
], ids=["generator", "memory in a dict", "frame"])
def test_a_value_that_can_t_be_stored_fails_with_type_and_cure(value: Any) -> None:
    outcome = run(value)
    assert "can't store a value of type" in error_of(outcome)
    assert outcome.failure is not None
    assert outcome.failure.hint


class Rude:
    def __reduce_ex__(self, protocol: Any) -> Any:
        raise ValueError("no, thanks")


def test_a_value_whose_own_code_raises_when_it_is_stored_is_the_steps_failure() -> None:
    assert "no, thanks" in error_of(run(Rude))


# -- failures -----------------------------------------------------------------------------------------------

def test_an_exception_is_one_line_and_a_traceback_of_the_users_frames() -> None:
    def inner() -> None:
        raise ValueError("first line\nsecond line")

    def outer() -> None:
        inner()

    outcome = run(outer)
    assert error_of(outcome) == "ValueError: first line"
    assert outcome.failure is not None
    text = outcome.failure.traceback or ""
    assert "in outer" in text
    assert "in inner" in text
    assert "second line" in text
    assert "deepwatch_flow" + os.sep not in text


def test_causes_and_contexts_are_cut_and_kept_too() -> None:
    def deep() -> None:
        try:
            ValueHasher().digest(sys._getframe())     # frames of ours inside the user's
        except Exception as error:
            raise RuntimeError("outer") from error

    text = failure_of(_caught(deep)).traceback or ""
    assert "direct cause" in text
    assert os.path.join("deepwatch_flow", "hashing") not in text


def _caught(function: Callable[[], Any]) -> BaseException:
    try:
        function()
    except BaseException as error:
        return error
    raise AssertionError("nothing was raised")


def test_an_exception_that_is_its_own_context_is_no_endless_loop() -> None:
    error = ValueError("x")
    error.__cause__ = KeyError("y")
    error.__cause__.__cause__ = error
    assert "KeyError" in (failure_of(error).traceback or "")


class Shy(Exception):
    def __str__(self) -> str:
        raise RuntimeError("not even my name")


@pytest.mark.parametrize(("error", "line"), [
    (KeyError("k"), "KeyError: 'k'"), (ValueError(), "ValueError"), (ValueError("  \n "), "ValueError"), (SystemExit(3), "SystemExit: 3"),
    (type("Own", (Exception,), {})("x"), "Own: x"), (MemoryError(), "MemoryError"), (RecursionError("deep"), "RecursionError: deep"),
])
def test_failures_in_one_line(error: BaseException, line: str) -> None:
    def fail() -> None:
        raise error

    assert error_of(run(fail)) == line


def test_an_exception_that_can_t_be_printed_is_a_failure_all_the_same() -> None:
    def fail() -> None:
        raise Shy

    assert error_of(run(fail)).startswith("Shy")


def test_sys_exit_is_the_steps_failure_and_ends_nothing_else() -> None:
    assert error_of(run(lambda: sys.exit("stop"))) == "SystemExit: stop"


def test_an_interrupt_is_nobodys_failure() -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(interrupted)


def test_an_async_steps_exception_is_its_failure() -> None:
    async def fail() -> None:
        raise ValueError("later")

    assert error_of(run(fail)) == "ValueError: later"


def test_a_full_disk_is_nobodys_failure() -> None:
    class Full(MemoryStore):
        def put(self, data: Any) -> Any:
            raise EnvironmentFault("the disk is full")

    with pytest.raises(EnvironmentFault):
        run(lambda: 1, kit=tools()._replace(store=Full()))


def test_a_wrong_argument_is_the_steps_failure() -> None:
    assert error_of(run(lambda: 1, x=1)).startswith("TypeError")


# -- products ----------------------------------------------------------------------------------------------

def test_a_product_is_kept_and_its_folder_made_beforehand() -> None:
    kit = tools()

    def draw() -> None:
        Path("out/deep/a.txt").write_bytes(b"hello")

    outcome = run(draw, "out/deep/a.txt", kit=kit)
    assert outcome.products == (ProductFile("out/deep/a.txt", digest_bytes(b"hello"), 5),)
    assert kit.store.get(digest_bytes(b"hello")) == b"hello"


def test_a_product_that_was_not_written_fails_and_names_file_and_parameter() -> None:
    outcome = run(lambda: None, "out/a.txt")
    assert error_of(outcome) == "`s` did not write its product `out/a.txt`"
    assert outcome.failure is not None
    assert "`p0`" in (outcome.failure.hint or "")


def test_a_folder_as_product_is_all_its_files_in_order() -> None:
    def fill() -> None:
        for name in ("b.txt", "a.txt", "sub/c.txt"):
            Path("out", name).parent.mkdir(parents=True, exist_ok=True)
            Path("out", name).write_text(name)

    assert [product.path for product in run(fill, "out").products] == ["out/a.txt", "out/b.txt", "out/sub/c.txt"]
    assert product_files("nowhere") is None
    assert product_files("out/a.txt") == ["out/a.txt"]


# -- arguments ---------------------------------------------------------------------------------------------

def test_arguments_are_params_paths_and_upstream_values() -> None:
    @step
    def load() -> int:
        return 1

    @step
    def use(load: int, source: Any = File("in.csv"), target: Any = Product("out.csv"), limits: Any = ([1], 2)) -> None:
        """Take one of each kind."""

    node = build([load, use], {}, os.getcwd()).nodes["use"]
    artifact = Artifact(Digest("o"), Digest("b"), 1, "json")
    arguments = arguments_of(node, Call("use", (("load", "load", artifact),), ()), lambda name, found: (name, found))
    assert arguments == {"load": ("load", artifact), "source": Path("in.csv"), "target": Path("out.csv"), "limits": ([1], 2)}
    arguments["limits"][0].append(3)
    assert node.params["limits"] == ([1], 2)


def test_a_param_that_can_t_be_copied_is_handed_over_as_a_plain_default_is() -> None:
    lock = threading.Lock()

    @step
    def use(lock: Any = lock) -> None:
        """Take a lock."""

    node = build([use], {}, os.getcwd()).nodes["use"]
    assert arguments_of(node, Call("use", (), ()), lambda name, found: None) == {"lock": lock}
