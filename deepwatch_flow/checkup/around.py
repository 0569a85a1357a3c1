"""Checks of what is around the project: git, the settings of a shared store, versions."""
from __future__ import annotations

import importlib.util
import os
import platform
import sys
from typing import Dict, Iterator, Mapping, Optional

from .._version import __version__
from ..errors import DeepwatchError, EnvironmentFault
from ..git import GitError, Repository, in_repository
from ..vouching import LOCKFILE
from .findings import Finding, Site, note, problem

#: how git merges without a driver of somebody's
_BUILT_IN = ("text", "binary", "union", "set", "unset")


def versions() -> Dict[str, str]:
    """Return what a report of a fault should name."""
    return {"deepwatch": __version__, "python": platform.python_version(), "platform": sys.platform}


def sharing(site: Site, environ: Mapping[str, str]) -> Iterator[Finding]:
    """Whether the settings of a shared store can work here; nothing is sent anywhere."""
    storing = site.config.storing
    if storing.sign_with is not None and not environ.get(storing.sign_with.partition(":")[2]):
        yield problem("settings", f"store.sign_with is \"{storing.sign_with}\", and that variable is not set",
                      "set it to the key of your team; without it nothing of the remote is believed")
    if storing.remote is not None and storing.mode != "off" and importlib.util.find_spec("fsspec") is None:
        yield problem("settings", "store.remote is set, and fsspec is not installed", "python -m pip install fsspec")


def repository(site: Site) -> Iterator[Finding]:
    """Whether git keeps what it should keep, and merges lockfiles."""
    root = site.config.root
    if not in_repository(root):
        yield note("git", "the project is in no git repository: nothing keeps its lockfile")
        return
    try:
        git = Repository(root)
        if os.path.exists(os.path.join(root, LOCKFILE)) and _is_ignored(git, LOCKFILE):
            yield problem("git", f"git ignores `{LOCKFILE}`: no clone will know what is fresh", "take it out of .gitignore and commit it")
        if not os.path.isabs(site.config.store) and not _is_ignored(git, os.path.join(site.config.store, "objects")):
            yield problem("git", f"git does not ignore `{site.config.store}`: stored results would be committed",
                          f"echo {site.config.store}/ >> .gitignore")
        yield from _driver(git)
    except (GitError, EnvironmentFault) as error:
        yield problem("git", f"git can't be asked: {error.message}", error.hint or "let git work in this folder")


def _driver(git: Repository) -> Iterator[Finding]:
    """Yield what is to be said of how git merges lockfiles."""
    told = os.fsdecode(git.ask("check-attr", "-z", "merge", "--", LOCKFILE)).split("\0")
    name = told[2] if len(told) > 2 else "unspecified"
    if name == "unspecified":
        yield note("git", f"git merges `{LOCKFILE}` line by line", "`deepwatch init --git` has it merged by steps")
    elif name not in _BUILT_IN and _answer(git, "config", "--get", f"merge.{name}.driver") is None:
        yield problem("git", f".gitattributes names the merge driver `{name}` for `{LOCKFILE}`, and this clone has none", "deepwatch init --git")


def _is_ignored(git: Repository, path: str) -> bool:
    # a pattern for folders alone ends with a slash, and the folder may not be there yet
    return any(_answer(git, "check-ignore", each) is not None for each in (path, path + "/"))


def _answer(git: Repository, *arguments: str) -> Optional[bytes]:
    """Return what git says, None where it says no."""
    try:
        return git.ask(*arguments)
    except DeepwatchError:
        return None
