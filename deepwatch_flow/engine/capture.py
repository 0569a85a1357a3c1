"""What a step prints, led into a log: by the descriptors, so C code and child processes count as well.

One log per process and run, opened once; a step's part is told by where the log ended before and after it.
Python streams that lead to no descriptor (a notebook's, a test's) are left alone.
"""
from __future__ import annotations

import contextlib
import os
import sys
from typing import Any, Callable, Iterator, List, Optional, TextIO, Tuple

from .._compat import duplicate_high
from ..events import Notice, Printed
from ..observation.recorder import unobserved
from ..state import disk, logs
from .calls import Call, Outcome

_STANDARD = (1, 2)
#: a disk with less than that is left to the results
_LEAST_FREE = 1 << 20
Tell = Callable[[Notice], None]


class Capture:
    """Leads the standard descriptors of this process into a log while it executes a step.

    Raises OSError where the log can't be opened. Where `asks` is given, the step runs before a user: reading
    from the terminal, or ``breakpoint()``, gives the terminal back for the rest of the step and calls it.
    """

    def __init__(self, path: str, tell: Tell, asks: Optional[Callable[[str], None]] = None) -> None:
        self.path = path
        self._tell = tell
        self._asks = asks
        self.start = 0                   #: how many bytes the log had when the step began
        self._step = ""
        self._is_on = False
        self._broken = False
        os.makedirs(os.path.dirname(path), exist_ok=True)
        self._log = _above_standard(_open(path))
        self._saved = [_duplicate(each) for each in _STANDARD]
        self._known = {each: disk.identity(each) for each in (self._log, *self._saved) if each is not None}
        self._streams: Tuple[Any, Any] = (sys.stdout, sys.stderr)
        self._buffering = _by_line()
        self._stdin: Any = None
        self._hook: Any = None

    def around(self, execute: Callable[[Call], Outcome], call: Call) -> Outcome:
        """Execute a call; its outcome has what it printed."""
        if not self._begin(call.step):
            return execute(call)
        printed = None
        try:
            outcome = execute(call)
        finally:
            printed = self._end()
        return outcome if printed is None else outcome._replace(printed=printed)

    def lead_to(self, path: str) -> None:
        """Lead the descriptors into another file until the first step: a worker's, while it loads."""
        file = _above_standard(_open(path))
        self._lead(file)
        os.close(file)

    def close(self) -> None:
        """Close the log; the streams buffer, and the descriptors lead, as before."""
        if self._asks is not None:       # a Ctrl-C may have come between two lines of `_begin`
            self._restore()
        for stream, before in self._buffering:
            with contextlib.suppress(OSError, ValueError):
                stream.reconfigure(line_buffering=before)
        for descriptor in [self._log, *self._saved]:
            if descriptor is not None and self._is_ours(descriptor):
                with contextlib.suppress(OSError):           # a step has closed it
                    os.close(descriptor)

    # -- one step ---------------------------------------------------------------------------------

    def _begin(self, step: str) -> bool:
        if self._broken:
            return False
        self._streams = (sys.stdout, sys.stderr)
        try:
            if not self._is_ours(self._log):
                return self._give_up("a step has closed the log")
            if _is_full(self._log):
                return self._give_up("the disk is full")
            self._lead(self._log)
            self.start = os.lseek(self._log, 0, os.SEEK_END)
        except OSError as error:
            self._restore()
            return self._give_up(error.strerror or str(error))
        self._is_on, self._step = True, step
        if self._asks is not None:
            self._watch()
        return True

    def _end(self) -> Optional[Printed]:
        if self._asks is not None:
            self._unwatch()
        lost = _flush() if self._is_on else None
        end = self._size()
        sys.stdout, sys.stderr = self._streams       # what a step puts in their place is its own
        if self._is_on and self._asks is not None:
            self._restore()
        self._is_on = False
        _reopen()
        if lost is not None:
            self._give_up(lost)
            _flush()                     # what the log could not take is still in the buffers
        return Printed(self.path, self.start, end) if end > self.start else None

    def _size(self) -> int:
        # a step may have closed it, and opened something else in its place
        return os.lseek(self._log, 0, os.SEEK_END) if self._is_ours(self._log) else 0

    def _is_ours(self, descriptor: int) -> bool:
        return disk.identity(descriptor) == self._known[descriptor] is not None

    def _give_up(self, why: str) -> bool:
        """Leave the descriptors alone from now on."""
        self._broken = True
        self._restore()
        self._tell(uncaptured(why))
        return False

    @staticmethod
    def _lead(file: int) -> None:
        _flush()
        for descriptor in _STANDARD:
            os.dup2(file, descriptor)

    def _restore(self) -> None:
        for descriptor, saved in zip(_STANDARD, self._saved):
            with contextlib.suppress(OSError):
                if saved is None:
                    os.close(descriptor)
                elif self._is_ours(saved):
                    os.dup2(saved, descriptor)

    # -- a step that asks -------------------------------------------------------------------------

    def _watch(self) -> None:
        self._hook = sys.breakpointhook
        sys.breakpointhook = _Breakpoint(self._hook, self._give_back)
        if _is_terminal(sys.stdin):
            self._stdin = sys.stdin
            sys.stdin = _Asked(sys.stdin, self._give_back)

    def _unwatch(self) -> None:
        if isinstance(sys.breakpointhook, _Breakpoint):
            sys.breakpointhook = self._hook
        if self._stdin is not None:
            if isinstance(sys.stdin, _Asked):
                sys.stdin = self._stdin
            self._stdin = None

    def _give_back(self) -> None:
        """Give the terminal back to a step that asks, and show what it has printed last: its question."""
        if not self._is_on:
            return
        with unobserved():
            _flush()
            end = self._size()
            self._restore()
            self._is_on = False
            if self._asks is not None:
                self._asks(self._step)
            with contextlib.suppress(OSError, ValueError, AttributeError):
                if end > self.start:
                    is_whole = b"".join(logs.chunks(Printed(self.path, end - 1, end))) == b"\n"
                    sys.stderr.write(logs.tail(Printed(self.path, self.start, end)) + "\n" * is_whole)
                    sys.stderr.flush()


class _Hook:
    """Looks like a method that is called, and is looked up before: a debugger stops in the frame that called its hook."""

    def __get__(self, instance: Any, owner: Any) -> Any:
        instance.before()
        return instance.hook


class _Breakpoint:
    """A hook for ``breakpoint()`` that does something before the real one; no frame of ours calls that."""

    __call__ = _Hook()

    def __init__(self, hook: Any, before: Callable[[], None]) -> None:
        self.hook = hook
        self.before = before


class _Asked:
    """The terminal's stdin, which tells before it is read."""

    def __init__(self, stream: TextIO, before: Callable[[], None]) -> None:
        self._stream = stream
        self._before = before

    def __getattr__(self, name: str) -> Any:
        if name in ("read", "readline", "readlines", "buffer"):
            self._before()
        return getattr(self._stream, name)

    def __iter__(self) -> Iterator[str]:
        self._before()
        return iter(self._stream)

    def __next__(self) -> str:
        self._before()
        return next(self._stream)


def uncaptured(why: str) -> Notice:
    """Return the notice that what steps print is kept no more."""
    return Notice(f"what steps print is not kept: {why}", "they run all the same, and print to the terminal")


def _flush() -> Optional[str]:
    """Write what the Python streams hold back; return why that was not possible."""
    lost = None
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError as error:
            lost = error.strerror or str(error)
        except Exception:  # noqa: BLE001, S112 - closed, none at all, or a step's own, which may do anything
            continue
    return lost


def _reopen() -> None:
    """Open those Python streams anew that a step has closed: the next step prints as well."""
    for name, descriptor in (("stdout", 1), ("stderr", 2)):
        if getattr(getattr(sys, name), "closed", False):
            with contextlib.suppress(OSError):
                setattr(sys, name, open(descriptor, "w", buffering=1, errors="backslashreplace", closefd=False))  # noqa: SIM115 - it stays


def _by_line() -> List[Any]:
    """Have the Python streams write line by line, so that stdout and stderr keep their order; return (stream, as it was)."""
    before: List[Any] = []
    for stream in (sys.stdout, sys.stderr):
        was = getattr(stream, "line_buffering", None)
        if was is False and hasattr(stream, "reconfigure"):
            with contextlib.suppress(OSError, ValueError):
                stream.reconfigure(line_buffering=True)
                before.append((stream, was))
    return before


def _open(path: str) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0), 0o666)


def _duplicate(descriptor: int) -> Optional[int]:
    try:
        return _above_standard(os.dup(descriptor))
    except OSError:                               # the shell started us without it
        return None


def _above_standard(descriptor: int) -> int:
    """Return a descriptor for the same file that is none of the standard ones."""
    high = duplicate_high(descriptor)
    os.close(descriptor)
    below = []
    while high <= max(_STANDARD):
        below.append(high)
        high = os.dup(high)
    for each in below:
        os.close(each)
    return high


def _is_full(descriptor: int) -> bool:
    if not hasattr(os, "fstatvfs"):
        return False
    found = os.fstatvfs(descriptor)
    return found.f_blocks > 0 and found.f_bavail * found.f_frsize < _LEAST_FREE


def _is_terminal(stream: Any) -> bool:
    try:
        return stream is not None and bool(stream.isatty())
    except (ValueError, AttributeError):
        return False
