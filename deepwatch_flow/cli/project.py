"""Commands that need no pipeline: init, config, and the completion script."""
from __future__ import annotations

import argparse
import importlib
import os
from typing import Any, Dict, Tuple

from ..config import OBSERVED, PYPROJECT, Config, Storing
from ..config import load as load_config
from ..errors import ConfigError, EnvironmentFault
from ..remote.files import without_credentials
from ..report import explain
from ..vouching import LOCKFILE
from .console import Console
from .gitsetup import set_up
from .parser import Command, add_json, add_set
from .template import FILES, OPTIONAL

SHELLS = ("bash", "zsh", "tcsh")


# -- init -----------------------------------------------------------------------------------------

def add_init(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``init``."""
    parser.add_argument("folder", metavar="DIR", nargs="?", default=".", help="where (default: here); made if missing")
    parser.add_argument("--git", action="store_true",
                        help="have git merge lockfiles by step; a project that is there already stays as it is")


def init(args: argparse.Namespace, console: Console) -> int:
    """Write a small pipeline; nothing that exists is touched."""
    folder: str = args.folder
    if not args.git:
        return _start(folder, console)
    if not _is_project(folder):
        _start(folder, console)
    console.result(*map(explain.printable, set_up(folder)))
    return 0


def _is_project(folder: str) -> bool:
    marks = (*FILES, LOCKFILE, "deepwatch.toml")
    return any(os.path.lexists(os.path.join(folder, name)) for name in marks) or os.path.isfile(
        os.path.join(folder, PYPROJECT))


def _start(folder: str, console: Console) -> int:
    there = [name for name in FILES if os.path.lexists(os.path.join(folder, name))]
    if there:
        raise ConfigError(f"`{os.path.join(folder, there[0])}` exists already; nothing was written",
                          hint="choose another folder: deepwatch init DIR")
    written = []
    for name, text in {**FILES, **OPTIONAL}.items():
        path = os.path.join(folder, name)
        if name in OPTIONAL and os.path.lexists(path):
            continue
        _write_new(path, text)
        written.append(name)
    console.result(*(os.path.normpath(os.path.join(folder, name)) for name in written))
    start = "deepwatch run" if folder == "." else f"deepwatch -C {folder} run"
    console.say(f"now try: {start}")
    return 0


def _write_new(path: str, text: str) -> None:
    try:
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        with open(path, "x", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
    except FileExistsError:
        raise ConfigError(f"`{path}` exists already", hint="choose another folder: deepwatch init DIR") from None
    except OSError as error:
        raise EnvironmentFault(f"can't write `{path}`: {error.strerror}",
                               hint="check the folder's permissions and the space on its disk") from error


# -- config ---------------------------------------------------------------------------------------

def add_config(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``config``."""
    add_set(parser)
    add_json(parser)


def config(args: argparse.Namespace, console: Console) -> int:
    """Show the settings in force and where each comes from."""
    found = load_config(os.getcwd(), console.environ, args.set)
    values = effective(found)
    if console.json:
        console.document({"root": found.root, "settings": {
            key: {"value": value, "source": source} for key, (value, source) in values.items()}})
        return 0
    console.say(f"project: {explain.printable(found.root)}")
    rows = [(key, _toml(value), source) for key, (value, source) in values.items()]
    console.result(*(f"{console.paint('name', key)}  {value}  {console.paint('dim', source)}"
                     for key, value, source in explain.columns(rows)))
    return 0


def effective(found: Config) -> Dict[str, Tuple[Any, str]]:
    """Return each setting that has a value: dotted name -> (value, where it comes from)."""
    listed: Dict[str, Any] = {"pipeline": found.pipeline, "jobs": found.jobs, "packages": found.packages,
                              "store.folder": found.store, "executor": found.executor}
    listed.update(_storing(found.storing))
    listed["invalidate.mode"] = found.invalidate
    listed.update((f"observe.{name}", value) for name, value in {**OBSERVED, **found.observe}.items())
    listed.update((f"package-policy.{name}", policy) for name, policy in sorted(found.overrides.items()))
    for step, params in sorted(found.params.items()):
        listed.update((f"steps.{step}.params.{param}", value) for param, value in sorted(params.items()))
    listed.update((f"resources.{name}", amount) for name, amount in sorted(found.resources.items()))
    listed.update((f"{name}.{key}", value) for name, table in sorted(found.engines.items()) for key, value in sorted(table.items()))
    if found.plugins:
        listed["plugins.modules"] = list(found.plugins)
    sources = dict(found.sources)
    sources["plugins.modules"] = sources.get("plugins", PYPROJECT)
    return {key: (value, sources.get(key, "default" if key.startswith(("observe.", "invalidate.", "store.", "remote.")) else PYPROJECT))
            for key, value in listed.items()}


def _storing(found: Storing) -> Dict[str, Any]:
    """Return the settings of a shared store; those of the remote where there is one."""
    listed: Dict[str, Any] = {"store.link": found.link}
    if found.remote is not None:
        listed.update({"store.remote": without_credentials(found.remote), "remote.mode": found.mode, "store.trust": found.trust})
    if found.sign_with is not None:
        listed["store.sign_with"] = found.sign_with
    listed.update((f"store.codecs.{name}", codec) for name, codec in sorted(found.codecs.items()))
    return listed


def _toml(value: Any) -> str:
    return explain.printable(_literal(value))


def _literal(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return f"[{', '.join(map(_literal, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key} = {_literal(each)}' for key, each in value.items())}}}"
    return f'"{value}"' if isinstance(value, str) else str(value)


# -- completion -----------------------------------------------------------------------------------

def add_completion(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``completion``."""
    parser.add_argument("shell", metavar="SHELL", choices=SHELLS, help=" or ".join(SHELLS))


def completion(args: argparse.Namespace, console: Console) -> int:
    """Print the completion script for a shell."""
    try:
        import shtab  # needed by this command alone
    except ImportError:
        raise ConfigError("the completion script is made by shtab, which is not installed",
                          hint="python -m pip install shtab") from None
    # the table of commands is in the module that loads this one
    whole = importlib.import_module(f"{__package__}.commands").whole_parser()
    script: str = shtab.complete(whole, args.shell)
    console.result(script.rstrip("\n"))
    return 0


COMMANDS = {
    "init": Command(add_init, init), "config": Command(add_config, config),
    "completion": Command(add_completion, completion),
}
