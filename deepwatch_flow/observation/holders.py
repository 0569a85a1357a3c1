"""What own modules hold from one step to the next: their globals, and what lies below those and can change in place.

A `Holders` is a picture of that, taken before the first step. Each look at it finds what has changed
since the last one: by identity, at the speed of C, whatever the values are. What compiled parts of
objects of packages hold (a frame's columns) is not looked into.
"""
from __future__ import annotations

import types
from itertools import repeat
from operator import is_
from types import CodeType
from typing import (
    Any,
    Callable,
    Dict,
    FrozenSet,
    Iterator,
    List,
    NamedTuple,
    Optional,
    Sequence,
    Set,
    Tuple,
    Union,
)

from .contents import Contents, Reader, is_cache, is_plain
from .fillers import Fillers

#: objects that are looked at; own modules of thousands of functions have some hundred that hold anything
_MOST = 20_000
#: a container of more items is looked at, but not what those hold: it is data, and large
_MANY = 1_000

#: a holder by its id, and the name of the attribute or global where it is one
Place = Tuple[int, Optional[str]]
#: how code gets at something: by a global, (file of its module, name), or by an attribute or a local name that is shared
Label = Union[str, Tuple[str, str]]


class Change(NamedTuple):
    """Something that is held and has changed."""

    place: Place
    labels: FrozenSet[Label]                #: by which code gets at it; it needs one of them
    cache: Any                              #: the `lru_cache` that was filled, if it is one: it counts its hits
    fillers: Optional[Tuple[int, ...]]      #: the code whose reads it can hold, by id; None: it may be any


class _Held:
    """One object that holds others, as it was at the last look and at the first."""

    __slots__ = ("above", "below", "contents", "first", "value")

    def __init__(self, value: Any, contents: Contents) -> None:
        self.value = value
        self.contents = self.first = contents
        self.below: List[int] = []
        self.above: List[Tuple[int, Optional[Label]]] = []    #: what holds it, and by which name


class Holders:
    """A picture of what own modules hold."""

    def __init__(self, is_own: Callable[[str], bool], modules: Sequence[Any]) -> None:
        self._reader = Reader(is_own, modules)
        self.fillers = Fillers()
        roots = [_Held(module, self._reader.contents(module)) for module in modules]
        self._roots = {id(root.value) for root in roots}
        self._every: Dict[int, _Held] = {id(root.value): root for root in roots}
        self._take(roots)

    def __contains__(self, place: Place) -> bool:
        return place[0] in self._every

    def is_empty(self) -> bool:
        """Tell whether nothing is held that code could change but by setting a global."""
        return len(self._every) == len(self._roots) and not self.fillers.codes

    def value(self, place: Place) -> Any:
        """Return the holder at a place."""
        return self._every[place[0]].value

    def changes(self, ran: Sequence[CodeType]) -> List[Change]:
        """Return what has changed since the last look, after this code ran."""
        found: List[Change] = []
        for held in list(self._every.values()):
            now = self._reader.contents(held.value)
            if not _same(held.contents, now):
                found += self._changes(held, now, ran)
                self._take_anew(held, now)
        return found

    def put_back(self, place: Place) -> bool:
        """Make a holder what it was at the first look; tell whether that can be done."""
        held = self._every[place[0]]
        if not _put_back(held.value, place[1], held.first):
            return False
        self._take_anew(held, self._reader.contents(held.value))
        return True

    # -- the picture --------------------------------------------------------------------------------

    def _take(self, waiting: List[_Held]) -> None:
        """Look at what lies below objects, and below that."""
        while waiting:
            held = waiting.pop()
            contents = held.contents
            if is_plain(contents.items) or (contents.names is None and len(contents.items) > _MANY):
                continue
            for label, item in zip(contents.names or repeat(None), contents.items):
                self._put(held, label or None, item, waiting)

    def _put(self, above: _Held, label: Optional[str], item: Any, waiting: List[_Held]) -> None:
        self.fillers.meets(item)
        if id(item) in self._roots or not self._reader.holds(item):
            return
        held = self._every.get(id(item))
        if held is None:
            if len(self._every) >= _MOST:
                return
            held = self._every[id(item)] = _Held(item, self._reader.contents(item))
            waiting.append(held)
        held.above.append((id(above.value), self._label(above, label)))
        above.below.append(id(item))

    def _label(self, above: _Held, name: Optional[str]) -> Optional[Label]:
        return (vars(above.value).get("__file__") or "", name) if name is not None and id(above.value) in self._roots else name

    def _take_anew(self, held: _Held, now: Contents) -> None:
        before = list(held.below)
        held.contents, held.below = now, []
        mine = [self._every[below] for below in before if below in self._every]
        for lower in mine:
            lower.above = [each for each in lower.above if each[0] != id(held.value)]
        self._take([held])
        for lower in mine:
            self._let_go(lower)

    def _let_go(self, held: _Held) -> None:
        """Forget an object that nothing holds any more, and what it alone held."""
        waiting = [held]
        while waiting:
            gone = waiting.pop()
            if gone.above or id(gone.value) in self._roots:
                continue
            self._every.pop(id(gone.value), None)
            for below in gone.below:
                lower = self._every.get(below)
                if lower is not None:
                    lower.above = [each for each in lower.above if each[0] != id(gone.value)]
                    waiting.append(lower)
            gone.below = []

    # -- a change -----------------------------------------------------------------------------------

    def _changes(self, held: _Held, now: Contents, ran: Sequence[CodeType]) -> Iterator[Change]:
        labels = self._labels(held)
        place = id(held.value)
        if is_cache(held.value):
            yield Change((place, None), labels, held.value, self.fillers.of_cache(held.value))
        elif now.names is None or held.contents.names is None or now.stamp != held.contents.stamp:
            yield Change((place, None), labels, None, None)
        else:
            before = dict(zip(held.contents.names, held.contents.items))
            after = dict(zip(now.names, now.items))
            for name in {*before, *after}:
                if before.get(name, before) is not after.get(name, before):
                    fillers = self.fillers.of_global(name, ran) if place in self._roots else self.fillers.of_attribute(held.value, name)
                    yield Change((place, name), labels | {self._label(held, name) or name}, None, fillers)

    def _labels(self, held: _Held) -> FrozenSet[Label]:
        found: Set[Label] = set()
        seen = {id(held.value)}
        waiting = [held]
        while waiting:
            for place, label in waiting.pop().above:
                if label is not None:
                    found.add(label)
                if place not in seen and place in self._every:
                    seen.add(place)
                    waiting.append(self._every[place])
        return frozenset(found)


def _same(before: Contents, now: Contents) -> bool:
    return before.stamp == now.stamp and before.names == now.names and len(before.items) == len(now.items) \
        and all(map(is_, before.items, now.items))


def _put_back(value: Any, name: Optional[str], first: Contents) -> bool:
    kind = type(value)
    if is_cache(value):
        value.cache_clear()
    elif name is not None and first.names is not None and (kind is types.ModuleType or type(getattr(value, "__dict__", None)) is dict):
        names: Dict[str, Any] = vars(value)
        if name in first.names:
            names[name] = first.items[first.names.index(name)]
        else:
            names.pop(name, None)
    elif kind is dict:
        half = len(first.items) // 2
        value.clear()
        value.update(zip(first.items[:half], first.items[half:]))
    elif kind in (list, set):
        value.clear()
        (value.extend if kind is list else value.update)(first.items)
    else:
        return False
    return True

