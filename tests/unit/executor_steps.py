"""What worker processes of the tests execute: they find it here by name."""
from __future__ import annotations

import os
import time
from typing import Any

from deepwatch_flow.engine.calls import Call, Outcome, failure_of
from deepwatch_flow.errors import EnvironmentFault

_prepared: Any = None


def initialise(setup: Any) -> None:
    global _prepared
    _prepared = setup


def initialise_slowly(setup: Any) -> None:
    time.sleep(1.0)


def initialise_badly(setup: Any) -> None:
    raise ValueError(setup)


def execute(call: Call) -> Outcome:
    """Do what the step's name says."""
    what, _, more = call.step.partition(" ")
    if what == "die":
        os._exit(3)
    if what == "kill":
        os.kill(os.getpid(), int(more))
    if what == "hang":
        while True:
            pass
    if what == "until":     # ends where there is such a file
        while not os.path.exists(more):
            time.sleep(0.01)
    if what == "slow":
        time.sleep(0.5)
    if what == "fault":
        raise EnvironmentFault("the disk is full", hint="make room")
    if what == "break":
        raise ZeroDivisionError("inside our own code")
    if what == "fail":
        return Outcome(failure=failure_of(ValueError(more)))
    if what == "meet":  # two that wait for each other: only if they run at the same time
        mine, other = more.split()
        open(mine, "w").close()
        for _ in range(600):
            if os.path.exists(other):
                return Outcome(value="met", here=True)
            time.sleep(0.05)
        return Outcome(value="alone", here=True)
    return Outcome(value=(_prepared, os.getpid()), here=True)
