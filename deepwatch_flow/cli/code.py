"""Commands about any function in any file, without a pipeline: hash, deps."""
from __future__ import annotations

import argparse
import importlib
from typing import List

from ..errors import FingerprintError
from ..inspection import Dependency, Inspected, hash_target
from ..model import Untracked
from ..report import explain
from ..report.documents import Document, Json
from ..report.graphs import tree
from .console import Console
from .parser import Command, add_json


def add_hash(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``hash``."""
    parser.add_argument("target", metavar="FILE:FUNC", help="a function in a file: work.py:clean, work.py:Class.method")
    parser.add_argument("--shallow", action="store_true", help="the function's own code only, nothing that it uses")
    parser.add_argument("--transcript", action="store_true",
                        help="print what the hash is made from: two transcripts can be compared line by line")
    add_json(parser)


def hash_function(args: argparse.Namespace, console: Console) -> int:
    """Print the hash of a function."""
    with console.results_apart():
        found = hash_target(args.target)
    fingerprint = found.fingerprint
    if console.json:
        document: Document = {"target": args.target, "deep": fingerprint.digest, "shallow": found.shallow,
                              "uncacheable": fingerprint.uncacheable, **_limits(found)}
        if args.transcript:
            document["transcript"] = found.transcript
        console.document(document)
        return 0
    if args.transcript:
        console.result(explain.block(found.transcript).rstrip("\n"))
        return 0
    if args.shallow:
        console.result(found.shallow)
        return 0
    if fingerprint.uncacheable is not None:
        raise FingerprintError(f"`{args.target}` has no deep hash: {fingerprint.uncacheable}",
                               hint=f"deepwatch deps {args.target}")
    console.result(fingerprint.digest)
    if console.verbosity > 0:
        for each in fingerprint.untracked:
            console.say(f"note: {_untracked_line(each)}")
    return 0


def add_deps(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``deps``."""
    parser.add_argument("target", metavar="FILE:FUNC", help="a function in a file: work.py:clean, work.py:Class.method")
    parser.add_argument("--observed", action="store_true",
                        help="of a STEP of the pipeline: what its last execution was seen to run and to read")
    add_json(parser)


def deps(args: argparse.Namespace, console: Console) -> int:
    """List what the deep hash of a function covers, as a tree."""
    if args.observed:
        # the recorded executions are in the project's state, which looking at a function never loads
        code: int = importlib.import_module(f"{__package__}.observed").show_observed(args, console)
        return code
    with console.results_apart():
        found = hash_target(args.target)
    nodes, below = _numbered(found.tree)
    if console.json:
        units: List[Json] = [_unit_document(node, [nodes[child].deep for child in below[number]])
                             for number, node in enumerate(nodes) if not node.repeated]
        console.document({"target": args.target, "deep": found.fingerprint.digest, "units": units, **_limits(found)})
        return 0
    lines = tree([0], below.__getitem__, lambda number: _label(nodes[number], console), console.unicode)
    console.result(*lines)
    if any(node.repeated for node in nodes) and console.verbosity >= 0:
        console.say("(*) shown above")
    if found.fingerprint.untracked:
        console.result("", "untracked: what the hash can't see", *(
            f"  {_untracked_line(each)}" for each in found.fingerprint.untracked))
    if found.fingerprint.uncacheable is not None:
        console.result("", f"no deep hash can be made: {explain.printable(found.fingerprint.uncacheable)}")
    return 0


def _numbered(root: Dependency) -> "tuple[List[Dependency], List[List[int]]]":
    """Return the nodes of a tree and each one's children, by number; chains may be thousands deep."""
    nodes = [root]
    below: List[List[int]] = []
    for node in nodes:                  # grows while it is walked
        below.append(list(range(len(nodes), len(nodes) + len(node.uses))))
        nodes.extend(node.uses)
    return nodes, below


def _label(node: Dependency, console: Console) -> str:
    text = console.paint("name", explain.printable(node.name))
    if node.kind not in ("function", "package"):
        text += f"  {node.kind}"
    if node.origin != "own":
        text += f"  {node.origin}"
    if node.file is not None:
        place = explain.printable(node.file) + (f":{node.line}" if node.line is not None else "")
        text += f"  {console.paint('dim', place)}"
    return text + (" (*)" if node.repeated else "")


def _unit_document(node: Dependency, uses: List[Json]) -> Document:
    return {"name": node.name, "kind": node.kind, "origin": node.origin, "file": node.file, "line": node.line,
            "own": node.own, "deep": node.deep, "uses": uses}


def _limits(found: Inspected) -> Document:
    untracked: List[Json] = [dict(each._asdict()) for each in found.fingerprint.untracked]
    return {"packages": dict(found.fingerprint.packages), "untracked": untracked}


def _untracked_line(each: Untracked) -> str:
    where = f" ({each.file}:{each.line})" if each.file is not None else ""
    return explain.printable(f"{each.name}{where}: {each.why}")


COMMANDS = {"hash": Command(add_hash, hash_function), "deps": Command(add_deps, deps)}
