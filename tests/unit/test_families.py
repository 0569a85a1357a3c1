"""Instances of a family: how many, which key, and that labels and places don't count."""
from __future__ import annotations

from typing import Any, Dict, List, Mapping, Sequence, Tuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepwatch_flow.engine.families import gathered, instances, label_of
from deepwatch_flow.engine.planner import World, key_of, outputs_of, upstreams_of
from deepwatch_flow.engine.planning import plan
from deepwatch_flow.errors import PipelineError
from deepwatch_flow.model import (
    Artifact, Axis, Digest, Family, Fingerprint, Fresh, History, Param, Pending, Policy, Reason, Stale, StepFacts, Trace, part_name,
)

CODE = Fingerprint(Digest("code"), Digest("root"), ())


def declared(parameter: str, *labels: str) -> Axis:
    return Axis(parameter, "", tuple((label, Param(parameter, Digest(f"value {label}"), label)) for label in labels))


def family(*axes: Axis, zipped: bool = False, name: str = "fit") -> StepFacts:
    steps = tuple(axis.step for axis in axes if axis.step)
    return StepFacts(name, CODE, needs=steps, parts=(), family=Family(axes, zipped))


def nothing(step: str) -> Mapping[str, Artifact]:
    raise AssertionError(step)


def elements(*outputs: str) -> Dict[str, Artifact]:
    return {part_name("chunks", number): Artifact(Digest(output), Digest(output), 1, "json") for number, output in enumerate(outputs)}


def test_all_combinations_or_pairs() -> None:
    axes = (declared("a", "x", "y"), declared("b", "1", "2"))
    assert [each.name for each in instances(family(*axes), nothing)] == ["fit[x,1]", "fit[x,2]", "fit[y,1]", "fit[y,2]"]
    assert [each.name for each in instances(family(*axes, zipped=True), nothing)] == ["fit[x,1]", "fit[y,2]"]
    made = instances(family(*axes), nothing)[1]
    assert made.labels == (("a", "x"), ("b", "2"))
    assert [param.shown for param in made.params] == ["x", "2"]


def test_pairs_of_unequal_numbers_are_an_error_with_the_numbers() -> None:
    with pytest.raises(PipelineError, match="`a` 2, `b` 1"):
        instances(family(declared("a", "x", "y"), declared("b", "1"), zipped=True), nothing)


def test_elements_of_a_step_and_of_nothing() -> None:
    facts = family(Axis("chunk", "chunks"))
    assert [each.name for each in instances(facts, lambda _: elements("p", "q"))] == ["fit[0]", "fit[1]"]
    assert instances(facts, lambda _: elements("p", "q"))[1].upstreams == (("chunk", "chunks[1]"),)
    assert instances(facts, lambda _: {}) == ()


def keys(outputs: Sequence[str]) -> List[Digest]:
    parts = elements(*outputs)
    digests = {name: artifact.output for name, artifact in parts.items()}
    return [key_of(each, (), upstreams_of(each, digests)) for each in instances(family(Axis("chunk", "chunks")), lambda _: parts)]


@given(st.lists(st.sampled_from("pqrstu"), max_size=8), st.integers(0, 8), st.sampled_from("xyz"))
def test_an_insertion_anywhere_gives_one_key_that_was_not_there(outputs: List[str], place: int, new: str) -> None:
    before = keys(outputs)
    after = keys([*outputs[:place], new, *outputs[place:]])
    assert set(after) - set(before) == {keys([new])[0]}
    assert set(before) <= set(after)


# -- in a plan -------------------------------------------------------------------------------------------

def made(name: str, output: str, key: str = "k", codec: str = "json") -> Trace:
    return Trace(name, Digest(key), CODE.digest, CODE.root, (), (), (), Artifact(Digest(output), Digest("b " + output), 1, codec))


class Small:
    """chunks -> fit (a family) -> total."""

    def __init__(self, *outputs: str) -> None:
        self.parts = elements(*outputs)
        self.facts = {"chunks": StepFacts("chunks", CODE, parts=()), "fit": family(Axis("chunk", "chunks")),
                      "total": StepFacts("total", CODE, upstreams=(("fit", "fit"),), needs=("fit",))}
        self.known: Dict[Digest, Trace] = {}
        self.lost: List[str] = []
        self.know("chunks", "whole", ())

    def know(self, name: str, output: str, upstreams: Tuple[Any, ...]) -> None:
        key = key_of(StepFacts(name, CODE), (), upstreams)
        self.known[key] = made(name, output, key)

    def know_instances(self, count: int) -> None:
        digests = {name: artifact.output for name, artifact in self.parts.items()}
        for each in instances(self.facts["fit"], lambda _: self.parts)[:count]:
            upstreams = upstreams_of(each, digests)
            key = key_of(each, (), upstreams)
            self.known[key] = made(each.name, f"of {each.name}", key)

    def plan(self, only: Tuple[str, ...] = (), wanted: Tuple[str, ...] = ("total",), **policy: Any) -> Any:
        def holdings(trace: Trace, wants: bool) -> Any:
            lost = trace.step in self.lost or any(part in self.lost for part in (self.parts if trace.step == "chunks" else ()))
            return ((), ()) if not (wants and lost) else ((Reason("artifact", trace.step),), ())

        world = World(self.facts, History({key: (trace,) for key, trace in self.known.items()}, {}), lambda _: None, holdings, {},
                      parts=lambda trace: self.parts if trace.step == "chunks" else None,
                      only={"fit": frozenset(only)} if only else {})
        return plan(world, Policy(**policy), set(wanted))


def test_a_family_is_pending_until_what_it_goes_through_is_known() -> None:
    small = Small("p", "q")
    small.known.clear()
    found = small.plan().verdicts
    assert isinstance(found["chunks"], Stale)
    assert isinstance(found["fit"], Pending)
    assert isinstance(found["total"], Pending)


def test_instances_are_judged_one_by_one_and_the_family_by_them() -> None:
    small = Small("p", "q", "r")
    small.know_instances(2)
    found = small.plan()
    assert [type(found.verdicts[f"fit[{number}]"]) for number in range(3)] == [Fresh, Fresh, Stale]
    assert "fit" not in found.verdicts
    assert isinstance(found.verdicts["total"], Pending)
    assert found.of("fit") == Stale((Reason("never-ran", "fit", new="for some of its instances"),), None)      # told of the family
    small.know_instances(3)
    found = small.plan()
    assert isinstance(found.of("fit"), Fresh)
    assert isinstance(found.verdicts["total"], Stale)
    assert found.verdicts["total"].key is not None


def test_a_family_without_elements_is_fresh() -> None:
    found = Small().plan()
    assert "fit" not in found.verdicts and isinstance(found.of("fit"), Fresh)      # it is no step to be counted
    assert isinstance(found.verdicts["total"], Stale)


def test_forcing_a_family_forces_its_instances_and_forcing_one_that_one() -> None:
    small = Small("p", "q")
    small.know_instances(2)
    assert all(isinstance(small.plan(force=("fit",)).verdicts[name], Stale) for name in ("fit[0]", "fit[1]"))
    assert [type(small.plan(force=("fit[1]",)).verdicts[name]) for name in ("fit[0]", "fit[1]")] == [Fresh, Stale]


def test_only_what_is_asked_for_is_judged() -> None:
    small = Small("p", "q")
    del small.facts["total"]
    found = small.plan(only=("fit[1]",), wanted=("fit[1]",))
    assert list(found.verdicts) == ["chunks", "fit[1]"]


def test_a_lost_element_has_its_step_run_where_an_instance_needs_it() -> None:
    small = Small("p", "q")
    small.know_instances(1)
    small.lost = ["chunks[1]"]
    # the fake tells the same of all parts: what counts is that the step, not the part, is to run
    assert isinstance(small.plan().verdicts["chunks"], Stale)


def test_the_value_of_a_family_is_its_instances_by_label() -> None:
    names = ["fit[x]", "fit[y]"]
    one, data = gathered(family(declared("a", "x", "y")), names, lambda name: made(name, name).artifact)
    other, _ = gathered(family(declared("a", "x", "y")), names, lambda name: made(name, "3").artifact)
    assert one.artifact.size == len(data)
    assert one.artifact.output != other.artifact.output
    assert label_of("fit[x,1]") == "x,1"
    assert outputs_of(World({"s": StepFacts("s", CODE)}, History({}, {}), lambda _: None, lambda *_: ((), ()), {}), "s",
                      made("s", "1")) == {"s": "1"}
