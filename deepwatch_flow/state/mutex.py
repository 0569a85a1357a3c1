"""The mutex by which one process at a time writes a project's state.

It is the kernel's lock on a file that is never removed, so a killed holder frees it, no pid is ever
trusted, and no "stale lock" has to be broken. The text in the file (pid, since when, command) is
for people only. A mutex is not inherited: worker processes that outlive the holder don't hold it.
"""
from __future__ import annotations

import errno
import json
import os
import stat
import time
import weakref
from types import TracebackType
from typing import Callable, NamedTuple, NoReturn, Optional, Tuple, Type

from ..errors import BusyError, EnvironmentFault
from . import disk

try:
    import fcntl
except ImportError:
    fcntl = None  # type: ignore[assignment]    # Windows
    import msvcrt

_UNSUPPORTED = (errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK, errno.EINVAL)
_BUSY = (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES, errno.EDEADLK)
#: Windows locks a range of bytes against reading too: one far behind the text
_WINDOWS_OFFSET = 1 << 30
_LONGEST_PAUSE = 0.05


class Holder(NamedTuple):
    """Who holds a mutex, as told by its file."""

    pid: Optional[int] = None
    since: str = ""
    command: str = ""
    host: str = ""

    def __str__(self) -> str:
        if self.pid is None:
            return "an unknown process"
        return f"process {self.pid} on {self.host or 'this machine'} since {self.since} ({self.command})"


class Mutex:
    """A lock between processes, and between objects of one process.

    >>> with Mutex(path, "deepwatch run").acquire(timeout=0): ...      # doctest: +SKIP
    """

    def __init__(self, path: str, command: str) -> None:
        self._path = path
        self._command = command
        self._descriptor: Optional[int] = None
        self._identity: Optional[Tuple[int, int]] = None

    @property
    def held(self) -> bool:
        """Whether this object holds the mutex."""
        return self._descriptor is not None

    def acquire(
        self, timeout: Optional[float] = None, on_wait: Optional[Callable[[Holder], None]] = None
    ) -> Mutex:
        """Take the mutex within `timeout` seconds (None: wait for ever, 0: don't wait) and return self.

        Leaving a ``with`` over the result frees it. `on_wait` is told once who is being waited for.
        Raises BusyError, naming the holder, when the time is up.
        """
        if self._descriptor is not None:
            raise RuntimeError(f"the mutex {self._path} is already held by this object")
        deadline = None if timeout is None else time.monotonic() + timeout
        descriptor = self._open()
        pause = 0.001
        try:
            while not _try_lock(descriptor, self._path):
                holder = self.holder()
                if on_wait is not None and timeout != 0:
                    on_wait(holder)
                    on_wait = None
                if deadline is not None and time.monotonic() >= deadline:
                    _give_up(holder)
                time.sleep(pause if deadline is None else min(pause, max(deadline - time.monotonic(), 0.0)))
                pause = min(pause * 2, _LONGEST_PAUSE)
        except BaseException:
            os.close(descriptor)
            raise
        self._descriptor, self._identity = descriptor, disk.identity(descriptor)
        _held.add(self)
        self._sign(descriptor)
        return self

    def release(self) -> None:
        """Free the mutex; once more does nothing."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is None:
            return
        _held.discard(self)
        if disk.identity(descriptor) != self._identity:
            return      # a step has closed it, and the kernel has freed it then; what is there now is the step's
        try:
            _write_text(descriptor, b"")
            _unlock(descriptor)
        finally:
            os.close(descriptor)

    def holder(self) -> Holder:
        """Return who holds the mutex, or held it last, as far as its file tells."""
        try:
            # Not disk.read_bytes: the holder truncates and writes while we read.
            told = json.loads(disk.read_bytes(self._path, follow=False)[:4096].decode("utf-8", "replace"))
            return Holder(int(told["pid"]), _plain(told["since"]), _plain(told["command"]), _plain(told["host"]))
        except (OSError, EnvironmentFault, ValueError, TypeError, KeyError):
            return Holder()      # for people only: a text that can't be read changes nothing

    def __enter__(self) -> Mutex:
        return self if self.held else self.acquire()

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self.release()

    def _open(self) -> int:
        disk.make_folder(os.path.dirname(self._path) or os.curdir)
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
        try:
            if disk.faults is not None:
                disk.faults("open", self._path)
            descriptor = os.open(self._path, flags | getattr(os, "O_NONBLOCK", 0), 0o666)
        except OSError as error:
            raise disk.explain(error, "open the mutex", self._path) from error
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise EnvironmentFault(f"the mutex {self._path} is not a regular file", hint="remove it and try again")
        return descriptor

    def _sign(self, descriptor: int) -> None:
        node = os.uname().nodename if hasattr(os, "uname") else os.environ.get("COMPUTERNAME", "")
        since = time.strftime("%Y-%m-%d %H:%M:%S")
        text = {"pid": os.getpid(), "since": since, "command": self._command[:1000], "host": node}
        _write_text(descriptor, json.dumps(text).encode("ascii"))


def _give_up(holder: Holder) -> NoReturn:
    raise BusyError(f"another run holds this project: {holder}", hint="wait for it to end, or stop it, then try again")


def _write_text(descriptor: int, text: bytes) -> None:
    try:
        os.ftruncate(descriptor, 0)
        os.lseek(descriptor, 0, os.SEEK_SET)
        os.write(descriptor, text)
    except OSError:
        # The lock is the kernel's and holds without the text; a full disk shows where it matters.
        return


def _try_lock(descriptor: int, path: str) -> bool:
    try:
        if fcntl is not None:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        else:
            os.lseek(descriptor, _WINDOWS_OFFSET, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
    except OSError as error:
        if error.errno in _BUSY:
            return False
        if error.errno in _UNSUPPORTED:
            raise EnvironmentFault(
                f"the file system of {path} has no locks: two runs could write there at once",
                hint="keep the project, or its .deepwatch folder, on a local disk",
            ) from error
        raise disk.explain(error, "lock", path) from error
    return True


def _unlock(descriptor: int) -> None:
    if fcntl is not None:
        fcntl.flock(descriptor, fcntl.LOCK_UN)
    else:
        os.lseek(descriptor, _WINDOWS_OFFSET, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)  # type: ignore[attr-defined,unused-ignore]


def _plain(text: object) -> str:
    """Return text that can't move a terminal's cursor."""
    return "".join(c if c.isprintable() else "?" for c in str(text))


#: what this process holds, so that a forked child can let go of it
_held: weakref.WeakSet[Mutex] = weakref.WeakSet()


def _let_go_in_child() -> None:
    # Closing is enough and unlocking would be wrong: the lock belongs to the open file, which the
    # parent shares with this child, and is freed when both have closed it.
    for mutex in list(_held):
        descriptor, mutex._descriptor = mutex._descriptor, None
        if descriptor is not None and disk.identity(descriptor) == mutex._identity:
            os.close(descriptor)
    _held.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go_in_child)
