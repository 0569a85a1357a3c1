"""Steps that are commands of the shell.

The text of the command and what `version` says are params of the step, so they are part of its key
and ``why`` shows what changed in them. What the command reads must be declared: a program is not observed.
"""
from __future__ import annotations

import inspect
import os
import shlex
import string
import subprocess
import sys
from pathlib import PurePath
from typing import Any, Callable, Dict, Iterable, Mapping, Optional

from ..errors import DeepwatchError
from .options import DEFAULTS, options_of
from .step import Step

#: params that a shell step has by itself
COMMAND, VERSION = "command", "version"


class CommandFailed(DeepwatchError):
    """A command ended with another code than 0, or there is no shell for it."""


def sh(command: str, *, name: Optional[str] = None, version: Optional[str] = None,
       needs: Optional[Mapping[str, Any]] = None, **given: Any) -> Step:
    """Declare a step that runs a command of the POSIX shell; its value is what the command writes to stdout.

    In the command ``{src}`` stands for the parameter `src`, quoted for the shell; ``{{`` is a brace. Parameters are
    ``File``, ``Product``, plain values, or by `needs` the values of steps (texts and numbers). `version` is any text that
    tells which program runs, such as "pandoc 3.1": another one makes the step stale. `after`, `tags` and the options
    of ``@step`` may be given as well. A command that ends with another code than 0 fails its step. Raises TypeError for a
    command that names a parameter which is not given.
    """
    words = {"after", "tags", *DEFAULTS}
    options = {word: given.pop(word) for word in list(given) if word in words}
    after, tags = options.pop("after", ()), options.pop("tags", ())
    _check(command, {*given, *(needs or {})})
    run = _runner(command)
    run.__signature__ = _signature(command, version, given, needs or {})  # type: ignore[attr-defined]
    run.__name__ = run.__qualname__ = name or _first_word(command)
    made = Step(run, name=run.__name__, needs=needs, after=after, tags=tags, options=options_of(options) if options else DEFAULTS)
    caller = sys._getframe(1)
    made.file, made.line = caller.f_code.co_filename, caller.f_lineno
    return made


def _runner(shown: str) -> Callable[..., str]:
    def run(**values: Any) -> str:
        if os.name != "posix":
            raise CommandFailed("commands of the POSIX shell can't be run on this system",
                                hint="write the step as a function that calls `subprocess.run`")
        text = values.pop(COMMAND).format_map(_Quoted(values))
        values.pop(VERSION, None)
        # to run a command is what the user asks for; what it writes to stderr goes where any step's output goes
        done = subprocess.run(["/bin/sh", "-c", text], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=False)
        value = done.stdout.decode("utf-8", "replace")
        if done.returncode != 0:
            how = f"was killed by signal {-done.returncode}" if done.returncode < 0 else f"ended with {done.returncode}"
            sys.stdout.write(value)     # it becomes no value, and may tell what was wrong
            raise CommandFailed(f"`{shown}` {how}")
        return value

    return run


class _Quoted(Dict[str, Any]):
    """Values as words of the shell."""

    def __getitem__(self, name: str) -> str:
        value = super().__getitem__(name)
        if isinstance(value, (str, int, float, PurePath)) and not isinstance(value, bool):
            return shlex.quote(str(value))
        raise TypeError(f"`{name}` is a {type(value).__name__}: a command takes texts, numbers and paths")


def _check(command: str, known: Iterable[str]) -> None:
    if not isinstance(command, str):
        raise TypeError(f"sh(...) takes the text of a command, not {command!r}")
    try:
        fields = [field for _, field, _, _ in string.Formatter().parse(command) if field is not None]
    except ValueError as error:
        raise TypeError(f"the command {command!r} has a brace that stands alone ({error}): write {{{{ or }}}} for one") from None
    odd = next((field for field in fields if field not in known), None)
    if odd is not None:
        raise TypeError(f"the command {command!r} names {{{odd}}}, and no such parameter is given (write {{{{ for a brace)")


def _signature(command: str, version: Optional[str], given: Mapping[str, Any], needs: Mapping[str, Any]) -> inspect.Signature:
    keyword = inspect.Parameter.KEYWORD_ONLY
    parameters = [inspect.Parameter(name, keyword) for name in needs]
    defaults = {**given, COMMAND: command, **({VERSION: version} if version is not None else {})}
    return inspect.Signature(parameters + [inspect.Parameter(name, keyword, default=value) for name, value in defaults.items()])


def _first_word(command: str) -> str:
    word = command.split(maxsplit=1)[0] if command.split() else "sh"
    return os.path.basename(word).partition("{")[0] or "sh"
