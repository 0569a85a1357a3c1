"""Labels in the paths of `File` and `Product`: each instance of a family reads and writes its own files."""
from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any, List

import pytest
from watched_project import LOADED, rewrite, was_quick

GIVEN = """
    import sys
    from deepwatch_flow import Each, File, Product, step

    print("the pipeline is imported", file=sys.stderr)

    @step
    def report(one=File("out/us.csv")):
        open("ran", "a").write("report ")
        return one.read_text()

    @step
    def names(folder=File("out")):
        return sorted(each.name for each in folder.iterdir())

    @step
    def fit(country=Each(["us", "de"]), src=File("data/{country}.csv"), out=Product("out/{country}.csv")):
        open("ran", "a").write(f"{country} ")
        out.write_text(country + src.read_text())
    """
#: the same labels, known only when `countries` has run
RETURNED = GIVEN.replace('Each(["us", "de"])', 'Each("countries")') + """
    @step
    def countries():
        return {"us": "us", "de": "de"}
    """


def made(project: Any, pipeline: str) -> Any:
    project.write("pipeline.py", pipeline)
    project.write("data/us.csv", "1")
    project.write("data/de.csv", "2")
    return project


@pytest.fixture(params=[GIVEN, RETURNED], ids=["given", "returned"])
def labelled(request: Any, project: Any) -> Any:
    return made(project, request.param)


@pytest.fixture
def given(project: Any) -> Any:
    return made(project, GIVEN)


def ran(project: Any) -> str:
    """What was executed since the last call."""
    try:
        return " ".join(sorted(project.read("ran").split()))
    finally:
        project.write("ran", "")


def clone(project: Any) -> None:
    """Leave nothing of the state but the stored bytes."""
    for path in sorted(project.path(".deepwatch").iterdir()):
        if path.name != "objects":
            shutil.rmtree(str(path)) if path.is_dir() else path.unlink()


def git(project: Any, *args: str) -> None:
    subprocess.run(["git", "-c", "user.name=t", "-c", "user.email=t@example.org", *args], cwd=str(project.root), check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_each_instance_depends_on_its_own_file_and_readers_come_after_it(labelled: Any, jobs: str) -> None:
    labelled.run("-j", jobs)
    assert ran(labelled) == "de report us"
    assert [labelled.read("out/us.csv"), labelled.read("out/de.csv")] == ["us1", "de2"]
    assert [labelled.value("report"), labelled.value("names")] == ["us1", ["de.csv", "us.csv"]]
    assert set(labelled.run("-j", jobs).outcomes.values()) == {"reused"}
    labelled.write("data/us.csv", "3")
    verdicts = labelled.status().verdicts
    assert [verdicts[name] for name in ("fit[us]", "fit[de]", "report", "names")] == ["stale", "fresh", "pending", "pending"]
    labelled.run("-j", jobs)
    assert ran(labelled) == "report us"
    assert labelled.value("report") == "us3"
    labelled.write("data/de.csv", "4")
    labelled.run("-j", jobs)
    assert ran(labelled) == "de"       # what `report` reads is as it was


def test_a_lost_product_comes_back_and_an_edited_one_is_not_overwritten(labelled: Any) -> None:
    labelled.run()
    ran(labelled)
    labelled.path("out/us.csv").unlink()
    verdicts = labelled.status().verdicts
    assert [verdicts["fit[us]"], verdicts["report"], verdicts["names"]] == ["fresh", "fresh", "fresh"]        # as a run will find the folder
    assert labelled.run().outcomes["fit[us]"] == "restored"
    assert ran(labelled) == ""
    assert labelled.read("out/us.csv") == "us1"
    labelled.write("out/de.csv", "by hand")
    assert "was edited" in labelled.cli("status").stderr
    done = labelled.run(code=1)
    assert [done.outcomes["fit[de]"], done.outcomes["fit[us]"], done.outcomes["names"]] == ["failed", "reused", "blocked"]
    assert labelled.run("--force", "fit[de]").outcomes["fit[de]"] == "ran"
    assert labelled.read("out/de.csv") == "de2"
    assert labelled.read(".deepwatch/edited/out/de.csv") == "by hand"


def test_a_fresh_clone_has_the_products_vouched_for_and_put_back(labelled: Any) -> None:
    labelled.run()
    before = labelled.lock
    clone(labelled)
    shutil.rmtree(str(labelled.path("out")))
    ran(labelled)
    done = labelled.run("--locked")
    assert ran(labelled) == ""
    assert [done.outcomes["fit[us]"], done.outcomes["fit[de]"], done.outcomes["report"]] == ["restored", "restored", "reused"]
    assert labelled.lock == before
    clone(labelled)
    labelled.write("out/us.csv", "by hand")
    labelled.write("data/us.csv", "5")
    assert labelled.cli("run", "--locked").code == 3
    labelled.run()
    assert labelled.read("out/us.csv") == "us5"
    assert labelled.read(".deepwatch/edited/out/us.csv") == "by hand"
    assert labelled.lock.decode().count('"out/us.csv" = { key') == 1


def test_the_lock_of_one_instance_takes_the_place_of_what_it_wrote_before(given: Any) -> None:
    given.run()
    given.write("data/us.csv", "5")
    given.run("fit[us]")
    text = given.lock.decode()
    assert text.count('"out/us.csv" = { key') == 1
    assert text.count("wrote = ") == 2
    assert given.run("--locked", "fit").outcomes == {"fit[us]": "reused", "fit[de]": "reused"}


def test_a_line_that_a_merge_lost_makes_its_instance_stale_and_no_other(given: Any) -> None:
    given.run()
    text = given.lock.decode()
    line = next(line for line in text.splitlines(True) if line.startswith('"out/us.csv" = { key'))
    clone(given)
    given.path("deepwatch.lock").write_bytes(text.replace(line, "").encode())
    given.write("out/us.csv", "of another time")
    assert {name: verdict for name, verdict in given.status("fit").verdicts.items()} == {"fit[us]": "stale", "fit[de]": "fresh"}
    for wrong in (text.replace(line, line.replace("out/us.csv", "../us.csv")), text.replace(line, line.replace("size = ", "sizes = "))):
        given.path("deepwatch.lock").write_bytes(wrong.encode())
        assert given.cli("status").code == 4


def test_a_diff_names_the_files_and_a_merge_takes_what_each_side_did(given: Any) -> None:
    given.run()
    git(given, "init", "-q", "-b", "main")
    given.write(".gitignore", ".deepwatch\nran\nout\n")
    git(given, "add", "-A")
    git(given, "commit", "-q", "-m", "one")
    sides: List[Path] = []
    for name, label in (("ours", "us"), ("theirs", "de")):
        git(given, "checkout", "-q", "-f", "main")
        given.write(f"data/{label}.csv", name)
        given.run()
        sides.append(given.path(f"../{name}.lock"))
        sides[-1].write_bytes(given.lock)
        told = given.cli("diff").stdout
        assert f"input `data/{label}.csv`" in told
        assert f"product `out/{label}.csv`" in told
    git(given, "checkout", "-q", "-f", "main")
    base = given.path("../base.lock")
    base.write_bytes(given.lock)
    given.cli("lock", "merge", str(base), *map(str, sides), "deepwatch.lock")
    given.path("deepwatch.lock").write_bytes(sides[0].read_bytes())
    given.write("data/us.csv", "ours")
    given.write("data/de.csv", "theirs")
    clone(given)
    ran(given)
    assert set(given.run("--locked", "fit").outcomes.values()) <= {"reused", "restored"}
    assert ran(given) == ""
    assert given.read("out/us.csv") + given.read("out/de.csv") == "usoursdetheirs"


def test_a_file_that_was_put_somewhere_else_is_not_kept_by_gc_and_a_vouched_one_is(given: Any) -> None:
    given.run()
    clone(given)
    given.cli("gc", "--yes")
    shutil.rmtree(str(given.path("out")))
    ran(given)
    given.run("fit")
    assert ran(given) == ""
    assert given.cli("doctor").code == 0
    given.write("out/de.csv", "by hand")
    assert "`out/de.csv` is not as `fit` left it" in given.cli("doctor").stdout
    shutil.rmtree(str(given.path("out")))
    given.cli("clean", "fit")
    given.path("deepwatch.lock").unlink()
    assert given.run("fit").outcomes == {"fit[us]": "ran", "fit[de]": "ran"}


@pytest.mark.skipif(os.name == "nt", reason="Windows has no time of change: no list is written there")
def test_the_watch_list_watches_the_files_of_instances(labelled: Any) -> None:
    labelled.edit("pipeline.py", "    open(\"ran\", \"a\").write(f\"{country} \")\n", "")
    labelled.edit("pipeline.py", "    open(\"ran\", \"a\").write(\"report \")\n", "")
    labelled.run()
    labelled.run()
    assert was_quick(labelled.cli("run"))
    rewrite(labelled.path("data/de.csv"), b"7")
    assert LOADED in labelled.cli("status").stderr
    labelled.run()
    labelled.run()
    assert was_quick(labelled.cli("status"))
    rewrite(labelled.path("out/de.csv"), b"own")
    assert "was edited" in labelled.cli("status").stderr
    labelled.path("out/de.csv").unlink()
    assert labelled.run().outcomes["fit[de]"] == "restored"


def test_nothing_is_seen_that_is_declared_and_an_undeclared_file_is(given: Any) -> None:
    given.edit("pipeline.py", "    open(\"ran\", \"a\").write(f\"{country} \")\n", "")
    assert given.run("--hermetic", "fit").outcomes == {"fit[us]": "ran", "fit[de]": "ran"}
    given.edit("pipeline.py", "country + src", "open('data/us.csv').read() + src")
    done = given.run("--hermetic", "fit", code=1)
    assert done.outcomes == {"fit[us]": "ran", "fit[de]": "failed"}


def test_families_over_files_of_families_and_pairs(project: Any) -> None:
    made(project, """
        from deepwatch_flow import Each, File, Product, sh, step

        @step
        def total(last=File("b")):
            return sorted(each.read_text() for each in last.iterdir())

        @step(each="zip")
        def second(country=Each(["us", "de"]), n=Each({"one": 1, "two": 2}), src=File("a/{country}.txt"), out=Product("b/{n}/{{n}}.txt")):
            out.write_text(src.read_text().strip() + str(n))

        first = sh("cat {src} {common} > {out}", name="first", country=Each(["us", "de"]), src=File("data/{country}.csv"),
                   common=File("common.txt"), out=Product("a/{country}.txt"))
        """.replace("each.read_text() for each in last.iterdir()", "each.read_text() for each in last.glob('*/*')"))
    project.write("common.txt", "!")
    project.run("-j", "2")
    assert project.value("total") == ["1!1", "2!2"]
    assert project.path("b/one/{n}.txt").exists()
    project.write("data/de.csv", "9")
    assert project.run().executed == ["first[de]", "second[de,two]", "total"]
    clone(project)
    shutil.rmtree(str(project.path("a")))
    shutil.rmtree(str(project.path("b")))
    done = project.run("--locked")
    assert [name for name, outcome in done.outcomes.items() if outcome == "restored"] == ["first[us]", "first[de]", "second[us,one]", "second[de,two]"]


def test_folders_by_label(project: Any) -> None:
    made(project, """
        from deepwatch_flow import Each, File, Product, step

        @step
        def parts(country=Each(["us", "de"]), out=Product("out/{country}")):
            out.mkdir(exist_ok=True)
            for n in range(2):
                (out / f"{n}.txt").write_text(country)

        @step
        def joined(country=Each(["us", "de"]), src=File("out/{country}")):
            return "".join(each.read_text() for each in sorted(src.iterdir()))
        """)
    project.run()
    assert project.value("joined") == {"us": "usus", "de": "dede"}
    clone(project)
    project.path("out/us/1.txt").unlink()
    done = project.run("--locked")
    assert [done.outcomes["parts[us]"], done.outcomes["parts[de]"], done.outcomes["joined[us]"]] == ["restored", "reused", "reused"]


def test_a_target_may_be_the_file_that_an_instance_writes(labelled: Any) -> None:
    known = "countries" not in labelled.read("pipeline.py")
    done = labelled.run("out/us.csv")
    assert set(done.outcomes) == ({"fit[us]"} if known else {"countries", "fit[us]", "fit[de]"})
    assert "data/{country}.csv" in labelled.cli("graph", "--json").stdout
    assert "fit" in labelled.cli("impact", "data/us.csv").stdout


def test_a_failed_instance_blocks_who_reads_its_folder_and_leaves_the_others(labelled: Any) -> None:
    labelled.path("data/de.csv").unlink()
    done = labelled.run(code=1)
    assert [done.outcomes[name] for name in ("fit[us]", "fit[de]", "report")] == ["ran", "failed", "blocked"]
    assert "data/de.csv" in str(done.steps["fit[de]"])


def test_an_instance_is_debugged_with_its_own_files_and_writes_none_of_them(given: Any) -> None:
    given.run()
    given.edit("pipeline.py", "country + src", "1 + src")
    assert "TypeError" in given.cli("debug", "--on-error", "fit[us]").stdout
    assert given.read("out/us.csv") == "us1"


def test_a_consumer_of_files_by_label_is_verified_with_them(labelled: Any) -> None:
    labelled.edit("pipeline.py", "    open(\"ran\", \"a\").write(\"report \")\n", "")
    labelled.run()
    told = labelled.cli("verify", "report", "names").stdout
    assert told.count("reproducible") == 3     # two steps and the sum


def test_a_call_by_hand_gets_the_paths_of_its_element(given: Any) -> None:
    given.write("use.py", """
        import os
        from pipeline import fit
        os.makedirs("out")
        fit("us")
        try:
            fit(src="data/us.csv")
        except TypeError as error:
            print(error)
        """)
    done = subprocess.run([os.sys.executable, "use.py"], cwd=str(given.root), stdout=subprocess.PIPE, check=True,  # type: ignore[attr-defined]
                          env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])})
    assert given.read("out/us.csv") == "us1"
    assert b"'country'" in done.stdout


# -- mistakes ----------------------------------------------------------------------------------------------

@pytest.mark.parametrize(("parameters", "told"), [
    ('n=Each(["a"]), out=Product("out.txt")', ["several would write the same product `out.txt`", "put {n} into it"]),
    ('n=Each(["a"]), m=Each(["b"]), out=Product("{n}.txt")', ["same product `{n}.txt`", "put {m} into it"]),
    ('country=Each(["a"]), out=Product("{contry}.txt")', ["pipeline.py:", "{contry}", "did you mean `country`?"]),
    ('n=Each(["a"]), out=Product("{n:>3}.txt")', ["{n:>3}", "its parameters with Each: {n}"]),
    ('n=Each(["a"]), src=File("{}.txt")', ["{}", "its parameters with Each: {n}"]),
    ('n=Each(["a"]), src=File("{n.txt")', ["stands alone", "{{ or }}"]),
    ('n=Each(["a/b"]), out=Product("{n}.txt")', ["`s[a/b]`", "`{n}.txt`", "has a / in it", "keys of a dict"]),
    ('n=Each(["../a"]), src=File("data/{n}.txt")', ["`s[../a]`", "another folder"]),
    ('n=Each([".."]), out=Product("out/{n}")', ["`s[..]`", "another folder"]),
    ('n=Each(["a\\\\b"]), out=Product("{n}")', ["has a \\ in it"]),
    ('n=Each([""]), out=Product("{n}")', ["label ''"]),
    ('n=Each(["deepwatch.lock"]), out=Product("{n}")', ["keeps its own files"]),
    ('n=Each(["c:"]), out=Product("{n}")', ["has a drive"]),
    ('n=Each(["US", "us"]), out=Product("{n}.txt")', ["`US.txt` of `s[US]`", "`us.txt` of `s[us]`", "can't be mixed up"]),
    ('n=Each(["a", "ab"]), m=Each(["bc", "c"]), out=Product("{n}{m}")', ["`abc` is a product of both `s[bc,a]` and `s[c,ab]`"]),
    ('n=Each(["a", "b"]), out=Product("other/{n}.txt")', ["`other/a.txt`", "`other`", "`s[a]`"]),
    ('n=Each(["A", "b"]), out=Product("other/{n}.txt")', ["`other/A.txt`", "differ by case"]),
    ('n=Each(["a", "b"]), src=File("{n}.txt"), out=Product("{n}.txt")', ["instance `s[a]` reads `a.txt` and writes `a.txt`"]),
    ('n=Each(["a", "b"]), src=File("out"), out=Product("out/{n}.txt")', ["step `s` reads `out` and `s[a]` writes `out/a.txt`"]),
    ('n=Each(["a"]), out=Product("../{n}.txt")', ["Product `../{n}.txt`", "not inside"]),
])
def test_a_path_that_can_t_be_is_told_when_the_pipeline_loads(project: Any, parameters: str, told: List[str]) -> None:
    project.write("pipeline.py", f"""
        from deepwatch_flow import Each, File, Product, step
        @step
        def other(out=Product("other/a.txt")):
            out.write_text("")
        @step
        def s({parameters}):
            raise SystemExit
        """)
    done = project.cli("status")
    assert done.code == 2
    for text in [*told, "hint: "]:
        assert text in done.stderr


@pytest.mark.parametrize(("keys", "told"), [
    ('["a/b"]', "has a / in it"), ('["../x"]', "another folder"), ('["/"]', "has a / in it"), ('[""]', "is empty"), ('["a\\0"]', "can't be shown"),
    ('["US", "us"]', "differ by case"), ('["other"]', "product of both `other` and `s[other]`"), ('["twin"]', "product of both `other_family[twin]` and `s[twin]`"),
    ('["a", "a.in"]', "instance `s[a]` reads `out/a.in.txt`"),
])
def test_a_label_that_a_step_returns_and_that_can_t_be_fails_the_family(project: Any, keys: str, told: str) -> None:
    project.write("pipeline.py", f"""
        from deepwatch_flow import Each, File, Product, step
        @step
        def keys():
            return dict.fromkeys({keys}, 1)
        @step
        def twins():
            return {{"twin": 1}}
        @step
        def other(out=Product("out/other.txt")):
            out.write_text("")
        @step
        def other_family(n=Each("twins"), out=Product("out/{{n}}.txt")):
            out.write_text("")
        @step(after=["other_family"])
        def s(n=Each("keys"), src=File("out/{{n}}.in.txt"), out=Product("out/{{n}}.txt")):
            raise SystemExit
        """)
    done = project.run(code=1)
    assert done.outcomes["s"] == "failed"
    assert told in done.steps["s"]["error"]
    assert "hint: " in done.steps["s"]["error"]
    assert not project.path("x.txt").exists()


def test_braces_of_an_ordinary_step_are_braces(project: Any) -> None:
    project.write("pipeline.py", """
        from deepwatch_flow import Product, step
        @step
        def s(out=Product("{n}{{.txt")):
            out.write_text("1")
        """)
    project.run()
    assert project.read("{n}{{.txt") == "1"


def test_verify_executes_instances_with_their_own_files(labelled: Any) -> None:
    labelled.run()
    done = labelled.cli("verify", "--json")
    assert done.code == 0, done.stdout + done.stderr
    assert set(done.outcomes.values()) == {"reproducible"}
    assert {"fit[us]", "fit[de]"} <= set(done.outcomes)


def test_verify_executes_commands_with_files_by_label(project: Any) -> None:
    project.write("us.txt", "1")
    project.write("pipeline.py", """
        from deepwatch_flow import Each, File, sh

        shown = sh("cat {src}", country=Each(["us"]), src=File("{country}.txt"), name="shown")
        """)
    project.run()
    assert project.cli("verify").code == 0
