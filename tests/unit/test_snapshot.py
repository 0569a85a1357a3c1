"""Sources: read once, decoded and compiled as Python does."""
from __future__ import annotations

import ast
from pathlib import Path

import pytest

from deepwatch_flow.hashing.digest import digest_bytes
from deepwatch_flow.loading.snapshot import Snapshot, Source


def test_a_file_is_read_once_whatever_becomes_of_it(tmp_path: Path) -> None:
    file = tmp_path / "a.py"
    file.write_bytes(b"x = 1\n")
    snapshot = Snapshot()
    first = snapshot.read(str(file))
    file.write_bytes(b"x = 2\n")
    assert snapshot.read(str(file)) is first
    assert snapshot.get(str(file)) is first
    assert (first.data, first.digest) == (b"x = 1\n", digest_bytes(b"x = 1\n"))
    file.unlink()
    assert snapshot.read(str(tmp_path / "x" / ".." / "a.py")) is first


def test_what_was_not_read_is_not_there_and_what_is_not_there_can_not_be_read(tmp_path: Path) -> None:
    snapshot = Snapshot()
    assert snapshot.get(str(tmp_path / "a.py")) is None
    with pytest.raises(FileNotFoundError):
        snapshot.read(str(tmp_path / "a.py"))
    assert snapshot.sources == {}


def test_a_worker_takes_over_the_bytes_and_does_not_look_at_the_disk(tmp_path: Path) -> None:
    file = tmp_path / "a.py"
    file.write_bytes(b"old")
    driver, worker = Snapshot(), Snapshot()
    driver.read(str(file))
    file.write_bytes(b"new")
    worker.preload(driver.data())
    assert worker.read(str(file)).data == b"old"


@pytest.mark.parametrize(("data", "text"), [
    (b"x = '\xc3\xa9'\n", "x = 'é'\n"),
    (b"\xef\xbb\xbfx = 1\r\ny = 2\rz = 3\n", "x = 1\ny = 2\nz = 3\n"),
    (b"# -*- coding: latin-1 -*-\nx = '\xe9'\n", "# -*- coding: latin-1 -*-\nx = 'é'\n"),
    (b"#!/bin/x\n# vim: set fileencoding=cp1252 :\nx = '\x80'\n", "#!/bin/x\n# vim: set fileencoding=cp1252 :\nx = '€'\n"),
    (b"", ""),
])
def test_text_is_decoded_as_python_does(data: bytes, text: str) -> None:
    assert Source("a.py", data).text == text
    names: dict = {}
    exec(Source("a.py", data).code(), names)
    if "x" in names and isinstance(names["x"], str):
        assert names["x"] in text


def test_a_comment_with_odd_bytes_runs_as_it_does_in_python() -> None:
    source = Source("a.py", b"# \xff\nx = 1\n")
    assert source.code().co_filename == "a.py"
    assert source.lines() == ["# \ufffd\n", "x = 1\n"]


def test_lines_end_where_python_ends_them_and_not_at_form_feeds() -> None:
    assert Source("a.py", "x = 1\n\f\ny = '\u2028'\nz = 3".encode()).lines() == ["x = 1\n", "\f\n", "y = '\u2028'\n", "z = 3\n"]


@pytest.mark.parametrize("data", [b"x = (\n", b"# coding: no-such\n", b"x = 1\0\n", b"x = '\xff'\n"])
def test_whatever_can_not_be_compiled_is_a_syntax_error_of_that_file(data: bytes) -> None:
    for compiled in (Source("/p/a.py", data).code, Source("/p/a.py", data).tree):
        with pytest.raises(SyntaxError) as caught:
            compiled()
        assert caught.value.filename == "/p/a.py"


def test_a_flag_of_this_file_does_not_leak_into_what_is_compiled() -> None:
    names: dict = {}
    exec(Source("a.py", b"def f(x: int): pass\n").code(), names)
    assert names["f"].__annotations__ == {"x": int}


def test_each_tree_is_the_callers_own() -> None:
    source = Source("a.py", b"x = 1\n")
    assert isinstance(source.tree(), ast.Module)
    assert source.tree() is not source.tree()
    assert source.code() is source.code()
