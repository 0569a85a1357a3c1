"""Plans, runs and reasons as JSON documents: what programs read.

The shape is public: keys are added, never renamed or removed. `steps` and `counts` are in every
document about steps; a reason is an object with its facts and, under `text`, its sentence.
"""
from __future__ import annotations

import json
from typing import Dict, Mapping, Sequence, Union

from ..events import Notice, RunReport, StepFinished
from ..model import Accepted, Fresh, Pending, Plan, Reason, Trace, Verdict
from ..state.logs import tail
from .explain import VERDICTS, is_unaffected, plan_counts, sentence, verdict_name, verdict_reasons
from .graphs import Node

Json = Union[None, bool, int, float, str, "list[Json]", Dict[str, "Json"]]
Document = Dict[str, Json]

#: bound before the user's modules load: they may exchange what they like
_dumps = json.dumps


def dumps(document: Json) -> str:
    """Return a document as JSON text, ASCII only, so that no output encoding can spoil it."""
    return _dumps(document, indent=2, allow_nan=False, default=str)


def reason_document(reason: Reason) -> Document:
    """Return one reason: its facts, and its sentence under ``text``."""
    return {"kind": reason.kind, "subject": reason.subject, "old": reason.old, "new": reason.new,
            "file": reason.file, "line": reason.line, "path": list(reason.path), "text": sentence(reason)}


def reason_documents(reasons: Sequence[Reason]) -> Json:
    """Return several reasons, in their order."""
    return [reason_document(reason) for reason in reasons]


def verdict_document(name: str, verdict: Verdict, plan: Plan) -> Document:
    """Return one step of a plan."""
    document: Document = {"name": name, "verdict": verdict_name(verdict),
                          "reasons": reason_documents(verdict_reasons(verdict))}
    document["refused"] = plan.refused.get(name)
    if not isinstance(verdict, Fresh):
        document["failed_in"] = plan.failed.get(name)
    elif plan.absent is not None:
        document["stored"] = name not in plan.absent
    if isinstance(verdict, Pending):
        document["on"] = list(verdict.on)
    elif isinstance(verdict, Fresh):
        document["key"] = verdict.key or verdict.trace.key
        document["restores"] = [product.path for product in verdict.restore]
        document["unaffected"] = is_unaffected(verdict)
        document["accepted"] = accepted_documents(verdict.accepted)
    else:
        document["key"] = verdict.key
    return document


def accepted_documents(changes: Sequence[Accepted]) -> Json:
    """Return accepted changes of a step, in their order."""
    return [{"definition": each.definition, "old": each.old, "new": each.new, "reason": each.reason} for each in changes]


def plan_document(plan: Plan) -> Document:
    """Return a plan: what ``status --json`` and ``run --dry-run --json`` print."""
    counts = plan_counts(plan)
    return {"steps": [verdict_document(name, verdict, plan) for name, verdict in plan.verdicts.items()],
            "counts": {name: counts[name] for name in VERDICTS},
            "orphans": [{"path": each.path, "step": each.step} for each in plan.orphans]}


def run_document(report: RunReport) -> Document:
    """Return a run: what ``run --json`` prints."""
    return {"run": report.run, "ok": report.ok, "interrupted": report.interrupted,
            "seconds": round(report.seconds, 6),
            "steps": [_finished_document(step) for step in report.steps],
            "counts": dict(report.counts),
            "notices": [_notice_document(notice) for notice in report.notices]}


def _finished_document(step: StepFinished) -> Document:
    document: Document = {"name": step.step, "outcome": step.outcome,
                          "reasons": reason_documents(step.reasons),
                          "seconds": round(step.seconds, 6), "changed": step.changed}
    if step.error is not None:
        document["error"] = step.error
        document["traceback"] = step.traceback
        if step.printed is not None:
            document["printed"] = tail(step.printed)
    return document


def _notice_document(notice: Notice) -> Document:
    return {"level": notice.level, "message": notice.message, "hint": notice.hint}


def trace_document(trace: Trace) -> Document:
    """Return what is recorded about one execution of one step."""
    return {"key": trace.key, "code": trace.code,
            "params": {param.name: param.shown for param in trace.params},
            "inputs": {item.path: item.digest for item in trace.inputs},
            "upstreams": {item.step: item.output for item in trace.upstreams},
            "packages": dict(trace.packages),
            "products": {item.path: {"blob": item.blob, "size": item.size, "executable": item.executable} for item in trace.products},
            "artifact": {"output": trace.artifact.output, "blob": trace.artifact.blob,
                         "size": trace.artifact.size, "codec": trace.artifact.codec}}


def graph_document(nodes: Sequence[Node], details: Mapping[str, Document]) -> Document:
    """Return the step graph; `details` adds keys to the object of a step."""
    steps: Json = [{"name": node.name, "upstreams": list(node.upstreams), "after": list(node.after),
                    **details.get(node.name, {})} for node in nodes]
    return {"steps": steps, "counts": {"steps": len(nodes)}}


def error_document(message: str, hint: object, exit_code: int) -> Document:
    """Return the document that stands for a command's result where it had none."""
    return {"error": {"message": message, "hint": None if hint is None else str(hint), "exit_code": exit_code},
            "steps": [], "counts": {}}
