"""What has to be watched for all steps of a project to stay fresh: the content of its watch list.

All that the ordinary way looks at before it says *fresh* is named here, once: settings, sources,
folders in which imports look, packages, what was observed of loading and of the steps, inputs,
products, values, lockfile, database. Something that can't be watched means that there is no list, and
that each command takes the ordinary way. Proof and format are in ``state.watchlist``.
"""
from __future__ import annotations

import marshal
import os
import sys
import time
from types import CodeType
from typing import Any, Dict, Iterable, Iterator, List, Mapping, Set, Tuple

from .analysis.fingerprint import Analysis
from .config import OBSERVED, PIPELINE_FILE, PYPROJECT, SETTINGS_FILE, Config
from .hooks import PROJECT_FILE
from .loading.distributions import Shelf, normalise
from .loading.moments import CLOCKS, names_read
from .model import Digest, Fresh, Observation, Plan, Trace, base_of, records
from .observation.seen import Seen
from .pipeline.graph import StepGraph, StepNode
from .pipeline.paths import may_meet
from .project import Project
from .state import watched
from .state.parts import blobs_of
from .state.store import LocalStore
from .state.watchlist import Builder, Doubtful, Names, names_now

#: files of an installed distribution that tell whose a module is, and which version
_METADATA = ("METADATA", "PKG-INFO", "RECORD", "direct_url.json", "top_level.txt")
#: files that any installed distribution may have, and that are asked of all of them
_OF_ALL = ("entry_points.txt", "direct_url.json")


class Opening:
    """What was true before a project was opened; to be made first."""

    def __init__(self, config: Config) -> None:
        self.start = watched.started
        self.opened_ns = time.time_ns()
        self.config = config
        folders = [config.root, *map(os.path.abspath, sys.path)] if self.start is not None else []
        self.names: Names = names_now(dict.fromkeys(folders))


def begin(opening: Opening, folder: str) -> Builder:
    """Return an empty list for a project, if it is of a kind that can be watched."""
    config, start = opening.config, opening.start
    if start is None:
        raise Doubtful("this process was not started as a command")
    if os.name == "nt":
        raise Doubtful("Windows has no time of change: content may differ under equal stamps")
    if folder != os.path.join(config.root, ".deepwatch") or not config.pipeline.endswith(".py"):
        raise Doubtful("only the usual store and pipelines in Python are watched")
    observe = {**OBSERVED, **config.observe}
    if not (observe["files"] and observe["env"]):
        raise Doubtful("what is read while the pipeline loads is not observed")
    return Builder(config.root, folder, start, opening.opened_ns)


# -- the settings and the code --------------------------------------------------------------------

def watch_project(builder: Builder, project: Project, opening: Opening, found_fresh: bool) -> None:
    """Watch what the pipeline's loading looked at; `found_fresh`: its values are those of another process."""
    if len(project.plugins.get_plugins()) > 1:
        raise Doubtful("plugins may do anything")
    _settings(builder, project.config.root, project.config.pipeline)
    _moments(project, found_fresh)
    for path, source in project.snapshot.sources.items():
        builder.source(path, source.data)
    for path in _other_code(project):
        builder.loaded(path)
    unknown = _names_nobody_imports(project)
    for folder in _import_folders(project):
        builder.importable(folder, opening.names, unknown.get(folder, frozenset()))
    for name in _named_variables(project.analysis):
        builder.variable(name)
    _loaded(builder, project.loaded, opening.names)
    # the scheme of digests is in there; our version is in the list's first line
    builder.loaded(os.path.abspath(records.__file__))


def _settings(builder: Builder, root: str, pipeline: str) -> None:
    """Watch what made this folder the root, and what was configured there."""
    for name in (SETTINGS_FILE, PYPROJECT, PROJECT_FILE, PIPELINE_FILE, "__init__.py"):
        path = os.path.join(root, name)
        if not os.path.lexists(path):
            builder.absent(path)
        elif name in (SETTINGS_FILE, PYPROJECT):
            builder.content(path)       # read again by whoever asks for the list
        else:
            builder.kind(path, "file")
    if not (os.path.isfile(os.path.join(root, SETTINGS_FILE)) or pipeline == PIPELINE_FILE) \
            or os.path.isfile(os.path.join(root, "__init__.py")):
        raise Doubtful("the project's folder depends on those above it")


def _moments(project: Project, found_fresh: bool) -> None:
    """Raise Doubtful where a module's loading depends on the moment."""
    ran = project.loaded.codes
    every = not {**OBSERVED, **project.config.observe}["code"]

    def has_run(code: CodeType) -> bool:
        return every or (code.co_filename, code.co_firstlineno, code.co_name) in ran

    for source in project.snapshot.sources.values():
        if source.path.endswith((".py", ".pyw")):
            for name in names_read(source.code(), has_run):
                # what chance gives is told by another process that found the same
                if name in CLOCKS or not found_fresh:
                    raise Doubtful(f"`{source.path}` reads `{name}` while it loads")


def _other_code(project: Project) -> Iterator[str]:
    """Yield files of own modules that were not loaded from the snapshot: extension modules, bytecode."""
    for module in list(sys.modules.values()):
        file = getattr(module, "__dict__", {}).get("__file__")
        if isinstance(file, str) and project.origins.is_own(file):
            path = os.path.abspath(file)
            if path not in project.snapshot.sources and os.path.exists(path):
                yield path


def _import_folders(project: Project) -> List[str]:
    """Return the folders in which imports looked: those on the path, and those of own packages."""
    found = [os.path.abspath(each) for each in sys.path]
    found += [os.path.dirname(path) for path in project.snapshot.sources]
    for module in list(sys.modules.values()):
        places = getattr(module, "__dict__", {}).get("__path__")
        for place in list(places or ()):
            if isinstance(place, str) and project.origins.is_own(os.path.join(place, "__init__.py")):
                found.append(os.path.abspath(place))
    return list(dict.fromkeys(found))


def _names_nobody_imports(project: Project) -> Dict[str, Set[str]]:
    """Return the names that the steps' products bring into each folder, without those that code may import."""
    found: Dict[str, Set[str]] = {}
    later = [template.pieces[0].rpartition("/")[0] for node in project.graph.nodes.values() for template in node.templates.products]
    for path in [*project.graph.products.writers, *filter(None, dict.fromkeys(later))]:     # of labels that a step gives, the folder
        full = os.path.join(project.config.root, path)
        while len(full) > len(project.config.root):
            full, name = os.path.split(full)
            found.setdefault(full, set()).add(name)
    if found:
        waiting = [source.code() for source in project.snapshot.sources.values() if source.path.endswith((".py", ".pyw"))]
        named = {name.partition(".")[0] for name in sys.modules}
        while waiting:
            code = waiting.pop()
            named.update(part for name in (*code.co_names, *code.co_consts) if isinstance(name, str) for part in name.split("."))
            waiting += [each for each in code.co_consts if isinstance(each, CodeType)]
        found = {folder: {name for name in names if name.partition(".")[0] not in named} for folder, names in found.items()}
    return found


def _named_variables(analysis: Analysis) -> Iterator[str]:
    for node in analysis.graph.nodes:
        if node.kind == "variable":
            yield node.name[len("environment variable "):]


def _loaded(builder: Builder, seen: Seen, before: Names) -> None:
    """Watch what was observed while the user's modules loaded."""
    if seen.gaps:
        raise Doubtful(f"not all of the pipeline's loading was observed: {seen.gaps[0]}")
    if seen.written:
        raise Doubtful("loading the pipeline writes files")
    for path in seen.reads:
        builder.loaded(path)        # one that is gone by now is an OSError, and no list
    _looked_at(builder, seen, before)
    for name in seen.variables:
        builder.variable(name)
    if seen.all_variables:
        builder.environment()


def _looked_at(builder: Builder, seen: Seen, before: Names) -> None:
    for path in seen.listed:
        builder.listed(path, before=before)
    for path in seen.absent:
        builder.absent(path)
    for path, kind in seen.present.items():
        builder.kind(path, kind)
    for path, size in seen.sized.items():
        builder.size(path, size)
    for path, text in seen.links.items():
        builder.link(path, text)


# -- packages -------------------------------------------------------------------------------------

def watch_packages(builder: Builder, names: Iterable[str]) -> None:
    """Watch the versions of installed distributions that count, and what else may bring plugins."""
    wanted = set(map(normalise, names))
    for folder in dict.fromkeys(map(os.path.abspath, sys.path)):
        for distribution in Shelf(folder).distributions:
            place = distribution.metadata
            if distribution.name in wanted and os.path.isdir(place):
                builder.state(place)
            files = _OF_ALL if distribution.name not in wanted else (*_OF_ALL, *_METADATA)
            for path in [place] if os.path.isfile(place) else [os.path.join(place, name) for name in files]:
                if os.path.isfile(path):
                    builder.loaded(path)


# -- the steps ------------------------------------------------------------------------------------

def traces_of(plan: Plan, graph: StepGraph) -> Dict[str, Trace]:
    """Return the trace by which each step is fresh; Doubtful unless all are, with nothing to tell or to do."""
    traces: Dict[str, Trace] = {}
    if plan.orphans:
        raise Doubtful("products of former steps are left over, which is told each time")
    missing = set(graph.order) - set(map(base_of, plan.verdicts))
    if missing:
        raise Doubtful(f"nothing is known of `{min(missing)}`")
    for name, verdict in plan.verdicts.items():
        if not isinstance(verdict, Fresh) or verdict.restore or verdict.key not in (None, verdict.trace.key):
            raise Doubtful(f"`{name}` is not up to date")
        traces[name] = verdict.trace
    return traces


def watch_steps(builder: Builder, root: str, graph: StepGraph, traces: Mapping[str, Trace]) -> None:
    """Watch what each step declares, and what its execution was seen to depend on."""
    for name, trace in traces.items():
        node = graph.nodes[base_of(name)]
        digests = {each.path: each.digest for each in trace.inputs}
        for path in dict.fromkeys([*node.files.values(), *(digests if node.templates.files else ())]):
            full = os.path.join(root, path)
            if os.path.isdir(full):
                builder.tree(full)
            else:
                builder.content(full, digests.get(path))
        for product in trace.products:
            builder.content(os.path.join(root, product.path), product.blob)
        for path in (*node.products.values(), *_by_label(node, trace)):
            if os.path.isdir(os.path.join(root, path)):
                builder.kind(os.path.join(root, path), "folder")
        if trace.observation is not None:
            _observed(builder, root, trace.observation, [product.path for product in trace.products])


def _by_label(node: StepNode, trace: Trace) -> Iterator[str]:
    """Yield the declared products of an instance, by what it wrote: a label is no longer than one name in a path."""
    for template in node.templates.products:
        depth = template.shown.count("/") + 1
        found = {"/".join(product.path.split("/")[:depth]) for product in trace.products if may_meet(template, product.path)}
        if not found:
            raise Doubtful(f"`{trace.step}` wrote an empty folder: its path is not recorded")
        yield from found


def _observed(builder: Builder, root: str, observation: Observation, products: List[str]) -> None:
    for each in observation.files:
        path = os.path.normpath(os.path.join(root, each.path))
        if each.kind == "file":
            builder.content(path, Digest(each.digest))
        elif each.kind == "folder":
            inside = [os.path.join(root, product)[len(path) + 1:] for product in products
                      if os.path.join(root, product).startswith(os.path.join(path, ""))]
            builder.listed(path, {name.split(os.sep)[0] for name in inside})
        elif each.kind == "absent":
            builder.absent(path)
        elif each.kind == "present":
            builder.kind(path)
        elif each.kind == "size":
            builder.size(path)
        elif each.kind == "link":
            builder.link(path)
        else:
            raise Doubtful(f"`{each.path}` can't be watched")
    for variable in observation.variables:
        if variable.name == "*":
            builder.environment()
        else:
            builder.variable(variable.name)


def packages_of(analysis: Analysis, traces: Iterable[Trace], seen: Seen) -> Set[str]:
    """Return the distributions that some step's result depends on, or the loading of the pipeline."""
    found = {*seen.distributions, *(node.package for node in analysis.graph.nodes if node.package is not None)}
    for trace in traces:
        if trace.observation is not None:
            found.update(name for name, _ in trace.observation.packages)
    return found


def watch_values(builder: Builder, store: Any, graph: StepGraph, traces: Mapping[str, Trace], wanted: Set[str]) -> bytes:
    """Watch the values that somebody may want; return what is needed to answer for a part of the steps."""
    if type(store) is not LocalStore:
        raise Doubtful("only the local store is watched")
    inside = os.path.join(".deepwatch", "objects")
    found: Dict[str, List[Tuple[str, int]]] = {}
    counts: Dict[str, int] = {}
    for name, trace in traces.items():
        base = base_of(name)
        counts[base] = counts.get(base, 0) + 1
        blobs = [(os.path.join(inside, blob[:2], blob[2:]), size) for blob, size in blobs_of(trace.artifact, store.get)]
        found.setdefault(base, []).extend(blobs)
        if base in wanted:
            for path, size in blobs:
                builder.blob(path, size)
    return marshal.dumps({name: (graph.upstreams(name), tuple(blobs), counts[name]) for name, blobs in found.items()})
