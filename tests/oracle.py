"""Random pipelines, random edits, and a naive runner that always runs everything.

A `World` is a small model of a project: helper modules, steps, data files, params. It renders to
files, and `signature` says what a step's result depends on, so the model also knows exactly which
steps have to run after an edit: those whose signature was never executed before.
"""
from __future__ import annotations

import copy
import importlib
import inspect
import sys
from pathlib import Path
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Tuple

#: how a helper is written; the body is the same arithmetic in all of them
STYLES = ("def", "method", "partial", "lambda", "closure", "table", "default")


class Helper(NamedTuple):
    """A helper function `fN` of one module."""

    module: int
    style: str
    literal: int
    constant: bool                 # whether it uses its module's constant
    calls: Tuple[int, ...]         # helpers with a higher number
    local: str = "v"
    doc: str = ""


class StepModel(NamedTuple):
    """A step `sN`."""

    literal: int
    calls: Tuple[int, ...]
    upstreams: Tuple[int, ...]     # steps with a lower number
    data: Optional[int]            # the file it declares
    param: Optional[int]           # its value in deepwatch.toml; None: no param
    modulus: int                   # small ones give early cutoff
    mutates: bool                  # changes its upstream values in place


class World(NamedTuple):
    """A whole project."""

    helpers: Tuple[Helper, ...]
    steps: Tuple[StepModel, ...]
    constants: Tuple[int, ...]     # one a module
    data: Tuple[int, ...]
    comments: Tuple[int, ...]      # comment lines at the top of each module
    unused: Tuple[int, ...]        # unused functions in each module
    backwards: bool = False        # the order of the definitions in each module


# -- rendering ------------------------------------------------------------------------------------

def _called(world: World, module: Optional[int], number: int) -> str:
    """The text by which `module` (None: the pipeline) calls a helper: by name, or through its module."""
    target = world.helpers[number].module
    return f"f{number}" if target == module or number % 2 else f"h{target}.f{number}"


def _imports(world: World, module: Optional[int], calls: List[int]) -> str:
    lines = set()
    for number in calls:
        target = world.helpers[number].module
        if target != module:
            lines.add(f"from h{target} import f{number}" if number % 2 else f"import h{target}")
    return "".join(line + "\n" for line in sorted(lines))


def _helper(world: World, number: int) -> str:
    helper = world.helpers[number]
    terms = [f"x * {helper.literal}"] + ["SHIFT"] * helper.constant
    terms += [f"{_called(world, helper.module, other)}(x + {position})" for position, other in enumerate(helper.calls)]
    total = " + ".join(terms)
    body = (f'    """{helper.doc}"""\n' if helper.doc else "") + f"    {helper.local} = {total}\n" \
           f"    return {helper.local} % 10007\n"
    deeper = body.replace("\n    ", "\n        ").replace("    ", "        ", 1)
    name = f"f{number}"
    return {
        "def": f"def {name}(x):\n{body}",
        "method": f"class C{number}:\n    def run(self, x):\n{deeper}\n\ndef {name}(x):\n    return C{number}().run(x)\n",
        "partial": f"def base{number}(_, x):\n{body}\n\n{name} = functools.partial(base{number}, None)\n",
        "lambda": f"{name} = lambda x: ({total}) % 10007\n",
        "closure": f"def make{number}(scale):\n    def inner(x):\n{deeper.replace(str(helper.literal), 'scale', 1)}"
                   f"    return inner\n\n\n{name} = make{number}({helper.literal})\n",
        "table": f"def entry{number}(x):\n{body}\n\nTABLE{number} = {{'a': entry{number}}}\n\n\n"
                 f"def {name}(x):\n    return TABLE{number}['a'](x)\n",
        "default": f"def base{number}(x):\n{body}\n\ndef {name}(x, to=base{number}):\n    return to(x)\n",
    }[helper.style]


def _step(world: World, number: int) -> str:
    model = world.steps[number]
    parameters = [f"s{other}" for other in model.upstreams]
    if model.data is not None:
        parameters.append(f"path=File('data/d{model.data}.txt')")
    if model.param is not None:
        parameters.append("factor=1")
    lines = [f"    total = {model.literal}"]
    for other in model.upstreams:
        lines.append(f"    total += sum(s{other})")
        if model.mutates:
            lines += [f"    s{other}.append(total)", f"    total += len(s{other})"]
    if model.data is not None:
        lines.append("    total += int(path.read_text())")
    if model.param is not None:
        lines.append("    total *= factor")
    lines += [f"    total += {_called(world, None, other)}(total)" for other in model.calls]
    lines.append(f"    return [total % {model.modulus}, {number}]")
    return f"@step\ndef s{number}({', '.join(parameters)}):\n" + "\n".join(lines) + "\n"


def render(world: World) -> Dict[str, str]:
    """The files of a world."""
    files = {}
    for module, constant in enumerate(world.constants):
        numbers = [n for n, helper in enumerate(world.helpers) if helper.module == module]
        calls = [other for n in numbers for other in world.helpers[n].calls]
        parts = [f"SHIFT = {constant}\n"] + [_helper(world, n) for n in numbers]
        parts += [f"def unused{n}(x):\n    return x + {n}\n" for n in range(world.unused[module])]
        if world.backwards:
            parts.reverse()
        top = "# a remark\n" * world.comments[module] + "import functools\n" + _imports(world, module, calls)
        files[f"h{module}.py"] = top + "\n" + "\n\n".join(parts)
    calls = [other for step in world.steps for other in step.calls]
    files["pipeline.py"] = ("from deepwatch_flow import File, step\n" + _imports(world, None, calls) + "\n"
                            + "\n\n".join(_step(world, n) for n in range(len(world.steps))))
    files["deepwatch.toml"] = "".join(f"[steps.s{n}.params]\nfactor = {step.param}\n\n"
                                      for n, step in enumerate(world.steps) if step.param is not None)
    for n, content in enumerate(world.data):
        files[f"data/d{n}.txt"] = f"{content}\n"
    return files


def write(world: World, root: Path) -> None:
    """Write those files of a world that differ from what is there."""
    (root / "data").mkdir(parents=True, exist_ok=True)
    for name, text in render(world).items():
        path = root / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


# -- what must be --------------------------------------------------------------------------------

def run_everything(world: World, root: Path) -> Dict[str, Any]:
    """The naive runner: import the project afresh, call every step, share nothing."""
    importlib.invalidate_caches()
    before, old = set(sys.modules), sys.dont_write_bytecode
    sys.path.insert(0, str(root))
    sys.dont_write_bytecode = True
    try:
        pipeline = importlib.import_module("pipeline")
        values: Dict[str, Any] = {}
        for number, model in enumerate(world.steps):
            function: Callable[..., Any] = getattr(pipeline, f"s{number}").function
            arguments: Dict[str, Any] = {f"s{other}": copy.deepcopy(values[f"s{other}"]) for other in model.upstreams}
            if model.data is not None:
                arguments["path"] = root / inspect.signature(function).parameters["path"].default.path
            if model.param is not None:
                arguments["factor"] = model.param
            values[f"s{number}"] = function(**arguments)
        return values
    finally:
        sys.dont_write_bytecode = old
        sys.path.remove(str(root))
        for name in set(sys.modules) - before:
            if (getattr(sys.modules[name], "__file__", None) or "").startswith(str(root)):
                del sys.modules[name]


def signature(world: World, number: int, values: Dict[str, Any]) -> Any:
    """All that the result of a step depends on; `values` are those of its upstreams."""
    def helper(n: int) -> Any:
        model = world.helpers[n]
        return (n, model.style, model.literal, model.constant and world.constants[model.module],
                tuple(map(helper, model.calls)))

    model = world.steps[number]
    return repr((model._replace(data=None, calls=()), None if model.data is None else world.data[model.data],
                 [helper(n) for n in model.calls], [values[f"s{other}"] for other in model.upstreams]))
