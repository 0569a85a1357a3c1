"""The promise, on random families and random edits (tests/family_oracle.py holds the model).

After each edit the values and the products are those of a naive runner; exactly those instances ran
whose element, file, param or code was never run before, equal ones once; the run after it executes
what failed and what is not kept, and nothing else.
"""
from __future__ import annotations

import collections
import shutil
import tempfile
from pathlib import Path
from typing import Any, Dict, List, Optional, Set

from family_oracle import Expected, World, expected, random_edit, random_world, render, write
from hypothesis import given, settings
from hypothesis import strategies as st


class Incremental:
    """deepwatch on a world, and what it is expected to do."""

    def __init__(self, root: Path, project_type: Any) -> None:
        self.project = project_type(root)
        self.executed: Set[str] = set()      # what the executions depended on that gave something

    def check(self, world: World, *options: str) -> None:
        write(world, self.project.root)
        wanted = expected(world)
        _remove_what_is_of_no_label(self.project.root, wanted)
        done = self.project.cli("run", "--json", *options, inline=True)
        told = _told(done, world)
        assert done.code == _exit_code(wanted), told
        self._check_instances(wanted, done, told)
        self._check_steps("r", [None if source.kind == "given" else source for source in world.sources], done, told)
        self._check_steps("c", [depends if value is not None else None for value, depends in zip(wanted.consumers, wanted.depends)], done, told)
        self._check_results(world, wanted, told)
        if _exit_code(wanted) == 0 and all(family.cached for family in world.families):
            self._check_again(world)

    def _check_instances(self, wanted: Expected, done: Any, told: str) -> None:
        ran = set(done.executed)
        for number, made in enumerate(wanted.families):
            new: Dict[str, List[str]] = collections.defaultdict(list)
            for label, each in (made or {}).items():
                name = f"f{number}[{label}]"
                if each.value is None:
                    assert name in ran, f"{name} fails\n{told}"
                elif repr(each.depends) in self.executed:
                    assert name not in ran, f"{name} needs not run\n{told}"
                else:
                    new[repr(each.depends)].append(name)
            for depends, names in new.items():
                assert len(ran.intersection(names)) == 1, f"one of {names} must run\n{told}"
                self.executed.add(depends)

    def _check_steps(self, letter: str, depends: List[Any], done: Any, told: str) -> None:
        for number, each in enumerate(depends):
            if each is None:
                continue
            text = f"{letter}{number} {each!r}"
            assert (f"{letter}{number}" in done.executed) == (text not in self.executed), f"{letter}{number}\n{told}"
            self.executed.add(text)

    def _check_results(self, world: World, wanted: Expected, told: str) -> None:
        for number, made in enumerate(wanted.families):
            for label, each in (made or {}).items():
                if each.value is None:
                    continue
                if world.families[number].cached:      # else it has no stored value
                    assert self.project.value(f"f{number}[{label}]", inline=True) == each.value, f"f{number}[{label}]\n{told}"
                if each.product is not None:
                    assert self.project.read(each.product) == str(each.value), f"{each.product}\n{told}"
        for number, value in enumerate(wanted.consumers):
            if value is not None:
                assert self.project.value(f"c{number}", inline=True) == value, f"c{number}\n{told}"

    def _check_again(self, world: World) -> None:
        lock = self.project.lock
        again = self.project.run(inline=True)
        assert again.executed == [], _told(again, world)
        assert self.project.lock == lock


def _remove_what_is_of_no_label(root: Path, wanted: Expected) -> None:
    # no step removes what an instance wrote that there is no more: who reads the folder would see it
    products = {each.product for made in wanted.families for each in (made or {}).values()}
    for path in root.glob("out*/*"):
        if path.relative_to(root).as_posix() not in products:
            path.unlink()


def _exit_code(wanted: Expected) -> int:
    bad = any(made is None or any(each.value is None for each in made.values()) for made in wanted.families)
    return 1 if bad else 0


def _told(done: Any, world: World) -> str:
    files = "".join(f"\n--- {name}\n{text}" for name, text in render(world).items() if not name.startswith("in/"))
    return f"{done.outcomes}\n{done.stderr}{files}"


def differential(rng: Any, project_type: Any, edits: int, fresh: Optional[int] = None) -> None:
    """Make a world and edit it; after `fresh` edits, a run in a copy without state must give the same lockfile."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder).resolve() / "project"      # resolved: temporary folders may lie behind a link
        incremental = Incremental(root, project_type)
        world = random_world(rng)
        past = [world]
        incremental.check(world)
        for number in range(edits):
            world = random_edit(rng, world, past)
            past.append(world)
            incremental.check(world)
            if number == fresh and _exit_code(expected(world)) == 0:
                copy = Path(folder).resolve() / "copy"
                write(world, copy)
                project_type(copy).run()
                assert project_type(copy).lock == incremental.project.lock
                shutil.rmtree(copy)


@settings(max_examples=15)
@given(rng=st.randoms(use_true_random=False), edits=st.integers(1, 6))
def test_families_run_what_is_new_and_give_what_a_naive_runner_gives(rng: Any, edits: int, project: Any) -> None:
    differential(rng, type(project), edits)
