"""Digests of numpy arrays and of pandas, polars and Arrow tables, by their data and not their layout.

Nothing here imports those packages: a type's module tells whose it is, and an object that exists
has its package loaded. An array is dtype, shape and C-ordered bytes; a table its columns, each as
its values. Registered like a plugin's digester: gives the values that make up an object.
"""
from __future__ import annotations

import sys
from typing import Any, Callable, Dict, Iterator, List, Optional

from .naming import type_name
from .reduction import Undigestible

Parts = List[object]


def digest_frame(value: object) -> Optional[Parts]:
    """Return what makes up an array or a table, None for anything else."""
    for kind in type(value).__mro__[:-1]:
        treat = _PACKAGES.get(kind.__module__.partition(".")[0])
        if treat is not None:
            return treat(value)
    return None


# -- numpy -----------------------------------------------------------------------------------------

def _numpy(value: Any) -> Optional[Parts]:
    numpy: Any = sys.modules["numpy"]
    kind = type(value)
    if isinstance(value, numpy.dtype):
        return ["dtype", *_dtype(value)]
    if isinstance(value, numpy.generic):
        return ["scalar", *_dtype(value.dtype), *_cells(numpy.asarray(value))]
    if not isinstance(value, numpy.ndarray):
        return None
    # an own subclass counts, with what it adds
    own: Parts = []
    if kind not in (numpy.ndarray, numpy.memmap):
        own = [kind, dict(sorted(getattr(value, "__dict__", {}).items()))]
    if isinstance(value, numpy.ma.MaskedArray):
        # the data below a mask are what was left there: they don't count
        mask, kept = numpy.ma.getmaskarray(value), value.data
        if value.dtype.names is None:
            kept = numpy.where(mask, numpy.zeros((), value.dtype), kept)
        return ["masked", kind, *_array(kept), *_array(mask), *_array(numpy.asarray(value.fill_value))]
    return ["array", *_array(value.view(numpy.ndarray)), *own]


def _array(value: Any) -> Iterator[object]:
    yield from _dtype(value.dtype)
    yield value.shape
    yield from _cells(value)


def _dtype(dtype: Any) -> Iterator[object]:
    if dtype.names is not None:
        yield [(name, dtype.fields[name][1], list(_dtype(dtype.fields[name][0]))) for name in dtype.names]
        yield dtype.itemsize
    elif dtype.subdtype is not None:
        yield [list(_dtype(dtype.subdtype[0])), dtype.subdtype[1]]
    elif dtype.kind == "T":
        yield ["string", repr(getattr(dtype, "na_object", None))]
    else:
        yield dtype.str
    if dtype.metadata:
        yield dict(dtype.metadata)


def _cells(value: Any) -> Iterator[object]:
    """Yield the cells of an array in C order: as bytes where they are bytes."""
    dtype = value.dtype
    if dtype.names is not None:
        for name in dtype.names:  # field by field: what pads a record is left-over memory
            yield list(_cells(value[name]))
    elif dtype.hasobject or dtype.kind == "T":
        yield value.ravel(order="C").tolist()
    elif value.size:
        numpy: Any = sys.modules["numpy"]
        flat = numpy.ascontiguousarray(value).reshape(-1)
        if dtype.kind == "g" or dtype.str[1:] in ("f16", "c32"):
            # long doubles are padded, too
            yield [numpy.format_float_scientific(half) for cell in flat for half in (cell.real, cell.imag)]
        else:
            yield flat.view(numpy.uint8).data


# -- pandas ----------------------------------------------------------------------------------------

def _pandas(value: Any) -> Optional[Parts]:
    pandas: Any = sys.modules["pandas"]
    if isinstance(value, pandas.DataFrame):
        columns = [_column(series.array) for _, series in value.items()]
        return ["frame", value.index, value.columns, columns, *_extras(value, pandas.DataFrame)]
    if isinstance(value, pandas.Series):
        return ["series", value.name, value.index, _column(value.array), *_extras(value, pandas.Series)]
    if isinstance(value, pandas.MultiIndex):
        levels = [_column(value.get_level_values(i).array) for i in range(value.nlevels)]
        return ["multi-index", list(value.names), levels]
    if isinstance(value, pandas.RangeIndex):
        return ["range-index", list(value.names), value.start, value.stop, value.step]
    if isinstance(value, pandas.Index):
        return ["index", list(value.names), getattr(value, "freqstr", None), _column(value.array)]
    if isinstance(value, pandas.api.extensions.ExtensionArray):
        return ["column", _column(value)]
    return None


def _extras(value: Any, plain: type) -> Parts:
    extras: Parts = [dict(value.attrs)] if value.attrs else []
    kind = type(value)
    if kind is not plain:
        names = getattr(value, "_metadata", ())  # how a subclass tells which attributes are its own
        extras += [kind, [(name, getattr(value, name, None)) for name in names]]
    return extras


def _column(array: Any) -> object:
    """Return the values of a column and what tells how to read them."""
    pandas: Any = sys.modules["pandas"]
    numpy: Any = sys.modules["numpy"]
    dtype = array.dtype
    if isinstance(dtype, numpy.dtype):
        cells = array.to_numpy() if dtype.kind not in "mM" else numpy.asarray(array)
        return ["numpy", getattr(array, "freqstr", None), cells]
    name = [type_name(type(dtype)).rpartition(".")[2], str(dtype)]
    if isinstance(dtype, pandas.CategoricalDtype):
        return [name, _column(dtype.categories.array), dtype.ordered, numpy.asarray(array.codes)]
    if isinstance(dtype, pandas.DatetimeTZDtype):
        return [name, numpy.asarray(array.astype("int64"))]
    if isinstance(dtype, pandas.PeriodDtype):
        return [name, numpy.asarray(array.astype("int64"))]
    if isinstance(dtype, pandas.IntervalDtype):
        return [name, _column(array.left.array), _column(array.right.array)]
    missing = numpy.asarray(array.isna())
    plain = getattr(dtype, "numpy_dtype", None)
    if isinstance(plain, numpy.dtype) and plain.kind in "biuf" and not isinstance(dtype, pandas.SparseDtype):
        # what lies below a missing value is left over; the mask tells where they are
        return [name, missing, array[~missing].to_numpy(dtype=plain)]
    return [name, missing, array[~missing].to_numpy(dtype=object)]


# -- polars and Arrow ------------------------------------------------------------------------------

def _polars(value: Any) -> Optional[Parts]:
    polars: Any = sys.modules["polars"]
    if isinstance(value, polars.DataFrame):
        return ["frame", value.columns, list(value.get_columns())]
    if isinstance(value, polars.Series):
        kept = value.drop_nulls()
        plain = value.dtype.is_numeric() or value.dtype.is_temporal() or value.dtype == polars.Boolean
        if plain and value.dtype != polars.Decimal:
            cells: object = kept.to_physical().to_numpy()
        else:
            cells = kept.to_list()
        return ["series", value.name, str(value.dtype), value.is_null().to_numpy(), cells]
    if isinstance(value, polars.LazyFrame):
        raise Undigestible(type_name(type(value)), "a lazy frame is a plan, not data; collect() it first")
    return None


def _arrow(value: Any) -> Optional[Parts]:
    arrow: Any = sys.modules["pyarrow"]
    if isinstance(value, arrow.Schema):
        return ["schema", value.serialize().to_pybytes()]
    if isinstance(value, arrow.Table):
        return ["table", value.schema, [_arrow_column(arrow, column) for column in value.columns]]
    if isinstance(value, arrow.RecordBatch):
        return ["batch", value.schema, [_arrow_column(arrow, column) for column in value.columns]]
    if isinstance(value, (arrow.ChunkedArray, arrow.Array)):
        return ["array", _arrow_column(arrow, value)]
    if isinstance(value, arrow.Scalar):
        return ["scalar", str(value.type), value.as_py()]
    return None


def _arrow_column(arrow: Any, column: Any) -> object:
    """Return type and values of a column, without chunks, offsets or what lies below missing values."""
    if isinstance(column, arrow.ChunkedArray):
        column = arrow.concat_arrays(column.chunks) if column.num_chunks else arrow.array([], column.type)
    kind = column.type
    missing = column.is_null()
    types = arrow.types
    if any(test(kind) for test in (types.is_integer, types.is_floating, types.is_temporal)):
        kept = column.drop_null()
        width = kind.bit_width // 8
        data = kept.buffers()[1]
        start = kept.offset * width
        values: object = b""
        if data is not None and len(kept):
            values = memoryview(data)[start:start + len(kept) * width]
        nulls = missing.to_numpy(zero_copy_only=False).tobytes() if column.null_count else None
        return [str(kind), len(column), nulls, values]
    return [str(kind), column.to_pylist()]


_PACKAGES: Dict[str, Callable[[Any], Optional[Parts]]] = {
    "numpy": _numpy,
    "pandas": _pandas,
    "polars": _polars,
    "pyarrow": _arrow,
}
