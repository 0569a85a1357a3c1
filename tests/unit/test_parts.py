"""Values stored in parts: what can be taken apart, what comes back, and that each part has a digest of its own."""
from __future__ import annotations

import json
from typing import Any, Dict, Iterator, List

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepwatch_flow.errors import StateError
from deepwatch_flow.hashing.digest import Hasher, digest_bytes
from deepwatch_flow.hashing.values import ValueHasher
from deepwatch_flow.model import Artifact, Digest
from deepwatch_flow.state.codecs import Codecs
from deepwatch_flow.state.parts import (
    CODEC, Manifest, NotInParts, Part, blobs_of, dump, output_of, parse, part_artifacts, put_together, taken_apart,
)
from deepwatch_flow.state.memory import MemoryStore


class Bench:
    def __init__(self) -> None:
        self.store, self.codecs, self.hasher = MemoryStore(), Codecs(), ValueHasher()
        self.kept: List[Any] = []

    def keep(self, value: Any) -> Artifact:
        self.kept.append(value)
        encoded = self.codecs.encode(value)
        return Artifact(self.hasher.digest(value), self.store.put(encoded.data), len(encoded.data), encoded.codec)

    def load(self, artifact: Artifact) -> Any:
        return self.codecs.decode(artifact.codec, self.store.get(artifact.blob))


KEYS = st.one_of(st.text(max_size=5), st.integers(-9, 9), st.none())
VALUES = st.one_of(st.lists(st.integers(), max_size=6), st.lists(st.text(), max_size=4).map(tuple),
                   st.dictionaries(KEYS, st.integers(), max_size=5).filter(lambda each: len({*map(str, each)}) == len(each)))


@given(VALUES)
def test_a_value_comes_back_as_it_was(value: Any) -> None:
    bench = Bench()
    manifest = parse(dump(*taken_apart(value, (), bench.keep)))
    found = put_together(manifest, bench.load)
    assert found == value
    assert type(found) is type(value)
    assert list(found) == list(value)


@given(VALUES, VALUES)
def test_values_that_differ_have_other_digests(one: Any, other: Any) -> None:
    bench = Bench()
    digests = [output_of(*taken_apart(each, (), bench.keep)) for each in (one, other)]
    assert (digests[0] == digests[1]) == (one == other and list(one) == list(other) and type(one) is type(other))


def test_a_generator_is_stored_element_by_element() -> None:
    bench = Bench()

    def rows() -> Iterator[int]:
        for number in range(3):
            assert bench.kept == list(range(number))
            yield number

    assert put_together(taken_apart(rows(), (), bench.keep), bench.load) == [0, 1, 2]


def test_declared_outputs_are_the_labels_of_a_tuple_or_a_dict() -> None:
    bench = Bench()
    for value in ((1, 2), {"train": 1, "test": 2}):
        manifest = taken_apart(value, ("train", "test"), bench.keep)
        assert {label: bench.load(artifact) for label, artifact in part_artifacts("split", manifest).items()} == {
            "split[train]": 1, "split[test]": 2}
        assert put_together(manifest, bench.load) == value


@pytest.mark.parametrize("value, labels, told", [
    ((1, 2, 3), ("a", "b"), "3 values, and its outputs are 2"), ({"a": 1}, ("a", "b"), "the keys `a`"),
    (5, ("a", "b"), "returned a value of type `int`"), (5, (), "goes through its elements"), ({(1, 2): 3}, (), "labels of parts"),
    ({"1": 1, 1: 2}, (), "two parts that are called `1`"), ("text", (), "returned a value of type `str`"),
])
def test_what_has_no_such_parts_is_refused(value: Any, labels: Any, told: str) -> None:
    with pytest.raises(NotInParts, match=told):
        taken_apart(value, labels, Bench().keep)


def test_a_family_is_loaded_when_it_is_asked_for() -> None:
    bench, loaded = Bench(), []

    def load(artifact: Artifact) -> Any:
        loaded.append(artifact)
        return bench.load(artifact)

    made = taken_apart({"us": 1, "de": 2}, (), bench.keep)
    family = put_together(Manifest("family", made.parts), load)
    assert (list(family), len(family), "de" in family, loaded) == (["us", "de"], 2, True, [])
    assert (family["de"], len(loaded)) == (2, 1)
    assert dict(family) == {"us": 1, "de": 2}
    assert "us" in repr(family)


def test_all_blobs_of_a_value_are_found_in_parts_of_parts_too() -> None:
    bench = Bench()
    inner = dump(*taken_apart([1, 2], (), bench.keep))
    part = Artifact(Digest("0" * 64), bench.store.put(inner), len(inner), CODEC)
    outer = dump("list", tuple(each._replace(artifact=part) for each in taken_apart([0], (), bench.keep).parts))
    whole = Artifact(Digest("0" * 64), bench.store.put(outer), len(outer), CODEC)
    found: Dict[Digest, int] = dict(blobs_of(whole, bench.store.get))
    assert len(found) == 4
    assert all(len(bench.store.get(blob)) == size for blob, size in found.items())


@pytest.mark.parametrize("data", [b"", b"{}", b'["list", [[1]]]', b"\xff", b"[1, 2, 3]"])
def test_bytes_that_are_no_manifest_are_told(data: bytes) -> None:
    with pytest.raises(StateError):
        parse(data)


def test_a_manifest_of_many_parts_is_one_json_text_and_one_digest() -> None:
    artifact = Artifact(Digest("o" * 64), Digest("b" * 64), 1, "json/1")
    parts = [Part(f"ä{number}", artifact) for number in range(3000)]       # more than a digest keeps fields of
    data = dump("family", iter(parts))
    assert data == json.dumps(["family", [[part.label, *artifact] for part in parts]], ensure_ascii=False, separators=(",", ":")).encode()
    assert parse(data) == Manifest("family", tuple(parts))
    def _frame(name: str, tag: bytes, data: bytes) -> bytes:
        return b"%b=%b%d:%b;" % (name.encode(), tag, len(data), data)

    framed = b"".join([_frame("purpose", b"s", b"parts/1"), _frame("kind", b"s", b"family"), *(
        frame for part in parts for frame in (_frame("label", b"s", json.dumps(part.label).encode()), _frame("output", b"s", b"o" * 64)))])
    assert output_of("family", iter(parts)) == digest_bytes(framed)
    assert dump("list", ()) == b'["list",[]]'


def test_a_digest_of_many_fields_can_be_gone_on_with() -> None:
    hasher, other = Hasher("test/1"), Hasher("test/1")
    for number in range(2500):
        hasher.field("n", number)
        if number % 700 == 0:
            hasher.digest()
        other.field("n", number)
    assert hasher.digest() == hasher.digest() == other.digest()
