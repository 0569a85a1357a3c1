"""The errors that deepwatch raises for the person who sees them.

    DeepwatchError                exit code
      ConfigError                 2   settings, flags, values given on the command line
        NoInstance                2   an instance is named that its family has not
      PipelineError               2   the pipeline file, its steps, its graph
      FingerprintError            2   code or a value that can't be digested
      PluginError                 2   a plugin that does not fit its hook
      LockedError                 3   ``--locked``: the lockfile would have to change
      StateError                  4   lockfile or state unreadable: a decision is needed
      BusyError                   5   another run holds the project
      EnvironmentFault            6   disk full, read-only folder, permissions
      ExecutionError              1   a step failed

Each carries what, where and why in ``message`` and the cure in ``hint``. Only ``cli.main`` prints
them or turns them into an exit code.
"""
from __future__ import annotations

import shlex
from typing import Optional


def quoted(name: str) -> str:
    """Return a name as it is to be typed in a command that a hint names: brackets and spaces mean something to a shell."""
    return shlex.quote(name)


class DeepwatchError(Exception):
    """Any error that deepwatch explains to its user."""

    exit_code = 2

    def __init__(self, message: str, *, hint: Optional[str] = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return self.message if self.hint is None else f"{self.message}\nhint: {self.hint}"


class ConfigError(DeepwatchError):
    """A setting, a flag or a value from the command line is not usable."""


class NoInstance(ConfigError):
    """An instance is named that its family has not."""


class PipelineError(DeepwatchError):
    """The pipeline can't be loaded, or its steps don't form a graph."""

    #: the user's own traceback, cut to the user's frames, where there is one
    traceback: Optional[str] = None


class FingerprintError(DeepwatchError):
    """Code or a value can't be digested."""


class PluginError(DeepwatchError):
    """A plugin can't be loaded or does not fit the hook it implements."""


class LockedError(DeepwatchError):
    """``--locked`` was given and the lockfile would have to change."""

    exit_code = 3


class StateError(DeepwatchError):
    """The lockfile or the state can't be read, and guessing would lose something."""

    exit_code = 4


class BusyError(DeepwatchError):
    """Another run holds the project."""

    exit_code = 5


class EnvironmentFault(DeepwatchError):
    """The machine refuses: disk full, read-only folder, missing permission."""

    exit_code = 6


class ExecutionError(DeepwatchError):
    """A step failed."""

    exit_code = 1
    traceback: Optional[str] = None
