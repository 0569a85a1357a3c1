"""``deepwatch lock upgrade``: the lockfile carried over to the present scheme of digests."""
from __future__ import annotations

import argparse
import os
from typing import Dict, List, Mapping, Optional, Tuple

from ..errors import DeepwatchError, StateError
from ..hashing.digest import digest_bytes
from ..hashing.values import Undigestible
from ..locking.samecode import Known, SameCode, texts_of
from ..locking.upgrade import Present, Upgrade, upgraded
from ..model import SCHEME, Artifact, Digest, Lock, Reason, Trace, Unit, base_of
from ..observation.recorder import unobserved
from ..project import value_of
from ..report import explain
from ..report.documents import Json
from ..report.folding import FOLDED
from ..state import lockfile, watchlist
from ..state.mutex import Mutex
from ..state.parts import CODEC, dump, output_of, parse
from ..vouching import LOCKFILE, check_scheme, lock_of
from ..workspace import Workspace
from .console import Console
from .session import opened

_RUN = "upgrade"


def upgrade(args: argparse.Namespace, console: Console) -> int:
    """Tell what would run again after a change of the scheme, and carry over the rest."""
    with opened(args, console, writes=not args.dry_run) as workspace:
        mutex = Mutex(os.path.join(workspace.folder, "mutex"), "deepwatch lock upgrade")
        with mutex.acquire(timeout=0):
            lock = lockfile.read(workspace.lock_path, workspace.database)
            if lock is None:
                raise StateError(f"there is no `{LOCKFILE}`", hint="deepwatch run writes it")
            check_scheme(lock, workspace.graph.order, accept=True)     # a newer one is not ours to read
            found, manifests = (None, {}) if lock.scheme == SCHEME else _upgraded(workspace, lock)
            if found is not None and not args.dry_run:
                _write(workspace, found, manifests)
    _tell(lock, found, args.dry_run, console)
    return 0


def _upgraded(workspace: Workspace, lock: Lock) -> Tuple[Optional[Upgrade], Dict[Digest, bytes]]:
    """Return what becomes of the lock, and the manifests that this makes."""
    survey, analysis, database = workspace.survey, workspace.project.analysis, workspace.database
    facts = survey.facts(workspace.graph.order)
    now: Dict[Digest, Unit] = {unit.deep: unit for unit in analysis.units([each.fingerprint.root for each in facts.values()])}

    def broken(trace: Trace) -> Tuple[Reason, ...]:
        observation = trace.observation
        if observation is not None and not survey.conditions.holds_the_same(observation):
            return (Reason("seen-code", "code in its value"),)
        return survey.broken(trace)

    texts = texts_of(analysis, now.values())
    code = SameCode(Known(database.unit, database.text), Known(now.get, texts.get))
    values = _Values(workspace)
    return upgraded(lock, database.traces(), Present(facts, survey.input_digest, broken, values.anew, values.read), code), values.manifests


class _Values:
    """The stored values, by the digests of now."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self.manifests: Dict[Digest, bytes] = {}       #: of values in parts, to be stored where the upgrade is written

    def read(self, blob: Digest) -> Optional[bytes]:
        """Return the bytes of a blob, None where it is not here."""
        store = self._workspace.store
        return self.manifests.get(blob) or (store.get(blob) if store.has(blob) else None)

    def anew(self, step: str, artifact: Artifact) -> Optional[Artifact]:
        """Return a value by the digests of now; None where it is not here, or not to be read any more."""
        try:
            return self._whole(step, artifact) if artifact.codec != CODEC else self._in_parts(step, artifact)
        except (DeepwatchError, Undigestible):
            return None

    def _whole(self, step: str, artifact: Artifact) -> Artifact:
        project = self._workspace.project
        with unobserved():
            value = value_of(project.codecs, self._workspace.store, step, artifact)
        return artifact._replace(output=project.hasher.digest(value))

    def _in_parts(self, step: str, artifact: Artifact) -> Optional[Artifact]:
        data = self.read(artifact.blob)
        if data is None:
            return None
        manifest = parse(data)
        parts = []
        for part in manifest.parts:
            made = self.anew(step, part.artifact)
            if made is None:
                return None
            parts.append(part._replace(artifact=made))
        data = dump(manifest.kind, parts)
        blob = digest_bytes(data)
        self.manifests[blob] = data
        return Artifact(output_of(manifest.kind, parts), blob, len(data), CODEC)


def _write(workspace: Workspace, found: Upgrade, manifests: Mapping[Digest, bytes]) -> None:
    """Store and record what is carried over, then write the lockfile: in the order of a run."""
    watchlist.forget(workspace.folder)
    for data in manifests.values():
        workspace.store.put(data)
    for trace in found.traces.values():
        workspace.database.record(trace, _RUN, 0.0)
    facts = workspace.survey.facts(workspace.graph.order)
    analysis = workspace.project.analysis
    units = analysis.units([each.fingerprint.root for each in facts.values()])
    workspace.database.add_units(units, texts_of(analysis, units))
    workspace.database.commit()
    lockfile.write(workspace.lock_path, lock_of(facts, {**found.traces, **found.families}, None, units, set()))


def _tell(lock: Lock, found: Optional[Upgrade], dry: bool, console: Console) -> None:
    if console.json:
        again = found.again if found is not None else {}
        carried = list(found.traces) if found is not None else []
        steps: List[Json] = [{"name": name, "verdict": "fresh"} for name in carried]
        steps += [{"name": name, "verdict": "stale", "why": why} for name, why in again.items()]
        console.document({"old": lock.scheme, "new": SCHEME, "written": found is not None and not dry, "steps": steps,
                          "counts": {"carried": len(carried), "stale": len(again)}})
        return
    if found is None:
        console.say(f"`{LOCKFILE}` has the present scheme of digests, {SCHEME}: nothing to do")
        return
    rows = [(explain.printable(name), explain.printable(why)) for name, why in _folded(found.again)]
    console.result(*(f"{console.paint('name', name)}  {console.paint('dim', why)}" for name, why in explain.columns(rows)))
    would = "would be" if dry else "is" if len(found.traces) == 1 else "are"
    counted = f"{len(found.traces)} {'step' if len(found.traces) == 1 else 'steps'}"
    again_ = f"; {len(found.again)} {'runs' if len(found.again) == 1 else 'run'} again" if found.again else ""
    console.say(f"scheme {lock.scheme} -> {SCHEME}: {counted} {would} carried over{again_}")


def _folded(again: Mapping[str, str]) -> List[Tuple[str, str]]:
    """Return what runs again and why, many instances of a family that do for one reason as one."""
    alike: Dict[Tuple[str, str], List[str]] = {}
    for name, why in again.items():
        alike.setdefault((base_of(name), why), []).append(name)
    return [pair for (base, why), names in alike.items()
            for pair in ([(f"{base}[{len(names)} instances]", why)] if len(names) > FOLDED else [(name, why) for name in names])]
