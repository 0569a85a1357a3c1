"""How expressions are written, where it is not by their fields alone."""
from __future__ import annotations

import ast
from typing import Any, Dict, List, Tuple

from . import normal
from .reads import READS, READS_GLOBALS
from .recipes import RECIPE_CALLS, recipe
from .scopes import Scope
from .walk import Canon, Handler, Item, chain_of, constant

#: names through which code sees the globals of its module
_SEES_GLOBALS = frozenset({("eval",), ("exec",), ("globals",), ("vars",)})


def _name(canon: Canon, node: ast.Name) -> None:
    if type(node.ctx) is ast.Load:
        _use(canon, (node.id,), False)
    else:
        canon.reads(node.id)
        canon.store(node.id, canon.scope)


def _attribute(canon: Canon, node: ast.Attribute) -> None:
    chain = chain_of(node)
    if chain is not None:
        _use(canon, chain, False)
        return
    canon.reads(node.attr)
    canon.out.append("(Attribute " + node.attr)
    canon.push((node.value, ")"))


def _use(canon: Canon, chain: Tuple[str, ...], called: bool) -> None:
    for name in chain:
        canon.reads(name)
    if chain in _SEES_GLOBALS:
        canon.flags |= READS_GLOBALS
    canon.mention(canon.scope, chain, called)


def _call(canon: Canon, node: ast.Call) -> None:
    chain = chain_of(node.func)
    if chain is not None and chain[-1] in RECIPE_CALLS:
        found = recipe(node, chain, chain[-1])
        if found is not None:
            canon.noted.append((found, canon.scope))
    canon.names.keywords.update(keyword.arg or "**" for keyword in node.keywords)
    canon.out.append("(Call")
    items: List[Item] = []
    if chain is not None:
        # called with positional arguments only, a function's name and parameters are not seen
        _use(canon, chain, not node.keywords and not any(type(each) is ast.Starred for each in node.args))
    else:
        items.append(node.func)
    items.extend(node.args)
    for keyword in node.keywords:
        items.append("|" + (keyword.arg or "**"))
        items.append(keyword.value)
    items.append(")")
    canon.push(items)


def _literal(canon: Canon, node: ast.Constant) -> None:
    value = node.value
    if type(value) is str:
        canon.names.strings.append(value)
        if value.startswith("__"):
            canon.flags |= READS.get(value, 0)
    canon.out.append(constant(value))


def _joined(canon: Canon, node: ast.JoinedStr) -> None:
    items: List[Item] = ["(JoinedStr"]
    text = ""
    for value in node.values:
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            text += value.value
            continue
        if text:
            items.append(constant(text))
            text = ""
        items.append(value)
    if text:
        items.append(constant(text))
    items.append(")")
    canon.push(items)


def _binary(canon: Canon, node: ast.expr) -> None:
    value = normal.fold(node)
    if value is not None:
        canon.out.append(constant(value[0]))
        return
    if isinstance(node, ast.UnaryOp):
        other = normal.negated(node)
        if other is not None:
            canon.push((other,))
            return
    canon.generic(node)


def _compare(canon: Canon, node: ast.Compare) -> None:
    items: List[Item] = ["(Compare", node.left]
    for op, right in zip(node.ops, node.comparators):
        items.append(op)
        items.append(normal.constant_list(right) if isinstance(op, (ast.In, ast.NotIn)) else right)
    items.append(")")
    canon.push(items)


def _subscript(canon: Canon, node: ast.Subscript) -> None:
    chain = chain_of(node.value)
    if chain is not None and (chain[-1] == "environ" or chain == ("sys", "modules")):
        found = recipe(node, chain, chain[-1])
        if found is not None:
            canon.noted.append((found, canon.scope))
    canon.out.append("(Subscript")
    canon.push((node.value, node.slice, ")"))


def _index(canon: Canon, node: Any) -> None:  # Python 3.8: a wrapper that later versions lost
    canon.push((node.value,))


def _ext_slice(canon: Canon, node: Any) -> None:  # Python 3.8: later versions have a tuple here
    canon.push(["(Tuple", "|elts", *node.dims, ")"])


def _dict(canon: Canon, node: ast.Dict) -> None:
    items: List[Item] = ["(Dict"]
    for key, value in zip(node.keys, node.values):
        items += ["**" if key is None else key, value]
    items.append(")")
    canon.push(items)


def _walrus(canon: Canon, node: Any) -> None:
    canon.out.append("(NamedExpr")
    canon.store(node.target.id, canon.scope.binder())
    canon.push((node.value, ")"))


def _comprehension(canon: Canon, node: Any) -> None:
    outer = canon.scope
    inner = Scope("comprehension", outer, outer.path)
    items: List[Item] = ["(" + type(node).__name__]
    for i, generator in enumerate(node.generators):
        # the first iterable is evaluated outside
        items += [outer if i == 0 else inner, "|async" if generator.is_async else "|for",
                  normal.constant_list(generator.iter), inner, generator.target]
        for condition in generator.ifs:
            items += ["|if", condition]
    items.append("|elt")
    items += [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
    items += [outer, ")"]
    canon.push(items)


EXPRESSIONS: Dict[type, Handler] = {
    ast.Name: _name, ast.Attribute: _attribute, ast.Call: _call, ast.Constant: _literal, ast.JoinedStr: _joined,
    ast.BinOp: _binary, ast.UnaryOp: _binary, ast.Compare: _compare, ast.Subscript: _subscript, ast.Dict: _dict,
    ast.NamedExpr: _walrus, ast.ListComp: _comprehension, ast.SetComp: _comprehension,
    ast.DictComp: _comprehension, ast.GeneratorExp: _comprehension,
}
_index_type = getattr(ast, "Index", None)
if _index_type is not None and _index_type.__module__ == "_ast":
    EXPRESSIONS[_index_type], EXPRESSIONS[getattr(ast, "ExtSlice")] = _index, _ext_slice  # noqa: B009
