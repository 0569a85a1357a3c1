"""The executor that engines share: which calls go together, and what follows when a worker dies."""
from __future__ import annotations

from typing import Any, Dict, List, Mapping, Sequence, Tuple

from deepwatch_flow.engine.dispatch import Answer, Order
from deepwatch_flow.engine.calls import Call, Outcome
from deepwatch_flow.engines.batches import LONGEST, BatchExecutor, Died
from deepwatch_flow.model import Digest


class Desk:
    """A dispatch that takes what comes."""

    def __init__(self) -> None:
        self.closed = False

    def order(self, call: Call) -> Order:
        return Order(call, Digest("code"))

    def accept(self, order: Order, answer: Answer) -> Any:
        return None if answer.unposted else answer.outcome

    def resources(self, step: str) -> Mapping[str, float]:
        return {"gpu": 1.0} if step.startswith("gpu") else {}

    def close(self) -> None:
        self.closed = True


class Workers:
    """An engine of two workers that dies of steps called `deadly`, and begins only so many calls of a batch."""

    def __init__(self, seconds: float = 0.0001, begins: int = LONGEST) -> None:
        self.seconds, self.begins = seconds, begins
        self.sent: List[List[str]] = []
        self.flying: Dict[int, Sequence[Order]] = {}
        self.company: List[int] = []

    def slots(self) -> int:
        return 2

    def send(self, number: int, orders: Sequence[Order], wants: Mapping[str, float]) -> None:
        self.sent.append([order.call.step for order in orders])
        self.flying[number] = orders
        self.company.append(len(self.flying))

    def wait(self, seconds: Any) -> List[Tuple[int, Any]]:
        number, orders = next(iter(self.flying.items()))
        del self.flying[number]
        if any(order.call.step == "deadly" for order in orders):
            return [(number, Died("several workers were lost"))]
        return [(number, [Answer(Outcome(seconds=self.seconds), "worker", self.seconds) for _ in orders[:self.begins]])]

    def close(self, cancel: bool) -> None:
        self.flying.clear()


def run(workers: Workers, names: Sequence[str]) -> Dict[str, Outcome]:
    executor = BatchExecutor(workers, Desk())      # type: ignore[arg-type]
    waiting, done = list(names), {}
    while len(done) < len(names):
        while waiting and executor.free():
            executor.submit(Call(waiting.pop(0), (), ()))
        for call, outcome in executor.wait():
            assert call.step not in done
            done[call.step] = outcome
    executor.close()
    return done


def test_short_calls_go_together_and_long_ones_alone() -> None:
    names = [f"s{number}" for number in range(2000)]
    short, long = Workers(0.0001), Workers(2.0)
    assert len(run(short, names)) == len(run(long, names)) == 2000
    assert len(short.sent) < 200
    assert max(map(len, short.sent)) <= LONGEST
    assert max(map(len, long.sent)) == 1


def test_what_a_worker_did_not_begin_is_sent_again() -> None:
    workers = Workers(0.0001, begins=2)
    assert len(run(workers, [f"s{number}" for number in range(300)])) == 300
    assert sum(map(len, workers.sent)) > 300


def test_a_call_that_asks_for_resources_goes_alone() -> None:
    workers = Workers(0.0001)
    run(workers, [f"gpu{number}" for number in range(50)])
    assert max(map(len, workers.sent)) == 1


def test_after_a_death_each_call_is_tried_with_nothing_else_in_flight() -> None:
    workers = Workers(0.0001)
    names = [f"s{number}" for number in range(200)]
    done = run(workers, [*names, "deadly", *(f"t{number}" for number in range(200))])
    failed = [name for name, outcome in done.items() if outcome.failure is not None]
    assert failed == ["deadly"]
    last = max(number for number, batch in enumerate(workers.sent) if "deadly" in batch)
    assert workers.sent[last] == ["deadly"]
    assert workers.company[last] == 1
