"""Syntax that the compiler treats alike, brought to one form.

Decides which statements count (no `pass`, no stray constants, nothing behind a `return`), what a
constant expression is worth, and which spellings are one. Only what CPython itself does with
the syntax tree belongs here; anything cleverer would have to be proved.
"""
from __future__ import annotations

import ast
import operator
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

_ENDS = (ast.Return, ast.Raise, ast.Break, ast.Continue)
#: how far right operands are followed; nobody nests constants deeper by hand
_DEEPEST = 20
_NUMBERS = (int, float, complex)

_BINARY: Dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod, ast.Pow: operator.pow,
    ast.LShift: operator.lshift, ast.RShift: operator.rshift, ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_, ast.BitXor: operator.xor,
}
_UNARY: Dict[type, Callable[[Any], Any]] = {
    ast.USub: operator.neg, ast.UAdd: operator.pos, ast.Invert: operator.invert,
}
_NEGATED: Dict[type, Callable[[], ast.cmpop]] = {
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}


def statements(body: Sequence[ast.stmt]) -> List[ast.stmt]:
    """Return the statements of a block that the compiler makes code of."""
    kept: List[ast.stmt] = []
    for node in body:
        kind = type(node)
        if kind is ast.Pass or (kind is ast.Expr and type(node.value) is ast.Constant):  # type: ignore[attr-defined]
            continue
        if kind is ast.If and type(node.test) is ast.Constant:  # type: ignore[attr-defined]
            inner = statements(node.body if node.test.value else node.orelse)  # type: ignore[attr-defined]
            kept.extend(inner)
            if inner and isinstance(inner[-1], _ENDS):
                break
            continue
        if kind is ast.While and type(node.test) is ast.Constant and not node.test.value:  # type: ignore[attr-defined]
            kept.extend(statements(node.orelse))  # type: ignore[attr-defined]
            continue
        kept.append(node)
        if isinstance(node, _ENDS):
            break
    return kept


def function_body(body: Sequence[ast.stmt]) -> List[ast.stmt]:
    """Return the statements of a function's block, without a `return` that changes nothing."""
    kept = statements(body)
    if kept and isinstance(kept[-1], ast.Return) and is_none(kept[-1].value):
        kept.pop()
    return kept


def dropped(body: Sequence[ast.stmt]) -> List[ast.stmt]:
    """Return the statements that `statements` left out: they bind names all the same."""
    kept = set(map(id, statements(body)))
    return [node for node in body if id(node) not in kept]


def is_none(node: Optional[ast.expr]) -> bool:
    """Whether an optional expression is missing or the constant None."""
    return node is None or (isinstance(node, ast.Constant) and node.value is None)


def fold(node: ast.expr, depth: int = 0) -> Optional[Tuple[Any]]:
    """Return the value of an arithmetic expression of constants, as a tuple of one, or None.

    The limits are narrower than CPython's own, so that the result is one on every version.
    """
    if depth > _DEEPEST or _is_hopeless(node):
        return None
    # the operands of a long chain are on the left: go down first, then fold on the way back
    spine: List[ast.expr] = []
    current: ast.expr = node
    while isinstance(current, (ast.BinOp, ast.UnaryOp)):
        spine.append(current)
        current = current.left if isinstance(current, ast.BinOp) else current.operand
    if not spine or not isinstance(current, ast.Constant) or not _numeric(current.value):
        return None
    value = current.value
    for outer in reversed(spine):
        try:
            if isinstance(outer, ast.UnaryOp):
                value = _UNARY[type(outer.op)](value)
            else:
                assert isinstance(outer, ast.BinOp)
                right = _operand(outer.right, depth)
                if right is None or not _small(outer.op, value, right[0]):
                    return None
                value = _BINARY[type(outer.op)](value, right[0])
        except (KeyError, ArithmeticError, TypeError, ValueError):
            return None
        if not _numeric(value) or (isinstance(value, int) and value.bit_length() > 128):
            return None
    return (value,)


def negated(node: ast.UnaryOp) -> Optional[ast.Compare]:
    """Return `x not in y` for `not x in y`, and the like, as the compiler does."""
    test = node.operand
    if isinstance(node.op, ast.Not) and isinstance(test, ast.Compare) and len(test.ops) == 1:
        other = _NEGATED.get(type(test.ops[0]))
        if other is not None:
            return ast.Compare(left=test.left, ops=[other()], comparators=test.comparators)
    return None


def constant_list(node: ast.expr) -> ast.expr:
    """Return a list of constants as the tuple that `for` and `in` make of it."""
    if isinstance(node, ast.List) and all(isinstance(item, ast.Constant) for item in node.elts):
        return ast.Tuple(elts=node.elts, ctx=node.ctx)
    return node


def _is_hopeless(node: ast.expr) -> bool:
    """Whether the right operand alone tells that there is no number to be had: most sums are of names."""
    if not isinstance(node, ast.BinOp):
        return False
    if isinstance(node.right, ast.Constant):
        return not _numeric(node.right.value)
    return not isinstance(node.right, (ast.BinOp, ast.UnaryOp))


def _numeric(value: object) -> bool:
    return isinstance(value, _NUMBERS) and not isinstance(value, bool)


def _operand(node: ast.expr, depth: int) -> Optional[Tuple[Any]]:
    if isinstance(node, ast.Constant):
        return (node.value,) if _numeric(node.value) else None
    return fold(node, depth + 1)


def _small(op: ast.operator, left: Any, right: Any) -> bool:
    if isinstance(op, (ast.Pow, ast.LShift)):
        return isinstance(right, int) and 0 <= right <= 64 and (not isinstance(left, int) or left.bit_length() <= 64)
    return True
