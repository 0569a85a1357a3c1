"""``deepwatch push`` and ``deepwatch pull``: results to and from the remote."""
from __future__ import annotations

import argparse
import contextlib
from typing import Callable, Dict, Iterator, List, Sequence, Set

from ..errors import ConfigError
from ..model import Digest, Fresh, Pending, Policy, Stale, base_of
from ..remote.transfer import Moved, Progress
from ..report import explain
from ..report.documents import Json
from ..sharing import Instances
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
    return _transfer(args, console, "sent", lambda workspace, steps, only, progress: workspace.sharing.push(
        steps, workspace.database.latest_all(), progress, only))


def pull(args: argparse.Namespace, console: Console) -> int:
    """Bring the values and products that the lockfile names; exit code 1 where some can't be had."""
    return _transfer(args, console, "came", lambda workspace, steps, only, progress: workspace.sharing.pull(steps, progress, only))


def _transfer(args: argparse.Namespace, console: Console, verb: str, go: Callable[[Workspace, Sequence[str], Instances, Progress], Moved]) -> int:
    with opened(args, console) as workspace, _progress(console, verb) as progress:
        names = workspace.graph.targets(args.steps) if args.steps else workspace.graph.order
        only = _instances(workspace, [name for name in names if base_of(name) != name and base_of(name) not in names])
        moved = go(workspace, names, only, progress)
    if console.json:
        document: Json = {"blobs": moved.blobs, "bytes": moved.size, "there": moved.there, "traces": moved.traces,
                          "lost": list(moved.lost)}
        console.document(document)
    else:
        console.result(*_lines(moved, verb))
    return 1 if moved.lost and verb == "came" else 0


def _instances(workspace: Workspace, names: Sequence[str]) -> Dict[str, Set[Digest]]:
    """Return the keys of the instances that are named, by their families; raises NoInstance, ConfigError where they are not known."""
    found: Dict[str, Set[Digest]] = {}
    for name in names:
        plan = workspace.plan(Policy(targets=(name,)))
        pending = plan.verdicts.get(base_of(name))
        if isinstance(pending, Pending):
            raise ConfigError(f"the instances of `{base_of(name)}` are not known while {explain.names(pending.on, 5)} is not up to date",
                              hint=f"without a label, `{base_of(name)}` means all that the lockfile has")
        for verdict in plan.members(base_of(name)).values():
            key = verdict.trace.key if isinstance(verdict, Fresh) else verdict.key if isinstance(verdict, Stale) else None
            found.setdefault(base_of(name), set()).update([key] if key is not None else [])
    return found


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
