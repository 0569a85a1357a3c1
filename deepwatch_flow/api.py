"""Using a pipeline from a notebook or a script: `run` it, `load` a step's value."""
from __future__ import annotations

import os
import sys
import threading
from typing import Any, Mapping, Optional, Sequence, Union

from . import builtin
from .config import Config
from .config import load as load_config
from .errors import StateError, quoted
from .events import Emit, RunReport
from .histories import history_of
from .hooks import plugin_manager
from .model import Policy
from .pipeline.hints import nearest
from .pipeline.selection import listed
from .project import codecs_of, value_of
from .sharing import Sharing
from .state import lockfile
from .state.database import Database
from .state.store import LocalStore
from .vouching import LOCKFILE
from .workspace import DATABASE, Workspace

_PLAIN = Policy()
#: a run has the working directory, the modules and the observation of its process for itself
_one_at_a_time = threading.RLock()


def run(targets: Union[str, Sequence[str]] = (), *, root: Optional[str] = None, jobs: Optional[int] = None,
        params: Optional[Mapping[str, Mapping[str, Any]]] = None, policy: Policy = _PLAIN,
        emit: Optional[Emit] = None) -> RunReport:
    """Run the pipeline, or what `targets` need of it, and return the report.

    `root` is the project's folder, by default the one that the working directory is in. `params`
    are values by step and parameter, over those of the settings. `policy` holds all else that the
    command line can ask for. A failed step is told in the report; errors of the pipeline, the
    settings or the state are raised as DeepwatchError. Threads that call it take turns.

    What steps print is left alone, it is the caller's: ``Policy(capture=True)`` keeps it for ``deepwatch log STEP`` instead.
    """
    config = _config(root)
    if params:
        merged = {step: dict(values) for step, values in config.params.items()}
        for step, values in params.items():
            merged.setdefault(step, {}).update(values)
        config = config._replace(params=merged)
    chosen = (targets,) if isinstance(targets, str) else tuple(targets)
    policy = policy._replace(targets=chosen or policy.targets,
                             jobs=jobs if jobs is not None else max(policy.jobs, config.jobs))
    with _one_at_a_time, Workspace(config, emit or _untold, mends=not policy.locked) as workspace:
        return workspace.run(policy)


def load(step: str, *, root: Optional[str] = None) -> Any:
    """Return the last recorded value of a step, without loading the pipeline.

    Raises StateError where there is no stored value.
    """
    config = _config(root)
    folder = os.path.join(config.root, config.store)
    database = Database.open(os.path.join(folder, DATABASE), _untold)
    try:
        lock = lockfile.read(os.path.join(config.root, LOCKFILE), database)
        known = history_of(database, lock).latest
        trace = known.get(step)
    finally:
        database.close()
    store = Sharing(config, LocalStore(os.path.join(folder, "objects")), _untold, lambda: lock).store
    if trace is None:
        raise StateError(f"no result of a step `{step}` is recorded in `{config.root}`",
                         hint=nearest(step, known) or (f"recorded are: {listed(known)}" if known else
                                                       f"deepwatch run {step}; or give the project's folder: load(..., root=...)"))
    if not store.has(trace.artifact.blob, trace.artifact.size):
        raise StateError(f"there is no stored value of `{step}`", hint=f"deepwatch run {quoted(step)}")
    codecs = codecs_of(plugin_manager(config.root, config.plugins, [builtin]), config.root)
    before = list(sys.path)
    sys.path.insert(0, config.root)    # a value of an own class is unpickled by its module's name
    try:
        return value_of(codecs, store, step, trace.artifact)
    finally:
        sys.path[:] = before


def _untold(_: object) -> None:
    """Tell nobody: a value that is asked for comes or it does not."""


def _config(root: Optional[str]) -> Config:
    return load_config(os.path.abspath(root or os.getcwd()), os.environ)
