"""A label or a step that is gone leaves its products on disk: `status` and `run` tell, `clean --orphans` removes."""
from __future__ import annotations

import os
from typing import Any, List

import pytest

GIVEN = """
    import os
    from deepwatch_flow import Each, File, Product, step

    @step
    def fit(country=Each(["us", "de", "fr"]), out=Product("out/{country}.csv")):
        out.write_text(country)

    @step
    def use(country=Each(["us", "de", "fr"]), src=File("out/{country}.csv")):
        return src.read_text()

    @step
    def listed(fit):
        return sorted(os.listdir("out"))

    @step
    def folder(folder=File("out")):
        return sorted(each.name for each in folder.iterdir())
    """
RETURNED = GIVEN.replace('Each(["us", "de", "fr"])', 'Each("countries")') + """
    @step
    def countries():
        return {label: label for label in ["us", "de", "fr"]}
    """


@pytest.fixture(params=[GIVEN, RETURNED], ids=["given", "returned"])
def without_fr(project: Any, request: Any) -> Any:
    """A project that ran with the label `fr`, which it has no more."""
    project.write("pipeline.py", request.param)
    project.run()
    project.write("pipeline.py", request.param.replace(', "fr"', ""))
    return project


def orphans(project: Any) -> List[str]:
    return [each["path"] for each in project.cli("status", "--json").document["orphans"]]


def value(project: Any, step: str) -> Any:
    return project.cli("show", step, "--json").document["value"]


def test_run_and_status_tell_of_the_product_of_a_label_that_is_gone(without_fr: Any) -> None:
    for _ in range(2):          # with something to do and without
        told = without_fr.cli("run").stderr
        assert "left over" in told and "`out/fr.csv` of `fit[fr]`" in told and "clean --orphans" in told
    assert "`out/fr.csv`" in without_fr.cli("status").stderr and "`out/fr.csv`" in without_fr.cli("run", "-n").stderr
    assert orphans(without_fr) == ["out/fr.csv"]
    assert without_fr.read("out/fr.csv") == "fr" and value(without_fr, "folder") == ["de.csv", "fr.csv", "us.csv"]


def test_clean_removes_it_and_who_reads_the_folder_runs_again(without_fr: Any) -> None:
    without_fr.run()
    refused = without_fr.cli("clean", "--orphans")
    assert refused.code == 2 and "--yes" in refused.stderr and without_fr.path("out/fr.csv").exists()
    done = without_fr.cli("clean", "--orphans", "--yes", "--json")
    assert done.document == {"removed": 1, "files": ["out/fr.csv"]}
    assert sorted(os.listdir(str(without_fr.path("out")))) == ["de.csv", "us.csv"]
    assert without_fr.run().executed == ["listed", "folder"]
    assert value(without_fr, "listed") == value(without_fr, "folder") == ["de.csv", "us.csv"]
    assert "left over" not in without_fr.cli("run").stderr
    assert "no orphans" in without_fr.cli("clean", "--orphans", "--yes").stderr


def test_a_label_that_comes_back_has_its_product_back(without_fr: Any) -> None:
    without_fr.run()
    without_fr.cli("clean", "--orphans", "--yes")
    text = without_fr.read("pipeline.py")
    without_fr.write("pipeline.py", text.replace('["us", "de"]', '["us", "de", "fr"]'))
    assert without_fr.run().outcomes["fit[fr]"] == "restored" and without_fr.read("out/fr.csv") == "fr"
    assert orphans(without_fr) == []


def test_what_was_edited_since_is_no_orphan(without_fr: Any) -> None:
    without_fr.write("out/fr.csv", "my own")
    without_fr.run()
    assert orphans(without_fr) == []
    without_fr.cli("clean", "--orphans", "--yes")
    assert without_fr.read("out/fr.csv") == "my own"


def test_labels_that_are_not_known_yet_leave_no_orphans(project: Any) -> None:
    project.write("pipeline.py", RETURNED)
    project.run()
    project.write("pipeline.py", RETURNED.replace("def countries():", "def countries(n=1):"))
    assert orphans(project) == [] and "no orphans" in project.cli("clean", "--orphans", "--yes").stderr
    assert sorted(os.listdir(str(project.path("out")))) == ["de.csv", "fr.csv", "us.csv"]


STEPS = """
    from deepwatch_flow import File, Product, step

    @step
    def make(out=Product("plots")):
        (out / "deep").mkdir(parents=True)
        (out / "deep" / "a.txt").write_text("a")

    @step
    def data(out=Product("data.txt")):
        out.write_text("d")

    @step
    def other():
        return 1
    """


def test_a_step_that_is_gone_leaves_a_folder_which_goes_with_its_files(project: Any) -> None:
    project.write("pipeline.py", STEPS)
    project.run()
    project.write("pipeline.py", STEPS.replace("""
    @step
    def make""", """
    def make"""))
    assert orphans(project) == ["plots/deep/a.txt"]
    project.cli("clean", "--orphans", "--yes")
    assert not project.path("plots").exists() and project.path("data.txt").exists()


def test_a_product_that_another_step_writes_or_reads_now_is_no_orphan(project: Any) -> None:
    project.write("pipeline.py", STEPS)
    project.run()
    project.write("pipeline.py", STEPS.replace("def data", "def renamed").replace("@step\n    def make", "def make").replace(
        "def other()", 'def other(src=File("plots/deep/a.txt"))'))
    project.run()
    assert orphans(project) == []
    project.write("pipeline.py", STEPS.replace('@step\n    def data(out=Product("data.txt"))', 'def data(out)').replace(
        "def other()", 'def other(src=File("data.txt"))'))
    assert orphans(project) == []


def test_clean_wants_one_thing_at_a_time(project: Any) -> None:
    project.write("pipeline.py", STEPS)
    for words in ([], ["--all", "--orphans"], ["make", "--orphans"]):
        done = project.cli("clean", *words)
        assert done.code == 2 and "--orphans" in done.stderr
