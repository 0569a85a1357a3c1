"""What is known of earlier executions, put together: by the database, and by the lockfile and locks as true as it."""
from __future__ import annotations

from typing import Callable, Dict, Optional, Sequence, Tuple

from .engine.conditions import from_lock, portable
from .model import SCHEME, Digest, History, Lock, LockEntry, Param, Trace
from .pipeline.paths import folders_of
from .state.database import Database


def history_of(database: Database, lock: Optional[Lock], version: Callable[[str], str] = lambda _: "",
               others: Sequence[Lock] = ()) -> History:
    """Return what the database and the lockfile know; what happened here comes first.

    `others` are locks whose entries are as true, such as the sides of a merge.
    """
    by_key: Dict[Digest, Tuple[Trace, ...]] = {}
    latest: Dict[str, Trace] = {}
    by_product: Dict[str, Trace] = {}
    by_step: Dict[str, Tuple[Trace, ...]] = {}
    recorded = database.traces()
    # an execution that is recorded here is known with all its conditions, of which the lockfile has a part
    here = {(trace.key, trace.artifact, portable(trace.observation)) for traces in recorded.values() for trace in traces}
    for each in [*others, lock]:
        for name, entry in each.steps.items() if each is not None and each.scheme == SCHEME else ():
            trace = trace_of(name, entry, version)
            if (entry.key, entry.artifact, entry.observed) not in here:
                by_key[trace.key] = (trace, *by_key.get(trace.key, ()))
            latest[name] = trace
        known = {(key, artifact) for key, artifact, _ in here}
        for name, family in each.families.items() if each is not None and each.scheme == SCHEME else ():
            seen, wrote = from_lock(family.observed, version), dict(family.products)
            for key, artifact in family.instances:
                if (key, artifact) in known and key not in wrote:
                    continue        # there may be very many
                trace = Trace(name, key, family.code, Digest(""), (), (), (), artifact, wrote.get(key, ()), (), seen)
                by_product.update((path, trace) for product in trace.products for path in (product.path, *folders_of(product.path)))
                if (key, artifact) not in known:
                    by_key[key] = (trace, *by_key.get(key, ()))
    for step, traces in recorded.items():
        for trace in traces:
            by_key[trace.key] = (trace, *by_key.get(trace.key, ()))
        latest[step] = traces[-1]
        by_step[step] = tuple(reversed(traces))
    families = {name: entry.code for each in [*others, lock] if each is not None and each.scheme == SCHEME for name, entry in each.families.items()}
    return History(by_key, latest, by_step, families, by_product)


def trace_of(step: str, entry: LockEntry, version: Callable[[str], str]) -> Trace:
    """Return a lockfile entry as the trace that it vouches for; `version` gives those of packages."""
    params = tuple(Param(name, digest, digest[:12]) for name, digest in entry.params)
    return Trace(step, entry.key, entry.code, Digest(""), params, entry.inputs, entry.upstreams, entry.artifact,
                 entry.products, (), from_lock(entry.observed, version))
