"""Stopping a command: Ctrl-C, SIGTERM and SIGHUP end it in good order, and asked again it ends at once.

The first signal is raised as an exception, so that what is finished is written and all is tidied up. User
code may swallow an exception, and tidying up takes time: hence the second signal asks nobody.
"""
from __future__ import annotations

import contextlib
import importlib
import os
import signal
import threading
import time
from types import FrameType
from typing import Any, Dict, Iterator, List, NoReturn, Optional

from ..engine import children

#: SIGHUP comes when a terminal is closed, a connection lost
_ENDING = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
#: signals this close to the first tell the same wish: whoever started us may pass on what the terminal told us, too
_SAME_WISH_SECONDS = 0.3


class Terminated(KeyboardInterrupt):
    """A signal other than Ctrl-C's; ends a command as that does."""


class Stopping:
    """Which signal asked a command to end."""

    def __init__(self) -> None:
        self._number: Optional[int] = None
        self._since = 0.0
        self._process = os.getpid()
        self._before = children.own()
        #: folders to be removed even where the command ends at once
        self.scratch: List[str] = []

    @property
    def heard(self) -> bool:
        """Whether a signal has come; who was interrupted may have swallowed the exception, or raised another one."""
        return self._number is not None

    @property
    def exit_code(self) -> int:
        """By the shells' custom: 130 for Ctrl-C, 143 for SIGTERM, 129 for SIGHUP."""
        return 128 + (self._number or signal.SIGINT)

    def end_children(self) -> None:
        """End what steps have started in this process; a session of its own may live on, save where it was stopped."""
        children.end_own(self._before, apart=self._number is not None)

    def hear(self, number: int, frame: Optional[FrameType]) -> None:
        """Handle a signal."""
        if os.getpid() != self._process:
            _as_usual(number, frame)
            return
        if self._number is None:
            self._number, self._since = number, time.monotonic()
            raise KeyboardInterrupt if number == signal.SIGINT else Terminated
        if time.monotonic() - self._since > _SAME_WISH_SECONDS:
            self._end_at_once()

    def put_back(self, number: int, before: Any) -> None:
        """Let a signal do again what it did before us: at once, or after the wish is over that has ended the command."""
        def hear(number: int, frame: Optional[FrameType]) -> None:     # noqa: ARG001 - the process is about to end
            if time.monotonic() - self._since > _SAME_WISH_SECONDS or os.getpid() != self._process:
                signal.signal(number, before)
                os.kill(os.getpid(), number)

        signal.signal(number, before if self._number is None else hear)

    def _end_at_once(self) -> NoReturn:
        try:
            children.kill_own(self._before)
            for folder in self.scratch:
                importlib.import_module("shutil").rmtree(folder, ignore_errors=True)
            with contextlib.suppress(OSError, ValueError):
                # the display of a run hides the cursor
                os.write(2, (b"\x1b[?25h" if os.isatty(2) else b"") + b"\nended at once; the next run goes on from what is recorded\n")
        finally:
            os._exit(self.exit_code)


#: of the command that this process executes
_current: Optional[Stopping] = None


def _as_usual(number: int, frame: Optional[FrameType]) -> None:
    """Do in a fork of ours, which is a step's, what a signal does in any other process."""
    if number == signal.SIGINT:
        signal.default_int_handler(number, frame)
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


#: the signals that a thread of ours blocks while it forks, by its number
_forking: Dict[int, Any] = {}


def _before_fork() -> None:
    # Python forgets what comes before it has found out that it is a child, and a handler of ours would be asked
    if _current is not None:
        _forking[threading.get_ident()] = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)


def _after_fork() -> None:
    mask = _forking.pop(threading.get_ident(), None)
    if mask is not None:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _in_child() -> None:
    hear = _current.hear if _current is not None else None
    for number in _ENDING:
        if hear is not None and signal.getsignal(number) == hear:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    _after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_in_child)


@contextlib.contextmanager
def stoppable() -> Iterator[Stopping]:
    """Let signals end the command inside in good order, and what its steps have started with it."""
    global _current
    if _current is not None:
        yield _current
        return
    stopping = Stopping()
    if threading.current_thread() is not threading.main_thread():
        yield stopping        # only the main thread may set handlers
        return
    # who starts us by `nohup`, or in the background of a script, has it ignored, and wants it so
    before = {number: signal.signal(number, stopping.hear) for number in _ENDING
              if signal.getsignal(number) is not signal.SIG_IGN}
    _current = stopping
    try:
        yield stopping
    finally:
        _current = None
        for number, handler in before.items():
            stopping.put_back(number, handler)


@contextlib.contextmanager
def ended_children(stopping: Stopping) -> Iterator[None]:
    """End afterwards what was started inside."""
    try:
        yield
    finally:
        stopping.end_children()
