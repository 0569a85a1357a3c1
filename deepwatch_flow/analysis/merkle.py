"""Deep digests: each unit's own digest together with those of all that it links to.

Units that use each other (a strongly connected component, found by Tarjan's algorithm with an
explicit stack) are digested as a group: by rounds of refinement, in which each member's colour
takes in the colours that it links to, until no round tells more members apart. So the digest does
not depend on which member was met first, and the work is linear in units and links but for the
rounds inside a component. One `Merkle` serves all steps; each unit is digested once a variant.
"""
from __future__ import annotations

from typing import Dict, List, Sequence, Tuple

from ..hashing.digest import Hasher
from ..model import Digest
from .nodes import Node


class Merkle:
    """Digests nodes in one variant, and sums up flags, packages and modules of what is below."""

    def __init__(self, variant: int = 0) -> None:
        self.variant = variant
        self.deep: Dict[int, Digest] = {}
        self.flags: Dict[int, int] = {}
        self.packages: Dict[int, int] = {}      # bits by number, see `bits`
        self.modules: Dict[int, int] = {}
        self._numbers: Dict[Tuple[str, str], int] = {}
        self._named: Dict[str, List[str]] = {"package": [], "module": []}

    def digest(self, root: Node) -> Digest:
        """Return the deep digest of a node whose links are complete."""
        deep = self.deep
        if root.index not in deep:
            if all(link.target is None or link.target.index in deep for link in root.all_links(self.variant)):
                self._settle([root])        # most are met after all that they use
                return deep[root.index]
            for component in self._components(root):
                self._settle(component)
        return self.deep[root.index]

    def names(self, kind: str, bits: int) -> List[str]:
        """Return the names of a set of packages or modules."""
        named = self._named[kind]
        return [name for i, name in enumerate(named) if bits >> i & 1]

    def bit(self, kind: str, name: str) -> int:
        """Return the bit that stands for a package or module."""
        number = self._numbers.get((kind, name))
        if number is None:
            number = self._numbers[(kind, name)] = len(self._named[kind])
            self._named[kind].append(name)
        return 1 << number

    def _components(self, root: Node) -> List[List[Node]]:
        """Return the components reachable from `root` that have no digest yet, uses first."""
        order: Dict[int, int] = {}
        low: Dict[int, int] = {}
        waiting: List[Node] = []
        on_stack = set()
        found: List[List[Node]] = []
        work = [(root, iter(root.all_links(self.variant)))]
        order[root.index] = low[root.index] = 0
        waiting.append(root)
        on_stack.add(root.index)
        while work:
            node, links = work[-1]
            at = node.index
            for link in links:
                target = link.target
                if target is None or target.index in self.deep:
                    continue
                if target.index not in order:
                    order[target.index] = low[target.index] = len(order)
                    waiting.append(target)
                    on_stack.add(target.index)
                    work.append((target, iter(target.all_links(self.variant))))
                    break
                if target.index in on_stack:
                    low[at] = min(low[at], order[target.index])
            else:
                work.pop()
                if work:
                    above = work[-1][0].index
                    low[above] = min(low[above], low[at])
                if low[at] == order[at]:
                    component: List[Node] = []
                    while not component or component[-1] is not node:
                        component.append(waiting.pop())
                        on_stack.discard(component[-1].index)
                    found.append(component)
        return found

    def _settle(self, component: Sequence[Node]) -> None:
        inside = {node.index for node in component}
        flags = packages = modules = 0
        for node in component:
            flags |= node.flags
            if node.package is not None:
                packages |= self.bit("package", node.package)
            if node.module is not None:
                modules |= self.bit("module", node.module)
            for link in node.all_links(self.variant):
                if link.target is not None and link.target.index not in inside:
                    below = link.target.index
                    flags |= self.flags[below]
                    packages |= self.packages[below]
                    modules |= self.modules[below]
        colours = {node.index: self._colour(node, inside, {}) for node in component}
        if len(component) > 1 or any(link.target is component[0] for link in component[0].links):
            colours = self._refine(component, inside, colours)
        for node in component:
            self.deep[node.index] = colours[node.index]
            self.flags[node.index] = flags
            self.packages[node.index] = packages
            self.modules[node.index] = modules

    def _colour(self, node: Node, inside: "set[int]", colours: Dict[int, Digest]) -> Digest:
        hasher = Hasher("deep/1").field("own", node.own(self.variant))
        for link in node.all_links(self.variant):
            hasher.field("use", link.label)
            if link.target is not None:
                if link.label.endswith(" seen"):  # its name and those of its parameters are in sight
                    hasher.field("name", link.target.name.rpartition(".")[2]).field("parameters", link.target.signature)
                index = link.target.index
                if index in inside:
                    hasher.field("member", colours.get(index))
                else:
                    hasher.field("target", self.deep[index])
        return hasher.digest()

    def _refine(self, component: Sequence[Node], inside: "set[int]", colours: Dict[int, Digest]) -> Dict[int, Digest]:
        kinds = 0
        while len(set(colours.values())) > kinds:
            kinds = len(set(colours.values()))
            colours = {node.index: self._colour(node, inside, colours) for node in component}
        group = Hasher("component/1").fields("members", sorted(colours.values())).digest()
        return {
            index: Hasher("member/1").field("component", group).field("colour", colour).digest()
            for index, colour in colours.items()
        }
