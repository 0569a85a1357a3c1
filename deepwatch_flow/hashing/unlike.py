"""What a comparison of two values finds: things that differ, parts to compare further; short texts for both."""
from __future__ import annotations

from typing import Dict, Iterator, List, NamedTuple, Union

from .naming import type_name

#: how much of a value is shown
SHOWN = 80
#: how many elements of a container are shown
_FEW = 20


class Unlike(NamedTuple):
    """Something that differs and has no parts to look into."""

    what: str                     #: in words
    old: str = ""
    new: str = ""
    label: str = ""               #: the part of the path from what is compared to it


class Both(NamedTuple):
    """A part of two values: how it is reached, and what it is in each."""

    label: str
    old: object
    new: object


Found = Iterator[Union[Unlike, Both]]


def became(old: object, new: object, before: str = "", after: str = "", label: str = "") -> Unlike:
    """Return that one value became another, both shown; with words before and after."""
    was, now = shown(old), shown(new)
    return Unlike(f"{before}{was} became {now}{after}", was, now, label)


def one_sided(what: str, old: Dict[bytes, object], new: Dict[bytes, object]) -> Found:
    """Yield what stands on one side alone: keys, elements, attributes, by something that tells them apart."""
    gone = [shown(old[each]) for each in sorted(old.keys() - new.keys())]
    come = [shown(new[each]) for each in sorted(new.keys() - old.keys())]
    if gone:
        yield Unlike(f"{_counted(gone, what)} gone: {_few(gone)}", _few(gone), "")
    if come:
        yield Unlike(f"{_counted(come, what)} new: {_few(come)}", "", _few(come))


def _counted(names: List[str], what: str) -> str:
    return f"{len(names)} {what} is" if len(names) == 1 else f"{len(names)} {what}s are"


def _few(names: List[str]) -> str:
    return ", ".join(names[:3]) + (", …" if len(names) > 3 else "")


def shown(value: object) -> str:
    """Return a short text for a value; a user's repr may raise anything, and may be long."""
    if isinstance(value, (str, bytes)) and len(value) > SHOWN:
        return f"{value[:SHOWN - 3]!r}…"
    if isinstance(value, (list, tuple, dict, set, frozenset)) and not _is_small(value):
        return f"<{type(value).__name__} of {len(value)}>"
    try:
        # numpy 2 would show the type of each number
        text = str(value) if getattr(getattr(value, "dtype", None), "kind", "") in tuple("biufc") and not getattr(value, "shape", 1) else repr(value)
    except Exception as error:  # noqa: BLE001 - whatever it is, there is a difference to tell
        return f"<{type_name(type(value))} whose repr raises {type(error).__name__}>"
    text = " ".join(text.split())
    return text if len(text) <= SHOWN else text[:SHOWN - 1] + "…"


def _is_small(value: "Union[list[object], tuple[object, ...], dict[object, object], set[object], frozenset[object]]") -> bool:
    """Tell whether a container is short and holds no other: a repr of nested ones may never end."""
    plain = (str, bytes, int, float, complex, bool, type(None))
    inside = [*value, *value.values()] if isinstance(value, dict) else list(value) if len(value) <= _FEW else []
    return len(value) <= _FEW and all(isinstance(each, plain) for each in inside)
