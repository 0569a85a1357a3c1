"""Own code that notes by itself that it ran: what observes it below Python 3.12.

A profile function makes pure Python several times slower. But own modules are compiled by us
(``loading.snapshot``): each of their code objects sets a `Mark` first, which takes 5 to 20 nanoseconds.
Two codes of one name on one line share a mark, as they share the place by which they are told.
"""
from __future__ import annotations

import threading
from itertools import compress
from types import CodeType
from typing import Any, Dict, FrozenSet, Generic, Iterator, List, Optional, Set, Tuple, TypeVar

from .._compat import monitoring
from ..hashing.marked import ATTRIBUTE, Mark
from .prologue import KNOWN, with_marks

#: whether this Python needs marks: `sys.monitoring` costs nothing
NEEDED = KNOWN and monitoring is None

#: What compiles functions itself, from their bytecode, can't do with marks. Modules that speak of it, or
#: use a decorator of such a name from elsewhere, have none.
_COMPILERS = frozenset({"numba", "jit", "njit", "jitclass", "cfunc", "vectorize", "guvectorize", "stencil", "torch", "pony"})

#: how many marks stand together: so many in a block, so many blocks in a group
_TOGETHER = 32
#: whether a mark is set, at the speed of C
_is_set = vars(Mark)[ATTRIBUTE].__get__
_making = threading.Lock()

#: own code by its place: file, first line, name as in the code object
Place = Tuple[str, int, str]


_Of = TypeVar("_Of")


class _Row(Generic[_Of]):
    """Some things, each with its mark, that are looked at together."""

    __slots__ = ("mark", "marks", "things")

    def __init__(self) -> None:
        self.mark = Mark()                  #: set with each of the others
        self.marks: List[Mark] = []
        self.things: List[_Of] = []

    def add(self, mark: Mark, thing: _Of) -> _Of:
        self.marks.append(mark)
        self.things.append(thing)
        return thing

    def is_full(self) -> bool:
        return len(self.marks) >= _TOGETHER

    def set_things(self) -> Iterator[_Of]:
        """Return the things whose marks are set."""
        return compress(self.things, map(_is_set, self.marks))


_Block = _Row[Tuple[Place, Mark]]
_Group = _Row[_Block]


class Marks:
    """The marks of all own code that was compiled with them.

    To look at thousands of marks after each of thousands of steps would take most of a run. So they stand in
    blocks, and blocks in groups, and their code sets the marks of these as well; the first block needs none,
    the first group neither.
    """

    def __init__(self) -> None:
        self._marks: Dict[Place, Tuple[Mark, ...]] = {}     #: the code's own is the last
        self._codes: Dict[Place, CodeType] = {}
        self._files: Set[str] = set()
        self._refused = False
        self._first = _Block()
        self._blocks = _Group()
        self._groups: _Row[_Group] = _Row()

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
                block, above = self._open_block()
                known = self._marks[place] = (*above, Mark())
                block.add(known[-1], (place, known[-1]))
        return known

    def _open_block(self) -> Tuple[_Block, Tuple[Mark, ...]]:
        """Return a block with room, and the marks of what it stands in."""
        if not self._first.is_full():
            return self._first, ()
        group = self._groups.things[-1] if self._groups.things else self._blocks     # those before the last are full
        if group.is_full() and group.things[-1].is_full():
            made = _Group()
            group = self._groups.add(made.mark, made)
        if not group.things or group.things[-1].is_full():
            made_block = _Block()
            group.add(made_block.mark, made_block)
        block = group.things[-1]
        return block, (block.mark,) if group is self._blocks else (group.mark, block.mark)

    def _set_blocks(self) -> Iterator[_Block]:
        yield self._first
        yield from self._blocks.set_things()
        for group in self._groups.set_things():
            yield from group.set_things()

    def clear(self) -> List[CodeType]:
        """Forget what ran; return its code as `codes` does."""
        found: List[CodeType] = []
        blocks = list(self._set_blocks())
        for group in list(self._groups.set_things()):
            group.mark.__suppress_context__ = False
        for block in blocks:
            block.mark.__suppress_context__ = False
            for place, mark in list(block.set_things()):
                mark.__suppress_context__ = False
                if place in self._codes:
                    found.append(self._codes[place])
        return found

    def ran(self) -> FrozenSet[Place]:
        """Return the places of the code that ran since `clear`, those of modules and class bodies too."""
        return frozenset([place for block in self._set_blocks() for place, _ in block.set_things()])

    def codes(self) -> List[CodeType]:
        """Return the code that ran since `clear`, one for each place."""
        return [self._codes[place] for block in self._set_blocks() for place, _ in block.set_things() if place in self._codes]

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
