"""The arguments of one execution: params, paths, and the values of upstream steps."""
from __future__ import annotations

import copy
from pathlib import Path
from typing import Any, Callable, Dict

from ..model import Artifact
from ..pipeline.graph import StepNode
from ..state.codecs import is_immutable
from .calls import Call

#: gives an upstream step's value: (step, its artifact)
Take = Callable[[str, Artifact], Any]


def arguments_of(node: StepNode, call: Call, take: Take) -> Dict[str, Any]:
    """Return what a step's function is called with; params are copied, a step may change them."""
    arguments: Dict[str, Any] = {name: _copied(value) for name, value in node.params.items()}
    for name, path in paths_of(node, call).items():
        arguments[name] = Path(path)
    for parameter, label in call.labels:
        declared: Any = node.each[parameter]
        arguments[parameter] = _copied(declared[label])
    for parameter, step, artifact in call.upstreams:
        arguments[parameter] = take(step, artifact)
    return arguments


def paths_of(node: StepNode, call: Call) -> Dict[str, str]:
    """Return the paths of the files that a call is declared to read and to write, by their parameters."""
    return {**node.files, **node.products, **dict(call.files), **dict(call.products)}


def _copied(value: Any) -> Any:
    if is_immutable(value):
        return value
    try:
        return copy.deepcopy(value)
    except Exception:  # noqa: BLE001 - a lock, a connection: there is no copy, as there is none of a plain default
        return value
