"""Questions about files that raise no audit event: `os.stat` and its like, by stand-ins in `os`.

A stand-in looks like the original (name, signature, membership of ``os.supports_...``) and does
what it does; while no observation goes on it only calls it. Whether a path was only looked for, or
its size mattered, too, is told by who asks (``callers``).
"""
from __future__ import annotations

import functools
import os
import pathlib
import stat as stat_modes
import sys
from _thread import get_ident
from types import BuiltinFunctionType, FrameType
from typing import Any, Callable, Dict, List, Mapping, Optional, Set, Tuple

from .auditing import failed
from .callers import STAND_IN, asked_by_own_code, is_foreign, is_import, is_of_library, is_probe
from .findings import NOW, Findings, absolute, folder_of, raw

#: asked for in `os`
_NAMES = ("stat", "lstat", "access", "readlink", "open")
#: asked for in `os.path`, where the system or a later Python has them in C
_PATH_NAMES = ("exists", "isfile", "isdir", "islink", "lexists", "isjunction", "isdevdrive", "getsize")

_GONE = (FileNotFoundError, NotADirectoryError)


class Probes:
    """The stand-ins of this process; `install` and `remove` are exact opposites."""

    def __init__(self) -> None:
        self._replaced: List[Tuple[Any, str, Any, Any]] = []
        self._supports: List[Tuple[Set[Any], Any]] = []

    def install(self) -> None:
        """Put the stand-ins in their places."""
        made: Dict[int, Any] = {}
        for name in _NAMES:
            real = getattr(os, name, None)
            if real is not None:
                made[id(real)] = _open_stand_in(real) if name == "open" else _stand_in(name, real)
                self._replace(os, name, made[id(real)])
                for supports in (os.supports_dir_fd, os.supports_fd, os.supports_follow_symlinks,
                                 os.supports_effective_ids):
                    if real in supports:
                        supports.add(made[id(real)])
                        self._supports.append((supports, made[id(real)]))
        for name in _PATH_NAMES:
            real = getattr(os.path, name, None)
            if type(real) is BuiltinFunctionType:
                self._replace(os.path, name, _stand_in(name, real))
        accessor = getattr(pathlib, "_NormalAccessor", None)     # below Python 3.11 it has the functions for good
        if accessor is not None:
            for name, value in list(vars(accessor).items()):
                function = value.__func__ if isinstance(value, staticmethod) else value
                if id(function) in made:
                    self._replace(accessor, name, staticmethod(made[id(function)]))

    def _replace(self, holder: Any, name: str, stand_in: Any) -> None:
        self._replaced.append((holder, name, vars(holder)[name], stand_in))
        setattr(holder, name, stand_in)

    def remove(self) -> None:
        """Put the originals back, where nobody else has put something else since."""
        for holder, name, real, stand_in in reversed(self._replaced):
            if vars(holder).get(name) is stand_in:
                setattr(holder, name, real)
        for supports, stand_in in self._supports:
            supports.discard(stand_in)
        self._replaced.clear()
        self._supports.clear()


def _stand_in(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
    get_frame = sys._getframe

    def stand_in(*args: Any, **kwargs: Any) -> Any:
        found = NOW.active
        if found is None or not found.wants.files or (NOW.suspended and get_ident() in NOW.suspended):
            return real(*args, **kwargs)
        try:
            result = real(*args, **kwargs)
        except _GONE:
            _note(found, name, (args, kwargs), None, get_frame(1))
            raise
        _note(found, name, (args, kwargs), result, get_frame(1))
        return result

    return dressed(stand_in, real)


def _open_stand_in(real: Callable[..., int]) -> Callable[..., int]:
    """Return a stand-in for `os.open`, whose audit event does not tell which folder a path is relative to."""

    def stand_in(*args: Any, **kwargs: Any) -> int:
        found = NOW.active
        folder = kwargs.get("dir_fd")
        if found is None or folder is None:
            return real(*args, **kwargs)
        thread = get_ident()
        try:
            NOW.folders[thread] = folder_of(folder)
        except OSError as error:
            failed(found, "os.open with a folder's descriptor", error)
        try:
            return real(*args, **kwargs)
        finally:
            NOW.folders.pop(thread, None)

    return dressed(stand_in, real)


def dressed(stand_in: Any, real: Callable[..., Any]) -> Callable[..., Any]:
    """Make a function look like the one whose place it takes, and like Python's machinery in a traceback."""
    stand_in.__code__ = stand_in.__code__.replace(co_filename=STAND_IN, co_name=real.__name__)
    looks_alike: Callable[..., Any] = functools.wraps(real)(stand_in)
    return looks_alike


def _note(found: Findings, name: str, given: Tuple[Tuple[Any, ...], Mapping[str, Any]], result: Any,
          frame: FrameType) -> None:
    """Note one question; `result` is None where there is no such path."""
    args, kwargs = given
    try:
        path = absolute(args[0] if args else kwargs["path"], kwargs.get("dir_fd"))
        if path is None or is_foreign(frame, path):
            return
        if name == "readlink" and result is not None:
            found.note("links", path, os.fsdecode(result))
        elif name not in ("stat", "lstat") or result is None:
            _note_presence(found, path, None)
        elif is_probe(frame):
            _note_presence(found, path, result)
        elif stat_modes.S_ISREG(result.st_mode):
            found.note("sized", path, result.st_size)
        else:
            _note_presence(found, path, result)
    except Exception as error:  # noqa: BLE001 - the step must not notice; what was missed is told
        failed(found, f"os.{name}", error)


def searched(paths: List[str], there: bool) -> None:
    """Note the files that a search for a module looked for, if it is own code that asked.

    What is found and then imported is noted as a module, and not here.
    """
    found = NOW.active
    if found is None or not found.wants.files or (NOW.suspended and get_ident() in NOW.suspended):
        return
    try:
        frame = sys._getframe(2)
        if asked_by_own_code(frame) and not (there and is_import(frame)) and not is_of_library(frame):
            for path in paths:
                _note_presence(found, path, None)
    except Exception as error:  # noqa: BLE001 - the step must not notice; what was missed is told
        failed(found, "a search for a module", error)


def _note_presence(found: Findings, path: str, stat: Optional[os.stat_result]) -> None:
    if found.has("present", path) or found.has("absent", path):
        return
    try:
        # of a link it matters what it leads to
        mode = stat.st_mode if stat is not None and not stat_modes.S_ISLNK(stat.st_mode) else raw(path)[5]
    except OSError:
        found.note("absent", path)
        return
    found.note("present", path, "file" if stat_modes.S_ISREG(mode) else "folder" if stat_modes.S_ISDIR(mode) else "other")
