"""The facts that a plan needs: fingerprints, params, input digests, what recorded results are at hand.

All the I/O before a decision is here; the decision itself is the planner's.
"""
from __future__ import annotations

import os
from typing import Dict, Iterable, Optional, Set, Tuple

from .analysis.fingerprint import Analysis
from .engine.planner import World
from .hashing.files import StatMemo, digest_file, digest_input
from .model import (
    SCHEME,
    Digest,
    History,
    Lock,
    LockEntry,
    Param,
    ProductFile,
    Reason,
    StepFacts,
    Trace,
)
from .pipeline.graph import StepGraph, StepNode
from .state import disk
from .state.database import Database
from .state.store import BlobStore

#: how much of a param's value is shown to people
_SHOWN = 80


class Survey:
    """Looks at a project once for a plan or a run."""

    def __init__(self, root: str, graph: StepGraph, analysis: Analysis, store: BlobStore, memo: StatMemo) -> None:
        self._root = root
        self._graph = graph
        self._analysis = analysis
        self._store = store
        self._memo = memo
        self._facts: Dict[str, StepFacts] = {}

    def facts(self, names: Iterable[str]) -> Dict[str, StepFacts]:
        """Return the facts of steps, in the order of their names."""
        return {name: self._of(self._graph.nodes[name]) for name in names}

    def _of(self, node: StepNode) -> StepFacts:
        found = self._facts.get(node.name)
        if found is None:
            analysis = self._analysis
            fingerprint = analysis.fingerprint(node.step.function, params_apart=True)
            params = []
            for name, value in sorted(node.params.items()):
                digest, why = analysis.value(value, f"{node.name}.{name}")
                if why is not None and fingerprint.uncacheable is None:
                    fingerprint = fingerprint._replace(uncacheable=f"param `{name}`: {why}")
                params.append(Param(name, digest, _shown(value)))
            found = self._facts[node.name] = StepFacts(
                node.name, fingerprint, tuple(params), tuple(sorted(node.files.items())),
                tuple(sorted(node.products.items())), tuple(sorted(node.upstreams.items())),
                tuple(self._graph.upstreams(node.name)))
        return found

    def world(self, names: Iterable[str], history: History) -> World:
        """Return all that the planner may look at for some steps."""
        produced = {path: node.name for node in self._graph.nodes.values() for path in node.products.values()}
        return World(self.facts(names), history, self.input_digest, self.holdings, produced)

    def input_digest(self, path: str) -> Optional[Digest]:
        """Return the digest of a declared input, None where there is none."""
        full = os.path.join(self._root, path)
        return digest_input(full, self._memo) if os.path.exists(full) else None

    def holdings(self, trace: Trace, wanted: bool) -> Tuple[Tuple[Reason, ...], Tuple[ProductFile, ...]]:
        """Return why a trace's result can't be had, and the products to put back."""
        lost = []
        restore = []
        for product in trace.products:
            if self._product_digest(product.path) == product.blob:
                continue
            if self._store.has(product.blob, product.size):
                restore.append(product)
            else:
                lost.append(Reason("product", product.path))
        if wanted and not self._store.has(trace.artifact.blob, trace.artifact.size):
            lost.append(Reason("artifact", trace.step))
        return tuple(lost), tuple(restore)

    def clear(self, trace: Trace) -> None:
        """Remove the products of a step that is about to run, where they are as it left them.

        So a step that writes its product no more is noticed. An edited file stays, and what is
        removed is in the store.
        """
        for product in trace.products:
            if self._product_digest(product.path) == product.blob and self._store.has(product.blob, product.size):
                disk.remove(os.path.join(self._root, product.path))

    def _product_digest(self, path: str) -> Optional[Digest]:
        full = os.path.join(self._root, path)
        try:
            stat = os.stat(full)
        except OSError:
            return None
        known = self._memo.get(full, stat)
        if known is None:
            if not os.path.isfile(full):
                return None
            known = digest_file(full)[0]
            self._memo.put(full, stat, known)
        return known


def history_of(database: Database, lock: Optional[Lock]) -> History:
    """Return what the database and the lockfile know; what happened here comes first."""
    by_key: Dict[Digest, Trace] = {}
    latest: Dict[str, Trace] = {}
    if lock is not None and lock.scheme == SCHEME:
        for name, entry in lock.steps.items():
            trace = trace_of(name, entry)
            by_key[trace.key] = trace
            latest[name] = trace
    for step, traces in database.traces().items():
        by_key.update(traces)
        latest[step] = traces[next(reversed(traces))]
    return History(by_key, latest)


def trace_of(step: str, entry: LockEntry) -> Trace:
    """Return a lockfile entry as the trace that it vouches for."""
    params = tuple(Param(name, digest, digest[:12]) for name, digest in entry.params)
    return Trace(step, entry.key, entry.code, Digest(""), params, entry.inputs, entry.upstreams, entry.artifact,
                 entry.products)


def leaves(graph: StepGraph, names: Iterable[str]) -> Set[str]:
    """Return the steps whose values no other of these steps consumes."""
    selected = list(names)
    consumed = {step for name in selected for step in graph.nodes[name].upstreams.values()}
    return {name for name in selected if name not in consumed}


def _shown(value: object) -> str:
    try:
        text = repr(value)
    except Exception as error:  # noqa: BLE001 - a user's __repr__ may raise anything; the text is for people only
        text = f"<{type(value).__name__} whose repr raises {type(error).__name__}>"
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"

