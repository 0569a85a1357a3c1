"""The finder: own modules run from the snapshot, everything else as ever."""
from __future__ import annotations

import importlib
import importlib.util
import inspect
import linecache
import os
import py_compile
import sys
import traceback
from pathlib import Path
from typing import Iterator

import pytest

from deepwatch_flow.loading.finder import OwnFinder, SnapshotLoader
from deepwatch_flow.loading.origin import Origins
from deepwatch_flow.loading.snapshot import Snapshot
from deepwatch_flow.model import Boundary


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    modules = dict(sys.modules)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    for name in set(sys.modules) - set(modules):
        del sys.modules[name]
    sys.modules.update(modules)


def finder(root: Path) -> OwnFinder:
    importlib.invalidate_caches()
    return OwnFinder(Snapshot(), Origins(Boundary(str(root))))


def test_own_modules_run_from_the_bytes_that_the_snapshot_has(root: Path) -> None:
    (root / "dwf_a.py").write_text("x = 1\n")
    with finder(root) as own:
        own.snapshot.preload({str(root / "dwf_a.py"): b"x = 2\n"})
        assert importlib.import_module("dwf_a").x == 2
    assert own not in sys.meta_path


def test_stale_bytecode_of_the_same_size_and_second_is_not_run_and_none_is_written(
        root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    file = root / "dwf_stale.py"
    file.write_text("x = 1\n")
    os.utime(file, (1_000_000_000, 1_000_000_000))
    py_compile.compile(str(file))
    file.write_text("x = 2\n")
    os.utime(file, (1_000_000_000, 1_000_000_000))
    assert importlib.import_module("dwf_stale").x == 1    # what Python itself does
    del sys.modules["dwf_stale"]
    (root / "dwf_other.py").write_text("")
    with finder(root):
        module = importlib.import_module("dwf_stale")
        importlib.import_module("dwf_other")
    assert module.x == 2
    assert module.__dict__["__cached__"] is None
    assert not list((root / "__pycache__").glob("dwf_other*"))


def test_packages_keep_all_that_makes_them_packages(root: Path) -> None:
    package = root / "dwf_pkg"
    (package / "sub").mkdir(parents=True)
    (package / "__init__.py").write_text("from .inner import y\nfrom . import inner\n")
    (package / "inner.py").write_text("y = 3\nfrom .sub import leaf\n")
    (package / "sub" / "leaf.py").write_text("from ..inner import y as z\n")     # `sub` is a namespace
    (package / "data.txt").write_text("data")
    with finder(root):
        module = importlib.import_module("dwf_pkg")
        leaf = importlib.import_module("dwf_pkg.sub.leaf")
    assert (module.y, leaf.z) == (3, 3)
    assert module.__path__ == [str(package)]
    assert module.__file__ == str(package / "__init__.py")
    assert module.__spec__.submodule_search_locations == [str(package)]
    assert (module.__package__, module.inner.__package__) == ("dwf_pkg", "dwf_pkg")
    assert isinstance(module.__loader__, SnapshotLoader)
    assert module.__loader__.get_data(str(package / "data.txt")) == b"data"


def test_packages_and_the_standard_library_are_loaded_as_ever(root: Path) -> None:
    site = root / "site-packages"
    (site / "dwf_dist-1.0.dist-info").mkdir(parents=True)
    (site / "dwf_dist.py").write_text("x = 1\n")
    sys.path.insert(0, str(site))
    sys.modules.pop("this", None)
    with finder(root) as own:
        importlib.import_module("dwf_dist")
        assert not isinstance(importlib.import_module("dwf_dist").__loader__, SnapshotLoader)
        assert not isinstance(importlib.util.find_spec("turtle").loader, SnapshotLoader)  # type: ignore[union-attr]
        assert own.snapshot.sources == {}
        with pytest.raises(ModuleNotFoundError):
            importlib.import_module("dwf_no_such_module")


def test_a_loader_that_rewrites_source_keeps_doing_so(root: Path) -> None:
    class Rewriting(importlib.machinery.SourceFileLoader):
        def get_data(self, path: str) -> bytes:
            return b"x = 'rewritten'\n" if path.endswith(".py") else super().get_data(path)

        def path_stats(self, path: str) -> dict:
            raise OSError

    class Hook:
        @staticmethod
        def find_spec(name: str, path: object = None, target: object = None) -> object:
            if name == "dwf_rewritten":
                return importlib.util.spec_from_loader(name, Rewriting(name, str(root / "dwf_rewritten.py")))
            return None

    (root / "dwf_rewritten.py").write_text("x = 'plain'\n")
    sys.meta_path.insert(0, Hook)  # type: ignore[arg-type]
    try:
        with finder(root):
            assert importlib.import_module("dwf_rewritten").x == "rewritten"
    finally:
        sys.meta_path.remove(Hook)  # type: ignore[arg-type]


def test_a_syntax_error_is_the_usual_one_with_file_and_line(root: Path) -> None:
    (root / "dwf_bad.py").write_text("x = 1\ndef f(:\n    pass\n")
    (root / "dwf_null.py").write_bytes(b"x = 1\0")
    (root / "dwf_coding.py").write_bytes(b"# coding: no-such-thing\n")
    with finder(root):
        with pytest.raises(SyntaxError) as caught:
            importlib.import_module("dwf_bad")
        assert (caught.value.filename, caught.value.lineno) == (str(root / "dwf_bad.py"), 2)
        assert caught.value.text is not None and caught.value.text.startswith("def f(:")
        for name in ("dwf_null", "dwf_coding"):
            with pytest.raises(SyntaxError) as caught:
                importlib.import_module(name)
            assert caught.value.filename == str(root / f"{name}.py")
    assert "dwf_bad" not in sys.modules


def test_tracebacks_and_inspect_show_the_text_that_ran_and_afterwards_the_disk(root: Path) -> None:
    file = root / "dwf_shown.py"
    file.write_bytes("# coding: latin-1\ndef f():\n    raise ValueError('é')\n".encode("latin-1"))
    with finder(root):
        module = importlib.import_module("dwf_shown")
        file.write_text("\n\n    # edited meanwhile\n")
        try:
            module.f()
        except ValueError:
            assert "raise ValueError('é')" in traceback.format_exc()
        assert inspect.getsource(module.f) == "def f():\n    raise ValueError('é')\n"
        assert module.__loader__.get_source("dwf_shown").startswith("# coding")
    assert str(file) not in linecache.cache


def test_reloading_inside_gives_the_same_bytes(root: Path) -> None:
    (root / "dwf_again.py").write_text("x = 1\n")
    with finder(root):
        module = importlib.import_module("dwf_again")
        (root / "dwf_again.py").write_text("x = 2\n")
        assert importlib.reload(module).x == 1


def test_of_two_finders_the_inner_one_decides(root: Path) -> None:
    (root / "dwf_inner.py").write_text("x = 1\n")
    with finder(root) as outer, finder(root) as inner:
        importlib.import_module("dwf_inner")
    assert list(inner.snapshot.sources) == [str(root / "dwf_inner.py")]
    assert outer.snapshot.sources == {}
