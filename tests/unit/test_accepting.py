"""Which changes are accepted: by what they are named, what stands in the lockfile, what is refused. Fakes only."""
from __future__ import annotations

from typing import Dict, Mapping, Tuple

import pytest

from deepwatch_flow.accepting import Code, accept, differing
from deepwatch_flow.errors import ConfigError
from deepwatch_flow.model import ALL, Accepted, Digest, Unit

Units = Dict[str, Unit]


def unit(name: str, own: str, deep: str, *links: Tuple[str, str], kind: str = "function") -> Unit:
    return Unit(name, kind, "own", "m.py", 1, Digest(own), Digest(deep), "", tuple((text, Digest(each)) for text, each in links))


def units(*listed: Unit) -> Units:
    return {each.deep: each for each in listed}


def step(deep: str, below: str) -> Unit:
    return unit("s", "own of a step", deep, ("parameters", below), kind="step")


OLD = units(step("top 1", "f 1"), unit("m.f", "own f", "f 1", ("g", "g 1"), ("h", "h 1")),
            unit("m.g", "own g 1", "g 1"), unit("m.h", "own h 1", "h 1"))
NEW = units(step("top 2", "f 2"), unit("m.f", "own f", "f 2", ("g", "g 2"), ("h", "h 2")),
            unit("m.g", "own g 2", "g 2"), unit("m.h", "own h 2", "h 2"))


def code(old: Units = OLD, new: Units = NEW, settles: Tuple[str, ...] = ("g 2", "h 2")) -> Code:
    """The code of a step; it counts as the former one where all of `settles` do."""
    def as_formerly(former: Mapping[Digest, Digest]) -> Digest:
        return Digest("top 1" if set(settles) <= set(former) else "something else")

    return Code("s", Digest("top 1"), Digest("top 2"), differing(Digest("top 1"), Digest("top 2"), old.get, new.get), as_formerly)


def names(accepted: Tuple[Accepted, ...]) -> Dict[str, Tuple[str, str]]:
    assert {each.step for each in accepted} == {"s"}
    return {each.definition: (each.old, each.new) for each in accepted}


def test_all_that_changed() -> None:
    found = accept(code(), None, "why not")
    assert names(found) == {"m.g": ("g 1", "g 2"), "m.h": ("h 1", "h 2")}
    assert {each.reason for each in found} == {"why not"}


@pytest.mark.parametrize("name", ["m.g", "g"])
def test_one_definition_by_its_name_or_the_end_of_it(name: str) -> None:
    assert names(accept(code(), name, "why not")) == {"m.g": ("g 1", "g 2")}


def test_the_rest_after_one() -> None:
    before = accept(code(), "g", "why not")
    assert names(accept(code(), None, "nor that", before)) == {"m.h": ("h 1", "h 2")}


@pytest.mark.parametrize(("name", "words"), [("f", "these changed: `m.g`, `m.h`"), ("m.gg", "did you mean `m.g`?")])
def test_a_definition_that_did_not_change(name: str, words: str) -> None:
    with pytest.raises(ConfigError) as error:
        accept(code(), name, "why not")
    assert words in str(error.value)


def test_a_name_that_fits_several() -> None:
    new = {**NEW, "h 2": NEW["h 2"]._replace(name="n.g")}
    with pytest.raises(ConfigError, match=r"fits several changes of `s`: `m.g`, `n.g`"):
        accept(code(new=new), "g", "why not")


def test_two_of_one_name() -> None:
    new = {**NEW, "h 2": NEW["h 2"]._replace(name="m.g")}
    assert names(accept(code(new=new), None, "why not")) == {"m.g": ("g 1", "g 2"), "m.g (2)": ("h 1", "h 2")}
    assert len(accept(code(new=new), "m.g", "why not")) == 2


def test_what_no_definition_tells_is_accepted_as_a_whole() -> None:
    found = accept(code(settles=("another",)), None, "why not")
    assert names(found) == {ALL: ("top 1", "top 2")}


def test_where_it_is_not_known_what_there_was() -> None:
    unknown = code(old={})
    assert names(accept(unknown, None, "why not")) == {ALL: ("top 1", "top 2")}
    with pytest.raises(ConfigError, match="made on another machine"):
        accept(unknown, "g", "why not")


def test_a_name_that_stands_for_something_else() -> None:
    old = units(step("top 1", "f 1"), unit("m.f", "own f", "f 1", ("clean", "a")), unit("a.clean", "own a", "a"))
    new = units(step("top 2", "f 2"), unit("m.f", "own f", "f 2", ("clean", "a"), ("clean", "b")), unit("a.clean", "own a", "a"),
                unit("b.clean", "own b", "b"))
    changed = code(old, new, ("f 2",))
    assert names(accept(changed, None, "why not")) == {"m.f": ("f 1", "f 2")}
    assert names(accept(changed, "b.clean", "why not")) == {"m.f": ("f 1", "f 2")}


def knot(number: int, even: str, odd: str) -> Units:
    return units(step(f"top {number}", f"even {number}"), unit("m.even", even, f"even {number}", ("odd", f"odd {number}")),
                 unit("m.odd", odd, f"odd {number}", ("even", f"even {number}"), ("base", f"base {number}")),
                 unit("m.base", f"base {number}", f"base {number}"))


def test_definitions_that_use_each_other_are_accepted_together() -> None:
    changed = code(knot(1, "even", "odd"), knot(2, "other even", "odd"))
    assert names(accept(changed, "even", "why not")) == {"m.even": ("even 1", "even 2"), "m.odd": ("odd 1", "odd 2")}
    assert names(accept(changed, "base", "why not")) == {"m.base": ("base 1", "base 2")}


def test_one_of_two_that_use_each_other_and_changed() -> None:
    changed = code(knot(1, "even", "odd"), knot(2, "other even", "other odd"))
    with pytest.raises(ConfigError, match=r"`m.even` and `m.odd` use each other, and both changed"):
        accept(changed, "even", "why not")


def test_a_long_chain_of_definitions() -> None:
    def chain(number: int) -> Units:
        links = [unit(f"m.f{i}", "own", f"{i} {number}", ("f", f"{i + 1} {number}")) for i in range(20_000)]
        return units(step(f"top {number}", f"0 {number}"), *links, unit("m.last", f"last {number}", f"20000 {number}"))

    assert list(names(accept(code(chain(1), chain(2), ("20000 2",)), None, "why not"))) == ["m.last"]
