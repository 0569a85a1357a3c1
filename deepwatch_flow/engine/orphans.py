"""Orphans: files that steps or instances wrote as products, and that are products of nothing now.

A label that is gone, a step that was removed or renamed, a product that another branch does not declare:
the file stays, since only its owner knows whether it may go, and whoever reads its folder counts it. Only
a file that still is as it was recorded is an orphan; what was edited since is somebody's own.
"""
from __future__ import annotations

import os
from contextlib import suppress
from typing import Callable, Collection, Dict, Iterable, List, Mapping, Optional, Sequence, Set, Tuple

from ..events import Notice
from ..model import Digest, Orphan, Template, Trace, base_of
from ..pipeline.graph import StepGraph, StepNode
from ..pipeline.paths import folders_of, may_meet
from ..pipeline.templates import given_labels, paths_of
from ..state import disk

#: so many orphans are named in a notice
_SHOWN = 3


def orphans_of(recorded: Mapping[str, Sequence[Trace]], graph: StepGraph, settled: Mapping[str, Trace],
               digest_of: Callable[[str], Optional[Digest]]) -> Tuple[Orphan, ...]:
    """Return the orphans among what the recorded executions of this place wrote.

    `settled` are the traces by which steps, instances and families are done: the files of a family whose labels
    a step gives are known by these alone, and as long as they are not, none that fits is an orphan.
    """
    wrote: Dict[str, Dict[Digest, str]] = {}
    for step, traces in recorded.items():
        for trace in traces:
            for product in trace.products:
                wrote.setdefault(product.path, {}).setdefault(product.blob, step)      # the latest comes first
    if not wrote:
        return ()
    declared = _Declared(graph, settled)
    found = []
    for path, steps in wrote.items():
        digest = digest_of(path) if not declared.has(path) else None
        if digest in steps:
            found.append(Orphan(path, steps[digest]))
    return tuple(sorted(found))


def notices(orphans: Sequence[Orphan]) -> List[Notice]:
    """Return what is to be told of orphans: one notice, or none."""
    if not orphans:
        return []
    listed = ", ".join(f"`{each.path}` of `{each.step}`" for each in orphans[:_SHOWN])
    more = f" and {len(orphans) - _SHOWN} more" if len(orphans) > _SHOWN else ""
    return [Notice(f"left over from steps or instances that there are no more: {listed}{more}",
                   "`deepwatch clean --orphans` removes what is as it was written; until then whoever reads its folder counts it",
                   subject="orphans")]


class _Declared:
    """The paths that steps declare now."""

    def __init__(self, graph: StepGraph, settled: Mapping[str, Trace]) -> None:
        self._products: Set[str] = set(graph.products.writers)      # with those of labels that are declared
        self._inputs: Set[str] = set()                              # not what lies in such a folder
        self._open: List[Template] = []
        later: Dict[str, StepNode] = {}
        for name, node in graph.nodes.items():
            self._inputs.update(node.files.values())
            if any(isinstance(source, str) for source in node.each.values()):
                later[name] = node
            elif node.templates.files:
                for labels in given_labels(node.each, node.step.options["each"] == "zip"):
                    self._inputs.update(path for _, path in paths_of(node.templates.files, labels, name, False))
        for name, node in later.items():
            if name not in settled:
                self._open += [*node.templates.files, *node.templates.products]
        for name, trace in settled.items():
            if base_of(name) != name and base_of(name) in later:
                self._inputs.update(each.path for each in trace.inputs)
                self._products.update(_roots(later[base_of(name)].templates.products, trace))

    def has(self, path: str) -> bool:
        """Tell whether a file is, or may be, a product, something in one, or an input."""
        return (path in self._products or path in self._inputs or any(folder in self._products for folder in folders_of(path))
                or any(may_meet(template, path) for template in self._open))


def _roots(templates: Sequence[Template], trace: Trace) -> Iterable[str]:
    """Return the declared products of an instance, by the files that it wrote: a label is no longer than one name in a path."""
    for template in templates:
        depth = template.shown.count("/") + 1
        for product in trace.products:
            if may_meet(template, product.path):
                yield "/".join(product.path.split("/")[:depth])


def remove(root: str, orphans: Iterable[Orphan], digest_of: Callable[[str], Optional[Digest]], recorded: Mapping[str, Sequence[Trace]],
           graph: StepGraph) -> List[str]:
    """Remove orphans that still are as they were recorded, and the folders that are empty then; return the paths of the files.

    A folder stays that a step declares, or was seen to look into: it would miss it.
    """
    kept = {*graph.products.writers, *(path for node in graph.nodes.values() for path in node.files.values())}
    kept.update(each.path for traces in recorded.values() for trace in traces if trace.observation is not None for each in trace.observation.files)
    removed = []
    for orphan in orphans:
        path = os.path.join(root, orphan.path)
        blobs = {product.blob for trace in recorded.get(orphan.step, ()) for product in trace.products if product.path == orphan.path}
        if os.path.islink(path) or digest_of(orphan.path) not in blobs:
            continue
        disk.remove(path)
        removed.append(orphan.path)
        _remove_empty(root, orphan.path, kept)
    return removed


def _remove_empty(root: str, path: str, kept: Collection[str]) -> None:
    with suppress(OSError):       # not empty, or somebody's link
        for folder in folders_of(path):
            if folder in kept:
                return
            os.rmdir(os.path.join(root, folder))
