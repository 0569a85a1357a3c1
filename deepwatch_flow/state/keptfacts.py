"""Facts of source files as the database keeps them, in the shape that analysis wants: a mapping."""
from __future__ import annotations

from typing import Any, Dict

from .database import Database


class KeptFacts(Dict[Any, bytes]):
    """Facts of files by content digest, as the database keeps them; what is new is saved at the end."""

    def __init__(self, database: Database) -> None:
        super().__init__()
        self._database = database
        self._new: Dict[Any, bytes] = {}

    def get(self, digest: Any, default: Any = None) -> Any:
        """Return the facts of a file's content, if they are known."""
        found = self._new[digest] if digest in self._new else self._database.facts_get([digest]).get(digest)
        return default if found is None else found

    def __setitem__(self, digest: Any, data: bytes) -> None:
        self._new[digest] = data

    def save(self) -> None:
        """Write what is new to the database."""
        if self._new:
            self._database.facts_put(self._new)
            self._database.commit()
