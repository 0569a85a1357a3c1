"""Families: a step with `Each` stands for instances, one for each element that it goes through. Pure.

An instance is a step like any other, named ``FAMILY[LABEL]``. Its key has the digest of its element and
neither the label nor the place: what is the same as before is reused wherever it stands now. The family
itself has no code to run: its value is a mapping of labels to the values of its instances. Where labels
stand in paths of files and products, the path counts as that of any step does.
"""
from __future__ import annotations

import collections
import difflib
import fnmatch
import itertools
from typing import (
    Callable,
    Collection,
    Dict,
    FrozenSet,
    Iterable,
    Iterator,
    List,
    Mapping,
    Optional,
    Sequence,
    Set,
    Tuple,
)

from ..errors import NoInstance, PipelineError, quoted
from ..hashing.digest import digest_bytes
from ..model import Artifact, Axis, Digest, StepFacts, Trace, base_of, part_name
from ..pipeline.paths import Products
from ..pipeline.templates import paths_of
from ..state.parts import CODEC, Part, dump, output_of

#: gives the parts of a step's value: name of the part -> artifact
PartsOf = Callable[[str], Mapping[str, Artifact]]


def label_of(name: str) -> str:
    """Return the label of a part or an instance."""
    return name.partition("[")[2][:-1]


def instances(facts: StepFacts, parts_of: PartsOf) -> Tuple[StepFacts, ...]:
    """Return the instances of a family, in the order of its elements; raises PipelineError where axes don't fit."""
    if facts.family is None:
        raise ValueError(f"{facts.name} is no family")
    names: Dict[str, Sequence[str]] = {axis.parameter: list(parts_of(axis.step)) for axis in facts.family.axes if axis.step}
    members: List[List[Tuple[Axis, int]]] = [
        [(axis, number) for number in range(len(names[axis.parameter] if axis.step else axis.values))] for axis in facts.family.axes]
    if facts.family.zipped and len({len(each) for each in members}) > 1:
        told = ", ".join(f"`{axis.parameter}` {len(each)}" for axis, each in zip(facts.family.axes, members))
        raise PipelineError(f"step `{facts.name}` goes through pairs, and its parameters have not as many elements: {told}",
                            hint='give them equally many, or leave out each="zip" for all combinations')
    combined = zip(*members) if facts.family.zipped else itertools.product(*members)
    found = tuple([_instance(facts, chosen, names) for chosen in combined])
    if len(facts.family.axes) > 1:      # labels along one axis differ; joined ones need not: "a" with "b,c", and "a,b" with "c"
        counted = collections.Counter(each.name for each in found)
        twice = next((name for name, often in counted.items() if often > 1), None)
        if twice is not None:
            raise PipelineError(f"step `{facts.name}` has two instances that are called `{twice}`",
                                hint="labels with commas can't be told apart when they are joined: give the elements other labels")
    return found


def named(facts: StepFacts, all_of_them: Sequence[StepFacts], only: Optional[FrozenSet[str]], force: Iterable[str]) -> Tuple[StepFacts, ...]:
    """Return the instances that are wanted of a family; raises NoInstance where one is named that it has not.

    `only` are the names or patterns of the wanted ones, None for all; `force` are those of any steps that must run.
    """
    names = dict.fromkeys([each.name for each in all_of_them])
    wanted = names if only is None else meant(facts.name, names, only)
    forced = meant(facts.name, names, [word for word in force if word != facts.name and base_of(word) == facts.name])
    return tuple([each._replace(forced=True) if each.name in forced else each for each in all_of_them if each.name in wanted])


def meant(family: str, names: Collection[str], words: Iterable[str]) -> Set[str]:
    """Return the names that words such as ``fit[de]`` or ``fit[u*]`` mean: a label that there is comes before a pattern.

    The only place that tells that there is no such instance; raises NoInstance then.
    """
    found: Set[str] = set()
    for word in sorted(words):
        fitting = [word] if word in names else [name for name in names if fnmatch.fnmatchcase(label_of(name), label_of(word))]
        if not fitting:
            # by the labels: the names have their beginning in common
            close = [part_name(family, label) for label in difflib.get_close_matches(label_of(word), map(label_of, names), n=1)]
            raise NoInstance(f"`{family}` has no instance `{word}`",
                             hint=f"did you mean `{close[0]}`?" if close else f"`deepwatch status -v {quoted(family)}` lists them")
        found.update(fitting)
    return found


class Claims:
    """Which instance writes which path: no two may write the same, and labels that a step gives are known only when it has run.

    `produced` are the paths that are known before: those were compared when the pipeline was loaded.
    """

    def __init__(self, produced: Mapping[str, str]) -> None:
        self._produced = produced
        self._products: Optional[Products] = None

    def taken(self, facts: StepFacts, members: Tuple[StepFacts, ...]) -> Tuple[StepFacts, ...]:
        """Return the instances of a family; raises PipelineError where one would write what something else writes, or a sibling reads."""
        family = facts.family
        if family is None or family.is_given or not family.templates.products:
            return members
        if self._products is None:
            self._products = Products(self._produced)
        for member in members:
            for _, path in member.products:
                self._products.add_of_instance(path, member.name)
        for member in members:
            self._products.makers(member.name, [path for _, path in member.files])
        return members


def _instance(facts: StepFacts, chosen: Tuple[Tuple[Axis, int], ...], names: Mapping[str, Sequence[str]]) -> StepFacts:
    params, upstreams, labels, shown = list(facts.params), list(facts.upstreams), [], []
    for axis, number in chosen:
        if axis.step:
            part = names[axis.parameter][number]
            upstreams.append((axis.parameter, part))
            shown.append(part[len(axis.step) + 1:-1])
        else:
            label, param = axis.values[number]
            params.append(param)
            labels.append((axis.parameter, label))
            shown.append(label)
    made = facts._replace(name=part_name(facts.name, ",".join(shown)), params=tuple(sorted(params)), upstreams=tuple(sorted(upstreams)),
                          parts=None, family=None, labels=tuple(labels))
    templates = facts.family.templates if facts.family is not None else None
    if not templates or not any(templates):
        return made
    by_parameter = dict(zip([axis.parameter for axis, _ in chosen], shown))
    return made._replace(files=tuple(sorted([*facts.files, *paths_of(templates.files, by_parameter, made.name, False)])),
                         products=tuple(sorted(paths_of(templates.products, by_parameter, made.name, True))))


def gathered(facts: StepFacts, members: Sequence[str], made: Callable[[str], Artifact]) -> Tuple[Trace, bytes]:
    """Return the trace of a family whose instances are done, given the names of these and what they made, and the manifest that is its value."""
    def parts() -> Iterator[Part]:
        return (Part(label_of(name), made(name)) for name in members)

    data = dump("family", parts())
    artifact = Artifact(output_of("family", parts()), digest_bytes(data), len(data), CODEC)
    # it has no key of its own: whether it is fresh is a question of its instances
    return Trace(facts.name, Digest(""), facts.fingerprint.digest, facts.fingerprint.root, facts.params, (), (), artifact), data
