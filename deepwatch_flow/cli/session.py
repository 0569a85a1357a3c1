"""Opening the project that a command is about."""
from __future__ import annotations

import argparse
import contextlib
import os
from typing import Iterator, Optional

from ..config import Config
from ..config import load as load_config
from ..events import Emit
from ..state.watchlist import carried_over
from ..workspace import Workspace, open_workspace
from .console import Console


def settings(args: argparse.Namespace) -> Config:
    """Return the settings of the project around the working directory."""
    return load_config(os.getcwd(), os.environ, getattr(args, "set", ()))


@contextlib.contextmanager
def opened(args: argparse.Namespace, console: Console, emit: Optional[Emit] = None,
           writes: bool = False) -> Iterator[Workspace]:
    """Open the project for a command that prints its result afterwards.

    What the pipeline's code prints meanwhile goes to stderr, never among the results. A command that
    only looks leaves the watch list good; one that `writes` sees to it itself.
    """
    config = settings(args)
    state = os.path.join(config.root, config.store)
    carried = contextlib.nullcontext() if writes else carried_over(config.root, state)
    with console.results_apart(), carried, open_workspace(config, emit=emit or console.emit) as workspace:
        yield workspace
