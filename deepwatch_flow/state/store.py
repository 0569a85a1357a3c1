"""The store: blobs of bytes under the digest of their content.

A blob is written once, under a name that says what it must hold, and is checked each time it is
read; one that does not fit is moved aside and counts as missing, which costs a run and never gives
a wrong value. Which blobs are needed, and what their bytes mean, is left to engine and codecs.
"""
from __future__ import annotations

import errno
import os
import stat
from typing import BinaryIO, Callable, Iterator, NoReturn, Optional, Protocol, Set, Tuple, cast

from ..errors import EnvironmentFault, StateError
from ..events import Notice
from ..hashing.digest import digest_bytes
from ..model import Digest
from . import disk
from .stock import blob_paths, touch
from .streams import Sink, copied, digest_of

_BLOB_MODE = 0o444
#: a blob of so many bytes is written by one call
_SMALL = 1 << 16
#: what a damaged disk or a foreign file gives: the blob is lost, the machine is fine
_DAMAGE = (errno.EIO, errno.EISDIR, errno.ELOOP, errno.EINVAL, errno.ENOTDIR)


class BlobMissing(StateError):
    """The bytes of a blob can't be had; running the step that made them gives them again."""

    def __init__(self, digest: Digest) -> None:
        super().__init__(f"blob {digest} is not in the store", hint="run the step that makes it again")
        self.digest = digest

    def __reduce__(self) -> Tuple[Callable[[Digest], BlobMissing], Tuple[Digest]]:
        return BlobMissing, (self.digest,)


class BlobStore(Protocol):
    """What the engine needs of a store; a plugin may offer another one."""

    def put(self, data: disk.Bytes) -> Digest:
        """Keep `data` and return its digest."""

    def put_file(self, path: str) -> Tuple[Digest, int]:
        """Keep the bytes of a file; return their digest and how many they are."""

    def put_stream(self, write: Callable[[BinaryIO], None]) -> Tuple[Digest, int]:
        """Keep what `write` writes into the file that it is given; return digest and size of these bytes."""

    def path(self, digest: Digest) -> str:
        """Return the path of a local file, never to be written to, that holds the blob, checked; raises BlobMissing."""

    def get(self, digest: Digest) -> bytes:
        """Return the bytes, checked against their digest; raises BlobMissing."""

    def has(self, digest: Digest, size: Optional[int] = None) -> bool:
        """Tell whether a blob (of this size, if given) is here, without reading it."""

    def copy_to(self, digest: Digest, path: str) -> None:
        """Write a blob to a file: checked, and complete or not at all; raises BlobMissing."""

    def size(self, digest: Digest) -> Optional[int]:
        """Return how many bytes a blob has, None if it is not here."""

    def remove(self, digest: Digest) -> bool:
        """Remove a blob and tell whether it was here."""

    def list(self) -> Iterator[Digest]:
        """Yield the digests of all blobs here."""


class LocalStore:
    """Blobs as read-only files ``ab/cdef...`` below a folder.

    No blob is synced to the disk on its own: one that a power cut damages is found by its digest.
    """

    def __init__(self, folder: str, on_corrupt: Optional[Callable[[Notice], None]] = None) -> None:
        self.folder = folder
        #: how many damaged blobs this object has met
        self.corrupt = 0
        self._on_corrupt = on_corrupt
        self._temporary = os.path.join(folder, "tmp")
        self._made: Set[str] = set()
        disk.sweep(self._temporary)

    def put(self, data: disk.Bytes) -> Digest:
        """Keep `data` and return its digest; a blob that is here already is not written again."""
        digest = digest_bytes(data)
        path = self._path(digest)
        if (len(data) <= _SMALL and self._written_at_once(path, data)) or self._holds(digest, path, len(data)):
            return digest
        temporary = self._new_file(path)
        try:
            _fill(disk.create(temporary, _BLOB_MODE), data, temporary)
            self._publish(temporary, path)
        except OSError as error:
            disk.discard(temporary)
            raise disk.explain(error, f"write a result of {len(data)} bytes to", path) from error
        except BaseException:
            disk.discard(temporary)
            raise
        return digest

    def put_file(self, path: str) -> Tuple[Digest, int]:
        """Keep the bytes of a file, read once: the digest is that of the very bytes kept."""
        temporary = self._new_file(None)
        try:
            digest, size = copied(path, temporary, _BLOB_MODE)
            target = self._path(digest)
            if self._holds(digest, target, size):
                disk.discard(temporary)
            else:
                self._make(os.path.dirname(target))
                self._publish(temporary, target)
        except OSError as error:
            disk.discard(temporary)
            raise disk.explain(error, "keep a copy of", path) from error
        except BaseException:
            disk.discard(temporary)
            raise
        return digest, size

    def put_stream(self, write: Callable[[BinaryIO], None]) -> Tuple[Digest, int]:
        """Keep what `write` writes; nothing is kept where it raises. No more than a piece is held in memory."""
        with Sink(lambda: self._new_file(None), _BLOB_MODE) as sink:
            write(cast(BinaryIO, sink))
            temporary = sink.finish()
            if temporary is None:           # so little that there is no file yet
                return self.put(sink.held), sink.size
            target = self._path(sink.digest)
            if not self._holds(sink.digest, target, sink.size):
                try:
                    self._make(os.path.dirname(target))
                    self._publish(temporary, target)
                except OSError as error:
                    raise disk.explain(error, f"write a result of {sink.size} bytes to", target) from error
            return sink.digest, sink.size

    def path(self, digest: Digest) -> str:
        """Return the path of a blob's file, its bytes checked first; raises BlobMissing."""
        path = self._path(digest)
        try:
            found = digest_of(path)
        except OSError as error:
            self._unreadable(digest, path, error)
        self._require(digest, found, path)
        touch(path)
        return path

    def get(self, digest: Digest) -> bytes:
        """Return the bytes of a blob, checked against its digest; raises BlobMissing."""
        path = self._path(digest)
        try:
            data = b"".join(disk.read_chunks(path, follow=False))
        except OSError as error:
            self._unreadable(digest, path, error)
        self._require(digest, digest_bytes(data), path)
        touch(path)
        return data

    def has(self, digest: Digest, size: Optional[int] = None) -> bool:
        """Tell whether a blob (of this size, if given) is here, without reading it."""
        found = self.size(digest)
        if found is not None and size is not None and found != size:
            self._tell(digest, f"it has {found} bytes instead of {size}", "the step that makes it will run again")
        return found is not None and (size is None or size == found)

    def copy_to(self, digest: Digest, path: str) -> None:
        """Write a blob to `path`: checked first, complete or not at all; raises BlobMissing."""
        source = self._path(digest)
        folder = os.path.dirname(path) or os.curdir
        disk.make_folder(folder)
        temporary = disk.temporary_path(folder)
        try:
            found, _ = copied(source, temporary, 0o666, follow=False)
            self._require(digest, found, source)
            touch(source)
            disk.replace(temporary, path)
        except OSError as error:
            disk.discard(temporary)
            if error.filename == source:
                self._unreadable(digest, source, error)
            raise disk.explain(error, "write", path) from error
        except BaseException:
            disk.discard(temporary)
            raise

    def size(self, digest: Digest) -> Optional[int]:
        """Return how many bytes a blob has, None if it is not here."""
        try:
            found = os.lstat(self._path(digest))
        except (OSError, BlobMissing):
            return None         # unreadable is as good as missing: the step runs again
        return found.st_size if stat.S_ISREG(found.st_mode) else None

    def remove(self, digest: Digest) -> bool:
        """Remove a blob and tell whether it was here."""
        return _is_digest(digest) and disk.remove(self._path(digest))

    def list(self) -> Iterator[Digest]:
        """Yield the digests of all blobs here, without reading them."""
        return (digest for digest, _ in blob_paths(self.folder))

    def _path(self, digest: Digest) -> str:
        # A digest may come from a lockfile that somebody else wrote: it must not lead elsewhere.
        if not _is_digest(digest):
            raise BlobMissing(digest)
        return f"{self.folder}{os.sep}{digest[:2]}{os.sep}{digest[2:]}"

    def _holds(self, digest: Digest, path: str, size: int) -> bool:
        try:
            found = os.lstat(path)
        except OSError:
            return False        # whatever it is, writing the blob tells it better
        if stat.S_ISREG(found.st_mode):
            touch(path)
            return found.st_size == size
        self._set_aside(digest, path, "it is not a regular file")
        return False

    def _written_at_once(self, path: str, data: disk.Bytes) -> bool:
        """Write a small blob under its name; tell whether that could be done: it is new, and all went well.

        That takes half as long as another name first. Should this process die between the two calls, too short a file
        is left: whoever wants to keep the blob sees its size, and whoever reads it its digest.
        """
        self._make(os.path.dirname(path))
        try:
            descriptor = disk.create(path, _BLOB_MODE)
        except OSError:             # it is there already; of anything else the longer way tells better
            return False
        try:
            _fill(descriptor, data, path)
        except BaseException as error:
            disk.discard(path)
            if isinstance(error, OSError):
                return False
            raise
        return True

    def _new_file(self, target: Optional[str]) -> str:
        self._make(self._temporary)
        if target is not None:
            self._make(os.path.dirname(target))
        return disk.temporary_path(self._temporary)

    def _make(self, folder: str) -> None:
        if folder not in self._made:
            disk.make_folder(folder)
            self._made.add(folder)

    def _publish(self, temporary: str, path: str) -> None:
        if disk.faults is not None:
            disk.faults("replace", path)
        try:
            os.replace(temporary, path)
        except FileNotFoundError:
            # Somebody cleaned the store while we ran: what we believed made is gone.
            disk.make_folder(os.path.dirname(path))
            os.replace(temporary, path)
        except PermissionError:
            if os.name != "nt" or not os.path.exists(path):
                raise
            os.chmod(path, stat.S_IWRITE)       # Windows refuses to replace a read-only file
            os.replace(temporary, path)

    def _require(self, digest: Digest, found: Digest, path: str) -> None:
        if found != digest:
            self._set_aside(digest, path, f"its bytes have the digest {found}")
            raise BlobMissing(digest)

    def _unreadable(self, digest: Digest, path: str, error: OSError) -> NoReturn:
        """Raise what a blob that can't be read means."""
        if error.errno in _DAMAGE:
            self._set_aside(digest, path, error.strerror or str(error))
            raise BlobMissing(digest) from error
        if error.errno == errno.ENOENT:
            raise BlobMissing(digest) from error
        raise disk.explain(error, "read", path) from error

    def _set_aside(self, digest: Digest, path: str, why: str) -> None:
        folder = os.path.join(self.folder, "corrupt")
        aside = os.path.join(folder, f"{digest}-{os.urandom(4).hex()}")
        hint = f"it was moved to {aside}; the step that makes it will run again"
        try:
            disk.make_folder(folder)
            disk.replace(path, aside)
        except EnvironmentFault as fault:
            # On a read-only disk it stays, is found out again at each read, and is used by nobody.
            hint = f"it stays where it is ({fault.message}); the step that makes it will run again"
        self._tell(digest, why, hint)

    def _tell(self, digest: Digest, why: str, hint: str) -> None:
        self.corrupt += 1
        if self._on_corrupt is not None:
            self._on_corrupt(Notice(f"blob {digest} is damaged: {why}", hint, subject=digest))


def _fill(descriptor: int, data: disk.Bytes, path: str) -> None:
    """Write all of `data` into a new file, and close it."""
    try:
        disk.write_all(descriptor, data, path)
    finally:
        os.close(descriptor)


def _is_digest(text: str) -> bool:
    return len(text) == 64 and text.isascii() and text.isalnum()
