"""One worker process: spawned, prepared once, then given one call after the other through a pipe.

The standard library's pools have queues and threads between the driver and a worker, which cost more than a small
step does, and a pool is broken as a whole when one of its processes dies. With a pipe for each worker there is one
call in flight in it, and its death is that call's alone.
"""
from __future__ import annotations

import contextlib
import importlib
import signal
import time
from typing import Any, Callable, NamedTuple, Optional, Tuple, Union

from ..errors import EnvironmentFault
from ..events import Printed
from . import children
from .calls import Call, Failure, Outcome
from .executors import answer_to, broken

#: what a worker says once it is prepared
_READY = "ready"
#: how long the end of a pipe may take, once that of its process is known
_ENDING_SECONDS = 1.0


class Unread(Exception):
    """The worker is dead, and has not read the call: no step has begun."""


class Setup(NamedTuple):
    """How a worker is prepared, and what it executes: functions that are found by name there."""

    initialise: Callable[[Any], None]
    given: Any                                     #: to `initialise`
    execute: Callable[[Call], Outcome]
    #: where a call that was ended hung, by the worker's process number
    hung: Callable[[int], Optional[str]] = lambda _: None
    #: told of each call that begins: the worker's process number, the step, how long its log is
    began: Callable[[int, str, int], None] = lambda *_: None
    #: what a worker that has died printed since its log had so many bytes
    printed: Callable[[int, int], Optional[Printed]] = lambda *_: None


class WorkerProcess:
    """A process that executes one call at a time; it lives until it is ended, or dies of a call."""

    def __init__(self, setup: Setup) -> None:
        spawn: Any = importlib.import_module("multiprocessing").get_context("spawn")
        self.connection, theirs = spawn.Pipe()
        self.process: Any = spawn.Process(target=_serve, args=(theirs, setup[:3]), name="deepwatch-worker")
        with children.spawning():
            self.process.start()
        theirs.close()
        self.since: Optional[float] = None             #: when it was prepared
        self.logged = 0                                #: how many bytes of its log earlier calls printed
        self._waiting: Optional[Call] = None           #: for that: the pipe may be too small for a call that nobody reads

    def submit(self, call: Call) -> None:
        """Hand over a call, as soon as the worker is prepared."""
        if self.since is None:
            self._waiting = call
            return
        with contextlib.suppress(OSError):      # it is dead: who waits for the answer finds that out
            self.connection.send(call)

    def answer(self) -> Union[Outcome, EnvironmentFault, None]:
        """Return what the worker answers, None where it has only become ready; raises EOFError if it is dead, or Unread.

        Linux tells the death of one that left something unread in the pipe as a reset; elsewhere both look alike.
        """
        try:
            if not self.connection.poll(_ENDING_SECONDS):      # the process may be known to have ended before its pipe is
                raise EOFError
            answer = self.connection.recv()
        except ConnectionResetError as error:
            raise Unread from error
        except OSError as error:
            raise EOFError from error
        if answer == _READY:
            self.since = time.monotonic()
            waiting, self._waiting = self._waiting, None
            if waiting is not None:
                self.submit(waiting)
            return None
        if not isinstance(answer, (Outcome, EnvironmentFault)):
            return Outcome(failure=Failure("something else than the worker wrote into its pipe", hint="the step must leave it alone"))
        return answer

    def is_dead(self) -> bool:
        """Whether the process has ended."""
        return not self.process.is_alive()

    def dismiss(self) -> None:
        """Let a worker end that waits for a call."""
        with contextlib.suppress(OSError):
            self.connection.send(None)

    def close(self) -> None:
        """Let go of a process that has ended."""
        self.process.join()
        self.connection.close()

    def death(self) -> Failure:
        """Tell how the process ended."""
        children.end([self.process])    # what it had started is of its group, and may live on
        self.close()
        code = self.process.exitcode
        when = "while it ran this step" if self.since is not None else "while it started"
        hint = None if self.since is not None else "loading the pipeline in a worker ends the process: it must load there as it does here"
        if code and code < 0:
            known = ("another process ended it, or the step closed the files through which the worker hears of us"
                     if -code == signal.SIGTERM else "the system ends what takes too much memory; compiled code may crash")
            return Failure(f"the worker process died {when}: killed by {_signal_name(-code)}", hint=hint or known)
        told = f": it ended itself with the code {code}" if code else ""
        return Failure(f"the worker process died {when}{told}",
                       hint=hint or "os._exit() ends a process at once, and so does some compiled code")


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


# -- in the process ---------------------------------------------------------------------------------

def _serve(connection: Any, setup: Tuple[Callable[[Any], None], Any, Callable[[Call], Outcome]]) -> None:
    """Execute what comes until nothing more does."""
    initialise, given, execute = setup
    initialise(given)
    connection.send(_READY)
    while True:
        try:
            call = connection.recv()
        except (EOFError, OSError):
            return
        if call is None:
            return
        answer = answer_to(call, execute)
        try:
            connection.send(answer)
        except OSError:
            return
        except Exception as error:  # noqa: BLE001 - an outcome that can't be pickled; nothing of it was written
            connection.send(broken(error))
