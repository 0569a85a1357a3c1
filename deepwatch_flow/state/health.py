"""Whether the database file is sound: it is read, and left as it is.

``schema`` moves a damaged file aside when it meets one; who asks here wants to know, not to change.
"""
from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import List

from .rows import unseal
from .schema import APPLICATION, VERSION

#: tables whose rows have checksums, with the column of the sealed bytes
_SEALED = ("traces", "units", "texts", "facts", "locks", "files")
_MOST = 3


def database_faults(path: str) -> List[str]:
    """Return what is wrong with a database file; nothing where there is no file."""
    if not os.path.lexists(path):
        return []
    if not os.path.isfile(path):
        return ["it is not a regular file"]
    try:
        connection = sqlite3.connect(f"{Path(os.path.abspath(path)).as_uri()}?mode=ro", uri=True, timeout=5)
    except sqlite3.Error as error:
        return [str(error)]
    try:
        return _faults(connection)
    except sqlite3.Error as error:
        return [str(error)]
    finally:
        connection.close()


def _faults(connection: sqlite3.Connection) -> List[str]:
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if application != APPLICATION:
        return ["it is not a database of deepwatch"]
    if version != VERSION:
        return [f"it is of version {version}, this deepwatch reads version {VERSION}"]
    told = [str(row[0]).splitlines()[-1] for row in connection.execute(f"PRAGMA integrity_check({_MOST})")]
    if told != ["ok"]:
        return told
    faults = []
    for table in _SEALED:
        rows = connection.execute(f"SELECT data FROM {table}")   # noqa: S608 - one of the names above
        damaged = sum(unseal(data) is None for (data,) in rows)
        if damaged:
            faults.append(f"{damaged} rows of `{table}` are damaged; they count as missing")
    return faults
