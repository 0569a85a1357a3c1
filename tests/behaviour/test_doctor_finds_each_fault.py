"""`deepwatch doctor` tells of each fault by its own line, and `--fix` cures what costs nothing."""
from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
from pathlib import Path
from typing import Any, Dict, List

import pytest

from deepwatch_flow.model import SCHEME
from deepwatch_flow.state.mutex import Mutex

PIPELINE = """
    from deepwatch_flow import Product, step

    @step
    def numbers(out=Product("out.txt")):
        out.write_text("product")
        return [1, 2, 3] * 100

    @step
    def total(numbers):
        return sum(numbers)
    """


def doctor(project: Any, *args: str, code: int = 0, **options: Any) -> List[Dict[str, Any]]:
    done = project.cli("doctor", "--json", *args, **options)
    assert done.code == code, done.stdout + done.stderr
    assert done.document["ok"] == (code == 0)
    assert "Traceback" not in done.stderr
    return list(done.document["findings"])


def problems(findings: List[Dict[str, Any]]) -> List[str]:
    return [f"{each['check']}: {each['text']}" for each in findings if each["level"] == "problem"]


def notes(findings: List[Dict[str, Any]], check: str) -> List[str]:
    return [each["text"] for each in findings if each["level"] == "note" and each["check"] == check]


def the_problem(project: Any, **options: Any) -> Dict[str, Any]:
    """The one problem that there is."""
    (found,) = [each for each in doctor(project, code=1, **options) if each["level"] == "problem"]
    assert found["cure"]
    return dict(found)


def blob_of(project: Any, step: str) -> Path:
    table = project.read("deepwatch.lock").split(f'[steps."{step}"]')[1]
    digest = table.split('blob = "')[1][:64]
    return Path(project.path(".deepwatch") / "objects" / digest[:2] / digest[2:])


def damage(path: Path, at: int = 5) -> None:
    """Flip one bit of a file."""
    mode = stat.S_IMODE(path.stat().st_mode)
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    os.chmod(str(path), 0o644)
    path.write_bytes(bytes(data))
    os.chmod(str(path), mode)


@pytest.fixture
def ran(project: Any) -> Any:
    project.write("pipeline.py", PIPELINE)
    project.run()
    return project


def test_nothing_is_wrong(ran: Any) -> None:
    assert problems(doctor(ran)) == []
    done = ran.cli("doctor")
    assert done.code == 0 and done.stdout.splitlines()[-1].startswith("no problems (deepwatch ")
    assert ran.run().executed == []


def test_a_project_in_which_nothing_ran_is_no_fault_and_stays_as_it_is(project: Any) -> None:
    project.write("pipeline.py", PIPELINE)
    found = doctor(project)
    assert problems(found) == [] and notes(found, "store")
    assert not project.path(".deepwatch").exists()


def test_looking_leaves_the_quick_answer_good(ran: Any) -> None:
    ran.run()
    before = ran.path(".deepwatch/watchlist").read_bytes()
    doctor(ran)
    assert ran.path(".deepwatch/watchlist").exists() and len(ran.path(".deepwatch/watchlist").read_bytes()) == len(before)


# -- the store --------------------------------------------------------------------------------------

def test_a_flipped_bit(ran: Any) -> None:
    damage(blob_of(ran, "numbers"))
    found = the_problem(ran)
    assert found["check"] == "store" and "value of `numbers`" in found["text"] and found["fixable"]
    assert problems(doctor(ran, "--quick")) == []
    fixed = doctor(ran, "--fix")
    assert [each["fixed"] for each in fixed if each["fixable"]] == [True]
    assert not blob_of(ran, "numbers").exists()
    after = doctor(ran)
    assert any("moved to" in text for text in notes(after, "leftovers"))
    assert any("`numbers`" in text for text in notes(after, "lockfile"))
    assert ran.run("--force", "total").executed == ["numbers", "total"]
    assert doctor(ran, "--fix") is not None and blob_of(ran, "numbers").exists()


def test_a_truncated_blob_and_a_folder_in_its_place(ran: Any) -> None:
    blob = blob_of(ran, "total")
    os.chmod(str(blob), 0o644)
    blob.write_bytes(b"")
    assert "damaged" in the_problem(ran)["text"]
    blob.unlink()
    blob.mkdir()
    assert "`total`" in the_problem(ran)["text"]
    doctor(ran, "--fix")
    assert not blob.exists()
    assert ran.run().executed == ["total"]


@pytest.mark.skipif(os.name != "posix", reason="modes are other things there")
def test_a_blob_that_can_be_written_to(ran: Any) -> None:
    blob = blob_of(ran, "total")
    os.chmod(str(blob), 0o644)
    assert "can be written to" in the_problem(ran)["text"]
    doctor(ran, "--fix")
    assert stat.S_IMODE(blob.stat().st_mode) == 0o444
    assert problems(doctor(ran)) == []


@pytest.mark.skipif(os.name != "posix", reason="modes are other things there")
def test_a_folder_that_anybody_may_write_to(ran: Any) -> None:
    os.chmod(str(ran.path(".deepwatch")), 0o777)
    assert "anybody" in the_problem(ran)["text"]
    doctor(ran, "--fix")
    assert stat.S_IMODE(ran.path(".deepwatch").stat().st_mode) == 0o775


def test_a_missing_blob_is_worth_a_note(ran: Any) -> None:
    blob_of(ran, "total").unlink()
    (text,) = notes(doctor(ran), "lockfile")
    assert "`total`" in text and "not here" in text


def test_what_a_killed_process_left(ran: Any) -> None:
    old = [ran.path(".deepwatch/objects/tmp/.deepwatch-1-a.tmp"), ran.path(".deepwatch/.deepwatch-1-b.tmp"),
           ran.path(".deepwatch-1-c.tmp")]
    young = ran.path(".deepwatch/.deepwatch-2-d.tmp")
    for path in [*old, young]:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"half")
    for path in old:
        os.utime(str(path), (1, 1))
    found = doctor(ran, code=1)
    assert len(problems(found)) == 3 and all("unfinished" in text for text in problems(found))
    # the store sweeps its own folder whenever it is opened, so one of them is gone by now
    doctor(ran, "--fix")
    assert not any(path.exists() for path in old) and young.exists()


def test_what_is_not_ours(ran: Any) -> None:
    ran.write(".deepwatch/objects/ab/notes.txt", "mine")
    assert "not deepwatch's" in notes(doctor(ran, "--fix"), "leftovers")[0]
    assert ran.read(".deepwatch/objects/ab/notes.txt") == "mine"


# -- database, watch list, mutex ----------------------------------------------------------------------

def test_a_database_that_is_none(ran: Any) -> None:
    for name in ("state.db-wal", "state.db-shm"):
        if ran.path(f".deepwatch/{name}").exists():
            ran.path(f".deepwatch/{name}").unlink()
    ran.path(".deepwatch/state.db").write_bytes(b"no database" * 100)
    found = the_problem(ran)
    assert found["check"] == "database" and not found["fixable"]
    assert ran.path(".deepwatch/state.db").read_bytes()[:11] == b"no database"      # only looked at
    assert ran.run().executed == []
    assert any("moved aside" in text for text in notes(doctor(ran), "database"))


def test_a_damaged_row_of_the_database(ran: Any) -> None:
    with sqlite3.connect(str(ran.path(".deepwatch/state.db"))) as connection:
        connection.execute("UPDATE traces SET data = x'00112233445566'")
    connection.close()
    assert "2 rows of `traces` are damaged" in the_problem(ran)["text"]


def test_a_database_of_another_version(ran: Any) -> None:
    with sqlite3.connect(str(ran.path(".deepwatch/state.db"))) as connection:
        connection.execute("PRAGMA user_version = 999")
    connection.close()
    assert "version 999" in the_problem(ran)["text"]


def test_a_damaged_watch_list(ran: Any) -> None:
    path = ran.path(".deepwatch/watchlist")
    ran.run()
    data = path.read_bytes()
    end = data.index(b"\n") + 1
    path.write_bytes(data[:end] + b"\xff" * (len(data) - end))
    assert the_problem(ran)["check"] == "watch list"
    doctor(ran, "--fix")
    assert not path.exists()


def test_a_run_that_goes_on(ran: Any) -> None:
    with Mutex(str(ran.path(".deepwatch/mutex")), "deepwatch run").acquire(timeout=0):
        assert "another run" in notes(doctor(ran), "mutex")[0]
        assert ran.cli("doctor", "--fix").code == 5


# -- what the project vouches for -----------------------------------------------------------------------

def test_a_lockfile_that_can_t_be_read(ran: Any) -> None:
    ran.path("deepwatch.lock").write_text("<<<<<<< ours\n")
    assert the_problem(ran)["check"] == "lockfile"


def test_another_scheme(ran: Any) -> None:
    ran.edit("deepwatch.lock", f"scheme = {SCHEME}\n", "scheme = 0\n")
    assert "scheme 0" in the_problem(ran)["text"]


def test_a_step_that_gave_another_value_for_the_same_key(ran: Any) -> None:
    lock = ran.read("deepwatch.lock")
    output = lock.split('[steps."total"]')[1].split('output = "')[1][:64]
    ran.path("deepwatch.lock").write_text(lock.replace(f'output = "{output}"\nblob', f'output = "{"0" * 64}"\nblob'))
    assert any("`total`" in text and "not reproducible" in text for text in notes(doctor(ran), "lockfile"))


def test_products(ran: Any) -> None:
    ran.path("out.txt").unlink()
    assert "`out.txt` is missing" in notes(doctor(ran), "products")[0]
    ran.write("out.txt", "my words")
    found = the_problem(ran)
    assert found["check"] == "products" and "--force numbers" in found["cure"]
    doctor(ran, "--fix", code=1)
    assert ran.read("out.txt") == "my words"


def test_steps_that_came_and_went(ran: Any) -> None:
    ran.edit("pipeline.py", "def total(", "def sum_of(")
    told = notes(doctor(ran), "lockfile")
    assert any("`sum_of`" in text for text in told) and any("`total`" in text for text in told)


def test_a_pipeline_that_does_not_load(ran: Any) -> None:
    ran.write("pipeline.py", "import nowhere_to_be_found\n")
    assert "nowhere_to_be_found" in the_problem(ran)["text"]


def test_what_is_not_tracked_is_listed(project: Any) -> None:
    project.write("pipeline.py", """
        import os
        from deepwatch_flow import step

        def read(name):
            return os.environ.get(name)

        @step
        def make():
            return read("HO" + "ME")
        """)
    told = notes(doctor(project), "pipeline")
    assert any("an environment variable" in text and "(pipeline.py:" in text and "`make`" in text for text in told)


def test_packages_of_another_version(ran: Any) -> None:
    ran.path("deepwatch.lock").write_text(ran.read("deepwatch.lock") + '\n[packages."blake3"]\nversion = "0.0.1"\n')
    assert any("`blake3` is 0.0.1" in text for text in notes(doctor(ran), "versions"))


# -- settings and git -----------------------------------------------------------------------------------

def test_settings_that_can_t_be_read(ran: Any) -> None:
    ran.write("deepwatch.toml", "jobz = 1\n")
    found = the_problem(ran)
    assert found["check"] == "settings" and "jobz" in found["text"]


def test_a_key_that_is_not_set(ran: Any) -> None:
    ran.write("deepwatch.toml", '[store]\nsign_with = "env:TEAM_KEY"\n')
    assert "TEAM_KEY" in the_problem(ran)["text"]
    assert problems(doctor(ran, env={"TEAM_KEY": "secret"})) == []


def git(project: Any, *args: str) -> None:
    subprocess.run(["git", *args], cwd=str(project.root), check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def test_git(ran: Any) -> None:
    assert "no git repository" in notes(doctor(ran), "git")[0]
    git(ran, "init")
    assert problems(doctor(ran)) == []          # the folder of the state ignores itself
    ran.path(".deepwatch/.gitignore").unlink()
    found = the_problem(ran)
    assert "does not ignore `.deepwatch`" in found["text"]
    ran.write(".gitignore", ".deepwatch/\n")
    assert "init --git" in [each for each in doctor(ran) if each["check"] == "git"][0]["cure"]
    ran.write(".gitattributes", "deepwatch.lock merge=deepwatch\n")
    assert "merge driver `deepwatch`" in the_problem(ran)["text"]
    git(ran, "config", "merge.deepwatch.driver", "true")
    assert [each for each in doctor(ran) if each["check"] == "git"] == []
    ran.write(".gitignore", ".deepwatch/\n*.lock\n")
    assert "git ignores `deepwatch.lock`" in the_problem(ran)["text"]
    (ran.path(".git") / "HEAD").unlink()
    assert "can't be asked" in the_problem(ran)["text"]


def test_the_words(ran: Any) -> None:
    damage(blob_of(ran, "numbers"))
    done = ran.cli("doctor")
    assert done.code == 1
    assert done.stdout.startswith("problem: store: the stored value of `numbers`")
    assert "1 problem; `deepwatch doctor --fix` cures 1 of them" in done.stdout
    done = ran.cli("doctor", "--fix")
    assert done.code == 0 and done.stdout.startswith("fixed: store:")
