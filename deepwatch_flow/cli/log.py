"""``deepwatch log``: past runs, and what steps printed."""
from __future__ import annotations

import argparse
import codecs
import contextlib
import os
import re
import time
from typing import Iterator, List, Optional, Sequence

from ..errors import ConfigError, StateError, quoted
from ..events import OUTCOMES, Printed
from ..model import base_of
from ..report import explain
from ..report.documents import Document, Json, dumps
from ..state import logs
from ..state.rows import Execution
from ..workspace import Workspace
from .console import Console
from .parser import Command, add_json
from .session import opened

#: stands in a document for what is written when its turn comes
_LATER = "\0"


def add_log(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``log``."""
    parser.add_argument("step", metavar="STEP", nargs="?",
                        help="show what the last execution of this step printed; of a family, of all its instances")
    parser.add_argument("-n", "--number", metavar="N", type=_count, default=10, help="how many runs (default: 10)")
    parser.add_argument("--run", metavar="ID", help="show what was printed in this run, as `deepwatch log` names it")
    parser.add_argument("--tail", metavar="LINES", type=_count, help="show only the last LINES lines of each")
    add_json(parser)


def log(args: argparse.Namespace, console: Console) -> int:
    """List past runs, the latest first, or show what a step printed."""
    if args.step is None and args.run is None:
        if args.tail is not None:
            raise ConfigError("--tail shows the end of what a step printed, and no step is named", hint="deepwatch log STEP --tail 20")
        return _runs(args, console)
    with opened(args, console) as workspace:
        run = _run(workspace, args.run) if args.run is not None else ""
        found = list(workspace.database.executions(run))
        if args.step is not None:
            names = set(workspace.recorded([args.step], [each.step for each in found]))
            found = [each for each in found if each.step in names]
        order = {name: place for place, name in enumerate(workspace.graph.order)}
        found = [each._replace(printed=_placed(each, workspace.folder)) for each in sorted(
            found, key=lambda each: (order.get(base_of(each.step), -1), _natural(each.step)))]
    if console.json:
        if args.tail is not None:
            console.document({"steps": [_document(each, logs.tail(each.printed, args.tail) if each.printed else "") for each in found]})
        else:
            console.raw(_json_pieces(found))
        return 0
    if not found:
        word = quoted(args.step or "")
        raise StateError((f"no execution of `{args.step}` is recorded" + (" in this run" if run else ": there was none here, or `deepwatch clean` forgot it"))
                         if args.step else "nothing was executed in this run",
                         hint=f"`deepwatch run {word} --force {word}` executes it" if args.step and not run else "`deepwatch log` lists the runs")
    for each in found:
        _show(each, args.tail, console, several=len(found) > 1)
    return 0


def _runs(args: argparse.Namespace, console: Console) -> int:
    with opened(args, console) as workspace:
        runs = workspace.history(args.number)
    if console.json:
        console.document({"runs": [dict(run._asdict()) for run in runs]})
        return 0
    if not runs:
        console.say("no runs are recorded here")
    rows = []
    for run in runs:
        took = "unfinished" if run.seconds is None else explain.seconds(run.seconds)
        if run.state == "interrupted":
            took += ", interrupted"
        rows.append((run.run[:8], run.started, took, explain.counted(run.counts, OUTCOMES)))
    console.result(*("  ".join(row).rstrip() for row in explain.columns(rows)))
    return 0


def _run(workspace: Workspace, beginning: str) -> str:
    """Return the id of the run that begins so."""
    found: List[str] = [each.run for each in workspace.history(-1) if each.run.startswith(beginning)]
    if len(found) != 1 or not beginning:
        raise ConfigError(f"{'several runs begin' if found else 'no run begins'} with `{explain.printable(beginning)}`",
                          hint="`deepwatch log -n 100` lists the last runs")
    return found[0]


def _natural(name: str) -> List[object]:
    """Return what sorts names with numbers as people do."""
    return [int(part) if part.isdigit() else part for part in re.split(r"([0-9]+)", name)]


def _placed(execution: Execution, state: str) -> Optional[Printed]:
    printed = execution.printed
    if printed is None:
        return None
    return printed._replace(file=os.path.join(logs.folder_of(state, execution.run), printed.file))


def _show(execution: Execution, tail: Optional[int], console: Console, several: bool) -> None:
    when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(execution.ended))
    title = f"{explain.printable(execution.step)}: {execution.outcome} at {when} in run {execution.run[:8]}"
    printed = execution.printed
    if not execution.captured:
        title += "; what it printed was not captured (`--run ID` shows what it printed in another run)"
    elif printed is None:
        title += "; it printed nothing"
    elif not os.path.exists(printed.file):
        title, printed = f"{title}; what it printed was removed", None
    if several:
        console.result(console.paint("name", f"== {title}"))
    else:
        console.say(console.paint_err("name", title))
    if printed is not None:
        console.raw(_pieces(printed, tail))


def _pieces(printed: Printed, tail: Optional[int]) -> Iterator[bytes]:
    """Yield what was printed, a line end last."""
    last = b"\n"
    for piece in logs.chunks(printed) if tail is None else _last(printed, tail):
        yield piece
        last = piece
    if not last.endswith(b"\n"):
        yield b"\n"


def _last(printed: Printed, tail: int) -> List[bytes]:
    text = logs.tail(printed, tail)
    return [text.encode("utf-8")] if text else []


def _json_pieces(found: Sequence[Execution]) -> Iterator[bytes]:
    """Yield the document of some executions piece by piece: what steps printed may be larger than the memory."""
    documents: List[Json] = []
    streamed: List[Printed] = []
    for each in found:
        document = _document(each, _LATER)
        if each.printed is not None and document["printed"] == _LATER:
            streamed.append(each.printed)
        documents.append(document)
    # no name, and no text that a terminal shows, has the character that stands for what comes later
    frame = dumps({"steps": documents}).split(dumps(_LATER))
    yield frame[0].encode("ascii")
    for printed, rest in zip(streamed, frame[1:]):
        yield b'"'
        yield from _json_text(printed)
        yield b'"'
        yield rest.encode("ascii")
    yield b"\n"


def _json_text(printed: Printed) -> Iterator[bytes]:
    """Yield what was printed as the inside of a JSON string."""
    decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")
    with contextlib.suppress(OSError):       # removed meanwhile
        for piece in logs.chunks(printed):
            yield dumps(decoder.decode(piece))[1:-1].encode("ascii")
    yield dumps(decoder.decode(b"", final=True))[1:-1].encode("ascii")


def _document(execution: Execution, text: str) -> Document:
    """Return an execution that printed `text`, unless that was nothing, or is not there."""
    printed = execution.printed
    told = text if printed is not None and os.path.exists(printed.file) else "" if printed is None and execution.captured else None
    return {"name": execution.step, "run": execution.run, "ended": execution.ended, "outcome": execution.outcome,
            "captured": execution.captured, "printed": told}


def _count(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a number from 1, got `{text}`")
    return int(text)


COMMANDS = {"log": Command(add_log, log)}
