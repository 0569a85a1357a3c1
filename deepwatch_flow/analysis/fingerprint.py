"""The fingerprint of a function: its deep digest, packages, what is untracked.

`Analysis` is one session over live objects: nodes and digests are shared by all functions that are
fingerprinted in it. Where code below a function reads docstrings, annotations, names or source, all
units below count with these; import-time effects of the modules that take part count at the top.
"""
from __future__ import annotations

import sys
import textwrap
from types import FunctionType
from typing import (
    AbstractSet,
    Any,
    Callable,
    Dict,
    Iterator,
    List,
    Mapping,
    MutableMapping,
    Optional,
    Sequence,
    Set,
    Tuple,
)

from ..hashing.digest import Hasher
from ..hashing.values import Digester
from ..loading.origin import Origins
from ..loading.snapshot import Snapshot
from ..model import Boundary, Digest, Fingerprint, Unit, Untracked
from ..pausing import collector_paused
from .classes import expand_class
from .facts import Definition
from .follow import Graph, Place
from .functions import as_if, expand_function
from .locate import Sources
from .merkle import Merkle
from .modules import Effects, expand_module, expand_statement
from .nodes import Link, Node
from .reads import READS_DEBUG, READS_DOC, VARIANT_FLAGS
from .substituted import Substituted

_EXPAND: Dict[str, Callable[[Graph, Node, Any], None]] = {
    "function": expand_function, "class": expand_class, "module": expand_module, "statement": expand_statement,
}


class Analysis:
    """One session of fingerprinting over the objects that are live now."""

    def __init__(self, boundary: Boundary, origins: Origins, snapshot: Snapshot,
                 kept: Optional[MutableMapping[Digest, bytes]] = None, digesters: Sequence[Digester] = ()) -> None:
        self.sources = Sources(snapshot, kept)
        self.graph = Graph(self.sources, origins, boundary, digesters)
        self._effects = Effects(self.graph)
        self._merkles: Dict[int, Merkle] = {0: Merkle()}
        #: what stands over a fingerprint; over that of functions with equal code, each one's, the first made first
        self._tops: Dict[Digest, List[Tuple[Node, int]]] = {}
        self._by_own: Dict[Digest, Node] = {}
        # by the number of a node: what is digested once stays as it is, whatever changes later
        self._settled: Set[int] = set()
        self._rooted: Dict[int, Fingerprint] = {}
        #: functions without the defaults of their parameters, by the number of those with them
        self._apart: Dict[int, Node] = {}
        #: own classes and functions that `token` was asked for, by module and qualified name
        self.held: Dict[Tuple[str, str], None] = {}

    def fingerprint(self, function: Any, *, params_apart: bool = False) -> Fingerprint:
        """Return the fingerprint of a function or of anything callable.

        With `params_apart` the defaults of its own parameters don't count: a step's caller gives
        all of them, and they are part of its key as params.
        """
        with collector_paused():
            node = self.unit(function)
            if params_apart and node.kind == "function":
                node = self._without_defaults(node)
            return self.rooted(node)

    def settle(self, function: Any) -> None:
        """Digest all that a function uses as it is now, as a fingerprint does: when it runs it may change what classes hold."""
        with collector_paused():
            node = self.unit(function)
            if node.index not in self._settled:
                self._settled.add(node.index)
                self._effects_of(node)

    def unit(self, function: Any) -> Node:
        """Return the node of a callable, its links and all below complete."""
        name = getattr(function, "__qualname__", type(function).__qualname__)
        link = self.graph.target(function, Place(name))
        node = link.target
        if node is None or node.origin != "own":
            node = self.graph.add(Node(name, "foreign", "package" if node is not None else "stdlib"))
            node.text = Hasher("foreign/1").field("name", link.label).digest()
            node.links = [link]
        self._expand()
        return node

    def _expand(self) -> None:
        waiting = self.graph.waiting
        while waiting:
            node, obj = waiting.pop()
            _EXPAND[node.kind](self.graph, node, obj)

    def top(self, root: Digest) -> Tuple[Node, int]:
        """Return the node that stands over a fingerprint made in this session, and its variant."""
        return self._tops[root][0]

    def tops(self, root: Digest) -> Sequence[Tuple[Node, int]]:
        """Return the same for each function that has this code."""
        return self._tops[root]

    def knows(self, root: Digest) -> bool:
        """Tell whether a fingerprint was made in this session."""
        return root in self._tops

    def deep(self, node: Node, variant: int) -> Digest:
        """Return the deep digest of a node below a fingerprint of this variant."""
        return self._merkles[variant].digest(node)

    def as_formerly(self, root: Digest, former: Mapping[Digest, Digest]) -> Tuple[Digest, AbstractSet[Digest]]:
        """Return what a fingerprint would be if definitions had their former deep digests, and those that were met.

        `former` gives the former deep digest for that of now; one of `root` itself settles it.
        """
        if root in former:
            return former[root], {root}
        node, variant = self.top(root)
        merkle = Substituted(self._merkles[variant], former)
        top = Node(node.name, node.kind)
        top.text = node.text
        self.graph.add(top)
        # effects stand in the order of their digests, and have to stand in that of the former ones
        effects = {merkle.digest(link.target): link for link in node.links if link.label == "effect" and link.target is not None}
        called, others = node.links[:1], [link for link in node.links[1:] if link.label != "effect"]
        top.links = called + [effects[digest] for digest in sorted(effects)] + others
        return merkle.digest(top), merkle.met

    def rooted(self, node: Node) -> Fingerprint:
        """Return the fingerprint of a node that was made otherwise than from a function."""
        found = self._rooted.get(node.index)
        if found is None:
            found = self._rooted[node.index] = self._root(node)
        return found

    def _root(self, node: Node) -> Fingerprint:
        plain = self._merkles[0]
        effects = self._effects_of(node)
        top = Node(node.name, "step")
        top.text = Hasher("step/1").digest()
        self.graph.add(top)
        # a step is called by the names of its parameters
        top.links = [Link(f"parameters {node.signature}", node, node.name)]
        top.links += [Link("effect", effect, effect.name, at_load=True) for effect in effects]
        plain.digest(top)
        flags = plain.flags[top.index]
        # -O takes assertions away, -OO docstrings as well
        if flags & READS_DEBUG or (flags & READS_DOC and sys.flags.optimize > 1):
            top.links.append(Link(f"optimize {sys.flags.optimize}", None))
            del plain.deep[top.index]
            plain.digest(top)
        variant = flags & VARIANT_FLAGS
        merkle = self._merkles.setdefault(variant, Merkle(variant))
        digest = merkle.digest(top)
        packages = plain.names("package", plain.packages[top.index])
        known = self._tops.setdefault(digest, [])
        if not any(each.links[0].target is node for each, _ in known):
            known.append((top, variant))
        untracked, uncacheable = self._unseen(top, variant)
        return Fingerprint(digest, digest, tuple((name, self.graph.version(name)) for name in sorted(packages)),
                           untracked, uncacheable)

    def value(self, value: Any, name: str) -> Tuple[Digest, Optional[str]]:
        """Return the digest of a value that may hold code, and why it can't be had if it can't."""
        link = self.graph.target(value, Place(name))
        self._expand()
        hasher = Hasher("param/1").field("value", link.label)
        if link.target is None:
            return hasher.digest(), None
        hasher.field("target", self._merkles[0].digest(link.target))
        return hasher.digest(), self._unseen(link.target, 0)[1]

    def token(self, obj: object) -> Optional[bytes]:
        """Return what stands for an own class or function inside a step's output, else None.

        A consumer calls methods of what it is given without naming the class: so a value counts
        as another one when the code of its class changed.
        """
        if not isinstance(obj, (type, FunctionType)):
            return None
        link = self.graph.target(obj, Place(obj.__qualname__))
        if link.target is None or link.target.origin != "own":
            return None
        self._expand()
        self.held[(obj.__module__, obj.__qualname__)] = None
        return f"{link.label} {obj.__qualname__} {self._merkles[0].digest(link.target)}".encode()

    def _without_defaults(self, node: Node) -> Node:
        kept = [link for link in node.links if not link.label.startswith("default ")]
        if len(kept) == len(node.links):
            return node
        if node.index in self._apart:
            return self._apart[node.index]
        other = self._apart[node.index] = self.graph.add(Node(node.name, node.kind, node.origin))
        for attribute in ("file", "line", "text", "docs", "annotations", "signature", "source", "annotation_links",
                          "flags", "counts", "module", "path", "end", "scope", "told"):
            setattr(other, attribute, getattr(node, attribute))
        other.links = kept
        return other

    def _effects_of(self, node: Node) -> List[Node]:
        """Return the effects of a node's modules in an order of their own, whichever was met first; equal ones count once."""
        self._expand()
        plain = self._merkles[0]
        plain.digest(node)
        effects = self._effects.of(plain.names("module", plain.modules[node.index]))
        self._expand()
        by_digest = {plain.digest(each): each for each in effects}
        return [by_digest[digest] for digest in sorted(by_digest)]

    def _unseen(self, top: Node, variant: int) -> Tuple[Tuple[Untracked, ...], Optional[str]]:
        """Return what can't be seen below a node; walks only where there is anything of the kind."""
        graph = self.graph
        if not graph.untracked and not graph.uncacheable:
            return (), None
        untracked: List[Untracked] = []
        uncacheable = None
        for node in self._reachable(top, variant, set()):
            untracked += graph.untracked.get(node.index, [])
            uncacheable = uncacheable or graph.uncacheable.get(node.index)
        return tuple(sorted(set(untracked), key=str)), uncacheable

    def _reachable(self, top: Node, variant: int, seen: Set[int]) -> Iterator[Node]:
        waiting = [top]
        while waiting:
            node = waiting.pop()
            if node.index in seen:
                continue
            seen.add(node.index)
            yield node
            waiting += [link.target for link in node.all_links(variant) if link.target is not None]

    def units(self, roots: Sequence[Digest]) -> List[Unit]:
        """Return the units of fingerprints made in this session, each once, uses after users."""
        found: List[Unit] = []
        seen: Dict[int, Set[int]] = {}
        for top, variant in (each for root in roots for each in self._tops[root]):
            merkle = self._merkles[variant]
            merkle.digest(top)
            for node in self._reachable(top, variant, seen.setdefault(variant, set())):
                unit = _unit(node, merkle)
                self._by_own[unit.own] = node
                found.append(unit)
        return found

    def as_if(self, node: Node, definition: Definition) -> Node:
        """Return what the node of a function would be now if its text were another one."""
        other = as_if(self.graph, node, definition)
        self._expand()
        return other

    def text(self, unit: Unit) -> Optional[str]:
        """Return the source text of a unit that `units` gave, None where it has none."""
        node = self._by_own.get(unit.own)
        return self.node_text(node) if node is not None else None

    def labels(self, unit: Unit) -> Sequence[str]:
        """Return what the own digest of a unit that `units` gave has in it beside its text."""
        return [link.label for link in self._by_own[unit.own].links]

    def node_text(self, node: Node) -> Optional[str]:
        """Return the source text of a node, None where it has none."""
        if node.path is None or node.line is None:
            return None
        source = self.sources.snapshot.get(node.path)
        if source is None:
            return None
        return textwrap.dedent("".join(source.lines()[node.line - 1 : node.end]))


def _unit(node: Node, merkle: Merkle) -> Unit:
    links = tuple((link.shown or link.label, merkle.deep[link.target.index])
                  for link in node.all_links(merkle.variant) if link.target is not None)
    return Unit(node.name, node.kind, node.origin, node.file, node.line, node.own(merkle.variant),
                merkle.deep[node.index], node.sight, links)
