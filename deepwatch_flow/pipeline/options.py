"""What ``@step(...)`` may say of how a step is executed and when it is reused.

Imports nothing, as all that a pipeline's import pays for. What an option means is told in
docs/steps.md; here it is checked, where the mistake was made.
"""
from __future__ import annotations

from ..amounts import amount

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, Mapping, Optional, Sequence, Tuple, TypedDict, Union

    class Options(TypedDict, total=False):
        """The options by name, as type checkers see them."""

        observe: bool
        invalidate: Optional[str]
        retries: int
        retry_delay: float
        timeout: Optional[float]
        resources: Mapping[str, Union[int, float, str]]
        codec: Optional[str]
        cache: bool
        cue: Optional[str]
        seed: Optional[int]
        outputs: Sequence[str]
        each: str

#: the options of a step that gives none
DEFAULTS: "Dict[str, Any]" = {
    "observe": True,          # whether its executions are observed
    "invalidate": None,       # "deep" | "precise" | None: as the settings say
    "retries": 0,             # how often a failed execution is repeated
    "retry_delay": 0.0,       # seconds before the first repetition; each further one waits twice as long
    "timeout": None,          # seconds after which an execution is ended and has failed
    "resources": {},          # name -> amount: a number, or a size such as "4GB"
    "codec": None,            # the name of the codec that is asked first to store its value; it changes no result
    "cache": True,            # False: its result is never reused
    "cue": None,              # "always": it runs each time | "never": any result that it ever gave will do
    "seed": None,             # an integer: random numbers are the same each time
    "outputs": (),            # labels of the parts of its value, each with a digest of its own
    "each": "product",        # "zip": pairs of what several `Each` go through, not all combinations
}


def options_of(given: "Mapping[str, Any]") -> "Dict[str, Any]":
    """Return all options of a step; raises TypeError where one is unknown or has no such value."""
    for name, value in given.items():
        if name not in DEFAULTS:
            raise TypeError(f"step() got an unexpected keyword argument {name!r}")
        fits, wanted = _RULES[name]
        if not fits(value):
            raise TypeError(f"@step({name}=...) takes {wanted}, not {value!r}")
    options = {**DEFAULTS, **given}
    options["outputs"] = tuple(options["outputs"])
    options["resources"] = {name: amount(value) for name, value in options["resources"].items()}
    return options


def _is_bool(value: "Any") -> bool:
    return value is True or value is False


def _is_count(value: "Any") -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_number(value: "Any") -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < 1e9


def _are_labels(value: "Any") -> bool:
    return isinstance(value, (list, tuple)) and bool(value) and len({*map(str, value)}) == len(value) \
        and all(isinstance(each, str) and each.strip() and not set("[]") & set(each) for each in value)


def _are_resources(value: "Any") -> bool:
    if not isinstance(value, dict):
        return False
    try:
        return all(isinstance(name, str) and amount(each) >= 0 for name, each in value.items())
    except ValueError:
        return False


_RULES: "Dict[str, Tuple[Callable[[Any], bool], str]]" = {
    "observe": (_is_bool, "True or False"),
    "invalidate": (lambda value: value in (None, "deep", "precise"), '"deep" or "precise"'),
    "retries": (_is_count, "a whole number, 0 or more"),
    "retry_delay": (_is_number, "seconds, 0 or more"),
    "timeout": (lambda value: value is None or (_is_number(value) and value > 0), "seconds, more than 0"),
    "resources": (_are_resources, 'names with amounts, as resources={"gpu": 1, "memory": "4GB"}'),
    "codec": (lambda value: value is None or isinstance(value, str), "the name of a codec"),
    "cache": (_is_bool, "True or False"),
    "cue": (lambda value: value in (None, "always", "never"), '"always" or "never"'),
    "each": (lambda value: value in ("product", "zip"), '"product" or "zip"'),
    "outputs": (_are_labels, 'several names, as outputs=["train", "test"]'),
    "seed": (lambda value: value is None or _is_count(value), "a whole number, 0 or more"),
}
