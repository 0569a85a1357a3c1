"""Files and folders: read, listed, looked for, measured, written."""
from __future__ import annotations

import glob
import io
import linecache
import os
import pathlib
import pkgutil
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest
from observed import Place

from deepwatch_flow.observation.findings import unobserved
from deepwatch_flow.observation.seen import EMPTY, Seen, Stamp

POSIX = os.name == "posix"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: Any) -> Iterator[Place]:
    monkeypatch.chdir(tmp_path)
    made = Place(tmp_path)
    for name in ("data.txt", "inbox/a.txt", "inbox/b.txt"):
        made.write(name, name)
    with made.recorder:
        yield made


def files(seen: Seen) -> Seen:
    """Only what concerns files."""
    return EMPTY._replace(reads=seen.reads, listed=seen.listed, absent=seen.absent, present=seen.present, sized=seen.sized,
                          written=seen.written, gaps=seen.gaps)


# -- read ---------------------------------------------------------------------------------------------

@pytest.mark.parametrize("read", [
    lambda: open("data.txt").close(),
    lambda: open(b"data.txt").close(),
    lambda: open(Path("data.txt"), "rb").close(),
    lambda: open(os.path.abspath("data.txt")).close(),
    lambda: open("./inbox/../data.txt").close(),
    lambda: io.open("data.txt").close(),
    lambda: io.FileIO("data.txt").close(),
    lambda: Path("data.txt").read_text(),
    lambda: os.close(os.open("data.txt", os.O_RDONLY)),
    lambda: os.close(os.open(b"data.txt", os.O_RDONLY)),
    lambda: linecache.getlines("data.txt"),
    lambda: Path("data.txt").open().close(),
])
def test_a_file_that_is_read(place: Place, read: Callable[[], Any]) -> None:
    linecache.clearcache()
    seen = place.seen(read)
    stat = os.stat("data.txt")
    assert seen.reads == {place.path("data.txt"): Stamp(stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino, stat.st_dev)}
    assert (seen.written, seen.absent, seen.listed) == (frozenset(), frozenset(), frozenset())


def test_the_stamp_is_that_of_the_first_time(place: Place) -> None:
    before = os.stat("data.txt").st_size

    def step() -> None:
        open("data.txt").close()
        with unobserved():
            Path("data.txt").write_text("longer than before")
        open("data.txt").close()

    stamp = place.seen(step).reads[place.path("data.txt")]
    assert stamp is not None
    assert stamp.size == before


def test_a_file_that_is_not_there(place: Place) -> None:
    def step() -> None:
        for name in ("missing", "inbox/missing", "data.txt/below"):
            with pytest.raises(OSError):
                open(name)
        with pytest.raises(OSError):
            os.listdir("nowhere")

    seen = place.seen(step)
    assert place.below(seen.absent) == {"missing", "inbox/missing", "data.txt/below", "nowhere"}
    assert (seen.reads, seen.listed) == ({}, frozenset())


@pytest.mark.skipif(not POSIX, reason="descriptors of folders")
def test_paths_relative_to_a_folder_that_is_open(place: Place, tmp_path_factory: Any) -> None:
    def step() -> None:
        folder = os.open("inbox", os.O_RDONLY)
        try:
            os.chdir(str(tmp_path_factory.getbasetemp()))
            os.close(os.open("a.txt", os.O_RDONLY, dir_fd=folder))
            os.stat("b.txt", dir_fd=folder)
            os.listdir(folder)
        finally:
            os.close(folder)

    seen = place.seen(step)
    assert place.below(seen.reads) == {"inbox/a.txt"}
    assert place.below(seen.sized) == {"inbox/b.txt"}
    assert place.below(seen.listed) == {"inbox"}


def test_the_working_directory_of_that_moment(place: Place) -> None:
    def step() -> None:
        os.chdir("inbox")
        open("a.txt").close()
        os.chdir("..")

    assert place.below(place.seen(step).reads) == {"inbox/a.txt"}


def test_a_database(place: Place) -> None:
    def make() -> None:
        made = sqlite3.connect("made.db")
        made.execute("create table t (x)")
        made.commit()
        made.close()

    def query() -> None:
        for name in ("made.db", f"file:{place.path('made.db')}?mode=ro"):
            opened = sqlite3.connect(name, uri=name.startswith("file:"))
            opened.execute("select * from t").fetchall()
            opened.close()
        sqlite3.connect(":memory:").close()

    assert place.below(place.seen(make).written) == {"made.db"}
    seen = place.seen(query)
    assert place.below(seen.reads) == {"made.db"}
    assert seen.written == frozenset()


# -- listed -------------------------------------------------------------------------------------------

@pytest.mark.parametrize("lists", [
    lambda: os.listdir("inbox"),
    lambda: os.listdir(b"inbox"),
    lambda: list(os.walk("inbox")),
    lambda: glob.glob("inbox/*.txt"),
    lambda: list(Path("inbox").iterdir()),
    lambda: list(Path("inbox").glob("*.txt")),
    lambda: list(Path("inbox").rglob("*.txt")),
    lambda: list(pkgutil.iter_modules(["inbox"])),
])
def test_a_folder_that_is_listed(place: Place, lists: Callable[[], Any]) -> None:
    seen = place.seen(lists)
    assert place.below(seen.listed) == {"inbox"}
    assert (seen.reads, seen.sized) == ({}, {})


def test_what_is_told_of_files_with_their_names_counts(place: Place) -> None:
    seen = place.seen(lambda: list(os.scandir("inbox")))
    assert place.below(seen.listed) == {"inbox"}
    assert seen.sized == {place.path("inbox/" + name): os.path.getsize("inbox/" + name) for name in ("a.txt", "b.txt")}
    assert seen.reads == {}


# -- looked for ---------------------------------------------------------------------------------------

@pytest.mark.parametrize("probe", [
    os.path.exists, os.path.lexists, os.path.isfile, os.path.isdir, os.path.islink, os.path.ismount, os.path.realpath,
    lambda path: Path(path).exists(), lambda path: Path(path).is_file(), lambda path: Path(path).is_dir(),
    lambda path: Path(path).is_symlink(), lambda path: os.access(path, os.R_OK)])
def test_a_path_that_is_looked_for(place: Place, probe: Callable[[str], Any]) -> None:
    def step() -> None:
        for name in ("data.txt", "inbox", "missing"):
            probe(name)

    seen = place.seen(step)
    present = {name: kind for name, kind in zip(place.below(seen.present), seen.present.values())}
    assert {name: seen.present.get(place.path(name)) for name in ("data.txt", "inbox")} == {"data.txt": "file", "inbox": "folder"}
    assert place.path("missing") in seen.absent
    assert (seen.sized, seen.reads) == ({}, {}), present


@pytest.mark.parametrize("measure", [
    lambda path: os.stat(path), lambda path: os.lstat(path), os.path.getsize, os.path.getmtime, lambda path: Path(path).stat()])
def test_a_path_that_is_measured(place: Place, measure: Callable[[str], Any]) -> None:
    def step() -> None:
        measure("data.txt")
        measure("inbox")
        with pytest.raises(OSError):
            measure("missing")

    seen = place.seen(step)
    assert seen.sized == {place.path("data.txt"): len("data.txt")}
    assert seen.present == {place.path("inbox"): "folder"}
    assert place.below(seen.absent) == {"missing"}


@pytest.mark.skipif(not POSIX, reason="links")
def test_links(place: Place) -> None:
    os.symlink("data.txt", "link")
    os.symlink("nowhere", "dangling")
    seen = place.seen(lambda: (os.readlink("link"), os.path.islink("link"), os.path.exists("dangling"), open("link").close()))
    assert (seen.links, seen.sized) == ({place.path("link"): "data.txt"}, {})
    assert seen.present == {place.path("link"): "file"}
    assert place.below(seen.absent) == {"dangling"}
    assert place.below(seen.reads) == {"link"}


# -- written ------------------------------------------------------------------------------------------

def test_what_is_written(place: Place) -> None:
    def step() -> None:
        Path("new.txt").write_text("x")
        open("appended", "a").close()
        open("data.txt", "r+").close()
        os.mkdir("folder")
        os.makedirs("deep/er")
        os.rename("new.txt", "moved.txt")
        os.remove("inbox/a.txt")
        os.truncate("inbox/b.txt", 0)
        Path("touched").touch()
        os.rmdir("folder")

    seen = place.seen(step)
    assert place.below(seen.written) == {"new.txt", "moved.txt", "appended", "data.txt", "folder", "deep", "deep/er",
                                         "inbox/a.txt", "inbox/b.txt", "touched"}
    assert files(seen)._replace(written=frozenset()) == EMPTY


def test_what_the_step_wrote_itself_is_no_reading(place: Place) -> None:
    def step() -> None:
        assert not os.path.exists("out/x")
        os.makedirs("out", exist_ok=True)
        with open("out/x", "w") as stream:
            stream.write("1")
        open("out/x").close()
        os.stat("out/x")
        os.listdir("out")
        shutil.copy2("data.txt", "copy")

    seen = place.seen(step)
    assert place.below(seen.reads) == {"data.txt"}
    assert (seen.absent, seen.present) == (frozenset(), {})
    assert place.below(seen.sized) <= {"data.txt"}
    assert place.below(seen.listed) == {"out"}


# -- what does not count ------------------------------------------------------------------------------

@pytest.mark.parametrize("read", [
    lambda: open(os.__file__).close(),
    lambda: open(pytest.__file__).close(),
    lambda: os.listdir(sys.prefix),
    lambda: os.path.exists(os.path.join(sys.base_prefix, "pyvenv.cfg")),
    lambda: open(os.devnull).close(),
    lambda: os.path.exists("/proc/1/stat"),
    lambda: tempfile.mkdtemp(),
    lambda: tempfile.TemporaryFile().close(),
    lambda: os.path.exists(os.path.join(tempfile.gettempdir(), "nobody's")),
    lambda: __import__("deepwatch_flow.cli.main"),
    lambda: Path(".deepwatch/x").exists(),
    lambda: os.path.exists("deepwatch.lock"),
    lambda: os.path.exists("__pycache__/x.pyc"),
])
def test_what_does_not_count(place: Place, read: Callable[[], Any]) -> None:
    assert files(place.seen(read)) == EMPTY


def test_a_virtual_environment_in_the_project(place: Place) -> None:
    place.write(".venv/lib/python3.9/site-packages/thing.txt")
    place.write(".venv/lib/python3.9/site-packages/thing/data.csv")
    assert files(place.seen(lambda: open(".venv/lib/python3.9/site-packages/thing.txt").close())) == EMPTY
    assert files(place.seen(lambda: open(".venv/lib/python3.9/site-packages/thing/data.csv").close())) == EMPTY


def test_our_own_reading(place: Place) -> None:
    def step() -> None:
        with unobserved():
            open("data.txt").close()
            os.listdir("inbox")
            os.path.exists("missing")
            os.environ.get("NOBODYS")
        open("inbox/a.txt").close()

    seen = place.seen(step)
    assert files(seen)._replace(reads={}) == EMPTY
    assert place.below(seen.reads) == {"inbox/a.txt"}
    assert seen.variables == {}


def test_source_code_shown_in_a_traceback(place: Place) -> None:
    own = place.code("def bad():\n    raise ValueError\n")
    linecache.clearcache()

    def step() -> None:
        try:
            own["bad"]()
        except ValueError:
            assert "raise ValueError" in traceback.format_exc()

    assert files(place.seen(step)) == EMPTY


def test_source_code_that_is_read_as_data(place: Place) -> None:
    place.write("table.py", "x = 1\n")
    assert place.below(place.seen(lambda: open("table.py").close()).reads) == {"table.py"}


# -- programs -----------------------------------------------------------------------------------------

@pytest.mark.skipif(not POSIX, reason="programs of POSIX")
@pytest.mark.parametrize("start", [
    lambda: subprocess.run(["true", "--token=secret"], check=True),
    lambda: subprocess.run(["/bin/true", "secret"], check=False),
    lambda: os.posix_spawn("/bin/true", ["true", "secret"], {}),
])
def test_a_program_is_a_gap_without_its_arguments(place: Place, start: Callable[[], Any]) -> None:
    seen = place.seen(start)
    assert seen.gaps == ("it started the program `true`: what that reads beyond the files in its arguments is not seen",)


@pytest.mark.skipif(not POSIX, reason="programs of POSIX")
def test_a_shell(place: Place) -> None:
    seen = place.seen(lambda: (os.system("true secret"), subprocess.run("true secret", shell=True)))
    assert seen.gaps == ("it started the program `sh`: what that reads beyond the files in its arguments is not seen",)


@pytest.mark.skipif(not POSIX, reason="programs of POSIX")
@pytest.mark.parametrize("start", [
    lambda: subprocess.run(["cat", "a.txt"], check=True, stdout=subprocess.DEVNULL),
    lambda: subprocess.run(["cat", "--from=a.txt"], check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL),
    lambda: subprocess.run("cat < 'a.txt' > /dev/null", shell=True, check=True),
    lambda: subprocess.run(["cat", "a.txt"], cwd=os.getcwd(), check=True, stdout=subprocess.DEVNULL),
    lambda: os.system("cat a.txt > /dev/null"),
    lambda: os.waitpid(os.posix_spawn("/bin/cat", ["cat", "a.txt"], {}, file_actions=[(os.POSIX_SPAWN_CLOSE, 1)]), 0),
])
def test_a_file_in_the_arguments_of_a_program_is_read(place: Place, start: Callable[[], Any], monkeypatch: pytest.MonkeyPatch) -> None:
    place.write("a.txt", "1")
    monkeypatch.chdir(place.root)
    assert "a.txt" in place.below(place.seen(start).reads)


@pytest.mark.skipif(not POSIX, reason="programs of POSIX")
def test_a_file_in_the_arguments_that_the_program_changed_is_written(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.write("a.txt", "1")
    monkeypatch.chdir(place.root)
    seen = place.seen(lambda: os.system("echo changed > a.txt"))
    assert "a.txt" not in place.below(seen.reads)
    assert place.below(seen.written) == {"a.txt"}


# -- everything is as it was --------------------------------------------------------------------------

def test_the_functions_of_os_are_themselves_again(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    names = ("stat", "lstat", "access", "readlink", "open")
    before = {name: getattr(os, name) for name in names}
    supports = {name: set(getattr(os, name)) for name in ("supports_dir_fd", "supports_fd", "supports_follow_symlinks")}
    place = Place(tmp_path)
    with pytest.raises(ZeroDivisionError), place.recorder, place.recorder.observing():
        for name in names:
            assert getattr(os, name).__name__ == name
            assert getattr(os, name).__doc__ == before[name].__doc__
        assert (os.stat in os.supports_dir_fd, os.stat in os.supports_fd) == (
            before["stat"] in supports["supports_dir_fd"], before["stat"] in supports["supports_fd"])
        1 / 0
    assert {name: getattr(os, name) for name in names} == before
    assert {name: set(getattr(os, name)) for name in supports} == supports
    accessor = getattr(pathlib, "_NormalAccessor", None)
    if accessor is not None and hasattr(accessor, "stat"):
        assert accessor.stat is before["stat"]


def test_errors_of_the_stand_ins_are_those_of_the_originals(place: Place) -> None:
    def step() -> None:
        for wrong in ((), (1, 2, 3), (object(),)):
            with pytest.raises(TypeError):
                os.stat(*wrong)
        with pytest.raises(ValueError):
            os.stat("null\0byte")
        with pytest.raises(FileNotFoundError) as info:
            os.stat("missing")
        assert info.value.filename == "missing"

    assert place.seen(step).gaps == ()


def test_an_error_of_ours_becomes_a_gap(place: Place, monkeypatch: Any) -> None:
    from deepwatch_flow.observation import auditing

    def broken(*args: Any) -> None:
        raise RuntimeError("internal")

    monkeypatch.setitem(auditing._HANDLERS, "open", broken)
    seen = place.seen(lambda: open("data.txt").close())
    assert seen.gaps == ("an access by `open` could not be observed (RuntimeError)",)
