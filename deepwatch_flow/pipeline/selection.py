"""The small language in which steps are chosen: names, patterns, products, tags, what lies below, what does not count.

    model          the step, and what it needs        @slow      the steps with a tag
    model*         a pattern                          model+     the step and all that depends on it
    fit[de]        an instance; fit[u*]: several      !plot      not this one, though others name it
    out/a.csv      the step that writes a product     +model     as model: what it needs comes along in any case

What a chosen step needs is always chosen, too: ``!x`` takes `x` out of what was named, not out of what others need.
"""
from __future__ import annotations

import fnmatch
from typing import Callable, Dict, Iterable, List, Mapping, Protocol, Sequence, Tuple

from ..errors import ConfigError
from ..model import base_of
from .hints import nearest

_MOST = 12


class Chosen(Protocol):
    """What is to be known of a step."""

    @property
    def products(self) -> Mapping[str, str]:
        """Its products: parameter -> path."""

    @property
    def tags(self) -> Tuple[str, ...]:
        """Its tags."""

    @property
    def each(self) -> Mapping[str, object]:
        """What it goes through, for a family."""


#: gives the steps, or instances, that write a product
Writers = Callable[[str], Sequence[str]]


def chosen(words: Sequence[str], nodes: Mapping[str, Chosen], users: Callable[[str], Iterable[str]],
           writers: Writers = lambda _: ()) -> Tuple[str, ...]:
    """Return the steps that words name; `users` gives those that need a step directly. Raises ConfigError for one that fits nothing."""
    found: Dict[str, None] = {}
    without: List[str] = []
    for word in words:
        if word.startswith("!") and word not in nodes:
            without += _named(word[1:], nodes, users, writers)
        else:
            found.update(dict.fromkeys(_named(word, nodes, users, writers)))
    if without and len(without) >= len(words) and all(word.startswith("!") for word in words):
        found = dict.fromkeys(nodes)      # nothing was named but what does not count
    return tuple(name for name in found if name not in without)


def _named(word: str, nodes: Mapping[str, Chosen], users: Callable[[str], Iterable[str]], writers: Writers) -> List[str]:
    if word in nodes or _is_instance(word, nodes):
        return [word]
    if word.startswith("@"):
        return with_tag(word[1:], nodes)
    if len(word) > 1 and word.startswith("+"):
        return _named(word[1:], nodes, users, writers)
    if len(word) > 1 and word.endswith("+"):
        return _below(_named(word[:-1], nodes, users, writers), users)
    names = [name for name, node in nodes.items() if fnmatch.fnmatchcase(name, word) or word in node.products.values()] \
        or list(writers(word))
    if not names:
        raise ConfigError(f"there is no step `{word}`", hint=nearest(word, nodes) or f"the steps: {listed(nodes)}")
    return names


def with_tag(tag: str, nodes: Mapping[str, Chosen]) -> List[str]:
    """Return the steps that have a tag; raises ConfigError where none has it."""
    names = [name for name, node in nodes.items() if tag in node.tags]
    if not names:
        known = sorted({each for node in nodes.values() for each in node.tags})
        raise ConfigError(f"no step has the tag `{tag}`", hint=nearest(tag, known) or f"the tags: {listed(known) or 'none'}")
    return names


def _below(names: Iterable[str], users: Callable[[str], Iterable[str]]) -> List[str]:
    found: Dict[str, None] = {}
    waiting = list(names)
    while waiting:
        name = waiting.pop(0)
        if name not in found:
            found[name] = None
            waiting += users(base_of(name))
    return list(found)


def _is_instance(word: str, nodes: Mapping[str, Chosen]) -> bool:
    """Tell whether a word names an instance of a family; whether there is one, only a plan can tell."""
    family = nodes.get(base_of(word))
    return word.endswith("]") and family is not None and bool(family.each)


def listed(names: Iterable[str], most: int = _MOST) -> str:
    """Return names as a list for people, cut where it is long."""
    several = list(names)
    return ", ".join(several[:most]) + (f", and {len(several) - most} more" if len(several) > most else "")
