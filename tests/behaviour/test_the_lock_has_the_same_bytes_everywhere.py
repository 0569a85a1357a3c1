"""The lockfile of one project is the same from any Python, folder, hash seed and number of jobs."""
from __future__ import annotations

import shutil
from typing import Any, Dict, Optional

import pytest
from conftest import other_pythons

FILES = {
    "pipeline.py": """
        from pathlib import Path

        import helpers
        from deepwatch_flow import File, Product, step
        from helpers import ROOT, Basket, LABELS, Kind

        @step
        def words(path=File("data/words.txt")):
            return path.read_text(encoding="utf-8").split()

        @step(tags=["slow one"])
        def counts(words, minimum: int = 1, *, weights={"a": 1.5, "b": float("inf")}):
            found = {word: words.count(word) for word in words}
            return {word: count for word, count in sorted(found.items()) if count >= minimum}

        @step(name="the set – of ünïcode", needs={"source": words})
        def unicode_set(source):
            return {word.upper() for word in source} | {LABELS[0], Kind.GOOD.value}

        @step
        def basket(counts):
            basket = Basket()
            for word, count in counts.items():
                basket.add(word, count)
            return basket

        @step(after=["basket"])
        def report(counts, basket, out=Product("out/report.txt")):
            out.parent.mkdir(exist_ok=True)
            out.write_text(helpers.render(counts) + ROOT.joinpath("x").name, encoding="utf-8")
            return (basket.total(), 0.1, -0.0, 10**30, b"\\x00", ("nested", frozenset(["b", "a", "c"])))
        """,
    "helpers.py": '''
        import enum
        import functools
        import re
        from dataclasses import dataclass, field
        from pathlib import Path
        from typing import Dict

        ROOT = Path(__file__).parent
        HERE = str(ROOT / "data")
        LABELS = ("x", "y")
        WORD = re.compile(r"\\w+", re.IGNORECASE)
        STOP = {"the", "and", "of", "b", "a"}

        class Kind(enum.Enum):
            GOOD = "good"
            BAD = "bad"

        @dataclass
        class Basket:
            """Things and how many."""
            things: Dict[str, int] = field(default_factory=dict)

            def add(self, word: str, count: int) -> None:
                if word not in STOP and WORD.match(word):
                    self.things[word] = weight(count)

            def total(self) -> int:
                return sum(self.things.values())

        @functools.lru_cache(maxsize=None)
        def weight(count):
            return even(count) * 10 + count

        def even(n):
            return n == 0 or odd(n - 1)

        def odd(n):
            return n != 0 and even(n - 1)

        def render(counts):
            return "\\n".join(f"{word:>10}: {count!r:^{4}}" for word, count in counts.items()) + HERE[:0]
        ''',
    "data/words.txt": "a tree and the house b a c tree of trees\n",
    "deepwatch.toml": """
        [steps.counts.params]
        minimum = 1
        """,
}


def lock(project: Any, python: Optional[str] = None, seed: str = "0", jobs: int = 1) -> bytes:
    for name, text in FILES.items():
        project.write(name, text)
    done = project.run("-j", str(jobs), python=python, env={"PYTHONHASHSEED": seed})
    assert done.counts == {"ran": 5}
    return bytes(project.lock)


def test_from_two_folders_and_two_hash_seeds(make_project: Any) -> None:
    assert lock(make_project("one"), seed="1") == lock(make_project("another place/two"), seed="42")


def test_from_one_process_and_from_four(make_project: Any) -> None:
    assert lock(make_project("one")) == lock(make_project("four"), jobs=4)


def test_from_another_python(make_project: Any) -> None:
    pythons: Dict[str, str] = other_pythons()
    if not pythons:
        pytest.skip("no other interpreter with deepwatch's dependencies (scripts/test --python VERSION makes one)")
    mine = lock(make_project("mine"), seed="3")
    assert {version: lock(make_project(version), python=program) == mine for version, program in pythons.items()} \
        == dict.fromkeys(pythons, True)


def test_a_lock_made_elsewhere_needs_nothing_to_run_but_its_bytes(make_project: Any) -> None:
    first, second = make_project("first"), make_project("second")
    lock(first)
    second.root.mkdir(exist_ok=True)
    first.root.rename(second.root / "moved")
    second.root = second.root / "moved"
    done = second.run("--locked")
    assert done.counts == {"reused": 5}


def test_stored_paths_follow_a_project_that_moves(make_project: Any) -> None:
    text = """
        from pathlib import Path
        from deepwatch_flow import step

        HERE = Path(__file__).parent

        @step
        def files():
            return {"all": [HERE / "a.csv"], "home": str(HERE), "set": {HERE / "b", HERE / "c"}}

        @step
        def at_home(files, again=0):
            return files == {"all": [HERE / "a.csv"], "home": str(HERE), "set": {HERE / "b", HERE / "c"}}
        """
    first, second = make_project("first"), make_project("second")
    for project in (first, second):
        project.write("pipeline.py", text)
        assert project.run().counts == {"ran": 2}
    assert first.lock == second.lock
    moved = make_project("third")
    moved.root = moved.root.parent / "moved"
    first.root.rename(moved.root)
    assert moved.run("--set", "at_home.again=1").outcomes == {"files": "reused", "at_home": "ran"}
    assert moved.value("at_home") is True


def test_steps_of_equal_code_have_one_lock_whichever_runs_first(project: Any) -> None:
    project.write("pipeline.py", """
        from deepwatch_flow import step

        @step
        def data():
            return [1, 2]

        @step(needs={"rows": "data"})
        def fit(rows):
            return sum(rows)

        @step(needs={"rows": "data"})
        def test(rows):
            return sum(rows)
        """)
    project.run()
    before = project.lock
    assert b"seen" not in before           # each ran its own function, and no other
    for targets in ((), ("test",), ("fit",)):
        shutil.rmtree(str(project.path(".deepwatch")))
        assert project.cli("run", "--locked", *targets).code == 0
        assert project.lock == before
