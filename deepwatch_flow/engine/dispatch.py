"""What goes to workers elsewhere and comes back, and what an executor is told of it.

An engine carries orders to its workers, has `work` called there with them, and brings the answers. What
is in them is none of its business.
"""
from __future__ import annotations

from typing import Any, Callable, List, Mapping, NamedTuple, Optional, Protocol, Sequence, Tuple

from ..events import Notice
from ..model import Digest
from .calls import Call, Outcome


class Parcel(NamedTuple):
    """A declared input that is sent by its content."""

    path: str                      #: relative to the project, or absolute
    blob: Digest
    size: int
    executable: bool = False


class Order(NamedTuple):
    """A call for a worker elsewhere."""

    call: Call
    code: Digest                            #: the fingerprint that the step has for the driver
    posted: bool = False                    #: whether all that it needs was put where every worker can fetch it
    parcels: Tuple[Parcel, ...] = ()        #: its declared inputs, where it is posted


class View(NamedTuple):
    """What a worker saw of one path or variable, to be compared with what is here."""

    kind: str                      #: file | folder | absent | present | size | variable
    name: str                      #: a path of the driver's, or a variable
    seen: str


class Answer(NamedTuple):
    """What a worker elsewhere made of an order."""

    outcome: Optional[Outcome]              #: None: it was not executed
    worker: str                             #: host and process
    seconds: float = 0.0                    #: that the worker spent on it, all in all
    host: str = ""
    unposted: bool = False                  #: whether it has to be sent again, with what it needs
    blind: bool = False                     #: whether the worker does not see the driver's state: there is no shared file system
    code: Optional[Digest] = None           #: the worker's fingerprint of the step, where that is another one
    packages: Tuple[Tuple[str, str], ...] = ()        #: those that it counts, likewise
    travelled: Tuple[Tuple[Digest, int], ...] = ()    #: blobs that the worker has sent to the remote
    apart: bool = False                     #: whether the worker wrote products into another folder than the project's
    views: Tuple[View, ...] = ()
    text: bytes = b""                       #: what the step printed, the last of it where that is much


#: orders, executed by a worker: (name of the kit, a way to its bytes, the orders, seconds after which no more is begun)
Work = Callable[[str, Callable[[], bytes], Sequence[Order], float], List[Answer]]


class Dispatch(Protocol):
    """What an executor with workers elsewhere works with."""

    settings: Mapping[str, Any]             #: the settings' table of the engine's name
    totals: Mapping[str, float]             #: what there is of resources
    name: str                               #: of the kit
    kit: bytes                              #: what a worker needs to open the project
    work: Work                              #: found by name on the worker
    tell: Callable[[Notice], None]

    def order(self, call: Call) -> Order:
        """Return what is to be sent for a call."""

    def accept(self, order: Order, answer: Answer) -> Optional[Outcome]:
        """Return what came of an order, all that it made being at hand here; None: order the call again."""

    def resources(self, step: str) -> Mapping[str, float]:
        """Return what a step asks for."""

    def close(self) -> None:
        """Be told that no worker is at work any more."""
