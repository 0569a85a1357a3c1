"""What a type checker makes of a user's pipeline; checked by mypy in scripts/check, never run."""
from __future__ import annotations

from pathlib import Path
from typing import List

from typing_extensions import assert_type

import deepwatch_flow
from deepwatch_flow import File, Product, step
from deepwatch_flow.events import RunReport


@step
def read(path: Path = File("in.txt")) -> List[str]:
    return path.read_text().split()


@step(name="how many", needs={"words": read}, tags=["count"])
def count(words: List[str], minimum: int = 1) -> int:
    return len(words) - minimum


@step(after=["how many", read])
def write(out: Path = Product("out.txt")) -> None:
    out.write_text("x")


def twice(x: int) -> int:
    return 2 * x


# a step keeps the signature of its function
assert_type(read(Path("x")), List[str])
assert_type(count(["a"], minimum=2), int)
assert_type(step(twice)(3), int)
assert_type(step(name="x")(twice)(3), int)
count(["a"], 1, 2)  # type: ignore[call-arg]
count(words="a")  # type: ignore[arg-type]

assert_type(deepwatch_flow.run("how many"), RunReport)
deep: str = deepwatch_flow.deep_hash(twice)
shallow: str = deepwatch_flow.shallow_hash(twice)
assert_type(deepwatch_flow.__version__, str)
