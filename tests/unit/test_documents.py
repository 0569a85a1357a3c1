"""What programs read: one shape, ASCII, complete."""
from __future__ import annotations

import json

from deepwatch_flow.events import OUTCOMES, Notice, RunReport, StepFinished
from deepwatch_flow.model import (
    Artifact,
    Digest,
    Fresh,
    Input,
    Param,
    Pending,
    Plan,
    ProductFile,
    Reason,
    Stale,
    Trace,
    Upstream,
)
from deepwatch_flow.report import documents
from deepwatch_flow.report.graphs import Node

D = Digest("d" * 64)
TRACE = Trace("s", D, D, D, (Param("lr", D, "0.1"),), (Input("a.csv", D),), (Upstream("x", "up", D),),
              Artifact(D, D, 7, "json"), (ProductFile("out.txt", D, 3),), (("numpy", "1.0"),))
REASON = Reason("code", "h.x", "old", "new", "h.py", 3, ("s", "h.x"))


def test_a_reason_has_its_facts_and_its_sentence() -> None:
    assert documents.reason_document(REASON) == {
        "kind": "code", "subject": "h.x", "old": "old", "new": "new", "file": "h.py", "line": 3,
        "path": ["s", "h.x"], "text": "`h.x` changed"}


def test_a_plan_has_each_step_s_verdict_in_order_and_all_counts() -> None:
    plan = Plan({"b": Fresh(TRACE), "a": Stale((REASON,), None), "c": Pending(("a",), ())})
    document = documents.plan_document(plan)
    assert [(step["name"], step["verdict"]) for step in document["steps"]] == [
        ("b", "fresh"), ("a", "stale"), ("c", "pending")]
    assert document["counts"] == {"stale": 1, "pending": 1, "fresh": 1}
    assert document["steps"][0]["reasons"] == [] and document["steps"][0]["key"] == D
    assert document["steps"][1]["reasons"][0]["subject"] == "h.x" and document["steps"][1]["key"] is None
    assert document["steps"][2]["on"] == ["a"]


def test_a_run_has_each_step_s_outcome_and_all_counts() -> None:
    report = RunReport("r1", (
        StepFinished("a", "ran", (REASON,), 1.23456789, changed=False),
        StepFinished("b", "failed", (), 0.5, "ValueError: no", "Traceback"),
        StepFinished("c", "blocked", (Reason("upstream-failed", "b"),)),
    ), (Notice("odd", "look"),), 2.0)
    document = documents.run_document(report)
    assert [(step["name"], step["outcome"]) for step in document["steps"]] == [
        ("a", "ran"), ("b", "failed"), ("c", "blocked")]
    assert set(document["counts"]) == set(OUTCOMES)
    assert document["counts"]["ran"] == 1 and document["ok"] is False
    assert document["steps"][0]["changed"] is False and "error" not in document["steps"][0]
    assert document["steps"][1]["error"] == "ValueError: no" and document["steps"][1]["traceback"] == "Traceback"
    assert document["notices"] == [{"level": "warning", "message": "odd", "hint": "look"}]
    assert json.loads(documents.dumps(document)) == document


def test_the_text_of_a_document_is_ascii_whatever_the_names() -> None:
    text = documents.dumps({"name": "ünï→code \udc80"})
    assert text.isascii()
    assert json.loads(text) == {"name": "ünï→code \udc80"}


def test_a_trace_is_told_completely() -> None:
    document = documents.trace_document(TRACE)
    assert document["params"] == {"lr": "0.1"} and document["inputs"] == {"a.csv": D}
    assert document["upstreams"] == {"up": D} and document["packages"] == {"numpy": "1.0"}
    assert document["products"] == {"out.txt": {"blob": D, "size": 3, "executable": False}}
    assert document["artifact"] == {"output": D, "blob": D, "size": 7, "codec": "json"}


def test_a_graph_has_its_edges_and_what_is_known_of_a_step() -> None:
    document = documents.graph_document([Node("b", ("a",), ("c",))], {"b": {"tags": ["ml"]}})
    assert document["steps"] == [{"name": "b", "upstreams": ["a"], "after": ["c"], "tags": ["ml"]}]


def test_an_error_is_a_document_with_the_keys_of_the_others() -> None:
    document = documents.error_document("no", "try", 2)
    assert document["error"] == {"message": "no", "hint": "try", "exit_code": 2}
    assert document["steps"] == [] and document["counts"] == {}
