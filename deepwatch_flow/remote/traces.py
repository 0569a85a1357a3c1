"""Traces as they travel: what the lockfile would say of an execution, as one signed file each.

    traces/ab/<key>/<digest of the file's first line>

The first line is the trace as JSON, the second its signature. So what stays on this machine out of
the lockfile (values of params, absolute paths) is not sent, either; and each fact that comes is
checked as those of a lockfile are, before anything is made of it.
"""
from __future__ import annotations

import json
import re
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

from ..hashing.digest import digest_bytes
from ..model import SCHEME, Digest, LockEntry
from ..state.lockgrammar import seal_of
from ..state.lockschema import Misfit, entry_of
from .signing import Signer

FOLDER = "traces"
#: no trace is larger; what is, is none
LARGEST = 4 << 20
_NAME = re.compile(r"traces/[0-9a-f]{2}/(?P<key>[0-9a-f]{64})/(?P<name>[0-9a-f]{64})")


class Sent(NamedTuple):
    """A trace that is to be sent, or came."""

    step: str
    entry: LockEntry


class Refused(Exception):
    """A trace that came is not what it has to be; says why."""


def shard(key: Digest) -> str:
    """Return the folder in which the traces of a key are listed together with others."""
    return f"{FOLDER}/{key[:2]}"


def by_key(names: Dict[str, int]) -> Dict[Digest, List[str]]:
    """Return the names in a listing that are names of traces, by their keys; others are left out."""
    found: Dict[Digest, List[str]] = {}
    for name, size in sorted(names.items()):
        parts = _NAME.fullmatch(name)
        if parts is not None and size <= LARGEST:
            found.setdefault(Digest(parts["key"]), []).append(name)
    return found


def packed(sent: Sent, signer: Optional[Signer]) -> Tuple[str, bytes]:
    """Return a trace's name at the remote and its bytes."""
    payload = json.dumps({"scheme": SCHEME, "step": sent.step, "entry": _table(sent.entry)}, sort_keys=True,
                         separators=(",", ":")).encode("ascii")
    signature = signer.sign(payload) if signer is not None else ""
    key = sent.entry.key
    return f"{shard(key)}/{key}/{digest_bytes(payload)}", b"%s\nhmac-sha256:%s\n" % (payload, signature.encode())


def unpacked(name: str, data: bytes, signer: Optional[Signer], unsigned: bool) -> Sent:
    """Return the trace in a file, if it may be believed; raises Refused.

    `unsigned` tells that one without a signature will do; a signature that does not fit never does.
    """
    payload, _, rest = data.partition(b"\n")
    signature = rest.decode("ascii", "replace").strip().partition("hmac-sha256:")[2]
    if digest_bytes(payload) != name.rpartition("/")[2]:
        raise Refused("its bytes are not those that its name tells")
    if signer is not None and signature:
        if not signer.fits(payload, signature):
            raise Refused("its signature is not of the team's key")
    elif not unsigned:
        raise Refused("it is not signed" if not signature else "there is no key here to check its signature")
    return _checked(name, payload)


def _checked(name: str, payload: bytes) -> Sent:
    try:
        document: Any = json.loads(payload.decode("ascii"))
        if not isinstance(document, dict) or document.get("scheme") != SCHEME:
            raise Refused("it is of another version of deepwatch")
        step = document.get("step")
        if not isinstance(step, str) or not step.isprintable():
            raise Refused("it names no step")
        entry = entry_of(step, document.get("entry"))
    except Misfit as error:
        raise Refused(error.message) from None
    except (ValueError, RecursionError):
        raise Refused("it can't be read") from None
    if entry.key != name.split("/")[2]:
        raise Refused("it is of another key than its name tells")
    return Sent(step, entry)


def _table(entry: LockEntry) -> Dict[str, Any]:
    """Return an entry as the tables of the lockfile."""
    artifact = entry.artifact
    seal = {"seen": seal_of(entry.observed)} if entry.observed else {}
    return {
        "key": entry.key, "code": entry.code, "output": artifact.output, "blob": artifact.blob, "size": artifact.size,
        "codec": artifact.codec, "params": dict(entry.params), "inputs": {each.path: each.digest for each in entry.inputs},
        "upstreams": {each.parameter: {"step": each.step, "output": each.output} for each in entry.upstreams},
        "products": {each.path: {"blob": each.blob, "size": each.size, **({"executable": True} if each.executable else {})}
                     for each in entry.products},
        "observed": dict(entry.observed), **seal,
    }
