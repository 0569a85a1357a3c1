"""The table of commands, and the one place that turns errors into exit codes.

    0 fine   1 a step failed   2 usage, settings, pipeline   3 out of date (--locked, --check)
    4 lock or state unreadable   5 another run holds the project   6 environment: disk, permissions
    70 a bug in deepwatch   130 interrupted   143 terminated   129 the terminal was closed

A command's module is loaded when the command is called: `deepwatch hash` never loads the runner.
"""
from __future__ import annotations

import argparse
import contextlib
import importlib
import os
import platform
import sys
import traceback
from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

from .._version import __version__
from ..errors import ConfigError, DeepwatchError, EnvironmentFault
from ..report.documents import error_document
from ..report.explain import block, printable
from .console import Console
from .parser import Command, Parser, add_shared, command_parser, parse, split, suggestion
from .stopping import Stopping, stoppable

#: command -> (module beside this one, summary); the order is that of ``--help``
TABLE: Dict[str, Tuple[str, str]] = {
    "init": ("project", "start a project: a small pipeline that runs"),
    "run": ("run", "run the steps whose result could differ"),
    "status": ("inspect", "tell which steps would run, and why"),
    "why": ("inspect", "tell why one step would run, down to the changed definition"),
    "graph": ("inspect", "draw the steps and what they need"),
    "debug": ("debug", "call one step under the debugger, with the stored values of what it needs"),
    "show": ("show", "show the stored value of a step, or write it to a file"),
    "log": ("log", "list past runs, or show what a step printed"),
    "diff": ("diff", "show what differs between two lockfiles"),
    "impact": ("impact", "tell which steps an edit would make stale"),
    "lock": ("lock", "merge lockfiles, carry one over to a new scheme of digests"),
    "push": ("transfer", "send results to the remote"),
    "pull": ("transfer", "bring the results that the lockfile names from the remote"),
    "hash": ("code", "print the deep hash of any function"),
    "deps": ("code", "list what the deep hash of a function covers"),
    "verify": ("verify", "run steps again in a clean place, and compare what they give with the lockfile"),
    "accept": ("accept", "a change of code does not matter to a step: keep its result, and say why"),
    "clean": ("clean", "forget recorded results"),
    "doctor": ("doctor", "look for anything that is wrong, and cure it"),
    "gc": ("gc", "remove stored results that nobody needs"),
    "config": ("project", "show the settings and where they come from"),
    "completion": ("project", "print the completion script for a shell"),
}
_BUG, _PIPE = 70, 141


def dispatch(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code."""
    console = Console(os.environ, json="--json" in arguments)
    try:
        return _answered(arguments, console)
    finally:
        for descriptor, stream in ((1, sys.stdout), (2, sys.stderr)):
            _settle(descriptor, stream)


def _answered(arguments: Sequence[str], console: Console) -> int:
    with stoppable() as stopping:
        try:
            code = _told(arguments, console, stopping)
        except KeyboardInterrupt:        # before or after the run proper: that one ends in good order itself
            console.say("interrupted")
            return stopping.exit_code
    return stopping.exit_code if code and stopping.heard else code


def _told(arguments: Sequence[str], console: Console, stopping: Stopping) -> int:
    try:
        return _dispatch(arguments, console)
    except DeepwatchError as error:
        return _failed(error, console)
    except BrokenPipeError:
        return _PIPE
    except OSError as error:
        _trace(arguments, console)
        about = f": {error.filename}" if error.filename else ""
        fault = EnvironmentFault(f"{error.strerror or error}{about}", hint="`--verbose` shows where this came from")
        return _failed(fault, console)
    except SystemExit as leave:              # argparse after --help
        return leave.code if isinstance(leave.code, int) else 0
    except Exception as error:      # whatever reaches this line is a bug of ours, and is told as one
        if not stopping.heard:
            return _bug(arguments, console)
        _trace(arguments, console)       # what a signal interrupts may fail in its own way as it tidies up
        raise KeyboardInterrupt from error


def _trace(arguments: Sequence[str], console: Console) -> None:
    if "--verbose" in arguments or "-v" in arguments:
        console.say(block(traceback.format_exc()))


def _dispatch(arguments: Sequence[str], console: Console) -> int:
    leading, name, rest = split(arguments)
    if "--version" in leading or "-V" in leading:
        console.result(f"deepwatch {__version__}")
        return 0
    if name is None or "-h" in leading or "--help" in leading:
        if name is None and not set(leading) & {"-h", "--help"} and leading:
            raise ConfigError(f"no command after `{' '.join(leading)}`", hint="`deepwatch --help` lists the commands")
        console.result(overview(_of_plugins(leading, console, tolerant=True)))
        return 0
    command = ours(name) if name in TABLE else _theirs(name, leading, console)
    args = parse(command_parser(name, command), [*leading, *rest])
    if args.quiet and args.verbose:
        raise ConfigError("`--quiet` and `--verbose` exclude each other")
    console.verbosity = -1 if args.quiet else 1 if args.verbose else 0
    console.json = bool(getattr(args, "json", False))
    with _inside(args.directory):
        return command.call(args, console)


def ours(name: str) -> Command:
    """Return one of the commands in the table, its module loaded."""
    module, summary = TABLE[name]
    commands: Mapping[str, Command] = importlib.import_module(f"{__package__}.{module}").COMMANDS
    return commands[name]._replace(summary=summary)


def _theirs(name: str, leading: Sequence[str], console: Console) -> Command:
    """Return a plugin's command; an unknown name gets a suggestion."""
    found = _of_plugins(leading, console)
    if name not in found:
        raise ConfigError(f"there is no command `{printable(name)}`",
                          hint=suggestion(name, [*TABLE, *found]) or "`deepwatch --help` lists the commands")
    return found[name]


def _of_plugins(leading: Sequence[str], console: Console, tolerant: bool = False) -> Dict[str, Command]:
    directories = [leading[at + 1] for at, word in enumerate(leading[:-1]) if word in ("-C", "--directory")]
    directories += [word[2:] for word in leading if word.startswith("-C") and len(word) > 2]
    with _inside(directories):
        try:
            found: Dict[str, Command] = importlib.import_module(f"{__package__}.plugins").plugin_commands(console)
        except DeepwatchError as error:
            if not tolerant:
                raise
            console.say(f"warning: the commands of plugins are not listed: {printable(error.message)}")
            return {}
    return found


def overview(plugins: Mapping[str, Command]) -> str:
    """Return what ``deepwatch --help`` prints."""
    widest = max(map(len, [*TABLE, *plugins]))
    lines = ["usage: deepwatch [-C DIR] [-q | -v] COMMAND ...", "",
             "Run the pipeline steps that an edit really touches, and show why.", ""]
    lines += [f"  {name:<{widest}}  {summary}" for name, (_, summary) in TABLE.items()]
    lines += [f"  {printable(name):<{widest}}  {printable(command.summary)}" for name, command in plugins.items()]
    lines += ["", "`deepwatch COMMAND --help` tells more about one; `deepwatch --version` names the version."]
    return "\n".join(lines)


def whole_parser() -> argparse.ArgumentParser:
    """Return one parser with all commands: what completion scripts are made from."""
    parser = Parser(prog="deepwatch", allow_abbrev=False)
    add_shared(parser)
    parser.add_argument("-V", "--version", action="store_true", help="print the version")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    for name, (_, summary) in TABLE.items():
        one = commands.add_parser(name, help=summary, allow_abbrev=False)
        ours(name).add_arguments(one)
        add_shared(one)
    return parser


@contextlib.contextmanager
def _inside(directories: Optional[List[str]]) -> Iterator[None]:
    """Stand in the folder of ``-C`` for the time of a command (`main` may be called by a program)."""
    if not directories:
        yield
        return
    before = os.getcwd()
    try:
        for directory in directories:
            try:
                os.chdir(directory)
            except OSError as error:
                raise ConfigError(f"can't enter `{directory}`: {error.strerror}", hint="it comes from `-C`") from None
        yield
    finally:
        os.chdir(before)


def _failed(error: DeepwatchError, console: Console) -> int:
    console.error(error)
    if console.json and not console.printed:
        console.document(error_document(error.message, error.hint, error.exit_code))
    return error.exit_code


def _bug(arguments: Sequence[str], console: Console) -> int:
    trace = traceback.format_exc()
    lines = ["", "error: deepwatch itself failed; please report this with all the lines below",
             f"deepwatch {__version__}, Python {platform.python_version()}, {sys.platform}",
             f"command: deepwatch {' '.join(printable(word) for word in arguments)}", block(trace)]
    console.bug(lines)
    if console.json and not console.printed:
        console.document(error_document(trace.strip().rpartition("\n")[2], "this is a bug in deepwatch", _BUG))
    return _BUG


def _settle(descriptor: int, stream: Any) -> None:
    """Let the interpreter not complain at its end about a stream whose reader or disk is gone."""
    try:
        if stream is None or stream.closed or stream.fileno() != descriptor:
            return
    except (AttributeError, OSError, ValueError):
        return                      # a program that calls us has streams of its own
    try:
        stream.flush()
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, descriptor)
        os.close(nowhere)
