"""What a step writes as its product is kept under any name the lockfile can have, or the step fails."""
from __future__ import annotations

import os
import shutil
from typing import Any

import pytest


def test_a_folder_left_empty_is_made_again(project: Any) -> None:
    project.write("pipeline.py", """
        from deepwatch_flow import File, Product, step

        @step
        def plots(folder=Product("plots")):
            folder.mkdir(exist_ok=True)

        @step
        def count(folder=File("plots")):
            return len(list(folder.iterdir()))
        """)
    assert project.run().executed == ["plots", "count"]
    assert project.run().executed == []
    shutil.rmtree(str(project.path("plots")))
    assert project.run().outcomes == {"plots": "ran", "count": "reused"}


@pytest.mark.skipif(os.name != "posix", reason="such names can't be there")
@pytest.mark.parametrize("name", [r"b'out/a\\b'", r"b'out/\xff'"])
def test_a_name_the_lockfile_can_t_have(project: Any, name: str) -> None:
    project.write("pipeline.py", f"""
        import os
        from deepwatch_flow import Product, step

        @step
        def odd(folder=Product("out")):
            folder.mkdir(exist_ok=True)
            open({name}, "w").close()

        @step
        def other():
            return 1
        """)
    done = project.run(code=1)
    assert done.outcomes == {"odd": "failed", "other": "ran"}
    assert "product" in done.steps["odd"]["error"]
    assert project.run(code=1).outcomes == {"odd": "failed", "other": "reused"}


def test_a_file_where_a_folder_is_needed(project: Any) -> None:
    project.write("pipeline.py", """
        from deepwatch_flow import Product, step

        @step
        def out(path=Product("taken/out.txt")):
            path.write_text("x")
        """)
    project.write("taken", "a file")
    done = project.run(code=1)
    assert "taken/out.txt" in done.steps["out"]["error"]
    assert "hint:" in done.steps["out"]["error"]


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_value_that_can_t_be_read_back_is_told(project: Any, jobs: str) -> None:
    project.write("pipeline.py", """
        from deepwatch_flow import step

        class Once:
            def __reduce__(self):
                return broken, ()

        def broken():
            raise ValueError("not again")

        @step
        def make():
            with open("log", "a") as file:
                file.write("once ")
            return Once()

        @step
        def use(make):
            return 1
        """)
    done = project.run("-j", jobs, code=1)
    assert done.outcomes == {"make": "ran", "use": "failed"}
    assert "not again" in done.steps["use"]["error"]
    assert project.read("log") == "once "           # running it again would not help
    shown = project.cli("show", "make")
    assert shown.code == 4
    assert "hint:" in shown.stderr and "Traceback" not in shown.stderr
