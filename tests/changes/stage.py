"""Lays out both sides of a change case, asks a worker about each, and says what is wrong.

    python -m changes.stage [NAME...]        from the folder tests: run cases and print what is wrong
    python -m changes.stage --digests        the digests as well, to compare them between versions of Python
"""
from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

from . import CHANGES
from .model import Change, Tree

WORKER = Path(__file__).with_name("worker.py")


class Side(NamedTuple):
    """What a worker found out about one side; None where that failed."""

    value: Any
    fingerprint: Any


class Stage:
    """Workers, one for each way in which the interpreter is started."""

    def __init__(self) -> None:
        self._workers: Dict[Tuple[str, str], Any] = {}

    def close(self) -> None:
        """End the workers."""
        for worker in self._workers.values():
            worker.stdin.close()
            worker.stdout.close()
            worker.wait()

    def look(self, change: Change, folder: Path) -> Tuple[Side, Side]:
        """Return what both sides of a case are worth."""
        place = folder / "one"
        first = self.side(change, 0, place)
        shutil.rmtree(str(place))
        return first, self.side(change, 1, folder / "two" if change.relocate else place)

    def again(self, change: Change, folder: Path) -> Side:
        """Return the first side's fingerprint at another place, in another process, with another hash seed."""
        return self.side(change._replace(hashseed=("2", "2")), 0, folder / "again", ("fingerprint",))

    def side(self, change: Change, side: int, place: Path, tasks: Sequence[str] = ("value", "fingerprint")) -> Side:
        """Return what one side is worth, laid out at a place."""
        root, site = place / "tree", place / "site-packages"
        write(root, (change.before, change.after)[side])
        write(site, change.site[side])
        request = {"root": str(root), "site": str(site), "env": change.env[side], "tasks": tasks}
        worker = self._worker(change.hashseed[side], change.flags[side])
        worker.stdin.write(json.dumps(request) + "\n")
        worker.stdin.flush()
        answer = json.loads(worker.stdout.readline())
        return Side(answer.get("value"), answer["fingerprint"])

    def _worker(self, hashseed: str, flags: str) -> Any:
        found = self._workers.get((hashseed, flags))
        if found is None:
            environ = {name: text for name, text in os.environ.items() if not name.startswith(("PYTHON", "CASE"))}
            environ.update(PYTHONHASHSEED=hashseed, PYTHONDONTWRITEBYTECODE="1")
            found = self._workers[hashseed, flags] = subprocess.Popen(
                [sys.executable, *flags.split(), str(WORKER)], env=environ, universal_newlines=True,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        return found


def write(root: Path, files: Tree) -> None:
    """Write a tree of files."""
    root.mkdir(parents=True)
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)


def mistake(change: Change, sides: Tuple[Side, Side]) -> Optional[str]:
    """Say what is wrong with the case itself: its expectation must follow from execution."""
    if any(side.value is None for side in sides):
        return "the step fails"
    differs = sides[0].value != sides[1].value
    if differs != (change.expect == "rerun"):
        return f"expects {change.expect}, but the values are {sides[0].value} and {sides[1].value}"
    return None


def fault(change: Change, sides: Tuple[Side, Side]) -> Optional[str]:
    """Say what is wrong with the fingerprints of the two sides."""
    if any(side.fingerprint is None for side in sides):
        return "fingerprinting fails"
    uncacheable = [side.fingerprint[2] for side in sides if side.fingerprint[2]]
    got = "rerun" if uncacheable or sides[0].fingerprint[0] != sides[1].fingerprint[0] else "skip"
    if got == change.expect:
        return None
    seen = sides[1].fingerprint[1:]
    return f"{'missed' if got == 'skip' else 'needless'} rerun: {change.why} (untracked, uncacheable: {seen})"


def drift(sides: Tuple[Side, Side], again: Side) -> Optional[str]:
    """Say where the first side is not the same in another process and at another place."""
    if again.fingerprint != sides[0].fingerprint:
        return f"the fingerprint is not the same in another process: {sides[0].fingerprint}, {again.fingerprint}"
    return None


def main(arguments: List[str]) -> int:
    """Run cases by hand."""
    stage, wrong = Stage(), 0
    names = [name for name in arguments if not name.startswith("-")]
    for change in CHANGES:
        if (names and change.name not in names) or sys.version_info < change.python:
            continue
        with tempfile.TemporaryDirectory() as folder:
            sides = stage.look(change, Path(folder).resolve())
            again = stage.again(change, Path(folder).resolve())
        if "--digests" in arguments:
            for when, side in zip(("before", "after"), sides):
                print("DIGEST", f"{change.name}/{when}", side.fingerprint and side.fingerprint[0])
        for kind, found in (("MISTAKE", mistake(change, sides)), ("WRONG", fault(change, sides)),
                            ("DRIFTS", drift(sides, again))):
            if found is not None:
                print(kind, "hard" if change.hard else "soft", change.name, change.expect, found)
                wrong += 1
                break
    stage.close()
    return wrong


if __name__ == "__main__":
    print(main(sys.argv[1:]), "wrong")
