"""Where arrays and tables differ: dtype and shape, then the cells, by index, row and column.

Cells are compared as their digests see them, by their bytes: -0.0 is not 0.0. As in ``frames`` nothing
here imports the packages, and a type's module tells whose it is.
"""
from __future__ import annotations

import sys
from typing import Any, Callable, Dict, List, Optional, Tuple

from .unlike import Both, Found, Unlike, became, one_sided, shown

#: how many cells are compared at a time
_PIECE = 1 << 20
#: what pandas calls a column that is a numpy array
_NUMPY_COLUMNS = ("NumpyExtensionArray", "PandasArray")


def differing_tables(old: Any, new: Any) -> Optional[Found]:
    """Return how two arrays or tables of one type differ, None for anything else."""
    for kind in type(old).__mro__[:-1]:
        treat = _PACKAGES.get(kind.__module__.partition(".")[0])
        if treat is not None:
            return treat(old, new)
    return None


# -- numpy -----------------------------------------------------------------------------------------

def _numpy(old: Any, new: Any) -> Optional[Found]:
    numpy: Any = sys.modules["numpy"]
    if isinstance(old, numpy.ma.MaskedArray):
        return _masked(old, new)
    if isinstance(old, numpy.ndarray):
        return _arrays(old.view(numpy.ndarray), new.view(numpy.ndarray))
    if isinstance(old, numpy.generic):
        return iter([became(old, new)] if old.dtype != new.dtype or old.tobytes() != new.tobytes() else [])
    return None


def _masked(old: Any, new: Any) -> Found:
    numpy: Any = sys.modules["numpy"]
    masks = [numpy.ma.getmaskarray(each) for each in (old, new)]
    yield Both(".mask", *masks)
    if old.shape == new.shape and old.dtype == new.dtype and old.dtype.names is None:
        zero = numpy.zeros((), old.dtype)
        yield Both(".data", *(numpy.where(mask, zero, each.data) for mask, each in zip(masks, (old, new))))
    else:
        yield Both(".data", old.data, new.data)
    yield Both(".fill_value", old.fill_value, new.fill_value)


def _arrays(old: Any, new: Any) -> Found:
    numpy: Any = sys.modules["numpy"]
    if old.dtype != new.dtype:
        yield Unlike(f"dtype {old.dtype} became {new.dtype}", str(old.dtype), str(new.dtype))
        return
    if old.shape != new.shape:
        yield Unlike(f"shape {old.shape} became {new.shape}", str(old.shape), str(new.shape))
        if not old.ndim or not new.ndim or old.shape[1:] != new.shape[1:]:
            return      # cells of one have no counterpart in the other
        rows = min(len(old), len(new))
        old, new = old[:rows], new[:rows]
    if old.dtype.names is not None:
        for name in old.dtype.names:
            yield Both(f"[{name!r}]", old[name], new[name])
    elif old.dtype.hasobject or old.dtype.kind == "T":
        for at, (was, now) in enumerate(zip(old.ravel().tolist(), new.ravel().tolist())):
            yield Both(_index(numpy.unravel_index(at, old.shape)), was, now)
    else:
        at, count = _unequal(old, new)
        if count:
            index = numpy.unravel_index(at, old.shape)
            yield became(old[index], new[index], after=_of(count, old.size, "cells") + _largest(old, new), label=_index(index))


def _index(index: Tuple[Any, ...]) -> str:
    return f"[{', '.join(str(int(each)) for each in index)}]" if index else ""


def _of(count: int, size: int, what: str) -> str:
    return f" ({count} of {size} {what} differ)" if size > 1 else ""


def _unequal(old: Any, new: Any) -> Tuple[int, int]:
    """Return the first cell, counted in C order, that differs between arrays of one dtype and shape, and how many do."""
    numpy: Any = sys.modules["numpy"]
    before, now = (numpy.ascontiguousarray(each).reshape(-1) for each in (old, new))
    first, count = -1, 0
    for begin in range(0, before.size, _PIECE):
        pair = [each[begin:begin + _PIECE] for each in (before, now)]
        if old.dtype.kind == "g" or old.dtype.str[1:] in ("f16", "c32"):
            unlike = (pair[0] != pair[1]) & ~(numpy.isnan(pair[0]) & numpy.isnan(pair[1]))     # they are padded
        elif old.dtype.itemsize:
            cells = [each.view(numpy.uint8).reshape(len(each), -1) for each in pair]
            unlike = (cells[0] != cells[1]).any(axis=1)
        else:
            continue        # texts of no characters
        found = numpy.flatnonzero(unlike)
        if len(found) and first < 0:
            first = begin + int(found[0])
        count += len(found)
    return first, count


def _largest(old: Any, new: Any) -> str:
    """Return in words by how much numbers differ at most: whether it is rounding alone."""
    numpy: Any = sys.modules["numpy"]
    if old.dtype.kind not in "fc" or old.size > 10 * _PIECE:
        return ""
    with numpy.errstate(all="ignore"):
        by = numpy.abs(old - new)
    finite = by[numpy.isfinite(by)]
    return f", by at most {finite.max():.3g}" if finite.size else ""


# -- pandas ----------------------------------------------------------------------------------------

def _pandas(old: Any, new: Any) -> Optional[Found]:
    pandas: Any = sys.modules["pandas"]
    if isinstance(old, pandas.DataFrame):
        return _frames(old, new)
    if isinstance(old, pandas.Series):
        return _series(old, new)
    if isinstance(old, pandas.MultiIndex):
        return _multi_indexes(old, new)
    if isinstance(old, pandas.Index):
        return _indexes(old, new)
    if isinstance(old, pandas.api.extensions.ExtensionArray):
        return _columns(old, new, range(len(old)), "")
    return None


def _frames(old: Any, new: Any) -> Found:
    names = _names(list(old.columns)), _names(list(new.columns))
    yield from _named_columns(*names)
    if len(old) != len(new):
        yield Unlike(f"{len(old)} rows became {len(new)}", str(len(old)), str(len(new)))
    yield Both(".index", old.index, new.index)
    yield Both(".columns", old.columns, new.columns)
    rows = min(len(old), len(new))
    for key, at in names[0].items():
        if key in names[1]:
            columns = old.iloc[:rows, at].array, new.iloc[:rows, names[1][key]].array
            yield from _columns(*columns, old.index, f"[{shown(old.columns[at])}]")
    if old.attrs or new.attrs:
        yield Both(".attrs", dict(old.attrs), dict(new.attrs))


def _names(labels: List[object]) -> Dict[Tuple[object, int], int]:
    """Return where each column stands, by its name and how often that came before."""
    seen: Dict[object, int] = {}
    found: Dict[Tuple[object, int], int] = {}
    for at, label in enumerate(labels):
        seen[label] = seen.get(label, -1) + 1
        found[(label, seen[label])] = at
    return found


def _named_columns(old: Dict[Tuple[object, int], int], new: Dict[Tuple[object, int], int]) -> Found:
    yield from one_sided("column", *({f"{key!r}".encode("utf-8", "replace"): key[0] for key in each} for each in (old, new)))
    order = [[key for key in each if key in old and key in new] for each in (old, new)]
    if order[0] != order[1]:
        at = next(i for i, (was, now) in enumerate(zip(*order)) if was != now)
        yield became(order[0][at][0], order[1][at][0], f"columns stand in another order: from column {at} on, ")


def _series(old: Any, new: Any) -> Found:
    yield Both(".name", old.name, new.name)
    if len(old) != len(new):
        yield Unlike(f"{len(old)} rows became {len(new)}", str(len(old)), str(len(new)))
    yield Both(".index", old.index, new.index)
    rows = min(len(old), len(new))
    yield from _columns(old.array[:rows], new.array[:rows], old.index, "")
    if old.attrs or new.attrs:
        yield Both(".attrs", dict(old.attrs), dict(new.attrs))


def _indexes(old: Any, new: Any) -> Found:
    yield Both(".names", list(old.names), list(new.names))
    rows = min(len(old), len(new))
    if len(old) != len(new):
        yield Unlike(f"length {len(old)} became {len(new)}", str(len(old)), str(len(new)))
    yield from _columns(old.array[:rows], new.array[:rows], range(rows), "")


def _multi_indexes(old: Any, new: Any) -> Found:
    yield Both(".names", list(old.names), list(new.names))
    for level in range(min(old.nlevels, new.nlevels)):
        yield Both(f".get_level_values({level})", old.get_level_values(level), new.get_level_values(level))


def _columns(old: Any, new: Any, index: Any, label: str) -> Found:
    """Yield how two columns of equal length differ: in dtype, or in the first of so many rows."""
    numpy: Any = sys.modules["numpy"]
    if str(old.dtype) != str(new.dtype):
        yield Unlike(f"dtype {old.dtype} became {new.dtype}", str(old.dtype), str(new.dtype), label)
        return
    if hasattr(old, "categories"):
        yield Both(f"{label}.cat.categories", list(old.categories), list(new.categories))
        yield Both(f"{label}.cat.ordered", bool(old.ordered), bool(new.ordered))
    kind = old.dtype.numpy_dtype if type(old).__name__ in _NUMPY_COLUMNS else old.dtype
    plain = isinstance(kind, numpy.dtype) and not kind.hasobject
    cells = [numpy.asarray(each) if plain else numpy.asarray(each, dtype=object) for each in (old, new)]
    if plain:
        at, count = _unequal(*cells)
        after = _largest(*cells) if count else ""
    else:
        at, count = _unequal_cells(cells[0].tolist(), cells[1].tolist())
        after = ""
    if count:
        yield _row(cells[0][at], cells[1][at], at, index, (count, len(old), after, label))


def _row(old: object, new: object, at: int, index: Any, told: Tuple[int, int, str, str]) -> Unlike:
    count, size, after, label = told
    here = shown(index[at]) if at < len(index) else str(at)
    row = f"row {at}: " if here == str(at) else f"row {at} (index {here}): "
    return became(old, new, row, _of(count, size, "rows") + after, label)


def _unequal_cells(old: List[object], new: List[object]) -> Tuple[int, int]:
    found = [at for at, (was, now) in enumerate(zip(old, new)) if not _is_same(was, now)]
    return (found[0] if found else -1), len(found)


def _is_same(old: Any, new: Any) -> bool:
    if old is new:
        return True
    if type(old) is not type(new):
        return False
    if isinstance(old, float):
        return repr(old) == repr(new)
    try:
        return bool(old == new)
    except Exception:  # noqa: BLE001 - arrays in cells, types of somebody's own: their texts have to do
        return shown(old) == shown(new)


# -- polars and Arrow ------------------------------------------------------------------------------

def _polars(old: Any, new: Any) -> Optional[Found]:
    polars: Any = sys.modules["polars"]
    if isinstance(old, polars.DataFrame):
        return _listed_frames([(each.name, each) for each in old.get_columns()], [(each.name, each) for each in new.get_columns()])
    if isinstance(old, polars.Series):
        return _listed((_type_of(old), old), (_type_of(new), new), "")
    return None


def _arrow(old: Any, new: Any) -> Optional[Found]:
    arrow: Any = sys.modules["pyarrow"]
    if isinstance(old, (arrow.Table, arrow.RecordBatch)):
        return _arrow_tables(old, new)
    if isinstance(old, (arrow.ChunkedArray, arrow.Array)):
        return _listed((_type_of(old), old), (_type_of(new), new), "")
    return None


def _arrow_tables(old: Any, new: Any) -> Found:
    yield from _listed_frames(*([(name, each.column(i)) for i, name in enumerate(each.schema.names)] for each in (old, new)))
    yield Both(".schema.metadata", old.schema.metadata, new.schema.metadata)


def _listed_frames(old: List[Tuple[str, Any]], new: List[Tuple[str, Any]]) -> Found:
    names = _names([name for name, _ in old]), _names([name for name, _ in new])
    yield from _named_columns(*names)
    lengths = [len(each[0][1]) if each else 0 for each in (old, new)]
    if lengths[0] != lengths[1]:
        yield Unlike(f"{lengths[0]} rows became {lengths[1]}", str(lengths[0]), str(lengths[1]))
    for key, at in names[0].items():
        if key in names[1]:
            was, now = old[at][1], new[names[1][key]][1]
            yield from _listed((_type_of(was), was), (_type_of(now), now), f"[{key[0]!r}]")


def _type_of(column: Any) -> str:
    return str(column.type if hasattr(column, "type") else column.dtype)


def _listed(old: Tuple[str, Any], new: Tuple[str, Any], label: str) -> Found:
    """Yield how two columns differ that give their cells as lists; each comes with its type."""
    if old[0] != new[0]:
        yield Unlike(f"type {old[0]} became {new[0]}", old[0], new[0], label)
        return
    if not label and len(old[1]) != len(new[1]):
        yield Unlike(f"length {len(old[1])} became {len(new[1])}", str(len(old[1])), str(len(new[1])))
    cells = [each.to_pylist() if hasattr(each, "to_pylist") else each.to_list() for each in (old[1], new[1])]
    at, count = _unequal_cells(*cells)
    if count:
        rows = range(len(cells[0]))
        yield _row(cells[0][at], cells[1][at], at, rows, (count, len(rows), "", label))


_PACKAGES: Dict[str, Callable[[Any, Any], Optional[Found]]] = {
    "numpy": _numpy,
    "pandas": _pandas,
    "polars": _polars,
    "pyarrow": _arrow,
}
