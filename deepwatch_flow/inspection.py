"""The deep code hash of any function, without a pipeline.

These functions look at what is live now. A file that was edited since it was imported is noticed:
the function then counts by its bytecode, and its fingerprint says so.
"""
from __future__ import annotations

import os
import sys
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Set, Tuple

from .analysis.fingerprint import Analysis
from .errors import ConfigError, FingerprintError
from .hashing.frames import digest_frame
from .loading.importing import ImportWorld
from .loading.origin import Origins
from .loading.snapshot import Snapshot
from .model import Boundary, Digest, Fingerprint, Unit

_MARKS = ("deepwatch.toml", "pyproject.toml", "pipeline.py", ".git")


class Dependency(NamedTuple):
    """A unit that a deep hash covers, and what it uses in turn."""

    name: str
    kind: str                              #: function | class | data | module | statement | package | file | variable
    origin: str                            #: own | package
    file: Optional[str]                    #: relative to the root where below it
    line: Optional[int]
    own: Digest
    deep: Digest
    uses: Tuple[Dependency, ...] = ()      #: empty where the unit was listed before
    repeated: bool = False                 #: whether it was listed before


class Inspected(NamedTuple):
    """All that is known of one function's code."""

    fingerprint: Fingerprint
    shallow: Digest
    tree: Dependency
    transcript: str


def shallow_hash(function: Callable[..., Any]) -> Digest:
    """Return the digest of a function's own code: nothing that it uses, no comments, no layout."""
    return inspect_function(function).shallow


def deep_hash(function: Callable[..., Any], *, root: Optional[str] = None) -> Digest:
    """Return the digest of a function and of all that it transitively uses.

    `root` is the project's folder (paths below it count relative to it); by default the nearest
    folder above the function's file that looks like a project. Raises FingerprintError where a part
    can't be digested.
    """
    found = inspect_function(function, root=root)
    if found.fingerprint.uncacheable is not None:
        raise FingerprintError(f"`{found.tree.name}` has no deep hash: {found.fingerprint.uncacheable}",
                               hint="`dependencies(function)` lists what it uses")
    return found.fingerprint.digest


def dependencies(function: Callable[..., Any], *, root: Optional[str] = None) -> Dependency:
    """Return the tree of units that a function's deep hash covers, each with its origin, file and line."""
    return inspect_function(function, root=root).tree


def inspect_function(function: Callable[..., Any], *, root: Optional[str] = None) -> Inspected:
    """Return all that is known of a function's code."""
    boundary = Boundary(os.path.abspath(root) if root is not None else root_of(function))
    return _inspect(function, Analysis(boundary, Origins(boundary), Snapshot(), digesters=[digest_frame]))


def hash_target(target: str, *, root: Optional[str] = None) -> Inspected:
    """Return what is known of ``FILE:FUNC``; the file is imported, dots lead into classes.

    Raises ConfigError for a target of another form or without such a function, PipelineError where
    the file can't be imported.
    """
    path, separator, name = target.rpartition(":")
    if not separator or not path or not name:
        raise ConfigError(f"`{target}` is not of the form FILE:FUNC", hint=_whole(target))
    full = os.path.abspath(path)
    base = os.path.abspath(root) if root is not None else _project_above(full)
    boundary = Boundary(base)
    snapshot, origins = Snapshot(), Origins(boundary)
    with ImportWorld(snapshot, origins, base) as world:
        found: Any = world.load(full)
        for part in name.split("."):
            if not hasattr(found, part):
                raise ConfigError(f"`{path}` has no `{name}`", hint=_nearest(part, found))
            found = getattr(found, part)
        if not callable(found):
            raise ConfigError(f"`{name}` in `{path}` is no function", hint="name a function or a class")
        return _inspect(found, Analysis(boundary, origins, snapshot, digesters=[digest_frame]))


def root_of(function: Callable[..., Any]) -> str:
    """Return the project's folder that a function belongs to, by its file."""
    module = sys.modules.get(getattr(function, "__module__", None) or "")
    file = getattr(module, "__file__", None)
    return _project_above(os.path.abspath(file)) if isinstance(file, str) else os.getcwd()


def _project_above(path: str) -> str:
    start = folder = os.path.dirname(path)
    while not any(os.path.exists(os.path.join(folder, mark)) for mark in _MARKS):
        parent = os.path.dirname(folder)
        if parent == folder:
            while os.path.isfile(os.path.join(start, "__init__.py")):
                start = os.path.dirname(start)
            return start
        folder = parent
    return folder


def _inspect(function: Callable[..., Any], analysis: Analysis) -> Inspected:
    fingerprint = analysis.fingerprint(function)
    units = analysis.units([fingerprint.root])
    by_deep = {unit.deep: unit for unit in units}
    top = by_deep[fingerprint.root]
    own = by_deep[top.links[0][1]]
    tree = _tree(own, by_deep)
    effects = tuple(_tree(by_deep[deep], by_deep) for _, deep in top.links[1:])
    return Inspected(fingerprint, own.own, tree._replace(uses=tree.uses + effects), _transcript(units))


def _tree(root: Unit, units: Dict[Digest, Unit]) -> Dependency:
    """Build the tree bottom-up with a stack: chains of helpers may be thousands deep."""
    seen: Set[Digest] = {root.deep}
    done: List[List[Dependency]] = [[]]
    stack: List[Tuple[Unit, List[Unit]]] = [(root, _below(root, units))]
    while True:
        unit, rest = stack[-1]
        if rest:
            child = rest.pop(0)
            if child.deep in seen:
                done[-1].append(_dependency(child, (), True))
            else:
                seen.add(child.deep)
                stack.append((child, _below(child, units)))
                done.append([])
            continue
        stack.pop()
        made = _dependency(unit, tuple(done.pop()), False)
        if not stack:
            return made
        done[-1].append(made)


def _below(unit: Unit, units: Dict[Digest, Unit]) -> List[Unit]:
    return [units[deep] for deep in dict.fromkeys(deep for _, deep in unit.links)]


def _dependency(unit: Unit, uses: Tuple[Dependency, ...], repeated: bool) -> Dependency:
    return Dependency(unit.name, unit.kind, unit.origin, unit.file, unit.line, unit.own, unit.deep, uses, repeated)


def _transcript(units: List[Unit]) -> str:
    """Return what a digest was computed from, as text: two of them can be compared line by line."""
    lines: List[str] = []
    for unit in sorted(units, key=lambda each: (each.kind != "step", each.name, each.deep)):
        lines.append(f"{unit.kind} {unit.name}")
        lines.append(f"  own  {unit.own}")
        lines += [f"  uses {text}: {deep}" for text, deep in unit.links]
        lines.append(f"  deep {unit.deep}")
    return "\n".join(lines) + "\n"


def _whole(target: str) -> str:
    """Return how to name a function, of which only the file or the name was told."""
    if os.path.isfile(target.rstrip(":")):
        return f"name a function in it: {target.rstrip(':')}:FUNC"
    if target.isidentifier():
        return f"name its file as well: pipeline.py:{target}; what the step `{target}` was seen to do: deepwatch deps {target} --observed"
    return "for example work.py:clean; of a step of the pipeline: deepwatch deps STEP --observed"


def _nearest(name: str, holder: Any) -> str:
    near = [each for each in dir(holder) if not each.startswith("_") and each.lower()[:1] == name.lower()[:1]]
    return f"it has: {', '.join(near[:8])}" if near else "check the spelling"
