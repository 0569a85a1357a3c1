"""On whose behalf something is read: told by the frames of the caller, at the cost of a few look-ups.

Deciding whether code is own is not done here: this only knows files of our own package and of the
standard library apart, once per file name.
"""
from __future__ import annotations

import genericpath
import glob
import linecache
import ntpath
import opcode
import os
import pathlib
import posixpath
import shutil
from types import FrameType, ModuleType
from typing import Any, Dict, Optional, Tuple

from ..loading.distributions import SITE_NAMES
from ..loading.origin import DEEPWATCH_FOLDER

#: kinds of files that code comes from
USER, OURS, PASSING, SOURCES, IMPORT, STDLIB, INSTALLED = range(7)

#: what our stand-ins for functions of `os` give as their file: it is cut from tracebacks, and stdlib to `Origins`
STAND_IN = "<frozen importlib: os>"

#: functions that tell whether a path is there, and of which kind
PROBES = frozenset({
    "exists", "isfile", "isdir", "islink", "lexists", "ismount", "isjunction", "isdevdrive", "realpath",
    "_joinrealpath", "_getfinalpathname_nonstrict", "_readlink_deep", "is_file", "is_dir", "is_symlink", "is_mount",
    "is_junction", "is_fifo", "is_socket", "is_block_device", "is_char_device", "resolve", "_resolve", "access", "makedirs",
    "_exists", "_iexists", "_lexists", "_isdir", "_is_dir", "mkdir", "walk", "_walk", "fwalk", "which", "_access_check",
})

_LIBRARY = os.path.join(os.path.dirname(os.path.abspath(linecache.__file__)), "")
_IMPORT_NAME = opcode.opmap["IMPORT_NAME"]
#: how far up the stack is looked at most
_FAR = 12


def _file(module: ModuleType) -> str:
    """Return the file that code of a module names: frozen modules have another one than `__file__`."""
    for value in vars(module).values():
        code: Any = getattr(value, "__code__", None)
        if code is not None and getattr(value, "__module__", None) == module.__name__:
            return str(code.co_filename)
    return str(getattr(module, "__file__", ""))


#: file name -> kind
_kinds: Dict[str, int] = {STAND_IN: PASSING, "<frozen os>": PASSING, "<frozen _collections_abc>": PASSING}
_kinds.update({_file(module): PASSING for module in (os, genericpath, posixpath, ntpath, glob, shutil, pathlib)})
_kinds.update({os.path.join(_LIBRARY, f"{name}.py"): SOURCES
               for name in ("linecache", "traceback", "tokenize", "inspect", "runpy")})
_kinds[os.path.join(_LIBRARY, "_collections_abc.py")] = PASSING
_kinds.update({"<frozen runpy>": SOURCES, "<frozen zipimport>": IMPORT})


def kind_of(filename: str) -> int:
    """Return the kind of a file of code."""
    kind = _kinds.get(filename)
    if kind is None:
        kind = _kinds[filename] = _judged(filename)
    return kind


def _judged(filename: str) -> int:
    if filename.startswith("<"):
        if filename.startswith("<frozen importlib"):
            return IMPORT
        return STDLIB if filename.startswith("<frozen ") else USER
    if filename.startswith(DEEPWATCH_FOLDER):
        return OURS
    if not SITE_NAMES.isdisjoint(filename.split(os.sep)):
        return INSTALLED
    if not filename.startswith(_LIBRARY):
        return USER
    below = filename[len(_LIBRARY):].split(os.sep)
    if below[0] in ("pathlib", "pathlib.py"):
        return PASSING
    return IMPORT if below[0] == "importlib" and below[-1].startswith("_bootstrap") else STDLIB


def judge(frame: Optional[FrameType]) -> int:
    """Return the kind of the nearest caller that does not merely pass a path on."""
    return caller(frame)[0]


def caller(frame: Optional[FrameType]) -> Tuple[int, str]:
    """Return the kind and the file of the nearest caller that does not merely pass something on."""
    for _ in range(_FAR):
        if frame is None:
            break
        filename = frame.f_code.co_filename
        kind = kind_of(filename)
        if kind != PASSING:
            return kind, filename
        frame = frame.f_back
    return USER, ""


def is_probe(frame: Optional[FrameType]) -> bool:
    """Tell whether a call is made by a function that only tells whether a path is there."""
    for _ in range(_FAR):
        if frame is None or kind_of(frame.f_code.co_filename) != PASSING:
            return False
        if frame.f_code.co_name in PROBES:
            return True
        frame = frame.f_back
    return False


def is_import(frame: Optional[FrameType]) -> bool:
    """Tell whether a module is looked for in order to be loaded: ``find_spec`` of importlib.util only looks."""
    for _ in range(_FAR):
        if frame is None or kind_of(frame.f_code.co_filename) in (USER, INSTALLED):
            return False
        if frame.f_code.co_name == "_find_and_load":
            return True
        frame = frame.f_back
    return False


def asked_by_own_code(frame: Optional[FrameType]) -> bool:
    """Tell whether the first code above Python's own is the user's: packages look for what they can do without."""
    for _ in range(_FAR * 2):
        if frame is None:
            return False
        kind = kind_of(frame.f_code.co_filename)
        if kind in (USER, INSTALLED):
            return kind == USER
        frame = frame.f_back
    return False


def is_of_library(frame: Optional[FrameType]) -> bool:
    """Tell whether a module is looked for by an import statement of Python's own library, for what the system may have."""
    for _ in range(_FAR * 2):
        if frame is None:
            break
        kind = kind_of(frame.f_code.co_filename)
        if kind not in (OURS, IMPORT):
            return kind not in (USER, INSTALLED) and frame.f_code.co_code[frame.f_lasti] == _IMPORT_NAME
        frame = frame.f_back
    return False


def is_foreign(frame: Optional[FrameType], path: str) -> bool:
    """Tell whether a path is read on nobody's behalf: by us, or as source code by Python itself."""
    if path.endswith(">") and os.path.basename(path).startswith("<"):
        return True     # to show a line of code that has no file, Python looks for one all the same
    kind = judge(frame)
    return kind == OURS or (kind in (SOURCES, IMPORT) and path.endswith((".py", ".pyc", ".pyw")))
