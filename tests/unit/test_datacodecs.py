"""Arrays, tables and images come back from the store with an equal digest, and can be used as before."""
from __future__ import annotations

import pathlib
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepwatch_flow.builtin import deepwatch_codecs
from deepwatch_flow.errors import ConfigError
from deepwatch_flow.hashing.frames import digest_frame
from deepwatch_flow.hashing.values import ValueHasher
from deepwatch_flow.state import datacodecs
from deepwatch_flow.state.codecs import Codec, Codecs, StreamCodec, Unstorable
from deepwatch_flow.state.memory import MemoryStore
from deepwatch_flow.state.store import BlobMissing, LocalStore

numpy = pytest.importorskip("numpy")
digest = ValueHasher(digesters=[digest_frame]).digest
LARGE = 1 << 20


@pytest.fixture
def store(tmp_path: pathlib.Path) -> LocalStore:
    return LocalStore(str(tmp_path / "objects"))


def codecs(**options: Any) -> Codecs:
    return Codecs(deepwatch_codecs(), **options)


def there_and_back(value: Any, store: Any, codec: str, wanted: Any = None, **options: Any) -> Any:
    made = codecs(**options)
    kept = made.keep(value, store, wanted)
    assert kept.codec == codec
    assert store.size(kept.blob) == kept.size
    back = made.opened(kept.codec, store, kept.blob)()
    assert type(back) is type(value)
    assert digest(back) == digest(value)
    again = made.encode(value, wanted)
    assert (again.codec, store.put(again.data)) == (kept.codec, kept.blob), "other bytes in memory than in a stream"
    return back


def arrays() -> Any:
    rows = numpy.arange(LARGE // 2, dtype="f8").reshape(-1, 256)
    return {"c": rows, "f": numpy.asfortranarray(rows), "strided": rows[::2, 1::3], "datetimes": rows.astype("M8[s]"), "text": numpy.array(["ab"] * LARGE),
            "bool": rows > 3, "empty": numpy.zeros((0, 3)), "scalar": numpy.array(1.5), "small": numpy.arange(3), "big-endian": rows.astype(">i4")}


@pytest.mark.parametrize("name", sorted(arrays()))
def test_an_array_comes_back_writable_and_changing_it_never_reaches_the_store(store: LocalStore, name: str) -> None:
    value = arrays()[name]
    back = there_and_back(value, store, "npy")
    assert back.flags.writeable
    before = digest(value)
    if back.size:
        back.reshape(-1)[:1] = numpy.zeros(1, value.dtype)
        back[...] = back[::-1].copy() if back.ndim else 0
    assert digest(there_and_back(value, store, "npy")) == before


@pytest.mark.skipif(sys.platform == "win32", reason="arrays are read there")
def test_a_large_array_is_mapped_and_an_object_array_pickled(store: LocalStore) -> None:
    back = there_and_back(numpy.zeros(LARGE), store, "npy")
    assert not back.flags.owndata
    assert isinstance(back.base, numpy.memmap)
    there_and_back(numpy.array([1, "a", None], dtype=object), store, "pickle")


@given(st.data())
@settings(max_examples=30)
def test_any_array_comes_back(data: Any) -> None:
    npst = pytest.importorskip("hypothesis.extra.numpy")
    value = data.draw(npst.arrays(npst.scalar_dtypes(), npst.array_shapes(max_side=5)))
    made, store = codecs(), MemoryStore()
    kept = made.keep(value, store)
    assert digest(made.opened(kept.codec, store, kept.blob)()) == digest(value)


def test_buffers_inside_other_values_are_streamed_and_come_back(store: LocalStore) -> None:
    frozen = numpy.arange(LARGE)
    frozen.flags.writeable = False
    value = {"weights": numpy.random.default_rng(1).random(LARGE), "frozen": frozen, "twice": [frozen, frozen]}
    back = there_and_back(value, store, "pickle")
    assert back["weights"].flags.writeable
    assert back["twice"][0] is back["twice"][1]


def test_large_plain_values_come_back(store: LocalStore) -> None:
    there_and_back("é𝄞x" * LARGE, store, "text")
    there_and_back(b"x" * 3 * LARGE, store, "bytes")
    there_and_back("x" * 2 * LARGE + "\ud800", store, "pickle")
    there_and_back(tuple(range(LARGE)), store, "pickle")
    deep: Any = []
    for _ in range(4000):
        deep = [deep, (1,)]
    there_and_back(deep, store, "pickle")


@pytest.mark.parametrize("size", [0, 3 * LARGE])
def test_places_below_the_root_are_found_in_streams(store: LocalStore, size: int) -> None:
    value = {"filler": numpy.arange(size, dtype="u1"), "place": "/here/is/it/data.csv", "path": pathlib.Path("/here/is/it")}
    made = codecs(root="/here/is/it")
    kept = made.keep(value, store)
    assert kept.codec == "placed"
    moved = codecs(root="/elsewhere").opened("placed", store, kept.blob)()
    assert moved["place"] == "/elsewhere/data.csv"
    assert made.keep("x/here/is/itself" * 200_000, store).codec == "text"


# -- tables ----------------------------------------------------------------------------------------

def frames() -> Any:
    pandas = pytest.importorskip("pandas")
    rows = 70_000
    base = pandas.DataFrame({"a": numpy.arange(rows), "b": numpy.linspace(0, 1, rows), "t": pandas.date_range("2020", periods=rows, freq="s")})
    odd = numpy.frombuffer(numpy.array([0x7FF8000000000123] * rows, dtype="u8").tobytes(), dtype="f8")
    with_attrs = base.copy()
    with_attrs.attrs["source"] = "sensor"
    missing = [None if i % 7 else f"t{i}" for i in range(rows)]
    tables = {
        "plain": (base, "arrow"), "text": (base.assign(s=[f"t{i}" for i in range(rows)]), "arrow"), "attrs": (with_attrs, None),
        "missing text": (base.assign(s=pandas.Series(missing, dtype=object)), None),
        "categories": (base.assign(c=pandas.Categorical(["x", "y"] * (rows // 2), categories=["y", "x", "unused"], ordered=True)), "arrow"),
        "zones": (base.assign(z=base["t"].dt.tz_localize("Europe/Paris")), "arrow"),
        "extension": (base.assign(i=pandas.array([1, None] * (rows // 2), dtype="Int64")), "arrow"),
        "reversed": (base[::-1], "arrow"), "index": (base.set_index("t"), "arrow"), "named index": (base.rename_axis("n"), "arrow"),
        "several levels": (base.set_index(["a", "t"]).assign(c=1), "arrow"),
        "payload of a NaN": (base.assign(n=odd), None), "mixed": (base.assign(o=[1, "a"] * (rows // 2)), "pickle"),
        "None and NaN": (base.assign(o=pandas.Series([None, float("nan")] * (rows // 2), dtype=object)), "pickle"),
        "late": (base.assign(o=pandas.Series(["a"] * (rows - 1) + [2], dtype=object)), "pickle"),
        "complex": (base.assign(x=1j), "pickle"), "small": (base.head(10), "pickle")}
    return tables


@pytest.mark.parametrize("name", ["plain", "text", "attrs", "missing text", "categories", "zones", "extension", "reversed", "index", "named index",
                                  "several levels", "payload of a NaN", "mixed", "None and NaN", "late", "complex", "small"])
@pytest.mark.parametrize("wanted", [None, "parquet", "arrow", "pickle"])
def test_a_pandas_table_comes_back_as_it_is(name: str, wanted: Any) -> None:
    pytest.importorskip("pyarrow")
    value, expected = frames()[name]
    made, store = codecs(), MemoryStore()
    kept = made.keep(value, store, wanted)
    if wanted is None and expected is not None:     # None: it depends on the versions of pandas and pyarrow
        assert kept.codec == expected
    assert kept.codec == wanted or kept.codec in ("arrow", "pickle"), "no such format for it, so another one"
    back = made.opened(kept.codec, store, kept.blob)()
    assert digest(back) == digest(value)
    assert [list(map(type, back[column])) for column in back] == [list(map(type, value[column])) for column in value]
    back.iloc[0, 0] = back.iloc[1, 0]
    for column in ("a", "b"):       # with copy-on-write, pandas 3 gives out no writable view of any frame
        if column in value and value[column].to_numpy().flags.writeable:
            assert back[column].to_numpy().flags.writeable


@given(st.lists(st.tuples(st.integers(-2**63, 2**63 - 1), st.floats(), st.text(max_size=3) | st.none(), st.booleans() | st.none()), max_size=20),
       st.sampled_from(["arrow", "parquet"]))
@settings(max_examples=30, deadline=None)
def test_any_small_table_comes_back(rows: Any, wanted: str) -> None:
    pandas = pytest.importorskip("pandas")
    value = pandas.DataFrame(rows, columns=["i", "f", "s", "b"])
    made, store = codecs(), MemoryStore()
    kept = made.keep(value, store, wanted)
    assert digest(made.opened(kept.codec, store, kept.blob)()) == digest(value)


def test_tables_of_pyarrow_and_polars_come_back(store: LocalStore) -> None:
    arrow = pytest.importorskip("pyarrow")
    polars = pytest.importorskip("polars")
    table = arrow.table({"a": arrow.array([1, None, 3]), "d": arrow.array(["x", "y", "x"]).dictionary_encode()}, metadata={"k": "v"})
    there_and_back(table, store, "arrow")
    there_and_back(table.drop_columns(["d"]), store, "parquet", "parquet")
    there_and_back(table.schema.empty_table(), store, "arrow")
    frame = polars.DataFrame({"a": [1, None], "s": ["x", "é"], "f": [1.5, float("nan")]})
    there_and_back(frame, store, "polars")
    there_and_back(frame.with_columns(polars.col("s").cast(polars.Categorical).alias("c")), store, "pickle")


@pytest.mark.parametrize("mode", ["1", "L", "LA", "RGB", "RGBA"])
def test_an_image_is_a_png(store: LocalStore, mode: str) -> None:
    images = pytest.importorskip("PIL.Image")
    image = images.effect_noise((20, 10), 50).convert(mode)
    made = codecs()
    kept = made.keep(image, store)
    assert kept.codec == "png"
    back = made.opened("png", store, kept.blob)()
    assert (back.mode, back.size, back.tobytes()) == (image.mode, image.size, image.tobytes())
    image.info["dpi"] = (1, 1)
    assert made.keep(image, store).codec == "pickle"


# -- choosing, failing -------------------------------------------------------------------------------

class Upper(Codec):
    name = "upper"

    def encode(self, value: Any) -> Any:
        return value.upper().encode() if type(value) is str else None

    def decode(self, data: bytes) -> object:
        return data.decode().lower()


class Streaming(StreamCodec):
    name = "streaming"

    def write(self, value: Any, file: Any) -> bool:
        file.write(b"half" * LARGE)
        if type(value) is not complex:
            return False
        file.write(repr(value).encode())
        return True

    def read(self, file: Any) -> object:
        return complex(file.read()[4 * LARGE:].decode())


def test_a_codec_is_chosen_by_type_or_by_step(store: LocalStore) -> None:
    made = Codecs([*deepwatch_codecs(), Upper()], chosen={"str": "upper", "numpy.*": "pickle"})
    assert made.keep("text", store).codec == "upper"
    assert made.keep("text", store, "text").codec == "text"
    assert made.keep(numpy.zeros(3), store).codec == "pickle"
    assert made.keep([1], store, "npy").codec == "json", "a codec that does not take the value leaves it to others"
    with pytest.raises(ConfigError, match="no codec is named `upperr`") as caught:
        Codecs([Upper()], chosen={"str": "upperr"})
    assert "upper" in (caught.value.hint or "")


def test_what_a_codec_wrote_before_it_declined_is_dropped(store: LocalStore) -> None:
    made = Codecs([Streaming()])
    kept = made.keep({1, 2}, store)
    assert kept.codec == "pickle"
    assert list(store.list()) == [kept.blob]
    kept = made.keep(1j, store)
    assert (kept.codec, made.opened(kept.codec, store, kept.blob)()) == ("streaming", 1j)


def test_what_cannot_be_stored_names_type_and_place(store: LocalStore) -> None:
    value = {"a": [numpy.zeros(LARGE), {"gen": (each for each in "x")}]}
    with pytest.raises(Unstorable) as caught:
        codecs().keep(value, store)
    assert "generator" in str(caught.value)
    assert "['a'][1]['gen']" in str(caught.value)
    assert caught.value.hint
    assert list(store.list()) == []


def test_nothing_is_decoded_before_its_bytes_were_checked(store: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    made = codecs()
    kept = made.keep(tuple(range(LARGE)), store)
    path = pathlib.Path(store.path(kept.blob))
    path.chmod(0o644)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(BlobMissing):
        made.opened(kept.codec, store, kept.blob)
    assert datacodecs._ROWS < 70_000, "the tables above are of several pieces"


@pytest.mark.parametrize("columns", [[0, 1], ["a", 1], [("x", 1), ("y", 2)], [0.5, None], ["__index_level_0__", "b"]])
def test_a_table_with_any_column_names_is_stored(store: LocalStore, columns: Any) -> None:
    pandas, numpy = pytest.importorskip("pandas"), pytest.importorskip("numpy")
    frame = pandas.DataFrame(numpy.arange(140_000.0).reshape(70_000, 2))
    frame.columns = pandas.MultiIndex.from_tuples(columns) if isinstance(columns[0], tuple) else columns
    made = codecs()
    kept = made.keep(frame, store, None)
    back = made.opened(kept.codec, store, kept.blob)()
    pandas.testing.assert_frame_equal(back, frame)
