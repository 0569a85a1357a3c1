"""What storing and loading large values costs: CPU seconds, and peak memory beyond the value, each in a process of its own.

    python benchmarks/artifacts.py [--mib 1024]

`anonymous` is memory that the system could not take back (RssAnon); mapped files are not in it. Linux only.
"""
from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import threading
import time
from typing import Any, Dict

KINDS = ("array", "table", "text table", "pickle", "bytes")


def value_of(kind: str, mib: int) -> Any:
    """Return a value of about this size."""
    import numpy as np

    numbers = np.arange(mib << 17, dtype="f8")
    if kind == "array":
        return numbers
    if kind == "bytes":
        return numbers.tobytes()
    if kind == "pickle":
        return {"weights": numbers, "name": "model"}
    import pandas as pd

    if kind == "table":
        return pd.DataFrame(numbers.reshape(8, -1).T, columns=[f"c{i}" for i in range(8)])
    return pd.DataFrame({"s": [f"text number {i}" for i in range(mib << 14)]})


def anonymous() -> float:
    """Return the MiB of memory that this process holds and that no file backs."""
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) / 1024 for line in file if line.startswith("RssAnon"))


class Peak:
    """The most memory during a block, looked at every 2 ms."""

    def __enter__(self) -> Peak:
        self.before = self.most = anonymous()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self._thread.start()
        self.started = time.process_time()
        return self

    def _look(self) -> None:
        while not self._stop.wait(0.002):
            self.most = max(self.most, anonymous())

    def __exit__(self, *_: object) -> None:
        self.seconds = time.process_time() - self.started
        self._stop.set()
        self._thread.join()


def measure(kind: str, mib: int, folder: str) -> None:
    """Store and load one value; print a line."""
    from deepwatch_flow.builtin import deepwatch_codecs
    from deepwatch_flow.state.codecs import Codecs
    from deepwatch_flow.state.store import LocalStore

    codecs, store = Codecs(deepwatch_codecs()), LocalStore(folder)
    value = value_of(kind, mib)
    with Peak() as storing:
        kept = codecs.keep(value, store)
    del value
    with Peak() as loading:
        again = codecs.opened(kept.codec, store, kept.blob)()
    row: Dict[str, Any] = {"stored": kept.size >> 20, "store s": storing.seconds, "beyond the value": storing.most - storing.before,
                           "load s": loading.seconds, "anonymous": loading.most - loading.before}
    print(f"{kind:<11} {kept.codec:<8}", *(f"{name} {each:8.1f}" for name, each in row.items()), f" {type(again).__name__}", flush=True)


def main() -> None:
    """Measure every kind, each in its own process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mib", type=int, default=1024)
    parser.add_argument("--kind", choices=KINDS)
    args = parser.parse_args()
    if args.kind:
        with tempfile.TemporaryDirectory() as folder:
            measure(args.kind, args.mib, folder)
        return
    for kind in KINDS:
        subprocess.run([sys.executable, __file__, "--mib", str(args.mib), "--kind", kind], check=True)


if __name__ == "__main__":
    main()
