"""The graph of steps: who needs whom, in which order.

`build` turns declared steps into a `StepGraph` or says what is wrong with them: duplicate names,
unknown names, cycles (named as a path), two steps with one product. A declared input that another
step produces makes the edge by itself.
"""
from __future__ import annotations

import fnmatch
import os
import unicodedata
from typing import Any, Dict, Iterable, List, Mapping, NamedTuple, Optional, Sequence, Set, Tuple

from .._compat import CycleError, TopologicalSorter
from ..errors import ConfigError, PipelineError
from .parameters import check_name, classify, nearest, step_name
from .step import Step


class StepNode(NamedTuple):
    """One step with the meaning of its parameters."""

    name: str
    step: Step
    params: Mapping[str, Any]          #: name -> value, settings applied
    files: Mapping[str, str]           #: parameter -> path, relative to the root where below it
    products: Mapping[str, str]        #: parameter -> path relative to the root
    upstreams: Mapping[str, str]       #: parameter -> step
    after: Tuple[str, ...]             #: steps that must be done before, no value passed
    tags: Tuple[str, ...]
    file: Optional[str]
    line: Optional[int]


class StepGraph:
    """The validated steps of a pipeline."""

    def __init__(self, nodes: Mapping[str, StepNode]) -> None:
        self.nodes = nodes
        self._needs = {name: tuple(dict.fromkeys([*node.upstreams.values(), *node.after])) for name, node in nodes.items()}
        self._users: Dict[str, List[str]] = {name: [] for name in nodes}
        for name, needs in self._needs.items():
            for need in needs:
                self._users[need].append(name)
        self.order = self._sorted()

    def upstreams(self, name: str) -> Tuple[str, ...]:
        """Return the steps that must be done before this one."""
        return self._needs[name]

    def downstream(self, name: str) -> Tuple[str, ...]:
        """Return the steps that need this one directly."""
        return tuple(self._users[name])

    def select(self, targets: Sequence[str] = (), tags: Sequence[str] = ()) -> Tuple[str, ...]:
        """Return the chosen steps and all that they need, in topological order; all without a choice.

        A target is a name or a pattern such as ``model*``. Raises ConfigError for one that fits nothing.
        """
        if not targets and not tags:
            return self.order
        waiting = list(self.targets(targets, tags))
        chosen: Set[str] = set()
        while waiting:
            name = waiting.pop()
            if name not in chosen:
                chosen.add(name)
                waiting += self._needs[name]
        return tuple(name for name in self.order if name in chosen)

    def targets(self, targets: Sequence[str] = (), tags: Sequence[str] = ()) -> Tuple[str, ...]:
        """Return just the steps that targets and tags name."""
        found: Dict[str, None] = {}
        for target in targets:
            names = [target] if target in self.nodes else [name for name in self.nodes if fnmatch.fnmatchcase(name, target)]
            if not names:
                raise ConfigError(f"there is no step `{target}`",
                                  hint=nearest(target, self.nodes) or f"the steps: {_listed(self.nodes)}")
            found.update(dict.fromkeys(names))
        for tag in tags:
            names = [name for name, node in self.nodes.items() if tag in node.tags]
            if not names:
                known = {each for node in self.nodes.values() for each in node.tags}
                raise ConfigError(f"no step has the tag `{tag}`",
                                  hint=nearest(tag, known) or f"the tags: {_listed(sorted(known)) or 'none'}")
            found.update(dict.fromkeys(names))
        return tuple(found)

    def _sorted(self) -> Tuple[str, ...]:
        sorter: TopologicalSorter[str] = TopologicalSorter(self._needs)
        try:
            return tuple(sorter.static_order())
        except CycleError as error:
            path = list(reversed(error.args[1]))
            least = path.index(min(path[:-1]))
            path = path[least:-1] + path[:least] + [path[least]]
            raise PipelineError(f"the steps form a cycle: {' -> '.join(path)}",
                                hint="an arrow points from a step to one that uses it; break one of them") from None


def build(steps: Sequence[Step], settings: Mapping[str, Mapping[str, Any]], root: str) -> StepGraph:
    """Return the graph of steps; `settings` are params by step from the configuration."""
    names = _names(steps, root)
    by_function: Dict[int, List[str]] = {}
    for step in steps:
        by_function.setdefault(id(step.function), []).append(step.name)
    for name in settings:
        if name not in names:
            raise ConfigError(f"the settings name a step `{name}`, and there is none",
                              hint=nearest(name, names) or f"the steps: {_listed(names)}")
    nodes: Dict[str, StepNode] = {}
    for step in steps:
        found = classify(step, names, by_function, settings.get(step.name, {}), root)
        after = tuple(step_name(step, each, names, by_function) for each in step.after)
        nodes[step.name] = StepNode(step.name, step, found.params, found.files, found.products, found.upstreams, after,
                                    step.tags, step.file, step.line)
    return StepGraph(_with_file_edges(nodes))


def _names(steps: Sequence[Step], root: str) -> Dict[str, Step]:
    names: Dict[str, Step] = {}
    folded: Dict[str, str] = {}
    for step in steps:
        check_name(step.name)
        if step.name in names:
            first = names[step.name]
            raise PipelineError(f"two steps are named `{step.name}`: {_place(first, root)} and {_place(step, root)}",
                                hint="give one of them another name: @step(name=\"...\")")
        names[step.name] = step
        key = unicodedata.normalize("NFC", step.name).casefold()
        other = folded.setdefault(key, step.name)
        if other != step.name:
            raise PipelineError(f"the steps `{other}` and `{step.name}` differ by case or accents only",
                                hint="give one of them a name that can't be mixed up")
    return names


def _with_file_edges(nodes: Dict[str, StepNode]) -> Dict[str, StepNode]:
    """Add the edges from steps that produce a file to steps that declare it as their input."""
    owners: Dict[str, str] = {}
    for node in nodes.values():
        for path in node.products.values():
            other = owners.setdefault(path, node.name)
            if other != node.name or list(node.products.values()).count(path) > 1:
                raise PipelineError(f"`{path}` is a product of both `{other}` and `{node.name}`" if other != node.name
                                    else f"step `{node.name}` declares its product `{path}` twice",
                                    hint="each file has one step that writes it")
    for path, name in owners.items():
        above = _owner_above(path, owners)
        if above is not None and above != name:
            raise PipelineError(f"product `{path}` of `{name}` lies inside a product folder of `{above}`",
                                hint="each file has one step that writes it")
    if not owners:
        return nodes
    linked: Dict[str, StepNode] = {}
    for node in nodes.values():
        makers = [owners.get(path) or _owner_above(path, owners) for path in node.files.values()]
        extra = [maker for maker in makers if maker is not None and maker not in node.after]
        linked[node.name] = node._replace(after=node.after + tuple(dict.fromkeys(extra))) if extra else node
    return linked


def _owner_above(path: str, owners: Mapping[str, str]) -> Optional[str]:
    folder = os.path.dirname(path)
    while folder and folder != os.path.dirname(folder):
        if folder in owners:
            return owners[folder]
        folder = os.path.dirname(folder)
    return None


def _place(step: Step, root: str) -> str:
    if step.file is None:
        return "an unknown place"
    file = os.path.relpath(step.file, root) if step.file.startswith(root + os.sep) else step.file
    return f"{file}:{step.line}"


def _listed(names: Iterable[str], most: int = 12) -> str:
    listed = list(names)
    return ", ".join(listed[:most]) + (f", and {len(listed) - most} more" if len(listed) > most else "")
