"""A value is handed on itself only where no part of it lives on elsewhere."""
from __future__ import annotations

from typing import Any, List

import pytest

from deepwatch_flow.engine.ownership import owns_all


class Box:
    def __init__(self, held: Any) -> None:
        self.held = held


def fresh() -> List[Any]:
    return [[1, 2], {"a": [3], "b": (4, [5])}, {6, 7}, Box([8])]


def test_a_value_made_by_the_step_alone_is_owned() -> None:
    for value in (fresh(), {"rows": fresh()}, Box({"a": [1]})):
        assert owns_all(value)


@pytest.mark.parametrize("wrap", [lambda part: [part], lambda part: {"k": part}, lambda part: ([part],), Box],
                         ids=["list", "dict", "deep", "object"])
def test_a_part_that_somebody_else_holds_is_seen(wrap: Any) -> None:
    table = [1]
    assert not owns_all(wrap(table))
    assert table == [1]


def test_a_kind_that_is_not_known_is_taken_to_be_shared() -> None:
    assert not owns_all([iter([1])])
    assert not owns_all(type("Slotted", (), {"__slots__": ("a",)})())


def test_arrays_and_frames_are_owned_unless_they_are_views() -> None:
    numpy = pytest.importorskip("numpy")
    table = numpy.arange(10)
    assert owns_all(numpy.arange(10))
    held = {"x": numpy.arange(10)}
    assert owns_all(held)
    assert not owns_all(table[2:5])
    assert not owns_all(numpy.array([[1], [2, 3]], dtype=object))


def test_a_frame_is_owned_unless_a_column_is_somebody_elses() -> None:
    pandas = pytest.importorskip("pandas")
    numpy = pytest.importorskip("numpy")
    assert owns_all(pandas.DataFrame({"a": [1, 2], "b": ["x", "y"], "c": [1.5, None]}))
    assert not owns_all(pandas.DataFrame({"a": [[1], [2]]}))
    table = numpy.arange(6.0).reshape(3, 2)
    assert not owns_all(pandas.DataFrame(table, copy=False))
