"""Which object a name stands for, seen from where it is written.

A chain such as ``pkg.sub.func`` is followed on live modules only: the first thing that is no module
ends the walk, and the attributes that are left belong to the use. What comes from a package or the
standard library is named by the text of the import that brought it, because that is the same on
every version of Python, where ``__module__`` is not.
"""
from __future__ import annotations

import builtins
import importlib
import importlib.util
import sys
from types import ModuleType
from typing import Any, Dict, Mapping, NamedTuple, Optional, Tuple

from ..loading.origin import Origins
from .locate import SourceFile
from .scopes import Imported, Use


class _Missing:
    """Stands for a name that is bound to nothing yet."""


MISSING = _Missing()


class Environment(NamedTuple):
    """Where names of a definition are looked up."""

    namespace: Mapping[str, Any]               #: its module's globals
    cells: Mapping[str, Any]                   #: its closure, by name
    file: Optional[SourceFile]                 #: the module's file, for its imports and statements

    @property
    def module(self) -> str:
        """The name of the module."""
        return str(self.namespace.get("__name__", ""))


class Found(NamedTuple):
    """What a chain leads to."""

    obj: Any
    rest: Tuple[str, ...]                      #: attributes not followed
    spelled: Optional[str]                     #: dotted name by the imports, where they tell it
    holder: Optional[str]                      #: module in which the last name was looked up
    name: str                                  #: that last name
    builtin: bool = False
    failed: Optional[str] = None               #: why an import inside a function did not work


def resolve(use: Use, environment: Environment, origins: Origins) -> Found:
    """Return what a use leads to; `Found.obj` is `MISSING` for a name that is bound to nothing."""
    root = use.chain[0]
    imported = use.imported
    if imported is not None:
        return _imported(use, imported, environment, origins)
    if root in environment.cells:
        return Found(environment.cells[root], use.chain[1:], None, None, root)
    if root in environment.namespace:
        spelled = None
        if environment.file is not None:
            bound = environment.file.imports.get(root)
            if bound is not None:
                spelled = _spelled(bound, environment)
        return _walk(environment.namespace[root], use.chain, spelled, environment.module)
    if hasattr(builtins, root):
        return Found(getattr(builtins, root), use.chain[1:], "builtins." + ".".join(use.chain), None, root, True)
    return Found(MISSING, use.chain[1:], None, environment.module, root)


def absolute(module: str, level: int, environment: Environment) -> str:
    """Return the absolute name of a module named relative to the environment's module."""
    if level == 0:
        return module
    package = environment.namespace.get("__package__") or ""
    parts = package.split(".")
    base = parts[: len(parts) - (level - 1)]
    return ".".join([*base, module] if module else base)


def _spelled(bound: Imported, environment: Environment) -> str:
    module, level, attribute = bound
    name = absolute(module, level, environment)
    return name if attribute is None else f"{name}.{attribute}"


def _imported(use: Use, imported: Imported, environment: Environment, origins: Origins) -> Found:
    module, level, attribute = imported
    name = absolute(module, level, environment)
    spelled = name if attribute is None else f"{name}.{attribute}"
    try:
        obj: Any = sys.modules[name] if name in sys.modules else _import(name, origins)
        if obj is not None and attribute is not None:
            if not hasattr(obj, attribute):
                _import(spelled, origins)
            obj = getattr(obj, attribute)
    except Exception as error:  # noqa: BLE001 - an import runs the user's code: whatever it raises is its answer
        return Found(MISSING, use.chain[1:], spelled, name, attribute or name, failed=f"{type(error).__name__}: {error}")
    if obj is None:
        return Found(None, use.chain[1:], ".".join((spelled, *use.chain[1:])), name, attribute or name)
    if attribute is not None:
        return _walk(obj, (attribute, *use.chain[1:]), spelled, name)
    return _walk(obj, use.chain, spelled, name)


def _import(name: str, origins: Origins) -> Optional[ModuleType]:
    """Import an own module; a foreign one is only named (None): importing it may be dear."""
    top = name.partition(".")[0]
    if top in sys.modules or origins.of_module(top)[0] == "own":
        return importlib.import_module(name)
    if importlib.util.find_spec(top) is None:
        raise ModuleNotFoundError(f"No module named {top!r}")
    return None


def _walk(obj: Any, chain: Tuple[str, ...], spelled: Optional[str], holder: str) -> Found:
    at = 1
    name = chain[0]
    path = spelled
    while isinstance(obj, ModuleType) and at < len(chain):
        attributes: Dict[str, Any] = vars(obj)
        name = chain[at]
        if name in attributes:
            value = attributes[name]
        elif "__getattr__" in attributes:
            try:
                value = getattr(obj, name)
            except Exception:  # noqa: BLE001 - a module's own __getattr__ may raise anything: then the name is not bound
                break
        else:
            break
        holder = obj.__name__
        obj = value
        at += 1
        if path is not None:
            path = f"{path}.{name}"
    if path is not None and at < len(chain):
        path = ".".join((path, *chain[at:]))
    return Found(obj, chain[at:], path, holder, name)
