"""``deepwatch accept``: a step whose code changed stays fresh by somebody's word, and only as far as that goes."""
from __future__ import annotations

import shutil
from typing import Any

import pytest

HELPERS = """
    LIMIT = 3

    def trim(text):
        return text[:LIMIT]

    def shout(text):
        return text.upper()

    def even(number):
        return number == 0 or odd(number - 1)

    def odd(number):
        return number != 0 and even(number - 1)
    """
PIPELINE = """
    from deepwatch_flow import File, step
    import helpers

    @step
    def first(source=File("source.txt")):
        return [helpers.trim(source.read_text()), helpers.even(4)]

    @step
    def second(first):
        return [helpers.shout(helpers.trim(text)) for text in first[:1]]
    """
EDIT = ("helpers.py", "text[:LIMIT]", "text[0:LIMIT]")
WHY = ("--reason", "spelled otherwise")


@pytest.fixture
def edited(project: Any) -> Any:
    """A project of which `trim` was edited, which both steps use."""
    project.write("helpers.py", HELPERS)
    project.write("pipeline.py", PIPELINE)
    project.write("source.txt", "abcdef")
    project.run()
    project.edit(*EDIT)
    return project


def accept(project: Any, *args: str, code: int = 0) -> Any:
    done = project.cli("accept", *args)
    assert done.code == code, done.stderr
    return done


def both(project: Any) -> None:
    accept(project, "first", *WHY)
    accept(project, "second", *WHY)


def test_the_step_is_fresh_without_running(edited: Any) -> None:
    done = accept(edited, "first:helpers.trim", *WHY)
    assert "accepted for `first`: `helpers.trim`" in done.stderr
    assert edited.status().verdicts == {"first": "fresh", "second": "stale"}
    accept(edited, "second", *WHY)
    assert edited.status("--check").verdicts == {"first": "fresh", "second": "fresh"}
    assert edited.status("--check", "--precise").verdicts == {"first": "fresh", "second": "fresh"}
    assert edited.run().outcomes == {"first": "reused", "second": "reused"}


def test_the_lockfile_tells_it_and_a_run_leaves_it_alone(edited: Any) -> None:
    before = edited.lock
    both(edited)
    lock = edited.lock
    assert b'[accepted."first"."helpers.trim"]' in lock
    assert b'reason = "spelled otherwise"' in lock
    # nothing but that and the digest of the definition is new
    assert len(set(before.splitlines()) - set(lock.splitlines())) == 1
    assert edited.run("--locked").executed == []
    assert edited.run().executed == []
    assert edited.run("--precise").executed == []
    assert edited.lock == lock


def test_it_is_said_wherever_the_step_is_told_of(edited: Any) -> None:
    both(edited)
    told = "accepted: `helpers.trim`: spelled otherwise"
    assert told in edited.cli("why", "first").stdout
    (accepted,) = edited.status().steps["first"]["accepted"]
    assert (accepted["definition"], accepted["reason"]) == ("helpers.trim", "spelled otherwise")
    slow = edited.cli("status")
    assert slow.stdout.count(told) == 2
    edited.run()
    # and where the watch list answers
    assert edited.cli("status") == slow
    assert edited.cli("status", "--check") == slow
    assert edited.cli("run").stderr == "2 steps up to date\n"
    assert edited.cli("run", "--locked").stderr == "2 steps up to date\n"


def test_the_watch_list_answers_with_nothing_imported(edited: Any) -> None:
    edited.write("pipeline.py", PIPELINE + "\n    import sys\n    print('the pipeline is imported', file=sys.stderr)\n")
    edited.run()
    edited.edit("helpers.py", "text.upper()", "str.upper(text)")
    accept(edited, "second", *WHY)
    assert "imported" in edited.cli("run").stderr
    for command in (("run",), ("run", "--locked"), ("status",), ("status", "--check")):
        assert "imported" not in edited.cli(*command).stderr
    # another edit is noticed all the same
    edited.edit("helpers.py", "str.upper(text)", "text.lower()")
    assert edited.status("--check", code=3).verdicts == {"first": "fresh", "second": "stale"}


def test_a_clone_sees_it_too(edited: Any, make_project: Any) -> None:
    both(edited)
    clone = make_project("clone")
    for name in ("helpers.py", "pipeline.py", "source.txt", "deepwatch.lock"):
        shutil.copy(edited.path(name), clone.path(name))
    shutil.copytree(str(edited.path(".deepwatch/objects")), str(clone.path(".deepwatch/objects")))
    assert clone.status("--check").verdicts == {"first": "fresh", "second": "fresh"}
    assert clone.run("--locked").executed == []
    assert clone.run().executed == []
    assert clone.lock == edited.lock
    # what there was is not known here: taken back, only the whole can be accepted
    accept(clone, "first", "--undo")
    assert clone.status().verdicts["first"] == "stale"
    assert "made on another machine" in accept(clone, "first:trim", *WHY, code=2).stderr
    accept(clone, "first", *WHY)
    assert b'[accepted."first"."*"]' in clone.lock
    assert clone.run("--locked").executed == []


def test_taken_back_nothing_is_left_in_the_lockfile(edited: Any) -> None:
    before = edited.lock
    accept(edited, "first", *WHY)
    accept(edited, "first", "--undo")
    assert edited.lock == before


def test_what_is_void_goes_with_the_next_word(edited: Any) -> None:
    accept(edited, "first", *WHY)
    edited.edit("helpers.py", "text[0:LIMIT]", "text[0:LIMIT:1]")
    accept(edited, "first", "--reason", "spelled once more")
    assert edited.lock.count(b'[accepted."first"') == 1
    assert b"spelled once more" in edited.lock


def test_it_is_taken_back(edited: Any) -> None:
    both(edited)
    accept(edited, "first:trim", "--undo")
    assert edited.status().verdicts == {"first": "stale", "second": "pending"}
    accept(edited, "second", "--undo")
    assert b"accepted" not in edited.lock
    assert edited.run().executed == ["first", "second"]


def test_it_is_void_once_the_definition_changes_again(edited: Any) -> None:
    both(edited)
    edited.edit("helpers.py", "text[0:LIMIT]", "text[0:LIMIT].strip()")
    assert edited.status().verdicts == {"first": "stale", "second": "pending"}
    edited.edit("helpers.py", "text[0:LIMIT].strip()", "text[0:LIMIT]")
    assert edited.status().verdicts == {"first": "fresh", "second": "fresh"}


def test_it_is_void_once_what_the_definition_uses_changes(edited: Any) -> None:
    both(edited)
    edited.edit("helpers.py", "LIMIT = 3", "LIMIT = 4")
    assert edited.status().verdicts == {"first": "stale", "second": "pending"}


def test_another_change_runs_the_step_and_ends_the_acceptance(edited: Any) -> None:
    both(edited)
    edited.edit("helpers.py", "text.upper()", "text.lower()")
    done = edited.status()
    assert done.verdicts == {"first": "fresh", "second": "stale"}
    assert [reason["subject"] for reason in done.reasons("second")] == ["helpers.shout"]
    assert edited.run().executed == ["second"]
    assert b'[accepted."first"' in edited.lock
    assert b'[accepted."second"' not in edited.lock
    # the new result was made with the code of now: it holds by that, and not for the code of before
    assert edited.run("--locked").executed == []
    edited.edit(EDIT[0], EDIT[2], EDIT[1])
    assert edited.status().verdicts == {"first": "fresh", "second": "stale"}


def test_a_lost_value_is_made_by_the_code_of_now(edited: Any) -> None:
    both(edited)
    shutil.rmtree(str(edited.path(".deepwatch/objects")))
    assert edited.run("second").executed == ["first", "second"]
    assert b"accepted" not in edited.lock
    assert edited.run("--locked").executed == []


def test_a_forced_run_ends_the_acceptance(edited: Any) -> None:
    both(edited)
    assert edited.run("--force", "second").executed == ["second"]
    assert b'[accepted."second"' not in edited.lock
    assert edited.status().verdicts == {"first": "fresh", "second": "fresh"}


def test_definitions_that_use_each_other(edited: Any) -> None:
    edited.run()
    edited.edit("helpers.py", "number == 0 or", "not number or")
    accept(edited, "first:even", *WHY)
    assert edited.lock.count(b"[accepted.") == 2
    assert edited.run().executed == []


def test_a_change_of_the_step_itself(edited: Any) -> None:
    both(edited)
    edited.edit("pipeline.py", "first[:1]", "first[0:1]")
    accept(edited, "second:pipeline.second", *WHY)
    assert edited.run("--locked").executed == []
    assert edited.lock.count(b'[accepted."second"') == 2


def test_each_change_keeps_its_reason(edited: Any) -> None:
    accept(edited, "first", *WHY)
    edited.edit("helpers.py", "number == 0 or", "not number or")
    accept(edited, "first", "--reason", "the same for numbers")
    said = {each["definition"]: each["reason"] for each in edited.status().steps["first"]["accepted"]}
    assert said == {"helpers.trim": "spelled otherwise", "helpers.even": "the same for numbers", "helpers.odd": "the same for numbers"}
    assert edited.run("--locked", "first").executed == []


def test_imports_that_do_something(project: Any) -> None:
    # effects are ordered by their digests, and have to come in the order of those that they had
    for name in "abcdef":
        project.write(f"{name}.py", f"import decimal\ndecimal.getcontext().prec = 20 + ord('{name}')\ndef value(): return 1\n")
    imports = "".join(f"import {name}\n" for name in "abcdef")
    project.write("pipeline.py", imports + "from deepwatch_flow import step\n\n@step\ndef only():\n    return "
                  + " + ".join(f"{name}.value()" for name in "abcdef") + "\n")
    project.run()
    for name in "abcdef":
        project.edit(f"{name}.py", "20 + ord", "int(20) + ord")
        accept(project, "only", *WHY)
        assert project.run("--locked").executed == []
        assert b'."*"]' not in project.lock


@pytest.mark.parametrize(("args", "words"), [
    (("first",), "why does the change not matter?"),
    (("first", "--reason", "  "), "why does the change not matter?"),
    (("first", "--undo", *WHY), "needs no `--reason`"),
    (("first", "--undo"), "nothing of `first` was accepted"),
    (("first:nothing", *WHY), "these changed: `helpers.trim`"),
    (("first:", *WHY), "names no definition"),
    (("*", *WHY), "one step at a time"),
    (("third", *WHY), "there is no step `third`"),
])
def test_what_makes_no_sense(edited: Any, args: Any, words: str) -> None:
    before = edited.lock
    done = accept(edited, *args, code=2)
    assert words in done.stderr
    assert "hint:" in done.stderr or "--undo" in args
    assert "Traceback" not in done.stderr
    assert edited.lock == before


def test_nothing_changed(edited: Any) -> None:
    edited.run()
    assert "`first` is fresh: there is nothing to accept" in accept(edited, "first", *WHY, code=2).stderr


def test_accepted_already(edited: Any) -> None:
    both(edited)
    assert "deepwatch accept first --undo" in accept(edited, "first", *WHY, code=2).stderr


def test_never_run(edited: Any) -> None:
    edited.path("deepwatch.lock").unlink()
    done = accept(edited, "first", *WHY, code=4)
    assert "no result of `first` that could be kept" in done.stderr
    assert "deepwatch run first" in done.stderr


def test_a_step_that_would_run_all_the_same(edited: Any) -> None:
    edited.write("source.txt", "other")
    done = accept(edited, "first", *WHY, code=2)
    assert "would run all the same" in done.stderr
    assert "source.txt" in done.stderr


def test_while_a_run_goes_on(edited: Any) -> None:
    from deepwatch_flow.state.mutex import Mutex

    with Mutex(str(edited.path(".deepwatch/mutex")), "a test").acquire(timeout=0):
        accept(edited, "first", *WHY, code=5)


def test_for_programs(edited: Any) -> None:
    done = accept(edited, "first", *WHY, "--json")
    assert done.document["verdict"] == "fresh"
    assert [each["definition"] for each in done.document["accepted"]] == ["helpers.trim"]
    assert accept(edited, "first", "--undo", "--json").document["undone"] is True
