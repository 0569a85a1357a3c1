"""Lays out both sides of a change case, asks a worker about each, and says what is wrong.

    python -m changes.stage [NAME...]        from the folder tests: run cases and print what is wrong
    python -m changes.stage --digests        print the digests, to compare them between versions of Python
"""
from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

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
        self.errors: List[str] = []

    def close(self) -> None:
        """End the workers."""
        for worker in self._workers.values():
            worker.stdin.close()
            worker.stdout.close()
            worker.wait()

    def look(self, change: Change, folder: Path) -> Tuple[Side, Side]:
        """Return what both sides of a case are worth."""
        place = folder / "one"
        first = self._side(change, 0, place)
        shutil.rmtree(str(place))
        return first, self._side(change, 1, folder / "two" if change.relocate else place)

    def _side(self, change: Change, side: int, place: Path) -> Side:
        root, site = place / "tree", place / "site-packages"
        write(root, (change.before, change.after)[side])
        write(site, change.site[side])
        request = {"root": str(root), "site": str(site), "env": change.env[side]}
        worker = self._worker(change.hashseed[side], change.flags[side])
        worker.stdin.write(json.dumps(request) + "\n")
        worker.stdin.flush()
        answer = json.loads(worker.stdout.readline())
        return Side(answer["value"], answer["fingerprint"])

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


def main(arguments: List[str]) -> int:
    """Run cases by hand."""
    stage, wrong = Stage(), 0
    for change in CHANGES:
        chosen = arguments in ([], ["--digests"]) or change.name in arguments
        if not chosen or sys.version_info < change.python:
            continue
        with tempfile.TemporaryDirectory() as folder:
            place = Path("/tmp/ana/stage" + os.environ.get("STAGE", "")) / change.name
            shutil.rmtree(str(place), ignore_errors=True)
            sides = stage.look(change, place)
        if arguments == ["--digests"]:
            for name, side in zip(("before", "after"), sides):
                print(change.name, name, side.fingerprint and side.fingerprint[0])
            continue
        found = mistake(change, sides)
        if found is not None:
            print("MISTAKE", change.name, found)
            wrong += 1
            continue
        found = fault(change, sides)
        if found is not None:
            print("WRONG", "hard" if change.hard else "soft", change.name, change.expect, found)
            wrong += 1
    stage.close()
    return wrong


if __name__ == "__main__":
    print(main(sys.argv[1:]), "wrong")
