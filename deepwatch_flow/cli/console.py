"""Where the output of a command goes: results to stdout, all else to stderr.

The commands decide what is said; this module decides on which stream, in which colour, and keeps
what user code prints out of the results.
"""
from __future__ import annotations

import contextlib
import os
import sys
from typing import Any, Iterable, Iterator, List, Mapping, Optional, TextIO

from ..errors import DeepwatchError, ExecutionError, PipelineError
from ..events import Event, Notice
from ..report.documents import Json, dumps
from ..report.explain import block
from ..report.terminal import Paint, notice_lines, traceback_lines, wants_color


class Console:
    """The streams of one command."""

    def __init__(self, environ: Mapping[str, str], *, verbosity: int = 0, json: bool = False) -> None:
        self.environ = environ
        self.verbosity = verbosity       # -1 quiet, 0, 1 verbose
        self.json = json
        self.printed = False             # whether the result is out
        self._out: Optional[TextIO] = sys.stdout
        #: for progress and messages; the shell may have started us without it
        self.err: TextIO = sys.stderr if sys.stderr is not None else open(os.devnull, "w")  # noqa: SIM115
        for stream in (self._out, self.err):
            _never_fail_to_encode(stream)
        self.paint = Paint(wants_color(self._out, environ))
        self.paint_err = Paint(wants_color(self.err, environ))

    @property
    def unicode(self) -> bool:
        """Whether the results may use line-drawing characters."""
        encoding = getattr(self._out, "encoding", None) or "utf-8"
        return encoding.lower().replace("-", "").startswith("utf")

    # -- results

    def result(self, *lines: str) -> None:
        """Print lines of the result."""
        self.printed = True
        if self._out is not None and lines:
            self._out.write("".join(f"{line}\n" for line in lines))
            self._out.flush()

    def raw(self, pieces: Iterable[bytes]) -> None:
        """Write bytes as a result, piece by piece; whatever they are, they come out as they are."""
        self.printed = True
        if self._out is None:
            return
        self._out.flush()
        buffer = getattr(self._out, "buffer", None)
        for piece in pieces:
            if buffer is not None:
                buffer.write(piece)
            else:
                self._out.write(piece.decode("utf-8", "backslashreplace"))
        self._out.flush()

    def document(self, document: Json) -> None:
        """Print the one document of a ``--json`` command."""
        self.result(dumps(document))

    @contextlib.contextmanager
    def results_apart(self) -> Iterator[None]:
        """Send to stderr what user code, C code and child processes write to stdout meanwhile."""
        kept, sys.stdout = sys.stdout, sys.stderr
        with contextlib.ExitStack() as stack:
            if kept is not None:
                with contextlib.suppress(ValueError):    # closed by whoever called us
                    kept.flush()
            with contextlib.suppress(OSError):           # a stream closed by the shell: nothing to turn aside
                saved = os.dup(1)
                stack.callback(_restore, saved)
                os.dup2(2, 1)
            try:
                yield
            finally:
                sys.stdout = kept

    # -- messages

    def say(self, text: str) -> None:
        """Tell something that is no result, unless --quiet."""
        if self.verbosity >= 0:
            self._tell([text])

    def emit(self, event: Event) -> None:
        """Tell the notices among events: what a command without a run makes of them."""
        if isinstance(event, Notice):
            self._tell(notice_lines(event, self.paint_err, self.verbosity))

    def error(self, error: DeepwatchError) -> None:
        """Tell an error: what happened, the user's own traceback, the cure."""
        lines: List[str] = [f"{self.paint_err('bad', 'error:')} {block(error.message)}"]
        if isinstance(error, (PipelineError, ExecutionError)):
            lines += traceback_lines(error.traceback, self.paint_err)
        if error.hint:
            lines.append(f"{self.paint_err('head', 'hint:')} {block(error.hint)}")
        self._tell(lines)

    def bug(self, lines: List[str]) -> None:
        """Tell that deepwatch itself failed."""
        self._tell(lines)

    def _tell(self, lines: List[str]) -> None:
        with contextlib.suppress(OSError):       # nobody reads stderr: the exit code must still be right
            self.err.write("".join(f"{line}\n" for line in lines))
            self.err.flush()

    def ask(self, question: str) -> Optional[bool]:
        """Ask yes or no; None where there is nobody to ask."""
        if self.json or sys.stdin is None or not sys.stdin.isatty():
            return None
        with contextlib.suppress(OSError):
            self.err.write(f"{question} [y/N] ")
            self.err.flush()
        return sys.stdin.readline().strip().lower() in ("y", "yes")


def _restore(saved: int) -> None:
    os.dup2(saved, 1)
    os.close(saved)


def _never_fail_to_encode(stream: Any) -> None:
    """A name outside the terminal's encoding is shown escaped rather than ending the command."""
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None and getattr(stream, "errors", None) == "strict":
        reconfigure(errors="backslashreplace")
