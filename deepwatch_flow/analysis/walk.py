"""The walk that writes syntax as canonical tokens, blind to layout.

Node names and fields are written without positions, contexts, empty fields or type comments;
constants by type and value; names through `scopes`. A token either holds no line break or states
its own length, so joined tokens can be read back one way only. The walk keeps its own stack: long
expressions are deep trees. Which nodes are written otherwise, `canonical` says.
"""
from __future__ import annotations

import ast
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Tuple, Union

from . import normal
from .reads import READS
from .recipes import Recipe, outside
from .scopes import SEES_LOCALS, Names, Scope, Use

_SKIPPED = frozenset({"ctx", "kind", "type_comment", "type_ignores"})
_BLOCKS = frozenset({"body", "orelse", "finalbody"})

#: what waits on the stack of a walk: a node, a token to write, a scope to enter, a definition to note
Item = Union[ast.AST, str, Scope, "Met"]
#: writes a node that is not written by its fields alone
Handler = Callable[[Any, Any], None]
_FieldList = Tuple[Tuple[str, str, bool], ...]
_fields_of: Dict[type, _FieldList] = {}


class Met:
    """A definition inside, noted where its code is made: after its defaults, before its body."""

    __slots__ = ("node", "path")

    def __init__(self, node: ast.AST, path: str) -> None:
        self.node = node
        self.path = path


class Canon:
    """Write the canonical tokens of one definition or statement."""

    __slots__ = ("out", "names", "scope", "flags", "docs", "annotations", "recipes", "noted", "stack", "found",
                 "handlers")

    def __init__(self, scope: Scope, handlers: Mapping[type, Handler]) -> None:
        self.handlers = handlers
        self.out: List[str] = []
        self.names = Names()
        self.scope = scope
        self.flags = 0
        self.docs: List[str] = []
        self.annotations: List[Item] = []
        self.recipes: List[Recipe] = []
        self.noted: List[Tuple[Recipe, Scope]] = []    # recipes whose names are not looked up yet
        self.stack: List[Item] = []
        #: definitions inside, with what stands before their qualified names, in the order of their code
        self.found: List[Tuple[ast.AST, str]] = []

    def write(self, *items: Item) -> Canon:
        """Write items one after the other; returns self."""
        self.stack.extend(reversed(items))
        self._run()
        return self

    def finish(self) -> Tuple[str, Tuple[Use, ...]]:
        """Return the text and the holes in it."""
        uses = self.names.fill(self.out)
        self.recipes = [outside(found, scope) for found, scope in self.noted] + self.recipes
        self.recipes += [("import", ("const", module)) for module in self.names.whole_modules()]
        return "\n".join(self.out), uses

    def push(self, items: Sequence[Item]) -> None:
        """Put items on the stack, the first on top."""
        self.stack.extend(reversed(items))

    def _run(self) -> None:
        stack, out, handlers = self.stack, self.out, self.handlers
        while stack:
            item = stack.pop()
            kind = type(item)
            if kind is str:
                out.append(item)  # type: ignore[arg-type]
                continue
            handler = handlers.get(kind)
            if handler is not None:
                handler(self, item)
            else:
                self.generic(item)  # type: ignore[arg-type]

    def generic(self, node: ast.AST) -> None:
        """Write a node by its fields."""
        kind = type(node)
        fields = _fields_of.get(kind)
        if fields is None:
            fields = _fields_of[kind] = tuple(
                (name, "|" + name, name in _BLOCKS) for name in reversed(kind._fields) if name not in _SKIPPED
            )
        if not fields:
            self.out.append(kind.__name__)
            return
        self.out.append("(" + kind.__name__)
        stack = self.stack
        stack.append(")")
        for name, marker, is_block in fields:
            value = getattr(node, name, None)
            if value is None:
                continue
            if type(value) is list:
                before = len(stack)
                children: List[Any] = value
                if is_block and children and isinstance(children[0], ast.stmt):
                    children = list(self.block(children))
                for child in reversed(children):
                    stack.append("-" if child is None else child)
                if len(stack) > before:
                    stack.append(marker)
            elif isinstance(value, ast.AST):
                stack.append(value)
                stack.append(marker)
            else:
                stack.append(constant(value))
                stack.append(marker)

    def block(self, body: Sequence[ast.stmt], function: bool = False) -> List[ast.stmt]:
        """Return the statements of a block that count; what is dropped still binds its names."""
        kept = normal.function_body(body) if function else normal.statements(body)
        if len(kept) != len(body):
            for gone in normal.dropped(body):
                for node in ast.walk(gone):
                    if isinstance(node, (ast.Yield, ast.YieldFrom, ast.Await)):
                        return list(body)  # a yield that can't be reached still makes a generator
                    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                        self.scope.bind(node.id)
        return kept

    def mention(self, scope: Scope, chain: Tuple[str, ...], called: bool = False) -> None:
        """Leave a place in the tokens for a name, to be filled when all bindings are known."""
        self.names.mentions.append((len(self.out), scope, chain, called))
        self.out.append("?")

    def store(self, name: str, scope: Scope) -> None:
        """Write a name that is bound here."""
        self.names.rebound(scope, name)
        if scope.outer.get(name) == "global" or scope.kind in ("module", "class"):
            scope.bind(name)
            self.out.append("=" + name)
        else:
            scope.bind(name)
            self.mention(scope, (name,))

    def reads(self, name: str) -> None:
        """Note what a name or an attribute tells about what the code reads."""
        flag = READS.get(name)
        if flag is not None:
            self.flags |= flag
        if name in SEES_LOCALS:
            self.names.sees_locals = True


def constant(value: Any) -> str:
    """Return the token of a constant: its type and its value."""
    if type(value) is str:
        return "s%d:%s" % (len(value), value)
    if type(value) is int:
        return "i%x" % value
    text = repr(value) if type(value) is not frozenset else "frozenset"
    return "%s%d:%s" % (type(value).__name__, len(text), text)


def chain_of(node: ast.AST) -> Optional[Tuple[str, ...]]:
    """Return the names of `a.b.c`, or None for anything else."""
    attributes: List[str] = []
    while type(node) is ast.Attribute:
        attributes.append(node.attr)
        node = node.value
    if type(node) is not ast.Name:
        return None
    attributes.append(node.id)
    attributes.reverse()
    return tuple(attributes)
