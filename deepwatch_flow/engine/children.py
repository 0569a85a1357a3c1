"""Worker processes live and die with the driver.

Each worker leads a process group of its own: what a step has started ends with it, and a Ctrl-C at
the terminal reaches the driver alone, which then ends the workers in good order. A worker whose
driver is gone, however that ended, ends itself. Which call runs where is left to the executors.
"""
from __future__ import annotations

import contextlib
import importlib
import os
import signal
import sys
import threading
from typing import Any, Iterator, Sequence

#: how long a worker may take to end when it is asked to
GRACE_SECONDS = 2.0

_POSIX = os.name == "posix"
#: what a terminal tells all its processes, and the driver alone should hear
_HELD = {signal.SIGINT, signal.SIGHUP} if _POSIX else set()


@contextlib.contextmanager
def spawning() -> Iterator[None]:
    """Around the start of a worker: it is born deaf to Ctrl-C, and never runs the caller's script again."""
    main: Any = sys.modules["__main__"]
    # A worker finds all it needs by import; a script without a `__main__` guard would start over in it.
    hidden = {name: vars(main)[name] for name in ("__spec__", "__file__") if name in vars(main)}
    try:
        main.__spec__ = None
        vars(main).pop("__file__", None)
        if _POSIX:
            before = signal.pthread_sigmask(signal.SIG_BLOCK, _HELD)
            try:
                # It counts semaphores to our very end, so a lost terminal must not end it before; and
                # its start undoes the mask, so it comes first.
                importlib.import_module("multiprocessing.resource_tracker").ensure_running()
                signal.pthread_sigmask(signal.SIG_BLOCK, _HELD)
                yield
            finally:
                signal.pthread_sigmask(signal.SIG_SETMASK, before)
        else:
            yield
    finally:
        vars(main).update(hidden)


def live_with_parent() -> None:
    """In a new worker: lead an own group of processes, and end when the driver does."""
    if _POSIX:
        with contextlib.suppress(OSError):      # a leader of a session can't move, and need not
            os.setpgid(0, 0)
        before = {number: signal.signal(number, signal.SIG_IGN) for number in _HELD}   # drops what came meanwhile
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _HELD)
        for number, handler in before.items():
            signal.signal(number, handler)       # what the step starts inherits it
    parent = importlib.import_module("multiprocessing").parent_process()
    if parent is not None:
        threading.Thread(target=_follow, args=(parent.sentinel,), name="deepwatch-parent", daemon=True).start()


def _follow(sentinel: Any) -> None:
    importlib.import_module("multiprocessing.connection").wait([sentinel])
    if _POSIX and os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(1)


def end(processes: Sequence[Any]) -> None:
    """End worker processes and what they have started: asked first, killed when they take too long.

    A second Ctrl-C shortens the wait.
    """
    for process in processes:
        _signal(process, signal.SIGTERM)
    try:
        wait = importlib.import_module("multiprocessing.connection").wait
        alive = [process.sentinel for process in processes]
        while alive:
            gone = wait(alive, GRACE_SECONDS)
            if not gone:
                break
            alive = [sentinel for sentinel in alive if sentinel not in gone]
    finally:
        for process in processes:
            _signal(process, getattr(signal, "SIGKILL", signal.SIGTERM))


def _signal(process: Any, number: int) -> None:
    # The group first: it may outlive its leader. A worker that is just being born has none yet.
    if _POSIX and process.pid is not None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, number)
            return
    with contextlib.suppress(OSError, ValueError, AttributeError):    # it is gone, as wished
        process.terminate() if number == signal.SIGTERM else process.kill()
