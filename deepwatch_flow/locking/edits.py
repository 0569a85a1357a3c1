"""Which definitions differ between two texts of one source file, read and not run."""
from __future__ import annotations

import ast
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Set, Tuple

from ..analysis.facts import Definition, ModuleFacts, Statement, Text, facts_of

CODE, DOCS, ANNOTATIONS = "code", "docs", "annotations"


class Edit(NamedTuple):
    """An edit of a file, or of one definition in it."""

    path: str                     #: relative to the root, POSIX separators
    definition: str = ""          #: qualified name in its module; empty: anything in the file
    aspect: str = CODE            #: code, or what counts only where it is read: docs | annotations
    lines: Tuple[int, int] = (0, 0)   #: of a statement that binds no name
    by: str = ""                  #: the edit that this one follows from

    @property
    def name(self) -> str:
        """The edit as it is given on the command line."""
        return self.by or (f"{self.path}:{self.definition}" if self.definition else self.path)


def edits_between(path: str, old: Optional[bytes], new: Optional[bytes]) -> List[Edit]:
    """Return the edits that lead from one text of a Python file to another; the file as a whole where that can't be told."""
    before, after = _facts(old), _facts(new)
    if before is None or after is None:
        return [Edit(path)]
    found = dict.fromkeys(_definitions(path, before, after))
    found.update(dict.fromkeys(_statements(path, before, after)))
    rebound = {name for name, *_ in set(before.imports) ^ set(after.imports)}
    if rebound:
        found.update((Edit(path, name), None) for name in _users(after, rebound))
    return list(found)


def names_in(text: bytes) -> Optional[Set[str]]:
    """Return the names that a Python file defines, None where it can't be parsed."""
    facts = _facts(text)
    return None if facts is None else {*(each.qualname for each in facts.definitions), *facts.assigned}


def _facts(text: Optional[bytes]) -> Optional[ModuleFacts]:
    if text is None:
        return None
    try:
        return facts_of(ast.parse(text))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _definitions(path: str, before: ModuleFacts, after: ModuleFacts) -> Iterator[Edit]:
    old, new = _by_name(before), _by_name(after)
    for name in {**old, **new}:
        was, is_ = old.get(name, []), new.get(name, [])
        if [_code(each) for each in was] != [_code(each) for each in is_]:
            yield Edit(path, name)
            continue
        if [each.docs for each in was] != [each.docs for each in is_]:
            yield Edit(path, name, DOCS)
        if [each.annotations.digest for each in was] != [each.annotations.digest for each in is_]:
            yield Edit(path, name, ANNOTATIONS)


def _by_name(facts: ModuleFacts) -> Dict[str, List[Definition]]:
    found: Dict[str, List[Definition]] = {}
    for each in facts.definitions:
        found.setdefault(each.qualname, []).append(each)
    return found


def _code(each: Definition) -> Tuple[Any, ...]:
    return (each.kind, each.text.digest, each.text.uses, each.signature, each.decorators, each.defaults, each.assigned)


def _statements(path: str, before: ModuleFacts, after: ModuleFacts) -> Iterator[Edit]:
    old, new = _texts(before), _texts(after)
    for names in {**old, **new}:
        if old.get(names) == new.get(names):
            continue
        if names:
            yield from (Edit(path, name) for name in names)
            continue
        gone = set(old.get(names, ())) - set(new.get(names, ()))
        if gone:
            yield Edit(path)        # what it did while the module loaded can't be looked up any more
            continue
        come = set(new.get(names, ())) - gone - set(old.get(names, ()))
        yield from (Edit(path, lines=(each.line, each.end)) for each in after.statements
                    if not each.names and _statement(each) in come)


def _texts(facts: ModuleFacts) -> Dict[Tuple[str, ...], Tuple[Any, ...]]:
    found: Dict[Tuple[str, ...], Tuple[Any, ...]] = {}
    for each in facts.statements:
        if each.names or each.effect:
            found[each.names] = (*found.get(each.names, ()), _statement(each))
    return found


def _statement(each: Statement) -> Tuple[Any, ...]:
    return (each.text.digest, each.text.uses, each.effect)


def _users(facts: ModuleFacts, names: Set[str]) -> Iterator[str]:
    """Yield what uses one of some names of its module."""
    return (user for user, chain in uses_in(facts) if chain[0] in names)


def uses_in(facts: ModuleFacts) -> Iterator[Tuple[str, Tuple[str, ...]]]:
    """Yield (definition or name that is bound, chain of names that it uses).

    Where a step's decorator names another step of the file, as in `needs`, that is an edge and no value computed of it.
    """
    steps = {each.qualname for each in facts.definitions if any(map(_makes_step, each.decorators))}
    for each in facts.definitions:
        texts = [each.text, each.annotations, *([each.defaults] if each.defaults is not None else []), *(text for _, text in each.assigned)]
        yield from ((each.qualname, use.chain) for text in texts for use in text.uses if use.chain)
        for text in each.decorators:
            edges = steps if _makes_step(text) else ()
            yield from ((each.qualname, use.chain) for use in text.uses if use.chain and use.chain[0] not in edges)
    for statement in facts.statements:
        yield from ((name, use.chain) for name in statement.names for use in statement.text.uses if use.chain)


def _makes_step(decorator: Text) -> bool:
    """Tell whether a decorator is `step`, or a call of it; under another name it is taken for any other."""
    return bool(decorator.uses) and bool(decorator.uses[0].chain) and decorator.uses[0].chain[-1] == "step"
