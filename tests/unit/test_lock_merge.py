"""Three-way merge of locks: entries are taken whole, never invented, and sides don't count."""
from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepwatch_flow.hashing.digest import digest_bytes
from deepwatch_flow.locking.conflict import sides_of
from deepwatch_flow.locking.merge import CHANGED, OLDER, REMOVED, merge
from deepwatch_flow.model import Accepted, Artifact, FamilyEntry, Input, Lock, LockEntry, ProductFile, Upstream


def digest(text):
    return digest_bytes(str(text).encode())


def entry(code=0, data=0, up=(), out=0, key=None, seen=()):
    """An entry whose key is that of its facts, as a real one's is."""
    ups = tuple(Upstream(step, step, digest(f"out {output}")) for step, output in up)
    facts = (code, data, up)
    return LockEntry(digest(("key", facts, key)), digest(("code", code)), (("n", digest(data)),), (Input("in.csv", digest(data)),),
                     ups, Artifact(digest(f"out {out}"), digest(f"blob {out}"), out, "json"), (), tuple(seen))


def lock(**steps):
    return Lock(steps, {}, {}, 1)


few = st.integers(0, 2)
names = st.sampled_from("abcd")
entries = st.builds(entry, few, few, st.lists(st.tuples(names, few), max_size=2, unique_by=lambda each: each[0]).map(tuple), few,
                    seen=st.lists(st.tuples(names, few.map(digest)), max_size=1).map(tuple))
tables = st.dictionaries(names, few.map(digest), max_size=3)
locks = st.builds(
    Lock, st.dictionaries(names, entries), tables, st.dictionaries(names, names, max_size=3), st.sampled_from([1, 1, 1, 2]),
    st.dictionaries(st.tuples(names, names), few.map(digest), max_size=2).map(
        lambda found: tuple(sorted(Accepted(*key, value, value, "said") for key, value in found.items()))))


# -- what always holds ----------------------------------------------------------------------------

@given(locks, locks, locks)
@settings(max_examples=150)
def test_sides_do_not_count(base, ours, theirs):
    assert merge(base, ours, theirs) == merge(base, theirs, ours)


@given(locks, locks)
def test_what_one_side_alone_did_is_the_merge(base, side):
    assert merge(base, base, base).lock == base
    assert merge(base, side, base) == (side, ())
    assert merge(base, side, side) == (side, ())
    assert merge(None, side, side) == (side, ())


@given(st.none() | locks, locks, locks)
@settings(max_examples=150)
def test_no_entry_is_invented_or_lost_in_silence(base, ours, theirs):
    merged, dropped = merge(base, ours, theirs)
    before = base.steps if base is not None else {}
    for name, found in merged.steps.items():
        assert found in (ours.steps.get(name), theirs.steps.get(name))
    told = {each.step for each in dropped}
    assert told.isdisjoint(merged.steps)
    for name in {*ours.steps, *theirs.steps} - set(merged.steps) - told:
        # removed by a side, and by the other left as it was
        assert before.get(name) in (ours.steps.get(name), theirs.steps.get(name))
    for table in ("definitions", "packages"):
        for name, value in getattr(merged, table).items():
            assert value in (getattr(ours, table).get(name), getattr(theirs, table).get(name))
    assert {*merged.accepted} <= {*ours.accepted, *theirs.accepted}


@given(locks, locks, locks)
def test_a_merge_merged_again_with_a_side_stays(base, ours, theirs):
    merged = merge(base, ours, theirs).lock
    assert merge(ours, merged, ours).lock == merged


# -- steps that both sides changed ----------------------------------------------------------------

OLD = entry()


def test_a_step_that_both_changed_to_the_same():
    new = entry(code=1, out=1)
    assert merge(lock(a=OLD), lock(a=new, b=OLD), lock(a=new, c=OLD)) == (lock(a=new, b=OLD, c=OLD), ())


def test_a_step_whose_code_both_changed_otherwise_has_no_entry():
    merged = merge(lock(a=OLD), lock(a=entry(code=1, out=1)), lock(a=entry(code=2, out=2)))
    assert merged.lock == lock()
    assert merged.dropped == (("a", CHANGED, ("code",)),)


def test_of_two_sides_the_one_is_right_that_has_both_changes():
    """One branch changed the code; the other got that change as well, and new data."""
    more = entry(code=1, data=1, out=1)
    assert merge(lock(a=OLD), lock(a=entry(code=1, out=2)), lock(a=more)) == (lock(a=more), ())


def test_neither_side_is_right_where_each_changed_another_fact():
    merged = merge(lock(a=OLD), lock(a=entry(code=1, out=1)), lock(a=entry(data=1, out=2)))
    assert "a" not in merged.lock.steps


def test_a_step_removed_on_one_side_and_changed_on_the_other_has_no_entry():
    merged = merge(lock(a=OLD, b=OLD), lock(b=OLD), lock(a=entry(code=1), b=OLD))
    assert merged == (lock(b=OLD), (("a", REMOVED, ()),))


def test_two_results_of_one_key_are_both_right_and_steps_below_follow_the_one_chosen():
    def side(output):
        return lock(a=entry(code=1, out=output), b=entry(code=1, up=(("a", output),), out=output))

    merged = merge(lock(a=OLD, b=entry(up=(("a", 0),))), side(1), side(2))
    assert merged.dropped == ()
    assert merged.lock in (side(1), side(2))
    assert merge(lock(a=OLD, b=entry(up=(("a", 0),))), side(2), side(1)) == merged


def test_what_a_step_below_a_dropped_one_was_made_from_is_not_known():
    def side(number, below):
        return lock(a=entry(code=number, out=number), b=entry(code=below, up=(("a", number),), out=number))

    merged = merge(lock(a=OLD, b=entry(up=(("a", 0),))), side(1, 1), side(2, 1))
    assert [each.step for each in merged.dropped] == ["a", "b"]


def test_a_step_below_a_dropped_one_is_not_decided_by_an_output_that_one_side_left_as_it_was():
    """With both changes to `a` its output is anybody's guess."""
    ours = lock(a=entry(code=1, out=1), b=entry(code=1, up=(("a", 1),), out=1))
    theirs = lock(a=entry(code=2, out=0), b=entry(code=1, up=(("a", 0),), out=2))
    merged = merge(lock(a=OLD, b=entry(up=(("a", 0),))), ours, theirs)
    assert [each.step for each in merged.dropped] == ["a", "b"]


def test_two_keys_of_the_same_facts_are_not_chosen_between():
    """A key has in it what the entry does not show: by which parameter an input is used."""
    merged = merge(lock(a=OLD), lock(a=entry(code=1, key=1)), lock(a=entry(code=1, key=2)))
    assert [each.step for each in merged.dropped] == ["a"]


def test_a_condition_of_one_side_is_not_put_to_the_result_of_the_other():
    """Git's own merge of the text would take the key from here and the condition from there."""
    changed = entry(code=1, out=1, seen=(("file x", digest(1)),))
    looked = entry(seen=(("file x", digest(2)),))
    merged = merge(lock(a=entry(seen=(("file x", digest(1)),))), lock(a=changed), lock(a=looked))
    assert "a" not in merged.lock.steps


def labelled(**made):
    """A family's entry: by label what the instance was made of, each with a file that it read and one that it wrote."""
    artifact = Artifact(digest("none"), digest("none"), 4, "json")
    keys = {label: digest((label, data)) for label, data in made.items()}
    return FamilyEntry(digest("code"), tuple(sorted((key, artifact) for key in keys.values())), (),
                       tuple(Input(f"data/{label}", digest(data)) for label, data in sorted(made.items())),
                       tuple(sorted((keys[label], (ProductFile(f"out/{label}", digest(data), 1),)) for label, data in made.items())))


def test_instances_that_write_files_are_merged_one_by_one_and_of_two_writers_of_one_file_none_stays():
    base, ours, theirs = (Lock({}, {}, {}, 1, (), {"fit": each}) for each in (
        labelled(us=1, de=1, fr=1), labelled(us=2, de=1, fr=2), labelled(us=1, de=2, fr=3)))
    merged = merge(base, ours, theirs).lock.families["fit"]
    assert merge(base, theirs, ours).lock.families["fit"] == merged
    expected = labelled(us=2, de=2)
    assert merged == expected
    assert merge(None, ours, ours).lock == ours


def test_steps_in_a_circle_end():
    def side(number):
        return lock(a=entry(code=number, up=(("b", number),)), b=entry(code=number, up=(("a", number),)))

    assert [each.step for each in merge(lock(), side(1), side(2)).dropped] == ["a", "b"]


def test_a_side_of_an_older_scheme_keeps_nothing_that_it_changed():
    newer = lock(a=entry(code=7), b=OLD)._replace(scheme=2)
    merged = merge(lock(a=OLD, b=OLD), newer, lock(a=entry(code=1), b=OLD, c=OLD))
    assert merged == (lock(b=OLD)._replace(scheme=2), (("a", OLDER, ()), ("c", OLDER, ())))


def test_ten_thousand_steps_that_both_sides_changed_in_one_chain():
    def side(number):
        return Lock({f"s{at:05}": entry(code=number, up=((f"s{at - 1:05}", number),), out=number) for at in range(10_000)}, {}, {}, 1)

    assert len(merge(side(0), side(1), side(2)).dropped) == 10_000


# -- texts with markers ---------------------------------------------------------------------------

def test_a_text_comes_apart_into_its_sides():
    text = "a\n<<<<<<< HEAD\nb\n||||||| 1234567\nx\n=======\nc\n>>>>>>> feature\nd\n<<<<<<< HEAD\n=======\ne\n>>>>>>> feature\n"
    assert sides_of(text) == ("a\nb\nd\n", "a\nc\nd\ne\n", "HEAD", "feature")


@pytest.mark.parametrize("text", ["<<<<<<< a\n", "=======\n", ">>>>>>> b\n", "<<<<<<< a\n<<<<<<< a\n=======\n>>>>>>> b\n",
                                  "<<<<<<< a\n=======\n=======\n>>>>>>> b\n", "||||||| x\n"])
def test_markers_that_do_not_fit_together(text):
    assert sides_of(text) is None


@given(st.lists(st.sampled_from(["<<<<<<< a\n", "=======\n", ">>>>>>> b\n", "||||||| x\n", "text\n", "\n"])).map("".join))
def test_any_text_is_taken_apart_or_refused(text):
    found = sides_of(text)
    assert found is None or not {"<<<<<<<", ">>>>>>>"} & set(found.ours.split() + found.theirs.split())
