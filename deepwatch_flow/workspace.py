"""A project opened for use: plan, run, explain, show.

The composition root: only here concrete parts are made from the configuration. It surveys the
facts, hands them to the planner and the runner, keeps history and lockfile, and closes what it
opened.
"""
from __future__ import annotations

import os
import time
import uuid
from contextlib import ExitStack, closing, suppress
from types import TracebackType
from typing import Any, Dict, Iterable, List, NamedTuple, Optional, Sequence, Set, Tuple, Type

from .config import Config
from .elsewhere.driver import Dispatcher
from .engine.conditions import Noted
from .engine.handover import Values, consumers_of
from .engine.orphans import notices, orphans_of, remove
from .engine.planner import World
from .engine.planning import done_of
from .engine.planning import plan as make_plan
from .engine.products import Restorer
from .engine.runner import Parts, Runner
from .engine.steplogs import StepLogs
from .errors import BusyError, ConfigError, EnvironmentFault, StateError, quoted
from .events import Emit, Event, RunFinished, RunReport, RunStarted, fold
from .histories import history_of
from .locking.mending import LockBook
from .locking.samecode import texts_of
from .model import (
    Fresh,
    History,
    Lock,
    Observation,
    Orphan,
    Pending,
    Plan,
    Policy,
    Stale,
    StepFacts,
    Trace,
    Unit,
    Verdict,
    base_of,
)
from .naming import one_of, recorded_of
from .observation.seen import Seen
from .pausing import collector_paused
from .pipeline.graph import StepGraph
from .project import Project, value_of
from .reasons import Explainer
from .reproducing import Enter, Order, reproduce
from .sharing import Sharing
from .state import dead
from .state.cleaning import forget
from .state.database import Database
from .state.disk import make_ignored_folder
from .state.journal import Journal
from .state.keptfacts import KeptFacts
from .state.mutex import Mutex
from .survey import Survey, leaves, only_of
from .telling import Teller
from .vouching import LOCKFILE, check_locked, check_same, check_scheme, lock_of
from .workers import Means, executor_for, schedule_for

DATABASE = "state.db"


class Shown(NamedTuple):
    """A step's stored value and what is known of it."""

    step: str
    trace: Trace
    value: Any
    fresh: bool


def _silent(event: Event) -> None:
    """Tell nobody."""


class Workspace:
    """A project with its state; a context manager."""

    def __init__(self, config: Config, emit: Emit = _silent, mends: bool = False) -> None:
        self.config, self._mends = config, mends
        self._emit = Teller(emit, lambda: self.project.plugins.hook, self._traces)
        self.settled: Optional[Dict[str, Trace]] = None     #: what a run left as fresh, without families
        self._stack = ExitStack()
        self.folder = os.path.join(config.root, config.store)
        self.lock_path = os.path.join(config.root, LOCKFILE)

    def __enter__(self) -> Workspace:
        make_ignored_folder(self.folder)
        with ExitStack() as stack:
            self.database = Database.open(os.path.join(self.folder, DATABASE), self._emit.reporter)
            stack.callback(self.database.close)
            self._find_dead()
            self._book = LockBook(self.lock_path, self.database, self._emit, self._mends)
            self.lock: Optional[Lock] = self._book.read()
            kept = KeptFacts(self.database)
            self.project = stack.enter_context(Project(self.config, kept=kept))
            stack.callback(kept.save)
            self.local = self.project.store(self.folder, self._emit)
            self.sharing = Sharing(self.config, self.local, self._emit, lambda: self.lock)
            self.store = self.sharing.store
            self.survey = self._survey = Survey(self.config, self.project, self.store, self.database)
            self.products = Restorer(self.config.root, self.store, self.config.storing.link, self._survey.product_digest, self._history,
                                     os.path.join(self.config.store, "edited"))
            self._survey.accept(self.lock)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, kind: Optional[Type[BaseException]], error: Optional[BaseException],
                 trace: Optional[TracebackType]) -> None:
        self._stack.close()

    @property
    def graph(self) -> StepGraph:
        """The steps of the pipeline."""
        return self.project.graph

    def _find_dead(self) -> None:
        """Record and tell which step an earlier run executed when its process died."""
        if not dead.left_something(self.folder):
            return
        with suppress(BusyError, EnvironmentFault), Mutex(os.path.join(self.folder, "mutex"), "deepwatch").acquire(timeout=0):
            self._take_dead()

    def _take_dead(self) -> None:
        found = dead.take(self.folder, self.database)
        if found is not None:
            self._emit.dead(found)

    # -- deciding ---------------------------------------------------------------------------------

    def plan(self, policy: Policy) -> Plan:
        """Return the verdict on each selected step; nothing is run or written."""
        world, policy, wanted = self._world(policy)
        plan = make_plan(world, policy, wanted)
        explainer = self._explainer()
        refused = self.products.refused(plan.verdicts, self._emit)
        told = {name: verdict._replace(reasons=explainer.tell(name, verdict.reasons))
                if isinstance(verdict, (Stale, Pending)) and verdict.reasons else verdict for name, verdict in plan.verdicts.items()}
        waiting = [name for name, verdict in told.items() if not isinstance(verdict, Fresh)]
        orphans = orphans_of(world.history.by_step, self.graph, done_of(plan), self._survey.product_digest)
        return plan._replace(verdicts=told, failed=self.database.failed(waiting) if waiting else {}, refused=refused, orphans=orphans)

    def looked_at(self, plan: Plan) -> Plan:
        """Return a plan that tells as well which fresh steps have no value in the store of this project."""
        fresh = {name: verdict.trace.artifact for name, verdict in plan.verdicts.items() if isinstance(verdict, Fresh)}
        return plan._replace(absent=frozenset(name for name, artifact in fresh.items() if not self.local.has(artifact.blob, artifact.size)))

    def verdict(self, step: str) -> Verdict:
        """Return the verdict on one step."""
        name, plan = self.one(step)
        found = plan.of(name)
        assert found is not None, name      # what a plan is made for is in it
        return found

    def one(self, word: str) -> Tuple[str, Plan]:
        """Return the one step or instance that a word means, and its plan; raises NoInstance where there is none."""
        name = self.graph.targets([word])[0]
        plan = self.plan(Policy(targets=(name,)))
        return one_of(plan, name), plan

    def recorded(self, words: Iterable[str], recorded: Iterable[str]) -> List[str]:
        """Return the steps that words mean, with those instances among the recorded ones; raises NoInstance."""
        return recorded_of(self.graph.targets(list(words)), recorded, lambda name: self.plan(Policy(targets=(name,))))

    # -- running ----------------------------------------------------------------------------------

    def run(self, policy: Policy) -> RunReport:
        """Run what is not fresh among the selected steps; events go to the reporter as they happen."""
        mutex = Mutex(os.path.join(self.folder, "mutex"), " ".join(["deepwatch run", *policy.targets]))
        with mutex.acquire(policy.wait, self._emit.waiting):
            self._take_dead()                # the run we waited for may have died
            self.lock = self._book.read()    # the run we waited for may have written it
            self._survey.accept(self.lock)
            check_scheme(self.lock, self.graph.order, policy.accept_scheme)
            return self._run(policy)

    def _run(self, policy: Policy) -> RunReport:
        started = time.monotonic()
        world, policy, wanted = self._world(policy)
        run = uuid.uuid4().hex[:12]
        # an instance that there is not is told before anything runs, where it can be known
        known = policy.locked or self.store is not self.local or world.only or any(base_of(name) != name for name in policy.force)
        plan = make_plan(world, policy, wanted) if known else Plan({})
        if policy.locked:
            check_locked(self.lock, self.graph.order, world, plan)
        wanted = self.sharing.wanted(plan, wanted, policy.locked)
        self.sharing.fetch(world, plan, wanted)
        values = Values(self.store, self.project.codecs, consumers_of(world.facts))
        journal = Journal(self.database, self.folder, run)
        logs = StepLogs(self.folder, run, policy, self.database, self._emit)
        runner = Runner(world, policy, wanted, Parts(
            executor_for(self.project, policy, Means(self.store, self.folder, values, logs, lambda: self._dispatcher(logs.folder))), values,
            journal.record,
            self.products.restore, journal.following(logs.telling(self._emit.in_full(self._explainer()))), self.lock, self._clear, self._noted,
            lambda name: self.graph.nodes[base_of(name)].step.options, schedule_for(self.project, self.database, world, policy),
            self.products.guard, self.products.left))
        self.database.run_started(run, time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "run", len(world.facts))
        self._emit(RunStarted(run, tuple(world.facts)))
        interrupted = False
        try:
            with closing(journal):
                try:
                    with self.sharing.fetching():
                        runner.run()
                except KeyboardInterrupt:
                    interrupted = True
                finally:
                    self._finish(runner, policy)
        except BaseException:     # a full disk, another lockfile: the history tells what was done all the same
            self._emit.events.append(RunFinished(run, time.monotonic() - started, interrupted=True))
            self.database.run_finished(fold(self._emit.events))
            raise
        for notice in notices(orphans_of(world.history.by_step, self.graph, runner.results.settled(), self._survey.product_digest)):
            self._emit(notice)
        self.sharing.send(fold(self._emit.events)._replace(interrupted=interrupted), runner.results.vouched())
        self._emit(RunFinished(run, time.monotonic() - started, interrupted))
        report = fold(self._emit.events)
        self.settled = {name: trace for name, trace in runner.results.vouched().items() if trace.key}     # families have none
        self.database.run_finished(report)
        self.project.plugins.hook.deepwatch_run_finished(report=report)
        return report

    def _dispatcher(self, logs: Optional[str]) -> Dispatcher:
        return Dispatcher(self.project, self.store, self.folder, self.sharing.writable(), self._emit, logs)

    def _clear(self, trace: Trace) -> None:
        for notice in self.products.put_aside(trace):
            self._emit(notice)
        self._survey.clear(trace)

    def _noted(self, facts: StepFacts, seen: Seen, held: Sequence[Tuple[str, str]]) -> Noted:
        return self._survey.conditions.noted(seen, facts, held, self.project.loaded)

    @collector_paused()
    def _finish(self, runner: Runner, policy: Policy) -> None:
        """Record the units of what ran, and write the lockfile."""
        facts = self._survey.facts(self.graph.order)
        traces = runner.results.vouched()
        analysis = self.project.analysis
        roots = [root for trace in traces.values() for root in trace.roots() if analysis.knows(root)]
        known = self.database.known_units(roots)
        new = analysis.units([root for root in dict.fromkeys(roots) if root not in known])
        self.database.add_units(new, texts_of(analysis, new))
        self.database.commit()
        unsettled = {name for name in facts if name not in runner.results.traces}
        units = analysis.units([each.fingerprint.root for each in facts.values()])
        lock = lock_of(facts, traces, self.lock, units, unsettled)
        if policy.locked:
            check_same(lock, self.lock)
            return
        if self._book.mended or (lock != self.lock and (lock.steps or lock.families or self.lock is not None)):
            self._book.write(lock)
        self.lock = lock

    def _world(self, policy: Policy) -> Tuple[World, Policy, Set[str]]:
        names = self.graph.select(policy.targets, policy.tags)
        chosen = self.graph.targets(policy.targets, policy.tags)
        wanted = leaves(self.graph, names) | set(chosen)
        force = self.graph.targets(list(policy.force))
        selected = set(names)
        outside = [name for name in force if base_of(name) not in selected]
        if outside:
            raise ConfigError(f"--force names `{outside[0]}`, which is not among the steps to run",
                              hint="add it to the targets")
        self._survey.precise = policy.precise
        world = self._survey.world(names, self._history(), only_of(self.graph, names, chosen))
        return world, policy._replace(force=dict.fromkeys(force)), wanted

    def _history(self) -> History:
        version = self.project.analysis.graph.version
        return self.sharing.history(history_of(self.database, self.lock, version, self._book.others), version)

    def _traces(self) -> Iterable[Iterable[Trace]]:
        return self._history().by_key.values()

    def reproduce(self, step: str, enter: Enter) -> Any:
        """Call one step as a run would, by `enter`, and return its value; nothing is recorded."""
        name = self.one(step)[0]
        world, policy, wanted = self._world(Policy(targets=(name,), force=(name,)))
        return reproduce(self.project, self.store, Order(name, world, policy, wanted, make_plan(world, policy, wanted)), enter)

    # -- telling ----------------------------------------------------------------------------------

    def _explainer(self) -> Explainer:
        facts = self._survey.facts(self.graph.order)
        analysis = self.project.analysis
        return Explainer(self.database, self.lock, facts, lambda roots: analysis.units(list(roots)), analysis.text)

    # -- looking ----------------------------------------------------------------------------------

    def show(self, step: str) -> Shown:
        """Return the last recorded value of a step, an instance, or a declared output; raises StateError where there is none."""
        name, plan = self.one(step)
        verdict, part = plan.of(name), self.graph.output(step)
        is_family = bool(self.graph.nodes[base_of(name)].each) and base_of(name) == name
        # a family is no execution: it has a value when all its instances have one
        trace = self._history().latest.get(name) if not is_family else verdict.trace if isinstance(verdict, Fresh) else None
        if trace is not None and part is not None:
            made = (self._survey.parts(trace) or {}).get(part)
            trace = trace._replace(artifact=made, products=()) if made is not None else None
        if trace is None or not (is_family or self.store.has(trace.artifact.blob, trace.artifact.size)):
            raise StateError(f"there is no stored value of `{part or name}`", hint=f"deepwatch run {quoted(name)}")
        value = value_of(self.project.codecs, self.store, name, trace.artifact)
        return Shown(part or name, trace, dict(value) if is_family else value, isinstance(verdict, Fresh))

    def observation(self, step: str) -> Tuple[str, Optional[Observation]]:
        """Return the name of a step, and what was observed of its last execution; None where nothing was."""
        name = self.one(step)[0]
        trace = self._history().latest.get(name)
        return name, trace.observation if trace is not None and trace.root else None

    def history(self, limit: int = 20) -> List[Any]:
        """Return the last runs, the latest first."""
        return list(self.database.runs(limit))

    def units(self, step: str) -> Tuple[Unit, ...]:
        """Return the units that a step's fingerprint covers, its own function's first."""
        name = self.graph.targets([step])[0]
        root = self._survey.facts([name])[name].fingerprint.root
        return tuple(self.project.analysis.units([root]))

    def clean(self, steps: Iterable[str] = (), everything: bool = False) -> int:
        """Forget the stored results of steps, or of all; return how many blobs were removed.

        Raises BusyError while a run goes on: it counts on what is stored.
        """
        names = self.recorded(steps, self.database.traces()) if not everything else None
        return forget(self.folder, self.database, self.store, names)

    def clean_orphans(self, orphans: Sequence[Orphan]) -> List[str]:
        """Remove orphans that are as they were recorded; return the paths of those. Raises BusyError while a run goes on."""
        with Mutex(os.path.join(self.folder, "mutex"), "deepwatch clean").acquire(timeout=0):
            return remove(self.config.root, orphans, self._survey.product_digest, self._history().by_step, self.graph)


def open_workspace(config: Config, *, emit: Emit = _silent, mends: bool = False) -> Workspace:
    """Return the project's workspace, to be entered; one that `mends` reads a lockfile with a merge conflict, too."""
    return Workspace(config, emit, mends)
