"""``deepwatch clean``: forget recorded results."""
from __future__ import annotations

import argparse

from ..errors import ConfigError
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
    """Forget recorded results; the lockfile and the products stay."""
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
    if console.json:
        console.document({"removed": removed})
    else:
        console.say(f"removed {removed} stored {'value' if removed == 1 else 'values'}")
    return 0


COMMANDS = {"clean": Command(add_clean, clean)}
