"""What each parameter of a step means: a file, a product, an upstream step, or a param.

The order of the decision: a marker as default, then `needs`, then the name of a step, then a value
from the settings or the default; else it is an error, with the nearest name as a hint.
"""
from __future__ import annotations

import difflib
import inspect
import os
from typing import Any, Collection, Dict, List, Mapping, NamedTuple, Optional

from ..errors import ConfigError, PipelineError
from .step import File, Product, Step


class Parameters(NamedTuple):
    """The parameters of one step, sorted by meaning."""

    params: Dict[str, Any]
    files: Dict[str, str]
    products: Dict[str, str]
    upstreams: Dict[str, str]


class _Context(NamedTuple):
    """What decides the meaning of one step's parameters."""

    step: Step
    needs: Mapping[str, str]
    names: Collection[str]
    settings: Mapping[str, Any]
    root: str


def classify(step: Step, names: Collection[str], by_function: Mapping[int, List[str]], settings: Mapping[str, Any],
             root: str) -> Parameters:
    """Return what a step's parameters mean; `names` are those of all steps."""
    found = Parameters({}, {}, {}, {})
    needs = {parameter: step_name(step, needed, names, by_function) for parameter, needed in step.needs.items()}
    signature = _signature(step)
    context = _Context(step, needs, names, settings, root)
    open_ended = False
    for parameter in signature.parameters.values():
        if parameter.kind is parameter.VAR_POSITIONAL:
            continue
        if parameter.kind is parameter.VAR_KEYWORD:
            open_ended = True
            continue
        _place(found, parameter, context)
    for name in [each for each in needs if each not in signature.parameters]:
        if not open_ended:
            raise PipelineError(f"step `{step.name}` needs `{name}`, but has no such parameter",
                                hint=nearest(name, signature.parameters) or "add the parameter, or use after=[...]")
        found.upstreams[name] = needs[name]
    for name in settings:
        if name not in found.params:
            if open_ended and name not in signature.parameters:
                found.params[name] = settings[name]
                continue
            raise ConfigError(f"step `{step.name}` has no param `{name}`",
                              hint=nearest(name, found.params) or f"its params: {', '.join(found.params) or 'none'}")
    return found


def _place(found: Parameters, parameter: inspect.Parameter, context: _Context) -> None:
    step, needs, names, settings, root = context
    name, default = parameter.name, parameter.default
    if isinstance(default, File):
        found.files[name] = _path(default, step, root, inside=False)
    elif isinstance(default, Product):
        found.products[name] = _path(default, step, root, inside=True)
    elif name in needs:
        found.upstreams[name] = needs[name]
    elif name in names and name != step.name:
        found.upstreams[name] = name
    elif name in settings:
        found.params[name] = settings[name]
    elif default is not parameter.empty:
        found.params[name] = default
    elif name == step.name:
        raise PipelineError(f"step `{step.name}` takes itself as its parameter `{name}`: a cycle, {name} -> {name}",
                            hint="give the parameter another name, and needs={...} to say which step it means")
    else:
        raise PipelineError(
            f"parameter `{name}` of step `{step.name}`{_where(step, root)} is no step, has no default and no value in the settings",
            hint=nearest(name, names) or f"declare a step `{name}`, or give the parameter a default")


def step_name(step: Step, needed: Any, names: Collection[str], by_function: Mapping[int, List[str]]) -> str:
    """Return the name of a step that another one names in `needs` or `after`."""
    if isinstance(needed, str):
        if needed not in names:
            raise PipelineError(f"step `{step.name}` needs `{needed}`, and there is no such step",
                                hint=nearest(needed, names))
        return needed
    if isinstance(needed, Step):
        if needed.name in names:
            return needed.name
        raise PipelineError(f"step `{step.name}` needs `{needed.name}`, which is a step of another pipeline")
    found = by_function.get(id(needed), [])
    if len(found) == 1:
        return found[0]
    if found:
        raise PipelineError(f"step `{step.name}` needs a function that is several steps: {', '.join(found)}",
                            hint="name the step by its name")
    raise PipelineError(f"step `{step.name}` needs {needed!r}, which is no step", hint="decorate it with @step")


def nearest(name: str, names: Any) -> Optional[str]:
    """Return a did-you-mean, or None where nothing is near."""
    close = difflib.get_close_matches(name, [str(each) for each in names], n=1)
    return f"did you mean `{close[0]}`?" if close else None


def _signature(step: Step) -> inspect.Signature:
    try:
        return inspect.signature(step.function)
    except (TypeError, ValueError) as error:
        raise PipelineError(f"step `{step.name}` has no readable signature: {error}",
                            hint="wrap it in a plain function") from error


def _path(marker: Any, step: Step, root: str, inside: bool) -> str:
    kind = type(marker).__name__
    try:
        text = os.fspath(marker.path)
    except TypeError:
        text = None
    if not isinstance(text, str) or not text.strip() or "\0" in text:
        raise PipelineError(f"{kind} of step `{step.name}` has no usable path: {marker.path!r}", hint="give it a text or a Path")
    full = os.path.normpath(os.path.join(root, text))
    below = full == root or full.startswith(root.rstrip(os.sep) + os.sep)
    if full == root or (inside and not below):
        raise PipelineError(f"{kind} `{text}` of step `{step.name}` is not inside the project's folder",
                            hint="write products below the folder that pipeline.py is in")
    return (os.path.relpath(full, root) if below else full).replace(os.sep, "/")


def _where(step: Step, root: str) -> str:
    if step.file is None:
        return ""
    file = os.path.relpath(step.file, root) if step.file.startswith(root + os.sep) else step.file
    return f" ({file}:{step.line})"


def check_name(name: Any) -> None:
    """Raise PipelineError where a step's name is not usable."""
    if not isinstance(name, str) or not name.strip():
        raise PipelineError(f"a step has no usable name: {name!r}", hint="give it one: @step(name=\"...\")")
    if any(ord(char) < 32 or ord(char) == 127 for char in name):
        raise PipelineError(f"the step name {name!r} holds control characters", hint="use letters, digits, - and _")
