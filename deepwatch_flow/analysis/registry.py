"""The registry of a session: each unit's node made once, found by object or by name."""
from __future__ import annotations

import os
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

from ..hashing.digest import Hasher
from ..hashing.values import Digester
from ..loading.origin import Origins
from ..model import Boundary, Untracked
from .locate import Sources
from .nodes import Node
from .resolve import Environment

#: our own distribution never counts: a new release must not rerun anybody's steps
_OURSELVES = "deepwatch-flow"


class Registry:
    """All nodes of one session, what is waiting to be expanded, and what can't be seen."""

    def __init__(self, sources: Sources, origins: Origins, boundary: Boundary,
                 digesters: Sequence[Digester] = ()) -> None:
        self.sources = sources
        self.origins = origins
        self.boundary = boundary
        self.digesters = digesters
        self.nodes: List[Node] = []
        self.waiting: List[Tuple[Node, Any]] = []          # nodes whose links are not known yet
        self.untracked: Dict[int, List[Untracked]] = {}    # by node
        self.uncacheable: Dict[int, str] = {}
        self._by_object: Dict[Tuple[str, int], Node] = {}
        self._by_name: Dict[Tuple[str, str], Node] = {}
        self.alive: List[Any] = []                        # ids must not be reused while we hold them
        self._environments: Dict[int, Environment] = {}

    def add(self, node: Node) -> Node:
        """Number a node."""
        node.index = len(self.nodes)
        self.nodes.append(node)
        return node

    def of_object(self, kind: str, obj: Any, name: str) -> Node:
        """Return the node of an own function, class or module, new ones waiting to be expanded."""
        key = (kind, id(obj))
        node = self._by_object.get(key)
        if node is None:
            node = self._by_object[key] = self.add(Node(name, kind))
            self.alive.append(obj)
            self.waiting.append((node, obj))
        return node

    def of_name(self, kind: str, name: str, make: Callable[[Node], None]) -> Node:
        """Return the node that goes by a name within its kind, made by `make` when it is new.

        What stands behind a ``#`` tells objects of one name apart and is no part of the name.
        """
        node = self._by_name.get((kind, name))
        if node is None:
            node = self._by_name[(kind, name)] = self.add(Node(name.partition("#")[0], kind))
            make(node)
        return node

    def package(self, distribution: str) -> Optional[Node]:
        """Return the node of an installed distribution, None where the policy ignores it."""
        policy = self.boundary.overrides.get(distribution, self.boundary.packages)
        if policy == "ignore" or distribution == _OURSELVES:
            return None

        def make(node: Node) -> None:
            node.origin = "package"
            node.package = distribution
            node.text = Hasher("package/1").field("name", distribution).field(
                "version", self.version(distribution)).digest()

        return self.of_name("package", distribution, make)

    def version(self, distribution: str) -> str:
        """Return a distribution's version as the policy sees it."""
        version = self.origins.version(distribution)
        if self.boundary.overrides.get(distribution, self.boundary.packages) == "minor":
            return ".".join(version.split(".")[:2])
        return version

    def relative(self, path: str) -> str:
        """Return a path relative to the root where it is below it, with POSIX separators."""
        below = self.boundary.root.rstrip(os.sep) + os.sep
        shown = path[len(below):] if path.startswith(below) else path
        return shown.replace(os.sep, "/")

    def miss(self, node: Node, untracked: Untracked) -> None:
        """Note something that a node's fingerprint can't see."""
        self.untracked.setdefault(node.index, []).append(untracked)

    def environment(self, namespace: Any) -> Environment:
        """Return the environment of a module's globals."""
        found = self._environments.get(id(namespace))
        if found is None:
            path = namespace.get("__file__")
            own = isinstance(path, str) and path.endswith((".py", ".pyw")) and self.origins.is_own(path)
            file = self.sources.file(path) if own and path is not None else None
            found = self._environments[id(namespace)] = Environment(namespace, {}, file)
        return found
