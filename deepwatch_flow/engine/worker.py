"""What happens where a step is executed: call the function, encode, digest and store what it gave.

Only digests leave this module, save where the value stays in the same process. The user's errors
become a `Failure` with a traceback cut to the user's frames; nothing a step raises passes through.
"""
from __future__ import annotations

import contextlib
import functools
import os
import sys
import time
from typing import (
    Any,
    Callable,
    ContextManager,
    Dict,
    Iterable,
    Iterator,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Tuple,
)

from ..errors import DeepwatchError, EnvironmentFault
from ..hashing.digest import Hasher
from ..hashing.values import Undigestible, ValueHasher
from ..model import Artifact, ProductFile, base_of, part_name
from ..observation.leftovers import Codes
from ..observation.recorder import Recorder, unobserved
from ..observation.seen import EMPTY, Seen, merged
from ..state.codecs import Codecs
from ..state.lockgrammar import is_inside
from ..state.parts import CODEC, Keep, NotInParts, dump, output_of, taken_apart
from ..state.plain import is_immutable, plainness
from ..state.store import BlobStore
from .calling import awaited, forks_end_here
from .calls import Call, Failure, Outcome, failure_of
from .products import is_executable, product_files
from .seeding import seeded
from .signals import signals_kept


class Unreadable(Exception):
    """The arguments of a call can't be gathered; says why."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.error)
        self.failure = failure


class _NotKept(DeepwatchError):
    """A part of a value can't be stored: no error of the generator that is being read meanwhile."""


class Tools(NamedTuple):
    """What an execution works with."""

    store: BlobStore
    codecs: Codecs
    hasher: ValueHasher
    recorder: Optional[Recorder] = None
    #: makes the modules that a step imported be imported again by the next one
    forget: Callable[[Iterable[str]], None] = lambda _: None
    #: the own classes and functions in the values that were digested last
    held: Optional[Dict[Tuple[str, str], None]] = None
    codec: Optional[str] = None        #: the codec that was chosen for the step's value
    #: tells of what a step was seen to run what its fingerprint does not cover
    hidden: Callable[[str, Seen], Codes] = lambda _, __: frozenset()
    #: is given what a step raised, before it is told as its failure: the debugger. Nothing is observed any more
    failed: Callable[[str, BaseException], None] = lambda _, __: None
    #: holds others off while a value is stored, where several steps run in this process
    turn: ContextManager[Any] = contextlib.nullcontext()


def execute(function: Callable[..., Any], arguments: Callable[[], Mapping[str, Any]], call: Call,
            tools: Tools) -> Outcome:
    """Gather a step's arguments, call its function, and store what it returns and writes."""
    failure = _made_folders(call)
    if failure is not None:
        return Outcome(failure=failure)
    started = time.perf_counter()
    try:
        drawing = seeded(drawer_of(call), call.seed)
        with _observing(call, tools) as seen:
            given = arguments()
            started = time.perf_counter()
            with forks_end_here(), signals_kept(), drawing:
                value, artifact = _called(function, given, call, tools)
    except (KeyboardInterrupt, EnvironmentFault):
        raise  # the user's or the machine's, not the step's: it ends the run
    except Unreadable as error:
        return Outcome(failure=error.failure)
    except _NotKept as error:
        return Outcome(seconds=time.perf_counter() - started, failure=Failure(error.message, hint=error.hint))
    except BaseException as error:  # noqa: BLE001 - whatever the user's code raises is its failure, not ours
        seconds = time.perf_counter() - started
        return Outcome(seconds=seconds, failure=_failure(error, call, tools))
    seconds = time.perf_counter() - started
    alone = object()  # how many references a local name makes differs between versions of Python
    shared = sys.getrefcount(value) > sys.getrefcount(alone)
    found = seen() if _recorder_of(call, tools) is not None else None
    if found is not None and found.modules:
        _forget(found, call, tools)
        shared = True    # its classes may be of these modules: consumers get copies made of their own ones
    try:
        products = _products(call, tools.store)
        with tools.turn:
            if artifact is None:
                artifact, found = _stored_observed(value, call, tools, found)
            held = tuple(tools.held or ())
    except EnvironmentFault:
        raise  # a full disk is nobody's step: the run ends
    except DeepwatchError as error:
        return Outcome(seconds=seconds, failure=Failure(error.message, hint=error.hint))
    return Outcome(artifact, products, seconds, None, value, call.parts is None, shared, found, held)


def _failure(error: BaseException, call: Call, tools: Tools) -> Failure:
    if _interrupted(error):
        raise KeyboardInterrupt from error
    tools.failed(call.step, error)
    return failure_of(error)


def _interrupted(error: BaseException) -> bool:
    """Tell whether an error was raised while a Ctrl-C or another signal was on its way out of the step."""
    known = set()
    before: Optional[BaseException] = error
    while before is not None and id(before) not in known:
        if isinstance(before, KeyboardInterrupt):
            return True
        known.add(id(before))
        before = before.__context__
    return False


def _made_folders(call: Call) -> Optional[Failure]:
    """Make the folders of a step's products; return why that can't be done."""
    for _, path in call.products:
        try:
            os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        except OSError as error:
            return Failure(f"can't make the folder of its product `{path}`: {error.strerror}",
                           hint="check its permissions, and that no file has its name")
    return None


def _called(function: Callable[..., Any], given: Mapping[str, Any], call: Call, tools: Tools) -> Tuple[Any, Optional[Artifact]]:
    """Call a step's function; return its value, and where it is stored if that had to be done at once.

    What a generator does it does while it is read, so its elements are stored while the step is watched.
    """
    value = awaited(function(**given))
    reads = bool(call.apart) or (call.parts is not None and isinstance(value, Iterator))
    return value, _stored(value, call, tools) if reads else None


def _observing(call: Call, tools: Tools) -> ContextManager[Callable[[], Seen]]:
    """Return what observes a step, if it is to be observed."""
    recorder = _recorder_of(call, tools)
    return _unseen() if recorder is None else recorder.observing(functools.partial(tools.hidden, call.step))


def _stored_observed(value: Any, call: Call, tools: Tools, found: Optional[Seen]) -> Tuple[Artifact, Optional[Seen]]:
    """Store a step's value; what own code in it reads then counts with what was `found`."""
    if found is None or _is_plain(value):
        return _stored(value, call, tools), found
    with _storing(call, tools) as seen:
        artifact = _stored(value, call, tools)
    more = seen()
    _forget(more, call, tools)
    return artifact, merged([found, more]) if any(more) else found


def _forget(seen: Seen, call: Call, tools: Tools) -> None:
    """Have the modules that came into this process imported again by the next step."""
    recorder = _recorder_of(call, tools)
    if recorder is not None and seen.modules:
        tools.forget(recorder.here(seen.modules))


def _is_plain(value: Any) -> bool:
    """Tell whether a value has no code of its own that could run while it is stored."""
    return is_immutable(value) or plainness(value) is not None


def _storing(call: Call, tools: Tools) -> ContextManager[Callable[[], Seen]]:
    """Return what observes that a value of a step is stored by code that may be its own, if the step is observed."""
    recorder = _recorder_of(call, tools)
    return _unseen() if recorder is None else recorder.storing(functools.partial(tools.hidden, call.step))


def _recorder_of(call: Call, tools: Tools) -> Optional[Recorder]:
    """Return what observes a call, None for one that is not to be observed."""
    return tools.recorder if call.observe else None


@contextlib.contextmanager
def _unseen() -> Iterator[Callable[[], Seen]]:
    yield lambda: EMPTY


def drawer_of(call: Call) -> str:
    """Return who draws random numbers: a step by its name, an instance by its element, wherever that stands: nothing that its key has not."""
    family = base_of(call.step)
    if family == call.step:
        return family
    elements = [artifact.output for _, step, artifact in call.upstreams if step != base_of(step)]
    return part_name(family, ",".join([*call.given, *elements]))


def _stored(value: Any, call: Call, tools: Tools) -> Artifact:
    """Store a step's value, whole or in parts."""
    return _store(value, tools) if call.parts is None else _store_parts(value, call, tools)


def _store(value: Any, tools: Tools) -> Artifact:
    if tools.held is not None:
        tools.held.clear()
    kept = tools.codecs.keep(value, tools.store, tools.codec)
    try:
        output = tools.hasher.digest(value)
    except Undigestible:
        # it can be stored all the same: equal bytes, equal value
        output = Hasher("bytes/1").field("codec", kept.codec).field("blob", kept.blob).digest()
    return Artifact(output, kept.blob, kept.size, kept.codec)


def _store_parts(value: Any, call: Call, tools: Tools) -> Artifact:
    """Store a value in parts; what its elements hold is noted together."""
    held: Dict[Tuple[str, str], None] = {}

    def keep(element: Any) -> Artifact:
        try:
            # the step is being watched: what own code in an element does counts, and plain data runs none
            with unobserved() if _is_plain(element) else _storing(call, tools):
                artifact = _store(element, tools)
        except EnvironmentFault:
            raise
        except DeepwatchError as error:
            raise _NotKept(error.message, hint=error.hint) from error
        held.update(tools.held or {})
        return artifact

    def kept(told: str, whole: Any, labels: Tuple[str, ...], by_label: Mapping[str, Keep]) -> Artifact:
        try:
            manifest = taken_apart(whole, labels, keep, by_label)
        except NotInParts as error:
            raise _NotKept(f"`{told}` can't be taken apart: {error}", hint=error.hint) from error
        data = dump(*manifest)
        return Artifact(output_of(*manifest), tools.store.put(data), len(data), CODEC)

    def by_elements(name: str) -> Keep:
        return lambda output: kept(name, output, (), {})

    artifact = kept(call.step, value, call.parts or (), {label: by_elements(part_name(call.step, label)) for label in call.apart})
    if tools.held is not None:
        tools.held.update(held)
    return artifact


def _products(call: Call, store: BlobStore) -> Tuple[ProductFile, ...]:
    found: List[ProductFile] = []
    for parameter, path in call.products:
        files = product_files(path)
        if files is None:
            raise DeepwatchError(
                f"`{call.step}` did not write its product `{path}`",
                hint=f"write the file to the path that arrives in the parameter `{parameter}`")
        for each in files:
            name = each.replace(os.sep, "/")
            if not (_is_text(name) and is_inside(name)):
                raise DeepwatchError(f"`{call.step}` wrote the product {name!a}: the lockfile can't have that name",
                                     hint="it must be valid Unicode, without a backslash, and no drive such as `c:`")
            digest, size = store.put_file(each)
            found.append(ProductFile(name, digest, size, is_executable(each)))
    return tuple(found)


def _is_text(name: str) -> bool:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:      # bytes that are no UTF-8, as file systems allow them
        return False
    return True
