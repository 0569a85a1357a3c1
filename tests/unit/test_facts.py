"""The facts of a file: what is found in it, the same on every Python, and there and back as bytes."""
from __future__ import annotations

import ast
import marshal
import textwrap
from typing import Any, Dict, List

import pytest

from deepwatch_flow.analysis import facts
from deepwatch_flow.analysis.facts import Definition, ModuleFacts, Statement, dump, facts_of, load

SOURCE = textwrap.dedent('''
    """The module's docstring."""
    import os.path, json as j
    from ..pkg import thing as other, more
    from . import sibling

    LIMIT: int = 3
    A = B = [1, 2]
    (C, *D), E.attribute, F["x"] = values()

    if LIMIT:
        import late
        G = 1
    else:
        def conditional(): return 2

    for i in range(3):
        print(i)
    print("effect")
    with open("x") as handle:
        H = handle.read()
    try:
        I = 1
    except ValueError as error:
        pass

    @deco(1)
    def f(a, b: int = 2, *args, c=3, **kw) -> str:
        """The docstring."""
        def inner(x):
            return lambda y: (x, y)
        class Local:
            z = 1
            def method(self): return LIMIT
        return inner(a)[1:2, ...], f"{b!r:>{c}}", a[0], Local, os.environ["HOME"]

    class K(Base, metaclass=Meta):
        """Its docstring."""
        x: int = 1
        y = z = []
        def m(self): return self.x
        @property
        def p(self): return __class__
        class Nested:
            pass

    t = [lambda: 1, lambda q: q]

    if __name__ == "__main__":
        print("not looked at")
''')


def of(source: str) -> ModuleFacts:
    return facts_of(ast.parse(textwrap.dedent(source)))


@pytest.fixture(scope="module")
def found() -> ModuleFacts:
    return of(SOURCE)


def by_name(found: ModuleFacts) -> Dict[str, Definition]:
    return {each.qualname: each for each in found.definitions}


# -- what is found ----------------------------------------------------------------------------------------------

def test_all_definitions_at_any_depth_by_their_qualified_names(found: ModuleFacts) -> None:
    assert sorted(by_name(found)) == [
        "<lambda>", "K", "K.Nested", "K.m", "K.p", "conditional", "f", "f.<locals>.Local", "f.<locals>.Local.method",
        "f.<locals>.inner", "f.<locals>.inner.<locals>.<lambda>"]


def test_qualified_names_are_those_that_python_gives() -> None:
    source = "def f():\n def g():\n  class C:\n   def m(self): return lambda: [x for x in (lambda: 1,)]\n  return C\n return g\n" \
             "class K:\n class L:\n  def m(self):\n   def n(): pass\n   return n\n a = lambda self: 1\n"
    names = set()
    waiting: List[Any] = [(compile(source, "x", "exec"), "")]
    while waiting:
        code, prefix = waiting.pop()
        for const in code.co_consts:
            if hasattr(const, "co_code"):
                is_class = "__qualname__" in const.co_names and const.co_name[0] != "<"
                name = prefix + const.co_name
                if not const.co_name.startswith("<listcomp"):
                    names.add(name)
                waiting.append((const, name + ("." if is_class else ".<locals>.")))
    assert {name.replace("<listcomp>.<locals>.", "") for name in names} == set(by_name(of(source)))


def test_a_definition_has_the_line_of_its_first_decorator_as_code_objects_have() -> None:
    found = by_name(of("x = 1\n@a\n@b\ndef f():\n    return 1\n"))["f"]
    code = next(each for each in compile("x = 1\n@a\n@b\ndef f():\n    return 1\n", "x", "exec").co_consts if hasattr(each, "co_code"))
    assert (found.line, found.end) == (code.co_firstlineno, 5) == (2, 5)


def test_imports_are_known_by_the_names_they_bind(found: ModuleFacts) -> None:
    assert set(found.imports) == {
        ("os", "os", 0, None), ("", "os.path", 0, None), ("j", "json", 0, None), ("other", "pkg", 2, "thing"),
        ("more", "pkg", 2, "more"), ("sibling", "", 1, "sibling"), ("late", "late", 0, None)}


def test_statements_are_known_by_the_names_they_bind(found: ModuleFacts) -> None:
    names = [statement.names for statement in found.statements]
    for expected in [("LIMIT",), ("A", "B"), ("C", "D"), ("t",), ("i",), ("H", "handle"), ("I", "error")]:
        assert expected in names
    assert set(found.assigned) >= {"LIMIT", "A", "B", "C", "D", "G", "H", "f", "K", "t", "conditional"}


def test_what_is_below_the_main_guard_is_no_part_of_the_module(found: ModuleFacts) -> None:
    assert all("__name__" not in [use.chain[0] for use in each.text.uses] for each in found.statements)


@pytest.mark.parametrize(("source", "effect"), [
    ("f()", True), ("a.b = 1", True), ("a['x'] = 1", True), ("a.b += 1", True), ("del a.b", True), ("a = f()", False),
    ("a += 1", False), ("for i in x: f()", True), ("if x: a.b = 1", True), ("for i in x: a = i", False), ("with x: f()", True),
    ("try:\n    f()\nexcept E: pass", True), ("a: int = 1", False), ("while x: f()", True), ("x[0]", False),
])
def test_which_statements_do_something_beyond_binding_names(source: str, effect: bool) -> None:
    assert [each.effect for each in of(source).statements] == [effect]


def test_a_class_knows_what_its_body_assigns(found: ModuleFacts) -> None:
    assert [name for name, _ in by_name(found)["K"].assigned] == ["x", "y", "z"]


def test_a_function_knows_its_parameters_and_its_decorators(found: ModuleFacts) -> None:
    f = by_name(found)["f"]
    assert f.signature == "a,b,c"
    assert [[use.chain for use in each.uses] for each in f.decorators] == [[("deco",)]]
    assert f.defaults is not None
    assert ("env", ("const", "HOME"), ("os", "environ")) in f.text.recipes


def test_two_definitions_of_one_name_are_both_kept_in_order() -> None:
    assert [each.line for each in of("def f(): return 1\ndef f(): return 2\n").definitions] == [1, 2]


def test_an_empty_file_has_facts() -> None:
    assert of("") == ModuleFacts((), (), (), (), "")


# -- there and back -------------------------------------------------------------------------------------------------

def test_facts_come_back_from_bytes_as_they_were(found: ModuleFacts) -> None:
    again = load(dump(found))
    assert again == found
    assert again is not None
    assert type(again.definitions[0]) is Definition
    assert type(again.statements[0]) is Statement
    assert by_name(again)["f"].text.uses[0]._fields == ("chain", "called", "imported")
    assert dump(again) == dump(found)


def test_facts_of_another_version_are_none(monkeypatch: pytest.MonkeyPatch, found: ModuleFacts) -> None:
    data = dump(found)
    monkeypatch.setattr(facts, "FACTS_VERSION", facts.FACTS_VERSION + 1)
    assert load(data) is None


@pytest.mark.parametrize("data", [b"", b"x", b"\xff\xff", marshal.dumps(1), marshal.dumps((facts.FACTS_VERSION, 1)),
                                  marshal.dumps((facts.FACTS_VERSION, ((), ())))], ids=repr)
def test_damaged_bytes_are_none(data: bytes) -> None:
    assert load(data) is None


def test_cut_off_bytes_are_none(found: ModuleFacts) -> None:
    data = dump(found)
    assert all(load(data[:length]) is None for length in range(0, len(data), 101))


# -- the same on every Python ------------------------------------------------------------------------------------------

#: first digits of the digests of the definitions above: raise FACTS_VERSION and model.SCHEME with any change of these
GOLDEN = {
    "<lambda>": "6a55b8ed1396",
    "K": "4c399bf8ca20",
    "K.Nested": "4ef951ccdd36",
    "K.m": "92c5cf6ce794",
    "K.p": "2db2253fcc4d",
    "conditional": "4793e2f98341",
    "f": "ca284f2de84b",
    "f.<locals>.Local": "686f7925f507",
    "f.<locals>.Local.method": "2db2253fcc4d",
    "f.<locals>.inner": "530defead2bd",
    "f.<locals>.inner.<locals>.<lambda>": "ab377b83722a",
}
STATEMENTS = "a0fa706a0416"


def test_digests_are_the_same_on_every_version_of_python(found: ModuleFacts) -> None:
    assert {name: each.text.digest[:12] for name, each in sorted(by_name(found).items())} == GOLDEN


def test_statements_digests_are_the_same_on_every_version_of_python(found: ModuleFacts) -> None:
    joined = "".join(each.text.digest for each in found.statements)
    assert facts.digest_bytes(joined.encode())[:12] == STATEMENTS
