"""Places below the project's root inside stored values: kept by what follows the root.

A digest tells such a text or path relative to the root, so a result that holds ``ROOT / "data"`` is
the same in every checkout; its bytes have to follow, or a project that was moved would be given the
paths of its old place. Where a place is only part of a longer text it stays as it is.
"""
from __future__ import annotations

import os
import pathlib
import pickle
from typing import Any, Optional, Set, Tuple

_TEXT, _PATH = "text", "path"
#: more than the bytes of any frame of a pickle, which the pickler hands on as a view
_FRAME = 1 << 20


class Places:
    """Tells places below an absolute root from other values, and finds them again below another root."""

    def __init__(self, root: str) -> None:
        self._root = root.rstrip("/" + os.sep)
        self._posix = self._root.replace(os.sep, "/")
        self._needles = {each.encode("utf-8", "surrogatepass")
                         for each in (self._root, self._posix, self._root.replace("\\", "\\\\"))}

    def may_be_in(self, data: bytes) -> bool:
        """Tell whether a place can be in the value of these bytes; a quick look."""
        return bool(self._root) and any(needle in data for needle in self._needles)

    def watch(self, file: Any) -> Watch:
        """Return a file that passes on to `file` what is written, and looks whether a place can be in it."""
        return Watch(file, self._needles if self._root else set())

    def token(self, value: object) -> Optional[Tuple[str, str]]:
        """Return what stands for a text or path below the root, None for anything else."""
        if type(value) is str:
            return self._below(_TEXT, value, self._root)
        if type(value) in (pathlib.PosixPath, pathlib.WindowsPath):
            return self._below(_PATH, value.as_posix(), self._posix)  # type: ignore[attr-defined]
        return None

    def _below(self, kind: str, text: str, root: str) -> Optional[Tuple[str, str]]:
        if not text.startswith(root) or text[len(root):len(root) + 1] not in ("", "/", os.sep):
            return None
        return kind, "." + text[len(root):].replace(os.sep, "/")  # the dot: so it is no place itself

    def value(self, token: Tuple[str, str]) -> object:
        """Return what a token stands for, below this root."""
        kind, rest = token
        text = self._root + rest[1:].replace("/", os.sep)
        return text if kind == _TEXT else pathlib.Path(text)

    def load(self, file: Any) -> object:
        """Return the value of a pickle, read from a file, in which tokens stand for places."""
        return _Unpickler(file, self).load()


class Watch:
    """A file that is written to, and searched on the way."""

    def __init__(self, file: Any, needles: Set[bytes]) -> None:
        self._file = file
        self._needles = needles
        self._longest = max(map(len, needles), default=1)
        self._end = b""
        #: whether a place may be in what was written
        self.found = False

    def write(self, data: Any) -> int:
        """Pass bytes on; those of arrays and other large buffers are no text, and are not searched."""
        if self._needles and not self.found and (isinstance(data, bytes) or len(data) < _FRAME):
            text = bytes(data)
            joined = self._end + text[:self._longest]
            self.found = any(needle in text or needle in joined for needle in self._needles)
            self._end = (self._end + text[-self._longest:])[-self._longest:]
        return int(self._file.write(data))


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: Any, places: Places) -> None:
        super().__init__(file)
        self._places = places

    def persistent_load(self, pid: Any) -> object:
        """Return the place that a token stands for."""
        return self._places.value(pid)
