"""Whether a class is what it was but for methods that came or went and that nothing asks for.

A class's own digest takes in the names of its methods. Where one was added or removed, the digest
is made once more as if it had not been: if that is the recorded one, nothing else is new. Such a
method is of no effect where nothing can have looked for its name: no source of the project mentions
it elsewhere, no function that ran asks for attributes by computed names, no class above has it, no
metaclass, decorator or package saw the class or ran, and it is no name that Python's own protocols
look for. Where any of this can't be told, it is not proved.
"""
from __future__ import annotations

import ast
import re
import sys
import textwrap
from typing import Any, Dict, Iterable, List, Optional, Protocol, Sequence, Set

from ..model import Digest
from .facts import facts_of
from .nodes import Link, Node

#: names that the standard library looks for on objects of any class, by the protocols it documents
_PROTOCOLS = frozenset(
    ["keys", "items", "values", "get", "read", "readline", "readlines", "readinto", "write", "writelines", "close", "flush", "fileno", "seek", "tell", "truncate", "seekable", "readable", "writable", "isatty", "send", "throw", "acquire", "release", "filter", "format", "copy", "isoformat", "tzinfo", "utcoffset", "dst", "as_integer_ratio", "as_tuple", "conjugate", "real", "imag", "numerator", "denominator", "is_integer", "bit_length", "toordinal", "name", "value", "run", "start", "join", "cancel", "result", "done", "set_result", "register", "dispatch", "append", "extend", "add", "update", "pop", "sort", "index", "count", "decode", "encode", "emit", "handle", "default", "persistent_id", "persistent_load", "find_class", "reducer_override", "prepare", "mro"])
#: what an executed function may use to look for names that its text does not tell
_COMPUTED = frozenset(("getattr", "hasattr", "dir", "vars", "inspect", "__dict__", "attrgetter", "methodcaller",
                       "getmembers", "eval", "exec", "globals", "locals"))
_WORD = re.compile(r"[^\W\d]\w*")


class Evidence(Protocol):
    """What is known of the execution and of the project's text."""

    def recorded_text(self, own: Digest) -> Optional[str]:
        """Return the recorded text of a unit."""

    def texts_that_ran(self) -> Optional[List[str]]:
        """Return the texts of all functions that ran; None where packages or other code ran, too."""

    def mentions(self, name: str) -> int:
        """Return how often a word stands in the project's sources."""

    def said_at_load(self) -> Set[str]:
        """Return the names that code outside of functions reads, or imports under another name."""


def same_but_for_members(evidence: Evidence, own: Digest, node: Node, text: Optional[str]) -> bool:
    """Return whether a class (`own` is its recorded digest) differs by methods alone that nothing asks for."""
    before, now = _class_in(evidence.recorded_text(own)), _class_in(text)
    if before is None or now is None:
        return False
    old, new = _methods(before), _methods(now)
    added, removed = [name for name in new if name not in old], [name for name in old if name not in new]
    ran = evidence.texts_that_ran()
    if not (added or removed) or ran is None or not _is_plain(node):
        return False
    words = {word for each in ran for word in _WORD.findall(each)}
    # what is made of them while the modules load (`d = dir`, `get = attrgetter("f")`) may be used by any name
    if not words.isdisjoint(_COMPUTED) or not evidence.said_at_load().isdisjoint(_COMPUTED):
        return False
    for name, expected in [*((each, 1) for each in added), *((each, 0) for each in removed)]:
        if name.startswith("__") or name in _PROTOCOLS or name in words or evidence.mentions(name) != expected:
            return False
    return any(_own(node, before, labels) == own for labels in _labels(node, added, removed))


def _class_in(text: Optional[str]) -> Optional[ast.ClassDef]:
    if text is None:
        return None
    try:
        body = ast.parse(textwrap.dedent(text)).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return body[0] if len(body) == 1 and isinstance(body[0], ast.ClassDef) else None


def _methods(node: ast.ClassDef) -> Dict[str, ast.AST]:
    return {each.name: each for each in node.body if isinstance(each, (ast.FunctionDef, ast.AsyncFunctionDef))}


def _is_plain(node: Node) -> bool:
    """Tell whether nothing but Python itself saw the class being made, and only plain classes are above it."""
    module, found = sys.modules.get(_module_of(node)), None
    if module is not None:
        found = module
        for part in node.name[len(module.__name__) + 1:].split("."):
            found = getattr(found, "__dict__", {}).get(part)
    if not isinstance(found, type) or type(found) is not type or node.counts:
        return False
    if any("__init_subclass__" in vars(each) for each in found.__mro__[:-1]):
        return False
    labels = [link.label for link in node.links]
    if any(label.startswith("base ") and link.target is None for label, link in zip(labels, node.links)):
        return False      # a class of the standard library above it may look for names
    decorators = [labels[at + 1:at + 2] for at, label in enumerate(labels) if label.startswith("decorator ")]
    return all(each and each[0].startswith("dataclasses.dataclass") for each in decorators)


def _module_of(node: Node) -> str:
    parts = node.name.split(".")
    while len(parts) > 1 and ".".join(parts[:-1]) not in sys.modules:
        parts.pop()
    return ".".join(parts[:-1])


def _labels(node: Node, added: Sequence[str], removed: Sequence[str]) -> Iterable[List[str]]:
    """Yield what the labels may have been before: without the added methods, with the removed ones."""
    def is_added(link: Link) -> bool:
        return any(link.label.startswith(f"method {name} ") for name in added)

    kept = [link.label for link in node.links if not is_added(link)]
    if len(removed) > 1:
        return      # where several stood among the others is not worth finding out
    if not removed:
        yield kept
    for at in range(len(kept) + 1 if removed else 0):
        yield [*kept[:at], f"method {removed[0]}  seen", *kept[at:]]


def _own(node: Node, before: ast.ClassDef, labels: List[str]) -> Digest:
    tree: Any = ast.parse("")
    tree.body = [before]
    definition = next(each for each in facts_of(tree).definitions if each.kind == "class")
    like = Node(node.name, "class", node.origin)
    like.text, like.signature = definition.text.digest, node.signature
    like.links = [Link(label, None) for label in labels]
    return like.own(0)

