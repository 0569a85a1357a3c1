"""A bounded look at a value: is it plain data, can it be changed in place.

`plainness` finds the values that have a fast and exact form as bytes, without recursion and mostly
at the speed of ``set(map(type, ...))``; `is_immutable` those that need no copy. What they answer
depends on the value alone: not on whether equal immutable values in it are one object or several.
"""
from __future__ import annotations

import datetime as dt
import decimal
import enum
import fractions
import math
import pathlib
import re
import uuid
from typing import Any, FrozenSet, Iterable, List, Optional, Set, Tuple

#: how deep plain data may be nested: the standard library's encoders recurse
_DEEPEST = 100
#: how many values are looked at: tuples that hold one tuple many times can seem endless
_MOST = 50_000_000
_DIGITS = 1 << 1024

_JSON: FrozenSet[type] = frozenset({str, int, float, bool, type(None)})
_SCALARS: FrozenSet[type] = _JSON | {bytes, complex}
_CONTAINERS: FrozenSet[type] = frozenset({dict, list, tuple})

_IMMUTABLE: FrozenSet[type] = frozenset({
    str, bytes, int, float, complex, bool, type(None), type(Ellipsis), type(NotImplemented), range,
    dt.date, dt.timedelta, dt.timezone, decimal.Decimal, fractions.Fraction, uuid.UUID,
    re.Pattern, pathlib.PurePosixPath, pathlib.PureWindowsPath, pathlib.PosixPath, pathlib.WindowsPath,
})


def plainness(value: object) -> Optional[str]:
    """Return "json" for what JSON gives back exactly, "tree" for other plain data, else None.

    Text that is no valid Unicode counts as "json" here; its encoder will tell.
    """
    level: List[Any] = [value]
    seen: Set[int] = set()
    json = True
    count = 0
    if type(value) not in _CONTAINERS:
        level = [[value]]
    for _ in range(_DEEPEST):
        below: List[Any] = []
        for item in level:
            kind = type(item)
            if kind is not tuple:
                if id(item) in seen:  # changing it in one place changes it in the other: pickle keeps that
                    return None
                seen.add(id(item))
            else:
                json = False
            children, types, keys = _children(item, kind)
            if not types <= _SCALARS | _CONTAINERS or not keys <= _SCALARS:
                return None
            json = json and keys <= {str} and _is_json(children, types)
            if types & _CONTAINERS:
                below.extend(child for child in children if type(child) in _CONTAINERS)
            count += len(children)
        if count + len(below) > _MOST:
            return None
        if not below:
            return "json" if json else "tree"
        level = below
    return None


def _children(item: Any, kind: type) -> Tuple[Any, Set[type], Set[type]]:
    if kind is dict:
        return item.values(), set(map(type, item.values())), set(map(type, item))
    return item, set(map(type, item)), set()


def _is_json(children: Iterable[Any], types: Set[type]) -> bool:
    if not types <= _JSON | _CONTAINERS:
        return False
    if float in types and not all(math.isfinite(child) for child in children if type(child) is float):
        return False
    # Python refuses to read or write numbers of very many digits
    return int not in types or all(-_DIGITS < child < _DIGITS for child in children if type(child) is int)


def is_immutable(value: object, limit: int = 1000) -> bool:
    """Tell whether nothing in a value can be changed in place; False where more than a look is needed."""
    pending: List[Any] = [value]
    for _ in range(limit):
        if not pending:
            return True
        item = pending.pop()
        kind = type(item)
        if kind in _IMMUTABLE or isinstance(item, enum.Enum):
            continue
        if kind is tuple or kind is frozenset or _is_plain_namedtuple(kind):
            if len(item) > limit:
                return False
            pending.extend(item)
        elif kind is dt.datetime or kind is dt.time:
            pending.append(item.tzinfo)
        else:
            return False
    return not pending


def _is_plain_namedtuple(kind: type) -> bool:
    return tuple in kind.__bases__ and hasattr(kind, "_fields") and kind.__dict__.get("__slots__") == ()
