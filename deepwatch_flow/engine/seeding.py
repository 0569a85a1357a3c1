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


def seeded(step: str, seed: Optional[int]) -> ContextManager[None]:
    """Return what seeds all generators for a step, and is nothing without a seed.

    What it needs is loaded now, before the step is observed: who does not use it has no package numpy.
    """
    if seed is None:
        return contextlib.nullcontext()
    number = int(Hasher("seed/1").field("step", step).field("seed", str(seed)).digest()[:16], 16)
    return _seeded(number, _installed("numpy.random"), _installed("torch.random"))


@contextlib.contextmanager
def _seeded(number: int, numpys: Any, torches: Any) -> Iterator[None]:
    with contextlib.ExitStack() as stack:
        stack.callback(random.setstate, random.getstate())
        random.seed(number)
        if numpys is not None:
            stack.callback(numpys.set_state, numpys.get_state())
            numpys.seed(number % 2**32)
        if torches is not None:
            stack.callback(torches.set_rng_state, torches.get_rng_state())
            torches.manual_seed(number % 2**63)
        yield


def _installed(name: str) -> Any:
    spec = importlib.util.find_spec(name.partition(".")[0])
    # an own file may have such a name
    return importlib.import_module(name) if spec is not None and spec.submodule_search_locations is not None else None
