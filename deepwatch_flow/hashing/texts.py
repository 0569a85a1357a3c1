"""Many texts in a row, encoded as a whole: some bytes for all of them instead of a call for each.

The encoding is the BLAKE3 of their UTF-8 one after the other, and that of the numbers of bytes of each;
so it is the same whether the texts come as Python strings or as the buffers of an Arrow column, and however
they are cut into pieces. A text below the project's root is written relative to it, and its place is told.
"""
from __future__ import annotations

import sys
from array import array
from typing import Callable, Iterable, List, NamedTuple, Optional, Sequence, Tuple, Union

from blake3 import blake3

#: a flat list or tuple of at least this many values is encoded by `Texts` where some are text
MANY = 64
#: so many texts are put together at a time, to bound the memory
PIECE = 1 << 16

#: gives what follows the root in a text below it, None for any other text
Rest = Callable[[str], Optional[str]]


class Packed(NamedTuple):
    """A piece of texts as buffers."""

    lengths: bytes                     #: numbers of bytes, each an unsigned number of 8 bytes, little-endian
    data: bytes
    listed: Callable[[], List[str]]    #: the same as strings


Piece = Union[Packed, Sequence[str]]


class Texts:
    """Texts or, with `binary`, byte strings; `pieces` may be used up by one reading.

    Those that are stored as they are, in the buffers of a column, are taken `verbatim`: a path below the root
    stands in them as it was, wherever they are read.
    """

    __slots__ = ("binary", "count", "pieces", "verbatim")

    def __init__(self, count: int, pieces: Iterable[Piece], binary: bool = False, verbatim: bool = False) -> None:
        self.count = count
        self.verbatim = verbatim
        self.pieces = pieces
        self.binary = binary

    @classmethod
    def of(cls, texts: Sequence[str], verbatim: bool = False) -> Texts:
        """Return the texts of a list or tuple."""
        return cls(len(texts), (texts[at:at + PIECE] for at in range(0, len(texts), PIECE)), verbatim=verbatim)


def texts_leaf(root: str, rest: Rest) -> Callable[[Texts], bytes]:
    """Return the encoder of `Texts`; `root` is what a text holds that `rest` has something to say of."""
    key = root.encode("utf-8", "surrogatepass")

    def encode(value: Texts) -> bytes:
        lengths, data = blake3(), blake3()
        below: List[int] = []
        start = 0
        for piece in value.pieces:
            packed = piece if isinstance(piece, Packed) else _packed(piece)
            if key and not (value.binary or value.verbatim) and key in packed.data:
                texts, places = _relative(packed.listed(), rest)
                below += [start + place for place in places]
                packed = _packed(texts)
            lengths.update(packed.lengths)
            data.update(packed.data)
            start += len(packed.lengths) // 8
        places_digest = blake3(numbers_bytes(below)).digest() if below else b""
        return b"%b%d;%d:%b%b%b" % (b"w" if value.binary else b"x", value.count, len(below), lengths.digest(),
                                    data.digest(), places_digest)

    return encode


def _packed(texts: Sequence[str]) -> Packed:
    joined = "".join(texts)
    lengths: Iterable[int] = map(len, texts)
    if joined.isascii():
        data = joined.encode("ascii")
    else:
        data = joined.encode("utf-8", "surrogatepass")
        try:
            lengths = array("Q", map(len, map(str.encode, texts)))
        except UnicodeEncodeError:  # lone surrogates: names of files may hold some
            lengths = [len(text.encode("utf-8", "surrogatepass")) for text in texts]
    return Packed(numbers_bytes(lengths), data, lambda: list(texts))


def numbers_bytes(numbers: Iterable[int]) -> bytes:
    """Return numbers as 8 bytes each, little-endian."""
    found = array("Q", numbers)
    if sys.byteorder == "big":
        found.byteswap()
    return found.tobytes()


def _relative(texts: List[str], rest: Rest) -> Tuple[List[str], List[int]]:
    places = []
    for i, text in enumerate(texts):
        found = rest(text)
        if found is not None:
            texts[i] = found
            places.append(i)
    return texts, places
