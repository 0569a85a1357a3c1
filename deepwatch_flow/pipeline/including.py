"""Including: the steps of another pipeline file, under a prefix.

A file is imported once, however often it is included; each inclusion makes steps of its own from the
same functions. Who may name whom is told by a step's scopes, which ``parameters`` goes through.
"""
from __future__ import annotations

import os
import re
import sys

from ..errors import PipelineError
from .step import Step, collect, declared_by, take_over

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Callable, Dict, List, Optional, Tuple, Type

    from ..loading.importing import ImportWorld

#: letters, digits, dots, dashes and underscores: what no pattern, tag, instance or output is written with
_PREFIX = re.compile(r"\w+([.-]\w+)*[.-]?")

#: the pipelines that load now, the innermost last
_loading: "List[Loading]" = []


class Loading:
    """The loading of one pipeline with the files that it includes; a context manager."""

    def __init__(self, world: "ImportWorld", path: str, steps_of: "Callable[[str], None]") -> None:
        self.root = world.root
        self._steps_of = steps_of
        self._open: "List[str]" = [os.path.abspath(os.path.join(world.root, path))]
        self._known: "Dict[str, Tuple[Step, ...]]" = {}

    def __enter__(self) -> "Loading":
        _loading.append(self)
        return self

    def __exit__(self, kind: "Optional[Type[BaseException]]", error: "Optional[BaseException]",
                 trace: "Optional[TracebackType]") -> None:
        _loading.remove(self)

    def steps(self, full: str) -> "Tuple[Step, ...]":
        """Return the steps that a file declares, loading it where that was not done; raises PipelineError."""
        if full in self._open:
            path = " -> ".join(self.shown(each) for each in [*self._open[self._open.index(full):], full])
            raise PipelineError(f"the files include each other: {path}", hint="take one of these includes out")
        if full not in self._known:
            # what was imported before it was included has declared its steps by that
            before = declared_by(full)
            self._open.append(full)
            try:
                with collect() as made:
                    self._steps_of(self.shown(full))
            finally:
                self._open.pop()
            self._known[full] = (*before, *made)
        if not self._known[full]:
            raise PipelineError(f"`{self.shown(full)}` declares no steps", hint="decorate a function with @step")
        return self._known[full]

    def shown(self, full: str) -> str:
        """Return a path relative to the root."""
        return os.path.relpath(full, self.root).replace(os.sep, "/")


def include(path: "str | os.PathLike[str]", prefix: str = "") -> None:
    """Bring in the steps of another pipeline file, `prefix` before the name of each.

    `path` is relative to the file that includes. In the included file a name means its own step; one that it has
    not, and that has no default, means a step of the including pipeline. Elsewhere its steps are named with the
    prefix: ``@step(needs={"rows": "etl.clean"})``. Where a module is merely imported, not loaded as a
    pipeline, nothing is included. Raises PipelineError for a file that can't be included, TypeError for other arguments.
    """
    caller = sys._getframe(1).f_code
    file = _text(path)
    if not isinstance(prefix, str):
        raise TypeError(f'include(..., prefix=...) takes a text such as "etl.", not {prefix!r}')
    if prefix and not _PREFIX.fullmatch(prefix):
        raise PipelineError(f"the prefix {prefix!r} can't begin the name of a step",
                            hint='use letters, digits, - and _, and a dot at the end: prefix="etl."')
    if not _loading:
        if caller.co_name == "<module>" and os.path.isfile(caller.co_filename):
            return      # a test or a notebook imports the pipeline's functions
        raise PipelineError("include(...) was called where no pipeline loads",
                            hint="write it at the top level of pipeline.py, beside the steps")
    loading = _loading[-1]
    full = os.path.abspath(os.path.join(os.path.dirname(caller.co_filename), file))
    _check_place(loading, full, file)
    for step in loading.steps(full):
        take_over(step, prefix)


def _text(path: "str | os.PathLike[str]") -> str:
    try:
        found: object = os.fspath(path)
    except TypeError:
        found = ""
    if not isinstance(found, str) or not found:
        raise TypeError(f"include(...) takes the path of a pipeline file, not {path!r}")
    return found


def _check_place(loading: Loading, full: str, given: str) -> None:
    if not full.startswith(os.path.join(loading.root, "")):
        raise PipelineError(f"the included file `{given}` lies outside of the project", hint="copy it below the project's folder")
    if os.path.isfile(full):
        return
    what = "is a folder" if os.path.isdir(full) else "is not there"
    raise PipelineError(f"the included file `{loading.shown(full)}` {what}",
                        hint=_near(loading, full) or "its path is relative to the file that includes it")


def _near(loading: Loading, full: str) -> "Optional[str]":
    import difflib  # only an error needs it

    folder = full if os.path.isdir(full) else os.path.dirname(full)
    try:
        files = [name for name in os.listdir(folder) if name.endswith(".py")]
    except OSError:
        return None
    near = difflib.get_close_matches(os.path.basename(full), files, n=1) or (files if len(files) == 1 and folder == full else [])
    return f"did you mean `{loading.shown(os.path.join(folder, near[0]))}`?" if near else None
