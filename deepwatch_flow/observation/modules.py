"""Modules that own code asks for by a name that it makes at run time, and that are loaded already.

What is loaded anew is seen by what its lines do. Of what is there already nothing tells: no audit event, no
line that runs. So a stand-in takes the place of the function behind `importlib.import_module`; an import
statement never comes by it.
"""
from __future__ import annotations

import importlib
import os
import sys
from _thread import get_ident
from types import FrameType
from typing import Any, Callable, Optional

from .auditing import failed
from .callers import INSTALLED, OURS, USER, kind_of
from .findings import NOW, Findings
from .probes import dressed

_NAME = "_gcd_import"
#: how the files of `importlib.resources` begin
_RESOURCES = os.path.join(os.path.dirname(os.path.abspath(importlib.__file__)), "resources")


class AskedModules:
    """The stand-in of this process; `install` and `remove` are exact opposites."""

    def __init__(self) -> None:
        self._real: Optional[Callable[..., Any]] = None
        self._stand_in: Any = None

    def install(self) -> None:
        """Put the stand-in in its place."""
        holder = vars(importlib).get("_bootstrap")
        self._real = getattr(holder, _NAME, None)
        if self._real is not None:
            self._stand_in = _stand_in(self._real)
            setattr(holder, _NAME, self._stand_in)

    def remove(self) -> None:
        """Put the original back, where nobody else has put something else since."""
        holder = vars(importlib).get("_bootstrap")
        if self._real is not None and getattr(holder, _NAME, None) is self._stand_in:
            setattr(holder, _NAME, self._real)
        self._real = self._stand_in = None


def _stand_in(real: Callable[..., Any]) -> Callable[..., Any]:
    get_frame = sys._getframe

    def stand_in(name: str, *args: Any, **kwargs: Any) -> Any:
        module = real(name, *args, **kwargs)
        found = NOW.active
        if found is not None and found.wants.code and not (NOW.suspended and get_ident() in NOW.suspended):
            _note(found, module, get_frame(1))
        return module

    return dressed(stand_in, real)


def _note(found: Findings, module: Any, frame: Optional[FrameType]) -> None:
    try:
        if not _is_for_own_code(frame):
            return
        file = getattr(module, "__dict__", {}).get("__file__")
        if isinstance(file, str) and kind_of(file) == INSTALLED:
            found.note("places", (file, 1, "<module>"))
        else:
            found.note("classes", (module.__name__, ""))
    except Exception as error:  # noqa: BLE001 - the step must not notice; what was missed is told
        failed(found, "importlib.import_module", error)


def _is_for_own_code(frame: Optional[FrameType]) -> bool:
    """Tell whether own code gets the module, itself or by Python's library (an executor's thread, `pkgutil`)."""
    while frame is not None:
        file = frame.f_code.co_filename
        kind = kind_of(file)
        # a package that looks for a module of ours runs what it wants of it, and that is seen; who looks for
        # files beside a module does not want the module
        if kind in (USER, INSTALLED, OURS) or file.startswith(_RESOURCES):
            return kind == USER
        frame = frame.f_back
    return True        # a thread began there
