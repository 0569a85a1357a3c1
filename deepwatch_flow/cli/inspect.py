"""Commands that look at a pipeline and change nothing: status, why, graph."""
from __future__ import annotations

import argparse
from typing import List, Sequence

from ..model import SCHEME, Fresh, Pending, Plan, Policy, Reason, base_of
from ..pipeline.graph import StepGraph, StepNode
from ..report import explain
from ..report.documents import Document, graph_document, plan_document, reason_documents
from ..report.graphs import Node, dot, mermaid, step_tree
from ..report.terminal import VERDICT_STYLE, plan_lines
from ..state.watched import STATUS
from ..vouching import check_scheme
from .console import Console
from .parser import Command, add_json, add_precise, add_set
from .session import opened, settings
from .watch import Watch

_OUT_OF_DATE = 3


# -- status ---------------------------------------------------------------------------------------

def add_status(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``status``."""
    parser.add_argument("targets", metavar="TARGET", nargs="*", help="only these steps and what they need")
    parser.add_argument("--check", action="store_true", help="exit with code 3 if anything is stale")
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
        if whole and _all_fresh(plan):
            watch.look(workspace, STATUS, found_fresh=True)
    watch.write(console)
    if console.json:
        console.document(plan_document(plan))
    else:
        console.result(*plan_lines(plan, console.paint, console.verbosity))
    return _OUT_OF_DATE if args.check and not _all_fresh(plan) else 0


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
        name = workspace.graph.targets([args.step])[0]
        verdict = workspace.verdict(name)
        reasons = () if isinstance(verdict, Fresh) else workspace.explain(name)
    word = explain.verdict_name(verdict)
    if console.json:
        document: Document = {"name": name, "verdict": word, "reasons": reason_documents(reasons)}
        document["on"] = list(verdict.on) if isinstance(verdict, Pending) else []
        console.document(document)
        return 0
    title = f"{console.paint('name', explain.printable(name))} is {console.paint(VERDICT_STYLE[word], word)}"
    if isinstance(verdict, Fresh):
        line = explain.verdict_line(verdict)
        console.result(f"{title}: {line or 'the recorded result is the one that running would give'}")
        return 0
    if isinstance(verdict, Pending):
        title += f": it depends on what {explain.names(verdict.on, 5)} will give"
    console.result(title, *reason_lines(reasons, console))
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
    parser.add_argument("--status", action="store_true", help="mark what is stale or pending")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--mermaid", action="store_true", help="print a Mermaid flowchart")
    form.add_argument("--dot", action="store_true", help="print a graph for Graphviz")
    form.add_argument("--json", action="store_true", help="print one JSON document")


def graph(args: argparse.Namespace, console: Console) -> int:
    """Draw the steps and what they need."""
    with opened(args, console) as workspace:
        found = workspace.graph
        names = found.select(tuple(args.targets))
        plan = workspace.plan(Policy(targets=tuple(args.targets))) if args.status else None
    verdicts = {name: plan.of(name) for name in names} if plan is not None else {}
    nodes = [_node(found, name, explain.verdict_name(verdict) if verdict is not None else "")
             for name in names for verdict in [verdicts.get(name)]]
    if args.json:
        details = {name: _details(found.nodes[name]) for name in names}
        for node in nodes:
            if node.note:
                details[node.name]["verdict"] = node.note
        console.document(graph_document(nodes, details))
    elif args.mermaid:
        console.result(mermaid(nodes))
    elif args.dot:
        console.result(dot(nodes))
    else:
        console.result(*step_tree(nodes, console.unicode))
    return 0


def _node(found: StepGraph, name: str, note: str) -> Node:
    valued = tuple(dict.fromkeys(map(base_of, found.nodes[name].upstreams.values())))
    return Node(name, valued, tuple(other for other in found.upstreams(name) if other not in valued), note)


def _details(node: StepNode) -> Document:
    files, products = ({each.parameter: each.shown for each in templates} for templates in node.templates)
    return {"inputs": {**node.files, **files}, "products": {**node.products, **products},
            "params": {param: repr(value) for param, value in node.params.items()},
            "tags": list(node.tags), "file": node.file, "line": node.line}


COMMANDS = {"status": Command(add_status, status), "why": Command(add_why, why), "graph": Command(add_graph, graph)}
