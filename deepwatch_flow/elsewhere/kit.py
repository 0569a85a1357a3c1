"""The kit: what a worker elsewhere is given to open the project, and where its folders lie for it."""
from __future__ import annotations

import os
from typing import Mapping, NamedTuple, Optional, Sequence, Tuple

from ..config import Config

#: where the driver leaves a token, below the folder of the state: who reads it there shares the file system
TOKENS = "engines"
SHIPPED, FOUND = "shipped", "found"


class Kit(NamedTuple):
    """What a worker needs to open the project as the driver has it; every path is the driver's."""

    name: str                              #: of the run
    version: str                           #: of deepwatch
    python: Tuple[int, int]
    config: Config
    folder: str                            #: of the state
    token: str
    scratch: Optional[str]                 #: folder of the driver's that it removes in the end, with what killed workers left
    sources: Mapping[str, bytes]           #: the driver's snapshot
    others: Mapping[str, bytes]            #: further files of the project that are read while it loads
    path: Tuple[str, ...]                  #: folders of ``sys.path`` outside the project that own code came from
    code: str                              #: shipped | found
    checkout: Optional[str]                #: where found code lies on the workers
    remote: Optional[str]                  #: URL of the store for workers that don't share the file system
    captured: bool                         #: whether what steps print is sent back


class Places:
    """Folders of the driver and where they lie for the worker."""

    def __init__(self, pairs: Sequence[Tuple[str, str]]) -> None:
        self._pairs = [(there, here) for there, here in pairs if there != here]

    def here(self, path: str) -> str:
        """Return the worker's path for one of the driver's."""
        return _moved(path, self._pairs)

    def there(self, path: str) -> str:
        """Return the driver's path for one of the worker's."""
        return _moved(path, [(here, there) for there, here in self._pairs])

    def text(self, text: str) -> str:
        """Return a text, a traceback say, with the driver's paths."""
        for there, here in self._pairs:
            text = text.replace(os.path.join(here, ""), os.path.join(there, ""))
        return text


def _moved(path: str, pairs: Sequence[Tuple[str, str]]) -> str:
    for before, after in pairs:
        if path == before:
            return after
        if path.startswith(os.path.join(before, "")):
            return after + path[len(before):]
    return path
