"""Environment variables: read, set, copied."""
from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest
from observed import Place


@pytest.fixture
def place(tmp_path: Path, monkeypatch: Any) -> Iterator[Place]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SEEN_SET", "value")
    monkeypatch.delenv("SEEN_UNSET", raising=False)
    made = Place(tmp_path)
    with made.recorder:
        yield made


@pytest.mark.parametrize("read", [
    lambda: os.environ["SEEN_SET"], lambda: os.environ.get("SEEN_SET"), lambda: os.getenv("SEEN_SET"),
    lambda: "SEEN_SET" in os.environ, lambda: os.environ.get("SEEN_SET", "other"), lambda: os.environ.setdefault("SEEN_SET", "x"),
    lambda: os.path.expandvars("$SEEN_SET"),
])
def test_a_variable_that_is_read(place: Place, read: Callable[[], Any]) -> None:
    seen = place.seen(read)
    assert seen.variables == {"SEEN_SET": "value"}
    assert not seen.all_variables


@pytest.mark.skipif(os.name != "posix", reason="bytes")
def test_a_variable_that_is_read_as_bytes(place: Place) -> None:
    assert place.seen(lambda: (os.getenvb(b"SEEN_SET"), os.environb[b"SEEN_SET"])).variables == {"SEEN_SET": "value"}


def test_a_variable_that_is_not_set(place: Place) -> None:
    def step() -> None:
        with pytest.raises(KeyError, match="SEEN_UNSET"):
            os.environ["SEEN_UNSET"]

    assert place.seen(step).variables == {"SEEN_UNSET": None}


@pytest.mark.parametrize("read", [
    lambda: list(os.environ), lambda: len(os.environ), lambda: dict(os.environ), lambda: os.environ.copy(),
    lambda: list(os.environ.items()), lambda: list(os.environ.values()), lambda: sorted(os.environ.keys()),
    lambda: {**os.environ}, lambda: repr(os.environ), lambda: subprocess.list2cmdline(list(os.environ)),
])
def test_the_whole_environment(place: Place, read: Callable[[], Any]) -> None:
    assert place.seen(read).all_variables


def test_a_variable_that_the_step_sets_itself(place: Place) -> None:
    def step() -> None:
        os.environ["SEEN_UNSET"] = "mine"
        assert os.environ["SEEN_UNSET"] == "mine"
        del os.environ["SEEN_UNSET"]
        assert "SEEN_UNSET" not in os.environ

    seen = place.seen(step)
    assert (seen.variables, seen.all_variables) == ({}, False)


def test_a_variable_that_is_read_and_then_set(place: Place) -> None:
    def step() -> None:
        os.environ["SEEN_SET"] += "2"

    assert place.seen(step).variables == {"SEEN_SET": "value"}
    assert os.environ["SEEN_SET"] == "value2"


def test_what_the_standard_library_reads_for_itself(place: Place, monkeypatch: Any) -> None:
    monkeypatch.setattr(tempfile, "tempdir", None)
    seen = place.seen(lambda: (tempfile.gettempdir(), subprocess.run([sys.executable, "-c", ""], check=True)))
    assert (seen.variables, seen.all_variables) == ({}, False)


def test_settings_do_not_count(place: Place) -> None:
    seen = place.seen(lambda: (os.getenv("DEEPWATCH_JOBS"), os.getenv("PYTHONHASHSEED")))
    assert seen.variables == {}


def test_everything_is_as_it_was(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("SEEN_SET", "value")
    environ: Any = os.environ
    before = environ._data
    place = Place(tmp_path)
    with place.recorder:
        place.seen(lambda: os.environ.__setitem__("SEEN_SET", "changed"))
        assert environ._data is not before
        monkeypatch.setenv("SEEN_LATER", "1")
    assert environ._data is before
    if os.name == "posix":
        assert os.environb._data is before      # type: ignore[attr-defined]
    assert (os.environ["SEEN_SET"], os.environ["SEEN_LATER"]) == ("changed", "1")
    assert type(before) is dict


def test_a_child_program_gets_the_environment(place: Place) -> None:
    os.environ["SEEN_SET"] = "changed"
    told = []
    place.seen(lambda: told.append(subprocess.run(
        [sys.executable, "-c", "import os; print(os.environ['SEEN_SET'])"], stdout=subprocess.PIPE, check=True).stdout))
    assert told[0].split() == [b"changed"]
