"""Measure deepwatch in CPU seconds, user and system with child processes, against `python -c pass`.

    python benchmarks/bench.py [--quick] [NAME...]     names: import analysis wide layered chain helpers

Each figure is the median over pairs of (command - `python -c pass` right before it), so a busy machine spoils
it little. A report, no gate: it prints what was wanted beside what was measured and always ends with 0.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Callable, Dict, List, Tuple

import projects

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parent
ENVIRON = {**{name: value for name, value in os.environ.items() if not name.startswith("PYTHON")},
           "PYTHONPATH": str(REPOSITORY), "PYTHONHASHSEED": "0", "NO_COLOR": "1"}
DEEPWATCH = ("-m", "deepwatch_flow")


def cpu(*args: str, cwd: str = ".") -> float:
    """CPU seconds of `python ARGS` and of the children it waited for."""
    process = subprocess.Popen([sys.executable, *args], cwd=cwd, env=ENVIRON, stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert process.stderr is not None
    with process.stderr:
        errors = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.WEXITSTATUS(status) if os.WIFEXITED(status) else -1
    if process.returncode != 0:
        raise RuntimeError(f"{' '.join(args)} ended with {process.returncode}:\n{errors.decode()[-2000:]}")
    return usage.ru_utime + usage.ru_stime


def paired(pairs: int, *args: str, cwd: str = ".", before: Callable[[int], None] = lambda number: None) -> float:
    """The median of `python ARGS` less `python -c pass`; `before` prepares each one."""
    found = []
    for number in range(pairs):
        before(number)
        bare = cpu("-c", "pass")
        found.append(cpu(*args, cwd=cwd) - bare)
    return statistics.median(found)


class Table:
    """Rows of (what, measured, wanted)."""

    def __init__(self) -> None:
        self.rows: List[Dict[str, object]] = []

    def row(self, what: str, value: float, unit: str, wanted: str = "", good: bool = True) -> None:
        digits = 0 if value >= 1000 else 2 if value < 100 else 1
        shown = f"{value:,.{digits}f} {unit}"
        self.rows.append({"what": what, "value": value, "unit": unit, "wanted": wanted, "good": good})
        print(f"{what:<58}{shown:>18}   {wanted:<20}{'' if good else 'MISSED'}", flush=True)


def bench_import(table: Table, quick: bool) -> None:
    pairs = 5 if quick else 21
    cost = 1000 * paired(pairs, "-c", "import deepwatch_flow")
    table.row("import deepwatch_flow", cost, "ms", "<= 5 ms", cost <= 5)
    cost = 1000 * paired(pairs, "-c", "from deepwatch_flow import step, File, Product")
    table.row("from deepwatch_flow import step, File, Product", cost, "ms", "<= 5 ms", cost <= 5)
    table.row("deepwatch --version", 1000 * paired(pairs, *DEEPWATCH, "--version"), "ms")


ANALYSE = """
import ast, gc, pathlib, sys, sysconfig, warnings
gc.disable()  # as the analysis itself does
warnings.simplefilter("ignore")
from deepwatch_flow.analysis.facts import facts_of
def texts():
    for path in sorted(pathlib.Path(sysconfig.get_paths()["stdlib"]).glob("**/*.py")):
        parts = set(path.parts)
        if not parts & {"site-packages", "dist-packages", "test", "tests", "idlelib", "lib2to3"}:
            try:
                yield path.read_text(encoding="utf-8"), path
            except UnicodeDecodeError:
                pass
lines = done = 0
for text, path in texts():
    lines += text.count("\\n")
    MEASURED
    if lines > LIMIT:
        break
sys.stderr.write(str(lines))
print(lines)
"""


def bench_analysis(table: Table, quick: bool) -> None:
    """Facts of all definitions of the standard library's files; what reading alone costs is taken off."""
    limit = "60_000" if quick else "250_000"
    bare = ANALYSE.replace("LIMIT", limit).replace("MEASURED", "pass")
    full = ANALYSE.replace("LIMIT", limit).replace("MEASURED", "facts_of(ast.parse(text))")
    lines = int(subprocess.run([sys.executable, "-c", bare], env=ENVIRON, stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL, check=True).stdout)
    seconds = statistics.median(cpu("-c", full) - cpu("-c", bare) for _ in range(2 if quick else 5))
    rate = lines / seconds
    table.row(f"analysis of cold code ({lines:,} lines)", rate, "lines/s", ">= 80,000 lines/s", rate >= 80_000)


def measure_shape(shape: str, total: int, pairs: int) -> Tuple[float, float, float]:
    """CPU seconds of a cold, a no-op and a one-edit run."""
    cold, idle, edited = [], [], []
    for _ in range(pairs):
        with tempfile.TemporaryDirectory() as place:
            projects.make(Path(place), shape, total)
            command = (*DEEPWATCH, "run", "--quiet")
            cold.append(paired(1, *command, cwd=place))
            idle.append(paired(1 if pairs == 1 else 3, *command, cwd=place))
            projects.edit(Path(place), total)
            edited.append(paired(1, *command, cwd=place))
    return statistics.median(cold), statistics.median(idle), statistics.median(edited)


def bench_shape(table: Table, quick: bool, shape: str) -> None:
    sizes = (100, 1000) if quick else (1000, 10_000)
    figures = {total: measure_shape(shape, total, 3 if total < 10_000 and not quick else 1) for total in sizes}
    start = measure_shape(shape, 1, 3)[0]       # what a cold run of a single step takes: process and imports
    table.row(f"{shape}, a single step: cold, in all", 1000 * start, "ms")
    for total, (cold, idle, edited) in figures.items():
        each = 1000 * (cold - start) / total
        table.row(f"{shape}, {total:,} steps: cold, each further step", each, "ms", "<= 1 ms", each <= 1)
        table.row(f"{shape}, {total:,} steps: nothing to do, in all", 1000 * idle, "ms")
        table.row(f"{shape}, {total:,} steps: one edit, in all", 1000 * edited, "ms")
    for name, small, large in zip(("cold", "nothing to do", "one edit"), *(figures[total] for total in sizes)):
        table.row(f"{shape}: growth of `{name}` for ten times the steps", large / small, "times", "<= 11",
                  large / small <= 11)


def bench_wide(table: Table, quick: bool) -> None:
    bench_shape(table, quick, "wide")


def bench_layered(table: Table, quick: bool) -> None:
    bench_shape(table, quick, "layered")


def bench_chain(table: Table, quick: bool) -> None:
    total = 500 if quick else 5000
    cold, idle, edited = measure_shape("chain", total, 1)
    table.row(f"chain of {total:,} steps: cold, a step", 1000 * cold / total, "ms")
    table.row(f"chain of {total:,} steps: nothing to do, in all", 1000 * idle, "ms")
    table.row(f"chain of {total:,} steps: one edit, in all", 1000 * edited, "ms")


def bench_helpers(table: Table, quick: bool) -> None:
    depth = 500 if quick else 5000
    with tempfile.TemporaryDirectory() as place:
        projects.make_helper_chain(Path(place), depth)
        command = (*DEEPWATCH, "run", "--quiet")
        table.row(f"helper chain {depth:,} deep: cold, in all", 1000 * paired(1, *command, cwd=place), "ms")
        table.row(f"helper chain {depth:,} deep: nothing to do, in all", 1000 * paired(1, *command, cwd=place), "ms")
        projects.edit_helper_chain(Path(place), depth)
        table.row(f"helper chain {depth:,} deep: last helper edited", 1000 * paired(1, *command, cwd=place), "ms")
        done = subprocess.run([sys.executable, *DEEPWATCH, "log", "--json"], cwd=place, env=ENVIRON,
                              stdout=subprocess.PIPE, check=True)
        assert json.loads(done.stdout)


BENCHMARKS = {"import": bench_import, "analysis": bench_analysis, "wide": bench_wide, "layered": bench_layered,
              "chain": bench_chain, "helpers": bench_helpers}


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure deepwatch in CPU seconds.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHMARKS))
    parser.add_argument("--quick", action="store_true", help="a tenth of the sizes, in about a minute")
    parser.add_argument("--json", metavar="FILE", help="write the rows there, too")
    args = parser.parse_args()
    unknown = set(args.names) - set(BENCHMARKS)
    if unknown:
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}")
    table = Table()
    print(f"Python {sys.version.split()[0]}; CPU less that of `python -c pass` ({1000 * cpu('-c', 'pass'):.1f} ms)")
    for name in args.names or BENCHMARKS:
        try:
            BENCHMARKS[name](table, args.quick)
        except (RuntimeError, subprocess.CalledProcessError, AssertionError) as error:
            print(f"{name}: could not be measured: {error}")
    if args.json:
        Path(args.json).write_text(json.dumps(table.rows, indent=1))


if __name__ == "__main__":
    main()
