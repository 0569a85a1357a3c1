"""Blobs at the remote: which are there, and how one comes and goes without ever being believed.

    objects/ab/cdef...

What is there is listed folder by folder, 256 at most, when first asked; a blob that comes is checked
against its digest before the local store has it under that name. A bad one is told once, with where
it lies, and counts as missing; a run that makes its bytes again puts good ones in its place.
"""
from __future__ import annotations

import re
import threading
from typing import BinaryIO, Callable, Dict, Iterable, Mapping, Optional, Set

from blake3 import blake3

from ..events import Notice
from ..hashing.digest import digest_bytes
from ..model import Digest
from ..state.store import BlobMissing, BlobStore
from .files import PIECE, Absent, Files
from .pool import each

FOLDER = "objects"
WORKERS = 16
#: seconds without anything, after which a remote is given up
STALL = 60.0
#: how many blobs that go in pieces are under way at a time: each holds some pieces in memory
_AT_ONCE = 2
#: after so many folders that were asked for one by one, all that may be asked for are listed together
_ONE_BY_ONE = 4
_DIGEST = re.compile(r"[0-9a-f]{64}")


class Damaged(Exception):
    """The bytes of a blob at the remote are not those that its name tells."""


class RemoteBlobs:
    """The blobs below a URL, as seen from one local store; several threads may use it."""

    def __init__(self, files: Files, local: BlobStore, tell: Callable[[Notice], None]) -> None:
        self.files = files
        self._local = local
        self._tell = tell
        self._sizes: Dict[str, Dict[Digest, int]] = {}       # by folder
        self._bad: Set[Digest] = set()
        self._lock = threading.Lock()
        #: blobs that may be asked for, found out when that is worth its while
        self.expected: Callable[[], Iterable[Digest]] = tuple
        #: those that others were said to have put there in this run
        self.learned: Set[Digest] = set()
        self._asked = 0
        self._large = threading.Semaphore(_AT_ONCE)

    def look(self, digests: Iterable[Digest]) -> None:
        """Ask for all these blobs at once whether they are there; raises Unreachable."""
        if not self.files.lists:
            return
        folders = {digest[:2] for digest in digests if _DIGEST.fullmatch(digest)} - set(self._sizes)
        if folders:
            self._list(folders.pop())           # the first question finds out whether there is an answer
        for _, found in each(sorted(folders), self._list, WORKERS, STALL):
            if isinstance(found, Exception):
                raise found

    def learn(self, sizes: Mapping[Digest, int]) -> None:
        """Take note that others have put blobs there meanwhile; -1 stands for an unknown size."""
        self.learned.update(sizes)
        for digest, size in sizes.items():
            if _DIGEST.fullmatch(digest):
                if self.files.lists and digest[:2] not in self._sizes:
                    continue                      # the folder is listed when it is asked for
                self._sizes.setdefault(digest[:2], {})[digest] = size

    def size(self, digest: Digest) -> Optional[int]:
        """Return the size of a blob at the remote (-1: unknown), None where there is none; raises Unreachable."""
        if not _DIGEST.fullmatch(digest) or digest in self._bad:
            return None
        folder = digest[:2]
        if not self.files.lists:
            known = self._sizes.setdefault(folder, {})
            if digest not in known:
                found = self.files.size(_name(digest))
                if found is None:
                    return None
                known[digest] = found
            return known[digest]
        if folder not in self._sizes:
            self._asked += 1
            if self._asked == _ONE_BY_ONE:
                self.look(self.expected())
            if folder not in self._sizes:
                self._list(folder)
        return self._sizes[folder].get(digest)

    def has(self, digest: Digest, size: Optional[int]) -> bool:
        """Tell whether a blob is there that may be the right one; one of another size is told and is none."""
        found = self.size(digest)
        if found is None:
            return False
        if size is not None and found not in (size, -1):
            self._damaged(digest, f"it has {found} bytes instead of {size}")
            return False
        return True

    def fetch(self, digest: Digest, size: Optional[int] = None) -> bool:
        """Bring a blob into the local store; False where it is not to be had. Raises Unreachable."""
        if not self.has(digest, size):
            return False
        known = self.size(digest)
        try:
            if known is not None and 0 <= known <= PIECE:
                self._local.put(_checked(digest, self.files.read(_name(digest), known)))
            else:
                with self._large:
                    self._local.put_stream(lambda stream: self._download(digest, size, stream))
        except Absent:
            self._damaged(digest, "it was listed and is gone")
            return False
        except Damaged as error:
            self._damaged(digest, str(error))
            return False
        return True

    def send(self, digest: Digest, size: int) -> bool:
        """Send a blob of the local store, unless it is there; tells whether it was sent.

        Raises Unreachable, and BlobMissing where the local one is lost or damaged.
        """
        if digest not in self._bad and self.size(digest) == size:
            return False
        if size <= PIECE:
            self.files.write(_name(digest), self._local.get(digest))
        else:
            with self._large, open(self._local.path(digest), "rb") as source:
                self.files.send(_name(digest), source, size)
        with self._lock:
            self._bad.discard(digest)
            self._sizes.setdefault(digest[:2], {})[digest] = size
        return True

    def fetch_many(self, sizes: Mapping[Digest, int]) -> Dict[Digest, bool]:
        """Bring several blobs, the small ones together; tells of each whether it came. Raises Unreachable."""
        together = {digest: size for digest, size in sizes.items()
                    if self.files.in_batches and 0 < size <= PIECE and self.has(digest, size)}
        found = {digest: self.fetch(digest, size) for digest, size in sizes.items() if digest not in together}
        data = self.files.read_many({_name(digest): size for digest, size in together.items()}) if together else {}
        for digest in together:
            came = data[_name(digest)]
            found[digest] = not isinstance(came, Absent)
            try:
                self._local.put(_checked(digest, came if isinstance(came, bytes) else b""))
            except Damaged as error:
                found[digest] = False
                self._damaged(digest, str(error) if isinstance(came, bytes) else "it was listed and is gone")
        return found

    def send_many(self, sizes: Mapping[Digest, int]) -> Dict[Digest, Optional[bool]]:
        """Send several blobs, the small ones together; tells of each whether it was sent, None for one lost here.

        Raises Unreachable.
        """
        found: Dict[Digest, Optional[bool]] = {}
        together: Dict[str, bytes] = {}
        for digest, size in sizes.items():
            try:
                if not self.files.in_batches or size > PIECE or (digest not in self._bad and self.size(digest) == size):
                    found[digest] = self.send(digest, size)
                else:
                    together[_name(digest)] = self._local.get(digest)
                    found[digest] = True
            except BlobMissing:
                found[digest] = None
        if together:
            self.files.write_many(together)
        return found

    def _list(self, folder: str) -> None:
        prefix = f"{FOLDER}/{folder}/"
        found: Dict[Digest, int] = {}
        for name, size in self.files.names(f"{FOLDER}/{folder}").items():
            digest = folder + name[len(prefix):]
            if name.startswith(prefix) and _DIGEST.fullmatch(digest):      # anything else that lies there is nobody's
                found[Digest(digest)] = size
        self._sizes[folder] = found

    def _download(self, digest: Digest, size: Optional[int], stream: BinaryIO) -> None:
        hasher, came = blake3(), 0
        for piece in self.files.pieces(_name(digest)):
            came += len(piece)
            if size is not None and came > size:
                raise Damaged(f"it has more than {size} bytes")
            hasher.update(piece)
            stream.write(piece)
        if hasher.hexdigest() != digest:
            raise Damaged("its bytes have another digest")

    def _damaged(self, digest: Digest, why: str) -> None:
        with self._lock:
            if digest in self._bad:
                return
            self._bad.add(digest)
        self._tell(Notice(f"blob {digest} at {self.files.shown}/{_name(digest)} is damaged: {why}",
                          "it is not used; the step that makes it runs where its value is needed"))


def _checked(digest: Digest, data: bytes) -> bytes:
    if digest_bytes(data) != digest:
        raise Damaged("its bytes have another digest")
    return data


def _name(digest: Digest) -> str:
    if not _DIGEST.fullmatch(digest):
        raise BlobMissing(digest)
    return f"{FOLDER}/{digest[:2]}/{digest[2:]}"
