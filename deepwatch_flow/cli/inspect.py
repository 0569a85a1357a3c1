"""Commands that look at a pipeline and change nothing: status, why, graph, show, log."""
from __future__ import annotations

import argparse
import json
import pprint
import reprlib
import shutil
from typing import Any, Dict, List, Sequence, Tuple

from ..events import OUTCOMES
from ..model import Fresh, Json, Pending, Plan, Policy, Reason, Trace, base_of
from ..pipeline.graph import StepGraph, StepNode
from ..report import explain
from ..report.documents import Document, graph_document, plan_document, reason_documents, trace_document
from ..report.graphs import Node, dot, mermaid, step_tree
from ..report.terminal import VERDICT_STYLE, plan_lines
from ..state.watched import STATUS
from ..workspace import Shown
from .console import Console
from .parser import Command, add_json, add_precise, add_set
from .session import opened, settings
from .watch import Watch

_OUT_OF_DATE = 3
_SHOWN_LINES = 60
_PRETTY = 200_000          # bytes of a stored value that pprint can lay out without a pause


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
    return {"inputs": dict(node.files), "products": dict(node.products),
            "params": {param: repr(value) for param, value in node.params.items()},
            "tags": list(node.tags), "file": node.file, "line": node.line}


# -- show -----------------------------------------------------------------------------------------

def add_show(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``show``."""
    parser.add_argument("step", metavar="STEP", help="the step whose value to show")
    add_json(parser)


def show(args: argparse.Namespace, console: Console) -> int:
    """Show the stored value of a step and what is recorded of it."""
    with opened(args, console) as workspace:
        shown = workspace.show(args.step)
        if console.json:
            document = _shown_document(shown)
        else:
            lines = _value_lines(shown, console)      # a value's repr is user code, too
    if console.json:
        console.document(document)
        return 0
    console.result(*lines)
    if console.verbosity >= 0:
        rows = _record(shown)
        console.result("", *(f"{console.paint('dim', left)}  {right}" for left, right in explain.columns(rows)))
    return 0


def _shown_document(shown: Shown) -> Document:
    value = _plain(shown.value)
    document: Document = {"step": shown.step, "fresh": shown.fresh, "type": _type_name(shown.value), "value": value}
    if value is None and shown.value is not None:
        document["repr"] = _safe(repr, shown.value)
    document.update(trace_document(shown.trace))
    return document


def _plain(value: Any) -> Json:
    """Return a value as JSON data (tuples as lists), None where it is none."""
    try:
        plain: Json = json.loads(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError, RecursionError):
        return None
    return plain


def _value_lines(shown: Shown, console: Console) -> List[str]:
    value = shown.value
    if isinstance(value, str):
        text = value
    elif type(value) in (dict, list, tuple, set, frozenset):
        width = shutil.get_terminal_size((100, 24)).columns
        if shown.trace.artifact.size <= _PRETTY:
            text = _safe(lambda each: pprint.pformat(each, width=width, compact=True), value)
        else:
            text = _safe(_brief, value)
    else:
        text = _safe(repr, value)
    lines = explain.block(text).rstrip("\n").split("\n")
    if len(lines) > _SHOWN_LINES and console.verbosity <= 0:
        more = len(lines) - _SHOWN_LINES
        lines[_SHOWN_LINES:] = [f"... {more} more lines (--verbose shows them)"]
    return lines


def _brief(value: Any) -> str:
    short = reprlib.Repr()
    short.maxlist = short.maxtuple = short.maxdict = short.maxset = short.maxfrozenset = 50
    short.maxstring = short.maxother = 200
    return short.repr(value)


def _safe(text_of: Any, value: Any) -> str:
    try:
        return str(text_of(value))
    except Exception as error:  # noqa: BLE001 - a user's __repr__ may raise anything
        return f"<{_type_name(value)}: its repr failed with {type(error).__name__}: {error}>"


def _type_name(value: Any) -> str:
    kind = type(value)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _record(shown: Shown) -> List[Tuple[str, str]]:
    trace: Trace = shown.trace
    artifact = trace.artifact
    state = "fresh" if shown.fresh else "not fresh: running the step may give another value"
    rows = [("step", f"{explain.printable(shown.step)} ({state})"), ("type", explain.printable(_type_name(shown.value))),
            ("stored", f"{explain.size(artifact.size)}, {artifact.codec}, blob {artifact.blob[:12]}"),
            ("key", trace.key[:12]), ("output", artifact.output[:12])]
    listed: Dict[str, List[str]] = {
        "params": [f"{param.name} = {param.shown}" for param in trace.params],
        "inputs": [item.path for item in trace.inputs],
        "upstreams": [item.step for item in trace.upstreams],
        "products": [f"{item.path} ({explain.size(item.size)})" for item in trace.products],
        "packages": [f"{name} {version}" for name, version in trace.packages]}
    rows += [(word, explain.printable(", ".join(items))) for word, items in listed.items() if items]
    return rows


# -- log ------------------------------------------------------------------------------------------

def add_log(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``log``."""
    parser.add_argument("-n", "--number", metavar="N", type=int, default=10, help="how many runs (default: 10)")
    add_json(parser)


def log(args: argparse.Namespace, console: Console) -> int:
    """List past runs, the latest first."""
    with opened(args, console) as workspace:
        runs = workspace.history(max(args.number, 0))
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


COMMANDS = {
    "status": Command(add_status, status), "why": Command(add_why, why), "graph": Command(add_graph, graph),
    "show": Command(add_show, show), "log": Command(add_log, log),
}
