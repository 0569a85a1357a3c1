"""How a value becomes bytes and back: which codec takes it, and the same bytes for it everywhere.

    bytes, text    bytes and str as they are (UTF-8)
    json           what JSON gives back exactly: dict with str keys, list, str, int, float, bool, None
    npy            a numpy array without objects in it; registered as a plugin's, by ``builtin``
    pickle         anything else: `plain` data at C speed, the rest by the ``canonical`` pickler
    placed         text, json and pickle with places below the project's root in it: see ``places``
    cloudpickle    what pickle can't name: lambdas, classes of a notebook; these bytes may vary

A plugin's codecs are asked after the first three and before the others. Neither the identity of
equal immutable values nor the hash seed shows in the bytes, so a blob's digest is as stable as its
value's; cloudpickle is the exception. A blob is checked against its digest before it gets here.
"""
from __future__ import annotations

import importlib
import io
import json
import pickle
import sys
from typing import Any, Dict, List, NamedTuple, Optional, Sequence

from ..errors import FingerprintError, PluginError, StateError
from ..hashing.frames import digest_frame
from ..hashing.naming import type_name
from ..hashing.values import Undigestible, ValueHasher
from .canonical import PROTOCOL, dump_canonical, dump_placed, dump_tree
from .places import Places
from .plain import is_immutable, plainness

__all__ = ["Codec", "Codecs", "Encoded", "Unstorable", "is_immutable"]

_to_json = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, check_circular=False, separators=(",", ":")).encode


class Encoded(NamedTuple):
    """A value as bytes, and who can read them."""

    data: bytes
    codec: str


class Unstorable(FingerprintError):
    """A value can't be stored. `where` is the path to the culprit inside it, as far as it is known."""

    def __init__(self, type_name: str, why: str, where: str = "") -> None:
        place = f" at {where}" if where else ""
        super().__init__(
            f"can't store a value of type {type_name}{place}: {why}",
            hint="return plain data, arrays, frames or picklable objects; write other things to a file that "
                 "is a Product; or register a codec for the type (docs/plugins.md)",
        )
        self.type_name = type_name
        self.why = why
        self.where = where


class Codec:
    """One way of writing values; subclasses set `name`, which goes into the lockfile."""

    name = ""

    def encode(self, value: Any) -> Optional[bytes]:
        """Return the bytes of a value, or None: not a value of mine."""
        raise NotImplementedError

    def decode(self, data: bytes) -> object:
        """Return the value of these bytes; never the same mutable object twice."""
        raise NotImplementedError


class BytesCodec(Codec):
    """Bytes as they are."""

    name = "bytes"

    def encode(self, value: Any) -> Optional[bytes]:
        """Return the bytes of a value, or None: not a value of mine."""
        return value if type(value) is bytes else None

    def decode(self, data: bytes) -> object:
        """Return the value of these bytes."""
        return bytes(data)


class TextCodec(Codec):
    """Text as UTF-8."""

    name = "text"

    def encode(self, value: Any) -> Optional[bytes]:
        """Return the bytes of a value, or None: not a value of mine."""
        return _utf8(value) if type(value) is str else None

    def decode(self, data: bytes) -> object:
        """Return the value of these bytes."""
        return bytes(data).decode("utf-8")


class JsonCodec(Codec):
    """Plain data that JSON gives back exactly."""

    name = "json"

    def encode(self, value: Any) -> Optional[bytes]:
        """Return the bytes of a value, or None: not a value of mine."""
        return _utf8(_to_json(value)) if plainness(value) == "json" else None

    def decode(self, data: bytes) -> object:
        """Return the value of these bytes."""
        return json.loads(bytes(data))


class NpyCodec(Codec):
    """A numpy array as an ``.npy`` file."""

    name = "npy"

    def encode(self, value: Any) -> Optional[bytes]:
        """Return the bytes of a value, or None: not a value of mine."""
        numpy: Any = sys.modules.get("numpy")
        if numpy is None or type(value) is not numpy.ndarray:
            return None
        dtype = value.dtype
        if dtype.hasobject or dtype.metadata or dtype.names is not None or dtype.kind == "T":
            return None  # records are padded with left-over memory: not the same bytes each time
        buffer = io.BytesIO()
        numpy.lib.format.write_array(buffer, value, allow_pickle=False)
        return buffer.getvalue()

    def decode(self, data: bytes) -> object:
        """Return the value of these bytes."""
        numpy: Any = importlib.import_module("numpy")
        return numpy.lib.format.read_array(io.BytesIO(data), allow_pickle=False)


class PickleCodec(Codec):
    """Anything that pickle can write."""

    name = "pickle"

    def encode(self, value: Any) -> Optional[bytes]:
        """Return the bytes of a value, or None where pickle can't name something in it."""
        if plainness(value) is not None:
            return dump_tree(value)
        try:
            return dump_canonical(value)
        except (pickle.PicklingError, AttributeError):  # pickle raises either for what it finds no name for
            return None

    def decode(self, data: bytes) -> object:
        """Return the value of these bytes."""
        return pickle.loads(data)


class CloudpickleCodec(Codec):
    """What has no name that another process would know: lambdas, classes made in a function."""

    name = "cloudpickle"

    def encode(self, value: Any) -> Optional[bytes]:
        """Return the bytes of a value."""
        cloudpickle: Any = importlib.import_module("cloudpickle")  # only here: few values need it
        data: bytes = cloudpickle.dumps(value, protocol=PROTOCOL)
        return data

    def decode(self, data: bytes) -> object:
        """Return the value of these bytes."""
        return pickle.loads(data)


class PlacedCodec(Codec):
    """A pickle that holds places below the project's root by what follows the root."""

    name = "placed"

    def __init__(self, root: str) -> None:
        self._root = root
        self._places = Places(root)

    def again(self, value: Any, data: bytes) -> Optional[bytes]:
        """Return the bytes of a value that others wrote as `data`, None if it holds no place."""
        return dump_placed(value, self._places, self._root) if self._places.may_be_in(data) else None

    def encode(self, value: Any) -> Optional[bytes]:
        """Return the bytes of a value, or None: it holds no place."""
        return dump_placed(value, self._places, self._root)

    def decode(self, data: bytes) -> object:
        """Return the value of these bytes, its places below this project's root."""
        return self._places.load(data)


#: codecs whose values are written again where they hold places
_PLACEABLE = frozenset({TextCodec.name, JsonCodec.name, PickleCodec.name})


class Codecs:
    """Chooses the codec for a value; with a `root`, places below it are kept relative to it."""

    def __init__(self, extra: Sequence[Codec] = (), root: Optional[str] = None) -> None:
        first: List[Codec] = [BytesCodec(), TextCodec(), JsonCodec()]
        self._codecs = [*first, *extra, PickleCodec(), CloudpickleCodec()]
        self._names: Dict[str, Codec] = {}
        self._placed = PlacedCodec(root) if root is not None else None
        for codec in [*self._codecs, *([self._placed] if self._placed is not None else [])]:
            if not codec.name or codec.name in self._names:
                raise PluginError(f"codec {type(codec).__qualname__} is named `{codec.name}`",
                                  hint="give it a name that no other codec has; it goes into the lockfile")
            self._names[codec.name] = codec

    def encode(self, value: object) -> Encoded:
        """Return the bytes of a value; raises `Unstorable`."""
        try:
            for codec in self._codecs:
                data = codec.encode(value)
                if data is not None:
                    placed = self._again(codec.name, value, data)
                    return Encoded(data, codec.name) if placed is None else Encoded(placed, PlacedCodec.name)
        except Exception as error:  # the value's own code may raise anything; the cause is kept
            raise _unstorable(value, error) from error
        raise Unstorable(type_name(type(value)), "no codec takes it")

    def _again(self, codec: str, value: object, data: bytes) -> Optional[bytes]:
        return self._placed.again(value, data) if self._placed is not None and codec in _PLACEABLE else None

    def decode(self, codec: str, data: bytes) -> object:
        """Return the value of bytes that `codec` wrote."""
        reader = self._names.get(codec)
        if reader is None:
            raise StateError(f"no codec is named `{codec}`, and a stored value needs it",
                             hint="install the plugin that wrote it, or run the step again with --force")
        return reader.decode(data)


def _utf8(text: str) -> Optional[bytes]:
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:  # lone surrogates: UTF-8 has no place for them
        return None


def _unstorable(value: object, error: Exception) -> Unstorable:
    """Return the error that names the culprit: what can't be pickled mostly can't be digested either."""
    lines = str(error).strip().splitlines()
    why = lines[0] if lines else type(error).__name__
    if isinstance(error, RecursionError):
        return Unstorable(type_name(type(value)), "it is nested too deeply to be pickled")
    try:
        ValueHasher(digesters=[digest_frame]).encoding(value)
    except Undigestible as found:
        return Unstorable(found.type_name, why, found.where)
    return Unstorable(type_name(type(value)), why)
