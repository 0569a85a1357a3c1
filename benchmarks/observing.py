"""Measure what observing costs, in CPU seconds of this process, on the Python that runs it.

    python benchmarks/observing.py [--quick]

Each figure is the median over alternating pairs of (unobserved, observed), so a busy machine spoils it
little. A report, no gate: it prints what was wanted beside what was measured and always ends with 0.
"""
import argparse
import json
import os
import statistics
import sys
import tempfile
import textwrap
import threading
import time
from pathlib import Path
from typing import Any, Callable, Optional, Tuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from deepwatch_flow.loading.importing import ImportWorld
from deepwatch_flow.loading.origin import Origins
from deepwatch_flow.loading.snapshot import Snapshot
from deepwatch_flow.model import Boundary
from deepwatch_flow.observation.marks import NEEDED, Marks
from deepwatch_flow.observation.recorder import Recorder, Wants

MODERN = hasattr(sys, "monitoring")


def cpu(function: Callable[[], Any]) -> float:
    started = time.process_time()
    function()
    return time.process_time() - started


def pairs(recorder: Optional[Recorder], function: Callable[[], Any], other: Callable[[], Any], count: int) -> Tuple[float, float]:
    """The medians of the CPU seconds of one function unobserved, and of the other one observed."""
    def observed() -> None:
        if recorder is None:
            other()
            return
        with recorder.observing() as seen:
            other()
        seen()

    function()
    other()
    bare, with_recorder = [], []
    for number in range(count):
        for which in ((0, 1) if number % 2 else (1, 0)):
            (with_recorder if which else bare).append(cpu(observed if which else function))
    return statistics.median(bare), statistics.median(with_recorder)


# -- what is measured ---------------------------------------------------------------------------------

def fib(number: int) -> int:
    return number if number < 2 else fib(number - 1) + fib(number - 2)


def numeric() -> float:
    """A loop without calls: what a step does that computes in plain Python."""
    total = 0.0
    for number in range(1_500_000):
        total += number * 0.5 % 7
    return total


TEXT = "the quick brown fox jumps over the lazy dog " * 20


def mixed() -> None:
    """Libraries in Python, with calls of all lengths."""
    for _ in range(150):
        textwrap.wrap(TEXT, 40)
        json.loads(json.dumps({"a": list(range(100)), "b": TEXT}, indent=1))


def generators() -> int:
    return sum(number for number in range(1_000_000) if number % 3)


def threads() -> None:
    every = [threading.Thread(target=fib, args=(23,)) for _ in range(4)]
    for each in every:
        each.start()
    for each in every:
        each.join()


def variables() -> None:
    for number in range(1000):
        os.environ.get(f"NO_SUCH_{number}")


WORK = {
    "fib(27): nothing but calls": lambda: fib(27),
    "a loop without calls": numeric,
    "textwrap and json": mixed,
    "a generator": generators,
    "four threads of fib(23)": threads,
}


#: own code of a project: where `sys.monitoring` is missing it notes by itself that it ran
OWN = """
class Table:
    def __init__(self):
        self.rows = {}

    def add(self, key, value):
        self.rows.setdefault(key, []).append(value)

    @property
    def size(self):
        return len(self.rows)


def fib(number):
    return number if number < 2 else fib(number - 1) + fib(number - 2)


def words(text):
    for word in text.split():
        yield clean(word)


def clean(word):
    return word.strip(".,").lower()


def mixed():
    table = Table()
    for number in range(300):
        for word in words("the quick brown fox, jumps over the lazy dog. " * 5):
            table.add(word, number)
        sorted(table.rows.items(), key=lambda item: -len(item[1]))
        sum(n * n for n in range(500))
    return table.size
"""


# -- the table ----------------------------------------------------------------------------------------

def row(what: str, shown: str, wanted: str = "", good: bool = True) -> None:
    print(f"{what:<52}{shown:>22}   {wanted:<12}{'' if good else 'MISSED'}", flush=True)


def work_rows(recorder: Recorder, count: int) -> None:
    limit, wanted = (1.03, "<= +3 %") if MODERN else (2.0, "<= +100 %")
    for name, work in WORK.items():
        bare, observed = pairs(recorder, work, work, count)
        row(name, f"{1000 * bare:.1f} ms {100 * (observed / bare - 1):+.1f} %", wanted, observed / bare <= limit)


def own_rows(count: int, place: str) -> None:
    """The same for modules of a project, against the same modules as Python compiles them."""
    limit, wanted = (1.03, "<= +3 %") if MODERN else (2.0, "<= +100 %")
    path = os.path.join(place, "own.py")
    Path(path).write_text(OWN)
    plain = {"__name__": "own"}
    exec(compile(OWN, path, "exec"), plain)
    marks = Marks() if NEEDED else None
    sys.modules["__main__"] = sys.modules["deepwatch_flow"]     # as in `deepwatch run`: this program is no part of the project
    origins = Origins(Boundary(place))
    with ImportWorld(Snapshot(marks.prepare if marks else None), origins, place) as world, \
            Recorder(origins, Wants(), place, marks) as recorder:
        own = world.load("own.py")
        for name, bare, marked in (("own module, fib(27)", lambda: plain["fib"](27), lambda: own.fib(27)),
                                   ("own module, all sorts", plain["mixed"], own.mixed)):
            before = pairs(None, bare, marked, count)
            after = pairs(recorder, bare, marked, count)
            row(name + ", only marked" if marks else name + ", not observed", f"{1000 * before[0]:.1f} ms {100 * (before[1] / before[0] - 1):+.1f} %")
            ratio = after[1] / after[0]
            row(name, f"{1000 * after[0]:.1f} ms {100 * (ratio - 1):+.1f} %", wanted, ratio <= limit)


def compile_rows(count: int) -> None:
    """What marks cost when a module is compiled: one of 10,000 functions."""
    text = "".join(f"def f{i}(a, b=1):\n    if a:\n        return [x + b for x in a]\n    return g{i}(a, b) or {i}\n" for i in range(10_000))

    def bare() -> None:
        compile(text, "huge.py", "exec")

    def marked() -> None:
        Marks().prepare(compile(text, "huge.py", "exec"))

    before, after = pairs(None, bare, marked, max(3, count // 3))
    row("compiling 10,000 functions with marks", f"{1000 * before:.0f} ms {100 * (after / before - 1):+.1f} %", "<= +60 %", after / before <= 1.6)


def access_rows(recorder: Recorder, count: int, place: str) -> None:
    files = [os.path.join(place, f"{number}.txt") for number in range(1000)]
    for path in files:
        Path(path).touch()

    def opens() -> None:
        for path in files:
            open(path).close()

    def stats() -> None:
        for path in files:
            os.stat(path)

    for name, work in (("a file opened for the first time", opens), ("os.stat of a file", stats)):
        bare, observed = pairs(recorder, work, work, count)
        cost = 1e6 * (observed - bare) / len(files)
        row(name, f"{1e6 * bare / len(files):.1f} us {cost:+.1f} us", "<= 20 us", cost <= 20)
    bare, observed = pairs(recorder, variables, variables, count)
    row("a variable read for the first time", f"{1000 * bare:.2f} us {1000 * (observed - bare):+.2f} us")


def frame_rows(recorder: Recorder, count: int) -> None:
    def enters() -> None:
        for _ in range(1000):
            with recorder.observing():
                pass

    def steps() -> None:
        for _ in range(1000):
            with recorder.observing() as seen:
                fib(1)
            seen()

    cost = 1000 * statistics.median(cpu(enters) for _ in range(count))
    row("entering and leaving an observation", f"{cost:.1f} us", "<= 50 us", cost <= 50)
    cost = 1000 * statistics.median(cpu(steps) for _ in range(count))
    row("the same around a trivial step, and judging", f"{cost:.1f} us")


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure what observing costs.")
    parser.add_argument("--quick", action="store_true", help="fewer pairs")
    count = 5 if parser.parse_args().quick else 15
    print(f"Python {sys.version.split()[0]}")
    with tempfile.TemporaryDirectory() as place, Recorder(Origins(Boundary(place)), Wants(), place) as recorder:
        work_rows(recorder, count)
        access_rows(recorder, count, place)
        frame_rows(recorder, count)
        own_rows(count, place)
        if NEEDED:
            compile_rows(count)


if __name__ == "__main__":
    main()
