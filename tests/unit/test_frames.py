"""Arrays and tables are digested by their data: not by layout, chunks or what lies below missing values."""
from __future__ import annotations

import pickle

import pytest

from deepwatch_flow.hashing.frames import digest_frame
from deepwatch_flow.hashing.values import Undigestible, ValueHasher

numpy = pytest.importorskip("numpy")
digest = ValueHasher(digesters=[digest_frame]).digest


def test_other_values_are_left_to_others():
    assert digest_frame([1]) is None
    assert digest_frame({"a": 1}) is None
    assert digest_frame(numpy) is None
    assert digest_frame(numpy.random) is None


# -- numpy -----------------------------------------------------------------------------------------

def test_the_layout_of_an_array_does_not_count():
    array = numpy.arange(12.0).reshape(3, 4)
    assert digest(array) == digest(numpy.asfortranarray(array)) == digest(array.T.copy().T)
    assert digest(array[:, ::2]) == digest(array[:, ::2].copy())
    assert digest(array[::-1]) == digest(array[::-1].copy()) != digest(array)


def test_shape_type_and_cells_of_an_array_count():
    arrays = [
        numpy.arange(4), numpy.arange(4).reshape(2, 2), numpy.arange(4, dtype="i4"), numpy.arange(4, dtype=">i4"),
        numpy.arange(4.0), numpy.arange(1, 5), numpy.arange(4).astype(object), numpy.arange(4).astype(str),
        numpy.arange(4).astype("M8[D]"), numpy.arange(4).astype("M8[s]"), numpy.arange(4).astype("m8[s]"),
        numpy.zeros((0, 2)), numpy.zeros((2, 0)), numpy.array(0), numpy.int64(0), 0, [0, 1, 2, 3],
        numpy.array([0, 1]) == 1, numpy.array([1j]),
    ]
    assert len({digest(array) for array in arrays}) == len(arrays)


def test_an_array_of_objects_counts_cell_by_cell():
    def made() -> object:
        return numpy.array([1, "".join(["a", "b"]), None, (1, {"x", "y"})], dtype=object)

    assert digest(made()) == digest(made())
    assert digest(numpy.array([1], dtype=object)) != digest(numpy.array([True], dtype=object))


def test_the_padding_of_a_record_does_not_count():
    dtype = numpy.dtype([("a", "i1"), ("b", "f8")], align=True)
    one = numpy.frombuffer(b"\x00" * dtype.itemsize, dtype=dtype)
    other = numpy.frombuffer(b"\x00" + b"\xff" * 7 + b"\x00" * 8, dtype=dtype)
    assert digest(one) == digest(other)
    changed = one.copy()
    changed["b"] = 1
    assert digest(changed) != digest(one)


def test_the_padding_of_a_long_double_does_not_count():
    one = numpy.zeros(2, dtype=numpy.longdouble)
    other = numpy.frombuffer(bytearray(b"\xff" * one.nbytes), dtype=numpy.longdouble).copy()
    other[:] = 0
    assert digest(one) == digest(other) != digest(numpy.ones(2, dtype=numpy.longdouble))


def test_what_lies_below_a_mask_does_not_count():
    one = numpy.ma.array([1, 2], mask=[False, True])
    assert digest(one) == digest(numpy.ma.array([1, 3], mask=[False, True]))
    assert digest(one) != digest(numpy.ma.array([1, 2], mask=[True, False]))
    assert digest(one) != digest(numpy.array([1, 2]))


class Named(numpy.ndarray):
    """An array with something added."""


def test_a_subclass_of_array_counts_with_what_it_adds():
    plain = numpy.arange(3)
    named, other = plain.view(Named), plain.view(Named)
    other.name = "x"
    assert len({digest(plain), digest(named), digest(other)}) == 3


def test_a_scalar_is_not_the_number():
    values = [numpy.float64(1), 1.0, numpy.float32(1), numpy.array(1.0), numpy.bool_(True), True]
    assert len({digest(value) for value in values}) == len(values)


# -- pandas ----------------------------------------------------------------------------------------

@pytest.fixture(name="pandas")
def _pandas():
    return pytest.importorskip("pandas")


@pytest.fixture(name="frame")
def _frame(pandas):
    return pandas.DataFrame({
        "int": [1, 2, 3],
        "float": [1.0, None, 3.0],
        "object": numpy.array(["a", None, 3], dtype=object),
        "text": pandas.array(["x", None, "z"], dtype="string"),
        "category": pandas.Categorical(["u", "v", "u"]),
        "time": pandas.to_datetime(["2020-01-01", "2021-01-01", None]),
        "zoned": pandas.to_datetime(["2020-01-01", "2021-01-01", "2022-01-01"], utc=True),
        "delta": pandas.to_timedelta([1, 2, 3], unit="s"),
        "nullable": pandas.array([1, None, 3], dtype="Int64"),
        "flag": pandas.array([True, None, False], dtype="boolean"),
        "period": pandas.period_range("2020-01", periods=3, freq="M"),
        "interval": pandas.interval_range(0, 3),
        "sparse": pandas.arrays.SparseArray([0, 0, 1]),
    })


def test_copies_of_a_frame_and_frames_built_in_another_way_are_equal(pandas, frame):
    same = digest(frame)
    assert digest(frame.copy()) == same
    assert digest(pickle.loads(pickle.dumps(frame))) == same
    assert digest(pandas.concat([frame[["int", "float"]], frame.drop(columns=["int", "float"])], axis=1)) == same
    assert digest(frame.iloc[::-1].iloc[::-1]) == same


def test_each_column_of_a_frame_counts(frame):
    turned = [frame.assign(**{name: frame[name].iloc[::-1].reset_index(drop=True)}) for name in frame.columns
              if name not in ("category", "flag")]
    shorter = [frame.drop(columns=name) for name in frame.columns]
    named = [frame.rename(columns={name: "other"}) for name in frame.columns]
    everything = [frame, frame.iloc[:2], frame[frame.columns[::-1]], *turned, *shorter, *named]
    assert len({digest(one) for one in everything}) == len(everything)


def test_index_names_types_and_attributes_count(pandas):
    frame = pandas.DataFrame({"a": [1, 2], "b": [3, 4]})
    noted = frame.copy()
    noted.attrs["unit"] = "m"
    variants = [
        frame, frame.set_axis([0, 2]), frame.rename_axis("x"), frame.set_index("a"), frame.set_index(["a", "b"]),
        frame.astype("float64"), frame.astype("int32"), frame.astype("Int64"), frame.astype(object),
        frame.astype("category"), frame["a"], frame["a"].rename("b"), frame["a"].to_frame(), noted,
        frame.rename_axis(columns="x"), frame.index, frame.columns, frame.to_numpy(),
    ]
    assert len({digest(variant) for variant in variants}) == len(variants)


def test_categories_and_their_order_count(pandas):
    made = [pandas.Series(pandas.Categorical(["a"], categories=list(names), ordered=ordered))
            for names in ("a", "ab", "ba") for ordered in (False, True)]
    assert len({digest(series) for series in made}) == len(made)


def test_what_lies_below_a_missing_value_does_not_count(pandas):
    kept = pandas.array([1, 7, 3], dtype="Int64")
    kept[1] = None
    assert digest(kept) == digest(pandas.array([1, None, 3], dtype="Int64"))


def test_levels_that_nothing_uses_do_not_count(pandas):
    index = pandas.MultiIndex.from_tuples([("a", 1), ("b", 2)])
    assert digest(index[:1]) == digest(pandas.MultiIndex.from_tuples([("a", 1)]))
    assert digest(index) != digest(index.set_names(["x", "y"]))


def test_the_refusal_of_something_in_a_frame_tells_its_type(pandas):
    frame = pandas.DataFrame({"a": numpy.array([iter([])], dtype=object)})
    with pytest.raises(Undigestible, match="list_iterator"):
        digest(frame)


# -- polars and Arrow ------------------------------------------------------------------------------

CELLS = {"a": [1, 2, None, 4], "s": ["a", None, "c", "d"], "f": [1.0, 2.0, 3.0, None],
         "l": [[1], [2, 3], None, []], "b": [True, None, False, True], "t": [{"x": 1, "y": ["u"]}, None, {"x": None, "y": []}, {}]}


def test_chunks_and_slices_of_an_arrow_table_do_not_count():
    arrow = pytest.importorskip("pyarrow")
    table = arrow.table(CELLS)
    assert digest(arrow.concat_tables([table.slice(0, 2), table.slice(2)])) == digest(table)
    assert digest(arrow.table(table.slice(1).to_pydict(), schema=table.schema)) == digest(table.slice(1))
    changed = [table.slice(1), *(table.drop([name]) for name in CELLS), table.rename_columns(list("uvwxyz"))]
    assert len({digest(one) for one in [table, *changed]}) == len(changed) + 1


def test_chunks_and_slices_of_a_polars_frame_do_not_count():
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame(CELLS)
    assert digest(polars.concat([frame[:2], frame[2:]], rechunk=False)) == digest(frame)
    assert digest(polars.DataFrame(frame[1:].to_dict(as_series=False), schema=frame.schema)) == digest(frame[1:])
    changed = [frame[1:], *(frame.drop(name) for name in CELLS), frame.rename({"a": "x"}), frame["a"], frame["b"]]
    assert len({digest(one) for one in [frame, *changed]}) == len(changed) + 1
    with pytest.raises(Undigestible, match="collect"):
        digest(frame.lazy())


def test_cells_of_nested_columns_count():
    arrow = pytest.importorskip("pyarrow")
    pairs = arrow.list_(arrow.int64(), 2)
    columns = [arrow.array(cells, pairs) for cells in ([[1, 2], None], [[1, 3], None], [None, [1, 2]], [[1, None], None], [])]
    columns += [arrow.array([cell, {"x": 2}]) for cell in ({"x": 1}, {"x": None}, None, {"y": 1})]
    columns += [arrow.DictionaryArray.from_arrays(arrow.array(places), arrow.array(["a", None]))
                for places in ([0, 1], [1, 0], [0, 0])]
    assert len({digest(column) for column in columns}) == len(columns)
    missing = arrow.DictionaryArray.from_arrays(arrow.array([None, 0]), arrow.array(["a", None]))
    assert digest(missing) == digest(columns[-2])  # whether the place is missing or what is there
    for column in columns:
        assert digest(arrow.concat_arrays([column, column])[len(column):]) == digest(column)


def test_cells_of_nested_polars_columns_count():
    polars = pytest.importorskip("polars")
    cells = [[[1], [2, 3]], [[1, 2], [3]], [[1], [], [2, 3]], [[], [1], [2, 3]], [[1], None, [2, 3]], [[1], [2, None]], [[None], []],
             [{"x": 1}], [{"x": None}], [{"x": 2}]]
    assert len({digest(polars.Series(column)) for column in cells}) == len(cells)


def test_what_a_consumer_can_ask_of_a_table_counts(pandas):
    frame = pandas.DataFrame({"a": [1, 2]})
    assert digest(frame) != digest(frame.set_flags(allows_duplicate_labels=False))
    sundays = pandas.offsets.CustomBusinessDay(calendar=numpy.busdaycalendar(weekmask="Sun Mon"))
    assert digest(sundays) != digest(pandas.offsets.CustomBusinessDay())
    titled = numpy.zeros(2, dtype=[(("t", "a"), "i4")])
    assert digest(titled) != digest(numpy.zeros(2, dtype=[("a", "i4")]))
