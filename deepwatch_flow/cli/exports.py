"""A value as a file of another format, and in short: what `show` needs to know of arrays, tables and pictures.

Nothing here imports their packages: a value of such a type has its package loaded.
"""
from __future__ import annotations

import csv
import io
import json
import os
import pickle
import sys
from typing import Any, BinaryIO, Callable, Dict, Optional

from ..errors import ConfigError, DeepwatchError
from ..hashing.naming import type_name
from ..state import disk

_HEAD = 10


class _Unfit(Exception):
    """A value has no such form."""


def _of(value: Any, package: str, name: str) -> bool:
    kind: Optional[Any] = getattr(sys.modules.get(package), name, None)
    return isinstance(kind, type) and isinstance(value, kind)


def is_frame(value: Any) -> bool:
    """Tell whether a value is a table of pandas."""
    return _of(value, "pandas", "DataFrame") or _of(value, "pandas", "Series")


def is_array(value: Any) -> bool:
    """Tell whether a value is a numpy array."""
    return _of(value, "numpy", "ndarray")


def is_picture(value: Any) -> bool:
    """Tell whether a value is a figure of matplotlib or an image of PIL."""
    return _of(value, "matplotlib.figure", "Figure") or _of(value, "PIL.Image", "Image")


# -- in short --------------------------------------------------------------------------------------

def summary(value: Any) -> Dict[str, Any]:
    """Return shape and types of an array or a table as JSON data, nothing for other values."""
    if is_array(value):
        return {"shape": list(value.shape), "dtype": str(value.dtype)}
    if _of(value, "pandas", "DataFrame"):
        columns = [{"name": str(name), "dtype": str(dtype)} for name, dtype in value.dtypes.items()]
        return {"shape": list(value.shape), "columns": columns}
    if _of(value, "polars", "DataFrame"):
        return {"shape": list(value.shape), "columns": [{"name": name, "dtype": str(kind)} for name, kind in value.schema.items()]}
    if _of(value, "pyarrow", "Table"):
        return {"shape": list(value.shape), "columns": [{"name": field.name, "dtype": str(field.type)} for field in value.schema]}
    return {}


def summary_text(value: Any, width: int) -> str:
    """Return a value as text: the head of a table, an array in short, anything else as its repr."""
    if _of(value, "pandas", "DataFrame"):
        pandas = sys.modules["pandas"]
        with pandas.option_context("display.width", width, "display.max_columns", 20, "display.show_dimensions", False):
            head = repr(value.head(_HEAD))
        more = f"\n... {len(value) - _HEAD} more rows" if len(value) > _HEAD else ""
        return f"table of {len(value)} rows and {value.shape[1]} columns\n\n{head}{more}"
    if is_array(value):
        return f"array of {value.dtype}, shape {tuple(value.shape)}{_range(value)}\n\n{value!r}"
    return repr(value)


def _range(value: Any) -> str:
    if value.dtype.kind not in "iuf" or not value.size:
        return ""
    return f", from {value.min()} to {value.max()}, mean {value.mean(dtype='float64'):.6g}"


# -- exports ---------------------------------------------------------------------------------------

def writer_for(path: str) -> Callable[[Any, BinaryIO], None]:
    """Return what writes values in the format that a path's ending names; raises ConfigError."""
    ending = os.path.splitext(path)[1].lower()
    if ending not in ENDINGS:
        raise ConfigError(f"`--export {os.path.basename(path)}`: no format has the ending `{ending}`",
                          hint=f"these work: {', '.join(ENDINGS)}")
    return ENDINGS[ending]


def export(value: Any, path: str) -> None:
    """Write a value to a file, complete or not at all; raises ConfigError where it has no such form."""
    write = writer_for(path)
    buffer = disk.temporary_path(os.path.dirname(path))
    try:
        with open(buffer, "xb") as file:
            write(value, file)
        disk.replace(buffer, path)
    except DeepwatchError:
        raise
    except OSError as error:
        raise disk.explain(error, "write", path) from error
    except Exception as error:  # a library says in many ways that it can't
        told = str(error).strip().partition("\n")[0]
        why = f": {told}" if told else ""
        raise ConfigError(f"a value of type {type_name(type(value))} can't be written as `{os.path.splitext(path)[1]}`{why}",
                          hint=".pkl takes every value, .txt the text that `show` prints") from error
    finally:
        disk.discard(buffer)


def _csv(value: Any, file: BinaryIO) -> None:
    if is_frame(value):
        value.to_csv(file, index=not _of(value.index, "pandas", "RangeIndex"))
    elif _of(value, "polars", "DataFrame"):
        value.write_csv(file)
    elif _of(value, "pyarrow", "Table"):
        __import__("pyarrow.csv").csv.write_csv(value, file)
    elif is_array(value) and value.ndim in (1, 2):
        _rows(value.reshape(len(value), -1).tolist(), file)
    elif isinstance(value, (list, tuple)) and value and all(isinstance(row, (list, tuple, dict)) for row in value):
        _rows(value, file)
    else:
        raise _Unfit("it is no table")


def _rows(rows: Any, file: BinaryIO) -> None:
    text = io.TextIOWrapper(file, "utf-8", newline="")
    if isinstance(rows[0], dict) if rows else False:
        names = list(dict.fromkeys(name for row in rows for name in row))
        made = csv.DictWriter(text, names, lineterminator="\n")
        made.writeheader()
        made.writerows(rows)
    else:
        csv.writer(text, lineterminator="\n").writerows(rows)
    text.flush()
    text.detach()


def _parquet(value: Any, file: BinaryIO) -> None:
    if _of(value, "pandas", "DataFrame"):
        value.to_parquet(file)
    elif _of(value, "polars", "DataFrame"):
        value.write_parquet(file)
    elif _of(value, "pyarrow", "Table"):
        __import__("pyarrow.parquet").parquet.write_table(value, file)
    else:
        raise _Unfit("it is no table")


def _json(value: Any, file: BinaryIO) -> None:
    if is_frame(value):
        plain: Any = _records(value)
    elif _of(value, "polars", "DataFrame"):
        plain = value.to_dicts()
    else:
        plain = value.to_pylist() if _of(value, "pyarrow", "Table") else value.tolist() if is_array(value) else value
    text = json.dumps(plain, ensure_ascii=False, indent=2, allow_nan=False, default=_as_json)
    file.write(text.encode("utf-8") + b"\n")


def _records(frame: Any) -> Any:
    """Return the rows of a table, missing values as None; an index that says something is a column, too."""
    table = frame.to_frame(frame.name if frame.name is not None else "value") if _of(frame, "pandas", "Series") else frame
    if not _of(table.index, "pandas", "RangeIndex") or table.index.name is not None:
        table = table.reset_index()
    plain = table.astype(object)
    return plain.where(table.notna(), None).to_dict("records")


def _as_json(value: Any) -> Any:
    """Return what has no form in JSON as it is usually written: times by ISO 8601, decimals as text."""
    if hasattr(value, "isoformat"):
        return value.isoformat()
    if hasattr(value, "item") and hasattr(value, "dtype"):
        return value.item()
    if type(value).__name__ in ("Decimal", "UUID", "Timedelta", "Period", "Interval"):
        return str(value)
    raise TypeError(f"a value of type {type_name(type(value))} has no form in JSON")


def _npy(value: Any, file: BinaryIO) -> None:
    given = value.to_numpy() if is_frame(value) or _of(value, "polars", "DataFrame") else value
    if not is_array(given):
        raise _Unfit("it is no array")
    sys.modules["numpy"].save(file, given, allow_pickle=False)


def _png(value: Any, file: BinaryIO) -> None:
    if not is_picture(value):
        raise _Unfit("it is no figure or image")
    if _of(value, "PIL.Image", "Image"):
        value.save(file, "PNG")
    else:
        value.savefig(file, format="png")


def _txt(value: Any, file: BinaryIO) -> None:
    text = value if isinstance(value, str) else f"{summary_text(value, 100)}\n"
    file.write(text.encode("utf-8", "backslashreplace"))


def _pkl(value: Any, file: BinaryIO) -> None:
    pickle.dump(value, file, protocol=5)


#: ending -> what writes a value so
ENDINGS: Dict[str, Callable[[Any, BinaryIO], None]] = {
    ".csv": _csv, ".parquet": _parquet, ".json": _json, ".npy": _npy, ".png": _png, ".txt": _txt, ".pkl": _pkl}
