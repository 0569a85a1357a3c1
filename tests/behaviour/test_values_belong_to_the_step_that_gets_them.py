"""A step that changes an upstream value in place changes it for no other consumer and not in the store."""
from __future__ import annotations

from typing import Any

import pytest

PIPELINE = """
    from deepwatch_flow import step

    class Box:
        def __init__(self):
            self.things = [1]

    @step
    def source():
        return {"rows": [1, 2], "box": Box()}

    @step
    def a(source):
        source["rows"].append(3)
        source["box"].things.append(2)
        source["seen"] = True
        return sum(source["rows"]) + len(source["box"].things)

    @step
    def b(source):
        source["rows"].append(30)
        return [sum(source["rows"]), "seen" in source, len(source["box"].things)]

    @step(after=["a", "b"])
    def c(source):
        return [sum(source["rows"]), len(source["box"].things)]
    """


@pytest.mark.parametrize("jobs", ["1", "4"])
def test_in_any_order_and_in_processes(project: Any, jobs: str) -> None:
    project.write("pipeline.py", PIPELINE)
    assert project.run("-j", jobs).counts == {"ran": 4}
    assert project.value("a") == 8
    assert project.value("b") == [33, False, 1]
    assert project.value("c") == [3, 1]
    project.edit("pipeline.py", "append(30)", "append(40)")
    assert project.run("-j", jobs).executed == ["b"]
    assert project.value("b") == [43, False, 1]


@pytest.mark.parametrize("jobs", ["1", "4"])
def test_a_pandas_frame(project: Any, jobs: str) -> None:
    pytest.importorskip("pandas")
    project.write("pipeline.py", """
        import pandas as pd
        from deepwatch_flow import step

        @step
        def frame():
            return pd.DataFrame({"x": [1, 2, 3]})

        @step
        def doubled(frame):
            frame["x"] = frame["x"] * 2
            return int(frame["x"].sum())

        @step
        def plain(frame):
            frame["y"] = 1
            return [int(frame["x"].sum()), list(frame.columns)]
        """)
    project.run("-j", jobs)
    assert project.value("doubled") == 12
    assert project.value("plain") == [6, ["x", "y"]]
    project.edit("pipeline.py", '["y"] = 1', '["z"] = 1')
    assert project.run("-j", jobs).executed == ["plain"]
    assert project.value("plain") == [6, ["x", "z"]]
