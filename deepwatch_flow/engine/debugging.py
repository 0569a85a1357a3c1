"""The debugger in the user's code: after an error, or from the first line of a step.

It talks to the terminal, so whatever captures what steps print must have let go before it is entered.
"""
from __future__ import annotations

import bdb
import importlib
from types import FrameType, TracebackType
from typing import Any, Callable, Iterator, List, Optional, Tuple

from ..loading.origin import DEEPWATCH_FOLDER

#: tells whether a file of code is the user's own
IsOwn = Callable[[str], bool]


def post_mortem(step: str, error: BaseException, is_own: IsOwn) -> None:
    """Open the debugger where an error was raised: in the innermost own frame, or the innermost of all without one."""
    trace = _told_best(error, is_own)
    if trace is None:
        return
    debugger = _debugger(is_own)
    debugger.message(f"`{step}` failed: {type(error).__name__}: {error}\n`q` ends the debugger")
    debugger.reset()
    debugger.interaction(None, trace)


def run_call(call: Callable[[], Any], function: Callable[..., Any], is_own: IsOwn) -> Any:
    """Do what calls a function; the debugger stops at that one's first line. Raises Quit when the user ends it."""
    debugger = _debugger(is_own)
    debugger.begins_in = getattr(function, "__code__", None)
    done: List[Any] = []
    debugger.runcall(lambda: done.append(call()))
    if not done:        # pdb swallows what its `q` raises
        raise Quit
    return done[0]


#: what the user's ending of the debugger raises in the code that is debugged
Quit = bdb.BdbQuit


def _told_best(error: BaseException, is_own: IsOwn) -> Optional[TracebackType]:
    """Return the traceback of an error, or of what it wraps, that leads through own code."""
    seen: List[BaseException] = []
    each: Optional[BaseException] = error
    while each is not None and each not in seen:
        seen.append(each)
        if any(is_own(frame.f_code.co_filename) for frame in _frames(each.__traceback__)):
            return each.__traceback__
        each = each.__cause__ or (None if each.__suppress_context__ else each.__context__)
    return error.__traceback__


def _frames(trace: Optional[TracebackType]) -> Iterator[FrameType]:
    while trace is not None:
        yield trace.tb_frame
        trace = trace.tb_next


def _debugger(is_own: IsOwn) -> Any:
    pdb: Any = importlib.import_module("pdb")

    class Debugger(pdb.Pdb):  # type: ignore[misc]
        """Pdb without our own frames above the user's, which begins in the user's."""

        #: the code at whose first line it stops first; None for the first line of the user's that is run
        begins_in: Any = None
        has_begun = False

        def stop_here(self, frame: Any) -> bool:
            if not self.has_begun and not (frame.f_code is self.begins_in if self.begins_in is not None else is_own(frame.f_code.co_filename)):
                return False
            return bool(super().stop_here(frame))

        def user_call(self, frame: Any, argument_list: Any) -> None:
            if self.has_begun:      # else it stops at the line, which comes next
                super().user_call(frame, argument_list)

        def user_line(self, frame: Any) -> None:
            self.has_begun = True
            super().user_line(frame)

        def get_stack(self, frame: Any, trace: Any) -> Tuple[List[Any], int]:
            stack, current = super().get_stack(frame, trace)
            first = next((place for place, (each, _) in enumerate(stack) if is_own(each.f_code.co_filename)), None)
            if first is None:
                return stack, current
            if trace is not None:
                current = max(place for place, (each, _) in enumerate(stack) if is_own(each.f_code.co_filename))
            ours = max((place for place, (each, _) in enumerate(stack[:current])
                        if each.f_code.co_filename.startswith(DEEPWATCH_FOLDER)), default=-1)
            start = ours + 1
            return stack[start:], current - start

    return Debugger()

