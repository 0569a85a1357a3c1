"""Whether code of which digests of two schemes are known is the same code. Pure.

The units of both fingerprints are walked side by side. Equal digests prove equality in any scheme.
Where a function, a class or a statement has other digests now, its recorded text proves it: read anew,
it must come to what the present text comes to. That holds only for a definition whose digest has no
value in it that its text does not show (a default that is computed, a captured variable).
"""
from __future__ import annotations

import ast
import textwrap
from typing import Callable, Dict, List, NamedTuple, Optional, Set, Tuple

from ..analysis.facts import ModuleFacts, facts_of
from ..model import Digest, Unit

_BY_TEXT = frozenset({"function", "class", "statement"})
#: the digest of these says nothing of its own
_BARE = frozenset({"step", "package"})


class Known(NamedTuple):
    """What is known of units by their digests."""

    unit: Callable[[Digest], Optional[Unit]]
    text: Callable[[Unit], Optional[str]]


class SameCode:
    """Compares the fingerprints of then and now; what is proved once is known for all steps."""

    def __init__(self, then: Known, now: Known) -> None:
        self._then = then
        self._now = now
        self._proved: Set[Tuple[Digest, Digest]] = set()
        #: own digests of then -> those of now, of all that is proved
        self.owns: Dict[Digest, Digest] = {}

    def difference(self, old_root: Digest, new_root: Digest) -> Optional[str]:
        """Return None where two fingerprints are proved to be of the same code, else where that proof fails."""
        seen: Set[Tuple[Digest, Digest]] = set()
        waiting: List[Tuple[Digest, Digest, bool]] = [(old_root, new_root, False)]
        while waiting:
            old_deep, new_deep, called_by_step = waiting.pop()
            pair = (old_deep, new_deep)
            if old_deep == new_deep or pair in seen or pair in self._proved:
                continue
            seen.add(pair)
            old, new = self._then.unit(old_deep), self._now.unit(new_deep)
            if old is None or new is None:
                return "its code of then is not recorded here"
            links = _matched(old, new)
            if links is None or not self._is_same(old, new, called_by_step):
                return f"`{new.name}` is not known to be what it was"
            self.owns[old.own] = new.own
            waiting += [(before, after, new.kind == "step") for before, after in links]
        self._proved |= seen
        return None

    def _is_same(self, old: Unit, new: Unit, called_by_step: bool) -> bool:
        if (old.kind, old.origin, old.name) != (new.kind, new.origin, new.name):
            return False
        if old.own == new.own or new.kind in _BARE:
            return True
        before, after = self._then.text(old), self._now.text(new)
        if new.kind not in _BY_TEXT or "<" in new.name or before is None or after is None:
            return False
        was, is_ = _parsed(before), _parsed(after)
        # the defaults of a step's own parameters count as params
        return was is not None and is_ is not None and _read(was) == _read(is_) and _shows_all(is_, called_by_step)


def _matched(old: Unit, new: Unit) -> Optional[List[Tuple[Digest, Digest]]]:
    """Return the targets of two units' links in pairs, None where the units use other things."""
    before, after = ({text: [deep for other, deep in unit.links if other == text] for text, _ in unit.links} for unit in (old, new))
    if {text: len(deeps) for text, deeps in before.items()} != {text: len(deeps) for text, deeps in after.items()}:
        return None
    return [pair for text, deeps in before.items() for pair in zip(deeps, after[text])]


def _parsed(text: str) -> Optional[ast.Module]:
    try:
        return ast.parse(textwrap.dedent(text))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _read(tree: ast.Module) -> Optional[ModuleFacts]:
    """Return the facts of a text, without its lines."""
    try:
        facts = facts_of(tree)
    except (RecursionError, ValueError):
        return None
    return facts._replace(definitions=tuple(each._replace(line=0, end=0) for each in facts.definitions),
                          statements=tuple(each._replace(line=0, end=0) for each in facts.statements))


def _shows_all(tree: ast.Module, called_by_step: bool) -> bool:
    """Tell whether no computed value is kept in what a text defines."""
    waiting: List[Tuple[ast.stmt, bool]] = [(node, called_by_step) for node in tree.body]
    while waiting:
        node, apart = waiting.pop()
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            defaults = [*node.args.defaults, *(each for each in node.args.kw_defaults if each is not None)]
            if not apart and not all(map(_is_literal, defaults)):
                return False
        elif isinstance(node, ast.ClassDef):
            waiting += [(each, False) for each in node.body]
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            if node.value is not None and not _is_literal(node.value):
                return False
        elif not isinstance(node, (ast.Pass, ast.Expr)):
            return False
    return True


def _is_literal(node: ast.expr) -> bool:
    if isinstance(node, ast.UnaryOp):
        node = node.operand
    return isinstance(node, ast.Constant)
