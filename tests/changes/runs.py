"""Change cases by the real command line: two runs in fresh processes, in deep or in precise mode.

    python -m changes.runs [--precise] [--jobs N] [NAME...]      from the folder tests: print what is decided wrong
"""
from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

from . import CHANGES
from .model import Change
from .stage import write

REPOSITORY = Path(__file__).resolve().parent.parent.parent


class Place:
    """A project that a case lives in, and its site-packages."""

    def __init__(self, change: Change, folder: Path) -> None:
        self.change = change
        self.folder = folder / "one"
        self._write(0)

    def _write(self, side: int) -> None:
        write(self.folder / "tree", (self.change.before, self.change.after)[side])
        write(self.folder / "site-packages", self.change.site[side])
        (self.folder / "tree" / "pipeline.py").write_text("import work\nfrom deepwatch_flow import step\n\nstep(work.step)\n")

    def edit(self) -> None:
        """Put the second side in place of the first; what runs have left stays."""
        change, tree = self.change, self.folder / "tree"
        for name in set(change.before) - set(change.after):
            (tree / name).unlink()
        for name, content in change.after.items():
            if change.before.get(name) != content:
                path = tree / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
        if change.site[0] != change.site[1]:
            shutil.rmtree(str(self.folder / "site-packages"))
            write(self.folder / "site-packages", change.site[1])
        if change.relocate:
            other = self.folder.with_name("two")
            self.folder.rename(other)
            self.folder = other

    def run(self, side: int, mode: str) -> Tuple[Optional[str], str]:
        """Run the step; return its outcome, and all that was said."""
        change = self.change
        environ = {name: text for name, text in os.environ.items() if not name.startswith(("PYTHON", "CASE", "DEEPWATCH"))}
        environ.update(PYTHONHASHSEED=change.hashseed[side], PYTHONDONTWRITEBYTECODE="1", HOME=str(self.folder.parent),
                       PYTHONPATH=os.pathsep.join(map(str, (self.folder / "tree", self.folder / "site-packages", REPOSITORY))))
        environ.update(change.env[side])
        command = [sys.executable, *change.flags[side].split(), "-m", "deepwatch_flow", "run", "--json"]
        done = subprocess.run(command + (["--precise"] if mode == "precise" else []), cwd=str(self.folder / "tree"),
                              env=environ, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              universal_newlines=True, timeout=120)
        try:
            report: Dict[str, Any] = json.loads(done.stdout[done.stdout.index("{"):done.stdout.rindex("}") + 1])
            return str(report["steps"][0]["outcome"]), done.stdout
        except (ValueError, LookupError):
            return None, f"exit code {done.returncode} {done.stdout}"


def fault(change: Change, folder: Path, mode: str) -> Optional[str]:
    """Say what is decided wrong about a case, laid out in an empty folder; None where it is right."""
    place = Place(change, folder)
    first, said = place.run(0, mode)
    if first != "ran":
        return f"the first run: {said}"
    place.edit()
    second, said = place.run(1, mode)
    if second not in ("ran", "reused", "unaffected", "restored"):
        return f"the second run: {said}"
    if (second == "ran") == (change.expect == "rerun"):
        return None
    return f"{'missed' if change.expect == 'rerun' else 'needless'} rerun: {change.why} {said}"


def main(arguments: List[str]) -> int:
    """Run cases by hand, two at a time."""
    mode = "precise" if "--precise" in arguments else "deep"
    names = [name for name in arguments if not name.startswith("-")]
    chosen = [change for change in CHANGES if (not names or change.name in names) and sys.version_info >= change.python]

    def look(change: Change) -> bool:
        with tempfile.TemporaryDirectory() as folder:
            found = fault(change, Path(folder).resolve(), mode)
        if found is not None:
            print("hard" if change.hard else "soft", change.category, change.name, found if names else found.split("\n")[0])
        return found is not None

    with ThreadPoolExecutor(2) as pool:
        return sum(pool.map(look, chosen))


if __name__ == "__main__":
    print(main(sys.argv[1:]), "wrong")
