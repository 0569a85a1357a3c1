"""Random pipelines with families, products and several outputs, and what each run of them has to do.

A `World` is a model of a project: sources that give elements by label, families over them, consumers. It
renders to files. `expected` is a naive runner: it says what each step gives and which files there are,
and what each execution depends on, without any use of deepwatch.
"""
from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

#: the labels and their values, in the order in which a source gives them
Elements = Tuple[Tuple[str, int], ...]
#: what an execution depends on whose result is not kept
_NEVER_THE_SAME = itertools.count()


class Source(NamedTuple):
    """What families go through: `rN`, a step, or elements that the family itself declares."""

    kind: str                  # dict | list | generator | output: what the step returns; given: no step, a dict in Each
    elements: Elements
    from_file: bool            # whether the step reads its elements from data/rN.json

    @property
    def labels(self) -> Tuple[str, ...]:
        """The labels by which instances are called: those of a list are places."""
        return tuple(label if self.kind in ("dict", "given") else str(place) for place, (label, _) in enumerate(self.elements))

    @property
    def values(self) -> Tuple[int, ...]:
        return tuple(value for _, value in self.elements)


class Family(NamedTuple):
    """A family `fN`."""

    axes: Tuple[str, ...]      # names of sources (rN) or of families before it (fN)
    zipped: bool
    literal: int
    helper: int                # which helper it calls
    reads: bool                # a file by the label of its first axis: in/LABEL.txt
    writes: bool               # a product by label
    modulus: int               # a small one gives early cutoff
    factor: Optional[int]      # a param
    raises: bool               # on elements that are divisible by 7
    cached: bool = True


class Consumer(NamedTuple):
    """A step `cN` that takes a whole family, or reads what it wrote."""

    family: int
    how: str                   # sum | some | labels | folder
    literal: int


class World(NamedTuple):
    """A whole project."""

    sources: Tuple[Source, ...]
    families: Tuple[Family, ...]
    consumers: Tuple[Consumer, ...]
    helpers: Tuple[int, ...]
    files: Tuple[Tuple[str, int], ...]         # content of in/LABEL.txt
    remarks: int = 0
    unused: int = 0

    def source(self, axis: str) -> Source:
        return self.sources[int(axis[1:])]

    def writes(self, family: int) -> bool:
        """Whether a family has products: a path needs labels that can stand in it."""
        return self.families[family].writes


# -- rendering ------------------------------------------------------------------------------------

def _each(world: World, axis: str) -> str:
    if axis[0] == "f":
        return f"Each({axis!r})"
    source = world.source(axis)
    if source.kind == "given":
        return f"Each({dict(source.elements)!r})"
    return f"Each({axis + '.one' if source.kind == 'output' else axis!r})"


def _source(number: int, source: Source, used: bool) -> str:
    if source.kind == "given":
        return ""
    head = "@step(outputs=['one', 'two'])" if source.kind == "output" else "@step"
    if source.from_file:
        parameter, pairs = f"path=File('data/r{number}.json')", "json.loads(path.read_text())"
    else:
        parameter, pairs = "", repr([list(each) for each in source.elements])
    body = {"dict": "    return {label: value for label, value in pairs}\n",
            "list": "    return [value for _, value in pairs]\n",
            "generator": "    yield from [value for _, value in pairs]\n",
            "output": "    return [value for _, value in pairs], len(pairs)\n"}[
                "list" if source.kind == "generator" and not used else source.kind]     # nobody can store a generator as a whole
    return f"{head}\ndef r{number}({parameter}):\n    pairs = {pairs}\n{body}"


def _family(world: World, number: int) -> str:
    family = world.families[number]
    parameters = [f"x{place}={_each(world, axis)}" for place, axis in enumerate(family.axes)]
    lines = [f"    total = {family.literal}"]
    lines += [f"    total = total * 31 + x{place}" for place in range(len(family.axes))]
    if family.raises:
        lines += ["    if x0 % 7 == 0:", "        raise ValueError('seven')"]
    if family.reads:
        parameters.append("src=File('in/{x0}.txt')")
        lines.append("    total += int(src.read_text())")
    if family.factor is not None:
        parameters.append("factor=1")
        lines.append("    total *= factor")
    lines += [f"    total += help{family.helper}(total)", f"    total %= {family.modulus}"]
    if family.writes:
        places = "{x0}" if family.zipped else "-".join(f"{{x{place}}}" for place in range(len(family.axes)))
        parameters.append(f"out=Product('out{number}/{places}.txt')")
        lines.append("    out.write_text(str(total))")
    options = [option for option, on in (("each='zip'", family.zipped), ("cache=False", not family.cached)) if on]
    head = f"@step({', '.join(options)})" if options else "@step"
    return f"{head}\ndef f{number}({', '.join(parameters)}):\n" + "\n".join([*lines, "    return total"]) + "\n"


def _consumer(number: int, consumer: Consumer) -> str:
    family = f"f{consumer.family}"
    if consumer.how == "folder":
        return (f"@step\ndef c{number}(folder=File('out{consumer.family}')):\n"
                f"    return [{consumer.literal}, [[each.name, int(each.read_text())] for each in sorted(folder.iterdir())]]\n")
    body = {"sum": f"[{consumer.literal}, sum({family}.values())]",
            "some": f"[{consumer.literal}, [{family}[label] for label in list({family})[:1]]]",
            "labels": f"[{consumer.literal}, list({family})]"}[consumer.how]
    return f"@step\ndef c{number}({family}):\n    return {body}\n"


def render(world: World) -> Dict[str, str]:
    """The files of a world."""
    parts = ["# a remark\n" * world.remarks + "import json\n\nfrom deepwatch_flow import Each, File, Product, step\n"
             f"from helpers import {', '.join(f'help{n}' for n in range(len(world.helpers)))}\n"]
    used = {axis for family in world.families for axis in family.axes}
    parts += [_source(number, source, f"r{number}" in used) for number, source in enumerate(world.sources)]
    parts += [_family(world, number) for number in range(len(world.families))]
    parts += [_consumer(number, consumer) for number, consumer in enumerate(world.consumers)]
    files = {"pipeline.py": "\n\n".join(part for part in parts if part)}
    files["helpers.py"] = "\n\n".join(
        [f"def help{number}(x):\n    return x % {literal}\n" for number, literal in enumerate(world.helpers)]
        + [f"def unused{number}():\n    return {number}\n" for number in range(world.unused)])
    files["deepwatch.toml"] = "".join(f"[steps.f{number}.params]\nfactor = {family.factor}\n\n"
                                      for number, family in enumerate(world.families) if family.factor is not None)
    for number, source in enumerate(world.sources):
        if source.from_file:
            files[f"data/r{number}.json"] = json.dumps(source.elements)
    for label, content in world.files:
        files[f"in/{label}.txt"] = str(content)
    return files


def write(world: World, root: Path) -> None:
    """Write those files of a world that differ from what is there."""
    for name, text in render(world).items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
    for number in range(len(world.families)):
        (root / f"out{number}").mkdir(exist_ok=True)      # also where a family has no instances, and writes nothing


# -- what must be ---------------------------------------------------------------------------------

class Instance(NamedTuple):
    """One execution of a family: its value, None where it fails or can't be executed; what that depends on."""

    value: Optional[int]
    depends: Any
    product: Optional[str]
    blocked: bool = False


class Expected(NamedTuple):
    """What holds after a run."""

    families: Tuple[Optional[Dict[str, Instance]], ...]    # None: it can't be gone through
    consumers: Tuple[Any, ...]                             # the value of each, None for one that is blocked
    depends: Tuple[Any, ...]                               # what that of each depends on
    sources: Tuple[Any, ...]                               # what the value of each depends on


def expected(world: World) -> Expected:
    """Run a world as a naive runner does."""
    done: List[Optional[Dict[str, Instance]]] = []
    for number in range(len(world.families)):
        done.append(_run_family(world, number, done))
    values, depends = [], []
    for consumer in world.consumers:
        made = done[consumer.family]
        good = made is not None and all(each.value is not None for each in made.values())
        values.append(_consumed(consumer, made) if good else None)
        depends.append((consumer, [(label, each.value, each.product) for label, each in made.items()] if consumer.how != "folder" else
                        sorted((each.product, each.value) for each in made.values())) if good else None)
    return Expected(tuple(done), tuple(values), tuple(depends), tuple(world.sources))


def _gone_through(world: World, axis: str, done: List[Any]) -> Optional[List[Tuple[str, Optional[int]]]]:
    if axis[0] == "r":
        source = world.source(axis)
        return list(zip(source.labels, source.values))
    made = done[int(axis[1:])]
    if made is None or any(each.value is None for each in made.values()):
        return None
    return [(label, each.value) for label, each in made.items()]


def _run_family(world: World, number: int, done: List[Any]) -> Optional[Dict[str, Instance]]:
    family = world.families[number]
    axes = [_gone_through(world, axis, done) for axis in family.axes]
    if any(axis is None for axis in axes):
        return None
    if len(axes) == 1:
        combined = [(each,) for each in axes[0]]
    elif family.zipped:
        if len({len(axis) for axis in axes}) > 1:
            return None
        combined = list(zip(*axes))
    else:
        combined = [(left, right) for left in axes[0] for right in axes[1]]
    found = {}
    for chosen in combined:
        labels = [label for label, _ in chosen]
        found[",".join(labels)] = _instance(world, number, labels, [value for _, value in chosen])
    return found


def _instance(world: World, number: int, labels: List[str], values: List[int]) -> Instance:
    family = world.families[number]
    total = family.literal
    for value in values:
        total = total * 31 + value
    path = f"in/{labels[0]}.txt" if family.reads else None
    content = dict(world.files).get(labels[0]) if family.reads else None
    product = None
    if family.writes:
        product = f"out{number}/{labels[0] if family.zipped else '-'.join(labels)}.txt"
    depends = (number, family._replace(axes=(), zipped=False, cached=True), world.helpers[family.helper], values, path, content, product,
               None if family.cached else next(_NEVER_THE_SAME))
    if family.reads and content is None or family.raises and values[0] % 7 == 0:
        return Instance(None, depends, product)
    total = (total + (content or 0)) * (1 if family.factor is None else family.factor)
    return Instance((total + total % world.helpers[family.helper]) % family.modulus, depends, product)


def _consumed(consumer: Consumer, made: Dict[str, Instance]) -> Any:
    values = {label: each.value for label, each in made.items()}
    if consumer.how == "sum":
        return [consumer.literal, sum(values.values())]
    if consumer.how == "some":
        return [consumer.literal, list(values.values())[:1]]
    if consumer.how == "labels":
        return [consumer.literal, list(values)]
    return [consumer.literal, sorted([each.product.rpartition("/")[2], each.value] for each in made.values())]


# -- at random ------------------------------------------------------------------------------------

LABELS = ("a", "b", "c d", "ü", "e*", "f,g", "H!", "@i", "2")
_MODULI = (3, 10007)


def some_elements(rng: Any) -> Elements:
    """Return elements with different labels, in any order, values among few: equal ones occur."""
    labels = rng.sample(LABELS, rng.choice((0, 1, 2, 2, 3, 4)))
    return tuple((label, rng.randint(1, 9)) for label in labels)


def random_world(rng: Any) -> World:
    """Return a project."""
    sources = []
    for _ in range(rng.randint(1, 3)):
        kind = rng.choice(("dict", "dict", "list", "generator", "output", "given"))
        sources.append(Source(kind, some_elements(rng), rng.random() < .4 and kind != "given"))
    families: List[Family] = []
    for number in range(rng.randint(1, 3)):
        axes = [f"r{rng.randrange(len(sources))}" if number == 0 or rng.random() < .6 else f"f{rng.randrange(number)}"]
        if rng.random() < .3:
            axes.append(f"r{rng.randrange(len(sources))}")
        families.append(Family(tuple(axes), len(axes) > 1 and rng.random() < .4, rng.randint(2, 99), rng.randrange(2),
                               axes[0][0] == "r" and rng.random() < .4, rng.random() < .5, rng.choice(_MODULI),
                               rng.choice((None, rng.randint(2, 9))), rng.random() < .3, rng.random() < .9))
    consumers = []
    for _ in range(rng.randint(1, 3)):
        family = rng.randrange(len(families))
        how = rng.choice(("sum", "some", "labels", "folder"))
        consumers.append(Consumer(family, "sum" if how == "folder" and not families[family].writes else how, rng.randint(2, 99)))
    files = [(label, rng.randint(1, 9)) for label in (*LABELS, "0", "1", "3")]
    return World(tuple(sources), tuple(families), tuple(consumers), (rng.randint(2, 99), rng.randint(2, 99)), tuple(files))


def _at(items: Any, index: int, new: Any) -> Any:
    return (*items[:index], new, *items[index + 1:])


def random_edit(rng: Any, world: World, past: List[World]) -> World:
    """Return the project after one edit: of elements mostly, else of code, files, params or nothing that counts."""
    kind = rng.choice(("elements", "elements", "elements", "file", "helper", "literal", "factor", "raises", "consumer", "remark", "unused", "undo"))
    if kind == "undo":
        return rng.choice(past)
    if kind == "elements":
        number = rng.randrange(len(world.sources))
        return world._replace(sources=_at(world.sources, number, _with_other_elements(rng, world.sources[number])))
    if kind == "file":
        number = rng.randrange(len(world.files))
        return world._replace(files=_at(world.files, number, (world.files[number][0], rng.randint(1, 9))))
    if kind == "helper":
        return world._replace(helpers=_at(world.helpers, rng.randrange(2), rng.randint(2, 99)))
    if kind in ("literal", "factor", "raises"):
        number = rng.randrange(len(world.families))
        family = world.families[number]
        new = {"literal": {"literal": rng.randint(2, 99)}, "raises": {"raises": not family.raises},
               "factor": {"factor": None if family.factor is None else rng.randint(2, 9)}}[kind]
        return world._replace(families=_at(world.families, number, family._replace(**new)))
    if kind == "consumer":
        number = rng.randrange(len(world.consumers))
        return world._replace(consumers=_at(world.consumers, number, world.consumers[number]._replace(literal=rng.randint(2, 99))))
    return world._replace(remarks=rng.randrange(3)) if kind == "remark" else world._replace(unused=rng.randrange(3))


def _with_other_elements(rng: Any, source: Source) -> Source:
    elements = list(source.elements)
    kind = rng.choice(("change", "remove", "add", "rename", "shuffle"))
    free = [label for label in LABELS if label not in dict(elements)]
    place = rng.randrange(len(elements)) if elements else 0
    if kind == "add" or not elements:
        elements.insert(rng.randint(0, len(elements)), (rng.choice(free), rng.randint(1, 9)))
    elif kind == "change":
        elements[place] = (elements[place][0], rng.randint(1, 9))
    elif kind == "remove":
        del elements[place]
    elif kind == "rename":
        elements[place] = (rng.choice(free), elements[place][1])
    else:
        rng.shuffle(elements)
    return source._replace(elements=tuple(elements))
