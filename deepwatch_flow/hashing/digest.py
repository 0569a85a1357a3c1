"""Digests: framed, tagged fields in, one BLAKE3 digest out.

Every persistent digest of deepwatch is made here. A digest opens with its purpose and version, and
each field is written as name, type, length and bytes, so neighbouring fields can't run together
and different kinds of information can't collide.
"""
from __future__ import annotations

from typing import Iterable, List, Optional, Union, cast

from blake3 import blake3

TYPE_CHECKING = False
if TYPE_CHECKING:       # not at run time: who looks at one edited function has no use for the nouns
    from ..model import Digest

#: how many fields are kept before they are digested: fewer than that are digested at once, which is faster
_MANY = 1000

#: what a field may hold
Field = Union[str, bytes, int, None]


def digest_bytes(data: Union[bytes, bytearray, memoryview]) -> Digest:
    """Return the digest of plain bytes, which is also a blob's address in the store."""
    return cast("Digest", blake3(data).hexdigest())


class Hasher:
    """Collect named fields into one digest.

    >>> Hasher("example/1").field("name", "a").digest() == Hasher("example/1").field("name", b"a").digest()
    False
    """

    __slots__ = ("_parts", "_state")

    def __init__(self, purpose: str) -> None:
        data = purpose.encode()
        self._parts: List[bytes] = [b"purpose=s%d:%b;" % (len(data), data)]
        self._state: Optional[blake3] = None      # of the parts that are no longer kept

    def field(self, name: str, value: Field) -> Hasher:
        """Add one field; the type of `value` is part of it (``"1"``, ``b"1"`` and ``1`` differ)."""
        if isinstance(value, str):      # most are plain names and digests, for which there is a faster way
            data = value.encode() if value.isascii() else value.encode("utf-8", "surrogatepass")
            self._parts.append(b"%b=s%d:%b;" % (name.encode(), len(data), data))
        elif isinstance(value, bytes):
            self._parts.append(b"%b=b%d:%b;" % (name.encode(), len(value), value))
        elif value is None:
            self._parts.append(b"%b=n0:;" % name.encode())
        else:
            data = b"%d" % value
            self._parts.append(b"%b=i%d:%b;" % (name.encode(), len(data), data))
        if len(self._parts) >= _MANY:
            self._fold()
        return self

    def fields(self, name: str, values: Iterable[Field]) -> Hasher:
        """Add a sequence under one name, its length first."""
        listed = list(values)
        self.field(name, len(listed))
        for value in listed:
            self.field(name, value)
        return self

    def digest(self) -> Digest:
        """Return the digest of all fields so far."""
        if self._state is None:
            return cast("Digest", blake3(b"".join(self._parts)).hexdigest())
        return cast("Digest", self._fold().hexdigest())

    def _fold(self) -> blake3:
        """Digest the parts that are kept, so that the fields of a million things need no memory."""
        state = self._state = self._state or blake3()
        state.update(b"".join(self._parts))
        self._parts.clear()
        return state
