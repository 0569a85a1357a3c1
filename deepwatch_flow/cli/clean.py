"""``deepwatch clean``: forget recorded results."""
from __future__ import annotations

import argparse
import shlex

from ..errors import ConfigError
from ..model import base_of
from ..report import explain
from .console import Console
from .parser import Command, add_json
from .session import opened


def add_clean(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``clean``."""
    parser.add_argument("steps", metavar="STEP", nargs="*", help="forget the results of these steps")
    parser.add_argument("--all", action="store_true", help="forget all results")
    parser.add_argument("-y", "--yes", action="store_true", help="do not ask")
    add_json(parser)


def clean(args: argparse.Namespace, console: Console) -> int:
    """Forget recorded results; the lockfile and the products stay, and what the lockfile vouches for stays up to date."""
    if bool(args.steps) == args.all:
        raise ConfigError("name the steps to forget, or give `--all`" if not args.all else
                          "`--all` and steps exclude each other", hint="deepwatch clean --all")
    if args.all and not args.yes:
        answer = console.ask("Forget all recorded results of this project?")
        if answer is None:
            raise ConfigError("`clean --all` wants to be confirmed, and nobody is there to ask", hint="add --yes")
        if not answer:
            console.say("nothing was removed")
            return 0
    with opened(args, console) as workspace:
        removed = workspace.clean(tuple(args.steps), everything=args.all)
        known = {*workspace.lock.steps, *workspace.lock.families} if workspace.lock is not None else set()
        vouched = [name for name in dict.fromkeys(map(base_of, workspace.graph.targets(args.steps))) if name in known] if args.steps else []
    if console.json:
        console.document({"removed": removed})
    else:
        console.say(f"removed {removed} stored {'value' if removed == 1 else 'values'}")
        if vouched:
            console.say(f"deepwatch.lock still vouches for {explain.names(vouched, 3)}: a value is made again when it is needed, "
                        f"or by `deepwatch run {shlex.quote(explain.printable(vouched[0]))}`")
    return 0


COMMANDS = {"clean": Command(add_clean, clean)}
