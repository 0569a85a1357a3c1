"""``deepwatch lock``: what is done to the lockfile itself, without a run."""
from __future__ import annotations

import argparse
import os
from typing import Callable, Dict, List, NamedTuple, Optional

from ..errors import ConfigError
from ..locking.merge import Merged, merge
from ..model import Lock
from ..report import explain
from ..state import lockfile
from ..vouching import LOCKFILE
from .console import Console
from .parser import Command, add_json
from .upgrade import upgrade

_SHOWN = 10


class _Act(NamedTuple):
    """One thing to do."""

    call: Callable[[argparse.Namespace, Console], int]
    files: str          #: the files that it is given, for people
    fewest: int
    most: int


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``lock``."""
    parser.add_argument("act", metavar="ACT", choices=sorted(_ACTS),
                        help="merge: merge two lockfiles of one origin, BASE OURS THEIRS, into OURS, as git asks a merge driver to; "
                             "upgrade: carry results over to another scheme of digests, where they are proved to be the same")
    parser.add_argument("files", metavar="FILE", nargs="*", help="the files to merge")
    parser.add_argument("-n", "--dry-run", action="store_true", help="upgrade: only tell what would run again")
    add_json(parser)


def lock(args: argparse.Namespace, console: Console) -> int:
    """Do one thing to the lockfile."""
    act = _ACTS[args.act]
    if not act.fewest <= len(args.files) <= act.most:
        raise ConfigError(f"`deepwatch lock {args.act}` was given {len(args.files)} files",
                          hint=f"deepwatch lock {args.act} {act.files}".rstrip())
    return act.call(args, console)


# -- merge ----------------------------------------------------------------------------------------

def merge_files(args: argparse.Namespace, console: Console) -> int:
    """Merge two lockfiles into the second file that is named; git calls this.

    A file that can't be read as a lock is an error, and nothing is written: git then does as it does without us.
    """
    base, ours, theirs = args.files[:3]
    ours_lock, theirs_lock = _lock_in(ours), _lock_in(theirs)
    if ours_lock is None or theirs_lock is None:
        missing = ours if ours_lock is None else theirs
        raise ConfigError(f"there is no lockfile in `{missing}`", hint="deepwatch lock merge BASE OURS THEIRS")
    merged = merge(_lock_in(base), ours_lock, theirs_lock)
    lockfile.write(ours, merged.lock)
    name = args.files[3] if len(args.files) > 3 else LOCKFILE
    for line in merge_lines(merged, name):
        console.say(line)
    return 0


def _lock_in(path: str) -> Optional[Lock]:
    """Return the lock in a file; None for an empty one, by which git says that a side has no such file."""
    try:
        if os.path.getsize(path) == 0:
            return None
    except OSError:
        return None
    return lockfile.read(path)


def merge_lines(merged: Merged, name: str) -> List[str]:
    """Say what came of a merge, beyond what is to be expected of one."""
    by_why: Dict[str, List[str]] = {}
    for each in merged.dropped:
        by_why.setdefault(each.why, []).append(each.step)
    lines = [f"{explain.printable(name)}: {explain.names(steps, _SHOWN)} {why}: without an entry, so that "
             f"{'it runs' if len(steps) == 1 else 'they run'} again" for why, steps in sorted(by_why.items())]
    return [*lines, "then: deepwatch run, and commit the lockfile"] if lines else []


_ACTS = {
    "upgrade": _Act(upgrade, "", 0, 0),
    "merge": _Act(merge_files, "BASE OURS THEIRS", 3, 4),
}
COMMANDS = {"lock": Command(add_arguments, lock)}
