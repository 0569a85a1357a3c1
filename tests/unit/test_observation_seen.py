"""Several observations as one."""
from __future__ import annotations

from deepwatch_flow.observation.seen import EMPTY, Seen, Stamp, merged

OLD, NEW = Stamp(1, 1, 1, 1, 1), Stamp(2, 2, 2, 2, 2)


def test_nothing_and_one() -> None:
    one = Seen(listed=frozenset({"/x"}))
    assert merged([]) == EMPTY
    assert merged([one]) == one
    assert merged(iter([one, EMPTY])) == one


def test_the_first_sight_stands() -> None:
    first = Seen(reads={"/a": OLD}, variables={"A": None}, present={"/p": "file"}, sized={"/s": 1}, gaps=("x",))
    second = Seen(reads={"/a": NEW, "/b": None}, variables={"A": "1", "B": "2"}, present={"/p": "folder"}, sized={"/s": 2},
                  gaps=("y", "x"), all_variables=True)
    both = merged([first, second])
    assert both.reads == {"/a": OLD, "/b": None}
    assert both.variables == {"A": None, "B": "2"}
    assert (both.present, both.sized) == ({"/p": "file"}, {"/s": 1})
    assert (both.gaps, both.all_variables) == (("x", "y"), True)


def test_what_an_earlier_one_wrote_is_no_reading() -> None:
    both = merged([Seen(written=frozenset({"/a"})), Seen(reads={"/a": NEW}, absent=frozenset({"/a", "/b"}))])
    assert both == Seen(written=frozenset({"/a"}), absent=frozenset({"/b"}))


def test_what_a_later_one_wrote_was_read_before() -> None:
    both = merged([Seen(reads={"/a": OLD}), Seen(written=frozenset({"/a"}))])
    assert both == Seen(reads={"/a": OLD}, written=frozenset({"/a"}))
