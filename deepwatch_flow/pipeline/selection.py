"""The small language in which steps are chosen: names, patterns, products, tags, what lies below, what does not count.

    model          the step, and what it needs        @slow      the steps with a tag
    model*         a pattern                          model+     the step and all that depends on it
    fit[de]        an instance; fit[u*]: several      !plot      not this one, though others name it
    split.train    the step with this output
    out/a.csv      the step that writes a product     +model     as model: what it needs comes along in any case
    ./a.csv, /p/out/a.csv: the same, from where the command was started

What a chosen step needs is always chosen, too: ``!x`` takes `x` out of what was named, not out of what others need.
"""
from __future__ import annotations

import fnmatch
import os
from typing import Callable, Dict, Iterable, List, Mapping, NamedTuple, Optional, Protocol, Sequence, Tuple

from ..errors import ConfigError
from ..model import base_of, part_name
from .hints import nearest

_MOST = 12


class Place(NamedTuple):
    """Where paths among the words begin: the project's folder, and for ``./a`` the one that the command was started in."""

    root: str = ""
    here: str = ""


#: of a graph that lies in no folder: a path is what it looks like
NOWHERE = Place()


class Chosen(Protocol):
    """What is to be known of a step."""

    @property
    def products(self) -> Mapping[str, str]:
        """Its products: parameter -> path."""

    @property
    def files(self) -> Mapping[str, str]:
        """Its declared inputs: parameter -> path."""

    @property
    def tags(self) -> Tuple[str, ...]:
        """Its tags."""

    @property
    def each(self) -> Mapping[str, object]:
        """What it goes through, for a family."""

    @property
    def outputs(self) -> Tuple[str, ...]:
        """The labels of its declared outputs."""


#: gives the steps, or instances, that write a product
Writers = Callable[[str], Sequence[str]]


def chosen(words: Sequence[str], nodes: Mapping[str, Chosen], users: Callable[[str], Iterable[str]], place: Place = NOWHERE,
           writers: Writers = lambda _: ()) -> Tuple[str, ...]:
    """Return the steps that words name; `users` gives those that need a step directly. Raises ConfigError for one that fits nothing."""
    found: Dict[str, None] = {}
    without: List[str] = []
    for word in words:
        if word.startswith("!") and word not in nodes:
            without += _named(word[1:], nodes, users, place, writers)
        else:
            found.update(dict.fromkeys(_named(word, nodes, users, place, writers)))
    if without and len(without) >= len(words) and all(word.startswith("!") for word in words):
        found = dict.fromkeys(nodes)      # nothing was named but what does not count
    return tuple(name for name in found if name not in without)


def _named(word: str, nodes: Mapping[str, Chosen], users: Callable[[str], Iterable[str]], place: Place, writers: Writers) -> List[str]:
    if word in nodes or _is_instance(word, nodes):
        return [word]
    made = output_of(word, nodes)
    if made is not None:
        return [base_of(made)]
    if word.startswith("@"):
        return with_tag(word[1:], nodes)
    if len(word) > 1 and word.startswith("+"):
        return _named(word[1:], nodes, users, place, writers)
    if len(word) > 1 and word.endswith("+"):
        return _below(_named(word[:-1], nodes, users, place, writers), users)
    names = [name for name, node in nodes.items() if fnmatch.fnmatchcase(name, word) or word in node.products.values()]
    path = _path(word, place) if not names else ""
    names = names or [name for name, node in nodes.items() if any(_is_in(path, each) for each in node.products.values())] or list(writers(path))
    if not names:
        step, label = _split(word)
        outputs = nodes[step].outputs if step in nodes else ()
        if outputs:
            raise ConfigError(f"`{step}` has no output `{label}`", hint=nearest(label, outputs) or f"its outputs: {listed(outputs)}")
        raise ConfigError(f"there is no step `{word}`", hint=_instead(word, path, nodes))
    return names


def _path(word: str, place: Place) -> str:
    """Return a word as a path below the root, as products are named; a path from here, ``./a`` or a whole one, is turned into that."""
    if not (os.path.isabs(word) or word.replace(os.sep, "/").partition("/")[0] in (os.curdir, os.pardir)):
        return os.path.normpath(word).replace(os.sep, "/")
    for resolved in (os.path.abspath, os.path.realpath):
        full, base = resolved(os.path.join(place.here, word)), os.path.join(resolved(place.root), "")
        if place.root and full.startswith(base):
            return full[len(base):].replace(os.sep, "/")
    return word


def _is_in(path: str, product: str) -> bool:
    return path == product or path.startswith(product + "/")


def _instead(word: str, path: str, nodes: Mapping[str, Chosen]) -> str:
    """Return what may have been meant by a word that fits nothing."""
    readers = [name for name, node in nodes.items() if path in node.files.values()]
    if readers:
        return f"`{path}` is an input of {listed(readers)}, and no step writes it"
    products = [each for node in nodes.values() for each in node.products.values()]
    return nearest(word, nodes) or nearest(path, products) or f"the steps: {listed(nodes)}"


def output_of(word: str, nodes: Mapping[str, Chosen]) -> Optional[str]:
    """Return the name of the declared output that a word means as ``STEP.LABEL`` or ``STEP[LABEL]``; None where it means none."""
    step, label = _split(word)
    return part_name(step, label) if word not in nodes and step in nodes and label in nodes[step].outputs else None


def _split(word: str) -> Tuple[str, str]:
    """Return the step and the label of a word, as if it named an output."""
    step, _, label = word[:-1].partition("[") if word.endswith("]") else word.rpartition(".")
    return step, label


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
