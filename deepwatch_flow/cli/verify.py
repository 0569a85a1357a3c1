"""``deepwatch verify``: which steps give something else when they run again."""
from __future__ import annotations

import argparse
from typing import Dict, List, Sequence, Set, Tuple

from ..engine.families import meant
from ..errors import StateError
from ..hashing.difference import Difference
from ..histories import history_of
from ..model import base_of
from ..report import explain
from ..report.documents import Document, Json, accepted_documents
from ..report.folding import FOLDED
from ..report.terminal import Tracebacks, traceback_lines
from ..verifying.place import another_seed
from ..verifying.subjects import Subjects, subjects_of
from ..verifying.verifier import OUTCOMES, Verification, Verifier
from ..vouching import LOCKFILE, check_scheme
from .console import Console
from .parser import Command, add_json, add_set
from .session import opened
from .stopping import ended_children, stoppable

_DIFFERS, _OUT_OF_DATE = 1, 3
_STYLE = {"differs": "bad", "failed": "bad", "unverified": "warn", "reproducible": "good"}


def add_verify(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``verify``."""
    parser.add_argument("steps", metavar="STEP", nargs="*", help="a step, an instance such as 'fit[de]', or a pattern: verify only these (default: all)")
    add_set(parser)
    add_json(parser)


def verify(args: argparse.Namespace, console: Console) -> int:
    """Execute steps again in a clean place, and tell which of them give something else."""
    with stoppable() as stopping, ended_children(stopping), opened(args, console) as workspace:
        chosen = workspace.graph.targets(args.steps) if args.steps else workspace.graph.order
        lock = workspace.lock
        if lock is None:
            raise StateError(f"there is no `{LOCKFILE}` to compare with", hint="deepwatch run")
        check_scheme(lock, workspace.graph.order, accept=False)
        history = history_of(workspace.database, lock, workspace.project.analysis.graph.version)
        subjects = subjects_of(workspace.survey.world(workspace.graph.order, history, {}), lock)
        names = _named(subjects, chosen)
        with another_seed() as seed:
            verifier = Verifier(workspace.project, workspace.store, subjects)
            results = verifier.verify(names, lambda name: console.say(f"running `{explain.printable(name)}` again") if console.verbosity > 0 else None)
    counts = {word: sum(each.outcome == word for each in results) for word in OUTCOMES}
    if console.json:
        console.document({"steps": [_document(each) for each in results], "counts": dict(counts), "hash_seed": seed})
    else:
        _tell(results, counts, console)
    return _DIFFERS if counts["differs"] or counts["failed"] else _OUT_OF_DATE if counts["unverified"] else 0


def _named(subjects: Subjects, chosen: Sequence[str]) -> List[str]:
    """Return the steps that are meant, families by their instances, in the order of the pipeline."""
    found: Set[str] = set()
    for word in chosen:
        base = base_of(word)
        members = subjects.members.get(base)
        if members is None:
            found.add(base)          # no family, or one of whose instances nothing is known
        elif word == base:
            found.update(members)
        else:
            found |= meant(base, members, (word,))
    return [name for name in subjects.steps if name in found]


# -- telling --------------------------------------------------------------------------------------

def _tell(results: List[Verification], counts: Dict[str, int], console: Console) -> None:
    shown = folded(results) if console.verbosity <= 0 else [(each.step, each) for each in results]
    rows = [(each.outcome, explain.printable(name), _line(each)) for name, each in shown]
    lines: List[str] = []
    traces = Tracebacks()
    for (_, each), (outcome, name, line) in zip(shown, explain.columns(rows)):
        lines.append(f"{console.paint(_STYLE[each.outcome], outcome)}  {console.paint('name', name)}  {line}".rstrip())
        lines += [f"    value{explain.printable(found.path)}: {explain.printable(found.what)}" for found in each.differences]
        lines += [f"    {explain.printable(path)}: {explain.printable(found.what)}" for path, found in each.products]
        lines += traces.lines(each.step, each.traceback, console.paint)
        if each.printed and (each.outcome in ("failed", "differs") or console.verbosity > 0):
            lines += [f"    {console.paint('head', 'what it printed last')}", *traceback_lines(each.printed, console.paint)]
    if console.verbosity >= 0:
        lines.append(explain.counted(counts, OUTCOMES) or "no steps")
    console.result(*lines)


def folded(results: Sequence[Verification]) -> List[Tuple[str, Verification]]:
    """Return what is told by its name: many instances of a family of which there is the same to tell as one."""
    alike: Dict[Tuple[str, str, str], List[Verification]] = {}
    sizes: Dict[str, int] = {}
    for each in results:
        base = base_of(each.step)
        sizes[base] = sizes.get(base, 0) + 1
        single = each.step if each.outcome in ("differs", "failed") else base
        alike.setdefault((single, each.outcome, each.why), []).append(each)
    found: List[Tuple[str, Verification]] = []
    for (base, _, _), same in alike.items():
        if len(same) > FOLDED:
            found.append((f"{base}[{len(same)} of {sizes[base]}]", same[0]._replace(seconds=sum(each.seconds for each in same))))
        else:
            found += [(each.step, each) for each in same]
    return found


def _line(found: Verification) -> str:
    if found.outcome in ("failed", "unverified"):
        return explain.printable(found.why)
    accepted = explain.accepted(found.accepted)
    return f"{explain.seconds(found.seconds)}{f', with what was {accepted}' if accepted else ''}"


def _document(found: Verification) -> Document:
    places: Json = [_place(each) for each in found.differences]
    products: Json = [{"file": path, **_place(each)} for path, each in found.products]
    return {"name": found.step, "outcome": found.outcome, "why": found.why, "seconds": round(found.seconds, 6),
            "locked": found.locked.output if found.locked is not None else None,
            "now": found.now.output if found.now is not None else None,
            "differences": places, "products": products, "traceback": found.traceback, "printed": found.printed,
            "accepted": accepted_documents(found.accepted)}


def _place(found: Difference) -> Document:
    return {"path": found.path, "text": found.what, "old": found.old, "new": found.new}


COMMANDS = {"verify": Command(add_verify, verify)}
