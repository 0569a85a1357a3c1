"""The encodings of values that hold no other values: numbers, text, bytes, dates, paths.

An encoding opens with one tag byte and is self-delimiting, so encodings that stand in a row can't
run together, and two types never share one. Long text and bytes are replaced by their BLAKE3. What
lies below the project's root is encoded relative to it. Values that hold others: see ``reduction``.

    N T F E X      None, True, False, Ellipsis, NotImplemented
    i<hex>;        int               f<8 bytes>  float           c<16 bytes>  complex
    s<n>:<bytes>   str               b<n>:<bytes>  bytes         a<n>:<bytes>  bytearray
    S B A          the same, long: <n>:<32 bytes of digest>
    p<n>:<bytes>   str below the root: what follows the root
    k<n>:<name><n>:<bytes>  other data: Decimal, date, Path...
    x w            many texts, many byte strings: see ``texts``
"""
from __future__ import annotations

import array
import datetime as dt
import decimal
import fractions
import os
import pathlib
import re
import struct
import uuid
from typing import Any, Callable, Dict, Optional, Union

from blake3 import blake3

from .texts import Texts, texts_leaf

Leaf = Callable[[Any], bytes]

#: bytes beyond which a leaf is replaced by its digest: keeps buffers small and big blobs uncopied
LONG = 1024

_pack_double = struct.Struct(">d").pack
_NAN = _pack_double(float("nan"))


def framed(data: bytes) -> bytes:
    """Return `data` behind its length."""
    return b"%d:%b" % (len(data), data)


def text_bytes(text: str) -> bytes:
    """Return text as UTF-8, lone surrogates included (file names may hold some)."""
    return text.encode("utf-8", "surrogatepass")


def data_leaf(name: bytes, payload: Union[bytes, str]) -> bytes:
    """Return the encoding of one of the less common kinds of data."""
    data = text_bytes(payload) if isinstance(payload, str) else payload
    return b"k%b%b" % (framed(name), framed(data))


def blob_leaf(short: bytes, long: bytes, data: Union[bytes, bytearray, memoryview]) -> bytes:
    """Return the encoding of bytes, which is their digest where they are many."""
    size = len(data)
    if size <= LONG:
        return b"%b%d:%b" % (short, size, bytes(data))
    return b"%b%d:%b" % (long, size, blake3(data).digest())


def _double(value: float) -> bytes:
    return _pack_double(value) if value == value else _NAN  # all NaN are alike, -0.0 is not 0.0


def _int(value: int) -> bytes:
    return b"i%x;" % value  # hexadecimal: linear time, and no limit on the number of digits


def _float(value: float) -> bytes:
    return b"f" + (_pack_double(value) if value == value else _NAN)


def _complex(value: complex) -> bytes:
    return b"c" + _double(value.real) + _double(value.imag)


def _str(value: str) -> bytes:
    data = value.encode("utf-8", "surrogatepass")
    size = len(data)
    if size <= LONG:
        return b"s%d:%b" % (size, data)
    return b"S%d:%b" % (size, blake3(data).digest())


def _bytes(value: bytes) -> bytes:
    return blob_leaf(b"b", b"B", value)


def _bytearray(value: bytearray) -> bytes:
    return blob_leaf(b"a", b"A", value)


def _memoryview(value: memoryview) -> bytes:
    if value.nbytes > LONG and value.c_contiguous:  # no copy of big ones
        data = blob_leaf(b"b", b"B", value if value.format == "B" and value.ndim == 1 else value.cast("B"))
    else:
        data = blob_leaf(b"b", b"B", value.tobytes())
    return data_leaf(b"memoryview", framed(value.format.encode()) + repr(value.shape).encode() + data)


def _array(value: array.array[Any]) -> bytes:
    data = blob_leaf(b"b", b"B", memoryview(value).cast("B"))
    return data_leaf(b"array", b"%b%d;%b" % (value.typecode.encode(), value.itemsize, data))


def _decimal(value: decimal.Decimal) -> bytes:
    sign, digits, exponent = value.as_tuple()
    return data_leaf(b"Decimal", f"{sign};{''.join(map(str, digits))};{exponent}")


def _fraction(value: fractions.Fraction) -> bytes:
    return data_leaf(b"Fraction", b"%x/%x" % (value.numerator, value.denominator))


def _range(value: range) -> bytes:
    return data_leaf(b"range", b"%x,%x,%x" % (value.start, value.stop, value.step))


def _timedelta(value: dt.timedelta) -> bytes:
    return data_leaf(b"timedelta", b"%d,%d,%d" % (value.days, value.seconds, value.microseconds))


def _pattern(value: re.Pattern[Any]) -> bytes:
    pattern = _str(value.pattern) if isinstance(value.pattern, str) else _bytes(value.pattern)
    return data_leaf(b"Pattern", b"%d;%b" % (value.flags, pattern))


class _Below:
    """Encode text and paths relative to the root where they lie below it."""

    def __init__(self, root: str) -> None:
        self.root = self._root = root.rstrip("/" + os.sep)
        self._posix = self._root.replace(os.sep, "/")
        self._size = len(self._root)

    def rest(self, value: str) -> Optional[str]:
        if value.startswith(self._root) and value[self._size:self._size + 1] in ("", "/", os.sep):
            return value[self._size:].replace(os.sep, "/")
        return None

    def text(self, value: str) -> bytes:
        rest = self.rest(value)
        return _str(value) if rest is None else b"p" + framed(text_bytes(rest))

    def path(self, value: pathlib.PurePath) -> bytes:
        text = value.as_posix()
        if text.startswith(self._posix) and text[self._size:self._size + 1] in ("", "/"):
            return data_leaf(b"Path below root", text[self._size:])
        return _path(value)


def _path(value: pathlib.PurePath) -> bytes:
    return data_leaf(b"Path", value.as_posix())  # one name for both: a digest holds on every system


def _pure(name: bytes) -> Leaf:
    return lambda value: data_leaf(name, value.as_posix())


_COMMON: Dict[type, Leaf] = {
    type(None): lambda _: b"N",
    bool: lambda value: b"T" if value else b"F",
    type(Ellipsis): lambda _: b"E",
    type(NotImplemented): lambda _: b"X",
    int: _int,
    float: _float,
    complex: _complex,
    str: _str,
    bytes: _bytes,
    bytearray: _bytearray,
    memoryview: _memoryview,
    array.array: _array,
    decimal.Decimal: _decimal,
    fractions.Fraction: _fraction,
    range: _range,
    dt.timedelta: _timedelta,
    dt.date: lambda value: data_leaf(b"date", value.isoformat()),
    uuid.UUID: lambda value: data_leaf(b"UUID", value.bytes),
    re.Pattern: _pattern,
    pathlib.PurePosixPath: _pure(b"PurePosixPath"),
    pathlib.PureWindowsPath: _pure(b"PureWindowsPath"),
    pathlib.PosixPath: _path,
    pathlib.WindowsPath: _path,
}


def leaf_table(root: Optional[str]) -> Dict[type, Leaf]:
    """Return the encoder of each leaf type; an absolute `root` makes text and paths relative."""
    table = dict(_COMMON)
    table[Texts] = texts_leaf("", lambda _: None)
    if root is not None and root.rstrip("/" + os.sep):  # everything is below "/": no use as a root
        below = _Below(root)
        table[str] = below.text
        table[Texts] = texts_leaf(below.root, below.rest)
        table[pathlib.PosixPath] = table[pathlib.WindowsPath] = below.path
    return table
