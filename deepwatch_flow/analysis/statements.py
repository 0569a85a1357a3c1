"""How statements and definitions are written, where it is not by their fields alone."""
from __future__ import annotations

import ast
from typing import Any, Dict, List, Optional, Union

from . import normal
from .reads import READS_DEBUG
from .scopes import Imported, Scope
from .walk import Canon, Handler, Item, Met


def _return(canon: Canon, node: ast.Return) -> None:
    canon.out.append("Return")
    if not normal.is_none(node.value):
        canon.push(("|value", node.value))  # type: ignore[arg-type]


def _while(canon: Canon, node: ast.While) -> None:
    if isinstance(node.test, ast.Constant) and node.test.value:
        canon.push(["(While forever", *canon.block(node.body), ")"])
    else:
        canon.generic(node)


def _for(canon: Canon, node: Union[ast.For, ast.AsyncFor]) -> None:
    items: List[Item] = ["(" + type(node).__name__, normal.constant_list(node.iter), node.target, "|body"]
    items += canon.block(node.body)
    if node.orelse:
        items.append("|orelse")
        items += canon.block(node.orelse)
    items.append(")")
    canon.push(items)


def _annotated(canon: Canon, node: ast.AnnAssign) -> None:
    if canon.scope.kind in ("class", "module"):
        canon.generic(node)
        return
    canon.annotations += [canon.scope, "|local", node.annotation]
    if node.value is not None:
        canon.push(("(Assign", "|value", node.value, "|targets", node.target, ")"))
    elif isinstance(node.target, ast.Name):
        canon.scope.bind(node.target.id)


def _assign(canon: Canon, node: ast.Assign) -> None:
    canon.push(["(Assign", "|value", node.value, "|targets", *node.targets, ")"])


def _assert(canon: Canon, node: ast.Assert) -> None:
    canon.flags |= READS_DEBUG
    canon.generic(node)


def _outer_names(canon: Canon, node: Union[ast.Global, ast.Nonlocal]) -> None:
    kind = "global" if type(node) is ast.Global else "nonlocal"
    for name in node.names:
        canon.scope.outer[name] = kind
        canon.scope.bound.discard(name)


def _import(canon: Canon, node: Union[ast.Import, ast.ImportFrom]) -> None:
    scope = canon.scope
    for alias in node.names:
        target: Imported
        if isinstance(node, ast.Import):
            name = alias.asname or alias.name.split(".")[0]
            target = (alias.name if alias.asname else name, 0, None)
            module = alias.name
        else:
            name = alias.asname or alias.name
            target = (node.module or "", node.level, alias.name)
            module = "." * node.level + (node.module or "")
        if scope.kind in ("module", "class") or name in scope.outer:
            scope.bind(name)
            canon.out.append("(Import %s %s %s)" % (module, target[2] or "", name))
            if scope.kind not in ("module", "class"):
                canon.names.mixed(module)   # bound for the whole module: what it is there, the import decides
        else:
            # no token: what is imported counts where it is used, by what it is and not by its path
            canon.names.imported(scope, name, target, module)
            if target[2] is None and "." in module:
                canon.recipes.append(("load", module))   # `import a.b` makes `b` an attribute of `a`


def _handler(canon: Canon, node: ast.ExceptHandler) -> None:
    canon.out.append("(ExceptHandler")
    items: List[Item] = []
    if node.type is not None:
        items += ["|type", node.type]
    if node.name:
        items += ["|name", ast.Name(id=node.name, ctx=ast.Store())]
    canon.push([*items, "|body", *canon.block(node.body), ")"])


def _capture(canon: Canon, node: Any) -> None:  # MatchAs, MatchStar, MatchMapping: bind a name
    name = getattr(node, "name", None) or getattr(node, "rest", None)
    canon.out.append("(" + type(node).__name__)
    items: List[Item] = []
    for field in ("pattern", "keys", "patterns"):
        value = getattr(node, field, None)
        if value:
            items.append("|" + field)
            items += value if isinstance(value, list) else [value]
    if name:
        items += ["|name", ast.Name(id=name, ctx=ast.Store())]
    canon.push([*items, ")"])


def _enter(canon: Canon, scope: Scope) -> None:
    canon.scope = scope


def _met(canon: Canon, item: Met) -> None:
    canon.found.append((item.node, item.path))


def _nested_function(canon: Canon, node: Any) -> None:
    outer = canon.scope
    canon.out.append("(" + type(node).__name__)
    canon.store(node.name, outer)
    inner = Scope("function", outer, f"{outer.path}{node.name}.<locals>.")
    items: List[Item] = list(node.decorator_list)
    items += arguments(canon, node.args, inner, literal=True)
    if node.returns is not None:
        canon.annotations += [outer, "|returns", node.returns]
    canon.docs.append(docstring(node) or "")
    canon.scope = inner
    body = canon.block(node.body, function=True)
    canon.scope = outer
    canon.push([*items, Met(node, outer.path), inner, "|body", *body, outer, ")"])


def _lambda(canon: Canon, node: ast.Lambda) -> None:
    outer = canon.scope
    inner = Scope("lambda", outer, outer.path + "<lambda>.<locals>.")
    canon.push(["(Lambda", *arguments(canon, node.args, inner), Met(node, outer.path), inner, node.body, outer, ")"])


def _nested_class(canon: Canon, node: ast.ClassDef) -> None:
    outer = canon.scope
    canon.out.append("(ClassDef " + node.name)
    canon.store(node.name, outer)
    canon.docs.append(docstring(node) or "")
    inner = Scope("class", outer, f"{outer.path}{node.name}.")
    canon.found.append((node, outer.path))
    canon.push([*node.decorator_list, "|bases", *node.bases, "|keywords", *node.keywords, inner,
                "|body", *canon.block(node.body), outer, ")"])


def arguments(canon: Canon, args: ast.arguments, inner: Scope, literal: bool = False) -> List[Item]:
    """Bind parameters in `inner`; return what writes them, their defaults in the outer scope."""
    items: List[Item] = ["(arguments"]
    groups = (("/", args.posonlyargs), ("", args.args), ("*", [args.vararg] if args.vararg else []),
              ("kw", args.kwonlyargs), ("**", [args.kwarg] if args.kwarg else []))
    outer = canon.scope
    for marker, group in groups:
        if group:
            items += ["|" + marker, inner]
            for arg in group:
                inner.bound.add(arg.arg)
                if literal:
                    inner.literal.add(arg.arg)
                items.append(ast.Name(id=arg.arg, ctx=ast.Store()))
                if arg.annotation is not None:
                    canon.annotations += [outer, "|" + arg.arg, arg.annotation]
            items.append(outer)
    if args.defaults:
        items += ["|defaults", *args.defaults]
    if any(default is not None for default in args.kw_defaults):
        items += ["|kw_defaults", *(default if default is not None else "-" for default in args.kw_defaults)]
    items.append(")")
    return items


def docstring(node: Union[ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Module]) -> Optional[str]:
    """Return the docstring as written, if there is one."""
    if node.body:
        first = node.body[0]
        if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
            return first.value.value
    return None


STATEMENTS: Dict[type, Handler] = {
    ast.Return: _return, ast.While: _while, ast.For: _for, ast.AsyncFor: _for, ast.AnnAssign: _annotated,
    ast.Assign: _assign, ast.Assert: _assert, ast.Global: _outer_names, ast.Nonlocal: _outer_names,
    ast.Import: _import, ast.ImportFrom: _import, ast.ExceptHandler: _handler, ast.FunctionDef: _nested_function,
    ast.AsyncFunctionDef: _nested_function, ast.Lambda: _lambda, ast.ClassDef: _nested_class, Scope: _enter, Met: _met,
}
for _kind in ("MatchAs", "MatchStar", "MatchMapping"):  # only some versions of Python have them
    if hasattr(ast, _kind):
        STATEMENTS[getattr(ast, _kind)] = _capture
