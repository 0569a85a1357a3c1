"""Which steps an edit makes stale, told before anything runs, by what their code and they themselves use."""
from __future__ import annotations

from collections import deque
from typing import Deque, Dict, Iterable, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from ..analysis.facts import ModuleFacts
from ..analysis.fingerprint import Analysis
from ..analysis.nodes import Node
from ..analysis.reads import READS_ANNOTATIONS, READS_DOC
from ..model import Digest, SeenUnit, StepFacts, Trace
from ..pipeline.graph import StepGraph
from ..pipeline.paths import may_meet
from .edits import ANNOTATIONS, CODE, DOCS, Edit
from .spreading import spread

#: by what an edit comes to a step
BY_CODE, BY_INPUT, BY_SEEN, BY_PARAM, BY_UPSTREAM = "code", "input", "seen", "param", "upstream"
_COUNTS = {DOCS: READS_DOC, ANNOTATIONS: READS_ANNOTATIONS}


class Hit(NamedTuple):
    """A step that an edit makes stale, or one below such a step."""

    step: str
    by: str                       #: code | input | seen | param | upstream
    edit: str                     #: the edit, as it is given on the command line
    path: Tuple[str, ...]         #: from the step down to what is edited


class Looked(NamedTuple):
    """What is known of the steps."""

    graph: StepGraph
    facts: Mapping[str, StepFacts]
    analysis: Analysis
    traces: Mapping[str, Trace]           #: the latest of each step: what it was seen to depend on


def impact(looked: Looked, edits: Sequence[Edit], unchanged: Iterable[str] = ()) -> Tuple[Hit, ...]:
    """Return the steps that some edits hit, each once by its shortest way, in the order of the pipeline.

    Of `unchanged` steps the code is known to be what it was. A step below a stale one is hit by it as
    well: it runs if that one gives another value.
    """
    hits: Dict[str, Hit] = {}
    _add(hits, _by_files(looked, edits))
    same = set(unchanged)
    uses = _Uses(looked.analysis, looked.facts)
    further = spread(edits, _modules(looked.analysis))
    for each in (edits, further):
        _add(hits, (hit for hit in uses.hits(each) if hit.step not in same))
    _add(hits, _by_observation(looked, [*edits, *further]))
    return below(looked, hits)


def _modules(analysis: Analysis) -> Dict[str, ModuleFacts]:
    """Return the facts of all own source files that are loaded, by their relative paths."""
    sources = analysis.sources
    files = {analysis.graph.relative(path): sources.file(path) for path in sources.snapshot.sources if path.endswith((".py", ".pyw"))}
    return {path: file.facts for path, file in files.items() if file is not None}


def below(looked: Looked, hits: Mapping[str, Hit]) -> Tuple[Hit, ...]:
    """Return hits with the steps below them, in the order of the pipeline."""
    found = dict(hits)
    for name in looked.graph.order:
        node = looked.graph.nodes[name]
        needs = [*looked.graph.consumed(name), *(step for _, step in node.makers)]
        above = next((step for step in needs if step in found), None)
        if name not in found and above is not None:
            found[name] = Hit(name, BY_UPSTREAM, found[above].edit, (name, *found[above].path))
    return tuple(found[name] for name in looked.graph.order if name in found)


def _add(hits: Dict[str, Hit], more: Iterable[Hit]) -> None:
    for hit in more:
        if hit.step not in hits:
            hits[hit.step] = hit


def _by_path(edits: Sequence[Edit]) -> Dict[str, List[Edit]]:
    found: Dict[str, List[Edit]] = {}
    for edit in edits:
        found.setdefault(edit.path, []).append(edit)
    return found


def _at(path: str, by_path: Mapping[str, Sequence[Edit]]) -> Iterator[Edit]:
    """Yield the edits of what a path names, or of a folder that it lies in."""
    return (edit for place in _above(path) for edit in by_path.get(place, ()))


def _by_files(looked: Looked, edits: Sequence[Edit]) -> Iterator[Hit]:
    by_path = _by_path(edits)
    inside = {folder: edit for edit in edits for folder in _above(edit.path)}      # an input may be a folder
    for name, facts in looked.facts.items():
        for _, path in facts.files:
            edit = next(_at(path, by_path), None) or inside.get(path)
            if edit is not None:
                yield Hit(name, BY_INPUT, edit.name, (name, path))
        for template in facts.family.templates.files if facts.family is not None else ():
            edit = next((each for each in edits if may_meet(template, each.path)), None)
            if edit is not None:
                yield Hit(name, BY_INPUT, edit.name, (name, template.shown))


def _by_observation(looked: Looked, edits: Sequence[Edit]) -> Iterator[Hit]:
    by_path = _by_path(edits)
    for name in looked.facts:
        trace = looked.traces.get(name)
        observation = trace.observation if trace is not None else None
        if observation is None:
            continue
        for seen in observation.files:
            # the names in a folder are what they were after an edit
            found = next(_at(seen.path, by_path), None) if seen.kind != "folder" else None
            if found is not None:
                yield Hit(name, BY_SEEN, found.name, (name, seen.path))
        for unit in observation.hidden:
            found = next((edit for edit in _at(unit.file, by_path) if _is_of(unit, edit)), None)
            if found is not None:
                yield Hit(name, BY_SEEN, found.name, (name, ".".join(filter(None, (unit.module, unit.qualname)))))


def _is_of(unit: SeenUnit, edit: Edit) -> bool:
    """Tell whether an edit of a hidden unit's file is one of the unit."""
    whole = not edit.definition or not unit.qualname or unit.kind == "source"
    return edit.aspect == CODE and (whole or _is_named(unit.qualname, edit.definition))


def _is_named(name: str, definition: str) -> bool:
    """Tell whether a dotted name is that of a definition, or of something in it."""
    return name == definition or name.endswith(f".{definition}") or f".{definition}." in f".{name}"


class _Uses:
    """The nodes below all steps, and who uses them."""

    def __init__(self, analysis: Analysis, facts: Mapping[str, StepFacts]) -> None:
        self._steps: Dict[Tuple[int, int], List[str]] = {}        # (variant, node) -> steps whose code it is
        self._nodes: Dict[Tuple[int, int], Node] = {}
        self._users: Dict[Tuple[int, int], List[Tuple[int, int]]] = {}
        for name, each in facts.items():
            self._reach(*analysis.top(Digest(each.fingerprint.digest)), name)

    def _reach(self, top: Node, variant: int, step: str) -> None:
        self._steps.setdefault((variant, top.index), []).append(step)
        waiting = [top]
        while waiting:
            node = waiting.pop()
            place = (variant, node.index)
            if place in self._nodes:
                continue
            self._nodes[place] = node
            for link in node.all_links(variant):
                if link.target is not None:
                    self._users.setdefault((variant, link.target.index), []).append(place)
                    waiting.append(link.target)

    def hits(self, edits: Sequence[Edit]) -> Iterator[Hit]:
        """Yield the steps that use what is edited, each by a shortest path of uses."""
        ways: Dict[Tuple[int, int], Optional[Tuple[int, int]]] = {}
        by: Dict[Tuple[int, int], Edit] = {}
        by_file = _by_path(edits)
        for place, node in self._nodes.items():
            found = self._edit_of(node, place[0], by_file)
            if found is not None:
                ways[place], by[place] = None, found
        waiting: Deque[Tuple[int, int]] = deque(ways)
        while waiting:
            place = waiting.popleft()
            for user in self._users.get(place, []):
                if user not in ways:
                    ways[user], by[user] = place, by[place]
                    waiting.append(user)
        for place, steps in self._steps.items():
            if place in ways:
                path = tuple(dict.fromkeys([*self._names(place, ways), *filter(None, [by[place].by])]))
                yield from (Hit(step, BY_CODE, by[place].name, (step, *path)) for step in steps)

    def _edit_of(self, node: Node, variant: int, by_file: Mapping[str, Sequence[Edit]]) -> Optional[Edit]:
        for edit in _at(node.file or "", by_file):
            if edit.aspect != CODE and not (variant | node.counts) & _COUNTS[edit.aspect]:
                continue
            if edit.lines != (0, 0):
                if node.kind == "statement" and edit.lines[0] <= (node.line or 0) <= edit.lines[1]:
                    return edit
            elif not edit.definition or _is_named(node.name, edit.definition):
                return edit
        return None

    def _names(self, place: Tuple[int, int], ways: Mapping[Tuple[int, int], Optional[Tuple[int, int]]]) -> Iterator[str]:
        at: Optional[Tuple[int, int]] = place
        while at is not None:
            if self._nodes[at].kind != "step":
                yield self._nodes[at].name
            at = ways[at]


def _above(path: str) -> Iterator[str]:
    """Yield a path and the folders that it lies in."""
    if path:
        yield "."
    while path:
        yield path
        path = path.rpartition("/")[0]

