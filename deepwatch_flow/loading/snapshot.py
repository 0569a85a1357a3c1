"""The sources of one run: each file is read once, and these bytes are hashed, run and shown.

Neither an edit during the run nor a stale ``.pyc`` can come between digest and execution. Worker
processes get the same bytes by ``preload``. Which files are own is decided in ``origin``.
"""
from __future__ import annotations

import ast
import os
from importlib.util import decode_source
from types import CodeType
from typing import Callable, Dict, List, Mapping, Optional

from ..hashing.digest import digest_bytes
from ..model import Digest

#: what is done to a compiled module before it runs
Prepare = Callable[[CodeType], CodeType]


class Source:
    """The bytes of one file, with what is made of them on demand."""

    __slots__ = ("_code", "_digest", "_lines", "_plain", "_prepare", "_text", "data", "path")

    def __init__(self, path: str, data: bytes, prepare: Optional[Prepare] = None) -> None:
        self.path = path
        self.data = data
        self._prepare = prepare
        self._digest: Optional[Digest] = None
        self._text: Optional[str] = None
        self._lines: Optional[List[str]] = None
        self._code: Optional[CodeType] = None
        self._plain: Optional[CodeType] = None

    @property
    def digest(self) -> Digest:
        """The digest of the bytes."""
        if self._digest is None:
            self._digest = digest_bytes(self.data)
        return self._digest

    @property
    def text(self) -> str:
        """The text, decoded as Python does (PEP 263) with ``\\n`` for every line end."""
        if self._text is None:
            try:
                self._text = decode_source(self.data)
            except (SyntaxError, UnicodeDecodeError):
                # the compiler judges: it takes odd bytes in comments, and tells where others are
                self._text = self.data.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n")
        return self._text

    def lines(self) -> List[str]:
        """Return the lines as ``linecache`` wants them; only line ends count, not form feeds."""
        if self._lines is None:      # kept: each definition of a long module is cut out of them
            lines = [line + "\n" for line in self.text.split("\n")]
            self._lines = lines[:-1] if lines[-1] == "\n" else lines
        return self._lines

    def tree(self) -> ast.Module:
        """Return a freshly parsed syntax tree, some fifty times the size of the text; raises SyntaxError."""
        parsed = self._compile(ast.PyCF_ONLY_AST)
        assert isinstance(parsed, ast.Module)
        return parsed

    def code(self) -> CodeType:
        """Return the compiled module as it runs, prepared; raises SyntaxError."""
        if self._code is None:
            self._code = self._compiled() if self._prepare is None else self._prepare(self._compiled())
        return self._code

    def plain(self) -> CodeType:
        """Return the compiled module as the compiler makes it, which is what others run; raises SyntaxError."""
        if self._prepare is None:
            return self.code()
        if self._plain is None:
            self._plain = self._compiled()
        return self._plain

    def _compiled(self) -> CodeType:
        # From the bytes and not from the tree: turning a tree of Python objects back costs as much
        # as parsing, and fails on deep trees that the compiler itself can do.
        code = self._compile(0)
        assert isinstance(code, CodeType)
        return code

    def _compile(self, flags: int) -> object:
        try:
            return compile(self.data, self.path, "exec", flags, dont_inherit=True)
        except SyntaxError as error:
            if error.filename is None or error.filename == "<unknown>":
                error.filename = self.path  # an unknown encoding is told without the file
            raise
        except ValueError as error:  # null bytes, below Python 3.12
            raise SyntaxError(str(error), (self.path, 1, 0, "")) from None


class Snapshot:
    """All sources read so far, by absolute path; `prepare` makes of their compiled modules what runs."""

    def __init__(self, prepare: Optional[Prepare] = None) -> None:
        self.prepare = prepare
        self.sources: Dict[str, Source] = {}

    def read(self, path: str) -> Source:
        """Return the source of a file, reading it if this is the first time; raises OSError."""
        source = self.get(path)
        if source is None:
            path = os.path.abspath(path)
            with open(path, "rb") as stream:
                # setdefault: of two threads that import at once, both get the same bytes
                source = self.sources.setdefault(path, Source(path, stream.read(), self.prepare))
        return source

    def get(self, path: str) -> Optional[Source]:
        """Return the source of a file if it has been read."""
        return self.sources.get(path) or self.sources.get(os.path.abspath(path))

    def preload(self, files: Mapping[str, bytes]) -> None:
        """Take over sources that another process has read."""
        for path, data in files.items():
            self.sources[os.path.abspath(path)] = Source(os.path.abspath(path), data, self.prepare)

    def data(self) -> Dict[str, bytes]:
        """Return all bytes by path, which is what `preload` takes in a worker process."""
        return {path: source.data for path, source in self.sources.items()}
