"""The way in: ``--version`` at the price of nothing, everything else by ``cli.commands``.

This module imports nothing but the version, so that the script is as quick as Python itself where
there is nothing to do.
"""
from __future__ import annotations

import sys

from .._version import __version__

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Optional, Sequence


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run one command and return its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments in (["--version"], ["-V"]):
        print(f"deepwatch {__version__}")
        return 0
    import importlib  # argparse and the commands cost more than the answer above

    code: int = importlib.import_module("deepwatch_flow.cli.commands").dispatch(arguments)
    return code
