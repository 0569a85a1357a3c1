"""Measure what many small steps cost, and what two processes gain, in CPU and wall seconds.

    python benchmarks/fanout.py [--steps N] [--pairs N]

Each cost is the median over pairs of (a cold run of N steps - one of a single step) / N, in a fresh folder each; the
steps do next to nothing, so this is all ours. `family` is one function over N elements, `functions` are N functions,
which have to be compiled, read and fingerprinted each; `again` is a run of these N functions by force, after a first run.
The gain of two processes stands beside that of two bare Python processes, which is all that the machine gives.
A report, no gate: it prints what was wanted beside what was measured.
"""
import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Callable, List, Tuple

import projects
from bench import DEEPWATCH, ENVIRON

FAMILY = """from deepwatch_flow import Each, step


@step
def double(number=Each(list(range({total})))):
    return number * 2
"""

#: some tenths of a second of arithmetic, over and over
HEAVY = """from deepwatch_flow import Each, step


@step
def sums(number=Each(list(range({total})))):
    found = 0
    for each in range({rounds}):
        found += each % 7
    return found + number
"""
ROUNDS = 10_000_000
#: the same arithmetic without us; the argument tells how many steps
BARE = """import sys


def sums(number):
    found = 0
    for each in range({rounds}):
        found += each % 7
    return found + number


for number in range(int(sys.argv[1])):
    sums(number)
"""


def family(root: Path, total: int) -> None:
    (root / "pipeline.py").write_text(FAMILY.format(total=total))


def heavy(root: Path, total: int) -> None:
    (root / "pipeline.py").write_text(HEAVY.format(total=total, rounds=ROUNDS))


def functions(root: Path, total: int) -> None:
    projects.make(root, "wide", total)


def run(make: Callable[[Path, int], None], total: int, *options: str) -> Tuple[float, float]:
    """Return CPU (with that of children) and wall seconds of a run: a cold one, or one by force after that."""
    command = [sys.executable, *DEEPWATCH, "run", "--quiet"]
    with tempfile.TemporaryDirectory() as place:
        make(Path(place), total)
        if "--force" in options:
            subprocess.run(command, cwd=place, env=ENVIRON, check=True)
        before, began = os.times(), time.perf_counter()
        subprocess.run([*command, *options], cwd=place, env=ENVIRON, check=True)
        wall, after = time.perf_counter() - began, os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system, wall


def cost(make: Callable[[Path, int], None], total: int, pairs: int, *options: str) -> float:
    """Return the CPU milliseconds of each further step."""
    found: List[float] = []
    for _ in range(pairs):
        single, _ = run(make, 1, *options)
        many, _ = run(make, total, *options)
        found.append(1000 * (many - single) / (total - 1))
    return statistics.median(found)


def gain(pairs: int) -> Tuple[float, float]:
    """Return how many times faster two processes are than one over 24 steps that only compute: ours, and bare ones."""
    ours: List[float] = []
    bare: List[float] = []
    for _ in range(pairs):
        times = [run(heavy, 24, "-j", jobs)[1] for jobs in ("1", "2")]
        ours.append(times[0] / times[1])
        bare.append(computed(24) / computed(12, 12))
    return statistics.median(ours), statistics.median(bare)


def computed(*steps: int) -> float:
    """Return the wall seconds that bare processes, side by side, need for so many steps each."""
    began = time.perf_counter()
    several = [subprocess.Popen([sys.executable, "-c", BARE.format(rounds=ROUNDS), str(each)]) for each in steps]
    for each in several:
        each.wait()
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure what many small steps cost.")
    parser.add_argument("--steps", type=int, default=10_000)
    parser.add_argument("--pairs", type=int, default=3)
    args = parser.parse_args()
    print(f"Python {sys.version.split()[0]}, {args.steps:,} steps, CPU ms a step beyond the first (medians of {args.pairs})")
    for name, make, more in (("family", family, ()), ("functions", functions, ()), ("again", functions, ("--force", "*"))):
        for options, wanted in (((), 0.3), (("-j", "2"), 1.0)):
            measured = cost(make, args.steps, args.pairs, *options, *more)
            print(f"{name:<10} {' '.join(options) or 'in-process':<11} {measured:6.3f} ms   <= {wanted} ms{'' if measured <= wanted else '   MISSED'}")
    measured, bare = gain(args.pairs)
    print(f"24 steps that compute, -j 2 against -j 1: {measured:.3f} times faster   >= 1.85{'' if measured >= 1.85 else '   MISSED'}"
          f" (bare processes: {bare:.3f})")


if __name__ == "__main__":
    main()
