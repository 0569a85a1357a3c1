"""How fast values are digested: medians of CPU seconds, in GB or MB of the value a second.

    python benchmarks/values.py                 everything: an array of 1 GiB, frames of 10 million rows
    python benchmarks/values.py --scale 0.1     the same with a tenth of the rows
    python benchmarks/values.py --rounds 9 --only array

Each figure stands beside one thread's BLAKE3 over as many bytes in one buffer. Text counts as its bytes in
UTF-8.
"""
from __future__ import annotations

import argparse
import statistics
import sys
import time
from typing import Any, Callable, Dict, Iterator, List, NamedTuple

import numpy as np
from blake3 import blake3

from deepwatch_flow.hashing.frames import digest_frame
from deepwatch_flow.hashing.values import ValueHasher

HASHER = ValueHasher("/home/somebody/project", [digest_frame])
MB = 1e6


class Case(NamedTuple):
    """A value to digest."""

    title: str
    value: object
    size: int      # bytes


def seconds(call: Callable[[], object], rounds: int) -> float:
    """Return the median CPU time of a call."""
    found = []
    for _ in range(rounds):
        began = time.process_time()
        call()
        found.append(time.process_time() - began)
    return statistics.median(found)


def arrays(rows: int) -> Iterator[Case]:
    """Yield an array of eight bytes a row, in several layouts."""
    array = np.random.default_rng(0).random(rows)
    yield Case("array, float64", array, array.nbytes)
    yield Case("array, C order, two dimensions", array.reshape(-1, 1024), array.nbytes)
    yield Case("array, Fortran order", np.asfortranarray(array.reshape(-1, 1024)), array.nbytes)
    yield Case("array, every second cell", array[::2], array.nbytes // 2)
    records = np.zeros(rows // 8, dtype=[("a", "f8"), ("b", "i4"), ("c", "i4")])
    yield Case("array, records", records, records.nbytes)


def numbers(rows: int) -> Iterator[Case]:
    """Yield frames of five columns of numbers."""
    import pandas as pd

    columns: Dict[str, Any] = {name: np.random.default_rng(ord(name)).random(rows) for name in "abc"}
    columns["d"], columns["e"] = np.arange(rows), np.arange(rows, dtype="i4")
    size = sum(column.nbytes for column in columns.values())
    frame = pd.DataFrame(columns)
    yield Case("pandas, 5 columns of numbers", frame, size)
    nullable = frame.astype({"d": "Int64", "e": "Int32"})
    yield Case("pandas, two of them nullable", nullable, size)
    for name, make in (("polars", "DataFrame"), ("pyarrow", "table")):
        try:
            module = __import__(name)
        except ImportError:
            continue
        yield Case(f"{name}, 5 columns of numbers", getattr(module, make)(columns), size)


def texts(rows: int) -> Iterator[Case]:
    """Yield columns of text."""
    import pandas as pd

    words = [f"word number {i * 7919 % 1000003}" for i in range(rows)]
    size = sum(map(len, words))
    yield Case("list of str", words, size)
    for kind in ("object", "string[python]", "string[pyarrow]"):
        try:
            yield Case(f"pandas, {kind}", pd.Series(words, dtype=kind), size)
        except ImportError:
            continue
    gaps = [None if i % 10 == 0 else word for i, word in enumerate(words)]
    yield Case("pandas, object, a tenth missing", pd.Series(gaps, dtype=object), size * 9 // 10)
    accents = [word.replace("o", "\u00f6") for word in words]
    yield Case("list of str, not ASCII", accents, sum(len(word.encode()) for word in accents))
    for name, make in (("polars", "Series"), ("pyarrow", "array")):
        try:
            module = __import__(name)
        except ImportError:
            continue
        yield Case(f"{name}, text", getattr(module, make)(words), size)


def measured(cases: Iterator[Case], rounds: int) -> None:
    """Print what it takes to digest values."""
    for case in cases:
        took = seconds(lambda case=case: HASHER.digest(case.value), rounds)  # type: ignore[misc]
        raw = np.ones(max(case.size, 1), dtype="u1")
        plain = seconds(lambda raw=raw: blake3(raw.data).digest(), rounds)  # type: ignore[misc]
        print(f"{case.title:<34} {case.size / MB:8.0f} MB {case.size / MB / took:8.0f} MB/s {plain / took:7.0%} of BLAKE3",
              flush=True)


def small(rounds: int) -> None:
    """Print what small values take, which most of a pipeline's are."""
    import pandas as pd

    frame = pd.DataFrame({name: np.arange(3.0) for name in "abcde"})
    cases: List[Any] = [("a number", 1), ("a nested dict", {"a": 1, "b": [1, 2, {"c": 3}]}), ("ten words", ["word"] * 10),
                        ("an array of three", np.arange(3.0)), ("a frame of three rows", frame)]
    for title, value in cases:
        took = seconds(lambda value=value: [HASHER.digest(value) for _ in range(1000)], rounds)  # type: ignore[misc]
        print(f"{title:<34} {took * 1000:8.1f} microseconds")


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", choices=["array", "numbers", "texts", "small"])
    asked = parser.parse_args()
    kinds: Dict[str, Callable[[], None]] = {
        "array": lambda: measured(arrays(int((1 << 27) * asked.scale) // 8192 * 8192), asked.rounds),
        "numbers": lambda: measured(numbers(int(10_000_000 * asked.scale)), asked.rounds),
        "texts": lambda: measured(texts(int(10_000_000 * asked.scale)), asked.rounds),
        "small": lambda: small(asked.rounds),
    }
    print(f"Python {sys.version.split()[0]}, numpy {np.__version__}")
    for kind, measure in kinds.items():
        if asked.only in (None, kind):
            measure()


if __name__ == "__main__":
    main()
