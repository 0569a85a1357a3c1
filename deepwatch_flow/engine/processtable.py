"""The processes of this machine: who started whom, so that what a step has started can be found.

A process is told from a later one with the same number by when it started.
"""
from __future__ import annotations

import contextlib
import importlib
import os
from typing import Dict, Iterable, List, NamedTuple, Set


class Process(NamedTuple):
    """A process that lives; one that has ended and is only waited for is none."""

    number: int
    parent: int
    group: int
    started: str      #: in whatever unit the system has


def processes() -> Dict[int, Process]:
    """Return all processes by their numbers; nothing where the system does not tell."""
    if os.name != "posix":
        return {}
    found = _of_proc() if os.path.exists("/proc/self/stat") else _of_ps()
    return {each.number: each for each in found}


def has_one_thread(number: int) -> bool:
    """Tell whether a process is known to have one thread only."""
    try:
        return _stat(str(number))[17] == b"1"
    except (OSError, IndexError):
        return False


def below(roots: Iterable[int], table: Dict[int, Process]) -> Set[Process]:
    """Return what the processes with the numbers `roots` have started, and what that has started, and so on."""
    children: Dict[int, Set[Process]] = {}
    for each in table.values():
        children.setdefault(each.parent, set()).add(each)
    found: Set[Process] = set()
    waiting = list(roots)
    while waiting:
        new = children.get(waiting.pop(), set()) - found
        found |= new
        waiting.extend(each.number for each in new)
    return found


def _of_proc() -> Iterable[Process]:
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError, ValueError, IndexError):     # it has just ended
                fields = _stat(name)
                if fields[0] not in (b"Z", b"X"):
                    yield Process(int(name), int(fields[1]), int(fields[2]), fields[19].decode("ascii"))


def _stat(number: str) -> List[bytes]:
    with open(f"/proc/{number}/stat", "rb") as file:
        # the name of the program, which may hold anything, ends at the last parenthesis
        return file.read().rpartition(b")")[2].split()


def _of_ps() -> Iterable[Process]:
    subprocess = importlib.import_module("subprocess")
    environ = {**os.environ, "LC_ALL": "C"}
    try:
        done = subprocess.run(["ps", "-A", "-o", "pid=,ppid=,pgid=,stat=,lstart="], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environ, check=False)
    except OSError:      # a system without it
        return
    for line in done.stdout.decode("ascii", "replace").splitlines():
        fields = line.split(None, 4)
        if len(fields) == 5 and not fields[3].startswith("Z") and int(fields[0]) != os.getpid():
            yield Process(int(fields[0]), int(fields[1]), int(fields[2]), fields[4])
