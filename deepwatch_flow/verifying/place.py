"""The clean place in which steps are executed again: a copy of the project in a temporary folder, with a store of its own.

A process that starts with another hash seed executes the steps there.
"""
from __future__ import annotations

import contextlib
import os
import random
import shutil
import sys
import tempfile
from typing import Iterable, Iterator, List, Mapping, Optional, Tuple

from ..config import PYPROJECT, SETTINGS_FILE
from ..engine import children
from ..engine.calls import Call, Failure, Outcome
from ..engine.capture import Capture
from ..engine.worker import Tools
from ..errors import DeepwatchError
from ..git import repository
from ..hashing.files import IGNORED
from ..hooks import PROJECT_FILE
from ..model import Artifact, Digest, ProductFile, Trace, base_of
from ..project import Project
from ..state import logs
from ..state.parts import blobs_of
from ..state.store import BlobStore, LocalStore
from ..workers import WorkerSetup, captured_in, execute_in, tools_of

_SEED = "PYTHONHASHSEED"


# -- the clean place ------------------------------------------------------------------------------

class CleanPlace:
    """A copy of a project in a temporary folder; a context manager."""

    def __init__(self, project: Project, traces: Iterable[Trace], written: Iterable[str] = ()) -> None:
        """`traces` tell which files the steps were seen to use, `written` are the products that the lockfile names."""
        self._project = project
        self._traces = list(traces)
        self._written = frozenset(written)

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
        return sorted(name for name in names if name not in self._written
                      and not any(name == path or name.startswith(path + "/") for path in written))

    @property
    def setup(self) -> WorkerSetup:
        """What the process that executes steps here is told."""
        sources = {self._moved(path): source.data for path, source in self._project.snapshot.sources.items()
                   if self._moved(path) != path}
        return WorkerSetup(self._project.config._replace(root=self.root), self.state, sources,
                           tuple(self._moved(os.path.abspath(path)) for path in sys.path), self.state,
                           logs.folder_of(self.state, "verify"))

    def _moved(self, path: str) -> str:
        """Return where a path of the project is here; one that was not copied stays."""
        root = self._project.config.root
        moved = self.root + path[len(root):] if path == root or path.startswith(os.path.join(root, "")) else path
        return moved if os.path.exists(moved) else path

    def bring(self, artifact: Artifact, source: BlobStore, manifests: Mapping[Digest, bytes]) -> None:
        """Have a value in the store of this place, with all its parts; raises BlobMissing.

        `manifests` are blobs that are in no store: the values of families as wholes.
        """
        def read(blob: Digest) -> Optional[bytes]:
            return manifests.get(blob) or (source.get(blob) if source.has(blob) else None)

        if self.store.has(artifact.blob):
            return
        for blob, _ in reversed(blobs_of(artifact, read)):      # the manifest of a value comes after its parts
            if not self.store.has(blob):
                self._fetch(blob, source, manifests)

    def _fetch(self, blob: Digest, source: BlobStore, manifests: Mapping[Digest, bytes]) -> None:
        if blob in manifests:
            self.store.put(manifests[blob])
            return
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
#: of what steps print there
_capture: Optional[Capture] = None
_unopened = Failure("the process in the clean place was not prepared")


def prepare(setup: WorkerSetup) -> None:
    """Open the copy of the project in this process, for as long as the process lives."""
    global _opened, _unopened, _capture
    children.live_with_parent()
    sys.path[:] = list(setup.path)
    _capture = captured_in(setup.logs)
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
    """Execute one call in the clean place, and capture what it prints; its value stays in the store there."""
    return _perform(call) if _capture is None else _capture.around(_perform, call)


def _perform(call: Call) -> Outcome:
    if _opened is None:
        return Outcome(failure=_unopened)
    project, tools = _opened
    os.chdir(project.config.root)
    project.analysis.settle(project.graph.nodes[base_of(call.step)].step.function)
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
