"""Opening the project that a command is about."""
from __future__ import annotations

import argparse
import contextlib
import os
from typing import Iterator, Optional

from ..config import Config
from ..config import load as load_config
from ..events import Emit
from ..workspace import Workspace, open_workspace
from .console import Console


def settings(args: argparse.Namespace) -> Config:
    """Return the settings of the project around the working directory."""
    return load_config(os.getcwd(), os.environ, getattr(args, "set", ()))


@contextlib.contextmanager
def opened(args: argparse.Namespace, console: Console, emit: Optional[Emit] = None) -> Iterator[Workspace]:
    """Open the project for a command that prints its result afterwards.

    What the pipeline's code prints meanwhile goes to stderr, never among the results.
    """
    config = settings(args)
    with console.results_apart(), open_workspace(config, emit=emit or console.emit) as workspace:
        yield workspace
