"""What live objects tell of themselves: what a function holds, what a name leads to."""
from __future__ import annotations

import sys
from types import FunctionType
from typing import Any, List, Tuple


def inside(function: FunctionType) -> List[Tuple[str, Any]]:
    """Return what a function holds: what it dispatches to by type, else what it wraps and captures."""
    registry = getattr(function, "registry", None)
    if registry is not None and hasattr(registry, "items"):
        pairs = sorted(registry.items(), key=_by_name)
        held = [(f"for {'.'.join(_by_name(pair))}", pair[1]) for pair in pairs]
        return held + [("type", kind) for kind, _ in pairs if isinstance(kind, type)]
    values = [getattr(function, "__wrapped__", None), *(function.__defaults__ or ())]
    values += [cell.cell_contents for cell in function.__closure__ or () if is_full(cell)]
    return [("around", value) for value in {id(value): value for value in values}.values()]


def is_found(cls: type) -> bool:
    """Whether a class is where it says: `make_dataclass` and its like give the module that made it."""
    if cls.__module__ not in sys.modules or by_its_name(cls) is not None:
        return True
    # private classes of compiled modules are nowhere to be found, either
    return not isinstance(vars(cls).get("__annotations__"), dict) and not hasattr(cls, "__dataclass_fields__")


def by_its_name(obj: Any) -> Any:
    """Return what stands under the qualified name of an object, None where there is nothing."""
    found: Any = sys.modules.get(str(getattr(obj, "__module__", None)))
    for part in str(getattr(obj, "__qualname__", "?")).split("."):
        found = getattr(found, part, None)
    return found


def is_full(cell: Any) -> bool:
    """Whether a closure's cell is bound."""
    try:
        return cell.cell_contents is not cell
    except ValueError:  # not bound yet
        return False


def slot(obj: Any, attribute: str) -> Any:
    """Return an attribute that an object's type may hide."""
    # `lru_cache` keeps `__wrapped__` in the object's dictionary, which some types hide
    try:
        return object.__getattribute__(obj, attribute)
    except (AttributeError, TypeError):
        return None


def _by_name(pair: Tuple[Any, Any]) -> Tuple[str, str]:
    return (getattr(pair[0], "__module__", ""), getattr(pair[0], "__qualname__", ""))
