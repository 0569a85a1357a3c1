"""Planner and runner over many steps that cost nothing: is it linear, and what does a step cost.

    python benchmarks/scale.py [--steps 1000 10000 100000] [--shape wide] [--million]
    python benchmarks/scale.py --database [--steps 10000]      the real database and lockfile, too
    python benchmarks/scale.py --workers 1000 --lost 0.01      workers that take a (simulated) second, some of which are lost

No user code runs: the facts are made up, calls end in a simulated executor. Each measurement is a process
of its own. CPU is user and system time of that process; `x10` is the CPU a step against that of a tenth
of the steps (1.0: linear). Memory is the highest resident set (VmHWM) above what was resident before, as
that is what a machine has to have; with --traced it is the most that objects took (tracemalloc, which
slows the run: CPU is not to be read then), without what the allocator can't use. `facts` is what the steps themselves take before the run, `run` all that comes on top
of it at the worst moment: line, traces, keys, reasons, and the events, which a run keeps for its report.
`warm` is a second run by the history of the first one; its memory includes that history. Linux only.
"""
from __future__ import annotations

import argparse
import heapq
import json
import os
import random
import subprocess
import sys
import tempfile
import time
import tracemalloc
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Optional, Sequence, Tuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from deepwatch_flow.engine.calls import Call, Failure, Outcome
from deepwatch_flow.engine.handover import Values, consumers_of
from deepwatch_flow.engine.planner import World
from deepwatch_flow.engine.planning import plan
from deepwatch_flow.engine.runner import Parts, Runner
from deepwatch_flow.engine.schedule import Retries, Schedule, priorities
from deepwatch_flow.events import Event, FamilyStarted, Notice, StepStarted
from deepwatch_flow.hashing.digest import digest_bytes
from deepwatch_flow.model import (
    Artifact,
    Axis,
    Digest,
    Family,
    Fingerprint,
    History,
    Param,
    Policy,
    StepFacts,
    Trace,
)
from deepwatch_flow.state import lockfile
from deepwatch_flow.state.codecs import Codecs
from deepwatch_flow.state.database import Database
from deepwatch_flow.state.memory import MemoryStore
from deepwatch_flow.vouching import lock_of

Facts = Dict[str, StepFacts]


def _digest(number: int) -> Digest:
    return Digest(f"{number:064x}")     # a text of its own each time, as a real one is


def _step(number: int, *upstreams: int) -> StepFacts:
    # names are interned, as those of functions and parameters are
    names = tuple([sys.intern(f"s{each:07}") for each in upstreams])
    root = _digest(number)      # one text, as it is in a fingerprint
    return StepFacts(sys.intern(f"s{number:07}"), Fingerprint(root, root, ()), (), (), (),
                     tuple([(name, name) for name in names]), names)


def wide(count: int) -> Facts:
    """Steps that need nothing."""
    return {each.name: each for each in map(_step, range(count))}


def chain(count: int) -> Facts:
    """Each step needs the one before it."""
    return {each.name: each for each in (_step(i, *([i - 1] if i else [])) for i in range(count))}


def layered(count: int) -> Facts:
    """Layers of 100; each step needs two of the layer before."""
    def upstreams(number: int) -> List[int]:
        layer, place = divmod(number, 100)
        return [(layer - 1) * 100 + place, (layer - 1) * 100 + (place + 1) % 100] if layer else []

    return {each.name: each for each in (_step(i, *upstreams(i)) for i in range(count))}


def diamonds(count: int) -> Facts:
    """One step, 98 that need it, one that needs these; the next diamond hangs on that."""
    def upstreams(number: int) -> List[int]:
        start, place = number - number % 100, number % 100
        if place == 0:
            return [start - 1] if start else []
        return list(range(start + 1, start + 99)) if place == 99 else [start]

    return {each.name: each for each in (_step(i, *upstreams(i)) for i in range(count))}


def gather(count: int) -> Facts:
    """One step that needs all others."""
    return {each.name: each for each in (_step(i, *(range(i) if i == count - 1 else [])) for i in range(count))}


def family(count: int) -> Facts:
    """One family over a list of declared values, and a step that needs its value."""
    values = tuple([(str(i), Param("item", _digest(i), str(i))) for i in range(count)])
    made = StepFacts("each", Fingerprint(_digest(0), _digest(0), ()), family=Family((Axis("item", "", values),)))
    total = StepFacts("total", Fingerprint(_digest(1), _digest(1), ()), upstreams=(("each", "each"),), needs=("each",))
    return {"each": made, "total": total}


SHAPES: Dict[str, Callable[[int], Facts]] = {
    "wide": wide, "chain": chain, "layered": layered, "diamonds": diamonds, "gather": gather, "family": family}


class Simulated:
    """An executor whose calls take a second of a clock of its own, each worker one; some lose their worker."""

    def __init__(self, workers: int, lost: float) -> None:
        self._workers = workers
        self._lost = lost
        self._chance = random.Random(0)
        self._flight: List[Tuple[float, int, Call]] = []
        self.clock = 0.0
        self.submitted = self.waits = self.failed = 0

    def free(self) -> bool:
        return len(self._flight) < self._workers

    def submit(self, call: Call) -> None:
        self.submitted += 1
        heapq.heappush(self._flight, (self.clock + 0.5 + self._chance.random(), self.submitted, call))

    def wait(self, seconds: Optional[float] = None) -> List[Tuple[Call, Outcome]]:
        self.waits += 1
        self.clock, number, call = heapq.heappop(self._flight)
        if self._lost and self._chance.random() < self._lost:
            self.failed += 1
            return [(call, Outcome(failure=Failure("the worker was lost")))]
        return [(call, Outcome(Artifact(_digest(number), _digest(number), 100, "json/1"), seconds=1.0))]

    def close(self, cancel: bool = False) -> None:
        return None


class Nowhere(MemoryStore):
    """A store that keeps nothing."""

    def put(self, data: Any) -> Digest:
        return digest_bytes(data)


def resident(what: str = "VmRSS") -> int:
    """Return bytes of this process's memory, by their name in /proc/self/status."""
    with open("/proc/self/status", encoding="ascii") as file:
        return next(int(line.split()[1]) << 10 for line in file if line.startswith(what + ":"))


def forget_peak() -> None:
    """Have the most memory begin again with what is in use now."""
    if tracemalloc.is_tracing():
        tracemalloc.reset_peak()
    with open("/proc/self/clear_refs", "w", encoding="ascii") as file:
        file.write("5")


def history_of(traces: Dict[str, Trace]) -> History:
    """Return the history that a run leaves, without families as a whole."""
    kept = {name: trace for name, trace in traces.items() if trace.key}
    return History({trace.key: (trace,) for trace in kept.values()}, kept, {name: (trace,) for name, trace in kept.items()})


class Run:
    """One run over made-up facts."""

    def __init__(self, facts: Facts, history: History, workers: int, lost: float, record: Callable[[Trace, float], None]) -> None:
        self.world = World(facts, history, lambda _: None, lambda trace, wanted: ((), ()), {})
        self.executor = Simulated(workers, lost)
        self.events: List[Event] = []
        retries = Retries(dict.fromkeys(facts, (20, 0.0)) if lost else {})
        order = priorities({name: each.needs for name, each in facts.items()}, {}) if workers > 1 else {}
        store = Nowhere()
        self.runner = Runner(self.world, Policy(), set(), Parts(
            self.executor, Values(store, Codecs(), consumers_of(facts)), record, lambda _: None, self.emit, None,
            schedule=Schedule(order, None, retries)))

    def emit(self, event: Event) -> None:
        """Keep what a run keeps for its report."""
        if not isinstance(event, (StepStarted, FamilyStarted)):
            self.events.append(event)


def used(most: bool = False) -> int:
    """Return the bytes of memory that are in use, or the most that were."""
    return tracemalloc.get_traced_memory()[most] if tracemalloc.is_tracing() else resident("VmHWM" if most else "VmRSS")


def measure(shape: str, count: int, workers: int, lost: float, way: str) -> Dict[str, float]:
    """Run once in this process and return what it took."""
    before = used()
    facts = SHAPES[shape](count)
    found: Dict[str, float] = {"facts": (used() - before) / count}
    if way == "warm":
        cold = Run(facts, History({}, {}), workers, lost, lambda *_: None)
        cold.runner.run()
        history = history_of(cold.runner.results.traces)
        del cold
        forget_peak()
    else:
        history = History({}, {})
    if way == "plan":
        start = time.process_time()
        plan(World(facts, history, lambda _: None, lambda trace, wanted: ((), ()), {}), Policy(), set())
        found["cpu"] = (time.process_time() - start) / count
        found["memory"] = (used(True) - before) / count
        return found
    start = time.process_time()
    with Recording(way == "database") as (record, written):
        run = Run(facts, history, workers, lost, record)
        run.runner.run()
        found["cpu"] = (time.process_time() - start) / count
        found["memory"] = (used(True) - before) / count
        ran = sum(1 for each in run.runner.results.traces.values() if each.key)
        assert ran >= count, (ran, count)
        assert run.executor.submitted == run.executor.failed + (0 if way == "warm" else ran)
        found["messages"] = (run.executor.submitted + run.executor.waits) / count
        found["retried"] = sum(isinstance(each, Notice) for each in run.events)
        found["simulated"] = run.executor.clock
        written(facts, run.runner.results.traces, found, count)
    return found


class Recording:
    """The record function of a run: into a real database or nowhere; and what was written, per step."""

    def __init__(self, real: bool) -> None:
        self._real = real
        self._folder: Optional[tempfile.TemporaryDirectory[str]] = None

    def __enter__(self) -> Tuple[Callable[[Trace, float], None], Callable[..., None]]:
        if not self._real:
            return (lambda *_: None), (lambda *_: None)
        self._folder = tempfile.TemporaryDirectory(prefix="deepwatch-scale-")
        self._path = os.path.join(self._folder.name, "state.db")
        self._database = database = Database.open(self._path, print)
        self._commits = 0
        commit = database.commit

        def counted() -> None:
            self._commits += 1
            commit()

        database.commit = counted  # type: ignore[method-assign]

        def record(trace: Trace, seconds: float) -> None:      # as Workspace records
            database.record(trace, "run", seconds)
            if seconds:
                database.commit()

        return record, self._written

    def _written(self, facts: Facts, traces: Dict[str, Trace], found: Dict[str, float], count: int) -> None:
        wal = self._path + "-wal"
        found["wal"] = os.path.getsize(wal) if os.path.exists(wal) else 0
        found["commits"] = self._commits / count
        start = time.process_time()
        lock = lock_of(facts, traces, None, (), set())
        path = os.path.join(os.path.dirname(self._path), "deepwatch.lock")
        lockfile.write(path, lock)
        found["lock cpu"] = (time.process_time() - start) / count
        found["lock bytes"] = os.path.getsize(path) / count
        start = time.process_time()
        assert lockfile.read(path) == lock
        found["lock read cpu"] = (time.process_time() - start) / count
        self._database.close()
        found["database bytes"] = os.path.getsize(self._path) / count

    def __exit__(self, *_: object) -> None:
        if self._folder is not None:
            self._folder.cleanup()


def apart(arguments: Sequence[str]) -> Dict[str, float]:
    """Measure in a process of its own."""
    done = subprocess.run([sys.executable, __file__, *arguments], stdout=subprocess.PIPE, check=True)
    found: Dict[str, float] = json.loads(done.stdout)
    return found


def rows(args: argparse.Namespace) -> Iterator[Tuple[str, int, str]]:
    """Yield what is to be measured: shape, count, way."""
    for shape in args.shape or SHAPES:
        for way in ["database"] if args.database else args.way:
            for count in args.steps:
                yield shape, count, way
    if args.million:
        for way in ["database"] if args.database else args.way:
            yield "family", 1_000_000, way


def main() -> None:
    """Read the arguments and print one line a measurement."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--shape", choices=SHAPES, action="append", help="repeatable; default: all")
    parser.add_argument("--way", choices=("plan", "run", "warm"), nargs="+", default=["plan", "run", "warm"])
    parser.add_argument("--million", action="store_true", help="a family of a million instances, too")
    parser.add_argument("--database", action="store_true", help="cold runs that record in a real database and write the lockfile")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--lost", type=float, default=0.0, help="the share of calls whose worker is lost")
    parser.add_argument("--traced", action="store_true", help="memory by tracemalloc")
    parser.add_argument("--one", nargs=3, metavar=("SHAPE", "COUNT", "WAY"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        if args.traced:
            tracemalloc.start(1)
        print(json.dumps(measure(args.one[0], int(args.one[1]), args.workers, args.lost, args.one[2])))
        return
    last: Dict[Tuple[str, str], Tuple[int, float]] = {}
    for shape, count, way in rows(args):
        found = apart([*["--traced"] * args.traced, "--workers", str(args.workers), "--lost", str(args.lost), "--one", shape, str(count), way])
        before = last.get((shape, way))
        last[shape, way] = (count, found["cpu"])
        line = f"{shape:<9} {way:<8} {count:>9,}  {found['cpu'] * 1e6:6.1f} us"
        line += f"  x10 {found['cpu'] / before[1]:4.2f}" if before is not None and count == 10 * before[0] else " " * 10
        if count >= 10_000:      # below, a page more or less tells nothing
            line += f"  facts {found['facts']:5.0f} B  run {found['memory'] - found['facts']:5.0f} B  all {found['memory']:5.0f} B"
        if "messages" in found:
            line += f"  messages {found['messages']:.2f}"
        if found.get("retried"):
            line += f"  retried {found['retried']:.0f}"
        if args.workers > 1 and found.get("simulated"):
            line += f"  simulated {found['simulated']:.0f} s"
        if "lock bytes" in found:
            line += (f"  commits {found['commits']:.2f}  database {found['database bytes']:.0f} B  wal {found['wal'] / 1e6:.1f} MB"
                     f"  lock {found['lock bytes']:.0f} B, written in {found['lock cpu'] * 1e6:.1f} us, read in {found['lock read cpu'] * 1e6:.1f} us")
        print(line, flush=True)


if __name__ == "__main__":
    main()
