"""Work in threads that nobody has to wait for: a remote that hangs must not hang us.

The threads are daemons, so that a call that never returns keeps no process alive; `concurrent.futures`
joins its threads at exit.
"""
from __future__ import annotations

import queue
import threading
from typing import Callable, Iterable, Iterator, List, Tuple, TypeVar, Union

Item = TypeVar("Item")
Result = TypeVar("Result")


class NoAnswer(Exception):
    """A call took longer than it may."""


def within(limit: float, call: Callable[[], Result]) -> Result:
    """Return what a call gives, or raise what it raises; raises NoAnswer after so many seconds."""
    answers: queue.Queue[Tuple[bool, Union[Result, BaseException]]] = queue.Queue()

    def answer() -> None:
        try:
            answers.put((True, call()))
        except BaseException as error:  # noqa: BLE001 - it is raised where the call was made
            answers.put((False, error))

    threading.Thread(target=answer, name="deepwatch-remote", daemon=True).start()
    try:
        fine, given = answers.get(timeout=limit)
    except queue.Empty:
        raise NoAnswer(f"no answer within {limit:g} seconds") from None
    if not fine:
        raise given  # type: ignore[misc]
    return given  # type: ignore[return-value]


def _still() -> int:
    return 0


def each(items: Iterable[Item], work: Callable[[Item], Result], workers: int, stall: float,
         moved: Callable[[], int] = _still) -> Iterator[Tuple[Item, Union[Result, Exception]]]:
    """Do work on items in several threads; yield each with its result, or the error, as they come.

    Raises NoAnswer if nothing at all comes for `stall` seconds, and `moved` (how much of all that is
    under way has been done) does not grow meanwhile. Leaving the loop stops the threads
    after the items that they work on.
    """
    waiting: List[Item] = list(items)[::-1]
    count = len(waiting)
    done: queue.Queue[Tuple[Item, Union[Result, Exception]]] = queue.Queue()

    def run() -> None:
        while True:
            try:
                item = waiting.pop()
            except IndexError:
                return
            try:
                done.put((item, work(item)))
            except Exception as error:  # noqa: BLE001 - the caller looks at it
                done.put((item, error))

    for _ in range(min(workers, count)):
        threading.Thread(target=run, name="deepwatch-remote", daemon=True).start()
    try:
        for _ in range(count):
            yield _next(done, stall, moved)
    finally:
        waiting.clear()


def _next(done: queue.Queue[Result], stall: float, moved: Callable[[], int]) -> Result:
    while True:
        before = moved()
        try:
            return done.get(timeout=stall)
        except queue.Empty:
            if moved() == before:
                raise NoAnswer(f"nothing came for {stall:g} seconds") from None
