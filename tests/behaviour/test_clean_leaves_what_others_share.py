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


def test_what_clean_and_later_hints_say_can_be_typed_as_it_stands(project: Any) -> None:
    project.write("pipeline.py", """
        from deepwatch_flow import Each, step

        @step
        def fit(country=Each(["us", "de"])):
            return country

        @step
        def total(fit):
            return sorted(fit.values())
        """)
    project.run()
    assert "removed 1 stored value\n" in project.cli("clean", "fit[us]").stderr
    assert "no stored value was removed" in project.cli("clean", "fit[us]").stderr
    done = project.cli("log", "fit[us]")
    assert done.code == 4 and "`deepwatch clean` forgot it" in done.stderr
    hint = done.stderr.partition("hint: ")[2].split("`")[1]
    assert hint == "deepwatch run 'fit[us]' --force 'fit[us]'"
    assert project.run(*[word.strip("'") for word in hint.split()[2:]]).executed == ["fit[us]"]
    assert "fit[us]: ran" in project.cli("log", "fit[us]").stderr
    project.cli("clean", "fit[us]")
    assert "hint: deepwatch run 'fit[us]'" in project.cli("show", "fit[us]").stderr
    assert "hint: `deepwatch status -v fit` lists them" in project.cli("show", "fit[nowhere at all]").stderr
