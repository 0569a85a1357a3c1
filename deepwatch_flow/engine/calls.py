"""What goes to where a step is executed, and what comes back: a call, its outcome, or why there is none."""
from __future__ import annotations

import os
from typing import Any, Iterable, Mapping, NamedTuple, Optional, Tuple

from ..errors import DeepwatchError
from ..events import Notice, Printed
from ..loading.failures import user_traceback
from ..model import Artifact, Digest, ProductFile, StepFacts, base_of
from ..observation.seen import Seen

_LIBRARY = os.path.dirname(os.__file__)
#: what runs an async step
_LOOPS = tuple(os.path.join(_LIBRARY, name, "") for name in ("asyncio", "concurrent"))
#: how many characters of an error are kept
_LONGEST_LINE, _LONGEST_TRACEBACK = 500, 10_000

_NOBODY_ANSWERS = ("`input()` has nobody to ask: a step in a worker process (`-j 2` or more, a timeout) has no terminal; "
                   "run it at a terminal with `-j 1`, or make the answer a param (`--set STEP.PARAM=VALUE`)")


class Call(NamedTuple):
    """One prepared, picklable execution of a step."""

    step: str
    upstreams: Tuple[Tuple[str, str, Artifact], ...]   #: (parameter, step, its artifact)
    products: Tuple[Tuple[str, str], ...]              #: (parameter, path)
    observe: bool = True                               #: whether to watch what the step runs and reads
    timeout: Optional[float] = None                    #: seconds after which it is ended
    seed: Optional[int] = None                         #: of the random numbers that it draws
    parts: Optional[Tuple[str, ...]] = None            #: how its value is stored: StepFacts.parts
    labels: Tuple[Tuple[str, str], ...] = ()           #: of an instance: StepFacts.labels
    apart: Tuple[str, ...] = ()                        #: outputs that are stored by their elements: StepFacts.apart
    files: Tuple[Tuple[str, str], ...] = ()            #: of an instance: (parameter, path) of what it reads: StepFacts.files
    given: Tuple[Digest, ...] = ()                     #: of an instance with a seed: its declared values, in the order of their parameters


def call_of(facts: StepFacts, given: Iterable[Tuple[str, str, Artifact]], options: Mapping[str, Any]) -> Call:
    """Return the call of a step or an instance, with what it gets of others and the options of its step."""
    return Call(facts.name, tuple(given), facts.products, options["observe"], options["timeout"], options["seed"], facts.parts, facts.labels,
                facts.apart, facts.files if base_of(facts.name) != facts.name else (), _declared(facts) if options["seed"] is not None else ())


def _declared(facts: StepFacts) -> Tuple[Digest, ...]:
    along = {parameter for parameter, _ in facts.labels}
    return tuple([param.digest for param in facts.params if param.name in along])


class Failure(NamedTuple):
    """Why an execution gave nothing."""

    error: str                          #: one line: type and message
    traceback: Optional[str] = None     #: the user's frames
    hint: Optional[str] = None
    lost: Optional[str] = None          #: the upstream step whose stored value turned out lost


class Outcome(NamedTuple):
    """What an execution gave."""

    artifact: Optional[Artifact] = None
    products: Tuple[ProductFile, ...] = ()
    seconds: float = 0.0
    failure: Optional[Failure] = None
    value: Any = None
    here: bool = False                  #: whether `value` is the step's value, in the same process
    shared: bool = True                 #: whether somebody else may hold it and change it
    seen: Optional[Seen] = None         #: what was observed of it
    held: Tuple[Tuple[str, str], ...] = ()     #: own classes and functions in its value: (module, qualified name)
    notices: Tuple[Notice, ...] = ()           #: what the store of a worker process had to tell
    printed: Optional[Printed] = None          #: what it printed, where that is captured


def failure_of(error: BaseException) -> Failure:
    """Return an exception as a failure, its traceback cut to the user's frames."""
    shown = user_traceback(error, _LOOPS)
    return Failure(_one_line(error), _cut(shown, _LONGEST_TRACEBACK) if shown is not None else None, _hint(error))


def _hint(error: BaseException) -> Optional[str]:
    """Return the cure of an error, where the error itself says what was wrong."""
    if isinstance(error, DeepwatchError):
        return error.hint
    if isinstance(error, EOFError) and error.args == ("EOF when reading a line",):     # of the builtin `input`
        return _NOBODY_ANSWERS
    return None


def _one_line(error: BaseException) -> str:
    try:
        text = str(error).strip()
    except Exception:  # noqa: BLE001 - a user's __str__ may raise anything; the type is told in any case
        text = ""
    name = type(error).__qualname__
    if isinstance(error, DeepwatchError):       # its hint is told below
        return _cut(error.message, _LONGEST_LINE)
    return _cut(f"{name}: {text.splitlines()[0]}", _LONGEST_LINE) if text else name


def _cut(text: str, most: int) -> str:
    """Leave out the middle of a text that is too long to be read: a message may hold a whole data set."""
    left_out = len(text) - most
    return text if left_out <= 0 else f"{text[:most // 2]} [… {left_out} characters …] {text[-(most // 2):]}"
