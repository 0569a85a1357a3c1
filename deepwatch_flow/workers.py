"""Where calls are executed: the executor for the settings, and what a worker process does.

A worker opens the project once, then executes calls. Values come from the store and go there; only
digests and texts travel.
"""
from __future__ import annotations

import gc
import os
import sys
import threading
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Optional, Tuple

from .analysis.hidden import HiddenCode
from .config import ENGINES, Config
from .engine import children, debugging, hanging
from .engine.arguments import arguments_of
from .engine.calls import Call, Failure, Outcome, failure_of
from .engine.capture import Capture, uncaptured
from .engine.executors import Executor, InlineExecutor
from .engine.handover import Values, decoded
from .engine.planner import World
from .engine.processes import ProcessExecutor
from .engine.schedule import Resources, Retries, Schedule, priorities
from .engine.steplogs import StepLogs
from .engine.threads import ThreadExecutor
from .engine.worker import Tools, Unreadable, execute
from .engine.workerprocess import Setup
from .errors import ConfigError, DeepwatchError, EnvironmentFault
from .events import Notice
from .model import Artifact, Digest, Policy, base_of
from .observation.leftovers import Codes
from .observation.seen import Seen
from .project import Project
from .state import logs as logfiles
from .state.database import Database
from .state.store import BlobMissing, BlobStore

_ALIKE = "the pipeline must load there as it does here"
#: the executors of ours, which capture what steps print; others execute many at a time, whatever `jobs` says
OURS = ("auto", "inline", "processes")


class WorkerSetup(NamedTuple):
    """What a worker is told when it starts."""

    config: Config
    folder: str                          #: of the state
    sources: Mapping[str, bytes]         #: the driver's snapshot
    path: Tuple[str, ...]                #: the driver's ``sys.path``
    scratch: Optional[str]               #: the driver's folder of what child processes note
    logs: Optional[str] = None           #: the folder of the run's logs, where what steps print is captured
    facts: Mapping[Digest, bytes] = {}   #: of the sources: what parsing them has told the driver


class Means(NamedTuple):
    """What a run has for whoever executes its steps."""

    store: BlobStore
    folder: str                          #: of the state
    live: Values
    logs: StepLogs
    dispatch: Callable[[], Any]          #: gives what sends calls to other machines (elsewhere/driver.py)


def executor_for(project: Project, policy: Policy, means: Means) -> Executor:
    """Return the executor that the settings name: ours for one or several processes, or a plugin's.

    A step that has a timeout is executed in another process even where one at a time is wanted: nothing
    else can end it. For the debugger all are executed in this process. What a step prints where another plugin
    executes it is not captured: several may do so in this process at a time, and descriptors are one for all.
    """
    jobs = policy.jobs
    timed = any(project.graph.nodes[name].step.options["timeout"] for name in project.graph.select(policy.targets, policy.tags))
    tools, logs = tools_of(project, means.store), means.logs
    if policy.debug:    # whatever captures what steps print must leave this process alone then
        tools = tools._replace(failed=lambda step, error: debugging.post_mortem(step, error, project.is_own))

    def execute_here(call: Call) -> Outcome:
        os.chdir(project.config.root)    # a step before this one may have gone elsewhere
        return execute_in(project, tools, call, means.live)

    name = project.config.executor
    if policy.debug or name == "inline" or (name == "auto" and jobs <= 1 and not timed):
        return logs.keeping(InlineExecutor(logs.here(execute_here)))
    if name in ("auto", "processes"):
        sources = {path: source.data for path, source in project.snapshot.sources.items()}
        scratch = project.scratch
        setup = WorkerSetup(project.config, means.folder, sources, tuple(sys.path), scratch, logs.folder, project.analysis.sources.dumped())
        return logs.keeping(ProcessExecutor(jobs, Setup(
            initialise, setup, execute_call, lambda worker: hanging.told(scratch, worker), logs.began, logs.of_worker)))
    one_at_a_time = threading.Lock()
    if name == "threads":
        return logs.keeping(ThreadExecutor(jobs, logs.beside(
            lambda call: _execute_beside(project, tools._replace(turn=one_at_a_time), call))))

    def execute_alone(call: Call) -> Outcome:
        with one_at_a_time:     # what is read, and the folder, random numbers and modules, are the process's: no step's alone
            return execute_here(call)

    hook: Any = project.plugins.hook
    made: Optional[Executor] = hook.deepwatch_executor(name=name, jobs=jobs, execute=execute_alone, dispatch=means.dispatch)
    if made is None:
        raise ConfigError(f"no plugin brings the executor `{name}`", hint='executor = "auto", "inline", "threads", "processes", "dask" or "ray"')
    if name not in ENGINES:      # their workers send what steps print
        logs.keep_nothing()
    return logs.keeping(made)


def schedule_for(project: Project, database: Database, world: World, policy: Policy) -> Schedule:
    """Return what the settings, the steps and earlier executions say of when each step is executed."""
    options = {name: project.graph.nodes[name].step.options for name in world.facts}
    wanted = {name: each["resources"] for name, each in options.items() if each["resources"]}
    retries = {name: (each["retries"], each["retry_delay"]) for name, each in options.items() if each["retries"] and not policy.debug}
    # one after the other, the order of declaration is the one that people expect
    needs = {name: facts.needs for name, facts in world.facts.items()} if policy.jobs > 1 or project.config.executor not in OURS else {}
    return Schedule(priorities(needs, database.durations() if needs else {}),
                    Resources(project.config.resources, wanted), Retries(retries))


def tools_of(project: Project, store: BlobStore) -> Tools:
    """Return what executions in this process work with."""
    code = HiddenCode(project.analysis)
    known: Dict[Tuple[str, Codes], Codes] = {}

    def hidden(step: str, seen: Seen) -> Codes:
        place = (base_of(step), seen.codes)     # of many elements the same code runs
        if place not in known:
            function = project.graph.nodes[place[0]].step.function
            known[place] = code.uncovered(project.analysis.fingerprint(function, params_apart=True).root, seen.codes)
        return known[place]

    return Tools(store, project.codecs, project.hasher, project.recorder, project.forget, project.analysis.held, hidden=hidden)


def _execute_beside(project: Project, tools: Tools, call: Call) -> Outcome:
    """Execute a call while others are executed in this process: no value is handed over that one of them may change."""
    os.chdir(project.config.root)
    try:
        return execute_in(project, tools, call, None)._replace(value=None, here=False)
    except KeyboardInterrupt as error:  # Ctrl-C comes to the main thread: the step raised it
        return Outcome(failure=failure_of(error))


_opened: Optional[Tuple[Project, Tools]] = None
#: of what steps print in this process
_capture: Optional[Capture] = None
_unopened: Failure = Failure("the worker process was not prepared")
#: what the store told since the last call
_notices: List[Notice] = []


def initialise(setup: WorkerSetup) -> None:
    """Open the project in this process, for as long as the process lives."""
    global _opened, _unopened, _capture
    children.live_with_parent()
    sys.path[:] = list(setup.path)
    _capture = captured_in(setup.logs)
    try:
        project = Project(setup.config, setup.sources, dict(setup.facts), setup.scratch)
        project.__enter__()
        _opened = (project, tools_of(project, project.store(setup.folder, _notices.append)))
        gc.freeze()     # all of it stays: the cycle collector would look at it again and again
    except DeepwatchError as error:  # told by each call that comes: here nobody would hear it
        _unopened = Failure(f"in a worker process, {error.message}", getattr(error, "traceback", None),
                            error.hint or _ALIKE)
    except KeyboardInterrupt:        # nobody presses Ctrl-C here: the pipeline raised it
        _unopened = Failure("in a worker process, the pipeline raised KeyboardInterrupt when it was loaded", hint=_ALIKE)


def captured_in(folder: Optional[str]) -> Optional[Capture]:
    """Return what captures in this process; what loading the pipeline prints gets a file of its own."""
    if folder is None:
        return None
    try:
        capture = Capture(logfiles.file_of(folder, os.getpid()), _notices.append)
        capture.lead_to(logfiles.loading_file_of(folder, os.getpid()))
        return capture
    except OSError as error:
        _notices.append(uncaptured(f"{error.filename or folder}: {error.strerror or error}"))
        return None


def execute_call(call: Call) -> Outcome:
    """Execute one call in this process, and capture what it prints."""
    return _execute(call) if _capture is None else _capture.around(_execute, call)


def _execute(call: Call) -> Outcome:
    """Execute one call; the value stays here."""
    if _opened is None:
        return Outcome(failure=_unopened)
    project, tools = _opened
    try:
        os.chdir(project.config.root)    # a step before this one may have gone elsewhere
        project.analysis.settle(project.graph.nodes[base_of(call.step)].step.function)
        with hanging.telling(project.scratch, call.timeout):
            outcome = execute_in(project, tools, call, None)
    except KeyboardInterrupt as error:  # nobody presses Ctrl-C here: the step raised it
        return Outcome(failure=failure_of(error))
    told = tuple(_notices)
    _notices.clear()
    return outcome._replace(value=None, here=False, notices=told)


def execute_in(project: Project, tools: Tools, call: Call, live: Any) -> Outcome:
    """Gather a call's arguments and execute it; `live` gives values that need no loading."""
    lost = ""

    def take(step: str, artifact: Artifact) -> Any:
        nonlocal lost
        lost = step
        if live is not None:
            return live.take(step, artifact, call.step)
        return decoded(tools.codecs, tools.store, artifact)

    node = project.graph.nodes[base_of(call.step)]

    def arguments() -> Mapping[str, Any]:
        try:
            return arguments_of(node, call, take)
        except BlobMissing as error:
            raise Unreadable(Failure(error.message, lost=lost)) from error
        except EnvironmentFault:
            raise
        except Exception as error:  # reading a value back runs its own code, which may raise anything
            failure = failure_of(error)
            raise Unreadable(failure._replace(
                error=f"the value of `{lost}` can't be read back: {failure.error}", lost=lost,
                hint=f"let `{lost}` return plain data, or a type that can be unpickled")) from error

    codec = node.step.options["codec"]
    return execute(node.step.function, arguments, call, tools if codec == tools.codec else tools._replace(codec=codec))
