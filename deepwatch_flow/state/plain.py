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
#: how many values plain data may hold, one that is held twice counted twice
_MOST = 50_000_000
#: from how many containers at one level on it is worth finding those that are there more than once
_MANY = 100_000
_DIGITS = 1 << 1024

_JSON: FrozenSet[type] = frozenset({str, int, float, bool, type(None)})
_SCALARS: FrozenSet[type] = _JSON | {bytes, complex}
_CONTAINERS: FrozenSet[type] = frozenset({dict, list, tuple})
_PLAIN = _SCALARS | _CONTAINERS
_TEXT: FrozenSet[type] = frozenset({str})

_IMMUTABLE: FrozenSet[type] = frozenset({
    str, bytes, int, float, complex, bool, type(None), type(Ellipsis), type(NotImplemented), range,
    dt.date, dt.timedelta, dt.timezone, decimal.Decimal, fractions.Fraction, uuid.UUID,
    re.Pattern, pathlib.PurePosixPath, pathlib.PureWindowsPath, pathlib.PosixPath, pathlib.WindowsPath,
})


def plainness(value: object) -> Optional[str]:
    """Return "json" for what JSON gives back exactly, "tree" for other plain data, else None.

    Text that is no valid Unicode counts as "json" here; its encoder will tell.
    """
    look = _Look()
    level: List[Any] = [value] if type(value) in _CONTAINERS else [[value]]
    weights = [1]
    for _ in range(_DEEPEST):
        level, weights = look.below(level, weights)
        if not level:
            return look.found
    return None


class _Look:
    """What was found so far, level by level."""

    def __init__(self) -> None:
        self.found: Optional[str] = "json"
        self._seen: Set[int] = set()
        self._count = 0

    def below(self, level: List[Any], weights: List[int]) -> Tuple[List[Any], List[int]]:
        """Look at the containers of one level, each there so many times; return those in them."""
        below: List[Any] = []
        multiples: List[int] = []
        for item, weight in zip(level, weights):
            inner = self._inner(item, weight)
            if inner is None or self._count > _MOST:
                self.found = None
                return [], []
            if inner:
                below += inner
                multiples += [weight] * len(inner)
        return (below, multiples) if len(below) <= _MANY else _merged(below, multiples)

    def _inner(self, item: Any, weight: int) -> Optional[List[Any]]:
        """Return the containers in one container; None where it is not plain."""
        kind = type(item)
        if kind is tuple:
            self.found = "tree"
        elif weight > 1 or id(item) in self._seen:
            return None  # changing it in one place changes it in the other: pickle keeps that
        else:
            self._seen.add(id(item))
        children, types, keys = _children(item, kind)
        if not types <= _PLAIN or not keys <= _SCALARS:
            return None
        if self.found == "json" and not (keys <= _TEXT and _is_json(children, types)):
            self.found = "tree"
        self._count += weight * len(children)
        return [child for child in children if type(child) in _CONTAINERS] if types & _CONTAINERS else []


def _merged(level: List[Any], weights: List[int]) -> Tuple[List[Any], List[int]]:
    """Return each container of a level once: a tuple that holds one tuple twice can seem endless."""
    items = {id(item): item for item in level}
    sums = dict.fromkeys(items, 0)
    for item, weight in zip(level, weights):
        sums[id(item)] += weight
    return list(items.values()), list(sums.values())


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
