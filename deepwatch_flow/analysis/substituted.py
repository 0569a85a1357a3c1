"""Deep digests as they would be if some definitions were what they had been.

Whoever accepts a change says that a definition counts as its former self: so the former deep digest
stands for the new one in all that links to it, and what lies above comes out as it was.
"""
from __future__ import annotations

from typing import Mapping, Sequence, Set

from ..model import Digest
from .merkle import Merkle
from .nodes import Node


class Substituted(Merkle):
    """Digests nodes like `true` does, but for the deep digests that others stand for."""

    def __init__(self, true: Merkle, former: Mapping[Digest, Digest]) -> None:
        super().__init__(true.variant)
        self._true = true
        self._former = former
        #: the deep digests that were met and exchanged
        self.met: Set[Digest] = set()

    def _settle(self, component: Sequence[Node]) -> None:
        rest = []
        for node in component:
            now = self._true.digest(node)
            former = self._former.get(now)
            if former is None:
                rest.append(node)
            else:
                self.met.add(now)
                self.deep[node.index] = former
                # sums of flags and names are asked of the true digests only
                self.flags[node.index] = self.packages[node.index] = self.modules[node.index] = 0
        if rest:
            super()._settle(rest)
