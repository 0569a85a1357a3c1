"""Whether code of which digests of two schemes are known is the same code. Pure.

The units of both fingerprints are walked side by side. Equal digests prove equality in any scheme.
Where a function, a class or a statement has other digests now, what was recorded of it proves it: its
text, read anew, must come to what the present text comes to, and its labels must be the same. Labels
are what a unit's own digest has in it that its text does not show: which object of a package or of the
standard library a name stands for, the values of defaults, of captured variables, of class attributes.
"""
from __future__ import annotations

import ast
import textwrap
from typing import Callable, Dict, Iterable, List, NamedTuple, Optional, Set, Tuple

from ..analysis.facts import ModuleFacts, facts_of
from ..analysis.fingerprint import Analysis
from ..hashing.digest import Hasher
from ..model import Digest, Unit

_BY_TEXT = frozenset({"function", "class", "statement"})
#: the digest of these says nothing of its own
_BARE = frozenset({"step", "package"})


class Known(NamedTuple):
    """What is known of units by their digests."""

    unit: Callable[[Digest], Optional[Unit]]
    text: Callable[[Digest], Optional[str]]      #: by `own`, and labels by `labels_of` it


def labels_of(own: Digest) -> Digest:
    """Return the digest by which the labels of a unit are kept; the same in any scheme."""
    return Hasher("labels of/1").field("own", own).digest()


def texts_of(analysis: Analysis, units: Iterable[Unit]) -> Dict[Digest, str]:
    """Return what the database keeps of units to be compared later: their texts, and the labels of what has a text."""
    found: Dict[Digest, str] = {}
    for unit in units:
        text = analysis.text(unit)
        if text is not None:
            found[unit.own] = text
            if unit.kind in _BY_TEXT:
                found[labels_of(unit.own)] = "\n".join(analysis.labels(unit))
    return found


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
        waiting: List[Tuple[Digest, Digest]] = [(old_root, new_root)]
        while waiting:
            pair = old_deep, new_deep = waiting.pop()
            if old_deep == new_deep or pair in seen or pair in self._proved:
                continue
            seen.add(pair)
            old, new = self._then.unit(old_deep), self._now.unit(new_deep)
            if old is None or new is None:
                return "its code of then is not recorded here"
            links = _matched(old, new)
            if links is None or not self._is_same(old, new):
                return f"`{new.name}` is not known to be what it was"
            self.owns[old.own] = new.own
            waiting += links
        self._proved |= seen
        return None

    def _is_same(self, old: Unit, new: Unit) -> bool:
        if (old.kind, old.origin, old.name) != (new.kind, new.origin, new.name):
            return False
        if old.own == new.own or new.kind in _BARE:
            return True
        if new.kind not in _BY_TEXT or "<" in new.name:     # of several lambdas on one line the text is the same
            return False
        before, after = self._then.text(labels_of(old.own)), self._now.text(labels_of(new.own))
        if before is None or before != after:
            return False
        was, is_ = _read(self._then.text(old.own)), _read(self._now.text(new.own))
        return was is not None and was == is_


def _matched(old: Unit, new: Unit) -> Optional[List[Tuple[Digest, Digest]]]:
    """Return the targets of two units' links in pairs, None where the units use other things."""
    before, after = ({text: [deep for other, deep in unit.links if other == text] for text, _ in unit.links} for unit in (old, new))
    if {text: len(deeps) for text, deeps in before.items()} != {text: len(deeps) for text, deeps in after.items()}:
        return None
    return [pair for text, deeps in before.items() for pair in zip(deeps, after[text])]


def _read(text: Optional[str]) -> Optional[ModuleFacts]:
    """Return the facts of a text, without its lines."""
    if text is None:
        return None
    try:
        facts = facts_of(ast.parse(textwrap.dedent(text)))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return facts._replace(definitions=tuple(each._replace(line=0, end=0) for each in facts.definitions),
                          statements=tuple(each._replace(line=0, end=0) for each in facts.statements))
