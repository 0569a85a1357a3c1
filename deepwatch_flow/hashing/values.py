"""The digest of a Python value: equal for equal values, in every process, on every Python from 3.8.

A value is encoded as bytes and the encoding is digested. What holds nothing is encoded by
``leaves``; what holds other values is taken apart by ``reduction`` and encoded as its header and the
encodings of what it holds, as a whole where it is short, else as its BLAKE3 (``m``), so a digest is
a Merkle tree and shared values are read once. Sets count in the order of their elements' encodings,
dicts in their own. Values that hold each other are encoded by ``cycles``. Never a ``repr``, an
address or builtin ``hash()``: what can't be told is `Undigestible`.
"""
from __future__ import annotations

from itertools import chain
from typing import Any, Callable, Dict, Iterable, List, Optional, Sequence, Union

from blake3 import blake3

from ..model import Digest
from .cycles import Group, Node
from .digest import Hasher
from .leaves import framed, leaf_table
from .naming import NAMED, global_token
from .reduction import Parts, Told, Undigestible, header, is_data, pair_label, take_apart
from .texts import MANY, Texts, numbers_bytes

__all__ = ["Digester", "Reference", "Undigestible", "ValueHasher"]

#: gives the token that stands for a function, class, module or instance, or None: take it apart
Reference = Callable[[object], Optional[bytes]]
#: a plugin's: gives the values that make up an object of its own types, or None: not mine
Digester = Callable[[object], Optional[Iterable[object]]]

#: a container's encoding of up to this many bytes is used as it is
SHORT = 64
#: a flat container of more children than this is remembered, in case it is met again
_FEW = 8

_SEQUENCES: Dict[type, bytes] = {list: b"l", tuple: b"t", set: b"e", frozenset: b"z"}


class ValueHasher:
    """Digests values.

    Text and paths below the absolute `root` are digested relative to it. `reference` is asked for
    each function, class, module and instance before it is taken apart; `digesters` for each instance.
    """

    def __init__(self, root: Optional[str] = None, digesters: Sequence[Digester] = (),
                 reference: Optional[Reference] = None) -> None:
        self.leaves = leaf_table(root)
        self.types = frozenset(self.leaves)
        self.digesters = tuple(digesters)
        self.reference = reference
        # sets are walked in the order of their elements as seen without asking anyone, so that
        # `reference` is asked in an order that does not depend on the hash seed
        self.plain = None if reference is None else ValueHasher(root, digesters)

    def digest(self, value: object) -> Digest:
        """Return the digest of a value; raises `Undigestible`, naming the place inside the value."""
        return Hasher("value/1").field("value", self.encoding(value)).digest()

    def encoding(self, value: object) -> bytes:
        """Return the encoding of a value: up to some thousand bytes, framed, equal for equal values."""
        leaf = self.leaves.get(type(value))
        return _Walk(self).encode(value) if leaf is None else leaf(value)

    def order(self, element: object) -> bytes:
        """Return what an element of a set is sorted by while it is not encoded yet."""
        try:
            return self.encoding(element)
        except Undigestible as error:
            return b"?" + error.type_name.encode()


class _Walk:
    """Encodes one value: depth first over an explicit stack, with Tarjan's numbers to find cycles."""

    def __init__(self, hasher: ValueHasher) -> None:
        self._hasher = hasher
        self._leaves = hasher.leaves
        self._memo: Dict[int, Union[bytes, Node]] = {}   # by id; a node is not done yet, or in a knot
        self._alive: List[object] = []                   # what was made on the way: ids must not be reused
        self._open: List[Node] = []                      # nodes whose knot is not known yet
        self._count = 0

    def encode(self, value: object) -> bytes:
        """Return the encoding of a value that is not a leaf."""
        stack: List[Node] = []
        try:
            top = self._look(value)
            if isinstance(top, bytes):
                return top
            top.begun = True
            stack.append(top)
            while True:
                node = stack[-1]
                child = self._advance(node)
                if child is not None:
                    stack.append(child)
                    continue
                stack.pop()
                done = self._finish(node)
                if not stack:
                    return done if isinstance(done, bytes) else self._member(done)
                parent = stack[-1]
                parent.parts.append(done)
                if isinstance(done, Node):
                    parent.low = min(parent.low, done.low)
        except Undigestible as error:
            raise error.inside(_place(stack)) from error.__cause__

    def _advance(self, node: Node) -> Optional[Node]:
        """Encode children of `node` up to one that needs a node of its own; return that."""
        leaves = self._leaves
        append = node.parts.append
        for child in node.rest:
            leaf = leaves.get(type(child))
            if leaf is not None:
                append(leaf(child))
                continue
            found = self._look(child)
            if isinstance(found, Node):
                if not found.begun:
                    found.begun = True
                    return found
                node.low = min(node.low, found.index)  # back, or across to a knot that is still open
            append(found)
        return None

    def _look(self, value: object) -> Union[bytes, Node]:
        """Return the encoding of a value or its node, begun or not."""
        known = self._memo.get(id(value))
        if known is not None:
            if isinstance(known, bytes) or known.group is None:
                return known
            return self._member(known)
        kind = type(value)
        tag = _SEQUENCES.get(kind)
        if tag is not None:
            return self._sequence(tag, value)
        if kind is dict:
            return self._dict(value)
        self._alive.append(value)
        return self._other(value, kind)

    def _sequence(self, tag: bytes, value: Any) -> Union[bytes, Node]:
        opening = b"%b%d:" % (tag, len(value))
        unordered = tag in b"ez"
        kinds = set(map(type, value))
        if kinds <= self._hasher.types:
            if str in kinds and len(value) >= MANY and not unordered:
                return self._texts(value, opening)
            return self._flat(value, opening, value, unordered)
        children: Sequence[object] = list(value) if tag != b"t" else value
        if unordered and self._hasher.plain is not None:
            children = sorted(children, key=self._hasher.plain.order)
        return self._node(value, Parts(opening, children, _element if unordered else _item, unordered))

    def _dict(self, value: Any) -> Union[bytes, Node]:
        opening = b"d%d:" % len(value)
        types = self._hasher.types
        if types.issuperset(map(type, value.values())) and types.issuperset(map(type, value)):
            return self._flat(value, opening, chain.from_iterable(value.items()), False)
        halves = list(chain.from_iterable(value.items()))
        return self._node(value, Parts(opening, halves, lambda i: pair_label(halves, i)))

    def _flat(self, value: Any, opening: bytes, children: Iterable[object], unordered: bool) -> bytes:
        leaves = self._leaves
        parts = [leaves[type(child)](child) for child in children]
        encoding = _packed(opening, parts, unordered)
        if len(parts) > _FEW:
            self._memo[id(value)] = encoding
            self._alive.append(value)
        return encoding

    def _texts(self, value: Any, opening: bytes) -> bytes:
        leaves = self._leaves
        texts = [child for child in value if type(child) is str]
        parts = [leaves[Texts](Texts.of(texts))]
        if len(texts) < len(value):
            places = [i for i, kind in enumerate(map(type, value)) if kind is not str]
            parts.append(blake3(numbers_bytes(places)).digest())
            parts += [leaves[type(child)](child) for child in map(value.__getitem__, places)]
        self._alive.append(value)
        return self._known(value, _packed(opening, parts, False))

    def _other(self, value: object, kind: type) -> Union[bytes, Node]:
        hasher = self._hasher
        named = issubclass(kind, NAMED)  # not isinstance: a proxy may lie
        if not named:
            for digester in hasher.digesters:
                parts = digester(value)
                if parts is not None:
                    children = list(parts)
                    self._alive.append(children)
                    package = kind.__module__.partition(".")[0]  # private modules move between releases
                    name = "" if type(parts) is Told else kind.__qualname__
                    opening = header("digester", package, name, len(children))
                    return self._node(value, Parts(opening, children, _inside))
        if hasher.reference is not None and not is_data(kind):
            token = hasher.reference(value)
            if token is not None:
                return self._known(value, b"r" + framed(token))
        if named:
            token = global_token(value)
            if token is not None:
                return self._known(value, token)
        parts = take_apart(value)
        self._alive.append(parts.children)
        return self._node(value, parts)

    def _known(self, value: object, encoding: bytes) -> bytes:
        self._memo[id(value)] = encoding
        return encoding

    def _node(self, value: object, parts: Parts) -> Node:
        node = Node(id(value), parts.header, parts.children, parts.label, parts.unordered)
        self._count += 1
        node.index = node.low = self._count
        node.at = len(self._open)
        self._memo[node.key] = node
        self._open.append(node)
        return node

    def _finish(self, node: Node) -> Union[bytes, Node]:
        """Return the encoding of a node whose children are done, or the node where its knot is not."""
        node.children = ()
        if node.low < node.index:
            return node
        members = self._open[node.at:]
        del self._open[node.at:]
        if len(members) > 1 or node in node.links():
            group = Group(members)
            for member in members:
                member.group = group
            return self._member(node)
        plain: Any = node.parts  # no links: bytes only
        encoding = _packed(node.header, plain, node.unordered)
        self._memo[node.key] = encoding
        return encoding

    def _member(self, node: Node) -> bytes:
        assert node.group is not None
        encoding = self._memo[node.key] = node.group.encoding(node)
        return encoding


def _packed(opening: bytes, parts: List[bytes], unordered: bool) -> bytes:
    if unordered:
        parts.sort()
    encoding = opening + b"".join(parts)
    return encoding if len(encoding) <= SHORT else b"m" + blake3(encoding).digest()


def _item(i: int) -> str:
    return f"[{i}]"


def _element(_: int) -> str:
    return "{...}"


def _inside(_: int) -> str:
    return ""


def _place(stack: Sequence[Node]) -> str:
    """Return the path to the value at which the walk stands, the middle left out where it is long."""
    shown = list(stack) if len(stack) <= 12 else [*stack[:6], *stack[-6:]]
    labels = [node.label(len(node.parts)) for node in shown]
    if len(shown) < len(stack):
        labels.insert(6, "...")
    return "".join(labels)


