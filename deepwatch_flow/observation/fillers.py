"""Functions that fill what is kept: what they keep was read while they ran, or it came with their arguments.

What `lru_cache` keeps is told by the arguments, which who asks for it gives anew; a `cached_property` has but its
object; a function without parameters that sets a global has none. So what they leave is made of what was read in
them and of nothing else that the step read.
"""
from __future__ import annotations

import dis
import functools
import types
from types import CodeType
from typing import Any, Dict, FrozenSet, Iterable, Optional, Set, Tuple

from .contents import is_cache

_STORES = frozenset({"STORE_GLOBAL", "STORE_NAME", "STORE_ATTR", "DELETE_GLOBAL", "DELETE_NAME", "DELETE_ATTR"})
#: names of what can set any name
_ANYTHING = frozenset({"setattr", "delattr", "globals", "vars", "__dict__", "exec", "eval", "__setattr__"})
_VARIABLE = 0x4 | 0x8       # flags of code: *args, **kwargs


class Fillers:
    """The functions of own modules that fill what is kept, by the ids of their code."""

    def __init__(self) -> None:
        self.codes: Dict[int, CodeType] = {}
        self._without: Dict[int, CodeType] = {}     #: of these, those without parameters
        self._stores: Dict[int, Tuple[CodeType, FrozenSet[str]]] = {}

    def meets(self, value: Any) -> None:
        """Take notice of a value in a module or a class."""
        if is_cache(value):
            self._add(value.__wrapped__)
        elif type(value) is functools.cached_property:
            self._add(value.func)
        elif type(value) is types.FunctionType:
            code = value.__code__
            if not (code.co_argcount or code.co_kwonlyargcount or code.co_flags & _VARIABLE or code.co_freevars) and self.stores(code):
                self._without[id(code)] = self.codes[id(code)] = code

    def _add(self, function: Any) -> None:
        if type(function) is types.FunctionType:
            self.codes[id(function.__code__)] = function.__code__

    def stores(self, code: CodeType) -> FrozenSet[str]:
        """Return the names of globals and attributes that code sets."""
        known = self._stores.get(id(code))
        if known is None:
            found = [str(each.argval) for each in dis.get_instructions(code) if each.opname in _STORES] if code.co_names else []
            known = self._stores[id(code)] = (code, frozenset(found))
        return known[1]

    # -- whose reads something can hold ---------------------------------------------------------------

    def of_cache(self, cache: Any) -> Optional[Tuple[int, ...]]:
        """Return the code whose reads a cache can hold; None where it may be any."""
        code = getattr(cache.__wrapped__, "__code__", None)
        return (id(code),) if id(code) in self.codes else None

    def of_global(self, name: str, ran: Iterable[CodeType]) -> Optional[Tuple[int, ...]]:
        """Return the code whose reads a global of this name can hold, after this code ran."""
        found: Set[int] = set()
        for code in ran:
            if not _ANYTHING.isdisjoint(code.co_names):
                return None
            if name in code.co_names and name in self.stores(code):
                if id(code) not in self._without:
                    return None
                found.add(id(code))
        return tuple(found) or None

    def of_attribute(self, value: Any, name: str) -> Optional[Tuple[int, ...]]:
        """Return the code whose reads an attribute of an object can hold, if it is a cached property."""
        declared = next((vars(each)[name] for each in type(value).__mro__ if name in vars(each)), None)
        code = getattr(declared.func, "__code__", None) if type(declared) is functools.cached_property else None
        return (id(code),) if id(code) in self.codes else None
