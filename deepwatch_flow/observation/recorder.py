"""One observation after the other: what is installed for them, when notes are taken, and for whom.

All that has to be exchanged in the interpreter is exchanged at the first observation and put back when
the recorder is closed; an observation only turns a switch. A process has one observation at a
time; what an inner one sees belongs to the outer one, too.
"""
from __future__ import annotations

import os
import sys
import threading
from types import ModuleType, TracebackType
from typing import Any, Callable, ContextManager, Dict, List, Optional, Tuple, Type

from ..loading.origin import Origins
from . import auditing
from .code import Watcher, make_watcher
from .environment import Environment
from .findings import NOW, Findings, Wants, unobserved
from .probes import Probes
from .seen import Seen
from .sifting import Sieve

__all__ = ["Recorder", "Wants", "unobserved"]


class Machinery:
    """What is installed in this process, for as many recorders as use it."""

    def __init__(self) -> None:
        self._users: Dict[str, int] = {"code": 0, "files": 0, "env": 0}
        self._lock = threading.Lock()
        self._probes = Probes()
        self.environment = Environment()
        self.watcher: Optional[Watcher] = None

    def acquire(self, wants: Wants) -> None:
        """Install what is wanted and not there yet."""
        auditing.install()
        with self._lock:
            for name in self._names(wants):
                self._users[name] += 1
                if self._users[name] == 1:
                    if name == "code":
                        self.watcher = make_watcher()
                    elif name == "files":
                        self._probes.install()
                    else:
                        self.environment.install()

    def release(self, wants: Wants) -> None:
        """Put back what nobody wants any more."""
        with self._lock:
            for name in self._names(wants):
                self._users[name] -= 1
                if self._users[name] == 0:
                    if name == "code" and self.watcher is not None:
                        self.watcher.close()
                        self.watcher = None
                    elif name == "files":
                        self._probes.remove()
                    elif name == "env":
                        self.environment.remove()

    @staticmethod
    def _names(wants: Wants) -> List[str]:
        return [name for name, wanted in zip(Wants._fields, wants) if wanted]


MACHINERY = Machinery()


class Recorder:
    """Observes what this process does, on demand; a context manager, or `close` it."""

    def __init__(self, origins: Origins, wants: Wants, spool: Optional[str] = None) -> None:
        self.origins = origins
        self.wants = wants
        self.spool = spool
        self._installed = False
        self._sieve: Optional[Sieve] = None
        self.known_modules = KnownModules()

    def __enter__(self) -> Recorder:
        return self

    def __exit__(self, kind: Optional[Type[BaseException]], error: Optional[BaseException],
                 trace: Optional[TracebackType]) -> None:
        self.close()

    def close(self) -> None:
        """Put everything back that observing has exchanged."""
        if self._installed:
            self._installed = False
            MACHINERY.release(self.wants)

    def observing(self) -> ContextManager[Callable[[], Seen]]:
        """Observe what happens inside; what the ``as`` name gives when called, after the block, is what was seen."""
        if not self._installed:
            self._installed = True
            MACHINERY.acquire(self.wants)
        return Observing(self)

    def sift(self, found: Findings) -> Seen:
        """Return what counts of the notes."""
        if self._sieve is None:
            self._sieve = Sieve(self.origins)
        return self._sieve.seen(found)


class Observing:
    """One observation, from `__enter__` to `__exit__`."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._found = Findings(recorder.wants)
        self._outer: Optional[Findings] = None
        self._process = os.getpid()
        self._ended = False
        self._seen: Optional[Seen] = None

    def __enter__(self) -> Callable[[], Seen]:
        found, wants = self._found, self._recorder.wants
        self._outer = NOW.active
        if self._outer is not None:
            _stop_code(self._outer)
        if wants.env and not MACHINERY.environment.installed:
            found.note("gaps", "another tool has exchanged the environment: which variables were read was not seen")
        if wants.code:
            self._recorder.known_modules.begin()
        NOW.active = found
        _start_code(found)
        return self.seen

    def __exit__(self, kind: Optional[Type[BaseException]], error: Optional[BaseException],
                 trace: Optional[TracebackType]) -> None:
        if os.getpid() != self._process:    # a process that the step has forked leaves the step: it has its own notes
            return
        found, outer = self._found, self._outer
        _stop_code(found)
        NOW.active = outer
        if found.wants.code:
            for name, file in self._recorder.known_modules.end():
                found.note("modules", name, file)
        self._ended = True
        if outer is not None:
            outer.absorb(found)
            _start_code(outer)

    def seen(self) -> Seen:
        """Return what was seen; judged at the first call after the observation."""
        if self._seen is None:
            with unobserved():
                seen = self._recorder.sift(self._found)
            if not self._ended:
                return seen
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


def _start_code(found: Findings) -> None:
    if found.wants.code and MACHINERY.watcher is not None:
        gap = MACHINERY.watcher.start(found.ran.append)
        if gap is not None:
            found.note("gaps", gap)


def _stop_code(found: Findings) -> None:
    if found.wants.code and MACHINERY.watcher is not None:
        gap = MACHINERY.watcher.stop()
        if gap is not None:
            found.note("gaps", gap)
