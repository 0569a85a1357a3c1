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
from typing import Any, Callable, Dict, Iterable, Iterator, NamedTuple, Sequence, Set

from .processtable import Process, below, has_one_thread, processes

#: how long a worker may take to end when it is asked to
GRACE_SECONDS = 2.0

#: how often we look for what was started while we stopped those who start
_ROUNDS = 10
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
                _start_tracker()
                signal.pthread_sigmask(signal.SIG_BLOCK, _HELD)
                yield
            finally:
                signal.pthread_sigmask(signal.SIG_SETMASK, before)
        else:
            yield
    finally:
        vars(main).update(hidden)


def _start_tracker() -> None:
    """Start what cleans up after us; after a run that is ended at once it need not complain that it has something to do."""
    sys.warnoptions.append("ignore:resource_tracker:UserWarning")
    try:
        importlib.import_module("multiprocessing.resource_tracker").ensure_running()
    finally:
        sys.warnoptions.pop()


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
        group = os.getpgrp()
        _kill(_kin(each for each in below([os.getpid()], processes()) if each.group != group))
        if group == os.getpid():
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
    leaders = {worker.pid for worker in workers if worker.pid is not None and _is_left(worker.pid)}
    if leaders:
        _end(_Kin(leaders, set()).grown())


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
    if started:
        kin = _kin(started)
        _end(kin if apart else _Kin(set(), kin.strays))


def kill_own(before: Set[Process]) -> None:
    """End at once what this process has started since it had `before`."""
    if _POSIX:
        _kill(_kin(own() - before))


def _trackers() -> Sequence[int]:
    """Return the processes that Python has started for itself: they end with us, and clean up after us."""
    tracker = getattr(sys.modules.get("multiprocessing.resource_tracker"), "_resource_tracker", None)
    number = getattr(tracker, "_pid", None)
    return [number] if number is not None else []


class _Kin(NamedTuple):
    """Groups of processes by their numbers, and single processes in the group of this one."""

    groups: Set[int]
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

    def members(self, table: Dict[int, Process]) -> Set[Process]:
        """Return all of them who live."""
        found = {each for each in table.values() if each.group in self.groups or each.number in self.groups}
        return found | {table[each.number] for each in self.strays if _is_same(table, each)}

    def grown(self) -> _Kin:
        """Return them with all that they have started meanwhile."""
        table = processes()
        more = _kin(below([each.number for each in self.members(table)], table))
        return _Kin(self.groups | more.groups, self.strays | more.strays)


def _kin(found: Iterable[Process]) -> _Kin:
    """Return processes with all the groups that they are in, but for that of this process, which we can't end whole.

    A group is ended at one stroke, with whatever it starts at that moment, and with those who have lost their parent.
    """
    group = os.getpgrp()
    return _Kin({each.group for each in found} - {group}, {each for each in found if each.group == group})


def _is_same(table: Dict[int, Process], each: Process) -> bool:
    """Whether a process lives, and is no other with its number."""
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


def _end(kin: _Kin) -> None:
    """Ask processes to end, and kill those that take too long."""
    until = time.monotonic() + GRACE_SECONDS
    pause = 0.005
    try:
        if kin.strays:
            kin = _stopped(kin, _lone)
        kin.signal(signal.SIGTERM)
        kin.signal(signal.SIGCONT)       # what is stopped hears nothing else
        while kin.members(processes()) and time.monotonic() < until:
            time.sleep(pause)
            pause = min(2 * pause, 0.05)
    finally:
        _kill(kin)


def _lone(kin: _Kin) -> _Kin:
    """Return the strays of one thread: to stop them first leaves no time in which one of them starts another.

    A group needs no such care: a signal reaches whoever is born into it. And who has several threads is left alone:
    when it goes on any of them may take the signal that came meanwhile, and Python's main thread would sleep on.
    """
    return _Kin(set(), {each for each in kin.strays if has_one_thread(each.number)})


def _kill(kin: _Kin) -> None:
    """Kill processes and what they have started: stopped first, so that none starts another behind our back."""
    _stopped(kin, lambda every: every).signal(signal.SIGKILL)


def _stopped(kin: _Kin, part: Callable[[_Kin], _Kin]) -> _Kin:
    """Stop a part of processes until none is new; return all, with what they have started."""
    for _ in range(_ROUNDS):
        part(kin).signal(signal.SIGSTOP)
        grown = kin.grown()
        if grown == kin:
            break
        kin = grown
    return kin
