"""The watch list itself: what is proved, what is believed, what is never believed."""
from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any, Dict

import pytest
from deepwatch_flow.hashing import files
from deepwatch_flow.hashing.digest import digest_bytes
from deepwatch_flow.loading.moments import names_read
from deepwatch_flow.state import watched, watchlist
from deepwatch_flow.state.watchlist import Builder, Doubtful

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no time of change: no list is written there")

LONG_AGO = watched.RACY_NS * 2


class Folder:
    """A project's folder, a builder over it, and the two clocks under our hand."""

    def __init__(self, root: Path, monkeypatch: Any) -> None:
        self.root = root
        self.monkeypatch = monkeypatch
        (root / ".deepwatch").mkdir()
        monkeypatch.chdir(root)

    def builder(self, later_ns: int = 0, opened_ns: int = 0) -> Builder:
        """A builder that looks `later_ns` from now, in a project opened at `opened_ns` from now."""
        made = Builder(str(self.root), str(self.root / ".deepwatch"), watched.Start(), time.time_ns() + opened_ns)
        made._now += later_ns
        return made

    def table(self, builder: Builder) -> Dict[str, Any]:
        return {**builder.table(), "serves": 7, "count": 1, "steps": b"", "outline": None}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: Any) -> Folder:
    return Folder(tmp_path, monkeypatch)


def test_the_two_halves_agree_in_what_they_repeat() -> None:
    assert (watched.RACY_NS, watched.IGNORED) == (files.RACY_NS, files.IGNORED)


def test_a_written_list_is_read_again(folder: Folder) -> None:
    table = folder.table(folder.builder())
    assert watchlist.write(".deepwatch", table)
    assert watched.load() == table
    assert not watchlist.write(".deepwatch", table)
    watchlist.forget(".deepwatch")
    watchlist.forget(".deepwatch")
    assert not os.path.exists(watched.PATH)


@pytest.mark.parametrize("spoil", [lambda data: data[:-1], lambda data: data + b"x", lambda data: data.replace(b"list 1", b"list 2"),
                                   lambda data: b"", lambda data: b"\n"])
def test_a_list_of_another_version_or_length_is_none(folder: Folder, spoil: Any) -> None:
    watchlist.write(".deepwatch", folder.table(folder.builder()))
    path = folder.root / watched.PATH
    path.write_bytes(spoil(path.read_bytes()))
    assert watched.load() is None


def test_the_salt_stays_so_that_an_equal_list_has_equal_bytes(folder: Folder) -> None:
    first = folder.table(folder.builder())
    watchlist.write(".deepwatch", first)
    assert folder.table(folder.builder())["salt"] == first["salt"]


# -- files -----------------------------------------------------------------------------------------

def test_a_young_file_is_read_again_and_an_old_one_is_not(folder: Folder) -> None:
    (folder.root / "a").write_text("text")
    for later, kind in ((0, "contents"), (LONG_AGO, "files")):
        builder = folder.builder(later)
        builder.content(str(folder.root / "a"))
        table = folder.table(builder)
        assert [entry[0] for entry in table[kind]] == ["a"]
        assert not table["files" if kind == "contents" else "contents"]
        assert watched.holds(table)


@pytest.mark.parametrize("later", [0, LONG_AGO])
def test_the_same_size_and_time_do_not_hide_other_bytes(folder: Folder, later: int) -> None:
    path = folder.root / "a"
    path.write_text("1")
    builder = folder.builder(later)
    builder.content(str(path))
    table = folder.table(builder)
    before = path.stat()
    path.write_text("2")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert not watched.holds(table)


def test_bytes_that_were_used_must_be_those_on_the_disk(folder: Folder) -> None:
    path = folder.root / "a.py"
    path.write_text("x = 1\n")
    for later, opened in ((0, 0), (LONG_AGO, 0), (LONG_AGO, LONG_AGO)):
        folder.builder(later, opened).source(str(path), b"x = 1\n")
    for later, opened in ((0, 0), (LONG_AGO, 0)):
        with pytest.raises(Doubtful):
            folder.builder(later, opened).source(str(path), b"x = 2\n")


def test_content_must_have_the_digest_that_the_verdict_is_based_on(folder: Folder) -> None:
    path = folder.root / "a"
    path.write_text("x")
    folder.builder().content(str(path), digest_bytes(b"x"))
    with pytest.raises(Doubtful):
        folder.builder().content(str(path), digest_bytes(b"y"))


def test_what_was_used_while_loading_must_be_older_than_that(folder: Folder) -> None:
    path = folder.root / "a"
    path.write_text("x")
    folder.builder(opened_ns=LONG_AGO).loaded(str(path))
    with pytest.raises(Doubtful):
        folder.builder(opened_ns=-LONG_AGO).loaded(str(path))


def test_a_young_file_that_changes_while_it_is_looked_at_is_doubtful(folder: Folder) -> None:
    path = folder.root / "a"
    path.write_text("x")
    builder = folder.builder()
    builder.content(str(path))
    path.write_text("y")
    with pytest.raises(Doubtful):
        builder.table()


def test_large_young_files_are_doubtful(folder: Folder, monkeypatch: Any) -> None:
    monkeypatch.setattr(watchlist, "_LARGEST_RACY", 10)
    (folder.root / "a").write_text("x" * 11)
    with pytest.raises(Doubtful):
        folder.builder().content(str(folder.root / "a"))
    folder.builder(LONG_AGO).content(str(folder.root / "a"))


def test_many_young_files_are_known_by_their_stamps_later(folder: Folder, monkeypatch: Any) -> None:
    for number in range(70):
        (folder.root / f"f{number}").write_text(str(number))
    builder = folder.builder()
    for number in range(70):
        builder.content(str(folder.root / f"f{number}"))
    table = folder.table(builder)
    watchlist.write(".deepwatch", table)
    assert watched.holds(table)
    assert watched.load() == table                  # still too young
    monkeypatch.setattr(watched, "RACY_NS", -watched.RACY_NS)
    assert watched.holds(table)
    renewed = watched.load()
    assert renewed is not None
    assert (len(renewed["contents"]), len(renewed["files"])) == (0, 70)
    assert watched.holds(renewed)
    assert [path.name for path in (folder.root / ".deepwatch").iterdir()] == ["watchlist"]


def test_a_link_that_leads_elsewhere_is_noticed(folder: Folder) -> None:
    for name in ("tree", "a", "b"):
        (folder.root / name).mkdir()
    (folder.root / "tree" / "link").symlink_to("../a")
    builder = folder.builder(LONG_AGO)
    builder.tree(str(folder.root / "tree"))
    table = folder.table(builder)
    assert watched.holds(table)
    (folder.root / "tree" / "link").unlink()
    (folder.root / "tree" / "link").symlink_to("../b")
    assert not watched.holds(table)


# -- folders ---------------------------------------------------------------------------------------

def test_of_a_folder_in_which_imports_look_only_modules_count(folder: Folder) -> None:
    place = folder.root / "place"
    (place / "data-sets").mkdir(parents=True)
    builder = folder.builder(LONG_AGO, LONG_AGO)
    builder.importable(str(place), {})
    table = folder.table(builder)
    (place / "notes.txt").write_text("")
    (place / "__pycache__").mkdir()
    assert watched.holds(table)
    for name in ("module.py", "compiled.so", "other.pth"):
        (place / name).write_text("")
        assert not watched.holds(table)
        (place / name).unlink()
        assert watched.holds(table)
    (place / "package").mkdir()
    assert not watched.holds(table)


def test_of_a_site_folder_every_change_counts(folder: Folder) -> None:
    place = folder.root / "place"
    (place / "lib-1.0.dist-info").mkdir(parents=True)
    builder = folder.builder(LONG_AGO, LONG_AGO)
    builder.importable(str(place), {})
    table = folder.table(builder)
    assert watched.holds(table)
    (place / "lib-1.0.dist-info").rename(place / "lib-1.1.dist-info")
    (place / "lib-1.1.dist-info").rename(place / "lib-1.0.dist-info")
    time.sleep(0.02)
    (place / "x").write_text("")
    (place / "x").unlink()
    assert not watched.holds(table)


def test_names_that_are_new_since_the_project_was_opened_are_doubtful(folder: Folder) -> None:
    place = folder.root / "place"
    place.mkdir()
    before = watchlist.names_now([str(place)])
    folder.builder(opened_ns=-LONG_AGO).importable(str(place), before)
    (place / "new.py").write_text("")
    (place / "out").mkdir()
    with pytest.raises(Doubtful):
        folder.builder(opened_ns=-LONG_AGO).importable(str(place), before)
    folder.builder(opened_ns=-LONG_AGO).importable(str(place), before, {"new.py", "out"})


def test_a_folder_that_is_not_there_is_watched_for(folder: Folder) -> None:
    builder = folder.builder()
    builder.importable(str(folder.root / "later"), {})
    table = folder.table(builder)
    assert watched.holds(table)
    (folder.root / "later").mkdir()
    assert not watched.holds(table)


def test_a_listed_folder_counts_by_its_names(folder: Folder) -> None:
    builder = folder.builder(LONG_AGO)
    builder.listed(str(folder.root), {"mine"})
    table = folder.table(builder)
    for name in ("deepwatch.lock", "mine"):
        (folder.root / name).write_text("")
        assert watched.holds(table)
    (folder.root / "other").write_text("")
    assert not watched.holds(table)


# -- the rest --------------------------------------------------------------------------------------

def test_what_is_there_and_what_is_not(folder: Folder) -> None:
    (folder.root / "file").write_text("12")
    builder = folder.builder()
    builder.absent(str(folder.root / "none" / "at" / "all"))
    builder.kind(str(folder.root / "file"), "file")
    builder.size(str(folder.root / "file"), 2)
    builder.size(str(folder.root / ".deepwatch"), 4096)
    table = folder.table(builder)
    assert watched.holds(table)
    (folder.root / "none").mkdir()
    assert watched.holds(table)
    (folder.root / "file").write_text("123")
    assert not watched.holds(table)
    for wrong in (lambda: builder.absent(str(folder.root / "file")), lambda: builder.kind(str(folder.root / "file"), "folder"),
                  lambda: builder.size(str(folder.root / "file"), 2)):
        with pytest.raises(Doubtful):
            wrong()


def test_blobs_are_regular_files_of_their_size(folder: Folder) -> None:
    (folder.root / "blob").write_text("12")
    assert watched.holds_blobs([("blob", 2)])
    assert not watched.holds_blobs([("blob", 3)])
    (folder.root / "link").symlink_to("blob")
    assert not watched.holds_blobs([("link", 4), ("link", 2)])
    with pytest.raises(FileNotFoundError):
        watched.holds_blobs([("none", 2)])


def test_variables_count_and_their_values_are_not_told(folder: Folder, monkeypatch: Any) -> None:
    monkeypatch.setenv("SECRET_OF_MINE", "sesame")
    builder = folder.builder()
    builder.variable("SECRET_OF_MINE")
    builder.variable("NOT_SET_AT_ALL")
    table = folder.table(builder)
    assert watched.holds(table)
    assert b"sesame" not in watched.dumps(table)
    monkeypatch.setenv("NOT_SET_AT_ALL", "")
    assert not watched.holds(table)
    monkeypatch.delenv("NOT_SET_AT_ALL")
    monkeypatch.setenv("SECRET_OF_MINE", "open")
    assert not watched.holds(table)
    monkeypatch.delenv("SECRET_OF_MINE")
    assert not watched.holds(table)


def test_all_of_the_environment(folder: Folder, monkeypatch: Any) -> None:
    builder = folder.builder()
    builder.environment()
    table = folder.table(builder)
    assert watched.holds(table)
    monkeypatch.setenv("ANYTHING", "1")
    assert not watched.holds(table)


def test_another_interpreter_or_folder_is_no_match(folder: Folder, monkeypatch: Any, tmp_path: Path) -> None:
    table = folder.table(folder.builder())
    monkeypatch.setenv("PYTHONHASHSEED", "3")
    assert not watched.holds(table)
    monkeypatch.delenv("PYTHONHASHSEED")
    assert watched.holds(table)
    monkeypatch.syspath_prepend(str(tmp_path))
    assert not watched.holds(table)
    monkeypatch.undo()
    os.chdir("/")
    assert not watched.holds({**table, "identity": watched.identity()})


# -- what loading depends on -----------------------------------------------------------------------

@pytest.mark.parametrize(("source", "expected"), [
    ("import time\nfrom datetime import datetime\nimport random", []),
    ("import time\ndef f():\n    return time.time()", []),
    ("import time\nNOW = time.time()", ["time"]),
    ("import time\nclass A:\n    at = time.monotonic()", ["monotonic", "time"]),
    ("from datetime import date\nDAYS = [date.today() for _ in 'ab']", ["today"]),
    ("import numpy as np\nR = np.random.default_rng()", ["default_rng", "random"]),
    ("import sys\nprint(sys.argv)", ["argv"]),
    ("import time\n@step(timeout=3)\ndef f(x='time'):\n    pass", [])])
def test_clocks_are_known_by_name_where_code_runs_while_it_loads(source: str, expected: Any) -> None:
    code = compile(source, "m.py", "exec")
    assert sorted(set(names_read(code, lambda _: False))) == expected


def test_a_function_that_ran_while_loading_counts() -> None:
    code = compile("import time\ndef f():\n    return time.time()\nNOW = f()", "m.py", "exec")
    assert list(names_read(code, lambda inner: inner.co_name == "f"))
