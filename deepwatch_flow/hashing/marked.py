"""The mark that a code object may hold, and what of code objects counts without it.

Below Python 3.12 own code notes by itself that it ran (``observation.marks``): an instruction at its
top stores into a `Mark` among its constants. Such code is the code that it was: it is equal to
itself after a round trip through a pickle, and no digest sees the mark.
"""
from __future__ import annotations

from types import CodeType
from typing import Any, Tuple

#: the attribute that a mark is set by: a plain slot of exceptions, too, and no part of their pickles
ATTRIBUTE = "__suppress_context__"


class Mark:
    """Tells whether the code that holds it ran; equal to nothing but itself, so codes stay hashable."""

    __slots__ = (ATTRIBUTE,)

    __suppress_context__: bool

    def __init__(self) -> None:
        self.__suppress_context__ = False

    def __reduce__(self) -> Tuple[Any, ...]:
        # Where the code is unpickled there may be no deepwatch. An exception is the one kind of object
        # of Python's own that can be hashed and pickled, and has an attribute outside of its pickle.
        return Exception, ()


def is_mark(constant: object) -> bool:
    """Tell whether a constant of a code object is a mark, or what has become of one in a pickle."""
    return type(constant) is Mark or type(constant) is Exception    # compilers make no exceptions


def constants(code: CodeType) -> Tuple[Any, ...]:
    """Return the constants of a code object without its mark."""
    return tuple(const for const in code.co_consts if not is_mark(const))


def same_code(one: CodeType, other: CodeType) -> bool:
    """Tell whether two code objects are equal but for the identity of their marks."""
    if one is other or one == other:
        return True
    if one.co_code != other.co_code or len(one.co_consts) != len(other.co_consts):
        return False
    return _with_constants_of(one, other) == other


def _with_constants_of(one: CodeType, other: CodeType) -> CodeType:
    """Return a code object with its marks exchanged for those of another one."""
    return one.replace(co_consts=tuple(
        _with_constants_of(mine, its) if isinstance(mine, CodeType) and isinstance(its, CodeType)
        and len(mine.co_consts) == len(its.co_consts)
        else its if is_mark(mine) and is_mark(its) else mine
        for mine, its in zip(one.co_consts, other.co_consts)))
