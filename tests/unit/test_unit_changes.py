"""Which definitions changed between two fingerprints, found without looking at what is the same."""
from __future__ import annotations

from typing import Dict, List, Optional, Tuple

from deepwatch_flow.engine.changes import changes
from deepwatch_flow.model import Digest, Unit

#: name -> (own digest, links as (text, name))
Picture = Dict[str, Tuple[str, List[Tuple[str, str]]]]


class Side:
    """The units of one fingerprint; the deep digest is made of all that is below."""

    def __init__(self, picture: Picture, **deep: str) -> None:
        self.picture = picture
        self.given = deep
        self.units: Dict[Digest, Unit] = {}
        self.asked: List[str] = []
        for name, (own, links) in picture.items():
            unit = Unit(name, "step" if name == "top" else "function", "own", name + ".py", 1, Digest(own), self.deep(name),
                        "", tuple((text, self.deep(target)) for text, target in links))
            self.units[unit.deep] = unit

    def deep(self, name: str) -> Digest:
        if name in self.given:
            return Digest(self.given[name])
        own, links = self.picture[name]
        return Digest(f"{own}({','.join(text + ':' + self.deep(target) for text, target in links)})")

    def unit(self, deep: Digest) -> Optional[Unit]:
        found = self.units.get(deep)
        self.asked.append(found.name if found is not None else "unknown")
        return found


def between(old: Side, new: Side, limit: int = 50) -> List[Tuple[Optional[str], Optional[str], Tuple[str, ...]]]:
    found = changes(old.deep("top"), new.deep("top"), old.unit, new.unit, limit)
    return [(each.old and each.old.name, each.new and each.new.name, each.path) for each in found]


BEFORE: Picture = {
    "top": ("s", [("", "f")]), "f": ("f1", [("g", "g"), ("h", "h")]), "g": ("g1", [("low", "low")]), "h": ("h1", []), "low": ("l1", []),
}


def after(**edited: Tuple[str, List[Tuple[str, str]]]) -> Side:
    return Side({**BEFORE, **edited})


def test_nothing_changed() -> None:
    assert between(Side(BEFORE), Side(BEFORE)) == []


def test_an_edit_deep_below_is_found_with_the_path_to_it() -> None:
    assert between(Side(BEFORE), after(low=("l2", []))) == [("low", "low", ("f", "g", "low"))]


def test_what_is_the_same_is_not_looked_at() -> None:
    new = after(low=("l2", []))
    between(Side(BEFORE), new)
    assert "h" not in new.asked


def test_several_edits_are_told_nearest_first() -> None:
    found = between(Side(BEFORE), after(low=("l2", []), f=("f2", [("g", "g"), ("h", "h")])))
    assert found == [("f", "f", ("f",)), ("low", "low", ("f", "g", "low"))]


def test_a_unit_used_by_two_ways_is_told_once() -> None:
    before = {**BEFORE, "h": ("h1", [("low", "low")])}
    assert between(Side(before), Side({**before, "low": ("l2", [])})) == [("low", "low", ("f", "g", "low"))]


def test_a_name_that_leads_to_another_definition_now() -> None:
    """The text of the use is what it was: what it stands for was exchanged."""
    found = between(Side(BEFORE), after(h=("x1", [])))
    assert found == [("h", "h", ("f", "h"))]


def test_a_use_that_came_with_an_edit_is_told_by_the_edit() -> None:
    assert between(Side(BEFORE), after(f=("f2", [("g", "g"), ("h", "h"), ("low", "low")]))) == [("f", "f", ("f",))]


def test_a_definition_that_came_or_went_without_an_edit_of_its_user() -> None:
    came = after(f=("f1", [("g", "g"), ("h", "h"), ("subclass", "low")]))
    assert between(Side(BEFORE), came) == [(None, "low", ("f", "low"))]
    assert between(came, Side(BEFORE)) == [("low", None, ("f", "low"))]


def test_two_uses_of_the_same_text_are_matched_in_order() -> None:
    before = {**BEFORE, "f": ("f1", [("attribute", "g"), ("attribute", "h")])}
    assert between(Side(before), Side({**before, "h": ("h2", [])})) == [("h", "h", ("f", "h"))]


def test_a_cycle_is_no_endless_loop() -> None:
    before: Picture = {"top": ("s", [("", "f")]), "f": ("f1", [("g", "g")]), "g": ("g1", [("f", "f")])}
    old = Side(before, f="deep f1", g="deep g1")
    new = Side({**before, "g": ("g2", [("f", "f")])}, f="deep f2", g="deep g2")
    assert between(old, new) == [("g", "g", ("f", "g"))]


def test_where_units_are_unknown_nothing_is_told() -> None:
    old = Side(BEFORE)
    old.units.clear()
    assert between(old, after(low=("l2", []))) == []


def test_no_more_are_told_than_asked_for() -> None:
    wide: Picture = {"top": ("s", [("", "f")]), "f": ("f", [(f"g{i}", f"g{i}") for i in range(20)])}
    before: Picture = {**wide, **{f"g{i}": ("1", []) for i in range(20)}}
    now: Picture = {**wide, **{f"g{i}": (f"2{i}", []) for i in range(20)}}
    assert len(between(Side(before), Side(now), limit=5)) == 5
