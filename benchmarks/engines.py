"""What a step costs on Dask, beside what Dask itself needs for as many trivial tasks: pairs of runs, by turns.

    python benchmarks/engines.py [STEPS] [PAIRS]

Each run is a process of its own with a local cluster of two worker processes with a thread each. CPU is
that of the whole process tree, start and end of the cluster included.
"""
from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import List, Tuple

STEPS = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
PAIRS = int(sys.argv[2]) if len(sys.argv) > 2 else 3

DASK = f"""
from distributed import Client, LocalCluster

def trivial(number):
    return number

if __name__ == "__main__":
    with LocalCluster(n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None) as cluster, Client(cluster) as client:
        assert client.gather(client.map(trivial, range({STEPS}), pure=False)) == list(range({STEPS}))
"""
PIPELINE = f"""
from deepwatch_flow import Each, step

@step
def trivial(number=Each(list(range({STEPS})))):
    return number
"""
SEPARATE = "from deepwatch_flow import step\n" + "".join(
    f"@step\ndef trivial_{number}():\n    return {number}\n" for number in range(STEPS))


def measured(command: List[str], folder: Path) -> Tuple[float, float]:
    """Run a command; return seconds of wall time and of CPU, those of all its processes."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env={**os.environ, "PYTHONHASHSEED": "0"})
    wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def run_of(pipeline: str) -> Tuple[float, float]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "pipeline.py").write_text(pipeline)
        (folder / "deepwatch.toml").write_text('executor = "dask"\n[dask]\nworkers = 2\n')
        return measured([sys.executable, "-m", "deepwatch_flow", "run", "-q"], folder)


def bare() -> Tuple[float, float]:
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "bare.py").write_text(DASK)
        return measured([sys.executable, "bare.py"], Path(name))


def main() -> None:
    print(f"{STEPS} steps, seconds (wall, CPU) and times what Dask needs")
    for _ in range(PAIRS):
        wall, cpu = bare()
        print(f"  Dask itself      {wall:6.2f} {cpu:6.2f}")
        for name, pipeline in (("one family", PIPELINE), ("separate steps", SEPARATE)):
            our_wall, our_cpu = run_of(pipeline)
            print(f"  {name:<15}  {our_wall:6.2f} {our_cpu:6.2f}   {our_wall / wall:4.2f} {our_cpu / cpu:4.2f}", flush=True)


if __name__ == "__main__":
    main()
