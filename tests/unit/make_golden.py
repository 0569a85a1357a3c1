"""Prints the table of golden digests of values that packages bring; see test_golden_values.py.

    python tests/unit/make_golden.py            the rows that this interpreter's packages can make, as JSON

A row is never edited without a reason: its digest was in somebody's lockfile, see model.SCHEME.
"""
from __future__ import annotations

import importlib
import json
import pathlib
import sys
from typing import Any, Dict, List

from deepwatch_flow.hashing.frames import digest_frame
from deepwatch_flow.hashing.values import ValueHasher

TABLE = pathlib.Path(__file__).with_name("golden_values.json")
MODULES = {"np": "numpy", "pd": "pandas", "pl": "polars", "pa": "pyarrow", "sp": "scipy.sparse",
           "Image": "PIL.Image", "dt": "datetime", "decimal": "decimal"}

digest = ValueHasher(digesters=[digest_frame]).digest


def namespace(names: List[str]) -> Dict[str, Any]:
    """Import what a row needs."""
    return {name: importlib.import_module(MODULES[name]) for name in names}


def main() -> None:
    """Print the table again, with what this interpreter makes of it."""
    rows = json.loads(TABLE.read_text(encoding="utf-8"))
    for row in rows:
        try:
            row["digest"] = digest(eval(row["value"], namespace(row["needs"])))  # noqa: S307  # our own table
        except ImportError:
            pass
    sys.stdout.write("[\n" + ",\n".join(map(json.dumps, rows)) + "\n]\n")


if __name__ == "__main__":
    main()
