"""Small projects whose functions are fingerprinted live, as a run does it: for tests of analysis."""
from __future__ import annotations

import textwrap
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Dict, Mapping, Optional, Tuple

from deepwatch_flow.analysis.fingerprint import Analysis
from deepwatch_flow.loading.importing import ImportWorld
from deepwatch_flow.loading.origin import Origins
from deepwatch_flow.loading.snapshot import Snapshot
from deepwatch_flow.model import Boundary, Fingerprint

Files = Mapping[str, str]


class Laboratory:
    """Projects in numbered folders: that two of them agree also tells that no path counts."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.made = 0

    def write(self, files: Files) -> Path:
        """Write a project; `main` stands for `main.py`; texts are dedented."""
        self.made += 1
        root = self.folder / f"checkout{self.made}"
        root.mkdir(parents=True)
        for name, text in files.items():
            path = root / (name if "." in name else name + ".py")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text).lstrip("\n"), encoding="utf-8")
        return root

    def fingerprint(self, files: Files, name: str = "f", **policy: Any) -> Fingerprint:
        """Return the fingerprint of a function of `main`."""
        with Session(self.write(files), **policy) as session:
            return session.fingerprint(name)

    def digest(self, files: Files, name: str = "f", **policy: Any) -> str:
        """Return the digest of a function of `main`, which must be cacheable."""
        found = self.fingerprint(files, name, **policy)
        assert found.uncacheable is None, found.uncacheable
        return found.digest

    def differs(self, files: Dict[str, str], old: str, new: str, name: str = "f") -> bool:
        """Whether replacing `old` by `new`, which is there exactly once, gives another digest."""
        assert sum(text.count(old) for text in files.values()) == 1, f"{old!r} must be there once"
        edited = {file: text.replace(old, new) for file, text in files.items()}
        return self.digest(files, name) != self.digest(edited, name)


class Session:
    """One project, imported and analysed; a context manager."""

    def __init__(self, root: Path, packages: str = "exact", overrides: Optional[Dict[str, str]] = None) -> None:
        self.root = root
        self._stack = ExitStack()
        boundary = Boundary(str(root), packages, overrides or {})
        self.snapshot, self.origins = Snapshot(), Origins(boundary)
        self._world = ImportWorld(self.snapshot, self.origins, str(root))
        self.analysis = Analysis(boundary, self.origins, self.snapshot)
        self.main: Any = None

    def __enter__(self) -> Session:
        self._stack.enter_context(self._world)
        try:
            self.main = self._world.load("main.py")
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def fingerprint(self, name: str = "f") -> Fingerprint:
        found = self.main
        for part in name.split("."):
            found = getattr(found, part)
        return self.analysis.fingerprint(found)

    def units(self, name: str = "f") -> Tuple[str, ...]:
        """Return the names of all units below a function."""
        return tuple(unit.name for unit in self.analysis.units([self.fingerprint(name).root]))
