"""The database tells what happened here, and no damage makes it tell anything else."""
from __future__ import annotations

import errno
import os
import pickle
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import textwrap
import time

import pytest
from conftest import REPOSITORY
from hypothesis import given
from hypothesis import strategies as st

from deepwatch_flow.errors import BusyError, EnvironmentFault
from deepwatch_flow.events import RunReport, StepFinished
from deepwatch_flow.hashing.digest import digest_bytes
from deepwatch_flow.model import Artifact, Input, Param, ProductFile, Reason, Trace, Unit, Upstream
from deepwatch_flow.state import database as database_module
from deepwatch_flow.state import disk, rows, schema, statmemo
from deepwatch_flow.state.database import Database
from deepwatch_flow.state.keptfacts import KeptFacts


def digest(text):
    return digest_bytes(str(text).encode())


def trace_of(step, key="k", output="o"):
    return Trace(
        step, digest((step, key)), digest("code"), digest("root"), (Param("top", digest(10), "10"),),
        (Input("data/in put.csv", digest("in")),), (Upstream("df", "clean", digest("up")),),
        Artifact(digest(output), digest("blob"), 12, "json"), (ProductFile("out/x.png", digest("png"), 7),),
        (("numpy", "1.2"),))


@pytest.fixture
def notices():
    return []


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / ".deepwatch" / "state.db")


@pytest.fixture
def opened(path, notices):
    """Open the database at `path`, again and again; all are closed at the end."""
    all_opened = []

    def open_():
        all_opened.append(Database.open(path, notices.append))
        return all_opened[-1]
    yield open_
    for each in all_opened:
        each.close()


def filled(path):
    """Make a database with some of everything and return what is in it."""
    with Database.open(path, pytest.fail) as database:
        traces = [trace_of(f"step {number}", key) for number in range(20) for key in ("old", "new")]
        for trace in traces:
            database.record(trace, "run", 0.5)
        database.facts_put({digest(number): b"facts %d" % number for number in range(20)})
        database.add_units([Unit(f"u{n}", "function", "own", "m.py", n, digest(n), digest(-n)) for n in range(20)],
                           {digest(n): f"def u{n}(): ..." for n in range(20)})
        database.lock_put(digest("lock"), b"parsed")
        database.run_started("run", "2024-01-01T00:00:00Z", "run", 1)
    return traces


# -- traces ---------------------------------------------------------------------------------------

def test_a_trace_comes_back_as_it_was_recorded(opened):
    trace = trace_of("Schritt – 1\n", "k")
    opened().record(trace, "run1", 1.5)
    assert opened().traces() == {trace.step: [trace]}


def test_a_recorded_trace_is_seen_before_it_is_committed(opened):
    database = opened()
    database.commit()
    database.record(trace_of("a"), "run", 0.0)
    assert database.latest("a") == trace_of("a")
    assert list(database.traces(["a", "b"])) == ["a"]


def test_recording_a_key_again_makes_it_the_latest(opened):
    database = opened()
    old, new = trace_of("a", "old"), trace_of("a", "new")
    for trace in (old, new, old):
        database.record(trace, "run", 0.0)
    database.record(trace_of("b"), "run", 0.0)
    assert database.latest("a") == old
    assert database.latest_all() == {"a": old, "b": trace_of("b")}
    assert database.traces()["a"] == [new, old]
    assert database.traces(["a"])["a"] == [new, old]


def test_a_trace_of_the_same_key_replaces_the_one_before(opened):
    database = opened()
    database.record(trace_of("a", "k", "first"), "run", 0.0)
    database.record(trace_of("a", "k", "second"), "run", 0.0)
    assert database.traces() == {"a": [trace_of("a", "k", "second")]}


def test_steps_may_be_asked_for_by_the_thousand(opened):
    database = opened()
    names = [f"s{number}" for number in range(2500)]
    for name in names:
        database.record(trace_of(name), "run", 0.0)
    assert list(database.traces(names[:2000])) == names[:2000]
    assert database.known_units(digest(name) for name in names) == set()


def test_forgetting_drops_the_traces_of_steps_or_all(opened):
    database = opened()
    for name in "abc":
        database.record(trace_of(name), "run", 0.0)
    database.forget(["a"])
    assert sorted(database.traces()) == ["b", "c"]
    database.forget()
    assert database.traces() == {}
    assert database.latest("b") is None


def test_what_was_recorded_is_grouped_and_not_held_back_for_long(opened, monkeypatch):
    clock = [100.0]
    monkeypatch.setattr(database_module.time, "monotonic", lambda: clock[0])
    writer, reader = opened(), opened()
    writer.commit()
    writer.record(trace_of("a"), "run", 0.0)
    assert reader.traces() == {}
    clock[0] += database_module.GROUP_SECONDS * 1.1
    writer.record(trace_of("b"), "run", 0.0)
    assert sorted(reader.traces()) == ["a", "b"]


# -- code, runs, caches ---------------------------------------------------------------------------

def test_units_and_texts_come_back(opened):
    unit = Unit("m.f", "function", "own", "m.py", 3, digest("own"), digest("deep"), "f(x)", (("g", digest("g")), ("h.i", digest("i"))))
    lone = Unit("numpy", "package", "package", None, None, digest("n"), digest("n2"))
    database = opened()
    database.add_units([unit, lone], {unit.own: "def f():\n    return '\udc80é'\n"})
    database.add_units([unit], {})
    database.close()
    database = opened()
    assert database.unit(unit.deep) == unit
    assert database.unit(digest("none")) is None
    assert database.units([unit.deep, lone.deep, digest("none")]) == {unit.deep: unit, lone.deep: lone}
    assert database.known_units([unit.deep, digest("none")]) == {unit.deep}
    assert database.text(unit.own) == "def f():\n    return '\udc80é'\n"
    assert database.text(lone.own) is None


def test_runs_come_back_newest_first_with_all_that_happened(opened):
    reason = Reason("code", "m.f", "old", "new", "m.py", 3, ("step", "m.f"))
    steps = (
        StepFinished("a", "reused"), StepFinished("b", "ran", (reason,), 1.5, changed=False),
        StepFinished("c", "failed", (), 0.1, "ValueError: x", "Traceback"), StepFinished("d", "reused", (), 0.25))
    database = opened()
    database.run_started("r1", "2024-01-01T00:00:00Z", "run", 4)
    database.run_finished(RunReport("r1", steps, (), 2.5, interrupted=True))
    database.run_started("r2", "2024-01-02T00:00:00Z", "run model", 9)
    database = opened()
    newest, first = database.runs(10)
    assert (newest.run, newest.command, newest.steps, newest.seconds, newest.state) == ("r2", "run model", 9, None, "running")
    assert (first.run, first.started, first.seconds, first.state) == ("r1", "2024-01-01T00:00:00Z", 2.5, "interrupted")
    assert first.counts == {"ran": 1, "reused": 2, "unaffected": 0, "restored": 0, "failed": 1, "blocked": 0, "cancelled": 0}
    assert database.run_steps("r1") == steps
    assert database.run_steps("r2") == database.run_steps("none") == ()
    assert database.runs(1) == [newest]


def test_facts_belong_to_one_python(opened, monkeypatch):
    database = opened()
    database.facts_put({digest(1): b"one", digest(2): b""})
    assert database.facts_get([digest(1), digest(2), digest(3)]) == {digest(1): b"one", digest(2): b""}
    monkeypatch.setattr(database_module, "PYTHON", "other-9.9")
    assert database.facts_get([digest(1)]) == {}


def test_facts_are_there_at_once_and_written_at_the_end(opened):
    database = opened()
    kept = KeptFacts(database)
    kept[digest(1)] = b"one"
    assert (kept.get(digest(1)), kept.get(digest(2)), kept.get(digest(2), b"")) == (b"one", None, b"")
    assert database.facts_get([digest(1)]) == {}
    kept.save()
    assert KeptFacts(opened()).get(digest(1)) == b"one"


def test_only_the_last_parsed_lockfiles_are_kept(opened):
    for number in range(9):
        database = opened()
        database.lock_put(digest(number), b"%d" % number)
        assert database.lock_get(digest(number)) == b"%d" % number
        database.close()
    kept = [number for number in range(9) if opened().lock_get(digest(number)) is not None]
    assert kept[-1] == 8
    assert 1 <= len(kept) <= 5


# -- the stat memo --------------------------------------------------------------------------------

def old_file(folder, name="input", data=b"data"):
    path = folder / name
    path.write_bytes(data)
    return str(path)


@pytest.fixture
def later(monkeypatch):
    """A clock that is ten seconds ahead: files made now were settled long ago."""
    real = time.time_ns
    monkeypatch.setattr(statmemo.time, "time_ns", lambda: real() + 10_000_000_000)
    monkeypatch.setattr(database_module, "clock_behind_ns", lambda path: 0)


def test_a_settled_file_is_remembered_until_its_stat_data_changes(opened, tmp_path, later):
    file = old_file(tmp_path)
    memo = opened().stats
    assert memo.get(file, os.stat(file)) is None
    memo.put(file, os.stat(file), digest("data"))
    assert memo.get(file, os.stat(file)) == digest("data")
    before = os.stat(file)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))       # only the time of change moves
    assert memo.get(file, os.stat(file)) is None


def test_the_memo_is_there_in_the_next_process(opened, tmp_path, later):
    file = old_file(tmp_path)
    database = opened()
    database.stats.get(file, os.stat(file))
    database.stats.put(file, os.stat(file), digest("data"))
    database.close()
    assert opened().stats.get(file, os.stat(file)) == digest("data")


def test_a_file_changed_a_moment_before_is_not_remembered(opened, tmp_path):
    file = old_file(tmp_path)
    memo = opened().stats
    memo.get(file, os.stat(file))
    memo.put(file, os.stat(file), digest("data"))
    assert memo.get(file, os.stat(file)) is None


def test_the_moment_of_looking_counts_not_that_of_remembering(opened, tmp_path, monkeypatch):
    file = old_file(tmp_path)
    memo = opened().stats
    memo.get(file, os.stat(file))
    real = time.time_ns
    monkeypatch.setattr(statmemo.time, "time_ns", lambda: real() + 60_000_000_000)      # reading took a minute
    memo.put(file, os.stat(file), digest("data"))
    assert memo.get(file, os.stat(file)) is None


def test_a_file_dated_in_the_future_is_never_remembered(opened, tmp_path, later):
    file = old_file(tmp_path)
    os.utime(file, (2 ** 33, 2 ** 33))
    memo = opened().stats
    memo.get(file, os.stat(file))
    memo.put(file, os.stat(file), digest("data"))
    assert memo.get(file, os.stat(file)) is None


def test_a_clock_of_the_disk_that_is_behind_makes_a_file_young(tmp_path):
    file = old_file(tmp_path)
    hour = 3600 * 10 ** 9
    os.utime(file, ns=(time.time_ns() - hour, time.time_ns() - hour))

    class Disk:
        """Stat data of a server whose clock is an hour behind: all was written just now."""
    for name in ("st_size", "st_ino", "st_dev", "st_mtime_ns"):
        setattr(Disk, name, getattr(os.stat(file), name))
    Disk.st_ctime_ns = Disk.st_mtime_ns
    for behind, remembered in ((0, digest("x")), (hour, None)):
        memo = statmemo.TableMemo(list, behind)
        memo.get(file, Disk)
        memo.put(file, Disk, digest("x"))
        assert memo.get(file, Disk) == remembered


def test_a_name_that_is_no_utf8_is_remembered(opened, tmp_path, later):
    file = old_file(tmp_path, "b\udce4d")
    database = opened()
    database.stats.get(file, os.stat(file))
    database.stats.put(file, os.stat(file), digest("data"))
    database.close()
    assert opened().stats.get(file, os.stat(file)) == digest("data")


# -- damage ---------------------------------------------------------------------------------------

def asides(path):
    return sorted(name for name in os.listdir(os.path.dirname(path)) if ".corrupt-" in name and not name.endswith(("-wal", "-shm")))


def check_survives(path, traces):
    """The database at `path` opens, tells nothing but the truth, and takes new records."""
    notices = []
    known = {trace.key: trace for trace in traces}
    with Database.open(path, notices.append) as database:
        told = database.traces()
        for step, traces in told.items():
            for trace in traces:
                assert known[trace.key] == trace
                assert trace.step == step
        for step, trace in database.latest_all().items():
            assert trace.step == step
            assert known[trace.key] == trace
        for number in range(20):
            found = database.facts_get([digest(number)])
            assert found in ({}, {digest(number): b"facts %d" % number})
            unit = database.unit(digest(-number))
            assert unit is None or (unit.name == f"u{number}" and unit.deep == digest(-number))
            assert database.text(digest(number)) in (None, f"def u{number}(): ...")
        assert database.lock_get(digest("lock")) in (None, b"parsed")
        database.runs(10)
        database.run_started("next", "2024-01-02T00:00:00Z", "run", 1)
        database.record(trace_of("after"), "next", 0.0)
        database.commit()
        assert database.latest("after") == trace_of("after")
        assert not database.in_memory
    with Database.open(path, notices.append) as database:
        assert database.latest("after") == trace_of("after")
    assert len(asides(path)) <= 1
    assert len(notices) == len(asides(path))
    return notices


def test_a_database_truncated_at_any_length_is_survived(tmp_path):
    original = str(tmp_path / "original" / "state.db")
    traces = filled(original)
    data = disk.read_bytes(original)
    lengths = {0, 1, 15, 16, 99, 100, 101, len(data) - 1} | set(range(0, len(data), 3001))
    moved = 0
    for number, length in enumerate(sorted(lengths)):
        path = str(tmp_path / str(number) / "state.db")
        os.mkdir(os.path.dirname(path))
        with open(path, "wb") as file:
            file.write(data[:length])
        moved += len(check_survives(path, traces))
    assert moved > len(lengths) * 0.8


def test_flipped_bits_never_make_it_tell_anything_wrong(tmp_path):
    original = str(tmp_path / "original" / "state.db")
    traces = filled(original)
    data = disk.read_bytes(original)
    chance = random.Random(4)
    for number in range(100):
        path = str(tmp_path / str(number) / "state.db")
        os.mkdir(os.path.dirname(path))
        damaged = bytearray(data)
        # the headers of file and pages are small, and where a flip does most
        position = chance.choice([chance.randrange(len(data)), chance.randrange(100),
                                  chance.randrange(len(data) // 4096) * 4096 + chance.randrange(40)])
        damaged[position] ^= 1 << chance.randrange(8)
        with open(path, "wb") as file:
            file.write(damaged)
        check_survives(path, traces)


@pytest.mark.parametrize("content", [b"", b"garbage" * 1000, b"SQLite format 3\x00" + b"\xff" * 5000])
def test_a_foreign_file_is_moved_aside_and_told(path, notices, opened, content):
    os.mkdir(os.path.dirname(path))
    with open(path, "wb") as file:
        file.write(content)
    opened().record(trace_of("a"), "run", 0.0)
    assert opened().latest("a") == trace_of("a")
    assert len(notices) == 1
    assert "state.db.corrupt-1" in notices[0].hint
    assert disk.read_bytes(path + ".corrupt-1") == content


@pytest.mark.parametrize("shape", ["folder", "dangling link", "link"])
def test_what_is_no_file_is_moved_aside(path, notices, opened, tmp_path, shape):
    os.mkdir(os.path.dirname(path))
    other = str(tmp_path / "elsewhere.db")
    if shape == "folder":
        os.mkdir(path)
    else:
        if shape == "link":
            filled(other)
        os.symlink(other, path)
    database = opened()
    assert database.traces() == {}
    assert not database.in_memory
    assert len(notices) == 1
    assert os.path.lexists(path + ".corrupt-1")


@pytest.mark.parametrize("pragma", ["user_version=99", "user_version=0", "application_id=7"])
def test_another_version_or_a_foreign_database_is_moved_aside(path, notices, opened, pragma):
    filled(path)
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA {pragma}")
    connection.close()
    assert opened().traces() == {}
    assert asides(path) == ["state.db.corrupt-1"]
    assert "version" in notices[0].message or "not a database of deepwatch" in notices[0].message


def test_each_damaged_database_gets_a_name_of_its_own(path, notices):
    for number in range(1, 4):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(b"bad %d" % number)
        Database.open(path, notices.append).close()
    assert asides(path) == [f"state.db.corrupt-{number}" for number in (1, 2, 3)]


def test_a_database_damaged_while_it_is_open_is_begun_anew(path, notices, opened):
    filled(path)
    database = opened()
    with open(path, "r+b") as file:
        file.truncate(5000)
    assert database.traces() == {}
    database.record(trace_of("a"), "run", 0.0)
    database.commit()
    assert opened().latest("a") == trace_of("a")
    assert len(notices) == 1


def test_a_write_that_meets_the_damage_is_not_lost(path, notices, opened):
    filled(path)
    database = opened()
    with open(path, "r+b") as file:
        file.write(b"\x00" * 60_000)
    database.record(trace_of("a"), "run", 0.0)
    database.commit()
    assert database.latest("a") == trace_of("a")


def test_the_log_of_a_lost_database_is_not_replayed_into_the_next(path, opened, notices):
    database = opened()
    database.record(trace_of("ghost"), "run", 0.0)
    database.commit()
    log = disk.read_bytes(path + "-wal")
    assert log
    database.close()
    os.unlink(path)
    with open(path + "-wal", "wb") as file:
        file.write(log)
    assert opened().traces() == {}
    assert notices == []


def test_the_log_of_a_killed_process_counts(path, opened):
    code = textwrap.dedent("""
        import os, pickle, signal, sys
        from deepwatch_flow.state.database import Database
        database = Database.open(sys.argv[1], print)
        database.record(pickle.loads(bytes.fromhex(sys.argv[2])), "run", 0.0)
        os.kill(os.getpid(), signal.SIGKILL)
    """)
    done = subprocess.run([sys.executable, "-c", code, path, pickle.dumps(trace_of("a")).hex()], check=False,
                          env={**os.environ, "PYTHONPATH": str(REPOSITORY)})
    assert done.returncode == -signal.SIGKILL
    assert opened().latest("a") == trace_of("a")


def test_a_kill_while_it_is_made_leaves_a_complete_one_or_none(tmp_path):
    code = textwrap.dedent("""
        import os, signal, sys
        from deepwatch_flow.state import disk
        from deepwatch_flow.state.database import Database
        left = int(sys.argv[2])
        def faults(operation, path):
            global left
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            left -= 1
        disk.faults = faults
        Database.open(sys.argv[1], print).close()
    """)
    killed = 0
    for calls in range(12):
        path = str(tmp_path / str(calls) / "state.db")
        done = subprocess.run([sys.executable, "-c", code, path, str(calls)], check=False,
                              env={**os.environ, "PYTHONPATH": str(REPOSITORY)})
        killed += done.returncode == -signal.SIGKILL
        check_survives(path, [])
        assert asides(path) == []
    assert 4 <= killed < 12


# -- a machine that refuses -----------------------------------------------------------------------

def test_a_folder_that_can_not_be_made_is_survived_in_memory(tmp_path, notices):
    (tmp_path / "file").write_bytes(b"")
    with Database.open(str(tmp_path / "file" / "state.db"), notices.append) as database:
        assert database.in_memory
        database.record(trace_of("a"), "run", 0.0)
        assert database.latest("a") == trace_of("a")
    assert len(notices) == 1
    assert "not be remembered" in notices[0].message
    assert (tmp_path / "file").read_bytes() == b""


@pytest.mark.parametrize("operation", ["open", "mkdir", "link"])
@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES, errno.ENOSPC])
def test_a_disk_that_refuses_while_it_is_made_is_survived_in_memory(path, notices, monkeypatch, operation, number):
    def refuse(asked, path):
        if asked == operation:
            raise OSError(number, os.strerror(number))
    monkeypatch.setattr(disk, "faults", refuse)
    with Database.open(path, notices.append) as database:
        assert database.in_memory
        assert database.traces() == {}
    assert os.strerror(number) in notices[0].message
    assert not os.path.exists(path)
    monkeypatch.setattr(disk, "faults", None)
    check_survives(path, [])


def test_a_full_disk_is_explained_and_what_was_committed_stays(path, opened, monkeypatch):
    database = opened()
    database.record(trace_of("a"), "run", 0.0)

    def full(asked, path):
        if asked == "commit":
            raise sqlite3.OperationalError("database or disk is full")
    monkeypatch.setattr(disk, "faults", full)
    database.record(trace_of("b"), "run", 0.0)
    with pytest.raises(EnvironmentFault, match="full") as caught:
        database.commit()
    assert "free some space" in caught.value.hint
    monkeypatch.setattr(disk, "faults", None)
    assert sorted(opened().traces()) == ["a"]


def test_a_write_that_is_refused_goes_on_in_memory_with_what_was_there(path, opened, notices, monkeypatch):
    filled(path)
    database = opened()
    calls = []

    def refuse(asked, path):
        calls.append(asked)
        raise sqlite3.OperationalError("attempt to write a readonly database")
    monkeypatch.setattr(schema.os, "access", lambda path, mode: False)
    monkeypatch.setattr(disk, "faults", refuse)
    database.record(trace_of("a"), "run", 0.0)
    database.commit()
    assert database.in_memory
    assert database.latest("a") == trace_of("a")
    assert database.latest("step 3") == trace_of("step 3", "new")
    assert len(notices) == 1


def test_a_database_that_vanishes_under_a_run_is_made_again(path, opened, notices):
    filled(path)
    database = opened()
    for suffix in ("", "-wal", "-shm"):
        if os.path.exists(path + suffix):
            os.unlink(path + suffix)
    database.record(trace_of("a"), "run", 0.0)
    database.commit()
    database.close()
    assert list(opened().traces()) == ["a"]
    assert not database.in_memory
    assert notices == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="users are of POSIX")
def test_a_read_only_project_is_read(notices):
    """As somebody who is not root: root may write anywhere."""
    folder = tempfile.mkdtemp()
    try:
        path = os.path.join(folder, ".deepwatch", "state.db")
        filled(path)
        os.unlink(path + ".mutex")
        os.chmod(path, 0o444)
        os.chmod(os.path.dirname(path), 0o555)
        os.chmod(folder, 0o555)
        child = os.fork()
        if child == 0:
            code = 1
            try:
                if os.getuid() == 0:
                    os.setuid(65534)
                with Database.open(path, notices.append) as database:
                    database.record(trace_of("a"), "run", 0.0)
                    database.commit()
                    known = database.latest("step 3") == trace_of("step 3", "new")
                    code = 0 if known and database.in_memory and len(notices) == 1 else 2
            finally:
                os._exit(code)
        assert os.waitpid(child, 0)[1] == 0
    finally:
        os.chmod(folder, 0o755)
        os.chmod(os.path.join(folder, ".deepwatch"), 0o755)
        shutil.rmtree(folder)


def test_another_program_that_holds_the_database_is_named(path, opened, monkeypatch):
    monkeypatch.setattr(schema, "_SECONDS_TO_WAIT", 0.05)
    database = opened()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        with pytest.raises(BusyError, match="locked"):
            database.record(trace_of("a"), "run", 0.0)
    finally:
        other.execute("ROLLBACK")
        other.close()
    database.commit()
    assert opened().latest("a") == trace_of("a")


def test_a_reader_is_not_blocked_by_a_writer(path, opened):
    filled(path)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        assert len(opened().traces()) == 20
    finally:
        other.execute("ROLLBACK")
        other.close()


def test_processes_that_open_it_at_once_make_one(path):
    code = textwrap.dedent("""
        import pickle, sys
        from deepwatch_flow.state.database import Database
        with Database.open(sys.argv[1], print) as database:
            database.record(pickle.loads(bytes.fromhex(sys.argv[2])), "run", 0.0)
    """)
    started = [subprocess.Popen([sys.executable, "-c", code, path, pickle.dumps(trace_of(f"s{number}")).hex()],
                                env={**os.environ, "PYTHONPATH": str(REPOSITORY)}, stdout=subprocess.PIPE)
               for number in range(5)]
    assert [each.communicate(timeout=60)[0] for each in started] == [b""] * 5
    assert [each.returncode for each in started] == [0] * 5
    with Database.open(path, pytest.fail) as database:
        assert sorted(database.traces()) == [f"s{number}" for number in range(5)]


# -- rows -----------------------------------------------------------------------------------------

def test_every_flipped_bit_of_a_row_is_found():
    packed = rows.pack_trace(trace_of("a"))
    assert rows.unpack_trace(packed) == trace_of("a")
    for bit in range(len(packed) * 8):
        flipped = bytearray(packed)
        flipped[bit // 8] ^= 1 << bit % 8
        assert rows.unpack_trace(bytes(flipped)) is None
    for length in range(len(packed)):
        assert rows.unpack_trace(packed[:length]) is None


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.tuples(inner, inner) | st.dictionaries(st.text(), inner))


@given(plain)
def test_plain_values_are_packed_and_come_back(value):
    assert rows.unpack(rows.pack(value)) == value


def test_a_subclass_of_a_text_is_packed_as_the_text():
    class Name(str):
        __slots__ = ()
    trace = trace_of("a")._replace(step=Name("a"))
    found = rows.unpack_trace(rows.pack_trace(trace))
    assert found == trace
    assert type(found.step) is str


@pytest.mark.parametrize("value", [None, 1, "text", b"", b"abc"])
def test_what_is_no_packed_row_is_none(value):
    assert rows.unpack(value) is None
