"""The text of a lockfile in its canonical form: written by hand, read by a few patterns.

The form is plain TOML (``lockfile`` has the grammar). The reader here is for what the writer wrote,
ten times faster than a TOML parser; it gives up on anything else, so it never has to judge.
"""
from __future__ import annotations

import re
from typing import Any, Callable, Dict, Iterable, List, NamedTuple, Optional, Tuple

from .._compat import toml_loads
from ..errors import StateError
from ..hashing.digest import Hasher
from ..model import Accepted, Artifact, Digest, FamilyEntry, Input, Lock, LockEntry, ProductFile, Upstream

VERSION = 1
_COMMENT = "# Written by deepwatch: the results that this project vouches for. Commit it; don't edit it.\n"
#: longer names could not be told from an attack on the reader
LONGEST_NAME = 10_000
#: how much of a seal stands in the line of an instance: it tells two apart, and protects from nobody
_SEAL = 16

_NAME = r'((?:[^"\\\x00-\x1f\x7f]|\\[^\n])*)'
_DIGEST = r'"([0-9a-f]{64})"'
_SIZE = r"(0|[1-9][0-9]{0,17})"
_HEAD = re.compile(_COMMENT.replace(".", r"\.") + rf"version = {VERSION}\nscheme = {_SIZE}\n")
_FACTS = r'((?:"[^\n]*\n)+)'
_STEP = re.compile(
    rf'(\n\[steps\."{_NAME}"\]\nkey = {_DIGEST}\ncode = {_DIGEST}\n(?:seen = {_DIGEST}\n)?output = {_DIGEST}\n'
    rf'blob = {_DIGEST}\nsize = {_SIZE}\ncodec = "{_NAME}"\n'
    + "".join(rf'(?:\n\[steps\."\2"\.{table}\]\n{_FACTS})?' for table in ("params", "inputs", "upstreams", "products", "observed"))
    + ")")
_FAMILY = re.compile(
    rf'(\n\[families\."{_NAME}"\]\ncode = {_DIGEST}\n'
    + "".join(rf'(?:\n\[families\."\2"\.{table}\]\n{_FACTS})?' for table in ("instances", "inputs", "products", "observed")) + ")")
_ACCEPTED = re.compile(
    rf'(\n\[accepted\."{_NAME}"\."{_NAME}"\]\nold = {_DIGEST}\nnew = {_DIGEST}\nreason = "{_NAME}"\n)')
_DEFINITION = re.compile(rf'(\n\[definitions\."{_NAME}"\]\ndigest = {_DIGEST}\n)')
_PACKAGE = re.compile(rf'(\n\[packages\."{_NAME}"\]\nversion = "{_NAME}"\n)')
# The lines of the four tables.
_NAMED = re.compile(rf'^"{_NAME}" = {_DIGEST}\n', re.MULTILINE)
_UPSTREAM = re.compile(rf'^"{_NAME}" = {{ step = "{_NAME}", output = {_DIGEST} }}\n', re.MULTILINE)
_PRODUCT = re.compile(rf'^"{_NAME}" = {{ blob = {_DIGEST}, size = {_SIZE}(, executable = true)? }}\n', re.MULTILINE)

_INSTANCE = re.compile(
    rf'^{_DIGEST} = {{ output = {_DIGEST}, blob = {_DIGEST}, size = {_SIZE}, codec = "{_NAME}"'
    r'(?:, wrote = "([0-9a-f]{16})")?(?:, seen = "([0-9a-f]{16})")? }\n', re.MULTILINE)
_WRITTEN = re.compile(
    rf'^"{_NAME}" = {{ key = {_DIGEST}, blob = {_DIGEST}, size = {_SIZE}(, executable = true)? }}\n', re.MULTILINE)


class _NotCanonical(Exception):
    """The text has to be read as TOML."""


# -- writing ----------------------------------------------------------------------------------------

def dumps(lock: Lock) -> str:
    """Return the canonical text of a lock: the same for equal locks, from any machine."""
    parts = [f"{_COMMENT}version = {VERSION}\nscheme = {lock.scheme}\n"]
    for name in sorted(lock.steps):
        _write_step(parts, _quoted(name), lock.steps[name])
    for name in sorted(lock.families):
        _write_family(parts, _quoted(name), lock.families[name])
    for each in sorted(lock.accepted):
        parts.append(f'\n[accepted.{_quoted(each.step)}.{_quoted(each.definition)}]\nold = "{each.old}"\nnew = "{each.new}"\n'
                     f"reason = {_quoted(each.reason)}\n")
    for name, digest in sorted(lock.definitions.items()):
        parts.append(f'\n[definitions.{_quoted(name)}]\ndigest = "{digest}"\n')
    for name, version in sorted(lock.packages.items()):
        parts.append(f"\n[packages.{_quoted(name)}]\nversion = {_quoted(version)}\n")
    return "".join(parts)


def _write_step(parts: List[str], name: str, entry: LockEntry) -> None:
    artifact = entry.artifact
    seen = f'seen = "{seal_of(entry.observed)}"\n' if entry.observed else ""
    parts.append(
        f'\n[steps.{name}]\nkey = "{entry.key}"\ncode = "{entry.code}"\n{seen}output = "{artifact.output}"\n'
        f'blob = "{artifact.blob}"\nsize = {artifact.size}\ncodec = {_quoted(artifact.codec)}\n')
    _write_table(parts, name, "params", [(param, f'"{digest}"') for param, digest in entry.params])
    _write_table(parts, name, "inputs", [(path, f'"{digest}"') for path, digest in entry.inputs])
    _write_table(parts, name, "upstreams", [
        (parameter, f'{{ step = {_quoted(step)}, output = "{output}" }}')
        for parameter, step, output in entry.upstreams])
    _write_table(parts, name, "products", [
        (path, f'{{ blob = "{blob}", size = {size}{", executable = true" if executable else ""} }}')
        for path, blob, size, executable in entry.products])
    _write_table(parts, name, "observed", [(what, f'"{digest}"') for what, digest in entry.observed])


def _write_family(parts: List[str], name: str, entry: FamilyEntry) -> None:
    seal = f', seen = "{seal_of(entry.observed)[:_SEAL]}"' if entry.observed else ""
    wrote = {key: f', wrote = "{_wrote(products)}"' for key, products in entry.products}
    parts.append(f'\n[families.{name}]\ncode = "{entry.code}"\n')
    _write_table(parts, name, "instances", [
        (key, f'{{ output = "{made.output}", blob = "{made.blob}", size = {made.size}, codec = {_quoted(made.codec)}{wrote.get(key, "")}{seal} }}')
        for key, made in entry.instances], "families")
    _write_table(parts, name, "inputs", [(path, f'"{digest}"') for path, digest in entry.inputs], "families")
    _write_table(parts, name, "products", [
        (path, f'{{ key = "{key}", blob = "{blob}", size = {size}{", executable = true" if executable else ""} }}')
        for key, products in entry.products for path, blob, size, executable in products], "families")
    _write_table(parts, name, "observed", [(what, f'"{digest}"') for what, digest in entry.observed], "families")


def _write_table(parts: List[str], name: str, table: str, facts: Iterable[Tuple[str, str]], section: str = "steps") -> None:
    lines = sorted(set(facts))
    if not lines:
        return
    parts.append(f"\n[{section}.{name}.{table}]\n")
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
    if head is None:
        return None
    packages_at = text.find('\n[packages."', head.end())
    end = packages_at if packages_at >= 0 else len(text)
    definitions_at = text.find('\n[definitions."', head.end(), end)
    middle = definitions_at if definitions_at >= 0 else end
    accepted_at = text.find('\n[accepted."', head.end(), middle)
    above = accepted_at if accepted_at >= 0 else middle
    families_at = text.find('\n[families."', head.end(), above)
    first = families_at if families_at >= 0 else above
    try:
        steps = _entered(_blocks(_STEP, text[head.end():first]), _entry)
        families = _entered(_blocks(_FAMILY, text[first:above]), _family)
        accepted = _accepted(_blocks(_ACCEPTED, text[above:middle]))
        definitions = _entered(_blocks(_DEFINITION, text[middle:end]), lambda fields: fields[0])
        packages = _entered(_blocks(_PACKAGE, text[end:]), lambda fields: _plain(fields[0]))
    except _NotCanonical:
        return None
    return Lock(steps, definitions, packages, int(head.group(1)), accepted, families)


def _accepted(blocks: List[Tuple[str, ...]]) -> Tuple[Accepted, ...]:
    found = sorted(Accepted(_plain(step), _plain(definition), Digest(old), Digest(new), _plain(reason))
                   for _, step, definition, old, new, reason in blocks)
    if len({each[:2] for each in found}) != len(blocks):
        raise _NotCanonical
    return tuple(found)


def _blocks(pattern: "re.Pattern[str]", text: str) -> List[Tuple[str, ...]]:
    """Return the groups of all matches, which must be the whole text."""
    found = pattern.findall(text)
    if sum([len(groups[0]) for groups in found]) != len(text):
        raise _NotCanonical
    return found


def _entered(blocks: List[Tuple[str, ...]], make: Callable[[Tuple[str, ...]], Any]) -> Dict[str, Any]:
    found = {_plain(groups[1]): make(groups[2:]) for groups in blocks}
    if len(found) != len(blocks):
        raise _NotCanonical         # a block twice: TOML tells on which line
    return found


def _entry(fields: Tuple[str, ...]) -> LockEntry:
    key, code, seal, output, blob, size, codec, params, inputs, upstreams, products, observed = fields
    found = _facts(_PRODUCT, products)
    if not all(is_inside(fact[0]) for fact in found):
        raise _NotCanonical
    return LockEntry(
        Digest(key), Digest(code), tuple(_facts(_NAMED, params)),
        tuple([Input(*fact) for fact in _facts(_NAMED, inputs)]),
        tuple([Upstream(*fact) for fact in _facts(_UPSTREAM, upstreams)]),
        Artifact(Digest(output), Digest(blob), int(size), _plain(codec)),
        tuple([ProductFile(path, address, int(length), bool(executable)) for path, address, length, executable in found]),
        _sealed(tuple(_facts(_NAMED, observed)), seal))


def _sealed(observed: Tuple[Tuple[str, Digest], ...], seal: str) -> Tuple[Tuple[str, Digest], ...]:
    if (seal_of(observed) if observed else "") != seal:
        raise _NotCanonical
    return observed


def seal_of(observed: Iterable[Tuple[str, Digest]]) -> Digest:
    """Return one digest of all that a step was seen to depend on.

    It stands beside the step's code. So two branches of which one changed the code and the other what was seen
    change neighbouring lines, and git does not put them together without anybody noticing.
    """
    hasher = Hasher("seen/1")
    for what, digest in sorted(observed):
        hasher.field("what", what).field("digest", digest)
    return hasher.digest()


def _family(fields: Tuple[str, ...]) -> FamilyEntry:
    code, instances, inputs, products, observed = fields
    made = [InstanceLine(Digest(key), Artifact(Digest(output), Digest(blob), int(size), codec), wrote, seen)
            for key, output, blob, size, codec, wrote, seen in _facts(_INSTANCE, instances)]
    written = [(Digest(key), ProductFile(path, Digest(blob), int(size), bool(executable)))
               for path, key, blob, size, executable in _facts(_WRITTEN, products)]
    if not all(is_inside(product.path) for _, product in written):
        raise _NotCanonical
    return family_of(Digest(code), made, tuple(_facts(_NAMED, observed)),
                     (tuple([Input(*fact) for fact in _facts(_NAMED, inputs)]), written))


class InstanceLine(NamedTuple):
    """What the line of an instance says; `wrote` and `seen` are the beginnings of digests of what stands elsewhere."""

    key: Digest
    artifact: Artifact
    wrote: str
    seen: str


def family_of(code: Digest, lines: Iterable[InstanceLine], observed: Tuple[Tuple[str, Digest], ...],
              files: Tuple[Tuple[Input, ...], Iterable[Tuple[Digest, ProductFile]]] = ((), ())) -> FamilyEntry:
    """Return a family's entry; `files` are what instances read, and with their keys what they wrote.

    An instance whose digests are not those of what it was seen to depend on and of what it wrote came from
    another lockfile, by a merge line by line, and is left out.
    """
    inputs, written = files
    by_key: Dict[Digest, List[ProductFile]] = {}
    for key, product in written:
        by_key.setdefault(key, []).append(product)
    products = {key: tuple(sorted(those)) for key, those in by_key.items()}
    seal = seal_of(observed)[:_SEAL] if observed else ""
    made = [(line.key, line.artifact) for line in lines
            if line.seen == seal and line.wrote == (_wrote(products[line.key]) if line.key in products else "")]
    return FamilyEntry(code, tuple(made), observed, inputs, tuple(sorted((key, products[key]) for key, _ in made if key in products)))


def _wrote(products: Iterable[ProductFile]) -> str:
    """Return the digits that stand in an instance's line for the files that it wrote."""
    hasher = Hasher("wrote/1")
    for product in sorted(products):
        hasher.field("path", product.path).field("blob", product.blob).field("executable", str(product.executable))
    return hasher.digest()[:_SEAL]


def _facts(pattern: "re.Pattern[str]", lines: str) -> List[Any]:
    """Return the sorted facts in the lines of a table, which must be as the pattern says."""
    if not lines:
        return []
    facts = pattern.findall(lines)
    if "\\" in lines:
        facts = [tuple([_plain(field) for field in fact]) for fact in facts]
    # A pattern matches one whole line, so an equal count means that each line matched.
    if len(facts) != lines.count("\n") or (len(facts) > 1 and len({fact[0] for fact in facts}) != len(facts)):
        raise _NotCanonical
    facts.sort()
    return facts


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
