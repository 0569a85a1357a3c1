"""``deepwatch accept``: a change of code does not matter to a step, by somebody's word in the lockfile."""
from __future__ import annotations

import argparse
import os
from typing import Dict, List, NamedTuple, Optional, Tuple

from .. import accepting
from ..accepting import Code, Pair
from ..errors import ConfigError, StateError, quoted
from ..histories import history_of
from ..model import ALL, Accepted, Digest, Fresh, Lock, Pending, Policy, Unit, base_of
from ..report import explain
from ..report.documents import Document, accepted_documents
from ..state import lockfile
from ..state.mutex import Mutex
from ..vouching import LOCKFILE, check_scheme, definitions_of
from ..workspace import Workspace
from .console import Console
from .parser import Command, add_json
from .session import opened

#: kinds of reasons that an acceptance answers
_OF_CODE = frozenset({"code", "package"})
_LONGEST_REASON = 1_000


class _Held(NamedTuple):
    """What the lockfile has of a step, or of the instances of a family."""

    code: Digest
    keys: Tuple[Digest, ...]


def add_accept(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``accept``."""
    parser.add_argument("step", metavar="STEP[:DEFINITION]",
                        help="the step, and the one changed definition that does not matter to it (default: all that changed)")
    parser.add_argument("--reason", metavar="TEXT", help="why the change does not matter; it stands in deepwatch.lock")
    parser.add_argument("--undo", action="store_true", help="take back what was accepted")
    add_json(parser)


def accept(args: argparse.Namespace, console: Console) -> int:
    """Accept changes of a step's code, or take that back; the lockfile is written, nothing runs."""
    reason = " ".join((args.reason or "").split())
    if args.undo and args.reason is not None:
        raise ConfigError("`--undo` takes back what was accepted: it needs no `--reason`", hint="leave out one of them")
    if not args.undo and not reason:
        raise ConfigError("why does the change not matter? Whoever reads the lockfile wants to know",
                          hint='--reason "only the log message changed"')
    if len(reason) > _LONGEST_REASON:
        raise ConfigError(f"the reason has {len(reason)} characters, at most {_LONGEST_REASON} stand in the lockfile",
                          hint="say it shorter")
    with opened(args, console, writes=True) as workspace:
        step, definition = _target(workspace, args.step)
        with Mutex(os.path.join(workspace.folder, "mutex"), "deepwatch accept").acquire(timeout=0):
            workspace.lock = lockfile.read(workspace.lock_path, workspace.database)
            check_scheme(workspace.lock, workspace.graph.order, accept=False)
            workspace.survey.accept(workspace.lock)
            lock, held = _locked(workspace, step)
            changed = _undone(lock, step, definition) if args.undo else _accepted(workspace, held, step, definition, reason)
            _write(workspace, lock, changed, args.undo)
        verdict = workspace.verdict(step)
    word = explain.verdict_name(verdict)
    if console.json:
        document: Document = {"step": step, "accepted": accepted_documents(changed), "undone": args.undo, "verdict": word}
        console.document(document)
        return 0
    for each in changed:
        what = "all of its code" if each.definition == ALL else f"`{explain.printable(each.definition)}`"
        console.say(f"{'taken back' if args.undo else 'accepted'} for `{explain.printable(step)}`: {what}")
    line = explain.verdict_line(verdict) if not isinstance(verdict, Fresh) else ""
    console.say(f"`{explain.printable(step)}` is {word}{f': {line}' if line else ''}")
    return 0


def _target(workspace: Workspace, text: str) -> Tuple[str, Optional[str]]:
    """Return the step and the definition that an argument names."""
    step, colon, definition = (text, "", "") if text in workspace.graph.nodes else text.partition(":")
    names = workspace.graph.targets([step])
    if len(names) > 1:
        raise ConfigError(f"`{step}` fits {len(names)} steps: {explain.names(names, 5)}", hint="accept one step at a time")
    if colon and not definition:
        raise ConfigError(f"`{text}` names no definition after the colon", hint=f"deepwatch why {quoted(names[0])}")
    return names[0], definition or None


def _locked(workspace: Workspace, step: str) -> Tuple[Lock, _Held]:
    lock = workspace.lock
    if base_of(step) != step:
        raise ConfigError(f"`{step}` is an instance, and its code is that of the others: a change of it is accepted for all of them",
                          hint=f"deepwatch accept {quoted(base_of(step))} --reason ...")
    if lock is not None and step in lock.families:
        return lock, _Held(lock.families[step].code, tuple([key for key, _ in lock.families[step].instances]))
    if lock is None or step not in lock.steps:
        raise StateError(f"`{LOCKFILE}` has no result of `{step}` that could be kept", hint=f"deepwatch run {quoted(step)}")
    return lock, _Held(lock.steps[step].code, (lock.steps[step].key,))


def _accepted(workspace: Workspace, held: _Held, step: str, definition: Optional[str], reason: str) -> Tuple[Accepted, ...]:
    """Return what is accepted; raises ConfigError where there is nothing to accept, or nothing is won by it."""
    facts = workspace.survey.facts([step])[step]
    verdict = workspace.verdict(step)
    if isinstance(verdict, Fresh):
        told = explain.verdict_line(verdict)
        raise ConfigError(f"`{step}` is fresh{f' ({told})' if told else ''}: there is nothing to accept",
                          hint=f"deepwatch accept {quoted(step)} --undo" if verdict.accepted else "`deepwatch status` tells which steps would run")
    others = [each for each in verdict.reasons if each.kind not in _OF_CODE]
    if facts.family is None and others:
        raise ConfigError(f"`{step}` would run all the same: {explain.sentence(others[0])}", hint=f"deepwatch run {quoted(step)}")
    if facts.fingerprint.digest == held.code or not (verdict.reasons or facts.family is not None):
        hidden = any(each.kind == "code" for each in verdict.reasons)
        raise ConfigError(f"the code of `{step}` is what it was" if not hidden else
                          f"what changed is code that `{step}` was seen to use, and that its fingerprint does not reach: it can't be accepted",
                          hint=f"deepwatch why {quoted(step)}")
    if facts.family is not None:
        _check_family(workspace, held, step)
    root = facts.fingerprint.root
    analysis = workspace.project.analysis
    code = Code(step, held.code, root, _pairs(workspace, step, held, root), lambda former: analysis.as_formerly(root, former)[0])
    return accepting.accept(code, definition, reason, facts.accepted)


def _check_family(workspace: Workspace, held: _Held, step: str) -> None:
    """Raise ConfigError where no instance of a family would be kept if all that changed in its code was accepted."""
    lock = workspace.lock
    assert lock is not None      # it was written by whoever holds this entry
    before = workspace.plan(Policy(targets=(step,)))
    pending = before.verdicts.get(step)
    if isinstance(pending, Pending):
        raise ConfigError(f"`{step}` depends on what {explain.names(pending.on, 5)} will give: its instances are not known yet",
                          hint=f"deepwatch run {' '.join(map(quoted, pending.on))}")
    root = workspace.survey.facts([step])[step].fingerprint.root
    workspace.survey.accept(lock._replace(accepted=(*(each for each in lock.accepted if each.step != step), Accepted(step, ALL, held.code, root, ""))))
    try:
        after = workspace.plan(Policy(targets=(step,)))
    finally:
        workspace.survey.accept(lock)
    undone = [name for name, verdict in before.members(step).items() if not isinstance(verdict, Fresh)]
    if not any(isinstance(after.verdicts[name], Fresh) for name in undone):
        reasons = explain.verdict_reasons(after.verdicts[undone[0]])
        raise ConfigError(f"`{undone[0]}` would run all the same{f': {explain.sentence(reasons[0])}' if reasons else ''}", hint=f"deepwatch run {quoted(step)}")


def _pairs(workspace: Workspace, step: str, held: _Held, root: Digest) -> Tuple[Pair, ...]:
    """Return what differs from the code by which the lockfile's results were made; nothing where that is not known here."""
    history = history_of(workspace.database, workspace.lock, workspace.project.analysis.graph.version)
    roots = (trace.root for key in held.keys for trace in history.by_key.get(key, ()) if trace.root and trace.code == held.code)
    former = next(roots, None)
    if former is None:
        return ()
    units = {unit.deep: unit for unit in workspace.units(step)}
    return accepting.differing(former, root, workspace.database.unit, units.get)


def _undone(lock: Lock, step: str, definition: Optional[str]) -> Tuple[Accepted, ...]:
    """Return what is taken back."""
    of_step = [each for each in lock.accepted if each.step == step]
    found = [each for each in of_step if definition is None or each.definition == definition] \
        or [each for each in of_step if each.definition.endswith(f".{definition}")]
    if not found:
        names = ", ".join(f"`{each.definition}`" for each in of_step)
        raise ConfigError(f"nothing of `{step}` was accepted" if not of_step else f"`{definition}` was not accepted for `{step}`",
                          hint=f"these were: {names}" if names else None)
    return tuple(found)


def _write(workspace: Workspace, lock: Lock, changed: Tuple[Accepted, ...], undo: bool) -> None:
    step = changed[0].step
    applied = workspace.survey.facts([step])[step].accepted
    # what is void says nothing to whoever reads the lockfile
    others = [each for each in lock.accepted if not any(each[:2] == other[:2] for other in changed)
              and (each.step != step or each in applied)]
    accepted = tuple(sorted(others if undo else [*others, *changed]))
    lock = lock._replace(accepted=accepted, definitions=_definitions(workspace, lock, changed, undo))
    lockfile.write(workspace.lock_path, lock)
    workspace.lock = lock
    workspace.survey.accept(lock)


def _definitions(workspace: Workspace, lock: Lock, changed: Tuple[Accepted, ...], undo: bool) -> Dict[str, Digest]:
    """Return the definitions with those of now that were accepted, as the next run will write them; or with those of before."""
    if undo:
        before = [unit for each in changed for unit in [workspace.database.unit(each.old)] if unit is not None]
        return {**lock.definitions, **{unit.name: unit.own for unit in before if unit.name in lock.definitions}}
    facts = workspace.survey.facts(workspace.graph.order)
    units: List[Unit] = workspace.project.analysis.units([each.fingerprint.root for each in facts.values()])
    names = {unit.name for unit in units if unit.deep in {each.new for each in changed}}
    if any(each.definition == ALL for each in changed):
        names.update(unit.name for each in changed for unit in workspace.units(each.step))
    now = definitions_of(units)
    return {**lock.definitions, **{name: now[name] for name in names if name in now}}


COMMANDS = {"accept": Command(add_accept, accept)}
