"""What of the notes counts: own code, and what a step reads that is neither installed nor temporary.

This happens after the observation, so it may look at metadata and at the disk.
"""
from __future__ import annotations

import linecache
import os
import sys
import tempfile
from typing import Callable, Dict, FrozenSet, Iterable, Optional, Set, Tuple

from ..loading.distributions import SITE_NAMES, normalise
from ..loading.origin import DEEPWATCH_FOLDER, Origins
from .findings import Findings, Raw, raw, unobserved
from .seen import Seen, Stamp

#: of a Python's own files, the folders that hold no data of anybody's
_DEVICES = ("/proc/", "/sys/", "/dev/")
_DEEPWATCH = "deepwatch-flow"
#: finders that installers put into every import, whatever is imported
_FINDERS = ("_distutils_hack", "__editable__")
#: variables that tell how to run, not what to compute
_SETTINGS = ("DEEPWATCH_", "PYTHONHASHSEED", "PYTEST_CURRENT_TEST")


class Sieve:
    """Sifts the notes of one project, remembering each answer."""

    def __init__(self, origins: Origins) -> None:
        self._origins = origins
        self._root = os.path.abspath(origins.boundary.root)
        self._inside = os.path.join(self._root, "")
        self._real_inside = os.path.join(os.path.realpath(self._root), "")
        with unobserved():
            temporary = tempfile.gettempdir()
        installed = {sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix}
        installed |= {os.path.realpath(each) for each in installed}
        folders = {os.path.join(each, "") for each in installed if each != os.path.sep}
        #: of these those count that lie in the project, as a virtual environment does
        self._installed = tuple(each for each in folders if not self._inside.startswith(each))
        self._elsewhere = (*folders, os.path.join(temporary, ""), os.path.join(os.path.realpath(temporary), ""),
                           *_DEVICES, DEEPWATCH_FOLDER)
        self._paths: Dict[str, str] = {}
        self._judged: Dict[str, Tuple[str, str]] = {}

    def seen(self, found: Findings) -> Seen:
        """Return what counts of the notes."""
        codes, distributions = self._codes(found)
        if found.only_code():
            return Seen(codes, distributions)
        self._look_at_databases(found)
        distributions |= {name for name in map(_described, found.reads) if name not in ("", _DEEPWATCH)}
        written = self._all(found.written)
        path, wanted = self._path, self._unwritten(written)
        reads: Dict[str, Optional[Stamp]] = {}
        for each, stat in found.reads.items():
            if wanted(each):
                reads.setdefault(path(each), _stamp(stat))      # two spellings of one path: the first stands
        return Seen(
            codes, distributions, reads,
            frozenset(self._all(found.listed)),
            frozenset(path(each) for each in found.absent if wanted(each)),
            {path(each): kind for each, kind in found.present.items() if wanted(each)},
            {path(each): size for each, size in found.sized.items() if wanted(each)},
            frozenset(written),
            {name: value for name, value in found.variables.items() if not name.startswith(_SETTINGS)},
            bool(found.whole),
            frozenset((name, os.path.abspath(file)) for name, file in found.modules.items() if self._origins.is_own(file)),
            frozenset(each for each in found.classes if self._origins.of_module(each[0])[0] == "own"),
            tuple(found.gaps), frozenset(found.variables) - frozenset(found.owned),
            {path(each): text for each, text in found.links.items() if wanted(each)})

    # -- code -------------------------------------------------------------------------------------

    def _codes(self, found: Findings) -> Tuple[FrozenSet[Tuple[str, int, str]], FrozenSet[str]]:
        own: Set[Tuple[str, int, str]] = set()
        distributions: Set[str] = set()
        places = {id(code): code for code in found.ran}
        every = [(code.co_filename, code.co_firstlineno, code.co_name) for code in places.values()]
        judged = self._judged
        for filename, line, name in (*every, *found.places):
            path, distribution = judged.get(filename) or self._judge(filename)
            if path:
                own.add((path, line, name))
            elif distribution:
                distributions.add(distribution)
        return frozenset(own), frozenset(distributions)

    def _judge(self, filename: str) -> Tuple[str, str]:
        """Return the path under which code of a file counts as own, and the distribution that it is of otherwise."""
        found = ("", "")
        if filename.startswith("<"):
            if filename.startswith(("<ipython", "<ipykernel")) and filename in linecache.cache:
                return (filename, "")       # a cell may be given a text later: not remembered
            return found
        origin, distribution = self._origins.of_file(filename)
        if origin == "own":
            found = (os.path.abspath(filename), "")
        elif distribution not in (None, _DEEPWATCH) and not any(part in filename for part in _FINDERS):
            found = ("", str(distribution))
        self._judged[filename] = found
        return found

    # -- files ------------------------------------------------------------------------------------

    def _all(self, paths: Iterable[str]) -> Set[str]:
        return {each for each in map(self._path, paths) if each}

    def _unwritten(self, written: Set[str]) -> Callable[[str], bool]:
        def wanted(path: str) -> bool:
            normal = self._path(path)
            return bool(normal) and normal not in written
        return wanted

    def _path(self, path: str) -> str:
        """Return a path made normal, empty if what is there does not count."""
        known = self._paths.get(path)
        if known is None:
            if len(self._paths) > 100_000:      # a memo, not a leak
                self._paths.clear()
            normal = os.path.normpath(path)
            if normal.startswith("//"):
                normal = normal[1:]
            if self._real_inside != self._inside and (normal + os.sep).startswith(self._real_inside):
                normal = os.path.join(self._root, normal[len(self._real_inside):]).rstrip(os.sep)
            known = self._paths[path] = normal if self._counts(normal) else ""
        return known

    def _counts(self, path: str) -> bool:
        below = path + os.sep
        parts = path.split(os.sep)
        if "__pycache__" in parts or path.endswith(".pyc") or not SITE_NAMES.isdisjoint(parts):
            return False
        if not below.startswith(self._inside):
            # what the project lies in may itself be part of an installation or temporary: only the
            # project's own files are data then; folders above it are of no account
            return not below.startswith(self._elsewhere) and self._origins.is_own(path)
        parts = parts[self._inside.count(os.sep):]
        if parts[:1] == [".deepwatch"] or parts == ["deepwatch.lock"] or below.startswith(self._installed):
            return False
        return not below.startswith(DEEPWATCH_FOLDER) and self._origins.is_own(path)

    def _look_at_databases(self, found: Findings) -> None:
        """A library that opens a database reads it, and has written it if it is another one now."""
        for path, before in found.databases.items():
            try:
                now = raw(path)
            except OSError:
                now = None
            if before is None or now != before:
                found.note("written", path)
            else:
                found.note("reads", path, before)


def _described(path: str) -> str:
    """Return the distribution whose metadata a path is, as `importlib.metadata.version` reads it; else nothing."""
    folder, file = os.path.split(path)
    stem, kind = os.path.splitext(os.path.basename(folder))
    return normalise(stem.rpartition("-")[0] or stem) if file in ("METADATA", "PKG-INFO") and kind in (".dist-info", ".egg-info") else ""


def _stamp(stat: Optional[Raw]) -> Optional[Stamp]:
    return Stamp(*stat[:5]) if stat is not None else None
