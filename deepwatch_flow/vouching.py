"""What the lockfile says after a run, and when a run may not go against it."""
from __future__ import annotations

from typing import Dict, Iterable, List, Mapping, Optional, Sequence, Set, Tuple

from .engine.conditions import portable
from .engine.planner import World
from .errors import LockedError, StateError, quoted
from .hashing.digest import Hasher
from .model import (
    SCHEME,
    Accepted,
    Digest,
    FamilyEntry,
    Fresh,
    Input,
    Lock,
    LockEntry,
    Pending,
    Plan,
    Stale,
    StepFacts,
    Trace,
    Unit,
    Verdict,
    base_of,
)

LOCKFILE = "deepwatch.lock"

#: kinds of reasons for which a step is stale although its key is what it was
_BEYOND_KEY = frozenset({"code", "package", "seen-file", "seen-variable", "seen-code"})
#: kinds of units that a reader of the lockfile knows by name
_DEFINITIONS = frozenset({"function", "class", "data", "statement", "file"})


def lock_of(facts: Mapping[str, StepFacts], traces: Mapping[str, Trace], old: Optional[Lock],
            units: Iterable[Unit], kept: Set[str]) -> Lock:
    """Return the lock after a run.

    `traces` are those that hold now; of `kept` steps (not run this time, or failed) the old entry
    stays. Steps that are no more are dropped. `units` are those of all steps of the pipeline.
    """
    steps: Dict[str, LockEntry] = {}
    families: Dict[str, FamilyEntry] = {}
    members = _members(facts, traces)
    for name in sorted(facts):
        if facts[name].family is not None:
            before = old.families.get(name) if old is not None and name in kept else None
            entry = family_of(facts[name], members.get(name, []), before)
            if entry.instances or name in traces:
                families[name] = entry
        elif name in traces:
            steps[name] = entry_of(traces[name])
        elif name in kept and old is not None and name in old.steps:
            steps[name] = old.steps[name]
    packages: Dict[str, str] = {}
    for each in facts.values():
        packages.update(each.fingerprint.packages)
    return Lock(steps, definitions_of(units), dict(sorted(packages.items())), SCHEME, _still_accepted(facts, steps, families, old), families)


def _still_accepted(facts: Mapping[str, StepFacts], steps: Mapping[str, LockEntry], families: Mapping[str, FamilyEntry],
                    old: Optional[Lock]) -> Tuple[Accepted, ...]:
    """Return the accepted changes that go on: those of steps that ran since have been made good, and of families all of whose instances did."""
    if old is None:
        return ()
    same = {name for name, entry in steps.items() if name in old.steps and (entry.key, entry.code) == (old.steps[name].key, old.steps[name].code)}
    same.update(name for name, family in families.items() if name in old.families and family.code in (old.families[name].code, facts[name].accepted_code))
    return tuple(each for each in old.accepted if each.step in same)


def entry_of(trace: Trace) -> LockEntry:
    """Return a trace as the lockfile keeps it, in the order in which it will be read: no values of params, no times."""
    return LockEntry(trace.key, trace.code, tuple(sorted((param.name, param.digest) for param in trace.params)),
                     tuple(sorted(set(trace.inputs))), tuple(sorted(trace.upstreams)), trace.artifact,
                     tuple(sorted(trace.products)), portable(trace.observation))


def _members(facts: Mapping[str, StepFacts], traces: Mapping[str, Trace]) -> Dict[str, List[Trace]]:
    found: Dict[str, List[Trace]] = {}
    for name, trace in traces.items():
        base = base_of(name)
        if base != name and base in facts:
            found.setdefault(base, []).append(trace)
    return found


def family_of(facts: StepFacts, members: Sequence[Trace], before: Optional[FamilyEntry]) -> FamilyEntry:
    """Return the entry of a family by the traces of its instances; those that `before` has stay.

    What an instance was seen to depend on holds for all of them: a line for each would be far more to
    review. One that saw another content than the others is not vouched for. A file has one instance that
    wrote it: an earlier one that did goes. The code of the entry stays what it was while only some of the instances were
    looked at, or while any is there by what its code was accepted to count as.
    """
    old = before if before is not None else FamilyEntry(facts.fingerprint.digest, ())
    observed, made, wrote = dict(old.observed), dict(old.instances), dict(old.products)
    inputs: Dict[str, Digest] = {}
    if facts.family is not None and facts.family.templates.files:
        inputs.update(old.inputs)
    writers = {product.path: key for key, products in old.products for product in products}
    common = {path for _, path in facts.files}
    for trace in members:
        seen = portable(trace.observation)
        if any(observed.get(what, digest) != digest for what, digest in seen):
            continue
        observed.update(seen)
        for key in {writers.get(product.path, trace.key) for product in trace.products} - {trace.key}:
            made.pop(key, None)
            wrote.pop(key, None)
        made[trace.key] = trace.artifact
        if trace.products:
            wrote[trace.key] = tuple(sorted(trace.products))
        if inputs or (facts.family is not None and facts.family.templates.files):
            inputs.update((path, digest) for path, digest in trace.inputs if path not in common)
    formerly = any(trace.code == facts.accepted_code for trace in members)
    code = before.code if before is not None else facts.accepted_code if facts.accepted_code is not None and formerly else facts.fingerprint.digest
    return FamilyEntry(code, tuple(sorted(made.items())), tuple(sorted(observed.items())),
                       tuple([Input(*each) for each in sorted(inputs.items())]), tuple(sorted(wrote.items())))


def definitions_of(units: Iterable[Unit]) -> Dict[str, Digest]:
    """Return the own digest of each named definition; several of one name are put together."""
    found: Dict[str, Set[Digest]] = {}
    for unit in units:
        if unit.kind in _DEFINITIONS and unit.origin == "own" and unit.file is not None:
            found.setdefault(unit.name, set()).add(unit.own)
    return {name: _together(sorted(found[name])) for name in sorted(found)}


def _together(digests: List[Digest]) -> Digest:
    return digests[0] if len(digests) == 1 else Hasher("definitions/1").fields("own", digests).digest()


# -- what a run may not do ------------------------------------------------------------------------

def check_scheme(lock: Optional[Lock], steps: Sequence[str], accept: bool) -> None:
    """Raise StateError where the digests of the lockfile are of another kind than ours."""
    if lock is None or lock.scheme == SCHEME:
        return
    if lock.scheme > SCHEME:
        raise StateError(f"`{LOCKFILE}` has scheme {lock.scheme} of digests, this deepwatch knows {SCHEME}",
                         hint="upgrade deepwatch: `pip install -U deepwatch-flow`")
    if accept:
        return
    names = [name for name in steps if name in lock.steps]
    raise StateError(
        f"`{LOCKFILE}` was written with an older scheme of digests ({lock.scheme}, now {SCHEME}); "
        f"{len(names)} steps would run again: {', '.join(names[:10])}{', …' if len(names) > 10 else ''}",
        hint="`deepwatch lock upgrade` carries over what did not really change; `deepwatch run --accept-scheme` runs them")


def check_same(lock: Lock, before: Optional[Lock]) -> None:
    """Raise LockedError where a run gave other results than the lockfile has."""
    known = before or Lock({}, {}, {})
    if (lock.steps, lock.families) != (known.steps, known.families):
        raise LockedError(f"the results differ from what `{LOCKFILE}` says",
                          hint="run `deepwatch run` without `--locked` and look at the lockfile's diff")


def check_locked(lock: Optional[Lock], steps: Sequence[str], world: World, plan: Plan) -> None:
    """Raise LockedError where a run by this plan would change the lockfile."""
    if lock is None:
        raise LockedError(f"there is no `{LOCKFILE}`", hint="run `deepwatch run` and commit the lockfile")
    hint = "run `deepwatch run` without `--locked` and commit the lockfile"
    dropped = sorted({*lock.steps, *lock.families} - set(steps))
    if dropped:
        raise LockedError(f"`{LOCKFILE}` has a step `{dropped[0]}`, the pipeline has none", hint=hint)
    for name, verdict in plan.verdicts.items():
        facts = world.facts[base_of(name)]
        uncacheable = facts.fingerprint.uncacheable is not None
        if base_of(name) in lock.families or facts.family is not None:
            if base_of(name) in lock.families or not uncacheable:
                _check_instance(lock, name, verdict, hint)
            continue
        key = None
        if isinstance(verdict, (Fresh, Stale)):
            key = verdict.key or (verdict.trace.key if isinstance(verdict, Fresh) else None)
        entry = lock.steps.get(name)
        other = isinstance(verdict, Stale) and any(reason.kind in _BEYOND_KEY for reason in verdict.reasons)
        if (entry is None and not uncacheable) or (key is not None and entry is not None and (entry.key != key or other)):
            raise _not_vouched(name, verdict, hint)


def _not_vouched(name: str, verdict: Verdict, hint: str) -> LockedError:
    """Return the error of a step that would give the lockfile another entry."""
    if isinstance(verdict, Fresh):
        return LockedError(f"the result of `{name}` is known here, but it is not the one that `{LOCKFILE}` has",
                           hint="`deepwatch run` writes it into the lockfile, without executing the step; then commit it")
    return LockedError(f"`{name}` is not what `{LOCKFILE}` says: the lockfile would have to change",
                       hint=f"`deepwatch why {quoted(name)}` tells what changed; {hint}")


def _check_instance(lock: Lock, name: str, verdict: Verdict, hint: str) -> None:
    """Refuse an instance that the lockfile does not vouch for; a family is what its instances are."""
    if base_of(name) == name:
        missing = name not in lock.families
    elif isinstance(verdict, Fresh):
        missing = not lock.vouches(name, verdict.key or verdict.trace.key)
    else:
        # what it reads has to be put back first: its key is compared before it would be executed
        waits = isinstance(verdict, Pending) or (verdict.key is None and {reason.kind for reason in verdict.reasons} == {"input"})
        beyond = any(reason.kind in _BEYOND_KEY for reason in verdict.reasons)
        missing = not waits and (beyond or not isinstance(verdict, Stale) or verdict.key is None or not lock.vouches(name, verdict.key))
    if missing:
        raise _not_vouched(name, verdict, hint)
