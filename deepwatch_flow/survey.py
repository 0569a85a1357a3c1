"""The facts that a plan needs: fingerprints, params, input digests, what recorded results are at hand.

All the I/O before a decision is here; the decision itself is the planner's.
"""
from __future__ import annotations

import os
from typing import (
    ContextManager,
    Dict,
    FrozenSet,
    Iterable,
    Mapping,
    Optional,
    Protocol,
    Set,
    Tuple,
)

from .analysis.fingerprint import Analysis
from .analysis.hidden import HiddenCode
from .analysis.unaffected import Proof, Record
from .config import OBSERVED, Config
from .engine.conditions import Conditions, Packages
from .engine.planner import Broken, InputDigest, World
from .engine.restored import Restored
from .errors import PipelineError
from .hashing.files import digest_file, digest_input
from .model import (
    SCHEME,
    Accepted,
    Artifact,
    Axis,
    Digest,
    Family,
    Fingerprint,
    History,
    Lock,
    Param,
    ProductFile,
    Reason,
    SeenUnit,
    StepFacts,
    Trace,
    base_of,
)
from .pausing import collector_paused
from .pipeline.graph import StepGraph, StepNode
from .state import disk
from .state.database import Database
from .state.parts import CODEC, blobs_of, parse, part_artifacts
from .state.store import BlobMissing, BlobStore

#: how much of a param's value is shown to people
_SHOWN = 80
#: the name under which a step's seed is one of its params: no parameter has it
SEED = "@seed"


class LoadedCode(Protocol):
    """What a survey needs of a project that is loaded."""

    graph: StepGraph
    analysis: Analysis

    def loading(self) -> ContextManager[None]:
        """Be entered while the user's modules may load."""


class Survey:
    """Looks at a project once for a plan or a run."""

    def __init__(self, config: Config, code: LoadedCode, store: BlobStore, database: Database) -> None:
        self._root = config.root
        self._mode = config.invalidate
        self._graph = code.graph
        self._analysis = analysis = code.analysis
        self._loading = code.loading
        self._store = store
        self._database = database
        self._memo = database.stats
        self._facts: Dict[str, StepFacts] = {}
        self._manifests: Dict[Tuple[str, Digest], Mapping[str, Artifact]] = {}       # by step and blob
        self._accepted: Dict[str, Tuple[Accepted, ...]] = {}
        #: whether all steps are judged precisely, whatever the settings say
        self.precise = False
        ignore = {**OBSERVED, **config.observe}["ignore"]
        self.conditions = Conditions(config.root, self._memo, HiddenCode(analysis),
                                     Packages(analysis.graph.version, analysis.graph.origins.requires), ignore)

    def facts(self, names: Iterable[str]) -> Dict[str, StepFacts]:
        """Return the facts of steps, in the order of their names."""
        listed = list(names)
        if all(name in self._facts for name in listed):
            return {name: self._facts[name] for name in listed}
        with self._loading(), collector_paused():       # a fingerprint may import modules; all that is made here stays
            return {name: self._of(self._graph.nodes[name]) for name in listed}

    def _of(self, node: StepNode) -> StepFacts:
        found = self._facts.get(node.name)
        if found is None:
            analysis = self._analysis
            fingerprint = analysis.fingerprint(node.step.function, params_apart=True)
            params = []
            options = node.step.options
            given = {**node.params, SEED: options["seed"]} if options["seed"] is not None else node.params
            for name, value in sorted(given.items()):
                # who draws random numbers draws by its name
                digest, why = analysis.value((node.name, value) if name == SEED else value, f"{node.name}.{name}")
                if why is not None and fingerprint.uncacheable is None:
                    fingerprint = fingerprint._replace(uncacheable=f"param `{name}`: {why}")
                params.append(Param(name, digest, _shown(value)))
            if not options["cache"] and fingerprint.uncacheable is None:
                fingerprint = fingerprint._replace(uncacheable="it is declared with cache=False")
            found = self._facts[node.name] = StepFacts(
                node.name, fingerprint, tuple(params), tuple(sorted(node.files.items())),
                tuple(sorted(node.products.items())), tuple(sorted(node.upstreams.items())),
                tuple(self._graph.upstreams(node.name)), self.precise or (options["invalidate"] or self._mode) == "precise",
                options["cue"], self._graph.parts(node.name), self._family(node), apart=self._graph.apart(node.name), makers=node.makers)
            applied, code = self._accepted_of(node.name, fingerprint.root)
            if applied:
                found = self._facts[node.name] = found._replace(accepted=applied, accepted_code=code)
        return found

    def _family(self, node: StepNode) -> Optional[Family]:
        """Return how a step is multiplied; raises PipelineError for a value that has no digest."""
        axes = []
        for parameter, source in sorted(node.each.items()):
            if isinstance(source, str):
                axes.append(Axis(parameter, source))
                continue
            values = []
            for label, value in source.items():
                digest, why = self._analysis.value(value, f"{node.name}[{label}].{parameter}")
                if why is not None:
                    raise PipelineError(f"the value `{label}` of parameter `{parameter}` of step `{node.name}` has no digest: {why}",
                                        hint="give plain data, and make the rest of it in the step")
                values.append((label, Param(parameter, digest, _shown(value))))
            axes.append(Axis(parameter, "", tuple(values)))
        return Family(tuple(axes), node.step.options["each"] == "zip", node.templates) if axes else None

    def accept(self, lock: Optional[Lock]) -> None:
        """Let the changes count as nothing that a lockfile says were accepted."""
        accepted: Dict[str, Tuple[Accepted, ...]] = {}
        for each in lock.accepted if lock is not None and lock.scheme == SCHEME else ():
            accepted[each.step] = (*accepted.get(each.step, ()), each)
        if accepted != self._accepted:
            self._accepted = accepted
            for name, facts in self._facts.items():
                applied, code = self._accepted_of(name, facts.fingerprint.root)
                self._facts[name] = facts._replace(accepted=applied, accepted_code=code)

    def _accepted_of(self, name: str, root: Digest) -> Tuple[Tuple[Accepted, ...], Optional[Digest]]:
        """Return the accepted changes that are in a step's code now, and what it counts as by them."""
        accepted = self._accepted.get(name, ())
        if not accepted:
            return (), None
        code, met = self._analysis.as_formerly(root, {each.new: each.old for each in accepted})
        applied = tuple(each for each in accepted if each.new in met)
        return (applied, code) if applied else ((), None)

    def world(self, names: Iterable[str], history: History, only: Mapping[str, FrozenSet[str]]) -> World:
        """Return all that the planner may look at for some steps."""
        return World(self.facts(names), history, self.input_digest, self.holdings, self._graph.products.writers, self.broken,
                     self.unaffected, self.parts, only, self.ahead)

    # -- what was observed ------------------------------------------------------------------------

    def ahead(self, restored: Restored) -> Tuple[InputDigest, Broken]:
        """Return what `input_digest` and `broken` will be once products are back, also those that are added later."""
        return (lambda path: restored.input_digest(self._root, path, self._memo) if restored else self.input_digest(path),
                lambda trace: self.broken(trace, restored))

    def broken(self, trace: Trace, restored: Optional[Restored] = None) -> Tuple[Reason, ...]:
        """Return why what an execution was seen to depend on is not as it was, or will not be with products `restored`."""
        facts = self._facts.get(trace.step)
        precise = facts is not None and facts.precise

        def alike(unit: SeenUnit, now: Fingerprint) -> bool:
            return precise and self._is_proved(trace, unit.digest, now.root)

        return self.conditions.broken(trace, alike, restored)

    def unaffected(self, trace: Trace, facts: StepFacts) -> bool:
        """Tell whether nothing that an execution used has changed, by what was observed of it."""
        return (bool(trace.root) and trace.observation is not None and self.conditions.holds_the_same(trace.observation)
                and self._is_proved(trace, trace.root, facts.fingerprint.root))

    def _is_proved(self, trace: Trace, old: Digest, new: Digest) -> bool:
        observation = trace.observation
        if observation is None or not observation.code or observation.gaps:
            return False
        alone = not (observation.hidden or observation.packages or trace.packages)
        ran = {own for _, own in observation.ran}
        for unit in observation.hidden:
            ran |= self._hidden_functions(unit)
        record = Record(self._database.unit, self._database.text, ran, alone)
        return Proof(self._analysis, record).holds(old, new)

    def _hidden_functions(self, unit: SeenUnit) -> Set[Digest]:
        """Return the own digests of the functions that a hidden unit stands for: they ran, too."""
        top = self._database.unit(unit.digest) if unit.kind == "function" else None
        below = self._database.units([deep for _, deep in top.links]) if top is not None else {}
        inner = self._database.units([deep for each in below.values() for text, deep in each.links if text == "definition"])
        return {each.own for each in (*below.values(), *inner.values()) if each.kind == "function"}

    # ---------------------------------------------------------------------------------------------

    def input_digest(self, path: str) -> Optional[Digest]:
        """Return the digest of a declared input, None where there is none."""
        full = os.path.join(self._root, path)
        return digest_input(full, self._memo) if os.path.exists(full) else None

    def holdings(self, trace: Trace, wanted: bool) -> Tuple[Tuple[Reason, ...], Tuple[ProductFile, ...]]:
        """Return why a trace's result can't be had, and the products to put back."""
        lost = []
        restore = []
        for product in trace.products:
            now = self.product_digest(product.path)
            if now == product.blob:
                continue
            if self._store.has(product.blob, product.size):
                restore.append(product)
            else:
                lost.append(Reason("product", product.path, new="gone" if now is None else None))
        if wanted and not self._has(trace.artifact):
            lost.append(Reason("artifact", trace.step))
        return tuple(lost), tuple(restore)

    def _has(self, artifact: Artifact) -> bool:
        """Tell whether a value is stored, with all its parts."""
        if not self._store.has(artifact.blob, artifact.size):
            return False
        if artifact.codec != CODEC:
            return True
        return all(self._store.has(blob, size) for blob, size in blobs_of(artifact, self._store.get))

    def parts(self, trace: Trace) -> Optional[Mapping[str, Artifact]]:
        """Return the artifacts of the parts of a trace's value by their names; None where it has none, or lost them."""
        if trace.artifact.codec != CODEC:
            return None
        known = self._manifests.get((trace.step, trace.artifact.blob))
        if known is None:
            try:
                known = part_artifacts(trace.step, parse(self._store.get(trace.artifact.blob)))
            except BlobMissing:
                return None
            self._manifests[trace.step, trace.artifact.blob] = known
        return known

    def clear(self, trace: Trace) -> None:
        """Remove the products of a step that is about to run, where they are as it left them.

        So a step that writes its product no more is noticed. An edited file stays, and what is
        removed is in the store.
        """
        for product in trace.products:
            if self.product_digest(product.path) == product.blob and self._store.has(product.blob, product.size):
                disk.remove(os.path.join(self._root, product.path))

    def product_digest(self, path: str) -> Optional[Digest]:
        """Return the digest of a product as it is now, None where there is no file."""
        full = os.path.join(self._root, path)
        try:
            stat = os.stat(full)
        except OSError:
            return None
        known = self._memo.get(full, stat)
        if known is None:
            if not os.path.isfile(full):
                return None
            known = digest_file(full)[0]
            self._memo.put(full, stat, known)
        return known


def leaves(graph: StepGraph, names: Iterable[str]) -> Set[str]:
    """Return the steps whose values no other of these steps consumes."""
    selected = list(names)
    consumed = {step for name in selected for step in graph.consumed(name)}
    return {name for name in selected if name not in consumed}


def only_of(graph: StepGraph, names: Iterable[str], chosen: Iterable[str]) -> Dict[str, FrozenSet[str]]:
    """Return the families of which only some instances are wanted: nobody else needs the family itself."""
    wanted: Dict[str, Set[str]] = {}
    whole = {step for name in names for step in graph.upstreams(name)}
    for name in chosen:
        if base_of(name) == name:
            whole.add(name)
        else:
            wanted.setdefault(base_of(name), set()).add(name)
    return {family: frozenset(members) for family, members in wanted.items() if family not in whole}


def _shown(value: object) -> str:
    try:
        text = repr(value)
    except Exception as error:  # noqa: BLE001 - a user's __repr__ may raise anything; the text is for people only
        text = f"<{type(value).__name__} whose repr raises {type(error).__name__}>"
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"

