"""The executor that all engines share: calls in batches, repeated where workers die.

An engine's price is by message, so short calls go together: a batch holds what takes some 50 ms, judged by
what the last calls took, and a worker gives back what it has not begun by then. A long call goes alone.

A batch whose worker died is sent again call by call, each with nothing else in flight: then it is sure
whose fault it is, and no step fails for another one's.
"""
from __future__ import annotations

import time
from collections import deque
from typing import (
    Any,
    Deque,
    Dict,
    Iterable,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Protocol,
    Sequence,
    Tuple,
    Union,
)

from ..engine.calls import Call, Failure, Outcome
from ..engine.dispatch import Answer, Dispatch, Order
from ..engine.executors import Done

#: how long a batch should keep a worker, in seconds, and how many calls one may hold
TARGET_SECONDS, LONGEST = 0.05, 256
#: seconds after which a worker begins nothing more of a batch
GIVE_BACK = 0.25
#: batches in flight for each worker: one that is executed, one that waits
_DEEP = 2
#: how much the last batch counts for the size of the next one
_WEIGHT = 0.3


class Died(NamedTuple):
    """A worker died, as often as the engine tried it."""

    why: str


class Broken(NamedTuple):
    """The engine did not get the batch executed; nothing of it can be had."""

    why: str
    hint: Optional[str] = None


Result = Union[List[Answer], Died, Broken]


class Transport(Protocol):
    """An engine: takes batches, gives results."""

    def slots(self) -> int:
        """Return how many batches can be executed at a time."""

    def send(self, number: int, orders: Sequence[Order], wants: Mapping[str, float]) -> None:
        """Send a batch."""

    def wait(self, seconds: Optional[float]) -> Iterable[Tuple[int, Result]]:
        """Return finished batches, at least one unless the time is over."""

    def close(self, cancel: bool) -> None:
        """Let go of the engine, and end what was started for it."""


class BatchExecutor:
    """An `Executor` on an engine."""

    def __init__(self, transport: Transport, dispatch: Dispatch) -> None:
        self._transport = transport
        self._dispatch = dispatch
        self._waiting: Deque[Call] = deque()
        self._flying: Dict[int, List[Order]] = {}
        self._suspects: Deque[Call] = deque()      # each was in a batch whose worker died
        self._alone: Optional[int] = None          # the number of a suspect's batch
        self._calls = 0                            # in flight
        self._number = 0
        self._size = 1.0
        self._closed = False

    def free(self) -> bool:
        """Whether another call may be submitted: as many as keep the workers busy."""
        if self._suspects or self._alone is not None:
            return False
        return self._calls + len(self._waiting) < self._transport.slots() * _DEEP * max(1, int(self._size))

    def submit(self, call: Call) -> None:
        """Take a call; it is sent when the runner waits."""
        self._waiting.append(call)

    def wait(self, seconds: Optional[float] = None) -> List[Done]:
        """Return at least one finished call; none where none is finished after so many seconds."""
        until = None if seconds is None else time.monotonic() + seconds
        done: List[Done] = []
        while not done:
            self._flush()
            left = None if until is None else max(0.0, until - time.monotonic())
            for number, result in self._transport.wait(left):
                done += self._landed(number, result)
            if until is not None and time.monotonic() >= until:
                break
        return done

    def close(self, cancel: bool = False) -> None:
        """Let go of all workers; with `cancel` without waiting for what is in flight."""
        if self._closed:
            return
        self._closed = True
        try:
            self._transport.close(cancel)
        finally:
            self._dispatch.close()

    # -- sending ----------------------------------------------------------------------------------

    def _flush(self) -> None:
        if self._suspects or self._alone is not None:
            if self._suspects and not self._flying:
                self._alone = self._send([self._suspects.popleft()])
            return
        share = -(-len(self._waiting) // max(1, self._transport.slots()))
        most = max(1, min(int(self._size), share))
        batch: List[Call] = []
        while self._waiting:
            call = self._waiting.popleft()
            if call.timeout is not None or self._dispatch.resources(call.step):
                self._send([call])
                continue
            batch.append(call)
            if len(batch) >= most:
                self._send(batch)
                batch = []
        if batch:
            self._send(batch)

    def _send(self, calls: Sequence[Call]) -> int:
        self._number += 1
        orders = [self._dispatch.order(call) for call in calls]
        self._flying[self._number] = orders
        self._calls += len(orders)
        self._transport.send(self._number, orders, self._dispatch.resources(calls[0].step))
        return self._number

    # -- what comes back --------------------------------------------------------------------------

    def _landed(self, number: int, result: Result) -> List[Done]:
        orders = self._flying.pop(number, None)
        if orders is None:
            return []
        self._calls -= len(orders)
        alone, self._alone = self._alone == number, None if self._alone == number else self._alone
        if isinstance(result, Broken):
            return [(order.call, Outcome(failure=Failure(result.why, hint=result.hint))) for order in orders]
        if isinstance(result, Died):
            if not alone:
                self._suspects.extend(order.call for order in orders)
                return []
            hint = "the system ends what takes too much memory; compiled code may crash, and os._exit() ends a process at once"
            return [(orders[0].call, Outcome(failure=Failure(f"the worker died while it ran this step: {result.why}", hint=hint)))]
        self._learn(result)
        done = [each for order, answer in zip(orders, result) for each in self._accepted(order, answer)]
        self._waiting.extendleft(order.call for order in reversed(orders[len(result):]))     # not begun
        return done

    def _accepted(self, order: Order, answer: Answer) -> List[Done]:
        outcome = self._dispatch.accept(order, answer)
        if outcome is None:
            self._waiting.appendleft(order.call)
            return []
        return [(order.call, outcome)]

    def _learn(self, answers: Sequence[Answer]) -> None:
        """Judge by what the last calls took how many go together."""
        mean = sum(answer.seconds for answer in answers) / max(1, len(answers))
        fits = min(float(LONGEST), TARGET_SECONDS / max(mean, 1e-6))
        grown = min(fits, 2.0 * self._size)        # no leap: the next ones may be longer
        self._size = max(1.0, (1 - _WEIGHT) * self._size + _WEIGHT * grown if grown > self._size else fits)


def as_failure(error: BaseException) -> Broken:
    """Return what is told of an error that the engine had with a batch."""
    text = str(error).strip().partition("\n")[0][:500]
    return Broken(f"the engine could not execute it: {type(error).__name__}: {text}")


def missing(module: str, name: str, error: ImportError) -> Dict[str, Any]:
    """Return message and hint for an engine that is not installed."""
    return {"message": f"the executor `{name}` needs `{module}`, which is not installed ({error})",
            "hint": f'pip install "deepwatch-flow[{name}]"'}
