"""Which code runs: each code object once, however often.

From Python 3.12 on `sys.monitoring` tells each place once and is then silent. Below, CPython's own C
profiler counts calls, one instance per thread; a profile function written in Python does where there
is none, and several times slower. Whose code it is gets decided later.
"""
from __future__ import annotations

import importlib
import sys
import threading
from types import CodeType, FrameType
from typing import Any, Callable, Dict, List, NamedTuple, Optional

from .._compat import has_fast_profiler, monitoring

Sink = Callable[[CodeType], Any]

#: the tool ids that no well-known tool has come first
_IDS = (3, 4, 0, 1, 2, 5)

NO_TOOL = "all monitoring tools of this Python are taken: code that ran in threads of before was not seen"
TAKEN = "a profiler was on: code that ran was not seen"
REPLACED = "a profiler was turned on or off meanwhile: code that ran after that was not seen"


class Watcher:
    """Gives code that runs to a sink, between `start` and `stop`."""

    def start(self, sink: Sink, at_once: bool = False) -> Optional[str]:
        """Begin; returns a gap where not everything can be seen. `at_once`: each is told when it runs."""
        raise NotImplementedError

    def stop(self) -> Optional[str]:
        """End; returns a gap where not everything was seen."""
        raise NotImplementedError

    def forked(self, sink: Optional[Sink]) -> None:
        """Go on in a process just forked, to another sink or to none at all."""
        raise NotImplementedError

    def close(self) -> None:
        """Give back what is held between observations."""


class Monitoring(Watcher):
    """By `sys.monitoring`; all threads are seen."""

    def __init__(self, tool: int) -> None:
        self._tool = tool
        self._sink: Sink = _nowhere
        events = monitoring.events
        self._events = events.PY_START | events.PY_RESUME
        disable = monitoring.DISABLE

        def runs(code: CodeType, offset: int) -> Any:  # noqa: ARG001 - where in the code does not matter
            self._sink(code)
            return disable

        monitoring.use_tool_id(tool, "deepwatch")
        monitoring.register_callback(tool, events.PY_START, runs)
        monitoring.register_callback(tool, events.PY_RESUME, runs)

    def start(self, sink: Sink, at_once: bool = False) -> Optional[str]:  # noqa: ARG002
        """Begin: places that were silenced speak again."""
        self._sink = sink
        monitoring.set_events(self._tool, self._events)
        monitoring.restart_events()
        return None

    def stop(self) -> Optional[str]:
        """End. Without events the code that runs between observations costs nothing."""
        monitoring.set_events(self._tool, 0)
        self._sink = _nowhere
        return None

    def forked(self, sink: Optional[Sink]) -> None:
        """Go on: the parent has noted what is silent by now."""
        if sink is None:
            self.stop()
        else:
            self._sink = sink

    def close(self) -> None:
        """Free the tool id."""
        events = monitoring.events
        monitoring.set_events(self._tool, 0)
        monitoring.register_callback(self._tool, events.PY_START, None)
        monitoring.register_callback(self._tool, events.PY_RESUME, None)
        monitoring.free_tool_id(self._tool)


class Profiling(Watcher):
    """By `sys.setprofile` with a function in Python; a profile function that was there is called on."""

    def __init__(self, gap: Optional[str] = None) -> None:
        self._gap = gap
        self._function: Any = None
        self._before: Any = None
        self._threads_before: Any = None

    def start(self, sink: Sink, at_once: bool = False) -> Optional[str]:  # noqa: ARG002
        """Begin, in this thread and those that start from now on."""
        before = sys.getprofile()
        if before is not None and not callable(before):
            return TAKEN
        self._before, self._threads_before = before, getattr(threading, "_profile_hook", None)
        self._function = _profiler(sink, before)
        threading.setprofile(_profiler(sink, self._threads_before))
        sys.setprofile(self._function)
        return self._gap

    def stop(self) -> Optional[str]:
        """End; threads that go on are told by their next call."""
        function, self._function = self._function, None
        if function is None:
            return None
        threading.setprofile(self._threads_before)
        gap = REPLACED if sys.getprofile() is not function else None
        if gap is None:
            sys.setprofile(self._before)
        return gap


    def forked(self, sink: Optional[Sink]) -> None:
        """Go on in the only thread that is left."""
        self.stop()
        if sink is not None:
            self.start(sink)


class _Thread(NamedTuple):
    """A thread that was started during an observation, with its own profiler."""

    thread: threading.Thread
    profiler: Any
    before: Dict[int, int]      #: what had been counted when the observation began


class Counting(Watcher):
    """By the C profiler behind cProfile."""

    def __init__(self) -> None:
        self._make: Any = importlib.import_module("_lsprof").Profiler
        self._sink: Sink = _nowhere
        self._profiler: Any = None
        self._instead: Optional[Profiling] = None
        self._threads_before: Any = None
        self._threads: List[_Thread] = []

    def start(self, sink: Sink, at_once: bool = False) -> Optional[str]:
        """Begin, in this thread and those that start from now on."""
        if at_once or sys.getprofile() is not None:
            self._instead = Profiling()
            return self._instead.start(sink)
        self._sink = sink
        if self._threads:
            self._drop_ended(_nowhere)
            self._threads = [each._replace(before=_counts(each.profiler)) for each in self._threads]
        self._threads_before = getattr(threading, "_profile_hook", None)
        threading.setprofile(self._thread_starts)
        self._profiler = self._make(subcalls=False, builtins=False)
        self._profiler.enable()
        return None

    def stop(self) -> Optional[str]:
        """End, and give what was counted to the sink."""
        if self._instead is not None:
            gap = self._instead.stop()
            self._instead = None
            return gap
        profiler, self._profiler = self._profiler, None
        mine = _is_on(profiler)
        if mine:
            profiler.disable()
        threading.setprofile(self._threads_before)
        sink, self._sink = self._sink, _nowhere
        for entry in profiler.getstats():
            sink(entry.code)
        if self._threads and mine:
            self._drop_ended(sink)
            self._look_at_threads(sink)
        return None if mine else REPLACED

    def forked(self, sink: Optional[Sink]) -> None:
        """Go on with calls that are told at once: nobody asks for counts before a child ends."""
        if self._instead is not None:
            self._instead.forked(sink)
            return
        threading.setprofile(self._threads_before)
        if _is_on(self._profiler):
            self._profiler.disable()
        for each in self._threads:
            each.profiler.disable()
        self._threads.clear()
        if sink is not None:
            self.start(sink, at_once=True)

    def _drop_ended(self, sink: Sink) -> None:
        # A profiler that is on when it is freed turns off whatever profiles the thread that frees it:
        # so it is turned off here, where nothing else is on.
        for each in self._threads:
            if not each.thread.is_alive():
                each.profiler.disable()
                _tell_new(each, sink)
        self._threads = [each for each in self._threads if each.thread.is_alive()]

    def _look_at_threads(self, sink: Sink) -> None:
        frames = sys._current_frames()
        for each in self._threads:
            _tell_new(each, sink)
            frame = frames.get(each.thread.ident or 0)
            while frame is not None:    # only calls that have ended are counted
                sink(frame.f_code)
                frame = frame.f_back
        frames.clear()      # our own frame is among them: a circle that would keep all of them

    def _thread_starts(self, frame: FrameType, event: str, arg: object) -> None:
        before = self._threads_before
        if before is not None:      # somebody else watches threads: both can't, and theirs was first
            sys.setprofile(before)
            before(frame, event, arg)
            return
        if self._profiler is None:
            sys.setprofile(None)
            return
        self._sink(frame.f_code)
        profiler = self._make(subcalls=False, builtins=False)
        self._threads.append(_Thread(threading.current_thread(), profiler, {}))
        profiler.enable()


def make_watcher() -> Watcher:
    """Return what sees code run at the least cost on this Python."""
    if monitoring is not None:
        for tool in _IDS:
            if monitoring.get_tool(tool) is None:
                return Monitoring(tool)
        return Profiling(NO_TOOL)
    if has_fast_profiler():
        return Counting()
    return Profiling()


def _counts(profiler: Any) -> Dict[int, int]:
    return {id(entry.code): entry.callcount for entry in profiler.getstats()}


def _is_on(profiler: Any) -> bool:
    return profiler is not None and sys.getprofile() is profiler


def _tell_new(each: _Thread, sink: Sink) -> None:
    for entry in each.profiler.getstats():
        if each.before.get(id(entry.code)) != entry.callcount:
            sink(entry.code)


def _profiler(sink: Sink, chained: Any) -> Callable[[FrameType, str, Any], None]:
    seen: Dict[int, CodeType] = {}      # code itself is slow to hash; held, so that no other gets its id

    def profile(frame: FrameType, event: str, arg: Any) -> None:
        if event == "call":
            code = frame.f_code
            if id(code) not in seen:
                seen[id(code)] = code
                sink(code)
        if chained is not None:
            chained(frame, event, arg)

    return profile


def _nowhere(code: CodeType) -> None:
    """Take code that runs while nobody observes."""


