"""``deepwatch diff``: steps and definitions that differ between two lockfiles, for people, programs and pull requests."""
from __future__ import annotations

import os
import subprocess
from typing import Any

import pytest

from deepwatch_flow.locking.differences import Fact, NameChange, differences
from deepwatch_flow.model import Accepted, Artifact, Digest, Lock, LockEntry

STEPS = """
    from deepwatch_flow import step
    import helpers

    @step
    def a(n=1):
        return helpers.half(n)

    @step
    def b(a):
        return a + 1
    """


@pytest.fixture
def repository(project: Any) -> Any:
    def git(*words: str) -> None:
        environ = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
        who = ["-c", "user.email=a@example.org", "-c", "user.name=A"]
        subprocess.run(["git", *who, *words], cwd=str(project.root), env=environ, check=True, capture_output=True)

    project.git = git
    project.write("pipeline.py", STEPS)
    project.write("helpers.py", "def half(x):\n    return x // 2\n")
    project.write(".gitignore", ".deepwatch/\n")
    git("init", "-q", "-b", "main")
    git("add", "-A")
    git("commit", "-q", "-m", "no lock yet")
    project.run()
    git("add", "-A")
    git("commit", "-q", "-m", "lock")
    return project


def test_nothing_differs(repository: Any) -> None:
    done = repository.cli("diff")
    assert (done.code, done.stdout) == (0, "no difference between the lockfiles of HEAD and the working tree\n")
    assert repository.cli("diff", "--markdown").stdout.endswith("No step differs.\n")


def test_what_an_edit_changed(repository: Any) -> None:
    repository.edit("helpers.py", "x // 2", "x // 3")
    repository.run()
    done = repository.cli("diff")
    assert done.stdout == ("~ a  code; same output\n\ndefinitions:\n  ~ helpers.half\n\n"
                           "steps: 1 changed (1 with the same output); definitions: 1\n")
    document = repository.cli("diff", "--json").document
    assert [(step["name"], step["change"], step["same_output"], [fact["kind"] for fact in step["facts"]])
            for step in document["steps"]] == [("a", "changed", True, ["code"])]
    assert document["definitions"][0]["name"] == "helpers.half"
    assert document["counts"] == {"changed": 1, "added": 0, "removed": 0}


def test_two_revisions_and_steps_that_came_and_went(repository: Any) -> None:
    repository.edit("pipeline.py", "def b(a):\n    return a + 1", "def c(a, m=2):\n    return a + m")
    repository.run()
    repository.git("add", "-A")
    repository.git("commit", "-q", "-m", "another")
    there = repository.cli("diff", "HEAD~1", "HEAD").stdout
    assert "- b\n+ c\n" in there and "  - pipeline.b\n  + pipeline.c\n" in there
    back = repository.cli("diff", "HEAD", "HEAD~1").stdout
    assert "+ b\n- c\n" in back
    assert repository.cli("diff", "HEAD~1").stdout == there


def test_markdown_is_a_table_that_no_name_can_break(repository: Any) -> None:
    repository.edit("pipeline.py", "def b(a):", 'def b(a, k="<b>|`"):')
    repository.edit("pipeline.py", "@step\ndef b", '@step(name="b|<i>_x_")\ndef b')
    repository.run()
    text = repository.cli("diff", "--markdown").stdout
    assert "| <code>b&#124;&lt;i&gt;&#95;x&#95;</code> | added |" in text
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert rows and {line.count("|") for line in rows} == {4}
    assert text.count("<details>") == text.count("</details>") == 1


def test_a_revision_without_a_lock(repository: Any) -> None:
    done = repository.cli("diff", "HEAD~1")
    assert done.code == 0 and "HEAD~1 has no `deepwatch.lock`" in done.stderr
    assert "steps: 2 added" in done.stdout


@pytest.mark.parametrize(("words", "told"), [
    (["nowhere"], "no revision `nowhere`"), (["a", "b", "c"], "at most two"), (["HEAD~1", "HEAD~1"], "neither"),
    (["--upload-pack=x"], "no option"), (["--", "--output=x"], "no option")])
def test_what_can_not_be_compared(repository: Any, words: Any, told: str) -> None:
    done = repository.cli("diff", *words)
    assert done.code == 2 and told in done.stderr and not repository.path("x").exists()


def test_outside_of_git(project: Any) -> None:
    project.write("pipeline.py", STEPS)
    done = project.cli("diff", env={"GIT_CEILING_DIRECTORIES": str(project.root.parent)})
    assert done.code == 2 and "git" in done.stderr


# -- the pure part --------------------------------------------------------------------------------

def entry(**changes: Any) -> LockEntry:
    return LockEntry(Digest("k"), Digest("c"), (), (), (), Artifact(Digest("o"), Digest("b"), 1, "json"))._replace(**changes)


def test_each_fact_is_told_by_its_kind() -> None:
    old = Lock({"s": entry(params=(("n", Digest("1")),))}, {}, {"numpy": "1"}, 1)
    new = Lock({"s": entry(observed=(("file x", Digest("2")),), artifact=Artifact(Digest("o"), Digest("B"), 2, "pickle"))}, {},
               {"numpy": "2"}, 2, (Accepted("s", "f", Digest("1"), Digest("2"), "a new name"),))
    found = differences(old, new)
    assert found.steps[0].facts == (Fact("param", "n", "1", None), Fact("observed", "file x", None, "2"),
                                    Fact("stored", "", "json b", "pickle B"))
    assert found.steps[0].same_output
    assert found.packages == (NameChange("numpy", "changed", "1", "2"),)
    assert found.accepted == (NameChange("s:f", "added", None, "a new name"),)
    assert found.scheme == (1, 2)


def test_a_key_alone_that_differs_is_told() -> None:
    found = differences(Lock({"s": entry()}, {}, {}), Lock({"s": entry(key=Digest("K"))}, {}, {}))
    assert found.steps[0].facts == (Fact("key", "", "k", "K"),)
