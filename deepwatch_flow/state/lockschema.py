"""A lockfile's TOML document as a lock, each fact checked.

For files that were edited, merged by hand or written by another hand than ours: what does not fit
is an error that names the table, never a fact that is quietly left out.
"""
from __future__ import annotations

import re
from typing import Any, Callable, Dict, List, Mapping, Tuple

from ..model import Accepted, Artifact, Digest, FamilyEntry, Input, Lock, LockEntry, ProductFile, Upstream
from .lockgrammar import InstanceLine, family_of, is_inside, seal_of

_DIGEST = re.compile(r"[0-9a-f]{64}")
_STEP = ("key", "code", "output", "blob", "size", "codec")
_TABLES = ("params", "inputs", "upstreams", "products", "observed")
_SEAL = "seen"


class Misfit(Exception):
    """A fact is missing, unknown or of the wrong kind; `table` is the header to look for."""

    def __init__(self, table: str, message: str) -> None:
        super().__init__(message)
        self.table = table
        self.message = message


def lock_of(document: Mapping[str, Any], version: int) -> Lock:
    """Return the lock in a parsed document, which must be of this version; raises Misfit."""
    if _size(document, "version", "", "the lockfile") != version:
        raise Misfit("", f"its version is {document['version']}, which never was one")
    _only(document, ("version", "scheme", "steps", "families", "accepted", "definitions", "packages"), "", "the lockfile")
    steps = {name: _entry(name, table) for name, table in _table(document, "steps", "").items()}
    families = {name: _family(name, table) for name, table in _table(document, "families", "").items()}
    definitions = _each(document, "definitions", "digest", _digest)
    packages = _each(document, "packages", "version", _text)
    return Lock(steps, definitions, packages, _size(document, "scheme", "", "the lockfile"), _accepted(document), families)


def entry_of(name: str, table: Any) -> LockEntry:
    """Return one step's entry from its table, each fact checked; raises Misfit."""
    return _entry(name, table)


def _accepted(document: Mapping[str, Any]) -> Tuple[Accepted, ...]:
    found: List[Accepted] = []
    for step in _table(document, "accepted", ""):
        where = f'[accepted."{step}"'
        for definition, fact in _facts(_table(document["accepted"], step, where), ("old", "new", "reason"), where, f"accepted, {step!r}"):
            what = f"accepted, {step!r}, {definition!r}"
            found.append(Accepted(step, definition, _digest(fact, "old", where, what), _digest(fact, "new", where, what),
                                  _text(fact, "reason", where, what)))
    return tuple(sorted(found))


def _entry(name: str, table: Any) -> LockEntry:
    where, what = f'[steps."{name}"]', f"step {name!r}"
    if not isinstance(table, dict):
        raise Misfit(where, f"{what} must be a table")
    _only(table, (*_STEP, _SEAL, *_TABLES), where, what)
    artifact = Artifact(_digest(table, "output", where, what), _digest(table, "blob", where, what),
                        _size(table, "size", where, what), _text(table, "codec", where, what))
    inner = {part: _table(table, part, where) for part in _TABLES}
    params: List[Tuple[str, Digest]] = []
    for param in sorted(inner["params"]):
        params.append((param, _digest(inner["params"], param, where, f"{what}, params")))
    inputs = _inputs(inner["inputs"], where, what)
    upstreams = []
    for parameter, fact in _facts(inner["upstreams"], ("step", "output"), where, f"{what}, upstreams"):
        upstreams.append(Upstream(parameter, _text(fact, "step", where, what), _digest(fact, "output", where, what)))
    products = [_product(path, fact, where, what)
                for path, fact in _facts(inner["products"], ("blob", "size", "executable"), where, f"{what}, products")]
    observed = [(each, _digest(inner["observed"], each, where, f"{what}, observed")) for each in sorted(inner["observed"])]
    if (_digest(table, _SEAL, where, what) if _SEAL in table else None) != (seal_of(observed) if observed else None):
        raise Misfit(where, f"{what}: what it was seen to depend on is not what its result was made with (a merge line by line?)")
    return LockEntry(_digest(table, "key", where, what), _digest(table, "code", where, what), tuple(params),
                     inputs, tuple(upstreams), artifact, tuple(products), tuple(observed))


def _inputs(table: Mapping[str, Any], where: str, what: str) -> Tuple[Input, ...]:
    return tuple(Input(path, _digest(table, path, where, f"{what}, inputs")) for path in sorted(table))


def _product(path: str, fact: Mapping[str, Any], where: str, what: str) -> ProductFile:
    if not is_inside(path):
        raise Misfit(where, f"{what} has a product outside of the project: {path!r}")
    if fact.get("executable", True) is not True:
        raise Misfit(where, f"{what}, {path!r}: `executable` is true or left out")
    return ProductFile(path, _digest(fact, "blob", where, what), _size(fact, "size", where, what), "executable" in fact)


def _family(name: str, table: Any) -> FamilyEntry:
    where, what = f'[families."{name}"]', f"family {name!r}"
    if not isinstance(table, dict):
        raise Misfit(where, f"{what} must be a table")
    _only(table, ("code", "instances", "inputs", "products", "observed"), where, what)
    made = []
    for key, fact in _facts(_table(table, "instances", where), ("output", "blob", "size", "codec", "wrote", "seen"), where, f"{what}, instances"):
        if _DIGEST.fullmatch(key) is None:
            raise Misfit(where, f"{what} has the instance {key!r}, which is no digest")
        made.append(InstanceLine(Digest(key), Artifact(_digest(fact, "output", where, what), _digest(fact, "blob", where, what),
                                                       _size(fact, "size", where, what), _text(fact, "codec", where, what)),
                                 *(_text(fact, seal, where, what) if seal in fact else "" for seal in ("wrote", "seen"))))
    written = [(_digest(fact, "key", where, f"{what}, {path!r}"), _product(path, fact, where, what)) for path, fact in _facts(
        _table(table, "products", where), ("key", "blob", "size", "executable"), where, f"{what}, products")]
    seen = _table(table, "observed", where)
    observed = [(each, _digest(seen, each, where, f"{what}, observed")) for each in sorted(seen)]
    return family_of(_digest(table, "code", where, what), made, tuple(observed), (_inputs(_table(table, "inputs", where), where, what), written))


def _each(
    document: Mapping[str, Any], section: str, fact: str, read: Callable[[Mapping[str, Any], str, str, str], Any]
) -> Dict[str, Any]:
    found = {}
    for name, table in _table(document, section, "").items():
        where, what = f'[{section}."{name}"]', f"{section}, {name!r}"
        if not isinstance(table, dict):
            raise Misfit(where, f"{what} must be a table")
        _only(table, (fact,), where, what)
        found[name] = read(table, fact, where, what)
    return found


def _facts(table: Mapping[str, Any], keys: Tuple[str, ...], where: str, what: str) -> List[Tuple[str, Dict[str, Any]]]:
    for name, fact in table.items():
        if not isinstance(fact, dict):
            raise Misfit(where, f"{what}: {name!r} must be a table")
        _only(fact, keys, where, f"{what}, {name!r}")
    return sorted(table.items())


def _only(table: Mapping[str, Any], known: Tuple[str, ...], where: str, what: str) -> None:
    for key in table:
        if key not in known:
            raise Misfit(where, f"{what} has an unknown key {key!r}")


def _table(table: Mapping[str, Any], key: str, where: str) -> Dict[str, Any]:
    found = table.get(key, {})
    if not isinstance(found, dict):
        raise Misfit(where, f"`{key}` must be a table")
    return found


def _digest(table: Mapping[str, Any], key: str, where: str, what: str) -> Digest:
    value = table.get(key)
    if not isinstance(value, str) or _DIGEST.fullmatch(value) is None:
        raise Misfit(where, f"{what}: {key!r} must be a digest of 64 hexadecimal digits" if key in table
                     else f"{what} has no {key!r}")
    return Digest(value)


def _text(table: Mapping[str, Any], key: str, where: str, what: str) -> str:
    value = table.get(key)
    if not isinstance(value, str):
        raise Misfit(where, f"{what}: {key!r} must be a string" if key in table else f"{what} has no {key!r}")
    return value


def _size(table: Mapping[str, Any], key: str, where: str, what: str) -> int:
    value = table.get(key)
    if type(value) is not int or value < 0:
        raise Misfit(where, f"{what}: {key!r} must be a whole number" if key in table else f"{what} has no {key!r}")
    return value
