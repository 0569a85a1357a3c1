"""Random numbers that are the same each time a step with a seed runs, and other numbers for each step.

Python's own generator is seeded, and those of numpy and torch where they are installed. What the
generators had before is put back: a step after this one draws as if this one had not been.
"""
from __future__ import annotations

import contextlib
import importlib
import importlib.util
import random
from typing import Any, ContextManager, Iterator, Optional

from ..hashing.digest import Hasher
from ..observation.findings import unobserved


def seeded(step: str, seed: Optional[int]) -> ContextManager[None]:
    """Return what seeds all generators for a step, and is nothing without a seed.

    What it needs is loaded now, before the step is observed: a step that uses no numpy must not be seen to load it.
    """
    if seed is None:
        return contextlib.nullcontext()
    number = int(Hasher("seed/1").field("step", step).field("seed", str(seed)).digest()[:16], 16)
    with unobserved():      # an observation around this run has nothing to do with it, either
        numpy_random, torch_random = _installed("numpy.random"), _installed("torch.random")
    return _seeded(number, numpy_random, torch_random)


@contextlib.contextmanager
def _seeded(number: int, numpy_random: Any, torch_random: Any) -> Iterator[None]:
    with contextlib.ExitStack() as stack:
        stack.callback(random.setstate, random.getstate())
        random.seed(number)
        if numpy_random is not None:
            stack.callback(numpy_random.set_state, numpy_random.get_state())
            numpy_random.seed(number % 2**32)
        if torch_random is not None:
            stack.callback(torch_random.set_rng_state, torch_random.get_rng_state())
            torch_random.manual_seed(number % 2**63)
        yield


def _installed(name: str) -> Any:
    spec = importlib.util.find_spec(name.partition(".")[0])
    # an own file may have such a name
    return importlib.import_module(name) if spec is not None and spec.submodule_search_locations is not None else None
