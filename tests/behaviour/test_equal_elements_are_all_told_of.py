"""Equal elements are executed once; where that one comes to nothing, each of the others is told of, and what takes them is blocked."""
from __future__ import annotations

from typing import Any

STEPS = """
    import time
    from pathlib import Path

    from deepwatch_flow import Each, step

    @step
    def rows():
        return {{"a": 1, "b": 1, "c": 2}}

    @step(observe=False)
    def seen(row=Each("rows")):     # where it is executed, the elements are known
        Path("seen").touch()

    @step(observe=False)
    def bad():
        while not Path("seen").exists():
            time.sleep(0.01)
        raise ValueError("bad")

    @step({options})
    def fit(row=Each("rows")):
        {line}
        return row

    @step
    def last(fit):
        return sorted(fit.items())
    """


def test_each_of_them_is_refused_where_one_is_not_hermetic(project: Any) -> None:
    project.write("note.txt", "hi")
    project.write("pipeline.py", STEPS.format(options="", line='open("note.txt").close()').replace("        raise", "        return 0 #"))
    done = project.run("--hermetic", "last", code=1)
    assert done.outcomes == {"rows": "ran", "fit[a]": "failed", "fit[b]": "failed", "fit[c]": "failed", "last": "blocked"}


def test_each_of_them_is_cancelled_with_one_that_waits_for_a_resource(project: Any) -> None:
    project.write("deepwatch.toml", "[resources]\ngpu = 1\n")
    project.write("pipeline.py", STEPS.format(options='resources={"gpu": 1}', line="pass").replace(
        "@step(observe=False)\n    def bad", '@step(observe=False, resources={"gpu": 1})\n    def bad'))
    done = project.run("--fail-fast", "-j", "2", code=1)
    assert done.outcomes["bad"] == "failed"
    told = {name: done.outcomes.get(name) for name in ("fit[a]", "fit[b]", "fit[c]", "last")}
    assert told == dict.fromkeys(told, "cancelled")


def test_a_family_that_is_stopped_half_way_is_told_of_by_its_instances_alone(project: Any) -> None:
    project.write("pipeline.py", """
        from deepwatch_flow import Each, step

        @step
        def fit(number=Each([1, 2, 3])):
            if number == 1:
                raise ValueError("no")
            return number

        @step
        def other(number=Each([4])):
            return number

        @step
        def total(fit, other):
            return 0
        """)
    done = project.run("--fail-fast", code=1)
    assert "fit" not in done.outcomes
    assert done.outcomes["other"] == "cancelled"        # it had not come to its instances
    assert done.outcomes["fit[1]"] == "failed"
    assert {done.outcomes[name] for name in ("fit[2]", "fit[3]")} == {"cancelled"}
    assert done.outcomes["total"] == "blocked"
