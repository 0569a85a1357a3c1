"""The names by which own code gets at what modules, classes and objects hold, read off its bytecode."""
from __future__ import annotations

import dis
import sys
from types import CodeType, ModuleType
from typing import Callable, Dict, FrozenSet, Iterable, Iterator, List, Optional, Set, Tuple

from .holders import Label

#: names of what gets at any name
ANYTHING = frozenset({"getattr", "globals", "vars", "__dict__", "exec", "eval", "attrgetter", "getmembers"})
_GLOBAL = ("LOAD_GLOBAL", "STORE_GLOBAL", "DELETE_GLOBAL", "LOAD_NAME", "STORE_NAME", "LOAD_FROM_DICT_OR_GLOBALS")
_IMPORT = ("IMPORT_NAME", "IMPORT_FROM")


class Names:
    """Tells the names in own code, remembering each answer."""

    def __init__(self, is_own: Callable[[str], bool]) -> None:
        self._is_own = is_own
        self._known: Dict[int, Tuple[CodeType, FrozenSet[Label]]] = {}
        self._modules: Dict[str, ModuleType] = {}

    def among(self, ran: Iterable[CodeType]) -> Set[Label]:
        """Return all names in code."""
        names: Set[Label] = set()
        for code in ran:
            names |= self.of(code)
        return names

    def of(self, code: CodeType) -> FrozenSet[Label]:
        """Return the names in own code, none for other code."""
        known = self._known.get(id(code))
        if known is None:
            found = frozenset(self._names(code)) if self._is_own(code.co_filename) else frozenset()
            known = self._known[id(code)] = (code, found)
        return known[1]

    def _names(self, code: CodeType) -> Iterator[Label]:
        yield from (code.co_name, *code.co_freevars, *code.co_names)
        yield from (each for each in code.co_consts if type(each) is str and each.isidentifier())
        instructions = list(dis.get_instructions(code))
        globals_ = [str(each.argval) for each in instructions if each.opname in _GLOBAL]
        yield from ((code.co_filename, name) for name in (code.co_name, *globals_))
        for file in self._files(code, globals_, any(each.opname in _IMPORT for each in instructions)):
            yield from ((file, name) for name in code.co_names)

    def _files(self, code: CodeType, names: List[str], imports: bool) -> Iterator[str]:
        """Yield the files of the own modules at whose globals code can get as at attributes."""
        module = self._module(code.co_filename)
        for file, each in list(self._modules.items()):
            if imports or module is None or any(vars(module).get(name) is each for name in names) or _is_within(each, module, names):
                yield file

    def _module(self, file: str) -> Optional[ModuleType]:
        for module in [each for each in list(sys.modules.values()) if issubclass(type(each), ModuleType)]:
            path = vars(module).get("__file__")
            if isinstance(path, str) and path not in self._modules and self._is_own(path):
                self._modules[path] = module
        return self._modules.get(file)


def _is_within(module: ModuleType, place: ModuleType, names: List[str]) -> bool:
    """Tell whether a module is reached by way of a package that has one of these names: ``package.module.NAME``."""
    packages = [each for each in (vars(place).get(name) for name in names) if isinstance(each, ModuleType)]
    return any(module.__name__.startswith(each.__name__ + ".") for each in packages)
