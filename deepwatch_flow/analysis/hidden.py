"""Code that was seen running and that a fingerprint does not reach: which it is, and its digests.

Reading code can't follow a name that is made at run time. What an execution of a step ran besides
what its fingerprint covers is *hidden*: a definition of a module that was loaded with the pipeline
counts with all that it links to, as a fingerprint's function does; a module that was imported during
the step counts by its whole text, because its lines ran (what they read is observed, too). Both can
be looked up again in another process, or on another machine, without running the step.
"""
from __future__ import annotations

import importlib
import os
import sys
from importlib.machinery import PathFinder
from types import FunctionType, ModuleType
from typing import Any, Dict, FrozenSet, Iterable, List, NamedTuple, Optional, Sequence, Set, Tuple

from ..hashing.digest import Hasher
from ..model import Digest, Fingerprint, SeenUnit
from .dynamic import file_digest
from .facts import Definition, ModuleFacts, Text
from .fingerprint import Analysis
from .follow import Place
from .functions import describe, link_text
from .locate import SourceFile
from .nodes import Link, Node

#: own code by its place: absolute file, first line, name as in the code object
Ran = Tuple[str, int, str]
_MODULE_BODY = "<module>"
#: the kind of code that a step's value holds
HELD = "held"


class Found(NamedTuple):
    """What the code that ran during a step is, seen from its fingerprint."""

    ran: Tuple[Tuple[str, Digest], ...]       #: the fingerprint's own functions that ran, with their own digests
    hidden: Tuple[SeenUnit, ...]
    packages: Tuple[str, ...]                 #: distributions that imported modules name
    gaps: Tuple[str, ...]
    variables: FrozenSet[str]                 #: environment variables that the fingerprint covers
    effects: bool                             #: whether the fingerprint takes in code that ran at load, not its result
    loose: FrozenSet[str]                     #: files of own code that ran and that is in no module


class HiddenCode:
    """Finds hidden code of executions, and tells its digest as it is now."""

    def __init__(self, analysis: Analysis) -> None:
        self._analysis = analysis
        self._graph = analysis.graph
        self._known: Dict[Tuple[str, str, str], Optional[Fingerprint]] = {}
        self._modules: Dict[str, ModuleType] = {}

    # -- after a step -----------------------------------------------------------------------------

    def found(self, root: Digest, codes: Iterable[Ran], imported: Iterable[Tuple[str, str]],
              classes: Iterable[Tuple[str, str]]) -> Found:
        """Return what the codes that ran are; `imported` and `classes` were met meanwhile."""
        left = set(codes)
        met = self._reached(root, left)
        ran = tuple(sorted({(node.name, node.own(self._analysis.top(root)[1])) for node in met if node.kind == "function"}))
        variables = {node.name.rpartition(" ")[2] for node in met if node.kind == "variable"}
        effects = any(node.kind == "statement" for node in met)
        modules = {path: name for name, path in imported if not self._is_loaded(name, path)}
        units: Dict[SeenUnit, None] = {}
        packages: Set[str] = set()
        gaps: Set[str] = set()
        loose: Set[str] = set()
        for path, name in sorted(modules.items()):
            self._imported(path, name, modules, units, packages)
        for path, line, name in sorted(left):
            if path in modules:
                continue
            module = self._module_of(path)
            if module is None and os.path.lexists(path):
                loose.add(path)
            elif module is None:
                gaps.add(f"code of `{path}` ran and is in no file")
            elif name != _MODULE_BODY:
                self._definition((path, line, name), module, units, gaps)
        known = {node.name for node in met if node.kind == "module"}.union(modules.values())
        for module, qualname in sorted(classes):
            if qualname:
                self._class(module, qualname, units)
            elif module not in known:
                self._whole(module, units, packages)
                effects = True      # what its lines read as they ran is in no text
        return Found(ran, tuple(units), tuple(sorted(packages)), tuple(sorted(gaps)), frozenset(variables), effects, frozenset(loose))

    def uncovered(self, root: Digest, codes: Iterable[Ran]) -> FrozenSet[Ran]:
        """Return of the codes that ran those that the fingerprint does not cover."""
        left = set(codes)
        self._reached(root, left)
        return frozenset(left)

    def _reached(self, root: Digest, left: Set[Ran]) -> List[Node]:
        """Return the nodes below a root that were used, and take what ran of them from `left`.

        Of functions, those that ran; and what is linked by them, and so on.
        """
        variant = self._analysis.top(root)[1]
        places = {(path, line) for path, line, _ in left}
        met: List[Node] = []
        spans: Dict[str, List[Tuple[int, int]]] = {}
        seen: Set[int] = set()
        waiting = [top for top, _ in self._analysis.tops(root)]
        while waiting:
            node = waiting.pop()
            if node.index in seen:
                continue
            seen.add(node.index)
            if node.kind == "function" and (node.path, node.line) not in places:
                continue
            met.append(node)
            if node.kind in ("function", "class") and node.path is not None and node.line is not None:
                spans.setdefault(node.path, []).append((node.line, node.end or node.line))
            waiting += [link.target for link in node.all_links(variant) if link.target is not None]
        for each in list(left):
            if any(start <= each[1] <= end for start, end in spans.get(each[0], ())):
                left.discard(each)
        return met

    def _is_loaded(self, name: str, path: str) -> bool:
        """Tell whether a module was loaded with the pipeline: a process that the step started loads it, too."""
        file = getattr(sys.modules.get(name), "__file__", None)
        return isinstance(file, str) and os.path.abspath(file) == path

    def _imported(self, path: str, name: str, modules: Dict[str, str], units: Dict[SeenUnit, None],
                  packages: Set[str]) -> None:
        graph = self._graph
        for other in self._text(path, name, units):
            loaded = sys.modules.get(other)
            origin, distribution = graph.origins.of_module(other)
            if distribution is not None:
                packages.add(distribution)
            elif origin == "own" and loaded is not None and getattr(loaded, "__file__", None) not in modules:
                self._add(units, "module", other, "", getattr(loaded, "__file__", None))

    def _definition(self, ran: Ran, module: str, units: Dict[SeenUnit, None], gaps: Set[str]) -> None:
        path, line, name = ran
        file = self._graph.sources.file(path)
        definitions = file.at(line, name) if file is not None else []
        if not definitions:
            gaps.add(f"the code `{name}` of {self._graph.relative(path)}:{line} ran and can't be found in its file")
            return
        for definition in definitions:
            if definition.kind != "function":
                continue      # the body of a class ran where it was made: what made it counts
            self._add(units, "function", module, definition.qualname, path)
            holder = definition.qualname.rpartition(".")[0]
            if holder and not holder.endswith("<locals>"):
                self._class(module, holder, units)

    def _class(self, module: str, qualname: str, units: Dict[SeenUnit, None]) -> None:
        loaded = sys.modules.get(module)
        if isinstance(_attribute(loaded, qualname), type):
            self._add(units, "class", module, qualname, getattr(loaded, "__file__", None))

    def _whole(self, module: str, units: Dict[SeenUnit, None], packages: Set[str]) -> None:
        """Add a loaded module by its text, with all own modules that it imports: what their values are may change as they run."""
        known: Set[str] = set()
        waiting = [module]
        while waiting:
            name = waiting.pop()
            path = getattr(sys.modules.get(name), "__dict__", {}).get("__file__")
            if name in known or not isinstance(path, str):
                continue
            known.add(name)
            path = os.path.abspath(path)
            imported = self._text(path, name, units)
            for other in (name.rpartition(".")[0], *imported):
                origin, distribution = self._graph.origins.of_module(other) if other else ("", None)
                if distribution is not None:
                    packages.add(distribution)
                elif origin == "own":
                    waiting.append(other)

    def _text(self, path: str, name: str, units: Dict[SeenUnit, None]) -> List[str]:
        """Add a module by its text; return the absolute names that it imports."""
        units[SeenUnit("source", name, "", self._graph.relative(path), self._source_digest(path))] = None
        file = self._graph.sources.file(path)
        return _imports(name, os.path.basename(path) == "__init__.py", file.facts) if file is not None else []

    def held(self, names: Iterable[Tuple[str, str]]) -> Tuple[SeenUnit, ...]:
        """Return the classes and functions that a value holds; what was made while the step ran is none of them."""
        units: Dict[SeenUnit, None] = {}
        for module, qualname in sorted(names):
            self._add(units, HELD, module, qualname, getattr(sys.modules.get(module), "__file__", None))
        return tuple(units)

    def _add(self, units: Dict[SeenUnit, None], kind: str, module: str, qualname: str, path: Any) -> None:
        file = self._graph.relative(os.path.abspath(path)) if isinstance(path, str) else ""
        digest = self.digest(SeenUnit(kind, module, qualname, file, Digest("")))
        if digest is not None:
            units[SeenUnit(kind, module, qualname, file, digest)] = None

    def _module_of(self, path: str) -> Optional[str]:
        for name, module in list(sys.modules.items()):
            file = getattr(module, "__dict__", {}).get("__file__")
            if isinstance(file, str) and name != "__main__" and os.path.abspath(file) == path:
                return name
        return None

    # -- now --------------------------------------------------------------------------------------

    def digest(self, unit: SeenUnit) -> Optional[Digest]:
        """Return the digest that hidden code has now, None where it is gone."""
        if unit.kind == "source":
            path = _file_of(unit.module)
            return self._source_digest(path) if path is not None else None
        found = self.fingerprint(unit)
        return found.digest if found is not None and found.uncacheable is None else None

    def fingerprint(self, unit: SeenUnit) -> Optional[Fingerprint]:
        """Return the fingerprint that hidden code of a loaded module has now, None where it is gone."""
        key = (unit.kind, unit.module, unit.qualname)
        if key not in self._known:
            node = self._node(*key)
            self._known[key] = self._analysis.rooted(node) if node is not None else None
        return self._known[key]

    def _node(self, kind: str, module: str, qualname: str) -> Optional[Node]:
        try:
            loaded = sys.modules.get(module) or importlib.import_module(module)
        except Exception:  # noqa: BLE001 - importing runs the user's code; a module that fails is one that is gone
            return None
        if kind == "function":
            return self._function(loaded, qualname)
        obj = loaded if kind == "module" else _attribute(loaded, qualname)
        kinds: Dict[str, Tuple[type, ...]] = {"class": (type,), HELD: (type, FunctionType), "module": (ModuleType,)}
        if not isinstance(obj, kinds[kind]):
            return None
        node = self._graph.target(obj, Place(qualname or module)).target
        return node if node is not None and node.origin == "own" else None

    def _function(self, module: ModuleType, qualname: str) -> Optional[Node]:
        graph = self._graph
        environment = graph.environment(vars(module))
        definitions = environment.file.all_named(qualname) if environment.file is not None else []
        if environment.file is None or not definitions:
            return None
        made = []
        for number, definition in enumerate(definitions):
            def make(node: Node, definition: Definition = definition, file: SourceFile = environment.file) -> None:
                node.file, node.line, node.end = graph.relative(file.path), definition.line, definition.end
                node.module = node.path = file.path
                node.source = file.digest
                describe(graph, node, definition, environment)
                node.scope, node.told = environment, len(node.links)
                if definition.defaults is not None:
                    node.links.append(Link("defaults " + definition.defaults.digest, None))
                    link_text(graph, node, definition.defaults, environment)
            made.append(graph.of_name("function", f"{module.__name__}.{qualname}#hidden {number}", make))
        if len(made) == 1:
            return made[0]

        def together(node: Node) -> None:
            node.links += [Link("definition", each, "definition") for each in made]
        return graph.of_name("function", f"{module.__name__}.{qualname}#hidden", together)

    def _source_digest(self, path: str) -> Digest:
        file = self._graph.sources.file(path)
        if file is None:
            try:
                return Hasher("file/1").field("content", file_digest(path)).digest()
            except OSError:
                return Digest("")
        return facts_digest(file.facts)


def facts_digest(facts: ModuleFacts) -> Digest:
    """Return the digest of all that stands in a file: no comments, no layout, docstrings included."""
    hasher = Hasher("source/1").field("docs", facts.docs).fields("imports", [repr(each) for each in facts.imports])
    for definition in sorted(facts.definitions, key=lambda each: each.qualname):
        hasher.field("kind", definition.kind).field("name", definition.qualname).field("docs", definition.docs)
        hasher.field("signature", definition.signature)
        _texts(hasher, [definition.text, definition.annotations, *definition.decorators])
        _texts(hasher, [definition.defaults] if definition.defaults is not None else [])
        for name, text in definition.assigned:
            hasher.field("assigns", name)
            _texts(hasher, [text])
    for statement in facts.statements:
        hasher.fields("binds", statement.names)
        _texts(hasher, [statement.text])
    return hasher.digest()


def _texts(hasher: Hasher, texts: Sequence[Text]) -> None:
    """Add canonical texts with the names in them, which the texts alone leave open."""
    for text in texts:
        hasher.field("text", text.digest).fields("uses", [repr(tuple(use)) for use in text.uses])


def _imports(name: str, is_package: bool, facts: ModuleFacts) -> List[str]:
    """Return the absolute names that a module imports: modules, and what may be one."""
    package = name if is_package else name.rpartition(".")[0]
    found: Dict[str, None] = {}
    for _, module, level, attribute in facts.imports:
        base = package.split(".")[: len(package.split(".")) - (level - 1)] if level else []
        full = ".".join([*base, module] if module else base)
        found[full] = None
        if attribute is not None:
            found[f"{full}.{attribute}"] = None
    return [each for each in found if each]


def _attribute(module: Any, qualname: str) -> Any:
    found = module
    for part in qualname.split("."):
        found = getattr(found, "__dict__", {}).get(part)
    return found


def _file_of(name: str) -> Optional[str]:
    """Return the file that a module would be imported from now; nothing is imported to find it."""
    path: Optional[Sequence[str]] = None
    spec = None
    parts = name.split(".")
    for end in range(1, len(parts) + 1):
        try:
            spec = PathFinder.find_spec(".".join(parts[:end]), path)
        except (ImportError, ValueError):
            return None
        if spec is None:
            return None
        path = spec.submodule_search_locations
        if path is None and end < len(parts):
            return None
    return os.path.abspath(spec.origin) if spec is not None and spec.origin and spec.has_location else None
