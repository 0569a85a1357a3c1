"""Records as bytes and back, as the database keeps them.

A packed record is a checksum and the marshalled plain tuples: ten times faster than JSON or pickle
to make records from, the same for all Pythons (format 2), and a damaged one is found before it is
taken apart. What can't be unpacked is None: it is as good as not there.
"""
from __future__ import annotations

import json
import marshal
import zlib
from typing import Any, NamedTuple, Optional, Tuple

from ..events import Printed, StepFinished
from ..hashing.digest import Hasher
from ..model import (
    Artifact,
    Digest,
    FamilyEntry,
    Input,
    LockEntry,
    Observation,
    Param,
    ProductFile,
    Reason,
    SeenFile,
    SeenUnit,
    SeenVariable,
    Trace,
    Unit,
    Upstream,
)

#: what every supported Python reads and writes alike
_FORMAT = 2


class Execution(NamedTuple):
    """One execution of a step; a good one or one that failed."""

    step: str
    run: str
    ended: int                         #: seconds of the clock
    outcome: str                       #: ran | failed
    printed: Optional[Printed]         #: its file by its name in the folder of the run's logs; None where nothing came
    captured: bool = True              #: whether what it printed was kept


def pack(plain: Any) -> bytes:
    """Return plain tuples, lists, dicts, texts and numbers as checked bytes."""
    try:
        return seal(marshal.dumps(plain, _FORMAT))
    except ValueError:
        # A subclass of str or int (an enum member, say) among them: JSON knows what it is at heart.
        return seal(marshal.dumps(json.loads(json.dumps(plain)), _FORMAT))


def unpack(data: object) -> Any:
    """Return what `pack` was given (tuples may be lists), or None for damaged bytes."""
    inner = unseal(data)
    if inner is None:
        return None
    try:
        return marshal.loads(inner)
    except (ValueError, EOFError, TypeError):
        return None


def seal(data: bytes) -> bytes:
    """Return bytes with their checksum in front."""
    return zlib.crc32(data).to_bytes(4, "little") + data


def unseal(data: object) -> Optional[bytes]:
    """Return what `seal` was given, or None where the checksum does not fit."""
    if not isinstance(data, bytes) or len(data) < 4:
        return None
    inner = data[4:]
    return inner if zlib.crc32(inner) == int.from_bytes(data[:4], "little") else None


def naming(digest: str, data: bytes) -> bytes:
    """Return data sealed together with the digest of what it was made from: damage must not give a content the facts of another."""
    return seal(digest.encode() + b"\n" + data)


def named(digest: str, sealed: object) -> Optional[bytes]:
    """Return the data of `naming`, None where it is of another digest or damaged."""
    whole = unseal(sealed)
    name = digest.encode() + b"\n"
    return whole[len(name):] if whole is not None and whole.startswith(name) else None


def pack_trace(trace: Trace) -> bytes:
    """Return a trace as bytes."""
    step, key, code, root, params, inputs, upstreams, artifact, products, packages, observation = trace
    return pack((step, key, code, root, _plain(params), _plain(inputs), _plain(upstreams), tuple(artifact),
                 _plain(products), _plain(packages), _plain_observation(observation)))


def trace_row(trace: Trace, run: str, seconds: float) -> Tuple[str, Digest, str, str, float, bytes]:
    """Return the row of an execution by a run: step, key, digest of what it is bound to beyond that, run, seconds, trace."""
    return trace.step, trace.key, _conditions(trace), run, seconds, pack_trace(trace)


def _conditions(trace: Trace) -> str:
    """Return the digest of what a trace is bound to beyond its key, empty where that is nothing."""
    observation = trace.observation
    if observation is None or not any(observation.conditions):
        return ""
    return Hasher("conditions/1").fields("conditions", [repr(each) for each in observation.conditions]).digest()


def unpack_trace(data: object) -> Optional[Trace]:
    """Return the trace in some bytes, None where they are damaged."""
    plain = unpack(data)
    if plain is None:
        return None
    step, key, code, root, params, inputs, upstreams, artifact, products, packages, observation = plain
    return Trace(
        step, key, code, root, tuple([Param(*each) for each in params]), tuple([Input(*each) for each in inputs]),
        tuple([Upstream(*each) for each in upstreams]), Artifact(*artifact),
        tuple([ProductFile(*each) for each in products]) if products else (), _pairs(packages) if packages else (),
        _observation(observation) if observation is not None else None)


def _plain_observation(observation: Optional[Observation]) -> Any:
    if observation is None:
        return None
    ran, hidden, files, variables, packages, gaps, code = observation
    return (_plain(ran), _plain(hidden), _plain(files), _plain(variables), _plain(packages), gaps, code)


def _observation(plain: Any) -> Observation:
    ran, hidden, files, variables, packages, gaps, code = plain
    return Observation(
        _pairs(ran), tuple([SeenUnit(*each) for each in hidden]), tuple([SeenFile(*each) for each in files]),
        tuple([SeenVariable(*each) for each in variables]), _pairs(packages), tuple(gaps), code)


def plain_entry(entry: LockEntry) -> Tuple[object, ...]:
    """Return a lockfile entry as plain tuples."""
    key, code, params, inputs, upstreams, artifact, products, observed = entry
    return (key, code, _plain(params), _plain(inputs), _plain(upstreams), tuple(artifact), _plain(products),
            _plain(observed))


def entry_of(plain: Any) -> LockEntry:
    """Return the lockfile entry of `plain_entry`."""
    key, code, params, inputs, upstreams, artifact, products, observed = plain
    return LockEntry(
        key, code, _pairs(params), tuple([Input(*each) for each in inputs]),
        tuple([Upstream(*each) for each in upstreams]), Artifact(*artifact),
        tuple([ProductFile(*each) for each in products]), _pairs(observed))


def plain_family(entry: FamilyEntry) -> Tuple[object, ...]:
    """Return a lockfile's entry of a family as plain tuples."""
    return (entry.code, tuple([(key, tuple(made)) for key, made in entry.instances]), _plain(entry.observed), _plain(entry.inputs),
            tuple([(key, _plain(products)) for key, products in entry.products]))


def family_of(plain: Any) -> FamilyEntry:
    """Return the entry of `plain_family`."""
    code, instances, observed, inputs, products = plain
    return FamilyEntry(code, tuple([(key, Artifact(*made)) for key, made in instances]), _pairs(observed),
                       tuple([Input(*each) for each in inputs]),
                       tuple([(key, tuple([ProductFile(*each) for each in files])) for key, files in products]))


def pack_unit(unit: Unit) -> bytes:
    """Return a unit as bytes."""
    return pack((*unit[:-1], _plain(unit.links)))


def unpack_unit(data: object) -> Optional[Unit]:
    """Return the unit in some bytes, None where they are damaged."""
    plain = unpack(data)
    return None if plain is None else Unit._make((*plain[:-1], _pairs(plain[-1])))


def plain_finished(step: StepFinished) -> object:
    """Return what happened to a step as plain tuples; a reused one, the usual case, as its name."""
    if step == StepFinished(step.step, "reused", changed=step.changed) and step.changed:
        return step.step
    # what it printed is told by its execution
    return (step.step, step.outcome, _plain(step.reasons), *step[3:7])


def finished_of(plain: Any) -> StepFinished:
    """Return what happened to a step, from `plain_finished`."""
    if isinstance(plain, str):
        return StepFinished(plain, "reused")
    reasons = tuple([Reason._make((*each[:-1], tuple(each[-1]))) for each in plain[2]])
    return StepFinished(plain[0], plain[1], reasons, *plain[3:])


def _plain(records: Tuple[Any, ...]) -> Tuple[Tuple[Any, ...], ...]:
    return tuple([tuple(each) for each in records])


def _pairs(plain: Any) -> Tuple[Tuple[str, Any], ...]:
    return tuple([(each[0], each[1]) for each in plain])
