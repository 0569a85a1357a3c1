"""Commands that look at a pipeline and change nothing: status, why, graph."""
from __future__ import annotations

import argparse
import math
from typing import Dict, List, Optional, Sequence, Tuple

from ..engine.orphans import notices
from ..errors import DeepwatchError, NoInstance, quoted
from ..model import SCHEME, Fresh, Pending, Plan, Policy, Reason, base_of
from ..pipeline.graph import StepGraph, StepNode
from ..reasons import reasons_of
from ..report import explain
from ..report.documents import Document, graph_document, plan_document, reason_documents
from ..report.folding import FAILED, remark
from ..report.graphs import Node, dot, mermaid, step_tree
from ..report.terminal import VERDICT_STYLE, plan_lines
from ..state.watched import STATUS
from ..vouching import check_scheme
from ..workspace import Workspace
from .console import Console
from .parser import Command, add_json, add_precise, add_set
from .session import opened, settings
from .watch import Watch

_OUT_OF_DATE = 3


# -- status ---------------------------------------------------------------------------------------

def add_status(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``status``."""
    parser.add_argument("targets", metavar="TARGET", nargs="*", help="only these steps and what they need")
    parser.add_argument("--check", action="store_true", help="exit with code 3 if a run would execute something, or refuse to")
    parser.add_argument("-t", "--tag", metavar="TAG", action="append", default=[], help="only steps that have this tag")
    add_precise(parser)
    add_set(parser)
    add_json(parser)


def status(args: argparse.Namespace, console: Console) -> int:
    """Tell the verdict on each step."""
    watch = Watch(settings(args))
    whole = not (console.json or args.targets or args.tag or args.set or args.precise)
    with opened(args, console, writes=whole) as workspace:
        check_scheme(workspace.lock, workspace.graph.order, accept=workspace.lock is None or workspace.lock.scheme < SCHEME)
        plan = workspace.plan(Policy(targets=tuple(args.targets), tags=tuple(args.tag), precise=args.precise))
        if console.verbosity > 0:
            plan = workspace.looked_at(plan)
        if whole and _all_fresh(plan):
            watch.look(workspace, STATUS, found_fresh=True)
    watch.write(console)
    for notice in notices(plan.orphans):
        console.emit(notice)
    if console.json:
        console.document(plan_document(plan))
    else:
        console.result(*plan_lines(plan, console.paint, console.verbosity))
    return _OUT_OF_DATE if args.check and (plan.refused or not _all_fresh(plan)) else 0


def _all_fresh(plan: Plan) -> bool:
    return all(isinstance(verdict, Fresh) for verdict in plan.verdicts.values())


# -- why ------------------------------------------------------------------------------------------

def add_why(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``why``."""
    parser.add_argument("step", metavar="STEP", help="the step to explain")
    add_set(parser)
    add_json(parser)


def why(args: argparse.Namespace, console: Console) -> int:
    """Tell every reason for which a step would run."""
    with opened(args, console) as workspace:
        name, plan = workspace.one(args.step)
        verdict = plan.of(name)
        assert verdict is not None, name      # it is the plan of this step
        reasons = () if isinstance(verdict, Fresh) else reasons_of(name, plan)
        failed = None if isinstance(verdict, Fresh) else workspace.database.failed([name]).get(name)
        idle = [reason.kind for reason in reasons] == ["artifact"] and isinstance(workspace.plan(Policy()).of(name), Fresh)
    word = explain.verdict_name(verdict)
    if console.json:
        document: Document = {"name": name, "verdict": word, "reasons": reason_documents(reasons)}
        document["on"] = list(verdict.on) if isinstance(verdict, Pending) else []
        document["failed_in"] = failed
        document["instances"] = {each: explain.verdict_name(plan.verdicts[each]) for each in plan.members(name)}
        console.document(document)
        return 0
    title = f"{console.paint('name', explain.printable(name))} is {console.paint(VERDICT_STYLE[word], word)}"
    members = plan.members(name)
    undone = sum(not isinstance(each, Fresh) for each in members.values())
    if undone:
        title += f": {undone} of its {len(members)} instances would run"
    if isinstance(verdict, Fresh):
        line = "; ".join(filter(None, [explain.verdict_line(verdict), remark(plan, [name]) if name in plan.verdicts else ""]))
        console.result(f"{title}: {line or 'the recorded result is the one that running would give'}")
        return 0
    if isinstance(verdict, Pending):
        title += f": it depends on what {explain.names(verdict.on, 5)} will give"
    console.result(title, *reason_lines(reasons, console))
    if idle:
        console.say("nothing else needs its value: a run that does not name it leaves it as it is, up to date")
    if failed is not None:
        console.say(f"it {FAILED}, in run {failed[:8]} (`deepwatch log {quoted(explain.printable(name))}`)")
    return 0


def reason_lines(reasons: Sequence[Reason], console: Console) -> List[str]:
    """Return reasons as a numbered list, each with its place, its path and its diff."""
    lines: List[str] = []
    for number, reason in enumerate(reasons, 1):
        where = explain.place(reason)
        lines.append(f"{number:>3}. {explain.sentence(reason)}" + (f"  {console.paint('head', where)}" if where else ""))
        if explain.route(reason):
            lines.append(f"     {console.paint('dim', explain.route(reason))}")
        for line in explain.difference(reason):
            style = {"+": "add", "-": "remove", "@": "head"}.get(line[:1])
            lines.append(f"       {console.paint(style, line) if style else line}".rstrip())
    return lines


# -- graph ----------------------------------------------------------------------------------------

def add_graph(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``graph``."""
    parser.add_argument("targets", metavar="TARGET", nargs="*", help="only these steps and what they need")
    parser.add_argument("--status", action="store_true", help="mark what is stale or pending, and count the stale instances of families")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--mermaid", action="store_true", help="print a Mermaid flowchart")
    form.add_argument("--dot", action="store_true", help="print a graph for Graphviz")
    form.add_argument("--json", action="store_true", help="print one JSON document")


def graph(args: argparse.Namespace, console: Console) -> int:
    """Draw the steps and what they need."""
    with opened(args, console) as workspace:
        found = workspace.graph
        names = found.select(tuple(args.targets))
        families = [name for name in names if found.nodes[name].each]
        plan = _planned(workspace, tuple(args.targets), args.status) if args.status or families else None
    counts = _counts(found, names, plan, args.targets)
    nodes = [_node(found, name, plan, counts.get(name), args.status) for name in names]
    if args.json:
        details = {name: _details(found.nodes[name]) for name in names}
        for node in nodes:
            if node.note:
                details[node.name]["verdict"] = node.note
        for name in families:
            details[name]["instances"] = _instances(plan, name, counts[name], args.status)
        console.document(graph_document(nodes, details))
    elif args.mermaid:
        console.result(mermaid(nodes))
    elif args.dot:
        console.result(dot(nodes))
    else:
        console.result(*step_tree(nodes, console.unicode))
    return 0


def _planned(workspace: Workspace, targets: Tuple[str, ...], judged: bool) -> Optional[Plan]:
    """Return the plan, which knows the instances of families; None where it can't be made, and only these are missing."""
    try:
        return workspace.plan(Policy(targets=targets))
    except NoInstance:
        raise
    except DeepwatchError:      # elements that don't fit, code that can't be digested: the steps can be drawn all the same
        if judged:
            raise
        return None


def _node(found: StepGraph, name: str, plan: Optional[Plan], count: Optional[int], judged: bool) -> Node:
    valued, note, folded = found.consumed(name), "", ""
    if judged and plan is not None:
        verdict = plan.of(name)
        note = explain.verdict_name(verdict) if verdict is not None else "fresh"      # of a family: those instances that were asked for
    if found.nodes[name].each:
        folded = "?" if count is None else f"{count} {'instance' if count == 1 else 'instances'}"
        stale = sum(not isinstance(each, Fresh) for each in plan.members(name).values()) if judged and plan is not None else 0
        folded += f", {stale} stale" if stale else ""
    return Node(name, valued, tuple(other for other in found.upstreams(name) if other not in valued), note, folded)


def _counts(found: StepGraph, names: Sequence[str], plan: Optional[Plan], targets: Sequence[str]) -> Dict[str, Optional[int]]:
    """Return how many instances families have that were asked for; None where that is known only when other steps have run."""
    partly = {base_of(word) for word in found.targets(targets) if base_of(word) != word}
    counts: Dict[str, Optional[int]] = {}
    for name in names:
        node = found.nodes[name]
        if not node.each:
            continue
        if plan is not None and (name not in plan.verdicts or isinstance(plan.verdicts[name], Fresh)):
            counts[name] = len(plan.members(name))
            continue
        # what other steps take part in its instances' values does not change how many these are
        sizes = [counts.get(source) if isinstance(source, str) else len(source) for source in node.each.values()]
        known = [size for size in sizes if size is not None] if name not in partly else []
        zipped = node.step.options["each"] == "zip"
        counts[name] = None if len(known) < len(sizes) or (zipped and len(set(known)) > 1) else known[0] if zipped else math.prod(known)
    return counts


def _instances(plan: Optional[Plan], family: str, count: Optional[int], judged: bool) -> Document:
    document: Document = {"count": count}
    if judged and plan is not None:
        verdicts = [explain.verdict_name(verdict) for verdict in plan.members(family).values()]
        document.update((word, verdicts.count(word)) for word in explain.VERDICTS)
    return document


def _details(node: StepNode) -> Document:
    files, products = ({each.parameter: each.shown for each in templates} for templates in node.templates)
    return {"inputs": {**node.files, **files}, "products": {**node.products, **products},
            "params": {param: repr(value) for param, value in node.params.items()},
            "tags": list(node.tags), "file": node.file, "line": node.line}


COMMANDS = {"status": Command(add_status, status), "why": Command(add_why, why), "graph": Command(add_graph, graph)}
