"""What a worker elsewhere does: open the project of a kit once, then execute orders.

It looks whether it shares the driver's file system. If it does, it works in the project's folder like a
worker process of the driver's. If not, the sources are written into a folder of its own, values and
products come from the remote and go there.
"""
from __future__ import annotations

import atexit
import os
import pickle
import shutil
import socket
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from typing import Callable, Dict, List, Optional, Sequence, Tuple

from .._version import __version__
from ..engine.arguments import paths_of
from ..engine.calls import Call, Failure, Outcome, failure_of
from ..engine.capture import Capture
from ..engine.dispatch import Answer, Order
from ..engine.worker import Tools
from ..errors import DeepwatchError, EnvironmentFault
from ..events import Notice
from ..model import Digest, base_of
from ..observation.seen import Seen
from ..project import Project
from ..state.logs import chunks
from ..state.store import BlobStore, LocalStore
from ..workers import execute_in, tools_of
from . import timed
from .borrowing import Borrowed
from .inputs import bring, differs
from .kit import FOUND, TOKENS, Kit, Places
from .views import views_of


class _Unusable(DeepwatchError):
    """This worker can't execute what the driver orders."""


#: how many bytes of what a step prints travel: the last ones
_MOST_PRINTED = 1 << 20
#: one process imports one project at a time, and changes its working directory
_ONE = threading.RLock()
_site: Optional[Site] = None


def perform(name: str, kit: Callable[[], bytes], orders: Sequence[Order], seconds: float) -> List[Answer]:
    """Execute orders of the run `name`; those are left that were not begun when so many seconds were over."""
    global _site
    with _ONE:
        until = time.monotonic() + seconds
        if _site is None or _site.name != name:
            leave()
            _site = Site(name)
            _site.open(kit())
        answers: List[Answer] = []
        for order in orders:
            if answers and time.monotonic() >= until:
                break
            answers.append(_site.answer(order))
        return answers


def leave() -> None:
    """Close the project that this process has open."""
    global _site
    if _site is not None:
        _site.close()
        _site = None


atexit.register(leave)


class Site:
    """A project, open in this process."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._host = socket.gethostname()
        self._who = f"{self._host}, process {os.getpid()}"
        self._failure: Optional[Failure] = None
        self._stack = ExitStack()
        self._notices: List[Notice] = []

    def open(self, data: bytes) -> None:
        """Open the project; what is wrong with it is told by each call that comes."""
        try:
            kit: Kit = pickle.loads(data)
            self._kit = kit
            self._check(kit)
            self._settle(kit)
            self._load()
        except DeepwatchError as error:
            self._failure = Failure(f"on the worker {self._who}, {error.message}", getattr(error, "traceback", None),
                                    error.hint or "the pipeline must load there as it does here")

    def close(self) -> None:
        """Leave nothing of it in this process."""
        self._stack.close()

    def answer(self, order: Order) -> Answer:
        """Execute one order."""
        started = time.perf_counter()
        if self._failure is not None:
            return Answer(Outcome(failure=self._failure), self._who, host=self._host)
        if self._apart and not order.posted:
            return Answer(None, self._who, host=self._host, unposted=True, blind=self._blind)
        try:
            answer = self._refusal(order) or self._executed(order)
        except DeepwatchError as error:    # a full disk, a remote that does not answer
            failure = Failure(f"on the worker {self._who}, {error.message}", hint=error.hint)
            answer = Answer(Outcome(failure=failure), self._who, host=self._host)
        return answer._replace(seconds=time.perf_counter() - started)

    # -- opening ----------------------------------------------------------------------------------

    def _check(self, kit: Kit) -> None:
        if kit.version != __version__:
            raise _Unusable(f"there is deepwatch {__version__}, and the driver has {kit.version}", hint="install the same version on the workers")
        if kit.python != sys.version_info[:2]:
            told = ".".join(map(str, kit.python)), ".".join(map(str, sys.version_info[:2]))
            raise _Unusable(f"there is Python {told[1]}, and the driver has {told[0]}",
                            hint="give the workers the driver's Python: what one pickles the other need not read")

    def _settle(self, kit: Kit) -> None:
        """Find out where the project and its state lie for this worker."""
        self._blind = not _reads(os.path.join(kit.folder, TOKENS, kit.name), kit.token)
        if self._blind and kit.remote is None:
            raise _Unusable(f"the project's state {kit.folder} is not to be seen: it shares no file system with the driver",
                            hint='set [store] remote = "s3://bucket/folder" (docs/clusters.md), or put the project on a shared file system')
        there = kit.config.root
        wished = (kit.checkout or there) if kit.code == FOUND else there
        self._apart = self._blind or not (os.path.isdir(there) and os.path.realpath(wished) == os.path.realpath(there))
        near = not self._blind and kit.scratch is not None and os.path.isdir(kit.scratch)
        scratch = self._scratch = tempfile.mkdtemp(prefix="deepwatch-site-", dir=kit.scratch if near else None)
        self._stack.callback(shutil.rmtree, scratch, ignore_errors=True)
        self._state = os.path.join(scratch, "state") if self._blind else kit.folder
        if not self._apart:
            self.places = Places([])
        elif kit.code == FOUND:
            if not os.path.isdir(wished):
                raise _Unusable(f"there is no folder {wished}, where the project's code should be found",
                                hint="put a checkout of the project there, or let the code be shipped")
            self.places = Places([(there, wished)])
        else:
            pairs = [(folder, os.path.join(scratch, f"path{number}")) for number, folder in enumerate(kit.path)]
            self.places = Places([*pairs, (there, os.path.join(scratch, "project"))])
            _lay_out(self.places, there, {**kit.sources, **kit.others})

    def _load(self) -> None:
        kit, places = self._kit, self.places
        root = places.here(kit.config.root)
        before = list(sys.path)
        self._stack.callback(sys.path.__setitem__, slice(None), before)
        more = [places.here(each) for each in kit.path]
        sys.path[:0] = [each for each in more if each not in sys.path and os.path.isdir(each)]
        self._config = kit.config._replace(root=root)
        self._sources: Dict[str, bytes] = {places.here(path): data for path, data in kit.sources.items()} if kit.code != FOUND else {}
        self._open_project()
        local: BlobStore = LocalStore(os.path.join(self._state, "objects"), self._notices.append) if self._blind \
            else self._project.store(self._state, self._notices.append)
        self._borrowed = Borrowed(local, kit.remote, self._notices.append) if self._blind and kit.remote is not None else None
        self._store: BlobStore = self._borrowed or local
        self._tools: Tools = tools_of(self._project, self._store)
        self._timed = timed.Timed(self._config, self._state, self._sources, self._scratch)
        self._stack.callback(self._timed.close)
        self._capture: Optional[Capture] = None
        if kit.captured:
            self._capture = Capture(os.path.join(self._scratch, "printed.log"), self._notices.append)
            self._stack.callback(self._capture.close)

    def _open_project(self) -> None:
        project = Project(self._config, self._sources, scratch=self._scratch)
        project.__enter__()
        self._project = project
        self._inner = ExitStack()
        self._inner.push(project.__exit__)
        self._stack.callback(self._inner.close)

    # -- executing --------------------------------------------------------------------------------

    def _refusal(self, order: Order) -> Optional[Answer]:
        """Refuse a step whose code is another one here than for the driver."""
        found = self._fingerprint(order.call)
        if found[0] != order.code:     # a step before this one may have changed what this one reads: look at it afresh
            self._inner.close()
            self._open_project()
            self._tools = tools_of(self._project, self._store)
            found = self._fingerprint(order.call)
        if found[0] == order.code:
            return None
        return Answer(None, self._who, host=self._host, code=found[0], packages=found[1])

    def _fingerprint(self, call: Call) -> Tuple[Digest, Tuple[Tuple[str, str], ...]]:
        node = self._project.graph.nodes.get(base_of(call.step))
        if node is None:
            return Digest("none"), ()
        # classes are digested as they are before the step runs: it may change what they hold
        fingerprint = self._project.analysis.fingerprint(node.step.function, params_apart=True)
        return fingerprint.digest, fingerprint.packages

    def _executed(self, order: Order) -> Answer:
        call, root = order.call, self._config.root
        os.chdir(root)    # a step before this one may have gone elsewhere
        if self._apart:
            made = self._project.graph.products
            wrong = [differs(each, root, self._kit.code == FOUND and each.path not in made.overlapping(each.path)) for each in order.parcels]
            failure = next((each for each in wrong if each is not None), None)
            if failure is not None:
                return Answer(Outcome(failure=failure), self._who, host=self._host)
            for each in order.parcels:
                bring(each, root, self._store)
        outcome = self._called(call) if self._capture is None else self._capture.around(self._called, call)
        text = _printed(outcome)
        told, self._notices[:] = tuple(self._notices), []
        outcome = outcome._replace(value=None, here=False, printed=None, notices=(*outcome.notices, *told))
        travelled = self._borrowed.send(outcome) if self._borrowed is not None else ()
        node = self._project.graph.nodes[base_of(call.step)]
        declared = [os.path.join(root, path) for path in paths_of(node, call).values()]
        views = views_of(outcome.seen, root, declared, self.places.there) if outcome.seen is not None else ()
        return Answer(_told(outcome, self.places), self._who, host=self._host, travelled=travelled, apart=self._apart, views=views,
                      text=text)

    def _called(self, call: Call) -> Outcome:
        if call.timeout is not None:
            if self._borrowed is not None:
                self._borrowed.fetch(artifact for _, _, artifact in call.upstreams)
            return self._timed.execute(call)
        try:
            return execute_in(self._project, self._tools, call, None)
        except KeyboardInterrupt as error:  # nobody presses Ctrl-C here: the step raised it
            return Outcome(failure=failure_of(error))


def _printed(outcome: Outcome) -> bytes:
    """Return the last of what a step has printed, and empty its file."""
    printed = outcome.printed
    if printed is None:
        return b""
    try:
        text = b"".join(chunks(printed._replace(start=max(printed.start, printed.end - _MOST_PRINTED))))
        os.truncate(printed.file, 0)
    except OSError:      # a step has removed it: nothing of it is left
        return b""
    return text


def _reads(path: str, token: str) -> bool:
    """Tell whether a file has this text."""
    try:
        with open(path, encoding="ascii") as file:
            return file.read() == token
    except (OSError, ValueError):
        return False


def _lay_out(places: Places, root: str, files: Dict[str, bytes]) -> None:
    """Write the driver's files to where they lie for this worker."""
    try:
        os.makedirs(places.here(root), exist_ok=True)
        for path, data in files.items():
            here = places.here(path)
            if here != path:
                os.makedirs(os.path.dirname(here), exist_ok=True)
                with open(here, "wb") as file:
                    file.write(data)
    except OSError as error:
        raise EnvironmentFault(f"the project's code can't be written: {error.strerror}", hint="check TMPDIR on the worker") from error


def _told(outcome: Outcome, places: Places) -> Outcome:
    """Return an outcome with the driver's paths."""
    failure, seen = outcome.failure, outcome.seen
    if failure is not None:
        failure = failure._replace(error=places.text(failure.error), traceback=places.text(failure.traceback) if failure.traceback else None)
    if seen is not None:
        there = places.there
        seen = Seen(**{**seen._asdict(), "codes": frozenset((there(file), line, name) for file, line, name in seen.codes),
                       "reads": {there(path): stamp for path, stamp in seen.reads.items()},
                       "listed": frozenset(map(there, seen.listed)), "absent": frozenset(map(there, seen.absent)),
                       "present": {there(path): kind for path, kind in seen.present.items()},
                       "sized": {there(path): size for path, size in seen.sized.items()},
                       "links": {there(path): text for path, text in seen.links.items()},
                       "written": frozenset(map(there, seen.written)),
                       "modules": frozenset((name, there(file)) for name, file in seen.modules)})
    return outcome._replace(failure=failure, seen=seen)
