"""How a Python process that a step has started begins to observe itself."""
from __future__ import annotations

import os
from typing import Tuple

from . import children
from .findings import NOW, Wants
from .machinery import MACHINERY
from .spool import Spooled, open_locked


def begin(path: str, wants: Tuple[bool, bool, bool]) -> None:
    """Note what happens in this process until it ends, in the file that its parent has made for it."""
    wanted = Wants(*wants)
    spooled = Spooled(wanted, path, open_locked(path))
    spooled.write("begun", os.getpid())
    MACHINERY.acquire(path, wanted)
    children.install()
    children.PREPARING.install()
    if not MACHINERY.environment.installed and wanted.env:
        spooled.note("gaps", "a process that it started exchanges the environment: which variables it read was not seen")
    NOW.active = spooled
    MACHINERY.start_code(spooled, at_once=True)
