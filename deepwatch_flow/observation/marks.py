"""Own code that notes by itself that it ran: what observes it below Python 3.12.

A profile function makes pure Python several times slower. But own modules are compiled by us
(``loading.snapshot``): each of their code objects sets a `Mark` first, which takes 5 to 20 nanoseconds.
Two codes of one name on one line share a mark, as they share the place by which they are told.
"""
from __future__ import annotations

from types import CodeType
from typing import Any, Dict, FrozenSet, List, Optional, Set, Tuple

from .._compat import monitoring
from ..hashing.marked import Mark
from .prologue import KNOWN, with_mark

#: whether this Python needs marks: `sys.monitoring` costs nothing
NEEDED = KNOWN and monitoring is None

#: What compiles functions itself, from their bytecode, can't do with marks. Modules that speak of it, or
#: use a decorator of such a name from elsewhere, have none.
_COMPILERS = frozenset({"numba", "jit", "njit", "jitclass", "cfunc", "vectorize", "guvectorize", "stencil", "torch", "pony"})

#: own code by its place: file, first line, name as in the code object
Place = Tuple[str, int, str]


class Marks:
    """The marks of all own code that was compiled with them."""

    def __init__(self) -> None:
        self._marks: Dict[Place, Mark] = {}
        self._codes: Dict[Place, CodeType] = {}
        self._files: Set[str] = set()
        self._refused = False

    def prepare(self, code: CodeType) -> CodeType:
        """Return a compiled module with marks in it and in all code inside, or as it is where that can't be."""
        try:
            self._refused = self._refused or not KNOWN or _is_compiled_further(code)
            # after one such module all others are observed otherwise, too
            marked = None if self._refused else self._marked(code)
        except (RecursionError, MemoryError):   # compilers do deeper code than Python can walk
            marked = None
        if marked is None:
            return code
        self._files.add(code.co_filename)
        return marked

    def _marked(self, code: CodeType) -> Optional[CodeType]:
        consts: List[Any] = list(code.co_consts)
        for index, const in enumerate(consts):
            if isinstance(const, CodeType):
                consts[index] = self._marked(const)
                if consts[index] is None:
                    return None     # all of a module's code is marked, or none
        # setdefault: two threads that import at once get the same mark
        mark = self._marks.setdefault((code.co_filename, code.co_firstlineno, code.co_name), Mark())
        marked = with_mark(code, mark, tuple(consts))
        if marked is not None:
            self._codes[code.co_filename, code.co_firstlineno, code.co_name] = marked
        return marked

    def clear(self) -> None:
        """Forget what ran."""
        for mark in list(self._marks.values()):
            mark.__suppress_context__ = False

    def ran(self) -> FrozenSet[Place]:
        """Return the places of the code that ran since `clear`, those of modules and class bodies too."""
        return frozenset([place for place, mark in list(self._marks.items()) if mark.__suppress_context__])

    def codes(self) -> List[CodeType]:
        """Return the code that ran since `clear`, one for each place."""
        return [self._codes[place] for place, mark in list(self._marks.items()) if mark.__suppress_context__ and place in self._codes]

    def has(self, path: str) -> bool:
        """Tell whether a file's module was compiled with marks."""
        return path in self._files

    def covers(self, code: CodeType) -> bool:
        """Tell whether this code notes that it ran; other code must be observed otherwise."""
        last = code.co_consts[-1] if code.co_consts else None
        return type(last) is Mark and self._marks.get((code.co_filename, code.co_firstlineno, code.co_name)) is last


def _is_compiled_further(code: CodeType) -> bool:
    if any(name.partition(".")[0] in _COMPILERS for name in code.co_names):
        return True
    return any(isinstance(const, CodeType) and _is_compiled_further(const) for const in code.co_consts)
