"""What worker processes write, taken in so that it does not run into the status line.

While it works, the descriptors of stdout and stderr are a pseudo-terminal of ours (so workers still
write line by line, with the width of the real one) and a thread hands on what arrives. Where the
system has no pseudo-terminals, workers write to the terminal themselves.
"""
from __future__ import annotations

import contextlib
import io
import os
import select
import sys
import threading
from typing import Callable, List, Optional, TextIO, Tuple

_STANDARD = (1, 2)


class Relay:
    """Between the workers and the terminal; `start` returns the way to the terminal itself."""

    def __init__(self, stream: TextIO, arrived: Callable[[], object]) -> None:
        self.stream = stream                 # the stream that `start` stands in for
        self._arrived = arrived              # is called where there is something to `read`
        self._saved: List[Tuple[int, int]] = []
        self._master = -1
        self._stop = threading.Event()
        self._thread: Optional[threading.Thread] = None
        self._own: Optional[TextIO] = None

    @staticmethod
    def possible(stream: TextIO) -> bool:
        """Whether `stream` is this process's stderr, a terminal, on a system with pseudo-terminals."""
        try:
            return hasattr(os, "openpty") and stream.fileno() == 2 and os.isatty(2)
        except (OSError, ValueError):        # no descriptor, or closed
            return False

    def start(self) -> TextIO:
        """Take the place of the terminal; returns a stream that writes to the real one."""
        self._flush()
        self._master, slave = os.openpty()
        os.set_blocking(self._master, False)
        _like_terminal(slave)
        real = os.dup(2)
        for descriptor in _STANDARD:
            if os.isatty(descriptor):        # a file or a pipe gets what the workers write, as without us
                self._saved.append((descriptor, os.dup(descriptor)))
                os.dup2(slave, descriptor)
        os.close(slave)
        self._own = io.TextIOWrapper(os.fdopen(real, "wb"), encoding=self.stream.encoding, errors="backslashreplace")
        self._thread = threading.Thread(target=self._watch, name="deepwatch-relay", daemon=True)
        self._thread.start()
        return self._own

    def stop(self) -> None:
        """Hand on what is left and give the descriptors back."""
        if self._thread is None:
            return
        self._flush()
        for descriptor, saved in self._saved:
            os.dup2(saved, descriptor)
            os.close(saved)
        self._saved.clear()
        self._stop.set()
        self._thread.join()
        self._thread = None
        os.close(self._master)
        self._master = -1

    def read(self) -> bytes:
        """Return what has arrived, empty where nothing has."""
        if self._master < 0:
            return b""
        try:
            return os.read(self._master, 65536)
        except OSError:                      # nothing there, or no writer at the moment
            return b""

    def _watch(self) -> None:
        while True:
            # a process that a step left behind may hold the other end open: its silence is the end
            ready, _, _ = select.select([self._master], [], [], 0.02 if self._stop.is_set() else 0.1)
            if ready and self._arrived():
                continue
            if self._stop.is_set():
                return
            if ready:
                self._stop.wait(0.05)        # no writer at the moment; the next worker may open it again

    def _flush(self) -> None:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError, AttributeError):
                stream.flush()


def _like_terminal(slave: int) -> None:
    """Give the pseudo-terminal the size of the real one, and have it change no byte."""
    import termios  # only where there are pseudo-terminals

    attributes = termios.tcgetattr(slave)
    attributes[1] &= ~termios.OPOST
    attributes[3] &= ~termios.ECHO
    termios.tcsetattr(slave, termios.TCSANOW, attributes)
    with contextlib.suppress(OSError):
        columns, lines = os.get_terminal_size(2)
        import fcntl
        import struct

        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
