"""Fan-out: an instance for each element, and only those run whose element is new."""
from __future__ import annotations

import os
import shutil
from typing import Any

import pytest

STEPS = """
    from deepwatch_flow import Each, step

    ROWS = [1, 2, 3]

    @step
    def chunks():
        {gives}

    @step
    def score(chunk=Each("chunks")):
        open("ran", "a").write(f"{{chunk}} ")
        return chunk * 10

    @step
    def fit(score, country=Each(["us", "de"]), depth=Each({{"small": 1, "large": 2}})):
        return f"{{country}}{{depth}}" + str(sum(score.values()))

    @step
    def best(fit):
        return sorted(fit)
    """
GIVES = {"list": "return list(ROWS)", "dict": "return {f'n{row}': row for row in ROWS}", "generator": "yield from ROWS"}


@pytest.fixture(params=sorted(GIVES))
def mapped(request: Any, project: Any) -> Any:
    project.write("pipeline.py", STEPS.format(gives=GIVES[request.param]))
    return project


def ran(project: Any) -> str:
    """What `score` was executed for since the last call."""
    try:
        return " ".join(sorted(project.read("ran").split()))
    finally:
        project.write("ran", "")


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_one_changed_element_reruns_one_instance_and_an_insertion_at_the_front_one(mapped: Any, jobs: str) -> None:
    mapped.run("-j", jobs)
    assert ran(mapped) == "1 2 3"
    assert mapped.value("best") == ["de,large", "de,small", "us,large", "us,small"]
    assert set(mapped.run("-j", jobs).outcomes.values()) == {"reused"}
    mapped.edit("pipeline.py", "[1, 2, 3]", "[1, 5, 3]")
    mapped.run("-j", jobs)
    assert ran(mapped) == "5"
    mapped.edit("pipeline.py", "[1, 5, 3]", "[7, 1, 5, 3]")
    mapped.run("-j", jobs)
    assert ran(mapped) == "7"
    mapped.edit("pipeline.py", "[7, 1, 5, 3]", "[1, 2, 3]")
    assert ran(mapped) == ""
    mapped.run("-j", jobs)
    assert ran(mapped) == ""          # all of it was known
    assert mapped.status().verdicts["fit[us,small]"] == "fresh"


def test_no_element_and_equal_elements(mapped: Any) -> None:
    mapped.edit("pipeline.py", "[1, 2, 3]", "[]")
    assert mapped.run().outcomes["fit[us,small]"] == "ran"
    assert mapped.value("score") == {}
    if "f'n{row}'" in mapped.read("pipeline.py"):
        return
    mapped.edit("pipeline.py", "[]", "[4, 4, 4]")
    mapped.run("-j", "2")
    assert ran(mapped) == "4"         # one execution for all three
    assert sorted(mapped.value("score").values()) == [40, 40, 40]


def test_an_instance_is_a_step(mapped: Any) -> None:
    done = mapped.run("fit[de,large]")
    assert [name for name in done.outcomes if name.startswith("fit")] == ["fit[de,large]"]
    assert mapped.value("fit[de,large]") == "de260"
    assert "is fresh" in mapped.cli("why", "fit[de,large]").stdout
    assert "is stale" in mapped.cli("why", "fit[us,large]").stdout
    assert mapped.run("--force", "fit[de,large]", "fit[de,large]").outcomes["fit[de,large]"] == "ran"
    missing = mapped.cli("why", "fit[fr]")
    assert missing.code == 2
    assert "no instance `fit[fr]`" in missing.stderr


def test_a_failed_instance_fails_neither_its_siblings_nor_loses_them(mapped: Any) -> None:
    mapped.edit("pipeline.py", "return chunk * 10", "return chunk * 10 // (chunk != 2)")
    done = mapped.run(code=1)
    assert sorted(done.outcomes.values()).count("failed") == 1
    assert done.outcomes["best"] == "blocked"
    mapped.edit("pipeline.py", "(chunk != 2)", "1")
    ran(mapped)
    mapped.run()
    assert ran(mapped) == "1 2 3"     # the code is another
    assert mapped.value("best")


def test_a_colleague_with_the_lockfile_alone_has_it_vouched_for(mapped: Any) -> None:
    mapped.run()
    before = mapped.lock
    text = before.decode()
    assert text.count('[families."score".instances]') == 1
    for name in os.listdir(str(mapped.path(".deepwatch"))):
        if name != "objects":
            path = mapped.path(".deepwatch") / name
            shutil.rmtree(str(path)) if path.is_dir() else path.unlink()
    assert set(mapped.run("--locked").outcomes.values()) == {"reused"}
    assert mapped.lock == before
    mapped.edit("pipeline.py", "[1, 2, 3]", "[1, 2, 4]")
    assert mapped.cli("run", "--locked").code == 3
    mapped.run()
    lines = [set(each.decode().splitlines()) for each in (before, mapped.lock)]
    instances = [line for line in lines[1] - lines[0] if "output =" in line and "{" in line]
    assert len([line for line in instances if '"json"' in line]) == 1     # of `score` one line


def test_a_stored_element_that_is_lost_is_made_again(mapped: Any) -> None:
    mapped.run()
    blobs = [path for path in sorted((mapped.path(".deepwatch") / "objects").rglob("*")) if path.is_file()]
    for number, path in enumerate(blobs[::3]):
        path.unlink()
        mapped.edit("pipeline.py", "return sorted(fit)" + " + []" * number, "return sorted(fit)" + " + []" * (number + 1))
        assert set(mapped.run().outcomes.values()) <= {"ran", "reused"}
    assert mapped.value("best") == ["de,large", "de,small", "us,large", "us,small"]


def test_a_family_over_a_family_and_pairs(project: Any) -> None:
    project.write("pipeline.py", """
        from deepwatch_flow import Each, step

        @step(each="zip")
        def pair(a=Each([1, 2]), b=Each({"x": 10, "y": 20})):
            return a + b

        @step
        def twice(each=Each(pair)):
            return each * 2

        @step
        def total(twice):
            return sum(twice.values()), sorted(twice)
        """)
    project.run()
    assert project.value("total") == [66, ["1,x", "2,y"]]


def test_many_instances_are_told_in_one_line(project: Any) -> None:
    project.write("pipeline.py", """
        from deepwatch_flow import Each, step

        K = 1
        @step
        def score(n=Each(range(30))):
            return n * K
        """)
    told = project.cli("run").stderr
    assert "30 ran" in told
    assert told.count("\n") == 2
    project.edit("pipeline.py", "K = 1", "K = 2")
    assert "score[30 of 30]" in project.cli("status").stdout
    assert project.cli("status", "-v").stdout.count("score[") == 30


@pytest.mark.parametrize("declaration, told", [
    ('n=Each(5)', "takes a list or dict"), ('n=Each("chunk")', "did you mean `chunks`"), ('n=Each(["a[b]"])', "brackets"),
    ('n=Each({1: 1, "1": 2})', "same label"), ('n=Each([1]), out=Product("x.txt")', "same product"),
])
def test_what_can_t_be_gone_through_is_told_where_it_stands(project: Any, declaration: str, told: str) -> None:
    project.write("pipeline.py", f"""
        from deepwatch_flow import Each, Product, step

        @step
        def chunks(): return [1]

        @step
        def score({declaration}): return n
        """)
    done = project.cli("run")
    assert done.code == 2
    assert told in done.stderr


def test_a_value_without_elements_fails_its_step(project: Any) -> None:
    project.write("pipeline.py", """
        from deepwatch_flow import Each, step

        @step
        def chunks(): return 5

        @step
        def score(n=Each("chunks")): return n
        """)
    done = project.run(code=1)
    assert "a list, a dict or a generator" in str(done.steps["chunks"])
    assert done.outcomes["score"] == "blocked"


GENERATOR = """
    import random
    from deepwatch_flow import Each, step

    @step({options})
    def chunks():
        {before}
        yield open("data.txt").read()
        {after}

    @step(seed=1, retries=1)
    def score(chunk=Each("chunks")):
        open("tries", "a").write("x")
        {fails}
        return random.random()
    """


def test_what_a_generator_reads_while_it_is_read_counts(project: Any) -> None:
    project.write("pipeline.py", GENERATOR.format(options="seed=1", before="yield random.random()", after="pass", fails="pass"))
    project.write("data.txt", "1")
    project.run()
    first = project.value("chunks")
    project.run("--force", "chunks")
    assert project.value("chunks") == first         # its draws are the step's, too
    project.write("data.txt", "2")
    assert project.run().outcomes["chunks"] == "ran"
    assert project.value("chunks")[1] == "2"


@pytest.mark.parametrize("after, told", [("raise ValueError('half way')", "ValueError: half way"), ("yield (open('data.txt'),)", "can't store")])
def test_a_generator_that_fails_or_gives_what_can_t_be_stored_fails_its_step(project: Any, after: str, told: str) -> None:
    project.write("pipeline.py", GENERATOR.format(options="", before="pass", after=after, fails="pass"))
    project.write("data.txt", "1")
    done = project.run(code=1)
    assert told in done.steps["chunks"]["error"]
    assert done.outcomes["score"] == "blocked"
    assert ("in chunks" in (done.steps["chunks"]["traceback"] or "")) == ("raise" in after)


def test_instances_are_repeated_and_draw_by_their_element(project: Any) -> None:
    project.write("pipeline.py", GENERATOR.format(options="", before="pass", after="pass", fails="if len(open('tries').read()) == 1: raise ValueError"))
    project.write("data.txt", "1")
    assert project.run().outcomes["score[0]"] == "ran"
    assert project.read("tries") == "xx"
    drawn = project.value("score[0]")
    project.edit("pipeline.py", "        pass\n    yield" if "        pass\n    yield" in project.read("pipeline.py") else "    pass\n    yield", "    yield 'new'\n    yield")
    project.run()
    project.run("--force", "score")
    assert project.value("score[1]") == drawn
