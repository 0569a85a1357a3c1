"""Checks of single settings: what is wrong is told with its file, its key, and what was meant."""
from __future__ import annotations

from typing import Any, Dict, Iterable, List, Mapping, NamedTuple, NoReturn, Optional, Sequence, Tuple

from .errors import ConfigError

_TYPES = {bool: "a boolean", int: "an integer", float: "a float", str: "a string", list: "an array", dict: "a table"}


class Place(NamedTuple):
    """Where a value stands, for messages."""

    file: str
    key: str

    def below(self, key: str) -> Place:
        """Return the place of a key in the table here."""
        return Place(self.file, f"{self.key}.{key}" if self.key else key)


def table(value: Any, place: Place) -> Dict[str, Any]:
    """Return a value that must be a table."""
    if not isinstance(value, dict):
        wrong(place, "a table", value)
    return value


def string(value: Any, place: Place) -> str:
    """Return a value that must be a text, neither empty nor with control characters."""
    if not isinstance(value, str):
        wrong(place, "a string", value)
    if not value or not value.isprintable():
        raise ConfigError(f"{place.file}: `{place.key}` is empty or has control characters: {value!r}", hint="leave the setting out for its default")
    return value


def strings(value: Any, place: Place) -> Tuple[str, ...]:
    """Return a value that must be an array of texts."""
    if not isinstance(value, list):
        wrong(place, "an array of strings", value)
    return tuple(string(each, place) for each in value)


def one_of(value: Any, choices: Sequence[str], place: Place) -> str:
    """Return a text that must be one of some words."""
    word = string(value, place)
    if word not in choices:
        raise ConfigError(f"{place.file}: `{place.key}` must be one of {', '.join(choices)}, got {word!r}",
                          hint=meant(word, choices))
    return word


def no_others(table: Mapping[str, Any], known: Iterable[str], place: Place, hint: Optional[str] = None) -> None:
    """Refuse keys that are not among the known ones."""
    names = list(known)
    for key in table:
        if key not in names:
            where = place.below(key).key
            raise ConfigError(f"{place.file}: there is no setting `{where}`", hint=meant(key, names, hint))


def meant(given: str, names: Sequence[str], otherwise: Optional[str] = None) -> str:
    """Return the hint for a misspelt word."""
    import difflib  # only where something is wrong: it is not free

    close: List[str] = difflib.get_close_matches(given.lower().replace("_", "-"), names, 1)
    if close:
        return f"did you mean `{close[0]}`?"
    return otherwise or f"known here: {', '.join(names)}"


def wrong(place: Place, expected: str, value: Any) -> NoReturn:
    """Refuse a value of the wrong type."""
    got = _TYPES.get(type(value), f"a {type(value).__name__}")
    shown = "" if isinstance(value, (dict, list)) else f" ({value!r})"
    raise ConfigError(f"{place.file}: `{place.key}` must be {expected}, got {got}{shown}",
                      hint="deepwatch.toml.example shows every setting")


def count(value: Any, place: Place) -> int:
    """Return a number of what works at a time; raises ConfigError for anything but an integer of 1 or more."""
    if not isinstance(value, int) or isinstance(value, bool):
        wrong(place, "an integer", value)
    if value < 1:
        raise ConfigError(f"{place.file}: `{place.key}` must be 1 or more, got {value}", hint="1 runs one step after the other")
    return value
