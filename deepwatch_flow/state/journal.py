"""The records of one run on their way into the database.

A commit for each of ten thousand short steps would take a third of the run's time. So a record waits
for the next one, but never through a step that may take long, or end this process: what is not committed
then is appended to a file (``unwritten``). A killed run has to repeat no more than what was done
in the last twentieth of a second.
"""
from __future__ import annotations

from typing import Set

from ..events import Emit, Event, StepStarted
from ..model import Trace, base_of
from . import watchlist
from .database import Database
from .unwritten import Unwritten

#: a step is short if the last execution of it, or of an instance of its family, took less
_SHORT_SECONDS = 0.01


class Journal:
    """Takes the records of the run `run`; `folder` is that of the state."""

    def __init__(self, database: Database, folder: str, run: str) -> None:
        self._database = database
        self._folder = folder
        self._run = run
        self._short: Set[str] = set()
        self._listed = True
        self._unwritten = Unwritten(folder)

    def record(self, trace: Trace, seconds: float) -> None:
        """Record a trace; one that was executed took `seconds`, one that is reused none."""
        if self._listed:      # once: while the run holds the mutex, nobody writes another list
            watchlist.forget(self._folder)
            self._listed = False
        self._database.record(trace, self._run, seconds)
        if seconds:
            (self._short.add if seconds < _SHORT_SECONDS else self._short.discard)(base_of(trace.step))
        if seconds >= _SHORT_SECONDS:
            self._database.commit()

    def following(self, emit: Emit) -> Emit:
        """Return an `emit` by which we hear of steps that begin."""
        def follow(event: Event) -> None:
            if isinstance(event, StepStarted):
                self._secure(base_of(event.step) not in self._short)
            emit(event)

        return follow

    def close(self) -> None:
        """Commit what is left."""
        self._database.commit()
        self._unwritten.close()

    def _secure(self, may_last: bool) -> None:
        """Before a step that may last, let what is recorded outlive this process."""
        try:
            if self._unwritten.is_closed():
                # The database is closed as well: it has to notice now, before a step opens a file in place of it.
                self._database.commit()
                self._unwritten.begin_again()
            elif may_last:
                self._unwritten.keep(self._database.waiting)
        except OSError:     # a full disk shows where it matters
            self._database.commit()
