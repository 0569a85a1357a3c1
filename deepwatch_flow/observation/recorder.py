"""One observation after the other: what is installed for them, when notes are taken, and for whom.

All that has to be exchanged in the interpreter is exchanged at the first observation and put back when
the recorder is closed; an observation only turns a switch. A process has one observation at a
time; what an inner one sees belongs to the outer one, too.
"""
from __future__ import annotations

import itertools
import os
import sys
from types import ModuleType, TracebackType
from typing import Any, Callable, ContextManager, Dict, Iterable, List, Optional, Tuple, Type

from ..loading import finder
from ..loading.origin import Origins
from . import auditing
from .children import PREPARING
from .children import install as install_forks
from .findings import NOW, Findings, Wants, unobserved
from .leftovers import Hidden, Leftovers, Watched
from .machinery import MACHINERY
from .marks import Marks
from .noting import Noting
from .probes import searched
from .seen import Seen
from .sifting import Sieve
from .spool import EARLIER, collect, is_alive

__all__ = ["Recorder", "Wants", "unobserved"]


_numbers = itertools.count()


class Recorder:
    """Observes what this process does, on demand; a context manager, or `close` it."""

    def __init__(self, origins: Origins, wants: Wants, spool: Optional[str] = None, marks: Optional[Marks] = None) -> None:
        self.origins = origins
        #: sees own code by its marks, if it was compiled with `marks`
        self.noting = Noting(marks, origins) if marks is not None and wants.code else None
        self.wants = wants
        self.spool = spool
        self._installed = False           # set first: an interrupt may leave the rest half done, which `close` puts back
        self._listed: List[Tuple[List[Any], Any]] = []
        self._sieve: Optional[Sieve] = None
        self.known_modules = KnownModules()
        #: files of child processes that were alive when their observation ended
        self.alive: List[str] = []
        #: of the steps that were observed so far
        self.leftovers: Optional[Leftovers] = None

    def __enter__(self) -> Recorder:
        return self

    def __exit__(self, kind: Optional[Type[BaseException]], error: Optional[BaseException],
                 trace: Optional[TracebackType]) -> None:
        self.close()

    def close(self) -> None:
        """Put everything back that observing has exchanged."""
        if self.noting is not None:
            self.noting.close()
        if self._installed:
            self._installed = False
            MACHINERY.release(self)
            for lists, each in reversed(self._listed):
                lists.remove(each)
            self._listed.clear()
            if not auditing.IMPORTS:
                PREPARING.remove()

    def observing(self, hidden: Optional[Hidden] = None) -> ContextManager[Callable[[], Seen]]:
        """Observe what happens inside; what the ``as`` name gives when called, after the block, is what was seen.

        `hidden` says that it is a step, and tells which own code that ran its fingerprint does not cover: with what
        the step read counts what it used of what earlier steps left in this process.
        """
        if not self._installed:
            self._installed = True
            MACHINERY.acquire(self, self.wants)
            install_forks()
            listeners: Tuple[Tuple[List[Any], Any], ...] = ((auditing.IMPORTS, PREPARING.imports), (finder.SEARCHES, searched))
            for lists, each in listeners:
                lists.append(each)
                self._listed.append((lists, each))
        if hidden is not None and self.leftovers is None:
            with unobserved():
                self.leftovers = Leftovers(self.origins.is_own, self.sift)
        return Observing(self, hidden)

    def storing(self, hidden: Optional[Hidden] = None) -> ContextManager[Callable[[], Seen]]:
        """Observe that a step's value is stored: what own code in it does counts, how packages store things does not."""
        return Observing(self, hidden, storing=True)

    def here(self, imported: Iterable[Tuple[str, str]]) -> List[str]:
        """Return which of the modules that the last observation saw came into this process: a child has its own ones."""
        return [name for name, _ in imported if self.known_modules.is_new(name)]

    def leave_own(self, found: Findings) -> None:
        """Take from the notes what packages did."""
        found.ran = [code for code in found.ran if self.origins.is_own(code.co_filename)]
        found.variables = {name: value for name, value in found.variables.items() if name in found.owned}

    def sift(self, found: Findings) -> Seen:
        """Return what counts of the notes."""
        if self._sieve is None:
            self._sieve = Sieve(self.origins)
        return self._sieve.seen(found)


class Observing:
    """One observation, from `__enter__` to `__exit__`."""

    def __init__(self, recorder: Recorder, hidden: Optional[Hidden] = None, storing: bool = False) -> None:
        self._recorder = recorder
        self._hidden = hidden
        self._storing = storing
        self._found = Findings(recorder.wants)
        if recorder.leftovers is not None:
            self._found.fillers = recorder.leftovers.fillers
        self._found.noting = recorder.noting
        self._outer: Optional[Findings] = None
        self._process = os.getpid()
        self._ended = False
        self._seen: Optional[Seen] = None

    def __enter__(self) -> Callable[[], Seen]:
        found, wants = self._found, self._recorder.wants
        self._outer = NOW.active
        if self._outer is not None:
            MACHINERY.stop_code(self._outer)
        if wants.env and not MACHINERY.environment.installed:
            found.note("gaps", "another tool has exchanged the environment: which variables were read was not seen")
        if wants.code and not (self._storing and self._outer is not None):
            self._recorder.known_modules.begin()
        self._look_after_children()
        NOW.active = found
        MACHINERY.start_code(found)
        return self.seen

    def __exit__(self, kind: Optional[Type[BaseException]], error: Optional[BaseException],
                 trace: Optional[TracebackType]) -> None:
        if os.getpid() != self._process:    # a process that the step has forked leaves the step: it has its own notes
            return
        found, outer = self._found, self._outer
        MACHINERY.stop_code(found)
        NOW.active = outer
        if found.wants.code and not (self._storing and outer is not None):
            for name, file in self._recorder.known_modules.end():
                found.note("modules", name, file)
                if not self._storing and found.watcher is found.noting and not self._recorder.origins.is_own(file):
                    found.note("places", (file, 1, "<module>"))     # marks don't see that packages run
        if found.children and found.spool is not None:
            self._recorder.alive += collect(found.spool, found)
        self._ended = True
        if self._storing:
            self._recorder.leave_own(found)
        if outer is not None:
            outer.absorb(found)
            MACHINERY.start_code(outer)
        if kind is not None and self._hidden is not None:
            self.seen()     # a step that failed leaves something, too

    def _look_after_children(self) -> None:
        recorder, found = self._recorder, self._found
        if recorder.spool is not None:
            found.spool = os.path.join(recorder.spool, f"{self._process}-{next(_numbers)}.")
        if recorder.alive:
            with unobserved():
                recorder.alive = [path for path in recorder.alive if is_alive(path)]
            if recorder.alive:
                found.note("gaps", EARLIER)
        PREPARING.install()

    def seen(self) -> Seen:
        """Return what was seen; judged at the first call after the observation."""
        if self._seen is None:
            with unobserved():
                seen = self._recorder.sift(self._found)
                if not self._ended:
                    return seen
                if self._hidden is not None and self._recorder.leftovers is not None:
                    seen = self._recorder.leftovers.after(Watched(self._found, seen, self._hidden))
            self._seen = seen
        return self._seen


class KnownModules:
    """Tells which modules were imported meanwhile, without looking at all of them each time."""

    def __init__(self) -> None:
        self._known: Dict[str, Any] = {}
        self._mark: Tuple[Any, ...] = ()

    def begin(self) -> None:
        """Remember the modules that are there."""
        mark = _mark()
        if mark != self._mark:
            self._mark, self._known = mark, sys.modules.copy()

    def is_new(self, name: str) -> bool:
        """Tell whether a module is here that was not, or was another one, when it began."""
        return name in sys.modules and self._known.get(name) is not sys.modules[name]

    def end(self) -> List[Tuple[str, str]]:
        """Return (name, file) of modules that came since, those without a file left out."""
        if _mark() == self._mark:
            return []
        found = []
        for name, module in sys.modules.copy().items():
            if self._known.get(name) is not module and isinstance(module, ModuleType):
                file = vars(module).get("__file__")
                if isinstance(file, str):
                    found.append((name, file))
        return found


def _mark() -> Tuple[Any, ...]:
    # imports append to this dictionary: what is last, and how many there are, tells of most changes
    last = next(reversed(sys.modules), None)
    return len(sys.modules), last, id(sys.modules.get(last or ""))

