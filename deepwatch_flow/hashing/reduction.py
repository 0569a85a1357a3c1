"""Takes objects apart: what a value that holds other values is made of.

`take_apart` turns an object into `Parts`: a header that names its kind and counts what follows, and
the values it holds, in an order that depends on neither address nor hash seed. How the parts become
a digest is the business of ``values``; values that hold nothing are in ``leaves``. An object that
can't be taken apart is refused with `Undigestible`, never approximated.
"""
from __future__ import annotations

import collections
import copyreg
import datetime as dt
import enum
import functools
import pathlib
import types
from typing import Any, Callable, Dict, List, NamedTuple, Sequence, Tuple

from ..errors import FingerprintError
from .leaves import framed, text_bytes
from .marked import constants
from .naming import importable, type_name


class Undigestible(FingerprintError):
    """A value, or something inside it, has no digest that would mean the same tomorrow.

    `where` is the path inside the value (``.conn``, ``[3]['a']``), `type_name` the type found there.
    """

    def __init__(self, type_name: str, why: str, where: str = "") -> None:
        place = f" at {where}" if where else ""
        super().__init__(
            f"can't digest a value of type {type_name}{place}: {why}",
            hint="use plain data (numbers, text, containers, dataclasses, arrays, frames) or the path of a "
                 "file; or register a digester for the type (docs/plugins.md)",
        )
        self.type_name = type_name
        self.why = why
        self.where = where

    def inside(self, where: str) -> Undigestible:
        """Return the same error for the value that holds this one at `where`."""
        return type(self)(self.type_name, self.why, where + self.where)


class Parts(NamedTuple):
    """An object taken apart."""

    header: bytes
    children: Sequence[object]
    #: for messages: how child number i is reached from the object
    label: Callable[[int], str]
    unordered: bool = False


class Told(List[object]):
    """What a digester gives that tells the kind of the object, whose class may be named anew by a release."""


def header(kind: str, *facts: object) -> bytes:
    """Return the opening of an object's encoding: its kind and facts that fix how many children follow."""
    return b"o" + framed(b"".join(framed(text_bytes(str(fact))) for fact in (kind, *facts)))


# -- kinds with a treatment of their own ------------------------------------------------------------

def _attributes(names: Sequence[str]) -> Callable[[int], str]:
    return lambda i: names[i]


def _item(i: int) -> str:
    return f"[{i}]"


def _fixed(kind: str, *children: Tuple[str, object]) -> Parts:
    return Parts(header(kind, len(children)), [child for _, child in children],
                 _attributes([label for label, _ in children]))


def _members(value: object, *names: str) -> List[Tuple[str, object]]:
    return [(f".{name}", getattr(value, name)) for name in names]


def _datetime(value: dt.datetime) -> Parts:
    return Parts(header("datetime", value.replace(tzinfo=None).isoformat(), value.fold), [value.tzinfo],
                 _attributes([".tzinfo"]))


def _time(value: dt.time) -> Parts:
    return Parts(header("time", value.replace(tzinfo=None).isoformat(), value.fold), [value.tzinfo],
                 _attributes([".tzinfo"]))


def _deque(value: collections.deque[object]) -> Parts:
    return Parts(header("deque", value.maxlen, len(value)), list(value), _item)


def _partial(value: functools.partial[object]) -> Parts:
    return _fixed("partial", (".func", value.func), (".args", value.args), (".keywords", value.keywords),
                  (".__dict__", dict(sorted(vars(value).items()))))


def _cell(value: types.CellType) -> Parts:
    try:
        return _fixed("cell", ("", value.cell_contents))
    except ValueError:  # not filled yet: a recursive definition in the making
        return _fixed("empty cell")


def _code(value: types.CodeType) -> Parts:
    # bytecode, because there is nothing better without the source; such a digest is good for one
    # version of Python. No file name and no line: a function that moves is the same function.
    return _fixed(
        "code", ("", value.co_code), ("", constants(value)), ("", value.co_names), ("", value.co_varnames),
        ("", value.co_freevars), ("", value.co_cellvars), ("", value.co_name), ("", value.co_flags),
        ("", (value.co_argcount, value.co_posonlyargcount, value.co_kwonlyargcount)),
        ("", getattr(value, "co_exceptiontable", b"")))


_DATA: Dict[type, Callable[[Any], Parts]] = {
    dt.datetime: _datetime,
    dt.time: _time,
    collections.deque: _deque,
    functools.partial: _partial,
    types.MappingProxyType: lambda value: _fixed("mappingproxy", ("", dict(value))),
    slice: lambda value: _fixed("slice", *_members(value, "start", "stop", "step")),
    property: lambda value: _fixed("property", *_members(value, "fget", "fset", "fdel")),
    staticmethod: lambda value: _fixed("staticmethod", (".__func__", value.__func__)),
    classmethod: lambda value: _fixed("classmethod", (".__func__", value.__func__)),
    types.CellType: _cell,
    types.CodeType: _code,
}


def is_data(kind: type) -> bool:
    """Tell whether a type is data of Python itself, for which nobody else is asked."""
    return kind in _DATA


def _function(value: types.FunctionType) -> Parts:
    return _fixed("function", ("", value.__module__), (".__code__", value.__code__),
                  (".__defaults__", value.__defaults__), (".__kwdefaults__", value.__kwdefaults__),
                  (".__closure__", value.__closure__), (".__dict__", dict(sorted(vars(value).items()))))


def _set(value: Any) -> Parts:
    # set.__reduce__ lists the elements in the order of the hash seed
    names, state = _sorted_state(type(value), _instance_state(value))
    elements = frozenset(set.__iter__(value) if isinstance(value, set) else frozenset.__iter__(value))
    return Parts(header("set subclass", *names), [type(value), elements, *state],
                 _attributes(["", ""] + [f".{name}" for name in names]))


def _path(value: pathlib.PurePath) -> Parts:
    names, state = _sorted_state(type(value), getattr(value, "__dict__", None))
    plain = pathlib.PurePosixPath(value.as_posix())
    return Parts(header("path subclass", *names), [type(value), plain, *state],
                 _attributes(["", ""] + [f".{name}" for name in names]))


def _attrs(value: Any) -> Parts:
    # how a class with slots pickles depends on the release of attrs; a remembered hash() is no part of a value
    found: Any = _instance_state(value)
    names = sorted(name for name in found if name not in _ATTRS_OWN)
    return Parts(header("attrs", *names), [type(value), *map(found.__getitem__, names)],
                 _attributes(["", *(f".{name}" for name in names)]))


def _is_attrs(kind: type) -> bool:
    """Tell whether attrs made a class, which then says nothing itself of how it is pickled."""
    made = getattr(kind, "__getstate__", None)
    return (hasattr(kind, "__attrs_attrs__") and not _has_own(kind, "__reduce__") and not _has_own(kind, "__reduce_ex__")
            and (not _has_own(kind, "__getstate__") or getattr(made, "__name__", "") == "slots_getstate")
            and not issubclass(kind, _BUILT_IN))


def _enum(value: enum.Enum) -> Parts:
    # the name of a combined flag depends on the version of Python
    name = None if isinstance(value, enum.Flag) else value._name_
    return _fixed("enum", ("", type(value)), (".name", name), (".value", value._value_))


# -- anything else: as pickle would -------------------------------------------------------------------

# the three ways in which Python itself says "a new object of this class, with that state"
_NEW = vars(copyreg)["__newobj__"]
_NEW_WITH_KEYWORDS = vars(copyreg)["__newobj_ex__"]
_RECONSTRUCT = vars(copyreg)["_reconstructor"]

#: what attrs adds to an instance that is not its state
_ATTRS_OWN = ("__weakref__", "_attrs_cached_hash", "__attrs_init__")
_BUILT_IN = (dict, list, tuple, str, bytes, int, float, BaseException)

_ITERATOR_MODULES = ("builtins", "itertools", "collections", "_collections")


def take_apart(obj: Any) -> Parts:
    """Return what an object is made of; raises `Undigestible` where it can't be told."""
    kind = type(obj)
    data = _DATA.get(kind)
    if data is not None:
        return data(obj)
    if issubclass(kind, types.FunctionType):
        return _function(obj)
    if issubclass(kind, types.MethodType):
        return _fixed("method", (".__func__", obj.__func__), (".__self__", obj.__self__))
    if issubclass(kind, types.BuiltinFunctionType):
        return _fixed("builtin method", ("", obj.__name__), (".__self__", obj.__self__))
    if issubclass(kind, types.ModuleType):
        raise Undigestible(f"module ({obj.__name__})", "a module is code, not data")
    if hasattr(kind, "__next__") and kind.__module__ in _ITERATOR_MODULES:
        raise Undigestible(type_name(kind), "reading an iterator would use it up; make it a list")
    if issubclass(kind, enum.Enum):
        return _enum(obj)
    if issubclass(kind, pathlib.PurePath):
        return _path(obj)
    if issubclass(kind, (set, frozenset)):
        return _set(obj)
    return _attrs(obj) if _is_attrs(kind) else _reduced(obj)


def registered(kind: type) -> Any:
    """Return what somebody has registered to take objects of a type apart, None where nobody did.

    Of exceptions nothing counts: libraries that carry them between processes have their tracebacks go along.
    """
    return None if issubclass(kind, BaseException) else copyreg.dispatch_table.get(kind)


def _reduced(obj: Any) -> Parts:
    kind = type(obj)
    reducer = registered(kind)
    try:
        got: Any = obj.__reduce_ex__(4) if reducer is None else reducer(obj)
    except Exception as error:  # the object's own code may raise anything; the cause is kept
        raise Undigestible(type_name(kind), _reason(error)) from error
    if isinstance(got, str):
        return _named(obj, got)
    if not isinstance(got, tuple) or not 2 <= len(got) <= 6:
        raise Undigestible(type_name(kind), f"its __reduce__ returned a {type_name(type(got))}")
    made, args, state, items, pairs = (*got, None, None, None)[:5]
    form, children, labels = _construction(kind, made, args)
    if hasattr(kind, "_fields") and isinstance(obj, tuple):
        children.append(kind._fields)  # namedtuples made on the fly often share a name
        labels.append("._fields")
        form += " fields"
    if state == {} and type(state) is dict and not _has_own(kind, "__getstate__"):
        state = None  # what Python 3.11 makes of it
    names, values = _sorted_state(kind, state)
    children += values
    labels += [f".{name}" for name in names]
    listed = [] if items is None else list(items)
    paired: List[object] = [] if pairs is None else [half for pair in pairs for half in pair]
    counts = (len(children) - len(values), len(listed), len(paired))
    return Parts(header(form, *counts, *names), children + listed + paired,
                 _reduced_labels(labels, len(listed), paired))


def _reason(error: Exception) -> str:
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0]


def _construction(kind: type, made: Any, args: Any) -> Tuple[str, List[object], List[str]]:
    """Return form, values and labels of how an object is made anew, the same for all Pythons."""
    args = tuple(args) if args is not None else ()
    if made is _NEW:
        found: List[object] = [args[0], *args[1:]]
        form = "object"
    elif made is _NEW_WITH_KEYWORDS:
        found = [args[0], args[2], *args[1]]
        form = "object with keywords"
    elif made is _RECONSTRUCT:
        found = [args[0]] if args[1] is object else [args[0], args[2]]
        form = "object"
    else:
        found = [kind, made, *args]
        form = "made"
    return form, found, [""] * len(found)


def _sorted_state(kind: type, state: Any) -> Tuple[Tuple[str, ...], List[object]]:
    """Return the names and values of an instance's attributes.

    The order in which attributes were set is no part of a value, unless the class reads the state
    itself. A state that is no mapping of attributes is one value under an empty name.
    """
    if state is None:
        return (), []
    if not hasattr(kind, "__setstate__"):
        halves = state if type(state) is tuple and len(state) == 2 else (state, None)
        if all(half is None or _is_namespace(half) for half in halves):
            found: Dict[str, object] = {}
            for half in halves:
                found.update(half or {})
            names = tuple(sorted(found))
            if len(names) == sum(len(half or ()) for half in halves):
                return names, [found[name] for name in names]
    return ("",), [state]


def _is_namespace(value: object) -> bool:
    return type(value) is dict and all(type(name) is str and name for name in value)


def _has_own(kind: type, name: str) -> bool:
    return getattr(kind, name, None) is not getattr(object, name, None)


def _instance_state(value: Any) -> object:
    """Return attributes from ``__dict__`` and slots, for types whose __reduce__ is of no use."""
    found: Dict[str, object] = dict(getattr(value, "__dict__", ()))
    for kind in type(value).__mro__:
        slots = kind.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if name.startswith("__") and not name.endswith("__"):
                name = f"_{kind.__name__.lstrip('_')}{name}"
            if name not in ("__dict__", "__weakref__") and hasattr(value, name):
                found[name] = getattr(value, name)
    return found


def _named(obj: Any, name: str) -> Parts:
    """Return the parts of an object that pickles as a global name."""
    module = getattr(obj, "__module__", None)
    if importable(obj, module, name):
        return Parts(header("global", module, name), (), _item)
    if "<locals>" not in name:
        return Parts(header("global", type_name(type(obj)), module, name), (), _item)
    wrapped = getattr(obj, "__wrapped__", None)
    if wrapped is None:
        raise Undigestible(type_name(type(obj)),
                           f"it is known by its name only, and `{name}` is local to a function")
    return _fixed("wrapper", ("", type(obj)), (".__wrapped__", wrapped))


def _reduced_labels(labels: List[str], listed: int, paired: Sequence[object]) -> Callable[[int], str]:
    def label(i: int) -> str:
        if i < len(labels):
            return "" if labels[i] == "." else labels[i]
        i -= len(labels)
        return _item(i) if i < listed else pair_label(paired, i - listed)
    return label


def pair_label(paired: Sequence[object], i: int) -> str:
    """Return how the key or value number `i` of keys and values in turn is reached."""
    key = paired[i - i % 2]
    shown = repr(key) if type(key) in (str, int, bool, float, bytes) else f"<{type_name(type(key))}>"
    shown = shown if len(shown) <= 60 else shown[:57] + "..."
    return f"[{shown}]" if i % 2 else f" (key {shown})"
