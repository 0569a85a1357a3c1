"""``deepwatch run``: arguments to a policy, events to a reporter, the report to an exit code."""
from __future__ import annotations

import argparse
import contextlib
import os
import signal
import threading
from types import FrameType
from typing import Callable, Iterator, List, NoReturn, Optional

from ..events import Emit, Event, Notice
from ..model import Policy
from ..report.documents import plan_document, run_document
from ..report.live import reporter_for
from ..report.terminal import plan_lines
from ..state.watched import LOCKED, RUN, STATUS
from ..workers import OURS
from ..workspace import Workspace, open_workspace
from .console import Console
from .parser import Command, add_json, add_precise, add_set
from .session import opened, settings
from .watch import Watch


class Terminated(KeyboardInterrupt):
    """SIGTERM, or the terminal is gone: ends a run as Ctrl-C does, lockfile and database complete."""

    exit_code = 143


#: what ends a run in good order; SIGHUP comes when a terminal is closed, a connection lost
_ENDING = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))


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
    policy = _policy(args, args.jobs if args.jobs is not None else config.jobs)
    policy = policy._replace(follow=policy.capture and console.verbosity > 0)
    apart = console.results_apart() if console.json else contextlib.nullcontext()
    reporter = reporter_for(console.err, console.environ, console.verbosity, several=policy.jobs > 1,
                            captured=policy.capture and config.executor in OURS)
    with terminable() as terminated, apart, reporter:
        fan = _Fan([reporter])
        with open_workspace(config, emit=fan, mends=not args.locked) as workspace:
            fan.listeners += _plugin_reporters(workspace)
            report = workspace.run(policy)
            if report.ok and not (args.targets or args.tag or args.set or args.precise):
                serves = LOCKED | STATUS | (RUN if not args.locked else 0)
                watch.look(workspace, serves, found_fresh=all(step.outcome == "reused" for step in report.steps))
    watch.write(console)
    if console.json:
        console.document(run_document(report))
    if report.interrupted:
        return Terminated.exit_code if terminated() else 130
    return 0 if report.ok else 1


def _dry_run(args: argparse.Namespace, console: Console) -> int:
    with opened(args, console) as workspace:
        plan = workspace.plan(_policy(args, 1))
    if console.json:
        console.document(plan_document(plan))
    else:
        console.result(*plan_lines(plan, console.paint, console.verbosity))
    return 0


def _policy(args: argparse.Namespace, jobs: int) -> Policy:
    return Policy(targets=tuple(args.targets), tags=tuple(args.tag), force=tuple(args.force), jobs=jobs,
                  locked=args.locked, fail_fast=args.fail_fast, accept_scheme=args.accept_scheme, wait=args.wait,
                  precise=args.precise, hermetic=args.hermetic, capture=not args.no_capture)


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


@contextlib.contextmanager
def terminable() -> Iterator[Callable[[], bool]]:
    """Let SIGTERM and SIGHUP end the run in good order; yields whether one came."""
    came: List[int] = []

    def terminate(number: int, _: Optional[FrameType]) -> NoReturn:
        came.append(number)
        raise Terminated

    if threading.current_thread() is not threading.main_thread():
        yield lambda: False        # only the main thread may set handlers
        return
    # who starts us by `nohup` has it ignored, and wants it so
    before = {number: signal.signal(number, terminate) for number in _ENDING
              if signal.getsignal(number) is not signal.SIG_IGN}
    try:
        yield lambda: bool(came)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


COMMANDS = {"run": Command(add_arguments, call)}
