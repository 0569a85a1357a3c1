"""What each parameter of a step means: a file, a product, an upstream step, or a param.

The order of the decision: a marker as default, then `needs`, then the name of a step, then a value
from the settings or the default; else it is an error, with the nearest name as a hint. Where the
paths of files and products may lie is decided in ``paths``.
"""
from __future__ import annotations

import inspect
import os
from types import FunctionType
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Tuple, Union

from ..errors import ConfigError, PipelineError
from ..model import Template, part_name
from .hints import nearest
from .paths import file_path, path_text, product_path
from .step import Each, File, Product, Step
from .templates import marked, missing_places, template_of

#: stands for "no default"
_NONE: Any = inspect.Parameter.empty


class Parameters(NamedTuple):
    """The parameters of one step, sorted by meaning."""

    params: Dict[str, Any]
    files: Dict[str, str]
    products: Dict[str, str]
    upstreams: Dict[str, str]
    each: Dict[str, Union[str, Dict[str, Any]]]    #: the step whose value's elements, or the values by label
    file_templates: List[Template]                 #: of a family: paths with places for labels
    product_templates: List[Template]


class Names(NamedTuple):
    """The steps of a pipeline, as parameters, `needs` and `after` may name them."""

    steps: Mapping[str, Step]
    by_function: Mapping[int, List[str]]        #: id of a step's function -> the steps made of it

    def of(self, step: Step, needed: Any) -> str:
        """Return the name of a step that `step` names in `needs` or `after`."""
        if isinstance(needed, str):
            for scope in step.scopes:
                name = scope + needed
                found = name if name in self.steps else self._part(step, name)
                if found is not None:
                    return found
            raise PipelineError(f"step `{step.name}` needs `{needed}`, and there is no such step",
                                hint=nearest(needed, self.steps))
        if isinstance(needed, Step):
            return self._declared(step, needed)
        found = self._one_of(step, self.by_function.get(id(needed), []), "a function that is several steps")
        if found is not None:
            return found
        raise PipelineError(f"step `{step.name}` needs {_told(needed)}, which is no step", hint="decorate it with @step, or name a step by its name")

    def by_parameter(self, step: Step, parameter: str, has_default: bool) -> Optional[str]:
        """Return the step that a parameter names: one of the same file, else, without a default, one of those that include it."""
        for scope in step.scopes[:1] if has_default else step.scopes:
            name = scope + parameter
            if name in self.steps and name != step.name:
                return name
        return None

    def _declared(self, step: Step, needed: Step) -> str:
        """Return the name of a step that `step` names by the object that was declared."""
        known = self.steps.get(needed.name)
        if known is needed:
            return needed.name
        # a step that was included, or that went through a pickle, is another object of the same function
        several = [name for name in self.by_function.get(id(needed.function), ()) if self.steps[name].own_name == needed.own_name]
        found = self._one_of(step, several, f"`{needed.name}`, which is included several times")
        if found is not None:
            return found
        raise PipelineError(f"step `{step.name}` needs `{needed.name}`, which is a step of another pipeline",
                            hint="import the module that declares it while the pipeline loads")

    def _one_of(self, step: Step, several: List[str], what: str) -> Optional[str]:
        """Return which of several steps of one function is meant, None without any; raises PipelineError where that is not certain."""
        for scope in step.scopes if len(several) > 1 else ():
            inside = [name for name in several if self.steps[name].scopes[0] == scope]
            if len(inside) == 1:
                return inside[0]
        if len(several) > 1:
            raise PipelineError(f"step `{step.name}` needs {what}: {', '.join(several)}", hint="name the step by its name")
        return several[0] if several else None

    def _part(self, step: Step, needed: str) -> Optional[str]:
        """Return the name of a declared output that `needs` names as ``STEP.LABEL`` or ``STEP[LABEL]``."""
        base, _, label = needed[:-1].partition("[") if needed.endswith("]") else needed.rpartition(".")
        made = self.steps.get(base)
        if made is None or not made.options["outputs"]:
            return None
        if label not in made.options["outputs"]:
            raise PipelineError(f"step `{step.name}` needs `{needed}`, and `{base}` has no such output",
                                hint=nearest(label, made.options["outputs"]) or f"its outputs: {', '.join(made.options['outputs'])}")
        return part_name(base, label)


def classify(step: Step, names: Names, settings: Mapping[str, Any], root: str) -> Parameters:
    """Return what a step's parameters mean."""
    found = Parameters({}, {}, {}, {}, {}, [], [])
    needs = {parameter: names.of(step, needed) for parameter, needed in step.needs.items()}
    parameters, open_ended = _signature(step, root)
    axes = [name for name, default in parameters.items() if isinstance(default, Each)]
    for name, default in parameters.items():
        if isinstance(default, (File, Product)):
            _place_marker(found, step, name, default, (root, axes))
        elif isinstance(default, Each):
            found.each[name] = _gone_through(step, name, default, names)
        elif name in needs:
            found.upstreams[name] = needs[name]
        elif (named := names.by_parameter(step, name, default is not _NONE)) is not None:
            found.upstreams[name] = named
        elif name in settings:
            found.params[name] = settings[name]
        elif default is not _NONE:
            if default is File or default is Product:
                raise PipelineError(f"parameter `{name}` of step `{step.name}`{_where(step, root)} has no path",
                                    hint=f'write {name}={default.__name__}("path/of/the/file")')
            found.params[name] = default
        else:
            raise _without_meaning(step, name, parameters, names, root)
    _check_each(found, step, root)
    _check_needs(found, step, needs, parameters, open_ended)
    _check_settings(found, step, settings, parameters, open_ended)
    return found


def _check_each(found: Parameters, step: Step, root: str) -> None:
    if not found.each:
        return
    paths = [(path, None) for path in found.products.values()] + [(each.shown, each) for each in found.product_templates]
    for path, template in paths:
        missing = missing_places(template, found.each, step.options["each"] == "zip")
        if missing:
            places = "".join(f"{{{axis}}}" for axis in missing)
            raise PipelineError(f"step `{step.name}`{_where(step, root)} has instances, and several would write the same product `{path}`",
                                hint=f"give each a path of its own by its label: put {places} into it; or return the value, "
                                     "and write the file in a step that takes all of them")
    if step.options["outputs"]:
        raise PipelineError(f"step `{step.name}`{_where(step, root)} has both Each and outputs", hint="return a dict from each instance")


def _gone_through(step: Step, name: str, each: Any, names: Names) -> Union[str, Dict[str, Any]]:
    """Return the step whose value's elements a parameter goes through, or the declared values by label."""
    source = each.source
    if callable(source) and not isinstance(source, Step) and id(source) not in names.by_function:
        raise PipelineError(f"parameter `{name}` of step `{step.name}` goes through {_told(source)}, which is no step",
                            hint="give Each the values themselves, a list or a dict, or a step that returns them")
    if isinstance(source, str) or callable(source):
        return names.of(step, source)
    if isinstance(source, dict):
        labelled = {str(label): value for label, value in source.items()}
    else:
        values = list(source)
        plain = all(isinstance(value, (str, int, float, bool, type(None))) for value in values)
        texts = [str(value) for value in values]
        if not plain or len(set(texts)) < len(texts):
            texts = [str(number) for number in range(len(values))]
        labelled = dict(zip(texts, values))
    if len(labelled) < len(source):
        raise PipelineError(f"parameter `{name}` of step `{step.name}` has two values with the same label", hint="give them other keys")
    odd = next((label for label in labelled if not label.isprintable() or not label.strip() or set("[]") & set(label)), None)
    if odd is not None:
        raise PipelineError(f"parameter `{name}` of step `{step.name}` has the label {odd!r}, which can't be shown or has brackets",
                            hint='give the values names: Each({"name": value})')
    return labelled


def _told(thing: Any) -> str:
    """Return what something is that is no step, without its address."""
    if isinstance(thing, FunctionType):
        return "a lambda" if thing.__name__ == "<lambda>" else f"the function `{thing.__qualname__}`"
    return f"a value of type `{type(thing).__name__}`"


def place(step: Step, root: str) -> str:
    """Return ``file:line`` of a step's definition, relative to the root, or empty where it has none."""
    if step.file is None:
        return ""
    below = step.file.startswith(os.path.join(root, ""))
    return f"{os.path.relpath(step.file, root) if below else step.file}:{step.line}"


def _place_marker(found: Parameters, step: Step, name: str, marker: Any, place: Tuple[str, List[str]]) -> None:
    root, axes = place
    if name in step.needs:
        raise PipelineError(f"parameter `{name}` of step `{step.name}`{_where(step, root)} is a {type(marker).__name__} "
                            "by its default and a step's value by `needs`", hint="drop one of them")
    kind = type(marker).__name__
    text = path_text(marker, step.name)
    if axes:
        text = marked(text, axes, f"{kind} `{name}` of step `{step.name}`{_where(step, root)}")
    place_of, paths, templates = (file_path, found.files, found.file_templates) if isinstance(marker, File) else (
        product_path, found.products, found.product_templates)
    path = place_of(text, step.name, root)
    template = template_of(name, path)
    if template is None:
        paths[name] = path
    else:
        templates.append(template)


def _check_needs(found: Parameters, step: Step, needs: Mapping[str, str], parameters: Mapping[str, Any],
                 open_ended: bool) -> None:
    for name in needs:
        if name not in parameters:
            if not open_ended:
                raise PipelineError(f"step `{step.name}` needs `{name}`, but has no such parameter",
                                    hint=nearest(name, parameters) or "add the parameter, or use after=[...]")
            found.upstreams[name] = needs[name]


def _check_settings(found: Parameters, step: Step, settings: Mapping[str, Any], parameters: Mapping[str, Any],
                    open_ended: bool) -> None:
    kinds = {"an input file": found.files, "a product": found.products, "the value of a step": found.upstreams}
    for name in settings:
        if name in found.params:
            continue
        for kind, members in kinds.items():
            if name in members:
                raise ConfigError(f"`{name}` of step `{step.name}` is {kind}, not a param: the settings can't give it",
                                  hint="change the declaration, or use another name")
        if not open_ended or name in parameters:
            raise ConfigError(f"step `{step.name}` has no param `{name}`",
                              hint=nearest(name, found.params) or f"its params: {', '.join(found.params) or 'none'}")
        found.params[name] = settings[name]


def _without_meaning(step: Step, name: str, parameters: Mapping[str, Any], names: Names, root: str) -> PipelineError:
    if name == step.own_name:
        return PipelineError(f"step `{step.name}` takes itself as its parameter `{name}`: a cycle, {name} -> {name}",
                             hint="give the parameter another name, and needs={...} to say which step it means")
    hint = nearest(name, names.steps) or f"declare a step `{name}`, or give the parameter a default"
    if name in ("self", "cls") and name == next(iter(parameters)):
        hint = "a method needs its object: declare the bound one, step(Model().fit), or make it a staticmethod"
    return PipelineError(f"parameter `{name}` of step `{step.name}`{_where(step, root)} is no step, has no default "
                         "and no value in the settings", hint=hint)


def _where(step: Step, root: str) -> str:
    told = place(step, root)
    return f" ({told})" if told else ""


# -- signatures -----------------------------------------------------------------------------------

def _signature(step: Step, root: str) -> Tuple[Dict[str, Any], bool]:
    """Return the defaults by parameter, and whether any further name is accepted."""
    function = step.function
    if type(function) is FunctionType and not function.__dict__:
        code = function.__code__
        if not getattr(code, "co_posonlyargcount", 0):
            return _plain_signature(function)
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError) as error:
        raise PipelineError(f"step `{step.name}`{_where(step, root)} has no readable signature: {error}",
                            hint="wrap it in a plain function") from error
    found: Dict[str, Any] = {}
    open_ended = False
    for each in signature.parameters.values():
        if each.kind is each.POSITIONAL_ONLY:
            raise PipelineError(f"parameter `{each.name}` of step `{step.name}`{_where(step, root)} can be given by "
                                "position only", hint="steps get their arguments by name: drop the `/`, or wrap it in a function")
        if each.kind is each.VAR_KEYWORD:
            open_ended = True
        elif each.kind is not each.VAR_POSITIONAL:
            found[each.name] = each.default
    return found, open_ended


def _plain_signature(function: FunctionType) -> Tuple[Dict[str, Any], bool]:
    # inspect.signature gives the same at five times the price, which ten thousand steps would feel
    code = function.__code__
    last = code.co_argcount + code.co_kwonlyargcount
    found: Dict[str, Any] = dict.fromkeys(code.co_varnames[:last], _NONE)
    defaults = function.__defaults__
    if defaults:
        found.update(zip(code.co_varnames[code.co_argcount - len(defaults):code.co_argcount], defaults))
    if function.__kwdefaults__:
        found.update(function.__kwdefaults__)
    return found, bool(code.co_flags & inspect.CO_VARKEYWORDS)
