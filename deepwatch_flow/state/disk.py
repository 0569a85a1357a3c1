"""The one seam between the state and the disk.

Everything that the state writes, reads, renames or removes goes through here, so that one place
knows how a file is replaced safely, one place turns an ``OSError`` into an error with a cure, and a
test can make any single call fail (`faults`). What the bytes mean is left to the callers.
"""
from __future__ import annotations

import contextlib
import errno
import os
import stat
import time
from typing import Callable, Generator, Optional, Tuple, Union

from ..errors import EnvironmentFault

Bytes = Union[bytes, bytearray, memoryview]

#: Asked before each call with its name (open, write, fsync, read, replace, link, mkdir, remove)
#: and path. It may raise what the disk would raise, or return how many bytes a write may take.
faults: Optional[Callable[[str, str], Optional[int]]] = None

#: how the names of unfinished files begin and end
TEMPORARY = (".deepwatch-", ".tmp")
#: unfinished files older than this were left by a process that was killed
ABANDONED_SECONDS = 3600.0
CHUNK = 1 << 20

_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)
_FLAGS = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)

_HINTS = {
    errno.ENOSPC: "the disk is full: free some space and run again; nothing finished is lost",
    errno.EDQUOT: "the disk quota is used up: free some space and run again; nothing finished is lost",
    errno.EFBIG: "a limit on the size of files was met (ulimit -f): raise it and run again",
    errno.EROFS: "the file system is read-only: run in a writable copy of the project",
    errno.EACCES: "permission is missing: check owner and mode of this path and of its folder",
    errno.EPERM: "permission is missing: check owner and mode of this path and of its folder",
    errno.EMFILE: "too many open files: raise the limit (ulimit -n) and run again",
    errno.ENFILE: "the machine has too many open files: close programs and run again",
    errno.ENAMETOOLONG: "the path is too long for this file system: use shorter names or a folder nearer the root",
    errno.EIO: "the disk reports an input/output error: check the device, then run again",
    errno.ELOOP: "deepwatch does not follow symbolic links here: put a regular file in place of the link",
}


def explain(error: OSError, doing: str, path: str) -> EnvironmentFault:
    """Return the error for the user that tells what failed, on which path, and the cure."""
    reason = error.strerror or str(error) or type(error).__name__
    hint = _HINTS.get(error.errno) if error.errno is not None else None
    return EnvironmentFault(f"can't {doing} {path}: {reason}", hint=hint)


def write_atomic(path: str, data: Bytes, *, durable: bool = False, mode: Optional[int] = None) -> None:
    """Replace the file at `path` by `data`: it has the old bytes or the new ones, never others.

    With `durable` both survive a power cut once this returns. `mode` is that of the file before,
    or 0666 (less the umask), unless given. A symbolic link at `path` is replaced, not followed.
    """
    folder = os.path.dirname(path) or os.curdir
    if mode is None:
        mode = _mode_of(path)
    temporary = temporary_path(folder)
    try:
        descriptor = create(temporary, 0o666 if mode is None else mode)
        try:
            write_all(descriptor, data, temporary)
            if mode is not None and os.name == "posix":
                os.fchmod(descriptor, mode)
            if durable:
                _ask("fsync", temporary)
                os.fsync(descriptor)
        finally:
            os.close(descriptor)
        _ask("replace", path)
        os.replace(temporary, path)
        if durable:
            _sync_folder(folder)
    except OSError as error:
        discard(temporary)
        raise explain(error, f"write {len(data)} bytes to", path) from error
    except BaseException:
        discard(temporary)
        raise


def create(path: str, mode: int = 0o666) -> int:
    """Open a new file for writing and return its descriptor; an existing one is an ``OSError``."""
    _ask("open", path)
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NO_FOLLOW | _FLAGS, mode)


def identity(descriptor: int) -> Optional[Tuple[int, int]]:
    """Return what tells one open file from others, None for a closed one: a step may close ours, and open its own in their place."""
    try:
        found = os.fstat(descriptor)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def write_all(descriptor: int, data: Bytes, path: str) -> None:
    """Write all of `data`, however many calls it takes."""
    if faults is None:
        done = os.write(descriptor, data)
        if done == len(data):
            return
        view = memoryview(data)[done:]
    else:
        view = memoryview(data)
    while view:
        limit = _ask("write", path)
        done = os.write(descriptor, view if limit is None else view[:max(limit, 1)])
        view = view[done:]


def read_bytes(path: str, *, follow: bool = True) -> bytes:
    """Return the bytes of a file. A missing file is ``FileNotFoundError``: an answer, no fault."""
    try:
        return b"".join(read_chunks(path, follow=follow))
    except FileNotFoundError:
        raise
    except OSError as error:
        raise explain(error, "read", path) from error


def read_chunks(path: str, *, follow: bool = True) -> Generator[bytes, None, None]:
    """Yield the bytes of a regular file piece by piece; errors are those of the disk."""
    _ask("open", path)
    # O_NONBLOCK: a pipe in place of the file must not keep us waiting for a writer.
    flags = os.O_RDONLY | _FLAGS | (0 if follow else _NO_FOLLOW) | getattr(os, "O_NONBLOCK", 0)
    descriptor = os.open(path, flags)
    try:
        found = os.fstat(descriptor)
        _require_regular(found)
        # One call takes a small file whole and sees its end: no second empty read is needed.
        wanted = min(found.st_size + 1, CHUNK)
        while True:
            _ask("read", path)
            chunk = os.read(descriptor, wanted)
            if chunk:
                yield chunk
            if not chunk or (len(chunk) < wanted and found.st_size < wanted):
                return
    except OSError as error:
        error.filename = path       # a failing read tells no path, and callers tell reads from writes by it
        raise
    finally:
        os.close(descriptor)


def replace(source: str, target: str) -> None:
    """Rename `source` to `target`, replacing what is there."""
    try:
        _ask("replace", target)
        os.replace(source, target)
    except OSError as error:
        raise explain(error, f"rename {source} to", target) from error


def publish(source: str, target: str) -> bool:
    """Give the finished file `source` the name `target` unless that is taken; tell whether it was free.

    Unlike `replace` it can't overwrite a file that another process made meanwhile.
    """
    try:
        _ask("link", target)
        try:
            if os.name == "nt":
                os.rename(source, target)
            else:
                os.link(source, target)
                discard(source)
        except FileExistsError:
            discard(source)
            return False
        except OSError as error:
            if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK, errno.ENOSYS):
                raise
            # A file system without hard links; the callers hold a mutex, so looking first will do.
            if os.path.lexists(target):
                discard(source)
                return False
            os.replace(source, target)
    except OSError as error:
        discard(source)
        raise explain(error, "create", target) from error
    return True


def make_folder(path: str) -> None:
    """Make a folder and those above it; one that exists is fine."""
    try:
        _ask("mkdir", path)
        os.makedirs(path, exist_ok=True)
    except OSError as error:
        raise explain(error, "make the folder", path) from error


def make_ignored_folder(path: str) -> None:
    """Make a folder in which git ignores everything; one that exists is left as it is. A disk that refuses shows where it matters."""
    if os.path.isdir(path):
        return
    with contextlib.suppress(EnvironmentFault, OSError):
        make_folder(path)
        descriptor = create(os.path.join(path, ".gitignore"))
        try:
            write_all(descriptor, b"# made by deepwatch: what is here can be made again\n*\n", path)
        finally:
            os.close(descriptor)


def remove(path: str) -> bool:
    """Remove a file and tell whether it was there."""
    try:
        _ask("remove", path)
        try:
            os.unlink(path)
        except FileNotFoundError:
            return False
        except PermissionError:
            if os.name != "nt":
                raise
            os.chmod(path, stat.S_IWRITE)      # Windows refuses to remove a read-only file
            os.unlink(path)
    except OSError as error:
        raise explain(error, "remove", path) from error
    return True


def discard(path: str) -> None:
    """Remove a temporary file where that is possible; `sweep` takes what stays."""
    try:
        os.unlink(path)
    except OSError:
        # Either it was never made, or the disk refuses everything: the first error is the one to tell.
        return


def temporary_path(folder: str) -> str:
    """Return a name in `folder` that no other process or thread uses."""
    return os.path.join(folder, f"{TEMPORARY[0]}{os.getpid()}-{os.urandom(8).hex()}{TEMPORARY[1]}")


def sweep(folder: str) -> int:
    """Remove the temporary files of killed processes from `folder`; return how many there were."""
    swept = 0
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if not (entry.name.startswith(TEMPORARY[0]) and entry.name.endswith(TEMPORARY[1])):
                    continue
                if time.time() - entry.stat(follow_symlinks=False).st_mtime > ABANDONED_SECONDS:
                    os.unlink(entry.path)
                    swept += 1
    except OSError:
        # Tidying up is a favour: a folder that is missing, read-only or busy keeps its leftovers.
        return swept
    return swept


def _ask(operation: str, path: str) -> Optional[int]:
    return None if faults is None else faults(operation, path)


def _require_regular(found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EISDIR if stat.S_ISDIR(found.st_mode) else errno.EINVAL, "not a regular file")


def _mode_of(path: str) -> Optional[int]:
    try:
        found = os.lstat(path)
    except OSError:
        return None         # not there yet; any other trouble shows when the file is written
    return stat.S_IMODE(found.st_mode) if stat.S_ISREG(found.st_mode) else None


def _sync_folder(folder: str) -> None:
    """Make a rename in `folder` survive a power cut, where the system can."""
    if os.name == "nt":
        return
    _ask("fsync", folder)
    descriptor = os.open(folder, os.O_RDONLY | _FLAGS)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some file systems can't sync a folder; there the rename is as durable as it gets.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EBADF, errno.EACCES):
            raise
    finally:
        os.close(descriptor)
