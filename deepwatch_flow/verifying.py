"""Running steps again in a clean place, and comparing what they give with what the lockfile says.

The place is a copy of the project in a temporary folder, with a store of its own. A process that
starts with another hash seed executes the steps there. Each gets the values and products of its upstream steps that
the lockfile names, so that the step is told which differs, not all that follow. Nothing of the project is changed.
"""
from __future__ import annotations

import contextlib
import os
import random
import shutil
import sys
import tempfile
from typing import Callable, Iterable, Iterator, List, Mapping, NamedTuple, Optional, Tuple

from .config import PYPROJECT, SETTINGS_FILE
from .engine import children
from .engine.processes import ProcessExecutor
from .engine.worker import Call, Failure, Outcome, Tools
from .engine.workerprocess import Setup
from .errors import DeepwatchError
from .git import repository
from .hashing.difference import Difference, differences
from .hashing.files import IGNORED
from .hooks import PROJECT_FILE
from .model import Accepted, Artifact, Digest, Lock, LockEntry, ProductFile, Trace, base_of
from .project import Project, value_of
from .state.parts import parse, part_artifacts
from .state.store import BlobMissing, BlobStore, LocalStore
from .workers import WorkerSetup, execute_in, tools_of

#: what a verification can come to, in the order in which they are counted
OUTCOMES = ("differs", "failed", "unverified", "reproducible")
_SEED = "PYTHONHASHSEED"
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


class Locked(NamedTuple):
    """A step to verify: what the lockfile says of it, and by which trace it is what it was."""

    entry: LockEntry
    trace: Trace
    accepted: Tuple[Accepted, ...] = ()


# -- the clean place ------------------------------------------------------------------------------

class CleanPlace:
    """A copy of a project in a temporary folder; a context manager."""

    def __init__(self, project: Project, traces: Iterable[Trace]) -> None:
        self._project = project
        self._traces = list(traces)

    def __enter__(self) -> CleanPlace:
        self._folder = tempfile.mkdtemp(prefix="deepwatch-verify-")
        try:
            #: of the same name: some code asks for the name of its folder
            self.root = os.path.join(os.path.realpath(self._folder), "place", os.path.basename(self._project.config.root) or "project")
            os.makedirs(self.root)
            self.state = os.path.join(os.path.realpath(self._folder), "state")
            os.makedirs(self.state)
            self.store = LocalStore(os.path.join(self.state, "objects"))
            for name in self._needed():
                _copy(os.path.join(self._project.config.root, name), os.path.join(self.root, name), self._project.config.root)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    def _needed(self) -> List[str]:
        """Return the files that the steps may need, relative to the root, without what steps write."""
        root, graph = self._project.config.root, self._project.graph
        written = tuple(graph.products.writers)
        kept = repository(root)
        if kept is not None:
            listed = kept.ask("ls-files", "-z", "--cached", "--others", "--exclude-standard")
            names = {os.fsdecode(each) for each in listed.split(b"\0") if each}
        else:
            names = set(_walked(root, self._project.config.store))
        named = [SETTINGS_FILE, PYPROJECT, PROJECT_FILE, self._project.config.pipeline]
        named += [path for node in graph.nodes.values() for path in node.files.values()]
        loaded = self._project.loaded
        named += [*self._project.snapshot.sources, *loaded.reads, *loaded.present, *loaded.sized]
        named += [os.path.join(path, "") for path in loaded.listed]
        for trace in self._traces:
            for each in (trace.observation.files if trace.observation is not None else ()):
                named.append(each.path if each.kind != "folder" else os.path.join(each.path, ""))
        for path in named:
            names.update(_below(root, path))
        return sorted(name for name in names if not any(name == path or name.startswith(path + "/") for path in written))

    @property
    def setup(self) -> WorkerSetup:
        """What the process that executes steps here is told."""
        sources = {self._moved(path): source.data for path, source in self._project.snapshot.sources.items()
                   if self._moved(path) != path}
        return WorkerSetup(self._project.config._replace(root=self.root), self.state, sources,
                           tuple(self._moved(os.path.abspath(path)) for path in sys.path), self.state)

    def _moved(self, path: str) -> str:
        """Return where a path of the project is here; one that was not copied stays."""
        root = self._project.config.root
        moved = self.root + path[len(root):] if path == root or path.startswith(os.path.join(root, "")) else path
        return moved if os.path.exists(moved) else path

    def bring(self, blob: Digest, source: BlobStore) -> None:
        """Have a blob in the store of this place; raises BlobMissing."""
        if not self.store.has(blob):
            path = os.path.join(self.state, "incoming")
            source.copy_to(blob, path)
            self.store.put_file(path)
            os.remove(path)

    def put(self, product: ProductFile, source: BlobStore) -> None:
        """Put a product where its step would have written it; raises BlobMissing."""
        source.copy_to(product.blob, os.path.join(self.root, product.path))

    def clear(self, paths: Iterable[str]) -> None:
        """Remove what stands at the paths of products."""
        for path in paths:
            full = os.path.join(self.root, path)
            if os.path.isdir(full) and not os.path.islink(full):
                shutil.rmtree(full)
            elif os.path.lexists(full):
                os.remove(full)


def _walked(root: str, store: str) -> Iterator[str]:
    """Yield the files of a project that is in no repository, without states, caches and environments."""
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if name not in IGNORED and not os.path.exists(os.path.join(folder, name, "pyvenv.cfg"))
                      and os.path.join(folder, name) != os.path.join(root, store)]
        links = [name for name in folders if os.path.islink(os.path.join(folder, name))]
        for name in files + links:
            yield os.path.relpath(os.path.join(folder, name), root).replace(os.sep, "/")


def _below(root: str, path: str) -> Iterator[str]:
    """Yield a file below the root, or the files of a folder; of one with a slash at its end those directly in it."""
    full = os.path.normpath(os.path.join(root, path))
    if not full.startswith(os.path.join(root, "")):
        return
    if os.path.isfile(full):
        yield os.path.relpath(full, root).replace(os.sep, "/")
    elif os.path.isdir(full):
        for folder, folders, files in os.walk(full):
            if path.endswith(("/", os.sep)):
                folders.clear()
            for name in files:
                yield os.path.relpath(os.path.join(folder, name), root).replace(os.sep, "/")


def _copy(source: str, target: str, root: str) -> None:
    """Copy a file; a link to something in the project leads to its copy, one to a folder elsewhere stays."""
    with contextlib.suppress(FileNotFoundError):     # a tracked file that is deleted in the working tree
        os.makedirs(os.path.dirname(target), exist_ok=True)
        if not os.path.islink(source):
            if os.path.isfile(source):
                shutil.copy2(source, target)
            return
        leads = os.path.realpath(source)
        if leads.startswith(os.path.join(os.path.realpath(root), "")):
            os.symlink(os.path.relpath(leads, os.path.dirname(os.path.realpath(os.path.dirname(source)) + os.sep)), target)
        elif os.path.isdir(leads):
            os.symlink(leads, target)
        else:
            shutil.copy2(source, target)


# -- in the process there -------------------------------------------------------------------------

_opened: Optional[Tuple[Project, Tools]] = None
_unopened = Failure("the process in the clean place was not prepared")


def prepare(setup: WorkerSetup) -> None:
    """Open the copy of the project in this process, for as long as the process lives."""
    global _opened, _unopened
    children.live_with_parent()
    sys.path[:] = list(setup.path)
    usual = tempfile.tempdir
    try:
        tempfile.tempdir = setup.folder     # what the project keeps there for itself goes with the place
        project = Project(setup.config, setup.sources)
        project.__enter__()
        _opened = (project, tools_of(project, LocalStore(os.path.join(setup.folder, "objects"))))
    except DeepwatchError as error:      # told by each call that comes
        _unopened = Failure(f"in the clean place, {error.message}", getattr(error, "traceback", None), error.hint)
    finally:
        tempfile.tempdir = usual


def perform(call: Call) -> Outcome:
    """Execute one call in the clean place; its value stays in the store there."""
    if _opened is None:
        return Outcome(failure=_unopened)
    project, tools = _opened
    os.chdir(project.config.root)
    # classes are digested as they are before the step runs: it may change what they hold
    project.analysis.fingerprint(project.graph.nodes[call.step].step.function)
    return execute_in(project, tools, call, None)._replace(value=None, here=False, seen=None)


@contextlib.contextmanager
def another_seed() -> Iterator[str]:
    """Let processes that start meanwhile hash text otherwise than this one; yields the seed."""
    before = os.environ.get(_SEED)
    seed = before
    while seed == before:
        seed = str(random.SystemRandom().randrange(1, 2 ** 32))
    assert seed is not None
    os.environ[_SEED] = seed
    try:
        yield seed
    finally:
        if before is None:
            del os.environ[_SEED]
        else:
            os.environ[_SEED] = before


# -- verifying ------------------------------------------------------------------------------------

class Verifier:
    """Executes steps again in a clean place, as the lockfile has them."""

    def __init__(self, project: Project, store: BlobStore, lock: Lock) -> None:
        self._project, self._store, self._lock = project, store, lock

    def verify(self, steps: Mapping[str, Locked], tell: Callable[[str], None]) -> List[Verification]:
        """Return what comes of executing each of some steps again; `tell` hears which one is next."""
        found: List[Verification] = []
        with CleanPlace(self._project, [each.trace for each in steps.values()]) as place:
            executor = ProcessExecutor(1, Setup(prepare, place.setup, perform))
            try:
                for name, locked in steps.items():
                    tell(name)
                    found.append(self._verified(name, locked, place, executor))
            except BaseException:
                executor.close(cancel=True)
                raise
            executor.close()
        return found

    def _verified(self, name: str, locked: Locked, place: CleanPlace, executor: ProcessExecutor) -> Verification:
        graph = self._project.graph
        node = graph.nodes[name]
        if any(graph.nodes[base_of(step)].each for step in (name, *node.upstreams.values())):
            return Verification(name, "unverified", "it has instances, or takes those of another step", locked.entry.artifact)
        upstreams = tuple((parameter, step, self._made(step)) for parameter, step in sorted(node.upstreams.items()))
        options, products = node.step.options, tuple(sorted(node.products.items()))
        missing = self._lay_out(name, place, upstreams)
        if missing is not None:
            return Verification(name, "unverified", f"what `{missing}` gave is not stored here", locked.entry.artifact)
        executor.submit(Call(name, upstreams, products, options["observe"], None, options["seed"], graph.parts(name), (), graph.apart(name)))
        ((_, outcome),) = executor.wait()
        failure = outcome.failure
        if failure is not None or outcome.artifact is None:
            error = failure.error if failure is not None else "it gave nothing"
            trace = failure.traceback if failure is not None else None
            here = os.path.join(place.root, "")
            return Verification(name, "failed", error.replace(here, ""), locked.entry.artifact, None, (), (), outcome.seconds,
                                trace.replace(here, "") if trace is not None else None, locked.accepted)
        values: Tuple[Difference, ...] = ()
        if outcome.artifact.output != locked.entry.artifact.output:
            values = self._differences(name, locked.entry.artifact, outcome.artifact, place)
        files = tuple(self._product_differences(locked.entry.products, outcome.products, place))
        return Verification(name, "differs" if values or files else "reproducible", "", locked.entry.artifact, outcome.artifact,
                            values, files, outcome.seconds, None, locked.accepted)

    def _made(self, step: str) -> Artifact:
        """Return the artifact of a step, or of a part of its value, as the lockfile has it."""
        whole, base = self._lock.steps[base_of(step)].artifact, base_of(step)
        return whole if step == base or not self._store.has(whole.blob) else part_artifacts(base, parse(self._store.get(whole.blob)))[step]

    def _lay_out(self, name: str, place: CleanPlace, upstreams: Tuple[Tuple[str, str, Artifact], ...]) -> Optional[str]:
        """Put what the lockfile names as given by earlier steps in the place; return a step of which it is not here."""
        graph = self._project.graph
        place.clear(graph.products.writers)
        step = name
        try:
            for _, giver, artifact in upstreams:
                step = giver
                place.bring(artifact.blob, self._store)
            for step in graph.select((name,)):
                for product in self._lock.products_of(step) if step != name else ():
                    place.put(product, self._store)
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
