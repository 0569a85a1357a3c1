"""The text of a lockfile in its canonical form: written by hand, read by a few patterns.

The form is plain TOML (``lockfile`` has the grammar). The reader here is for what the writer wrote,
ten times faster than a TOML parser; it gives up on anything else, so it never has to judge.
"""
from __future__ import annotations

import re
from typing import Any, Dict, Iterable, List, Mapping, Optional, Tuple

from .._compat import toml_loads
from ..errors import StateError
from ..model import Artifact, Digest, Input, Lock, LockEntry, ProductFile, Upstream

VERSION = 1
_COMMENT = "# Written by deepwatch: the results that this project vouches for. Commit it; don't edit it.\n"
#: longer names could not be told from an attack on the reader
LONGEST_NAME = 10_000

_NAME = r'((?:[^"\\\x00-\x1f\x7f]|\\[^\n])*)'
_DIGEST = r'"([0-9a-f]{64})"'
_SIZE = r"(0|[1-9][0-9]{0,17})"
_HEAD = re.compile(_COMMENT.replace(".", r"\.") + rf"version = {VERSION}\nscheme = {_SIZE}\n")
_STEP = re.compile(rf'\[steps\."{_NAME}"\]\nkey = {_DIGEST}\ncode = {_DIGEST}\noutput = {_DIGEST}\n'
                   rf'blob = {_DIGEST}\nsize = {_SIZE}\ncodec = "{_NAME}"')
_TABLE = re.compile(rf'\[steps\."{_NAME}"\.(params|inputs|upstreams|products)\]((?:\n[^\n]+)+)')
_DEFINITION = re.compile(rf'\[definitions\."{_NAME}"\]\ndigest = {_DIGEST}')
_PACKAGE = re.compile(rf'\[packages\."{_NAME}"\]\nversion = "{_NAME}"')
_END = r"(?=\n|\Z)"
_LINES = {
    "params": re.compile(rf'\n"{_NAME}" = {_DIGEST}{_END}'),
    "inputs": re.compile(rf'\n"{_NAME}" = {_DIGEST}{_END}'),
    "upstreams": re.compile(rf'\n"{_NAME}" = {{ step = "{_NAME}", output = {_DIGEST} }}{_END}'),
    "products": re.compile(rf'\n"{_NAME}" = {{ blob = {_DIGEST}, size = {_SIZE} }}{_END}'),
}


class _NotCanonical(Exception):
    """The text has to be read as TOML."""


# -- writing ----------------------------------------------------------------------------------------

def dumps(lock: Lock) -> str:
    """Return the canonical text of a lock: the same for equal locks, from any machine."""
    parts = [f"{_COMMENT}version = {VERSION}\nscheme = {lock.scheme}\n"]
    for name in sorted(lock.steps):
        _write_step(parts, _quoted(name), lock.steps[name])
    for name, digest in sorted(lock.definitions.items()):
        parts.append(f'\n[definitions.{_quoted(name)}]\ndigest = "{digest}"\n')
    for name, version in sorted(lock.packages.items()):
        parts.append(f"\n[packages.{_quoted(name)}]\nversion = {_quoted(version)}\n")
    return "".join(parts)


def _write_step(parts: List[str], name: str, entry: LockEntry) -> None:
    artifact = entry.artifact
    parts.append(
        f'\n[steps.{name}]\nkey = "{entry.key}"\ncode = "{entry.code}"\noutput = "{artifact.output}"\n'
        f'blob = "{artifact.blob}"\nsize = {artifact.size}\ncodec = {_quoted(artifact.codec)}\n')
    _write_table(parts, name, "params", [(param, f'"{digest}"') for param, digest in entry.params])
    _write_table(parts, name, "inputs", [(path, f'"{digest}"') for path, digest in entry.inputs])
    _write_table(parts, name, "upstreams", [
        (parameter, f'{{ step = {_quoted(step)}, output = "{output}" }}')
        for parameter, step, output in entry.upstreams])
    _write_table(parts, name, "products", [
        (path, f'{{ blob = "{blob}", size = {size} }}') for path, blob, size in entry.products])


def _write_table(parts: List[str], name: str, table: str, facts: Iterable[Tuple[str, str]]) -> None:
    lines = sorted(set(facts))
    if not lines:
        return
    parts.append(f"\n[steps.{name}.{table}]\n")
    before = None
    for key, value in lines:
        if key == before:
            raise StateError(f"step {name} has two different {table} called {key!r}; the lockfile can hold one")
        parts.append(f"{_quoted(key)} = {value}\n")
        before = key


def _quoted(text: str) -> str:
    if text.isprintable() and '"' not in text and "\\" not in text and len(text) <= LONGEST_NAME:
        return f'"{text}"'
    if len(text) > LONGEST_NAME:
        raise StateError(f"a name of {len(text)} characters is too long for the lockfile: {text[:60]!r}…",
                         hint=f"use names of at most {LONGEST_NAME} characters")
    return '"' + "".join(map(_escaped, text)) + '"'


def _escaped(character: str) -> str:
    if character in '"\\':
        return "\\" + character
    if character.isprintable():
        return character
    code = ord(character)
    if 0xD800 <= code <= 0xDFFF:
        raise StateError("a name that is not valid Unicode can't be written to the lockfile",
                         hint="rename the file or step so that its name is valid UTF-8")
    return f"\\u{code:04X}" if code < 0x10000 else f"\\U{code:08X}"


# -- reading ----------------------------------------------------------------------------------------

def parse_canonical(text: str) -> Optional[Lock]:
    """Return the lock in a text that `dumps` wrote, None for any other text."""
    head = _HEAD.match(text)
    if head is None or not text.endswith("\n"):
        return None
    definitions: Dict[str, Digest] = {}
    packages: Dict[str, str] = {}
    steps: Dict[str, Tuple[Any, ...]] = {}
    tables: Dict[str, Dict[str, Tuple[Any, ...]]] = {}
    try:
        body = text[head.end():-1]
        for block in body[1:].split("\n\n") if body else ():
            if block.startswith("[steps."):
                _read_step(block, steps, tables)
            elif block.startswith("[definitions."):
                name, digest = _match(_DEFINITION, block)
                _enter(definitions, name, digest)
            else:
                name, version = _match(_PACKAGE, block)
                _enter(packages, name, _plain(version))
        if body and not body.startswith("\n"):
            return None
    except _NotCanonical:
        return None
    entries = {name: _entry(fields, tables.get(name, {})) for name, fields in steps.items()}
    return Lock(entries, definitions, packages, int(head.group(1)))


def _read_step(block: str, steps: Dict[str, Tuple[Any, ...]], tables: Dict[str, Dict[str, Tuple[Any, ...]]]) -> None:
    found = _STEP.fullmatch(block)
    if found is not None:
        name, *fields = found.groups()
        _enter(steps, name, tuple(fields))
        return
    name, table, lines = _match(_TABLE, block)
    facts = _LINES[table].findall(lines)
    name = _plain(name)
    if name not in steps or len(facts) != lines.count("\n"):
        raise _NotCanonical
    if "\\" in lines:
        facts = [tuple([_plain(field) for field in fact]) for fact in facts]
    if len({fact[0] for fact in facts}) != len(facts):
        raise _NotCanonical
    if table == "products" and not all(is_inside(fact[0]) for fact in facts):
        raise _NotCanonical
    facts.sort()
    _enter(tables.setdefault(name, {}), table, tuple(facts))


def _entry(fields: Tuple[Any, ...], tables: Mapping[str, Tuple[Any, ...]]) -> LockEntry:
    key, code, output, blob, size, codec = fields
    products = tables.get("products", ())
    return LockEntry(
        key, code, tables.get("params", ()),
        tuple([Input(*fact) for fact in tables.get("inputs", ())]),
        tuple([Upstream(*fact) for fact in tables.get("upstreams", ())]),
        Artifact(output, blob, int(size), _plain(codec)),
        tuple([ProductFile(path, address, int(length)) for path, address, length in products]))


def _match(pattern: "re.Pattern[str]", block: str) -> Tuple[str, ...]:
    found = pattern.fullmatch(block)
    if found is None:
        raise _NotCanonical
    return found.groups()


def _enter(table: Dict[str, Any], name: str, value: Any) -> None:
    name = _plain(name)
    if name in table:
        raise _NotCanonical
    table[name] = value


def _plain(raw: str) -> str:
    """Return the text that stands in quotes in the file."""
    if "\\" not in raw:
        return raw
    try:
        return str(toml_loads(f'text = "{raw}"')["text"])
    except ValueError as error:
        raise _NotCanonical from error


def is_inside(path: str) -> bool:
    """Tell whether a product's path stays in the project, on any system."""
    return bool(path) and path[0] != "/" and path[1:2] != ":" and "\\" not in path and (
        ".." not in path or ".." not in path.split("/"))
