"""Which edits of a definition change its canonical text, and which don't: pairs in tables."""
from __future__ import annotations

import ast
import sys
import textwrap
from typing import Any, Callable, List, Tuple

import pytest

from deepwatch_flow.analysis.reads import (
    READS_ANNOTATIONS, READS_DEBUG, READS_DOC, READS_GLOBALS, READS_NAMES, READS_SOURCE,
)
from deepwatch_flow.analysis.facts import Definition, facts_of
from deepwatch_flow.analysis.normal import fold


def definitions(source: str) -> List[Definition]:
    return list(facts_of(ast.parse(textwrap.dedent(source))).definitions)


def of(source: str) -> Definition:
    """The definition of a text; plain statements are taken as the body of a function."""
    source = textwrap.dedent(source).strip("\n")
    if not source.startswith(("def f(", "async def f(", "class C(")):
        source = "def f(a, b):\n" + textwrap.indent(source, "    ")
    return definitions(source)[0]


def meaning(source: str) -> Tuple[Any, ...]:
    found = of(source)
    return (found.text.digest, [use.chain for use in found.text.uses])


SAME = {
    "a comment": ("return a", "# why\nreturn a  # so"),
    "layout": ("x = [1,\n     2]\nreturn x", "x = [ 1, 2 ]\nreturn x"),
    "parentheses": ("return a + b * 2", "return (a + (b * 2))"),
    "quotes": ("return 'a'", 'return """a"""'),
    "a u before the quotes": ("return 'a'", "return u'a'"),
    "escapes": (r"return '\x41'", "return 'A'"),
    "a raw text": (r"return '\\d'", r"return r'\d'"),
    "texts put side by side": ("return 'ab'", "return 'a' 'b'"),
    "spelling of a number": ("return 1000, 255, 0.5", "return 1_000, 0xff, 5e-1"),
    "a docstring": ("def f(a):\n 'one'\n return a", "def f(a):\n 'two'\n return a"),
    "a docstring that goes": ("def f(a):\n 'one'\n return a", "def f(a):\n return a"),
    "annotations": ("def f(a: int) -> str:\n return a", "def f(a):\n return a"),
    "an annotated local": ("x: int = a\nreturn x", "x = a\nreturn x"),
    "a mere annotation": ("x: int\nreturn a", "return a"),
    "a local's name": ("x = a\nreturn x", "total = a\nreturn total"),
    "all locals' names": ("x = a; y = x; return y, x", "p = a; q = p; return q, p"),
    "a loop variable": ("for x in a:\n print(x)", "for each in a:\n print(each)"),
    "a caught error": ("try:\n a()\nexcept ValueError as e:\n print(e)",
                       "try:\n a()\nexcept ValueError as error:\n print(error)"),
    "what `with` binds": ("with a as x:\n return x", "with a as y:\n return y"),
    "a comprehension's variable": ("return [x for x in a]", "return [y for y in a]"),
    "a comprehension over its own name": ("x = a\nreturn [x for x in x]", "x = a\nreturn [y for y in x]"),
    "a walrus": ("if (n := a):\n return n", "if (m := a):\n return m"),
    "a walrus in a comprehension": ("r = [n for i in a if (n := i)]\nreturn n, r",
                                    "s = [m for j in a if (m := j)]\nreturn m, s"),
    "a nested function's name and local": ("def inner():\n  x = a\n  return x\nreturn inner()",
                                           "def other():\n  y = a\n  return y\nreturn other()"),
    "a nonlocal": ("n = 0\ndef up():\n  nonlocal n\n  n += 1\nup()\nreturn n",
                   "m = 0\ndef up():\n  nonlocal m\n  m += 1\nup()\nreturn m"),
    "a lambda's parameter": ("return map(lambda x: x, a)", "return map(lambda y: y, a)"),
    "star parameters": ("def f(*args, **kw):\n return args, kw", "def f(*parts, **more):\n return parts, more"),
    "a positional parameter": ("def f(a):\n return a", "def f(b):\n return b"),
    "a starred target": ("first, *rest = a\nreturn rest", "one, *more = a\nreturn more"),
    "an import's alias": ("import json as j\nreturn j.dumps(a)", "import json as k\nreturn k.dumps(a)"),
    "`return None` at the end": ("print(a)\nreturn None", "print(a)"),
    "`return` at the end": ("print(a)\nreturn", "print(a)"),
    "`return None` inside": ("if a:\n return None\nprint(a)", "if a:\n return\nprint(a)"),
    "pass": ("pass\nreturn a", "return a"),
    "a stray constant": ("...\n'text'\n3\nreturn a", "return a"),
    "code behind a return": ("return a\nprint(b)", "return a"),
    "code behind a raise": ("raise a\nprint(b)", "raise a"),
    "code behind a continue": ("for x in a:\n  continue\n  print(x)", "for x in a:\n  continue"),
    "if False": ("if False:\n  print(b)\nreturn a", "return a"),
    "if 0 and else": ("if 0:\n  print(b)\nelse:\n  print(a)", "print(a)"),
    "if True": ("if True:\n  return a\nreturn b", "return a"),
    "while False": ("while False:\n  print(b)\nreturn a", "return a"),
    "while 1": ("while 1:\n  a()", "while True:\n  a()"),
    "arithmetic": ("return 60 * 60 * 24", "return 86400"),
    "a minus": ("return -1 + 3", "return 2"),
    "not in": ("return not a in b", "return a not in b"),
    "not is": ("return not a is b", "return a is not b"),
    "a constant list behind `in`": ("return a in [1, 2]", "return a in (1, 2)"),
    "a constant list behind `for`": ("for x in [1, 2]:\n  print(x)", "for x in (1, 2):\n  print(x)"),
    "an f-string's parts": ("return f'a' f'b{a}' 'c'", "return f'ab{a}c'"),
    "an f-string's `=` spelled out": ("return f'{a=}'", "return f'a={a!r}'"),
    "the name by which an outside thing is reached is no text": ("return helper", "return helper"),
    "a global's name is not a local's": ("global g\ng = a\nx = g\nreturn x", "global g\ng = a\ny = g\nreturn y"),
    "a slice in many dimensions": ("return a[1:2, ::3, ...]", "return a[(1):(2), ::3, ...]"),
    "an index of a tuple": ("return a[1, 2]", "return a[(1, 2)]"),
    "redundant parentheses of with": ("with a as x, b as y:\n  return x, y", "with a as p, b as q:\n  return p, q"),
    "a local named like a word of a one-word text": ("x = a\nreturn x, 'x'", "y = a\nreturn y, 'x'"),
}

DIFFERENT = {
    "types of constants": ("return 1", "return True"),
    "whole and broken": ("return 1", "return 1.0"),
    "text and bytes": ("return 'a'", "return b'a'"),
    "the sign of zero": ("return 0.0", "return -0.0"),
    "None and False": ("return None, 1", "return False, 1"),
    "an ellipsis": ("return ...", "return Ellipsis"),
    "a word in a text": ("return 'a b'", "return 'a c'"),
    "an operator": ("return a + b", "return a - b"),
    "the order of operands": ("return a + b", "return b + a"),
    "parentheses that matter": ("return a - (b - 1)", "return a - b - 1"),
    "the order of statements": ("a()\nb()", "b()\na()"),
    "two locals swapped": ("x = a; y = b; return x, y", "x = a; y = b; return y, x"),
    "an attribute": ("return a.x", "return a.y"),
    "an attribute of a call": ("return a().x", "return a().y"),
    "a called attribute of a call": ("return a().x()", "return a().y()"),
    "an outside name": ("return helper(a)", "return other(a)"),
    "a chain from outside": ("return np.sum(a)", "return np.mean(a)"),
    "a local in place of an outside name": ("x = 1\nreturn x", "x = 1\nreturn y"),
    "a keyword": ("return a(x=b)", "return a(y=b)"),
    "keyword or position": ("return a(x=b)", "return a(b)"),
    "a star": ("return a(b)", "return a(*b)"),
    "two stars": ("return a(*b)", "return a(**b)"),
    "await": ("async def f(a):\n return await a", "async def f(a):\n return a"),
    "async": ("async def f(a):\n return 1", "def f(a):\n return 1"),
    "yield": ("return a", "yield a"),
    "a yield that can't be reached": ("return a", "return a\nyield b"),
    "yield below if False": ("return a", "if False:\n  yield b\nreturn a"),
    "yield from": ("yield a", "yield from a"),
    "if and while": ("if a:\n  b()", "while a:\n  b()"),
    "a branch": ("if a:\n  b()", "if a:\n  pass\nelse:\n  b()"),
    "a loop's else": ("for x in a:\n  b()\nelse:\n  a()", "for x in a:\n  b()\na()"),
    "an else of try": ("try:\n  a()\nexcept ValueError:\n  pass\nelse:\n  b()",
                       "try:\n  a()\nexcept ValueError:\n  pass\nfinally:\n  b()"),
    "the type of a caught error": ("try:\n  a()\nexcept ValueError:\n  pass", "try:\n  a()\nexcept KeyError:\n  pass"),
    "a bare except": ("try:\n  a()\nexcept Exception:\n  pass", "try:\n  a()\nexcept:\n  pass"),
    "a list that is changed": ("for x in [a, 2]:\n  b()", "for x in (a, 2):\n  b()"),
    "a list and a tuple": ("return [1, 2]", "return (1, 2)"),
    "a list and a set behind `in`": ("return a in [1, 2]", "return a in {1, 2}"),
    "the kind of a comprehension": ("return [x for x in a]", "return {x for x in a}"),
    "a comprehension's condition": ("return [x for x in a if x]", "return [x for x in a]"),
    "which loop a condition belongs to": ("return [x for x in a if b for y in b]", "return [x for x in a for y in b if b]"),
    "keys and values": ("return {x: 1 for x in a}", "return {1: x for x in a}"),
    "a dict's two stars": ("return {**a, 1: b}", "return {1: b, **a}"),
    "default and no default": ("def f(a, b=1):\n return a", "def f(a, b):\n return a"),
    "which keyword has a default": ("def f(*, a=1, b):\n return a", "def f(*, a, b=1):\n return a"),
    "positional only": ("def f(a, /):\n return a", "def f(a):\n return a"),
    "keyword only": ("def f(*, a):\n return a", "def f(a):\n return a"),
    "one parameter more": ("def f(a):\n return a", "def f(a, b):\n return a"),
    "the order of parameters": ("def f(a, b):\n return a", "def f(b, a):\n return a"),
    "locals() sees names": ("x = a\nreturn locals()", "y = a\nreturn locals()"),
    "vars() sees names": ("x = a\nreturn vars()", "y = a\nreturn vars()"),
    "eval sees names": ("x = a\nreturn eval(b)", "y = a\nreturn eval(b)"),
    "exec sees names": ("x = a\nexec(b)", "y = a\nexec(b)"),
    "dir() sees names": ("x = a\nreturn dir()", "y = a\nreturn dir()"),
    "a query reads a local": ("limit = a\nreturn b.query('x > @limit')", "most = a\nreturn b.query('x > @limit')"),
    "a nested function's keyword": ("def inner(x):\n  return x\nreturn inner(x=1)", "def inner(y):\n  return y\nreturn inner(x=1)"),
    "a nested function's parameters": ("def inner(x):\n  return x\nreturn b(inner)", "def inner(y):\n  return y\nreturn b(inner)"),
    "a lambda's parameter given by keyword": ("g = lambda x: x\nreturn g(x=1)", "g = lambda y: y\nreturn g(x=1)"),
    "a nested default": ("def inner(x=1):\n  return x\nreturn inner", "def inner(x=2):\n  return x\nreturn inner"),
    "a name bound by nobody": ("return [x for x in a], x", "return [y for y in a], y"),
    "global": ("global g\ng = a", "g = a"),
    "which global": ("global g\ng = a", "global h\nh = a"),
    "a class's flag": ("class C(b, x=1):\n  pass", "class C(b, x=2):\n  pass"),
    "nonlocal": ("n = 0\ndef up():\n  nonlocal n\n  n = 1\nup()\nreturn n", "n = 0\ndef up():\n  n = 1\nup()\nreturn n"),
    "global of a nested function": ("n = 0\ndef up():\n  global n\n  n = 1\nup()\nreturn n",
                                    "n = 0\ndef up():\n  nonlocal n\n  n = 1\nup()\nreturn n"),
    "del": ("x = a\ndel x", "x = a"),
    "augmented": ("x = a\nx += b\nreturn x", "x = a\nx -= b\nreturn x"),
    "augmented or plain": ("x = a\nx += b\nreturn x", "x = a\nx = x + b\nreturn x"),
    "an f-string's expression": ("return f'{a}'", "return f'{b}'"),
    "an f-string's conversion": ("return f'{a!r}'", "return f'{a!s}'"),
    "an f-string's format": ("return f'{a:>3}'", "return f'{a:>4}'"),
    "an f-string's text": ("return f'x{a}'", "return f'{a}x'"),
    "an f-string and a text": ("return f'{a}'", "return '{a}'"),
    "a slice's step": ("return a[1:2:3]", "return a[1:2]"),
    "an index and a slice": ("return a[1]", "return a[1:]"),
    "an index and a tuple of one": ("return a[1]", "return a[1,]"),
    "the order of decorators' kind inside": ("@b\ndef inner():\n  pass\nreturn inner", "def inner():\n  pass\nreturn inner"),
    "an assert": ("assert a", "assert b"),
    "an assert's message": ("assert a, 'x'", "assert a, 'y'"),
    "is and ==": ("return a is b", "return a == b"),
    "a chained comparison": ("return a < b < 3", "return a < b and b < 3"),
    "not of a chain": ("return not a in b in a", "return a not in b in a"),
    "return None before more": ("if a:\n  return None\nreturn b", "if a:\n  b()\nreturn b"),
    "a nested class's attribute": ("class C:\n  x = 1\nreturn C", "class C:\n  x = 2\nreturn C"),
    "a nested class's name": ("class C:\n  x = 1\nreturn C", "class D:\n  x = 1\nreturn D"),
    "a nested class's attribute's name": ("class C:\n  x = 1\nreturn C", "class C:\n  y = 1\nreturn C"),
    "what a local import brings": ("from json import dumps as d\nreturn d(a)", "import json as d\nreturn d.loads(a)"),
    "a division by zero is not folded": ("return 1 / 0", "return 2 / 0"),
}


@pytest.mark.parametrize("pair", SAME.values(), ids=list(SAME))
def test_an_edit_without_meaning_keeps_the_digest(pair: Tuple[str, str]) -> None:
    one, other = of(pair[0]), of(pair[1])
    assert one.text.digest == other.text.digest
    assert [use.chain[1:] for use in one.text.uses] == [use.chain[1:] for use in other.text.uses]


@pytest.mark.parametrize("pair", DIFFERENT.values(), ids=list(DIFFERENT))
def test_an_edit_with_meaning_is_seen(pair: Tuple[str, str]) -> None:
    assert meaning(pair[0]) != meaning(pair[1])


def test_names_from_outside_are_holes_and_no_part_of_the_text() -> None:
    assert of("return helper(a)").text.digest == of("return other(a)").text.digest
    assert [use.chain for use in of("return pkg.mod.helper(a)").text.uses] == [("pkg", "mod", "helper")]


def test_one_hole_for_each_thing_however_often_it_is_used() -> None:
    uses = of("return helper(a) + helper(b) + len(a)").text.uses
    assert [use.chain for use in uses] == [("helper",), ("len",)]
    assert of("return p(a) + p(b)").text.digest != of("return p(a) + q(b)").text.digest


@pytest.mark.parametrize(("body", "called"), [
    ("return helper(a)", True), ("return helper(a, b)", True), ("return helper(x=a)", False),
    ("return helper(*a)", False), ("return map(helper, a)", False), ("return helper(a) or helper", False),
    ("return helper", False),
])
def test_a_hole_knows_whether_its_target_is_only_called_by_position(body: str, called: bool) -> None:
    assert [use.called for use in of(body).text.uses if use.chain == ("helper",)] == [called]


def test_an_import_inside_a_function_is_what_its_name_leads_to() -> None:
    assert of("from ..pkg import thing as t\nreturn t(a)").text.uses[0].imported == ("pkg", 2, "thing")
    assert of("import os.path\nreturn os.path.join(a)").text.uses[0].imported == ("os", 0, None)


def test_a_name_imported_in_one_branch_only_is_a_local_and_the_module_counts_as_a_whole() -> None:
    found = of("try:\n  import fast as m\nexcept ImportError:\n  m = None\nreturn m")
    assert found.text.uses == of("try:\n  pass\nexcept ImportError:\n  m = None\nreturn m").text.uses
    assert ("import", ("const", "fast")) in found.text.recipes


def test_a_first_iterable_is_evaluated_outside_of_the_comprehension() -> None:
    assert [use.chain for use in of("return [x for x in x]").text.uses] == [("x",)]
    assert [use.chain for use in of("return [y for x in a for y in y]").text.uses] == []


def test_a_class_body_is_not_seen_by_its_methods() -> None:
    found = definitions("class C:\n    limit = 1\n    def m(self):\n        return limit\n")
    method = next(each for each in found if each.name == "m")
    assert [use.chain for use in method.text.uses] == [("limit",)]


@pytest.mark.parametrize(("body", "flag"), [
    ("return a.__doc__", READS_DOC), ("return inspect.getdoc(a)", READS_DOC),
    ("return getattr(a, '__doc__')", READS_DOC), ("return a.__annotations__", READS_ANNOTATIONS),
    ("return typing.get_type_hints(a)", READS_ANNOTATIONS), ("return get_type_hints(a)", READS_ANNOTATIONS),
    ("return inspect.signature(a)", READS_ANNOTATIONS | READS_NAMES), ("return a.__name__", READS_NAMES),
    ("return type(a).__qualname__", READS_NAMES), ("return a().__name__", READS_NAMES),
    ("return inspect.getsource(a)", READS_SOURCE), ("assert a", READS_DEBUG), ("return __debug__", READS_DEBUG),
    ("return globals()[a]", READS_GLOBALS), ("return eval(a)", READS_GLOBALS), ("return eval(a, *b)", READS_GLOBALS),
    ("run = exec\nrun(a)", READS_GLOBALS),
])
def test_what_the_code_reads_of_others_is_noted(body: str, flag: int) -> None:
    assert of(body).text.flags & flag == flag
    assert of("return a").text.flags == 0


def annotations(head: str) -> Tuple[Any, ...]:
    found = of(f"{head}\n return a").annotations
    return (found.digest, [use.chain for use in found.uses])


@pytest.mark.parametrize("other", [
    "def f(a: str, b):", "def f(a, b: int):", "def f(a, b) -> int:", "def f(a, b):", "def f(a: 'int', b):",
    "def f(a: List[int], b):",
])
def test_annotations_have_a_digest_of_their_own(other: str) -> None:
    assert annotations("def f(a: int, b):") != annotations(other)
    assert annotations("def f(a: int, b):") == annotations("def f( a:int , b ) :")


def test_docstrings_have_a_digest_of_their_own() -> None:
    assert of("def f(a):\n 'one'").docs != of("def f(a):\n 'two'").docs
    assert of("def f(a):\n return 'one'").docs == ""


def test_a_nested_functions_docstring_counts_among_the_docs() -> None:
    assert of("def inner():\n  'one'\nreturn inner").docs != of("def inner():\n  'two'\nreturn inner").docs


CLASS = "class C(Base, metaclass=Meta):\n    x: int = 1\n    y = 2\n    def m(self):\n        return 1\n"


@pytest.mark.parametrize(("old", "new"), [
    ("x: int", "x: str"), ("x: int = 1", "x: int"), ("y = 2", "z = 2"), ("def m", "def n"), ("metaclass=Meta", "flag=True"),
    ("class C", "class D"),
])
def test_a_class_counts_by_its_fields_annotations_and_method_names(old: str, new: str) -> None:
    one, other = of(CLASS), of(CLASS.replace(old, new))
    assert (one.text.digest, one.text.uses) != (other.text.digest, other.text.uses)


def test_what_a_class_assigns_and_its_methods_are_texts_of_their_own() -> None:
    one = of(CLASS)
    assert one.text.digest == of(CLASS.replace("return 1", "return 2")).text.digest
    assert dict(one.assigned)["y"] != dict(of(CLASS.replace("y = 2", "y = 3")).assigned)["y"]


@pytest.mark.skipif(sys.version_info < (3, 10), reason="`match` came with Python 3.10")
@pytest.mark.parametrize(("one", "other", "same"), [
    ("case [x, *rest]:\n    return x, rest", "case [p, *q]:\n    return p, q", True),
    ("case {'k': x, **rest}:\n    return x, rest", "case {'k': p, **q}:\n    return p, q", True),
    ("case int() as x:\n    return x", "case int() as y:\n    return y", True),
    ("case {'k': x}:\n    return x", "case {'l': x}:\n    return x", False),
    ("case P(x=x):\n    return x", "case P(y=x):\n    return x", False),
    ("case int() as x:\n    return x", "case str() as x:\n    return x", False),
    ("case 1 | 2:\n    return 1", "case 1:\n    return 1", False),
    ("case True:\n    return 1", "case False:\n    return 1", False),
    ("case _:\n    return 1", "case x:\n    return 1", False),
    ("case x if x:\n    return 1", "case x:\n    return 1", False),
    ("case [a, b]:\n    return a", "case [a, *b]:\n    return a", False),
])
def test_match_statements(one: str, other: str, same: bool) -> None:
    digests = [meaning("match a:\n  " + case) for case in (one, other)]
    assert (digests[0] == digests[1]) is same


def test_facts_of_deep_code_take_time_in_proportion() -> None:
    """A nested text is not walked again for each level (that would take minutes here)."""
    depth = 18
    source = "def f():\n" + "".join(" " * (i + 1) + f"def g{i}():\n" for i in range(depth)) + " " * (depth + 1) + "return 1\n"
    assert len(definitions(source)) == depth + 1


def test_several_lambdas_on_a_line_are_definitions_in_the_order_of_their_code() -> None:
    found = [each for each in definitions("g = [lambda: 1, lambda x: x, lambda: (lambda: 2)]\n") if each.name == "<lambda>"]
    assert len(found) == 4
    assert len({each.text.digest for each in found}) == 4
    assert [each.signature for each in found] == ["", "x", "", ""]


def test_two_texts_that_could_run_together_stay_apart() -> None:
    assert of("return 'a)\\n(Name'").text.digest != of("return 'a)', Name").text.digest
    assert of("return 's1:a'").text.digest != of("return 'a'").text.digest
    assert of("return 'x', 'y'").text.digest != of("return 'x\\ns1:y'").text.digest
    assert of("return '%0'").text.digest != of("x = a\nreturn x").text.digest


def test_a_text_with_a_lone_surrogate_has_a_digest() -> None:
    assert of(r"return '\ud800'").text.digest != of(r"return '\ud801'").text.digest
