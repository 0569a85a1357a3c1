"""Python's cycle collector, kept off where much is made that is no part of a cycle."""
from __future__ import annotations

import gc
from contextlib import contextmanager
from typing import Iterator


@contextmanager
def collector_paused() -> Iterator[None]:
    """Keep the cycle collector off: it would look at every record, tree or token that is made, in vain, for half of the time."""
    running = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if running:
            gc.enable()
