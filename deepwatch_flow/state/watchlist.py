"""The watch list, made and written: what has to be as it is for all steps to stay fresh.

A list is right only if it tells what the verdicts were based on. So each thing is looked at before
the verdicts are made once more, and what was used earlier than that must be proved to be the same:
by its bytes, or by stamps older than the process. What can't be proved is `Doubtful`, and then there
is no list. The format, and how it is believed, is in ``watched``; what is watched, in ``watching``.

Whoever is about to change what a list tells of, beyond the files in it, removes the list first.
"""
from __future__ import annotations

import contextlib
import os
import time
from typing import AbstractSet, Any, Dict, Iterable, Iterator, List, Mapping, Optional, Sequence, Set, Tuple

from ..errors import DeepwatchError, EnvironmentFault
from ..hashing.digest import digest_bytes
from ..hashing.files import IGNORED as NO_CONTENT
from ..model import Digest
from . import disk, watched
from .mutex import Mutex
from .statmemo import clock_behind_ns

#: files that changed just now are read once more by each run: not if they are larger, or larger together
_LARGEST_RACY, _LARGEST_TOGETHER = 8 << 20, 64 << 20
#: by how much the stamps of a file system may lag behind the clock; kernels count in 10 ms or less
_TICK_NS = 20_000_000


#: the database, as a list names it
STATE = os.path.join(".deepwatch", "state.db")

#: names that a run itself makes
_OURS = ("deepwatch.lock",)

#: (folder, rule) -> the names in it that count by that rule
Names = Mapping[Tuple[str, str], str]


class Doubtful(DeepwatchError):
    """Something can't be watched; says what. It costs time, and is no error of anybody's."""


def path_in(folder: str) -> str:
    """Return where the list is, given the project's folder of state."""
    return os.path.join(folder, "watchlist")


def forget(folder: str) -> None:
    """Remove the list: what it tells of is about to change."""
    with contextlib.suppress(EnvironmentFault):     # nothing can be written there: nothing of it will change
        disk.remove(path_in(folder))


@contextlib.contextmanager
def carried_over(root: str, folder: str) -> Iterator[None]:
    """Let a list outlive a command that opens the database only to look: its stamps are new afterwards."""
    state = os.path.join(folder, os.path.basename(STATE))
    before = None
    with contextlib.suppress(OSError, ValueError, EOFError, TypeError):
        table = watched.load(path_in(folder))
        if table is not None and table["root"] == root and (STATE, *watched.stamp(os.stat(state))) in table["files"]:
            before = watched.content(path_in(folder))
    yield
    if before is None or table is None:
        return
    # a run that goes on, or went on meanwhile, has removed the list
    with contextlib.suppress(DeepwatchError, OSError), Mutex(os.path.join(folder, "mutex"), "deepwatch").acquire(timeout=0):
        if watched.content(path_in(folder)) == before:
            files = [entry for entry in table["files"] if entry[0] != STATE]
            write(folder, {**table, "files": (*files, (STATE, *watched.stamp(os.stat(state))))})


class Builder:
    """Collects what is to be watched; every method may raise Doubtful or OSError."""

    def __init__(self, root: str, folder: str, start: watched.Start, opened_ns: int) -> None:
        self._root = os.path.join(root, "")
        self._folder = folder
        self._start = start
        self._opened_ns = opened_ns
        self._behind = clock_behind_ns(folder)
        self._now = time.time_ns() - self._behind
        self._files: Dict[str, Tuple[Any, ...]] = {}
        self._contents: Dict[str, Tuple[Any, ...]] = {}
        self._folders: Dict[Tuple[str, str], Tuple[Any, ...]] = {}
        self._blobs: Dict[str, int] = {}
        self._rows: Dict[str, Set[Any]] = {name: set() for name in ("absent", "kinds", "sizes", "links")}
        self._variables: Dict[str, Optional[bytes]] = {}
        self._everything: Optional[bytes] = None
        self._again: List[str] = []
        self._salt = _salt_of(path_in(folder))

    # -- files ------------------------------------------------------------------------------------

    def source(self, path: str, data: bytes) -> None:
        """Watch a file of which these bytes were used."""
        found, now = self._file(path)
        if (now if now is not None else self._untouched(found) or watched.content(path)) not in (data, True):
            raise Doubtful(f"`{path}` was edited meanwhile")

    def content(self, path: str, digest: Optional[Digest] = None) -> None:
        """Watch a file whose content (with this digest, if it is known) is looked at again before we finish."""
        _, data = self._file(path)
        if data is not None and digest is None:
            self._again.append(path)
        elif data is not None and digest_bytes(data) != digest:
            raise Doubtful(f"`{path}` was changed meanwhile")

    def loaded(self, path: str) -> None:
        """Watch a file that was used while the user's modules loaded: it must not have changed since."""
        found, _ = self._file(path)
        if not self._untouched(found):
            raise Doubtful(f"`{path}` is too young")

    def state(self, path: str) -> None:
        """Watch a file that only deepwatch writes, and only after it has removed the list."""
        self._files[self._short(path)] = watched.stamp(os.stat(path))

    def _file(self, path: str) -> Tuple[os.stat_result, Optional[bytes]]:
        """Enter a file; return its bytes where its stamps are too young to be believed."""
        found = os.stat(path)
        if watched.kind_of(found.st_mode) != "file":
            raise Doubtful(f"`{path}` is no regular file")
        short = self._short(path)
        if watched.is_settled(found, self._now):
            self._files[short] = watched.stamp(found)
            return found, None
        if found.st_size > _LARGEST_RACY:
            raise Doubtful(f"`{path}` is large and too young")
        data = watched.content(path)
        self._contents[short] = (len(data), watched.digest(self._salt, data))
        return found, data

    def _untouched(self, found: os.stat_result) -> bool:
        """Tell whether nothing changed since the project was opened, by stamps of a file or folder."""
        newest = max(found.st_mtime_ns, found.st_ctime_ns)
        # whole milliseconds: a file system that counts in these, or in seconds
        tick = watched.RACY_NS if newest % 1_000_000 == 0 else _TICK_NS
        return newest + tick + self._behind < self._opened_ns

    # -- folders ----------------------------------------------------------------------------------

    def importable(self, path: str, before: Names, made: AbstractSet[str] = frozenset()) -> None:
        """Watch a folder in which imports look; `before` are names that `names_now` gave at first.

        Names in `made` may be new in it: no import looks for them.
        """
        if not os.path.isdir(path):
            if os.path.exists(path):
                self.loaded(path)       # a zip file
            else:
                self.absent(path)
            return
        rule = _rule_of(path)
        self._same_names(path, rule, before, *self._listed(path, rule, ()), made)

    def listed(self, path: str, without: Iterable[str] = (), before: Optional[Names] = None) -> None:
        """Watch a folder that was listed; with `before`, while the user's modules loaded."""
        found, names = self._listed(path, watched.SEEN, tuple(sorted({*without, *_OURS})))
        if before is not None:
            self._same_names(path, watched.SEEN, before, found, names)

    def _same_names(self, path: str, rule: str, before: Names, found: os.stat_result, names: str,
                    made: AbstractSet[str] = frozenset()) -> None:
        if not self._untouched(found):
            then = before.get((path, rule))
            if then is None or not set(then.split("\0")) ^ set(names.split("\0")) <= {*made, ""}:
                raise Doubtful(f"names in `{path}` may have changed meanwhile")

    def tree(self, path: str) -> None:
        """Watch all that lies in a folder, as ``hashing.files`` digests it."""
        pending = [path]
        while pending:
            folder = pending.pop()
            self._listed(folder, watched.TREE, ())
            for name in os.listdir(folder):
                inner = os.path.join(folder, name)
                if name in NO_CONTENT:
                    continue
                if os.path.islink(inner):
                    self._rows["links"].add((self._short(inner), os.readlink(inner)))
                if os.path.isdir(inner):
                    pending.append(inner)
                else:
                    self.content(inner)

    def _listed(self, path: str, rule: str, without: Sequence[str]) -> Tuple[os.stat_result, str]:
        found = os.stat(path)
        text = watched.names(path, rule, without)
        self._folders[(self._short(path), rule)] = (
            *watched.stamp(found)[:4], watched.is_settled(found, self._now), rule, tuple(without), text)
        return found, text

    # -- the rest ---------------------------------------------------------------------------------

    def absent(self, path: str) -> None:
        """Watch that nothing is there."""
        try:
            os.stat(path)
        except (FileNotFoundError, NotADirectoryError):
            self._rows["absent"].add(self._short(path))
            return
        raise Doubtful(f"`{path}` is there by now")

    def kind(self, path: str, kind: Optional[str] = None) -> None:
        """Watch what is there: a file, a folder, something else."""
        now = watched.kind_of(os.stat(path).st_mode)
        if kind is not None and kind != now:
            raise Doubtful(f"`{path}` is no {kind} any more")
        self._rows["kinds"].add((self._short(path), now))

    def size(self, path: str, size: Optional[int] = None) -> None:
        """Watch how large a file is; -1 for what is no file."""
        found = os.stat(path)
        now = found.st_size if watched.kind_of(found.st_mode) == "file" else -1
        if size is not None and now != -1 and size != now:
            raise Doubtful(f"`{path}` has another size by now")
        self._rows["sizes"].add((self._short(path), now))

    def link(self, path: str, text: Optional[str] = None) -> None:
        """Watch what a symbolic link says."""
        now = os.readlink(path)
        if text is not None and text != now:
            raise Doubtful(f"`{path}` leads elsewhere by now")
        self._rows["links"].add((self._short(path), now))

    def blob(self, path: str, size: int) -> None:
        """Watch that a blob is there."""
        self._blobs[self._short(path)] = size

    def variable(self, name: str) -> None:
        """Watch the value of an environment variable, which is kept as a digest only."""
        value = self._start.environ.get(name)
        self._variables[name] = None if value is None else watched.digest(self._salt, value.encode("utf-8", "surrogatepass"))

    def environment(self) -> None:
        """Watch all of the environment."""
        self._everything = watched.environment_digest(self._salt, self._start.environ)

    # ---------------------------------------------------------------------------------------------

    def table(self) -> Dict[str, Any]:
        """Return what was collected, files that are too young looked at once more."""
        for path in self._again:
            if self._contents[self._short(path)][1] != watched.digest(self._salt, watched.content(path)):
                raise Doubtful(f"`{path}` was changed meanwhile")
        if sum(size for size, _ in self._contents.values()) > _LARGEST_TOGETHER:
            raise Doubtful("too much was changed just now")
        for path in self._contents:
            self._files.pop(path, None)
        for name, value in self._start.environ.items():
            if name.startswith("DEEPWATCH"):
                self._variables[name] = watched.digest(self._salt, value.encode("utf-8", "surrogatepass"))
        rows: Dict[str, Any] = {name: tuple(sorted(found)) for name, found in self._rows.items()}
        return {
            "identity": self._start.identity, "root": self._root[:-1] or self._root, "salt": self._salt, "behind": self._behind,
            "files": tuple((path, *stamp) for path, stamp in sorted(self._files.items())),
            "contents": tuple((path, *known) for path, known in sorted(self._contents.items())),
            "folders": tuple((path, *known) for (path, _), known in sorted(self._folders.items())),
            "blobs": tuple(sorted(self._blobs.items())), "everything": self._everything,
            "variables": tuple(sorted(self._variables.items())), **rows}

    def _short(self, path: str) -> str:
        if path == self._root[:-1]:
            return os.curdir
        return path[len(self._root):] if path.startswith(self._root) else path


def names_now(folders: Iterable[str]) -> Names:
    """Return the names in folders: such changes in them as are to come won't show what was there."""
    found: Dict[Tuple[str, str], str] = {}
    for folder in folders:
        try:
            found[folder, watched.SEEN] = watched.names(folder, watched.SEEN, _OURS)
            rule = _rule_of(folder)
            found[folder, rule] = watched.names(folder, rule)
        except OSError:
            continue        # what can't be listed is looked at later, and told then
    return found


def _rule_of(folder: str) -> str:
    metadata = any(name.endswith((".dist-info", ".egg-info")) for name in os.listdir(folder))
    return watched.SITE if metadata else watched.IMPORTABLE


def write(folder: str, table: Mapping[str, Any]) -> bool:
    """Write the list unless the one there says the same; tell whether it was written."""
    return _write(path_in(folder), watched.dumps(dict(table)))


def _write(path: str, data: bytes) -> bool:
    try:
        if watched.content(path) == data:
            return False
    except OSError:
        pass        # there is none yet, or none that can be read
    disk.write_atomic(path, data)
    return True


def write_outline(folder: str, outline: Optional[Mapping[str, Any]]) -> Optional[Tuple[int, ...]]:
    """Write the outline that belongs to a list, unless it is there; return its stat data."""
    path = os.path.join(folder, "outline")
    if outline is None:
        disk.remove(path)
        return None
    _write(path, watched.dumps(dict(outline)))
    return watched.stamp(os.stat(path))


def _salt_of(path: str) -> bytes:
    """Return the salt of the list that is there, or a new one."""
    try:
        table = watched.load(path)
    except (OSError, ValueError, EOFError, TypeError):
        table = None
    salt = table.get("salt") if table is not None else None
    return salt if isinstance(salt, bytes) else os.urandom(16)
