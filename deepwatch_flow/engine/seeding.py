"""Random numbers that are the same each time a step with a seed runs, and other numbers for each step.

Python's own generator is seeded, and those of numpy and torch where they are installed. What the
generators had before is put back: a step after this one draws as if this one had not been.
"""
from __future__ import annotations

import contextlib
import importlib
import importlib.util
import random
from typing import Any, Iterator, Optional

from ..hashing.digest import Hasher
from ..observation.findings import unobserved


@contextlib.contextmanager
def seeded(step: str, seed: Optional[int]) -> Iterator[None]:
    """Seed all generators for a step; nothing happens without a seed."""
    if seed is None:
        yield
        return
    number = int(Hasher("seed/1").field("step", step).field("seed", str(seed)).digest()[:16], 16)
    with contextlib.ExitStack() as stack:
        stack.callback(random.setstate, random.getstate())
        random.seed(number)
        with unobserved():      # what is looked for here, nobody asked for
            numpy, torch = _installed("numpy"), _installed("torch")
        if numpy is not None:
            numpys = importlib.import_module("numpy.random")
            stack.callback(numpys.set_state, numpys.get_state())
            numpys.seed(number % 2**32)
        if torch is not None:
            stack.callback(torch.random.set_rng_state, torch.random.get_rng_state())
            torch.manual_seed(number % 2**63)
        yield


def _installed(name: str) -> Optional[Any]:
    return importlib.import_module(name) if importlib.util.find_spec(name) is not None else None
