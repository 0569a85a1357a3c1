"""What is told of an import that failed: place, cause, cure and the user's own frames.

The frames of deepwatch and of the import system are left out; they say nothing about the code
that failed. When imports happen is left to ``importing``.
"""
from __future__ import annotations

import importlib
import os
import traceback
from typing import List, Optional, Tuple

from ..errors import DeepwatchError, PipelineError
from .origin import DEEPWATCH_FOLDER, Origins

_IMPORTLIB_FOLDER = os.path.join(os.path.dirname(os.path.abspath(importlib.__file__)), "")


def failed(path: str, error: BaseException, root: str, origins: Origins) -> DeepwatchError:
    """Return the error to raise for what came out of importing the file `path`."""
    if isinstance(error, DeepwatchError) and not isinstance(error, PipelineError):
        return error
    place = _place(error, root, origins)
    if isinstance(error, PipelineError):  # a decorator's own complaint: it lacks the place only
        made = PipelineError(f"{place}: {error.message}" if place else error.message, hint=error.hint)
    else:
        what, hint = _told(error)
        made = PipelineError(f"`{path}` can't be imported: {place + ': ' if place else ''}{what}", hint=hint)
    if isinstance(error, PipelineError) and error.traceback is not None:
        made.traceback = error.traceback        # of an included file, which has told it
    elif not isinstance(error, PipelineError) or not _told_by_place(error):
        made.traceback = user_traceback(error)
    return made


def user_traceback(error: BaseException, above: Tuple[str, ...] = ()) -> Optional[str]:
    """Return an error's traceback, its causes included, without our frames and the import system's.

    Frames of files below the folders `above` are left out, too, where they stand over the user's own. An error of
    ours is told by its message and hint: here are only the lines of the user's that led to it, None where there are none.
    """
    told = traceback.TracebackException.from_exception(error)
    _cut(told, above)
    if not isinstance(error, DeepwatchError):
        return "".join(told.format())
    last = "".join(told.format_exception_only())
    for name in ("__cause__", "__context__"):
        if not _has_frames(getattr(told, name)):     # what we made our error of
            setattr(told, name, None)
    text = "".join(told.format())
    return text[:-len(last)] if told.stack and text.endswith(last) else None


def _has_frames(told: Optional[traceback.TracebackException]) -> bool:
    return told is not None and bool(told.stack or _has_frames(told.__cause__) or _has_frames(told.__context__))


def _told_by_place(error: BaseException) -> bool:
    """Tell whether the place of an error says all that its frames do: they are the top level of files."""
    return all(frame.name == "<module>" for frame in traceback.extract_tb(error.__traceback__)
               if _is_users(frame.filename))


def _told(error: BaseException) -> Tuple[str, str]:
    text = (str(error).strip().splitlines() or [""])[0]    # the traceback has the rest
    if isinstance(error, SyntaxError):
        return f"{type(error).__name__}: {error.msg}", "correct the syntax; nothing was run"
    if isinstance(error, SystemExit):
        return f"it ends the program (exit status {error.code if error.code is not None else 0!r})", 'put what a script does under `if __name__ == "__main__":`'
    if isinstance(error, PermissionError):
        return f"{type(error).__name__}: {text}", "make the file readable for the user that runs deepwatch"
    what = f"{type(error).__name__}: {text}" if text else type(error).__name__
    if isinstance(error, ModuleNotFoundError) and error.name:
        return what, f"install what brings `{error.name.partition('.')[0]}`, or check the spelling and the folder it is in"
    if isinstance(error, ImportError) and "relative import" in text:
        return what, "a file beside pipeline.py is imported by its plain name; relative imports need a package's folder"
    if isinstance(error, ImportError) and "circular import" in text:
        return what, "two modules import each other: import one of them inside the function that needs it"
    if isinstance(error, ImportError):
        return what, "check the spelling, and that the installed version has that name"
    return what, "importing a module runs it: correct the line, or move the work into a step"


def _place(error: BaseException, root: str, origins: Origins) -> str:
    """Return ``file:line`` of the innermost own line that took part, relative to the root."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{_shown(error.filename, root)}:{error.lineno or 1}"
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if _is_users(frame.filename)]
    own = [frame for frame in frames if origins.is_own(frame.filename)]
    innermost: List[traceback.FrameSummary] = (own or frames)[-1:]
    return f"{_shown(innermost[0].filename, root)}:{innermost[0].lineno}" if innermost else ""


def _shown(path: str, root: str) -> str:
    inside = os.path.join(root, "")
    return path[len(inside):].replace(os.sep, "/") if path.startswith(inside) else path


def _is_users(filename: str) -> bool:
    return not filename.startswith((DEEPWATCH_FOLDER, _IMPORTLIB_FOLDER, "<frozen importlib"))


def _cut(told: Optional[traceback.TracebackException], above: Tuple[str, ...]) -> None:
    todo = [told]
    while todo:
        each = todo.pop()
        if each is not None:
            kept = [frame for frame in each.stack if _is_users(frame.filename)]
            while len(kept) > 1 and kept[0].filename.startswith(above):
                del kept[0]
            each.stack = traceback.StackSummary.from_list(kept)
            todo += [each.__cause__, each.__context__, *(getattr(each, "exceptions", None) or ())]
