"""Nodes and links: the graph of what code uses, before it has deep digests.

A node is one unit: it knows its own digest and what it links to. Own digests hold no path, no line
and no name by which something is reached; a link's label holds what the use adds to its target
(attributes behind it; ``seen`` where the use could see its name and those of its parameters).
"""
from __future__ import annotations

from typing import Any, Dict, List, NamedTuple, Optional, Tuple

from ..hashing.digest import Hasher
from ..model import Digest
from .reads import READS_ANNOTATIONS, READS_DOC, READS_NAMES, READS_SOURCE, VARIANT_FLAGS


class Link(NamedTuple):
    """One use of something, by what it adds and what it leads to."""

    label: str
    target: Optional[Node]
    shown: str = ""                     #: the text by which it is used, for people
    at_load: bool = False               #: whether the target is used while the module loads: it ran then


class Node:
    """One unit in the making; `links` is complete when the node was expanded."""

    __slots__ = ("name", "kind", "origin", "file", "line", "text", "docs", "annotations", "signature",
                 "source", "links", "annotation_links", "flags", "counts", "module", "index", "package", "path", "end", "scope", "told",
                 "_owns")

    def __init__(self, name: str, kind: str, origin: str = "own") -> None:
        self.name = name
        self.kind = kind
        self.origin = origin
        self.file: Optional[str] = None
        self.line: Optional[int] = None
        self.text = ""                          #: digest of the canonical text or of the value
        self.docs = ""
        self.annotations = ""
        self.signature = ""                     #: names of parameters
        self.source = ""                        #: digest of the whole file, for code that reads source
        self.links: List[Link] = []
        self.annotation_links: List[Link] = []  #: links that count only where annotations do
        self.flags = 0                          #: what the unit's code reads of others
        self.counts = 0                         #: variants that count for this unit in any case
        self.module: Optional[str] = None       #: the file whose import-time effects come with the unit
        self.index = -1                         #: number in the graph
        self.package: Optional[str] = None      #: distribution, of a package node
        self.path: Optional[str] = None         #: absolute, where the text between `line` and `end` is
        self.end: Optional[int] = None
        self.scope: Any = None                  #: of a function with a text: where its names are looked up
        self.told = 0                           #: how many of its links its text tells; those of live values follow
        self._owns: Dict[Tuple[int, int, str], Digest] = {}

    def own(self, variant: int) -> Digest:
        """Return the unit's own digest, with what the variant (bits of `VARIANT_FLAGS`) adds to it."""
        reads = (variant | self.counts) & VARIANT_FLAGS
        key = (reads, len(self.links), self.text)
        known = self._owns.get(key)
        if known is None:
            known = self._owns[key] = self._own(reads)
        return known

    def _own(self, reads: int) -> Digest:
        hasher = Hasher("unit/1").field("kind", self.kind).field("text", self.text)
        if reads & READS_DOC and self.docs:
            hasher.field("docs", self.docs)
        if reads & READS_ANNOTATIONS and self.annotations:
            hasher.field("annotations", self.annotations)
        if reads & READS_NAMES and self.kind in ("function", "class"):
            hasher.field("name", self.name.rpartition(".")[2]).field("signature", self.signature)
        if reads & READS_SOURCE and self.source:
            hasher.field("source", self.source)
        # names from elsewhere, values of defaults and of class attributes: they stand in the unit's own text
        return hasher.fields("labels", [link.label for link in self.links]).digest()

    @property
    def sight(self) -> str:
        """The name and the parameters, which only uses that can see them take in."""
        return f"{self.name.rpartition('.')[2]}({self.signature})" if self.kind == "function" else ""

    def all_links(self, variant: int) -> List[Link]:
        """Return the links that count in a variant."""
        if (variant | self.counts) & READS_ANNOTATIONS and self.annotation_links:
            return self.links + self.annotation_links
        return self.links

    def __repr__(self) -> str:
        return f"<{self.kind} {self.name}>"
