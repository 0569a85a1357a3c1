"""Each way of putting a product back gives the same file, and falls back to a copy where it is not to be had."""
from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import Any, List

import pytest

from deepwatch_flow.engine import products
from deepwatch_flow.engine.products import Edited, Restorer
from deepwatch_flow.errors import EnvironmentFault
from deepwatch_flow.hashing.digest import digest_bytes
from deepwatch_flow.hashing.files import digest_file
from deepwatch_flow.model import History, ProductFile
from deepwatch_flow.state import disk
from deepwatch_flow.state.memory import MemoryStore
from deepwatch_flow.state.store import BlobMissing, LocalStore

DATA = b"what the step wrote"


class Bench:
    def __init__(self, root: Path) -> None:
        self.root = root
        self.store: Any = LocalStore(str(root / "objects"))
        self.product = ProductFile("out/a.bin", self.store.put(DATA), len(DATA))
        self.path = root / "out" / "a.bin"
        self.blob = root / "objects" / self.product.blob[:2] / self.product.blob[2:]

    def restore(self, link: str, **changes: Any) -> None:
        def digest_of(path: str) -> Any:
            full = self.root / path
            return digest_file(str(full))[0] if full.is_file() else None

        Restorer(str(self.root), self.store, link, digest_of, lambda: History({}, {})).restore(self.product._replace(**changes))

    @property
    def leftovers(self) -> List[str]:
        return [str(path) for path in self.root.rglob(".deepwatch-*")]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@pytest.mark.parametrize("executable", [False, True])
@pytest.mark.parametrize("link", ["copy", "reflink", "hardlink"])
def test_each_way_gives_the_same_bytes(bench: Bench, link: str, executable: bool) -> None:
    for _ in range(2):
        bench.restore(link, executable=executable)
        assert bench.path.read_bytes() == DATA
        assert bench.leftovers == []
        if os.name == "posix":
            assert bool(bench.path.stat().st_mode & stat.S_IXUSR) == executable
            assert bench.blob.stat().st_mode & 0o333 == 0
    # a blob can't be executable for one product and not for another: that one is a copy
    assert (bench.blob.stat().st_nlink == 2) == (link == "hardlink" and not executable)


@pytest.mark.parametrize("link", ["copy", "reflink", "hardlink"])
def test_a_damaged_blob_is_put_nowhere(bench: Bench, link: str) -> None:
    os.chmod(str(bench.blob), 0o644)
    bench.blob.write_bytes(b"x" * len(DATA))
    with pytest.raises(BlobMissing):
        bench.restore(link)
    assert not bench.path.exists() and bench.leftovers == []


@pytest.mark.skipif(products.fcntl is None, reason="there are none on Windows")
def test_a_clone_is_asked_for_and_taken(bench: Bench, monkeypatch: Any) -> None:
    asked = []

    def ioctl(target: int, request: int, source: int) -> int:
        asked.append(request)
        os.write(target, os.read(source, 1000))
        return 0

    monkeypatch.setattr(products.fcntl, "ioctl", ioctl)
    monkeypatch.setattr(bench.store, "copy_to", None)
    bench.restore("reflink")
    assert asked == [0x40049409] and bench.path.read_bytes() == DATA
    assert bench.path.stat().st_mode & stat.S_IWUSR


@pytest.mark.skipif(products.fcntl is None, reason="there are none on Windows")
@pytest.mark.parametrize("number", [errno.ENOTSUP, errno.EXDEV, errno.ENOTTY, errno.EINVAL])
def test_no_clones_here(bench: Bench, monkeypatch: Any, number: int) -> None:
    def ioctl(*_: Any) -> int:
        raise OSError(number, "no")

    monkeypatch.setattr(products.fcntl, "ioctl", ioctl)
    bench.restore("reflink")
    assert bench.path.read_bytes() == DATA and bench.leftovers == []


@pytest.mark.parametrize("number", [errno.EXDEV, errno.EMLINK, errno.EPERM])
def test_no_hard_links_here(bench: Bench, monkeypatch: Any, number: int) -> None:
    def link(*_: Any) -> None:
        raise OSError(number, "no")

    monkeypatch.setattr(os, "link", link)
    bench.restore("hardlink")
    assert bench.path.read_bytes() == DATA and bench.blob.stat().st_nlink == 1


@pytest.mark.parametrize("operation", ["open", "write", "replace"])
def test_a_disk_that_refuses_leaves_nothing_half_done(bench: Bench, monkeypatch: Any, operation: str) -> None:
    def faults(asked: str, path: str) -> None:
        if asked == operation and "out" in path:
            raise OSError(errno.ENOSPC, "no space")

    bench.restore("copy")
    bench.path.unlink()
    monkeypatch.setattr(disk, "faults", faults)
    with pytest.raises(EnvironmentFault):
        bench.restore("copy")
    assert not bench.path.exists() and bench.leftovers == []


def test_an_edit_stays_and_what_the_store_holds_is_no_edit(bench: Bench) -> None:
    bench.restore("copy")
    bench.path.write_bytes(b"mine")
    with pytest.raises(Edited) as caught:
        bench.restore("copy")
    assert "out/a.bin" in caught.value.message and "--force s" in caught.value.told("s")
    assert bench.path.read_bytes() == b"mine"
    bench.store.put(b"mine")
    bench.restore("copy")
    assert bench.path.read_bytes() == DATA


@pytest.mark.skipif(os.name != "posix", reason="links need a right there")
def test_a_link_that_leads_nowhere_makes_way(bench: Bench) -> None:
    bench.path.parent.mkdir()
    bench.path.symlink_to("nowhere")
    bench.restore("copy")
    assert not bench.path.is_symlink() and bench.path.read_bytes() == DATA


def test_a_store_in_memory_has_no_files_to_link_to(bench: Bench) -> None:
    bench.store = MemoryStore()
    assert bench.store.put(DATA) == digest_bytes(DATA)
    bench.restore("copy")
    assert bench.path.read_bytes() == DATA
