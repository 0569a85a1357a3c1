"""Where two values first differ: the same places that make their digests differ, and none where these agree."""
from __future__ import annotations

import collections
import copy
import dataclasses
import datetime as dt
import math
from typing import Any, List, Tuple

import hypothesis
import hypothesis.strategies as some
import pytest

from deepwatch_flow.hashing.difference import differences
from deepwatch_flow.hashing.frames import digest_frame
from deepwatch_flow.hashing.values import ValueHasher

HASHER = ValueHasher("/nowhere/project", [digest_frame])


def places(old: object, new: object, **options: Any) -> List[Tuple[str, str]]:
    return [(each.path, each.what) for each in differences(old, new, HASHER, **options)]


class Model:
    def __init__(self, **state: Any) -> None:
        self.__dict__.update(state)


class Slotted:
    __slots__ = ("left", "right")

    def __init__(self, left: Any, right: Any) -> None:
        self.left, self.right = left, right


class Silent:
    """Its repr can't be had, and its state can."""

    def __init__(self, value: int) -> None:
        self.value = value

    def __repr__(self) -> str:
        raise RuntimeError("no")


@dataclasses.dataclass
class Point:
    x: float
    y: float


Named = collections.namedtuple("Named", "first second")

PAIRS = {
    "a number": (1, 2, [("", "1 became 2")]),
    "a number of another type": (1, True, [("", "type int became bool")]),
    "a type": ([1], (1,), [("", "type list became tuple")]),
    "minus zero": ([0.0], [-0.0], [("[0]", "0.0 became -0.0")]),
    "an element": ([1, [2, 3]], [1, [2, 4]], [("[1][1]", "3 became 4")]),
    "a length": ([1, 2], [1, 2, 3], [("", "length 2 became 3")]),
    "a length and an element": ([1, 2], [5], [("", "length 2 became 1"), ("[0]", "1 became 5")]),
    "a deque": (collections.deque([1, 2]), collections.deque([1, 3]), [("[1]", "2 became 3")]),
    "a value of a dict": ({"a": {"b": 1}}, {"a": {"b": 2}}, [("['a']['b']", "1 became 2")]),
    "a key": ({"a": 1}, {"b": 1}, [("", "1 key is gone: 'a'"), ("", "1 key is new: 'b'")]),
    "keys that are equal and not the same": ({1: 0}, {True: 0}, [("", "1 key is gone: 1"), ("", "1 key is new: True")]),
    "the order of keys": ({"a": 1, "b": 2}, {"b": 2, "a": 1}, [("", "keys stand in another order: from key 0 on, 'a' became 'b'")]),
    "a set": ({1, 2, 3}, {1, 4}, [("", "2 elements are gone: 2, 3"), ("", "1 element is new: 4")]),
    "the line of a text": ("a\nbcd\ne", "a\nbxd\ne", [("", "line 2, character 2: 'bcd' became 'bxd'")]),
    "a text of one line": ("ab", "ac", [("", "'ab' became 'ac'")]),
    "a text that goes on": ("a\nb\n", "a\nb\nc\n", [("", "text of 2 lines became one of 3, equal up to line 2")]),
    "bytes": (b"abc", b"axc", [("", "byte 1: 62 63 became 78 63")]),
    "fewer bytes": (b"abc", b"ab", [("", "3 bytes became 2; byte 2: 63 became the end")]),
    "an attribute": (Model(w={"x": 1}, n=1), Model(w={"x": 2}, n=1), [(".w['x']", "1 became 2")]),
    "an attribute more": (Model(n=1), Model(n=2, m=1), [("", "1 attribute is new: 'm'"), (".n", "1 became 2")]),
    "a slot": (Slotted(1, [2]), Slotted(1, [3]), [(".right[0]", "2 became 3")]),
    "a field": (Point(1.0, 2.0), Point(1.0, 2.5), [(".y", "2.0 became 2.5")]),
    "a named tuple": (Named(1, 2), Named(1, 3), [(".second", "2 became 3")]),
    "a value whose repr raises": ([Silent(1)], [Silent(2)], [("[0].value", "1 became 2")]),
    "a moment": (dt.datetime(2020, 1, 1), dt.datetime(2020, 1, 2),
                 [("", "datetime.datetime(2020, 1, 1, 0, 0) became datetime.datetime(2020, 1, 2, 0, 0)")]),
    "a function": (len, max, [("", "<built-in function len> became <built-in function max>")]),
}


@pytest.mark.parametrize(("old", "new", "expected"), PAIRS.values(), ids=list(PAIRS))
def test_a_difference_is_told_by_its_place(old: object, new: object, expected: List[Tuple[str, str]]) -> None:
    assert HASHER.digest(old) != HASHER.digest(new)
    assert places(old, new) == expected


@pytest.mark.parametrize("value", [pair[0] for pair in PAIRS.values()], ids=list(PAIRS))
def test_equal_values_have_no_difference(value: object) -> None:
    other = copy.deepcopy(value)
    assert HASHER.digest(value) == HASHER.digest(other)
    assert places(value, other) == []


def test_nan_is_what_it_was() -> None:
    assert places([math.nan], [float("nan")]) == []


def test_nesting_has_no_limit() -> None:
    def nested(innermost: object) -> object:
        value = innermost
        for _ in range(100_000):
            value = [value]
        return value

    ((path, what),) = places(nested(1), nested(2))
    assert what == "1 became 2"
    assert path == "[0]" * 6 + "..." + "[0]" * 6
    assert places(nested(1), nested(1)) == []
    value: object = Model(inner=1)
    other: object = Model(inner=2)
    for _ in range(20_000):
        value, other = Model(inner=value), Model(inner=other)
    assert places(value, other)[0][1] == "1 became 2"


def test_values_that_hold_themselves() -> None:
    def ring(last: int) -> List[Any]:
        value: List[Any] = [1, {"last": last}]
        value.append(value)
        return value

    assert places(ring(1), ring(1)) == []
    assert places(ring(1), ring(2)) == [("[1]['last']", "1 became 2")]


def test_only_the_first_are_told() -> None:
    assert len(places(list(range(100)), list(range(1, 101)))) == 10
    assert [path for path, _ in places(list(range(100)), list(range(1, 101)), limit=2)] == ["[0]", "[1]"]


def test_what_is_shared_is_walked_once() -> None:
    def tree(leaf: int) -> object:
        value: object = [leaf]
        for _ in range(200):       # 2 to the power of 200 ways to the leaf
            value = [value, value]
        return value

    assert places(tree(1), tree(1)) == []
    assert len(places(tree(1), tree(2))) == 1


def test_long_values_are_shown_in_short() -> None:
    (found,) = differences(["x" * 10_000], ["y" * 10_000], HASHER)
    assert len(found.what) < 250
    (found,) = differences([list(range(1000))], [{}], HASHER)
    assert (found.old, found.new) == ("<list of 1000>", "{}")


def test_what_can_not_be_looked_into_is_told() -> None:
    ((path, what),) = places({"a": (i for i in "ab")}, {"a": (i for i in "ab")})
    assert path == "['a']"
    assert "can't be looked into" in what


values = some.recursive(
    some.none() | some.booleans() | some.integers(-3, 3) | some.floats() | some.text(max_size=3) | some.binary(max_size=3),
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(some.text(max_size=2), inner, max_size=3)
    | some.tuples(inner, inner) | some.builds(Point, inner, inner) | some.frozensets(some.integers(0, 5), max_size=3),
    max_leaves=12)


@hypothesis.given(values, values)
def test_there_is_a_difference_just_where_digests_differ(old: object, new: object) -> None:
    assert bool(places(old, new)) == (HASHER.digest(old) != HASHER.digest(new))
    assert places(old, copy.deepcopy(old)) == []


# -- arrays and tables ----------------------------------------------------------------------------

def test_arrays() -> None:
    numpy = pytest.importorskip("numpy")
    zeros = numpy.zeros((2, 3))
    other = zeros.copy()
    other[1, 2], other[1, 1] = 0.5, 0.25
    ((path, what),) = places({"a": zeros}, {"a": other})
    assert path == "['a'][1, 1]"
    assert what.endswith("(2 of 6 cells differ), by at most 0.5")
    assert places(zeros, zeros.copy(order="F")) == []
    assert places(zeros, zeros.astype("f4")) == [("", "dtype float64 became float32")]
    assert places(zeros, numpy.zeros((2, 4))) == [("", "shape (2, 3) became (2, 4)")]
    assert [path for path, _ in places(numpy.arange(3), numpy.array([0, 7]))] == ["", "[1]"]
    assert [path for path, _ in places(zeros, -zeros)] == ["[0, 0]"]
    nan = numpy.array([numpy.nan, 1.0])
    assert places(nan, nan.copy()) == []
    assert places(numpy.float64(1), numpy.float64(2))[0][0] == ""
    big = numpy.zeros(3_000_000, "u1")
    late = big.copy()
    late[2_500_000] = 1
    assert places(big, late)[0][0] == "[2500000]"


def test_arrays_of_objects_records_and_masks() -> None:
    numpy = pytest.importorskip("numpy")
    objects = numpy.array([[{"a": 1}, None]], dtype=object)
    other = copy.deepcopy(objects)
    other[0, 0]["a"] = 2
    assert places(objects, other) == [("[0, 0]['a']", "1 became 2")]
    records = numpy.zeros(2, dtype=[("x", "i4"), ("y", "f8")])
    changed = records.copy()
    changed["y"][1] = 1
    assert [path for path, _ in places(records, changed)] == ["['y'][1]"]
    masked = numpy.ma.array([1, 2], mask=[False, True])
    assert places(masked, numpy.ma.array([1, 9], mask=[False, True])) == []
    assert [path for path, _ in places(masked, numpy.ma.array([1, 2], mask=[True, True]))] == [".mask[0]", ".data[0]"]


def test_frames() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"n": [1, 2, 3], "x": [1.0, 2.0, 3.0], "t": ["a", "b", None]}, index=["r", "s", "u"])
    other = frame.copy()
    other.loc["s", "x"] = 2.5
    other.loc["u", "t"] = "c"
    found = places({"f": frame}, {"f": other})
    assert [path for path, _ in found] == ["['f']['x']", "['f']['t']"]
    assert found[0][1].startswith("row 1 (index 's'): ")
    assert "1 of 3 rows differ" in found[0][1]
    assert places(frame, frame.copy()) == []
    assert places(frame, frame.drop(columns="n"))[0] == ("", "1 column is gone: 'n'")
    assert places(frame, frame[["x", "n", "t"]])[0] == ("", "columns stand in another order: from column 0 on, 'n' became 'x'")
    assert places(frame, frame.iloc[:2])[0] == ("", "3 rows became 2")
    assert ("['n']", "dtype int64 became float64") in places(frame, frame.astype({"n": float}))
    assert [path for path, _ in places(frame, frame.rename(index={"r": "q"}))] == [".index"]
    categories = frame.astype({"t": "category"})
    again = categories.copy()
    again["t"] = again["t"].cat.rename_categories(["a", "z"])
    assert places(categories, again)
    assert places(categories, categories.copy()) == []
    assert [path for path, _ in places(frame["x"], other["x"])] == [""]
    noted = frame.copy()
    noted.attrs["by"] = "me"
    assert places(frame, noted) == [(".attrs", "1 key is new: 'by'")]


def test_other_tables() -> None:
    polars = pytest.importorskip("polars")
    arrow = pytest.importorskip("pyarrow")
    for frame, other in ((polars.DataFrame({"a": [1, 2], "b": ["x", None]}), polars.DataFrame({"a": [1, 3], "b": ["x", "y"]})),
                         (arrow.table({"a": [1, 2], "b": ["x", None]}), arrow.table({"a": [1, 3], "b": ["x", "y"]}))):
        assert places(frame, frame) == []
        assert places(frame, copy.deepcopy(frame)) == []
        assert places(frame, other) == [("['a']", "row 1: 2 became 3 (1 of 2 rows differ)"),
                                        ("['b']", "row 1: None became 'y' (1 of 2 rows differ)")]


def test_models_by_their_attributes() -> None:
    linear = pytest.importorskip("sklearn.linear_model")
    first = linear.LinearRegression().fit([[0.0], [1.0]], [0.0, 1.0])
    second = linear.LinearRegression().fit([[0.0], [1.0]], [0.0, 2.0])
    assert any(path == ".coef_[0]" for path, _ in places(first, second))
    assert places(first, copy.deepcopy(first)) == []
