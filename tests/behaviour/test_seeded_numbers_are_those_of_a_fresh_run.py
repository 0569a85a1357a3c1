"""A step with a seed gives the numbers that it gives in a fresh project, whatever was executed before it, and with whom."""
from __future__ import annotations

from typing import Any

import pytest

SAME_CODE = """
    import random

    from deepwatch_flow import step

    def draw():
        return random.random()

    x = step(draw, name="x", seed=3)
    y = step(draw, name="y", seed=3)
    """
LABELS = """
    import random

    from deepwatch_flow import Each, step

    @step(seed=3)
    def draw(n=Each({elements})):
        return n, random.random()
    """
FAMILIES = """
    import random

    from deepwatch_flow import Each, step

    def draw(n=Each([1, 2])):
        return random.random()

    x = step(draw, name="x", seed=3)
    y = step(draw, name="y", seed=3)
    """


@pytest.mark.parametrize(("steps", "name"), [(SAME_CODE, "y"), (FAMILIES, "y[2]"), (LABELS.format(elements='{"x": 1, "y": 1}'), "draw[y]")])
def test_steps_of_the_same_code_do_not_take_each_other_s_numbers(steps: str, name: str, make_project: Any) -> None:
    values = []
    for number, before in enumerate(((), (name.replace("y", "x"),), (name,))):
        project = make_project(str(number))
        project.write("pipeline.py", steps)
        if before:
            project.run(*before, inline=True)
        project.run(inline=True)
        values.append(project.value(name, inline=True))
    assert values == values[:1] * 3


def test_an_instance_that_is_called_otherwise_keeps_the_numbers_that_it_would_draw(make_project: Any) -> None:
    old, new = make_project("old"), make_project("new")
    old.write("pipeline.py", LABELS.format(elements='{"x": 1}'))
    old.run(inline=True)
    for project in (old, new):
        project.write("pipeline.py", LABELS.format(elements='{"z": 1}'))
        project.run(inline=True)
    assert old.value("draw[z]", inline=True) == new.value("draw[z]", inline=True)
    assert old.run("--force", "draw[z]", inline=True).executed == ["draw[z]"]
    assert old.value("draw[z]", inline=True) == new.value("draw[z]", inline=True)


def test_what_the_seeding_looks_for_is_no_condition_of_the_step(project: Any) -> None:
    hidden = """
    import importlib.util

    importlib.util.find_spec = eval("lambda name, package=None: real(name + '_not_there', package)", {"real": importlib.util.find_spec})
    """
    for jobs in ("1", "2"):
        project.write("pipeline.py", hidden + SAME_CODE)
        assert set(project.run("-j", jobs, "--force", "*").executed) == {"x", "y"}     # at -j 2, either may end first
        assert b"observed]" not in project.lock


def test_a_package_that_only_the_seeding_loads_is_no_condition_of_the_step(project: Any) -> None:
    pytest.importorskip("numpy")
    locks = []
    for jobs in ("1", "2"):
        project.write("pipeline.py", SAME_CODE)
        assert set(project.run("-j", jobs, "--force", "*").executed) == {"x", "y"}
        locks.append(project.lock)
    assert b"numpy" not in locks[0]
    assert locks[0] == locks[1]
