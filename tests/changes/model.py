"""A change case as compact data: two trees, what is expected, and why.

A tree is written as one text: `== path` starts a file, and what stands before the first such line is
`work.py`. The second tree is the first one with edits: a pair replaces a text that must occur once in
the tree, a dict adds or replaces whole files (str or bytes), None removes one. The step is `work.step`.
"""
from __future__ import annotations

from typing import Any, Dict, List, NamedTuple, Optional, Tuple, Union

Content = Union[str, bytes]
Tree = Dict[str, Content]
Edit = Union[Tuple[str, str], Dict[str, Optional[Content]]]

#: categories of two words
_LONG = {"alpha": "alpha-rename", "unused": "unused-method"}


class Change(NamedTuple):
    """One case; a pair of anything holds for before and after."""

    name: str
    category: str
    expect: str
    why: str
    before: Tree
    after: Tree
    hard: bool = False
    env: Tuple[Dict[str, str], Dict[str, str]] = ({}, {})
    site: Tuple[Tree, Tree] = ({}, {})
    hashseed: Tuple[str, str] = ("1", "1")
    flags: Tuple[str, str] = ("", "")
    relocate: bool = False
    python: Tuple[int, int] = (3, 8)


def tree(text: str) -> Tree:
    """Return the files of a text with `== path` headers."""
    files: Dict[str, List[str]] = {}
    path = "work.py"
    for line in text.lstrip("\n").splitlines(keepends=True):
        if line.startswith("== "):
            path = line[3:].strip()
            files[path] = []
        else:
            files.setdefault(path, []).append(line)
    return {path: "".join(lines) for path, lines in files.items()}


def edited(before: Tree, edits: Tuple[Edit, ...]) -> Tree:
    """Return a tree with edits made; an edit whose text does not occur exactly once is a mistake."""
    after = dict(before)
    for edit in edits:
        if isinstance(edit, dict):
            for path, content in edit.items():
                if content is None:
                    del after[path]
                else:
                    after[path] = content
            continue
        old, new = edit
        found = [path for path, text in after.items() if isinstance(text, str) and old in text]
        if len(found) != 1:
            raise ValueError(f"{old!r} should be in one file, and is in {found}")
        text = after[found[0]]
        assert isinstance(text, str)
        if text.count(old) != 1:
            raise ValueError(f"{old!r} should occur once in {found[0]}")
        after[found[0]] = text.replace(old, new)
    return after


def change(name: str, expect: str, why: str, files: str, *edits: Edit, category: str = "",
           encoded: Optional[Tree] = None, **more: Any) -> Change:
    """Return a case; its category is the first word of its name where nothing else is said.

    `encoded` are files of the first tree that are no UTF-8.
    """
    before = {**tree(files), **(encoded or {})}
    first = name.partition("_")[0]
    return Change(name, category or _LONG.get(first, first), expect, why, before, edited(before, edits), **more)


def dist(name: str, version: str, files: str) -> Tree:
    """Return the files of an installed distribution."""
    found = tree(files)
    info = f"{name}-{version}.dist-info"
    found[f"{info}/METADATA"] = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    found[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in [*found, f"{info}/RECORD"])
    return found
