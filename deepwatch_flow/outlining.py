"""The outline of a project: what one edited function changes in the fingerprints of the steps.

Made of live objects when all steps are fresh, read by ``cli.edit`` when of all that is watched one
source file has changed: then that function alone is parsed again, and nothing of the user's imported.
It holds only functions whose text counts nowhere but in their own digest, and whose text did not run
while the pipeline loaded; an edit of anything else takes the ordinary way.

``.deepwatch/outline`` begins with the line of a watch list (``state.watched``), which names its stat
data; below is a marshalled dict:

    sources   {path: (bytes, functions)}, each (first line, last line, name, digest of its text, its nodes)
    nodes     by number: (kind, name, file, line, links) of functions and steps; of any other (kind, targets)
              each link is (label, number of its target or -1, what the target's digest takes in beside it)
    deep      by number: deep digest
    steps     in order: (name, number of its node, numbers of the steps it waits for, upstream steps, blob, size)
    codes     the first 16 digits of every fingerprint that some trace has

Numbers are those of the nodes in one session of analysis.
"""
from __future__ import annotations

from bisect import bisect_right
from typing import AbstractSet, Any, Dict, Iterable, Iterator, List, Mapping, Optional, Set, Tuple

from .analysis.follow import Place
from .analysis.locate import SourceFile
from .analysis.nodes import Node
from .analysis.reads import READS_SOURCE
from .config import OBSERVED
from .engine.planner import World, awaited
from .loading.moments import names_read
from .model import Digest, Fingerprint, History, Lock, StepFacts, Trace, base_of
from .pipeline.graph import StepGraph
from .project import Project
from .state.database import Database

#: of the labels of links: they hold digests of other files' content
_OF_FILES = "file "
#: by these code at module level may look at all that is defined
_REFLECT = frozenset({"__code__", "__dict__", "dir", "eval", "exec", "getattr", "getmembers", "getsource", "getsourcelines",
                      "globals", "linecache", "locals", "modules", "vars"})
_PLAIN = (str, bytes, int, float, bool, type(None))


def outline_of(project: Project, database: Database, lock: Optional[Lock], traces: Mapping[str, Trace],
               blobs: Mapping[str, Tuple[str, int]]) -> Optional[Dict[str, Any]]:
    """Return the outline, None for a project of which none can be had; `traces` are those that hold now."""
    analysis, graph = project.analysis, project.graph
    if (lock is not None and lock.accepted) or not _may_be_plain(project):
        return None
    known = database.traces()
    if not _is_plain(project, known, traces):
        return None
    tops = {name: analysis.top(trace.code) for name, trace in traces.items()}
    if any(variant for _, variant in tops.values()):
        return None         # something reads docstrings, names or source: then more counts than texts
    if not all(_is_of(top, analysis.unit(graph.nodes[name].step.function)) for name, (top, _) in tops.items()):
        return None         # of two steps whose code is equal, only one can be asked for
    nodes = _reachable(top for top, _ in tops.values())
    deep = {index: analysis.deep(node, 0) for index, node in nodes.items()}
    if any(node.counts & READS_SOURCE or any(link.label.startswith(_OF_FILES) for link in node.links) for node in nodes.values()) \
            or not _are_recorded(database, nodes, deep):
        return None
    numbers = {name: number for number, name in enumerate(graph.order)}
    waits = _waits(graph, traces)
    codes = {trace.code[:16] for each in known.values() for trace in each}
    codes.update(entry.code[:16] for entry in (lock.steps.values() if lock is not None else ()))
    return {
        "sources": dict(_sources(project, database, nodes, traces)),
        "nodes": {index: _plain_node(node) for index, node in nodes.items()}, "deep": deep, "codes": frozenset(codes),
        "steps": tuple((name, tops[name][0].index, tuple(numbers[each] for each in waits[name]),
                        tuple(numbers[each] for each in map(base_of, graph.nodes[name].upstreams.values())), *blobs[name])
                       for name in graph.order)}


def _may_be_plain(project: Project) -> bool:
    """Tell whether the settings, and the kinds of steps, allow that an edit is told by the outline alone."""
    if project.config.invalidate != "deep" or not {**OBSERVED, **project.config.observe}["code"]:
        return False
    return not any(node.step.options["invalidate"] == "precise" or project.graph.parts(node.name) is not None
                   for node in project.graph.nodes.values())


def _is_plain(project: Project, known: Mapping[str, List[Trace]], traces: Mapping[str, Trace]) -> bool:
    """Tell whether the reasons for an edit can be told without the database and without live objects."""
    for name, trace in traces.items():
        last = known[name][-1] if known.get(name) else None
        if last is None or (last.key, last.code, last.root) != (trace.key, trace.code, trace.code) \
                or not project.analysis.knows(trace.code):
            return False
        for each in (last, trace):
            if each.observation is not None and each.observation.hidden:
                return False
    return True


def _is_of(top: Node, function: Node) -> bool:
    """Tell whether a step's node is that of this function: another one may have the same digest."""
    found = top.links[0].target
    kept = [(link.label, link.target) for link in function.links if not link.label.startswith("default ")]
    return found is function or (
        found is not None and (found.name, found.path, found.line) == (function.name, function.path, function.line)
        and len(found.links) == len(kept)
        and all(link.label == label and link.target is target for link, (label, target) in zip(found.links, kept)))


def _are_recorded(database: Database, nodes: Mapping[int, Node], deep: Mapping[int, Digest]) -> bool:
    """Tell whether the database tells of these nodes what they are: reasons are told by what it says."""
    recorded = database.units(set(deep.values()))
    for index, node in nodes.items():
        unit = recorded.get(deep[index])
        if unit is None or (node.kind in ("function", "step") and (unit.own, unit.links) != (node.own(0), tuple(
                (link.shown or link.label, deep[link.target.index]) for link in node.all_links(0) if link.target is not None))):
            return False
    return True


def _reachable(tops: Iterable[Node]) -> Dict[int, Node]:
    found: Dict[int, Node] = {}
    waiting = list(tops)
    while waiting:
        node = waiting.pop()
        if node.index not in found:
            found[node.index] = node
            waiting += [link.target for link in node.links if link.target is not None]
            waiting += [link.target for link in node.annotation_links if link.target is not None and node.counts]
    return found


def _plain_node(node: Node) -> Tuple[Any, ...]:
    """Return a node as plain data; of what is neither function nor step only where it leads."""
    if node.kind not in ("function", "step") or node.counts:
        links = [*node.links, *node.annotation_links]
        return ("", tuple({link.target.index for link in links if link.target is not None}))
    return (node.kind, node.name, node.file or "", node.line or 0, node.text, tuple(
        (link.label, -1 if link.target is None else link.target.index,
         (link.target.name.rpartition(".")[2], link.target.signature)
         if link.target is not None and link.label.endswith(" seen") else ()) for link in node.links))


def _waits(graph: StepGraph, traces: Mapping[str, Trace]) -> Dict[str, List[str]]:
    """Return for each step those without whose results nothing can be said of it."""
    nothing = Fingerprint(Digest(""), Digest(""), ())
    facts = {name: StepFacts(name, nothing, (), tuple(sorted(node.files.items())), tuple(sorted(node.products.items())),
                             tuple(sorted(node.upstreams.items())), makers=node.makers) for name, node in graph.nodes.items()}
    world = World(facts, History({}, traces), lambda _: None, lambda _, __: ((), ()), graph.products.writers)
    return {name: awaited(world, name) for name in graph.order}


# -- the functions that may be edited --------------------------------------------------------------

def _sources(project: Project, database: Database, nodes: Mapping[int, Node],
             traces: Mapping[str, Trace]) -> Iterator[Tuple[str, Tuple[bytes, Tuple[Any, ...]]]]:
    analysis = project.analysis
    read = {*project.loaded.reads, *project.loaded.sized, *project.loaded.present}
    for trace in traces.values():
        read.update(each.path for each in trace.inputs)
        if trace.observation is not None:
            read.update(each.path for each in trace.observation.files)
    by_file: Dict[str, List[Node]] = {}
    for node in nodes.values():
        if node.path is not None:
            by_file.setdefault(node.path, []).append(node)
    params = _below_params(project)
    used = set(_used_at_load(project))
    if used & _REFLECT:
        return
    texts = database.known_texts({node.own(0) for node in nodes.values() if node.kind == "function"})
    for path, source in project.snapshot.sources.items():
        short = analysis.graph.relative(path)
        file = analysis.sources.file(path) if path in by_file else None
        if file is None or path in read or any(short == each or short.startswith(f"{each}/") for each in read):
            continue
        ran = {(line, name) for place, line, name in project.loaded.codes if place == path}
        yield short, (source.data, tuple(
            each for each in _functions(file, by_file[path], params, texts) if each[2] not in used and (each[0], each[2]) not in ran))


def _used_at_load(project: Project) -> Iterator[str]:
    """Yield the names that own code reads while it loads: what they stand for may have been looked into."""
    ran = project.loaded.codes
    for source in project.snapshot.sources.values():
        if source.path.endswith((".py", ".pyw")):
            yield from names_read(source.code(), lambda code: (code.co_filename, code.co_firstlineno, code.co_name) in ran, None)


def _functions(file: SourceFile, nodes: List[Node], params: AbstractSet[int], texts: AbstractSet[Digest]) -> Iterator[Tuple[Any, ...]]:
    """Yield those top-level functions of a file whose text counts in nothing but nodes of their own, and is among the recorded `texts`."""
    by_line: Dict[int, List[Node]] = {}
    for node in nodes:
        by_line.setdefault(node.line or 0, []).append(node)
    lines = sorted(by_line)
    for definition in file.facts.definitions:
        if definition.kind != "function" or definition.qualname != definition.name or definition.name == "<lambda>" \
                or len(file.all_named(definition.qualname)) > 1:
            continue
        decorators = [text.uses[0].chain[-1] if len(text.uses) == 1 else "" for text in definition.decorators]
        if decorators not in ([], ["step"]) or file.binding(definition.name):
            continue
        own = by_line.get(definition.line, [])
        has_inner = bisect_right(lines, definition.end) > bisect_right(lines, definition.line)
        if has_inner or any(
                node.kind != "function" or node.text != definition.text.digest or node.counts or node.index in params
                or node.own(0) not in texts for node in own):
            continue
        yield (definition.line, definition.end, definition.name, definition.text.digest, tuple(node.index for node in own))


def _below_params(project: Project) -> Set[int]:
    """Return the numbers of the nodes that values of params lead to: these count in params, too."""
    analysis = project.analysis
    found: Set[int] = set()
    for node in project.graph.nodes.values():
        for name, value in node.params.items():
            if type(value) in _PLAIN:
                continue
            link = analysis.graph.target(value, Place(f"{node.name}.{name}"))
            if link.target is not None:
                found.update(_reachable([link.target]))
    return found
