"""The promise with hidden inputs: steps that read files and variables undeclared and dispatch by computed names.

After each random edit the incremental results equal those of a naive runner, whatever mode; every step
whose result could differ ran; and the run after it executes nothing.
"""
from __future__ import annotations

import importlib
import os
import sys
import tempfile
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional, Tuple
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

#: how a step finds the function that it calls
FINDS = ("import", "attribute", "registry", "pickle", "file")
PLUGINS, FUNCTIONS, FILES, VARIABLES = 2, 2, 2, 2
SMALL = st.integers(1, 9)


class Step(NamedTuple):
    """A step `sN`: what it reads and calls without saying so."""

    literal: int
    upstream: Optional[int]
    file: Optional[int]            # its content is added; where it is missing, 100
    variable: Optional[int]        # likewise
    listed: bool                   # whether it counts the files of a folder
    finds: str
    plugin: int
    function: int


class World(NamedTuple):
    """A project, its files and its environment."""

    steps: Tuple[Step, ...]
    literals: Tuple[Tuple[int, ...], ...]      # of each plugin's functions
    constants: Tuple[int, ...]                 # one a plugin, which its first function reads
    files: Tuple[Optional[int], ...]
    variables: Tuple[Optional[int], ...]
    inbox: int                                 # how many files lie in the folder
    comments: int = 0


PIPELINE = '''
import importlib, os, pickle, sys
from deepwatch_flow import step
import q0, q1

def read(path):
    try:
        with open(path) as file:
            return int(file.read())
    except FileNotFoundError:
        return 100

def variable(number):
    return int(os.environ.get("_".join(["WORK", str(number)]), "100"))

def found(how, plugin, function, x):
    name = "".join(["f", str(function)])
    if how == "import":
        return getattr(importlib.import_module("p" + str(plugin)), name)(x)
    if how == "attribute":
        return getattr(sys.modules["".join(["q", str(plugin)])], name)(x)
    if how == "registry":
        return q0.REGISTRY[str(plugin) + name](x)
    if how == "pickle":
        return pickle.loads("cq{}\\nK{}\\n.".format(plugin, function).encode())().run(x)
    with open("choice.txt") as file:
        return getattr(sys.modules["q" + file.read()], name)(x)
'''


def render(world: World) -> Dict[str, Optional[str]]:
    """The files of a world; None for one that is not there."""
    files: Dict[str, Optional[str]] = {}
    for plugin in range(PLUGINS):
        for kind in "pq":
            text = "# a remark\n" * world.comments + ("import q0\n" if kind == "q" and plugin else "REGISTRY = {}\n")
            text += f"CONSTANT = {world.constants[plugin]}\n\n"
            for number, literal in enumerate(world.literals[plugin]):
                added = " + CONSTANT" if number == 0 else ""
                text += f"def f{number}(x):\n    return x * {literal}{added}\n\n"
                text += f"class K{number}:\n    def run(self, x):\n        return f{number}(x) + 1\n\n"
                if kind == "q":
                    text += f"{'q0.' if plugin else ''}REGISTRY['{plugin}f{number}'] = f{number}\n\n"
            files[f"{kind}{plugin}.py"] = text
    parts = [PIPELINE]
    for number, model in enumerate(world.steps):
        given = f"s{model.upstream}" if model.upstream is not None else ""
        terms = [str(model.literal)] + ([given] if given else [])
        terms += [f"read('data/d{model.file}.txt')"] if model.file is not None else []
        terms += [f"variable({model.variable})"] if model.variable is not None else []
        terms += ["len(os.listdir('inbox'))"] if model.listed else []
        parts.append(f"@step\ndef s{number}({given}):\n    x = {' + '.join(terms)}\n"
                     f"    return found({model.finds!r}, {model.plugin}, {model.function}, x) % 1009\n")
    files["pipeline.py"] = "\n\n".join(parts)
    for number, content in enumerate(world.files):
        files[f"data/d{number}.txt"] = None if content is None else str(content)
    for number in range(4):
        files[f"inbox/{number}.txt"] = "x" if number < world.inbox else None
    files["choice.txt"] = str(world.inbox % PLUGINS)
    return files


def write(world: World, root: Path) -> None:
    for name, text in render(world).items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if text is None:
            if path.exists():
                path.unlink()
        elif not path.exists() or path.read_text() != text:
            path.write_text(text)


def environment(world: World) -> Any:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("WORK_")}
    kept.update({f"WORK_{n}": str(value) for n, value in enumerate(world.variables) if value is not None})
    return mock.patch.dict(os.environ, kept, clear=True)


def run_everything(world: World, root: Path) -> Dict[str, Any]:
    """The naive runner: import the project afresh, call every step."""
    importlib.invalidate_caches()
    before, place, bytecode = set(sys.modules), os.getcwd(), sys.dont_write_bytecode
    sys.path.insert(0, str(root))
    sys.dont_write_bytecode = True
    os.chdir(root)
    try:
        pipeline = importlib.import_module("pipeline")
        values: Dict[str, Any] = {}
        for number, model in enumerate(world.steps):
            given = {} if model.upstream is None else {f"s{model.upstream}": values[f"s{model.upstream}"]}
            values[f"s{number}"] = getattr(pipeline, f"s{number}").function(**given)
        return values
    finally:
        os.chdir(place)
        sys.dont_write_bytecode = bytecode
        sys.path.remove(str(root))
        for name in set(sys.modules) - before:
            if (getattr(sys.modules[name], "__file__", None) or "").startswith(str(root)):
                del sys.modules[name]


@st.composite
def worlds(draw: Any) -> World:
    steps = []
    for number in range(draw(st.integers(1, 3))):
        steps.append(Step(
            draw(SMALL), draw(st.none() | st.integers(0, number - 1)) if number else None,
            draw(st.none() | st.integers(0, FILES - 1)), draw(st.none() | st.integers(0, VARIABLES - 1)), draw(st.booleans()),
            draw(st.sampled_from(FINDS)), draw(st.integers(0, PLUGINS - 1)), draw(st.integers(0, FUNCTIONS - 1))))
    some = st.none() | SMALL
    return World(
        tuple(steps), tuple(tuple(draw(SMALL) for _ in range(FUNCTIONS)) for _ in range(PLUGINS)),
        tuple(draw(SMALL) for _ in range(PLUGINS)), tuple(draw(some) for _ in range(FILES)),
        tuple(draw(some) for _ in range(VARIABLES)), draw(st.integers(1, 3)))


def at(items: Any, index: int, new: Any) -> Any:
    return (*items[:index], new, *items[index + 1:])


@st.composite
def edits(draw: Any, world: World, past: List[World]) -> World:
    kind = draw(st.sampled_from(("literal", "literal", "constant", "file", "file", "variable", "inbox", "step", "comment", "undo")))
    plugin, number = draw(st.integers(0, PLUGINS - 1)), draw(st.integers(0, FUNCTIONS - 1))
    if kind == "literal":
        return world._replace(literals=at(world.literals, plugin, at(world.literals[plugin], number, draw(SMALL))))
    if kind == "constant":
        return world._replace(constants=at(world.constants, plugin, draw(SMALL)))
    if kind == "file":
        return world._replace(files=at(world.files, draw(st.integers(0, FILES - 1)), draw(st.none() | SMALL)))
    if kind == "variable":
        return world._replace(variables=at(world.variables, draw(st.integers(0, VARIABLES - 1)), draw(st.none() | SMALL)))
    if kind == "inbox":
        return world._replace(inbox=draw(st.integers(1, 4)))
    if kind == "step":
        s = draw(st.integers(0, len(world.steps) - 1))
        return world._replace(steps=at(world.steps, s, world.steps[s]._replace(literal=draw(SMALL))))
    return world._replace(comments=world.comments + 1) if kind == "comment" else draw(st.sampled_from(past))


def check(project: Any, world: World, flags: Tuple[str, ...]) -> None:
    write(world, project.root)
    with environment(world):
        values = run_everything(world, project.root)
        done = project.run(*flags, inline=True)
        assert {name: project.value(name, inline=True) for name in values} == values, explained(done, world)
        again = project.run(*flags, inline=True)
        assert again.executed == [], explained(again, world)


def explained(done: Any, world: World) -> str:
    files = "".join(f"\n--- {name}\n{text}" for name, text in render(world).items())
    return f"{done.stdout}{files}\n{world}"


@pytest.mark.parametrize("mode", ["deep", "precise"])
@settings(max_examples=20)
@given(data=st.data())
def test_hidden_inputs_never_leave_a_stale_result(data: Any, project: Any, mode: str) -> None:
    world = data.draw(worlds())
    past = [world]
    flags = ("--precise",) if mode == "precise" else ()
    with tempfile.TemporaryDirectory() as folder:
        made = type(project)(Path(folder).resolve() / "project")
        check(made, world, flags)
        for _ in range(data.draw(st.integers(1, 6), label="edits")):
            world = data.draw(edits(world, past))
            past.append(world)
            check(made, world, flags)
