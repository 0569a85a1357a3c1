"""The database file: its tables, how it comes to be, and what happens when it is no good.

It is a cache: a file that is damaged, foreign or of another version is moved aside and begun anew,
and where nothing can be written it lives in memory. Either is told as a notice and costs work, not
truth. Which rows mean what is left to ``database``.
"""
from __future__ import annotations

import os
import sqlite3
import stat
from pathlib import Path
from typing import Any, Callable, Iterable, List, Optional, Sequence, Tuple

from ..errors import BusyError, DeepwatchError, EnvironmentFault
from ..events import Notice
from . import disk
from .mutex import Mutex

#: raise it with any change of the tables or of what their blobs hold
VERSION = 3
#: "deep", in the file's header
APPLICATION = 0x64656570

#: Blobs are records packed by ``rows``, each with its own checksum: SQLite's structure has none.
_TABLES = """
CREATE TABLE traces (id INTEGER PRIMARY KEY, step TEXT NOT NULL, key TEXT NOT NULL, seen TEXT NOT NULL,
                     run TEXT NOT NULL, seconds REAL NOT NULL, data BLOB NOT NULL, UNIQUE (step, key, seen));
CREATE TABLE units (deep TEXT PRIMARY KEY, data BLOB NOT NULL);
CREATE TABLE texts (own TEXT PRIMARY KEY, data BLOB NOT NULL);
CREATE TABLE runs (id INTEGER PRIMARY KEY, run TEXT NOT NULL UNIQUE, started TEXT NOT NULL,
                   command TEXT NOT NULL, selected INTEGER NOT NULL, report BLOB, steps BLOB);
CREATE TABLE executions (id INTEGER PRIMARY KEY, step TEXT NOT NULL, run TEXT NOT NULL, ended INTEGER NOT NULL,
                         outcome TEXT NOT NULL, file TEXT, first INTEGER, last INTEGER);
CREATE TABLE facts (id INTEGER PRIMARY KEY, digest TEXT NOT NULL, python TEXT NOT NULL, data BLOB NOT NULL,
                    UNIQUE (digest, python));
CREATE TABLE files (path BLOB PRIMARY KEY, data BLOB NOT NULL);
CREATE TABLE locks (id INTEGER PRIMARY KEY, digest TEXT NOT NULL UNIQUE, data BLOB NOT NULL);
"""
_SECONDS_TO_WAIT = 30.0
#: how SQLite tells of a bad file: a truncated one answers with an I/O error (a short read), a foreign
#: one lacks our tables
_DAMAGE = ("malformed", "no such", "no column", "disk I/O", "decode", "corrupt", "unsupported file format")
_ATTEMPTS = 3

Row = Tuple[Any, ...]
Notify = Callable[[Notice], None]


class _Unusable(Exception):
    """The file is no database of ours, or no longer one."""


class Tables:
    """A connection to the database file that survives the loss of the file."""

    def __init__(self, path: str, on_notice: Notify) -> None:
        self._path = path
        self._on_notice = on_notice
        #: whether nothing will be there after this process
        self.in_memory = False
        self._identity: Optional[Tuple[int, int]] = None
        self._connection = self._open()

    def rows(self, sql: str, values: Sequence[object] = ()) -> List[Row]:
        """Return the rows of a query; none where the database turns out to be damaged."""
        try:
            return self._connection.execute(sql, values).fetchall()
        except sqlite3.Error as error:
            self._survive(error)
            return []

    def write(self, jobs: Iterable[Tuple[str, Sequence[Row]]]) -> None:
        """Execute statements, each over many rows, as one transaction."""
        listed = list(jobs)
        for attempt in range(_ATTEMPTS):
            try:
                self._transact(listed)
            except sqlite3.Error as error:
                if attempt == _ATTEMPTS - 1:
                    raise self._fault(error) from error
                self._survive(error)
            else:
                return

    def check(self) -> None:
        """Look at the whole file; one that is damaged where no query has met it yet is begun anew."""
        for (told,) in self.rows("PRAGMA integrity_check(1)"):
            if told != "ok":
                self._survive(sqlite3.DatabaseError(str(told).splitlines()[-1]))

    def close(self) -> None:
        """Close the file, whose log is then folded into it."""
        try:
            self._connection.close()
        except sqlite3.Error as error:
            # What was committed is in the log and read from there; only the folding failed.
            self._on_notice(Notice(f"closing the database {self._path} failed: {error}", level="note"))

    def _transact(self, jobs: List[Tuple[str, Sequence[Row]]]) -> None:
        connection = self._connection
        if not self.in_memory:
            if disk.faults is not None:
                disk.faults("commit", self._path)
            if self._is_gone():
                raise sqlite3.DatabaseError("it was removed or replaced")     # SQLite would write to the lost file
        connection.execute("BEGIN IMMEDIATE")
        try:
            for sql, rows in jobs:
                connection.executemany(sql, rows)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise

    # -- opening ----------------------------------------------------------------------------------

    def _open(self) -> sqlite3.Connection:
        try:
            for _ in range(_ATTEMPTS):
                if not os.path.lexists(self._path):
                    self._create()
                try:
                    return self._connect()
                except _Unusable as error:
                    self._move_aside(str(error))
        except (EnvironmentFault, BusyError) as fault:
            return self._open_in_memory(fault.message)
        return self._open_in_memory(f"the database {self._path} is damaged again and again")

    def _connect(self) -> sqlite3.Connection:
        """Open the file as it is; raises _Unusable or what the machine refuses."""
        try:
            found = os.lstat(self._path)
        except OSError as error:
            raise _Unusable(str(error)) from error
        self._identity = (found.st_dev, found.st_ino)
        if not stat.S_ISREG(found.st_mode):
            raise _Unusable("it is not a regular file")
        try:
            connection = sqlite3.connect(self._path, timeout=_SECONDS_TO_WAIT, isolation_level=None,
                                         check_same_thread=False)
        except sqlite3.Error as error:
            raise self._fault(error) from error
        try:
            # With the log, a commit is atomic without a sync; a power cut may lose the last ones, no more.
            connection.execute("PRAGMA synchronous=NORMAL")
            connection.execute("PRAGMA cell_size_check=ON")
            application = connection.execute("PRAGMA application_id").fetchone()[0]
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            connection.execute("SELECT 1 FROM traces LIMIT 1").fetchall()
        except sqlite3.Error as error:
            connection.close()
            if _is_damage(error):
                raise _Unusable(str(error)) from error
            raise self._fault(error) from error
        if (application, version) != (APPLICATION, VERSION):
            connection.close()
            raise _Unusable(f"it is of version {version}, this deepwatch reads version {VERSION}"
                            if application == APPLICATION else "it is not a database of deepwatch")
        return connection

    def _create(self) -> None:
        """Make the database: complete under its name, or not at all."""
        with self._mutex():
            if os.path.lexists(self._path):
                return          # another process was faster
            # The log of a database that is gone would be replayed into the new one.
            for suffix in ("-wal", "-shm"):
                disk.remove(self._path + suffix)
            temporary = disk.temporary_path(os.path.dirname(self._path) or os.curdir)
            try:
                _make(temporary)
            except sqlite3.Error as error:
                disk.discard(temporary)
                raise self._fault(error) from error
            except OSError as error:
                disk.discard(temporary)
                raise disk.explain(error, "create the database", self._path) from error
            except BaseException:
                disk.discard(temporary)
                raise
            disk.publish(temporary, self._path)

    def _open_in_memory(self, why: str) -> sqlite3.Connection:
        """Go on without a file, with what can be read of the one that is there."""
        self.in_memory = True
        self._on_notice(Notice(
            f"this run will not be remembered: {why}",
            f"make {os.path.dirname(self._path) or os.curdir} writable to keep results and history"))
        connection = _empty_memory()
        if not self._copy_into(connection):
            connection.close()
            connection = _empty_memory()
            _fill(connection)
        return connection

    def _copy_into(self, connection: sqlite3.Connection) -> bool:
        """Copy the file into a database in memory; tell whether all of it could be read."""
        if not os.path.isfile(self._path):
            return False
        # Immutable means without the log: right only where there is none.
        options = ["mode=ro"] + ([] if os.path.exists(self._path + "-wal") else ["mode=ro&immutable=1"])
        for option in options:
            try:
                source = sqlite3.connect(f"{Path(os.path.abspath(self._path)).as_uri()}?{option}", uri=True)
                try:
                    source.backup(connection)
                finally:
                    source.close()
                version = connection.execute("PRAGMA user_version").fetchone()[0]
                application = connection.execute("PRAGMA application_id").fetchone()[0]
                connection.execute("SELECT 1 FROM traces LIMIT 1").fetchall()
                connection.execute(f"PRAGMA user_version={version}")     # a damaged header may forbid to write
            except sqlite3.Error:
                continue        # the next way of opening may do; if none does, the caller begins empty
            return bool((application, version) == (APPLICATION, VERSION))
        return False

    # -- surviving --------------------------------------------------------------------------------

    def _survive(self, error: sqlite3.Error) -> None:
        """Go on with another connection after `error`, or raise what it means."""
        if self.in_memory:
            raise self._fault(error) from error
        if _is_damage(error) or (_is_refusal(error) and self._is_writable()):
            # Also a file that is gone, or whose header forbids what the machine allows.
            self._connection.close()
            try:
                self._move_aside(str(error))
            except (EnvironmentFault, BusyError) as fault:
                self._connection = self._open_in_memory(fault.message)
            else:
                self._connection = self._open()
        elif _is_refusal(error):
            self._connection.close()
            self._connection = self._open_in_memory(self._fault(error).message)
        else:
            raise self._fault(error) from error

    def _move_aside(self, why: str) -> None:
        """Rename the file and its log, unless another process did it already."""
        with self._mutex():
            try:
                found = os.lstat(self._path)
            except FileNotFoundError:
                return
            except OSError as error:
                raise disk.explain(error, "look at", self._path) from error
            if self._identity is not None and self._identity != (found.st_dev, found.st_ino):
                return          # what stands there now is not what we found damaged
            number = 1
            while os.path.lexists(f"{self._path}.corrupt-{number}"):
                number += 1
            aside = f"{self._path}.corrupt-{number}"
            # The log goes first: left behind, it would be replayed into the next database.
            for suffix in ("-wal", "-shm", ""):
                if os.path.lexists(self._path + suffix):
                    disk.replace(self._path + suffix, aside + suffix)
            self._identity = None
        self._on_notice(Notice(
            f"the database {self._path} could not be used: {why}",
            f"it was moved to {aside}; only what the lockfile does not know has to run again"))

    def _is_gone(self) -> bool:
        try:
            found = os.lstat(self._path)
        except OSError:
            return True
        return (found.st_dev, found.st_ino) != self._identity

    def _is_writable(self) -> bool:
        return all(os.access(path, os.W_OK) for path in (self._path, os.path.dirname(self._path) or os.curdir)
                   if os.path.lexists(path))

    def _mutex(self) -> Mutex:
        return Mutex(self._path + ".mutex", "deepwatch (making the database)").acquire(_SECONDS_TO_WAIT)

    def _fault(self, error: sqlite3.Error) -> DeepwatchError:
        text = str(error)
        if "locked" in text or "busy" in text:
            return BusyError(f"another program keeps the database {self._path} locked",
                             hint="close what has it open and run again")
        hint = "free some space and run again; nothing finished is lost" if "full" in text else None
        return EnvironmentFault(f"can't use the database {self._path}: {text}", hint=hint)


def _make(path: str) -> None:
    """Make a complete, empty database file."""
    if disk.faults is not None:
        disk.faults("open", path)
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        # The file is nobody's before it gets its name, so it needs no journal of its own.
        connection.execute("PRAGMA synchronous=OFF")
        _fill(connection)
        connection.execute("PRAGMA journal_mode=WAL")
    finally:
        connection.close()


def _fill(connection: sqlite3.Connection) -> None:
    connection.executescript(f"PRAGMA application_id={APPLICATION}; PRAGMA user_version={VERSION}; "
                             f"BEGIN; {_TABLES} COMMIT;")


def _empty_memory() -> sqlite3.Connection:
    return sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)


def _is_damage(error: sqlite3.Error) -> bool:
    """Tell a file whose content is bad from a machine that refuses."""
    if not isinstance(error, sqlite3.OperationalError):
        return isinstance(error, sqlite3.DatabaseError)
    return any(part in str(error) for part in _DAMAGE)


def _is_refusal(error: sqlite3.Error) -> bool:
    return any(part in str(error) for part in ("readonly", "read-only", "unable to open", "locking protocol"))
