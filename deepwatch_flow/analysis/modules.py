"""Nodes that come from a module's text: the module as a value, its statements, what it does.

A module used as a value counts as all that it defines. A statement stands in for a value that can't
be digested. Import-time effects (``decimal.getcontext().prec = 6`` at module level) count for
whatever is used of a module, and of the own modules that it imports.
"""
from __future__ import annotations

import sys
from types import ModuleType
from typing import Dict, List, Optional, Set, Tuple

from ..hashing.digest import Hasher
from ..model import Untracked
from .dynamic import file_digest
from .facts import Statement
from .follow import Graph, Place
from .functions import describe, link_text, use_link
from .nodes import Link, Node
from .reads import VARIANT_FLAGS
from .resolve import Environment, absolute
from .scopes import Use

#: calls at module level that can't change what a step returns
_HARMLESS = ("builtins.print", "builtins.super", "logging.", "sys.path", "atexit.",
             "matplotlib.use", "signal.", "faulthandler.", "typing.", "gc.", "deepwatch_flow.", "sys.stdout",
             "sys.stderr", "pathlib.", "os.path.", "os.makedirs")


def expand_module(graph: Graph, node: Node, module: ModuleType) -> None:
    """Complete the node of an own module that is used as a value."""
    environment = graph.environment(vars(module))
    path = vars(module).get("__file__")
    if environment.file is None:
        node.kind = "file"
        if isinstance(path, str):
            node.file = graph.relative(path)
            node.text = file_digest(path)
        names: List[str] = []
    else:
        node.file, node.line, node.module = graph.relative(environment.file.path), 1, environment.file.path
        node.docs = environment.file.facts.docs
        node.source = environment.file.digest
        node.text = Hasher("module/1").digest()
        names = [name for name in environment.file.facts.assigned if not name.startswith("__") or name == "__getattr__"]
        names += [name for name, (_, _, attribute) in environment.file.imports.items() if attribute is not None]
    if "__path__" in vars(module):
        below = module.__name__ + "."
        names += [name for name, value in vars(module).items()
                  if isinstance(value, ModuleType) and value.__name__ == below + name]
    for name in sorted(set(names)):
        if name in vars(module):
            link = use_link(graph, Use((name,), False, None), environment, node)
            if link.target is not None and link.target.origin == "package":
                continue  # imported there for its own use: what uses it links to it
            node.links.append(Link(f"{name} {link.label}", link.target, name))


def expand_statement(graph: Graph, node: Node, waiting: Tuple[Place, str]) -> None:
    """Complete the node of a value that can't be digested by the statement that defines it.

    Without a `why` the statement counts beside what the node links to already.
    """
    place, why = waiting
    environment = place.environment
    file = environment.file if environment is not None else None
    if environment is None or file is None or not place.binding:
        graph.uncacheable[node.index] = f"`{place.name}` can't be digested: {why}"
        return
    definition = file.named(place.binding)
    bound = file.binding(place.binding)
    if definition is None and not bound:
        graph.uncacheable[node.index] = f"`{place.name}` can't be digested ({why}), and nothing in its module binds it"
        return
    node.file = graph.relative(file.path)
    node.module = node.path = file.path
    if definition is not None and not bound:
        node.line, node.end = definition.line, definition.end
        describe(graph, node, definition, environment)
    else:
        node.line, node.end = bound[0].line, bound[0].end
        node.text = Hasher("statements/1").fields("text", [each.text.digest for each in bound]).digest()
        for statement in bound:
            link_text(graph, node, statement.text, environment)
    if why:
        graph.miss(node, Untracked(place.name, node.file, node.line, f"{why}: the code of its statement stands for it"))


class Effects:
    """The import-time effects of modules, each statement a node, found once a module."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._own: Dict[str, List[Node]] = {}
        self._imports: Dict[str, List[str]] = {}

    def of(self, paths: List[str]) -> List[Node]:
        """Return the effects of files and of the own files that they import."""
        seen: Set[str] = set()
        waiting = list(paths)
        found: List[Node] = []
        while waiting:
            path = waiting.pop()
            if path in seen:
                continue
            seen.add(path)
            if path not in self._own:
                self._look(path)
            found += self._own[path]
            waiting += self._imports[path]
        return found

    def _look(self, path: str) -> None:
        self._own[path], self._imports[path] = [], []
        environment = self._environment(path)
        if environment is None or environment.file is None:
            return
        for statement in environment.file.facts.statements:
            if statement.effect:
                node = self._node(statement, environment)
                if node is not None:
                    self._own[path].append(node)
        names = [environment.module.rpartition(".")[0]]    # importing a module imports its packages
        for _, module, level, attribute in environment.file.facts.imports:
            name = absolute(module, level, environment)
            names += [name, f"{name}.{attribute}"]
        for name in names:
            imported = getattr(sys.modules.get(name), "__file__", None)
            if isinstance(imported, str) and self._graph.origins.is_own(imported):
                self._imports[path].append(imported)

    def _environment(self, path: str) -> Optional[Environment]:
        for module in list(sys.modules.values()):
            if getattr(module, "__file__", None) == path:
                return self._graph.environment(vars(module))
        return None

    def _node(self, statement: Statement, environment: Environment) -> Optional[Node]:
        graph = self._graph
        links = [use_link(graph, use, environment) for use in statement.text.uses]
        name = f"{environment.module}, line {statement.line}"
        assert environment.file is not None
        node = Node(name, "statement")
        node.file, node.line = graph.relative(environment.file.path), statement.line
        first = use_link(graph, Use(statement.subject, True, None), environment) if statement.subject else None
        first = first or (links[0] if links else None)
        if first is None or first.label.startswith(_HARMLESS):
            return None
        if first.target is not None and first.target.origin == "own":
            if first.target.kind == "statement":
                node.text = statement.text.digest  # an effect on what can't be digested is seen nowhere else
            elif len(statement.subject) == 1 and first.target.kind == "function":
                node.text = Hasher("call/1").digest()
            elif first.target.kind == "class" and statement.subject[-1] == "register":
                node.text = statement.text.digest  # an abstract class keeps its register where nobody can look
                node.links = links
                return graph.add(node)
            else:
                return None  # an effect on an own object is seen on the object itself
            node.links = [first]
            return graph.add(node)
        node.text = statement.text.digest
        node.flags = statement.text.flags & ~VARIANT_FLAGS
        node.links = links
        return graph.add(node)
