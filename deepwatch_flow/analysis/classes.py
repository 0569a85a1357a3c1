"""What a class's node holds and links to: its body, its live attributes, bases and metaclass.

Methods are units of their own, linked by attribute name, because callers reach them by name. What
the body assigns counts by its live value where that can be digested, else by its text.
"""
from __future__ import annotations

import enum
import functools
import inspect
import sys
from types import FunctionType
from typing import Any, List, Optional, Tuple

from ..hashing.digest import Hasher
from .facts import Definition, Text
from .follow import Graph, Place
from .functions import link_text, use_link
from .nodes import Link, Node
from .reads import READS_ANNOTATIONS, READS_DOC, READS_NAMES
from .resolve import Environment

_READS_ALL = READS_DOC | READS_ANNOTATIONS | READS_NAMES
#: methods that Python calls while classes are made and modules load
_AT_LOAD = frozenset({"__init_subclass__", "__class_getitem__", "__set_name__", "__mro_entries__", "__prepare__"})


def expand_class(graph: Graph, node: Node, cls: type) -> None:
    """Complete the node of an own class."""
    module = sys.modules.get(cls.__module__)
    environment = graph.environment(vars(module)) if module is not None else Environment({}, {}, None)
    definition = environment.file.of_class(cls) if environment.file is not None else None
    node.signature = cls.__name__
    if definition is None:
        node.text = Hasher("class/1").field("name", cls.__name__).fields("fields", _fields(cls)).digest()
        annotations = vars(cls).get("__annotations__")
        for name, value in sorted(annotations.items()) if isinstance(annotations, dict) else ():
            link = graph.target(value, Place(f"{cls.__qualname__}.{name}"))
            node.links.append(Link(f"field {name} {link.label}", link.target, name))
    else:
        assert environment.file is not None
        node.text = definition.text.digest
        node.docs = definition.docs
        node.module = node.path = environment.file.path
        node.end = definition.end
        node.source = environment.file.digest
        node.file, node.line = graph.relative(environment.file.path), definition.line
        _loaded_text(graph, node, definition.text, environment)
        for decorator in definition.decorators:
            node.links.append(Link("decorator " + decorator.digest, None))
            node.links += [use_link(graph, use, environment, node)._replace(at_load=True) for use in decorator.uses]
    _bases(graph, node, cls)
    _members(graph, node, cls, definition, environment)


def _fields(cls: type) -> Tuple[str, ...]:
    fields = vars(cls).get("_fields", ())
    return tuple(map(str, fields)) if isinstance(fields, tuple) else ()


def _bases(graph: Graph, node: Node, cls: type) -> None:
    links = [graph.target(base, Place(base.__name__)) for base in cls.__bases__ if base is not object]
    meta = graph.target(type(cls), Place(type(cls).__name__))
    if meta.target is not None:  # one of the standard library comes with a base, under changing names
        links.append(meta._replace(at_load=True))
    for link in links:
        if link.target is not None and link.target.origin == "package":
            node.counts |= _READS_ALL  # pydantic and its like read annotations and docstrings
        own = link.target is not None and link.target.origin == "own"
        # of the standard library only the class's own name is one on all versions of Python
        label = link.label if own or link.target is not None else link.label.rpartition(".")[2]
        node.links.append(Link("base " + label, link.target, link.shown, link.at_load))


def _members(graph: Graph, node: Node, cls: type, definition: Optional[Definition], environment: Environment) -> None:
    assigned = dict(definition.assigned) if definition is not None else {}
    has_fields = "__dataclass_fields__" in vars(cls)  # `field(default=0, ...)` leaves only the default behind
    is_enum = issubclass(cls, enum.Enum)
    if is_enum:
        for name, member in cls.__members__.items():  # type: ignore[attr-defined]
            _attribute(graph, node, name, member.value)
            assigned.pop(name, None)
    for name, value in sorted(vars(cls).items()):
        functions = _functions_of(value)
        if functions is not None:
            written = name in assigned or _is_written(environment, cls, name)
            written = written or (definition is None and not name.startswith("__"))
            for role, function in functions:
                _method(graph, node, f"{name}{role}", function, written)
            continue
        if name not in assigned and name != "_field_defaults" and (is_enum or name.startswith("_")):
            continue
        if _is_machinery(value):
            continue
        if _attribute(graph, node, name, value) and not (has_fields and name in assigned and assigned[name].uses):
            assigned.pop(name, None)
    for name, text in sorted(assigned.items()):
        node.links.append(Link(f"attribute {name} text {text.digest}", None))
        _loaded_text(graph, node, text, environment)


def _loaded_text(graph: Graph, node: Node, text: Text, environment: Environment) -> None:
    """Add the links of a text in a class's body: what it names is used when the class is made."""
    before = len(node.links)
    link_text(graph, node, text, environment)
    node.links[before:] = [link._replace(at_load=True) for link in node.links[before:]]


def _attribute(graph: Graph, node: Node, name: str, value: Any) -> bool:
    """Link a class attribute by its live value; False where the value can't be digested."""
    link = graph.target(value, Place(f"{node.name}.{name}"))
    if link.target is not None and link.target.kind == "statement":
        return False
    node.links.append(Link(f"attribute {name} {link.label}", link.target, name))
    return True


def _is_written(environment: Environment, cls: type, name: str) -> bool:
    return environment.file is not None and environment.file.named(f"{cls.__qualname__}.{name}") is not None


def _method(graph: Graph, node: Node, name: str, function: Any, written: bool) -> None:
    if not written:
        inner = inspect.unwrap(function) if callable(function) else function
        code = getattr(inner, "__code__", None)
        if code is None or code.co_filename.startswith("<") or graph.origins.of_file(code.co_filename)[0] == "stdlib":
            return  # put there by the standard library from the class's own text: dataclasses, protocols
    link = graph.target(function, Place(f"{node.name}.{name}"))
    if link.target is None or link.target.origin != "own":
        if link.target is not None:
            node.links.append(Link(f"method {name}", link.target, name))
        return
    link.target.counts |= node.counts
    node.links.append(Link(f"method {name} {link.label} seen", link.target, name, name in _AT_LOAD))


def _functions_of(value: Any) -> Optional[List[Tuple[str, Any]]]:
    """Return the functions in a class attribute, with the part that each plays, or None for data."""
    if isinstance(value, FunctionType):
        return [("", value)]
    if isinstance(value, (staticmethod, classmethod)):
        return [("", value.__func__)]    # which of the two, its decorator says
    if isinstance(value, property):
        parts = (("get", value.fget), ("set", value.fset), ("delete", value.fdel))
        return [(" " + role, function) for role, function in parts if function is not None]
    if isinstance(value, functools.cached_property):
        return [(" cached", value.func)]
    if isinstance(value, functools.singledispatchmethod):
        return [(" dispatch", value.dispatcher)]
    wrapped = getattr(value, "__wrapped__", None) if callable(value) and not isinstance(value, type) else None
    return [(" wrapped", value)] if wrapped is not None else None


def _is_machinery(value: Any) -> bool:
    """Whether an attribute was put there by Python itself: slots, fields of named tuples."""
    return type(value).__name__ in ("member_descriptor", "getset_descriptor", "_tuplegetter", "wrapper_descriptor",
                                    "method_descriptor", "builtin_function_or_method", "classmethod_descriptor")
