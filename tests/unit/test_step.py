"""A declared step stays an ordinary callable."""
from __future__ import annotations

import asyncio
import copy
import functools
import inspect
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any, get_type_hints

import pytest

from deepwatch_flow.pipeline.step import File, Product, Step, collect, step


@step
def doubled(x: int, *, times: int = 2) -> int:
    """Multiply."""
    return x * times


def plain(x: int = 1) -> int:
    return x


made = step(name="made")(plain)


class Held:
    factor = 3

    @step
    def scaled(self, x: int) -> int:
        return x * self.factor

    @staticmethod
    @step
    def still(x: int) -> int:
        return x


# -- like a function ------------------------------------------------------------------------------

def test_a_step_is_called_as_its_function_is() -> None:
    assert doubled(4) == 8
    assert doubled(4, times=3) == 12
    with pytest.raises(TypeError):
        doubled()


def test_a_step_shows_the_signature_docstring_and_names_of_its_function() -> None:
    assert str(inspect.signature(doubled)) == "(x: 'int', *, times: 'int' = 2) -> 'int'"
    assert inspect.getdoc(doubled) == "Multiply."
    assert (doubled.__name__, doubled.__qualname__, doubled.__module__) == ("doubled", "doubled", __name__)
    assert get_type_hints(doubled) == {"x": int, "times": int, "return": int}
    assert inspect.unwrap(doubled) is doubled.function
    assert step(plain).__doc__ is None


def test_what_a_function_carries_its_step_carries() -> None:
    def marked() -> None:
        ...

    marked.owner = "me"
    assert step(marked).owner == "me"
    with pytest.raises(AttributeError, match="step 'marked'"):
        step(marked).lender


def test_a_step_knows_where_its_definition_stands() -> None:
    assert Path(doubled.file).samefile(__file__)
    line = inspect.getsourcelines(doubled.function)[1]
    assert doubled.line == line


def test_the_place_is_that_of_the_definition_behind_decorators_and_partials() -> None:
    @functools.wraps(plain)
    def outer(*args: Any) -> Any:
        return plain(*args)

    assert step(outer).line == step(plain).line
    assert step(functools.partial(plain, x=2), name="p").line == step(plain).line


def test_a_step_in_a_class_binds_like_a_method() -> None:
    assert Held().scaled(2) == 6
    assert Held.scaled(Held(), 2) == 6
    assert Held.still(5) == Held().still(5) == 5


def test_async_and_generator_functions_give_what_they_give() -> None:
    @step
    async def later() -> int:
        return 7

    @step
    def several() -> Any:
        yield 1
        yield 2

    assert asyncio.run(later()) == 7
    assert list(several()) == [1, 2]


def test_a_test_may_call_a_step_without_its_files() -> None:
    @step
    def read(source=File("data/in.txt"), *, out=Product(Path("out") / "x.txt"), n=1):
        return source, out, n

    assert read() == (Path("data/in.txt"), Path("out/x.txt"), 1)
    assert read("other.txt", n=2) == ("other.txt", Path("out/x.txt"), 2)
    assert read(out="y")[1] == "y"


def test_a_method_with_a_file_gets_a_path_too() -> None:
    class Reader:
        @step
        def read(self, source=File("a.txt")):
            return self, source

    reader = Reader()
    assert reader.read() == (reader, Path("a.txt"))


# -- pickling -------------------------------------------------------------------------------------

def test_a_step_pickles_by_reference() -> None:
    assert pickle.loads(pickle.dumps(doubled)) is doubled
    assert copy.deepcopy(doubled) is doubled


def test_a_step_whose_name_leads_to_its_function_pickles_all_the_same() -> None:
    back = pickle.loads(pickle.dumps(made))
    assert isinstance(back, Step)
    assert (back.name, back.function) == ("made", plain)


def test_unpickling_declares_nothing() -> None:
    data = pickle.dumps(made)
    with collect() as steps:
        pickle.loads(data)
    assert steps == []


# -- declaring ------------------------------------------------------------------------------------

def test_each_way_of_declaring_gives_a_step() -> None:
    assert step(plain).name == "plain"
    assert step(name="x")(plain).name == "x"
    assert step(plain, name="y", tags=["t"]).tags == ("t",)
    assert step()(plain).name == "plain"
    assert step(doubled, name="again").function is doubled.function


def test_declarations_are_kept_as_they_are_given() -> None:
    it = step(needs={"x": doubled}, after=["made"], tags=["ml", "slow"])(plain)
    assert (it.needs, it.after, it.tags) == ({"x": doubled}, ("made",), ("ml", "slow"))


def test_one_name_needs_no_list() -> None:
    assert step(after="made", tags="ml")(plain).after == ("made",)
    assert step(after=doubled)(plain).after == (doubled,)
    assert step(after=plain)(lambda: 0).after == (plain,)
    assert step(tags="ml")(plain).tags == ("ml",)


@pytest.mark.parametrize(("arguments", "told"), [
    ({"needs": ["made"]}, "needs={"), ({"after": 3}, "after"), ({"tags": 3}, "tags"), ({"tags": [3]}, "tags"),
    ({"name": 3}, "name"),
])
def test_a_declaration_of_another_type_is_told_which(arguments: Any, told: str) -> None:
    with pytest.raises(TypeError, match=told):
        step(**arguments)(plain)


@pytest.mark.parametrize("it", ["clean", 3, None.__class__, ()])
def test_what_is_no_function_is_refused_or_a_class_is_taken(it: Any) -> None:
    if callable(it):
        assert step(it).name == it.__name__
    else:
        with pytest.raises(TypeError, match="name="):
            step(it)


def test_a_partial_takes_the_name_of_its_function() -> None:
    assert step(functools.partial(plain, x=2)).name == "plain"


def test_steps_are_collected_in_their_order_by_the_innermost_collector() -> None:
    with collect() as outer:
        a = step(plain)
        with collect() as inner:
            b = step(plain, name="b")
        c = step(name="c")(plain)
    after = step(plain)
    assert outer == [a, c]
    assert inner == [b]
    assert after not in outer


def test_the_collector_that_ends_is_the_one_that_was_entered() -> None:
    with collect() as outer:
        with collect() as inner:  # as empty as the outer one
            pass
        a = step(plain)
    assert (outer, inner) == ([a], [])


def test_collecting_ends_with_an_error_too() -> None:
    with pytest.raises(ZeroDivisionError), collect() as steps:
        raise ZeroDivisionError
    step(plain)
    assert steps == []


# -- markers --------------------------------------------------------------------------------------

def test_markers_compare_by_kind_and_path() -> None:
    assert File("a") == File(Path("a")) != Product("a")
    assert hash(File("a")) == hash(File(Path("a")))
    assert repr(Product("a/b")) == "Product('a/b')"
    assert pickle.loads(pickle.dumps(File("a"))) == File("a")


# -- its price ------------------------------------------------------------------------------------

def test_declaring_imports_nothing_heavy() -> None:
    code = ("import sys; before = set(sys.modules); from deepwatch_flow.pipeline.step import step, File\n"
            "step(lambda source=File('a'): 0, name='x')\n"
            "print(sorted(set(sys.modules) - before))")
    done = subprocess.run([sys.executable, "-S", "-c", code], stdout=subprocess.PIPE, check=True, timeout=60,
                          env={"PYTHONPATH": str(Path(__file__).resolve().parents[2])})
    loaded = done.stdout.decode()
    assert "deepwatch_flow.pipeline.step" in loaded
    for heavy in ("typing", "inspect", "dataclasses", "enum", "pathlib", "'re'", "functools", "contextlib", "collections"):
        assert heavy not in loaded
