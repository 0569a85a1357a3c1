"""Paths with places for labels: ``Product("out/{country}.csv")`` of a family is another file for each instance.

A place is the name of a parameter with `Each`, in braces; ``{{`` is a brace. What a label may be is
decided here, for labels that are declared and for those that a step has returned: it is a part of a
name, never a way to another folder. Pure.
"""
from __future__ import annotations

import itertools
import string
from typing import Any, Collection, Iterator, List, Mapping, Optional, Sequence, Tuple, Union

from ..errors import PipelineError
from ..model import Template, part_name
from .hints import nearest

#: stands on both sides of a parameter's name while a path is normalised; no path holds it
MARK = "\x01"
#: what deepwatch itself writes into a project
OURS = (".deepwatch", "deepwatch.lock")


def marked(text: str, axes: Collection[str], whose: str) -> str:
    """Return a declared path with marks around its places and without doubled braces; raises PipelineError for other braces."""
    pieces: List[str] = []
    try:
        parsed = list(string.Formatter().parse(text))
    except ValueError as error:
        raise PipelineError(f"the path `{text}` of {whose} has a brace that stands alone ({error})",
                            hint="write {{ or }} for a brace, {PARAMETER} for a label") from None
    for literal, field, form, conversion in parsed:
        pieces.append(literal)
        if field is None:
            continue
        if field not in axes or form or conversion:
            odd = "{" + field + (f"!{conversion}" if conversion else "") + (f":{form}" if form else "") + "}"
            close = nearest(field, axes) if field not in axes else None
            raise PipelineError(f"the path `{text}` of {whose} has {odd}, which is no parameter with Each",
                                hint=close or f"its parameters with Each: {', '.join(f'{{{axis}}}' for axis in axes)}; {{{{ is a brace")
        pieces.append(f"{MARK}{field}{MARK}")
    return "".join(pieces)


def shown(path: str) -> str:
    """Return a marked path as it was declared."""
    pieces = path.split(MARK)
    return Template("", tuple(pieces)).shown if len(pieces) > 1 else path


def template_of(parameter: str, path: str) -> Optional[Template]:
    """Return a marked path as a template, None for one without places."""
    return Template(parameter, tuple(path.split(MARK))) if MARK in path else None


def paths_of(templates: Sequence[Template], labels: Mapping[str, str], instance: str, products: bool) -> Iterator[Tuple[str, str]]:
    """Yield (parameter, path) of an instance; raises PipelineError for a label that can't stand in a path."""
    for template in templates:
        path = template.joined([labels[parameter] for parameter in template.parameters])
        why = _unusable(template, labels, path) or (_forbidden(path) if products else None)
        if why is not None:
            raise PipelineError(f"`{instance}` can't have the path `{template.shown}`: {why}",
                                hint="labels that stand in paths are names of files: let them be the keys of a dict, and choose these")
        yield template.parameter, path


def _unusable(template: Template, labels: Mapping[str, str], path: str) -> Optional[str]:
    """Tell why labels can't stand in a path; None where they can."""
    for parameter in template.parameters:
        label = labels[parameter]
        if not label.strip() or not label.isprintable():
            return f"the label {label!r} of `{parameter}` is empty or can't be shown"
        odd = next((char for char in "/\\" if char in label), None)
        if odd is not None:
            return f"the label `{label}` of `{parameter}` has a {odd} in it, which leads to another folder"
    # dots alone: the declared path has been normalised, so they come of a label
    if any(part in (".", "..") for part in path.split("/")[template.pieces[0].count("/"):]):
        return f"`{path}` leads to another folder"
    return None


def _forbidden(path: str) -> Optional[str]:
    if path.split("/", 1)[0].casefold() in OURS:
        return f"`{path}` is where deepwatch keeps its own files"
    return f"`{path}` has a drive, on some systems" if path[1:2] == ":" else None


def given_labels(each: Mapping[str, Union[str, Mapping[str, Any]]], zipped: bool) -> Iterator[Mapping[str, str]]:
    """Yield the labels of each instance by parameter, in their order, where all are declared; nothing where a step gives some."""
    axes = sorted(each.items())
    if any(isinstance(source, str) for _, source in axes):
        return
    labels = [list(source) for _, source in axes]
    for chosen in zip(*labels) if zipped else itertools.product(*labels):
        yield dict(zip([parameter for parameter, _ in axes], chosen))


def name_of(family: str, labels: Mapping[str, str]) -> str:
    """Return the name of an instance by its labels, in the order of its family's axes."""
    return part_name(family, ",".join(labels.values()))


def missing_places(template: Optional[Template], axes: Collection[str], zipped: bool) -> List[str]:
    """Return the parameters without whose labels a path would be that of several instances."""
    without = [axis for axis in axes if template is None or axis not in template.parameters]
    return [] if zipped and len(without) < len(axes) else without
