"""Which object a chain of names leads to, and how it is spelled by the imports."""
from __future__ import annotations

import json
import os
import os.path
import sys
from pathlib import Path
from typing import Any, Iterator, Optional, Tuple

import pytest
from laboratory import Laboratory, Session

from deepwatch_flow.analysis.resolve import MISSING, Environment, Found, absolute, resolve
from deepwatch_flow.analysis.scopes import Imported, Use

FILES = {
    "main": """
        import os.path
        import os.path as osp
        import json as j
        from os import path as p, sep
        import pkg.low
        import pkg.low as pl
        from pkg import low as l, VALUE
        from pkg.low import helper as h, C
        import lazy
        LOCAL = [1]
        def f(): pass
    """,
    "pkg/__init__": "VALUE = {'a': 1}\n",
    "pkg/low": "def helper(): pass\nclass C:\n    x = 1\n",
    "pkg/other": "from . import low\nfrom .low import helper\n",
    "lazy": "def __getattr__(name):\n    if name == 'made': return [2]\n    raise AttributeError(name)\n",
}


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    with Session(Laboratory(tmp_path).write(FILES)) as made:
        yield made


def environment(session: Session, **cells: Any) -> Environment:
    return session.analysis.graph.environment(vars(session.main))._replace(cells=cells)


def look(session: Session, chain: str, imported: Optional[Imported] = None, **cells: Any) -> Found:
    return resolve(Use(tuple(chain.split(".")), False, imported), environment(session, **cells), session.origins)


@pytest.mark.parametrize(("chain", "rest", "spelled"), [
    ("LOCAL", (), None), ("LOCAL.append", ("append",), None), ("f", (), None), ("f.__name__", ("__name__",), None),
    ("pkg.low.helper", (), "pkg.low.helper"), ("pl.helper", (), "pkg.low.helper"), ("l.helper", (), "pkg.low.helper"),
    ("h", (), "pkg.low.helper"), ("h.x.y", ("x", "y"), "pkg.low.helper.x.y"), ("C.x", ("x",), "pkg.low.C.x"),
    ("VALUE", (), "pkg.VALUE"), ("os.path.join", (), "os.path.join"), ("osp.join", (), "os.path.join"),
    ("p.join", (), "os.path.join"), ("sep", (), "os.sep"), ("j.dumps", (), "json.dumps"), ("os.environ.get", ("get",), "os.environ.get"),
    ("lazy.made", (), "lazy.made"), ("lazy.nothing.at.all", ("nothing", "at", "all"), "lazy.nothing.at.all"),
    ("pkg.missing", ("missing",), "pkg.missing"),
])
def test_chains_are_followed_over_modules_and_spelled_by_their_imports(session: Session, chain: str, rest: Tuple[str, ...],
                                                                       spelled: Optional[str]) -> None:
    found = look(session, chain)
    assert (found.rest, found.spelled, found.builtin) == (rest, spelled, False)


@pytest.mark.parametrize(("chain", "target"), [
    ("LOCAL", "LOCAL"), ("h", "h"), ("pkg.low.helper", "h"), ("pl.helper", "h"), ("pkg.low", "l"), ("pl", "l"), ("C.x", "C"),
])
def test_the_object_is_the_live_one(session: Session, chain: str, target: str) -> None:
    assert look(session, chain).obj is getattr(session.main, target)


def test_an_object_of_the_standard_library_is_the_live_one(session: Session) -> None:
    assert look(session, "j.dumps").obj is json.dumps
    assert look(session, "os.path.join").obj is os.path.join


def test_builtins_are_known_as_such_unless_the_module_hides_them(session: Session) -> None:
    found = look(session, "len.__name__")
    assert (found.obj, found.rest, found.spelled, found.builtin) == (len, ("__name__",), "builtins.len.__name__", True)
    session.main.len = session.main.f
    assert look(session, "len").obj is session.main.f
    assert not look(session, "len").builtin


def test_a_closure_comes_before_globals_and_these_before_builtins(session: Session) -> None:
    assert look(session, "LOCAL", LOCAL=7).obj == 7
    assert look(session, "len.x", len=8) == Found(8, ("x",), None, None, "len")


def test_a_name_bound_to_nothing_is_missing(session: Session) -> None:
    found = look(session, "nowhere.x")
    assert found.obj is MISSING
    assert (found.rest, found.name, found.failed) == (("x",), "nowhere", None)


@pytest.mark.parametrize(("imported", "chain", "spelled", "rest"), [
    (("pkg.low", 0, "helper"), "x", "pkg.low.helper", ()), (("pkg.low", 0, None), "x.helper", "pkg.low.helper", ()),
    (("pkg", 0, "low"), "x.helper", "pkg.low.helper", ()), (("pkg", 0, None), "pkg.low.helper", "pkg.low.helper", ()),
    (("json", 0, "dumps"), "x", "json.dumps", ()), (("json", 0, None), "json.dumps.x", "json.dumps.x", ("x",)),
    (("pkg", 0, "other"), "x.helper", "pkg.other.helper", ()),
])
def test_an_import_inside_a_function_is_followed(session: Session, imported: Imported, chain: str, spelled: str,
                                                 rest: Tuple[str, ...]) -> None:
    found = look(session, chain, imported)
    assert (found.spelled, found.rest, found.failed) == (spelled, rest, None)
    assert found.obj is not MISSING


def test_an_own_module_that_only_a_function_imports_is_imported_to_look(session: Session) -> None:
    assert "pkg.other" not in sys.modules
    assert look(session, "x", ("pkg.other", 0, "helper")).obj is session.main.h
    assert "pkg.other" in sys.modules


def test_a_foreign_module_is_named_and_not_imported(session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = tmp_path / "site-packages"
    info = site / "dear-1.0.dist-info"
    info.mkdir(parents=True)
    (site / "dear.py").write_text("raise RuntimeError('imported')\n")
    (info / "top_level.txt").write_text("dear\n")
    (info / "RECORD").write_text("dear.py,,\n")
    monkeypatch.syspath_prepend(str(site))
    found = look(session, "x.y", ("dear", 0, "thing"))
    assert (found.obj, found.spelled, found.failed) == (None, "dear.thing.y", None)
    assert "dear" not in sys.modules


@pytest.mark.parametrize(("imported", "why"), [
    (("no_such_module_dw", 0, None), "ModuleNotFoundError"), (("pkg.low", 0, "no_such_name"), "ModuleNotFoundError"),
    (("pkg.no_such", 0, "x"), "ModuleNotFoundError"), (("broken", 0, "x"), "ZeroDivisionError"),
])
def test_an_import_that_fails_says_why(session: Session, imported: Imported, why: str) -> None:
    (session.root / "broken.py").write_text("1 / 0\n")
    found = look(session, "x", imported)
    assert found.obj is MISSING
    assert (found.failed or "").startswith(why)


@pytest.mark.parametrize(("module", "level", "package", "name"), [
    ("a.b", 0, "pkg", "a.b"), ("a", 1, "pkg", "pkg.a"), ("", 1, "pkg", "pkg"), ("a", 2, "pkg.sub", "pkg.a"), ("", 2, "pkg.sub", "pkg"),
    ("a", 1, "pkg.sub", "pkg.sub.a"), ("a", 3, "x.y.z", "x.a"),
])
def test_relative_names_start_from_the_package(module: str, level: int, package: str, name: str) -> None:
    assert absolute(module, level, Environment({"__package__": package}, {}, None)) == name


def test_a_relative_import_inside_a_function_is_followed(session: Session) -> None:
    low = session.main.l
    found = resolve(Use(("x",), False, ("low", 1, "helper")), session.analysis.graph.environment(vars(low)), session.origins)
    assert found.obj is low.helper
