"""How long the merge driver takes: CPU seconds of a process that merges two locks of so many steps.

    python benchmarks/merging.py [STEPS]
"""
from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile

from deepwatch_flow.hashing.digest import digest_bytes
from deepwatch_flow.model import Artifact, Digest, Lock, LockEntry, Upstream
from deepwatch_flow.state import lockfile


def digest(text: str) -> Digest:
    return digest_bytes(text.encode())


def entry(step: int, edit: str) -> LockEntry:
    above = (Upstream("x", f"step{step - 1:06}", digest(f"out {step - 1}")),) if step else ()
    return LockEntry(digest(f"key {step} {edit}"), digest(f"code {step} {edit}"), (), (), above,
                     Artifact(digest(f"out {step}"), digest(f"blob {step}"), 12, "json"))


def lock(steps: int, edited: range, edit: str) -> Lock:
    return Lock({f"step{each:06}": entry(each, edit if each in edited else "") for each in range(steps)},
                {f"pipeline.step{each:06}": digest(f"{each}") for each in range(steps)}, {})


def main() -> None:
    steps = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    with tempfile.TemporaryDirectory() as folder:
        tenth = steps // 10
        sides = {"base": lock(steps, range(0), ""), "ours": lock(steps, range(tenth), "ours"),
                 "theirs": lock(steps, range(tenth // 2, 2 * tenth), "theirs")}
        for name, each in sides.items():
            lockfile.write(os.path.join(folder, name), each)
        subprocess.run([sys.executable, "-m", "deepwatch_flow", "-q", "lock", "merge", "base", "ours", "theirs"], cwd=folder,
                       env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}, check=True)
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        print(f"{steps} steps: {used.ru_utime + used.ru_stime:.2f} CPU seconds, {used.ru_maxrss // 1024} MiB, "
              f"{len((lockfile.read(os.path.join(folder, 'ours')) or sides['ours']).steps)} entries")


if __name__ == "__main__":
    main()
