"""Two locks edited on two branches merge without a hand edit, with the merge driver and without it; by real git."""
from __future__ import annotations

import os
import subprocess
from typing import Any, List

import pytest

STEPS = """
    from deepwatch_flow import step

    @step
    def a():
        return 1

    @step
    def b():
        return 2

    @step
    def c(a, b):
        return a + b
    """
ENVIRON = {**{name: text for name, text in os.environ.items() if not name.startswith("GIT_")},
           "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "GIT_EDITOR": "true", "LC_ALL": "C"}


class Repository:
    """A project in a repository."""

    def __init__(self, project: Any) -> None:
        self.project = project
        self.git("init", "-q", "-b", "main")
        self.git("config", "user.email", "a@example.org")
        self.git("config", "user.name", "A")
        project.write(".gitignore", ".deepwatch/\n__pycache__/\n")

    def git(self, *words: str, code: int = 0) -> str:
        environ = {**ENVIRON, "HOME": os.environ["HOME"], "PYTHONPATH": os.environ.get("PYTHONPATH", "")}
        done = subprocess.run(["git", *words], cwd=str(self.project.root), env=environ, stdin=subprocess.DEVNULL,
                              capture_output=True, check=False)
        assert (done.returncode == 0) == (code == 0), (words, done.stdout, done.stderr)
        return (done.stdout + done.stderr).decode()

    def commit(self, message: str = "work") -> None:
        self.git("add", "-A")
        self.git("commit", "-q", "-m", message)

    def branch(self, name: str, *edits: Any) -> None:
        """Make a branch of main on which files are edited, the pipeline is run, and all is committed."""
        self.git("checkout", "-q", "-b", name, "main")
        for edit in edits:
            self.project.edit(*edit)
        self.project.run()
        self.commit(name)

    def has_conflict(self) -> bool:
        return b"<<<<<<<" in self.project.lock


@pytest.fixture
def repository(project: Any) -> Any:
    found = Repository(project)
    project.write("pipeline.py", STEPS)
    project.run()
    found.commit()
    return found


def fresh(project: Any) -> List[str]:
    return [name for name, verdict in project.status().verdicts.items() if verdict == "fresh"]


def install(repository: Any) -> None:
    assert repository.project.cli("init", "--git").code == 0
    repository.commit("git attributes")


# -- with the driver ------------------------------------------------------------------------------

def test_steps_changed_on_each_side_and_what_is_below_both(repository: Any) -> None:
    install(repository)
    project = repository.project
    repository.branch("left", ("pipeline.py", "return 1", "return 10"))
    repository.branch("right", ("pipeline.py", "return 2", "return 20"))
    told = repository.git("merge", "--no-edit", "left")
    assert "`c` changed differently on both sides" in told
    assert not repository.has_conflict()
    assert project.status().verdicts == {"a": "fresh", "b": "fresh", "c": "stale"}
    assert project.run().executed == ["c"]
    assert project.value("c") == 30


def test_without_state_the_merged_lock_is_all_that_is_needed(repository: Any, make_project: Any) -> None:
    """The same, but nobody's database knows of both branches: the entries came from the locks."""
    install(repository)
    project = repository.project
    project.edit("pipeline.py", "return a + b", "return 0")
    project.run()
    repository.commit()
    repository.branch("left", ("pipeline.py", "return 1", "return 10"))
    repository.branch("right", ("pipeline.py", "return 2", "return 20"))
    repository.git("merge", "--no-edit", "left")
    os.replace(str(project.path(".deepwatch/state.db")), str(project.path("state.old")))
    assert "c" not in fresh(project)
    assert {"a", "b"} <= set(fresh(project))


def test_both_sides_changed_the_same_step_to_the_same(repository: Any) -> None:
    install(repository)
    repository.branch("left", ("pipeline.py", "return 1", "return 10"))
    repository.branch("right", ("pipeline.py", "return 1", "return 10"))
    before = repository.project.lock
    repository.git("merge", "--no-edit", "left")
    assert repository.project.lock == before
    assert repository.project.run().executed == []


def test_neighbours_added_on_both_sides(repository: Any) -> None:
    install(repository)
    project = repository.project
    project.write("pipeline.py", STEPS + "\n    import more_left, more_right\n")
    for name in ("left", "right"):
        project.write(f"more_{name}.py", "")
    repository.commit()
    for name in ("left", "right"):
        repository.git("checkout", "-q", "-b", name, "main")
        project.write(f"more_{name}.py", f"from deepwatch_flow import step\n\n\n@step\ndef d_{name}():\n    return '{name}'\n")
        project.run()
        repository.commit(name)
    repository.git("merge", "--no-edit", "left")
    assert fresh(project) == ["a", "b", "c", "d_left", "d_right"]
    assert project.run("--locked").executed == []


@pytest.mark.parametrize("how", ["rebase", "cherry-pick"])
def test_rebase_and_cherry_pick(repository: Any, how: str) -> None:
    install(repository)
    project = repository.project
    repository.branch("left", ("pipeline.py", "return 1", "return 10"))
    repository.branch("right", ("pipeline.py", "return 2", "return 20"))
    repository.git(how, "left")
    assert not repository.has_conflict()
    assert project.status().verdicts == {"a": "fresh", "b": "fresh", "c": "stale"}


def test_a_step_edited_on_both_sides_goes_by_the_code_that_is_agreed_on(repository: Any) -> None:
    install(repository)
    project = repository.project
    repository.branch("left", ("pipeline.py", "return 1", "return 10"))
    repository.branch("right", ("pipeline.py", "return 1", "return 11"))
    repository.git("merge", "--no-edit", "left", code=1)
    assert not repository.has_conflict()
    assert b'[steps."a"]' not in project.lock and b'[steps."b"]' in project.lock
    repository.git("checkout", "--theirs", "pipeline.py")
    assert project.run().executed == []         # both results are in the database
    repository.commit()


def test_a_driver_that_can_not_be_started_leaves_what_git_leaves(repository: Any) -> None:
    install(repository)
    project = repository.project
    setting = repository.git("config", "merge.deepwatch.driver").strip()
    repository.git("config", "merge.deepwatch.driver", f"/nowhere{setting}")
    repository.branch("left", ("pipeline.py", "return 1", "return 10"))
    repository.branch("right", ("pipeline.py", "return 2", "return 20"))
    repository.git("merge", "--no-edit", "left", code=1)
    assert repository.has_conflict()
    assert project.run().executed == ["c"]


def test_a_side_that_is_no_lock_is_left_to_git(repository: Any) -> None:
    project = repository.project
    for name, text in (("base", ""), ("ours", "garbage\n"), ("theirs", project.lock.decode())):
        project.path(name).write_text(text)
    done = project.cli("lock", "merge", "base", "ours", "theirs")
    assert done.code == 4 and "can't be read" in done.stderr
    assert project.read("ours") == "garbage\n"
    assert project.cli("lock", "merge", "base", "ours").code == 2


# -- installing it --------------------------------------------------------------------------------

def test_installing_twice_changes_nothing(repository: Any) -> None:
    project = repository.project
    project.write(".gitattributes", "*.png binary")
    first = project.cli("init", "--git")
    assert first.code == 0 and "added `deepwatch.lock merge=deepwatch`" in first.stdout
    before = project.read(".gitattributes"), project.read(".git/config")
    assert before[0] == "*.png binary\ndeepwatch.lock merge=deepwatch\n"
    second = project.cli("init", "--git")
    assert second.code == 0 and "is there" in second.stdout and "is set" in second.stdout
    assert (project.read(".gitattributes"), project.read(".git/config")) == before


def test_another_driver_is_left_alone(repository: Any) -> None:
    project = repository.project
    project.write(".gitattributes", "*.lock merge=union\n")
    done = project.cli("init", "--git")
    assert done.code == 2 and "merge=union" in done.stderr
    assert project.read(".gitattributes") == "*.lock merge=union\n"


def test_outside_of_a_repository(project: Any) -> None:
    project.write("pipeline.py", STEPS)
    done = project.cli("init", "--git", env={"GIT_CEILING_DIRECTORIES": str(project.root.parent)})
    assert done.code == 2 and "git init, then" in done.stderr
    assert not project.path(".gitattributes").exists()


def test_a_new_project_is_begun_as_well(project: Any) -> None:
    Repository(project)
    done = project.cli("init", "--git", "sub")
    assert done.code == 0 and project.path("sub/pipeline.py").exists()
    assert project.read("sub/.gitattributes") == "deepwatch.lock merge=deepwatch\n"


# -- without the driver ---------------------------------------------------------------------------

def conflicted(repository: Any) -> Any:
    repository.branch("left", ("pipeline.py", "return 1", "return 10"))
    repository.branch("right", ("pipeline.py", "return 2", "return 20"))
    repository.git("merge", "--no-edit", "left", code=1)
    assert repository.has_conflict()
    return repository.project


def test_a_run_mends_a_conflicted_lock_and_says_so(repository: Any) -> None:
    project = conflicted(repository)
    done = project.cli("run")
    assert done.code == 0
    assert "the merge conflict in `deepwatch.lock` is mended" in done.stderr and "git add deepwatch.lock" in done.stderr
    assert "2 steps merged; `c` by the code as it is now" in done.stderr
    assert not repository.has_conflict()
    assert project.run("--locked").executed == []
    repository.commit()


def test_other_commands_name_the_conflict_and_its_cure(repository: Any) -> None:
    project = conflicted(repository)
    before = project.lock
    for words in (["status"], ["run", "--locked"], ["run", "--dry-run"], ["diff"], ["why", "a"]):
        done = project.cli(*words)
        assert done.code == 4 and "merge conflict" in done.stderr and "`deepwatch run` mends it" in done.stderr, words
    assert project.lock == before


def test_without_a_database_both_sides_count_by_the_code(repository: Any) -> None:
    project = conflicted(repository)
    for name in ("state.db", "state.db-wal", "state.db-shm"):
        if project.path(f".deepwatch/{name}").exists():
            project.path(f".deepwatch/{name}").unlink()
    assert project.run().executed == ["c"]


def test_the_side_is_taken_whose_code_was_kept(repository: Any) -> None:
    """Both changed the same step; the code conflict is resolved for one side, and that side's entry counts again."""
    project = repository.project
    repository.branch("left", ("pipeline.py", "return 1", "return 10"))
    repository.branch("right", ("pipeline.py", "return 1", "return 11"))
    repository.git("merge", "--no-edit", "left", code=1)
    assert repository.has_conflict()
    assert project.cli("run").code == 2             # pipeline.py has markers itself
    assert repository.has_conflict()
    repository.git("checkout", "--theirs", "pipeline.py")
    project.path(".deepwatch/state.db").unlink()
    done = project.cli("run")
    assert "`a`, `c` as in left" in done.stderr, done.stderr
    assert project.run("--locked").executed == []
    assert project.value("c") == 12


def test_markers_that_were_committed_are_mended_from_the_commits(repository: Any) -> None:
    project = conflicted(repository)
    repository.commit("with markers")
    project.path(".deepwatch/state.db").unlink()
    assert project.run().executed == ["c"]
    assert not repository.has_conflict()


def test_without_git_what_both_sides_have_alike_stays_and_the_state_tells_the_rest(repository: Any) -> None:
    project = conflicted(repository)
    os.replace(str(project.path(".git")), str(project.path("git.old")))
    assert project.run(env={"GIT_CEILING_DIRECTORIES": str(project.root.parent)}).executed == ["c"]


def test_a_rebase_that_stops(repository: Any) -> None:
    project = repository.project
    repository.branch("left", ("pipeline.py", "return 1", "return 10"))
    repository.branch("right", ("pipeline.py", "return 2", "return 20"))
    repository.git("rebase", "left", code=1)
    assert repository.has_conflict()
    assert project.run().executed == ["c"]
    repository.git("add", "deepwatch.lock")
    repository.git("rebase", "--continue")
    assert fresh(project) == ["a", "b", "c"]


def test_markers_that_make_no_sense_are_an_error(repository: Any) -> None:
    project = repository.project
    project.path("deepwatch.lock").write_bytes(project.lock + b"=======\n")
    done = project.cli("run")
    assert done.code == 4 and "merge conflict" in done.stderr
    assert project.lock.endswith(b"=======\n")


def test_an_unfinished_run_still_leaves_a_lock_that_is_right(repository: Any) -> None:
    project = conflicted(repository)
    project.edit("pipeline.py", "return a + b", "raise ValueError(a + b)")
    assert project.cli("run").code == 1
    assert not repository.has_conflict()
    assert b'[steps."c"]' not in project.lock
    assert {"a", "b"} <= set(fresh(project))


def test_git_alone_does_not_put_another_code_together_with_other_data(project: Any) -> None:
    """Both without effect on the output: nothing but the seal stands near both changes."""
    repository = Repository(project)
    project.write("pipeline.py", """
        from deepwatch_flow import step

        @step
        def a():
            text = open("data.txt").read()
            return text[:1]
        """)
    project.write("data.txt", "1")
    project.run()
    repository.commit()
    repository.branch("left", ("pipeline.py", "text[:1]", "text[0:1]"))
    repository.branch("right", ("data.txt", "1", "12"))
    repository.git("merge", "--no-edit", "left", code=1)
    assert repository.has_conflict()
    done = project.run()
    assert done.executed == ["a"]
    assert not repository.has_conflict()


def test_an_entry_that_was_put_together_by_hand_is_told(repository: Any) -> None:
    project = repository.project
    project.write("data.txt", "1")
    project.edit("pipeline.py", "return 1", "return len(open('data.txt').read())")
    project.run()
    project.edit("deepwatch.lock", '"file data.txt" = "', '"file date.txt" = "')
    told = project.cli("status")
    assert told.code == 4
    assert "what it was seen to depend on is not what its result was made with" in told.stderr
