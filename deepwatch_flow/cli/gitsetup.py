"""``deepwatch init --git``: git is told to merge lockfiles by step."""
from __future__ import annotations

import os
import shlex
import sys
from typing import List

from ..errors import ConfigError, EnvironmentFault
from ..git import GitError, Repository
from ..state import disk
from ..vouching import LOCKFILE

#: the name of the driver in .gitattributes and in git's settings
DRIVER = "deepwatch"
_ATTRIBUTES = ".gitattributes"
_LINE = f"{LOCKFILE} merge={DRIVER}\n"
# where deepwatch can't be started, or can't read a side, git's own merge leaves its markers: `deepwatch run` mends them
_FALLBACK = "git merge-file -L ours -L base -L theirs %A %O %B"


def set_up(folder: str) -> List[str]:
    """Install the merge driver for the project in a folder; return what was done, line by line.

    What is there already is left as it is. Raises ConfigError outside of a repository, and where
    another driver is set for the lockfile.
    """
    try:
        git = Repository(folder)
    except GitError as error:
        raise ConfigError(f"`{folder}` is in no repository: {error.message}", hint="git init, then: deepwatch init --git") from None
    return [_attribute(git, folder), *_settings(git)]


def _attribute(git: Repository, folder: str) -> str:
    told = os.fsdecode(git.ask("check-attr", "-z", "merge", "--", LOCKFILE)).split("\0")
    value = told[2] if len(told) > 2 else "unspecified"
    if value == DRIVER:
        return f"{_ATTRIBUTES}: `{_LINE.strip()}` is there"
    if value != "unspecified":
        raise ConfigError(f"git merges `{LOCKFILE}` by another driver: merge={value}",
                          hint=f"take that line out of `{_ATTRIBUTES}`, then: deepwatch init --git")
    path = os.path.join(folder, _ATTRIBUTES)
    try:
        before = disk.read_bytes(path) if os.path.exists(path) else b""
        gap = b"" if not before or before.endswith(b"\n") else b"\n"
        with open(path, "ab") as stream:
            stream.write(gap + _LINE.encode())
    except OSError as error:
        raise EnvironmentFault(f"can't write `{path}`: {error.strerror}", hint="check the file's permissions") from error
    return f"{_ATTRIBUTES}: added `{_LINE.strip()}`: commit it"


def _settings(git: Repository) -> List[str]:
    wanted = {f"merge.{DRIVER}.name": "deepwatch lockfiles, merged by step",
              f"merge.{DRIVER}.driver": f"{command()} lock merge %O %A %B %P || {_FALLBACK}"}
    lines = []
    for name, value in wanted.items():
        if _setting(git, name) == value:
            lines.append(f"git config: {name} is set")
        else:
            git.ask("config", "--local", name, value)
            lines.append(f"git config: set {name} (of this clone)")
    return lines


def _setting(git: Repository, name: str) -> str:
    try:
        return os.fsdecode(git.ask("config", "--local", "--get", name)).rstrip("\n")
    except GitError:
        return ""       # not set


def command() -> str:
    """Return how git's shell starts this deepwatch: its environment need not be the active one."""
    folder = os.path.dirname(sys.executable)
    for name in ("deepwatch", "deepwatch.exe"):
        script = os.path.join(folder, name)
        if os.path.isfile(script):
            return shlex.quote(script.replace(os.sep, "/"))
    return f"{shlex.quote(sys.executable.replace(os.sep, '/'))} -m deepwatch_flow"
