"""What a function's node holds and links to: its text, names, closure, defaults, decorators.

A function whose text can't be had (no source, or a file edited since it was imported) counts by its
bytecode, and its fingerprint says so.
"""
from __future__ import annotations

from types import CodeType, FunctionType
from typing import Any, Dict, List, Optional, Tuple

from ..hashing.digest import Hasher
from ..hashing.marked import constants
from ..hashing.values import ValueHasher
from ..model import Digest, Untracked
from .dynamic import follow_recipe, load_modules
from .facts import Definition, Text
from .follow import Graph, Place
from .nodes import Link, Node
from .reads import READS_ANNOTATIONS, READS_DOC, READS_GLOBALS, READS_NAMES
from .resolve import MISSING, Environment, Found, resolve
from .scopes import Use

#: decorators that look neither at docstrings nor at annotations nor at names
_INERT_DECORATORS = ("builtins.", "functools.", "contextlib.", "abc.", "typing.", "typing_extensions.", "atexit.",
                     "dataclasses.", "enum.", "deepwatch_flow.", "asyncio.", "types.", "weakref.", "warnings.")
_OUR_STEP = "deepwatch_flow."
_READS_ALL = READS_DOC | READS_ANNOTATIONS | READS_NAMES


def expand_function(graph: Graph, node: Node, function: FunctionType) -> None:
    """Complete the node of an own function."""
    environment = graph.environment(function.__globals__)
    cells = _cells(function)
    if cells:
        environment = environment._replace(cells=cells)
    located = graph.sources.locate(function)
    node.line = function.__code__.co_firstlineno
    node.file = graph.relative(function.__code__.co_filename)
    if located is None:
        _by_bytecode(graph, node, function, environment)
    else:
        definition = located.definition
        node.module = node.path = located.file.path
        node.end = definition.end
        node.source = located.file.digest
        describe(graph, node, definition, environment)
        node.scope, node.told = environment, len(node.links)
    _defaults(graph, node, function, located.definition if located else None, environment)
    for name, value in sorted(vars(function).items()):
        if name == "__wrapped__":
            if isinstance(value, FunctionType):
                node.links.append(graph.target(value, Place(name)))
        elif not name.startswith("__"):
            link = graph.target(value, Place(f"{node.name}.{name}"))
            node.links.append(link._replace(label=f"attribute {name} {link.label}"))


def describe(graph: Graph, node: Node, definition: Definition, environment: Environment) -> None:
    """Put into a node what the text of a function's definition says."""
    node.text = definition.text.digest
    node.docs = definition.docs
    node.signature = definition.signature
    node.annotations = definition.annotations.digest
    node.annotation_links += [use_link(graph, use, environment) for use in definition.annotations.uses]
    link_text(graph, node, definition.text, environment)
    for decorator in definition.decorators:
        _decorator(graph, node, decorator, environment)


def as_if(graph: Graph, node: Node, definition: Definition) -> Node:
    """Return what the node of a function would be now if its text were another one."""
    other = Node(node.name, node.kind, node.origin)
    other.file, other.line, other.source = node.file, node.line, node.source
    describe(graph, other, definition, node.scope)
    other.counts |= node.counts
    other.links += node.links[node.told:]
    return other


def link_text(graph: Graph, node: Node, text: Text, environment: Environment) -> None:
    """Add the links of a text's holes, in their order, and of the names it computes."""
    node.flags |= text.flags
    load_modules(graph, text.recipes)
    for use in text.uses:
        node.links.append(use_link(graph, use, environment, node))
    for recipe in text.recipes:
        follow_recipe(graph, node, recipe, environment)
    if text.flags & READS_GLOBALS and environment.file is not None:
        node.links += _whole_module(graph, environment)


def use_link(graph: Graph, use: Use, environment: Environment, node: Optional[Node] = None) -> Link:
    """Return the link of one hole: what it leads to, and what the use adds."""
    found = resolve(use, environment, graph.origins)
    text = ".".join(use.chain)
    if found.builtin and getattr(found.obj, "__module__", None) in ("builtins", "_io", "_sitebuiltins", "io", None):
        return Link(str(found.spelled), None, text)
    if found.obj is MISSING:
        if found.failed is not None and node is not None:
            graph.miss(node, Untracked(text, node.file, node.line, f"its import fails: {found.failed}"))
        return Link("unbound " + (found.spelled or text), None, text)
    if found.obj is None and found.spelled is not None and found.holder is not None and use.imported is not None:
        return graph.foreign(None, Place(text, spelled=found.spelled))._replace(shown=text)
    link = graph.found(found, environment)
    return _labelled(graph, link, use, found, text)


def _labelled(graph: Graph, link: Link, use: Use, found: Found, text: str) -> Link:
    if link.target is None or link.target.origin == "package":
        # a name from elsewhere already holds the whole chain
        interpreter = _interpreter_fact(found, link.label)
        return Link(interpreter or link.label, link.target, text)
    label = link.label
    if found.rest:
        label += " ." + ".".join(found.rest)
        if "__subclasses__" in found.rest and isinstance(found.obj, type):
            _subclasses(graph, link.target, found.obj)
    if link.target.kind in ("function", "wrapper") and not (use.called and not found.rest):
        label += " seen"
    return Link(label, link.target, text)


def _interpreter_fact(found: Found, label: str) -> Optional[str]:
    """Return a label for the few values of the standard library that tell about the interpreter."""
    if label.startswith(("sys.version", "sys.hexversion", "sys.platform", "sys.flags", "sys.byteorder", "sys.maxsize",
                         "os.name", "sys.implementation")):
        value = tuple(found.obj) if isinstance(found.obj, tuple) else found.obj
        if isinstance(value, (str, int, tuple)):
            return f"{label} {value!r}"
    return None


def _subclasses(graph: Graph, node: Node, cls: type) -> None:
    known = {id(link.target) for link in node.links}
    found: List[type] = [cls]
    for each in found:
        found.extend(set(type.__subclasses__(each)).difference(found))
    for sub in sorted(found[1:], key=lambda each: (each.__module__, each.__qualname__)):
        link = graph.target(sub, Place(sub.__qualname__))
        if id(link.target) not in known:
            node.links.append(Link("subclass", link.target, sub.__qualname__))


def _decorator(graph: Graph, node: Node, text: Text, environment: Environment) -> None:
    links = [use_link(graph, use, environment, node) for use in text.uses]
    first = links[0] if links else None
    if first is not None and first.label.startswith(_OUR_STEP):
        return  # how a step is declared is no part of what it does
    node.flags |= text.flags
    node.links.append(Link("decorator " + text.digest, None))
    node.links += [link._replace(at_load=True) for link in links]
    own = first is not None and first.target is not None and first.target.origin == "own"
    if own and first is not None and not first.label.endswith(".register"):
        return  # an own decorator's code tells by itself what it reads
    if first is None or not first.label.startswith(_INERT_DECORATORS):
        node.counts |= _READS_ALL


def _cells(function: FunctionType) -> Dict[str, Any]:
    cells: Dict[str, Any] = {}
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or ()):
        try:
            cells[name] = cell.cell_contents
        except ValueError:  # not bound yet: a name that is used before it is assigned
            cells[name] = MISSING
    return cells


def _defaults(graph: Graph, node: Node, function: FunctionType, definition: Optional[Definition],
              environment: Environment) -> None:
    code = function.__code__
    values = list(function.__defaults__ or ())
    named: List[Tuple[str, Any]] = [(f"default {i}", value) for i, value in enumerate(values, code.co_argcount - len(values))]
    named += sorted((f"default {name}", value) for name, value in (function.__kwdefaults__ or {}).items())
    for label, value in named:
        link = graph.target(value, Place(f"{node.name} ({label})"))
        if link.target is not None and link.target.kind == "statement" and definition is not None:
            # the live value can't be digested: the text of the defaults stands for it
            link = Link(definition.defaults.digest if definition.defaults else "", None)
            for use in definition.defaults.uses if definition.defaults else ():
                node.links.append(use_link(graph, use, environment, node))
        node.links.append(Link(f"{label} {link.label}", link.target, link.shown))


def _whole_module(graph: Graph, environment: Environment) -> List[Link]:
    """Code that may read any global by a computed name depends on all that its module defines."""
    names = environment.file.facts.assigned if environment.file is not None else ()
    links = []
    for name in sorted(names):
        if name in environment.namespace and not name.startswith("__"):
            links.append(use_link(graph, Use((name,), False, None), environment))
    return links


def _by_bytecode(graph: Graph, node: Node, function: FunctionType, environment: Environment) -> None:
    code = function.__code__
    node.text = bytecode_digest(code, graph)
    node.signature = ",".join(code.co_varnames[: code.co_argcount + code.co_kwonlyargcount])
    names: List[str] = []
    waiting = [code]
    while waiting:
        each = waiting.pop()
        names += [name for name in each.co_names + each.co_freevars if name not in names]
        waiting += [const for const in each.co_consts if isinstance(const, CodeType)]
    for name in names:
        if name in environment.namespace or name in environment.cells:
            node.links.append(use_link(graph, Use((name,), False, None), environment, node))
    edited = graph.sources.file(code.co_filename) is not None and not code.co_filename.startswith("<")
    why = "its file was edited after it was imported" if edited else "it has no source"
    graph.miss(node, Untracked(node.name, node.file, node.line, f"{why}: its bytecode stands for it"))


def bytecode_digest(code: CodeType, graph: Graph) -> Digest:
    """Return the digest of a code object by what it does; it differs between versions of Python."""
    hasher = Hasher("bytecode/1").field("code", code.co_code).fields("names", code.co_names)
    hasher.fields("locals", code.co_varnames).fields("free", code.co_freevars).field("flags", code.co_flags & 0x2AF)
    plain = ValueHasher(graph.boundary.root)
    for const in constants(code):
        inner = bytecode_digest(const, graph) if isinstance(const, CodeType) else plain.digest(const)
        hasher.field("const", inner)
    return hasher.digest()
