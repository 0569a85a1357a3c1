"""The promise, on random pipelines and random edits (tests/oracle.py holds the model).

After each edit the incremental results equal those of a naive runner, exactly the steps ran whose
code, data, params or upstream outputs were never run before, and the run after it executes nothing.
"""
from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, Dict, List, Set

from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import STYLES, Helper, StepModel, World, render, run_everything, signature, write

SMALL = st.integers(2, 99)


def some(draw: Any, upper: int, at_most: int) -> Any:
    """A few different numbers below `upper`, sorted."""
    if upper <= 0:
        return ()
    return tuple(sorted(draw(st.sets(st.integers(0, upper - 1), max_size=at_most))))


@st.composite
def worlds(draw: Any) -> World:
    modules = draw(st.integers(1, 3))
    # modules only import modules with a higher number, helpers only call helpers with a higher number
    places = sorted(draw(st.lists(st.integers(0, modules - 1), min_size=2, max_size=7)))
    helpers = []
    for number, module in enumerate(places):
        calls = tuple(number + 1 + n for n in some(draw, len(places) - number - 1, 2))
        helpers.append(Helper(module, draw(st.sampled_from(STYLES)), draw(SMALL), draw(st.booleans()), calls))
    files = draw(st.integers(1, 2))
    steps = []
    for number in range(draw(st.integers(1, 5))):
        steps.append(StepModel(
            draw(SMALL), some(draw, len(helpers), 2), some(draw, number, 2),
            draw(st.none() | st.integers(0, files - 1)), draw(st.none() | SMALL),
            draw(st.sampled_from((2, 3, 10007))), draw(st.booleans())))
    return World(tuple(helpers), tuple(steps), tuple(draw(SMALL) for _ in range(modules)),
                 tuple(draw(SMALL) for _ in range(files)), (0,) * modules, (0,) * modules)


def at(items: Any, index: int, new: Any) -> Any:
    return (*items[:index], new, *items[index + 1:])


@st.composite
def edits(draw: Any, world: World, past: List[World]) -> World:
    """One edit: of something that may count, or of something that never does."""
    kind = draw(st.sampled_from(("helper", "helper", "constant", "step", "data", "param", "comment", "local",
                                 "doc", "unused", "order", "undo", "undo")))
    h = draw(st.integers(0, len(world.helpers) - 1))
    m = world.helpers[h].module
    s = draw(st.integers(0, len(world.steps) - 1))
    helper, step = world.helpers[h], world.steps[s]
    if kind == "helper":
        return world._replace(helpers=at(world.helpers, h, helper._replace(literal=draw(SMALL))))
    if kind == "constant":
        return world._replace(constants=at(world.constants, m, draw(SMALL)))
    if kind == "step":
        return world._replace(steps=at(world.steps, s, step._replace(literal=draw(SMALL))))
    if kind == "param" and step.param is not None:
        return world._replace(steps=at(world.steps, s, step._replace(param=draw(SMALL))))
    if kind == "data":
        d = draw(st.integers(0, len(world.data) - 1))
        return world._replace(data=at(world.data, d, draw(SMALL)))
    if kind == "comment":
        return world._replace(comments=at(world.comments, m, draw(st.integers(0, 3))))
    if kind == "local":
        return world._replace(helpers=at(world.helpers, h, helper._replace(local=draw(st.sampled_from("vwyz")))))
    if kind == "doc":
        return world._replace(helpers=at(world.helpers, h, helper._replace(doc=draw(st.sampled_from(("", "A", "B"))))))
    if kind == "unused":
        return world._replace(unused=at(world.unused, m, draw(st.integers(0, 2))))
    if kind == "order":
        return world._replace(backwards=not world.backwards)
    return draw(st.sampled_from(past))


class Incremental:
    """deepwatch on a world, and what it is expected to do."""

    def __init__(self, root: Path, project_type: Any) -> None:
        self.project = project_type(root)
        self.executed: Dict[str, Set[str]] = {}     # step -> signatures that ran

    def check(self, world: World) -> None:
        root = self.project.root
        write(world, root)
        values = run_everything(world, root)
        expected = []
        for number in range(len(world.steps)):
            name, wanted = f"s{number}", signature(world, number, values)
            if wanted not in self.executed.setdefault(name, set()):
                self.executed[name].add(wanted)
                expected.append(name)
        done = self.project.run(inline=True)
        assert sorted(done.executed) == expected, explained(done, world)
        assert {name: self.project.value(name, inline=True) for name in values} == values
        lock = self.project.lock
        again = self.project.run(inline=True)
        assert again.executed == [], explained(again, world)
        assert self.project.lock == lock


def explained(done: Any, world: World) -> str:
    files = "".join(f"\n--- {name}\n{text}" for name, text in render(world).items())
    return f"{done.stdout}{files}"


@settings(max_examples=25)
@given(data=st.data())
def test_incremental_runs_equal_naive_ones_and_run_no_more_than_they_must(data: Any, project: Any) -> None:
    world = data.draw(worlds())
    past = [world]
    with tempfile.TemporaryDirectory() as folder:
        # resolved: temporary folders may lie behind a link
        incremental = Incremental(Path(folder).resolve() / "project", type(project))
        incremental.check(world)
        for _ in range(data.draw(st.integers(1, 6), label="edits")):
            world = data.draw(edits(world, past))
            past.append(world)
            incremental.check(world)
