"""Products that are missing come back from the store, whole and as they were; an edit is never overwritten."""
from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path
from typing import Any, Dict

import pytest

PIPELINE = """
    from deepwatch_flow import File, Product, step

    @step
    def make(out=Product("out/text.txt"), folder=Product("plots")):
        out.write_text("made TEXT")
        (folder / "deep").mkdir(parents=True, exist_ok=True)
        (folder / "a.txt").write_text("a TEXT")
        (folder / "deep" / "b.txt").write_text("b TEXT")

    @step
    def use(out=File("out/text.txt")):
        return out.read_text()
    """
LINKS = ["copy", "reflink", "hardlink"]


def version(project: Any, text: str) -> None:
    project.write("pipeline.py", PIPELINE.replace("TEXT", text))


def blob_of(project: Any, name: str) -> Path:
    """The blob of a product, by the lockfile."""
    for line in project.read("deepwatch.lock").splitlines():
        if line.startswith(f'"{name}" = {{ blob'):
            digest = line.split('"')[3]
            return project.path(".deepwatch") / "objects" / digest[:2] / digest[2:]
    raise AssertionError(f"{name} is not in the lockfile")


@pytest.fixture(params=LINKS)
def made(project: Any, request: Any) -> Any:
    """A project that ran, with each way of putting products back."""
    project.write("deepwatch.toml", f'[store]\nlink = "{request.param}"\n')
    version(project, "one")
    project.run()
    return project


def test_what_is_missing_comes_back(made: Any) -> None:
    shutil.rmtree(str(made.path("plots")))
    made.path("out/text.txt").unlink()
    assert made.run().outcomes == {"make": "restored", "use": "reused"}
    assert made.read("out/text.txt") == "made one"
    assert made.read("plots/deep/b.txt") == "b one"
    assert not [path for path in made.root.rglob(".deepwatch-*")]
    assert made.run().outcomes == {"make": "reused", "use": "reused"}


def test_an_older_product_makes_way_for_the_one_of_now(made: Any) -> None:
    version(made, "two")
    assert made.run().executed == ["make", "use"]
    version(made, "one")
    assert made.run().outcomes == {"make": "restored", "use": "reused"}
    assert made.read("out/text.txt") == "made one" and made.read("plots/a.txt") == "a one"
    version(made, "two")
    made.run()
    made.cli("gc", "--runs", "0", "--grace", "0")
    version(made, "one")
    assert made.run().executed == ["make"]      # the value of `use` has the very bytes of a product
    assert made.read("out/text.txt") == "made one"


def test_what_was_written_once_is_no_edit_though_the_store_has_it_no_more(made: Any) -> None:
    version(made, "two")
    made.run()
    blob = blob_of(made, "out/text.txt")
    version(made, "one")
    kept = made.path("out/text.txt").read_bytes()
    blob.unlink()
    assert kept == b"made two"
    assert made.run().outcomes["make"] == "restored"
    assert made.read("out/text.txt") == "made one"


def edit(project: Any, name: str, text: str) -> None:
    """Edit as an editor does: a new file in the place of the old one."""
    path = project.path(name)
    path.unlink()
    path.write_text(text)


def test_an_edited_product_stays_and_the_run_says_which(made: Any) -> None:
    edit(made, "plots/a.txt", "my own words")
    told = made.cli("status")
    assert "plots/a.txt" in told.stderr and "--force make" in told.stderr
    done = made.run(code=1)
    assert done.outcomes == {"make": "failed", "use": "blocked"}
    assert "`plots/a.txt` was edited" in done.steps["make"]["error"] and "--force make" in done.steps["make"]["error"]
    assert made.read("plots/a.txt") == "my own words"
    lock = made.lock
    assert made.run(code=1).outcomes["make"] == "failed" and made.lock == lock
    os.rename(str(made.path("plots/a.txt")), str(made.path("mine.txt")))
    assert made.run().outcomes == {"make": "restored", "use": "reused"}
    assert made.read("plots/a.txt") == "a one" and made.read("mine.txt") == "my own words"


def test_an_edited_product_stays_where_the_store_has_the_recorded_one_no_more(made: Any) -> None:
    """The step would run again only to have its product again."""
    edit(made, "plots/a.txt", "my own words")
    blob_of(made, "plots/a.txt").unlink()
    assert "plots/a.txt" in made.cli("status").stderr
    done = made.run(code=1)
    assert done.outcomes == {"make": "failed", "use": "blocked"} and "--force make" in done.steps["make"]["error"]
    assert made.read("plots/a.txt") == "my own words"
    version(made, "two")                # who changes the code wants the products written
    assert made.run().executed == ["make", "use"]
    assert made.read("plots/a.txt") == "a two"


def test_a_product_that_moves_is_written_where_it_is_declared(project: Any) -> None:
    text = """
        from deepwatch_flow import Product, step

        @step
        def make(folder=Product("WHERE")):
            folder.mkdir(exist_ok=True)
            (folder / "x.txt").write_text("x")
        """
    project.write("pipeline.py", text.replace("WHERE", "one"))
    project.run()
    project.write("two/notes.txt", "mine")
    project.write("pipeline.py", text.replace("WHERE", "two"))
    assert project.run().executed == ["make"]
    assert project.read("two/notes.txt") == "mine" and project.read("two/x.txt") == "x"


def test_force_has_an_edited_product_written_anew(made: Any) -> None:
    edit(made, "out/text.txt", "my own words")
    assert made.run("--force", "make").outcomes == {"make": "ran", "use": "reused"}
    assert made.read("out/text.txt") == "made one"
    assert made.run().executed == []


def test_what_else_lies_in_a_product_folder_stays(made: Any) -> None:
    made.write("plots/notes.txt", "mine")
    made.path("plots/a.txt").unlink()
    assert made.run().outcomes == {"make": "restored", "use": "reused"}
    assert made.read("plots/notes.txt") == "mine" and made.read("plots/a.txt") == "a one"
    assert b"notes" not in made.lock


def test_something_else_in_the_place_of_a_product(made: Any) -> None:
    made.path("plots/a.txt").unlink()
    made.write("plots/a.txt/inner", "mine")
    assert "no file is in its place" in made.run(code=1).steps["make"]["error"]
    shutil.rmtree(str(made.path("plots")))
    made.write("plots", "a file where the folder was")
    error = made.run(code=1).steps["make"]["error"]
    assert "a file is where its folder has to be" in error and "hint:" in error
    assert made.read("plots") == "a file where the folder was"


def test_a_damaged_blob_is_told_with_its_step_and_never_put_back(made: Any) -> None:
    blob = blob_of(made, "out/text.txt")
    os.chmod(str(blob), 0o644)
    blob.write_bytes(b"evil one")       # of the same size
    made.path("out/text.txt").unlink()
    done = made.run()
    assert done.outcomes == {"make": "ran", "use": "reused"}
    assert made.read("out/text.txt") == "made one"
    (notice,) = done.document["notices"]
    assert "`out/text.txt` of `make`" in notice["message"] and "is damaged" in notice["message"]
    assert made.run().executed == []


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such bit")
def test_what_can_be_executed_can_be_executed_again(project: Any) -> None:
    project.write("pipeline.py", """
        from deepwatch_flow import Product, step

        @step
        def tool(out=Product("tool.sh"), plain=Product("plain.txt")):
            out.write_text("#!/bin/sh")
            out.chmod(0o755)
            plain.write_text("#!/bin/sh")
        """)
    for link in LINKS:
        project.write("deepwatch.toml", f'[store]\nlink = "{link}"\n')
        project.run()
        assert project.lock.count(b"executable = true") == 1
        for name in ("tool.sh", "plain.txt"):
            project.path(name).unlink()
        assert project.run("--locked").outcomes == {"tool": "restored"}
        assert project.path("tool.sh").stat().st_mode & stat.S_IXUSR
        assert not project.path("plain.txt").stat().st_mode & stat.S_IXUSR


# -- hard links -------------------------------------------------------------------------------------

@pytest.fixture
def linked(project: Any) -> Any:
    """A project whose products are hard links into the store."""
    project.write("deepwatch.toml", '[store]\nlink = "hardlink"\n')
    version(project, "one")
    project.run()
    for name in ("out/text.txt", "plots/a.txt", "plots/deep/b.txt"):
        project.path(name).unlink()
    assert project.run().outcomes["make"] == "restored"
    return project


def test_a_hard_link_is_read_only_and_no_second_copy(linked: Any) -> None:
    product, blob = linked.path("out/text.txt"), blob_of(linked, "out/text.txt")
    assert os.path.samefile(str(product), str(blob))
    assert stat.S_IMODE(product.stat().st_mode) & 0o222 == 0
    assert linked.run().executed == []


def test_a_step_that_runs_again_does_not_write_into_the_store(linked: Any) -> None:
    blob = blob_of(linked, "out/text.txt")
    assert linked.run("--force", "make").executed == ["make"]
    version(linked, "two")
    assert linked.run().executed == ["make", "use"]
    assert blob.read_text() == "made one"
    assert linked.read("out/text.txt") == "made two"


def test_an_edit_in_place_is_found_out_and_kept(linked: Any) -> None:
    """Whoever makes the file writable edits the blob with it: then neither is believed."""
    blob = blob_of(linked, "out/text.txt")
    product = linked.path("out/text.txt")
    os.chmod(str(product), 0o644)
    product.write_text("made 0ne")      # of the same size
    assert blob.read_text() == "made 0ne"
    done = linked.run(code=1)
    assert done.outcomes["make"] == "failed" and "was edited" in done.steps["make"]["error"]
    os.rename(str(product), str(linked.path("mine.txt")))
    done = linked.run()
    assert done.outcomes == {"make": "ran", "use": "reused"}
    assert "is damaged" in done.document["notices"][0]["message"]
    assert linked.read("out/text.txt") == "made one" and linked.read("mine.txt") == "made 0ne"


# -- what a product may hold --------------------------------------------------------------------------

def odd(project: Any, body: str) -> Dict[str, Any]:
    project.write("pipeline.py", f"""
        import os
        from deepwatch_flow import Product, step

        @step
        def odd(folder=Product("out")):
            folder.mkdir(exist_ok=True)
            {body}
        """)
    return dict(project.cli("run", "--json").document["steps"][0])


@pytest.mark.skipif(os.name != "posix", reason="links need a right there")
def test_links_are_kept_as_what_they_lead_to(project: Any) -> None:
    done = odd(project, """
            (folder / "run-1").mkdir(exist_ok=True)
            (folder / "run-1" / "x.txt").write_text("x")
            (folder / "latest").exists() or os.symlink("run-1", folder / "latest")
            (folder / "best.txt").exists() or os.symlink("run-1/x.txt", folder / "best.txt")""")
    assert done["outcome"] == "ran"
    shutil.rmtree(str(project.path("out")))
    assert project.run().outcomes == {"odd": "restored"}
    assert project.read("out/latest/x.txt") == project.read("out/best.txt") == project.read("out/run-1/x.txt") == "x"
    assert not project.path("out/latest").is_symlink()


@pytest.mark.skipif(os.name != "posix", reason="links need a right there")
@pytest.mark.parametrize("body, told", [
    ('os.symlink("nowhere", folder / "dangling")', "leads nowhere"),
    ('os.symlink(".", folder / "loop")', "leads back"),
    ('os.mkfifo(folder / "pipe")', "neither a file nor a folder"),
])
def test_what_can_t_be_kept_fails_its_step(project: Any, body: str, told: str) -> None:
    done = odd(project, body)
    assert done["outcome"] == "failed" and told in done["error"] and "hint:" in done["error"]


def test_an_empty_folder_inside_a_product_is_not_kept(project: Any) -> None:
    odd(project, '(folder / "a.txt").write_text("a"); (folder / "empty").mkdir(exist_ok=True)')
    shutil.rmtree(str(project.path("out")))
    assert project.run().outcomes == {"odd": "restored"}
    assert sorted(os.listdir(str(project.path("out")))) == ["a.txt"]


def test_an_edited_product_that_its_step_writes_anew_is_kept_aside(made: Any) -> None:
    edit(made, "plots/a.txt", "mine")
    text = made.read("pipeline.py")
    made.write("pipeline.py", text.replace('write_text("a', 'write_text("b'))
    done = made.run()
    assert done.outcomes["make"] == "ran"
    assert made.read("plots/a.txt").startswith("b ")
    assert made.read(".deepwatch/edited/plots/a.txt") == "mine"
    assert ".deepwatch/edited/plots/a.txt" in done.stderr


@pytest.mark.skipif(os.name != "posix", reason="links need rights there")
def test_a_link_in_the_place_of_a_product_is_not_written_through(made: Any) -> None:
    made.write("mine.txt", "mine")
    made.path("out/text.txt").unlink()
    made.path("out/text.txt").symlink_to("../mine.txt")
    assert made.run("--force", "make").outcomes["make"] == "ran"
    assert made.read("mine.txt") == "mine"
    assert not made.path("out/text.txt").is_symlink()


def test_a_lockfile_can_not_have_a_file_written_that_no_step_declares(project: Any) -> None:
    version(project, "1")
    project.run()
    text = project.read("deepwatch.lock")
    assert text.count('"out/text.txt" = { blob') == 1
    project.write("deepwatch.lock", text.replace('"out/text.txt" = { blob', '".git/hooks/post-checkout" = { blob'))
    project.path(".deepwatch/state.db").unlink()
    assert project.run().outcomes["make"] == "ran"
    assert not project.path(".git").exists()


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_what_a_step_that_failed_has_written_is_no_edit(project: Any, jobs: str) -> None:
    project.write("pipeline.py", """
        from deepwatch_flow import Product, step

        @step
        def words(out=Product("words.txt"), n: int = 1):
            out.write_text(f"half of {n}")
            if n == 2:
                raise ValueError(n)
            out.write_text("all")
        """)
    project.run("-j", jobs)
    assert project.run("-j", jobs, "--set", "words.n=2", code=1).outcomes == {"words": "failed"}
    assert project.read("words.txt") == "half of 2"
    assert project.run("-j", jobs).outcomes == {"words": "restored"}
    assert project.read("words.txt") == "all"
    project.run("-j", jobs, "--set", "words.n=2", code=1)
    project.write("words.txt", "mine")            # this one is
    assert "was edited" in project.cli("run", "-j", jobs).stderr
    assert project.read("words.txt") == "mine"


READERS = """
    import os
    from deepwatch_flow import Each, File, Product, step

    @step
    def fit(country=Each(["us", "de"]), out=Product("out/{country}.csv")):
        out.write_text(country)

    @step
    def listed(fit):
        return sorted(os.listdir("out")), [open(f"out/{name}").read() for name in sorted(os.listdir("out"))], os.path.getsize("out/us.csv")

    @step
    def folder(folder=File("out")):
        return sorted(each.name for each in folder.iterdir())
    """


@pytest.mark.parametrize("lost", [["out/us.csv"], ["out/us.csv", "out/de.csv"], ["out"]])
def test_status_tells_what_a_run_puts_back_and_who_reads_its_folder_is_fresh(project: Any, lost: Any) -> None:
    project.write("pipeline.py", READERS)
    project.run()
    for name in lost:
        path = project.path(name)
        shutil.rmtree(str(path)) if path.is_dir() else path.unlink()
    for words in (["status", "--check"], ["run", "-n"]):
        told = project.cli(*words)
        assert told.code == 0 and "a run puts back `out/us.csv`" in told.stdout, told.stdout
        assert "pending" not in told.stdout and "stale" not in told.stdout
    plan = project.cli("status", "--json").document
    assert {each["name"]: each["restores"] for each in plan["steps"]}["fit[us]"] == ["out/us.csv"]
    assert "puts back" in project.cli("why", "fit[us]").stdout
    done = project.run()
    assert done.executed == [] and done.outcomes["fit[us]"] == "restored"
    assert {done.outcomes["listed"], done.outcomes["folder"]} == {"reused"}
    assert "puts" not in project.cli("status").stdout


def test_who_reads_the_folder_of_a_lost_product_still_runs_for_what_else_changed_in_it(project: Any) -> None:
    project.write("pipeline.py", READERS)
    project.run()
    project.path("out/us.csv").unlink()
    project.write("out/another.csv", "1")
    verdicts = {each["name"]: each["verdict"] for each in project.cli("status", "--json").document["steps"]}
    assert verdicts == {"fit[us]": "fresh", "fit[de]": "fresh", "listed": "stale", "folder": "stale"}
    assert project.run().executed == ["listed", "folder"]


def test_status_says_that_a_run_refuses_and_its_check_fails_as_the_run_does(made: Any) -> None:
    edit(made, "plots/a.txt", "my own words")
    told = made.cli("status", "--check")
    assert told.code == 3 and "a run refuses it: `plots/a.txt` was edited" in told.stdout and "up to date" not in told.stdout
    assert {each["name"]: bool(each["refused"]) for each in made.cli("status", "--json").document["steps"]} == {"make": True, "use": False}
    assert "a run refuses it" in made.cli("why", "make").stdout
    assert made.run(code=1).outcomes["make"] == "failed"
    edit(made, "plots/a.txt", "a one")
    assert made.cli("status", "--check").code == 0 and "up to date" in made.cli("status").stdout


def test_a_product_that_neither_is_there_nor_in_the_store_is_missing(made: Any) -> None:
    made.path("out/text.txt").unlink()
    shutil.rmtree(str(made.path(".deepwatch")))
    told = made.cli("status").stdout
    assert "product `out/text.txt` is missing, and not in the store" in told and "as recorded" not in told
    assert "make" in made.run().executed and made.read("out/text.txt") == "made one"
