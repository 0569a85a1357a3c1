"""The many instances of a family as one line: who wants each of them asks with ``-v``."""
from __future__ import annotations

from typing import Dict, Iterable, List, NamedTuple, Optional, Sequence, Tuple

from ..events import OUTCOMES, StepFinished
from ..model import Fresh, Plan, Verdict, base_of
from .explain import counted, is_unaffected, names, printable, verdict_name

#: more instances of a family than these are told together
FOLDED = 5
FAILED = "failed when it was last executed"


class Row(NamedTuple):
    """One line of a plan: a verdict, and the steps that have it."""

    name: str
    verdict: Verdict
    steps: Tuple[str, ...]


def unfolded(plan: Plan) -> List[Row]:
    """Return the verdicts, one row for each step."""
    return [Row(name, verdict, (name,)) for name, verdict in plan.verdicts.items()]


def folded(plan: Plan) -> List[Row]:
    """Return the verdicts, those on the many instances of a family that are alike as one, with the first's reasons."""
    members: Dict[str, List[str]] = {}
    for name in plan.verdicts:
        members.setdefault(base_of(name), []).append(name)
    found: List[Row] = []
    for base, listed in members.items():
        if len(listed) <= FOLDED:
            found += [Row(name, plan.verdicts[name], (name,)) for name in listed]
            continue
        alike: Dict[Tuple[str, bool, bool, bool], List[str]] = {}
        for name in listed:
            verdict = plan.verdicts[name]
            key = (verdict_name(verdict), isinstance(verdict, Fresh) and is_unaffected(verdict), isinstance(verdict, Fresh) and bool(verdict.restore),
                   name in plan.refused)
            alike.setdefault(key, []).append(name)
        for same in alike.values():
            found.append(Row(f"{base}[{len(same)} of {len(listed)}]" if len(same) > 1 else same[0], plan.verdicts[same[0]], tuple(same)))
    return found


def remark(plan: Plan, steps: Sequence[str]) -> str:
    """Return what is to be said of a row's steps besides their verdict: whose last execution failed, whose value is not here."""
    refused = [plan.refused[step] for step in steps if step in plan.refused]
    if refused:
        return f"a run refuses it: {printable(refused[0])}" if len(steps) == 1 else f"a run refuses {len(refused)} of them: their products were edited"
    failed = sum(step in plan.failed for step in steps)
    if failed:
        return FAILED if len(steps) == 1 else f"{failed} of them failed when last executed"
    lost = lost_products(plan, steps)
    absent = "its value is not in the store, and is made again when it is needed" if plan.absent and plan.absent.intersection(steps) else ""
    return "; ".join(filter(None, [f"a run puts back {names(lost, 2)}" if lost else "", absent]))


def lost_products(plan: Plan, steps: Iterable[str]) -> List[str]:
    """Return the products of fresh steps that are missing, or another version, and that a run puts back."""
    return [product.path for step in steps for verdict in [plan.verdicts[step]] if isinstance(verdict, Fresh) for product in verdict.restore]


class Folded(NamedTuple):
    """What happened to the instances of a family: the one that stands for them, and how many had which outcome."""

    outcome: str
    seconds: float
    told: str


class Families:
    """The families of a run that have many instances, until all of those are done."""

    def __init__(self) -> None:
        self._waiting: Dict[str, int] = {}
        self._finished: Dict[str, List[StepFinished]] = {}

    def begin(self, family: str, instances: Iterable[str]) -> None:
        """Note which instances a family has."""
        count = len(tuple(instances))
        if count > FOLDED:
            self._waiting[family] = count
            self._finished[family] = []

    def has(self, step: str) -> bool:
        """Tell whether a step is an instance of such a family."""
        return base_of(step) in self._waiting

    def finish(self, event: StepFinished) -> Optional[Folded]:
        """Note an instance that is done; return what is to be told once all of its family are."""
        family = base_of(event.step)
        self._finished[family].append(event)
        self._waiting[family] -= 1
        if self._waiting[family]:
            return None
        del self._waiting[family]
        events = self._finished.pop(family)
        counts: Dict[str, int] = {}
        for each in events:
            counts[each.outcome] = counts.get(each.outcome, 0) + 1
        first = next(outcome for outcome in OUTCOMES if outcome in counts)
        return Folded(first, sum(each.seconds for each in events), counted(counts, OUTCOMES))
