"""Amounts as people write them: numbers, and sizes such as "4GB". Imports nothing."""
from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "KI": 2**10, "MI": 2**20, "GI": 2**30, "TI": 2**40}
#: digits before and after the point
_WHOLE, _PART = 15, 6


def amount(value: "Any") -> float:
    """Return an amount of a resource as a number, sizes in bytes; raises ValueError for what is none."""
    if isinstance(value, str):
        text = value.strip().upper()
        text = text[:-1] if text.endswith("B") else text
        number = text.rstrip("KMGTI ")
        unit = text[len(number):].strip()
        whole, point, part = number.partition(".")
        if unit in _UNITS and _is_digits(whole, _WHOLE) and (not point or _is_digits(part, _PART)):
            return float(number) * _UNITS[unit]
    elif isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0:
        return float(value)
    raise ValueError(f"{value!r} is no amount: write a number, or a size such as \"4GB\" or \"512MiB\"")


def _is_digits(text: str, most: int) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= most
