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
import time
from typing import Any, Dict, Iterator, NamedTuple, Sequence, Set

from .processtable import Process, below, processes

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
    if _POSIX:
        _Kin([], below([os.getpid()], processes())).signal(signal.SIGKILL)
        if os.getpgrp() == os.getpid():
            os.killpg(0, signal.SIGKILL)
    os._exit(1)


def end(workers: Sequence[Any]) -> None:
    """End worker processes and what they have started: asked first, killed when they take too long.

    What a step has put into a group or a session of its own ends, too, unless whoever started it has ended before.
    A Ctrl-C shortens the wait.
    """
    if not _POSIX:
        for worker in workers:
            with contextlib.suppress(OSError, ValueError, AttributeError):    # it is gone, as wished
                worker.terminate()
        return
    leaders = [worker.pid for worker in workers if worker.pid is not None and _is_left(worker.pid)]
    _end(_kin_of(leaders))


def own() -> Set[Process]:
    """Return what this process has started, and what that has started, and so on."""
    if not _POSIX:
        return set()
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:      # it has started nothing: most runs pay one call for knowing it
        return set()
    except (AttributeError, OSError):
        pass                       # a system without it: the table tells
    return {each for each in below([os.getpid()], processes()) if each.number not in _trackers()}


def end_own(before: Set[Process], apart: bool) -> None:
    """End what this process has started since it had `before`; without `apart` only what is of its own group."""
    started = own() - before
    if apart:
        _end(_with_groups(started))
    elif started:
        group = os.getpgrp()
        _end(_Kin([], {each for each in started if each.group == group}))


def kill_own(before: Set[Process]) -> None:
    """End at once what this process has started since it had `before`."""
    _with_groups(own() - before).signal(getattr(signal, "SIGKILL", signal.SIGTERM))


def _with_groups(found: Set[Process]) -> _Kin:
    """Return processes with the groups that they lead: whoever is in these may have lost its parent."""
    leaders = [each.number for each in found if each.group == each.number]
    return _Kin(leaders, {each for each in found if each.group not in leaders})


def _trackers() -> Sequence[int]:
    """Return the processes that Python has started for itself: they end with us, and clean up after us."""
    tracker = getattr(sys.modules.get("multiprocessing.resource_tracker"), "_resource_tracker", None)
    number = getattr(tracker, "_pid", None)
    return [number] if number is not None else []


class _Kin(NamedTuple):
    """Groups of processes by their leaders, and single processes elsewhere."""

    groups: Sequence[int]
    strays: Set[Process]

    def signal(self, number: int) -> None:
        """Send a signal to all who live."""
        table = processes() if self.strays else {}
        # who started others goes first: a shell whose command ends goes on with the next one
        for each in sorted(self.strays, key=lambda each: (each.started, each.number)):
            if _is_same(table, each):
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(each.number, number)
        for group in self.groups:
            try:
                os.killpg(group, number)
            except (ProcessLookupError, PermissionError):
                # a worker that is just being born has no group yet; it is our child, so the number is its own
                with contextlib.suppress(OSError):
                    if os.getpgid(group) == os.getpgrp():
                        os.kill(group, number)

    def lives(self) -> bool:
        """Whether any of them lives."""
        table = processes()
        return any(each.group in self.groups or each.number in self.groups for each in table.values()) or any(
            _is_same(table, each) for each in self.strays)


def _is_same(table: Dict[int, Process], each: Process) -> bool:
    """Whether a process is still the same, whoever looks after it now."""
    now = table.get(each.number)
    return now is not None and now.started == each.started


def _is_left(leader: int) -> bool:
    """Whether anything may be left of a worker and its group."""
    for ask in (os.killpg, os.kill):
        try:
            ask(leader, 0)
            return True
        except ProcessLookupError:
            continue
        except PermissionError:      # a process of its group has become another user's
            return True
    return False


def _kin_of(leaders: Sequence[int]) -> _Kin:
    """Return all that is of these workers."""
    return _Kin(leaders, {each for each in below(leaders, processes()) if each.group not in leaders})


def _end(kin: _Kin) -> None:
    if not (kin.groups or kin.strays):
        return
    until = time.monotonic() + GRACE_SECONDS
    pause = 0.005
    try:
        kin.signal(signal.SIGTERM)
        kin.signal(signal.SIGCONT)       # what was stopped hears nothing else
        while kin.lives() and time.monotonic() < until:
            time.sleep(pause)
            pause = min(2 * pause, 0.05)
    finally:
        # what was started meanwhile has no chance to end in good order
        late = _kin_of(kin.groups).strays | {each for stray in kin.strays for each in below([stray.number], processes())}
        kin._replace(strays=kin.strays | late).signal(signal.SIGKILL)
