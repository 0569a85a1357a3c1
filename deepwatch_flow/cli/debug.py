"""``deepwatch debug``: one step under the debugger, with the stored values of what it needs."""
from __future__ import annotations

import argparse
import os
from typing import Any, Callable

from ..engine import debugging
from ..pipeline.step import inspect_target
from ..state.watchlist import carried_over
from ..workspace import Workspace, open_workspace
from .console import Console
from .parser import Command, add_set
from .session import settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``debug``."""
    parser.add_argument("step", metavar="STEP", help="the step, or an instance such as 'fit[de]'")
    parser.add_argument("--on-error", action="store_true", help="open the debugger only where the step fails, not at its first line")
    parser.epilog = ("The step is called in this process with the stored values of the steps that it needs, which must be up to date. "
                     "Its products go into a temporary folder that is removed at the end. Nothing is recorded.")
    add_set(parser)


def call(args: argparse.Namespace, console: Console) -> int:
    """Debug a step; the exit code is 1 where it failed."""
    config = settings(args)
    with carried_over(config.root, os.path.join(config.root, config.store)), \
            open_workspace(config, emit=console.emit) as workspace:
        return _debug(args, workspace, console)


def _debug(args: argparse.Namespace, workspace: Workspace, console: Console) -> int:
    is_own = workspace.project.is_own
    failed = False

    def enter(run: Callable[[], Any], function: Callable[..., Any]) -> None:
        nonlocal failed
        try:
            value = run() if args.on_error else debugging.run_call(run, inspect_target(function), is_own)
        except (debugging.Quit, KeyboardInterrupt):
            console.say(f"`{args.step}` was left before its end; nothing was recorded")
            return
        except BaseException as error:  # noqa: BLE001 - the step's own: the debugger shows it
            failed = True
            debugging.post_mortem(args.step, error, is_own)
            return
        console.say(f"`{args.step}` returned a value of type {type(value).__name__}; nothing was recorded")

    workspace.reproduce(args.step, enter)
    return 1 if failed else 0


COMMANDS = {"debug": Command(add_arguments, call)}
