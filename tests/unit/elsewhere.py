"""A process, of this or another Python, that is sent values and tells their digests: for test_values_elsewhere.py."""
from __future__ import annotations

import base64
import dataclasses
import enum
import importlib
import os
import pathlib
import pickle
import subprocess
import sys
from typing import Any, List, NamedTuple

from deepwatch_flow.hashing.frames import digest_frame
from deepwatch_flow.hashing.values import ValueHasher

digest = ValueHasher("/somebody/s/project", [digest_frame]).digest
_REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
_SERVE = "import elsewhere; elsewhere.serve()"


@dataclasses.dataclass
class Basket:
    fruit: Any
    count: int = 1


class Color(enum.Enum):
    RED = 1
    BLUE = 2


class Point(NamedTuple):
    x: Any
    y: Any


class Array(NamedTuple):
    """An array, as what any release of numpy can make it from."""

    dtype: str
    shape: Any
    data: bytes

    def made(self) -> Any:
        numpy: Any = importlib.import_module("numpy")
        return numpy.frombuffer(bytearray(self.data), self.dtype).reshape(self.shape)


class Frame(NamedTuple):
    """A frame of columns."""

    columns: Any     # (name, array or list of text or None)

    def made(self) -> Any:
        pandas: Any = importlib.import_module("pandas")
        return pandas.DataFrame({
            # a series of objects: from pandas 3 a frame would make another dtype of the text
            name: cells.made() if isinstance(cells, Array) else pandas.Series(cells, dtype=object)
            for name, cells in self.columns})


def made(value: Any) -> Any:
    """Return the value that a recipe is for, any other value as it is."""
    return value.made() if isinstance(value, (Array, Frame)) else value


class Elsewhere:
    """The other process."""

    def __init__(self, python: str, seed: str) -> None:
        path = os.pathsep.join([str(_REPOSITORY), str(_REPOSITORY / "tests" / "unit")])
        self._child = subprocess.Popen(
            [python, "-c", _SERVE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**os.environ, "PYTHONPATH": path, "PYTHONHASHSEED": seed, "PYTHONDONTWRITEBYTECODE": "1"})

    def digest(self, value: object) -> str:
        """Return the digest that a value, or what a recipe makes, has there."""
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        self._child.stdin.write(base64.b64encode(pickle.dumps(value, 4)).decode() + "\n")
        self._child.stdin.flush()
        return self._child.stdout.readline().strip()

    def close(self) -> None:
        """Let the process end."""
        self._child.communicate()


def serve() -> None:
    """Tell the digest of each value that is sent, until none is."""
    lines: List[str] = iter(sys.stdin.readline, "")  # type: ignore[assignment]
    for line in lines:
        try:
            print(digest(made(pickle.loads(base64.b64decode(line)))), flush=True)  # noqa: S301  # from the test
        except Exception as error:  # noqa: BLE001  # shown by the test
            print(f"{type(error).__name__}: {error}".replace("\n", " "), flush=True)
