"""Checks of what the project vouches for: the lockfile against the state, the products, the packages."""
from __future__ import annotations

import os
from typing import Dict, Iterator, List, Optional, Set, Tuple

from ..errors import DeepwatchError, PipelineError
from ..hashing.files import digest_file
from ..loading.origin import Origins
from ..model import SCHEME, Digest, Lock, ProductFile, Trace
from ..project import Project
from ..state import health, lockfile, watchlist
from ..state.database import Database
from ..state.store import LocalStore
from ..vouching import LOCKFILE
from .findings import Finding, Site, note, problem

#: how many names a finding tells
_NAMED = 5


def lock_of(site: Site) -> Tuple[Optional[Lock], List[Finding]]:
    """Return the lockfile, and what is wrong with it as a file."""
    try:
        lock = lockfile.read(os.path.join(site.config.root, LOCKFILE))
    except DeepwatchError as error:
        return None, [problem("lockfile", error.message, error.hint or "")]
    if lock is None:
        return None, [note("lockfile", f"there is no `{LOCKFILE}`", "deepwatch run, then commit it")]
    if lock.scheme != SCHEME:
        return lock, [problem("lockfile", f"`{LOCKFILE}` has scheme {lock.scheme} of digests, this deepwatch has {SCHEME}",
                              "upgrade deepwatch" if lock.scheme > SCHEME else "deepwatch run --accept-scheme")]
    return lock, []


def entries(site: Site, lock: Lock) -> Iterator[Finding]:
    """Whether what the lockfile names is here, and agrees with what happened here."""
    store = LocalStore(site.objects) if os.path.isdir(site.objects) else None
    gone = [step for step, entry in lock.steps.items()
            if store is None or not store.has(entry.artifact.blob, entry.artifact.size)]
    if gone:
        pull = " or `deepwatch pull`" if site.config.storing.remote is not None else ""
        yield note("lockfile", f"the values of {_names(gone)} are named by `{LOCKFILE}` and are not here",
                   f"`deepwatch run`{pull} brings those that are needed")
    for step, traces in _traces(site).items():
        entry = lock.steps.get(step)
        outputs = {trace.artifact.output for trace in traces if entry is not None and trace.key == entry.key}
        if entry is not None and outputs and entry.artifact.output not in outputs:
            yield note("lockfile", f"`{step}` gave another value here than `{LOCKFILE}` has for the same key: it is not reproducible",
                       f"deepwatch verify {step}")


def products(site: Site, lock: Lock) -> Iterator[Finding]:
    """Whether the products are as their steps left them."""
    store = LocalStore(site.objects) if os.path.isdir(site.objects) else None
    known: Set[Tuple[str, Digest]] = {product[:2] for traces in _traces(site).values() for trace in traces for product in trace.products}
    missing = []
    for step in (*lock.steps, *lock.families):
        for product in lock.products_of(step):
            found = _digest(site, product)
            if found == product.blob:
                continue
            if found is None:
                missing.append(product.path)
            elif (product.path, found) in known or (store is not None and store.has(found)):
                yield note("products", f"`{product.path}` is one that `{step}` wrote at another time", "`deepwatch run` puts the right one in its place")
            else:
                yield problem("products", f"`{product.path}` is not as `{step}` left it: it was edited, or an execution that failed wrote it",
                              f"move it away, or `deepwatch run --force {step}`")
    if missing:
        yield note("products", f"{_names(missing)} {'is' if len(missing) == 1 else 'are'} missing", "`deepwatch run` puts them back")


def packages(site: Site, lock: Lock) -> Iterator[Finding]:
    """Which packages are of another version than the lockfile has."""
    version = Origins(site.config.boundary).version
    for name, locked in lock.packages.items():
        here = version(name)
        if site.config.overrides.get(name, site.config.packages) == "minor":
            here = ".".join(here.split(".")[:2])
        if here != locked:
            yield note("versions", f"`{name}` is {locked or 'without a version'} in `{LOCKFILE}` and {here or 'not installed'} here: "
                                   "the steps that use it run again", f"install that version, or set package-policy.{name}")


def pipeline(site: Site, lock: Optional[Lock]) -> Iterator[Finding]:
    """Whether the pipeline loads, and what of its code can't be seen."""
    try:
        with Project(site.config) as project, project.loading():
            fingerprints = {name: project.analysis.fingerprint(node.step.function, params_apart=True)
                            for name, node in project.graph.nodes.items()}
    except DeepwatchError as error:
        where = " (with a traceback in `deepwatch status`)" if isinstance(error, PipelineError) and error.traceback else ""
        yield problem("pipeline", error.message + where, error.hint or "")
        return
    told: Dict[str, List[str]] = {}
    for step, found in fingerprints.items():
        if found.uncacheable is not None:
            yield note("pipeline", f"`{step}` runs each time: {found.uncacheable}")
        for each in found.untracked:
            place = f" ({each.file}:{each.line})" if each.file else ""
            told.setdefault(f"`{each.name}`{place} is not tracked: {each.why}", []).append(step)
    for text, steps in told.items():
        yield note("pipeline", f"{text}; used by {_names(steps)}", "pass it as a param, or declare the file")
    if lock is not None:
        for words, names in (("are not in the lockfile", set(fingerprints) - {*lock.steps, *lock.families}),
                             ("are in the lockfile and no more in the pipeline", {*lock.steps, *lock.families} - set(fingerprints))):
            if names:
                yield note("lockfile", f"{_names(sorted(names))} {words}", "deepwatch run")


def _traces(site: Site) -> Dict[str, List[Trace]]:
    path = os.path.join(site.state, os.path.basename(watchlist.STATE))
    if not os.path.isfile(path) or health.database_faults(path):
        return {}
    with Database.open(path, lambda _: None) as database:
        return database.traces()


def _digest(site: Site, product: ProductFile) -> Optional[Digest]:
    path = os.path.join(site.config.root, product.path)
    return digest_file(path)[0] if os.path.isfile(path) else None


def _names(names: List[str]) -> str:
    shown = ", ".join(f"`{name}`" for name in names[:_NAMED])
    return shown if len(names) <= _NAMED else f"{shown} and {len(names) - _NAMED} more"
