"""Own code that notes by itself that it ran: what observes it below Python 3.12.

A profile function makes pure Python several times slower. But own modules are compiled by us
(``loading.snapshot``): each of their code objects sets a `Mark` first, which takes 5 to 20 nanoseconds.
Two codes of one name on one line share a mark, as they share the place by which they are told.
"""
from __future__ import annotations

import threading
from itertools import compress
from types import CodeType
from typing import Any, Dict, FrozenSet, Iterator, List, Optional, Set, Tuple

from .._compat import monitoring
from ..hashing.marked import ATTRIBUTE, Mark
from .prologue import KNOWN, with_marks

#: whether this Python needs marks: `sys.monitoring` costs nothing
NEEDED = KNOWN and monitoring is None

#: What compiles functions itself, from their bytecode, can't do with marks. Modules that speak of it, or
#: use a decorator of such a name from elsewhere, have none.
_COMPILERS = frozenset({"numba", "jit", "njit", "jitclass", "cfunc", "vectorize", "guvectorize", "stencil", "torch", "pony"})

#: how many marks are looked at one by one, and how many stand in a block
_FIRST, _BLOCK = 200, 100
#: whether a mark is set, at the speed of C
_is_set = vars(Mark)[ATTRIBUTE].__get__
_making = threading.Lock()

#: own code by its place: file, first line, name as in the code object
Place = Tuple[str, int, str]


class _Block:
    """Some marks that are looked at together."""

    __slots__ = ("mark", "marks", "places")

    def __init__(self) -> None:
        self.mark = Mark()                  #: set with each of the others
        self.marks: List[Mark] = []
        self.places: List[Place] = []

    def set_places(self) -> Iterator[Place]:
        """Return the places whose marks are set."""
        return compress(self.places, map(_is_set, self.marks))


class Marks:
    """The marks of all own code that was compiled with them.

    To look at thousands of marks after each of thousands of steps would take most of a run. So
    beyond the first some hundred they stand in blocks, and their code sets the mark of its block as well.
    """

    def __init__(self) -> None:
        self._marks: Dict[Place, Tuple[Mark, ...]] = {}     #: the code's own is the last
        self._codes: Dict[Place, CodeType] = {}
        self._files: Set[str] = set()
        self._refused = False
        self._first = _Block()
        self._blocks: List[_Block] = []
        self._block_marks: List[Mark] = []

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
        place = (code.co_filename, code.co_firstlineno, code.co_name)
        marked = with_marks(code, self._marks_of(place), tuple(consts))
        if marked is not None:
            self._codes[place] = marked
        return marked

    def _marks_of(self, place: Place) -> Tuple[Mark, ...]:
        with _making:       # two threads that import at once get the same marks
            known = self._marks.get(place)
            if known is None:
                block = self._first
                above: Tuple[Mark, ...] = ()
                if len(block.marks) >= _FIRST:
                    if not self._blocks or len(self._blocks[-1].marks) >= _BLOCK:
                        self._blocks.append(_Block())
                        self._block_marks.append(self._blocks[-1].mark)
                    block = self._blocks[-1]
                    above = (block.mark,)
                known = self._marks[place] = (*above, Mark())
                block.marks.append(known[-1])
                block.places.append(place)
        return known

    def _set_blocks(self) -> Iterator[_Block]:
        yield self._first
        yield from compress(self._blocks, map(_is_set, self._block_marks))

    def clear(self) -> List[CodeType]:
        """Forget what ran; return its code as `codes` does."""
        found: List[CodeType] = []
        for block in list(self._set_blocks()):
            block.mark.__suppress_context__ = False
            for place, mark in list(compress(zip(block.places, block.marks), map(_is_set, block.marks))):
                mark.__suppress_context__ = False
                if place in self._codes:
                    found.append(self._codes[place])
        return found

    def ran(self) -> FrozenSet[Place]:
        """Return the places of the code that ran since `clear`, those of modules and class bodies too."""
        return frozenset([place for block in self._set_blocks() for place in block.set_places()])

    def codes(self) -> List[CodeType]:
        """Return the code that ran since `clear`, one for each place."""
        return [self._codes[place] for block in self._set_blocks() for place in block.set_places() if place in self._codes]

    def has(self, path: str) -> bool:
        """Tell whether a file's module was compiled with marks."""
        return path in self._files

    def covers(self, code: CodeType) -> bool:
        """Tell whether this code notes that it ran; other code must be observed otherwise."""
        last = code.co_consts[-1] if code.co_consts else None
        known = self._marks.get((code.co_filename, code.co_firstlineno, code.co_name))
        return type(last) is Mark and known is not None and known[-1] is last


def _is_compiled_further(code: CodeType) -> bool:
    if any(name.partition(".")[0] in _COMPILERS for name in code.co_names):
        return True
    return any(isinstance(const, CodeType) and _is_compiled_further(const) for const in code.co_consts)
