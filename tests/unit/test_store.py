"""A blob is what its name says, or it is missing."""
from __future__ import annotations

import errno
import os
import pickle
import stat
import threading

import pytest

from deepwatch_flow.errors import EnvironmentFault
from deepwatch_flow.hashing.digest import digest_bytes
from deepwatch_flow.state import disk
from deepwatch_flow.state.memory import MemoryStore
from deepwatch_flow.state.store import BlobMissing, BlobStore, LocalStore


@pytest.fixture(params=["local", "memory"])
def store(request, tmp_path) -> BlobStore:
    return LocalStore(str(tmp_path / "objects")) if request.param == "local" else MemoryStore()


@pytest.fixture
def notices():
    return []


@pytest.fixture
def local(tmp_path, notices):
    return LocalStore(str(tmp_path / "objects"), notices.append)


def path_of(store, digest):
    return os.path.join(store.folder, digest[:2], digest[2:])


def overwrite(path, data):
    os.chmod(path, 0o644)
    with open(path, "wb") as file:
        file.write(data)


def files_in(folder):
    return sorted(os.path.join(root, name) for root, _, names in os.walk(folder) for name in names)


@pytest.mark.parametrize("data", [b"", b"x", b"y" * 100_000])
def test_what_is_put_can_be_had(store, data, tmp_path):
    digest = store.put(data)
    assert digest == digest_bytes(data)
    assert store.get(digest) == data
    assert store.has(digest)
    assert store.has(digest, len(data))
    assert not store.has(digest, len(data) + 1)
    assert store.size(digest) == len(data)
    store.copy_to(digest, str(tmp_path / "deep" / "copy"))
    assert (tmp_path / "deep" / "copy").read_bytes() == data
    assert list(store.list()) == [digest]
    assert store.remove(digest) is True
    assert store.remove(digest) is False
    assert not store.has(digest)
    assert store.size(digest) is None
    assert list(store.list()) == []


def test_a_missing_blob_says_which_and_survives_pickling(store, tmp_path):
    digest = digest_bytes(b"never put")
    for ask in (store.get, lambda digest: store.copy_to(digest, str(tmp_path / "copy"))):
        with pytest.raises(BlobMissing) as caught:
            ask(digest)
        assert digest in str(caught.value)
        assert pickle.loads(pickle.dumps(caught.value)).digest == digest
    assert os.listdir(tmp_path) in ([], ["objects"])


@pytest.mark.parametrize("size", [0, 10, 3 * disk.CHUNK + 1])
def test_a_file_is_kept_as_its_bytes(store, tmp_path, size):
    data = os.urandom(size)
    (tmp_path / "product").write_bytes(data)
    assert store.put_file(str(tmp_path / "product")) == (digest_bytes(data), size)
    assert store.put_file(str(tmp_path / "product")) == (digest_bytes(data), size)
    assert store.get(digest_bytes(data)) == data


def test_keeping_a_file_that_is_not_there_is_explained(store, tmp_path):
    with pytest.raises(EnvironmentFault, match="none"):
        store.put_file(str(tmp_path / "none"))


def test_bytes_like_values_are_taken(store):
    assert store.put(bytearray(b"abc")) == store.put(memoryview(b"abc")) == digest_bytes(b"abc")
    assert store.get(digest_bytes(b"abc")) == b"abc"


def test_a_blob_is_a_read_only_file_under_its_digest_and_nothing_else_is_left(local):
    digest = local.put(b"data")
    assert files_in(local.folder) == [path_of(local, digest)]
    assert stat.S_IMODE(os.stat(path_of(local, digest)).st_mode) & 0o333 == 0


def test_a_blob_that_is_there_is_not_written_again(local):
    digest = local.put(b"data")
    before = os.stat(path_of(local, digest))
    local.put(b"data")
    after = os.stat(path_of(local, digest))
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


def test_a_truncated_blob_is_written_again(local):
    digest = local.put(b"data")
    overwrite(path_of(local, digest), b"dat")
    assert not local.has(digest, 4)
    local.put(b"data")
    assert local.get(digest) == b"data"


def test_every_flipped_bit_and_every_truncation_is_found(tmp_path, notices):
    data = b"small blob"
    damaged = [data[:length] for length in range(len(data))] + [data + b"x"]
    for bit in range(len(data) * 8):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        damaged.append(bytes(flipped))
    store = LocalStore(str(tmp_path / "objects"), notices.append)
    digest = digest_bytes(data)
    for number, wrong in enumerate(damaged, 1):
        store.put(data)
        overwrite(path_of(store, digest), wrong)
        with pytest.raises(BlobMissing):
            store.get(digest) if number % 2 else store.copy_to(digest, str(tmp_path / "copy"))
        assert not store.has(digest)
        assert store.corrupt == number
    assert len(notices) == len(damaged)
    assert digest in notices[0].message
    assert digest_bytes(damaged[0]) in notices[0].message
    assert len(os.listdir(tmp_path / "objects" / "corrupt")) == len(damaged)
    assert not (tmp_path / "copy").exists()


def test_a_damaged_blob_leaves_the_target_of_a_copy_alone(local, tmp_path):
    digest = local.put(b"data")
    overwrite(path_of(local, digest), b"atad")
    (tmp_path / "product").write_bytes(b"as it was")
    with pytest.raises(BlobMissing):
        local.copy_to(digest, str(tmp_path / "product"))
    assert (tmp_path / "product").read_bytes() == b"as it was"
    assert sorted(os.listdir(tmp_path)) == ["objects", "product"]


@pytest.mark.parametrize("shape", ["folder", "link", "dangling", "pipe"])
def test_something_else_under_the_name_of_a_blob_counts_as_damage(local, tmp_path, shape):
    digest = local.put(b"data")
    path = path_of(local, digest)
    os.unlink(path)
    (tmp_path / "foreign").write_bytes(b"data")
    {"folder": os.mkdir, "link": lambda path: os.symlink(tmp_path / "foreign", path),
     "dangling": lambda path: os.symlink(tmp_path / "none", path), "pipe": os.mkfifo}[shape](path)
    assert not local.has(digest)
    with pytest.raises(BlobMissing):
        local.get(digest)
    assert local.corrupt == 1
    local.put(b"data")
    assert local.get(digest) == b"data"
    assert (tmp_path / "foreign").read_bytes() == b"data"


def test_a_foreign_thing_is_moved_aside_by_put(local):
    digest = digest_bytes(b"data")
    os.makedirs(os.path.join(path_of(local, digest), "inner"))
    assert local.put(b"data") == digest
    assert local.get(digest) == b"data"
    assert local.corrupt == 1


@pytest.mark.parametrize("digest", ["../../../etc/passwd", "", "ab", "/" * 64, "." * 64, "\x00" * 64, "é" * 64])
def test_a_digest_from_a_hostile_lockfile_leads_nowhere(local, tmp_path, digest):
    assert not local.has(digest)
    assert local.remove(digest) is False
    for ask in (local.get, lambda digest: local.copy_to(digest, str(tmp_path / "copy"))):
        with pytest.raises(BlobMissing):
            ask(digest)
    assert local.corrupt == 0


def failing(operation, error):
    """Return what has one operation of the disk fail."""
    def fail(asked, path):
        if asked == operation:
            raise error
    return fail


@pytest.mark.parametrize("operation", ["open", "write", "replace", "mkdir"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EMFILE])
def test_a_disk_that_refuses_is_explained_and_no_partial_blob_is_published(
        local, tmp_path, monkeypatch, operation, number):
    (tmp_path / "product").write_bytes(b"data")

    def refuse(asked, path):
        if asked == operation and "product" not in path:
            raise OSError(number, os.strerror(number))
    monkeypatch.setattr(disk, "faults", refuse)
    large = bytes(1 << 17)      # small ones are written under their names: nothing is replaced
    for put in (lambda: local.put(large if operation == "replace" else b"data"), lambda: local.put_file(str(tmp_path / "product"))):
        with pytest.raises(EnvironmentFault) as caught:
            put()
        assert os.strerror(number) in caught.value.message
        assert caught.value.hint
    monkeypatch.setattr(disk, "faults", None)
    assert files_in(local.folder) == []
    assert local.get(local.put(b"data")) == b"data"


def test_what_a_killed_process_left_of_a_small_blob_is_written_anew(local):
    digest = local.put(b"data")
    for left in (b"", b"da"):
        overwrite(path_of(local, digest), left)
        assert not local.has(digest, 4)
        assert local.put(b"data") == digest
        assert local.get(digest) == b"data"


def test_a_small_blob_that_is_interrupted_leaves_nothing(local, monkeypatch):
    monkeypatch.setattr(disk, "faults", failing("write", KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        local.put(b"data")
    assert files_in(local.folder) == []


def test_a_blob_that_is_here_survives_a_disk_that_refuses(local, monkeypatch):
    digest = local.put(b"data")
    monkeypatch.setattr(disk, "faults", failing("open", OSError(errno.EMFILE, "Too many open files")))
    assert local.put(b"data") == digest
    monkeypatch.setattr(disk, "faults", None)
    assert local.get(digest) == b"data"


def test_a_blob_that_the_disk_can_not_read_is_missing(local, monkeypatch):
    digest = local.put(b"data")
    monkeypatch.setattr(disk, "faults", failing("read", OSError(errno.EIO, "Input/output error")))
    with pytest.raises(BlobMissing):
        local.get(digest)
    assert local.corrupt == 1


def test_a_machine_that_refuses_to_read_is_no_damage(local, tmp_path, monkeypatch):
    digest = local.put(b"data")

    def fail(operation, path):
        if operation == "open" and path.endswith(digest[2:]):
            raise OSError(errno.EMFILE, "Too many open files")
    monkeypatch.setattr(disk, "faults", fail)
    for ask in (local.get, lambda digest: local.copy_to(digest, str(tmp_path / "copy"))):
        with pytest.raises(EnvironmentFault, match="open files"):
            ask(digest)
    monkeypatch.setattr(disk, "faults", None)
    assert local.get(digest) == b"data"


def test_a_damaged_blob_on_a_read_only_disk_is_missing_all_the_same(local, notices, monkeypatch):
    digest = local.put(b"data")
    overwrite(path_of(local, digest), b"atad")

    def refuse(operation, path):
        if operation in ("replace", "mkdir"):
            raise OSError(errno.EROFS, "Read-only file system")
    monkeypatch.setattr(disk, "faults", refuse)
    with pytest.raises(BlobMissing):
        local.get(digest)
    assert "Read-only" in notices[0].hint


def test_a_store_that_is_cleaned_under_a_running_process_is_made_again(local):
    digest = local.put(b"data")
    other = digest_bytes(b"other")
    local.put(b"other")
    local.remove(other)
    os.rmdir(os.path.dirname(path_of(local, other)))
    assert local.put(b"other") == other
    assert local.get(other) == b"other"
    assert local.get(digest) == b"data"


def test_writers_of_one_blob_do_not_disturb_each_other(local):
    data = os.urandom(200_000)
    failures = []

    def work():
        try:
            for _ in range(20):
                assert local.get(LocalStore(local.folder).put(data)) == data
        except Exception as error:
            failures.append(error)
    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(files_in(local.folder)) == 1


def test_only_blobs_are_listed(local):
    digest = local.put(b"data")
    os.makedirs(os.path.join(local.folder, "zz"))
    for name in ("stray", "zz/stray"):
        with open(os.path.join(local.folder, name), "wb"):
            pass
    assert list(local.list()) == [digest]


# -- streams ---------------------------------------------------------------------------------------

@pytest.mark.parametrize("sizes", [[], [0], [5], [disk.CHUNK - 1, 1], [10] * 1000, [3, 3 * disk.CHUNK + 1, 7], [disk.CHUNK] * 2])
def test_what_is_written_to_a_stream_is_kept_as_written(store, sizes):
    pieces = [os.urandom(size) for size in sizes]

    def write(file):
        for number, piece in enumerate(pieces):
            assert file.tell() == sum(sizes[:number])
            assert file.write(piece) == len(piece)

    data = b"".join(pieces)
    assert store.put_stream(write) == store.put_stream(write) == (digest_bytes(data), len(data))
    assert store.get(digest_bytes(data)) == data
    with open(store.path(digest_bytes(data)), "rb") as file:
        assert file.read() == data


@pytest.mark.parametrize("size", [10, 3 * disk.CHUNK])
def test_a_stream_that_breaks_off_leaves_nothing(local, size):
    def write(file):
        file.write(b"x" * size)
        raise KeyError("no more")

    with pytest.raises(KeyError):
        local.put_stream(write)
    assert files_in(local.folder) == []


def test_a_streamed_blob_is_read_only(local):
    digest, _ = local.put_stream(lambda file: file.write(b"x" * 3 * disk.CHUNK) and None)
    assert files_in(local.folder) == [path_of(local, digest)]
    assert stat.S_IMODE(os.stat(path_of(local, digest)).st_mode) & 0o333 == 0


def test_a_full_disk_ends_a_stream_with_its_cure(local, monkeypatch):
    def fails(operation, path):
        if operation == "write":
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(disk, "faults", fails)
    with pytest.raises(EnvironmentFault, match="No space left") as caught:
        local.put_stream(lambda file: file.write(b"x" * 3 * disk.CHUNK) and None)
    assert "disk is full" in caught.value.hint
    monkeypatch.setattr(disk, "faults", None)
    assert files_in(local.folder) == []


def test_the_path_of_a_damaged_or_missing_blob_is_not_given(local, notices):
    digest = local.put(b"data")
    overwrite(path_of(local, digest), b"dada")
    with pytest.raises(BlobMissing):
        local.path(digest)
    assert "damaged" in notices[0].message
    with pytest.raises(BlobMissing):
        local.path(digest)
    with pytest.raises(BlobMissing):
        local.path("../../etc/passwd")
