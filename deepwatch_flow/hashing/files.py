"""The digest of files and folders, through a memo of their stat data.

A file is its bytes. A folder is the sorted relative POSIX names of all that lies in it, with kind
and content; permissions and times don't count. A link counts as its text and what it leads to. The
memo (the database keeps it) is believed only while size, both stamps and inode of a file agree, and
never for a file changed so shortly before it was read that the clock could hide a second change.
"""
from __future__ import annotations

import os
import stat as stat_modes
import time
from typing import Dict, Iterator, List, Mapping, NamedTuple, Optional, Tuple

from blake3 import blake3

from ..errors import EnvironmentFault
from ..model import Digest
from .digest import Hasher

#: names that are never content: what Python, git and deepwatch leave behind
IGNORED = frozenset({"__pycache__", ".git", ".deepwatch"})

#: a file changed within this time before it was read may change again under the same stamps
RACY_NS = 2_000_000_000

_CHUNK = 1 << 20


class StatMemo:
    """Remembers digests of files by their stat data; this one remembers nothing.

    `get` and `put` of a real one go through `Remembered`, which decides what may be believed.
    """

    def get(self, path: str, stat: os.stat_result) -> Optional[Digest]:  # noqa: ARG002
        """Return the digest recorded for an unchanged file, or None."""
        return None

    def put(self, path: str, stat: os.stat_result, digest: Digest) -> None:
        """Record the digest that the file had while its stat data was `stat`."""


class Remembered(NamedTuple):
    """One entry of a stat memo: what a file's stat data was when it was read, and its digest."""

    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int
    recorded_ns: int      #: by this machine's clock
    digest: Digest

    @classmethod
    def of(cls, stat: os.stat_result, digest: Digest, now_ns: Optional[int] = None) -> Remembered:
        """Return the entry for a file that was just read."""
        recorded = time.time_ns() if now_ns is None else now_ns
        return cls(stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino, recorded, digest)

    def matches(self, stat: os.stat_result) -> bool:
        """Tell whether the file still is what was read, and was not read too soon after a change."""
        same = (self.size, self.mtime_ns, self.ctime_ns, self.inode) == (
            stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino)
        return same and settled(stat, self.recorded_ns)


def settled(stat: os.stat_result, now_ns: int) -> bool:
    """Tell whether a file's stamps are old enough to show any change after `now_ns`."""
    return max(stat.st_mtime_ns, stat.st_ctime_ns) + RACY_NS < now_ns


class MemoryMemo(StatMemo):
    """A stat memo that lives as long as the process."""

    def __init__(self) -> None:
        self._entries: Dict[str, Remembered] = {}

    def get(self, path: str, stat: os.stat_result) -> Optional[Digest]:
        """Return the digest recorded for an unchanged file, or None."""
        entry = self._entries.get(path)
        return entry.digest if entry is not None and entry.matches(stat) else None

    def put(self, path: str, stat: os.stat_result, digest: Digest) -> None:
        """Record the digest that the file had while its stat data was `stat`."""
        self._entries[path] = Remembered.of(stat, digest)


def digest_file(path: str) -> Tuple[Digest, int]:
    """Return the digest and the size of a file's bytes, which are never in memory as a whole."""
    hasher = blake3()
    size = 0
    try:
        with open(path, "rb", buffering=0) as file:
            while True:
                chunk = file.read(_CHUNK)
                if not chunk:
                    break
                size += len(chunk)
                hasher.update(chunk)
    except OSError as error:
        raise _fault(path, error) from error
    return Digest(hasher.hexdigest()), size


def digest_tree(path: str, memo: Optional[StatMemo] = None, put_back: Optional[Mapping[str, Digest]] = None) -> Digest:
    """Return the digest of all that lies in a folder.

    `put_back` are files by their relative names that will be there: the digest is that of the folder with them.
    """
    memo = StatMemo() if memo is None else memo
    hasher = Hasher("tree/1")
    for name, kind, content in _entries(path, memo) if not put_back else _entries_with(path, memo, put_back):
        hasher.field("name", name).field("kind", kind).field("content", content)
    return hasher.digest()


def digest_input(path: str, memo: Optional[StatMemo] = None) -> Digest:
    """Return the digest of an input: a file or a folder."""
    memo = StatMemo() if memo is None else memo
    try:
        stat = os.stat(path)
    except OSError as error:
        raise _fault(path, error) from error
    if stat_modes.S_ISDIR(stat.st_mode):
        return digest_tree(path, memo)
    return _digest_known(path, stat, memo)


def _digest_known(path: str, stat: os.stat_result, memo: StatMemo) -> Digest:
    if not stat_modes.S_ISREG(stat.st_mode):
        raise EnvironmentFault(f"`{path}` is neither a file nor a folder",
                               hint="pipes, sockets and devices can't be inputs; use a file instead")
    found = memo.get(path, stat)
    if found is not None:
        return found
    for _ in range(3):
        began = time.time_ns()
        digest, _size = digest_file(path)
        after = _stat(path)
        if _same(stat, after):
            # looked at before reading: a change in the same tick of the clock, while a big file is
            # read, would not show in its stamps
            if settled(stat, began):
                memo.put(path, stat, digest)
            return digest
        stat = after  # it was written to while it was read: the bytes may be of two versions
    raise EnvironmentFault(f"`{path}` keeps changing while it is read",
                           hint="wait until it is written completely")


def _same(one: os.stat_result, other: os.stat_result) -> bool:
    return (one.st_size, one.st_mtime_ns, one.st_ctime_ns, one.st_ino) == (
        other.st_size, other.st_mtime_ns, other.st_ctime_ns, other.st_ino)


def _entries(folder: str, memo: StatMemo) -> Iterator[Tuple[str, str, str]]:
    """Yield (relative name, kind, content) of all in a folder, each folder before what is in it."""
    # (path, relative name, identities of the folders above): a folder inside itself is a loop
    pending: List[Tuple[str, str, Tuple[Tuple[int, int], ...]]] = [(folder, "", ())]
    while pending:
        path, name, above = pending.pop()
        link = _link(path) if name else None
        if link is not None:
            yield name, "link", link
        stat = _stat(path)
        if not stat_modes.S_ISDIR(stat.st_mode):
            yield name, "file", _digest_known(path, stat, memo)
            continue
        identity = (stat.st_dev, stat.st_ino)
        if identity in above:
            raise EnvironmentFault(f"`{path}` leads back to a folder that it lies in",
                                   hint="remove the link, or declare the files as inputs one by one")
        if name:
            yield name, "folder", ""
        for inner in sorted(_listed(path), reverse=True):
            relative = f"{name}/{inner}" if name else inner
            pending.append((os.path.join(path, inner), relative, (*above, identity)))


def _entries_with(folder: str, memo: StatMemo, put_back: Mapping[str, Digest]) -> Iterator[Tuple[str, str, str]]:
    """Yield the entries as if some files were in the folder, too."""
    found = [each for each in (_entries(folder, memo) if os.path.isdir(folder) else ()) if each[0] not in put_back]
    folders = {name for name, _, _ in found}
    for name, digest in put_back.items():
        parts = name.split("/")
        if IGNORED.isdisjoint(parts):
            above = {"/".join(parts[:count]) for count in range(1, len(parts))} - folders
            found += [(name, "file", digest), *((each, "folder", "") for each in above)]
            folders |= above
    yield from sorted(found, key=lambda entry: entry[0].split("/"))      # each folder before what is in it


def _listed(path: str) -> List[str]:
    try:
        return [name for name in os.listdir(path) if name not in IGNORED]
    except OSError as error:
        raise _fault(path, error) from error


def _link(path: str) -> Optional[str]:
    try:
        return os.readlink(path).replace(os.sep, "/") if os.path.islink(path) else None
    except OSError as error:
        raise _fault(path, error) from error


def _stat(path: str) -> os.stat_result:
    try:
        return os.stat(path)
    except OSError as error:
        if os.path.islink(path):
            raise EnvironmentFault(f"`{path}` is a link to `{os.readlink(path)}`, which can't be read: "
                                   f"{error.strerror or error}",
                                   hint="create what it points to, or remove the link") from error
        raise _fault(path, error) from error


def _fault(path: str, error: OSError) -> EnvironmentFault:
    hint = {
        FileNotFoundError: "create it, or correct the path",
        PermissionError: "make it readable for you",
        IsADirectoryError: "name a file in it",
    }.get(type(error))
    return EnvironmentFault(f"can't read `{path}`: {error.strerror or error}", hint=hint)
