"""What one object holds that another may be put in the place of: items of containers, attributes, closures, caches.

Nothing of the object's own code is run: what a class says of itself (`__getattr__`, `items`) is passed by.
"""
from __future__ import annotations

import collections
import contextvars
import datetime as dt
import decimal
import enum
import fractions
import functools
import gc
import logging
import pathlib
import random
import re
import threading
import types
import uuid
import weakref
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple

from ..hashing.digest import digest_bytes

#: bytes of a buffer beyond which it is not compared
_LARGE = 1 << 20

_CACHE: type = type(functools.lru_cache()(len))
#: what can't change, or holds nothing that was read
_LEAVES = frozenset({
    str, bytes, int, float, complex, bool, type(None), type(Ellipsis), type(NotImplemented), range, slice, object,
    dt.date, dt.datetime, dt.time, dt.timedelta, dt.timezone, decimal.Decimal, fractions.Fraction, uuid.UUID, re.Pattern,
    types.BuiltinFunctionType, types.CodeType, types.GetSetDescriptorType, types.MemberDescriptorType, type(str.join), type(object.__init__),
    type(threading.Lock()), type(threading.RLock()), weakref.ref})
#: what stands for functions, and the attributes that they are in
_WRAPPERS: Dict[type, Tuple[str, ...]] = {
    types.MethodType: ("__func__", "__self__"), staticmethod: ("__func__",), classmethod: ("__func__",),
    property: ("fget", "fset", "fdel"), functools.partial: ("func", "args", "keywords")}
_LEAF_KINDS = (pathlib.PurePath, logging.Logger, logging.Handler, random.Random, enum.Enum, decimal.Context)
_OURS = "deepwatch_flow."


class Contents(NamedTuple):
    """What an object holds at one moment."""

    items: Sequence[Any] = ()
    names: Optional[Tuple[str, ...]] = None     #: by which code gets at the items, empty where it needs none
    stamp: Any = None                           #: compared by its value


NOTHING = Contents()


def is_cache(value: Any) -> bool:
    """Tell whether a value is what `functools.lru_cache` or `cache` makes of a function."""
    return type(value) is _CACHE


def is_plain(items: Sequence[Any]) -> bool:
    """Tell whether none of the items can hold anything."""
    return _LEAVES.issuperset(map(type, items))


class Reader:
    """Reads contents; what is no own code's and no data is left alone."""

    def __init__(self, is_own: Callable[[str], bool], modules: Sequence[types.ModuleType]) -> None:
        """`is_own` tells of a file of code, `modules` are the own ones."""
        self._is_own = is_own
        self._modules = frozenset(module.__name__ for module in modules)

    def holds(self, value: Any) -> bool:
        """Tell whether a value may hold something; called for each item, so quick."""
        kind = type(value)
        if kind in _LEAVES or issubclass(kind, _LEAF_KINDS):
            return False
        if kind is types.FunctionType:
            code = value.__code__       # one that names itself may keep something among its attributes
            return bool(value.__closure__ or value.__defaults__ or value.__kwdefaults__ or value.__dict__ or code.co_name in code.co_names) \
                and (value.__module__ in self._modules or self._is_own(value.__code__.co_filename))
        if kind.__module__.startswith(_OURS):
            return self.holds(_attributes(value).get("__wrapped__"))
        if issubclass(kind, type):
            return getattr(value, "__module__", None) in self._modules
        if issubclass(kind, types.ModuleType):
            file = vars(value).get("__file__")
            return isinstance(file, str) and self._is_own(file)
        return True

    def contents(self, value: Any) -> Contents:
        """Return what a value holds now."""
        kind = type(value)
        if issubclass(kind, (types.ModuleType, type)):
            return _namespace([each for each in list(vars(value).items()) if not each[0].startswith("__")])
        if kind is types.FunctionType:
            return _of_function(value)
        if kind is types.CellType:
            return Contents(_of_cell(value))
        if kind is _CACHE:
            info = value.cache_info()
            return Contents((value.__wrapped__, *_values(value)), None, (info.misses, info.currsize))
        if kind in _WRAPPERS:
            return Contents([getattr(value, name) for name in _WRAPPERS[kind]])
        if kind is contextvars.ContextVar:
            return Contents((value.get(None),))
        if kind.__module__.startswith(_OURS):
            return Contents((_attributes(value).get("__wrapped__"),))
        return _of_data(value, kind, kind.__module__ in self._modules)


def _of_data(value: Any, kind: type, own: bool) -> Contents:
    """Return what a container or an instance holds; the names in one of others are no names of own code."""
    attributes = [*_attributes(value).items(), *_slots(value, kind)]
    if issubclass(kind, dict):
        items = [*dict.keys(value), *dict.values(value)]
    elif issubclass(kind, (list, tuple, set, frozenset, collections.deque)):
        base: Any = next(each for each in (list, tuple, set, frozenset, collections.deque) if issubclass(kind, each))
        items = list(base.__iter__(value))
    else:
        stamp = _buffer(value)
        return Contents([each for _, each in attributes], tuple(name for name, _ in attributes) if own else None, stamp)
    return Contents([*items, *(each for _, each in attributes)])


def _namespace(items: List[Tuple[str, Any]]) -> Contents:
    return Contents([value for _, value in items], tuple(name for name, _ in items))


def _of_function(value: Any) -> Contents:
    items: List[Tuple[str, Any]] = list(zip(value.__code__.co_freevars, value.__closure__ or ()))
    items += [("", each) for each in (value.__defaults__, value.__kwdefaults__) if each]
    return _namespace([*items, *value.__dict__.items()])


def _of_cell(cell: Any) -> Tuple[Any, ...]:
    try:
        return (cell.cell_contents,)
    except ValueError:      # not yet bound
        return ()


def _values(cache: Any) -> List[Any]:
    """Return what a cache holds that can be changed in place, so that a step could leave something in it."""
    found: List[Any] = []
    for each in gc.get_referents(cache):
        if type(each) is dict and each is not cache.__dict__:
            found += [value for value in each.values() if type(value) in (dict, list, set)]
        elif type(each) in (dict, list, set) and each is not cache.__dict__:
            found.append(each)
    return found


def _attributes(value: Any) -> Any:
    getter: Any = threading.local if isinstance(value, threading.local) else object     # of this thread
    try:
        found = getter.__getattribute__(value, "__dict__")
    except AttributeError:
        return {}
    return found if type(found) is dict else {}


def _slots(value: Any, kind: type) -> List[Tuple[str, Any]]:
    found: List[Tuple[str, Any]] = []
    for each in kind.__mro__[:-1]:
        if "__slots__" in vars(each):
            for name, member in list(vars(each).items()):
                if type(member) is types.MemberDescriptorType and not name.startswith("__"):
                    try:
                        found.append((name, member.__get__(value)))
                    except AttributeError:      # not yet bound
                        continue
    return found


def _buffer(value: Any) -> Any:
    """Return a digest of an array or of bytes that can be changed in place, if they are few."""
    try:
        with memoryview(value) as view:
            return digest_bytes(view.tobytes()) if view.nbytes <= _LARGE else view.nbytes
    except (TypeError, ValueError, BufferError):
        return None
