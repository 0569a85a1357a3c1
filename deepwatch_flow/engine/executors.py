"""What executes steps: the protocol, and the executor that stays in this process."""
from __future__ import annotations

from typing import Callable, List, Optional, Protocol, Tuple, Union

from ..errors import EnvironmentFault
from .calls import Call, Failure, Outcome

Done = Tuple[Call, Outcome]


class Executor(Protocol):
    """Executes calls; the runner submits while `free` and then waits."""

    def free(self) -> bool:
        """Whether another call may be submitted."""

    def submit(self, call: Call) -> None:
        """Take a call."""

    def wait(self, seconds: Optional[float] = None) -> List[Done]:
        """Return at least one finished call; none where none is finished after so many seconds."""

    def close(self, cancel: bool = False) -> None:
        """Let go of all workers; with `cancel` without waiting for what is in flight."""


class InlineExecutor:
    """Executes each call at once, in this process."""

    def __init__(self, execute: Callable[[Call], Outcome]) -> None:
        self._execute = execute
        self._done: List[Done] = []

    def free(self) -> bool:
        """One at a time: the next only when the last was taken."""
        return not self._done

    def submit(self, call: Call) -> None:
        """Execute the call."""
        self._done.append((call, self._execute(call)))

    def wait(self, seconds: Optional[float] = None) -> List[Done]:    # noqa: ARG002 - it never has to wait
        """Return the finished call."""
        done, self._done = self._done, []
        return done

    def close(self, cancel: bool = False) -> None:
        """Nothing is held."""


def answer_to(call: Call, execute: Callable[[Call], Outcome]) -> Union[Outcome, EnvironmentFault]:
    """Execute a call where nobody hears what is raised: a fault of the machine is returned, for whoever waits to raise."""
    try:
        return execute(call)
    except EnvironmentFault as fault:
        return fault
    except Exception as error:  # noqa: BLE001 - an error of ours must not end a worker untold
        return broken(error)


def broken(error: Exception) -> Outcome:
    """Return the outcome of a call at which something of ours went wrong."""
    return Outcome(failure=Failure(f"{type(error).__name__}: {error}"))
