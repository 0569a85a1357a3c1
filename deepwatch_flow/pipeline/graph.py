"""The graph of steps: who needs whom, in which order.

`build` turns declared steps into a `StepGraph` or says what is wrong with them: duplicate names,
unknown names, cycles (named as a path), two steps with one product. A declared input that another
step produces makes the edge by itself.
"""
from __future__ import annotations

import heapq
import unicodedata
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence, Set, Tuple, Union

from .._compat import CycleError, TopologicalSorter
from ..errors import ConfigError, PipelineError
from ..model import Templates, base_of, part_name
from .hints import nearest
from .parameters import Names, classify, place
from .paths import Products
from .selection import NOWHERE, Place, chosen, listed, output_of, with_tag
from .step import Step
from .templates import given_labels, name_of, paths_of

#: categories of characters that no terminal, file or lockfile shows as they are
_UNPRINTABLE = frozenset({"Cc", "Cs", "Zl", "Zp"})
#: how many steps of a long cycle are named
_MOST_OF_CYCLE = 12


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
    each: Mapping[str, Union[str, Mapping[str, Any]]] = {}     #: parameter -> the step whose elements, or values by label
    templates: Templates = Templates()                         #: the paths that differ from instance to instance
    makers: Tuple[Tuple[str, str], ...] = ()                   #: (path, step): who may write what stands at the paths of its files

    @property
    def is_given(self) -> bool:
        """Whether the labels of a family are known before anything runs: no step gives them."""
        return not any(isinstance(source, str) for source in self.each.values())

    @property
    def outputs(self) -> Tuple[str, ...]:
        """The labels of its declared outputs."""
        return tuple(self.step.options["outputs"])


def _sources(node: StepNode) -> List[str]:
    """Return the steps, and declared outputs of steps, whose elements a family goes through."""
    return [source for source in node.each.values() if isinstance(source, str)]


class StepGraph:
    """The validated steps of a pipeline."""

    def __init__(self, nodes: Mapping[str, StepNode], products: Optional[Products] = None, place: Place = NOWHERE) -> None:
        self.nodes = nodes
        self._place = place
        #: who writes what, as far as it is known before anything runs: labels that a step gives are not
        self.products = products if products is not None else Products()
        self._needs = {name: tuple(dict.fromkeys([*map(base_of, node.upstreams.values()), *map(base_of, _sources(node)), *node.after]))
                       for name, node in nodes.items()}
        self._users: Dict[str, List[str]] = {name: [] for name in nodes}
        for name, needs in self._needs.items():
            for need in needs:
                self._users[need].append(name)
        self._apart = {source for node in nodes.values() for source in _sources(node)}
        self.order = self._sorted()

    def upstreams(self, name: str) -> Tuple[str, ...]:
        """Return the steps that must be done before this one."""
        return self._needs[name]

    def consumed(self, name: str) -> Tuple[str, ...]:
        """Return the steps whose values, or parts of them, a step gets."""
        node = self.nodes[name]
        return tuple(dict.fromkeys([*map(base_of, [*node.upstreams.values(), *_sources(node)])]))

    def parts(self, name: str) -> Optional[Tuple[str, ...]]:
        """Return the labels by which a step's value is stored in parts; None for a value that is stored whole."""
        return self.nodes[name].outputs or (() if name in self._apart or self.nodes[name].each else None)

    def apart(self, name: str) -> Tuple[str, ...]:
        """Return the labels of those declared outputs that are stored by their elements: families go through these."""
        return tuple([label for label in self.nodes[name].outputs if part_name(name, label) in self._apart])

    def downstream(self, name: str) -> Tuple[str, ...]:
        """Return the steps that need this one directly."""
        return tuple(self._users[name])

    def select(self, targets: Sequence[str] = (), tags: Sequence[str] = ()) -> Tuple[str, ...]:
        """Return the chosen steps and all that they need, in topological order; all without a choice.

        What a target may be is told in ``selection``. Raises ConfigError for one that fits nothing.
        """
        if not targets and not tags:
            return self.order
        waiting = [base_of(name) for name in self.targets(targets, tags)]
        needed: Set[str] = set()
        while waiting:
            name = waiting.pop()
            if name not in needed:
                needed.add(name)
                waiting += self._needs[name]
        return tuple(name for name in self.order if name in needed)

    def targets(self, targets: Sequence[str] = (), tags: Sequence[str] = ()) -> Tuple[str, ...]:
        """Return just the steps that targets and tags name."""
        found = dict.fromkeys(chosen(targets, self.nodes, self.downstream, self._place, self._writers) if targets else ())
        for tag in tags:
            found.update(dict.fromkeys(with_tag(tag, self.nodes)))
        return tuple(found)

    def output(self, word: str) -> Optional[str]:
        """Return the name of the declared output that a word means as ``STEP.LABEL``; None where it means none."""
        return output_of(word, self.nodes)

    def _writers(self, path: str) -> Tuple[str, ...]:
        """Return the instance that writes a path, or the families that may."""
        return tuple(dict.fromkeys(writer for each, writer in self.products.overlapping(path).items() if each == path or each not in self.products.writers))

    def _sorted(self) -> Tuple[str, ...]:
        """Return a topological order that leaves the order of declaration where it can."""
        sorter: TopologicalSorter[str] = TopologicalSorter(self._needs)
        try:
            sorter.prepare()
        except CycleError as error:
            raise PipelineError(f"the steps form a cycle: {_cycle(error.args[1])}",
                                hint="an arrow points from a step to one that uses it; break one of them") from None
        names = list(self.nodes)
        place = {name: number for number, name in enumerate(names)}
        ready = [place[name] for name in sorter.get_ready()]
        heapq.heapify(ready)
        order = []
        while ready:
            name = names[heapq.heappop(ready)]
            order.append(name)
            sorter.done(name)
            for each in sorter.get_ready():
                heapq.heappush(ready, place[each])
        return tuple(order)


def build(steps: Sequence[Step], settings: Mapping[str, Mapping[str, Any]], root: str, here: str = "") -> StepGraph:
    """Return the graph of steps; `settings` are params by step from the configuration.

    Targets that are paths such as ``./a`` begin `here`; by default at the root.
    """
    by_name = _names(steps, root)
    by_function: Dict[int, List[str]] = {}
    for step in steps:
        by_function.setdefault(id(step.function), []).append(step.name)
    for name in settings:
        if name not in by_name:
            raise ConfigError(f"the settings name a step `{name}`, and there is none",
                              hint=nearest(name, by_name) or f"the steps: {listed(by_name)}")
    names = Names(by_name, by_function)
    nodes: Dict[str, StepNode] = {}
    products = Products()
    for step in steps:
        found = classify(step, names, settings.get(step.name, {}), root)
        after = tuple(base_of(names.of(step, each)) for each in step.after)
        nodes[step.name] = StepNode(step.name, step, found.params, found.files, found.products, found.upstreams, after,
                                    step.tags, step.file, step.line, found.each, Templates(tuple(found.file_templates), tuple(found.product_templates)))
        for path in found.products.values():
            products.add(path, step.name)
    files = {name: _of_family(node, products) for name, node in nodes.items() if node.each and any(node.templates)}
    if products:  # reading what another step writes is an edge
        for name, node in nodes.items():
            makers = products.makers(name, node.files.values())
            if name in files:
                makers += _makers_of_family(node, files[name], products)
            if makers:
                nodes[name] = node._replace(after=tuple(dict.fromkeys([*node.after, *(step for _, step in makers)])), makers=makers)
    return StepGraph(nodes, products, Place(root, here or root))


def _of_family(node: StepNode, products: Products) -> Dict[str, List[str]]:
    """Note what a family writes; return what each instance reads, as far as the labels are known."""
    files: Dict[str, List[str]] = {}
    if not node.is_given:
        for template in node.templates.products:
            products.add_template(template, node.name)
        return files
    for labels in given_labels(node.each, node.step.options["each"] == "zip"):
        instance = name_of(node.name, labels)
        files[instance] = [path for _, path in paths_of(node.templates.files, labels, instance, False)]
        for _, path in paths_of(node.templates.products, labels, instance, True):
            products.add_of_instance(path, instance)
    return files


def _makers_of_family(node: StepNode, files: Mapping[str, Sequence[str]], products: Products) -> Tuple[Tuple[str, str], ...]:
    """Return who writes what the instances of a family read, each by its own label."""
    found: Dict[Tuple[str, str], None] = {}
    if not node.is_given:
        for template in node.templates.files:
            found.update(dict.fromkeys(products.makers_of_template(node.name, template)))
    for instance, paths in files.items():
        found.update(dict.fromkeys(products.makers(instance, paths)))
    return tuple(found)


def _names(steps: Sequence[Step], root: str) -> Dict[str, Step]:
    names: Dict[str, Step] = {}
    folded: Dict[str, str] = {}
    for step in steps:
        _check_name(step, root)
        if step.name in names:
            first, second = (place(each, root) or "an unknown place" for each in (names[step.name], step))
            raise PipelineError(f"two steps are named `{step.name}`: {first} and {second}",
                                hint="give one of them another name: @step(name=\"...\")" if len(step.scopes) == 1
                                else "include the file with another prefix")
        names[step.name] = step
        key = step.name.lower() if step.name.isascii() else unicodedata.normalize("NFC", step.name).casefold()
        other = folded.setdefault(key, step.name)
        if other != step.name:
            raise PipelineError(f"the steps `{other}` and `{step.name}` differ by case or by how accents are written only",
                                hint="give one of them a name that can't be mixed up")
    for name, made in names.items():
        for label in made.options["outputs"]:
            if f"{name}.{label}" in names:
                raise PipelineError(f"`{name}.{label}` is a step, and it is the output `{label}` of the step `{name}`",
                                    hint="give one of them another name")
    return names


def _check_name(step: Step, root: str) -> None:
    name = step.name
    if not name.strip():
        raise PipelineError(f"the step at {place(step, root) or 'an unknown place'} has an empty name",
                            hint="give it one: @step(name=\"...\")")
    if "[" in name or "]" in name:
        raise PipelineError(f"the step name `{name}` holds brackets: those name parts of a value and instances of a step",
                            hint="use letters, digits, - and _")
    # isprintable() knows control characters, line ends of every kind, and halves of surrogate pairs
    if not name.isprintable() and any(unicodedata.category(char) in _UNPRINTABLE for char in name):
        raise PipelineError(f"the step name {name!a} holds control characters", hint="use letters, digits, - and _")


def _cycle(path: Sequence[str]) -> str:
    """Return a cycle as text, from the least of its names, so that it reads the same each time."""
    # graphlib gives a list whose first and last are the same; each is needed by the next
    least = path.index(min(path[:-1]))
    turned = [*path[least:-1], *path[:least], path[least]]
    if len(turned) > _MOST_OF_CYCLE:
        turned = [*turned[:_MOST_OF_CYCLE - 2], f"... ({len(turned) - _MOST_OF_CYCLE} more)", *turned[-2:]]
    return " -> ".join(turned)
