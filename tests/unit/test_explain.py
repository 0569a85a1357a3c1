"""Every reason, count and duration as a person reads it."""
from __future__ import annotations

import pytest

from deepwatch_flow.events import OUTCOMES
from deepwatch_flow.model import Artifact, Digest, Fresh, Pending, Plan, Reason, Stale, Trace
from deepwatch_flow.report import explain
from deepwatch_flow.report.explain import sentence

A, B = "a" * 64, "b" * 64
TRACE = Trace("s", Digest(A), Digest(A), Digest(A), (), (), (), Artifact(Digest(A), Digest(A), 1, "json"))


@pytest.mark.parametrize("reason, text", [
    (Reason("never-ran", "clean"), "no result of `clean` is recorded"),
    (Reason("never-ran", "clean", new="not with these inputs"), "no result of `clean` is recorded, not with these inputs"),
    (Reason("code", "helpers.x", "old", "new"), "`helpers.x` changed"),
    (Reason("code", "helpers.x", None, "new"), "`helpers.x` is new or changed"),
    (Reason("code", "helpers.x", "old", None), "`helpers.x` is no longer used"),
    (Reason("code", "helpers.x"), "`helpers.x` changed"),
    (Reason("code"), "its code changed"),
    (Reason("package", "pandas", "2.1", "2.2"), "package `pandas` changed: 2.1 -> 2.2"),
    (Reason("package", "pandas", None, "2.2"), "package `pandas` 2.2 is used now and was not before"),
    (Reason("package", "pandas", "2.2", None), "package `pandas` 2.2 is no longer used"),
    (Reason("param", "lr", "0.1", "0.2"), "param `lr` changed: 0.1 -> 0.2"),
    (Reason("param", "lr", A, B), "param `lr` changed"),
    (Reason("param", "lr", None, "0.2"), "param `lr` is new: 0.2"),
    (Reason("param", "lr", "0.1", None), "param `lr` is gone: 0.1"),
    (Reason("input", "data/a.csv", A, B), "input `data/a.csv` changed"),
    (Reason("input", "data/a.csv", None, B), "input `data/a.csv` is new"),
    (Reason("input", "data/a.csv", A, None), "input `data/a.csv` is gone"),
    (Reason("input", "data/a.csv"), "input `data/a.csv` is missing"),
    (Reason("upstream", "clean", A, B), "the output of step `clean` changed"),
    (Reason("product", "out.txt"), "product `out.txt` is not as recorded"),
    (Reason("product", "out.txt", new="gone"), "product `out.txt` is missing, and not in the store"),
    (Reason("artifact", "clean"), "the value of `clean` is not in the store"),
    (Reason("forced", "clean"), "forced by --force"),
    (Reason("uncacheable", "clean", new="a lock in `x`"), "`clean` can't be cached: a lock in `x`"),
    (Reason("scheme", "", "1", "2"), "its result was recorded under hash scheme 1, this is 2"),
    (Reason("upstream-failed", "clean"), "step `clean` failed"),
    (Reason("a-kind-of-a-later-version", "x"), "a-kind-of-a-later-version `x`"),
])
def test_a_reason_is_one_sentence(reason: Reason, text: str) -> None:
    assert sentence(reason) == text


def test_a_long_value_is_cut() -> None:
    text = sentence(Reason("param", "names", "'" + "x" * 500 + "'", "1"))
    assert len(text) < 120
    assert "..." in text


@pytest.mark.parametrize("text, shown", [
    ("plain", "plain"),
    ("ünï→code", "ünï→code"),
    ("a\x1b[31mb", "a\\x1b[31mb"),
    ("a\nb\tc\x7f\x9b", "a\\x0ab\\x09c\\x7f\\x9b"),
    ("right\u202eleft", "right\\u202eleft"),
    ("half\udc80", "half\\udc80"),
    ("", ""),
])
def test_no_control_character_reaches_the_terminal(text: str, shown: str) -> None:
    assert explain.printable(text) == shown
    assert explain.printable(text).encode("utf-8") is not None      # no surrogate is left


def test_a_traceback_keeps_its_line_ends_and_nothing_else() -> None:
    assert explain.block("a\r\n\tb\x1b[2J") == "a\n\tb\\x1b[2J"


def test_a_name_with_control_characters_is_escaped_in_sentences_places_and_paths() -> None:
    reason = Reason("code", "a\x1b", "o", "n", "f\x1b.py", 3, ("s\x1b", "a\x1b"))
    for text in (sentence(reason), explain.place(reason), explain.route(reason), explain.headline([reason])):
        assert "\x1b" not in text


def test_the_headline_has_the_place_and_how_many_more() -> None:
    reasons = [Reason("code", "h.x", "o", "n", "h.py", 3), Reason("param", "lr", "1", "2")]
    assert explain.headline(reasons) == "`h.x` changed (h.py:3), and 1 more"
    assert explain.headline(reasons[1:]) == "param `lr` changed: 1 -> 2"
    assert explain.headline([]) == ""


def test_the_route_is_told_where_it_says_more_than_the_step() -> None:
    assert explain.route(Reason("code", "x", path=("model", "train", "x"))) == "model -> train -> x"
    assert explain.route(Reason("code", "x", path=("model",))) == ""


def test_a_difference_needs_both_texts() -> None:
    reason = Reason("code", "f", "def f():\n    return 1\n", "def f():\n    return 2\n")
    assert explain.difference(reason)[-2:] == ["-    return 1", "+    return 2"]
    assert explain.difference(reason._replace(old=None)) == []
    assert explain.difference(reason._replace(old=A, new=B)) == []
    assert explain.difference(reason._replace(kind="param")) == []


def test_a_difference_shows_control_characters_escaped_and_is_cut_where_it_is_long() -> None:
    assert explain.difference(Reason("code", "f", "a\x1b[2J", "b"))[-2:] == ["-a\\x1b[2J", "+b"]
    long = explain.difference(Reason("code", "f", "\n".join(map(str, range(500))), "x"))
    assert len(long) < 100
    assert long[-1].endswith("more lines")


def test_counts_name_what_is_there_in_order() -> None:
    assert explain.counted({"reused": 5, "ran": 3, "failed": 0}, OUTCOMES) == "3 ran, 5 reused"


@pytest.mark.parametrize("counts, interrupted, line", [
    ({"ran": 3, "reused": 5, "failed": 1}, False, "3 ran, 5 reused, 1 failed in 1.20 s"),
    ({"reused": 5}, False, "5 steps up to date"),
    ({"reused": 5, "cancelled": 2}, True, "interrupted: 5 reused, 2 cancelled in 1.20 s"),
    ({}, False, "no steps in 1.20 s"),
])
def test_the_closing_line(counts: dict, interrupted: bool, line: str) -> None:
    assert explain.closing(counts, 1.2, interrupted) == line


@pytest.mark.parametrize("elapsed, text", [
    (0, "0.00 s"), (9.99, "9.99 s"), (9.996, "10.0 s"), (59.94, "59.9 s"), (59.96, "1 min 00 s"),
    (3599.7, "1 h 00 min"), (7500, "2 h 05 min"),
])
def test_durations_round_without_a_gap(elapsed: float, text: str) -> None:
    assert explain.seconds(elapsed) == text


@pytest.mark.parametrize("count, text", [(0, "0 bytes"), (1023, "1023 bytes"), (1536, "1.5 KiB"), (5 << 40, "5.0 TiB")])
def test_sizes(count: int, text: str) -> None:
    assert explain.size(count) == text


def test_columns_line_up_with_wide_characters() -> None:
    rows = explain.columns([("a", "x"), ("漢字", "y")])
    assert [explain.width(row[0]) for row in rows] == [4, 4]
    assert explain.columns([]) == []


def test_a_name_that_is_too_long_pads_no_other() -> None:
    rows = explain.columns([("a", "x"), ("b" * 41, "y"), ("c" * 7, "z")])
    assert [row[0] for row in rows] == ["a      ", "b" * 41, "c" * 7]
    assert explain.columns([("b" * 41, "y")]) == [["b" * 41, "y"]]
    assert explain.columns([("b" * 41, "y"), ("a", "y")], 60)[1] == ["a" + " " * 40, "y"]


def test_a_plan_is_counted_with_all_verdicts_present() -> None:
    plan = Plan({"a": Fresh(TRACE), "b": Stale((), None), "c": Pending(("b",)), "d": Pending(("b",))})
    assert explain.plan_counts(plan) == {"stale": 1, "pending": 2, "fresh": 1}


def test_a_pending_step_tells_what_it_depends_on_and_its_own_reasons() -> None:
    assert explain.verdict_line(Pending(("a", "b"))) == "depends on what `a`, `b` will give"
    line = explain.verdict_line(Pending(("a",), (Reason("param", "lr", "1", "2"),)))
    assert line == "param `lr` changed: 1 -> 2; depends on what `a` will give"
    assert explain.verdict_line(Fresh(TRACE)) == ""


def test_many_names_are_cut() -> None:
    assert explain.names(["a", "b", "c"], 2) == "`a`, `b` and 1 more"
