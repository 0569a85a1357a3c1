"""What is noted while a step runs, unjudged, and the one observation that this process is in.

Everything that notes something looks at `NOW.active` first. Notes are kept per kind in a table whose
first entry for a key stands; a child process writes its entries to a file besides (``spool``).
"""
from __future__ import annotations

import contextlib
import os
import sys
from _thread import get_ident
from types import CodeType
from typing import Any, Dict, Iterator, List, Mapping, NamedTuple, Optional, Set, Tuple

#: the stat data that is kept of a file: the fields of `Stamp`, and the mode
Raw = Tuple[int, int, int, int, int, int]

#: looked up once: while a step runs, `os.stat` is ours
real_stat = os.stat
real_lstat = os.lstat


class Wants(NamedTuple):
    """What is to be observed."""

    code: bool = True
    files: bool = True
    env: bool = True


class Findings:
    """The notes of one observation."""

    #: kinds of notes, each a table
    KINDS = ("reads", "listed", "absent", "present", "sized", "links", "written", "databases", "variables", "assigned",
             "owned", "takers", "whole", "places", "modules", "classes", "gaps")

    def __init__(self, wants: Wants) -> None:
        self.wants = wants
        self.ran: List[CodeType] = []
        self.reads: Dict[str, Optional[Raw]] = {}
        self.listed: Dict[str, None] = {}
        self.absent: Dict[str, None] = {}
        self.present: Dict[str, str] = {}
        self.sized: Dict[str, int] = {}
        self.links: Dict[str, str] = {}                     #: symbolic links whose text was asked for
        self.written: Dict[str, None] = {}
        self.databases: Dict[str, Optional[Raw]] = {}       #: opened by libraries that may write them, too
        self.variables: Dict[str, Optional[str]] = {}
        self.assigned: Dict[str, None] = {}                 #: variables that were set or deleted
        self.owned: Dict[str, None] = {}                    #: variables that other code than packages' read
        self.takers: Dict[str, None] = {}                   #: files of packages that took the environment as a whole
        self.whole: Dict[str, None] = {}                    #: not empty: the environment was read as a whole
        self.places: Dict[Tuple[str, int, str], None] = {}  #: code that ran in child processes
        self.modules: Dict[str, str] = {}
        self.classes: Dict[Tuple[str, str], None] = {}      #: got by name; a module as a whole has an empty one in it
        self.gaps: Dict[str, None] = {}
        #: what sees own code by its marks, where there is that; and what sees the code that runs now
        self.noting: Any = None
        self.watcher: Any = None
        #: how the files begin that child processes leave their notes in; None: nowhere to leave them
        self.spool: Optional[str] = None
        #: whether there were child processes
        self.children = False
        #: code that fills what is kept, by id (``fillers``); and what was noted while each ran, by its id, or 0: by other threads
        self.fillers: Mapping[int, CodeType] = {}
        self.credited: Dict[int, Dict[Tuple[str, Any], None]] = {}
        self._thread = get_ident()

    def note(self, kind: str, key: Any, value: Any = None) -> None:
        """Keep a note, unless there is one of that kind and key."""
        getattr(self, kind).setdefault(key, value)
        if self.fillers:
            self.credit(kind, key)

    def credit(self, kind: str, key: Any) -> None:
        """Keep in mind which of the fillers are running when something is noted, again maybe."""
        if get_ident() != self._thread:
            self.credited.setdefault(0, {})[kind, key] = None
            return
        frame: Any = sys._getframe(1)
        while frame is not None:
            if id(frame.f_code) in self.fillers:
                self.credited.setdefault(id(frame.f_code), {})[kind, key] = None
            frame = frame.f_back

    def has(self, kind: str, key: Any) -> bool:
        """Tell whether there is a note, and keep in mind that it would be made now."""
        there = key in getattr(self, kind)
        if there and self.fillers:
            self.credit(kind, key)
        return there

    def only_code(self) -> bool:
        """Tell whether nothing was noted but code that ran here: the usual case, and the one that has to be quick."""
        return not (self.reads or self.listed or self.absent or self.present or self.sized or self.links or self.written or self.databases
                    or self.variables or self.whole or self.places or self.modules or self.classes or self.gaps)

    def code(self, code: CodeType) -> None:
        """Note that code ran."""
        self.ran.append(code)

    def imports(self, name: str) -> None:
        """Take notice of an import that begins."""

    def absorb(self, other: Findings) -> None:
        """Take over the notes of an observation inside of this one."""
        self.ran += other.ran
        for path in other.written:
            self.written.setdefault(path)
        for kind in self.KINDS:
            mine = getattr(self, kind)
            for key, value in getattr(other, kind).items():
                if kind != "variables" or key not in self.assigned:
                    mine.setdefault(key, value)


class Now:
    """What goes on in this process at this moment."""

    __slots__ = ("active", "folders", "suspended")

    def __init__(self) -> None:
        #: the observation that is going on, the innermost
        self.active: Optional[Findings] = None
        #: threads in which nothing is noted
        self.suspended: Set[int] = set()
        #: thread -> the folder that a relative path is meant from
        self.folders: Dict[int, str] = {}


NOW = Now()


@contextlib.contextmanager
def unobserved() -> Iterator[None]:
    """Note nothing of what this thread reads inside: it is our own doing, not the step's."""
    thread = get_ident()
    if thread in NOW.suspended:
        yield
        return
    NOW.suspended.add(thread)
    try:
        yield
    finally:
        NOW.suspended.discard(thread)


def absolute(path: Any, folder: Optional[int] = None) -> Optional[str]:
    """Return a path as text from the root, None for a descriptor; not normal yet, that costs.

    `folder` is the descriptor of the folder that a relative path is meant from. Raises OSError where
    that folder is unknowable.
    """
    if path.__class__ is not str:
        if isinstance(path, int) or path is None:
            return None
        path = os.fsdecode(path)
    if os.path.isabs(path):
        return path      # type: ignore[no-any-return]
    base = NOW.folders.get(get_ident()) if NOW.folders else None
    if folder is not None and folder != -1:
        base = folder_of(folder)
    return os.path.join(base or os.getcwd(), path)


def folder_of(descriptor: int) -> str:
    """Return the path of an open folder; raises OSError where the system does not tell."""
    return real_readlink(f"/proc/self/fd/{descriptor}")


real_readlink = getattr(os, "readlink", os.fspath)


def raw(path: str) -> Raw:
    """Return the stat data of a path; raises OSError."""
    stat = real_stat(path)
    return stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino, stat.st_dev, stat.st_mode
