"""``deepwatch run``: arguments to a policy, events to a reporter, the report to an exit code."""
from __future__ import annotations

import argparse
import contextlib
import gc
import importlib
import os
from typing import Any, Collection, Iterator, List, Optional

from .._compat import duplicate_high
from ..engine.orphans import notices
from ..events import Emit, Event, Notice, RunFinished, RunReport, RunStarted
from ..model import Policy, base_of
from ..report.documents import plan_document, run_document
from ..report.live import reporter_for
from ..report.terminal import plan_lines
from ..state.watched import LOCKED, RUN, STATUS
from ..workers import OURS
from ..workspace import Workspace, open_workspace
from .console import Console
from .parser import Command, add_json, add_precise, add_set
from .session import opened, settings
from .stopping import ended_children, stoppable
from .watch import Watch

_USAGE = 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``run``."""
    parser.add_argument("targets", metavar="TARGET", nargs="*",
                        help="a step, a pattern such as 'model*', @TAG, STEP+ (with all below), !STEP (not this one): run only these and what they need")
    parser.add_argument("-j", "--jobs", metavar="N", type=_jobs, help="how many steps at a time; `auto`: one per CPU")
    parser.add_argument("-f", "--force", metavar="TARGET", action="append", default=[],
                        help="run this step whatever is recorded (repeatable)")
    parser.add_argument("-n", "--dry-run", action="store_true", help="only tell what would run, and why")
    parser.add_argument("--locked", action="store_true",
                        help="fail with exit code 3 where deepwatch.lock would have to change")
    parser.add_argument("-x", "--fail-fast", action="store_true", help="start nothing more after a failure")
    parser.add_argument("-t", "--tag", metavar="TAG", action="append", default=[],
                        help="run the steps that have this tag and what they need (repeatable)")
    parser.add_argument("--accept-scheme", action="store_true",
                        help="go on although deepwatch.lock has an older scheme of digests: steps run again")
    parser.add_argument("--wait", metavar="SECONDS", type=_seconds,
                        help="how long to wait for another run of this project; 0: not at all (default: until it ends)")
    add_precise(parser)
    parser.add_argument("--hermetic", action="store_true",
                        help="fail a step that reads a file or an environment variable without declaring it")
    parser.add_argument("--pdb", action="store_true",
                        help="open the debugger in a step that fails (steps run one at a time, in this process, without retries and timeouts)")
    parser.add_argument("-s", "--no-capture", action="store_true",
                        help="let steps print to the terminal themselves (and read from it); what they print is not kept")
    add_set(parser)
    add_json(parser)


def call(args: argparse.Namespace, console: Console) -> int:
    """Run the pipeline and return the exit code."""
    if args.dry_run:
        return _dry_run(args, console)
    config = settings(args)
    watch = Watch(config)
    policy = _policy(args, 1 if args.pdb else args.jobs if args.jobs is not None else config.jobs)
    policy = policy._replace(follow=policy.capture and console.verbosity > 0)
    apart = console.results_apart() if console.json else contextlib.nullcontext()
    reporter = reporter_for(console.err, console.environ, console.verbosity, several=policy.jobs > 1,
                            captured=policy.capture and config.executor in OURS)
    with stoppable() as stopping, _crashes_told(), apart, reporter, _collector_spared() as sparing:
        fan = _Fan([reporter, sparing])
        with ended_children(stopping), open_workspace(config, emit=fan, mends=not args.locked) as workspace:
            stopping.scratch.append(workspace.project.scratch or "")
            fan.listeners += _plugin_reporters(workspace)
            if args.pdb:
                _tell_of_pdb(args, workspace, fan)
            report = workspace.run(policy)
            if report.ok and not (args.targets or args.tag or args.set or args.precise):
                serves = LOCKED | STATUS | (RUN if not args.locked else 0)
                watch.look(workspace, serves, found_fresh=all(step.outcome == "reused" for step in report.steps))
    watch.write(console)
    if console.json:
        console.document(run_document(report))
    if report.interrupted:
        return stopping.exit_code
    return 0 if report.ok else _failed(report, {base_of(word) for word in (*args.targets, *args.force) if base_of(word) != word})


def _failed(report: RunReport, named: Collection[str]) -> int:
    """Return the exit code of a run that failed: that of an error of usage, where all that failed are families of which instances were `named`.

    A family itself is not executed: it fails where it has no such instance, which was not known before the steps above it ran.
    """
    failed = [step.step for step in report.steps if step.outcome == "failed"]
    return _USAGE if failed and all(name in named for name in failed) else 1


@contextlib.contextmanager
def _collector_spared() -> Iterator[Emit]:
    """Give a listener that spares the cycle collector what lasts as long as the run.

    It would look at all code, facts and records again and again: a fifth of the time of many small steps.
    """
    def spare(event: Event) -> None:
        if isinstance(event, (RunStarted, RunFinished)):
            gc.freeze()

    try:
        yield spare
    finally:
        gc.unfreeze()


@contextlib.contextmanager
def _crashes_told() -> Iterator[None]:
    """Have a crash of this process, in the compiled code of a step, say where in Python it was.

    It is written to where stderr led before what steps print is captured. Somebody else's choice stands.
    """
    faulthandler: Any = importlib.import_module("faulthandler")
    if os.name != "posix" or faulthandler.is_enabled():
        yield
        return
    try:
        descriptor = duplicate_high(2)
    except OSError:              # the shell started us without it
        yield
        return
    faulthandler.enable(descriptor, all_threads=False)
    try:
        yield
    finally:
        faulthandler.disable()
        os.close(descriptor)


def _tell_of_pdb(args: argparse.Namespace, workspace: Workspace, emit: Emit) -> None:
    """Say what the debugger leaves out of what was asked for."""
    config = workspace.config
    jobs = args.jobs if args.jobs is not None else config.jobs
    asked = [f'executor = "{config.executor}"'] if config.executor not in ("auto", "inline") else []
    asked += [f"{jobs} jobs"] if jobs > 1 else []
    asked += [f"the {what} of `{name}`" for name in workspace.graph.select(args.targets, args.tag) for what in ("timeout", "retries")
              if workspace.graph.nodes[name].step.options[what]]
    if asked:
        emit(Notice(f"--pdb executes the steps one after the other in this process, without {', '.join(asked[:5])}", level="note"))


def _dry_run(args: argparse.Namespace, console: Console) -> int:
    with opened(args, console) as workspace:
        plan = workspace.plan(_policy(args, 1))
    for notice in notices(plan.orphans):
        console.emit(notice)
    if console.json:
        console.document(plan_document(plan))
    else:
        console.result(*plan_lines(plan, console.paint, console.verbosity))
    return 0


def _policy(args: argparse.Namespace, jobs: int) -> Policy:
    return Policy(targets=tuple(args.targets), tags=tuple(args.tag), force=tuple(args.force), jobs=jobs,
                  locked=args.locked, fail_fast=args.fail_fast, accept_scheme=args.accept_scheme, wait=args.wait,
                  precise=args.precise, hermetic=args.hermetic, debug=args.pdb, capture=not (args.no_capture or args.pdb))


def _jobs(text: str) -> int:
    if text == "auto":
        return os.cpu_count() or 1
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a number from 1, or `auto`, got `{text}`")
    return int(text)


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"must be a number of seconds, got `{text}`")
    return value


class _Fan:
    """Hands each event to the reporter of the terminal and to those of plugins."""

    def __init__(self, listeners: List[Emit]) -> None:
        self.listeners = listeners

    def __call__(self, event: Event) -> None:
        own = self.listeners[0]
        own(event)
        for listener in self.listeners[1:]:
            try:
                listener(event)
            except Exception as error:  # noqa: BLE001 - a plugin's reporter must not end the run it reports
                self.listeners.remove(listener)
                own(Notice(f"a plugin's reporter failed and is not asked again: {type(error).__name__}: {error}"))


def _plugin_reporters(workspace: Workspace) -> List[Emit]:
    made: List[Optional[Emit]] = workspace.project.plugins.hook.deepwatch_reporter()
    return [reporter for reporter in made if reporter is not None]


COMMANDS = {"run": Command(add_arguments, call)}
