"""Everything that depends on the version of Python, and nothing else.

No other module looks at ``sys.version_info``, save the shapes of syntax trees in
``analysis.canonical`` and those of bytecode in ``observation.prologue``.
"""
from __future__ import annotations

import os
import sys
from typing import Any, FrozenSet

from graphlib import CycleError, TopologicalSorter  # the backport below 3.9 has the same name

__all__ = ["CycleError", "TopologicalSorter", "duplicate_high", "fcntl", "has_fast_profiler", "monitoring", "stdlib_module_names", "toml_loads"]

#: the Python whose marshal and syntax trees this process reads and writes
PYTHON = f"{sys.implementation.name}-{sys.version_info[0]}.{sys.version_info[1]}"


def toml_loads(text: str) -> Any:
    """Parse TOML with the standard library, or with tomli below Python 3.11.

    Both raise a ``ValueError`` whose text names line and column.
    """
    if sys.version_info >= (3, 11):
        import tomllib

        return tomllib.loads(text)
    import tomli

    return tomli.loads(text)


def stdlib_module_names() -> FrozenSet[str]:
    """Return the top-level module names of the standard library, empty before Python 3.10.

    Where it is empty, ``loading.origin`` decides by the folder a module was found in.
    """
    return frozenset(getattr(sys, "stdlib_module_names", ()))


try:
    import fcntl
except ImportError:  # not POSIX
    fcntl = None  # type: ignore[assignment]

#: what tells of code that runs, from Python 3.12 on
monitoring: Any = getattr(sys, "monitoring", None)


def has_fast_profiler() -> bool:
    """Whether profiling by the C profiler sees every thread's calls on its own (it shares tool ids from 3.12 on)."""
    return sys.implementation.name == "cpython" and sys.version_info < (3, 12)


def duplicate_high(descriptor: int) -> int:
    """Return a duplicate of a descriptor, with a high number where the system allows it.

    A step that closes what it has inherited, as daemons do, is likely to leave that one alone.
    """
    if fcntl is not None:
        try:
            return int(fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 500))
        except (AttributeError, OSError):      # a system without it; a low limit
            pass
    return os.dup(descriptor)
