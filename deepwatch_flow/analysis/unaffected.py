"""The proof that a change of code is of no effect on what an execution did.

Two fingerprints are walked side by side, the recorded units and the nodes of now. Where deep digests
agree nothing below can differ. A function that the execution did not call may be any function. One
that it called must have the same own digest, or compile to the same code; what its names lead to is
walked on, use by use. A class may have other bodies of methods that did not run, and what ran while
the modules were loaded (decorators, metaclasses, import-time effects) must be what it was. All else
is no proof.

The argument: a second execution does the same up to the first thing that differs; each thing that
the first one touched is shown to be equal, so there is none.
"""
from __future__ import annotations

import ast
import re
from typing import Callable, Dict, Iterable, Iterator, List, NamedTuple, Optional, Set, Tuple

from ..model import Digest, Unit
from .compiled import same_code, same_signature
from .facts import definitions_in
from .fingerprint import Analysis
from .members import same_but_for_members
from .nodes import Link, Node

#: gives the recorded unit of a deep digest, and the recorded text of an own digest
UnitOf = Callable[[Digest], Optional[Unit]]
TextOf = Callable[[Digest], Optional[str]]


class Record(NamedTuple):
    """What is recorded of an execution and of the code it was made with."""

    unit: UnitOf
    text: TextOf
    ran: Set[Digest]              #: own digests of the functions that ran
    alone: bool                   #: whether no package and no hidden code ran


class Proof:
    """One attempt to prove that what changed is of no effect."""

    def __init__(self, analysis: Analysis, record: Record) -> None:
        self._analysis = analysis
        self._record = record
        self._seen: Set[Tuple[Digest, Digest]] = set()
        self._waiting: List[Tuple[Digest, Node]] = []

    def holds(self, old_root: Digest, new_root: Digest) -> bool:
        """Return whether all that the execution used below a root is as it was."""
        top, variant = self._analysis.top(new_root)
        if variant:
            return False     # some code reads docstrings, names or source of others: any change may show
        self._waiting = [(old_root, top)]
        while self._waiting:
            old_deep, node = self._waiting.pop()
            new_deep = self._analysis.deep(node, 0)
            if old_deep == new_deep or (old_deep, new_deep) in self._seen:
                continue
            self._seen.add((old_deep, new_deep))
            old = self._record.unit(old_deep)
            if old is None or not self._alike(old, node):
                return False
        return True

    def _alike(self, old: Unit, node: Node) -> bool:
        """Return whether a unit's own part is as it was, as far as it was used; its links wait."""
        if old.kind != node.kind or node.counts:
            return False     # of what others read (docstrings, annotations, names) more counts than its own digest
        if old.kind == "function" and old.own not in self._record.ran:
            return self._same_but_for_its_body(old, node)
        links = [link for link in node.links if link.target is not None]
        if old.own == node.own(0):
            return len(links) == len(old.links) and self._follow(zip(old.links, links), node)
        if node.kind == "function":
            before = self._same_code(old, node)
            return before is not None and self._follow(zip(old.links, before), node)
        if node.kind == "class" and same_but_for_members(self, old.own, node, self._analysis.node_text(node)):
            return self._follow(_by_text(old, links), node)
        return False

    def _follow(self, pairs: Iterable[Tuple[Tuple[str, Digest], Link]], node: Node) -> bool:
        for (_, old_deep), link in pairs:
            assert link.target is not None
            if link.label.endswith(" seen") and not self._looks_the_same(old_deep, link.target, node):
                return False
            if link.at_load or node.kind == "statement":
                if self._analysis.deep(link.target, 0) != old_deep:
                    return False
            else:
                self._waiting.append((old_deep, link.target))
        return True

    def _looks_the_same(self, old_deep: Digest, target: Node, by: Node) -> bool:
        """Return whether a function that is in sight is what can be seen of it, beyond what a call does.

        A function that names another one without calling it may compare it, hand it on, or read its
        attributes. What a table or a class holds is found by those who call it, unless a package looks.
        """
        old = self._record.unit(old_deep)
        if old is None:
            return False
        if old.kind != "function" or old.own in self._record.ran:
            return old.sight == target.sight
        if by.kind == "function":
            return old.own == target.own(0)
        return self._record.alone or old.sight == target.sight

    def _same_but_for_its_body(self, old: Unit, node: Node) -> bool:
        """Return whether of a function that was not called at most the body changed.

        A call of it may have failed, or its defaults and attributes been read; its decorators ran.
        """
        if old.own == node.own(0):
            links = [link for link in node.links if link.target is not None]
            return len(links) == len(old.links) and all(
                not link.at_load or self._analysis.deep(link.target, 0) == old_deep
                for (_, old_deep), link in zip(old.links, links) if link.target is not None)
        before, now = self._record.text(old.own), self._analysis.node_text(node)
        return before is not None and now is not None and same_signature(before, now) and self._as_it_was(old, node, before) is not None

    def _as_it_was(self, old: Unit, node: Node, before: str) -> Optional[Node]:
        """Return the function with its old text in today's surroundings, if that gives the recorded digest.

        Then the text alone has changed, and not what its names, defaults and captured values are.
        """
        if node.scope is None:
            return None
        like = (self._analysis.as_if(node, definition) for definition in definitions_in(before) if definition.kind == "function")
        return next((each for each in like if each.own(0) == old.own), None)

    def _same_code(self, old: Unit, node: Node) -> Optional[List[Link]]:
        """Return the links that the old text of a function has now, if it compiles to the same code; else None."""
        before, now = self._record.text(old.own), self._analysis.node_text(node)
        if before is None or now is None or not same_code(before, now, self._record.alone):
            return None
        like = self._as_it_was(old, node, before)
        links = [link for link in like.links if link.target is not None] if like is not None else []
        return links if like is not None and len(links) == len(old.links) else None

    # -- evidence for `members` -------------------------------------------------------------------

    def recorded_text(self, own: Digest) -> Optional[str]:
        """Return the recorded text of a unit."""
        return self._record.text(own)

    def texts_that_ran(self) -> Optional[List[str]]:
        """Return the texts of all functions that ran; None where packages or hidden code ran, too."""
        texts = [self._record.text(own) for own in sorted(self._record.ran)] if self._record.alone else [None]
        known = [text for text in texts if text is not None]
        return known if len(known) == len(texts) else None

    def mentions(self, name: str) -> int:
        """Return how often a word stands in the project's sources."""
        word = re.compile(rf"\b{re.escape(name)}\b")
        return sum(len(word.findall(source.text)) for source in self._analysis.sources.snapshot.sources.values())

    def said_at_load(self) -> Set[str]:
        """Return the names that code outside of functions reads, or imports under another name."""
        return {name for source in self._analysis.sources.snapshot.sources.values() for name in _said_outside_functions(source.tree())}


def _said_outside_functions(tree: ast.AST) -> Iterator[str]:
    waiting: List[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            yield from (each.name.rpartition(".")[2] for each in node.names if each.asname is not None)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value       # a name may be looked for by its text
        inner = isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
        waiting += [child for field, value in ast.iter_fields(node) if not (inner and field == "body")
                    for child in (value if isinstance(value, list) else [value]) if isinstance(child, ast.AST)]


def _by_text(old: Unit, links: List[Link]) -> Iterable[Tuple[Tuple[str, Digest], Link]]:
    """Pair links by the text of their use; what one side alone has stands in code that can't run."""
    now: Dict[str, Link] = {}
    for link in links:
        now.setdefault(link.shown or link.label, link)
    for text, deep in old.links:
        if text in now:
            yield (text, deep), now[text]
