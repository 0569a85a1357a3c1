"""How a step's value reaches the steps that consume it.

A step may change its argument in place, so each consumer gets a copy made from the stored bytes.
No copy is paid where none is needed: an immutable value is shared, and the last consumer gets the
value itself, if no part of it can be reached by another way (`ownership` looks). What somebody else
holds too (a cache, a global) is never handed out.
"""
from __future__ import annotations

from typing import Any, Dict, Mapping, Set, Union

from ..model import Artifact, StepFacts
from ..observation.recorder import unobserved
from ..state.codecs import Codecs, is_immutable
from ..state.parts import CODEC, parse, put_together
from ..state.store import BlobStore
from .ownership import owns_all

#: by step: who consumes its value, one or several; a set for each one would be 200 bytes a step
Consumers = Dict[str, Union[str, Set[str]]]


def decoded(codecs: Codecs, store: BlobStore, artifact: Artifact) -> Any:
    """Return a stored value; where it is stored is nothing that a step reads, what decoding it runs is."""
    with unobserved():
        if artifact.codec == CODEC:
            manifest = parse(store.get(artifact.blob))
        else:
            value = codecs.opened(artifact.codec, store, artifact.blob)
    if artifact.codec == CODEC:
        return put_together(manifest, lambda part: decoded(codecs, store, part))
    return value()


def consumers_of(facts: Mapping[str, StepFacts]) -> Consumers:
    """Return by step, or part of a step's value, the steps that consume it, if any do."""
    consumers: Consumers = {}
    for name, each in facts.items():
        for _, step in each.upstreams:
            known = consumers.setdefault(step, name)
            if isinstance(known, set):
                known.add(name)
            elif known != name:
                consumers[step] = {known, name}
    return consumers


class Values:
    """Live values of finished steps, and the way to the stored ones."""

    def __init__(self, store: BlobStore, codecs: Codecs, consumers: Consumers) -> None:
        """`consumers` is taken over: who needs a value no more is taken out of it."""
        self._store = store
        self._codecs = codecs
        self._waiting = consumers
        self._live: Dict[str, Any] = {}
        self._shared: Set[str] = set()

    def keep(self, step: str, value: Any, shared: bool) -> None:
        """Keep a step's value for its consumers; `shared` tells that somebody else holds it too."""
        if not self._waiting.get(step):
            return
        if is_immutable(value):
            self._shared.add(step)
        elif shared or not owns_all(value):
            return  # somebody else could see it change: consumers get copies from the store
        self._live[step] = value

    def store(self, data: bytes, artifact: Artifact) -> None:
        """Store the bytes of an artifact that no execution made: the manifest of a family."""
        if not self._store.has(artifact.blob, artifact.size):
            self._store.put(data)

    def is_live(self, step: str) -> bool:
        """Whether a step's value is at hand without the store."""
        return step in self._shared

    def take(self, step: str, artifact: Artifact, consumer: str) -> Any:
        """Return a step's value for one consumer."""
        if step in self._shared:
            return self._live[step]
        if step in self._live and self._waiting[step] in (consumer, {consumer}):
            return self._live.pop(step)
        return decoded(self._codecs, self._store, artifact)

    def done(self, step: str, upstreams: Set[str]) -> None:
        """Note that a step needs its upstream values no more."""
        for upstream in upstreams:
            waiting = self._waiting.get(upstream)
            if isinstance(waiting, set):
                waiting.discard(step)
            if waiting == step or waiting == set():
                del self._waiting[upstream]
                self._live.pop(upstream, None)
                self._shared.discard(upstream)
