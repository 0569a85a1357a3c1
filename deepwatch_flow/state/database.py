"""The database: traces, code units, runs, and what spares us reading files again.

It tells what happened on this machine and may be deleted: results known to the lockfile stay known.
Writing is buffered and grouped; each row is checked when it is read, and one that is damaged counts
as missing. How the file survives is in ``schema``; what the traces mean is left to the planner.
"""
from __future__ import annotations

import time
import zlib
from types import TracebackType
from typing import (
    Any,
    Callable,
    Dict,
    Iterable,
    Iterator,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Set,
    Tuple,
    Type,
)

from .._compat import PYTHON
from ..events import Notice, Printed, RunReport, StepFinished
from ..model import Digest, Trace, Unit
from ..pausing import collector_paused
from .rows import (
    Execution,
    finished_of,
    named,
    naming,
    pack,
    pack_unit,
    plain_finished,
    seal,
    trace_row,
    unpack,
    unpack_trace,
    unpack_unit,
    unseal,
)
from .schema import Row, Tables
from .statmemo import TableMemo, clock_behind_ns

#: how long a recorded step may wait for the next one to be committed together with it
GROUP_SECONDS = 0.05
#: old SQLite takes at most 999 values in one statement
_CHUNK = 900
#: how many rows of a table are kept, and how many may be there before the oldest are removed
_KEPT = {"facts": (20_000, 40_000), "runs": (1_000, 1_500), "locks": (4, 5)}

_INSERT = {
    "traces": "INSERT OR REPLACE INTO traces (step, key, seen, run, seconds, data) VALUES (?, ?, ?, ?, ?, ?)",
    "units": "INSERT OR IGNORE INTO units (deep, data) VALUES (?, ?)",
    "texts": "INSERT OR IGNORE INTO texts (own, data) VALUES (?, ?)",
    "files": "INSERT OR REPLACE INTO files (path, data) VALUES (?, ?)",
    "facts": "INSERT OR REPLACE INTO facts (digest, python, data) VALUES (?, ?, ?)",
    "locks": "INSERT OR REPLACE INTO locks (digest, data) VALUES (?, ?)",
    "executions": "INSERT INTO executions (step, run, ended, outcome, file, first, last) VALUES (?, ?, ?, ?, ?, ?, ?)",
    "runs": "INSERT OR REPLACE INTO runs (run, started, command, selected, report, steps) VALUES (?, ?, ?, ?, ?, ?)",
}


class Run(NamedTuple):
    """A past run."""

    run: str
    started: str                       #: ISO 8601
    command: str
    steps: int                         #: how many were selected
    seconds: Optional[float]           #: None where it was killed, or still goes on
    state: str                         #: running | finished | interrupted
    counts: Mapping[str, int]          #: outcome -> steps


class Database:
    """What happened in a project on this machine. One thread at a time may use it."""

    def __init__(self, tables: Tables, clock_behind: int = 0) -> None:
        self._tables = tables
        self._pending: Dict[str, List[Row]] = {}
        self._committed = 0.0
        self._started: Dict[str, Row] = {}
        #: the stat memo; its new entries are written at the next commit
        self.stats = TableMemo(lambda: tables.rows("SELECT data FROM files"), clock_behind)

    @classmethod
    def open(cls, path: str, on_notice: Callable[[Notice], None]) -> Database:
        """Open the database at `path`; whatever is wrong with it is told, survived, and no error."""
        tables = Tables(path, on_notice)
        return cls(tables, 0 if tables.in_memory else clock_behind_ns(path))

    @property
    def in_memory(self) -> bool:
        """Whether nothing of this will be remembered, because nothing can be written."""
        return self._tables.in_memory

    def commit(self) -> None:
        """Write what is buffered."""
        self._queue("files", *self.stats.take())
        if self._pending:
            self._tables.write([(_INSERT[table], rows) for table, rows in self._pending.items()])
            self._pending = {}      # not before: after an error, the next commit tries again
        self._committed = time.monotonic()

    def close(self) -> None:
        """Write what is buffered and close the file."""
        try:
            self.commit()
            self._prune()
        finally:
            self._tables.close()

    def __enter__(self) -> Database:
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self.close()

    # -- traces -----------------------------------------------------------------------------------

    def record(self, trace: Trace, run: str, seconds: float) -> None:
        """Record the execution of a step; it becomes the step's latest trace.

        It is committed at once, unless the last commit was less than `GROUP_SECONDS` ago: so a kill
        loses no more work than was done in that time, and a step that took longer is never lost.
        """
        self._queue("traces", trace_row(trace, run, seconds))
        if time.monotonic() - self._committed > GROUP_SECONDS:
            self.commit()

    @property
    def waiting(self) -> Sequence[Row]:
        """The rows of traces that are not committed yet: a list that grows, and another one after a commit."""
        return self._pending.get("traces", ())

    def add_missing(self, rows: Sequence[Row]) -> None:
        """Record the rows of traces that a dead run could not commit."""
        known = set(self._rows("traces", "SELECT step, key, seen FROM traces WHERE run = ?", rows[0][3]))
        self._queue("traces", *[row for row in rows if row[:3] not in known])
        self.commit()

    def traces(self, steps: Optional[Iterable[str]] = None) -> Dict[str, List[Trace]]:
        """Return the traces of each step, oldest first; several of one key differ in what was observed."""
        if steps is None:
            rows = self._rows("traces", "SELECT data FROM traces ORDER BY id")
        else:
            rows = sorted(self._rows_in("traces", "SELECT id, data FROM traces WHERE step IN", steps))
        found: Dict[str, List[Trace]] = {}
        with collector_paused():
            for row in rows:
                trace = unpack_trace(row[-1])
                if trace is not None:
                    found.setdefault(trace.step, []).append(trace)
        return found

    def recorded(self) -> Iterator[Tuple[str, Trace]]:
        """Yield all traces, each with the run that recorded it, oldest first."""
        for run, data in self._rows("traces", "SELECT run, data FROM traces ORDER BY id"):
            trace = unpack_trace(data)
            if trace is not None:
                yield run, trace

    def latest(self, step: str) -> Optional[Trace]:
        """Return the trace of a step that was recorded last."""
        for (data,) in self._rows("traces", "SELECT data FROM traces WHERE step = ? ORDER BY id DESC", step):
            trace = unpack_trace(data)
            if trace is not None:
                return trace
        return None

    def latest_all(self) -> Dict[str, Trace]:
        """Return the latest trace of each step."""
        newest = "SELECT data FROM traces WHERE id IN (SELECT max(id) FROM traces GROUP BY step)"
        with collector_paused():
            traces = [unpack_trace(data) for (data,) in self._rows("traces", newest)]
        return {trace.step: trace for trace in traces if trace is not None}

    def durations(self) -> Dict[str, float]:
        """Return the seconds that the last execution of each step took; reused results took none."""
        newest = "SELECT step, seconds FROM traces WHERE id IN (SELECT max(id) FROM traces WHERE seconds > 0 GROUP BY step)"
        return dict(self._rows("traces", newest))

    def forget(self, steps: Optional[Iterable[str]] = None) -> None:
        """Drop the traces of steps, or of all."""
        self.commit()
        if steps is None:
            self._tables.write([(f"DELETE FROM {table}", [()]) for table in ("traces", "executions")])  # noqa: S608
        else:
            named = [(step,) for step in steps]
            self._tables.write([(f"DELETE FROM {table} WHERE step = ?", named) for table in ("traces", "executions")])  # noqa: S608

    # -- code -------------------------------------------------------------------------------------

    def add_units(self, units: Iterable[Unit], texts: Mapping[Digest, str]) -> None:
        """Keep units by their deep digests, and source texts by the units' own digests."""
        self._queue("units", *[(unit.deep, pack_unit(unit)) for unit in units])
        self._queue("texts", *[(own, seal(text.encode("utf-8", "surrogatepass"))) for own, text in texts.items()])

    def unit(self, deep: Digest) -> Optional[Unit]:
        """Return the unit with a deep digest."""
        return self.units([deep]).get(deep)

    def units(self, deeps: Iterable[Digest]) -> Dict[Digest, Unit]:
        """Return those units that are known, by their deep digests."""
        rows = self._rows_in("units", "SELECT data FROM units WHERE deep IN", deeps)
        units = [unpack_unit(data) for (data,) in rows]
        return {unit.deep: unit for unit in units if unit is not None}

    def known_units(self, deeps: Iterable[Digest]) -> Set[Digest]:
        """Return those of the deep digests whose units are known."""
        return {Digest(deep) for (deep,) in self._rows_in("units", "SELECT deep FROM units WHERE deep IN", deeps)}

    def known_texts(self, owns: Iterable[Digest]) -> Set[Digest]:
        """Return those of the units' own digests whose source texts are known."""
        return {Digest(own) for own, data in self._rows_in("texts", "SELECT own, data FROM texts WHERE own IN", owns) if unseal(data) is not None}

    def text(self, own: Digest) -> Optional[str]:
        """Return the source text of a unit, by its own digest."""
        for (data,) in self._rows("texts", "SELECT data FROM texts WHERE own = ?", own):
            text = unseal(data)
            return None if text is None else text.decode("utf-8", "surrogatepass")
        return None

    # -- runs -------------------------------------------------------------------------------------

    def run_started(self, run: str, started_iso: str, command: str, steps: int) -> None:
        """Record that a run begins with so many steps selected."""
        self._tables.check()        # 30 ms at 10,000 steps: damage must not make steps run again for ever
        self._started[run] = (run, started_iso, command, steps)
        self._queue("runs", (*self._started[run], None, None))
        self.commit()

    def run_finished(self, report: RunReport) -> None:
        """Record how a run ended."""
        begun = self._started.pop(report.run, (report.run, "", "", len(report.steps)))
        state = "interrupted" if report.interrupted else "finished"
        summary = pack((report.seconds, state, report.counts))
        steps = zlib.compress(pack([plain_finished(step) for step in report.steps]), 1)
        self._queue("runs", (*begun, summary, steps))
        self.commit()

    def runs(self, limit: int = 20) -> List[Run]:
        """Return the last runs, newest first."""
        sql = "SELECT run, started, command, selected, report FROM runs ORDER BY id DESC LIMIT ?"
        found = []
        for run, started, command, selected, report in self._rows("runs", sql, limit):
            seconds, state, counts = unpack(report) or (None, "running", {})
            found.append(Run(run, started, command, selected, seconds, state, counts))
        return found

    def run_steps(self, run: str) -> Tuple[StepFinished, ...]:
        """Return what happened to each step of a run; nothing for one that was killed."""
        for (data,) in self._rows("runs", "SELECT steps FROM runs WHERE run = ?", run):
            try:
                plain = unpack(zlib.decompress(data)) if data is not None else None
            except (zlib.error, TypeError):
                plain = None        # damaged: as good as not there
            return tuple([finished_of(each) for each in plain or ()])
        return ()

    # -- executions -------------------------------------------------------------------------------

    def executed(self, executions: Iterable[Execution]) -> None:
        """Record executions, with the next commit."""
        self._queue("executions", *[(*each[:4], *(each.printed or (None if each.captured else "", None, None))) for each in executions])

    def executions(self, run: str = "") -> List[Execution]:
        """Return the last execution of each step, or its last in the run whose id begins so, the oldest first."""
        sql = ("SELECT step, run, ended, outcome, file, first, last FROM executions WHERE id IN "
               "(SELECT max(id) FROM executions WHERE substr(run, 1, ?) = ? GROUP BY step) ORDER BY id")
        # no file: it printed nothing; an empty name: nobody kept what it printed
        return [Execution(step, by, ended, outcome, Printed(file, first, last) if file else None, file != "")
                for step, by, ended, outcome, file, first, last in self._rows("executions", sql, len(run), run)]

    def failed(self, steps: Iterable[str]) -> Dict[str, str]:
        """Return those of the steps whose last execution failed, each with its run."""
        asked = set(steps)
        sql = "SELECT step, run, outcome, max(id) FROM executions GROUP BY step"     # SQLite: of the row with that id
        return {step: run for step, run, outcome, _ in self._rows("executions", sql) if outcome == "failed" and step in asked}

    def forget_others(self, newest: int) -> Set[str]:
        """Drop executions of all but the newest runs and the last of each step, good and failed; return the runs that stay."""
        last = "SELECT max(id) FROM executions GROUP BY step, outcome"
        runs = "SELECT run FROM executions GROUP BY run ORDER BY max(id) DESC LIMIT ?"
        self.commit()
        self._tables.write([(f"DELETE FROM executions WHERE id NOT IN ({last}) AND run NOT IN ({runs})", [(newest,)])])  # noqa: S608
        return {run for (run,) in self._rows("executions", "SELECT DISTINCT run FROM executions")}

    # -- source facts and parsed locks ------------------------------------------------------------

    def facts_get(self, digests: Iterable[Digest]) -> Dict[Digest, bytes]:
        """Return the facts kept for these contents by this version of Python."""
        found = {}
        where = f"SELECT digest, data FROM facts WHERE python = '{PYTHON}' AND digest IN"  # noqa: S608
        for digest, data in self._rows_in("facts", where, digests):
            facts = named(digest, data)
            if facts is not None:
                found[Digest(digest)] = facts
        return found

    def facts_put(self, facts: Mapping[Digest, bytes]) -> None:
        """Keep facts by the digest of the content they were drawn from."""
        self._queue("facts", *[(digest, PYTHON, naming(digest, data)) for digest, data in facts.items()])

    def lock_get(self, digest: Digest) -> Optional[bytes]:
        """Return the parsed form of the lockfile with this digest."""
        for (data,) in self._rows("locks", "SELECT data FROM locks WHERE digest = ?", digest):
            return named(digest, data)
        return None

    def lock_put(self, digest: Digest, parsed: bytes) -> None:
        """Keep the parsed form of a lockfile by its digest; only the last few stay."""
        self._queue("locks", (digest, naming(digest, parsed)))

    # ---------------------------------------------------------------------------------------------

    def _queue(self, table: str, *rows: Row) -> None:
        if rows:
            self._pending.setdefault(table, []).extend(rows)

    def _rows(self, table: str, sql: str, *values: Any) -> List[Row]:
        if table in self._pending:
            self.commit()
        return self._tables.rows(sql, values)

    def _rows_in(self, table: str, sql: str, values: Iterable[str]) -> Iterator[Row]:
        listed = list(values)
        for start in range(0, len(listed), _CHUNK):
            chunk = listed[start:start + _CHUNK]
            yield from self._rows(table, f"{sql} ({','.join('?' * len(chunk))})", *chunk)

    def _prune(self) -> None:
        jobs: List[Tuple[str, Sequence[Row]]] = []
        for table, (kept, most) in _KEPT.items():
            for lowest, highest in self._tables.rows(f"SELECT min(id), max(id) FROM {table}"):  # noqa: S608
                if lowest is not None and highest - lowest >= most:
                    jobs.append((f"DELETE FROM {table} WHERE id <= ?", [(highest - kept,)]))  # noqa: S608
        if jobs:
            self._tables.write(jobs)
