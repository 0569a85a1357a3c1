"""How a value becomes bytes and back: which codec takes it, and the same bytes for it everywhere.

    bytes, text    bytes and str as they are (UTF-8)
    json           what JSON gives back exactly: dict with str keys, list, str, int, float, bool, None
    npy and others arrays, tables and images: see ``datacodecs``; registered as a plugin's, by ``builtin``
    pickle         anything else: `plain` data at C speed, the rest by the ``canonical`` pickler
    placed         text, json and pickle with places below the project's root in it: see ``places``
    cloudpickle    what pickle can't name: lambdas, classes of a notebook; these bytes may vary

A plugin's codecs are asked after the first three and before the others; a chosen one is asked first. Neither the identity of
equal immutable values nor the hash seed shows in the bytes, so a blob's digest is as stable as its
value's; cloudpickle is the exception. A blob is checked against its digest before it gets here.
"""
from __future__ import annotations

import fnmatch
from typing import Any, BinaryIO, Callable, Dict, List, Mapping, NamedTuple, Optional, Sequence

from ..errors import ConfigError, EnvironmentFault, FingerprintError, PluginError, StateError
from ..hashing.frames import digest_frame
from ..hashing.naming import type_name
from ..hashing.values import Undigestible, ValueHasher
from ..model import Digest
from .datacodecs import NpyCodec
from .plain import is_immutable
from .plaincodecs import (
    BytesCodec,
    CloudpickleCodec,
    Codec,
    JsonCodec,
    PickleCodec,
    PlacedCodec,
    StreamCodec,
    TextCodec,
)
from .store import BlobStore

__all__ = ["Codec", "Codecs", "Encoded", "Kept", "NpyCodec", "StreamCodec", "Unstorable", "is_immutable"]

#: bytes from which a blob is read from its file and not through memory
_LARGE = 1 << 20


class Kept(NamedTuple):
    """Where a value was stored."""

    blob: Digest
    size: int
    codec: str


class Encoded(NamedTuple):
    """A value as bytes, and who can read them."""

    data: bytes
    codec: str


#: types of what has no elements before it is read
_LAZY_TYPES = frozenset({"generator", "async_generator", "map", "filter", "zip", "dict_keys", "dict_values", "dict_items"})
_LAZY = ('return a list of its elements; a generator is stored element by element where another step goes through '
         'them: `def use(part=Each("name_of_this_step"))`')


class Unstorable(FingerprintError):
    """A value can't be stored. `where` is the path to the culprit inside it, as far as it is known."""

    def __init__(self, type_name: str, why: str, where: str = "") -> None:
        place = f" at {where}" if where else ""
        super().__init__(
            f"can't store a value of type {type_name}{place}: {why}",
            hint=_LAZY if type_name in _LAZY_TYPES else
            "return plain data, arrays, frames or picklable objects; write other things to a file that "
            "is a Product; or register a codec for the type (docs/plugins.md)",
        )
        self.type_name = type_name
        self.why = why
        self.where = where


class _Declined(Exception):
    """The codec does not take the value after all; what it wrote is dropped."""


class _HasPlaces(Exception):
    """What was written may hold a place below the project's root."""


#: codecs whose values are written again where they hold places
_PLACEABLE = frozenset({TextCodec.name, JsonCodec.name, PickleCodec.name})


class Codecs:
    """Chooses the codec for a value; with a `root`, places below it are kept relative to it.

    `chosen` maps types, by full name or pattern, to the names of codecs that are asked first.
    """

    def __init__(self, extra: Sequence[Codec] = (), root: Optional[str] = None, chosen: Mapping[str, str] = {}) -> None:
        first: List[Codec] = [BytesCodec(), TextCodec(), JsonCodec()]
        self._codecs = [*first, *extra, PickleCodec(), CloudpickleCodec()]
        self._names: Dict[str, Codec] = {}
        self._placed = PlacedCodec(root) if root is not None else None
        for codec in [*self._codecs, *([self._placed] if self._placed is not None else [])]:
            if not codec.name or codec.name in self._names:
                raise PluginError(f"codec {type(codec).__qualname__} is named `{codec.name}`",
                                  hint="give it a name that no other codec has; it goes into the lockfile")
            self._names[codec.name] = codec
        self._chosen = dict(chosen)
        for pattern, name in self._chosen.items():
            self.require(name, f"[store] codecs, for `{pattern}`")

    def require(self, name: str, where: str) -> None:
        """Raise ConfigError if no codec that may be chosen has this name."""
        names = [codec.name for codec in self._codecs]
        if name not in names:
            raise ConfigError(f"{where}: no codec is named `{name}`", hint=f"there are: {', '.join(sorted(names))}")

    def encode(self, value: object, wanted: Optional[str] = None) -> Encoded:
        """Return the bytes of a value; raises `Unstorable`."""
        try:
            for codec in self._asked(value, wanted):
                data = codec.encode(value)
                if data is not None:
                    placed = self._again(codec.name, value, data)
                    return Encoded(data, codec.name) if placed is None else Encoded(placed, PlacedCodec.name)
        except Exception as error:  # the value's own code may raise anything; the cause is kept
            raise _unstorable(value, error) from error
        raise Unstorable(type_name(type(value)), "no codec takes it")

    def keep(self, value: object, store: BlobStore, wanted: Optional[str] = None) -> Kept:
        """Store a value, piece by piece where it is large; `wanted` names a codec that is asked first.

        Raises `Unstorable`, and what the store raises.
        """
        try:
            for codec in self._asked(value, wanted):
                kept = self._kept(codec, value, store)
                if kept is not None:
                    return kept
        except (EnvironmentFault, Unstorable):
            raise
        except Exception as error:  # the value's own code may raise anything; the cause is kept
            raise _unstorable(value, error) from error
        raise Unstorable(type_name(type(value)), "no codec takes it")

    def _asked(self, value: object, wanted: Optional[str]) -> List[Any]:
        """Return the codecs in the order in which they are asked for a value."""
        if wanted is None and self._chosen:
            name = type_name(type(value))
            wanted = next((codec for pattern, codec in self._chosen.items() if fnmatch.fnmatchcase(name, pattern)), None)
        others = [codec for codec in self._codecs if codec.name != wanted
                  and (not isinstance(codec, StreamCodec) or codec.by_default(value))]
        return others if wanted is None else [self._names[wanted], *others]

    def _kept(self, codec: Codec, value: object, store: BlobStore) -> Optional[Kept]:
        if isinstance(codec, StreamCodec) and hasattr(store, "put_stream"):
            try:
                return self._streamed(codec, value, store)
            except RecursionError:
                pass        # nested too deeply for this stack: encoding in memory has room for it
        data = codec.encode(value)
        if data is None:
            return None
        name, placed = codec.name, self._again(codec.name, value, data)
        if placed is not None:
            name, data = PlacedCodec.name, placed
        return Kept(store.put(data), len(data), name)

    def _streamed(self, codec: StreamCodec, value: object, store: BlobStore) -> Optional[Kept]:
        placed = self._placed if codec.name in _PLACEABLE else None

        def plainly(file: BinaryIO) -> None:
            if not codec.write(value, file):
                raise _Declined

        def watched(file: BinaryIO) -> None:
            watch = self._placed.places.watch(file) if self._placed is not None else None
            plainly(watch)          # type: ignore[arg-type]
            if watch is not None and watch.found:
                raise _HasPlaces

        try:
            return Kept(*store.put_stream(plainly if placed is None else watched), codec.name)
        except _Declined:
            return None
        except _HasPlaces:
            kept = self._streamed(placed, value, store) if placed is not None else None
            return kept if kept is not None else Kept(*store.put_stream(plainly), codec.name)

    def _again(self, codec: str, value: object, data: bytes) -> Optional[bytes]:
        """Return the bytes of a value that others wrote as `data`, None if it holds no place."""
        if self._placed is None or codec not in _PLACEABLE or not self._placed.places.may_be_in(data):
            return None
        return self._placed.encode(value)

    def decode(self, codec: str, data: bytes) -> object:
        """Return the value of bytes that `codec` wrote."""
        return self._reader(codec).decode(data)

    def opened(self, codec: str, store: BlobStore, blob: Digest) -> Callable[[], object]:
        """Return what gives a stored value, its bytes checked and at hand; raises BlobMissing.

        A large blob is read from its file, and an array stays in it: see ``datacodecs``.
        """
        reader = self._reader(codec)
        if not isinstance(reader, StreamCodec) or not hasattr(store, "path") or (store.size(blob) or 0) < _LARGE:
            data = store.get(blob)
            return lambda: reader.decode(data)
        file = open(store.path(blob), "rb")     # noqa: SIM115 - closed by what reads it

        def read() -> object:
            with file:
                return reader.read(file)

        return read

    def _reader(self, codec: str) -> Any:
        reader = self._names.get(codec)
        if reader is None:
            raise StateError(f"no codec is named `{codec}`, and a stored value needs it",
                             hint="install the plugin that wrote it, or run the step again with --force")
        return reader


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
