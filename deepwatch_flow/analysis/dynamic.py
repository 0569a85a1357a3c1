"""What code names by computing it: modules imported by a made-up name, environment variables.

A recipe that comes out names exactly one thing; one of which only the beginning is known names all
own modules below that package; one that is not known at all is untracked, and said so.
"""
from __future__ import annotations

import importlib
import os
import pkgutil
import sys
from types import ModuleType
from typing import Any, List, Optional, Sequence, Tuple

from ..hashing.digest import Hasher, digest_bytes
from ..model import Untracked
from .follow import Graph, Place
from .nodes import Link, Node
from .recipes import Recipe
from .resolve import MISSING, Environment, absolute, resolve
from .scopes import Use


def load_modules(graph: Graph, recipes: Sequence[Recipe]) -> None:
    """Import the own modules that code imports by a dotted name before it uses them."""
    for recipe in recipes:
        if recipe[0] != "load" or recipe[1] in sys.modules:
            continue
        if graph.origins.of_module(recipe[1].partition(".")[0])[0] == "own":
            try:
                importlib.import_module(recipe[1])
            except Exception:  # noqa: BLE001, S112 - the use of the name tells what is missing
                continue


def follow_recipe(graph: Graph, node: Node, recipe: Recipe, environment: Environment) -> None:
    """Add to a node the links of one computed name."""
    if recipe[0] == "load":
        return
    text, complete = evaluate(graph, recipe[1], environment)
    if recipe[0] == "env":
        if _is_environ(graph, recipe[2], environment):
            _variable(graph, node, text if complete else None)
        return
    if complete and text:
        _module(graph, node, text, environment)
    elif "." in text.lstrip("."):
        _below(graph, node, text.rpartition(".")[0], environment)
    else:
        graph.miss(node, Untracked("import of a computed name", node.file, node.line, "the name is known at run time only"))


def evaluate(graph: Graph, expression: Recipe, environment: Environment) -> Tuple[str, bool]:
    """Return the text that a recipe's expression gives, and whether that is all of it."""
    if expression[0] == "join":
        text = ""
        for part in expression[1]:
            piece, complete = evaluate(graph, part, environment)
            text += piece
            if not complete:
                return text, False
        return text, True
    value = _value(graph, expression, environment)
    return (str(value), True) if isinstance(value, (str, int)) else ("", False)


def _value(graph: Graph, expression: Recipe, environment: Environment) -> Any:
    if expression[0] == "const":
        return expression[1]
    if expression[0] == "name":
        found = resolve(Use(expression[1], False, None), environment, graph.origins)
        return MISSING if found.rest else found.obj
    if expression[0] == "item":
        holder = _value(graph, expression[1], environment)
        key = _value(graph, expression[2], environment)
        if type(holder) in (dict, list, tuple) and isinstance(key, (str, int)):
            try:
                return holder[key]
            except (LookupError, TypeError):
                return MISSING
    return MISSING


def _is_environ(graph: Graph, chain: Tuple[str, ...], environment: Environment) -> bool:
    found = resolve(Use(chain, True, None), environment, graph.origins)
    return (found.spelled or "").startswith(("os.environ", "os.getenv")) or found.obj is os.environ or "os" in chain[:-1]


def _variable(graph: Graph, node: Node, name: Optional[str]) -> None:
    if name is None:
        graph.miss(node, Untracked("an environment variable", node.file, node.line, "its name is known at run time only"))
        return

    def make(new: Node) -> None:
        new.text = Hasher("variable/1").field("name", name).field("value", os.environ.get(name)).digest()

    node.links.append(Link("environment", graph.of_name("variable", f"environment variable {name}", make), name))


def _module(graph: Graph, node: Node, name: str, environment: Environment) -> None:
    level = len(name) - len(name.lstrip("."))
    full = absolute(name[level:], level, environment)
    top = full.partition(".")[0]
    origin, distribution = graph.origins.of_module(top)
    if origin != "own" and top not in sys.modules:
        package = graph.package(distribution) if distribution is not None else None
        node.links.append(Link(full, package, full))
        return
    try:
        module = importlib.import_module(full)
    except Exception as error:  # noqa: BLE001 - importing runs the user's code, which may raise anything
        graph.miss(node, Untracked(full, node.file, node.line, f"its import fails: {type(error).__name__}: {error}"))
        node.links.append(Link("unbound " + full, None, full))
        return
    node.links.append(graph.target(module, Place(full, spelled=full)))


def _below(graph: Graph, node: Node, package: str, environment: Environment) -> None:
    level = len(package) - len(package.lstrip("."))
    full = absolute(package[level:], level, environment)
    before = len(node.links)
    _module(graph, node, full, environment)
    module = sys.modules.get(full)
    if len(node.links) == before or module is None or not hasattr(module, "__path__"):
        return
    if graph.origins.of_module(module)[0] != "own":
        return
    for path in _files(module):
        data = graph.sources.snapshot.read(path)
        node.links.append(Link(f"file {os.path.basename(path)} {data.digest}", None, graph.relative(path)))


def _files(module: ModuleType) -> List[str]:
    found = []
    for info in pkgutil.iter_modules(module.__path__):
        spec = info.module_finder.find_spec(info.name, None)
        if spec is not None and spec.origin is not None and spec.origin.endswith(".py"):
            found.append(spec.origin)
    return sorted(found)


def file_digest(path: str) -> str:
    """Return the digest of a file that is code but no Python source, such as an extension module."""
    with open(path, "rb") as handle:
        return digest_bytes(handle.read())
