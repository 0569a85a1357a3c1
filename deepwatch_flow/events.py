"""What happens in a run, as records, and the report folded from them.

Events are the only channel from the runner to reporters and plugins.
"""
from __future__ import annotations

from typing import Callable, Dict, Iterable, List, NamedTuple, Optional, Tuple, Union

from .model import Reason

#: what may have happened to a step: `ran`, `reused` (nothing to do), `unaffected` (reused although
#: code changed, because nothing that its execution used did), `restored` (a product file was put
#: back from the store), `failed`, `blocked` (an upstream failed), `cancelled` (the run was stopped
#: before it)
OUTCOMES = ("ran", "reused", "unaffected", "restored", "failed", "blocked", "cancelled")
#: those with which a step's result is what it should be
GOOD = ("ran", "reused", "unaffected", "restored")


class Printed(NamedTuple):
    """What an execution printed: a part of a log."""

    file: str                          #: absolute path
    start: int                         #: bytes
    end: int


class RunStarted(NamedTuple):
    """A run begins, with the selected steps in topological order."""

    run: str
    steps: Tuple[str, ...]


class FamilyStarted(NamedTuple):
    """What a family goes through is known: its instances take its place among the steps."""

    step: str
    instances: Tuple[str, ...]


class StepStarted(NamedTuple):
    """A step is about to be executed."""

    step: str
    reasons: Tuple[Reason, ...]


class StepPrints(NamedTuple):
    """What the step that was started prints arrives in this file; told only where the policy follows it."""

    step: str
    file: str                          #: absolute path
    start: int                         #: bytes that were there before


class StepAsks(NamedTuple):
    """A step in this process reads from the terminal, which is its own until it has finished."""

    step: str


class StepFinished(NamedTuple):
    """A step is done with; `outcome` tells how."""

    step: str
    outcome: str
    reasons: Tuple[Reason, ...] = ()
    seconds: float = 0.0
    error: Optional[str] = None        #: one line: type and message
    traceback: Optional[str] = None    #: the user's frames
    changed: bool = True               #: False where a step ran to the output it had before
    printed: Optional[Printed] = None  #: what its execution printed, where that is kept


class Notice(NamedTuple):
    """Something worth telling that is no step's outcome."""

    message: str
    hint: Optional[str] = None
    level: str = "warning"             #: note | warning
    subject: str = ""                  #: the digest of the blob or the path that it is about; told once in a run


class RunFinished(NamedTuple):
    """The run is over, interrupted or not."""

    run: str
    seconds: float
    interrupted: bool = False


Event = Union[RunStarted, FamilyStarted, StepStarted, StepPrints, StepAsks, StepFinished, Notice, RunFinished]
Emit = Callable[[Event], None]


class RunReport(NamedTuple):
    """The whole of a run: what `run` returns and `run --json` prints."""

    run: str
    steps: Tuple[StepFinished, ...]
    notices: Tuple[Notice, ...] = ()
    seconds: float = 0.0
    interrupted: bool = False

    @property
    def counts(self) -> Dict[str, int]:
        """How many steps had each outcome; every outcome is present."""
        counts = dict.fromkeys(OUTCOMES, 0)
        for step in self.steps:
            counts[step.outcome] += 1
        return counts

    @property
    def ok(self) -> bool:
        """Whether no step failed and the run was not interrupted."""
        return not self.interrupted and all(step.outcome in GOOD for step in self.steps)

    def outcome(self, step: str) -> str:
        """Return the outcome of one step; raises KeyError for a step that was not selected."""
        for finished in self.steps:
            if finished.step == step:
                return finished.outcome
        raise KeyError(step)


def fold(events: Iterable[Event]) -> RunReport:
    """Fold the events of one run into its report."""
    report = RunReport("", ())
    notices: List[Notice] = []
    steps: Dict[str, StepFinished] = {}    # a step may be told twice: reused, then run after all
    for event in events:
        if isinstance(event, RunStarted):
            report = report._replace(run=event.run)
        elif isinstance(event, StepFinished):
            steps[event.step] = event
        elif isinstance(event, Notice):
            notices.append(event)
        elif isinstance(event, RunFinished):
            report = report._replace(seconds=event.seconds, interrupted=event.interrupted)
    return report._replace(steps=tuple(steps.values()), notices=tuple(notices))
