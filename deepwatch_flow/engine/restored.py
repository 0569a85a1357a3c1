"""What a run will find once it has put products back: the digests of what these are, or lie in.

A plan only looks, and a lost product is still lost then. Who reads it, or a folder around it, is judged
by what a run will show it.
"""
from __future__ import annotations

import os
from typing import Dict, Mapping, Optional, Set

from ..hashing.files import StatMemo, digest_input, digest_tree
from ..model import Digest, ProductFile
from ..pipeline.paths import folders_of


class Restored:
    """The products that a run puts back, as far as a plan has come."""

    def __init__(self) -> None:
        self.files: Dict[str, ProductFile] = {}
        self._inside: Dict[str, Set[str]] = {}      #: folder -> the products somewhere in it

    def __bool__(self) -> bool:
        return bool(self.files)

    def add(self, product: ProductFile) -> None:
        """Note a product that is put back."""
        self.files[product.path] = product
        for folder in folders_of(product.path):
            self._inside.setdefault(folder, set()).add(product.path)

    def names(self, folder: str) -> Set[str]:
        """Return the names in a folder that products bring there; ``.`` is the root."""
        if folder == ".":
            return {path.split("/", 1)[0] for path in self.files}
        return {path[len(folder) + 1:].split("/", 1)[0] for path in self._inside.get(folder, ())}

    def kind(self, path: str) -> Optional[str]:
        """Return ``file`` or ``folder`` for what is there once the products are back, None where they say nothing of it."""
        return "file" if path in self.files else "folder" if path in self._inside else None

    def input_digest(self, root: str, path: str, memo: StatMemo) -> Optional[Digest]:
        """Return the digest of an input, a file or a folder, as a run will find it; None where there is none."""
        if path in self.files:
            return self.files[path].blob
        full = os.path.join(root, path)
        if path in self._inside and (os.path.isdir(full) or not os.path.lexists(full)):
            inside: Mapping[str, Digest] = {each[len(path) + 1:]: self.files[each].blob for each in self._inside[path]}
            return digest_tree(full, memo, inside)
        return digest_input(full, memo) if os.path.exists(full) else None
