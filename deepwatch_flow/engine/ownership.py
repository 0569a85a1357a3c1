"""Whether a value is all that holds its parts: then it may be handed on instead of a copy.

Counts references. A part that lives on elsewhere (a row of a global table, a view of another array)
has one more than the value accounts for. What this module does not know is taken to be shared: a
wrong *no* costs a copy, a wrong *yes* would let one step change what another one reads.
"""
from __future__ import annotations

import sys
from typing import Any, List

from ..state.codecs import is_immutable

#: of a part: its container, the name `part` below, the argument of `getrefcount`
_OWNED = 3
#: what tells that an object is more, or less, than its attributes: its copy from the store may be another one
_OWN_STATE = ("__slots__", "__reduce__", "__reduce_ex__", "__getstate__", "__setstate__", "__getnewargs__", "__getnewargs_ex__")
#: parts that are looked at before a copy is cheaper
_MOST = 10_000


def owns_all(value: Any) -> bool:
    """Return whether no part of `value` can be reached but through it; `value` itself is the caller's."""
    parts: List[Any] = []
    if not _open(value, parts):
        return False
    looked = 0
    while parts:
        part = parts.pop()
        if is_immutable(part):
            continue
        looked += 1
        if looked > _MOST or sys.getrefcount(part) > _OWNED or not _open(part, parts):
            return False
    return True


def _open(value: Any, parts: List[Any]) -> bool:
    """Put the parts of a value on the list; False for a value of a kind that is not known."""
    kind = type(value)
    if kind in (list, tuple, set, frozenset):
        parts.extend(value)
        return True
    if kind is dict:
        parts.extend(value.keys())
        parts.extend(value.values())
        return True
    module = kind.__module__.partition(".")[0]
    if module == "numpy" and kind.__name__ == "ndarray":
        return _array(value)
    if module == "pandas" and kind.__name__ in ("DataFrame", "Series"):
        return _frame(value)
    if isinstance(value, type) or not hasattr(value, "__dict__") or module in ("builtins", "types", "functools"):
        return False
    if any(name in vars(each) for each in kind.__mro__[:-1] for name in _OWN_STATE):
        return False    # state that is kept elsewhere than among its attributes
    parts.extend(vars(value).values())
    return True


def _array(value: Any) -> bool:
    base = value.base
    alone = base is None or (type(base) is type(value) and base.base is None and sys.getrefcount(base) <= _OWNED)
    return alone and not value.dtype.hasobject


def _frame(value: Any) -> bool:
    """A frame owns its columns if each block owns its array; columns of objects hold texts at most."""
    pandas: Any = sys.modules["pandas"]
    for block in value._mgr.blocks:
        array = block.values
        if type(array).__name__ != "ndarray":
            continue  # an extension array: behind its frame's back nobody changes it in place
        if array.dtype.hasobject:
            if pandas.api.types.infer_dtype(array.ravel(), skipna=True) not in ("string", "empty"):
                return False
        elif not _array(array):
            return False
    return True
