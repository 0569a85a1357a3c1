"""What is told of a step that failed before or after its own code ran."""
from __future__ import annotations

from typing import Sequence

from .calls import Failure

_SHOWN = 5


def not_hermetic(name: str, undeclared: Sequence[str]) -> Failure:
    """Return the failure of a step that read what it does not declare, under ``--hermetic``."""
    shown = ", ".join(undeclared[:_SHOWN]) + (f", and {len(undeclared) - _SHOWN} more" if len(undeclared) > _SHOWN else "")
    return Failure(f"`{name}` read {shown} without declaring it",
                   hint="declare files as File(...), give the rest as params; or run without --hermetic")


def missing_input(name: str, missing: Sequence[str]) -> Failure:
    """Return the failure of a step one of whose files is not there."""
    shown = ", ".join(f"`{path}`" for path in missing)
    return Failure(f"input {shown} of `{name}` does not exist",
                   hint="create it, or correct the path in the step's File(...); it is relative to the project's folder")


def unreadable(step: str) -> Failure:
    """Return the failure of a step that needs a value which the store has lost again and again."""
    return Failure(f"the value of `{step}` was stored and can't be read back",
                   hint="the store loses what it is given: look at its disk, or at the plugin that offers it")
