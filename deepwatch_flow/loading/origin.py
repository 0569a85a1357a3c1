"""Where code comes from: own, package (with distribution and version), stdlib or builtin.

The one place that decides what is the user's own code. Whatever no installed distribution and no
standard library claims is own, so that in doubt code is followed and not taken on trust. Reading
installed metadata is left to ``distributions``.
"""
from __future__ import annotations

import os
import sys
from importlib.machinery import EXTENSION_SUFFIXES
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Dict, FrozenSet, Iterable, List, Optional, Sequence, Tuple, Union

from .._compat import stdlib_module_names
from ..model import Boundary
from .distributions import SITE_NAMES, Distribution, Shelf, normalise, top_name

#: an origin, and the distribution where it is a package
Origin = Tuple[str, Optional[str]]

OWN: Origin = ("own", None)
STDLIB: Origin = ("stdlib", None)
BUILTIN: Origin = ("builtin", None)
DEEPWATCH: Origin = ("package", "deepwatch-flow")

#: the folder of our own package, with a separator at its end
DEEPWATCH_FOLDER = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "")


class Origins:
    """Decides origins for one project, remembering each answer."""

    def __init__(self, boundary: Boundary, path: Sequence[str] = sys.path) -> None:
        self.boundary = boundary
        self._root = os.path.join(os.path.abspath(boundary.root), "")
        self._path = path
        self._seen_path: Tuple[str, ...] = ()
        self._entries: Dict[str, None] = {}
        self._shelves: Dict[str, Shelf] = {}
        self._above: Dict[str, List[Shelf]] = {}
        self._files: Dict[str, Origin] = {}
        self._stdlib = tuple(_stdlib_folders())

    def of_file(self, path: str) -> Origin:
        """Return the origin of a file of code."""
        known = self._files.get(path)
        if known is None:
            known = self._files[path] = self._judge(path)
        return known

    def is_own(self, path: str) -> bool:
        """Tell whether a file of code is the user's own."""
        return self.of_file(path)[0] == "own"

    def is_inside(self, folder: str) -> bool:
        """Tell whether a folder lies in the project, and not in an environment there."""
        path = os.path.join(os.path.abspath(folder), "")
        return path.startswith(self._root) and not _installed_below(path[len(self._root):])

    def of_module(self, module: Union[ModuleType, str]) -> Origin:
        """Return the origin of a module, given itself or its name."""
        name = module if isinstance(module, str) else module.__name__
        if name == "builtins":
            return BUILTIN
        found = sys.modules.get(module) if isinstance(module, str) else module
        place = _place(found)
        if place is not None:
            return self.of_file(place)
        if name in sys.builtin_module_names:
            return STDLIB
        parent, _, _ = name.rpartition(".")
        if parent:  # made at run time inside another module, as six.moves is
            return self.of_module(parent)
        return OWN if found is not None else self._of_name(name)

    def of_object(self, value: object) -> Origin:
        """Return the origin of an object, which for an instance is that of its class."""
        kind = type(value)  # and not `__class__`, which a proxy may answer as it likes
        if issubclass(kind, ModuleType):
            return self.of_module(value)  # type: ignore[arg-type]
        if kind is FunctionType:
            # `__module__` of a wrapper is what functools.wraps copied; its code does not lie
            file = value.__code__.co_filename  # type: ignore[attr-defined]
            if not file.startswith("<"):
                return self.of_file(file)
            name = value.__globals__.get("__name__")  # type: ignore[attr-defined]
            return self.of_module(name) if isinstance(name, str) else OWN
        if kind is BuiltinFunctionType and not isinstance(value.__module__, str):
            bound = value.__self__
            return self.of_object(bound) if isinstance(bound, (type, ModuleType)) else self._of_class(type(bound))
        if issubclass(kind, type):
            return self._of_class(value)  # type: ignore[arg-type]
        holder = _attribute(value, "__objclass__")
        if isinstance(holder, type):  # a slot or method of a C class
            return self._of_class(holder)
        name = _attribute(value, "__module__")
        return self.of_module(name) if isinstance(name, str) else self._of_class(type(value))

    def version(self, distribution: str) -> str:
        """Return the installed version of a distribution, empty where it is not installed."""
        found = self._named(distribution)
        return found.version if found is not None else ""

    def requires(self, distribution: str) -> FrozenSet[str]:
        """Return the names of the distributions that one needs, by its metadata."""
        found = self._named(distribution)
        return found.requires() if found is not None else frozenset()

    def _named(self, distribution: str) -> Optional[Distribution]:
        name = normalise(distribution)
        # a site folder may be reached otherwise than by sys.path
        for shelf in (*map(self._shelf, self._current_entries()), *list(self._shelves.values())):
            found = shelf.named(name)
            if found is not None:
                return found
        return None

    # -- how it decides -----------------------------------------------------------------------

    def _judge(self, path: str) -> Origin:
        if path.startswith("<"):
            return STDLIB if path.startswith("<frozen ") else OWN
        path = os.path.abspath(path)
        if path.startswith(DEEPWATCH_FOLDER):
            return DEEPWATCH
        for folder in self._stdlib:
            if path.startswith(folder) and not SITE_NAMES.intersection(path[len(folder):].split(os.sep)):
                return STDLIB
        if path.startswith(self._root) and not _installed_below(path[len(self._root):]):
            return OWN
        for shelf in self._shelves_above(os.path.dirname(path)):
            owner = shelf.owner(path[len(shelf.folder) + 1:].replace(os.sep, "/"))
            if owner is not None:
                return OWN if owner.editable and "__editable__" not in path else ("package", owner.name)
        return OWN

    def _of_class(self, cls: type) -> Origin:
        name = getattr(cls, "__module__", None)
        return self.of_module(name) if isinstance(name, str) else OWN

    def _of_name(self, name: str) -> Origin:
        """Decide for a module that is not loaded, in the order in which it would be found."""
        for entry in self._current_entries():
            for file in (os.path.join(name, "__init__.py"), name + ".py", *(name + suffix for suffix in EXTENSION_SUFFIXES)):
                path = os.path.join(entry, file)
                if os.path.isfile(path):
                    return self.of_file(path)
            owners = self._shelf(entry).owners(name)
            if owners:
                return OWN if owners[0].editable else ("package", owners[0].name)
        return STDLIB if top_name(name) in stdlib_module_names() else OWN

    def _shelves_above(self, folder: str) -> List[Shelf]:
        entries = self._current_entries()
        known = self._above.get(folder)
        if known is None:
            known = []
            parent = os.path.dirname(folder)
            if parent != folder:
                known = self._shelves_above(parent)
            base = os.path.basename(folder)
            if folder in entries or base in SITE_NAMES or base.endswith(".egg"):
                known = [self._shelf(folder), *known]
            self._above[folder] = known
        return known

    def _current_entries(self) -> Dict[str, None]:
        # the user's modules may put folders on sys.path while they load
        if self._seen_path != tuple(self._path):
            self._seen_path = tuple(self._path)
            self._entries = dict.fromkeys(os.path.abspath(entry) for entry in self._seen_path)
            self._above.clear()
        return self._entries

    def _shelf(self, folder: str) -> Shelf:
        shelf = self._shelves.get(folder)
        if shelf is None:
            shelf = self._shelves[folder] = Shelf(folder)
        return shelf


def _attribute(value: object, name: str) -> object:
    try:
        return getattr(value, name, None)
    except Exception:  # noqa: BLE001 - a proxy without its object raises anything: then its class decides
        return None


def _place(module: object) -> Optional[str]:
    """Return the file of a module, or the folder of a namespace package."""
    file = getattr(module, "__file__", None)
    if isinstance(file, str):
        return file
    spec = getattr(module, "__spec__", None)
    if getattr(spec, "origin", None) in ("built-in", "frozen"):
        return "<frozen module>"
    for folder in getattr(module, "__path__", None) or ():
        if isinstance(folder, str):
            return os.path.join(folder, "__init__.py")
    return None


def _installed_below(relative: str) -> bool:
    return not SITE_NAMES.isdisjoint(relative.split(os.sep)) or ".egg" + os.sep in relative


def _stdlib_folders() -> Iterable[str]:
    """Yield the folders of the standard library; sysconfig would cost milliseconds."""
    version = "python%d.%d" % sys.version_info[:2]
    folders = {os.path.dirname(os.path.abspath(os.__file__))}
    for prefix in {sys.base_prefix, sys.base_exec_prefix}:
        for library in ("lib", getattr(sys, "platlibdir", "lib")):
            folders.add(os.path.join(prefix, library, version))
        folders.add(os.path.join(prefix, "lib", version.replace(".", "") + ".zip"))
        if os.name == "nt":
            folders.update(os.path.join(prefix, name) for name in ("Lib", "DLLs"))
    for folder in sorted(folders | {os.path.realpath(folder) for folder in folders}):
        yield os.path.join(folder, "")
