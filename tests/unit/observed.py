"""A folder in which things happen while they are observed, for the tests of the observation."""
from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any, Callable, Dict, Set

from deepwatch_flow.loading.origin import Origins
from deepwatch_flow.model import Boundary
from deepwatch_flow.observation.recorder import Recorder, Wants
from deepwatch_flow.observation.seen import Seen

REPOSITORY = Path(__file__).resolve().parent.parent.parent


class Place:
    """A project's folder, and a recorder for it."""

    def __init__(self, root: Path, wants: Wants = Wants()) -> None:
        self.root = root
        self.origins = Origins(Boundary(str(root)))
        self.recorder = Recorder(self.origins, wants)

    def write(self, name: str, text: str = "") -> str:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), encoding="utf-8")
        return str(path)

    def code(self, text: str, name: str = "own.py") -> Dict[str, Any]:
        """Return the names that a file of own code has; it is not imported, just run."""
        path = self.write(name, text)
        names: Dict[str, Any] = {"__name__": "own"}
        exec(compile(textwrap.dedent(text), path, "exec"), names)
        return names

    def seen(self, function: Callable[[], Any]) -> Seen:
        """What is seen while a function runs."""
        with self.recorder.observing() as seen:
            function()
        return seen()

    def path(self, name: str) -> str:
        return os.path.join(str(self.root), *name.split("/")) if name != "." else str(self.root)

    def below(self, paths: Any) -> Set[str]:
        """Paths as they are below the root; those elsewhere as they are."""
        inside = os.path.join(str(self.root), "")
        return {path[len(inside):].replace(os.sep, "/") if path.startswith(inside) else path for path in paths}


def names(seen: Seen) -> Set[str]:
    """The names of the own code that ran; that of the tests is own, too, and left out here."""
    return {name for file, _, name in seen.codes if not file.startswith(str(REPOSITORY))}


SCRIPT = """
import json, os, sys, tempfile
from deepwatch_flow.loading.origin import Origins
from deepwatch_flow.model import Boundary
from deepwatch_flow.observation.recorder import Recorder, Wants

def show(seen):
    root = os.path.join(os.getcwd(), "")
    def below(paths):
        return sorted(path.replace(root, "") for path in paths)
    print(json.dumps({
        "codes": sorted({name for _, _, name in seen.codes}), "reads": below(seen.reads), "absent": below(seen.absent),
        "written": below(seen.written), "listed": below(seen.listed), "variables": sorted(seen.variables),
        "modules": sorted(name for name, _ in seen.modules), "gaps": sorted(seen.gaps),
        "packages": sorted(seen.distributions)}))

def observed(function):
    with tempfile.TemporaryDirectory() as spool, Recorder(Origins(Boundary(os.getcwd())), Wants(), spool) as recorder:
        with recorder.observing() as seen:
            function()
        show(seen())
        left = os.listdir(spool)
    return left
"""


def run_script(root: Path, text: str) -> Dict[str, Any]:
    """Run a program in a folder; it calls `observed(function)`. Returns what was seen, from its last line."""
    (root / "program.py").write_text(SCRIPT + textwrap.dedent(text), encoding="utf-8")
    done = subprocess.run([sys.executable, "-W", "ignore", "program.py"], cwd=str(root), stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=60, env={**os.environ, "PYTHONPATH": str(REPOSITORY)}, check=False)
    assert done.returncode == 0, done.stderr.decode()
    assert done.stderr == b"", done.stderr.decode()
    found: Dict[str, Any] = json.loads(done.stdout.decode().strip().splitlines()[-1])
    return found
