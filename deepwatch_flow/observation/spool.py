"""What child processes leave for the process that observes them: a file per child in a folder.

    file    : record*
    record  : length (4 bytes, little endian)  marshal((kind, key, value))

An empty file is that of a new Python process that has not begun to note, and before that runs nothing
of the step's. A record is written at once, so a child that is killed loses nothing but an incomplete last one. The
child holds a lock on its file for as long as it lives; the system lets go of it however it ends.
"""
from __future__ import annotations

import errno
import io
import itertools
import marshal
import os
import sys
import time
from types import CodeType
from typing import Any, Dict, List, Tuple

from .._compat import fcntl
from .findings import Findings, Wants, unobserved

_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_CLOEXEC", 0)
#: how long a new Python process may take until it begins to note
_SECONDS_TO_BEGIN = 30
_numbers = itertools.count()

OUTLIVED = "a process that it started outlived it: what that reads later is not seen"
EARLIER = "a process that was started before it may work for it: what that reads is not seen"
LOST = "what processes that it started had noted could not be read"
SILENT = "a Python process that it started could not be observed"


def new_path(prefix: str) -> str:
    """Return a path for a new child's file; `prefix` stands for one observation."""
    return f"{prefix}{os.getpid()}-{next(_numbers)}"


def open_locked(path: str) -> int:
    """Open a child's file and hold the lock that says that the child is alive."""
    descriptor = os.open(path, _FLAGS, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    except OSError:     # a file system without locks: then it counts as ended
        pass
    return descriptor


class Spooled(Findings):
    """The notes of a child process, each written to its file."""

    def __init__(self, wants: Wants, path: str, descriptor: int) -> None:
        super().__init__(wants)
        self.spool = path.rpartition(".")[0] + "."
        self._path = path
        self._descriptor = descriptor
        self._identity = _identity(descriptor)
        self._codes: Dict[int, CodeType] = {}
        self._imported: List[str] = []

    def inherit(self, found: Findings) -> None:
        """Begin with what the parent process knows already, which is not written again."""
        for kind in self.KINDS:
            setattr(self, kind, getattr(found, kind))
        self._codes = {id(code): code for code in found.ran}

    def note(self, kind: str, key: Any, value: Any = None) -> None:
        """Keep a note and write it, unless there is one of that kind and key."""
        table = getattr(self, kind)
        if key not in table:
            table[key] = value
            self.write(kind, key, value)

    def code(self, code: CodeType) -> None:
        """Note that code ran."""
        if id(code) not in self._codes:
            self._codes[id(code)] = code
            self.note("places", (code.co_filename, code.co_firstlineno, code.co_name))

    def absorb(self, other: Findings) -> None:
        """Take over the notes of an observation inside of this one."""
        for code in other.ran:
            self.code(code)
        for kind in self.KINDS:
            for key, value in getattr(other, kind).items():
                self.note(kind, key, value)

    def imports(self, name: str) -> None:
        """Note the modules of earlier imports, which have their files by now."""
        waiting, self._imported = self._imported, [name]
        for each in waiting:
            file = getattr(sys.modules.get(each), "__file__", None)
            if isinstance(file, str):
                self.note("modules", each, file)

    def write(self, kind: str, key: Any, value: Any = None) -> None:
        """Write a record; where that fails, nobody is left to tell."""
        try:
            data = marshal.dumps((kind, key, value))
            if _identity(self._descriptor) != self._identity:
                # the step has closed all descriptors that it does not know, as daemons do
                with unobserved():
                    self._descriptor = os.open(self._path, _FLAGS, 0o600)
                self._identity = _identity(self._descriptor)
            os.write(self._descriptor, len(data).to_bytes(4, "little") + data)
        except (OSError, ValueError):   # the folder is gone, the disk is full: no matter of the step's
            pass


def collect(prefix: str, found: Findings) -> List[str]:
    """Take over what the children of an observation have left; returns the files of those still alive."""
    alive: List[str] = []
    folder, start = os.path.split(prefix)
    with unobserved():
        try:
            for name in sorted(os.listdir(folder)):
                if name.startswith(start):
                    _take_over(os.path.join(folder, name), found, alive)
        except OSError:     # the step took the folder away, or the disk was full
            found.note("gaps", LOST)
    return alive


def _take_over(path: str, found: Findings, alive: List[str]) -> None:
    running = is_alive(path)            # looked at first: what it writes before it ends is read
    with open(path, "rb") as stream:
        data = stream.read()
    if not data and not _may_begin(path):
        os.unlink(path)
        return                          # it ended before it came to anything of the step's
    records = _records(data)
    for kind, key, value in records:
        if kind in Findings.KINDS:
            found.note(kind, key, value)
    if running:
        alive.append(path)
    else:
        os.unlink(path)
    if running or not records:
        found.note("gaps", OUTLIVED if records else SILENT)


def is_alive(path: str) -> bool:
    """Tell whether the child that writes a file is alive; one that has not begun yet may be about to."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        stat = os.fstat(descriptor)
        return stat.st_size == 0 and time.time() - stat.st_mtime < _SECONDS_TO_BEGIN
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(descriptor)


def _may_begin(path: str) -> bool:
    """Tell whether a process that has not begun to note may yet do so."""
    creator = path.rpartition(".")[2].partition("-")[0]
    children = getattr(sys.modules.get("multiprocessing.process"), "_children", ())
    popens = [getattr(each, "_popen", None) for each in list(children)]
    return creator != str(os.getpid()) or any(popen is not None and popen.poll() is None for popen in popens)


def _records(data: bytes) -> List[Tuple[str, Any, Any]]:
    """Return the records; raises OSError where something else is among them."""
    found: List[Tuple[str, Any, Any]] = []
    stream = io.BytesIO(data)
    while True:
        head = stream.read(4)
        body = stream.read(int.from_bytes(head, "little"))
        if len(head) < 4 or len(body) < int.from_bytes(head, "little"):
            return found    # the end, or where the child was killed
        try:
            kind, key, value = marshal.loads(body)
        except (ValueError, TypeError, EOFError):   # after a record that a full disk cut short
            raise OSError(errno.EIO, "not a record") from None
        found.append((kind, key, value))


def _identity(descriptor: int) -> Tuple[int, int]:
    try:
        stat = os.fstat(descriptor)
    except OSError:
        return -1, -1
    return stat.st_dev, stat.st_ino


