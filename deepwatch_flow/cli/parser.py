"""Arguments: the options all commands share, and errors that say what was probably meant.

Options may stand before or after the command and between its arguments; the command's own parser
reads them all. argparse never exits by itself here, except for ``--help``.
"""
from __future__ import annotations

import argparse
from typing import Callable, Iterable, List, NamedTuple, NoReturn, Optional, Sequence, Tuple

from ..errors import ConfigError
from .console import Console

AddArguments = Callable[[argparse.ArgumentParser], None]
Call = Callable[[argparse.Namespace, Console], int]


class Command(NamedTuple):
    """One command: what it accepts, and what it does."""

    add_arguments: AddArguments
    call: Call
    summary: str = ""


class Parser(argparse.ArgumentParser):
    """An argument parser that raises instead of exiting."""

    def error(self, message: str) -> NoReturn:
        """Raise what argparse found wrong."""
        raise ConfigError(message, hint=f"`{self.prog} --help` shows what is accepted")


def add_shared(parser: argparse.ArgumentParser) -> None:
    """Add the options that every command accepts."""
    group = parser.add_argument_group("options of every command")
    group.add_argument("-C", "--directory", metavar="DIR", action="append", help="act as if started in DIR")
    group.add_argument("-q", "--quiet", action="store_true", help="tell only results, warnings and errors")
    group.add_argument("-v", "--verbose", action="store_true", help="tell more")


def add_set(parser: argparse.ArgumentParser) -> None:
    """Add the option that gives params."""
    parser.add_argument("--set", metavar="STEP.PARAM=VALUE", action="append", default=[],
                        help="give a param for this time; VALUE as in TOML, else text")


def add_precise(parser: argparse.ArgumentParser) -> None:
    """Add the option that asks for the precise mode."""
    parser.add_argument("--precise", action="store_true",
                        help="a step whose code changed is fresh if nothing that its last execution used did")


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add the option for programs."""
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def command_parser(name: str, command: Command) -> Parser:
    """Return the parser of one command."""
    # a plugin's command may want one of the shared options for itself: the later one wins
    parser = Parser(prog=f"deepwatch {name}", description=command.summary, allow_abbrev=False,
                    conflict_handler="resolve")
    add_shared(parser)
    command.add_arguments(parser)
    return parser


def parse(parser: Parser, arguments: Sequence[str]) -> argparse.Namespace:
    """Read a command's arguments; raises ConfigError with a suggestion for an unknown option."""
    args, unknown = parser.parse_known_intermixed_args(list(arguments))
    if not unknown:
        return args
    word = unknown[0]
    if word.startswith("-") and word != "-":
        flag = word.partition("=")[0]
        # argparse has no public way to list the options of a parser
        known = [option for option in parser._option_string_actions if len(option) > 2]
        raise ConfigError(f"`{parser.prog}` has no option `{flag}`",
                          hint=suggestion(flag, known) or f"`{parser.prog} --help` lists its options")
    raise ConfigError(f"`{parser.prog}` does not expect the argument `{word}`",
                      hint=f"`{parser.prog} --help` shows what is accepted")


def split(arguments: Sequence[str]) -> Tuple[List[str], Optional[str], List[str]]:
    """Return (options before the command, the command, what follows it)."""
    leading: List[str] = []
    rest = list(arguments)
    while rest and rest[0].startswith("-"):
        leading.append(rest.pop(0))
        if leading[-1] in ("-C", "--directory") and rest:
            leading.append(rest.pop(0))
    return leading, (rest[0] if rest else None), rest[1:]


def suggestion(word: str, known: Iterable[str]) -> Optional[str]:
    """Return ``did you mean `x`?`` where something known is near."""
    import difflib  # only an error needs it

    near = difflib.get_close_matches(word, list(known), n=1)
    return f"did you mean `{near[0]}`?" if near else None
