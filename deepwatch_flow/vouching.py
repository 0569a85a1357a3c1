"""What the lockfile says after a run: the traces that hold, and the definitions behind them."""
from __future__ import annotations

from typing import Dict, Iterable, List, Mapping, Optional, Set

from .hashing.digest import Hasher
from .model import SCHEME, Digest, Lock, LockEntry, StepFacts, Trace, Unit

#: kinds of units that a reader of the lockfile knows by name
_DEFINITIONS = frozenset({"function", "class", "data", "statement", "file"})


def lock_of(facts: Mapping[str, StepFacts], traces: Mapping[str, Trace], old: Optional[Lock],
            units: Iterable[Unit], kept: Set[str]) -> Lock:
    """Return the lock after a run.

    `traces` are those that hold now; of `kept` steps (not run this time, or failed) the old entry
    stays. Steps that are no more are dropped. `units` are those of all steps of the pipeline.
    """
    steps: Dict[str, LockEntry] = {}
    for name in sorted(facts):
        if name in traces:
            steps[name] = entry_of(traces[name])
        elif name in kept and old is not None and name in old.steps:
            steps[name] = old.steps[name]
    packages: Dict[str, str] = {}
    for each in facts.values():
        packages.update(each.fingerprint.packages)
    return Lock(steps, definitions_of(units), dict(sorted(packages.items())), SCHEME)


def entry_of(trace: Trace) -> LockEntry:
    """Return a trace as the lockfile keeps it: no values of params, no times."""
    return LockEntry(trace.key, trace.code, tuple((param.name, param.digest) for param in trace.params), trace.inputs,
                     trace.upstreams, trace.artifact, trace.products)


def definitions_of(units: Iterable[Unit]) -> Dict[str, Digest]:
    """Return the own digest of each named definition; several of one name are put together."""
    found: Dict[str, Set[Digest]] = {}
    for unit in units:
        if unit.kind in _DEFINITIONS and unit.origin == "own" and unit.file is not None:
            found.setdefault(unit.name, set()).add(unit.own)
    return {name: _together(sorted(found[name])) for name in sorted(found)}


def _together(digests: List[Digest]) -> Digest:
    return digests[0] if len(digests) == 1 else Hasher("definitions/1").fields("own", digests).digest()
