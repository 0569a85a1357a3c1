"""Syntax trees as canonical tokens: the same on Python 3.8 to 3.14, blind to layout.

Decides what of the syntax counts. Node names and fields are written without positions, contexts,
empty fields or type comments; constants by type and value; names through `scopes`. A token either
holds no line break or states its own length, so joined tokens can be read back one way only.
The walk keeps its own stack: long expressions are deep trees.
"""
from __future__ import annotations

import ast
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple, Union

from . import normal
from .recipes import RECIPE_CALLS, Recipe, recipe
from .scopes import SEES_LOCALS, Imported, Mention, Names, Scope, Use

#: what the code of a unit may read of others, or of the interpreter (bits of ``Code.flags``)
READS_DOC, READS_ANNOTATIONS, READS_NAMES, READS_SOURCE, READS_DEBUG, READS_GLOBALS = 1, 2, 4, 8, 16, 32
#: those that ask for another variant of the digests of all units below
VARIANT_FLAGS = READS_DOC | READS_ANNOTATIONS | READS_NAMES | READS_SOURCE

_READS: Dict[str, int] = {
    "__doc__": READS_DOC, "getdoc": READS_DOC, "pydoc": READS_DOC,
    "__annotations__": READS_ANNOTATIONS, "get_type_hints": READS_ANNOTATIONS,
    "get_annotations": READS_ANNOTATIONS, "__annotate__": READS_ANNOTATIONS,
    "signature": READS_ANNOTATIONS | READS_NAMES, "getfullargspec": READS_ANNOTATIONS | READS_NAMES,
    "getargspec": READS_ANNOTATIONS | READS_NAMES, "getmembers": READS_NAMES,
    "__name__": READS_NAMES, "__qualname__": READS_NAMES,
    "getsource": READS_SOURCE, "getsourcelines": READS_SOURCE, "__code__": READS_SOURCE | READS_NAMES,
    "__debug__": READS_DEBUG,
}
_SKIPPED = frozenset({"ctx", "kind", "type_comment", "type_ignores"})
_BLOCKS = frozenset({"body", "orelse", "finalbody"})

#: what waits on the stack of a walk: a node, a token to write, or a scope to enter
Item = Union[ast.AST, str, Scope]
_FieldList = Tuple[Tuple[str, str, bool], ...]
_fields_of: Dict[type, _FieldList] = {}


class Canon:
    """Write the canonical tokens of one definition or statement."""

    __slots__ = ("out", "names", "scope", "flags", "docs", "annotations", "recipes", "stack", "found")

    def __init__(self, scope: Scope) -> None:
        self.out: List[str] = []
        self.names = Names()
        self.scope = scope
        self.flags = 0
        self.docs: List[str] = []
        self.annotations: List[Item] = []
        self.recipes: List[Recipe] = []
        self.stack: List[Item] = []
        #: definitions inside, with what stands before their qualified names, in the order of their code
        self.found: List[Tuple[ast.AST, str]] = []

    def write(self, *items: Item) -> Canon:
        """Write items one after the other; returns self."""
        self.stack.extend(reversed(items))
        self._run()
        return self

    def finish(self) -> Tuple[str, Tuple[Use, ...]]:
        """Return the text and the holes in it."""
        uses = self.names.fill(self.out)
        self.recipes += [("import", ("const", module)) for module in self.names.whole_modules()]
        return "\n".join(self.out), uses

    def push(self, items: Sequence[Item]) -> None:
        """Put items on the stack, the first on top."""
        self.stack.extend(reversed(items))

    def _run(self) -> None:
        stack, out, handlers = self.stack, self.out, _HANDLERS
        while stack:
            item = stack.pop()
            kind = type(item)
            if kind is str:
                out.append(item)  # type: ignore[arg-type]
                continue
            handler = handlers.get(kind)
            if handler is not None:
                handler(self, item)
            else:
                self.generic(item)  # type: ignore[arg-type]

    def generic(self, node: ast.AST) -> None:
        """Write a node by its fields."""
        kind = type(node)
        fields = _fields_of.get(kind)
        if fields is None:
            fields = _fields_of[kind] = tuple(
                (name, "|" + name, name in _BLOCKS) for name in reversed(kind._fields) if name not in _SKIPPED
            )
        if not fields:
            self.out.append(kind.__name__)
            return
        self.out.append("(" + kind.__name__)
        stack = self.stack
        stack.append(")")
        for name, marker, is_block in fields:
            value = getattr(node, name, None)
            if value is None:
                continue
            if type(value) is list:
                if is_block and value and isinstance(value[0], ast.stmt):
                    value = self.block(value)
                if value:
                    for child in reversed(value):
                        stack.append(child if child is not None else "-")
                    stack.append(marker)
            elif isinstance(value, ast.AST):
                stack.append(value)
                stack.append(marker)
            else:
                stack.append(_constant(value))
                stack.append(marker)

    def block(self, body: Sequence[ast.stmt], function: bool = False) -> List[ast.stmt]:
        """Return the statements of a block that count; what is dropped still binds its names."""
        kept = normal.function_body(body) if function else normal.statements(body)
        if len(kept) != len(body):
            for gone in normal.dropped(body):
                for node in ast.walk(gone):
                    if isinstance(node, (ast.Yield, ast.YieldFrom, ast.Await)):
                        return list(body)  # a yield that can't be reached still makes a generator
                    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                        self.scope.bind(node.id)
        return kept

    def mention(self, scope: Scope, chain: Tuple[str, ...], called: bool = False) -> None:
        """Leave a place in the tokens for a name, to be filled when all bindings are known."""
        self.names.mentions.append(Mention(len(self.out), scope, chain, called))
        self.out.append("?")

    def store(self, name: str, scope: Scope) -> None:
        """Write a name that is bound here."""
        self.names.rebound(scope, name)
        if scope.outer.get(name) == "global" or scope.kind in ("module", "class"):
            scope.bind(name)
            self.out.append("=" + name)
        else:
            scope.bind(name)
            self.mention(scope, (name,))

    def reads(self, name: str) -> None:
        """Note what a name or an attribute tells about what the code reads."""
        flag = _READS.get(name)
        if flag is not None:
            self.flags |= flag
        if name in SEES_LOCALS:
            self.names.sees_locals = True


def _constant(value: Any) -> str:
    if type(value) is str:
        return "s%d:%s" % (len(value), value)
    if type(value) is int:
        return "i%x" % value
    text = repr(value) if type(value) is not frozenset else "frozenset"
    return "%s%d:%s" % (type(value).__name__, len(text), text)


def chain_of(node: ast.AST) -> Optional[Tuple[str, ...]]:
    """Return the names of `a.b.c`, or None for anything else."""
    attributes: List[str] = []
    while type(node) is ast.Attribute:
        attributes.append(node.attr)
        node = node.value
    if type(node) is not ast.Name:
        return None
    attributes.append(node.id)
    attributes.reverse()
    return tuple(attributes)


# -- one handler for each node that is not written by its fields alone ----------------------------

def _name(canon: Canon, node: ast.Name) -> None:
    canon.reads(node.id)
    if type(node.ctx) is ast.Store or type(node.ctx) is ast.Del:
        canon.store(node.id, canon.scope)
        return
    if node.id in ("eval", "exec", "globals", "vars"):
        canon.flags |= READS_GLOBALS
    canon.mention(canon.scope, (node.id,))


def _attribute(canon: Canon, node: ast.Attribute, called: bool = False) -> None:
    chain = chain_of(node)
    if chain is None:
        canon.reads(node.attr)
        canon.out.append("(Attribute " + node.attr)
        canon.push((node.value, ")"))
        return
    for name in chain:
        canon.reads(name)
    canon.mention(canon.scope, chain, called)


def _call(canon: Canon, node: ast.Call) -> None:
    plain = not node.keywords
    for argument in node.args:
        if type(argument) is ast.Starred:
            plain = False
    for keyword in node.keywords:
        canon.names.keywords.add(keyword.arg or "**")
    canon.out.append("(Call")
    func = node.func
    items: List[Item] = []
    if type(func) is ast.Name or type(func) is ast.Attribute:
        last = func.id if type(func) is ast.Name else func.attr
        if last in RECIPE_CALLS:
            found = recipe(node, chain_of(func), last)
            if found is not None:
                canon.recipes.append(found)
    if plain and type(func) is ast.Name:
        canon.reads(func.id)
        if func.id in ("eval", "exec", "globals", "vars"):
            canon.flags |= READS_GLOBALS
        canon.mention(canon.scope, (func.id,), True)
    elif plain and type(func) is ast.Attribute:
        _attribute(canon, func, True)
        # an attribute of something computed has put itself on the stack: it is written first
    else:
        items.append(func)
    items.extend(node.args)
    for keyword in node.keywords:
        items.append("|" + (keyword.arg or "**"))
        items.append(keyword.value)
    items.append(")")
    waiting = canon.stack
    if plain and type(func) is ast.Attribute and waiting and waiting[-1] is func.value:
        inner = [waiting.pop(), waiting.pop()]
        canon.push(inner + items)  # type: ignore[operator]
    else:
        canon.push(items)


def _literal(canon: Canon, node: ast.Constant) -> None:
    value = node.value
    if type(value) is str:
        canon.names.strings.append(value)
        if value.startswith("__"):
            canon.flags |= _READS.get(value, 0)
    canon.out.append(_constant(value))


def _joined(canon: Canon, node: ast.JoinedStr) -> None:
    items: List[Item] = ["(JoinedStr"]
    text = ""
    for value in node.values:
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            text += value.value
            continue
        if text:
            items.append(_constant(text))
            text = ""
        items.append(value)
    if text:
        items.append(_constant(text))
    items.append(")")
    canon.push(items)


def _binary(canon: Canon, node: ast.expr) -> None:
    value = normal.fold(node)
    if value is not None:
        canon.out.append(_constant(value[0]))
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
    if chain is not None and chain[-1] == "environ":
        found = recipe(node, chain, "environ")
        if found is not None:
            canon.recipes.append(found)
    canon.out.append("(Subscript")
    canon.push((node.value, node.slice, ")"))


def _index(canon: Canon, node: Any) -> None:  # Python 3.8: a wrapper that later versions lost
    canon.push((node.value,))


def _ext_slice(canon: Canon, node: Any) -> None:  # Python 3.8: later versions have a tuple here
    canon.push(["(Tuple", "|elts", *node.dims, ")"])


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
    canon.annotations += [canon.scope, node.annotation]
    if node.value is not None:
        canon.push(("(Assign", "|value", node.value, "|targets", node.target, ")"))
    elif isinstance(node.target, ast.Name):
        canon.scope.bind(node.target.id)


def _assign(canon: Canon, node: ast.Assign) -> None:
    canon.push(["(Assign", "|value", node.value, "|targets", *node.targets, ")"])


def _dict(canon: Canon, node: ast.Dict) -> None:
    items: List[Item] = ["(Dict"]
    for key, value in zip(node.keys, node.values):
        items += ["**" if key is None else key, value]
    items.append(")")
    canon.push(items)


def _assert(canon: Canon, node: ast.Assert) -> None:
    canon.flags |= READS_DEBUG
    canon.generic(node)


def _walrus(canon: Canon, node: Any) -> None:
    canon.out.append("(NamedExpr")
    canon.store(node.target.id, canon.scope.binder())
    canon.push((node.value, ")"))


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
        else:
            # no token: what is imported counts where it is used, by what it is and not by its path
            canon.names.imported(scope, name, target, module)


def _handler(canon: Canon, node: ast.ExceptHandler) -> None:
    canon.out.append("(ExceptHandler")
    items: List[Item] = []
    if node.type is not None:
        items += ["|type", node.type]
    canon.push([*items, *(["|name", ast.Name(id=node.name, ctx=ast.Store())] if node.name else []),
                "|body", *canon.block(node.body), ")"])


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


def _enter(canon: Canon, scope: Scope) -> None:
    canon.scope = scope


def _nested_function(canon: Canon, node: Any) -> None:
    outer = canon.scope
    canon.out.append("(" + type(node).__name__)
    canon.store(node.name, outer)
    inner = Scope("function", outer, f"{outer.path}{node.name}.<locals>.")
    canon.found.append((node, outer.path))
    items: List[Item] = list(node.decorator_list)
    items += arguments(canon, node.args, inner, literal=True)
    if node.returns is not None:
        canon.annotations += [outer, node.returns]
    canon.docs.append(docstring(node) or "")
    canon.scope = inner
    body = canon.block(node.body, function=True)
    canon.scope = outer
    canon.push([*items, inner, "|body", *body, outer, ")"])


def _lambda(canon: Canon, node: ast.Lambda) -> None:
    outer = canon.scope
    inner = Scope("lambda", outer, outer.path + "<lambda>.<locals>.")
    canon.found.append((node, outer.path))
    canon.push(["(Lambda", *arguments(canon, node.args, inner), inner, node.body, outer, ")"])


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
                    canon.annotations += [outer, arg.annotation]
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


_HANDLERS: Dict[type, Callable[[Canon, Any], None]] = {
    ast.Name: _name, ast.Attribute: _attribute, ast.Call: _call, ast.Constant: _literal,
    ast.JoinedStr: _joined, ast.BinOp: _binary, ast.UnaryOp: _binary, ast.Compare: _compare,
    ast.Subscript: _subscript, ast.Return: _return, ast.While: _while, ast.For: _for, ast.AsyncFor: _for,
    ast.AnnAssign: _annotated, ast.Assign: _assign, ast.Dict: _dict, ast.Assert: _assert, ast.NamedExpr: _walrus, ast.Global: _outer_names,
    ast.Nonlocal: _outer_names, ast.Import: _import, ast.ImportFrom: _import, ast.ExceptHandler: _handler,
    ast.ListComp: _comprehension, ast.SetComp: _comprehension, ast.DictComp: _comprehension,
    ast.GeneratorExp: _comprehension, ast.FunctionDef: _nested_function,
    ast.AsyncFunctionDef: _nested_function, ast.Lambda: _lambda, ast.ClassDef: _nested_class, Scope: _enter,
}
# shapes that only some versions of Python have
for _kind, _function in (("MatchAs", _capture), ("MatchStar", _capture), ("MatchMapping", _capture)):
    if hasattr(ast, _kind):
        _HANDLERS[getattr(ast, _kind)] = _function
if not issubclass(ast.Index, ast.expr) and hasattr(ast, "ExtSlice") and ast.Index.__module__ == "_ast":
    _HANDLERS[ast.Index], _HANDLERS[ast.ExtSlice] = _index, _ext_slice
