"""`deepwatch gc` removes what no lockfile and no late run needs, and nothing else."""
from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any, Dict, List

import pytest

from deepwatch_flow.state.mutex import Mutex

PIPELINE = """
    from deepwatch_flow import step

    @step
    def numbers():
        return [SEED] * 1000

    @step
    def total(numbers):
        return sum(numbers)
    """


def version(project: Any, seed: int) -> None:
    project.write("pipeline.py", PIPELINE.replace("SEED", str(seed)))


def blobs(project: Any) -> Dict[str, Path]:
    folder = project.path(".deepwatch") / "objects"
    return {path.parent.name + path.name: path for path in folder.glob("??/*")}


def gc(project: Any, *args: str, code: int = 0) -> Dict[str, Any]:
    done = project.cli("gc", "--json", *args)
    assert done.code == code, done.stdout + done.stderr
    return dict(done.document)


def git(project: Any, *args: str) -> None:
    subprocess.run(["git", "-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false", *args],
                   cwd=str(project.root), check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def commit(project: Any, message: str) -> None:
    git(project, "add", "pipeline.py", "deepwatch.lock")
    git(project, "commit", "-m", message)


@pytest.fixture
def versions(project: Any) -> Any:
    """A project of which three versions ran; the lockfile is of the third."""
    for seed in (1, 2, 3):
        version(project, seed)
        assert project.run().executed == ["numbers", "total"]
    return project


def test_only_what_the_lockfile_and_the_last_runs_need_stays(versions: Any) -> None:
    assert len(blobs(versions)) == 6
    assert gc(versions)["removed"] == []                       # ten runs count, and all of it is young
    assert gc(versions, "--grace", "0")["removed"] == []
    assert gc(versions, "--runs", "0")["kept"]["young"]["blobs"] == 4
    found = gc(versions, "--runs", "1", "--grace", "0")        # the run before the last one is what it found
    assert len(found["removed"]) == 2
    assert found["kept"]["lock"]["blobs"] == 2 and found["kept"]["runs"]["blobs"] == 2
    assert len(blobs(versions)) == 4
    assert versions.run().executed == []
    version(versions, 2)
    assert versions.run().executed == []
    version(versions, 1)
    assert versions.run().executed == ["numbers", "total"]


def test_dry_run_removes_nothing_and_tells_what_would_go(versions: Any) -> None:
    before = {name: path.stat().st_size for name, path in blobs(versions).items()}
    told = gc(versions, "--dry-run", "--runs", "0", "--grace", "0")
    assert set(blobs(versions)) == set(before)
    done = gc(versions, "--runs", "0", "--grace", "0")
    assert done["removed"] == told["removed"] and done["freed"] == told["freed"]
    removed = {each["blob"]: each["size"] for each in done["removed"]}
    assert set(blobs(versions)) == set(before) - set(removed)
    assert done["freed"] == sum(removed.values()) == sum(before[name] for name in removed)


def test_the_words_say_what_was_kept_and_what_was_freed(versions: Any) -> None:
    done = versions.cli("gc", "--runs", "0", "--grace", "0")
    assert done.code == 0
    kept, removed, freed = done.stdout.splitlines()
    assert kept.startswith("keep    2 blobs, 2.0 KiB") and "deepwatch.lock" in kept
    assert removed.startswith("remove  4 blobs, 3.9 KiB")
    assert freed == "freed 3.9 KiB"


def test_branches_and_tags_count_wherever_they_are(project: Any) -> None:
    git(project, "init", "-b", "main")
    version(project, 1)
    project.run()
    commit(project, "one")
    git(project, "tag", "v1")
    git(project, "checkout", "-b", "other")
    version(project, 2)
    project.run()
    commit(project, "two")
    git(project, "checkout", "main")
    version(project, 3)
    project.run()
    version(project, 4)
    project.run()
    commit(project, "four")
    assert len(blobs(project)) == 8
    found = gc(project, "--runs", "0", "--grace", "0")
    assert found["kept"]["lock"]["blobs"] == 2
    assert found["kept"]["git"]["blobs"] == 4                  # v1 and other; 3 was never committed
    assert len(found["removed"]) == 2
    for revision in ("v1", "other"):
        git(project, "checkout", revision)
        assert project.run("--locked").executed == []
    git(project, "checkout", "main")
    git(project, "branch", "-D", "other")
    assert len(gc(project, "--runs", "0", "--grace", "0")["removed"]) == 2


def test_a_project_in_a_folder_of_a_repository(project: Any, make_project: Any) -> None:
    inner = make_project("project/inner")
    git(project, "init", "-b", "main")
    version(inner, 1)
    inner.run()
    git(project, "add", "inner/deepwatch.lock")
    git(project, "commit", "-m", "one")
    version(inner, 2)
    inner.run()
    found = gc(inner, "--runs", "0", "--grace", "0")
    assert found["kept"]["git"]["blobs"] == 2 and found["removed"] == []


def test_a_repository_that_can_t_be_asked_is_no_repository_without_branches(versions: Any) -> None:
    git(versions, "init", "-b", "main")
    (versions.path(".git") / "HEAD").unlink()
    done = versions.cli("gc", "--runs", "0", "--grace", "0")
    assert done.code == 4
    assert "--no-git" in done.stderr and "Traceback" not in done.stderr
    assert len(blobs(versions)) == 6
    done = versions.cli("gc", "--runs", "0", "--grace", "0", env={"PATH": "/nowhere"})
    assert done.code == 4 and len(blobs(versions)) == 6
    assert len(gc(versions, "--runs", "0", "--grace", "0", "--no-git")["removed"]) == 4


def test_more_goes_for_want_of_space_the_least_recently_used_first(versions: Any) -> None:
    stored = {name: path.stat() for name, path in blobs(versions).items()}
    large = sorted((name for name, at in stored.items() if at.st_size > 1000), key=lambda name: stored[name].st_mtime_ns)
    for age, name in enumerate(large):                         # the first version was read last
        os.utime(str(blobs(versions)[name]), (1_000_000_000 - age, 1_000_000_000 - age * 2))
    found = gc(versions, "--max-size", "5KB", "--grace", "0")
    assert [each["blob"] for each in found["removed"]] == [large[1]]
    assert found["removed"][0]["why"] == "evicted"
    found = gc(versions, "--max-size", "1B", "--grace", "0")
    assert found["kept"]["lock"]["blobs"] == 2 and len(blobs(versions)) == 2
    assert versions.run().executed == []
    assert "more than 1 bytes" in versions.cli("gc", "--max-size", "1").stdout


def test_reading_a_blob_counts_as_use(versions: Any) -> None:
    old = 1_000_000_000
    for path in blobs(versions).values():
        os.utime(str(path), (old, old))
    versions.value("numbers")
    used = [path for path in blobs(versions).values() if path.stat().st_atime > old]
    assert len(used) == 1 and used[0].stat().st_mtime == old


def test_no_collection_while_a_run_goes_on(versions: Any) -> None:
    with Mutex(str(versions.path(".deepwatch") / "mutex"), "deepwatch run").acquire(timeout=0):
        done = versions.cli("gc", "--runs", "0", "--grace", "0")
    assert done.code == 5 and len(blobs(versions)) == 6


def test_leftovers_of_killed_processes_and_damaged_blobs_go(versions: Any) -> None:
    folder = versions.path(".deepwatch") / "objects"
    (folder / "corrupt").mkdir()
    files: List[Path] = [folder / "corrupt" / "x", folder / "tmp" / ".deepwatch-1-a.tmp", folder.parent / ".deepwatch-1-b.tmp"]
    for path in files:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"12345")
    assert gc(versions)["leftovers"] == 0                      # young: they may be in use
    assert gc(versions, "--grace", "0")["leftovers"] == 3
    assert not any(path.exists() for path in files)


def test_nothing_is_stored_yet(project: Any) -> None:
    project.write("pipeline.py", PIPELINE)
    assert gc(project)["freed"] == 0
    assert not project.path(".deepwatch").exists()


@pytest.mark.parametrize("argument", ["--max-size=much", "--runs=-1", "--grace=x"])
def test_a_wrong_option(project: Any, argument: str) -> None:
    done = project.cli("gc", argument)
    assert done.code == 2 and "must be" in done.stderr


def test_all_stashes_other_working_trees_and_a_merge_that_goes_on_count(project: Any, tmp_path: Path) -> None:
    git(project, "init", "-b", "main")
    version(project, 1)
    project.run()
    commit(project, "one")
    for seed in (2, 3):
        version(project, seed)
        project.run()
        git(project, "stash")
    version(project, 4)
    project.run()
    commit(project, "four")
    git(project, "worktree", "add", "--detach", str(tmp_path / "tree"))
    git(project, "reset", "--hard", "HEAD~1")
    git(project, "checkout", "-b", "side")
    version(project, 5)
    project.run()
    commit(project, "five")
    git(project, "checkout", "main")
    git(project, "merge", "--no-commit", "--no-ff", "side")
    git(project, "branch", "-D", "side")
    git(project, "checkout", "HEAD", "--", "deepwatch.lock", "pipeline.py")
    assert len(blobs(project)) == 10
    assert gc(project, "--runs", "0", "--grace", "0")["removed"] == []
