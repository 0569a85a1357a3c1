"""Digests of pandas' frames, series, indexes and scalars; and whose treatment an object of a package gets.

Nothing here imports those packages: a type's module tells whose it is, and an object that exists
has its package loaded. A frame is its columns, each as its values. Registered like a plugin's
digester: gives the values that make up an object.
"""
from __future__ import annotations

import sys
from typing import Any, Callable, Dict, List, Optional

from .arrays import numpy_parts
from .arrow import arrow_column, arrow_parts, arrow_texts, polars_parts
from .naming import type_name
from .reduction import Told, Undigestible
from .scientific import figure_parts, image_parts, learned_parts, sparse_parts, tensor_parts
from .texts import Texts

Parts = List[object]


def digest_frame(value: object) -> Optional[Parts]:
    """Return what makes up an array, a table or another object of a known package, None for anything else."""
    kind = type(value)
    for base in kind.__mro__[:-1]:
        treat = _PACKAGES.get(base.__module__.partition(".")[0])
        if treat is not None:
            try:
                parts = treat(value)
            except Undigestible:
                raise
            except Exception as error:  # the package's own code may raise anything; the cause is kept
                raise Undigestible(type_name(kind), f"{type(error).__name__}: {error}") from error
            return None if parts is None else Told(parts)
    return None


def _pandas(value: Any) -> Optional[Parts]:
    pandas: Any = sys.modules["pandas"]
    if isinstance(value, pandas.DataFrame):
        columns = [_column(value.iloc[:, i].array) for i in range(value.shape[1])]
        return ["frame", value.index, _labels(pandas, value.columns), columns, *_extras(value, pandas.DataFrame)]
    if isinstance(value, pandas.Series):
        return ["series", value.name, value.index, _column(value.array), *_extras(value, pandas.Series)]
    if isinstance(value, pandas.Index):
        return _index(pandas, value)
    if isinstance(value, pandas.api.extensions.ExtensionArray):
        return ["column", _column(value)]
    return _pandas_scalar(pandas, value)


def _pandas_scalar(pandas: Any, value: Any) -> Optional[Parts]:
    if value is pandas.NaT or value is pandas.NA:
        return [type(value).__qualname__]
    if isinstance(value, pandas.Timestamp):
        return ["timestamp", value.asm8, _zone(value.tz), value.fold]
    if isinstance(value, pandas.Timedelta):
        return ["timedelta", value.asm8]
    if isinstance(value, pandas.Period):
        return ["period", value.ordinal, _frequency(value.freq)]
    if isinstance(value, pandas.Interval):
        return ["interval", value.left, value.right, value.closed]
    if isinstance(value, pandas.tseries.offsets.BaseOffset):
        return ["offset", _frequency(value)]
    if isinstance(value, pandas.api.extensions.ExtensionDtype):
        return ["dtype", *_dtype(pandas, value)]
    return None


def _index(pandas: Any, value: Any) -> Parts:
    names = list(value.names)
    own: Parts = [] if type(value).__module__.partition(".")[0] == "pandas" else [type(value)]
    if isinstance(value, pandas.MultiIndex):
        levels = [_column(value.get_level_values(i).array) for i in range(value.nlevels)]
        return ["multi-index", names, levels, *own]
    if isinstance(value, pandas.RangeIndex):
        return ["range-index", names, value.start, value.stop, value.step, *own]
    return ["index", names, _frequency(getattr(value, "freq", None)), _column(value.array), *own]


def _labels(pandas: Any, columns: Any) -> object:
    """Return the names of columns: text is text, of whatever dtype it is (object before pandas 3, then str)."""
    if type(columns) is pandas.MultiIndex:
        return ["labels", [_labels(pandas, columns.get_level_values(i)) for i in range(columns.nlevels)]]
    if type(columns) is pandas.Index and (columns.dtype == object or isinstance(columns.dtype, pandas.StringDtype)):
        return ["labels", list(columns.names), columns.tolist()]
    return columns


def _extras(value: Any, plain: type) -> Parts:
    extras: Parts = [dict(value.attrs)] if value.attrs else []
    if not getattr(getattr(value, "flags", None), "allows_duplicate_labels", True):
        extras.append("labels are unique")
    kind = type(value)
    if kind is not plain:
        names = getattr(value, "_metadata", ())  # how a subclass tells which attributes are its own
        extras += [kind, [(name, getattr(value, name, None)) for name in names]]
    return extras


def _frequency(freq: Any) -> object:
    """Return a frequency, not by its code: those were renamed ("M" is "ME")."""
    if freq is None:
        return None
    facts = {name: fact for name, fact in sorted(freq.kwds.items()) if name != "calendar"}
    calendar = freq.kwds.get("calendar")
    if isinstance(calendar, sys.modules["numpy"].busdaycalendar):     # mostly it is made of the others, and tells nothing new
        usual = sys.modules["numpy"].busdaycalendar(facts.get("weekmask", "1111100"), list(facts.get("holidays", ())))
        if (calendar.weekmask.tolist(), calendar.holidays.tolist()) != (usual.weekmask.tolist(), usual.holidays.tolist()):
            facts["calendar"] = [calendar.weekmask.tolist(), calendar.holidays.tolist()]
    return [type(freq).__qualname__, freq.n, freq.normalize, facts]


def _zone(zone: Any) -> object:
    """Return a time zone as its fixed offset or its name: pandas takes it from three libraries."""
    if zone is None:
        return None
    offset = zone.utcoffset(None)
    return str(zone) if offset is None else offset


def _dtype(pandas: Any, dtype: Any) -> Parts:
    """Return an extension dtype, without what releases of pandas write in different ways."""
    name = type_name(type(dtype)).rpartition(".")[2]
    if isinstance(dtype, pandas.CategoricalDtype):
        categories = None if dtype.categories is None else _column(dtype.categories.array)
        return [name, categories, dtype.ordered]
    if isinstance(dtype, pandas.DatetimeTZDtype):
        return [name, getattr(dtype, "unit", "ns"), _zone(dtype.tz)]
    if isinstance(dtype, pandas.PeriodDtype):
        return [name, _frequency(dtype.freq)]
    if isinstance(dtype, pandas.IntervalDtype):
        return [name, str(dtype.subtype), getattr(dtype, "closed", None)]
    if isinstance(dtype, pandas.SparseDtype):
        return [name, str(dtype.subtype), dtype.fill_value]
    return [name, str(dtype)]


def _column(array: Any) -> object:
    """Return the values of a column and what tells how to read them."""
    pandas: Any = sys.modules["pandas"]
    numpy: Any = sys.modules["numpy"]
    dtype = array.dtype
    if isinstance(dtype, numpy.dtype):
        return ["numpy", numpy.asarray(array)]
    if isinstance(dtype, (pandas.CategoricalDtype, pandas.DatetimeTZDtype, pandas.PeriodDtype, pandas.IntervalDtype)):
        return _structured(pandas, numpy, array)
    if type(dtype).__name__ in ("NumpyEADtype", "PandasDtype"):
        return ["numpy", array.to_numpy()]
    name = _dtype(pandas, dtype)
    if type(dtype).__name__ == "ArrowDtype":
        return [name, arrow_column(array.__arrow_array__())]
    missing = numpy.asarray(array.isna())
    if isinstance(dtype, pandas.StringDtype):
        # one digest for both ways to store text, so that it does not depend on pyarrow being installed
        if "pyarrow" in str(getattr(dtype, "storage", "")):
            return [name, missing, arrow_texts(array.__arrow_array__())]
        return [name, missing, Texts.of(array.to_numpy(dtype=object)[~missing].tolist(), verbatim=True)]
    plain = getattr(dtype, "numpy_dtype", None)
    if isinstance(plain, numpy.dtype) and plain.kind in "biuf" and not isinstance(dtype, pandas.SparseDtype):
        # what lies below a missing value is left over; the mask tells where they are
        return [name, missing, array[~missing].to_numpy(dtype=plain)]
    return [name, missing, array[~missing].to_numpy(dtype=object)]


def _structured(pandas: Any, numpy: Any, array: Any) -> object:
    dtype = array.dtype
    name = _dtype(pandas, dtype)
    if isinstance(dtype, pandas.CategoricalDtype):
        return [name, numpy.asarray(array.codes)]
    if isinstance(dtype, pandas.IntervalDtype):
        return [name, _column(array.left.array), _column(array.right.array), numpy.asarray(array.isna())]
    return [name, numpy.asarray(array.astype("int64"))]


_PACKAGES: Dict[str, Callable[[Any], Optional[Parts]]] = {
    "numpy": numpy_parts,
    "pandas": _pandas,
    "polars": polars_parts,
    "pyarrow": arrow_parts,
    "scipy": sparse_parts,
    "sklearn": learned_parts,
    "PIL": image_parts,
    "matplotlib": figure_parts,
    "torch": tensor_parts,
}
