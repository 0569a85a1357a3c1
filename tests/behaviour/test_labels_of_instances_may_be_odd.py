"""Labels come from people's data: any text names an instance, or the run says which one can't and why."""
from __future__ import annotations

from typing import Any

import pytest

STEPS = """
    from deepwatch_flow import Each, step

    @step
    def rows():
        return {rows!r}

    @step
    def fit(row=Each("rows")):
        return row * 10

    @step
    def score(fitted=Each("fit")):
        return fitted + 1

    @step
    def last(score):
        return dict(score)
    """
ODD = ["a[0]", "]", "a[0][b]", "b,c", "q\"uo'te", "new\nline", "ünï", "", " ", "*", "!x", "a+", "@t", "x.y", "a=b"]


def test_an_odd_label_names_an_instance_in_every_command(project: Any) -> None:
    project.write("pipeline.py", STEPS.format(rows={label: number for number, label in enumerate(ODD)}))
    project.run(inline=True)
    assert project.value("last", inline=True) == {label: number * 10 + 1 for number, label in enumerate(ODD)}
    assert project.run("--locked", inline=True).executed == []
    for number, label in enumerate(ODD):
        name = f"fit[{label}]"
        assert project.value(name, inline=True) == number * 10
        assert "is fresh" in project.cli("why", name, inline=True).stdout
        assert "ran at" in project.cli("log", name, inline=True).stderr
        assert project.run(name, "--force", name, inline=True).executed == [name]


def test_a_label_that_is_no_valid_unicode_fails_its_step(project: Any) -> None:
    project.write("pipeline.py", STEPS.format(rows={"\ud800": 1}))
    done = project.cli("run")
    assert done.code == 1
    assert "it has a part that is called '\\ud800', which is no valid Unicode" in done.stdout + done.stderr


@pytest.mark.parametrize("other", ["c", "b,c"])
def test_joined_labels_that_can_not_be_told_apart_are_an_error(other: str, project: Any) -> None:
    project.write("pipeline.py", """
        from deepwatch_flow import Each, step

        @step
        def left():
            return {"a": 1, "a,b": 2}

        @step
        def right():
            return {"b,c": 3, "%s": 4}

        @step
        def fit(x=Each("left"), y=Each("right")):
            return x, y

        @step
        def last(fit):
            return len(fit)
        """ % (other if other == "c" else "d"))
    done = project.cli("run")
    if other == "c":
        assert done.code == 1
        assert "step `fit` has two instances that are called `fit[a,b,c]`" in done.stdout + done.stderr
    else:
        assert done.code == 0
        assert project.value("last") == 4


def test_an_instance_that_there_is_not_is_an_error_wherever_it_is_named(project: Any) -> None:
    project.write("pipeline.py", STEPS.format(rows={"us": 1, "de": 2}))
    for args in (("run", "fit[dee]"), ("run", "--force", "fit[dee]"), ("status", "fit[dee]"), ("why", "fit[dee]")):
        done = project.cli(*args, inline=True)
        assert done.code != 0 or args[0] in ("status", "why"), args    # what `rows` gives is not known before it ran
        project.run("rows", inline=True)
        done = project.cli(*args, inline=True)
        assert done.code != 0, args
        assert "`fit` has no instance `fit[dee]`" in done.stdout + done.stderr, args
        assert "did you mean `fit[de]`?" in done.stdout + done.stderr, args
    assert len(project.run(inline=True).executed) == 5
