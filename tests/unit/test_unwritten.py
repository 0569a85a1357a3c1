"""What a run recorded and could not commit outlives its process, and goes where the database has it."""
from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Iterator, List

import pytest

from deepwatch_flow.events import StepStarted
from deepwatch_flow.hashing.digest import digest_bytes
from deepwatch_flow.model import Artifact, Trace
from deepwatch_flow.state import disk, unwritten
from deepwatch_flow.state.database import Database
from deepwatch_flow.state.journal import Journal
from deepwatch_flow.state.rows import trace_row
from deepwatch_flow.state.unwritten import Unwritten


def trace_of(step: str, output: str = "o") -> Trace:
    digest = digest_bytes
    return Trace(step, digest(step.encode()), digest(b"code"), digest(b"root"), (), (), (),
                 Artifact(digest(output.encode()), digest(b"blob"), 12, "json"), (), ())


ROWS: List[Any] = [trace_row(trace_of(f"step {i}"), "run", 0.001) for i in range(5)]


@pytest.fixture
def folder(tmp_path: Path) -> str:
    return str(tmp_path)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with Database.open(str(tmp_path / "state.db"), lambda notice: pytest.fail(str(notice))) as database:
        yield database


def test_rows_are_appended_and_another_list_begins_anew(folder: str) -> None:
    kept = Unwritten(folder)
    assert not unwritten.left_behind(folder)
    rows = ROWS[:1]
    kept.keep(rows)
    rows += ROWS[1:3]
    kept.keep(rows)
    kept.keep(rows)
    assert unwritten.read(folder) == ROWS[:3]
    kept.keep(ROWS[4:])
    assert unwritten.read(folder) == ROWS[4:]
    kept.keep(())
    assert unwritten.read(folder) == []
    kept.close()
    assert not unwritten.left_behind(folder)


def test_what_was_not_written_whole_is_left_out(folder: str) -> None:
    Unwritten(folder).keep(ROWS)
    path = Path(folder, "unwritten")
    whole = path.read_bytes()
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        found = unwritten.read(folder)
        assert found == ROWS[:len(found)]
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    assert unwritten.read(folder) == ROWS[:4]
    unwritten.forget(folder)
    assert unwritten.read(folder) == []


def test_rows_of_another_version_of_the_tables_are_left_out(folder: str, monkeypatch: Any) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(unwritten, "VERSION", 0)
        Unwritten(folder).keep(ROWS)
    assert unwritten.read(folder) == []


@pytest.mark.skipif(os.name != "posix", reason="closes descriptors by their numbers")
def test_a_file_that_a_step_opened_in_place_of_ours_is_left_alone(folder: str, tmp_path: Path) -> None:
    kept = Unwritten(folder)
    kept.keep(ROWS[:1])
    descriptor = kept._file._descriptor
    assert descriptor is not None
    with open(tmp_path / "other", "wb") as other:
        os.dup2(other.fileno(), descriptor)
    try:
        with pytest.raises(OSError, match="closed"):
            kept.keep(ROWS[:2])
        assert kept.is_closed()
        kept.begin_again()
        kept.keep(ROWS[:2])
        assert unwritten.read(folder) == ROWS[:2]
        assert not kept.is_closed()
        kept.close()
    finally:
        os.close(descriptor)
    assert (tmp_path / "other").read_bytes() == b""
    assert not unwritten.left_behind(folder)


def test_a_dead_runs_rows_are_recorded_unless_they_are_there(database: Database) -> None:
    database.record(trace_of("step 0", "committed"), "run", 1.0)
    database.record(trace_of("step 1", "of another run"), "before", 1.0)
    database.commit()
    database.add_missing(ROWS)
    latest = database.latest_all()
    assert sorted(latest) == [f"step {i}" for i in range(5)]
    assert latest["step 0"] == trace_of("step 0", "committed")
    assert latest["step 1"] == trace_of("step 1")


def test_what_is_recorded_outlives_the_process_before_a_step_that_may_end_it(database: Database, folder: str, monkeypatch: Any) -> None:
    monkeypatch.setattr("deepwatch_flow.state.database.GROUP_SECONDS", 1000.0)
    database.commit()
    journal = Journal(database, folder, "run")
    emit = journal.following(lambda event: None)

    def kept() -> List[str]:
        with Database.open(os.path.join(folder, "state.db"), print) as other:
            return [*other.latest_all(), *(row[0] for row in unwritten.read(folder))]

    emit(StepStarted("first", ()))
    journal.record(trace_of("first"), 0.001)
    assert kept() == []
    emit(StepStarted("second", ()))
    assert kept() == ["first"]
    journal.record(trace_of("second"), 0.001)
    emit(StepStarted("first", ()))      # known to be short: it may wait
    assert kept() == ["first"]

    def refuse(operation: str, path: str) -> None:
        if operation == "write":
            raise OSError("the disk is full")
    monkeypatch.setattr(disk, "faults", refuse)
    emit(StepStarted("third", ()))
    assert kept()[:2] == ["first", "second"]
    monkeypatch.setattr(disk, "faults", None)
    journal.close()
    assert kept() == ["first", "second"]
    assert not unwritten.left_behind(folder)
