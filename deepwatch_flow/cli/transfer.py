"""``deepwatch push`` and ``deepwatch pull``: results to and from the remote."""
from __future__ import annotations

import argparse
import contextlib
from typing import Callable, Iterator, List, Sequence

from ..remote.transfer import Moved, Progress
from ..report import explain
from ..report.documents import Json
from ..workspace import Workspace
from .console import Console
from .parser import Command, add_json
from .session import opened


def add_push(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``push``."""
    parser.add_argument("steps", metavar="STEP", nargs="*", help="only the results of these steps (default: of all)")
    add_json(parser)


def add_pull(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``pull``."""
    parser.add_argument("steps", metavar="STEP", nargs="*", help="only the results of these steps (default: of all)")
    add_json(parser)


def push(args: argparse.Namespace, console: Console) -> int:
    """Send the results of steps: those that the lockfile names, and the last ones of here."""
    return _transfer(args, console, "sent", lambda workspace, steps, progress: workspace.sharing.push(
        steps, workspace.database.latest_all(), progress))


def pull(args: argparse.Namespace, console: Console) -> int:
    """Bring the values and products that the lockfile names; exit code 1 where some can't be had."""
    return _transfer(args, console, "came", lambda workspace, steps, progress: workspace.sharing.pull(steps, progress))


def _transfer(args: argparse.Namespace, console: Console, verb: str, go: Callable[[Workspace, Sequence[str], Progress], Moved]) -> int:
    with opened(args, console) as workspace, _progress(console, verb) as progress:
        graph = workspace.graph
        moved = go(workspace, graph.targets(args.steps) if args.steps else graph.order, progress)
    if console.json:
        document: Json = {"blobs": moved.blobs, "bytes": moved.size, "there": moved.there, "traces": moved.traces,
                          "lost": list(moved.lost)}
        console.document(document)
    else:
        console.result(*_lines(moved, verb))
    return 1 if moved.lost and verb == "came" else 0


def _lines(moved: Moved, verb: str) -> List[str]:
    count = f"{moved.blobs} {'blob' if moved.blobs == 1 else 'blobs'} {verb} ({explain.size(moved.size)})"
    lines = [f"{count}, {moved.there} {'was' if moved.there == 1 else 'were'} there"]
    if moved.traces:
        lines.append(f"{moved.traces} {'trace' if moved.traces == 1 else 'traces'} sent")
    if moved.lost:
        where = "not in the store here" if verb == "sent" else "not at the remote; the steps that make them will run"
        lines.append(f"{len(moved.lost)} {'blob is' if len(moved.lost) == 1 else 'blobs are'} {where}")
    return lines


@contextlib.contextmanager
def _progress(console: Console, verb: str) -> Iterator[Progress]:
    """Draw a bar where somebody looks at it."""
    if console.verbosity < 0 or console.json or not console.err.isatty():
        yield lambda _, __, ___: None
        return
    from rich.console import Console as Screen  # rich is worth its time only where something is drawn
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn(verb), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[size]}"), TimeRemainingColumn())
    with Bar(*columns, console=Screen(file=console.err), transient=True) as bar:
        task = bar.add_task(verb, size="")
        yield lambda count, total, size: bar.update(task, completed=count, total=total, size=explain.size(size))


COMMANDS = {"push": Command(add_push, push), "pull": Command(add_pull, pull)}
