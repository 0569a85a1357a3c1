"""Observing own code by the marks that it sets itself, as long as all own code does.

Own code without marks (loaded by others, made of a pickle, of a notebook) can only be seen by a profile
function. It is noticed when it is executed, or made a function, for the first time; from then on this
process observes with a profile function. What packages run is not seen by marks, only what they load.
"""
from __future__ import annotations

import gc
import sys
import threading
from types import AsyncGeneratorType, CodeType, CoroutineType, FunctionType, GeneratorType
from typing import Any, Dict, List, Optional, Tuple

from ..loading.origin import Origins
from .code import Profiling, Sink, Watcher
from .findings import unobserved
from .marks import Marks

ELSEWHERE = "it loaded own code in one of several threads: what of that ran in the others was not seen"

_NOTEBOOKS = ("<ipython", "<ipykernel")
#: what can stop half-way and go on later: attribute of its code, attribute of its frame
_PAUSING = {GeneratorType: "gi_", CoroutineType: "cr_", AsyncGeneratorType: "ag_"}
_PAUSES = 0x20 | 0x80 | 0x200      # flags of code: generator, coroutine, asynchronous generator


class Noting(Watcher):
    """By marks; all threads are seen."""

    def __init__(self, marks: Marks, origins: Origins) -> None:
        self._marks = marks
        self._origins = origins
        self._own: Dict[str, bool] = {}
        self._checked = False
        self._enough = True
        self._sink: Optional[Sink] = None
        self._thread = 0
        self._instead: Optional[Profiling] = None
        self._gap: Optional[str] = None
        self._paused: List[CodeType] = []
        _noting.append(self)
        _install()

    def is_enough(self) -> bool:
        """Tell whether all own code in this process sets marks."""
        if not self._checked:
            self._checked = True
            with unobserved():
                self._enough = self._enough and not self._was_loaded_by_others()
        return self._enough

    def start(self, sink: Sink, at_once: bool = False) -> Optional[str]:  # noqa: ARG002 - marks are looked at in the end
        """Begin: nothing ran yet."""
        self._sink, self._thread, self._gap = sink, threading.get_ident(), None
        begun = self._marks.clear()
        self._paused = self._waiting() if any(code.co_flags & _PAUSES for code in begun) or self._paused else []
        self._look_at_threads(sink)
        return None

    def stop(self) -> Optional[str]:
        """End, and give what ran to the sink."""
        sink, self._sink = self._sink, None
        instead, self._instead = self._instead, None
        gap = instead.stop() if instead is not None else None
        if sink is not None:
            for code in (*self._marks.codes(), *self._paused):
                sink(code)
        return self._gap or gap

    def forked(self, sink: Optional[Sink]) -> None:
        """Go on with calls that are told at once: a child may be killed before it can look at its marks."""
        instead, self._instead = self._instead, None
        if instead is not None:
            instead.stop()
        self._enough, self._sink = False, None
        if sink is not None:
            self._instead = Profiling()
            self._instead.start(sink)

    def close(self) -> None:
        """Look at code no longer."""
        if self in _noting:
            _noting.remove(self)

    def meets(self, code: CodeType) -> None:
        """Take notice of code that is about to run for the first time."""
        if not self._enough or self._marks.covers(code) or not self._is_own(code.co_filename):
            return
        self._enough = False
        if self._sink is not None:
            if threading.active_count() > 1 or threading.get_ident() != self._thread:
                self._gap = ELSEWHERE
            if threading.get_ident() == self._thread:
                self._instead = Profiling()
                self._gap = self._instead.start(self._sink) or self._gap

    def _is_own(self, filename: str) -> bool:
        own = self._own.get(filename)
        if own is None:
            if filename.startswith("<"):
                own = filename.startswith(_NOTEBOOKS)
            else:
                with unobserved():
                    own = self._origins.is_own(filename)
            self._own[filename] = own
        return own

    def _was_loaded_by_others(self) -> bool:
        for module in list(sys.modules.values()):
            names = getattr(module, "__dict__", {})
            file = names.get("__file__")
            if isinstance(file, str) and file.endswith((".py", ".pyw", ".pyc")):
                loaded = self._is_own(file) and not self._marks.has(file)
            else:   # the program's own code: a notebook, or a script of any name (installed ones define nothing)
                loaded = names.get("__name__") == "__main__" and _defines(names) \
                    and (self._is_own(file) if isinstance(file, str) else "get_ipython" in names)
            if loaded:
                return True
        return False

    def _waiting(self) -> List[CodeType]:
        """Return the codes of generators and coroutines that have begun: they set no mark when they go on.

        Whether they do is not seen: those that are there when an observation begins count as run.
        """
        found: Dict[int, CodeType] = {}
        kinds = _PAUSING
        for each in [each for each in _objects() if type(each) in kinds]:     # there are millions of others
            prefix = kinds[type(each)]
            code, frame = getattr(each, prefix + "code"), getattr(each, prefix + "frame")
            if frame is not None and self._marks.covers(code) and getattr(each, prefix + "suspended", frame.f_lasti >= 0) \
                    and not getattr(each, prefix + "running"):
                found[id(code)] = code
        return list(found.values())

    def _look_at_threads(self, sink: Sink) -> None:
        """Note what other threads are in the midst of."""
        if threading.active_count() > 1:
            frames = sys._current_frames()
            frames.pop(threading.get_ident(), None)
            for frame in frames.values():
                each: Any = frame
                while each is not None:
                    if self._marks.covers(each.f_code):
                        sink(each.f_code)
                    each = each.f_back


def _objects() -> List[Any]:
    """Return all that the cycle collector knows; what is frozen, as what was loaded before a run is, it does not tell of."""
    frozen = gc.get_freeze_count()
    if frozen:
        gc.unfreeze()
    try:
        return gc.get_objects()
    finally:
        if frozen:
            gc.freeze()


def _defines(names: Dict[str, Any]) -> bool:
    return any(isinstance(each, (FunctionType, type)) and each.__module__ == "__main__" for each in list(names.values()))


_noting: List[Noting] = []
_installed = False


def _hook(event: str, args: Tuple[Any, ...], noting: List[Noting] = _noting, kind: Any = CodeType) -> None:
    # All names are bound: at the very end of a process this module's are gone, and the hook is not.
    if not noting:
        return
    if event in ("exec", "function.__new__"):
        code = args[0]
    elif event == "object.__setattr__" and args[1] == "__code__":
        code = args[2]
    else:
        return
    if type(code) is kind:
        for each in list(noting):
            each.meets(code)


def _install() -> None:
    global _installed
    if not _installed:
        _installed = True
        sys.addaudithook(_hook)
