"""``deepwatch verify``: which steps give something else when they run again."""
from __future__ import annotations

import argparse
from typing import Dict, List, Tuple

from ..engine.planner import World, judge, outputs_of
from ..errors import StateError
from ..hashing.difference import Difference
from ..model import Digest, Fresh, Lock, Policy, Reason, Stale, base_of
from ..report import explain
from ..report.documents import Document, Json, accepted_documents
from ..report.terminal import traceback_lines
from ..survey import history_of, trace_of
from ..verifying import OUTCOMES, Locked, Verification, Verifier, another_seed
from ..vouching import LOCKFILE, check_scheme
from ..workspace import Workspace
from .console import Console
from .parser import Command, add_json, add_set
from .session import opened
from .stopping import ended_children, stoppable

_DIFFERS, _OUT_OF_DATE = 1, 3
_STYLE = {"differs": "bad", "failed": "bad", "unverified": "warn", "reproducible": "good"}
#: reasons for which a step would run, and by which it is what the lockfile says all the same
_LOST = frozenset({"artifact", "product"})


def add_verify(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``verify``."""
    parser.add_argument("steps", metavar="STEP", nargs="*", help="a step, or a pattern: verify only these (default: all)")
    add_set(parser)
    add_json(parser)


def verify(args: argparse.Namespace, console: Console) -> int:
    """Execute steps again in a clean place, and tell which of them give something else."""
    with stoppable() as stopping, ended_children(stopping), opened(args, console) as workspace:
        chosen = set(map(base_of, workspace.graph.targets(args.steps)))
        names = [name for name in workspace.graph.order if name in chosen or not args.steps]
        lock = workspace.lock
        if lock is None:
            raise StateError(f"there is no `{LOCKFILE}` to compare with", hint="deepwatch run")
        check_scheme(lock, workspace.graph.order, accept=False)
        steps, left = _sorted_out(workspace, lock, names)
        with another_seed() as seed:
            verifier = Verifier(workspace.project, workspace.store, lock)
            found = verifier.verify(steps, lambda name: console.say(f"running `{explain.printable(name)}` again") if console.verbosity > 0 else None)
    by_name = {each.step: each for each in [*left, *found]}
    results = [by_name[name] for name in names]
    counts = {word: sum(each.outcome == word for each in results) for word in OUTCOMES}
    if console.json:
        console.document({"steps": [_document(each) for each in results], "counts": dict(counts), "hash_seed": seed})
    else:
        _tell(results, counts, console)
    return _DIFFERS if counts["differs"] or counts["failed"] else _OUT_OF_DATE if counts["unverified"] else 0


def _sorted_out(workspace: Workspace, lock: Lock, names: List[str]) -> Tuple[Dict[str, Locked], List[Verification]]:
    """Return the steps that are as the lockfile says, and those that are not: these can't be compared."""
    history = history_of(workspace.database, lock, workspace.project.analysis.graph.version)
    world = workspace.survey.world(workspace.graph.order, history, {})
    outputs: Dict[str, Digest] = {}
    for name, entry in lock.steps.items():
        if name in world.facts:
            outputs.update(outputs_of(world, name, trace_of(name, entry, lambda _: "")))
    steps: Dict[str, Locked] = {}
    left: List[Verification] = []
    for name in names:
        found = _judged(world, lock, name, outputs)
        if isinstance(found, Locked):
            steps[name] = found
        else:
            left.append(Verification(name, "unverified", found))
    return steps, left


def _judged(world: World, lock: Lock, name: str, outputs: Dict[str, Digest]) -> "Locked | str":
    """Return what the lockfile says of a step, or why the step is not what it speaks of."""
    facts = world.facts[name]
    entry = lock.steps.get(name)
    if facts.family is not None or any(world.facts[base_of(step)].family is not None for _, step in facts.upstreams):
        return "it has instances, or takes those of another step: these are not compared yet"
    missing = [step for _, step in facts.upstreams if base_of(step) not in lock.steps or step not in outputs]
    if facts.fingerprint.uncacheable is not None:
        return f"it runs each time: {facts.fingerprint.uncacheable}"
    if entry is None or missing:
        return f"`{LOCKFILE}` has no result of `{missing[0] if missing else name}`"
    verdict = judge(world, name, outputs, Policy(), False)
    kept = world.history.by_key.get(entry.key, ())
    if isinstance(verdict, Fresh) and entry.key in (verdict.key, verdict.trace.key):
        return Locked(entry, verdict.trace, verdict.accepted)
    reasons: Tuple[Reason, ...] = () if isinstance(verdict, Fresh) else verdict.reasons
    if isinstance(verdict, Stale) and verdict.key == entry.key and kept and {each.kind for each in reasons} <= _LOST:
        return Locked(entry, kept[0])
    told = explain.headline(reasons) if reasons else "the lockfile has another result"
    return f"it is out of date: {told}"


# -- telling --------------------------------------------------------------------------------------

def _tell(results: List[Verification], counts: Dict[str, int], console: Console) -> None:
    rows = [(each.outcome, explain.printable(each.step), _line(each)) for each in results]
    lines: List[str] = []
    for each, (outcome, name, line) in zip(results, explain.columns(rows)):
        lines.append(f"{console.paint(_STYLE[each.outcome], outcome)}  {console.paint('name', name)}  {line}".rstrip())
        lines += [f"    value{explain.printable(found.path)}: {explain.printable(found.what)}" for found in each.differences]
        lines += [f"    {explain.printable(path)}: {explain.printable(found.what)}" for path, found in each.products]
        if each.traceback is not None:
            lines += traceback_lines(each.traceback, console.paint)
    if console.verbosity >= 0:
        lines.append(explain.counted(counts, OUTCOMES) or "no steps")
    console.result(*lines)


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
            "differences": places, "products": products, "traceback": found.traceback,
            "accepted": accepted_documents(found.accepted)}


def _place(found: Difference) -> Document:
    return {"path": found.path, "text": found.what, "old": found.old, "new": found.new}


COMMANDS = {"verify": Command(add_verify, verify)}
