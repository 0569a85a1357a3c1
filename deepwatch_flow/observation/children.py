"""Child processes of a step are observed, too: those that are forked, and Python processes started anew.

A forked child goes on noting, to a file of its own (``spool``). A new Python process of multiprocessing
or joblib is sent, with the data that prepares it, the order to begin (``child``). Other programs
are a gap, noted in ``auditing``.
"""
from __future__ import annotations

import importlib
import os
import sys
from _thread import get_ident
from types import ModuleType
from typing import Any, Callable, Dict, List, Optional, Tuple

from .._compat import fcntl
from ..loading.origin import DEEPWATCH_FOLDER
from .findings import NOW, Findings, unobserved
from .spool import Spooled, new_path, open_locked

FORKED = "it started a process: what that reads is not seen"

#: modules that prepare new Python processes, all by a function of the same name
_PREPARE = "get_preparation_data"
_MULTIPROCESSING = "multiprocessing.spawn"
_LOKY = ("joblib.externals.loky.backend.", "loky.backend.")

#: run in a new process, before its own sys.path is set; it may come so late that the folder is gone
_BEGIN = """
import sys
path = list(sys.path)
sys.path.append({folder!r})
try:
    from deepwatch_flow.observation.child import begin
    begin({path!r}, {wants!r})
except Exception:
    try:
        with open({path!r}, "ab") as file:
            file.write(b"!")
    except OSError:
        pass
finally:
    sys.path[:] = path
"""

#: files made for children about to be forked, by thread
_forking: Dict[int, Tuple[str, int]] = {}
_registered = False


def install() -> None:
    """Have forks noticed in this process, once."""
    global _registered
    if not _registered and hasattr(os, "register_at_fork"):
        _registered = True
        os.register_at_fork(before=_before, after_in_parent=_in_parent, after_in_child=_in_child)


def _before() -> None:
    found = NOW.active
    if found is None or get_ident() in NOW.suspended:
        return
    found.children = True
    if found.spool is None:
        found.note("gaps", FORKED)
        return
    # The file is locked before there is a child: however early one looks, it is seen to be alive.
    with unobserved():
        try:
            path = new_path(found.spool)
            _forking[get_ident()] = path, open_locked(path)
        except OSError:
            found.note("gaps", FORKED)


def _in_parent() -> None:
    made = _forking.pop(get_ident(), None)
    if made is not None:
        os.close(made[1])


def _in_child() -> None:
    found = NOW.active
    made = _forking.pop(get_ident(), None)
    if found is None:
        return
    for _, descriptor in _forking.values():     # of forks in other threads, which this process does not have
        os.close(descriptor)
    _forking.clear()
    NOW.suspended.clear()
    watcher = found.watcher
    if made is None:
        NOW.active = None
        if watcher is not None:
            watcher.forked(None)
        return
    spooled = Spooled(found.wants, *made)
    spooled.inherit(found)
    spooled.write("begun", os.getpid())
    NOW.active = spooled
    spooled.watcher = watcher
    if watcher is not None:
        watcher.forked(spooled.code)


# -- new Python processes -------------------------------------------------------------------------

class Order:
    """Pickled into the data of a new process, it makes that begin to observe itself."""

    def __reduce__(self) -> Tuple[Callable[..., Any], Tuple[Any, ...]]:
        found = NOW.active
        text = _order(found) if found is not None and get_ident() not in NOW.suspended else None
        return exec, (text or "pass", {})


class Preparing:
    """Exchanges the functions that prepare new Python processes; `remove` puts them back."""

    def __init__(self) -> None:
        self._replaced: List[Tuple[ModuleType, Any, Any]] = []
        self._known: Dict[str, bool] = {}

    def install(self) -> None:
        """Exchange them in the modules that are loaded by now."""
        if "multiprocessing" in sys.modules and _MULTIPROCESSING not in self._known:
            self._adopt(_MULTIPROCESSING)
        for each in _LOKY:
            if each + "popen_loky_posix" in sys.modules and each + "spawn" not in self._known:
                self._adopt(each + "spawn")

    def imports(self, name: str) -> None:
        """Take notice of an import that begins: what prepares processes is loaded a little earlier by us.

        There is no later moment at which one is told of it.
        """
        if name.startswith("multiprocessing"):
            package = sys.modules.get("multiprocessing")
            if _MULTIPROCESSING not in self._known and (package is None or hasattr(package, "get_start_method")):
                self._adopt(_MULTIPROCESSING)
        elif name.endswith("popen_loky_posix") and name.startswith(_LOKY):
            self._adopt(name.rpartition(".")[0] + ".spawn")

    def _adopt(self, name: str) -> None:
        self._known[name] = True
        with unobserved():
            try:
                module = importlib.import_module(name)
            except ImportError:     # it is being imported just now, or is broken: that is for its user to see
                del self._known[name]
                return
        real = getattr(module, _PREPARE, None)
        if callable(real):
            stand_in = _prepare(real)
            self._replaced.append((module, real, stand_in))
            setattr(module, _PREPARE, stand_in)

    def remove(self) -> None:
        """Put the originals back."""
        for module, real, stand_in in self._replaced:
            if getattr(module, _PREPARE, None) is stand_in:
                setattr(module, _PREPARE, real)
        self._replaced.clear()
        self._known.clear()


PREPARING = Preparing()


def _prepare(real: Callable[..., Dict[str, Any]]) -> Callable[..., Dict[str, Any]]:
    def get_preparation_data(*args: Any, **kwargs: Any) -> Dict[str, Any]:
        data = real(*args, **kwargs)
        if NOW.active is not None:
            data["deepwatch"] = Order()     # not yet an order: not every process that is prepared gets its data
        return data

    return get_preparation_data


def _order(found: Findings) -> Optional[str]:
    found.children = True
    if found.spool is None or fcntl is None:
        found.note("gaps", FORKED)
        return None
    path = new_path(found.spool)
    with unobserved():
        try:
            open(path, "xb").close()    # an empty one tells that the child never began
        except OSError:
            found.note("gaps", FORKED)
            return None
    folder = os.path.dirname(os.path.dirname(DEEPWATCH_FOLDER))
    return _BEGIN.format(folder=folder, path=path, wants=tuple(found.wants))
