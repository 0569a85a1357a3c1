"""A project's code, loaded: the import world, the plugins, the step graph, the analysis.

The driver and each worker process open a project the same way; a worker is given the bytes of the
sources that the driver read, so that it runs what was digested.
"""
from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Iterable, Iterator, List, Mapping, MutableMapping, Optional, Type

from . import builtin
from .analysis.fingerprint import Analysis
from .config import OBSERVED, Config
from .engine.handover import decoded
from .errors import DeepwatchError, StateError, quoted
from .hashing.values import ValueHasher
from .hooks import PROJECT_FILE, plugin_manager
from .loading.importing import ImportWorld
from .loading.origin import Origins
from .loading.snapshot import Snapshot
from .model import Artifact, Digest
from .observation.marks import NEEDED, Marks
from .observation.recorder import Recorder, Wants
from .observation.seen import EMPTY, Seen, merged
from .pipeline.graph import StepGraph, build
from .pipeline.loader import load_pipeline
from .state.codecs import Codecs
from .state.store import BlobStore, LocalStore

PLUGIN_MODULE = PROJECT_FILE[: -len(".py")]


class Project:
    """A context manager: inside, the working directory is the project's root and its code is loaded."""

    graph: StepGraph

    def __init__(self, config: Config, sources: Optional[Mapping[str, bytes]] = None,
                 kept: Optional[MutableMapping[Digest, bytes]] = None, scratch: Optional[str] = None) -> None:
        self.config = config
        #: folder of what child processes note: a worker's lies in the driver's, which outlives it
        self.scratch = scratch
        #: what own code that runs is seen by, where Python itself is slow to tell
        self._marks = Marks() if NEEDED and {**OBSERVED, **config.observe}["code"] else None
        self.snapshot = Snapshot(self._marks.prepare if self._marks is not None else None)
        if sources:
            self.snapshot.preload(sources)
        self.boundary = config.boundary
        self.origins = Origins(self.boundary)
        self._kept = kept
        #: what was observed while the user's modules loaded
        self.loaded: Seen = EMPTY
        self._stack = ExitStack()

    def __enter__(self) -> Project:
        with ExitStack() as stack:
            here = os.getcwd()
            stack.callback(os.chdir, here)
            os.chdir(self.config.root)
            world = stack.enter_context(ImportWorld(self.snapshot, self.origins, self.config.root))
            self._world = world
            self.recorder = self._observed(stack)
            stack.callback(sys.modules.pop, PLUGIN_MODULE, None)    # another project has its own
            self._make_parts()
            hook: Any = self.plugins.hook
            with self.loading():
                steps = load_pipeline(world, self.config.pipeline, lambda path: hook.deepwatch_collect_steps(path=path))
            self.graph = build(steps, self.config.params, self.config.root, here)
            for each in steps:
                if each.options["codec"] is not None:
                    self.codecs.require(each.options["codec"], f"@step(codec=...) of `{each.name}`")
            self._stack = stack.pop_all()
        return self

    def _observed(self, stack: ExitStack) -> Optional[Recorder]:
        observe = {**OBSERVED, **self.config.observe}
        wants = Wants(observe["code"], observe["files"], observe["env"])
        if not any(wants):
            return None
        self.scratch = tempfile.mkdtemp(prefix="deepwatch-", dir=self.scratch)
        stack.callback(shutil.rmtree, self.scratch, ignore_errors=True)
        return stack.enter_context(Recorder(self.origins, wants, self.scratch, self._marks))

    @contextlib.contextmanager
    def loading(self) -> Iterator[None]:
        """Observe what the user's modules read while they load: now, or when a fingerprint asks for them."""
        if self.recorder is None:
            yield
            return
        with self.recorder.observing() as seen:
            yield
        self.loaded = merged([self.loaded, seen()])

    def is_own(self, file: str) -> bool:
        """Tell whether a file of code is the user's own."""
        return self.origins.is_own(file)

    def forget(self, names: Iterable[str]) -> None:
        """Have the next step import these modules itself."""
        self._world.forget(names)

    def _make_parts(self) -> None:
        # inside the world: a project's plugin shares the modules that the pipeline imports
        config = self.config
        self.plugins = plugin_manager(config.root, config.plugins, [builtin])
        self.digesters = [hook_digester(self.plugins.hook)]
        self.codecs = codecs_of(self.plugins, config.root, config.storing.codecs)
        self.analysis = Analysis(self.boundary, self.origins, self.snapshot, self._kept, self.digesters)
        self.hasher = ValueHasher(config.root, self.digesters, self.analysis.token)

    def __exit__(self, kind: Optional[Type[BaseException]], error: Optional[BaseException],
                 trace: Optional[TracebackType]) -> None:
        self._stack.close()

    def store(self, folder: str, on_corrupt: Any = None) -> BlobStore:
        """Return the store of blobs: a plugin's, or the local one."""
        hook: Any = self.plugins.hook
        made: List[Any] = [each for each in [hook.deepwatch_store(folder=folder)] if each is not None]
        return made[0] if made else LocalStore(os.path.join(folder, "objects"), on_corrupt)


def codecs_of(plugins: Any, root: str, chosen: Mapping[str, str] = {}) -> Codecs:
    """Return the codecs of all plugins, ours among them, for a project in this folder."""
    return Codecs([codec for codecs in plugins.hook.deepwatch_codecs() for codec in codecs], root, chosen)


def value_of(codecs: Codecs, store: BlobStore, step: str, artifact: Artifact) -> Any:
    """Return a stored value; raises StateError where it can't be had."""
    try:
        return decoded(codecs, store, artifact)
    except DeepwatchError:
        raise
    except Exception as error:
        told = str(error).strip().partition("\n")[0]
        raise StateError(f"the stored value of `{step}` can't be read back: {type(error).__name__}: {told[:500]}",
                         hint=f"it may be older than its class; make it anew: deepwatch run {quoted(step)} --force {quoted(step)}") from error


def hook_digester(hook: Any) -> Any:
    """Return the digester that asks all plugins."""
    ask = hook.deepwatch_digest_value

    def digester(value: object) -> Any:
        return ask(value=value)

    return digester
