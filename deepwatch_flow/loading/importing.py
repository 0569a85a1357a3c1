"""Importing own code by path, and the world that a run imports it into.

An `ImportWorld` is what ``sys.modules`` and ``sys.path`` look like during a run: the project's root
comes first, its modules are loaded afresh from one snapshot, and all is put back at the end. So a
run in a notebook sees the files as they are now, and leaves the notebook's own modules alone.
"""
from __future__ import annotations

import importlib
import importlib.util
import os
import sys
import traceback
from types import ModuleType, TracebackType
from typing import Dict, List, Optional, Tuple, Type, Union

from ..errors import PipelineError
from ..model import Boundary
from .finder import OwnFinder
from .origin import Origins
from .snapshot import Snapshot

_OUR_FOLDER = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


class ImportWorld:
    """The modules of one run; a context manager."""

    def __init__(self, snapshot: Snapshot, origins: Origins, root: str) -> None:
        self.snapshot = snapshot
        self.origins = origins
        self.root = os.path.abspath(root)
        self._finder = OwnFinder(snapshot, origins)
        self._aside: Dict[str, ModuleType] = {}
        self._path: List[str] = []

    def __enter__(self) -> ImportWorld:
        self._path = list(sys.path)
        sys.path[:] = [self.root] + [each for each in self._path if os.path.abspath(each or ".") != self.root]
        self._finder.__enter__()
        self._aside = self._take_out()
        importlib.invalidate_caches()
        return self

    def __exit__(self, kind: Optional[Type[BaseException]], error: Optional[BaseException],
                 trace: Optional[TracebackType]) -> None:
        self._finder.__exit__(kind, error, trace)
        self._take_out()
        sys.modules.update(self._aside)
        self._aside = {}
        sys.path[:] = self._path

    def load(self, path: str) -> ModuleType:
        """Import a file as the module that its place below the root makes it.

        Raises PipelineError with the user's traceback where the file, or what it imports, fails.
        """
        full = os.path.abspath(os.path.join(self.root, path))
        if not os.path.isfile(full):
            raise PipelineError(f"there is no file `{path}`", hint="check the path; it is relative to the project's folder")
        name, base = module_name(full, self.root)
        if base not in sys.path:
            sys.path.insert(1, base)
        known = sys.modules.get(name)
        if known is not None and _same_file(known, full):
            return known
        try:
            module = importlib.import_module(name)
            if _same_file(module, full):
                return module
            return self._by_location(name, full)
        except Exception as error:  # importing runs the user's code: whatever it raises is told, with its place
            raise _failed(path, error) from error

    def _by_location(self, name: str, path: str) -> ModuleType:
        # another module already has the name (`code.py`, `test.py`): load the file itself under it
        spec = importlib.util.spec_from_file_location(name, path)
        if spec is None:
            raise ImportError(f"{path} is no Python source")
        module = importlib.util.module_from_spec(spec)
        before = sys.modules.get(name)
        sys.modules[name] = module
        try:
            exec(self._finder.code(path), vars(module))  # noqa: S102 - this is what importing is
        except BaseException:
            if before is None:
                del sys.modules[name]
            else:
                sys.modules[name] = before
            raise
        return module

    def _take_out(self) -> Dict[str, ModuleType]:
        """Take own modules out of ``sys.modules`` and return them."""
        own = [name for name, module in list(sys.modules.items()) if name != "__main__" and self._is_own(module)]
        return {name: sys.modules.pop(name) for name in own}

    def _is_own(self, module: Optional[ModuleType]) -> bool:
        file = getattr(module, "__file__", None)
        return isinstance(file, str) and file.endswith(".py") and self.origins.of_file(file)[0] == "own"


def module_name(path: str, root: str) -> Tuple[str, str]:
    """Return the dotted name of a file and the folder that has to be on the path for it.

    Folders with an ``__init__.py`` are packages; the first folder upward without one is the base. A
    file of a package without any ``__init__.py`` is named from the root, as a namespace package is.
    """
    folder, file = os.path.split(path)
    parts = [os.path.splitext(file)[0]]
    while os.path.isfile(os.path.join(folder, "__init__.py")):
        folder, name = os.path.split(folder)
        parts.insert(0, name)
    below = os.path.relpath(folder, root)
    if below != os.curdir and not below.startswith(os.pardir) and all(part.isidentifier() for part in below.split(os.sep)):
        parts[:0] = below.split(os.sep)
        folder = root
    if parts[-1] == "__init__" and len(parts) > 1:
        parts.pop()
    return ".".join(parts), folder


def import_path(path: Union[str, "os.PathLike[str]"], root: Union[str, "os.PathLike[str]", None] = None) -> ModuleType:
    """Import a module by the path of its file; relative imports and packages work.

    `root` is the folder that absolute imports start from, by default the folder above the file's
    outermost package. ``sys.path`` and the working directory are as before afterwards. Raises
    PipelineError, naming the file, where there is none or where it can't be imported.
    """
    full = os.path.abspath(os.fspath(path))
    base = os.path.abspath(os.fspath(root)) if root is not None else _outermost(full)
    before, folder = list(sys.path), os.getcwd()
    try:
        sys.path.insert(0, base)
        importlib.invalidate_caches()
        if not os.path.isfile(full):
            raise PipelineError(f"there is no file `{os.fspath(path)}`", hint="check the path")
        name, extra = module_name(full, base)
        if extra != base:
            sys.path.insert(0, extra)
        try:
            return _fresh(name, full)
        except Exception as error:  # importing runs the user's code: whatever it raises is told, with its place
            raise _failed(os.fspath(path), error) from error
    finally:
        sys.path[:] = before
        os.chdir(folder)


def _fresh(name: str, path: str) -> ModuleType:
    known = sys.modules.get(name)
    if known is not None and _same_file(known, path):
        return known
    if "." in name:
        module = importlib.import_module(name)
        if _same_file(module, path):
            return module
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no Python source")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        sys.modules.pop(name, None)
        if known is not None:
            sys.modules[name] = known
        raise
    return module


def _outermost(path: str) -> str:
    folder = os.path.dirname(path)
    while os.path.isfile(os.path.join(folder, "__init__.py")):
        folder = os.path.dirname(folder)
    return folder


def _same_file(module: ModuleType, path: str) -> bool:
    file = getattr(module, "__file__", None)
    return isinstance(file, str) and os.path.abspath(file) == path


def _failed(path: str, error: BaseException) -> PipelineError:
    hint = None
    if isinstance(error, SyntaxError):
        what = f"{error.filename or path}, line {error.lineno}: {error.msg}"
        hint = "correct the syntax"
    elif isinstance(error, ModuleNotFoundError):
        what = str(error)
        hint = f"install what brings `{error.name}`, or check the spelling and the folder it is in"
    else:
        what = f"{type(error).__name__}: {error}"
    failed = PipelineError(f"`{path}` can't be imported: {what}", hint=hint)
    failed.traceback = _user_traceback(error)
    return failed


def _user_traceback(error: BaseException) -> str:
    told = traceback.TracebackException.from_exception(error)
    kept = [frame for frame in told.stack
            if not frame.filename.startswith((_OUR_FOLDER + os.sep, "<frozen importlib")) and "importlib" not in frame.filename]
    told.stack = traceback.StackSummary.from_list(kept)
    return "".join(told.format(chain=False))
