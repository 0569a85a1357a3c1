"""Properties of digests: equal for equal values in any process, another one for one changed bit."""
from __future__ import annotations

import datetime as dt
import decimal
import sys
from typing import Any, Iterator, List

import pytest
from conftest import other_pythons
from elsewhere import Array, Basket, Color, Elsewhere, Frame, Point, digest, made
from hypothesis import assume, given, settings
from hypothesis import strategies as st

SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.complex_numbers(), st.text(), st.binary(),
    st.decimals(), st.fractions(), st.dates(), st.datetimes(timezones=st.just(dt.timezone.utc) | st.none()), st.times(),
    st.timedeltas(), st.uuids(), st.sampled_from([*Color, ..., range(3), decimal.Decimal("1.50")]))
KEYS = st.one_of(st.text(max_size=3), st.integers(-3, 3), st.none(), st.sampled_from(Color), st.frozensets(st.text(max_size=2)))
VALUES = st.recursive(SCALARS, lambda inner: st.one_of(
    st.lists(inner, max_size=4), st.lists(inner, max_size=4).map(tuple), st.dictionaries(KEYS, inner, max_size=4),
    st.sets(KEYS, max_size=6), st.frozensets(KEYS, max_size=6), st.builds(Basket, inner), st.builds(Point, inner, inner),
    st.lists(inner, max_size=2).map(lambda parts: [parts, parts])), max_leaves=15)
#: so many that they are encoded as a whole
MANY_TEXTS = st.lists(st.text(max_size=3), min_size=3, max_size=6).map(lambda texts: texts * 30)
DTYPES = ["<i4", "<f8", ">f8", "<c16", "|b1", "|u1", "<M8[s]", "<U2", "|S3"]


@st.composite
def array_recipes(draw: Any) -> Array:
    dtype = draw(st.sampled_from(DTYPES))
    size = {"<U2": 8, "|b1": 1, "|S3": 3}.get(dtype) or int(dtype[2:].partition("[")[0])
    shape = draw(st.sampled_from([(3,), (2, 3), (2, 2, 2), (0, 2), (), (200,)]))
    cells = 1
    for length in shape:
        cells *= length
    if dtype == "|b1":
        return Array(dtype, shape, bytes(draw(st.lists(st.integers(0, 1), min_size=cells, max_size=cells))))
    if dtype == "<U2":
        texts = draw(st.lists(st.text("ab\u00e9", min_size=2, max_size=2), min_size=cells, max_size=cells))
        return Array(dtype, shape, "".join(texts).encode("utf-32-le"))
    return Array(dtype, shape, draw(st.binary(min_size=size * cells, max_size=size * cells)))


@st.composite
def frame_recipes(draw: Any) -> Frame:
    rows = draw(st.sampled_from([0, 1, 3, 70]))
    texts = st.lists(st.text(max_size=3) | st.none(), min_size=rows, max_size=rows)
    columns: List[Any] = [("text", draw(texts))]
    columns += [(dtype, Array(dtype, (rows,), draw(st.binary(min_size=8 * rows, max_size=8 * rows))))
                for dtype in draw(st.lists(st.sampled_from(["<f8", "<i8", "<M8[ns]"]), unique=True))]
    return Frame(columns)


@pytest.fixture(name="everywhere", scope="module", params=["another hash seed", *sorted(other_pythons())])
def _everywhere(request: Any) -> Iterator[List[Elsewhere]]:
    python = other_pythons().get(request.param, sys.executable)
    processes = [Elsewhere(python, seed) for seed in ("0", "4711")]
    yield processes
    for process in processes:
        process.close()


@given(value=st.one_of(VALUES, MANY_TEXTS))
@settings(max_examples=150)
def test_equal_values_have_one_digest_in_every_process(everywhere, value):
    assert {process.digest(value) for process in everywhere} == {digest(value)}


@given(recipe=array_recipes())
@settings(max_examples=60)
def test_equal_arrays_have_one_digest_in_every_process(everywhere, recipe):
    pytest.importorskip("numpy")
    found = {process.digest(recipe) for process in everywhere}
    if not any("No module named" in one for one in found):
        assert found == {digest(made(recipe))}


@given(recipe=frame_recipes())
@settings(max_examples=60)
def test_equal_frames_have_one_digest_in_every_process(everywhere, recipe):
    pytest.importorskip("pandas")
    found = {process.digest(recipe) for process in everywhere}
    if not any("No module named" in one for one in found):
        assert found == {digest(made(recipe))}


# -- one changed bit ------------------------------------------------------------------------------

def flipped(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


@given(st.binary(min_size=1, max_size=3000), st.data())
def test_one_bit_of_bytes_counts(value, data):
    bit = data.draw(st.integers(0, 8 * len(value) - 1))
    for kind in (bytes, bytearray, memoryview):
        assert digest(kind(value)) != digest(kind(flipped(value, bit)))


@given(array_recipes(), st.data())
def test_one_bit_of_an_array_counts(recipe, data):
    pytest.importorskip("numpy")
    assume(recipe.data and recipe.dtype not in ("|b1", "<U2"))
    bit = data.draw(st.integers(0, 8 * len(recipe.data) - 1))
    other = recipe._replace(data=flipped(recipe.data, bit))
    assert digest(made(recipe)) != digest(made(other))


@given(st.integers(), st.integers(0, 70))
def test_one_bit_of_a_number_counts(number, bit):
    assert digest(number) != digest(number ^ 1 << bit)
    assert digest([number] * 100) != digest([*[number] * 99, number ^ 1 << bit])


@given(st.lists(st.one_of(st.text(max_size=4), st.none()), min_size=64, max_size=80), st.data())
def test_each_of_many_texts_counts_with_its_ends(texts, data):
    at = data.draw(st.integers(0, len(texts) - 2))
    one, following = texts[at], texts[at + 1]
    others = [[*texts[:at], (one or "") + "x", *texts[at + 1:]], [*texts[:at], following, one, *texts[at + 2:]],
              texts[1:], tuple(texts)]
    if one and following is not None:
        others.append([*texts[:at], one[:-1], one[-1] + following, *texts[at + 2:]])
    for other in others:
        assert (digest(other) == digest(texts)) is (type(other) is list and other == texts)
