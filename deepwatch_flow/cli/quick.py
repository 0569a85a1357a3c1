"""The answer where nothing has changed, by the watch list alone.

`deepwatch run` and `deepwatch status` ask here first. Nothing of the user's is imported, and nothing
of ours but ``state.watched``; on any doubt, and for any option that is not named here, the answer is
None and the ordinary way decides. It never says anything that the ordinary way would not say.
"""
import gc
import marshal
import os
import sys

from ..state import watched

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional, Sequence, Set

#: command -> its options that are served here, with what the list must be good for
_SERVED = {"run": {"": watched.RUN, "--locked": watched.LOCKED}, "status": {"": watched.STATUS, "--check": watched.STATUS}}

_OUT_OF_DATE = 3


def answer(arguments: "Sequence[str]") -> "Optional[int]":
    """Return the exit code of a command that has nothing to do, None where that is not certain."""
    if not arguments or arguments[0] not in _SERVED:
        return None
    collecting = gc.isenabled()
    gc.disable()        # ten thousand tuples that all stay: the collector would look at them in vain
    try:
        code = _answered(arguments[0], arguments[1:])
        if code is not None:
            return code
    except Exception:   # noqa: BLE001, S110 - whatever is odd here, the ordinary way tells it in words
        pass
    finally:
        if collecting:
            gc.enable()
    watched.started = watched.Start()
    return None


def _answered(command: str, words: "Sequence[str]") -> "Optional[int]":
    """Tell what is certain, and return the exit code; None where nothing is."""
    served = _SERVED[command]
    targets = [word for word in words if word not in served]
    if any(word[:1] in ("-", "") for word in targets):
        return None
    table = watched.load()
    if table is None:
        return None
    for word in ["", *words]:
        if word in served and not table["serves"] & served[word]:
            return None
    edited: "List[str]" = []
    if not watched.holds(table, edited if table["outline"] is not None and not targets else None):
        return None
    if edited:
        return _edited(table, edited, command, "--check" in words) if len(edited) == 1 else None
    if command == "status" and table["status"] is not None:
        return 0 if not targets and _told(command, table["status"][sys.stdout is not None and sys.stdout.isatty() and _colored()]) else None
    count: "Optional[int]" = table["count"] if not targets else _selected(table, targets)
    return 0 if count is not None and _told(command, f"{count} {'step' if count == 1 else 'steps'} up to date\n") else None


def _edited(table: "Dict[str, Any]", edited: "List[str]", command: str, check: bool) -> "Optional[int]":
    """Answer for a project in which one file has changed, if that is an edit of one function."""
    color = command == "status" and sys.stdout is not None and sys.stdout.isatty() and _colored()
    # by `__import__`, since what parses Python is not loaded where nothing has changed
    fresh, text = __import__("deepwatch_flow.cli.edit", fromlist=("answer",)).answer(table, edited[0], color)
    if (command == "run" and not fresh) or not _told(command, text):
        return None
    return 0 if fresh or not check else _OUT_OF_DATE


def _selected(table: "Dict[str, Any]", targets: "List[str]") -> "Optional[int]":
    """Return how many steps the targets and all that they need are, if the targets' values are at hand."""
    steps = marshal.loads(table["steps"])
    waiting = list(targets)
    chosen: "Set[str]" = set()
    count = 0
    while waiting:
        name = waiting.pop()
        if name not in steps:
            return None         # a pattern, the path of a product, or a slip: others know
        if name not in chosen:
            chosen.add(name)
            count += steps[name][2]
            waiting += steps[name][0]
    blobs = [blob for name in targets for blob in steps[name][1]]
    return count if watched.holds_blobs(blobs) else None


def _told(command: str, text: str) -> bool:
    """Say something as the ordinary way says it, and tell whether that was heard."""
    stream = sys.stderr if command == "run" else sys.stdout
    if stream is None:
        return False
    if command == "run" and stream.isatty() and _colored():
        text = f"\x1b[1m{text[:-1]}\x1b[0m\n"
    stream.write(text)
    stream.flush()
    return True


def _colored() -> bool:
    """Tell whether a terminal is written to in colour; as ``report.terminal`` decides it."""
    environ = os.environ
    return not environ.get("NO_COLOR") and environ.get("TERM", "") != "dumb"
