"""URLs of remotes as they are shown."""
from __future__ import annotations

import pytest

from deepwatch_flow.remote.files import without_credentials


@pytest.mark.parametrize("url, shown", [
    ("s3://bucket/folder", "s3://bucket/folder"), ("s3://AKIA:abc/SECRET@bucket/f", "s3://bucket/f"), ("http://u:SEC#RET@host/f", "http://host/f"),
    ("http://u:SEC?RET@host:1/f?token=SECRET", "http://host:1/f"), ("az://c/f?sig=SECRET#x", "az://c/f"), ("ssh://me@host/srv", "ssh://host/srv"),
])
def test_nothing_of_a_secret_is_shown(url: str, shown: str) -> None:
    assert without_credentials(url) == shown
