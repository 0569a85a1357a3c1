"""Drawings of a graph: a tree for the terminal, Mermaid and Graphviz for documents.

Pure text, any depth, no recursion. In a tree a node whose branch was drawn before is marked ``(*)``
and not drawn again, so the drawing stays linear in the graph's size.
"""
from __future__ import annotations

from typing import Callable, Hashable, List, NamedTuple, Sequence, Set, Tuple, TypeVar

from .explain import printable

#: at this depth a branch goes on as a tree of its own: a chain of 5,000 steps must not indent 5,000 times
DEEPEST = 40

#: branch, last branch, trunk
_UNICODE = ("├── ", "└── ", "│   ")
_ASCII = ("|-- ", "`-- ", "|   ")

K = TypeVar("K", bound=Hashable)


class Node(NamedTuple):
    """One step of the graph, for drawing."""

    name: str
    upstreams: Tuple[str, ...] = ()
    after: Tuple[str, ...] = ()       #: order only
    note: str = ""                    #: a word behind the name: its verdict
    folded: str = ""                  #: of a family: how many instances it has, `?` where that is not known

    @property
    def shown(self) -> str:
        """The name, with the instances of a family as a count."""
        return f"{printable(self.name)} [{self.folded}]" if self.folded else printable(self.name)


def tree(roots: Sequence[K], children: Callable[[K], Sequence[K]], label: Callable[[K], str],
         unicode: bool = True) -> List[str]:
    """Return the lines of a tree whose nodes may be reached by several ways."""
    branch, last, trunk = _UNICODE if unicode else _ASCII
    lines: List[str] = []
    drawn: Set[K] = set()
    waiting: List[K] = list(reversed(roots))
    while waiting:
        stack: List[Tuple[K, str, str, int]] = [(waiting.pop(), "", "", 0)]
        while stack:
            node, lead, below, depth = stack.pop()
            below_it = children(node)
            if node in drawn:
                if depth:          # a branch put off and drawn meanwhile needs no line of its own
                    lines.append(f"{lead}{label(node)}{' (*)' if below_it else ''}")
                continue
            if depth >= DEEPEST and below_it:
                lines.append(f"{lead}{label(node)} (goes on below)")
                waiting.append(node)
                continue
            drawn.add(node)
            lines.append(lead + label(node))
            final = len(below_it) - 1
            for number in range(final, -1, -1):
                edge, rest = (last, "    ") if number == final else (branch, trunk)
                stack.append((below_it[number], below + edge, below + rest, depth + 1))
    return lines


def step_tree(nodes: Sequence[Node], unicode: bool = True) -> List[str]:
    """Return the steps as trees: each final step with the steps that it needs below it."""
    by_name = {node.name: node for node in nodes}
    needed = {name for node in nodes for name in node.upstreams + node.after}

    def children(name: str) -> Sequence[str]:
        node = by_name[name]
        listed = dict.fromkeys(node.upstreams + node.after)
        return [child for child in listed if child in by_name]

    def label(name: str) -> str:
        node = by_name[name]
        return f"{node.shown}  {node.note}" if node.note else node.shown

    return tree([node.name for node in nodes if node.name not in needed], children, label, unicode)


def mermaid(nodes: Sequence[Node]) -> str:
    """Return the graph as a Mermaid flowchart; dotted edges only order."""
    number = {node.name: f"s{index}" for index, node in enumerate(nodes)}
    lines = ["flowchart LR"]
    for node in nodes:
        lines.append(f'    {number[node.name]}["{_mermaid_text(node.shown)}"]')
    for node in nodes:
        for arrow, listed in (("-->", node.upstreams), ("-.->", node.after)):
            lines += [f"    {number[name]} {arrow} {number[node.name]}"
                      for name in dict.fromkeys(listed) if name in number]
    marked = [number[node.name] for node in nodes if node.note and node.note != "fresh"]
    if marked:
        lines.append("    classDef changed stroke-dasharray: 5 3")
        lines.append(f"    class {','.join(marked)} changed")
    return "\n".join(lines)


def _mermaid_text(text: str) -> str:
    for char, entity in (("#", "#35;"), ('"', "#quot;"), ("<", "#lt;"), (">", "#gt;"), ("`", "#96;")):
        text = text.replace(char, entity)
    return text


def dot(nodes: Sequence[Node]) -> str:
    """Return the graph in Graphviz' language; dotted edges only order."""
    known = {node.name for node in nodes}
    lines = ["digraph pipeline {", "    rankdir=LR;", "    node [shape=box];"]
    for node in nodes:
        facts = [f"label={_dot_text(node.shown)}"] if node.folded else []
        facts += ["style=dashed"] if node.note and node.note != "fresh" else []
        lines.append(f"    {_dot_text(node.name)}{' [' + ', '.join(facts) + ']' if facts else ''};")
    for node in nodes:
        for style, listed in (("", node.upstreams), (" [style=dotted]", node.after)):
            lines += [f"    {_dot_text(name)} -> {_dot_text(node.name)}{style};"
                      for name in dict.fromkeys(listed) if name in known]
    return "\n".join([*lines, "}"])


def _dot_text(name: str) -> str:
    escaped = printable(name).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
