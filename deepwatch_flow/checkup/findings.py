"""What a check finds, and the project that it looks at."""
from __future__ import annotations

import os
from typing import Callable, NamedTuple

from ..config import Config

#: something is wrong; something that is worth knowing
PROBLEM, NOTE = "problem", "note"


class Finding(NamedTuple):
    """One thing that a check found.

    `fix` cures it, and nothing is lost by that; where only a person can decide, there is none.
    """

    check: str                                    #: settings | store | database | ...
    level: str                                    #: problem | note
    what: str
    cure: str = ""
    fix: Callable[[], object] = lambda: None
    fixable: bool = False


class Site(NamedTuple):
    """A project, looked at from outside: nothing of it is opened or imported."""

    config: Config
    quick: bool = False                           #: stored bytes are not read

    @property
    def state(self) -> str:
        """The folder of the state."""
        return os.path.join(self.config.root, self.config.store)

    @property
    def objects(self) -> str:
        """The folder of the local store."""
        return os.path.join(self.state, "objects")

    def short(self, path: str) -> str:
        """Return a path as people see it: relative to the project where it is in it."""
        inside = os.path.join(self.config.root, "")
        return path[len(inside):] if path.startswith(inside) else path


def problem(check: str, what: str, cure: str = "") -> Finding:
    """Return something that is wrong, and that a person has to cure."""
    return Finding(check, PROBLEM, what, cure)


def note(check: str, what: str, cure: str = "") -> Finding:
    """Return something that is worth knowing."""
    return Finding(check, NOTE, what, cure)


def curable(check: str, what: str, cure: str, fix: Callable[[], object]) -> Finding:
    """Return something that is wrong, with what cures it."""
    return Finding(check, PROBLEM, what, cure, fix, True)
