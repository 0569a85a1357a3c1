"""From live objects to nodes: what an object counts as, decided once for each object.

`Graph.target` gives the link target of any object: an own function, class or module is a node to be
expanded (by the modules that know how: `functions`, `classes`, `modules`); a package counts by
version, the standard library not at all; anything else is data, digested by value, with the code in
it as links. What can't be digested falls back to the statement that defines it and is untracked.
"""
from __future__ import annotations

import os
import sys
from functools import partialmethod
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Set, Tuple

from ..hashing.digest import Hasher
from ..hashing.values import Digester, Undigestible, ValueHasher
from ..loading.origin import Origins
from ..model import Boundary
from .locate import Sources
from .nodes import Link, Node
from .objects import by_its_name, inside, is_found, slot
from .registry import Registry
from .resolve import Environment, Found, absolute

#: standard-library objects that hold no data a result could depend on
_INERT = frozenset({
    ("logging", "Logger"), ("logging", "RootLogger"), ("logging", "LoggerAdapter"), ("_thread", "lock"),
    ("_thread", "RLock"), ("_thread", "_local"), ("threading", "Event"), ("threading", "Condition"),
    ("threading", "Semaphore"), ("threading", "BoundedSemaphore"), ("threading", "Thread"), ("warnings", "catch_warnings"),
})
_SCALARS = (int, float, str, bool, bytes, complex, type(None))
_OWN: Tuple[str, Optional[str]] = ("own", None)


class Place(NamedTuple):
    """Where an object was found: what to call it, and where to look for its statement."""

    name: str                                     #: dotted, for people
    environment: Optional[Environment] = None     #: of the module that binds it
    binding: str = ""                             #: the module-level name
    spelled: Optional[str] = None                 #: by the imports, of what comes from elsewhere


class Graph(Registry):
    """The registry, and what each object counts as."""

    def __init__(self, sources: Sources, origins: Origins, boundary: Boundary,
                 digesters: Sequence[Digester] = ()) -> None:
        super().__init__(sources, origins, boundary, digesters)
        self._plain = ValueHasher(boundary.root, digesters)
        self._named_origins: Dict[str, Tuple[str, Optional[str]]] = {}

    def target(self, obj: Any, place: Place) -> Link:
        """Return the link that stands for an object found at a place."""
        kind = type(obj)
        if kind in _SCALARS and not place.binding:
            return Link(self._scalar(obj), None)
        if kind is FunctionType:
            return self._function(obj, place)
        if isinstance(obj, type):
            return self._class(obj, place)
        if isinstance(obj, ModuleType):
            return self._module(obj, place)
        if kind is BuiltinFunctionType and isinstance(obj.__self__, (ModuleType, type(None))):
            return self.foreign(obj, place)
        if kind.__name__ == "TypeAliasType" and kind.__module__ in ("typing", "typing_extensions"):
            return self.target(obj.__value__, place)   # `type X = ...`, from Python 3.12
        wrapped = self._unwrapped(obj)
        if wrapped is not None:
            return wrapped
        if place.spelled is not None and self._origin_of_name(place.spelled)[0] != "own":
            return self.foreign(obj, place)
        return self._data(obj, place)

    def foreign(self, obj: Any, place: Place) -> Link:
        """Return the link of something from a package or the standard library."""
        name = place.spelled
        origin, distribution = self._origin_of_name(name) if name is not None else _OWN
        if name is None or origin == "own":
            # reached without an import that tells: by its own names, which differ below the top level
            if isinstance(obj, ModuleType):
                name, (origin, distribution) = obj.__name__, self.origins.of_module(obj)
            else:
                module = str(getattr(obj, "__module__", None)).partition(".")[0]
                name = f"{module}.{getattr(obj, '__qualname__', type(obj).__qualname__)}"
                origin, distribution = self.origins.of_object(obj)
        return Link(name, self.package(distribution) if distribution is not None else None, name)

    def _origin_of_name(self, name: str) -> Tuple[str, Optional[str]]:
        """Return the origin of a dotted name: that of the innermost module in it that is imported."""
        known = self._named_origins.get(name)
        if known is None:
            module = name
            while "." in module and getattr(sys.modules.get(module), "__file__", None) is None:
                module = module.rpartition(".")[0]
            known = ("builtin", None) if module == "builtins" else self.origins.of_module(module)
            self._named_origins[name] = known
        return known

    def _scalar(self, obj: Any) -> str:
        return "value " + self._plain.digest(obj)

    def _function(self, function: FunctionType, place: Place) -> Link:
        if self._is_own_function(function):
            name = f"{function.__module__}.{function.__qualname__}"
            return Link("", self.of_object("function", function, name), place.name)
        return self._wrapper(function, place)

    def _is_own_function(self, function: FunctionType) -> bool:
        path = function.__code__.co_filename
        if path.startswith("<"):
            # without a file or a module it was made by own code: `exec` with a namespace of its own
            return not function.__module__ or self.origins.of_module(function.__module__)[0] == "own"
        return self.origins.is_own(path)

    def _wrapper(self, function: FunctionType, place: Place) -> Link:
        """A function from elsewhere may hold own ones: a decorator's wrapper does."""
        named = self.foreign(function, place._replace(
            spelled=place.spelled if place.spelled and self._origin_of_name(place.spelled)[0] != "own" else None))
        held = self._held(function)
        if not held:
            return named

        def make(node: Node) -> None:
            node.text = Hasher("wrapper/1").field("name", function.__code__.co_name).digest()
            for label, value in held:
                link = self.target(value, Place(place.name))
                node.links.append(link._replace(label=f"{label} {link.label} seen"))
            if named.target is not None:
                node.links.append(named)

        self.alive.append(function)
        return Link("", self.of_name("wrapper", f"{function.__qualname__}#{id(function)}", make), place.name)

    def _held(self, function: FunctionType) -> List[Tuple[str, Any]]:
        """Return what a foreign function holds of own code: what it wraps, or dispatches to by type."""
        return [(label, value) for label, value in inside(function) if self._holds_own(value, {id(function)})]

    def _holds_own(self, value: Any, seen: Set[int]) -> bool:
        if isinstance(value, type):
            return self.origins.of_object(value)[0] == "own"
        if not isinstance(value, FunctionType):
            return self._unwrapped(value) is not None
        if self._is_own_function(value):
            return True
        if id(value) in seen:  # a wrapper that counts its calls on itself is in its own closure
            return False
        seen.add(id(value))
        return any(self._holds_own(inner, seen) for _, inner in inside(value))

    def _class(self, cls: type, place: Place) -> Link:
        if self.origins.of_object(cls)[0] != "own" and is_found(cls):
            return self.foreign(cls, place)
        return Link("", self.of_object("class", cls, f"{cls.__module__}.{cls.__qualname__}"), place.name)

    def _module(self, module: ModuleType, place: Place) -> Link:
        if self.origins.of_module(module)[0] != "own":
            return self.foreign(module, place._replace(spelled=place.spelled or module.__name__))
        return Link("", self.of_object("module", module, module.__name__), place.name)

    def _unwrapped(self, obj: Any) -> Optional[Link]:
        """Follow what an opaque callable wraps: `lru_cache`, our own steps, compiled functions."""
        if isinstance(obj, (MethodType, partialmethod)):
            return None
        inner = None
        for attribute in ("__wrapped__", "py_func"):
            inner = vars(obj).get(attribute) if hasattr(obj, "__dict__") else None
            inner = inner if inner is not None else slot(obj, attribute)
            if inner is not None:
                break
        if not callable(inner) or not callable(obj):
            return None
        origin, distribution = self.origins.of_object(type(obj))
        if origin == "own":
            return None
        link = self.target(inner, Place(getattr(inner, "__qualname__", type(inner).__name__)))
        package = self.package(distribution) if distribution is not None else None
        if package is None:
            return link

        def make(node: Node) -> None:
            node.text = Hasher("wrapper/1").field("type", type(obj).__qualname__).digest()
            node.links += [link, Link("by", package)]

        self.alive.append(obj)
        return Link("", self.of_name("wrapper", f"{link.shown}#{id(obj)}", make), link.shown)

    # -- data -------------------------------------------------------------------------------------

    def _data(self, obj: Any, place: Place) -> Link:
        if obj is os.environ:
            return Link("os.environ", None)  # which variables are read, the uses tell
        if (type(obj).__module__, type(obj).__qualname__) in _INERT:
            # no data to digest, but `Semaphore(1)` is not `Semaphore(2)`
            file = place.environment.file if place.environment is not None else None
            texts = [each.text.digest for each in file.binding(place.binding)] if file is not None else []
            return Link(f"inert {type(obj).__qualname__} {' '.join(texts)}", None)
        if not place.binding:
            return Link("data", self._valued(self.add(Node(place.name, "data")), obj, place), place.name)

        def make(node: Node) -> None:
            if place.environment is not None and place.environment.file is not None:
                file = place.environment.file
                node.file = self.relative(file.path)
                bound = file.binding(place.binding)
                if bound:
                    node.line, node.end, node.path = bound[0].line, bound[0].end, file.path
                node.module = file.path
            self._valued(node, obj, place)

        return Link("", self.of_name("data", place.name, make), place.name)

    def _valued(self, node: Node, obj: Any, place: Place) -> Node:
        links: List[Link] = []

        def reference(value: object) -> Optional[bytes]:
            link = self._reference(value, place)
            if link is None:
                return None
            links.append(link)
            return b"%d" % len(links)

        try:
            node.text = ValueHasher(self.boundary.root, self.digesters, reference).digest(obj)
            node.links += links
        except Undigestible as error:
            self.waiting.append((node, (place, str(error.message))))
            node.kind = "statement"
        except RecursionError:
            self.waiting.append((node, (place, "it is nested too deep")))
            node.kind = "statement"
        self.alive.append(obj)
        return node

    def _reference(self, value: object, place: Place) -> Optional[Link]:
        if (type(value).__module__, type(value).__qualname__) in _INERT:
            return Link(f"inert {type(value).__qualname__}", None)
        inner = Place(place.name)
        if isinstance(value, FunctionType):
            link = self._function(value, inner)
            return link._replace(label=link.label + " seen")
        if isinstance(value, type):
            return self._class(value, inner)
        if isinstance(value, ModuleType):
            return self._module(value, inner)
        if isinstance(value, BuiltinFunctionType) and isinstance(value.__self__, (ModuleType, type(None))):
            return self.foreign(value, inner)
        return self._unwrapped(value)

    def found(self, found: Found, environment: Environment) -> Link:
        """Return the link of what a name led to."""
        name = f"{found.holder}.{found.name}" if found.holder else found.name
        binding, spelled = "", found.spelled
        if found.holder is not None:
            environment, binding, imported = self._home(found, environment)
            name = f"{environment.module}.{binding}"
            if imported is not None:
                spelled = ".".join((imported, *found.rest))
        place = Place(name, environment, binding, spelled)
        link = self.target(found.obj, place)
        file = environment.file
        made = file is not None and binding not in file.imports and file.binding(binding)
        if made and callable(found.obj) and self._is_made_elsewhere(link, found.obj):
            return Link("", self._made(link, place), name)
        return link

    def _is_made_elsewhere(self, link: Link, obj: Any) -> bool:
        own = self.origins.of_object(obj)[0] == "own"
        if by_its_name(obj) is obj and not (own and isinstance(obj, type)):
            return False    # an alias of something that its own name tells
        if link.target is None or link.target.kind in ("package", "wrapper"):
            return True
        if isinstance(obj, type):
            file = self.environment(vars(sys.modules.get(obj.__module__, sys))).file
            return file is None or file.of_class(obj) is None
        return link.target.kind == "data" and self.origins.of_object(type(obj))[0] != "own"

    def _made(self, link: Link, place: Place) -> Node:
        """Return the node of a callable that foreign code made for us: `limited = retry(3)(fetch)`.

        What it was made with is in it where nobody can look, so the statement counts as well.
        """
        def make(node: Node) -> None:
            node.links.append(link)
            self.waiting.append((node, (place, "")))

        return self.of_name("statement", place.name, make)

    def _home(self, found: Found, environment: Environment) -> Tuple[Environment, str, Optional[str]]:
        """Return the module that binds a value first, its name there, and the name of a foreign import.

        Imports from own modules are followed, so a re-export leads to where something comes from.
        """
        name = found.name
        holder = sys.modules.get(found.holder or "")
        if holder is not None and vars(holder) is not environment.namespace:
            environment = self.environment(vars(holder))
        for _ in range(100):
            bound = environment.file.imports.get(name) if environment.file is not None else None
            if bound is None:
                break
            module, level, attribute = bound
            full = absolute(module, level, environment)
            other = sys.modules.get(full)
            if self._origin_of_name(full)[0] != "own":
                return environment, name, full if attribute is None else f"{full}.{attribute}"
            if attribute is None or other is None or attribute not in vars(other):
                break
            environment, name = self.environment(vars(other)), attribute
        return environment, name, None
