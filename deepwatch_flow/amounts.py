"""Amounts as people write them: numbers, and sizes such as "4GB". Imports nothing."""
from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12,
          "KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40}


def amount(value: "Any") -> float:
    """Return an amount of a resource as a number, sizes in bytes; raises ValueError for what is none."""
    if isinstance(value, str):
        text = value.strip().upper()
        number = text.rstrip("BKMGTI ")
        unit = text[len(number):].strip()
        try:
            if unit in _UNITS and float(number) >= 0:
                return float(number) * _UNITS[unit]
        except ValueError:
            pass
    elif isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0:
        return float(value)
    raise ValueError(f"{value!r} is no amount: write a number, or a size such as \"4GB\" or \"512MiB\"")
