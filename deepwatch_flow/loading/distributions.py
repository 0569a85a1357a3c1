"""Which installed distribution a file below one entry of ``sys.path`` belongs to.

Read from the metadata folders themselves, and only from those that a name needs: importing
``importlib.metadata`` and reading every RECORD would cost more than a whole run that has nothing
to do. Whether a file is own code is decided in ``origin``.
"""
from __future__ import annotations

import os
import re
from typing import Dict, FrozenSet, List, Optional, Tuple

#: folders into which installers put distributions
SITE_NAMES = frozenset({"site-packages", "dist-packages"})

_EGG_TAG = re.compile(r"-py\d(\.\d+)?.*$")


def normalise(name: str) -> str:
    """Return a distribution's name as the package index compares it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


class Distribution:
    """One installed distribution, known by the folder (or file) of its metadata."""

    def __init__(self, metadata: str, name: str, version: str) -> None:
        self.metadata = metadata
        self.name = normalise(name)
        self._version = version
        self._declared: Optional[FrozenSet[str]] = None
        self._record: Optional[FrozenSet[str]] = None
        self._editable: Optional[bool] = None
        self._requires: Optional[FrozenSet[str]] = None

    @property
    def version(self) -> str:
        """The version, from the folder's name or else from the metadata; empty if unknown."""
        if not self._version:
            for file in ("METADATA", "PKG-INFO", ""):
                found = re.search(r"^Version:\s*(\S+)", self.read(file), re.MULTILINE)
                if found:
                    self._version = found.group(1)
                    break
        return self._version

    @property
    def editable(self) -> bool:
        """Whether the distribution is a link to somebody's working tree (PEP 610)."""
        if self._editable is None:
            self._editable = re.search(r'"editable"\s*:\s*true', self.read("direct_url.json")) is not None
        return self._editable

    def read(self, file: str) -> str:
        """Return the text of a metadata file, empty where there is none."""
        path = os.path.join(self.metadata, file) if file else self.metadata
        try:
            with open(path, encoding="utf-8", errors="replace") as stream:
                return stream.read()
        except OSError:  # no such file is the usual case: every one of them is optional
            return ""

    def declared(self) -> FrozenSet[str]:
        """Return the top-level names of ``top_level.txt``, none where it is missing."""
        if self._declared is None:
            lines = self.read("top_level.txt").splitlines()
            self._declared = frozenset(line.strip().split("/", 1)[0] for line in lines if line.strip())
        return self._declared

    def record(self) -> FrozenSet[str]:
        """Return the installed files, relative to the entry, with POSIX separators."""
        if self._record is None:
            paths = set()
            for line in self.read("RECORD").splitlines():
                path = line[1:].split('",', 1)[0] if line.startswith('"') else line.split(",", 1)[0]
                if path and not path.startswith(("..", "/")):
                    paths.add(path.replace("\\", "/"))
            if not paths and self.metadata.endswith(".egg-info"):
                # written by old installers, relative to the metadata folder
                for line in self.read("installed-files.txt").splitlines():
                    if line.startswith(("../", "..\\")):
                        paths.add(line[3:].replace("\\", "/"))
            self._record = frozenset(paths)
        return self._record

    def requires(self) -> FrozenSet[str]:
        """Return the names of the distributions that this one needs, extras included."""
        if self._requires is None:
            texts = [self.read(file) for file in ("METADATA", "PKG-INFO", "requires.txt")]
            found = re.findall(r"^(?:Requires-Dist:\s*)([A-Za-z0-9][A-Za-z0-9._-]*)", "\n".join(texts[:2]), re.MULTILINE)
            found += re.findall(r"^([A-Za-z0-9][A-Za-z0-9._-]*)", texts[2], re.MULTILINE)
            self._requires = frozenset(map(normalise, found))
        return self._requires

    def provides(self, top: str) -> bool:
        """Whether the distribution installs the top-level name `top`."""
        declared = self.declared()
        if top in declared:
            return True
        record = self.read("RECORD")
        if record:
            # searched and not parsed: a name may have to be looked for in hundreds of these files
            lines = "\n" + record.replace("\\", "/")
            return any(f"\n{start}{top}{end}" in lines for start in ("", '"') for end in ("/", "."))
        if self.record():
            return any(top_name(path) == top for path in self.record())
        # metadata that lists no files at all: only the name is left to judge by
        return not declared and normalise(top) == self.name


class Shelf:
    """One entry of ``sys.path`` with the distributions installed there."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.distributions = tuple(_found_in(folder))
        self._by_name: Dict[str, Distribution] = {}
        for distribution in self.distributions:
            known = self._by_name.get(distribution.name)
            if known is None or _order(known.version) < _order(distribution.version):
                self._by_name[distribution.name] = distribution
        self._owners: Dict[str, Tuple[Distribution, ...]] = {}

    def named(self, name: str) -> Optional[Distribution]:
        """Return the distribution of that (normalised) name, if it is installed here."""
        return self._by_name.get(name)

    def owner(self, relative: str) -> Optional[Distribution]:
        """Return the distribution that installed a file, given by its path below the entry."""
        if not self.distributions:
            return None
        if self.folder.endswith(".egg"):
            return self.distributions[0]
        owners = self.owners(top_name(relative))
        if len(owners) < 2:
            return owners[0] if owners else None
        return _closest(owners, relative)

    def owners(self, top: str) -> Tuple[Distribution, ...]:
        """Return the distributions that install the top-level name `top`."""
        known = self._owners.get(top)
        if known is None:
            known = self._owners[top] = tuple(self._find(top))
        return known

    def _find(self, top: str) -> List[Distribution]:
        # The guess is right for most names and spares reading the metadata of all the others. A
        # namespace package has no __init__.py and may belong to several: those are looked up.
        path = os.path.join(self.folder, top)
        shared = os.path.isdir(path) and not os.path.exists(os.path.join(path, "__init__.py"))
        guess = self._by_name.get(normalise(top))
        if not shared:
            if guess is not None and guess.provides(top):
                return [guess]
            for each in self._by_name.values():
                if top in each.declared():
                    return [each]
        found = []
        for each in self._by_name.values():
            if each.provides(top):
                found.append(each)
                if not shared:
                    break
        return found


def top_name(path: str) -> str:
    """Return the top-level module name of a path relative to an entry of ``sys.path``."""
    return path.split("/", 1)[0].split(".", 1)[0]


def _closest(owners: Tuple[Distribution, ...], relative: str) -> Distribution:
    """Return the distribution with the file, or with files nearest to it."""
    parts = relative.split("/")
    for length in range(len(parts), 0, -1):
        prefix = "/".join(parts[:length])
        for owner in owners:
            if prefix in owner.record():
                return owner
        for owner in owners:
            if length < len(parts) and any(path.startswith(prefix + "/") for path in owner.record()):
                return owner
    return owners[0]


def _found_in(folder: str) -> List[Distribution]:
    base = os.path.basename(folder)
    if base.endswith(".egg"):
        name, _, version = _EGG_TAG.sub("", base[:-4]).partition("-")
        return [Distribution(os.path.join(folder, "EGG-INFO"), name, version)]
    # A working tree has an .egg-info too, and is not installed: only a site folder's count.
    kinds = (".dist-info", ".egg-info") if base in SITE_NAMES else (".dist-info",)
    try:
        names = sorted(os.listdir(folder))
    except OSError:  # entries of sys.path need not exist, nor be folders
        return []
    found = []
    for file in names:
        if file.endswith(kinds) and not file.startswith("~"):  # "~x" is what a failed uninstall leaves
            # a version holds no dash; a name does where the folder was not made by a wheel
            stem = _EGG_TAG.sub("", file[: file.rindex(".")])
            name, _, version = stem.rpartition("-") if "-" in stem else (stem, "", "")
            found.append(Distribution(os.path.join(folder, file), name, version))
    return found


def _order(version: str) -> List[Tuple[int, str]]:
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"[.+_-]", version)]
