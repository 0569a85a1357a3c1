"""What lies in the folder of a local store: blobs with their times, leftovers, strays.

It only looks, but for `touch`, which notes that a blob was used. What is to be done about any of it
is decided in ``collect`` and by ``deepwatch doctor``.
"""
from __future__ import annotations

import contextlib
import os
import re
import stat
import time
from typing import Iterator, List, NamedTuple, Tuple

from blake3 import blake3

from ..model import Digest
from . import disk
from .collect import Stored

#: the time of use is noted at most this often: a note is a write
_NOTED_SECONDS = 3600.0
_REST = re.compile(r"[0-9a-f]{62}")
#: folders in the store that hold no blobs
TEMPORARY, CORRUPT = "tmp", "corrupt"


class Leftover(NamedTuple):
    """A file that is no blob."""

    path: str
    size: int
    written: float


def touch(path: str) -> None:
    """Note that a blob was used now: as the time of access, since many disks keep none themselves.

    One with other names is left alone: the stamps are those of a product's file as well, and its
    bytes are not to be had back anyway.
    """
    with contextlib.suppress(OSError):      # on a read-only disk nothing will be removed either
        found = os.stat(path)
        now = time.time_ns()
        if found.st_nlink == 1 and now - found.st_atime_ns > _NOTED_SECONDS * 1e9:
            os.utime(path, ns=(now, found.st_mtime_ns))


def stored(folder: str) -> List[Stored]:
    """Return all blobs in a store's folder."""
    found = []
    for digest, path in blob_paths(folder):
        with contextlib.suppress(FileNotFoundError):    # a run sets a damaged one aside
            at = os.lstat(path)
            if stat.S_ISREG(at.st_mode):
                found.append(Stored(digest, at.st_size, at.st_mtime, max(at.st_mtime, at.st_atime), at.st_nlink > 1))
    return found


def blob_paths(folder: str) -> Iterator[Tuple[Digest, str]]:
    """Yield what has the name of a blob, with its path, in order."""
    for inner, names in _folders(folder):
        for name in names:
            if _REST.fullmatch(name):
                yield Digest(os.path.basename(inner) + name), os.path.join(inner, name)


def strays(folder: str) -> List[str]:
    """Return the paths of what is neither a blob nor ours in a store's folder."""
    found = []
    for name in _names(folder):
        path = os.path.join(folder, name)
        if len(name) == 2 and os.path.isdir(path):
            found += [os.path.join(path, each) for each in _names(path) if not _REST.fullmatch(each)]
        elif name not in (TEMPORARY, CORRUPT):
            found.append(path)
    return found


def leftovers(folder: str) -> List[Leftover]:
    """Return the unfinished files that processes left in a folder."""
    return [each for each in _files(folder)
            if os.path.basename(each.path).startswith(disk.TEMPORARY[0]) and each.path.endswith(disk.TEMPORARY[1])]


def set_aside(folder: str) -> List[Leftover]:
    """Return the damaged blobs that were moved out of the way."""
    return _files(os.path.join(folder, CORRUPT))


def _files(folder: str) -> List[Leftover]:
    found = []
    for name in _names(folder):
        path = os.path.join(folder, name)
        with contextlib.suppress(FileNotFoundError):
            at = os.lstat(path)
            if not stat.S_ISDIR(at.st_mode):
                found.append(Leftover(path, at.st_size, at.st_mtime))
    return found


def _folders(folder: str) -> Iterator[Tuple[str, List[str]]]:
    for name in _names(folder):
        if len(name) == 2 and name not in (os.curdir, os.pardir):
            inner = os.path.join(folder, name)
            yield inner, _names(inner)


def _names(folder: str) -> List[str]:
    try:
        return sorted(os.listdir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return []           # nothing was stored yet, or a stray file lies there
    except OSError as error:
        raise disk.explain(error, "list", folder) from error


def digest_unnoticed(path: str) -> Digest:
    """Return the digest of a blob's bytes, without that counting as use of it."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        descriptor = os.open(path, flags | getattr(os, "O_NOATIME", 0))
    except PermissionError:         # only the owner may read like that
        descriptor = os.open(path, flags)
    hasher = blake3()
    with open(descriptor, "rb", buffering=0) as file:
        chunk = file.read(disk.CHUNK)
        while chunk:
            hasher.update(chunk)
            chunk = file.read(disk.CHUNK)
    return Digest(hasher.hexdigest())
