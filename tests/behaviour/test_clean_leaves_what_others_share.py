"""`deepwatch clean STEP` removes the blobs of a step, but for those that another step's results share."""
from __future__ import annotations

from typing import Any


def test_a_product_that_two_steps_wrote_alike(project: Any) -> None:
    project.write("pipeline.py", """
        from deepwatch_flow import Product, step

        @step
        def first(out=Product("first.txt")):
            out.write_text("the same")

        @step
        def second(out=Product("second.txt")):
            out.write_text("the same")
        """)
    project.run()
    assert project.cli("clean", "first").code == 0
    project.path("second.txt").unlink()
    assert project.run("second").outcomes == {"second": "restored"}
