"""An edit of one function: what `status` says by the outline is what the ordinary way says, word for word."""
from __future__ import annotations

import os
from typing import Any, Dict, List, Tuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from watched_project import LOADED

from tests.conftest import Project

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no time of change: no list is written there")

FILES: Dict[str, str] = {
    "pipeline.py": f"""
        import sys
        print("{LOADED}", file=sys.stderr)

        from deepwatch_flow import File, Product, step
        from helpers import double, half, table as rows_of
        import more

        @step
        def first(data=File("data.txt")):
            return double(int(data.read_text()))

        @step
        def second(first, out=Product("out.txt")):
            out.write_text("x")
            return half(first) + more.extra(1)

        @step(name="third-one")
        def third(second):
            # a comment
            return [second, more.LIMIT]

        @step
        def alone(scale=3):
            return rows_of(scale)

        @step
        def reader(source=File("out.txt")):
            return source.read_text() + str(more.again(2))

        @step
        def copy(first):
            return more.PICK["a"](first)
        """,
    "helpers.py": """
        def double(x):
            return 2 * half(x) + half(x)

        def half(x):
            return x // 2

        def table(size):
            '''A table.'''
            def cell(i, j):
                return i * j
            return [cell(i, 1) for i in range(size)]

        def nobody(x):
            return x
        """,
    "more.py": """
        def extra(n, step=1):
            return n + step

        def made():
            return 7

        def again(n):
            return again(n - 1) if n else 0

        def picked(x):
            return x

        LIMIT = made()
        PICK = {"a": picked}
        """,
    "data.txt": "8\n",
}

#: (file, old, new): each is applied to the project as it was
EDITS: Dict[str, Tuple[str, str, str]] = {
    "helper of all": ("helpers.py", "return x // 2", "return x // 2 + 0 * x"),
    "helper above": ("helpers.py", "2 * half(x) + half(x)", "half(x) + 2 * half(x)"),
    "longer": ("helpers.py", "return x // 2", "y = x // 2\n            y += 1\n            return y"),
    "more lines between": ("helpers.py", "return x // 2", "return x // 2\n\n\n"),
    "inner function": ("helpers.py", "return i * j", "return i + j"),
    "name of a local variable": ("helpers.py", "for i in range", "for k in range"),
    "docstring": ("helpers.py", "'''A table.'''", "'''Another table.'''"),
    "nobody uses it": ("helpers.py", "def nobody(x):\n            return x", "def nobody(x):\n            return x + 1"),
    "comment": ("pipeline.py", "# a comment", "# another comment"),
    "comment gone": ("pipeline.py", "# a comment\n            ", ""),
    "step": ("pipeline.py", "return [second, more.LIMIT]", "return [more.LIMIT, second]"),
    "step with another use": ("pipeline.py", "return [second, more.LIMIT]", "return [second]"),
    "step with param": ("pipeline.py", "return rows_of(scale)", "return rows_of(scale)[0:]"),
    "default": ("more.py", "step=1", "step=2"),
    "param": ("pipeline.py", "scale=3", "scale=4"),
    "decorator": ("pipeline.py", "@step\n        def alone", "@step(tags=['x'])\n        def alone"),
    "body with default": ("more.py", "return n + step", "return step + n"),
    "it ran while loading": ("more.py", "return 7", "return 8"),
    "it calls itself": ("more.py", "return again(n - 1) if n else 0", "return again(n - 2) if n else 0"),
    "it stands in a table": ("more.py", "def picked(x):\n            return x", "def picked(x):\n            return x + 0 * x"),
    "constant": ("more.py", '{"a": picked}', '{"a": picked, "b": 1}'),
    "import inside": ("helpers.py", "return x // 2", "import math\n            return math.floor(x / 2)"),
    "new function": ("helpers.py", "def nobody", "def another():\n            return 1\n\n        def nobody"),
    "function gone": ("helpers.py", "def nobody(x):\n            return x\n", ""),
    "statement behind": ("helpers.py", "return x // 2", "return x // 2\n        half.mark = 1"),
    "no Python": ("helpers.py", "return x // 2", "return x //"),
    "no function any more": ("helpers.py", "def half(x):\n            return x // 2", "half = lambda x: x // 2"),
    "return outside": ("helpers.py", "    return x // 2", "    pass\n        return 1"),
    "as another one is": ("helpers.py", "return 2 * half(x) + half(x)", "return x // 2"),
    "warned of": ("helpers.py", "return x // 2", "return x // 2 if x is not 7 else 0"),
    "letters": ("helpers.py", "return x // 2", "größe = x // 2\n            return größe"),
    "async": ("helpers.py", "def half(x)", "async def half(x)"),
    "generator": ("helpers.py", "return x // 2", "yield x // 2"),
    "lambda": ("helpers.py", "return x // 2", "return (lambda z: z // 2)(x)"),
    "line ends": ("helpers.py", "return x // 2", "return x // 2\r"),
}
#: those which the outline is there for
QUICK = {"helper of all", "helper above", "longer", "inner function", "async", "generator",
         "nobody uses it", "comment", "comment gone", "step", "step with param", "body with default", "lambda", "letters"}


def apply(project: Any, name: str) -> None:
    file, old, new = EDITS[name]
    text = "\n".join(line[8:] if line.startswith(" " * 8) else line for line in FILES[file].split("\n")).lstrip("\n")
    old, new = (part.replace("\n        ", "\n") for part in (old, new))
    assert text.count(old) == 1, (name, text.count(old))
    project.path(file).write_bytes(text.replace(old, new).encode("utf-8"))


def both(project: Any, *arguments: str) -> Tuple[Any, Any]:
    """What is said with the watch list, and without."""
    quick = project.cli("status", *arguments)
    watchlist = project.path(".deepwatch/watchlist")
    kept = watchlist.read_bytes() if watchlist.exists() else None
    if kept is not None:
        watchlist.unlink()
    ordinary = project.cli("status", *arguments)
    return quick, ordinary


@pytest.mark.parametrize("name", sorted(EDITS))
def test_an_edit_is_told_in_the_same_words(name: str, project: Any) -> None:
    for file, text in FILES.items():
        project.write(file, text)
    assert project.cli("run").code == 0
    apply(project, name)
    quick, ordinary = both(project, "--check")
    assert (quick.code, quick.stdout) == (ordinary.code, ordinary.stdout)
    assert (LOADED not in quick.stderr) == (name in QUICK or ordinary.code == 2 and LOADED not in ordinary.stderr)


@settings(max_examples=6)
@given(rounds=st.lists(st.tuples(st.lists(st.sampled_from(sorted(EDITS)), min_size=1, max_size=2), st.booleans()),
                       min_size=2, max_size=4))
def test_edits_after_edits(rounds: List[Any], tmp_path_factory: Any) -> None:
    project: Any = Project(tmp_path_factory.mktemp("edited") / "project")
    for file, text in FILES.items():
        project.write(file, text)
    assert project.cli("run").code == 0
    for names, again in rounds:
        for name in names:
            apply(project, name)
        quick, ordinary = both(project)
        assert (quick.code, quick.stdout) == (ordinary.code, ordinary.stdout), names
        if again:
            project.cli("run")
