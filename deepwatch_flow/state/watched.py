"""The watch list, read: whether all that the last run looked at is as it was.

This is the half that a run with nothing to do loads: it reads one file in one call, stats what that
names, and imports nothing but what the interpreter's own start has loaded. Whatever it can't tell is
a no: then the ordinary way decides. What is watched, and the writing, is in ``watchlist``.

``.deepwatch/watchlist`` is a line and the marshalled table below it. The line names the version of
this format, of deepwatch and of Python, and the length of the rest; marshal is no more portable than
that. The table is a dict of these:

    identity    what the interpreter was when it started (`identity`)
    root        the project's folder
    serves      STATUS | RUN | LOCKED: what the list may answer
    count       how many steps the pipeline has
    salt        of the digests below: values of variables must not be guessed from a list of them
    files       (path, mtime_ns, ctime_ns, inode, device, size): as it was then
    contents    (path, size, digest): changed so shortly before that stamps prove nothing; is read again
    folders     (path, mtime_ns, ctime_ns, inode, device, settled, rule, without, names)
    blobs       (path, size): a regular file of that size
    absent      path: nothing is there
    kinds       (path, file | folder | other): something is there
    sizes       (path, size; -1 for no regular file)
    links       (path, text of the symbolic link)
    variables   (name, digest of the value or None)
    everything  digest of all of the environment, or None
    outline     stat data of ``.deepwatch/outline`` (``outlining``), or None
    steps       marshalled {step: (steps that it needs, (path, size) of its blobs, how many it stands for)}, read for `run TARGET` alone

Paths are relative to the root where they are below it, else absolute.
"""
import marshal
import os
import sys
import time

from .._version import __version__

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional, Sequence, Tuple

#: raised with any change of the file's form
VERSION = 1
PATH = os.path.join(".deepwatch", "watchlist")
STATUS, RUN, LOCKED = 1, 2, 4

#: a file changed within this time before it was looked at may change again under the same stamps
RACY_NS = 2_000_000_000
#: names that are never content; as in ``hashing.files``
IGNORED = frozenset({"__pycache__", ".git", ".deepwatch"})
#: what of a folder counts: names that an import could find, all names, all but those a run itself makes
IMPORTABLE, SITE, TREE, SEEN = "importable", "site", "tree", "seen"
_MODULES = (".py", ".pyw", ".pyc", ".so", ".pyd", ".pth", ".egg-link")
_METADATA = (".dist-info", ".egg-info", ".egg")

#: the list is renewed where reading racy files again costs more than this: files, bytes
_DEAR = (64, 1 << 20)
_SETTINGS = ("LANG", "LANGUAGE", "TZ", "DEEPWATCH_JOBS")


class Start:
    """What this process was when it began: a later look would see what the user's code made of it."""

    def __init__(self) -> None:
        self.identity = identity()
        self.environ = dict(os.environ)


#: set where the command line was started as a command; a program that calls us changes more than we can see
started: "Optional[Start]" = None


def identity() -> "Tuple[Any, ...]":
    """Return what makes one interpreter another than the one before."""
    settings = sorted([(name, value) for name, value in os.environ.items()
                       if name.startswith(("PYTHON", "LC_")) or name in _SETTINGS])
    ours = sorted([name for name in os.environ if name.startswith("DEEPWATCH")])
    return (sys.version, sys.executable, sys.prefix, sys.base_prefix, tuple(sys.flags), tuple(sys.warnoptions),
            sorted(map(repr, sys._xoptions.items())), tuple(sys.path), len(sys.meta_path), len(sys.path_hooks),
            settings, ours)


def header(length: int) -> bytes:
    """Return the first line of a list whose table has so many bytes."""
    python = f"{sys.implementation.cache_tag} {sys.hexversion:x}"
    return f"deepwatch watch list {VERSION} {__version__} {python} {length}\n".encode()


def load(path: str = PATH) -> "Optional[Dict[str, Any]]":
    """Return the table in the file at `path`; None where it is of another version, or damaged."""
    data = content(path)
    end = data.find(b"\n") + 1
    if data[:end] != header(len(data) - end):
        return None
    table: "Dict[str, Any]" = marshal.loads(memoryview(data)[end:])
    return table


def content(path: str) -> bytes:
    """Return the bytes of a regular file."""
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
    try:
        size = os.fstat(descriptor).st_size
        data = os.read(descriptor, size + 1)
        while len(data) < size:             # one call takes at most 2 GB, and a signal may cut it short
            more = os.read(descriptor, size - len(data) + 1)
            if not more:
                break
            data += more
        return data
    finally:
        os.close(descriptor)


def digest(salt: bytes, data: bytes) -> bytes:
    """Return the digest by which a list knows content."""
    from _blake2 import blake2b  # hashlib would load OpenSSL

    value: bytes = blake2b(data, digest_size=16, key=salt).digest()
    return value


def environment_digest(salt: bytes, environ: "Any") -> bytes:
    """Return the digest of all of an environment."""
    return digest(salt, "\0".join(sorted([f"{name}={environ[name]}" for name in environ])).encode("utf-8", "surrogatepass"))


def names(folder: str, rule: str, without: "Sequence[str]" = ()) -> str:
    """Return the names in a folder that count by a rule, as one text."""
    if rule in (TREE, SEEN):
        found = [name for name in os.listdir(folder) if name not in IGNORED and name not in without]
    else:
        found = []
        with os.scandir(folder) as entries:
            for entry in entries:
                name = entry.name
                if name.endswith(_MODULES) or (rule == SITE and name.endswith(_METADATA)) \
                        or (name.isidentifier() and name != "__pycache__" and entry.is_dir()):
                    found.append(name)
    return "\0".join(sorted(found))


def holds(table: "Dict[str, Any]", edited: "Optional[List[str]]" = None) -> bool:
    """Tell whether all that a list names is as it was; raises OSError for what is not there any more.

    With `edited` that may be empty, files that are not as they were are put into it, and the rest counts.
    """
    if table["identity"] != identity() or table["root"] != os.getcwd():
        return False
    return (_variables_hold(table) and _files_hold(table, edited) and _folders_hold(table)
            and _others_hold(table) and _contents_hold(table, edited))


def _variables_hold(table: "Dict[str, Any]") -> bool:
    salt = table["salt"]
    for name, known in table["variables"]:
        value = os.environ.get(name)
        if (known is None) != (value is None):
            return False
        if value is not None and digest(salt, value.encode("utf-8", "surrogatepass")) != known:
            return False
    return table["everything"] is None or table["everything"] == environment_digest(salt, os.environ)


def _files_hold(table: "Dict[str, Any]", edited: "Optional[List[str]]") -> bool:
    stat = os.stat
    for path, mtime, ctime, inode, device, size in table["files"]:
        found = stat(path)
        if (found.st_mtime_ns != mtime or found.st_ctime_ns != ctime or found.st_ino != inode
                or found.st_size != size or found.st_dev != device):
            if edited is None:
                return False
            edited.append(path)
    return holds_blobs(table["blobs"])


def holds_blobs(blobs: "Sequence[Tuple[str, int]]") -> bool:
    """Tell whether blobs are there: what the store's `has` tells, without a store."""
    lstat = os.lstat
    for path, size in blobs:
        found = lstat(path)
        if found.st_size != size or found.st_mode & 0o170000 != 0o100000:
            return False
    return True


def _folders_hold(table: "Dict[str, Any]") -> bool:
    for path, mtime, ctime, inode, device, settled, rule, without, text in table["folders"]:
        found = os.stat(path)
        same = (found.st_mtime_ns, found.st_ctime_ns, found.st_ino, found.st_dev) == (mtime, ctime, inode, device)
        if same and settled:
            continue
        # what a site folder holds may be another thing under the same name: an upgrade that was taken back
        if (rule == SITE and not same) or names(path, rule, without) != text:
            return False
    return True


def _others_hold(table: "Dict[str, Any]") -> bool:
    for path in table["absent"]:
        try:
            os.stat(path)
        except (FileNotFoundError, NotADirectoryError):
            continue
        return False
    for path, kind in table["kinds"]:
        if kind_of(os.stat(path).st_mode) != kind:
            return False
    for path, size in table["sizes"]:
        found = os.stat(path)
        if (found.st_size if kind_of(found.st_mode) == "file" else -1) != size:
            return False
    return all(os.readlink(path) == text for path, text in table["links"])


def _contents_hold(table: "Dict[str, Any]", edited: "Optional[List[str]]") -> bool:
    contents = table["contents"]
    began = time.time_ns()
    seen = []
    for path, size, known in contents:
        found = os.stat(path)
        data = content(path) if kind_of(found.st_mode) == "file" and found.st_size == size else b""
        if len(data) == size and digest(table["salt"], data) == known:
            seen.append((path, found))
        elif edited is None:
            return False
        else:
            edited.append(path)
    if edited:
        return True
    if len(contents) > _DEAR[0] or sum([size for _, size, _ in contents]) > _DEAR[1]:
        _renew(table, seen, began)
    return True


def kind_of(mode: int) -> str:
    """Return what a mode is that of."""
    kind = mode & 0o170000
    return "file" if kind == 0o100000 else "folder" if kind == 0o040000 else "other"


def stamp(found: os.stat_result) -> "Tuple[int, int, int, int, int]":
    """Return a file's stat data in the order of a list."""
    return (found.st_mtime_ns, found.st_ctime_ns, found.st_ino, found.st_dev, found.st_size)


def is_settled(found: os.stat_result, now_ns: int) -> bool:
    """Tell whether a file's stamps are old enough to show any change after `now_ns`."""
    return max(found.st_mtime_ns, found.st_ctime_ns) + RACY_NS < now_ns


def _renew(table: "Dict[str, Any]", seen: "List[Tuple[str, os.stat_result]]", now_ns: int) -> None:
    """Have many files that were read again be known by their stamps next time, where these will do by now."""
    now_ns -= table["behind"]
    if not all(is_settled(found, now_ns) for _, found in seen):
        return
    table = {**table, "contents": (), "files": table["files"] + tuple([(path, *stamp(found)) for path, found in seen])}
    try:
        replace(PATH, dumps(table))
    except OSError:
        return      # the answer is right without it


def dumps(table: "Dict[str, Any]") -> bytes:
    """Return a table as the bytes of the file."""
    data = marshal.dumps(table)
    return header(len(data)) + data


def replace(path: str, data: bytes) -> None:
    """Put a list in the place of the one before, as a whole."""
    temporary = os.path.join(os.path.dirname(path), f".deepwatch-{os.getpid()}-watchlist.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        try:
            if os.write(descriptor, data) != len(data):
                raise OSError("the list was cut short")
        finally:
            os.close(descriptor)
        os.replace(temporary, path)
    except OSError:
        os.unlink(temporary)
        raise
