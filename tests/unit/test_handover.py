"""What consumers are given: their own copy, unless nobody could tell the difference."""
from __future__ import annotations

from typing import Any, List, Set

import pytest

from deepwatch_flow.engine.handover import Values
from deepwatch_flow.model import Artifact, Digest
from deepwatch_flow.state.codecs import Codecs
from deepwatch_flow.state.memory import MemoryStore
from deepwatch_flow.state.store import BlobMissing


class Kitchen:
    """A store with one step's value, and its consumers."""

    def __init__(self, value: Any, *consumers: str, shared: bool = False) -> None:
        self.store = MemoryStore()
        encoded = Codecs().encode(value)
        self.artifact = Artifact(Digest("o"), self.store.put(encoded.data), len(encoded.data), encoded.codec)
        self.values = Values(self.store, Codecs(), {"make": set(consumers)})
        self.values.keep("make", value, shared)

    def take(self, consumer: str) -> Any:
        taken = self.values.take("make", self.artifact, consumer)
        self.values.done(consumer, {"make"})
        return taken


def array() -> Any:
    return pytest.importorskip("numpy").arange(10)


def test_the_last_consumer_of_an_array_gets_the_array_itself_and_the_others_copies() -> None:
    value = array()
    kitchen = Kitchen(value, "a", "b", "c")
    taken = [kitchen.take(consumer) for consumer in "abc"]
    assert [each is value for each in taken] == [False, False, True]
    assert all((each == value).all() for each in taken)


def test_the_only_consumer_gets_the_array_itself() -> None:
    value = array()
    assert Kitchen(value, "a").take("a") is value


def test_a_change_in_place_is_seen_by_nobody_else() -> None:
    kitchen = Kitchen([1, [2]], "a", "b", "c")
    seen: List[Any] = []
    for consumer in "abc":
        taken = kitchen.take(consumer)
        seen.append([taken[0], list(taken[1])])
        taken[1].append(3)
        taken.clear()
    assert seen == [[1, [2]]] * 3


def test_a_step_that_takes_one_value_by_two_parameters_gets_two_objects() -> None:
    kitchen = Kitchen(array(), "a")
    one, other = (kitchen.values.take("make", kitchen.artifact, "a") for _ in range(2))
    assert one is not other
    assert (one == other).all()


@pytest.mark.parametrize("value", [7, "text", b"bytes", None, (1, ("a", 2.5)), frozenset({1})], ids=repr)
def test_what_can_t_be_changed_is_shared_by_all(value: Any) -> None:
    kitchen = Kitchen(value, "a", "b", shared=True)
    assert kitchen.values.is_live("make")
    assert kitchen.take("a") is value
    assert kitchen.take("b") is value
    assert not kitchen.values.is_live("make")


def test_a_value_that_somebody_else_holds_is_not_handed_out_itself() -> None:
    value = array()
    taken = Kitchen(value, "a", shared=True).take("a")
    taken[0] = 99
    assert value[0] == 0


@pytest.mark.parametrize(("make", "reach"), [
    (lambda part: [part], lambda value: value[0]), (lambda part: {"k": part}, lambda value: value["k"]),
    (lambda part: (part,), lambda value: value[0]), (lambda part: {"k": ({"d": part},)}, lambda value: value["k"][0]["d"]),
], ids=["list", "dict", "tuple", "deep"])
def test_a_part_that_somebody_else_holds_is_not_handed_out_itself(make: Any, reach: Any) -> None:
    table = [1]
    reach(Kitchen(make(table), "a").take("a")).append(2)
    assert table == [1]


def test_a_view_of_an_array_is_not_handed_out_itself() -> None:
    table = array()
    taken = Kitchen(table[2:5], "a").take("a")
    taken[0] = 99
    assert list(table) == list(range(10))


def test_an_array_of_objects_is_not_handed_out_itself() -> None:
    numpy = pytest.importorskip("numpy")
    row = [1]
    value = numpy.empty(1, dtype=object)
    value[0] = row
    Kitchen(value, "a").take("a")[0].append(2)
    assert row == [1]


def test_a_plain_value_that_the_step_alone_holds_goes_to_its_last_consumer_itself() -> None:
    value = {"rows": [[1], [2]]}
    kitchen = Kitchen(value, "a", "b")
    assert kitchen.take("a") is not value
    kitchen.values.done("a", {"make"})
    assert kitchen.take("b") is value


def test_a_value_without_consumers_is_not_kept() -> None:
    kitchen = Kitchen("text")
    assert not kitchen.values.is_live("make")


def test_a_value_is_let_go_when_its_last_consumer_is_done_even_if_it_never_took_it() -> None:
    kitchen = Kitchen("text", "a", "b")
    kitchen.values.done("a", {"make"})
    assert kitchen.values.is_live("make")
    kitchen.values.done("b", {"make"})
    assert not kitchen.values.is_live("make")


def test_a_value_made_in_an_earlier_run_comes_from_the_store() -> None:
    kitchen = Kitchen([1], "a")
    values = Values(kitchen.store, Codecs(), {"make": {"a"}})
    assert values.take("make", kitchen.artifact, "a") == [1]


def test_a_lost_value_is_told() -> None:
    kitchen = Kitchen([1], "a", "b")
    kitchen.store.remove(kitchen.artifact.blob)
    with pytest.raises(BlobMissing):
        kitchen.take("a")


def test_a_shared_value_needs_no_store() -> None:
    kitchen = Kitchen("text", "a")
    kitchen.store.remove(kitchen.artifact.blob)
    assert kitchen.take("a") == "text"


def test_steps_that_nobody_declared_consumers_of_are_no_error() -> None:
    values = Values(MemoryStore(), Codecs(), {})
    values.keep("other", [1], False)
    values.done("x", {"other"})
    assert not values.is_live("other")
