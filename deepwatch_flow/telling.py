"""Who hears of what happens in a project: the reporter, plugins, and the report that is made in the end."""
from __future__ import annotations

from typing import Any, Callable, Dict, Iterable, List, Set

from .errors import quoted
from .events import Emit, Event, Notice, RunFinished, RunStarted, StepFinished, StepStarted
from .model import Trace
from .reasons import Explainer
from .state.collect import with_owner
from .state.underway import Dead


class Teller:
    """Hands on each event; `hooks` gives the plugins' once the project is open, `traces` all that are known by key."""

    def __init__(self, reporter: Emit, hooks: Callable[[], Any], traces: Callable[[], Iterable[Iterable[Trace]]]) -> None:
        #: tells the reporter alone: for what happens before the project is open
        self.reporter = reporter
        self._hooks = hooks
        self._traces = traces
        self._told: Set[str] = set()
        self._implemented: Dict[str, Any] = {}      # hooks that some plugin implements, None for others
        #: what the report of a run is made of
        self.events: List[Event] = []

    def __call__(self, event: Event) -> None:
        """Tell of an event; a notice about something that one was told of already is left out."""
        if isinstance(event, Notice) and event.subject:
            if event.subject in self._told:
                return
            self._told.add(event.subject)
            event = event._replace(message=with_owner(event.message, event.subject, self._traces()))
        if isinstance(event, (RunStarted, StepFinished, Notice, RunFinished)):
            self.events.append(event)
        if isinstance(event, StepStarted):
            self._call("deepwatch_step_started", step=event.step)
        elif isinstance(event, StepFinished):
            self._call("deepwatch_step_finished", step=event.step, outcome=event.outcome)
        elif isinstance(event, RunStarted):
            self._call("deepwatch_run_started", run=event.run, steps=event.steps)
        self.reporter(event)

    def _call(self, name: str, **given: object) -> None:
        """Call the plugins that implement a hook; which these are does not change while a project is open."""
        if name not in self._implemented:
            hook = getattr(self._hooks(), name)
            self._implemented[name] = hook if hook.get_hookimpls() else None
        hook = self._implemented[name]
        if hook is not None:
            hook(**given)

    def in_full(self, explainer: Explainer) -> Emit:
        """Return what tells events with their reasons in full."""
        def tell(event: Event) -> None:
            if isinstance(event, (StepStarted, StepFinished)) and event.reasons:
                reasons = explainer.tell(event.step, event.reasons)
                event = event if reasons is event.reasons else event._replace(reasons=reasons)
            self(event)

        return tell

    def dead(self, dead: Dead) -> None:
        """Tell that an earlier run did not come to its end."""
        names = ", ".join(f"`{each.step}`" for each in dead.executions)
        first = dead.executions[0]
        printed = f"`deepwatch log {quoted(first.step)}` has what it printed; " if first.printed is not None else ""
        self.reporter(Notice(
            f"the run {dead.run[:8]} ended while it executed {names}: its process crashed or was killed",
            hint=f"{printed}with `-j 2` and `executor = \"auto\"` steps are executed in processes of their own, and a crash fails its step only"))

    def waiting(self, holder: object) -> None:
        """Tell that another run has to end first."""
        self.reporter(Notice(f"another run holds this project ({holder}): waiting for it",
                           hint="what it records is not executed again; `--wait 0` gives up at once", level="note"))
