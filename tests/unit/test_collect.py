"""What a collection keeps: what somebody counts on, and what was written just now."""
from __future__ import annotations

from typing import Any, Dict, List, Tuple

import hypothesis.strategies as st
from hypothesis import given

from deepwatch_flow.model import Artifact, Digest, Lock, LockEntry, ProductFile, Trace
from deepwatch_flow.state import lockgrammar
from deepwatch_flow.state.collect import (
    Needs,
    Rules,
    Stored,
    named_in,
    plan_collection,
    used_by_runs,
)

NOW = 1_000_000.0


def name(number: int) -> Digest:
    return Digest(f"{number:064x}")


def blob(number: int, size: int = 10, written: float = 0.0, used: float = 0.0, shared: bool = False) -> Stored:
    return Stored(name(number), size, written, used or written, shared)


def needs(lock: Any = (), git: Any = (), runs: Any = ()) -> Needs:
    return Needs(*[frozenset(map(name, each)) for each in (lock, git, runs)])


def gone(collection: Any) -> List[int]:
    return sorted(int(each.blob.digest, 16) for each in collection.removed)


def test_what_nobody_needs_goes() -> None:
    found = plan_collection([blob(n) for n in range(1, 5)], needs([1], [2], [3]), Rules(NOW))
    assert gone(found) == [4]
    assert {keeper: [int(each.digest, 16) for each in blobs] for keeper, blobs in found.kept.items()} == {
        "lock": [1], "git": [2], "runs": [3], "young": []}
    assert (found.kept_size, found.freed) == (30, 10)


def test_what_was_written_a_moment_ago_stays() -> None:
    blobs = [blob(1, written=NOW - 599), blob(2, written=NOW - 601), blob(3, written=NOW + 50)]
    assert gone(plan_collection(blobs, needs(), Rules(NOW, grace=600))) == [2]
    assert gone(plan_collection(blobs, needs(git=[1, 3]), Rules(NOW, grace=600, max_size=0))) == [2]


def test_the_least_recently_used_goes_first_and_only_as_much_as_has_to() -> None:
    blobs = [blob(1, used=30), blob(2, used=10), blob(3, used=20), blob(4, used=5)]
    found = plan_collection(blobs, needs(lock=[4], git=[1, 2], runs=[3]), Rules(NOW, max_size=25))
    assert gone(found) == [2, 3]
    assert {each.why for each in found.removed} == {"evicted"}
    assert found.kept_size == 20


def test_what_the_lockfile_names_stays_whatever_size_is_asked_for() -> None:
    found = plan_collection([blob(1), blob(2)], needs(lock=[1], runs=[1, 2]), Rules(NOW, max_size=0))
    assert gone(found) == [2]
    assert found.kept_size == 10


def test_a_blob_that_a_product_shares_frees_nothing() -> None:
    found = plan_collection([blob(1, shared=True), blob(2)], needs(), Rules(NOW))
    assert gone(found) == [1, 2]
    assert found.freed == 10


@given(st.dictionaries(st.integers(0, 30), st.tuples(st.integers(0, 100), st.floats(0, NOW), st.floats(0, NOW))),
       st.sets(st.integers(0, 30)), st.sets(st.integers(0, 30)), st.sets(st.integers(0, 30)),
       st.one_of(st.none(), st.integers(0, 500)))
def test_properties(blobs: Dict[int, Tuple[int, float, float]], lock: Any, git: Any, runs: Any, limit: Any) -> None:
    stored = [blob(number, size, written, used) for number, (size, written, used) in blobs.items()]
    rules = Rules(NOW, 600, limit)
    found = plan_collection(stored, needs(lock, git, runs), rules)
    removed = set(gone(found))
    kept = {int(each.digest, 16) for blobs in found.kept.values() for each in blobs}
    assert removed | kept == set(blobs) and not removed & kept
    assert not removed & set(lock)
    assert all(blobs[number][1] <= NOW - 600 for number in removed)
    if limit is None:
        assert not removed & (set(git) | set(runs))
    elif found.kept_size > limit:      # only what may not go is left
        assert all(number in lock or NOW - blobs[number][1] < 600 for number in kept)
    for each in found.removed:         # nothing goes for want of space that was used later than what stays
        if each.why == "evicted":
            assert all(other.used >= each.blob.used for keeper in ("git", "runs") for other in found.kept[keeper]
                       if NOW - other.written >= 600)


# -- what is needed ---------------------------------------------------------------------------------

def trace(step: str, number: int, *products: int) -> Trace:
    return Trace(step, name(900 + number), name(0), name(0), (), (), (), Artifact(name(800), name(number), 1, "json"),
                 tuple(ProductFile(f"p{each}", name(each), 1) for each in products))


def used(recorded: Any, runs: Any) -> List[int]:
    return sorted(int(each, 16) for each in used_by_runs(recorded, runs))


def test_the_last_runs_used_what_they_recorded_and_what_they_found() -> None:
    recorded = [("r1", trace("a", 1, 11)), ("r1", trace("b", 2)), ("r2", trace("a", 3)), ("r3", trace("a", 4))]
    assert used(recorded, ["r3"]) == [2, 3, 4]         # `a` was 3 when the run began, and `b` was reused
    assert used(recorded, ["r2", "r3"]) == [1, 2, 3, 4, 11]
    assert used(recorded, []) == []


def test_runs_that_are_not_remembered_are_long_ago() -> None:
    assert used([("forgotten", trace("a", 1)), ("forgotten", trace("a", 2)), ("r9", trace("b", 3))], ["r9"]) == [2, 3]


def test_all_that_a_lockfile_names_is_needed_even_one_that_can_t_be_read() -> None:
    entry = LockEntry(name(1), name(2), (), (), (), Artifact(name(3), name(4), 5, "json"), (ProductFile("p", name(6), 7),))
    text = lockgrammar.dumps(Lock({"a": entry}, {}, {}))
    assert {name(4), name(6)} <= named_in(text.encode())
    conflict = f'<<<<<<< ours\nblob = "{name(4)}"\n=======\nblob = "{name(5)}"\n>>>>>>> theirs\n'
    assert named_in(conflict.encode()) == {name(4), name(5)}
    assert named_in(b"") == frozenset()
    assert named_in(b'\xff "' + b"a" * 63 + b'"') == frozenset()
