"""From live functions and classes to their definitions, and to nothing where the text is another one."""
from __future__ import annotations

import ast
import linecache
import textwrap
from pathlib import Path
from typing import Any, Dict, Optional

import pytest

from deepwatch_flow.analysis import locate
from deepwatch_flow.analysis.facts import Definition, facts_of
from deepwatch_flow.analysis.locate import Located, Sources
from deepwatch_flow.loading.snapshot import Snapshot


class Module:
    """A file, executed."""

    def __init__(self, folder: Path, source: str) -> None:
        self.path = folder / "module.py"
        self.path.write_text(textwrap.dedent(source).lstrip("\n"))
        self.names: Dict[str, Any] = {"__name__": "module", "__file__": str(self.path)}
        exec(compile(self.path.read_bytes(), str(self.path), "exec", dont_inherit=True), self.names)

    def locate(self, name: str, sources: Optional[Sources] = None) -> Optional[Located]:
        found = self.names
        for part in name.split("."):
            found = found[part] if isinstance(found, dict) else getattr(found, part)
        return (sources or Sources(Snapshot())).locate(found)  # type: ignore[arg-type]

    def definition(self, name: str) -> Definition:
        found = self.locate(name)
        assert found is not None, f"{name} was not found"
        return found.definition


@pytest.mark.parametrize(("source", "name", "qualname", "lines"), [
    ("def f():\n    return 1\n", "f", "f", (1, 2)),
    ("def deco(g): return g\n@deco\n@deco\ndef f():\n    return 1\n", "f", "f", (2, 5)),
    ("def make():\n    def inner(): return 1\n    return inner\nf = make()\n", "f", "make.<locals>.inner", (2, 2)),
    ("class C:\n    class D:\n        def m(self): return 1\nf = C.D.m\n", "f", "C.D.m", (3, 3)),
    ("async def f(): pass\n", "f", "f", (1, 1)),
    ("f = lambda: 1\n", "f", "<lambda>", (1, 1)),
    ("def make(): return [lambda: i for i in (1,)]\nf = make()[0]\n", "f", "make.<locals>.<lambda>", (1, 1)),
    ("if True:\n    def f(): return 1\nelse:\n    def f(): return 2\n", "f", "f", (2, 2)),
    ("def f(): return 1\ndef f(): return 2\n", "f", "f", (2, 2)),
    ("try:\n    def f(): return 1\nfinally:\n    pass\n", "f", "f", (2, 2)),
    ("for n in 1, 2:\n    def f(): return n\n", "f", "f", (2, 2)),
    ("def other(g=lambda: 5): return g\nf = other.__defaults__[0]\n", "f", "<lambda>", (1, 1)),
])
def test_functions_of_all_kinds(tmp_path: Path, source: str, name: str, qualname: str, lines: Any) -> None:
    found = Module(tmp_path, source).definition(name)
    assert found.qualname.rpartition(".")[2] == qualname.rpartition(".")[2]
    assert (found.line, found.end) == lines


def text(source: str) -> str:
    return facts_of(ast.parse(source)).definitions[0].text.digest


@pytest.mark.parametrize(("line", "bodies"), [
    ("fs = [lambda: 1, lambda: 2, lambda: 3]", ["1", "2", "3"]),
    ("fs = [lambda: (lambda: 1), lambda: 2]", ["(lambda: 1)", "2"]),
    ("fs = (lambda *, g=lambda: 1: g).__kwdefaults__['g'], lambda: 2", ["1", "2"]),
    ("fs = [f for f in (lambda: 1, lambda: 2)]", ["1", "2"]),
    ("fs = [lambda: 1, lambda: 1]", ["1", "1"]),
    ("fs = [lambda: 1.0, lambda: 1, lambda: True]", ["1.0", "1", "True"]),
])
def test_lambdas_on_one_line_are_told_apart(tmp_path: Path, line: str, bodies: Any) -> None:
    module = Module(tmp_path, line + "\n")
    found = [Sources(Snapshot()).locate(each) for each in module.names["fs"]]
    assert [each and each.definition.text.digest for each in found] == [text(f"f = lambda: {body}\n") for body in bodies]


@pytest.mark.parametrize(("line", "bodies"), [
    ("fs = [(lambda: 1) if 0 else (lambda: 2)]", ["2"]), ("fs = [(lambda: 1) if True else (lambda: 2), lambda: 3]", ["1", "3"]),
    ("fs = [lambda: 1, lambda: 1, lambda: 2]", ["1", "1", "2"]),
])
def test_lambdas_that_some_pythons_can_t_tell_apart_are_not_guessed(tmp_path: Path, line: str, bodies: Any) -> None:
    """Equal code is one object below Python 3.11, and code that can't be reached is dropped from 3.13 on."""
    module = Module(tmp_path, line + "\n")
    for function, body in zip(module.names["fs"], bodies):
        found = Sources(Snapshot()).locate(function)
        assert found is None or found.definition.text.digest == text(f"f = lambda: {body}\n")


def test_a_file_that_was_edited_is_not_believed(tmp_path: Path) -> None:
    module = Module(tmp_path, "def f():\n    return 1\n\ndef g():\n    return 1\n")
    module.path.write_text("def f():\n    return 2\n\ndef g():\n    return 1\n")
    assert module.locate("f") is None
    assert module.locate("g") is not None, "its own text is what it was"


def test_a_file_in_which_all_moved_is_not_believed(tmp_path: Path) -> None:
    module = Module(tmp_path, "def f():\n    return 1\n")
    module.path.write_text("\n\ndef f():\n    return 1\n")
    assert module.locate("f") is None


@pytest.mark.parametrize("spoil", [
    lambda path: path.unlink(), lambda path: path.write_text("def f(:\n"), lambda path: path.write_bytes(b"\x00\xff"),
    lambda path: path.write_bytes(b"# coding: no-such-thing\n"),
], ids=["gone", "no syntax", "no text", "unknown encoding"])
def test_a_file_that_can_t_be_read_or_parsed_gives_nothing(tmp_path: Path, spoil: Any) -> None:
    module = Module(tmp_path, "def f():\n    return 1\n")
    spoil(module.path)
    assert module.locate("f") is None


@pytest.mark.parametrize("error", [RecursionError("deep"), MemoryError("s_push: parser stack overflow"), ValueError("null bytes"),
                                   SyntaxError("x")], ids=lambda error: type(error).__name__)
def test_a_file_that_the_parser_gives_up_on_gives_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """Python may have compiled it from a shallower stack, or from a `.pyc`."""
    module = Module(tmp_path, "def f():\n    return 1\n")
    monkeypatch.setattr(locate.facts, "facts_of", lambda tree: (_ for _ in ()).throw(error))
    assert module.locate("f") is None


def test_code_without_a_text_gives_nothing() -> None:
    names: Dict[str, Any] = {}
    exec("def f(): return 1", names)
    assert Sources(Snapshot()).locate(names["f"]) is None


def test_a_notebooks_cell_is_found_in_linecache_and_a_later_cell_too() -> None:
    sources = Sources(Snapshot())
    names: Dict[str, Any] = {}
    for name, cell in {"<cell 1>": "def f():\n    return 1\n", "<cell 2>": "def g():\n    return 2\n"}.items():
        exec(compile(cell, name, "exec", dont_inherit=True), names)
        assert sources.file(name) is None
        linecache.cache[name] = (len(cell), None, cell.splitlines(True), name)
    try:
        found = [sources.locate(names[name]) for name in "fg"]
        assert [each and each.definition.qualname for each in found] == ["f", "g"]
    finally:
        del linecache.cache["<cell 1>"], linecache.cache["<cell 2>"]


def test_classes_by_qualified_name_and_of_several_the_live_one(tmp_path: Path) -> None:
    module = Module(tmp_path, "class C:\n    def m(self): return 1\nfirst = C\nclass C:\n    def m(self): return 2\n"
                              "class D:\n    class C: pass\n")
    file = Sources(Snapshot()).file(str(module.path))
    assert file is not None
    found = [file.of_class(cls) for cls in (module.names["first"], module.names["C"], module.names["D"].C)]
    assert [each and each.line for each in found] == [1, 4, 7]
    assert file.of_class(int) is None


def test_names_and_what_binds_them(tmp_path: Path) -> None:
    module = Module(tmp_path, "A = 1\nif A:\n    A = 2\ndef f(): pass\ndef f(): return 1\n")
    file = Sources(Snapshot()).file(str(module.path))
    assert file is not None
    assert [each.line for each in file.binding("A")] == [1, 2]
    assert file.binding("f") == []
    named = file.named("f")
    assert named is not None
    assert named.line == 5
    assert file.named("g") is None


def test_damaged_kept_facts_are_made_anew(tmp_path: Path) -> None:
    module = Module(tmp_path, "def f(): return 1\n")
    snapshot = Snapshot()
    digest = snapshot.read(str(module.path)).digest
    kept = {digest: b"damaged"}
    assert module.locate("f", Sources(snapshot, kept)) is not None
    assert kept[digest] != b"damaged"
