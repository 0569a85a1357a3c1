"""Own code that notes by itself that it ran: what observes it below Python 3.12.

A profile function makes pure Python several times slower. But own modules are compiled by us
(``loading.snapshot``): each of their code objects sets a `Mark` first, which takes 5 to 20 nanoseconds.
Two codes of one name on one line share a mark, as they share the place by which they are told.
"""
from __future__ import annotations

from types import CodeType
from typing import Any, Dict, FrozenSet, List, Optional, Tuple

from ..hashing.marked import Mark
from .prologue import KNOWN, with_mark

#: own code by its place: file, first line, name as in the code object
Place = Tuple[str, int, str]


class Marks:
    """The marks of all own code that was compiled with them."""

    def __init__(self) -> None:
        self._marks: Dict[Place, Mark] = {}

    def prepare(self, code: CodeType) -> CodeType:
        """Return a compiled module with marks in it and in all code inside, or as it is where that can't be."""
        if not KNOWN:
            return code
        try:
            return self._marked(code) or code
        except (RecursionError, MemoryError):   # compilers do deeper code than Python can walk
            return code

    def _marked(self, code: CodeType) -> Optional[CodeType]:
        consts: List[Any] = list(code.co_consts)
        for index, const in enumerate(consts):
            if isinstance(const, CodeType):
                consts[index] = self._marked(const)
                if consts[index] is None:
                    return None     # all of a module's code is marked, or none
        # setdefault: two threads that import at once get the same mark
        mark = self._marks.setdefault((code.co_filename, code.co_firstlineno, code.co_name), Mark())
        return with_mark(code, mark, tuple(consts))

    def clear(self) -> None:
        """Forget what ran."""
        for mark in list(self._marks.values()):
            mark.__suppress_context__ = False

    def ran(self) -> FrozenSet[Place]:
        """Return the places of the code that ran since `clear`, those of modules and class bodies too."""
        return frozenset([place for place, mark in list(self._marks.items()) if mark.__suppress_context__])

    def covers(self, code: CodeType) -> bool:
        """Tell whether this code notes that it ran; other code must be observed otherwise."""
        last = code.co_consts[-1] if code.co_consts else None
        return type(last) is Mark and self._marks.get((code.co_filename, code.co_firstlineno, code.co_name)) is last
