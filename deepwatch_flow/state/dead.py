"""What a run left whose process died: the records that it could not commit, and the steps that it executed then."""
from __future__ import annotations

from typing import Optional

from . import underway, unwritten
from .database import Database
from .underway import Dead


def left_something(folder: str) -> bool:
    """Tell whether there is something in the folder of the state: a run goes on, or is dead."""
    return underway.left_behind(folder) or unwritten.left_behind(folder)


def take(folder: str, database: Database) -> Optional[Dead]:
    """Record what a dead run left; return the run, if it executed steps then. The caller holds the mutex."""
    rows = unwritten.read(folder)
    if rows:
        database.add_missing(rows)
    unwritten.forget(folder)
    found = underway.take(folder)
    if found is not None:
        database.executed(found.executions)
        database.commit()
    return found
