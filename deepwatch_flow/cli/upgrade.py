"""``deepwatch lock upgrade``: the lockfile carried over to the present scheme of digests."""
from __future__ import annotations

import argparse
import os
from typing import Dict, List, Optional, Tuple

from ..errors import DeepwatchError, StateError
from ..locking.samecode import Known, SameCode, texts_of
from ..locking.upgrade import Present, Upgrade, upgraded
from ..model import SCHEME, Artifact, Digest, Lock, Reason, Trace, Unit
from ..observation.recorder import unobserved
from ..project import value_of
from ..report import explain
from ..report.documents import Json
from ..state import lockfile, watchlist
from ..state.mutex import Mutex
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
            found = None if lock.scheme == SCHEME else _upgraded(workspace, lock)
            if found is not None and not args.dry_run:
                _write(workspace, found)
    _tell(lock, found, args.dry_run, console)
    return 0


def _upgraded(workspace: Workspace, lock: Lock) -> Upgrade:
    survey, analysis, database = workspace.survey, workspace.project.analysis, workspace.database
    facts = survey.facts(workspace.graph.order)
    now: Dict[Digest, Unit] = {unit.deep: unit for unit in analysis.units([each.fingerprint.root for each in facts.values()])}

    def broken(trace: Trace) -> Tuple[Reason, ...]:
        observation = trace.observation
        if observation is not None and not survey.conditions.holds_the_same(observation):
            return (Reason("seen-code", "code in its value"),)
        return survey.broken(trace)

    def output(step: str, artifact: Artifact) -> Optional[Digest]:
        try:
            with unobserved():
                value = value_of(workspace.project.codecs, workspace.store, step, artifact)
            return workspace.project.hasher.digest(value)
        except DeepwatchError:
            return None         # not here, or not to be read any more

    texts = texts_of(analysis, now.values())
    code = SameCode(Known(database.unit, database.text), Known(now.get, texts.get))
    return upgraded(lock, database.traces(), Present(facts, survey.input_digest, broken, output), code)


def _write(workspace: Workspace, found: Upgrade) -> None:
    """Record what is carried over, then write the lockfile: in the order of a run."""
    watchlist.forget(workspace.folder)
    for trace in found.traces.values():
        workspace.database.record(trace, _RUN, 0.0)
    facts = workspace.survey.facts(workspace.graph.order)
    analysis = workspace.project.analysis
    units = analysis.units([each.fingerprint.root for each in facts.values()])
    workspace.database.add_units(units, texts_of(analysis, units))
    workspace.database.commit()
    lockfile.write(workspace.lock_path, lock_of(facts, found.traces, None, units, set()))


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
    rows = [(explain.printable(name), explain.printable(why)) for name, why in found.again.items()]
    console.result(*(f"{console.paint('name', name)}  {console.paint('dim', why)}" for name, why in explain.columns(rows)))
    would = "would be" if dry else "is" if len(found.traces) == 1 else "are"
    counted = f"{len(found.traces)} {'step' if len(found.traces) == 1 else 'steps'}"
    again_ = f"; {len(found.again)} {'runs' if len(found.again) == 1 else 'run'} again" if found.again else ""
    console.say(f"scheme {lock.scheme} -> {SCHEME}: {counted} {would} carried over{again_}")
