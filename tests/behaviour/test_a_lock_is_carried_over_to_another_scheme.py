"""``deepwatch lock upgrade``: what did not really change is carried over, what is not proved runs again."""
from __future__ import annotations

from typing import Any

import pytest

from deepwatch_flow import survey, vouching
from deepwatch_flow.analysis.nodes import Node
from deepwatch_flow.cli import upgrade
from deepwatch_flow.engine import planner
from deepwatch_flow.hashing.digest import Hasher
from deepwatch_flow.hashing.values import ValueHasher
from deepwatch_flow.model import SCHEME

STEPS = """
    from deepwatch_flow import File, step
    from helpers import double

    @step
    def a(path=File("data.txt"), n=2):
        return double(int(path.read_text())) + n

    @step
    def b(a):
        return a + 1

    @step
    def apart():
        return [1, 2]
    """


@pytest.fixture
def done(project: Any) -> Any:
    project.write("pipeline.py", STEPS)
    project.write("helpers.py", "def double(x):\n    return 2 * x\n")
    project.write("data.txt", "4")
    assert project.run(inline=True).executed == ["a", "b", "apart"]
    return project


@pytest.fixture
def new_scheme(monkeypatch: Any) -> Any:
    """Another scheme of digests: of definitions and of keys."""
    before = Node._own

    def own(self: Node, reads: int) -> Any:
        found = before(self, reads)
        return Hasher("unit/2").field("was", found).digest() if self.kind in ("function", "class", "statement") else found

    def begin() -> None:
        monkeypatch.setattr(Node, "_own", own)
        monkeypatch.setattr(planner, "Hasher", lambda tag: Hasher({"key/1": "key/2"}.get(tag, tag)))
        for module in (survey, vouching, upgrade):
            monkeypatch.setattr(module, "SCHEME", SCHEME + 1)

    return begin


def carried(project: Any, *words: str) -> Any:
    done = project.cli("lock", "upgrade", "--json", *words, inline=True)
    assert done.code == 0, done.stderr
    return done


def test_the_lock_of_the_same_scheme_needs_nothing(done: Any) -> None:
    before = done.lock
    assert carried(done).document["counts"] == {"carried": 0, "stale": 0}
    assert done.lock == before


def test_a_run_refuses_and_names_the_cure(done: Any, new_scheme: Any) -> None:
    new_scheme()
    refused = done.cli("run", inline=True)
    assert refused.code == 4 and "deepwatch lock upgrade" in refused.stderr


def test_all_is_carried_over_where_nothing_changed(done: Any, new_scheme: Any) -> None:
    keys = {line for line in done.lock.splitlines() if line.startswith(b"key")}
    new_scheme()
    assert set(carried(done).verdicts.values()) == {"fresh"}
    assert f"\nscheme = {SCHEME + 1}\n".encode() in done.lock
    assert not keys & {line for line in done.lock.splitlines() if line.startswith(b"key")}
    assert done.run("--locked", inline=True).counts == {"reused": 3}
    done.edit("helpers.py", "2 * x", "3 * x")
    assert done.run(inline=True).executed == ["a", "b"]      # and it is noticed as ever


def test_an_edit_made_meanwhile_is_never_carried_over(done: Any, new_scheme: Any) -> None:
    new_scheme()
    done.edit("helpers.py", "2 * x", "3 * x")
    found = carried(done)
    assert found.verdicts == {"a": "stale", "b": "stale", "apart": "fresh"}
    assert "helpers.double" in found.steps["a"]["why"] and "`a` runs again" in found.steps["b"]["why"]
    assert done.run(inline=True).executed == ["a", "b"]
    assert done.value("b", inline=True) == 15


def test_a_comment_made_meanwhile_does_not_count(done: Any, new_scheme: Any) -> None:
    new_scheme()
    done.edit("helpers.py", "return 2 * x", "return 2 * x      # twice")
    assert carried(done).document["counts"] == {"carried": 3, "stale": 0}


@pytest.mark.parametrize(("file", "old", "new"), [("data.txt", "4", "5"), ("pipeline.py", "n=2", "n=3")])
def test_other_data_and_other_params_are_noticed(done: Any, new_scheme: Any, file: str, old: str, new: str) -> None:
    new_scheme()
    done.edit(file, old, new)
    assert carried(done).verdicts == {"a": "stale", "b": "stale", "apart": "fresh"}


@pytest.mark.parametrize("helper", [
    "from other import K\ndef double(x, k=K):\n    return k * x\n",
    "from other import K\ndef made(k):\n    def inner(x):\n        return k * x\n    return inner\ndouble = made(K)\n",
    "from other import K\nclass Doubles:\n    k = K\n    def __call__(self, x):\n        return self.k * x\ndouble = Doubles()\n",
    "from other import K\ndef double(x):\n    return K * x\n",
], ids=["a default", "a closure", "a class attribute", "a global"])
def test_a_value_that_the_text_does_not_show(done: Any, new_scheme: Any, helper: str) -> None:
    done.write("helpers.py", helper)
    done.write("other.py", "K = 2\n")
    done.run(inline=True)
    new_scheme()
    done.edit("other.py", "K = 2", "K = 3")
    assert carried(done).verdicts["a"] == "stale"


@pytest.mark.parametrize(("was", "is_"), [("from math import floor as f", "from math import ceil as f"),
                                          ("from blake3 import blake3 as f", "from blake3 import __version__ as f")])
def test_a_name_that_stands_for_something_else_of_a_package(done: Any, new_scheme: Any, was: str, is_: str) -> None:
    done.write("helpers.py", f"{was}\ndef double(x):\n    str(f)\n    return 2 * x\n")
    done.run(inline=True)
    new_scheme()
    done.edit("helpers.py", was, is_)
    assert carried(done).verdicts["a"] == "stale"


def test_what_the_state_does_not_know_runs_again(done: Any, new_scheme: Any) -> None:
    for path in done.root.glob(".deepwatch/state.db*"):
        path.unlink()
    new_scheme()
    found = carried(done)
    assert set(found.verdicts.values()) == {"stale"}
    assert "not recorded here" in found.steps["a"]["why"]


def test_what_the_store_does_not_have_runs_again(done: Any, new_scheme: Any) -> None:
    for path in done.root.glob(".deepwatch/objects/**/*"):
        if path.is_file():
            path.unlink()
    new_scheme()
    assert "not stored here" in carried(done).steps["a"]["why"]


def test_a_dry_run_writes_nothing(done: Any, new_scheme: Any) -> None:
    before = done.lock
    new_scheme()
    assert carried(done, "--dry-run").document["counts"] == {"carried": 3, "stale": 0}
    assert done.lock == before
    told = done.cli("lock", "upgrade", "-n", inline=True)
    assert f"scheme {SCHEME} -> {SCHEME + 1}: 3 steps would be carried over" in told.stderr


def test_a_newer_scheme_is_refused(done: Any) -> None:
    done.edit("deepwatch.lock", f"scheme = {SCHEME}", "scheme = 9")
    refused = done.cli("lock", "upgrade", inline=True)
    assert refused.code == 4 and "upgrade deepwatch" in refused.stderr


FAMILIES = """
    from deepwatch_flow import Each, step
    from helpers import double

    @step
    def rows():
        return ["x", "y", "x"]

    @step(outputs=["train", "test"])
    def split():
        return [1, 2], 3

    @step
    def fit(row=Each("rows"), country=Each(["us", "de"])):
        return double(row) + country

    @step
    def grown(part=Each("split.train"), test="-"):
        return double(part) + 0

    @step(needs={"test": "split.test"})
    def late(grown=Each("grown"), test=0):
        return grown + test

    @step
    def none(x=Each("nothing")):
        return x

    @step
    def nothing():
        return []

    @step
    def last(fit, late, none, split):
        return sorted(fit.values()), sorted(late.values()), len(none), split
    """


@pytest.fixture
def families(done: Any) -> Any:
    done.write("pipeline.py", FAMILIES)
    done.run(inline=True)
    return done


@pytest.fixture
def new_digests(monkeypatch: Any, new_scheme: Any) -> Any:
    """A scheme by which plain values have other digests, too; markers such as `Each` have not, which are a part of code."""
    names = {"before": ValueHasher.digest, "Hasher": Hasher}
    text = """lambda self, value: (Hasher("value/2").field("was", before(self, value)).digest()
                                    if type(value) in (str, int, list, tuple) else before(self, value))"""
    digest = eval(compile(text, "<a scheme>", "eval"), names)      # of no file: own code that stores a value would count

    def begin() -> None:
        new_scheme()
        monkeypatch.setattr(ValueHasher, "digest", digest)

    return begin


@pytest.mark.parametrize("scheme", ["new_scheme", "new_digests"])
def test_the_instances_of_families_are_carried_over(families: Any, scheme: str, request: Any) -> None:
    if scheme == "new_digests":     # params are not carried over then
        families.edit("pipeline.py", ', country=Each(["us", "de"])', "")
        families.edit("pipeline.py", "double(row) + country", "double(row)")
        families.edit("pipeline.py", ', test="-"', "")
        families.run(inline=True)
    names = set(families.status(inline=True).verdicts)
    assert len(names) >= 10
    request.getfixturevalue(scheme)()
    found = carried(families)
    assert found.verdicts == dict.fromkeys(names - {"none"}, "fresh"), found.stdout
    assert set(families.run("--locked", inline=True).counts) == {"reused"}
    before = families.lock
    families.run(inline=True)
    assert families.lock == before
    # it is what a run by the new digests would have written
    families.run("--force", "*", inline=True)
    assert families.lock == before


def test_what_changed_of_a_family_meanwhile_runs_again_with_the_reason(families: Any, new_scheme: Any) -> None:
    blob = families.cli("show", "fit[de,1]", "--json", inline=True).document["artifact"]["blob"]
    new_scheme()
    families.edit("pipeline.py", "return grown + test", "return grown - test")
    (families.root / ".deepwatch" / "objects" / blob[:2] / blob[2:]).unlink()
    found = carried(families)
    assert {name for name, verdict in found.verdicts.items() if verdict == "stale"} == {"fit[de,1]", "late[0]", "late[1]", "last"}
    assert found.steps["last"]["why"] == "step `fit` runs again"
    assert "not stored here" in found.steps["fit[de,1]"]["why"]
    assert "`pipeline.late` is not known to be what it was" in found.steps["late[0]"]["why"]
    assert families.run(inline=True).executed == ["fit[de,1]", "late[0]", "late[1]", "last"]


def test_elements_that_moved_meanwhile_are_found(families: Any, new_scheme: Any) -> None:
    new_scheme()
    families.edit("pipeline.py", '["x", "y", "x"]', '["n", "x", "y"]')
    found = carried(families)
    assert found.verdicts["rows"] == "stale" and found.steps["fit"]["why"] == "step `rows` runs again"
    told = families.cli("lock", "upgrade", inline=True)
    assert "nothing to do" in told.stderr
