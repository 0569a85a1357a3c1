"""URLs of remotes as they are shown."""
from __future__ import annotations

import pytest

from deepwatch_flow.remote.files import Files, Unreachable, without_credentials


@pytest.mark.parametrize("url, shown", [
    ("s3://bucket/folder", "s3://bucket/folder"), ("s3://AKIA:abc/SECRET@bucket/f", "s3://bucket/f"), ("http://u:SEC#RET@host/f", "http://host/f"),
    ("http://u:SEC?RET@host:1/f?token=SECRET", "http://host:1/f"), ("az://c/f?sig=SECRET#x", "az://c/f"), ("ssh://me@host/srv", "ssh://host/srv"),
])
def test_nothing_of_a_secret_is_shown(url: str, shown: str) -> None:
    assert without_credentials(url) == shown


def test_a_server_that_refuses_is_not_one_that_has_nothing() -> None:
    pytest.importorskip("aiohttp")
    pytest.importorskip("fsspec")
    files = Files("http://127.0.0.1:9/nothing")
    with pytest.raises(Unreachable):
        files.read("objects/aa/bb")
    with pytest.raises(Unreachable):
        files.size("objects/aa/bb")
