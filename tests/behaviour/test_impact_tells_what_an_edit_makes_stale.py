"""``deepwatch impact``: what it tells before an edit is what a run does after it."""
from __future__ import annotations

import os
import subprocess
from typing import Any, Dict, List

import pytest

from deepwatch_flow.locking.edits import Edit, edits_between

FILES = {
    "pipeline.py": """
        from deepwatch_flow import File, Product, step
        import helpers
        from helpers import Basket, clean
        START = 3

        @step
        def a(path=File("data/in.txt"), n=START):
            return clean(int(path.read_text())) + n

        @step
        def b(a):
            return a + Basket().total()

        @step
        def c(b, out=Product("out/c.txt")):
            out.write_text(str(b))

        @step
        def d(path=File("out/c.txt")):
            return path.read_text()

        @step
        def seen():
            return open("hidden.txt").read()
        """,
    "helpers.py": """
        import extra
        LIMIT = 5

        class Basket:
            size = 3
            def total(self):
                return extra.deep(self.size)

        def clean(x):
            return x + LIMIT

        def unused():
            return 1
        """,
    "extra.py": "def deep(x):\n    return x + 1\n",
    "data/in.txt": "4", "hidden.txt": "x", ".gitignore": ".deepwatch/\nout/\n",
}


@pytest.fixture
def repository(project: Any) -> Any:
    def git(*words: str) -> None:
        environ = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
        who = ["-c", "user.email=a@example.org", "-c", "user.name=A"]
        subprocess.run(["git", *who, *words], cwd=str(project.root), env=environ, check=True, capture_output=True)

    project.git = git
    for name, text in FILES.items():
        project.write(name, text)
    project.run()
    git("init", "-q", "-b", "main")
    git("add", "-A")
    git("commit", "-q", "-m", "all")
    return project


def stale(project: Any, *words: str) -> List[str]:
    """The steps that an edit makes stale by itself."""
    done = project.cli("impact", "--json", *words)
    assert done.code == 0, done.stderr
    return [step["name"] for step in done.document["steps"] if step["by"] != "upstream"]


def paths(project: Any, *words: str) -> Dict[str, List[str]]:
    return {step["name"]: step["path"] for step in project.cli("impact", "--json", *words).document["steps"]}


@pytest.mark.parametrize(("place", "steps"), [
    ("helpers.py:clean", ["a"]), ("helpers.py:LIMIT", ["a"]), ("helpers.py:Basket", ["b"]), ("helpers.py:Basket.total", ["b"]),
    ("helpers.py:unused", []), ("helpers.py", ["a", "b"]), ("extra.py:deep", ["b"]), ("extra.py", ["b"]), ("data/in.txt", ["a"]),
    ("data", ["a"]), ("pipeline.py:c", ["c"]), ("pipeline.py:START", ["a"]), ("hidden.txt", ["seen"]), (".gitignore", [])])
def test_a_place(repository: Any, place: str, steps: List[str]) -> None:
    assert stale(repository, place) == steps


def test_the_way_from_the_step_to_the_edit_is_told(repository: Any) -> None:
    found = paths(repository, "helpers.py:LIMIT")
    assert found["a"] == ["a", "pipeline.a", "helpers.clean", "helpers.LIMIT"]
    assert list(found) == ["a", "b", "c", "d"]          # d by the file that c makes
    assert paths(repository, "pipeline.py:START")["a"] == ["a", "pipeline.a", "pipeline.py:START"]
    assert found["b"][:2] == ["b", "a"] and found["d"][:3] == ["d", "c", "b"]
    done = repository.cli("impact", "helpers.py:LIMIT")
    assert "a  stale  a -> pipeline.a -> helpers.clean -> helpers.LIMIT" in done.stdout
    assert "1 of 5 steps would be stale; 3 below, if what it gives differs" in done.stderr


def test_several_places_and_another_folder(repository: Any) -> None:
    assert stale(repository, "extra.py:deep", "hidden.txt") == ["b", "seen"]
    done = repository.cli("impact", "--json", "in.txt", cwd=repository.path("data"))
    assert [step["name"] for step in done.document["steps"]][:1] == ["a"]


EDITS = {
    "a helper": ("helpers.py", "return x + LIMIT", "return x - LIMIT"),
    "a constant": ("helpers.py", "LIMIT = 5", "LIMIT = 6"),
    "what nobody uses": ("helpers.py", "return 1", "return 2"),
    "a comment": ("helpers.py", "LIMIT = 5", "LIMIT = 5     # of all"),
    "a docstring": ("extra.py", "def deep(x):\n", 'def deep(x):\n    """Deep."""\n'),
    "a method": ("helpers.py", "extra.deep(self.size)", "extra.deep(self.size) + 1"),
    "a class attribute": ("helpers.py", "size = 3", "size = 4"),
    "a param": ("pipeline.py", "START = 3", "START = 4"),
    "an input": ("data/in.txt", "4", "5"),
    "a file that is not declared": ("hidden.txt", "x", "y"),
    "another import": ("pipeline.py", "from helpers import Basket, clean", "from helpers import Basket, unused as clean"),
    "a decorated function": ("extra.py", "def deep", "import functools\n@functools.lru_cache(None)\ndef deep"),
    "an effect while loading": ("extra.py", "def deep", "import helpers\nhelpers.LIMIT = 7\ndef deep"),
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_the_edits_since_a_revision_are_told_as_status_finds_them(repository: Any, edit: Any) -> None:
    repository.edit(*edit)
    told = repository.cli("impact", "--since", "HEAD", "--json").document["steps"]
    found = repository.status().verdicts
    assert {name for name, verdict in found.items() if verdict == "stale"} <= {step["name"] for step in told}
    assert {step["name"] for step in told if step["by"] != "upstream"} == {
        name for name, verdict in found.items() if verdict == "stale"}


@pytest.mark.parametrize("helpers", [
    "from extra import K\ndef clean(x, k=K):\n    return x + k\n",
    "import extra\ndef clean(x, k=extra.K + 1):\n    return x + k\n",
    "from extra import K\nLIMIT = K * 2\ndef clean(x):\n    return x + LIMIT\n",
    "from extra import K\ndef made():\n    return K\nLIMIT = made()\ndef clean(x):\n    return x + LIMIT\n",
    "from extra import K\nclass C:\n    k = K\ndef clean(x):\n    return x + C.k\n",
], ids=["a default", "a default by its module", "a constant of a constant", "a constant that is computed", "a class attribute"])
def test_a_value_that_is_made_while_the_code_loads(repository: Any, helpers: str) -> None:
    repository.write("helpers.py", helpers + "class Basket:\n    def total(self):\n        return 1\n")
    repository.write("extra.py", "K = 2\nOTHER = 3\n")
    repository.run()
    repository.git("add", "-A")
    repository.git("commit", "-q", "-m", "values")
    assert stale(repository, "extra.py:K") == ["a"]
    assert stale(repository, "extra.py:OTHER") == []
    repository.edit("extra.py", "K = 2", "K = 3")
    repository.edit("extra.py", "OTHER = 3", "OTHER = 4")
    assert stale(repository, "--since", "HEAD") == ["a"]
    assert repository.status().verdicts["a"] == "stale"


def test_settings_since_a_revision(repository: Any) -> None:
    repository.write("deepwatch.toml", "[steps.a.params]\nn = 9\n")
    assert stale(repository, "--since", "HEAD") == ["a"]


def test_edits_without_a_lock_at_the_revision(repository: Any) -> None:
    repository.git("rm", "-q", "--cached", "deepwatch.lock")
    repository.git("commit", "-q", "-m", "no lock")
    repository.edit("helpers.py", "LIMIT = 5", "LIMIT = 6")
    repository.edit("helpers.py", "return 1", "return 2")
    assert stale(repository, "--since", "HEAD") == ["a"]


@pytest.mark.parametrize(("words", "told"), [
    ([], "either places or"), (["helpers.py", "--since", "HEAD"], "either places or"), (["nope.py"], "no file `nope.py`"),
    (["helpers.py:cleen"], "did you mean `clean`"), (["data/more/some.py:nope"], "`data/more/some.py` has no `nope`"), (["--since", "nowhere"], "no revision `nowhere`"), (["data/in.txt:x"], "has no `x`")])
def test_what_can_not_be_asked(repository: Any, words: Any, told: str) -> None:
    repository.write("data/more/some.py", "def one():\n    return 1\n")
    done = repository.cli("impact", *words)
    assert done.code == 2 and told in done.stderr, done.stderr


def test_a_step_that_needs_a_stale_one_by_its_function_is_below_it(project: Any) -> None:
    project.write("cleaning.py", "def plausible(x):\n    return x > 0\n")
    project.write("pipeline.py", """
        import cleaning
        from deepwatch_flow import step

        @step
        def clean():
            return [each for each in [1, -1] if cleaning.plausible(each)]

        COUNT = len(clean())

        @step(needs={"rows": clean}, tags=["model"])
        def mean(rows):
            return sum(rows) / len(rows)

        @step(needs={"rows": clean})
        def counted(rows, count=COUNT):
            return count
        """)
    project.run()
    steps = project.cli("impact", "cleaning.py:plausible", "--json").document["steps"]
    assert [(each["name"], each["verdict"]) for each in steps] == [("clean", "stale"), ("mean", "pending"), ("counted", "stale")]


# -- edits between two texts ----------------------------------------------------------------------

@pytest.mark.parametrize(("old", "new", "names"), [
    ("def f(): return 1", "def f():\n    # one\n    return 1", []),
    ("def f(): return 1", "def f(): return 2", ["f"]),
    ("def f(x=1): return x", "def f(x=2): return x", ["f"]),
    ("X = 1\nY = 2", "Y = 2\nX = 1", []),
    ("X = 1", "X = 2", ["X"]),
    ("from a import f\ndef g(): return f()\ndef h(): return 1", "from b import f\ndef g(): return f()\ndef h(): return 1", ["g"]),
    ("def f(): return 1", "", ["f"]),
    ("", "def f(: not Python", [""]),
    ("print(1)", "", [""]),
])
def test_edits(old: str, new: str, names: List[str]) -> None:
    assert [edit.definition for edit in edits_between("m.py", old.encode(), new.encode())] == names


def test_a_new_file_is_an_edit_of_it_all() -> None:
    assert edits_between("m.py", None, b"X = 1") == [Edit("m.py")]
