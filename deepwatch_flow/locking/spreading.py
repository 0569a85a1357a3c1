"""What an edit changes beyond itself: values that code computes of it while the modules load.

A default, a class attribute, a constant made of another one counts in a fingerprint by its value, with
no link to what it was made of. So names are followed from text to text, over imports as they are
written; that may name more than changes in the end, but not less.
"""
from __future__ import annotations

from typing import Dict, Iterator, List, Mapping, Sequence, Set, Tuple

from ..analysis.facts import ModuleFacts
from .edits import CODE, Edit, uses_in

_Name = Tuple[str, str]         # (path, name at module level)


def spread(edits: Sequence[Edit], modules: Mapping[str, ModuleFacts]) -> List[Edit]:
    """Return edits of all that uses what is edited, directly or not; `modules` by relative path."""
    users, imports = _users(modules)
    found: List[Edit] = []
    seen: Set[_Name] = set()
    for edit in edits:
        facts = modules.get(edit.path)
        if facts is None or edit.aspect != CODE:
            continue
        names = [edit.definition] if edit.definition else [*facts.assigned, *(each.qualname for each in facts.definitions)]
        waiting = [(edit.path, name.partition(".")[0]) for name in names]
        while waiting:
            path, name = waiting.pop()
            for user_path, user in [*users.get((path, name), ()), *imports.get((_module(path), name), ())]:
                if (user_path, user) not in seen:
                    seen.add((user_path, user))
                    found.append(Edit(user_path, user, by=edit.name))
                    waiting.append((user_path, user.partition(".")[0]))
    return found


def _module(path: str) -> str:
    """Return the last part of the name of the module that a file is."""
    parts = path.rpartition(".")[0].split("/")
    return parts[-2] if parts[-1] == "__init__" and len(parts) > 1 else parts[-1]


def _users(modules: Mapping[str, ModuleFacts]) -> Tuple[Dict[_Name, List[_Name]], Dict[_Name, List[_Name]]]:
    """Return what uses a name of its own file, and what uses one of another module, by that module's last part."""
    own: Dict[_Name, List[_Name]] = {}
    others: Dict[_Name, List[_Name]] = {}
    for path, facts in modules.items():
        imported: Dict[str, List[Tuple[str, str]]] = {}
        for name, module, _, attribute in facts.imports:
            imported.setdefault(name, []).append((module, attribute or ""))
        for user, chain in uses_in(facts):
            own.setdefault((path, chain[0]), []).append((path, user))
            for module, name in _meant(chain, imported):
                others.setdefault((module, name), []).append((path, user))
        for name, module, _, attribute in facts.imports:
            if attribute:       # handed on: `from here import name` finds it, too
                others.setdefault((module.rpartition(".")[2], attribute), []).append((path, name))
    return own, others


def _meant(chain: Tuple[str, ...], imported: Mapping[str, Sequence[Tuple[str, str]]]) -> Iterator[Tuple[str, str]]:
    """Yield (last part of a module, name in it) for what a chain of names may stand for."""
    for module, attribute in imported.get(chain[0], ()):
        parts = [*module.split("."), *([attribute] if attribute else []), *chain[1:]]
        yield from zip(parts, parts[1:])
