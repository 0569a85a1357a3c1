"""Executing steps again in a clean place, and comparing what they give with what the lockfile says.

Each gets the values and products of its upstream steps that the lockfile names, so that the step is told which
differs, not all that follow. Nothing of the project is changed.
"""
from __future__ import annotations

import contextlib
import os
from typing import Callable, Iterable, Iterator, List, NamedTuple, Optional, Tuple

from ..engine.calls import call_of
from ..engine.processes import ProcessExecutor
from ..engine.workerprocess import Setup
from ..errors import DeepwatchError
from ..hashing.difference import Difference, differences
from ..model import Accepted, Artifact, ProductFile, base_of
from ..project import Project, value_of
from ..state.logs import tail
from ..state.store import BlobMissing, BlobStore
from .place import CleanPlace, perform, prepare
from .subjects import Locked, Subjects

#: what a verification can come to, in the order in which they are counted
OUTCOMES = ("differs", "failed", "unverified", "reproducible")
#: files of products that are larger are compared by their digests alone
_LARGE = 100_000_000


class Verification(NamedTuple):
    """What came of executing one step again."""

    step: str
    outcome: str                                   #: one of OUTCOMES
    why: str = ""                                  #: of one that failed, or could not be verified
    locked: Optional[Artifact] = None
    now: Optional[Artifact] = None
    differences: Tuple[Difference, ...] = ()       #: where the values first differ
    products: Tuple[Tuple[str, Difference], ...] = ()   #: (path, where the file first differs)
    seconds: float = 0.0
    traceback: Optional[str] = None
    accepted: Tuple[Accepted, ...] = ()            #: changes that it ran with, though they count as nothing
    printed: str = ""                              #: the last lines of what it printed


class Verifier:
    """Executes steps again in a clean place; `subjects` has all steps that the lockfile knows."""

    def __init__(self, project: Project, store: BlobStore, subjects: Subjects) -> None:
        self._project = project
        self._store = store
        self._subjects = subjects
        self._laid: List[str] = []       # products that stand in the place, or may do so

    def verify(self, names: Iterable[str], tell: Callable[[str], None]) -> List[Verification]:
        """Return what comes of executing each of some steps again; `tell` hears which one is next.

        One that the lockfile does not tell of as it is now is left out, and said to be.
        """
        found: List[Verification] = []
        listed = [(name, self._subjects.steps[name]) for name in names]
        traces = [each.trace for _, each in listed if isinstance(each, Locked)]
        written = [product.path for products in self._subjects.products.values() for product in products]
        with CleanPlace(self._project, traces, written) as place:
            executor = ProcessExecutor(1, Setup(prepare, place.setup, perform))
            try:
                for name, subject in listed:
                    if isinstance(subject, Locked):
                        tell(name)
                        found.append(self._verified(name, subject, place, executor))
                    else:
                        found.append(Verification(name, "unverified", subject))
            except BaseException:
                executor.close(cancel=True)
                raise
            executor.close()
        return found

    def _verified(self, name: str, locked: Locked, place: CleanPlace, executor: ProcessExecutor) -> Verification:
        facts, options = locked.facts, self._project.graph.nodes[base_of(name)].step.options
        missing = self._lay_out(locked, place)
        if missing is not None:
            return Verification(name, "unverified", f"what `{missing}` gave is not stored here", locked.artifact)
        executor.submit(call_of(facts, locked.given, options)._replace(timeout=None))
        ((_, outcome),) = executor.wait()
        failure = outcome.failure
        printed = tail(outcome.printed) if outcome.printed is not None else ""
        if failure is not None or outcome.artifact is None:
            error = failure.error if failure is not None else "it gave nothing"
            trace = failure.traceback if failure is not None else None
            here = os.path.join(place.root, "")
            return Verification(name, "failed", error.replace(here, ""), locked.artifact, None, (), (), outcome.seconds,
                                trace.replace(here, "") if trace is not None else None, locked.accepted, printed)
        values: Tuple[Difference, ...] = ()
        if outcome.artifact.output != locked.artifact.output:
            values = self._differences(name, locked.artifact, outcome.artifact, place)
        files = tuple(self._product_differences(locked.products, outcome.products, place))
        return Verification(name, "differs" if values or files else "reproducible", "", locked.artifact, outcome.artifact,
                            values, files, outcome.seconds, None, locked.accepted, printed)

    def _lay_out(self, locked: Locked, place: CleanPlace) -> Optional[str]:
        """Put what the lockfile names as given by earlier steps in the place; return a step of which it is not here."""
        facts, products = locked.facts, self._subjects.products
        own = [path for _, path in facts.products]
        place.clear([*self._laid, *own])
        self._laid = own
        step = facts.name
        try:
            for _, giver, artifact in locked.given:
                step = giver
                place.bring(artifact, self._store, self._subjects.manifests)
            for step in self._project.graph.select((base_of(facts.name),)):
                for product in products.get(step, ()) if step != base_of(facts.name) else ():
                    place.put(product, self._store)
                    self._laid.append(product.path)
        except BlobMissing:
            return step
        return None

    def _differences(self, name: str, locked: Artifact, now: Artifact, place: CleanPlace) -> Tuple[Difference, ...]:
        """Return where the values of a step differ; at least one place, though it may be no more than that they do."""
        codecs = self._project.codecs
        try:
            old, new = value_of(codecs, self._store, name, locked), value_of(codecs, place.store, name, now)
        except BlobMissing:
            return (Difference("", "the value differs; the one in the lockfile is not stored here", "", ""),)
        except DeepwatchError as error:
            return (Difference("", f"the value differs; {error.message}", "", ""),)
        found = differences(old, new, self._project.hasher)
        return tuple(found) or (Difference("", "the values look the same, and their digests differ", "", ""),)

    def _product_differences(self, locked: Tuple[ProductFile, ...], now: Tuple[ProductFile, ...],
                             place: CleanPlace) -> Iterator[Tuple[str, Difference]]:
        before, after = ({each.path: each for each in products} for products in (locked, now))
        for path in sorted(before.keys() | after.keys()):
            if path not in after:
                yield path, Difference("", "was not written", "", "")
            elif path not in before:
                yield path, Difference("", "was not written before", "", "")
            elif before[path].blob != after[path].blob:
                yield path, self._file_difference(before[path], after[path], place)

    def _file_difference(self, old: ProductFile, new: ProductFile, place: CleanPlace) -> Difference:
        sizes = f"{old.size} bytes became {new.size}" if old.size != new.size else "the bytes differ"
        if max(old.size, new.size) > _LARGE or not self._store.has(old.blob):
            return Difference("", sizes, "", "")
        try:
            data = self._store.get(old.blob), place.store.get(new.blob)
        except BlobMissing:
            return Difference("", sizes, "", "")
        found: List[Difference] = []
        with contextlib.suppress(UnicodeDecodeError):
            found = differences(data[0].decode("utf-8"), data[1].decode("utf-8"), self._project.hasher)
        return (found or differences(*data, self._project.hasher) or [Difference("", sizes, "", "")])[0]
