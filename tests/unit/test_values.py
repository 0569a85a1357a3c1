"""The digest of a value: equal for equal values, different for different ones, the same everywhere."""
from __future__ import annotations

import argparse
import array
import collections
import copy
import copyreg
import dataclasses
import datetime as dt
import decimal
import enum
import fractions
import functools
import io
import math
import os
import pathlib
import pickle
import random
import re
import struct
import subprocess
import sys
import threading
import types
import uuid
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepwatch_flow.hashing.values import Undigestible, ValueHasher

digest = ValueHasher().digest

NAMESPACE = {name: globals()[name] for name in (
    "argparse", "array", "collections", "decimal", "fractions", "functools", "io", "math", "pathlib", "random", "re", "types",
    "uuid")}
NAMESPACE["dt"] = dt

#: rows are never edited: a row that fails means that unchanged steps would run again, see model.SCHEME
GOLDEN = {
    "None":
        "6320c5e1b69faf5f7e2683fb2a3d00b5beffc235aa58acfc8880ec16f94975f0",
    "True":
        "cdf461f1cd29d5098ed65d20c298fce7439b547ea3dc8da26b937bb678bee141",
    "False":
        "118a7bdf3aabf82b541959f9b8136d7adc2a3b3a53e074cb022d4dd9e5998b7a",
    "...":
        "3cf10b1b6b47fab0f8c77ec91db9becbb7026aea48ec315b0b509e02506b1d81",
    "NotImplemented":
        "96cfe16e90f8f3bb0dfd7dd7597b26343118bd840e1076961331753462118fce",
    "0":
        "11e9be10a60aa5ee09d47fc4927c787c589ae6aa08194538b9445945a5a92ae3",
    "-1":
        "1c3768475e6e942e52154f836b525ed4da441e4d3253cb807b5afa3bbf831afd",
    "255":
        "54b79e1994356dcc22acf44ef9415134743b7b724aec415f803ae856eb42b5ca",
    "10 ** 5000":
        "66a181428f456b2772df31c7422137722ed79bfd5ef20df2a6e8a97c436d7887",
    "0.0":
        "e8bd870dd0699a1a861f808d4cbf794732956b1e05f1519866cd75b05f8d87a2",
    "-0.0":
        "32dddd64e7c002a0d9676cbb5f4d44fdb3ff80eb225d9b22d7e493669356c10d",
    "1.5":
        "da2089b2a2e004265476faa95c7c4831427a78d565687027fd656cf1823b926d",
    "math.nan":
        "d8c8f47fa2fdee77c26c7170df971ff3ce13fa472fe73e2c4288c054fe405315",
    "math.inf":
        "88eec6b25ccf39c8ad9cd008ab7b2b9361a2ce6d0015272ea9bfdbe21f28012b",
    "1 + 2j":
        "5bd8325a6cda1ed908d8bf93428e833e8123a69e8095453afa1abc7844789202",
    "''":
        "aed7e3de2dd5ba6c77463915a1851474791489322650a50c927feb7c26160fc0",
    "'text'":
        "de1714d717295a9074bcfb7c6e168dbd3ce3b9bbb54fd7d7643af0cc3a6b9c06",
    "'\\u00e9\\U0001f600'":
        "e599c24b22935f18c925ef4d85857757603b10b87a7fe5adb58f6f8286dba33e",
    "'\\ud800'":
        "3a37bbbcd8eb9fca54409b377ac580a9bc2e8b87563cf82c275a77c5ec8f94ee",
    "'x' * 5000":
        "64178c3887df22cd665405f50a8d8235c73814eb044534525b423f6fff35c1f6",
    "b''":
        "ee612ea96cc3517346114e25184c1e2b5e864d33a608607aa0c005ae154eb605",
    "b'bytes'":
        "cdd9c415da88006e9b8d0668043d7bdbbb3f82883d2b8c564700c8365ed71b0c",
    "bytes(5000)":
        "b94108be59d292f54324399f6e23522b4b16fbbbc613860342dd7bdd9c29ac4a",
    "bytearray(b'x')":
        "7b093f1157e7010d54de76e15cf8ac55f3a373c98df5810afe286d9263869610",
    "[]":
        "3d43abf8c3a779a96daf114bfa0381ac44ba7fa384d4ccae839178f9cbfda2b0",
    "[1, 2, 3]":
        "4ca36266671bb0fed5a3eb2573140287e29f90d5a710388d9830ecefe82ef9fb",
    "[[], [[]]]":
        "989f316a55ed7d6aa783c34a6d15d3748f058ec3536d7e62de0a493878b8f7c1",
    "list(range(1000))":
        "d4013e96666677a57f4eacbf9933ee54149fbcb0e4c88cef57167bdfe43b540e",
    "()":
        "8b98844858a335b376dfe86a206f9c7ff7d8232967ef08015a738ac823589856",
    "(1, 'a', None)":
        "3b91c9840538f4b5d93cc959101963a4c7f1b947e482f12c94a80c0e0a3af6bb",
    "{}":
        "62e0453fdd8de44f01189d0abb08a38120f40dd16dbbb7dded905364a7c837d1",
    "{'a': 1, 'b': [2]}":
        "793ee017e8f3541b10dfbe7d93d916ae8a03dfdd32a61b6bfa910cac3b14840f",
    "{'b': [2], 'a': 1}":
        "15ed71017f8495d74ff0329fa2dcececdf6b25d702a2ef1310ea1e2ec4d4e25d",
    "{1: {2: {3: 4}}}":
        "c5927d7d8f38c6cc5431a8843c22210f8e5f54a9ee2bd86c2b489b821ec7f1fd",
    "set()":
        "a114363268486e9bd32e6ba9b5ed7df16d93a1c742cae5622d246fa4d5003af7",
    "{1, 'a', None, (2, 3)}":
        "2fcf327fef4021e2e867d349a8312ded5a193859ebf29d6269a6b7d757c8f969",
    "frozenset({'a', 'b', frozenset({'c'})})":
        "308dceeb67ac38fccb22ef0e22a0b859dfb71c01db84e9b0922cb9a3c417d61e",
    "set(map(str, range(100)))":
        "685134b84edf537bf91cce8fb8a195d6e39bcd48899b465f502c27b709a3d817",
    "range(1, 10, 2)":
        "d613e74d9f1591b00ca769d5c4601b60d73d27ee1ef9c666c4c2315c1c93c2db",
    "slice(1, None, 2)":
        "0875bb0002cce965a66d9c249771082ca2457919287395dc9171fc6c902f7518",
    "decimal.Decimal('1.50')":
        "7bd2d1a0ede124c027d0953cf09dbeab7c22b6532bb5f534fab65609bac6f027",
    "decimal.Decimal('NaN')":
        "d7ac4adbb49290205b4ac23d5a56643a5ec515f31a98b15773ea7e456f64b01f",
    "fractions.Fraction(1, 3)":
        "7307c899fd8e41a3d240c44bb4b2728a339ff4fc98445606ed4891ac9af67dbc",
    "uuid.UUID(int=7)":
        "b270d57115c14de0ff0be66b73927da8afd1f060fe041082099f9ea00147e438",
    "dt.date(2024, 2, 29)":
        "58c208d18002c81627a6a194fdb53388c5f00e92fb36f7d7f3fd42775aca4c33",
    "dt.datetime(2024, 2, 29, 12, 30, 1, 5)":
        "4269c7109225b2f9292e2876fc77675e3db3b878f001fd4c99481f3102e0e11b",
    "dt.datetime(2024, 2, 29, tzinfo=dt.timezone.utc)":
        "2a07ba137f084f5ada7fabcd3753b317dda17632023ddcfb28e746b2e57f253d",
    "dt.datetime(2024, 2, 29, tzinfo=dt.timezone(dt.timedelta(hours=2), 'X'))":
        "e428fba5e035488f0bc60430315082df7819d16df287a391bd8e10d1e7c47eaf",
    "dt.time(1, 2, 3)":
        "79a91142a51fb6b23c7288e123e56293ce723b099dc9cd76d6021a5117b9f11e",
    "dt.timedelta(1, 2, 3)":
        "b7bfe23a6893a5a7447c32661f54d855803cbf1478ad5afc530489f76161df53",
    "re.compile('a+', re.MULTILINE)":
        "6278c1db2a6cb2e6af37609d173aa0c9ee1483dc7a7520aae93fea065e43a99f",
    "re.compile(b'a')":
        "2e6784168aaa4ec80a959f7a3b20e47d5891386449d2f212b0a0a77973c3ccdf",
    "pathlib.PurePosixPath('a/b')":
        "e0ef5c8b2ce007a2ad73309395f402ddb3588eadce7b5c7e71d4a8187a653ced",
    "pathlib.PureWindowsPath('a\\\\b')":
        "a6d43dbad2c8385d9a9a54ee27015aa98adb1fd0ed39636d80e99ea3802efecb",
    "pathlib.Path('data/x.csv')":
        "fc1d619e75a5dde49d52a5dcb4eeb883147a890f4fe6c88ce4845707e80c3a76",
    "array.array('B', [1, 2])":
        "19a4efcc6050e1405041615bb92ec8b1f4ff71f9ebf33259f9ff6c11733ad8e8",
    "memoryview(b'abc')":
        "7dd01c4bb907033f0beba8cd02d45641982b7f0c486952ee58da102fcede0099",
    "collections.OrderedDict([('a', 1), ('b', 2)])":
        "500b854c6b5760a8fa8f91e138d8d756897735b5c33e410384e679e7f8df2e33",
    "collections.defaultdict(list, {'a': [1]})":
        "8604ebb1d557a512610144b132fe9e9cd5f0ae6859f7cc36ba350aea7ef7014b",
    "collections.Counter('abca')":
        "0ee66aa0249022df3e2741367928beac2f35485653f1628e39152c02fbb489d3",
    "collections.deque([1, 2], 5)":
        "b5a434ecfc5de675700e200a2db1e13896c969f1429df98c5b1364154ee60d82",
    "collections.ChainMap({'a': 1}, {'b': 2})":
        "48c74ecf75177f2e37010a4cae81fabc28e92a630d846aa794ed0733c836e439",
    "collections.UserDict({'a': 1})":
        "62ec67398fda0c2b991e931a45e23b0f9bdcb466e348d465b60a0fa065a6c046",
    "types.SimpleNamespace(b=1, a=2)":
        "3d204c0fd329098116863809ff10f812518ee21e49bad2f29ccf7d7144c040bf",
    "types.MappingProxyType({'a': 1})":
        "b85698eac28d61415b8d7186e046c6c73da41469f5874957bb34611be1791888",
    "functools.partial(print, 1, end='')":
        "0aa516545bd5ba505fb0d522bbca099ed7c149be3c0097a3e75a9be0d6642d16",
    "ValueError('x', 1)":
        "46331fe37a53d2ad404273e911650abece579b98c1aec6183bd76d40917064b2",
    "random.Random(5)":
        "f3b1c9e0a22c2f64abace2ade8d50d72ba4e90c69f36eaa1d3d12edc9abe853f",
    "io.BytesIO(b'abc')":
        "ed5e733e4ea120d6aa3ca49d8e511621ebc48651e5337cab7cf310a7500d38d3",
    "int":
        "0e46616778a31642c9411ecc74e6d7abae66efe71616d889e5c51c4631fcad02",
    "dict":
        "cd39b8ff91309cb6ca654badee9f673e25864481cab1b8325621b3ee74522674",
    "collections.OrderedDict":
        "21c4b4dff30cfa5810cadb99ea91ba0b3c1b712311ddfe9e5342c4b3f3ab1db1",
    "len":
        "66019e42721e7788d6d97a83d3474124b5fc2ce8507fb692016a03bed17d3c68",
    "math.sin":
        "92c6dda09864e045e53382831e48e7dba7136193fc02731782c13425d8c9bf24",
    "'x'.join":
        "97b47c07c966862bc251d6c6efc46eb707cae71044c21883f6e4b59f90634f13",
    "str.upper":
        "2c076074f38feb1db4c81918d5c64719737c4963044ddbdf713e41e77467c290",
    "dict.fromkeys":
        "2ecac68db9e1a34d0954c3325b2d5af5b69453e5a13cacb72d1294eeb1b7d639",
    "re.IGNORECASE":
        "f9914b4a92d30f5ba372e1909d2627f14f43bf49e8f29171c245317c869a5d18",
    "argparse.Namespace()":
        "d99d4bbaad074a253deb12ffcbf2cb5fc74e222c34a3c8d31f690b448b30aab1",
    "argparse.Namespace(b=1, a=2)":
        "c1f4495023e2270f51de011de4624724010a224d91292bee550afea8c4133753",
}


def value_of(expression: str) -> Any:
    return eval(expression, dict(NAMESPACE))  # noqa: S307  # from the table above


@dataclasses.dataclass
class Basket:
    fruit: Any
    count: int = 1


class Slotted:
    __slots__ = ("__hidden", "left", "right")

    def __init__(self, left: Any, right: Any = None) -> None:
        self.left = left
        self.__hidden = 1
        if right is not None:
            self.right = right


class Color(enum.Enum):
    RED = 1
    BLUE = 2


class Number(enum.IntEnum):
    ONE = 1


class Access(enum.Flag):
    READ = 1
    WRITE = 2


class Bag(dict):
    pass


class Pile(list):
    pass


class Crowd(set):
    pass


class Word(str):
    __slots__ = ()


class Home(pathlib.PurePosixPath):
    pass


class Node:
    def __init__(self, **attributes: Any) -> None:
        self.__dict__.update(attributes)


Point = collections.namedtuple("Point", "x y")  # noqa: PYI024
Other = collections.namedtuple("Point", "a b")  # noqa: PYI024


def helper(a: int) -> int:
    return a


# -- the same everywhere --------------------------------------------------------------------------

@pytest.mark.parametrize("expression", GOLDEN)
def test_a_golden_value_has_its_golden_digest(expression):
    assert digest(value_of(expression)) == GOLDEN[expression]


def test_the_golden_table_is_not_empty_and_tells_its_values_apart():
    assert len(GOLDEN) > 60
    assert len(set(GOLDEN.values())) == len(GOLDEN)


@pytest.mark.parametrize("seed", ["0", "1", "4711"])
def test_another_process_with_another_hash_seed_finds_the_same_digests(seed):
    script = (
        "import argparse, array, collections, datetime as dt, decimal, fractions, functools, io, math, pathlib, random\n"
        "import re, sys, types, uuid\n"
        "from deepwatch_flow.hashing.values import ValueHasher\n"
        "asked = []\n"
        "plain = ValueHasher()\n"
        "asking = ValueHasher(reference=lambda value: asked.append(plain.digest(value)))\n"
        "for line in sys.stdin.read().splitlines():\n"
        "    print(plain.digest(eval(line)), asking.digest(eval(line)))\n"
        "print(*asked)\n"
    )
    expressions = [*GOLDEN, "{len, abs, 'a', frozenset({print, 'b'}), (min, max)}"]
    root = pathlib.Path(__file__).resolve().parents[2]
    outputs = {
        subprocess.run([sys.executable, "-c", script], input="\n".join(expressions), text=True, check=True,
                       stdout=subprocess.PIPE, env={**os.environ, "PYTHONHASHSEED": each, "PYTHONPATH": str(root)}
                       ).stdout
        for each in ("99", seed)
    }
    assert len(outputs) == 1
    found = [line.split() for line in outputs.pop().splitlines()]
    assert [pair[0] for pair in found[:len(GOLDEN)]] == list(GOLDEN.values())
    assert all(plain == asking for plain, asking in found[:len(expressions)])


# -- properties -----------------------------------------------------------------------------------

SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.complex_numbers(), st.text(), st.binary(),
    st.decimals(allow_nan=False), st.fractions(), st.dates(), st.datetimes(), st.times(), st.timedeltas(),
    st.uuids(), st.sampled_from([*Color, *Number, ..., NotImplemented, range(3), pathlib.PurePosixPath("a/b")]))


def values(scalars: Any, keys: Any) -> Any:
    return st.recursive(scalars, lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.lists(inner, max_size=4).map(tuple), st.dictionaries(keys, inner, max_size=4),
        st.sets(keys, max_size=4), st.frozensets(keys, max_size=4), st.builds(Basket, inner),
        st.builds(Slotted, inner), st.builds(Point, inner, inner), st.lists(inner, max_size=3).map(Pile),
        st.dictionaries(keys, inner, max_size=3).map(Bag), st.dictionaries(keys, inner, max_size=3).map(
            collections.OrderedDict), st.lists(inner, max_size=3).map(collections.deque)), max_leaves=12)


def typed(value: Any) -> Any:
    """Return what two values must have in common to count as equal: types and all."""
    kind = type(value)
    if kind is float:
        return (kind, "nan" if math.isnan(value) else struct.pack(">d", value))
    if kind is complex:
        return (kind, typed(value.real), typed(value.imag))
    if isinstance(value, dict):
        return (kind, [(typed(key), typed(inner)) for key, inner in value.items()])
    if isinstance(value, (set, frozenset)):
        return (kind, sorted(repr(typed(inner)) for inner in value))
    if isinstance(value, (list, tuple, collections.deque)):
        return (kind, [typed(inner) for inner in value])
    if isinstance(value, Basket):
        return (kind, typed(value.fruit), typed(value.count))
    if isinstance(value, Slotted):
        return (kind, typed(value.left))
    if kind is decimal.Decimal:
        return (kind, value.as_tuple())
    if isinstance(value, (dt.datetime, dt.time)):
        return (kind, value.isoformat(), value.fold)
    return (kind, value)


@given(values(SCALARS, st.one_of(st.text(max_size=3), st.integers(-3, 3))))
@settings(max_examples=200, deadline=None)
def test_a_copy_and_a_pickled_value_have_the_same_digest(value):
    assert digest(copy.deepcopy(value)) == digest(value)
    assert digest(pickle.loads(pickle.dumps(value))) == digest(value)


FEW = st.sampled_from([0, 1, True, False, None, 0.0, -0.0, 1.0, "", "1", b"", b"1", "11", math.nan, ()])


@given(values(FEW, st.sampled_from([0, 1, "", "1"])), values(FEW, st.sampled_from([0, 1, "", "1"])))
@settings(max_examples=500, deadline=None)
def test_two_values_have_one_digest_only_if_they_are_equal_with_their_types(one, other):
    assert (digest(one) == digest(other)) is (typed(one) == typed(other))


@given(st.lists(st.one_of(st.text(), st.integers(), st.frozensets(st.text())), unique_by=repr), st.randoms())
@settings(max_examples=100, deadline=None)
def test_the_order_in_which_a_set_was_filled_does_not_count(elements, shuffler):
    shuffled = list(elements)
    shuffler.shuffle(shuffled)
    assert digest(set(elements)) == digest(set(shuffled))
    assert digest(Crowd(elements)) == digest(Crowd(shuffled)) != digest(set(elements))


# -- what counts ----------------------------------------------------------------------------------

DIFFERENT = [
    [1, True, 1.0, decimal.Decimal(1), fractions.Fraction(1), "1", b"1", bytearray(b"1"), 1 + 0j, Number.ONE],
    [0.0, -0.0, 0, False],
    [[1, 12], [11, 2], [[1], 12], [[1, 12]], (1, 12), {1, 12}, frozenset({1, 12}), {1: 12}, Pile([1, 12])],
    [{}, Bag(), collections.OrderedDict(), collections.defaultdict(), collections.defaultdict(list),
     collections.Counter()],
    [{"a": 1, "b": 2}, {"b": 2, "a": 1}],
    [["ab"], ["a", "b"], ["a", ["b"]], [["a"], "b"]],
    ["x" * 1024, "x" * 1025, b"x" * 1025, bytearray(b"x" * 1025)],
    [Color.RED, Color.BLUE, 1, "RED"],
    [Access.READ, Access.WRITE, Access.READ | Access.WRITE],
    [Basket(1), Basket(2), Basket(1, 2), Slotted(1), {"fruit": 1, "count": 1}],
    [Slotted(1), Slotted(1, 2), Slotted(2)],
    [Point(1, 2), Other(1, 2), (1, 2)],
    [Word("a"), "a"],
    [range(3), range(0, 3, 2), [0, 1, 2]],
    [re.compile("a"), re.compile("a", re.IGNORECASE), re.compile(b"a"), "a"],
    [pathlib.PurePosixPath("a"), pathlib.PureWindowsPath("a"), pathlib.Path("a"), Home("a"), "a"],
    [dt.datetime(2020, 1, 1), dt.datetime(2020, 1, 1, fold=1), dt.date(2020, 1, 1),
     dt.datetime(2020, 1, 1, tzinfo=dt.timezone.utc),
     dt.datetime(2020, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=1)))],
    [decimal.Decimal("1.0"), decimal.Decimal("1.00"), decimal.Decimal("-1.0")],
    [collections.deque([1]), collections.deque([1], 3), [1]],
    [array.array("i", [1]), array.array("l", [1]), memoryview(b"\1"), b"\1"],
    [types.MappingProxyType({"a": 1}), {"a": 1}],
    [int, float, "int", len, abs, helper],
    [functools.partial(helper, 1), functools.partial(helper, 2), functools.partial(helper, a=1), helper],
    ["x".join, "y".join, b"x".join],
    [Basket(1).__init__, Basket(2).__init__],
    [slice(1), slice(0, 1), slice(1, None)],
    [ValueError("a"), ValueError("b"), KeyError("a")],
    [lambda: 1, lambda: 2, lambda: 1.0],
    [lambda x=1: x, lambda x=2: x, lambda *, x=1: x],
    [None, ..., NotImplemented, (), [], "", b"", set(), frozenset()],
]


@pytest.mark.parametrize("group", DIFFERENT, ids=lambda group: repr(type(group[0]).__name__))
def test_values_of_one_look_but_another_nature_differ(group):
    assert len({digest(value) for value in group}) == len(group)


EQUAL = [
    (math.nan, -math.nan, float("inf") - float("inf")),
    (Node(a=1, b=2), Node(b=2, a=1)),
    ([[1], [1]], [[1]] * 2),
    (memoryview(b"abcd")[::2], memoryview(b"ac")),
    (pathlib.Path("a/b"), pathlib.Path("a") / "b", pathlib.Path("a//b/")),
    (lambda: 1, lambda: 1),
    (10 ** 10000, 10 ** 5000 * 10 ** 5000),
]


@pytest.mark.parametrize("group", EQUAL, ids=lambda group: repr(type(group[0]).__name__))
def test_values_that_behave_alike_have_one_digest(group):
    assert len({digest(value) for value in group}) == 1


def test_functions_count_with_their_closures_and_by_name_where_that_is_enough():
    def made(number: int) -> Any:
        return lambda: number

    assert digest(made(1)) == digest(made(1)) != digest(made(2))
    clone = types.FunctionType(helper.__code__, globals(), "helper")
    clone.__qualname__ = "helper"
    assert digest(clone) != digest(helper)  # the name would lead to another object


def test_a_class_with_its_own_reading_of_state_keeps_the_order_of_it():
    class Ordered:
        def __init__(self, items: Any) -> None:
            self.items = items

        def __getstate__(self) -> Any:
            return dict(self.items)

        def __setstate__(self, state: Any) -> None:
            self.items = list(state.items())

    assert digest(Ordered([("a", 1), ("b", 2)])) != digest(Ordered([("b", 2), ("a", 1)]))


# -- values that hold each other -----------------------------------------------------------------

def ring(*labels: Any) -> Any:
    nodes = [Node(label=label) for label in labels]
    for node, following in zip(nodes, [*nodes[1:], nodes[0]]):
        node.next = following
    return nodes


def test_a_list_that_holds_itself_has_a_digest():
    one: Any = []
    one.append(one)
    other: Any = []
    other.append(other)
    two: Any = [[]]
    two[0].append(two)
    assert digest(one) == digest(other) != digest([one])
    assert digest(one) != digest(two)


def test_a_ring_counts_from_where_it_is_entered():
    one, other = ring(1, 2, 3), ring(1, 2, 3)
    assert digest(one[0]) == digest(other[0]) == digest(ring(1, 2, 3)[0])
    assert len({digest(node) for node in one}) == 3
    assert digest(one[1]) == digest(ring(2, 3, 1)[0])
    assert digest([one[0], one[1]]) == digest([one[0], other[1]]) == digest([other[0], ring(2, 3, 1)[0]])


def test_rings_of_like_objects_differ_by_their_length():
    assert digest(ring(1, 1)[0]) != digest(ring(1, 1, 1)[0]) != digest(ring(1, 1, 1, 1)[0])
    assert digest(ring(1, 1, 1)[0]) == digest(ring(1, 1, 1)[1])


def test_a_shared_value_outside_of_a_ring_may_be_a_copy():
    inner = [1]
    one, other = Node(a=inner, b=inner), Node(a=inner, b=[1])
    one.me, other.me = one, other
    assert digest(one) == digest(other)


def family(names: Any) -> Any:
    members = [Node(name=name) for name in names]
    for member in members:
        member.others = set(members) - {member}
    return members


def test_objects_that_know_each_other_by_sets_are_walked_in_one_order():
    assert len({digest(family("abcdef")[2]) for _ in range(5)}) == 1
    assert digest(family("abc")[0]) != digest(family("abd")[0])
    whole = family("aaaa")
    for member in whole:
        member.all = whole  # a list tells apart what the sets can't
    assert len({digest(member) for member in whole}) == 4


def test_objects_that_only_identity_tells_apart_are_refused_in_a_set():
    with pytest.raises(Undigestible, match="identity"):
        digest(family("aaa")[0])


def test_many_objects_that_all_know_each_other_are_no_matter():
    everybody = [Node(number=i) for i in range(100)]
    for node in everybody:
        node.everybody = everybody
    assert digest(everybody) == digest(pickle.loads(pickle.dumps(everybody)))


def test_a_value_shared_very_often_is_read_once():
    value: Any = [1]
    for _ in range(200):
        value = [value, value]
    assert digest(value) == digest(copy.deepcopy(value))


def test_a_list_nested_a_hundred_thousand_deep_has_a_digest():
    def nested() -> Any:
        value: Any = []
        for _ in range(100_000):
            value = [value]
        return value

    value = nested()
    assert digest(value) == digest(nested()) != digest(value[0])
    while value:  # takes it apart: the garbage collector of old Pythons would recurse
        value = value.pop()


# -- below the root --------------------------------------------------------------------------------

def test_paths_below_the_root_are_the_same_in_another_checkout():
    here, there = ValueHasher(root="/home/a/project").digest, ValueHasher(root="/srv/b/").digest
    for make in (str, pathlib.Path, lambda text: {"path": [text]}):
        assert here(make("/home/a/project/data/x.csv")) == there(make("/srv/b/data/x.csv"))
        assert here(make("/home/a/project")) == there(make("/srv/b"))
        assert here(make("/home/a/project/x")) != there(make("/srv/b/y"))
        assert here(make("/home/a/project/x")) != here(make("x"))
        assert here(make("/home/a/project2/x")) != there(make("/srv/b2/x"))
        assert here(make("/home/a/projects")) == there(make("/home/a/projects"))
        assert here(make("data/x.csv")) == there(make("data/x.csv")) == digest(make("data/x.csv"))
    assert here("/home/a/project/x") != here(pathlib.Path("/home/a/project/x"))


def test_the_root_of_the_file_system_is_no_root():
    assert ValueHasher(root="/").digest("/etc") == digest("/etc")


# -- references and digesters ---------------------------------------------------------------------

def test_a_reference_stands_for_functions_classes_modules_and_instances():
    asked = []

    def reference(value: Any) -> Any:
        asked.append(value)
        return b"token" if value in (helper, math) else None

    hasher = ValueHasher(reference=reference)
    thing = Basket(1)
    one = hasher.digest([helper, math, thing, [1, "a", {2: None}], dt.datetime(2020, 1, 1), thing])
    assert asked == [helper, math, thing, Basket]
    with pytest.raises(Undigestible):
        digest(math)
    assert hasher.digest(helper) == hasher.digest(math) != digest(helper)
    assert hasher.digest(helper) != hasher.digest(b"token")
    assert one != ValueHasher(reference=lambda value: b"other" if value is helper else reference(value)).digest(
        [helper, math, thing, [1, "a", {2: None}], dt.datetime(2020, 1, 1), thing])


def test_a_reference_can_stand_for_what_can_not_be_digested_in_a_set():
    hasher = ValueHasher(reference=lambda value: b"lock" if isinstance(value, type(threading.Lock())) else None)
    assert hasher.digest({threading.Lock(), "a"}) == hasher.digest({"a", threading.Lock()})


def test_a_digester_gives_the_values_that_make_up_an_object():
    def digester(value: Any) -> Any:
        return ["kept", value.left] if isinstance(value, Slotted) else None

    hasher = ValueHasher(digesters=[digester])
    assert hasher.digest(Slotted([1], 2)) == hasher.digest(Slotted([1], 3)) != hasher.digest(Slotted([2], 2))
    assert hasher.digest(Basket(1)) == digest(Basket(1))
    with pytest.raises(Undigestible) as caught:
        hasher.digest({"a": Slotted([threading.Lock()])})
    assert caught.value.where == "['a'][0]"


# -- what has no digest ---------------------------------------------------------------------------

def generator() -> Any:
    yield 1


@pytest.mark.parametrize("make", [
    threading.Lock, threading.RLock, generator, lambda: iter([1]), lambda: map(len, []), lambda: zip(), sys._getframe,
    lambda: {}.keys(), lambda: sys, lambda: iter({}), lambda: enumerate([]), lambda: reversed([]), lambda: object.__new__(
        type("Broken", (), {"__reduce_ex__": lambda self, protocol: 1 / 0})),
], ids=lambda make: getattr(make, "__name__", "value"))
def test_what_can_not_be_told_is_refused(make):
    with pytest.raises(Undigestible):
        digest(make())


def test_an_open_file_is_refused(tmp_path):
    with open(tmp_path / "x", "w") as file, pytest.raises(Undigestible, match="TextIOWrapper"):
        digest(file)


def test_the_refusal_tells_where():
    value = {"a": [1, Basket(collections.OrderedDict(x=Slotted((0, threading.Lock()))))]}
    with pytest.raises(Undigestible) as caught:
        digest(value)
    assert caught.value.where == "['a'][1].fruit['x'].left[1]"
    assert caught.value.type_name == "_thread.lock"
    assert "_thread.lock at ['a'][1].fruit['x'].left[1]" in caught.value.message
    assert caught.value.hint


def test_the_refusal_of_something_deep_is_short():
    value: Any = threading.Lock()
    for _ in range(10_000):
        value = [value]
    with pytest.raises(Undigestible) as caught:
        digest(value)
    assert len(caught.value.message) < 300
    while isinstance(value, list):
        value = value.pop()


def test_what_libraries_register_for_exceptions_changes_no_digest(monkeypatch: pytest.MonkeyPatch) -> None:
    before = digest(ValueError("x"))
    monkeypatch.setitem(copyreg.dispatch_table, ValueError, lambda error: (ValueError, ("another",)))
    assert digest(ValueError("x")) == before
