"""``deepwatch clean``: forget recorded results, or remove the products that nothing writes any more."""
from __future__ import annotations

import argparse

from ..errors import ConfigError, quoted
from ..model import Policy, base_of
from ..report import explain
from ..report.documents import Json
from .console import Console
from .parser import Command, add_json
from .session import opened


def add_clean(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``clean``."""
    parser.add_argument("steps", metavar="STEP", nargs="*", help="forget the results of these steps")
    parser.add_argument("--all", action="store_true", help="forget all results")
    parser.add_argument("--orphans", action="store_true",
                        help="remove the products of steps and instances that there are no more, where they are as they were written")
    parser.add_argument("-y", "--yes", action="store_true", help="do not ask")
    add_json(parser)


def clean(args: argparse.Namespace, console: Console) -> int:
    """Forget recorded results, or remove orphans; the lockfile and other products stay, and what the lockfile vouches for stays up to date."""
    asked = [word for word, given in (("steps", args.steps), ("`--all`", args.all), ("`--orphans`", args.orphans)) if given]
    if len(asked) != 1:
        raise ConfigError("name the steps to forget, or give `--all` or `--orphans`" if not asked else
                          f"{' and '.join(asked)} exclude each other", hint="`deepwatch clean --help` tells what each does")
    return _orphans(args, console) if args.orphans else _results(args, console)


def _results(args: argparse.Namespace, console: Console) -> int:
    if args.all and not _is_sure(args, console, "--all", "Forget all recorded results of this project?"):
        return 0
    with opened(args, console) as workspace:
        removed = workspace.clean(tuple(args.steps), everything=args.all)
        known = {*workspace.lock.steps, *workspace.lock.families} if workspace.lock is not None else set()
        vouched = [name for name in dict.fromkeys(map(base_of, workspace.graph.targets(args.steps))) if name in known] if args.steps else []
    if console.json:
        console.document({"removed": removed})
    else:
        console.say(f"removed {removed} stored {'value' if removed == 1 else 'values'}" if removed else "no stored value was removed")
        if vouched:
            console.say(f"deepwatch.lock still vouches for {explain.names(vouched, 3)}: a value is made again when it is needed, "
                        f"or by `deepwatch run {quoted(explain.printable(vouched[0]))}`")
    return 0


def _orphans(args: argparse.Namespace, console: Console) -> int:
    with opened(args, console) as workspace:
        found = workspace.plan(Policy()).orphans
        for each in found if not console.json else ():
            console.say(f"{explain.printable(each.path)}, written by {explain.names([each.step], 1)}")
        removed = []
        if found and _is_sure(args, console, "--orphans", f"Remove {'this file' if len(found) == 1 else f'these {len(found)} files'}?"):
            removed = workspace.clean_orphans(found)
    if console.json:
        listed: Json = [*removed]
        console.document({"removed": len(removed), "files": listed})
    elif removed or not found:
        console.say(f"removed {len(removed)} {'file' if len(removed) == 1 else 'files'}" if found else "there are no orphans")
    return 0


def _is_sure(args: argparse.Namespace, console: Console, flag: str, question: str) -> bool:
    """Tell whether the user wants it; raises ConfigError where nobody is there to ask."""
    answer = args.yes or console.ask(question)
    if answer is None:
        raise ConfigError(f"`clean {flag}` wants to be confirmed, and nobody is there to ask", hint="add --yes")
    if not answer:
        console.say("nothing was removed")
    return bool(answer)


COMMANDS = {"clean": Command(add_clean, clean)}
