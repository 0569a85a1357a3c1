"""The way in: ``--version`` and a run with nothing to do at the price of nothing, all else by ``cli.commands``.

This module imports nothing but the version and what answers such a run, so that the script is as
quick as Python itself where there is nothing to do.
"""
import sys

from .._version import __version__

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Optional, Sequence


def main(argv: "Optional[Sequence[str]]" = None) -> int:
    """Run one command and return its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments in (["--version"], ["-V"]):
        print(f"deepwatch {__version__}")
        return 0
    if argv is None and arguments[:1] in (["run"], ["status"]):     # a program that calls us has changed this process
        # by `__import__`, since importlib is not loaded when Python starts
        known: "Optional[int]" = __import__("deepwatch_flow.cli.quick", fromlist=("answer",)).answer(arguments)
        if known is not None:
            return known
    import importlib  # argparse and the commands cost more than the answers above

    code: int = importlib.import_module("deepwatch_flow.cli.commands").dispatch(arguments)
    return code
