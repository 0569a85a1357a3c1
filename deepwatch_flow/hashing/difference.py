"""Where two values differ: the places, in the order of a walk that tells apart what digests tell apart.

Values are walked side by side over an explicit stack. What holds nothing is compared by its encoding,
containers part by part, arrays and tables by `tables`, objects by what their digests are made of, down
to the attribute. A pair that was met before is not walked again, so values may hold themselves.
"""
from __future__ import annotations

import collections
from typing import Any, Dict, Iterable, List, NamedTuple, Optional, Set, Tuple, Union

from .naming import NAMED, type_name
from .reduction import Undigestible, is_data, take_apart
from .tables import differing_tables
from .unlike import SHOWN, Both, Found, Unlike, became, one_sided, shown
from .values import ValueHasher

#: how many parts of a path are shown from its beginning and from its end
_ENDS = 6


class Difference(NamedTuple):
    """One place at which two values differ."""

    path: str                     #: from the value: ``['a'][3].name``; empty for the value itself
    what: str                     #: in words, with what stood there and what stands there now
    old: str                      #: short texts for people; empty where there is nothing
    new: str


class Place(NamedTuple):
    """A path, as its last part and the place above."""

    above: Optional[Place]      #: None for the value itself
    label: str

    def __str__(self) -> str:
        labels: List[str] = []
        place: Optional[Place] = self
        while place is not None:
            labels.append(place.label)
            place = place.above
        labels = [label for label in reversed(labels) if label]
        if len(labels) > 2 * _ENDS:
            labels[_ENDS:-_ENDS] = ["..."]
        return "".join(labels)


def differences(old: object, new: object, hasher: ValueHasher, limit: int = 10) -> List[Difference]:
    """Return the first places at which two values differ; none where they have equal digests."""
    return _Comparison(hasher).differences(old, new, limit)


class _Comparison:
    """One walk over two values."""

    def __init__(self, hasher: ValueHasher) -> None:
        self._hasher = hasher
        self._met: Set[Tuple[int, int]] = set()
        self._alive: List[object] = []        # what was made on the way: ids must not be reused

    def differences(self, old: object, new: object, limit: int) -> List[Difference]:
        found: List[Difference] = []
        top: Optional[Place] = None
        stack: List[Tuple[Optional[Place], Found]] = [(top, iter([Both("", old, new)]))]
        while stack and len(found) < limit:
            above, parts = stack[-1]
            try:
                part = next(parts, None)
            except Undigestible as error:
                part = Unlike(f"can't be looked into further: {error.why}")
            if part is None:
                stack.pop()
            elif isinstance(part, Unlike):
                found.append(_told(above, part))
            else:
                place = Place(above, part.label)
                leaf = self._leaf(part.old, part.new)
                if leaf is None:
                    stack.append((place, self._compared(part.old, part.new)))
                elif leaf:
                    found.append(_told(place, leaf))
        return found

    def _leaf(self, old: object, new: object) -> Union[Unlike, Tuple[()], None]:
        """Return how two values that hold nothing differ, nothing if they don't; None for other values."""
        leaf = self._hasher.leaves.get(type(old))
        if leaf is None or type(old) is not type(new):
            return None
        if leaf(old) == leaf(new):
            return ()
        if isinstance(old, str) and isinstance(new, str):
            return _texts(old, new)
        if isinstance(old, (bytes, bytearray, memoryview)) and isinstance(new, (bytes, bytearray, memoryview)):
            return _bytes(old, new)
        return became(old, new)

    def _compared(self, old: object, new: object) -> Found:
        if (id(old), id(new)) in self._met or old is new:
            return
        self._met.add((id(old), id(new)))
        self._alive += [old, new]
        kind = type(old)
        if kind is not type(new):
            yield Unlike(f"type {type_name(kind)} became {type_name(type(new))}", shown(old), shown(new))
        elif kind in (list, tuple, collections.deque):
            yield from _sequences(old, new)
        elif kind is dict:
            yield from self._dicts(old, new)
        elif kind in (set, frozenset):
            yield from self._sets(old, new)
        else:
            yield from self._objects(old, new)

    # -- containers -------------------------------------------------------------------------------

    def _dicts(self, old: Any, new: Any) -> Found:
        keys, others = self._by_encoding(old), self._by_encoding(new)
        yield from one_sided("key", keys, others)
        both = [each for each in keys if each in others]
        order = [each for each in others if each in keys]
        if both != order:     # the order of a dict is part of its value
            at = next(i for i, (was, now) in enumerate(zip(both, order)) if was != now)
            yield became(keys[both[at]], others[order[at]], f"keys stand in another order: from key {at} on, ")
        for each in both:
            yield Both(f"[{shown(keys[each])}]", old[keys[each]], new[others[each]])

    def _sets(self, old: Any, new: Any) -> Found:
        yield from one_sided("element", self._by_encoding(old), self._by_encoding(new))

    def _by_encoding(self, values: Iterable[object]) -> Dict[bytes, object]:
        return {self._hasher.order(value): value for value in values}

    # -- objects ----------------------------------------------------------------------------------

    def _objects(self, old: Any, new: Any) -> Found:
        kind = type(old)
        if issubclass(kind, NAMED):
            if self._hasher.encoding(old) != self._hasher.encoding(new):
                yield became(old, new)
            return
        tables = differing_tables(old, new)
        if tables is not None:
            yield from tables
            return
        for digester in self._hasher.digesters:
            mine, other = digester(old), digester(new)
            if mine is not None and other is not None:
                yield from _digested_parts(list(mine), list(other), old)
                return
        if self._hasher.reference is not None and not is_data(kind) and self._hasher.reference(old) != self._hasher.reference(new):
            yield Unlike(f"the code of its class {type_name(kind)} differs", shown(old), shown(new))
        yield from self._taken_apart(old, new)

    def _taken_apart(self, old: Any, new: Any) -> Found:
        fields = getattr(type(old), "_fields", ())
        if isinstance(old, tuple) and len(fields) == len(old) and not getattr(old, "__dict__", None):
            yield from (Both(f".{name}", was, is_) for name, was, is_ in zip(fields, old, new))
            return
        before, now = take_apart(old), take_apart(new)
        self._alive += [before.children, now.children]
        if before.unordered:
            yield from self._sets(before.children, now.children)
        elif before.header == now.header:
            for i, (was, is_) in enumerate(zip(before.children, now.children)):
                label = before.label(i)
                if not label and type(was) is type(is_) is dict and _are_attributes(was, is_, old):
                    yield from (Both(f".{name}", was[name], is_[name]) for name in was)
                else:
                    yield Both(label, was, is_)
        elif isinstance(getattr(old, "__dict__", None), dict) and vars(old).keys() != vars(new).keys():
            names = ({name.encode(): name for name in sorted(vars(each))} for each in (old, new))
            yield from one_sided("attribute", *names)
            for name in sorted(vars(old).keys() & vars(new).keys()):
                yield Both(f".{name}", vars(old)[name], vars(new)[name])
        else:
            yield became(old, new)
            for i in range(min(len(before.children), len(now.children))):
                if before.label(i) == now.label(i):
                    yield Both(before.label(i), before.children[i], now.children[i])


def _digested_parts(old: List[Any], new: List[Any], whole: object) -> Found:
    """Yield what a digester takes an object for; a dictionary of its attributes by their names."""
    if len(old) != len(new):
        yield from _sequences(old, new, " (part {})")
        return
    for i, (was, is_) in enumerate(zip(old, new)):
        if type(was) is type(is_) is dict and was.keys() == is_.keys() and was.keys() <= getattr(whole, "__dict__", {}).keys():
            yield from (Both(f".{name}", was[name], is_[name]) for name in was)
        else:
            yield Both(f" (part {i})", was, is_)


def _told(place: Optional[Place], found: Unlike) -> Difference:
    path = str(place if not found.label else Place(place, found.label)) if place is not None or found.label else ""
    return Difference(path, found.what, found.old, found.new)


# -- parts of the walk ----------------------------------------------------------------------------

def _are_attributes(was: Any, now: Any, owner: object) -> bool:
    """Tell whether what an object is made anew from are its attributes, of the same names."""
    return was.keys() == now.keys() and all(isinstance(name, str) for name in was) \
        and getattr(owner, "__dict__", {"": None}).keys() <= was.keys()


def _sequences(old: Any, new: Any, label: str = "[{}]") -> Found:
    if len(old) != len(new):
        yield Unlike(f"length {len(old)} became {len(new)}", str(len(old)), str(len(new)))
    for i, (was, now) in enumerate(zip(old, new)):
        yield Both(label.format(i), was, now)


def _texts(old: str, new: str) -> Unlike:
    """Return the first line, and the character in it, at which two texts differ."""
    before, now = old.splitlines(keepends=True), new.splitlines(keepends=True)
    line = next((i for i, (was, is_) in enumerate(zip(before, now)) if was != is_), min(len(before), len(now)))
    if max(len(before), len(now)) <= 1:
        return became(old, new)
    if line == len(before) or line == len(now):
        return Unlike(f"text of {len(before)} lines became one of {len(now)}, equal up to line {line}",
                      _line(before, line), _line(now, line))
    at = first_difference(before[line], now[line])
    return Unlike(f"line {line + 1}, character {at + 1}: {_around(before[line], at)} became {_around(now[line], at)}",
                  _line(before, line), _line(now, line))


def _line(lines: List[str], number: int) -> str:
    return shown(lines[number].rstrip("\n")) if number < len(lines) else ""


def _around(text: str, at: int) -> str:
    """Return a part of a line around a character."""
    begin = max(0, at - SHOWN // 4)
    return ("…" if begin else "") + shown(text[begin:begin + SHOWN // 2].rstrip("\n"))


def _bytes(old: Any, new: Any) -> Unlike:
    at = first_difference(old, new)
    length = "" if len(old) == len(new) else f"{len(old)} bytes became {len(new)}; "
    was, now = bytes(old[at:at + 8]).hex(" ") or "the end", bytes(new[at:at + 8]).hex(" ") or "the end"
    return Unlike(f"{length}byte {at}: {was} became {now}", was, now)


def first_difference(old: Any, new: Any) -> int:
    """Return the first index at which two texts or bytes differ: by halves, so that none is walked in Python."""
    low, high = 0, min(len(old), len(new))
    if old[:high] == new[:high]:
        return high
    while high - low > 1:
        middle = (low + high) // 2
        if old[low:middle] == new[low:middle]:
            low = middle
        else:
            high = middle
    return low
