"""Files and folders are digested by what they hold; the memo is believed only when nothing can have moved."""
from __future__ import annotations

import os
import pathlib
import stat
import sys

import pytest
from blake3 import blake3

from deepwatch_flow.errors import EnvironmentFault
from deepwatch_flow.hashing import files
from deepwatch_flow.hashing.files import MemoryMemo, Remembered, StatMemo, digest_file, digest_input, digest_tree

links = pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege there")


class CountingMemo(MemoryMemo):
    """Tells what was found and what was recorded."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list = []
        self.recorded: list = []

    def get(self, path, stat):
        digest = super().get(path, stat)
        if digest is not None:
            self.found.append(os.path.basename(path))
        return digest

    def put(self, path, stat, digest):
        self.recorded.append(os.path.basename(path))
        super().put(path, stat, digest)


def old(path: pathlib.Path, seconds: int = 60) -> pathlib.Path:
    """Let a file's stamps lie in the past, as far as a test can."""
    stamp = path.stat().st_mtime - seconds
    os.utime(path, (stamp, stamp))
    return path


@pytest.fixture(name="later")
def _later(monkeypatch):
    """Let the clock be ten seconds ahead, so that files just written are not racy."""
    now = files.time.time_ns
    monkeypatch.setattr(files.time, "time_ns", lambda: now() + 10_000_000_000)


def tree(folder: pathlib.Path, **contents: str) -> pathlib.Path:
    for name, text in contents.items():
        path = folder / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


# -- files ------------------------------------------------------------------------------------------

@pytest.mark.parametrize("size", [0, 1, (1 << 20) - 1, 1 << 20, (1 << 20) + 1])
def test_a_file_has_the_digest_of_its_bytes_and_its_size(tmp_path, size):
    path = tmp_path / "x"
    path.write_bytes(b"a" * size)
    assert digest_file(str(path)) == (blake3(b"a" * size).hexdigest(), size)
    assert digest_input(str(path)) == blake3(b"a" * size).hexdigest()


def test_a_missing_file_is_named(tmp_path):
    for call in (digest_file, digest_input, digest_tree):
        with pytest.raises(EnvironmentFault, match="nowhere") as caught:
            call(str(tmp_path / "nowhere"))
        assert caught.value.hint


def test_a_pipe_is_no_input(tmp_path):
    path = tmp_path / "pipe"
    if not hasattr(os, "mkfifo"):
        pytest.skip("no pipes with names here")
    os.mkfifo(path)
    with pytest.raises(EnvironmentFault, match="neither"):
        digest_input(str(path))


def test_a_file_that_keeps_changing_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "x"
    path.write_text("")

    def digest_and_write(name):
        with open(name, "a") as file:
            file.write("more")
        return digest_file(name)

    monkeypatch.setattr(files, "digest_file", digest_and_write)
    with pytest.raises(EnvironmentFault, match="keeps changing"):
        digest_input(str(path))


# -- folders ----------------------------------------------------------------------------------------

def test_a_folder_counts_names_kinds_and_contents(tmp_path):
    made = [tree(tmp_path / str(i), **contents) for i, contents in enumerate([
        {"a": "1", "b": "2"}, {"a": "2", "b": "1"}, {"a": "1"}, {"a": "1", "c": "2"}, {"a": "1", "b__c": "2"},
        {"a": "1", "b__c__d": "2"}, {"a": "1", "b": ""}, {"ab": "12"},
    ])]
    (tmp_path / "empty").mkdir()
    inner = tree(tmp_path / "8", a="1")
    (inner / "b").mkdir()
    folders = [*made, tmp_path / "empty", inner]
    assert len({digest_tree(str(folder)) for folder in folders}) == len(folders)


def test_the_same_folder_elsewhere_and_later_has_the_same_digest(tmp_path):
    one = tree(tmp_path / "one", a="1", b__c="2", b__a="3", z="4")
    other = tree(tmp_path / "other", z="4", b__a="3", b__c="2", a="1")
    os.utime(other / "a", (0, 0))
    (other / "z").chmod(0o755)
    assert digest_tree(str(one)) == digest_tree(str(other)) == digest_input(str(one) + os.sep)


def test_a_folder_has_its_golden_digest(tmp_path):
    assert digest_tree(str(tree(tmp_path / "x", a="1", b__c="2"))) == "e880a04954288b604b1e9a160b967674b85ee7e220946bcc30fd5ddbb6632efd"


def test_what_python_git_and_deepwatch_leave_behind_does_not_count(tmp_path):
    folder = tree(tmp_path / "x", a="1")
    before = digest_tree(str(folder))
    for name in ("__pycache__", ".git", ".deepwatch", "b"):
        (folder / name).mkdir()
        (folder / name / "y").write_text("")
        assert (digest_tree(str(folder)) == before) is (name != "b")


@links
def test_a_link_counts_as_its_text_and_what_it_leads_to(tmp_path):
    folder = tree(tmp_path / "x", a="1", b="1")
    plain = digest_tree(str(folder))
    (folder / "b").unlink()
    (folder / "b").symlink_to("a")
    linked = digest_tree(str(folder))
    (folder / "a").write_text("2")
    changed = digest_tree(str(folder))
    outside = tree(tmp_path / "y", a="2")
    (folder / "b").unlink()
    (folder / "b").symlink_to(outside / "a")
    assert len({plain, linked, changed, digest_tree(str(folder))}) == 4


@links
def test_a_link_to_a_folder_counts_with_all_that_is_in_there(tmp_path):
    outside = tree(tmp_path / "out", c="1")
    folder = tree(tmp_path / "x", a="1")
    (folder / "sub").symlink_to(outside)
    before = digest_tree(str(folder))
    (outside / "c").write_text("2")
    assert digest_tree(str(folder)) != before


@links
def test_a_link_into_a_folder_above_is_refused(tmp_path):
    folder = tree(tmp_path / "x", sub__a="1")
    (folder / "sub" / "loop").symlink_to(folder)
    with pytest.raises(EnvironmentFault, match="loop` leads back"):
        digest_tree(str(folder))


@links
def test_a_link_to_nothing_is_refused_by_name(tmp_path):
    folder = tree(tmp_path / "x", a="1")
    (folder / "b").symlink_to("gone")
    with pytest.raises(EnvironmentFault, match="b` is a link to `gone`"):
        digest_tree(str(folder))
    (folder / "b").unlink()
    (folder / "b").symlink_to("b")
    with pytest.raises(EnvironmentFault, match="is a link to `b`"):
        digest_tree(str(folder))


def test_folders_nested_deeply_are_no_matter(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    depth = 300
    path = "/".join(["d"] * depth)
    os.makedirs(path)
    (tmp_path / path / "x").write_text("1")
    assert digest_tree(".") != digest_tree("d")


# -- the memo ---------------------------------------------------------------------------------------

def test_an_unchanged_file_is_read_once(tmp_path, later, monkeypatch):
    folder = tree(tmp_path / "x", a="1", b="2")
    memo = CountingMemo()
    first = digest_input(str(folder), memo)
    assert (memo.found, memo.recorded) == ([], ["a", "b"])
    monkeypatch.setattr(files, "digest_file", None)  # reading would fail
    assert digest_input(str(folder), memo) == first
    assert (memo.found, memo.recorded) == (["a", "b"], ["a", "b"])


def test_a_changed_file_is_read_again(tmp_path, later):
    folder = tree(tmp_path / "x", a="1", b="2")
    memo = CountingMemo()
    first = digest_input(str(folder), memo)
    (folder / "a").write_text("changed")
    assert digest_input(str(folder), memo) != first
    assert memo.found == ["b"]


def test_a_file_changed_just_now_is_not_recorded(tmp_path):
    path = tmp_path / "x"
    path.write_text("1")
    memo = CountingMemo()
    digest_input(str(path), memo)
    old(path)  # the time of the change of its stamps stays: it can't be set
    digest_input(str(path), memo)
    assert memo.recorded == []


def test_the_memo_is_believed_only_if_everything_agrees(tmp_path):
    path = tmp_path / "x"
    path.write_text("1")
    found = os.stat(path)
    late = max(found.st_mtime_ns, found.st_ctime_ns) + files.RACY_NS
    entry = Remembered.of(found, "d", late + 1)
    assert entry.matches(found)
    assert not Remembered.of(found, "d", late).matches(found)
    for changed in (entry._replace(size=2), entry._replace(mtime_ns=entry.mtime_ns - 1),
                    entry._replace(ctime_ns=entry.ctime_ns - 1), entry._replace(inode=entry.inode + 1)):
        assert not changed.matches(found)


def test_a_replaced_file_of_the_same_size_and_time_is_seen(tmp_path, later):
    path = tmp_path / "x"
    path.write_text("1")
    memo = MemoryMemo()
    first = digest_input(str(path), memo)
    times = os.stat(path)
    (tmp_path / "y").write_text("2")
    os.utime(tmp_path / "y", ns=(times.st_atime_ns, times.st_mtime_ns))
    os.replace(tmp_path / "y", path)
    assert digest_input(str(path), memo) != first


def test_the_memo_that_remembers_nothing(tmp_path):
    memo = StatMemo()
    found = os.stat(tmp_path)
    memo.put("x", found, "d")
    assert memo.get("x", found) is None
    assert stat.S_ISDIR(found.st_mode)
