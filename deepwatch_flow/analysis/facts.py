"""The facts of one source file: all that analysis needs of its text, found in one walk.

`facts_of` parses a module into definitions (functions, lambdas, classes, at any depth) and
module-level statements, each with the digest of its canonical text and the holes in it. Facts hold
no live object, only texts and numbers, so they are kept by content digest: `dump` and `load` turn
them into bytes and back (marshal of plain tuples, never pickle).
"""
from __future__ import annotations

import ast
import marshal
import textwrap
from typing import Any, List, NamedTuple, Optional, Sequence, Tuple, Union

from ..hashing.digest import digest_bytes
from .canonical import Canon, Item, arguments, docstring, writer
from .normal import statements
from .recipes import Recipe
from .scopes import Scope, Use
from .walk import chain_of

#: raise it whenever the same text gives other facts
FACTS_VERSION = 4

Function = Union[ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda]
#: definitions met on a walk, with what stands before their qualified names
Found = List[Tuple[Any, str]]


class Text(NamedTuple):
    """A canonical text by its digest, and its holes."""

    digest: str
    uses: Tuple[Use, ...]
    recipes: Tuple[Recipe, ...] = ()
    flags: int = 0


class Definition(NamedTuple):
    """The facts of one function, lambda or class."""

    kind: str                                  #: function | class
    name: str
    qualname: str
    line: int                                  #: of the first decorator, as in ``co_firstlineno``
    end: int
    text: Text                                 #: without docstrings, annotations, decorators, defaults
    docs: str                                  #: digest of the docstrings, "" where there are none
    annotations: Text                          #: of a function; those of a class are in its text
    signature: str                             #: names of parameters, "," between them
    decorators: Tuple[Text, ...] = ()
    defaults: Optional[Text] = None            #: of a function; for where live ones can't be digested
    assigned: Tuple[Tuple[str, Text], ...] = ()    #: of a class: what its body assigns


class Statement(NamedTuple):
    """The facts of one module-level statement."""

    line: int
    end: int
    names: Tuple[str, ...]                     #: what it binds
    text: Text
    effect: bool                               #: done for what it does: a call, an outside assignment
    subject: Tuple[str, ...] = ()              #: what is called or assigned to, where it is a plain name


class ModuleFacts(NamedTuple):
    """The facts of one source file."""

    definitions: Tuple[Definition, ...]
    statements: Tuple[Statement, ...]
    imports: Tuple[Tuple[str, str, int, Optional[str]], ...]   #: (name, module, level, attribute)
    assigned: Tuple[str, ...]                  #: names bound at module level, in order
    docs: str


_NO_TEXT = Text("", ())


def facts_of(tree: ast.Module) -> ModuleFacts:
    """Return the facts of a parsed file."""
    walker = _Walker()
    body = statements(tree.body)
    for node in body:
        walker.statement(node)
    names = tuple(dict.fromkeys(walker.names))
    return ModuleFacts(tuple(walker.definitions), tuple(walker.found), tuple(walker.imports), names,
                       _docs([docstring(tree) or ""]))


def definitions_in(text: str) -> Tuple[Definition, ...]:
    """Return the functions and classes in a piece of source text, such as a definition cut out of its file."""
    try:
        return facts_of(ast.parse(textwrap.dedent(text))).definitions
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ()


def dump(facts: ModuleFacts) -> bytes:
    """Return facts as bytes for this version of Python."""
    return marshal.dumps((FACTS_VERSION, _plain(facts)))


def load(data: bytes) -> Optional[ModuleFacts]:
    """Return the facts that `dump` wrote, or None where another version wrote them."""
    try:
        version, (definitions, found, imports, assigned, docs) = marshal.loads(data)
    except (ValueError, EOFError, TypeError):
        return None
    if version != FACTS_VERSION:
        return None
    return ModuleFacts(tuple(map(_definition, definitions)), tuple(map(_statement, found)), imports, assigned, docs)


def _plain(value: Any) -> Any:
    return tuple(map(_plain, value)) if isinstance(value, tuple) else value


def _text(plain: Any) -> Text:
    digest, uses, recipes, flags = plain
    return Text(digest, tuple(Use(*use) for use in uses), recipes, flags)


def _definition(plain: Any) -> Definition:
    made = Definition(*plain)
    return made._replace(
        text=_text(made.text), annotations=_text(made.annotations),
        decorators=tuple(map(_text, made.decorators)),
        defaults=None if made.defaults is None else _text(made.defaults),
        assigned=tuple((name, _text(text)) for name, text in made.assigned),
    )


def _statement(plain: Any) -> Statement:
    made = Statement(*plain)
    return made._replace(text=_text(made.text))


def _docs(docs: Sequence[str]) -> str:
    if not any(docs):
        return ""
    return digest_bytes("\n".join("%d:%s" % (len(doc), doc) for doc in docs).encode("utf-8", "surrogatepass"))


def _finish(canon: Canon) -> Text:
    text, uses = canon.finish()
    digest = digest_bytes(text.encode("utf-8", "surrogatepass"))
    return Text(digest, uses, tuple(canon.recipes), canon.flags)


def _standalone(items: Sequence[Item], scope: Scope, found: Found) -> Text:
    tokens = writer(scope).write(*items)
    found += tokens.found
    return _finish(tokens)


class _Walker:
    """Collect the facts of a file; of definitions with one name, in the order of their code."""

    def __init__(self) -> None:
        self.definitions: List[Definition] = []
        self.found: List[Statement] = []
        self.imports: List[Tuple[str, str, int, Optional[str]]] = []
        self.names: List[str] = []

    def statement(self, node: ast.stmt) -> None:
        """Take one module-level statement."""
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            self.names.append(node.name)
            self.definition(node, "")
            return
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            self._import(node)
            return
        tokens = writer(Scope("module", None)).write(node)
        self._inner(tokens.found)
        if _is_main_guard(node):
            return
        names = tuple(sorted(tokens.scope.bound))
        self.names += names
        self.found.append(Statement(node.lineno, node.end_lineno or node.lineno, names, _finish(tokens), _acts(node),
                                    _subject(node)))
        if not isinstance(node, (ast.Expr, ast.Assign, ast.AnnAssign, ast.AugAssign)):
            for inner in ast.walk(node):
                if isinstance(inner, (ast.Import, ast.ImportFrom)):
                    self._import(inner)

    def definition(self, node: Any, prefix: str, method: bool = False) -> None:
        """Take a definition and all below it."""
        found: Found = []
        if isinstance(node, ast.ClassDef):
            made = self._class(node, prefix + node.name, found)
            self.definitions.append(made)
            self._inner(found)
            for child in statements(node.body):
                if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                    self.definition(child, made.qualname + ".", method=True)
        else:
            function = _function(node, prefix, found)
            if method and not any("staticmethod" in use.chain for text in function.decorators for use in text.uses):
                # nobody passes `self` by its name
                function = function._replace(signature=function.signature.partition(",")[2])
            self.definitions.append(function)
            self._inner(found)

    def _inner(self, found: Found) -> None:
        """Take definitions that another one's text holds, at any depth."""
        for node, prefix in found:
            if isinstance(node, ast.ClassDef):
                self.definitions.append(self._class(node, prefix + node.name, []))
            else:
                self.definitions.append(_function(node, prefix, []))

    def _class(self, node: ast.ClassDef, qualname: str, found: Found) -> Definition:
        scope = Scope("class", None, qualname + ".")
        tokens = writer(scope)
        items: List[Item] = ["class " + node.name, *node.keywords]
        methods: List[str] = []    # their order says nothing: they are reached by name
        assigned: List[Tuple[str, Text]] = []
        for child in tokens.block(node.body):
            names = _assigned_names(child)
            if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
                methods.append("method " + child.name)
            elif isinstance(child, ast.ClassDef):
                methods.append("class " + child.name)
            elif names:
                value = child.value  # type: ignore[attr-defined]
                if isinstance(child, ast.AnnAssign):
                    items += ["field " + names[0], child.annotation, "=" if value is not None else "-"]
                else:
                    items += ["assigns " + name for name in names]
                if value is not None:
                    text = _standalone([value], Scope("class", None, scope.path), found)
                    assigned += [(name, text) for name in names]
            else:
                items.append(child)
        outer = Scope("module", None, qualname[: -len(node.name)])
        decorators = tuple(_standalone([each], outer, found) for each in node.decorator_list)
        fallback = _standalone(["bases", *node.bases], outer, found)
        text = _finish(tokens.write(*items, *sorted(methods)))
        found += tokens.found
        return Definition("class", node.name, qualname, _first_line(node), node.end_lineno or node.lineno, text,
                          _docs([docstring(node) or ""]), _NO_TEXT, "", decorators, fallback, tuple(assigned))

    def _import(self, node: Union[ast.Import, ast.ImportFrom]) -> None:
        for alias in node.names:
            if isinstance(node, ast.Import):
                name = alias.asname or alias.name.split(".")[0]
                self.imports.append((name, alias.name if alias.asname else name, 0, None))
                if not alias.asname and "." in alias.name:
                    self.imports.append(("", alias.name, 0, None))
            else:
                self.imports.append((alias.asname or alias.name, node.module or "", node.level, alias.name))


def _function(node: Function, prefix: str, found: Found) -> Definition:
    name = "<lambda>" if isinstance(node, ast.Lambda) else node.name
    scope = Scope("function", None, f"{prefix}{name}.<locals>.")
    tokens = writer(scope)
    args = node.args
    outer = Scope("module", None, prefix)
    defaults = [*args.defaults, *(default for default in args.kw_defaults if default is not None)]
    bare = ast.arguments(posonlyargs=args.posonlyargs, args=args.args, vararg=args.vararg, kwonlyargs=args.kwonlyargs,
                         kw_defaults=[], kwarg=args.kwarg, defaults=[])
    head: List[Item] = [type(node).__name__, *arguments(tokens, bare, scope)]
    head.append("defaults %d %s" % (len(args.defaults), [default is not None for default in args.kw_defaults]))
    docs: List[str] = []
    decorators: Tuple[Text, ...] = ()
    if isinstance(node, ast.Lambda):
        head.append(node.body)
    else:
        docs.append(docstring(node) or "")
        decorators = tuple(_standalone([each], outer, found) for each in node.decorator_list)
        if node.returns is not None:
            tokens.annotations += [scope, "|returns", node.returns]
        head += tokens.block(node.body, function=True)
    default_text = _standalone(list(defaults), outer, found) if defaults else None
    tokens.write(*head)
    found += tokens.found
    annotations = _NO_TEXT
    if tokens.annotations:
        annotations = _finish(writer(Scope("module", None)).write(*tokens.annotations))
    return Definition("function", name, prefix + name, _first_line(node), node.end_lineno or node.lineno, _finish(tokens),
                      _docs(docs + tokens.docs), annotations, _signature(args), decorators, default_text)


def _signature(args: ast.arguments) -> str:
    names = [arg.arg for arg in [*args.posonlyargs, *args.args, *args.kwonlyargs]]
    return ",".join(names)


def _first_line(node: Any) -> int:
    decorators = getattr(node, "decorator_list", None)
    return min(node.lineno, decorators[0].lineno) if decorators else int(node.lineno)


def _assigned_names(node: ast.stmt) -> List[str]:
    """Return the plain names that a class-level statement assigns, if it does only that."""
    targets: Sequence[ast.expr] = ()
    if isinstance(node, ast.Assign):
        targets = node.targets
    elif isinstance(node, ast.AnnAssign):
        targets = [node.target]
    names = [target.id for target in targets if isinstance(target, ast.Name)]
    return names if len(names) == len(targets) else []


def _acts(node: ast.stmt) -> bool:
    """Whether a module-level statement does something beyond binding names of its module."""
    if isinstance(node, ast.Expr):
        return isinstance(node.value, (ast.Call, ast.Await))
    if isinstance(node, (ast.Assign, ast.AugAssign, ast.Delete)):
        targets = [node.target] if isinstance(node, ast.AugAssign) else node.targets
        return any(isinstance(target, (ast.Attribute, ast.Subscript)) for target in targets)
    if isinstance(node, (ast.For, ast.While, ast.If, ast.With, ast.Try)):
        return any(_acts(child) for child in ast.walk(node) if isinstance(child, (ast.Expr, ast.Assign, ast.AugAssign)))
    return False


def _subject(node: ast.stmt) -> Tuple[str, ...]:
    found: Optional[ast.AST] = None
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        found = node.value.func
    elif isinstance(node, (ast.Assign, ast.AugAssign)):
        found = node.target if isinstance(node, ast.AugAssign) else node.targets[0]
    while found is not None:
        chain = chain_of(found)
        if chain is not None:
            return chain
        found = getattr(found, "func", None) or getattr(found, "value", None)
    return ()


def _is_main_guard(node: ast.stmt) -> bool:
    if not isinstance(node, ast.If) or not isinstance(node.test, ast.Compare):
        return False
    left = node.test.left
    return isinstance(left, ast.Name) and left.id == "__name__" and not node.orelse

