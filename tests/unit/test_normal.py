"""Spellings that the compiler treats alike are one: folding, dead code; and no tree is too deep."""
from __future__ import annotations

import ast
from typing import Any, Callable, List

import pytest

from deepwatch_flow.analysis.facts import Definition, facts_of
from deepwatch_flow.analysis.normal import dropped, fold, function_body, statements


def kept(source: str, function: bool = False) -> List[str]:
    body = ast.parse(source).body
    return [type(node).__name__ for node in (function_body(body) if function else statements(body))]


@pytest.mark.parametrize(("source", "left"), [
    ("pass", []), ("1\n'text'\n...", []), ("f()\npass", ["Expr"]), ("raise x\nf()", ["Raise"]),
    ("if 1:\n  raise x\nf()", ["Raise"]), ("if 0:\n  raise x\nf()", ["Expr"]), ("if '':\n  x = 1\nelse:\n  del y", ["Delete"]),
    ("if x:\n  raise x\nf()", ["If", "Expr"]), ("while 0:\n  f()\nelse:\n  x = 1", ["Assign"]),
    ("if 1:\n  if 1:\n    raise x\nf()", ["Raise"]), ("-1", ["Expr"]),
])
def test_statements_that_make_no_code_are_left_out(source: str, left: List[str]) -> None:
    assert kept(source) == left


def test_what_was_left_out_can_be_asked_for_because_it_binds_names() -> None:
    body = ast.parse("raise x\ny = 1\nz = 2").body
    assert dropped(body) == body[1:]


def test_a_return_of_nothing_is_left_out_at_the_end_of_a_function_only() -> None:
    assert kept("return", function=True) == kept("return None", function=True) == []
    assert kept("return 0", function=True) == ["Return"]
    assert kept("return None") == ["Return"]


@pytest.mark.parametrize(("expression", "value"), [
    ("60 * 60", 3600), ("-1", -1), ("~5", -6), ("2 ** 10", 1024), ("7 // 2", 3), ("1 << 4", 16), ("1 + 2j", 1 + 2j),
    ("1 / 4", 0.25), ("+3.5", 3.5),
])
def test_arithmetic_of_constants_is_folded(expression: str, value: object) -> None:
    assert fold(ast.parse(expression, mode="eval").body) == (value,)


@pytest.mark.parametrize("expression", [
    "1 / 0", "2 ** 1000000", "1 << 10000", "10 ** 64 * 10 ** 64", "a + 1", "'a' + 'b'", "1 + True", "'a' * 10", "1 @ 2",
    "not 1", "1.5 << 2", "-'a'", "2 ** -1", "0.0 ** -1", "1 % 0",
])
def test_what_could_fail_or_grow_is_not_folded(expression: str) -> None:
    assert fold(ast.parse(expression, mode="eval").body) is None


def definition(value: str) -> Definition:
    return facts_of(ast.parse(f"def f(a):\n return {value}")).definitions[0]


def chain(terms: int, term: Callable[[int], ast.expr]) -> Definition:
    """The definition of a function that returns a sum; longer ones than some Pythons can parse."""
    tree = ast.parse("def f(a):\n    return a")
    function: Any = tree.body[0]
    value = term(0)
    for i in range(1, terms):
        value = ast.BinOp(left=value, op=ast.Add(), right=term(i))
    function.body[0].value = value
    return facts_of(tree).definitions[0]


def test_a_sum_of_ten_thousand_terms_is_no_deep_recursion() -> None:
    def name(_: int) -> ast.expr:
        return ast.Name(id="a", ctx=ast.Load())

    def text(i: int) -> ast.expr:
        return ast.Constant(value="b" if i == 1000 else "a")

    assert chain(10_000, name).text.digest != chain(10_001, name).text.digest
    assert chain(10_000, lambda _: ast.Constant(value=1)).text.digest == definition("10000").text.digest
    assert chain(2000, text).text.digest != chain(2000, lambda _: ast.Constant(value="a")).text.digest


def nested(depth: int, inmost: str) -> ast.Module:
    """A tree deeper than the parser of some Pythons would take."""
    tree = ast.parse(f"def f(a):\n    return {inmost}")
    function: Any = tree.body[0]
    for _ in range(depth):
        function.body[0].value = ast.Call(func=ast.Name(id="g", ctx=ast.Load()), args=[function.body[0].value], keywords=[])
    return tree


def test_three_thousand_levels_are_no_deep_recursion() -> None:
    one = facts_of(nested(3000, "a")).definitions[0].text
    assert one == facts_of(nested(3000, "a")).definitions[0].text
    assert one.digest != facts_of(nested(3000, "1")).definitions[0].text.digest
    assert one.digest != facts_of(nested(2999, "a")).definitions[0].text.digest


@pytest.mark.parametrize("wrap", [
    lambda inner: ast.BinOp(left=ast.Constant(value=1), op=ast.Add(), right=inner),
    lambda inner: ast.UnaryOp(op=ast.USub(), operand=inner),
    lambda inner: ast.List(elts=[inner], ctx=ast.Load()),
    lambda inner: ast.Attribute(value=ast.Call(func=inner, args=[], keywords=[]), attr="x", ctx=ast.Load()),
], ids=["a sum to the right", "minus", "lists", "method chain"])
def test_deep_trees_of_any_kind_are_no_deep_recursion(wrap: Any) -> None:
    tree = ast.parse("def f(a):\n    return a")
    function: Any = tree.body[0]
    for _ in range(3000):
        function.body[0].value = wrap(function.body[0].value)
    assert facts_of(tree).definitions[0].text.digest
