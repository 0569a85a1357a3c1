"""The one seam between deepwatch and fsspec: names and bytes, errors that say what they mean.

fsspec is imported when a remote is first asked. Names are made by us from digests; those that a
listing brings are given to the callers as they are, who check them. What a URL holds of credentials
is in no message.
"""
from __future__ import annotations

import importlib
import os
import random
import re
import time
from functools import partial
from typing import Any, BinaryIO, Callable, Dict, Iterator, Mapping, Optional, TypeVar, Union

from ..errors import ConfigError, EnvironmentFault
from .pool import NoAnswer, within

Result = TypeVar("Result")

#: seconds: for the first answer, and for later ones that bring no more than `PIECE` bytes
FIRST, LATER = 5.0, 30.0
TRIES = 3
#: a larger file travels in pieces of this size
PIECE = 4 << 20
#: how many requests of a batch are under way at a time
_ABREAST = 32
_PART = 16 << 20
#: S3 takes no more parts than 10,000
_PARTS = 9_000
#: where a file that is written is seen before it is whole: it gets its name afterwards
_RENAMES = {"file", "local", "sftp", "ssh", "smb", "hdfs", "webdav"}
#: where folders can't be listed
_NO_LISTS = {"http", "https"}
#: where one request gives a whole file piece by piece; elsewhere each piece is asked for
_FLOWING = {"s3", "s3a"}
_INSTALL = {"s3": "s3fs", "s3a": "s3fs", "gs": "gcsfs", "gcs": "gcsfs", "az": "adlfs", "abfs": "adlfs", "ssh": "paramiko",
            "sftp": "paramiko", "http": "aiohttp", "https": "aiohttp"}


class Absent(Exception):
    """There is no such file at the remote."""


class Unreachable(EnvironmentFault):
    """The remote does not answer, or refuses."""


def _cause(error: FileNotFoundError) -> Optional[Exception]:
    """Return why nothing was found, if that is that nobody answered: for HTTP fsspec calls both a missing file."""
    cause = error.__cause__ or error.__context__
    return cause if isinstance(cause, OSError) and not isinstance(cause, FileNotFoundError) else None


def _only_absent(error: FileNotFoundError) -> None:
    """Raise the error on where it does not mean that there is no such file."""
    if _cause(error) is not None:
        raise error


class Files:
    """Files below a URL."""

    def __init__(self, url: str, first: float = FIRST) -> None:
        self._url = url
        self.shown = without_credentials(url)
        self.protocol = url.partition("://")[0].lower() if "://" in url else "file"
        #: whether the names in a folder can be had
        self.lists = self.protocol not in _NO_LISTS
        self._limit = first
        self._opened: Any = None
        self._root = ""
        #: bytes of large files that went to and fro so far
        self.moved = 0

    def is_missing(self) -> bool:
        """Tell whether the remote is a folder of this machine, and is not there."""
        self.open()
        return self.protocol in ("file", "local") and not os.path.isdir(self._root)

    def names(self, folder: str) -> Dict[str, int]:
        """Return the files below a folder with their sizes; none where there is no such folder."""
        def ask() -> Dict[str, int]:
            try:
                found = self._fs().find(self._at(folder), detail=True)
            except FileNotFoundError as error:
                _only_absent(error)
                return {}
            start = len(self._at(""))
            return {name[start:].replace(os.sep, "/").lstrip("/"): int(info.get("size") or 0) for name, info in found.items()}

        return self._single(ask)

    def size(self, name: str) -> Optional[int]:
        """Return the size of a file, None where there is none; -1 where nobody says it."""
        def ask() -> Optional[int]:
            try:
                size = self._fs().info(self._at(name)).get("size")
            except FileNotFoundError as error:
                _only_absent(error)
                return None
            return -1 if size is None else int(size)

        return self._single(ask)

    def read(self, name: str, size: int = -1) -> bytes:
        """Return a small file whole, no more than `size` bytes if that is known; raises Absent."""
        # s3fs asks for the size first where no range is given; of nothing there is no range
        limits = {"start": 0, "end": size} if size > 0 else {}
        return bytes(self._retried(lambda: self._fs().cat_file(self._at(name), **limits)))

    def read_many(self, sizes: Mapping[str, int]) -> Dict[str, Union[bytes, Absent]]:
        """Return small files, all asked for at once; their sizes must be known and not 0."""
        paths = [self._at(name) for name in sizes]
        found = self._retried(lambda: self._fs().cat_ranges(
            paths, [0] * len(paths), list(sizes.values()), on_error="return", batch_size=_ABREAST))
        answers: Dict[str, Union[bytes, Absent]] = {}
        for name, data in zip(sizes, found):
            try:
                answers[name] = bytes(data) if isinstance(data, (bytes, bytearray)) else self.read(name, sizes[name])
            except Absent as error:
                answers[name] = error
        return answers

    def pieces(self, name: str) -> Iterator[bytes]:
        """Yield a file piece by piece; raises Absent. A connection that is lost is taken up where it was."""
        stream, came = self._stream(name, 0), 0
        try:
            while True:
                try:
                    piece = stream.read(PIECE)
                except FileNotFoundError as error:
                    raise Absent(str(error)) from error
                except Exception:  # noqa: BLE001 - the second time it is told
                    stream.close()
                    stream = self._stream(name, came)
                    piece = self._retried(partial(stream.read, PIECE), 1)
                if not piece:
                    return
                came += len(piece)
                self.moved += len(piece)
                yield piece
        finally:
            stream.close()

    def _stream(self, name: str, start: int) -> Any:
        if start == 0 and self.protocol in _FLOWING:
            return _Flow(self._fs(), self._at(name))
        stream = self._retried(lambda: self._fs().open(self._at(name), "rb", block_size=PIECE, cache_type="none"))
        if start:
            self._retried(lambda: stream.seek(start), 1)
        return stream

    def write(self, name: str, data: bytes) -> None:
        """Write a small file, complete or not at all."""
        self._retried(lambda: self._written(name, lambda path: self._fs().pipe_file(path, data)), write=True)

    def write_many(self, data: Mapping[str, bytes]) -> None:
        """Write small files, all at once."""
        self._retried(lambda: self._fs().pipe({self._at(name): each for name, each in data.items()}, batch_size=_ABREAST), write=True)

    @property
    def in_batches(self) -> bool:
        """Whether many small files go faster together than by threads."""
        return self.protocol not in _RENAMES and self.lists and bool(getattr(self._fs(), "async_impl", False))

    def send(self, name: str, source: BinaryIO, size: int) -> None:
        """Write a large file from a stream, piece by piece, complete or not at all."""
        def send(path: str) -> None:
            source.seek(0)
            # `with` would keep what was sent before an error
            target = self._fs().open(path, "wb", block_size=max(_PART, size // _PARTS + 1))
            try:
                for piece in iter(lambda: source.read(_PART), b""):
                    target.write(piece)
                    self.moved += len(piece)
            except BaseException:
                discard = getattr(target, "discard", None)
                if discard is not None:
                    discard()
                target.closed = True
                raise
            target.close()

        self._retried(lambda: self._written(name, send), write=True)

    # ---------------------------------------------------------------------------------------------

    def _written(self, name: str, write: Callable[[str], None]) -> None:
        path, fs = self._at(name), self._fs()
        if self.protocol not in _RENAMES:
            write(path)
            return
        fs.makedirs(path.rpartition("/")[0], exist_ok=True)
        temporary = f"{path}.{os.urandom(6).hex()}.tmp"
        try:
            write(temporary)
            fs.mv(temporary, path)
        except BaseException:
            try:
                fs.rm_file(temporary)
            except Exception:  # noqa: BLE001, S110 - it never was, or the remote is gone; the first error is the one to tell
                pass
            raise

    def _single(self, call: Callable[[], Result]) -> Result:
        """Return the answer to one question, in time; raises Absent, Unreachable."""
        self.open()
        try:
            found = within(self._limit, lambda: self._retried(call))
        except NoAnswer as error:
            raise self._unreachable(str(error)) from None
        self._limit = max(self._limit, LATER)
        return found

    def _retried(self, call: Callable[[], Result], tries: int = TRIES, write: bool = False) -> Result:
        for attempt in range(tries):
            try:
                return call()
            except FileNotFoundError as error:
                cause = _cause(error)
                if cause is not None:
                    raise self._unreachable(self._told(cause)) from None
                if not write:       # of what is written it means that the bucket is missing
                    raise Absent(str(error)) from error
                raise self._unreachable(self._told(error)) from None
            except PermissionError as error:
                raise self._unreachable(self._told(error)) from None
            except (Unreachable, ConfigError):
                raise
            except Exception as error:  # noqa: BLE001 - each library has errors of its own
                if attempt + 1 == tries:
                    raise self._unreachable(self._told(error)) from None
                time.sleep(0.1 * 2 ** attempt * (1 + random.random()))  # noqa: S311 - so that not all come back at once
        raise AssertionError("unreachable")

    def _unreachable(self, why: str) -> Unreachable:
        return Unreachable(f"the remote {self.shown} can't be used: {why}",
                           hint="check the network, the URL in [store] remote and your credentials for it")

    def _told(self, error: Exception) -> str:
        text = str(error).strip().partition("\n")[0]
        for secret in _secrets(self._url):
            text = text.replace(secret, "***")
        return f"{type(error).__name__}: {text[:300]}" if text else type(error).__name__

    def _at(self, name: str) -> str:
        return f"{self._root}/{name}"

    def _fs(self) -> Any:
        return self.open()

    def open(self) -> Any:
        """Return fsspec's file system, opened at the first call; raises ConfigError where a library is missing."""
        if self._opened is None:
            try:
                fsspec: Any = importlib.import_module("fsspec")
            except ImportError:
                raise ConfigError(f"the remote {self.shown} needs fsspec, which is not installed",
                                  hint='python -m pip install "deepwatch-flow[remote]"') from None
            try:
                options = {"use_listings_cache": False, "skip_instance_cache": True}
                fs, root = within(self._limit, lambda: fsspec.core.url_to_fs(self._url, **options))
            except (ImportError, ValueError) as error:
                needed = _INSTALL.get(self.protocol)
                raise ConfigError(f"the remote {self.shown} can't be opened: {self._told(error)}",
                                  hint=f"python -m pip install {needed}" if needed else "see docs/remote.md for the URLs that work") from None
            except NoAnswer as error:
                raise self._unreachable(str(error)) from None
            except Exception as error:  # noqa: BLE001 - some file systems connect at once
                raise self._unreachable(self._told(error)) from None
            self._root = str(root).rstrip("/")
            self._opened = fs
        return self._opened


class _Flow:
    """A file that comes by one request, read from outside of fsspec's loop."""

    def __init__(self, fs: Any, path: str) -> None:
        self._fs = fs
        self._sync: Any = importlib.import_module("fsspec.asyn").sync
        self._inner = self._sync(fs.loop, fs.open_async, path, "rb")

    def read(self, size: int) -> bytes:
        """Return the next bytes, at most so many; none at the end."""
        return bytes(self._sync(self._fs.loop, self._inner.read, size, timeout=LATER))

    def close(self) -> None:
        """Give the connection back."""
        body = getattr(self._inner, "r", None)
        if body is not None:
            body.close()


def without_credentials(url: str) -> str:
    """Return a URL as it may be shown: neither user and password nor a query are in it."""
    scheme, separator, rest = url.partition("://")
    # a secret may hold any character, and need not be written as URLs want it: all up to the last @ is one
    return re.sub(r"[?#].*", "", scheme + separator + rest.rpartition("@")[2], flags=re.DOTALL)


def _secrets(url: str) -> Iterator[str]:
    found = re.search(r"://(.*)@", url, flags=re.DOTALL)
    if found:
        yield found.group(1)
        yield from (part for part in found.group(1).split(":", 1)[1:] if part)
    query = re.search(r"\?(.+)", url, flags=re.DOTALL)
    if query:
        yield query.group(1)
