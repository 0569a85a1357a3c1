"""Values of packages have the digests of the table, whatever the release of the package and of Python."""
from __future__ import annotations

import json

import pytest
from make_golden import TABLE, digest, namespace

ROWS = json.loads(TABLE.read_text(encoding="utf-8"))


@pytest.mark.parametrize("row", ROWS, ids=[row["value"] for row in ROWS])
def test_a_value_of_a_package_has_its_golden_digest(row):
    for name in row["needs"]:
        pytest.importorskip({"np": "numpy", "pd": "pandas", "pl": "polars", "pa": "pyarrow", "sp": "scipy.sparse",
                             "Image": "PIL.Image"}.get(name, "json"))
    assert digest(eval(row["value"], namespace(row["needs"]))) == row["digest"]  # noqa: S307  # our own table


def test_the_table_tells_its_values_apart():
    assert len(ROWS) > 90
    assert len({row["digest"] for row in ROWS}) == len(ROWS)
