"""Files and folders as the interpreter's audit events tell of them.

One hook per process, for good (there is no way to remove one); it does nothing while no observation
goes on. It never raises: what goes wrong in here becomes a gap.
"""
from __future__ import annotations

import itertools
import os
import stat as stat_modes
import sys
from _thread import get_ident
from types import FrameType
from typing import Any, Callable, Dict, List, Optional, Tuple
from urllib.parse import unquote, urlsplit

from .callers import IMPORT, OURS, USER, is_foreign, judge, kind_of
from .findings import NOW, Findings, Now, absolute, folder_of, raw, unobserved

#: told of imports that begin, one for each recorder and all the same
IMPORTS: List[Callable[[str], None]] = []

_ACCESS = os.O_RDONLY | os.O_WRONLY | os.O_RDWR
Handler = Callable[[Findings, Tuple[Any, ...], FrameType], None]

#: how many arguments of a program are looked at
_MOST_ARGUMENTS = 500
#: how many files of a folder are asked for their sizes
_MOST_ENTRIES = 10_000
#: modules of the standard library that start programs to learn about the machine
_CURIOUS = ("platform.py", "uuid.py", "util.py", "_osx_support.py", "sysconfig.py")


def failed(found: Findings, what: str, error: Exception) -> None:
    """Tell of something that could not be noted."""
    found.note("gaps", f"an access by `{what}` could not be observed ({type(error).__name__})")


def _opens(found: Findings, args: Tuple[Any, ...], frame: FrameType) -> None:
    if not found.wants.files:
        return
    path = absolute(args[0])
    flags = args[2]
    if path is None:
        return
    access = flags & _ACCESS
    if access or flags & os.O_TRUNC:
        if judge(frame) != OURS:
            found.note("written", path)
        if access == os.O_WRONLY or flags & os.O_TRUNC:
            return
    if path in found.written or found.has("reads", path) or is_foreign(frame, path):
        return
    reads(found, path)


def reads(found: Findings, path: str) -> None:
    """Note that a file is being opened."""
    try:
        stamp = raw(path)
    except (FileNotFoundError, NotADirectoryError):
        found.note("absent", path)
        return
    except OSError:
        found.note("reads", path)
        return
    if stat_modes.S_ISDIR(stamp[5]):
        found.note("present", path, "folder")
    elif stat_modes.S_ISREG(stamp[5]):
        found.note("reads", path, stamp)


def _lists(found: Findings, args: Tuple[Any, ...], frame: FrameType) -> None:
    if not found.wants.files:
        return
    given = args[0] if args[0] is not None else "."
    path = folder_of(given) if isinstance(given, int) else absolute(given)
    if path is None or found.has("listed", path) or judge(frame) in (OURS, IMPORT):
        return
    try:
        if stat_modes.S_ISDIR(raw(path)[5]):
            found.note("listed", path)
    except (FileNotFoundError, NotADirectoryError):
        found.note("absent", path)


def _scans(found: Findings, args: Tuple[Any, ...], frame: FrameType) -> None:
    """Note a folder that is listed with what the system tells of the files in it, which can't be seen being asked for."""
    _lists(found, args, frame)
    given = args[0] if args[0] is not None else "."
    if not found.wants.files or kind_of(frame.f_code.co_filename) != USER or isinstance(given, int):
        return
    folder = absolute(given)
    assert folder is not None
    with unobserved(), os.scandir(folder) as entries:
        for entry in itertools.islice(entries, _MOST_ENTRIES):
            if entry.is_file():
                found.note("sized", os.path.join(folder, os.fsdecode(entry.name)), entry.stat().st_size)


def _changes(*places: Tuple[int, Optional[int]]) -> Handler:
    """Return what notes the paths among the arguments as written; each with its folder's descriptor."""
    def note(found: Findings, args: Tuple[Any, ...], frame: FrameType) -> None:
        if not found.wants.files or judge(frame) == OURS:
            return
        for place, folder in places:
            path = absolute(args[place], args[folder] if folder is not None and folder < len(args) else None)
            if path is not None:
                found.note("written", path)
    return note


def _connects(found: Findings, args: Tuple[Any, ...], frame: FrameType) -> None:
    database = args[0]
    if not found.wants.files or judge(frame) == OURS or isinstance(database, int):
        return
    text = os.fsdecode(database)
    if text.startswith("file:"):
        split = urlsplit(text)
        text = "" if "mode=memory" in split.query else unquote(split.path)
    if text in ("", ":memory:"):
        return
    path = absolute(text)
    assert path is not None
    try:
        found.note("databases", path, raw(path))
    except OSError:
        found.note("databases", path, None)


def _unpickles(found: Findings, args: Tuple[Any, ...], frame: FrameType) -> None:  # noqa: ARG001 - one signature
    if found.wants.code:
        found.note("classes", (args[0], args[1]))


def _starts(place: int, arguments: int, folder: Optional[int] = None) -> Handler:
    """Return what notes a program and its arguments, which stand at these places; the folder is the one it starts in."""
    def note(found: Findings, args: Tuple[Any, ...], frame: FrameType) -> None:
        if not found.wants.files and not found.wants.env:
            return
        program = args[place] if args[place] is not None else args[arguments]
        if isinstance(program, (list, tuple)):
            program = program[0] if program else ""
        if not _is_curiosity(frame) and judge(frame) != OURS:
            starts(found, program)
            _named(found, args[arguments], args[folder] if folder is not None else None)
    return note


def _named(found: Findings, arguments: Any, folder: Any) -> None:
    """Note the files that a program is told of: it reads them, or has written those that are others afterwards."""
    if not found.wants.files:
        return
    texts = [os.fsdecode(each) for each in ([arguments] if isinstance(arguments, (str, bytes)) else arguments or ())]
    words = {word for text in texts[:_MOST_ARGUMENTS] for part in (text, *text.split()) for word in (part, part.partition("=")[2])}
    for word in words:
        name = word.strip("'\"<>;&|()")
        path = absolute(os.path.join(os.fsdecode(folder), name) if folder is not None else name) if name else None
        try:
            if path is not None and "\0" not in path and stat_modes.S_ISREG(raw(path)[5]):
                found.note("databases", path, raw(path))
        except OSError:
            continue        # most arguments are no files


def starts(found: Findings, program: Any) -> None:
    """Note that a program was started; only its name is told, arguments may hold secrets."""
    name = os.path.basename(os.fsdecode(program)) or "?"
    found.note("gaps", f"it started the program `{name}`: what that reads beyond the files in its arguments is not seen")


def _is_curiosity(frame: Optional[FrameType]) -> bool:
    while frame is not None and os.path.basename(frame.f_code.co_filename) in ("subprocess.py", "os.py", "<frozen os>"):
        frame = frame.f_back
    if frame is None:
        return False
    filename = frame.f_code.co_filename
    return os.path.basename(filename) in _CURIOUS and kind_of(filename) not in (0, 1)


def _imports(found: Findings, args: Tuple[Any, ...], frame: FrameType) -> None:  # noqa: ARG001 - one signature
    found.imports(args[0])
    if found.fillers:
        found.credit("modules", args[0])
    for each in IMPORTS[:1]:
        each(args[0])


def _shell(found: Findings, args: Tuple[Any, ...], frame: FrameType) -> None:  # noqa: ARG001 - one signature
    if not found.wants.files and not found.wants.env:
        return
    starts(found, "sh" if os.name == "posix" else "cmd")
    _named(found, args[0], None)


_HANDLERS: Dict[str, Handler] = {
    "open": _opens,
    "import": _imports,
    "os.listdir": _lists,
    "os.scandir": _scans,
    "os.mkdir": _changes((0, 2)),
    "os.remove": _changes((0, 1)),
    "os.rmdir": _changes((0, 1)),
    "os.rename": _changes((0, 2), (1, 3)),
    "os.link": _changes((1, 3)),
    "os.symlink": _changes((1, 2)),
    "os.truncate": _changes((0, None)),
    "sqlite3.connect": _connects,
    "pickle.find_class": _unpickles,
    "subprocess.Popen": _starts(0, 1, 2),
    "os.posix_spawn": _starts(0, 1),
    "os.exec": _starts(0, 1),
    "os.spawn": _starts(1, 2),
    "os.startfile": _starts(0, 0),
    "os.system": _shell,
}


def hook(event: str, args: Tuple[Any, ...], now: Now = NOW, handlers: Dict[str, Handler] = _HANDLERS) -> None:
    """Note what an audit event tells."""
    # Both are bound: at the very end of a process this module's names are gone, and the hook is not.
    found = now.active
    if found is None or event not in handlers or (now.suspended and get_ident() in now.suspended):
        return
    try:
        handlers[event](found, args, sys._getframe(1))
    except Exception as error:  # noqa: BLE001 - the step must not notice; what was missed is told
        if callable(failed):
            failed(found, event, error)


_installed = False


def install() -> None:
    """Add the hook to this process, once."""
    global _installed
    if not _installed:
        _installed = True
        sys.addaudithook(hook)
