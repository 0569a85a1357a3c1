"""CPU of commands that have (almost) nothing to do, in alternating pairs against ``python -c pass``.

    python benchmarks/idle.py                 1,000 and 10,000 steps, plain
    python benchmarks/idle.py --heavy         the same with pandas and scikit-learn imported by pipeline.py
    python benchmarks/idle.py --steps 1000 --rounds 31

The figures are medians of ratios, pair by pair: on a busy machine both of a pair are slow. Memory is
the largest resident set of one process. Projects are made in a temporary folder, and deleted.
"""
from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import List, NamedTuple, Optional, Sequence

HEAVY = "import pandas\nimport sklearn.linear_model\n"
PASS = [sys.executable, "-c", "pass"]
MODULE = [sys.executable, "-m", "deepwatch_flow"]


class Cost(NamedTuple):
    """What one process took."""

    cpu: float       # seconds
    memory: float    # MB


def cost(command: Sequence[str], root: Path) -> Cost:
    """Run a command to its end and return what it cost."""
    child = subprocess.Popen(command, cwd=str(root), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = status
    return Cost(usage.ru_utime + usage.ru_stime, usage.ru_maxrss / (1024 if sys.platform != "darwin" else 1024 * 1024))


def make(root: Path, total: int, imports: str) -> None:
    """Write a project of so many steps in one module, each with a value of its own and one shared helper."""
    (root / "helpers.py").write_text("def trim(value):\n    return value * 3\n")
    lines = [imports, "from deepwatch_flow import step", "from helpers import trim"]
    for number in range(total):
        lines += ["", "", "@step", f"def s{number}():", f"    return trim({number})"]
    (root / "pipeline.py").write_text("\n".join(lines) + "\n")


def edit(root: Path, total: int, times: int) -> None:
    """Change the step in the middle, each time to what no step has been."""
    path = root / "pipeline.py"
    lines = path.read_text().split("\n")
    at = lines.index(f"def s{total // 2}():") + 1
    lines[at] = f"    return trim({10 * total + times})"
    path.write_text("\n".join(lines))


def pairs(title: str, command: Sequence[str], root: Path, rounds: int, before: Optional[List[int]] = None) -> None:
    """Print what a command costs; with `before`, the middle step of so many is edited before each round."""
    ratios, cpus, memory = [], [], 0.0
    for number in range(rounds):
        if before is not None:
            edit(root, before[0], number + 1)
        base = cost(PASS, root)
        found = cost(command, root)
        ratios.append(found.cpu / base.cpu)
        cpus.append(found.cpu * 1000)
        memory = max(memory, found.memory)
    print(f"{title:<44} {statistics.median(ratios):6.2f} x   {statistics.median(cpus):7.1f} ms   {memory:5.0f} MB", flush=True)


def measure(total: int, imports: str, rounds: int) -> None:
    """Make a project, run it, and measure what comes after."""
    root = Path(tempfile.mkdtemp(prefix="deepwatch-idle-"))
    script = shutil.which("deepwatch", path=os.path.dirname(sys.executable))
    try:
        make(root, total, imports)
        subprocess.run([*MODULE, "run", "-q"], cwd=str(root), check=True, stderr=subprocess.DEVNULL)
        for name, command in (("python -m deepwatch_flow", MODULE), ("deepwatch", [script] if script else [])):
            if command:
                subprocess.run([*command, "run", "-q"], cwd=str(root), check=True, stderr=subprocess.DEVNULL)
                for arguments in (["--version"], ["run"], ["run", f"s{total // 2}"], ["status"]):
                    pairs(f"{total}: {name} {' '.join(arguments)}", [*command, *arguments], root, rounds)
        subprocess.run([*MODULE, "run", "-q"], cwd=str(root), check=True, stderr=subprocess.DEVNULL)
        pairs(f"{total}: status after one edit", [*MODULE, "status"], root, max(rounds // 3, 5), [total])
    finally:
        shutil.rmtree(str(root), ignore_errors=True)


def main() -> None:
    """Read the arguments and print one line a measurement."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, action="append", help="how many steps (repeatable; default: 1000, 10000)")
    parser.add_argument("--heavy", action="store_true", help="pipeline.py imports pandas and scikit-learn")
    parser.add_argument("--rounds", type=int, default=21, help="pairs of each measurement")
    args = parser.parse_args()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    for total in args.steps or [1000, 10000]:
        measure(total, HEAVY if args.heavy else "", args.rounds)


if __name__ == "__main__":
    main()
