"""One step called as a run would call it, with the stored values of what it needs; nothing is recorded.

The runner decides and prepares as it always does; an executor of our own hands the call to whoever
asked, the debugger. All that the runner would write goes nowhere, and products go into a temporary folder.
"""
from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Set

from .engine.arguments import arguments_of
from .engine.calling import awaited
from .engine.calls import Call, Failure, Outcome
from .engine.executors import InlineExecutor
from .engine.handover import Values, consumers_of
from .engine.planner import World
from .engine.runner import Parts, Runner
from .engine.seeding import seeded
from .engine.worker import drawer_of
from .errors import ConfigError, StateError, quoted
from .events import Event, StepFinished
from .model import Artifact, Fresh, Plan, Policy, base_of
from .project import Project, value_of
from .state.store import BlobStore

#: does what calls the step's function, which is given too, and returns the value
Enter = Callable[[Callable[[], Any], Callable[..., Any]], Any]


class Order(NamedTuple):
    """The step to reproduce, and what was found out of it."""

    step: str
    world: World
    policy: Policy
    wanted: Set[str]
    plan: Plan


def reproduce(project: Project, store: BlobStore, order: Order, enter: Enter) -> Any:
    """Return what a step returns that is called by `enter`; whatever that raises passes through.

    Raises StateError where what the step needs is not up to date, ConfigError for a family as a whole.
    """
    _check(project, order)
    made: List[Any] = []
    raised: List[BaseException] = []

    def call_here(call: Call) -> Outcome:
        try:
            made.append(_called(project, store, call, enter))
        except BaseException as error:  # noqa: BLE001 - it is raised below, when the runner has ended
            raised.append(error)
        return Outcome(failure=Failure("nothing is recorded"))      # to the runner, which thereby records nothing

    told: List[StepFinished] = []

    def hear(event: Event) -> None:
        if isinstance(event, StepFinished) and event.error is not None:
            told.append(event)

    Runner(order.world, order.policy, order.wanted, Parts(
        InlineExecutor(call_here), Values(store, project.codecs, consumers_of(order.world.facts)), lambda _, __: None,
        lambda _: None, hear, None, options=lambda name: project.graph.nodes[base_of(name)].step.options)).run()
    if raised:
        raise raised[0]
    if not made:
        message, _, hint = (told[0].error or "").partition("\nhint: ") if told else ("", "", "")
        raise StateError(message or f"`{order.step}` can't be called", hint=hint or f"deepwatch run {quoted(order.step)}")
    return made[0]


def _check(project: Project, order: Order) -> None:
    name, verdicts = order.step, order.plan.verdicts
    if base_of(name) == name and project.graph.nodes[name].each:
        members = [each for each in verdicts if base_of(each) == name and each != name]
        raise ConfigError(f"`{name}` has instances: one of them can be debugged",
                          hint=f"for example: deepwatch debug {quoted(members[0])}" if members else f"deepwatch run {quoted(name)}, and see `deepwatch status`")
    stale = [each for each, verdict in verdicts.items() if each not in (name, base_of(name)) and not isinstance(verdict, Fresh)]
    if stale:
        raise StateError(f"`{name}` needs {', '.join(f'`{each}`' for each in stale[:5])}, which {'is' if len(stale) == 1 else 'are'} not up to date",
                         hint=f"deepwatch run {' '.join(map(quoted, dict.fromkeys(map(base_of, stale))))}")
    for each, verdict in verdicts.items():
        if isinstance(verdict, Fresh) and each != name and verdict.restore:
            raise StateError(f"`{name}` needs `{each}`, and its product `{verdict.restore[0].path}` is not there", hint=f"deepwatch run {quoted(each)}")


def _called(project: Project, store: BlobStore, call: Call, enter: Enter) -> Any:
    node = project.graph.nodes[base_of(call.step)]
    with tempfile.TemporaryDirectory(prefix="deepwatch-") as folder:
        given = _arguments(project, store, call)
        for parameter, path in call.products:
            given[parameter] = Path(folder) / path
            given[parameter].parent.mkdir(parents=True, exist_ok=True)
        os.chdir(project.config.root)

        def run() -> Any:
            value = awaited(node.step.function(**given))
            return list(value) if call.parts is not None and isinstance(value, Iterator) else value

        with seeded(drawer_of(call), call.seed):
            return enter(run, node.step.function)


def _arguments(project: Project, store: BlobStore, call: Call) -> Dict[str, Any]:
    def take(step: str, artifact: Artifact) -> Any:
        return value_of(project.codecs, store, step, artifact)

    return arguments_of(project.graph.nodes[base_of(call.step)], call, take)
