"""Leaving a watch list behind, so that the next command with nothing to do is answered by ``quick``.

A command notes what is true before it opens the project, has all looked at while it is open, and
writes once the database is closed. Whatever stands against a list only costs the next command time.
"""
from __future__ import annotations

import contextlib
import marshal
import os
from typing import Any, Dict, Iterator, Mapping, Optional, Tuple

from ..config import Config
from ..config import load as load_config
from ..errors import DeepwatchError
from ..model import Fresh, Plan, Policy, Trace
from ..outlining import outline_of
from ..pausing import collector_paused
from ..report.explain import block
from ..report.terminal import Paint, plan_lines
from ..state import lockfile, watched, watchlist
from ..state.mutex import Mutex
from ..survey import leaves
from ..vouching import LOCKFILE
from ..watching import (
    Opening,
    begin,
    packages_of,
    traces_of,
    watch_packages,
    watch_project,
    watch_steps,
    watch_values,
)
from ..workspace import DATABASE, Workspace
from .console import Console


def _status(plan: Plan) -> Optional[Tuple[str, str]]:
    """Return what ``status`` tells, plain and in colour, where it is more than that all is up to date."""
    if not any(isinstance(verdict, Fresh) and verdict.accepted for verdict in plan.verdicts.values()):
        return None
    plain, coloured = ("\n".join(plan_lines(plan, Paint(color))) + "\n" for color in (False, True))
    return plain, coloured


class Watch:
    """The watch list of one command, in the making."""

    def __init__(self, config: Config) -> None:
        self._opening = Opening(config)
        self._folder = os.path.join(config.root, config.store)
        self._mutex = os.path.join(self._folder, "mutex")
        self._table: Optional[Dict[str, Any]] = None
        self._outline: Optional[Dict[str, Any]] = None
        self._run: Optional[os.stat_result] = None      # of the mutex: another run leaves its mark on it
        self._doubt: Optional[str] = None      # why there will be no list, for those who wonder

    def look(self, workspace: Workspace, serves: int, found_fresh: bool) -> None:
        """Look at all that has to be watched; the project is still open.

        `serves` is what the list will be good for; `found_fresh` tells that no step was executed.
        """
        with self._doubting(), collector_paused():
            self._run = os.stat(self._mutex)
            graph = workspace.graph
            # what is looked at first, the verdicts are based upon: they are made after that. What a run has just
            # settled need not be asked for before; where that is not the whole of it, it is asked for after all
            for known in (workspace.settled, None):
                traces = known if known is not None else traces_of(workspace.plan(Policy()), graph)
                builder, steps = self._built(workspace, traces, found_fresh)
                plan = workspace.plan(Policy())
                if traces_of(plan, graph) == traces:
                    break
            else:
                raise watchlist.Doubtful("the project changes while it is looked at")
            again = load_config(os.getcwd(), os.environ)._replace(sources={})
            if again != self._opening.config._replace(sources={}) or workspace.database.in_memory:
                raise watchlist.Doubtful("the project changes while it is looked at")
            self._table = {**builder.table(), "serves": serves, "count": len(traces), "steps": steps, "outline": None,
                           "status": _status(plan)}
            blobs = {name: each[1][0] for name, each in marshal.loads(steps).items() if each[1]}
            self._outline = outline_of(workspace.project, workspace.database, workspace.lock, traces, blobs)

    def _built(self, workspace: Workspace, traces: Mapping[str, Trace], found_fresh: bool) -> Tuple[watchlist.Builder, bytes]:
        builder = begin(self._opening, self._folder)
        project, graph = workspace.project, workspace.graph
        watch_steps(builder, project.config.root, graph, traces)
        watch_project(builder, project, self._opening, found_fresh)
        watch_packages(builder, packages_of(project.analysis, traces.values(), project.loaded))
        steps = watch_values(builder, workspace.local, graph, traces, leaves(graph, graph.order))
        self._watch_lock(builder, workspace)
        return builder, steps

    def _watch_lock(self, builder: watchlist.Builder, workspace: Workspace) -> None:
        if not os.path.lexists(workspace.lock_path):
            builder.absent(workspace.lock_path)
            return
        builder.content(workspace.lock_path)
        if lockfile.read(workspace.lock_path, workspace.database) != workspace.lock:
            raise watchlist.Doubtful(f"`{LOCKFILE}` was changed meanwhile")

    def write(self, console: Console) -> None:
        """Write the list; the project is closed."""
        if self._table is not None:
            with self._doubting():
                now = os.stat(self._mutex)
                if self._run is None or watched.stamp(now) != watched.stamp(self._run):
                    raise watchlist.Doubtful("another run has begun")
                with Mutex(self._mutex, "deepwatch").acquire(timeout=0):
                    self._write(self._table)
        if self._doubt is not None and console.verbosity > 0:
            console.say(f"the next command will load the pipeline, even if nothing changes: {block(self._doubt)}")

    def _write(self, table: Dict[str, Any]) -> None:
        found = os.stat(os.path.join(self._folder, DATABASE))
        table["files"] = (*table["files"], (watchlist.STATE, *watched.stamp(found)))
        table["outline"] = watchlist.write_outline(self._folder, self._outline)
        watchlist.write(self._folder, table)

    @contextlib.contextmanager
    def _doubting(self) -> Iterator[None]:
        try:
            yield
        except (DeepwatchError, OSError, UnicodeError) as error:
            self._table = None
            self._doubt = str(error)
