"""Digests of Arrow's and polars' tables and columns: not by chunks, offsets or what lies below missing values.

Neither package is imported here: what exists has it loaded.
"""
from __future__ import annotations

import importlib
import json
import sys
from typing import Any, Dict, Iterator, List, Optional

from .naming import type_name
from .reduction import Undigestible
from .texts import PIECE, Packed, Texts

Parts = List[object]


def polars_parts(value: Any) -> Optional[Parts]:
    """Return what makes up a value of one of polars' types."""
    polars: Any = sys.modules["polars"]
    if isinstance(value, polars.DataFrame):
        return ["frame", value.columns, list(value.get_columns())]
    if isinstance(value, polars.Series):
        return _polars_series(polars, value)
    if isinstance(value, polars.LazyFrame):
        raise Undigestible(type_name(type(value)), "a lazy frame is a plan, not data; collect() it first")
    return None


def _polars_series(polars: Any, value: Any) -> Parts:
    # how categories are kept is written in another way by each release
    kind: object = "Categorical" if value.dtype == polars.Categorical else str(value.dtype)
    if value.dtype == polars.Enum:
        kind = ["Enum", *value.dtype.categories.to_list()]
    nulls = value.is_null().to_numpy() if value.null_count() else None
    return ["series", value.name, kind, len(value), nulls, *_polars_cells(polars, value.dtype, value.drop_nulls())]


def _polars_cells(polars: Any, kind: Any, kept: Any) -> Iterator[object]:
    plain = kind.is_numeric() or kind.is_temporal() or kind == polars.Boolean
    if plain and kind != polars.Decimal and "128" not in str(kind):
        yield kept.to_physical().to_numpy()
    elif kind == polars.String:
        yield _polars_texts(kept)
    elif kind == polars.List:
        lengths = kept.list.len()
        yield lengths.to_numpy()
        yield kept.filter(lengths > 0).explode()
    elif kind == polars.Struct:
        yield kept.struct.unnest()
    else:
        yield kept.to_list()


def _polars_texts(kept: Any) -> Texts:
    if len(kept) >= PIECE:  # by Arrow's buffers, where pyarrow is there to give them
        try:
            arrow = importlib.import_module("pyarrow")
        except ImportError:
            pass
        else:
            return arrow_texts(kept.to_arrow().cast(arrow.large_string()))
    return Texts.of(kept.to_list(), verbatim=True)


def arrow_parts(value: Any) -> Optional[Parts]:
    """Return what makes up a value of one of Arrow's types."""
    arrow: Any = sys.modules["pyarrow"]
    if isinstance(value, arrow.Schema):
        return ["schema", *_schema(value)]
    if isinstance(value, (arrow.Table, arrow.RecordBatch)):
        kind = "table" if isinstance(value, arrow.Table) else "batch"
        return [kind, *_schema(value.schema), value.num_rows, [arrow_column(column) for column in value.columns]]
    if isinstance(value, (arrow.ChunkedArray, arrow.Array)):
        return ["array", arrow_column(value)]
    if isinstance(value, arrow.Scalar):
        return ["scalar", str(value.type), value.as_py()]
    if isinstance(value, arrow.DataType):
        return ["type", str(value)]
    if isinstance(value, arrow.Field):
        return ["field", *_field(value)]
    return None


def _schema(schema: Any) -> Parts:
    # not its serialised form: that is another one with each release
    return [[_field(field) for field in schema], _metadata(schema.metadata)]


def _field(field: Any) -> Parts:
    return [field.name, str(field.type), field.nullable, _metadata(field.metadata)]


def _metadata(found: Any) -> Optional[Dict[bytes, object]]:
    """Return metadata, without the versions of the libraries that pandas puts into it."""
    if not found:
        return None
    metadata: Dict[bytes, object] = dict(sorted(found.items()))
    try:
        notes = json.loads(found[b"pandas"])
        for labels in notes.get("column_indexes") or ():
            if labels["pandas_type"] == "unicode":  # text is text, see ``frames``
                labels["numpy_type"] = labels["metadata"] = None
        metadata[b"pandas"] = {key: notes[key] for key in sorted(notes)
                               if notes[key] and key not in ("creator", "pandas_version")}
    except (KeyError, ValueError, TypeError, AttributeError):
        pass  # somebody else's: counts as it is
    return metadata


def arrow_column(column: Any) -> object:
    """Return type and values of an array or a chunked one."""
    arrow: Any = sys.modules["pyarrow"]
    if isinstance(column, arrow.ChunkedArray):
        if column.num_chunks == 1:
            column = column.chunk(0)
        elif not _is_text(arrow, column.type):
            column = arrow.concat_arrays(column.chunks) if column.num_chunks else arrow.array([], column.type)
    if arrow.types.is_dictionary(column.type):  # its missing values may be missing in the dictionary, too
        return [str(column.type), arrow_column(column.dictionary_decode())]
    missing: object = None
    if column.null_count:
        nulls = column.is_null()
        missing = nulls.to_numpy() if isinstance(nulls, arrow.ChunkedArray) else nulls.to_numpy(zero_copy_only=False)
    return [str(column.type), len(column), missing, *_values(arrow, column)]


def _is_text(arrow: Any, kind: Any) -> bool:
    types = arrow.types
    return bool(types.is_string(kind) or types.is_large_string(kind) or types.is_binary(kind)
                or types.is_large_binary(kind))


def _values(arrow: Any, column: Any) -> Iterator[object]:
    """Yield what tells the values of a column that are not missing."""
    kind, types = column.type, arrow.types
    if _is_text(arrow, kind):
        yield arrow_texts(column)
    elif isinstance(column, arrow.ExtensionArray):
        yield arrow_column(column.storage)
    elif any(test(kind) for test in (types.is_integer, types.is_floating, types.is_temporal, types.is_decimal)):
        yield _fixed(column.drop_null(), kind.bit_width // 8)
    elif types.is_boolean(kind):
        yield column.drop_null().to_numpy(zero_copy_only=False)
    elif types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        kept = column.drop_null()
        if not types.is_fixed_size_list(kind):
            yield kept.value_lengths().cast(arrow.int64()).to_numpy()
        yield arrow_column(kept.flatten())
    elif types.is_struct(kind):
        yield [arrow_column(part) for part in column.flatten()]
    else:
        yield column.to_pylist()


def _fixed(kept: Any, width: int) -> memoryview:
    data = kept.buffers()[1]
    start = kept.offset * width
    return memoryview(data)[start:start + len(kept) * width] if data is not None and len(kept) else memoryview(b"")


def arrow_texts(column: Any) -> Texts:
    """Return the texts, or byte strings, of a column that are not missing."""
    arrow: Any = sys.modules["pyarrow"]
    chunks = column.chunks if isinstance(column, arrow.ChunkedArray) else [column]
    binary = not (arrow.types.is_string(column.type) or arrow.types.is_large_string(column.type))
    return Texts(len(column) - column.null_count, _pieces(chunks), binary, verbatim=True)


def _pieces(chunks: List[Any]) -> Iterator[Packed]:
    numpy: Any = sys.modules["numpy"]
    for chunk in chunks:
        kept = chunk.drop_null()
        wide = str(kept.type).startswith("large")
        for start in range(0, len(kept), PIECE):
            part = kept[start:start + PIECE]
            _, ends, data = part.buffers()
            offsets = numpy.frombuffer(ends, "<i8" if wide else "<i4")[part.offset:part.offset + len(part) + 1]
            lengths = numpy.diff(offsets).astype("<u8").tobytes()
            text = b"" if data is None else bytes(memoryview(data)[int(offsets[0]):int(offsets[-1])])
            yield Packed(lengths, text, part.to_pylist)
