"""What an execution was seen to depend on, made into conditions, and whether they hold.

A step may read files and variables that it does not declare, and run code that its fingerprint does
not reach. Its result is reused only while all of that is as it was: each condition is recorded in
terms that hold on another machine, and is looked at again before a trace counts. What a step
declares is in its key already and is no condition.
"""
from __future__ import annotations

import fnmatch
import os
import stat as stat_modes
from typing import (
    Callable,
    Dict,
    FrozenSet,
    Iterable,
    Iterator,
    List,
    NamedTuple,
    Optional,
    Sequence,
    Set,
    Tuple,
)

from ..analysis.hidden import HELD, HiddenCode
from ..errors import EnvironmentFault
from ..hashing.digest import Hasher
from ..hashing.files import IGNORED, StatMemo, digest_input
from ..model import (
    Digest,
    Fingerprint,
    Observation,
    Reason,
    SeenFile,
    SeenUnit,
    SeenVariable,
    StepFacts,
    Trace,
)
from ..observation.seen import Seen, Stamp, merged
from .relevance import path_counts, variable_counts
from .restored import Restored

#: names in the project's folder that a run itself changes
OURS = frozenset({*IGNORED, "deepwatch.lock"})
#: stands for all files outside of the project, where they are told without their places
ELSEWHERE = "elsewhere"
#: no product that will be back
NOTHING = Restored()


class Noted(NamedTuple):
    """An observation, and what stands against recording it."""

    observation: Observation
    changed: Tuple[str, ...] = ()        #: files that changed while the step read them


class Packages(NamedTuple):
    """What is known of installed distributions."""

    version: Callable[[str], str]
    requires: Callable[[str], FrozenSet[str]]     #: names of those that one needs


def undeclared_of(observation: Optional[Observation]) -> Tuple[str, ...]:
    """Return what an execution read that a hermetic step may not, for people."""
    if observation is None:
        return ()
    return (*(f"`{each.path}`" for each in observation.files if each.kind in ("file", "folder")),
            *(f"the environment variable `{each.name}`" if each.name != "*" else "the whole environment"
              for each in observation.variables if each.own))


class Conditions:
    """Makes the conditions of executions, and looks whether they hold."""

    def __init__(self, root: str, memo: StatMemo, hidden: HiddenCode, packages: Packages,
                 ignore: Sequence[str] = ()) -> None:
        self._root = root
        self._memo = memo
        self._hidden = hidden
        self._version, self._requires = packages
        self._ignore = tuple(ignore)
        #: observations of executions that depend on nothing beyond their keys, by what their code was
        self._plain: Dict[Tuple[Digest, FrozenSet[Tuple[str, int, str]], FrozenSet[str]], Observation] = {}
        # as it is once the pipeline is loaded: what a step sets in this process, another run would not find
        self._environ: Dict[str, str] = dict(os.environ)

    # -- after a step -----------------------------------------------------------------------------

    def noted(self, seen: Seen, facts: StepFacts, held: Sequence[Tuple[str, str]], loaded: Seen) -> Noted:
        """Return the observation of a step that was executed just now.

        What was seen while the modules were `loaded` counts as well where something that they did then can't
        be told by its value: an effect on something else, an object that can't be digested.
        """
        # of many elements the same code runs: what it is is looked up once
        code = (facts.fingerprint.root, seen.codes, seen.distributions) if seen.only_code and not held else None
        known = self._plain.get(code) if code is not None else None
        if known is not None:
            return Noted(known)
        noted = self._noted(seen, facts, held, loaded)
        if code is not None and not any(noted.observation.conditions):
            self._plain[code] = noted.observation
        return noted

    def _noted(self, seen: Seen, facts: StepFacts, held: Sequence[Tuple[str, str]], loaded: Seen) -> Noted:
        changed: List[str] = []
        found = self._hidden.found(facts.fingerprint.root, seen.codes, seen.modules, seen.classes)
        if found.effects:
            seen = merged([loaded, seen])._replace(codes=seen.codes, distributions=seen.distributions, gaps=seen.gaps)
        if found.loose:    # `runpy`, a loader of somebody's own: the file is read like any other
            seen = seen._replace(reads={**dict.fromkeys(found.loose), **seen.reads})
        files = self._files(seen, facts, changed)
        variables = self._variables(seen, found.variables)
        named = dict(facts.fingerprint.packages)
        # what an installed package needs belongs to it, and that one counts by its version
        packages = sorted((set(seen.distributions) | set(found.packages)) - self._required(named))
        observation = Observation(
            found.ran, (*found.hidden, *self._hidden.held(held)), files, variables, tuple((name, self._version(name)) for name in packages),
            tuple(dict.fromkeys((*seen.gaps, *found.gaps))))
        return Noted(observation, tuple(changed))

    def _files(self, seen: Seen, facts: StepFacts, changed: List[str]) -> Tuple[SeenFile, ...]:
        declared = [os.path.join(self._root, path) for _, path in (*facts.files, *facts.products)]
        found: List[SeenFile] = []
        for path, kind, stamp in _probes(seen):
            name = self._name(path)
            if not path_counts(path, kind, self._root) or self._is_ignored(name) or any(path == each or path.startswith(each + os.sep) for each in declared):
                continue
            digest = self._now(path, kind, _own_names(path, facts.products, self._root))
            if digest is None or (stamp is not None and not _is(path, stamp)):
                changed.append(name)
            else:
                found.append(SeenFile(name, kind, digest))
        return tuple(sorted(found))

    def _variables(self, seen: Seen, covered: FrozenSet[str]) -> Tuple[SeenVariable, ...]:
        names = [*(set(seen.variables) - covered), *(["*"] if seen.all_variables else [])]
        return tuple(SeenVariable(name, self._value_digest(name), name not in seen.foreign)
                     for name in sorted(names) if variable_counts(name) and not self._is_ignored(name))

    def _required(self, names: Iterable[str]) -> Set[str]:
        """Return distributions and all that they need, by their metadata."""
        found = set(names)
        waiting = list(found)
        while waiting:
            more = self._requires(waiting.pop()) - found
            found |= more
            waiting += more
        return found

    # -- now --------------------------------------------------------------------------------------

    def broken(self, trace: Trace, alike: Callable[[SeenUnit, Fingerprint], bool], restored: Optional[Restored] = None) -> Tuple[Reason, ...]:
        """Return the reasons for which what a trace is bound to is not as it was.

        `alike` tells of hidden code that changed whether that is of no effect; `restored` are products that will be back.
        """
        observation = trace.observation
        if observation is None or not any(observation.conditions):
            return ()
        reasons = [reason for each in observation.files for reason in self._file_reasons(each, trace, restored or NOTHING)]
        reasons += [Reason("seen-variable", each.name) for each in observation.variables
                    if not self._is_ignored(each.name)
                    and each.digest != self._value_digest(each.name)]
        reasons += [reason for unit in observation.hidden if unit.kind != HELD for reason in self._unit_reasons(unit, alike)]
        reasons += [Reason("package", name, version, self._version(name)) for name, version in observation.packages
                    if self._version(name) != version]
        return tuple(reasons)

    def holds_the_same(self, observation: Observation) -> bool:
        """Tell whether the code in a value is what it was: the output's digest was made with it."""
        return all(self._hidden.digest(unit) == unit.digest for unit in observation.hidden if unit.kind == HELD)

    def _file_reasons(self, each: SeenFile, trace: Trace, restored: Restored) -> List[Reason]:
        if self._is_ignored(each.path):
            return []
        if each.kind == ELSEWHERE:
            return [Reason("seen-file", each.path, new=ELSEWHERE)]
        path = os.path.join(self._root, each.path)
        products = tuple(("", product.path) for product in trace.products)
        without = _own_names(path, products, self._root)
        now = self._now(path, each.kind, without) if restored.kind(each.path) is None else self._ahead(each, path, without, restored)
        if now == each.digest:
            return []
        return [Reason("seen-file", each.path, each.kind, "gone" if now is None else each.kind)]

    def _unit_reasons(self, unit: SeenUnit, alike: Callable[[SeenUnit, Fingerprint], bool]) -> List[Reason]:
        now = self._hidden.digest(unit)
        if now == unit.digest:
            return []
        found = self._hidden.fingerprint(unit) if unit.kind != "source" and now is not None else None
        if found is not None and alike(unit, found):
            return []
        name = f"{unit.module}.{unit.qualname}" if unit.qualname else unit.module
        if found is None:
            return [Reason("seen-code", name, unit.kind, "gone" if now is None else unit.kind, unit.file or None)]
        return [Reason("code", name, unit.digest, found.root)]

    def _now(self, path: str, kind: str, without: Set[str]) -> Optional[Digest]:
        """Return the digest of what a condition is about as it is now, None where it is gone."""
        try:
            if kind == "folder":
                return _names_digest(os.listdir(path), without)
            if kind == "link":
                return _kind_digest(kind, os.readlink(path))
            stat = os.stat(path)
            if kind == "file":
                return digest_input(path, self._memo) if stat_modes.S_ISREG(stat.st_mode) else None
        except (FileNotFoundError, NotADirectoryError):
            return _kind_digest("absent", "") if kind == "absent" else None
        except EnvironmentFault:
            return None      # it is being written
        except OSError as error:
            return _kind_digest("refused", str(error.errno))
        if kind == "size":
            return _kind_digest(kind, str(stat.st_size) if stat_modes.S_ISREG(stat.st_mode) else "folder")
        if kind == "present":
            return _kind_digest(kind, _what(stat.st_mode))
        return None      # it was absent and is there

    def _ahead(self, each: SeenFile, path: str, without: Set[str], restored: Restored) -> Optional[Digest]:
        """Return what `_now` will once products are back that are, or lie in, what a condition is about."""
        kind, product = restored.kind(each.path), restored.files.get(each.path)
        if each.kind == "folder" and kind == "folder":
            there = os.listdir(path) if os.path.isdir(path) else ()
            return _names_digest({*there, *restored.names(each.path)}, without)
        if each.kind == "file":
            return product.blob if product is not None else None
        if each.kind == "size":
            return _kind_digest(each.kind, str(product.size) if product is not None else "folder")
        return _kind_digest(each.kind, kind or "") if each.kind == "present" else None

    def _value_digest(self, name: str) -> Digest:
        """Return the digest of a variable's value, or for ``*`` of the whole environment."""
        if name != "*":
            return Hasher("variable/1").field("name", name).field("value", self._environ.get(name)).digest()
        hasher = Hasher("variables/1")
        for each, text in sorted(self._environ.items()):
            if variable_counts(each) and not self._is_ignored(each):
                hasher.field("name", each).field("value", text)
        return hasher.digest()

    def _name(self, path: str) -> str:
        inside = os.path.join(self._root, "")
        return (path[len(inside):] if path.startswith(inside) else path).replace(os.sep, "/") if path != self._root else "."

    def _is_ignored(self, name: str) -> bool:
        return any(fnmatch.fnmatchcase(name, pattern) for pattern in self._ignore)


def _probes(seen: Seen) -> Iterator[Tuple[str, str, Optional[Stamp]]]:
    """Yield what was looked at: (path, kind, stat data where it was read); the strongest kind of each path."""
    weaker = {"absent": seen.absent, "size": seen.sized, "present": seen.present}
    yield from ((path, "file", stamp) for path, stamp in seen.reads.items())
    yield from ((path, "folder", None) for path in seen.listed)
    yield from ((path, "link", None) for path in seen.links)
    known = {*seen.reads, *seen.listed}
    there = {*seen.sized, *seen.present}
    for kind, paths in weaker.items():
        for path in paths:
            if path not in known and not (kind == "absent" and path in there):    # it was waited for, and came
                known.add(path)
                yield path, kind, None


def _own_names(folder: str, products: Sequence[Tuple[str, str]], root: str) -> Set[str]:
    """Return the names in a folder of the step's own products: whether they are there says nothing."""
    full = [os.path.join(root, path) for _, path in products]
    return {path[len(folder) + 1:].split(os.sep)[0] for path in full if path.startswith(os.path.join(folder, ""))}


def _names_digest(listed: Iterable[str], without: Set[str]) -> Digest:
    names = sorted(name for name in listed if name not in OURS and name not in without)
    return Hasher("names/1").fields("name", names).digest()


def _kind_digest(kind: str, what: str) -> Digest:
    return Hasher("seen/1").field("kind", kind).field("what", what).digest()


def _what(mode: int) -> str:
    return "file" if stat_modes.S_ISREG(mode) else "folder" if stat_modes.S_ISDIR(mode) else "other"


def _is(path: str, stamp: Stamp) -> bool:
    try:
        now = os.stat(path)
    except OSError:
        return False
    return (now.st_size, now.st_mtime_ns, now.st_ctime_ns, now.st_ino, now.st_dev) == tuple(stamp)


# -- in the lockfile ------------------------------------------------------------------------------

def portable(observation: Optional[Observation]) -> Tuple[Tuple[str, Digest], ...]:
    """Return the conditions as the lockfile keeps them: sorted, no place outside of the project."""
    if observation is None or not any(observation.conditions):
        return ()
    found: Dict[str, Digest] = {}
    outside = Hasher("elsewhere/1")
    for each in observation.files:
        if os.path.isabs(each.path):
            outside.field("path", each.path).field("kind", each.kind).field("digest", each.digest)
            found[ELSEWHERE] = Digest("")
        else:
            found[f"{each.kind} {each.path}"] = each.digest
    if ELSEWHERE in found:
        found[ELSEWHERE] = outside.digest()
    # what packages read tells of the machine more than of the step
    found.update((f"variable {each.name}", each.digest) for each in observation.variables if each.own)
    found.update((f"{each.kind} {each.module}:{each.qualname}", each.digest) for each in observation.hidden
                 if each.kind != HELD)
    found.update((f"package {name}", Hasher("version/1").field("version", version).digest())
                 for name, version in observation.packages)
    return tuple(sorted(found.items()))


def from_lock(observed: Sequence[Tuple[str, Digest]], version: Callable[[str], str]) -> Optional[Observation]:
    """Return the conditions of a lockfile entry; one that can't be read holds nowhere."""
    if not observed:
        return None
    files: List[SeenFile] = []
    variables: List[SeenVariable] = []
    hidden: List[SeenUnit] = []
    packages: List[Tuple[str, str]] = []
    for text, digest in observed:
        kind, _, name = text.partition(" ")
        if kind == "variable":
            variables.append(SeenVariable(name, digest))
        elif kind in ("function", "class", "module", "source"):
            module, _, qualname = name.partition(":")
            hidden.append(SeenUnit(kind, module, qualname, "", digest))
        elif kind == "package":
            now = version(name)
            same = Hasher("version/1").field("version", now).digest() == digest
            packages.append((name, now if same else "another"))
        elif kind in ("file", "folder", "absent", "present", "size", "link") and name:
            files.append(SeenFile(name, kind, digest))
        else:
            files.append(SeenFile(text, ELSEWHERE, digest))
    return Observation((), tuple(hidden), tuple(files), tuple(variables), tuple(packages), (), False)
