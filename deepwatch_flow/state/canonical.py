"""Pickle, made canonical: equal values give the same bytes in every process, on every Python.

The standard pickler writes sets in the order of the hash seed, tells whether equal strings were one
object or two, and names classes by modules that move between versions. This one writes sets in the
order of their elements' digests, treats equal immutable values as one, and uses the old names.
Whether a *mutable* value is shared is part of what is written: it shows when one is changed.
"""
from __future__ import annotations

import fractions
import io
import pathlib
import pickle
import struct
import sys
import threading
import types
from typing import Any, Callable, Dict, List, Optional, Tuple

from ..hashing.frames import digest_frame
from ..hashing.naming import MOVED
from ..hashing.reduction import registered
from ..hashing.values import Undigestible, ValueHasher
from .places import Places
from .plain import is_immutable

#: written by all Pythons from 3.8
PROTOCOL = 5

_BATCH = 1000
#: bytes from which the pickler writes data outside of its frames
_LARGE = 64 * 1024
_DTYPES = ("numpy", "numpy.dtypes")
_ATOMS = frozenset({int, float, bool, type(None), list, dict, set})
_Base: Any = vars(pickle)["_Pickler"]  # in Python: the C pickler has no hook for sets and strings
_hasher = ValueHasher(digesters=[digest_frame])


def dump_tree(value: object) -> bytes:
    """Return the pickle of plain data, at C speed: with no memo, nothing depends on identity."""
    buffer = io.BytesIO()
    pickler = pickle.Pickler(buffer, PROTOCOL)
    pickler.fast = True
    pickler.dump(value)
    return buffer.getvalue()


def write_tree(value: object, file: Any) -> None:
    """Write what `dump_tree` returns to a file."""
    pickler = pickle.Pickler(file, PROTOCOL)
    pickler.fast = True
    pickler.dump(value)


def write_canonical(value: object, file: Any, places: Optional[Places] = None, root: Optional[str] = None) -> bool:
    """Write the canonical pickle to a file, large buffers without a copy; tell whether there was a place in it.

    A value nested too deeply is a RecursionError, after half of it was written: `dump_canonical` takes it.
    """
    pickler, found = _pickler(file, places, _hasher if root is None else ValueHasher(root, [digest_frame]))
    pickler.dump(value)
    return bool(found)


def dump_canonical(value: object) -> bytes:
    """Return the canonical pickle of any value; raises what pickle raises."""
    return _dump(value, None, _hasher)[0]


def dump_placed(value: object, places: Places, root: str) -> Optional[bytes]:
    """Return the canonical pickle of a value with tokens for the places in it, None if there are none."""
    data, any_place = _dump(value, places, ValueHasher(root, [digest_frame]))
    return data if any_place else None


def _dump(value: object, places: Optional[Places], hasher: ValueHasher) -> Tuple[bytes, bool]:
    def dump() -> Tuple[bytes, bool]:
        buffer = io.BytesIO()
        pickler, found = _pickler(buffer, places, hasher)
        pickler.dump(value)
        return buffer.getvalue(), bool(found)

    try:
        return dump()
    except RecursionError:
        return _on_big_stack(dump)


def _pickler(file: Any, places: Optional[Places], hasher: ValueHasher) -> Tuple[CanonicalPickler, List[Tuple[str, str]]]:
    """Return a pickler, and the list in which it notes the first place that it meets."""
    pickler = CanonicalPickler(file, hasher)
    found: List[Tuple[str, str]] = []

    def persistent(obj: object) -> Optional[Tuple[str, str]]:
        token = places.token(obj) if places is not None else None
        if token is not None and not found:
            found.append(token)
        return token

    if places is not None:
        pickler.persistent_id = persistent
    return pickler, found


def _on_big_stack(call: Callable[[], Tuple[bytes, bool]]) -> Tuple[bytes, bool]:
    """Call on a thread with room for deeply nested values, for which the pickler recurses."""
    results: List[Tuple[bytes, bool]] = []
    errors: List[BaseException] = []

    def work() -> None:
        try:
            results.append(call())
        except BaseException as error:  # noqa: BLE001  # raised again by the caller
            errors.append(error)

    limit, size = sys.getrecursionlimit(), threading.stack_size(256 << 20)
    sys.setrecursionlimit(max(limit, 60_000))
    try:
        thread = threading.Thread(target=work, name="deepwatch-pickle")
        thread.start()
        thread.join()
    finally:
        sys.setrecursionlimit(limit)
        threading.stack_size(size)
    if errors:
        raise errors[0]
    return results[0]


class _Reducers:
    """What takes objects apart: ours, and what others have registered."""

    def get(self, kind: type) -> Any:
        """Return it for a type, None where there is nothing."""
        return _REDUCERS.get(kind) or registered(kind)


class CanonicalPickler(_Base):  # type: ignore[misc]
    """The standard library's own pickler in Python, with its freedom taken away."""

    dispatch = dict(_Base.dispatch)

    def __init__(self, file: io.BytesIO, hasher: ValueHasher) -> None:
        super().__init__(file, PROTOCOL)
        self._hasher = hasher
        self._kept: Dict[Tuple[object, object], object] = {}
        self.dispatch_table = _Reducers()

    def save(self, obj: Any, save_persistent_id: bool = True) -> None:
        """Write one value."""
        kind = type(obj)
        if kind is str or kind is bytes:
            obj = self._kept.setdefault((kind, obj), obj)
        elif kind not in _ATOMS:
            if issubclass(kind, (set, frozenset)) and kind is not frozenset and id(obj) not in self.memo:
                self._save_set_subclass(obj)
                return
            if is_immutable(obj):
                obj = self._kept.setdefault((None, self._order(obj)), obj)
            elif kind.__module__ in _DTYPES and _is_plain_dtype(obj):
                obj = self._kept.setdefault((kind, obj.str), obj)  # numpy has one of each; a pickle brings others
        super().save(obj, save_persistent_id)

    def save_reduce(self, func: Any, args: Any, state: Any = None, *rest: Any, **named: Any) -> None:
        """Write an object as what makes it; no attributes is no state, as from Python 3.11."""
        kind = type(named.get("obj"))
        if type(state) is dict and not state and not hasattr(kind, "__setstate__"):
            state = None
        super().save_reduce(func, args, state, *rest, **named)

    def save_global(self, obj: Any, name: Any = None) -> None:
        """Write a class or function as its name."""
        module = getattr(obj, "__module__", None)
        if module in ("__main__", "__mp_main__"):
            raise pickle.PicklingError(f"{obj.__qualname__} is defined in __main__, another module elsewhere")
        if module in MOVED and isinstance(obj, type):
            self.save(MOVED[module])
            self.save(obj.__qualname__)
            self.write(pickle.STACK_GLOBAL)
            self.memoize(obj)
            return
        super().save_global(obj, name)

    def save_set(self, obj: Any) -> None:
        """Write a set, its elements sorted."""
        self.write(pickle.EMPTY_SET)
        self.memoize(obj)
        elements = sorted(obj, key=self._order)
        for start in range(0, len(elements), _BATCH):
            self.write(pickle.MARK)
            for element in elements[start:start + _BATCH]:
                self.save(element)
            self.write(pickle.ADDITEMS)

    def save_frozenset(self, obj: Any) -> None:
        """Write a frozenset, its elements sorted."""
        self.write(pickle.MARK)
        for element in sorted(obj, key=self._order):
            self.save(element)
        if id(obj) in self.memo:  # an element that refers back to it has written it meanwhile
            self.write(pickle.POP_MARK + self.get(self.memo[id(obj)][0]))
            return
        self.write(pickle.FROZENSET)
        self.memoize(obj)

    def save_bytearray(self, obj: bytearray) -> None:
        """Write a bytearray; Python 3.8 forgets that it did."""
        opening = pickle.BYTEARRAY8 + struct.pack("<Q", len(obj))
        if len(obj) >= _LARGE:
            self._write_large_bytes(opening, obj)
        else:
            self.write(opening + obj)
        self.memoize(obj)

    def save_picklebuffer(self, obj: pickle.PickleBuffer) -> None:
        """Write a buffer in place; Python below 3.12 stumbles over the second empty one."""
        memory = obj.raw()
        if len(memory) < _LARGE:
            self.save(memory.tobytes() if memory.readonly else bytearray(memory))
            return
        size = len(memory)
        opening = pickle.BYTEARRAY8 if not memory.readonly else pickle.BINBYTES if size < 1 << 32 else pickle.BINBYTES8
        self._write_large_bytes(opening + struct.pack("<I" if opening == pickle.BINBYTES else "<Q", size), memory)
        self.memoize(obj)

    def _save_set_subclass(self, obj: Any) -> None:
        reduced = obj.__reduce_ex__(PROTOCOL)
        if type(reduced) is tuple and type(reduced[1]) is tuple and len(reduced[1]) == 1:
            made, (elements,), *rest = reduced
            if type(elements) is list:  # set.__reduce__: in the order of the hash seed
                reduced = (made, (sorted(elements, key=self._order),), *rest)
        if isinstance(reduced, str):
            self.save_global(obj, reduced)
        else:
            self.save_reduce(*reduced, obj=obj)

    def _order(self, value: object) -> bytes:
        try:
            return self._hasher.encoding(value)
        except Undigestible:
            return b""  # a function of a notebook, say: keeps the order it has

    dispatch[set] = save_set
    dispatch[frozenset] = save_frozenset
    dispatch[bytearray] = save_bytearray
    dispatch[pickle.PickleBuffer] = save_picklebuffer
    dispatch[types.FunctionType] = save_global


def _is_plain_dtype(obj: Any) -> bool:
    numpy: Any = sys.modules["numpy"]
    return (isinstance(obj, numpy.dtype) and obj.kind not in "TV" and obj.names is None and obj.subdtype is None
            and not obj.metadata)


def _path(value: pathlib.PurePath) -> Tuple[type, Tuple[str]]:
    kind = pathlib.Path if isinstance(value, pathlib.Path) else type(value)
    return kind, (value.as_posix(),)


def _fraction(value: fractions.Fraction) -> Tuple[type, Tuple[int, int]]:
    return fractions.Fraction, (value.numerator, value.denominator)


#: types that tell another story of themselves on each version of Python
_REDUCERS: Dict[type, Callable[[Any], Any]] = {
    fractions.Fraction: _fraction,
    pathlib.PosixPath: _path,
    pathlib.WindowsPath: _path,
    pathlib.PurePosixPath: _path,
    pathlib.PureWindowsPath: _path,
}
