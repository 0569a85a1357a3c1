"""Whether two texts of a definition compile to the same code, whatever they look like.

The compiler drops code that can't run (``if False``), folds constants and numbers local variables;
two texts that give the same instructions over the same names and constants do the same. Docstrings
and annotations of functions are left out, as they are from digests. The comparison is made within
one process, so it does not depend on the version of Python; no code object is ever stored.
"""
from __future__ import annotations

import ast
import dis
import re
import textwrap
from types import CodeType
from typing import Any, Dict, List, Optional, Set, Tuple

from .scopes import SEES_LOCALS

_WORD = re.compile(r"[^\W\d]\w*")
#: instructions that do nothing, or belong to the next one
_NOTHING = frozenset({"NOP", "EXTENDED_ARG", "CACHE"})
_JUMPS = frozenset(dis.hasjrel + dis.hasjabs)
_CONSTANTS, _NAMES = frozenset(dis.hasconst), frozenset(dis.hasname)
_LOCALS = frozenset(dis.haslocal + dis.hasfree)
_UNCOMPILABLE = (SyntaxError, ValueError, RecursionError, MemoryError, TypeError)


def same_code(old: str, new: str, alone: bool = False) -> bool:
    """Return whether two texts of definitions compile to the same code; False where that can't be told.

    `alone` tells that no package calls what is defined inside: then parameters of inner functions may have
    other names, if nothing in the texts says these.
    """
    before, now = _compiled(old), _compiled(new)
    if before is None or now is None:
        return False
    return _same(before, now, _spoken(before) | _spoken(now) if alone else None)


def _spoken(code: CodeType) -> Set[str]:
    """Return the names that code reads as globals and attributes, and the words in its constants, at any depth."""
    found: Set[str] = set()
    waiting: List[Any] = [code]
    while waiting:
        each = waiting.pop()
        if isinstance(each, CodeType):
            found.update(each.co_names)
            waiting += each.co_consts
        elif isinstance(each, (tuple, frozenset)):
            waiting += each
        elif isinstance(each, str) and "<locals>" not in each:
            found.update(_WORD.findall(each))
    return found


def same_signature(old: str, new: str) -> bool:
    """Return whether calls of two functions succeed or fail alike; False where that can't be told.

    A decorator ran when the function was made, and may have made anything of it: then it can't.
    """
    before, now = _signature(old), _signature(new)
    return before is not None and before == now


def _kind(function: ast.AST) -> Tuple[bool, bool]:
    """Return whether a function is a coroutine, and whether a generator: a call of it then runs nothing of it."""
    waiting: List[ast.AST] = list(ast.iter_child_nodes(function))
    while waiting:
        node = waiting.pop()
        if isinstance(node, (ast.Yield, ast.YieldFrom)):
            return isinstance(function, ast.AsyncFunctionDef), True
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)):
            waiting += ast.iter_child_nodes(node)
    return isinstance(function, ast.AsyncFunctionDef), False


def _signature(text: str) -> Optional[Tuple[object, ...]]:
    try:
        tree = ast.parse(textwrap.dedent(text))
    except _UNCOMPILABLE:
        return None
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
    found = next((node for node in ast.walk(tree) if isinstance(node, kinds)), None)
    if found is None or not all(map(_is_inert, getattr(found, "decorator_list", ()))):
        return None
    args = found.args
    names = [[arg.arg for arg in group] for group in (getattr(args, "posonlyargs", []), args.args, args.kwonlyargs)]
    rest = [arg.arg if arg is not None else None for arg in (args.vararg, args.kwarg)]
    shown = [ast.dump(each) for each in getattr(found, "decorator_list", ())]
    return _kind(found), names, rest, len(args.defaults), [default is not None for default in args.kw_defaults], shown


def _is_inert(decorator: ast.expr) -> bool:
    if isinstance(decorator, ast.Attribute):
        return decorator.attr in ("setter", "getter", "deleter")
    return isinstance(decorator, ast.Name) and decorator.id in ("staticmethod", "classmethod", "property")


def _compiled(text: str) -> Optional[CodeType]:
    try:
        tree = _Bare().visit(ast.parse(textwrap.dedent(text)))
        code = compile(ast.fix_missing_locations(tree), "<definition>", "exec", dont_inherit=True)
    except _UNCOMPILABLE:
        return None
    assert isinstance(code, CodeType)
    return code


class _Bare(ast.NodeTransformer):
    """Takes docstrings and annotations away from functions."""

    def _function(self, node: Any) -> Any:
        self.generic_visit(node)
        node.returns = None
        if ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:] or [ast.Pass()]
        return node

    visit_FunctionDef = visit_AsyncFunctionDef = _function    # noqa: N815 - names that the visitor asks for

    def visit_arg(self, node: ast.arg) -> ast.arg:
        """Take away a parameter's annotation."""
        node.annotation = None
        return node


def _same(old: CodeType, new: CodeType, spoken: Optional[Set[str]], inner: int = 0) -> bool:
    plain = ("co_flags", "co_argcount", "co_posonlyargcount", "co_kwonlyargcount")
    if any(getattr(old, name) != getattr(new, name) for name in plain):
        return False
    parameters = old.co_argcount + old.co_kwonlyargcount + bool(old.co_flags & 4) + bool(old.co_flags & 8)
    given = set(old.co_varnames[:parameters]).symmetric_difference(new.co_varnames[:parameters])
    if old.co_varnames[:parameters] != new.co_varnames[:parameters] and (
            inner < 2 or spoken is None or not given or not given.isdisjoint(spoken)):
        return False
    before, now = _Listing(old), _Listing(new)
    if len(before.items) != len(now.items) or before.guarded != now.guarded:
        return False
    # a parameter is told by its place, and so is what is captured
    names = dict(zip((*old.co_varnames[:parameters], *old.co_freevars), (*new.co_varnames[:parameters], *new.co_freevars)))
    back = {right: left for left, right in names.items()}
    for at, (one, other) in enumerate(zip(before.items, now.items)):
        same = one.opname == other.opname and _same_argument(one, other, (before, now), (spoken, inner))
        if not same and not (at and _is_name_of_inner(before.items[at - 1], one)
                             and _is_name_of_inner(now.items[at - 1], other)):
            return False
        if one.opcode in _LOCALS:
            for left, right in zip(_texts(one.argval), _texts(other.argval)):
                if names.setdefault(left, right) != right or back.setdefault(right, left) != left:
                    return False
    return _unseen({each for pair in names.items() if pair[0] != pair[1] for each in pair}, old)


class _Listing:
    """The instructions of a code object that do something, with places told by their numbers."""

    def __init__(self, code: CodeType) -> None:
        kept: List[dis.Instruction] = []
        self._place: Dict[int, int] = {}
        for each in dis.get_instructions(code):
            self._place[each.offset] = len(kept)      # a jump to what is left out goes to what follows it
            if each.opname not in _NOTHING:
                kept.append(each)
        self.items = kept
        table: Any = getattr(dis, "_parse_exception_table", None)    # from Python 3.11; before, instructions tell
        self.guarded = [(self.place(each.start), self.place(each.end), self.place(each.target), each.depth, each.lasti)
                        for each in (table(code) if table is not None else ())]

        self.constants = code.co_consts

    def place(self, offset: int) -> int:
        """Return the number of the instruction at an offset, or of the one after it."""
        while offset not in self._place and offset <= max(self._place, default=0):
            offset += 1
        return self._place.get(offset, len(self.items))


def _same_argument(one: dis.Instruction, other: dis.Instruction, sides: Tuple[_Listing, _Listing],
                   where: Tuple[Optional[Set[str]], int]) -> bool:
    before, now = sides
    if one.opcode in _JUMPS:
        return before.place(one.argval) == now.place(other.argval)
    if one.opcode in _CONSTANTS:      # by number: of some instructions `dis` does not know the constant
        left, right = before.constants[one.arg or 0], now.constants[other.arg or 0]
        if isinstance(left, CodeType) and isinstance(right, CodeType):
            return _same(left, right, where[0], where[1] + 1)
        return _same_constant(left, right)
    if one.opcode in _LOCALS:
        return type(one.argval) is type(other.argval)     # by which names, the caller compares
    if one.opcode in _NAMES:
        return one.argrepr == other.argrepr
    return one.arg == other.arg


def _is_name_of_inner(before: dis.Instruction, this: dis.Instruction) -> bool:
    """Tell whether an instruction loads the qualified name of an inner function, as below Python 3.11."""
    return isinstance(before.argval, CodeType) and isinstance(this.argval, str) \
        and this.argval.rpartition(".")[2] == before.argval.co_name


def _texts(argument: Any) -> Tuple[str, ...]:
    return argument if isinstance(argument, tuple) else (str(argument),)


def _unseen(renamed: Set[str], code: CodeType) -> bool:
    """Tell whether nothing can see these names of local variables."""
    if not renamed:
        return True
    words = {word for const in code.co_consts if isinstance(const, str) and not const.isidentifier() and "<locals>" not in const
             for word in _WORD.findall(const)}
    return SEES_LOCALS.isdisjoint(code.co_names) and renamed.isdisjoint(words)


def _same_constant(old: Any, new: Any) -> bool:
    """Compare type and value: 1, True and 1.0 differ, and so do 0.0 and -0.0."""
    if type(old) is not type(new):
        return False
    if isinstance(old, (tuple, frozenset)):
        if isinstance(old, frozenset):
            return sorted(map(repr, old)) == sorted(map(repr, new))
        return len(old) == len(new) and all(map(_same_constant, old, new))
    return bool(repr(old) == repr(new))
