"""Loading the pipeline file and collecting the steps that come into being meanwhile.

The steps of a pipeline are all those created while it loads, in imported modules too. Another kind
of file than Python source is asked of plugins.
"""
from __future__ import annotations

import os
from typing import Callable, Iterable, Optional, Tuple

from ..errors import PipelineError
from ..loading.importing import ImportWorld
from .including import Loading
from .step import Step, collect, collected

#: a plugin's way from a file to steps, None where the file is not its own
Collector = Callable[[str], Optional[Iterable[Step]]]


def load_pipeline(world: ImportWorld, path: str, collector: Optional[Collector] = None) -> Tuple[Step, ...]:
    """Return the steps of a pipeline file, in the order of their creation; raises PipelineError."""
    full = os.path.join(world.root, path)
    if not os.path.exists(full):
        raise PipelineError(f"there is no pipeline `{path}` in this folder",
                            hint="go to the project's folder (or give it by -C), or make a new one with `deepwatch init`")

    def load(path: str) -> None:
        _load(world, path, collector)

    with collect() as steps, Loading(world, path, load):
        load(path)
    if not steps:
        raise PipelineError(f"`{path}` declares no steps", hint="decorate a function with @step")
    return tuple(steps)


def _load(world: ImportWorld, path: str, collector: Optional[Collector]) -> None:
    """Load one file, so that its steps are collected."""
    if path.endswith(".py"):
        world.load(path)
        return
    made = collector(os.path.join(world.root, path)) if collector is not None else None
    if made is None:
        raise PipelineError(f"no plugin knows how to collect steps from `{path}`",
                            hint="install the plugin for this kind of file, or use a .py file")
    steps = collected()
    steps += [each for each in made if each not in steps]
