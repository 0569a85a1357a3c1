r'''The lockfile, ``deepwatch.lock``: what the project vouches for, committed with the code.

Grammar (TOML; digests are 64 hexadecimal digits, names are quoted, everything is sorted)::

    version = 1                                 # of this grammar
    scheme = 1                                  # of the digests: model.SCHEME

    [steps."NAME"]                              # one block of tables a step
    key = "DIGEST"
    code = "DIGEST"                             # the deep fingerprint of the step's function
    seen = "DIGEST"                             # of the table `observed`, where there is one
    output = "DIGEST"                           # of the value
    blob = "DIGEST"                             # of its bytes
    size = BYTES
    codec = "NAME"

    [steps."NAME".params]                       # each of these five only where there is one
    "PARAM" = "DIGEST"

    [steps."NAME".inputs]
    "PATH" = "DIGEST"

    [steps."NAME".upstreams]
    "PARAMETER" = { step = "NAME", output = "DIGEST" }

    [steps."NAME".products]
    "PATH" = { blob = "DIGEST", size = BYTES }  # with `, executable = true` where its owner may execute it

    [steps."NAME".observed]                     # what it was seen to depend on beyond all that
    "KIND NAME" = "DIGEST"                      # file PATH, absent PATH, variable NAME, function MODULE:NAME ...

    [families."NAME"]                           # a step with instances (Each)
    code = "DIGEST"

    [families."NAME".instances]                 # a line an instance, by its key: labels and places don't count
    "DIGEST" = { output = "DIGEST", blob = "DIGEST", size = BYTES, codec = "NAME" }     # and seen = "16 of its digits"
                                                # before `seen` stands wrote = "16 digits" where it has products

    [families."NAME".inputs]                    # those of which each instance reads its own
    "PATH" = "DIGEST"

    [families."NAME".products]                  # each with the key of the instance that wrote it; `wrote` is of all that are its own
    "PATH" = { key = "DIGEST", blob = "DIGEST", size = BYTES }      # `executable` as of a step

    [families."NAME".observed]                  # as of a step: what any of the instances was seen to depend on
    "KIND NAME" = "DIGEST"

    [accepted."NAME"."UNIT"]                    # a change of code that was said to be of no effect on the step
    old = "DIGEST"                              # deep, of the definition when the step's result was made
    new = "DIGEST"                              # deep, of the definition that counts as the old one
    reason = "TEXT"

    [definitions."UNIT"]                        # a definition that some step uses
    digest = "DIGEST"                           # of its own code

    [packages."DISTRIBUTION"]
    version = "VERSION"

There are no times, host names, absolute paths or tool versions in it: equal projects have equal
bytes. Between any two facts of different things stand an empty line and a header that don't change,
so git merges what two branches did to different steps.

History: version 1 is the first.

It is the one file of the state that is never repaired or replaced silently: one that can't be read
is an error that tells line and cure. One with conflict markers is mended by a run (``locking.mending``), which says so.
'''
from __future__ import annotations

import marshal
import os
import re
from typing import NoReturn, Optional, Protocol

from .._compat import toml_loads
from ..errors import StateError
from ..hashing.digest import digest_bytes
from ..model import Accepted, Digest, Lock
from ..pausing import collector_paused
from . import disk
from .lockgrammar import VERSION, dumps, parse_canonical
from .lockschema import Misfit, lock_of
from .rows import entry_of, family_of, plain_entry, plain_family

__all__ = ["Conflicted", "LockCache", "VERSION", "decode", "dumps", "loads", "read", "text_of", "write"]

_LARGEST_FILE = 512 << 20
_LONGEST_LINE = 64 << 10
#: a line longer than this is looked at for depth before a TOML parser sees it
_LONG_LINE, _DEEPEST = 1000, 100

_VERSION_LINE = re.compile(r"^version[ \t]*=[ \t]*(\d{1,9})[ \t]*(?:#.*)?$", re.MULTILINE)
_MARKER = re.compile(r"^(?:<{7}|>{7}|\|{7})(?: .*)?$|^={7}$", re.MULTILINE)
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"|\'[^\']*\'')
_POSITION = re.compile(r"\s*\(at (?:line (\d+), column (\d+)|end of document)\)$")
#: raised with any change of the parsed form that the database keeps
_PARSED_FORM = 5


class Conflicted(StateError):
    """The lockfile holds the markers of a merge conflict."""


class LockCache(Protocol):
    """Where parsed lockfiles are kept by the digest of their bytes."""

    def lock_get(self, digest: Digest) -> Optional[bytes]:
        """Return what was kept, or None."""

    def lock_put(self, digest: Digest, parsed: bytes) -> None:
        """Keep a parsed lockfile."""


def read(path: str, cache: Optional[LockCache] = None) -> Optional[Lock]:
    """Return the lock in the file at `path`, None where there is no file; raises StateError."""
    data = _bytes_of(path)
    if data is None:
        return None
    digest = digest_bytes(data)
    kept = cache.lock_get(digest) if cache is not None else None
    lock = _parsed(kept) if kept is not None else None
    if lock is None:
        lock = loads(_decoded(data, path), path)
        if cache is not None:
            cache.lock_put(digest, _unparsed(lock))
    return lock


def decode(data: bytes, path: str) -> Lock:
    """Return the lock in the bytes of a file; `path` is named in errors. Raises StateError."""
    return loads(_decoded(data, path), path)


def text_of(path: str) -> Optional[str]:
    """Return the text of the file at `path`, readable as a lock or not; None where there is no file."""
    data = _bytes_of(path)
    return None if data is None else _decoded(data, path)


def write(path: str, lock: Lock, cache: Optional[LockCache] = None, *, mends: bool = False) -> bool:
    """Write the lock to `path`, all or nothing; return False where the file says the same already.

    A file that can't be read is not overwritten: StateError; but one that `mends` a merge conflict is.
    """
    text = dumps(lock)
    data = text.encode("utf-8")
    before = _bytes_of(path)
    if before is not None:
        if before == data:
            return False
        found = _decoded(before, path)
        if found == text:
            return False        # a checkout with CRLF: git turns it back, rewriting it helps nobody
        _refuse_to_lose(found, path, mends)
    disk.write_atomic(path, data, durable=True)
    if cache is not None:
        cache.lock_put(digest_bytes(data), _unparsed(lock))
    return True


def _refuse_to_lose(text: str, path: str, mends: bool) -> None:
    try:
        loads(text, path)
    except Conflicted:
        if not mends:
            raise


def loads(text: str, path: str = "deepwatch.lock") -> Lock:
    """Return the lock in a text; `path` is named in errors. Raises StateError."""
    with collector_paused():
        lock = parse_canonical(text)
    if lock is not None:
        return lock
    _refuse_conflicts(text, path)
    _refuse_versions(text, path)
    _refuse_depth(text, path)
    try:
        document = toml_loads(text)
    except ValueError as error:
        message = str(error)
        position = _POSITION.search(message)
        line, column = (position.group(1), position.group(2)) if position is not None else (None, None)
        if line is None:
            line, column = str(text.count("\n") + 1), "1"
        _fail(path, f"{line}:{column}", _POSITION.sub("", message))
    except RecursionError:
        _fail(path, "1", "it is nested too deeply")
    try:
        return lock_of(document, VERSION)
    except Misfit as misfit:
        at = text.find(misfit.table)
        _fail(path, str(text.count("\n", 0, max(at, 0)) + 1), misfit.message)


def _bytes_of(path: str) -> Optional[bytes]:
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise disk.explain(error, "read", path) from error
    if found.st_size > _LARGEST_FILE:
        raise StateError(f"{path} has {found.st_size} bytes: too large for a lockfile", hint=_hint(path))
    return disk.read_bytes(path, follow=False)


def _decoded(data: bytes, path: str) -> str:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        _fail(path, str(data.count(b"\n", 0, error.start) + 1), "it is not UTF-8 text")
    return text.replace("\r\n", "\n") if "\r" in text else text


def _refuse_conflicts(text: str, path: str) -> None:
    marker = _MARKER.search(text)
    if marker is not None:
        name = os.path.basename(path)
        raise Conflicted(
            f"{path}:{_line(text, marker.start())}: a merge conflict was left in the lockfile",
            hint="`deepwatch run` mends it from both sides, once the conflicts in the code are resolved; "
                 f"or take one side: `git checkout --ours {name}`, `git checkout --theirs {name}`")


def _refuse_versions(text: str, path: str) -> None:
    end = text.find("\n[")
    stated = _VERSION_LINE.search(text, 0, len(text) if end < 0 else end)
    if stated is None:
        if not text.strip():
            _fail(path, "1", "the lockfile is empty")
        return          # it fails as TOML, or for want of a version
    version = int(stated.group(1))
    if version > VERSION:
        raise StateError(
            f"{path}:{_line(text, stated.start())}: the lockfile has version {version}, this deepwatch reads "
            f"version {VERSION}", hint="upgrade deepwatch: `pip install -U deepwatch-flow`")


def _refuse_depth(text: str, path: str) -> None:
    for number, line in enumerate(text.split("\n"), 1):
        if len(line) <= _LONG_LINE:
            continue
        if len(line) > _LONGEST_LINE:
            _fail(path, str(number), f"a line of {len(line)} characters")
        bare = _QUOTED.sub("", line)
        if bare.count(".") > _DEEPEST or bare.count("[") + bare.count("{") > _DEEPEST:
            _fail(path, str(number), "it is nested too deeply")


def _fail(path: str, position: str, message: str) -> NoReturn:
    raise StateError(f"{path}:{position}: the lockfile can't be read: {message}", hint=_hint(path))


def _hint(path: str) -> str:
    name = os.path.basename(path)
    return f"restore it (`git checkout -- {name}`) or remove it, then `deepwatch run`; nothing was changed"


def _line(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1


# -- the parsed form in the database ----------------------------------------------------------------

def _unparsed(lock: Lock) -> bytes:
    steps = {name: plain_entry(entry) for name, entry in lock.steps.items()}
    return marshal.dumps((_PARSED_FORM, VERSION, lock.scheme, steps, dict(lock.definitions), dict(lock.packages),
                          tuple([tuple(each) for each in lock.accepted]),
                          {name: plain_family(entry) for name, entry in lock.families.items()}), 4)


def _parsed(data: bytes) -> Optional[Lock]:
    try:
        with collector_paused():
            form, version, scheme, steps, definitions, packages, accepted, families = marshal.loads(data)
    except (ValueError, EOFError, TypeError):
        return None     # kept by another deepwatch: parse the text again
    if (form, version) != (_PARSED_FORM, VERSION):
        return None
    with collector_paused():
        return Lock({name: entry_of(plain) for name, plain in steps.items()}, definitions, packages, scheme,
                    tuple([Accepted(*each) for each in accepted]), {name: family_of(plain) for name, plain in families.items()})
