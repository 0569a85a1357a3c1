"""The finder that loads own modules from the snapshot.

Where a module lies is left to the finders that are there already; only the loader is exchanged,
and only for plain source files of the user's own. Everything else about the module (package
paths, ``__file__``, resources) stays what it would have been.
"""
from __future__ import annotations

import linecache
import os
import sys
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from types import CodeType, ModuleType, TracebackType
from typing import Callable, List, Optional, Sequence, Set, Type

from .origin import Origins
from .snapshot import Snapshot


class SnapshotLoader(SourceFileLoader):
    """Loads one own module from the very bytes that are digested."""

    def __init__(self, fullname: str, path: str, finder: OwnFinder) -> None:
        super().__init__(fullname, path)
        self._finder = finder

    def get_code(self, fullname: str) -> CodeType:  # noqa: ARG002
        """Return the code of the snapshot's bytes, never that of a ``.pyc``."""
        return self._finder.code(self.path)

    def get_source(self, fullname: str) -> str:  # noqa: ARG002
        """Return the text of the snapshot."""
        return self._finder.snapshot.read(self.path).text

    def get_data(self, path: str) -> bytes:
        """Return a file's bytes: the module's own from the snapshot, data files from disk."""
        if path == self.path:
            return self._finder.snapshot.read(path).data
        return super().get_data(path)

    def exec_module(self, module: ModuleType) -> None:
        """Run the module; it has no ``__cached__`` because no bytecode file was read or written."""
        module.__dict__["__cached__"] = None
        super().exec_module(module)


#: told of the file of an own module that was found, or of those that would have been; all the same
SEARCHES: List[Callable[[List[str], bool], None]] = []


class OwnFinder(MetaPathFinder):
    """First on ``sys.meta_path`` while it is entered."""

    def __init__(self, snapshot: Snapshot, origins: Origins) -> None:
        self.snapshot = snapshot
        self.origins = origins
        self._shown: Set[str] = set()

    def __enter__(self) -> OwnFinder:
        sys.meta_path.insert(0, self)
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        if self in sys.meta_path:
            sys.meta_path.remove(self)
        for path in self._shown:
            linecache.cache.pop(path, None)
        self._shown.clear()

    def find_spec(
        self, fullname: str, path: Optional[Sequence[str]], target: Optional[ModuleType] = None
    ) -> Optional[ModuleSpec]:
        """Find a module by the other finders, and adopt it if it is own."""
        spec = self._found(fullname, path, target)
        if SEARCHES and (spec is None or isinstance(spec.loader, SnapshotLoader)):
            tail = fullname.rpartition(".")[2]
            looked = [str(spec.origin)] if spec is not None else [
                os.path.join(os.path.abspath(entry), name) for entry in (sys.path if path is None else path)
                if self.origins.is_inside(entry) for name in (f"{tail}.py", tail)]
            for each in SEARCHES[:1]:
                each(looked, spec is not None)
        return spec

    def _found(self, fullname: str, path: Optional[Sequence[str]], target: Optional[ModuleType]) -> Optional[ModuleSpec]:
        for finder in sys.meta_path:
            find = getattr(finder, "find_spec", None)
            # of two entered worlds the inner one decides, or each would ask the other for ever
            if find is not None and not isinstance(finder, OwnFinder):
                spec: Optional[ModuleSpec] = find(fullname, path, target)
                if spec is not None:
                    return self.adopt(spec)
        return None

    def adopt(self, spec: ModuleSpec) -> ModuleSpec:
        """Exchange the loader of an own source file; a loader with ideas of its own is kept."""
        loader = spec.loader
        # exactly this type: import hooks that rewrite source derive from it
        if type(loader) is SourceFileLoader and self.origins.is_own(loader.path):
            spec.loader = SnapshotLoader(spec.name, loader.path, self)
        return spec

    def code(self, path: str) -> CodeType:
        """Return the compiled source of a file, its lines registered for tracebacks."""
        source = self.snapshot.read(path)
        code = source.code()
        # without a modification time, which keeps linecache from looking at the disk again
        linecache.cache[path] = (len(source.data), None, source.lines(), path)
        self._shown.add(path)
        return code
