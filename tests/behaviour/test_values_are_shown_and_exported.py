"""`deepwatch show` prints values as people like to see them and writes them to files; large values keep their kind."""
from __future__ import annotations

import csv
import json
import pickle
from typing import Any

import pytest

TABLE = """
    import pandas
    from deepwatch_flow import step

    @step
    def table():
        return pandas.DataFrame({"n": range(30), "word": [f"w{i}" for i in range(30)]})
    """


def test_a_table_is_shown_by_its_head(project: Any) -> None:
    pytest.importorskip("pandas")
    project.write("pipeline.py", TABLE)
    project.run()
    shown = project.cli("show", "table", "-q").stdout
    assert "table of 30 rows and 2 columns" in shown
    assert "w9" in shown
    assert "w10" not in shown
    assert "20 more rows" in shown
    document = project.cli("show", "table", "--json").document
    assert document["shape"] == [30, 2]
    assert [column["name"] for column in document["columns"]] == ["n", "word"]


def test_an_array_is_shown_in_short(project: Any) -> None:
    pytest.importorskip("numpy")
    project.write("pipeline.py", """
        import numpy
        from deepwatch_flow import step

        @step
        def numbers():
            return numpy.arange(100000.0).reshape(1000, 100)
        """)
    project.run()
    shown = project.cli("show", "numbers", "-q").stdout
    assert "array of float64, shape (1000, 100), from 0.0 to 99999.0, mean 49999.5" in shown
    assert len(shown) < 1000
    assert project.cli("show", "numbers", "--json").document["shape"] == [1000, 100]


def test_a_figure_is_shown_as_the_path_of_a_picture(project: Any) -> None:
    pytest.importorskip("matplotlib")
    project.write("pipeline.py", """
        from matplotlib.figure import Figure
        from deepwatch_flow import step

        @step
        def plot():
            figure = Figure()
            figure.subplots().plot([1, 2, 3])
            return figure
        """)
    project.run()
    path = project.cli("show", "plot", "-q").stdout.strip().rpartition(": ")[2]
    assert project.path(path).read_bytes().startswith(b"\x89PNG")
    assert project.cli("show", "plot", "--export", "plot.png").code == 0
    assert project.path("plot.png").read_bytes().startswith(b"\x89PNG")


def test_a_value_is_exported_in_the_format_of_the_ending(project: Any) -> None:
    pandas = pytest.importorskip("pandas")
    numpy = pytest.importorskip("numpy")
    project.write("pipeline.py", TABLE)
    project.run()
    for ending in ("csv", "json", "txt", "pkl"):
        assert project.cli("show", "table", "--export", f"out.{ending}").code == 0
    rows = list(csv.DictReader(project.read("out.csv").splitlines()))
    assert (len(rows), rows[3]) == (30, {"n": "3", "word": "w3"})
    assert json.loads(project.read("out.json"))[3] == {"n": 3, "word": "w3"}
    assert "table of 30 rows" in project.read("out.txt")
    assert pickle.loads(project.path("out.pkl").read_bytes()).shape == (30, 2)
    pytest.importorskip("pyarrow")
    assert project.cli("show", "table", "--export", "out.parquet").code == 0
    assert pandas.read_parquet(project.path("out.parquet")).shape == (30, 2)
    project.write("pipeline.py", "import numpy\nfrom deepwatch_flow import step\n@step\ndef table():\n    return numpy.eye(2)\n")
    project.run()
    assert project.cli("show", "table", "--export", "out.npy").code == 0
    assert (numpy.load(str(project.path("out.npy"))) == numpy.eye(2)).all()
    assert project.cli("show", "table", "--export", "out.csv").code == 0
    assert project.read("out.csv") == "1.0,0.0\n0.0,1.0\n"


def test_json_has_the_values_as_they_are_or_none(project: Any) -> None:
    pytest.importorskip("pandas")
    project.write("pipeline.py", """
        import pandas
        from deepwatch_flow import step
        @step
        def table():
            times = pandas.to_datetime(["2024-01-01T00:00:00.123456789", None])
            return pandas.DataFrame({"v": [1 / 3, None], "t": times}, index=pandas.Index(["a", "b"], name="k"))
        @step
        def odd():
            return {"a": float("inf")}
        """)
    project.run()
    assert project.cli("show", "table", "--export", "out.json").code == 0
    assert json.loads(project.read("out.json")) == [
        {"k": "a", "v": 1 / 3, "t": "2024-01-01T00:00:00.123456789"}, {"k": "b", "v": None, "t": None}]
    assert project.cli("show", "odd", "--export", "odd.json").code == 2
    assert not project.path("odd.json").exists()


def test_an_export_that_is_not_possible_is_refused_and_leaves_the_file(project: Any) -> None:
    project.write("pipeline.py", "from deepwatch_flow import step\n@step\ndef one():\n    return {'a': 1}\n")
    project.run()
    done = project.cli("show", "one", "--export", "out.xlsx")
    assert done.code == 2
    assert "hint: these work: .csv, .parquet, .json" in done.stderr
    project.write("out.png", "mine")
    done = project.cli("show", "one", "--export", "out.png")
    assert done.code == 2
    assert "dict can't be written as `.png`" in done.stderr
    assert project.read("out.png") == "mine\n" or project.read("out.png") == "mine"
    assert sorted(path.name for path in project.root.iterdir() if path.name.startswith(".deepwatch-")) == []
    assert project.cli("show", "one", "--export", "missing/out.json").code == 6


CHOSEN = """
    import numpy, pandas
    from deepwatch_flow import step

    @step(codec="parquet")
    def table():
        return pandas.DataFrame({"n": range(30)})

    @step
    def weights():
        return numpy.zeros(1 << 20)

    @step
    def used(weights, table):
        before = float(weights.sum())
        weights += 1
        table.loc[0, "n"] = 5
        return [before, float(weights.sum()), int(table["n"].sum()), bool(weights.flags.writeable)]

    @step
    def again(weights, used):
        return float(weights.sum())
    """


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_step_chooses_its_codec_and_consumers_may_change_what_they_get(project: Any, jobs: str) -> None:
    pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    project.write("pipeline.py", CHOSEN)
    project.run("--jobs", jobs)
    assert 'codec = "parquet"' in project.read("deepwatch.lock")
    assert project.value("used") == [0.0, float(1 << 20), 440, True]
    assert project.value("again") == 0.0
    assert project.run("--jobs", jobs).executed == []
    assert project.run("--jobs", jobs, "used", "--force", "used").executed == ["used"], "its inputs come from the store now"
    assert project.value("used") == [0.0, float(1 << 20), 440, True]
    project.edit("pipeline.py", 'codec="parquet"', 'codec="pickle"')
    assert project.run().executed == [], "how a value is stored changes no result"


def test_settings_choose_codecs_by_type_and_an_unknown_one_is_refused(project: Any) -> None:
    pytest.importorskip("pyarrow")
    pytest.importorskip("pandas")
    project.write("pipeline.py", TABLE)
    project.write("deepwatch.toml", '[store]\ncodecs = { "pandas.*" = "arrow" }\n')
    project.run()
    assert 'codec = "arrow"' in project.read("deepwatch.lock")
    project.write("deepwatch.toml", '[store]\ncodecs = { "pandas.*" = "arow" }\n')
    done = project.cli("run")
    assert done.code == 2
    assert "no codec is named `arow`" in done.stderr
    project.path("deepwatch.toml").unlink()
    project.edit("pipeline.py", "@step", '@step(codec="feather")')
    done = project.cli("run")
    assert done.code == 2
    assert "`table`" in done.stderr
    assert "hint: there are: arrow" in done.stderr


def test_what_cannot_be_stored_fails_with_step_type_place_and_cure(project: Any) -> None:
    project.write("pipeline.py", """
        from deepwatch_flow import step

        @step
        def opened():
            return {"a": [1, (each for each in "x")]}
        """)
    done = project.cli("run")
    assert done.code == 1
    for part in ("opened", "generator", "['a'][1]", "hint:"):
        assert part in done.stderr + done.stdout


def test_an_object_without_a_repr_is_shown_by_its_attributes_and_never_by_its_address(project: Any) -> None:
    project.write("work.py", """
        class Point:
            def __init__(self, x):
                self.x = x

        class Slots:
            __slots__ = ("a", "b")

        class Model:
            def __init__(self):
                self.name, self.parts, self.call = "m", [Point(1)], helper

        class Told:
            def __repr__(self):
                return "told by itself"

        def helper():
            pass
        """)
    project.write("pipeline.py", """
        from deepwatch_flow import step
        import work

        @step
        def model():
            return work.Model()

        @step
        def slots():
            made = work.Slots()
            made.a = 3
            return made

        @step
        def several():
            return [work.Point(2), work.Told()]

        @step
        def told():
            return work.Told()
        """)
    project.run()
    assert project.cli("show", "model", "-q").stdout.splitlines() == [
        "work.Model object", "  name = 'm'", "  parts = [<work.Point object>]", "  call = <function helper>"]
    assert project.cli("show", "slots", "-q").stdout.splitlines() == ["work.Slots object", "  a = 3"]
    assert project.cli("show", "several", "-q").stdout == "[<work.Point object>, told by itself]\n"
    assert project.cli("show", "told", "-q").stdout == "told by itself\n"
    assert project.cli("show", "several", "--json").document["repr"] == "[<work.Point object>, told by itself]"
