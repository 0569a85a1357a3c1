"""A value's bytes give the value back, and are the same from every process and Python."""
from __future__ import annotations

import collections
import dataclasses
import datetime as dt
import decimal
import enum
import fractions
import hashlib
import math
import os
import pathlib
import subprocess
import sys
import threading
import types
import uuid
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepwatch_flow.errors import PluginError, StateError
from deepwatch_flow.hashing.values import ValueHasher
from deepwatch_flow.state.codecs import Codec, Codecs, NpyCodec, Unstorable, is_immutable

codecs = Codecs([NpyCodec()])
digest = ValueHasher().digest

NAMESPACE = {name: globals()[name] for name in (
    "collections", "decimal", "dt", "fractions", "math", "pathlib", "types", "uuid")}

#: value -> (codec, MD5 of its bytes); rows are never edited: artifacts of old runs are found by them
GOLDEN = {
    "None":
        ("json", "37a6259cc0c1dae299a7866489dff0bd"),
    "1":
        ("json", "c4ca4238a0b923820dcc509a6f75849b"),
    "-0.0":
        ("json", "e80c77464a0cfaf2c46a5574f6bc76b9"),
    "b'bytes'":
        ("bytes", "4b3a6218bb3e3a7303e8a171a60fcf92"),
    "'text'":
        ("text", "1cb251ec0d568de6a929b520c4aed8d1"),
    "'\\ud800'":
        ("pickle", "934dac9fa2070f3dc307ddaf6b834a51"),
    "[1, 2.5, 'a', None, True, {'b': []}]":
        ("json", "b7eb5aecb39e3b43c7f8abb5cfcd53a3"),
    "{'b': 1, 'a': '\\u00e9'}":
        ("json", "99b304551f160e52ed168400b57233cb"),
    "(1, 'a', (2, b'x'))":
        ("pickle", "60a0d21909ae339d46677c38b8716c1e"),
    "[('row', i, i / 7) for i in range(2000)]":
        ("pickle", "209ec96989e91f2986c4933cf48c18e0"),
    "{1: 2, (3, 4): 'x'}":
        ("pickle", "dd835684b18545e8f9ab0af38b733ded"),
    "[math.nan, math.inf]":
        ("pickle", "29d6cc24a6a1e065f57bcd47bb776c12"),
    "10 ** 5000":
        ("pickle", "5d0538aa38a0bb003ca5be770c4eb8b8"),
    "'x' * 200000":
        ("text", "4b98146705d4b0b98b758a78ff6fb73f"),
    "('x' * 100000, b'y' * 100000)":
        ("pickle", "5c5b498f2f519db40f68f01d4b01afa1"),
    "{'a', 'b', 'c', (1, 2), None}":
        ("pickle", "2934b7e3a2a603933c1a792e1dcce3fa"),
    "set(map(str, range(3000)))":
        ("pickle", "ab39c7888ace94c9c9e26a5fc493856a"),
    "frozenset({'a', frozenset({'b', 'c'})})":
        ("pickle", "ada35d56b4b870b7ab49e2c819d34adb"),
    "{'x': {'a', 'b'}, 'y': ['a', 'b']}":
        ("pickle", "5ee038f89a6c8aed04e0c58861a6f7ea"),
    "collections.OrderedDict([('a', {1}), ('b', 2)])":
        ("pickle", "282c76e44fe14d2b40474eaa7b31bb99"),
    "collections.Counter('abca')":
        ("pickle", "b1e312a4cb3f652613b9990abe90d50b"),
    "collections.defaultdict(list, {'a': [1]})":
        ("pickle", "e9997a45bd4f28f7aff70d8acb815b0a"),
    "collections.deque([1, {2}], 5)":
        ("pickle", "ae6ca3fb44320e35831ae39127a812f0"),
    "collections.UserDict({'a': {1}})":
        ("pickle", "ee04e045b0af8cc652658e7f977ee1f4"),
    "types.SimpleNamespace(a={'x', 'y'})":
        ("pickle", "70d6f39b5d3dfb0aeffff230e51833f5"),
    "decimal.Decimal('1.50')":
        ("pickle", "9e0d1aaa7d5f49a6bf22adf00b3692f8"),
    "fractions.Fraction(1, 3)":
        ("pickle", "491f87ac495e7ea30f9f10d73577f18d"),
    "uuid.UUID(int=7)":
        ("pickle", "1e524d0c03a91eceb459895483f902a9"),
    "dt.datetime(2024, 2, 29, 12, 30, tzinfo=dt.timezone.utc)":
        ("pickle", "b3bb9279220b5efd7413174976453085"),
    "[dt.date(2024, 2, 29), dt.date(2024, 2, 29), {1}]":
        ("pickle", "89991925e5e52ba8ff9d9ce30aa91880"),
    "pathlib.PurePosixPath('a/b')":
        ("pickle", "1884c4e40b83d12e9093ae4b8f06e0ff"),
    "[pathlib.Path('a/b'), pathlib.Path('a') / 'b']":
        ("pickle", "23bed9726018470ee60f78a2683c3a9b"),
    "range(1, 10, 2)":
        ("pickle", "87a730e1077a728961b4923bc333a36e"),
    "ValueError('x')":
        ("pickle", "814b21d21f64b373c154fa874ea8c899"),
    "[len, int, collections.OrderedDict]":
        ("pickle", "57cbee86ecd7d431dd2cf60ba12e069a"),
    "bytearray(b'abc')":
        ("pickle", "5008f9db6ba7759a46c8af78329b8c45"),
    "[bytearray(70000)] * 2":
        ("pickle", "cecf39b0df70cdc2dc0cee73649fcf49"),
}


def back(value: Any) -> Any:
    encoded = codecs.encode(value)
    return codecs.decode(encoded.codec, encoded.data)


@dataclasses.dataclass
class Basket:
    fruit: Any
    count: int = 1


class Empty:
    pass


class Crowd(set):
    pass


class Color(enum.Enum):
    RED = 1


Point = collections.namedtuple("Point", "x y")  # noqa: PYI024


# -- the same everywhere --------------------------------------------------------------------------

@pytest.mark.parametrize("expression", GOLDEN)
def test_a_golden_value_has_its_golden_bytes(expression):
    encoded = codecs.encode(eval(expression, dict(NAMESPACE)))  # noqa: S307  # from the table above
    assert (encoded.codec, hashlib.md5(encoded.data).hexdigest()) == GOLDEN[expression]  # noqa: S324


def test_another_process_with_another_hash_seed_writes_the_same_bytes():
    script = (
        "import collections, datetime as dt, decimal, fractions, hashlib, math, pathlib, sys, types, uuid\n"
        "from deepwatch_flow.state.codecs import Codecs\n"
        "for line in sys.stdin.read().splitlines():\n"
        "    encoded = Codecs().encode(eval(line))\n"
        "    print(encoded.codec, hashlib.md5(encoded.data).hexdigest())\n"
    )
    root = pathlib.Path(__file__).resolve().parents[2]
    for seed in ("0", "1", "4711"):
        done = subprocess.run([sys.executable, "-c", script], input="\n".join(GOLDEN), text=True, check=True,
                              stdout=subprocess.PIPE,
                              env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(root)})
        assert [tuple(line.split()) for line in done.stdout.splitlines()] == list(GOLDEN.values())


def text(*letters: str) -> str:
    """Return text that is no other text's object."""
    return "".join(letters)


@pytest.mark.parametrize("make", [
    lambda one, other: [one, other, {one: other}],
    lambda one, other: (one, other),
    lambda one, other: Basket([one], {other}),
    lambda one, other: [Basket(one), Basket(other)],
    lambda one, other: [(one, 1), (other, 1)],
    lambda one, other: [{1}, (one, 1), (other, 1)],
    lambda one, other: [{1}, pathlib.PurePosixPath(one), pathlib.PurePosixPath(other)],
    lambda one, other: [{1}, one.encode(), other.encode()],
])
def test_whether_equal_immutable_values_are_one_object_does_not_show(make):
    one, other = text("ab", "cd"), text("ab", "cd")
    assert one is not other
    assert codecs.encode(make(one, one)) == codecs.encode(make(one, other))


def test_whether_a_list_is_shared_is_kept():
    inner: list = []
    shared = back([inner, inner])
    shared[0].append(1)
    assert shared[1] == [1]
    apart = back([[], []])
    apart[0].append(1)
    assert apart[1] == []


# -- there and back -------------------------------------------------------------------------------

SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.text("\ud83d\ude00a"), st.binary(),
    st.complex_numbers(), st.decimals(allow_nan=False), st.datetimes(), st.uuids(),
    st.sampled_from([Color.RED, pathlib.PurePosixPath("a"), len, int]),
    st.builds(lambda: 10 ** 5000))
KEYS = st.one_of(st.text(max_size=3), st.integers(-3, 3), st.booleans())
VALUES = st.recursive(SCALARS, lambda inner: st.one_of(
    st.lists(inner), st.lists(inner).map(tuple), st.dictionaries(KEYS, inner), st.sets(KEYS), st.frozensets(KEYS),
    st.builds(Basket, inner), st.builds(Point, inner, inner), st.sets(KEYS).map(Crowd),
    st.dictionaries(KEYS, inner).map(collections.OrderedDict)), max_leaves=12)


@given(VALUES)
@settings(max_examples=200, deadline=None)
def test_a_value_comes_back_as_it_was(value):
    encoded = codecs.encode(value)
    found = codecs.decode(encoded.codec, encoded.data)
    assert type(found) is type(value)
    assert digest(found) == digest(value)  # tells types apart, which == does not
    assert codecs.encode(found) == encoded


@pytest.mark.parametrize(("value", "codec"), [
    (b"x", "bytes"), ("x", "text"), ("", "text"), ("\ud800", "pickle"), (1, "json"), (True, "json"), (None, "json"),
    (1.5, "json"), (-0.0, "json"), (math.inf, "pickle"), ({"a": [1, "b", None]}, "json"), ({1: 2}, "pickle"),
    ({"a": (1,)}, "pickle"), ([math.nan], "pickle"), (["\ud800"], "pickle"), (10 ** 5000, "pickle"),
    (bytearray(b"x"), "pickle"), ({"a"}, "pickle"), (collections.OrderedDict(a=1), "pickle"), (lambda: 1, "cloudpickle"),
], ids=lambda value: repr(type(value)))
def test_each_kind_of_value_has_its_codec(value, codec):
    assert codecs.encode(value).codec == codec


def test_json_keeps_the_order_of_keys_and_tells_numbers_apart():
    value = {"b": 1, "a": 1.0, "c": True}
    assert [(key, type(found)) for key, found in back(value).items()] == [("b", int), ("a", float), ("c", bool)]
    assert codecs.encode(value).data == b'{"b":1,"a":1.0,"c":true}'


def test_a_value_that_holds_itself_comes_back():
    value: list = []
    value.append(value)
    found = back(value)
    assert found[0] is found
    knot = Basket(None)
    knot.fruit = {"me": (knot,)}
    found = back(knot)
    assert found.fruit["me"][0] is found


def test_deeply_nested_values_come_back():
    value: Any = []
    for _ in range(8_000):
        value = [value]
    limit = sys.getrecursionlimit()
    found = back(value)
    assert sys.getrecursionlimit() == limit
    assert digest(found) == digest(value)
    for nested in (value, found):
        while nested:
            nested = nested.pop()


def test_a_tuple_that_seems_endless_is_written_once():
    value: Any = ([],)
    for _ in range(100):
        value = (value, value)
    assert len(codecs.encode(value).data) < 10_000


def test_functions_and_classes_without_a_name_come_back():
    factor = 3

    class Local:
        def times(self, number: int) -> int:
            return number * factor

    assert back({"f": lambda number: number * factor})["f"](2) == 6
    assert back(Local()).times(2) == 6


def test_a_class_of_main_is_written_whole():
    script = (
        "from deepwatch_flow.state.codecs import Codecs\n"
        "class Own:\n    pass\n"
        "def function(): return 1\n"
        "print(Codecs().encode(Own()).codec, Codecs().encode(Own).codec, Codecs().encode([function]).codec)"
    )
    root = pathlib.Path(__file__).resolve().parents[2]
    done = subprocess.run([sys.executable, "-c", script], text=True, check=True, stdout=subprocess.PIPE,
                          env={**os.environ, "PYTHONPATH": str(root)})
    assert done.stdout.split() == ["cloudpickle"] * 3


def test_arrays_come_back_and_can_be_written_to():
    numpy = pytest.importorskip("numpy")
    for array in (numpy.arange(6.0).reshape(2, 3), numpy.array(5), numpy.zeros((0, 2)), numpy.array(["a", "bc"]),
                  numpy.asfortranarray(numpy.ones((2, 3))), numpy.arange(3).astype("M8[D]")):
        encoded = codecs.encode(array)
        found = codecs.decode(encoded.codec, encoded.data)
        assert encoded.codec == "npy"
        assert (found.dtype, found.shape, found.tolist()) == (array.dtype, array.shape, array.tolist())
        assert found.flags.writeable
    objects = numpy.array([1, "a", None], dtype=object)
    assert codecs.encode(objects).codec == "pickle"
    assert back(objects).tolist() == [1, "a", None]


def test_frames_come_back():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"a": [1, 2], "b": ["x", None]}, index=["p", "q"])
    pandas.testing.assert_frame_equal(back(frame), frame)
    assert codecs.encode(frame) == codecs.encode(frame.copy())


# -- what can't be stored -------------------------------------------------------------------------

def test_the_refusal_tells_type_and_place():
    with pytest.raises(Unstorable) as caught:
        codecs.encode({"model": [1, Basket(threading.Lock())]})
    assert caught.value.type_name == "_thread.lock"
    assert caught.value.where == "['model'][1].fruit"
    assert "_thread.lock at ['model'][1].fruit: cannot pickle" in caught.value.message
    assert caught.value.hint
    assert isinstance(caught.value.__cause__, TypeError)


def test_a_generator_and_an_open_file_are_refused(tmp_path):
    with pytest.raises(Unstorable, match="generator"):
        codecs.encode(letter for letter in "abc")
    with open(tmp_path / "x", "w") as file, pytest.raises(Unstorable, match="TextIOWrapper"):
        codecs.encode([file])


class Stubborn:
    def __reduce_ex__(self, protocol: Any) -> Any:
        raise ZeroDivisionError("no\nway")


def test_an_object_whose_own_code_fails_is_refused_with_its_words():
    with pytest.raises(Unstorable, match="Stubborn") as caught:
        codecs.encode([Stubborn()])
    assert caught.value.message.endswith("Stubborn at [0]: no")
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_a_codec_that_is_not_there_is_named():
    with pytest.raises(StateError, match="parquet"):
        codecs.decode("parquet", b"")


# -- plugins --------------------------------------------------------------------------------------

class BasketCodec(Codec):
    name = "basket"

    def encode(self, value):
        return str(value.count).encode() if type(value) is Basket else None

    def decode(self, data):
        return Basket("from a plugin", int(data))


def test_a_plugin_takes_its_own_types_and_no_others():
    own = Codecs([BasketCodec()])
    encoded = own.encode(Basket("apple", 7))
    assert encoded == (b"7", "basket")
    assert own.decode(*encoded[::-1]) == Basket("from a plugin", 7)
    assert own.encode({"a": 1}).codec == "json"
    assert own.encode([Basket(1)]).codec == "pickle"


def test_two_codecs_of_one_name_are_refused():
    class Json(BasketCodec):
        name = "json"

    class Nameless(BasketCodec):
        name = ""

    for codec in (Json(), Nameless()):
        with pytest.raises(PluginError, match=type(codec).__name__):
            Codecs([codec])


# -- what needs no copy ---------------------------------------------------------------------------

@pytest.mark.parametrize("value", [
    None, 1, 1.5, "a", b"a", (), (1, ("a", None)), frozenset({1}), Color.RED, dt.datetime(2020, 1, 1),
    dt.datetime(2020, 1, 1, tzinfo=dt.timezone.utc), pathlib.Path("a"), range(3), Point(1, 2), decimal.Decimal(1),
], ids=repr)
def test_what_can_not_be_changed_needs_no_copy(value):
    assert is_immutable(value)


class Loose(Point):
    """A namedtuple with a __dict__."""


@pytest.mark.parametrize("value", [
    [], {}, set(), ([],), bytearray(), Basket(1), Point([], 1), Loose(1, 2), tuple(range(5000)),
    object(), types.SimpleNamespace(), (1, (2, (3, {}))),
], ids=lambda value: type(value).__name__)
def test_what_may_be_changed_is_copied(value):
    assert not is_immutable(value)


def test_several_empty_arrays_in_one_object_can_be_stored() -> None:
    numpy = pytest.importorskip("numpy")

    value = {1: numpy.zeros(0), 2: numpy.zeros((0, 3)), 3: numpy.arange(3)}
    codecs = Codecs()
    encoded = codecs.encode(value)
    decoded = codecs.decode(encoded.codec, encoded.data)
    assert [array.shape for array in decoded.values()] == [(0,), (0, 3), (3,)]  # type: ignore[attr-defined]


# -- places below the project's root --------------------------------------------------------------

def test_places_below_the_root_follow_the_project():
    here, there = Codecs(root="/home/ann/shop"), Codecs(root="/srv/build 7")
    value = [pathlib.Path("/home/ann/shop/data/x.csv"), "/home/ann/shop", ("/home/ann/shop/a/",),
             {pathlib.Path("/home/ann/shop/1"), pathlib.Path("/home/ann/shop/2")}]
    written = here.encode(value)
    assert here.decode(written.codec, written.data) == value
    assert there.decode(written.codec, written.data) == [
        pathlib.Path("/srv/build 7/data/x.csv"), "/srv/build 7", ("/srv/build 7/a/",),
        {pathlib.Path("/srv/build 7/1"), pathlib.Path("/srv/build 7/2")}]
    assert there.encode(there.decode(written.codec, written.data)) == written


@pytest.mark.parametrize("value", [
    "in /home/ann/shop", "/home/ann/shopping", b"/home/ann/shop/x", "./home/ann/shop", pathlib.Path("data"),
    {"/home/ann/sho": 1},
], ids=repr)
def test_other_values_are_written_as_ever(value):
    rooted = Codecs([NpyCodec()], "/home/ann/shop")
    assert rooted.encode(value) == codecs.encode(value)


@pytest.mark.parametrize("value", ["/home/ann/shop/x", {"a": ["/home/ann/shop/x"]}, ("/home/ann/shop/x", 1)], ids=repr)
def test_plain_data_with_places_comes_back(value):
    rooted = Codecs(root="/home/ann/shop")
    written = rooted.encode(value)
    assert b"/home/ann" not in written.data
    assert rooted.decode(written.codec, written.data) == value


def test_an_array_that_came_from_the_store_is_written_like_a_new_one() -> None:
    numpy = pytest.importorskip("numpy")

    rooted = Codecs()
    first = rooted.encode({1: numpy.zeros(2)})
    stored: Any = rooted.decode(first.codec, first.data)
    assert rooted.encode({1: stored[1], 2: numpy.ones(2)}) == rooted.encode({1: numpy.zeros(2), 2: numpy.ones(2)})


def test_a_frame_made_from_one_of_the_store_is_written_like_a_new_one() -> None:
    pandas = pytest.importorskip("pandas")

    def clean(frame: Any) -> Any:
        frame["speed"] = frame["km"] / frame["minutes"]
        return frame[frame["speed"] < 3].reset_index(drop=True)

    def raw() -> Any:
        return pandas.DataFrame({"km": [1.0, 2.5], "minutes": [3, 4], "zone": ["a", None]})

    written = codecs.encode(raw())
    assert codecs.encode(clean(codecs.decode(written.codec, written.data))) == codecs.encode(clean(raw()))
