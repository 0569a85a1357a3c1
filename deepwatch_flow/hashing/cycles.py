"""Encodings of values that hold each other: one digest for a whole knot of them, and a place in it.

Values that reach each other (a strongly connected component) can't be encoded one after the other.
They are numbered in the order of a walk, references among them become numbers, and the digest is of
the whole. The walk starts where the structure itself says so (the member unlike all others), else
at the member that was asked for, so a digest never depends on how the knot was entered or on the
hash seed. Members of a set are walked in the order of their colours (iterated digests of their
surroundings); two in one set that only identity can tell apart are refused.
"""
from __future__ import annotations

from collections import Counter
from typing import Callable, Dict, Iterator, List, Mapping, Optional, Sequence, Union

from blake3 import blake3

from .leaves import framed
from .reduction import Undigestible

#: what a container's encoding is made of while it grows; a node stands for a value not done yet
Part = Union[bytes, "Node"]


class Node:
    """A value that is being encoded."""

    __slots__ = ("at", "begun", "children", "group", "header", "index", "key", "label", "low", "parts",
                 "rest", "unordered")

    def __init__(self, key: int, header: bytes, children: Sequence[object],
                 label: Callable[[int], str], unordered: bool) -> None:
        self.key = key                  #: id of the value
        self.header = header
        self.children = children
        self.rest: Iterator[object] = iter(children)
        self.label = label
        self.unordered = unordered
        self.parts: List[Part] = []     #: encodings of the children so far
        self.index = self.low = 0       #: Tarjan's numbers
        self.at = 0                     #: place among the nodes whose knot is not known yet
        self.begun = False
        self.group: Optional[Group] = None

    def links(self) -> List[Node]:
        """Return the members of the same knot that this one holds, in order."""
        return [part for part in self.parts if isinstance(part, Node)]

    def written(self, names: Mapping[Node, bytes]) -> bytes:
        """Return the encoding, members of the knot written by their names."""
        parts = [part if isinstance(part, bytes) else b"#" + framed(names[part]) for part in self.parts]
        if self.unordered:
            parts.sort()
        return self.header + b"".join(parts)


class Group:
    """A finished knot; tells the encoding of each of its members."""

    def __init__(self, members: Sequence[Node]) -> None:
        self._members = members
        self._colors = _refined(members, {})
        self._numbers: Dict[Node, int] = {}
        self._digest = b""
        start = self._start()
        if start is not None:
            self._digest = self._number_from(start)

    def encoding(self, member: Node) -> bytes:
        """Return the encoding of one member: the digest of the knot, seen from there."""
        if self._digest:
            digest = blake3(b"%b%d" % (self._digest, self._numbers[member])).digest()
        else:
            digest = blake3(self._number_from(member)).digest()
        return b"y" + digest

    def _start(self) -> Optional[Node]:
        counts = Counter(self._colors.values())
        alone = [member for member in self._members if counts[self._colors[member]] == 1]
        return min(alone, key=self._colors.__getitem__) if alone else None

    def _number_from(self, start: Node) -> bytes:
        ambiguous = any(member.unordered for member in self._members)
        colors = self._colors
        if ambiguous and len(set(colors.values())) < len(self._members):
            # what can be reached without looking into a set has a number of its own, which tells
            # more members apart
            seeds = {node: b"%d" % i for i, node in enumerate(_walk(start, None))}
            colors = _refined(self._members, seeds)
        order = list(_walk(start, colors))
        self._numbers = {node: i for i, node in enumerate(order)}
        names = {node: b"%d" % i for node, i in self._numbers.items()}
        return blake3(b"".join(framed(node.written(names)) for node in order)).digest()


def _walk(start: Node, colors: Optional[Mapping[Node, bytes]]) -> Iterator[Node]:
    """Yield the members in depth-first order; without colours, don't look into sets."""
    seen = set()
    stack = [start]
    while stack:
        node = stack.pop()
        if node in seen:
            continue
        seen.add(node)
        yield node
        links = node.links()
        if node.unordered:
            if colors is None:
                continue
            links.sort(key=colors.__getitem__)
            if len({colors[link] for link in links}) < len(links):
                raise Undigestible("set", "it holds objects that refer back to it and that only identity "
                                          "can tell apart; give them a name, or use a list")
        stack.extend(reversed(links))


def _refined(members: Sequence[Node], seeds: Mapping[Node, bytes]) -> Dict[Node, bytes]:
    """Return a colour for each member, the same for members in like surroundings."""
    colors: Dict[Node, bytes] = {node: seeds.get(node, b"") for node in members}
    kinds = 0
    while True:
        colors = {node: blake3(framed(colors[node]) + node.written(colors)).digest() for node in members}
        found = len(set(colors.values()))
        if found == kinds or found == len(members):
            return colors
        kinds = found
