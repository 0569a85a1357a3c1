"""The codecs that need nothing but Python: bytes, text, JSON and pickle, and the class that codecs derive from.

A codec that can, writes to a file piece by piece and reads from one; the rest give and take bytes.
Whether bytes in memory or in a file: they are the same.
"""
from __future__ import annotations

import importlib
import io
import json
import mmap
import pickle
from typing import Any, Optional

from .canonical import (
    PROTOCOL,
    dump_canonical,
    dump_placed,
    dump_tree,
    write_canonical,
    write_tree,
)
from .places import Places
from .plain import plainness

_to_json = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, check_circular=False, separators=(",", ":")).encode
#: characters of a text that are encoded at a time
_PIECE = 1 << 20


class Codec:
    """One way of writing values; subclasses set `name`, which goes into the lockfile."""

    name = ""

    def encode(self, value: Any) -> Optional[bytes]:
        """Return the bytes of a value, or None: not a value of mine."""
        raise NotImplementedError

    def decode(self, data: bytes) -> object:
        """Return the value of these bytes; never the same mutable object twice."""
        raise NotImplementedError


class StreamCodec(Codec):
    """A codec that writes to a file and reads from one, so that a large value is never in memory twice."""

    def write(self, value: Any, file: Any) -> bool:
        """Write a value to a file (forwards only) and tell True, or False: not a value of mine.

        What was written before False or an error is dropped.
        """
        raise NotImplementedError

    def read(self, file: Any) -> object:
        """Return the value in an open file, which the value may keep mapped; never change the file."""
        raise NotImplementedError

    def by_default(self, _: Any) -> bool:
        """Tell whether this codec may take a value that it was not chosen for."""
        return True

    def encode(self, value: Any) -> Optional[bytes]:
        """Return the bytes of a value, or None: not a value of mine."""
        buffer = io.BytesIO()
        return buffer.getvalue() if self.write(value, buffer) else None

    def decode(self, data: bytes) -> object:
        """Return the value of these bytes."""
        return self.read(io.BytesIO(data))


class BytesCodec(StreamCodec):
    """Bytes as they are."""

    name = "bytes"

    def by_default(self, value: Any) -> bool:
        """Tell whether a value is bytes."""
        return type(value) is bytes

    def write(self, value: Any, file: Any) -> bool:
        """Write bytes; False for other types."""
        if type(value) is not bytes:
            return False
        file.write(value)
        return True

    def read(self, file: Any) -> object:
        """Return the bytes in a file."""
        return file.read()


class TextCodec(StreamCodec):
    """Text as UTF-8."""

    name = "text"

    def by_default(self, value: Any) -> bool:
        """Tell whether a value is a text."""
        return type(value) is str

    def write(self, value: Any, file: Any) -> bool:
        """Write a text; False for other types, and for one with lone surrogates: UTF-8 has no place for them."""
        if type(value) is not str:
            return False
        try:
            for start in range(0, len(value), _PIECE):
                file.write(value[start:start + _PIECE].encode("utf-8"))
        except UnicodeEncodeError:
            return False
        return True

    def read(self, file: Any) -> object:
        """Return the text in a file."""
        return str(memory_of(file), "utf-8")


class JsonCodec(Codec):
    """Plain data that JSON gives back exactly."""

    name = "json"

    def encode(self, value: Any) -> Optional[bytes]:
        """Return the bytes of a value, or None: not a value of mine."""
        if plainness(value) != "json":
            return None
        try:
            return _to_json(value).encode("utf-8")
        except UnicodeEncodeError:
            return None

    def decode(self, data: bytes) -> object:
        """Return the value of these bytes."""
        return json.loads(bytes(data))


class PickleCodec(StreamCodec):
    """Anything that pickle can write; the buffers of arrays go to the file without a copy."""

    name = "pickle"

    def write(self, value: Any, file: Any) -> bool:
        """Write a value; False where pickle can't name something in it."""
        if plainness(value) is not None:
            write_tree(value, file)
            return True
        try:
            write_canonical(value, file)
        except (pickle.PicklingError, AttributeError):  # pickle raises either for what it finds no name for
            return False
        return True

    def encode(self, value: Any) -> Optional[bytes]:
        """Return the bytes of a value, however deeply it is nested, or None."""
        if plainness(value) is not None:
            return dump_tree(value)
        try:
            return dump_canonical(value)
        except (pickle.PicklingError, AttributeError):
            return None

    def read(self, file: Any) -> object:
        """Return the value in a file."""
        return pickle.load(file)


class CloudpickleCodec(StreamCodec):
    """What has no name that another process would know: lambdas, classes made in a function."""

    name = "cloudpickle"

    def write(self, value: Any, file: Any) -> bool:
        """Write any value."""
        cloudpickle: Any = importlib.import_module("cloudpickle")  # only here: few values need it
        cloudpickle.dump(value, file, protocol=PROTOCOL)
        return True

    def read(self, file: Any) -> object:
        """Return the value in a file."""
        return pickle.load(file)


class PlacedCodec(StreamCodec):
    """A pickle that holds places below the project's root by what follows the root."""

    name = "placed"

    def __init__(self, root: str) -> None:
        self._root = root
        self.places = Places(root)

    def write(self, value: Any, file: Any) -> bool:
        """Write a value; False: it holds no place."""
        return write_canonical(value, file, self.places, self._root)

    def encode(self, value: Any) -> Optional[bytes]:
        """Return the bytes of a value, however deeply it is nested, or None: it holds no place."""
        return dump_placed(value, self.places, self._root)

    def read(self, file: Any) -> object:
        """Return the value in a file, its places below this project's root."""
        return self.places.load(file)


def memory_of(file: Any) -> Any:
    """Return the bytes in a file without reading them, where the system can map them; never writable."""
    if isinstance(file, io.BytesIO):
        return file.getvalue()
    try:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError):       # an empty file can't be mapped
        return file.read()
