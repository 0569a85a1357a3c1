"""Names that code computes: how to work some of them out without running it.

``importlib.import_module("formats." + FORMAT)`` and ``os.environ["MODE"]`` name what they use by a
value. Where that value comes from constants and from module-level data, the *recipe* recorded here
gives it; ``analysis.dynamic`` follows it on live objects. Recipes are plain nested tuples.
"""
from __future__ import annotations

import ast
from typing import Any, List, Optional, Tuple

from .scopes import Scope

#: ("import", expression), ("env", expression, chain) or ("load", name of a module)
Recipe = Tuple[Any, ...]

#: names of calls (the last attribute) that make a recipe
RECIPE_CALLS = frozenset({"import_module", "__import__", "getenv", "get"})

UNKNOWN = ("unknown",)


def recipe(node: ast.AST, chain: Optional[Tuple[str, ...]], last: str) -> Optional[Recipe]:
    """Return the recipe of a call or subscript, or None where it is of no interest."""
    if isinstance(node, ast.Subscript):
        key = _expression(_unwrapped(node.slice))
        return ("env", key, chain) if last == "environ" else ("import", key)
    assert isinstance(node, ast.Call)
    if not node.args:
        return None
    if last == "get":
        if chain is None or chain[-2:-1] != ("environ",):
            return None
        return ("env", _expression(node.args[0]), chain)
    if last == "getenv":
        return ("env", _expression(node.args[0]), chain)
    return ("import", _expression(node.args[0]))


def outside(found: Recipe, scope: Scope) -> Recipe:
    """Return a recipe in which names that are bound inside the definition are unknown."""
    return (found[0], _outside(found[1], scope), *found[2:])


def _outside(expression: Recipe, scope: Scope) -> Recipe:
    kind = expression[0]
    if kind == "name":
        return UNKNOWN if scope.owner(expression[1][0]) is not None else expression
    if kind == "join":
        return ("join", tuple(_outside(part, scope) for part in expression[1]))
    if kind == "item":
        return ("item", _outside(expression[1], scope), _outside(expression[2], scope))
    return expression


def _unwrapped(node: Any) -> Any:
    return getattr(node, "value", node) if type(node).__name__ == "Index" else node


def _expression(node: Any) -> Recipe:
    """Return how to compute an expression: constants, names, items, texts put together."""
    if isinstance(node, ast.Constant):
        return ("const", node.value) if isinstance(node.value, (str, int)) else UNKNOWN
    if isinstance(node, ast.Name):
        return ("name", (node.id,))
    if isinstance(node, ast.Attribute):
        base = _expression(node.value)
        return ("name", base[1] + (node.attr,)) if base[0] == "name" else UNKNOWN
    if isinstance(node, ast.Subscript):
        return ("item", _expression(node.value), _expression(_unwrapped(node.slice)))
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return ("join", (_expression(node.left), _expression(node.right)))
    if isinstance(node, ast.JoinedStr):
        return ("join", tuple(map(_piece, node.values)))
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "format":
        return _formatted(node)
    return UNKNOWN


def _piece(node: ast.expr) -> Recipe:
    if isinstance(node, ast.FormattedValue):
        return _expression(node.value) if node.format_spec is None and node.conversion == -1 else UNKNOWN
    return _expression(node)


def _formatted(node: ast.Call) -> Recipe:
    text = node.func.value  # type: ignore[attr-defined]
    if not (isinstance(text, ast.Constant) and isinstance(text.value, str)) or node.keywords:
        return UNKNOWN
    pieces = text.value.split("{}")
    if len(pieces) != len(node.args) + 1:
        return ("join", (("const", text.value.split("{")[0]), UNKNOWN))
    parts: List[Recipe] = [("const", pieces[0])]
    for argument, piece in zip(node.args, pieces[1:]):
        parts += [_expression(argument), ("const", piece)]
    return ("join", tuple(parts))
