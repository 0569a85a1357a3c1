"""A project in which something of every kind is watched, and what tells how a command was answered."""
from __future__ import annotations

import os
from pathlib import Path
from typing import Any

#: printed by the pipeline whenever it is imported
LOADED = "the pipeline is imported"

PIPELINE = f"""
    import os
    import sys

    print("{LOADED}", file=sys.stderr)

    from deepwatch_flow import File, Product, step
    from helpers import trim
    from parts.inner import FACTOR

    try:
        import faster
    except ImportError:
        faster = None

    MODE = os.environ.get("WATCHED_MODE", "plain")
    with open("settings.txt") as stream:
        LIMIT = int(stream.read())

    @step
    def rows(data=File("data.csv"), folder=File("tables")):
        return [trim(line) for line in data.read_text().split()] + sorted(path.name for path in folder.iterdir())

    @step
    def count(rows):
        return len(rows) * FACTOR + LIMIT + len(MODE) + (0 if faster is None else faster.EXTRA)

    @step
    def report(count, out=Product("out/report.txt")):
        out.write_text(str(count))

    @step
    def greeting():
        return os.environ.get("WATCHED_NAME", "nobody")
    """

FILES = {
    "pipeline.py": PIPELINE,
    "helpers.py": "def trim(text):\n    return text[:3]\n",
    "parts/__init__.py": "",
    "parts/inner.py": "FACTOR = 2\n",
    "settings.txt": "10\n",
    "data.csv": "one two three\n",
    "tables/a.txt": "a\n",
}
STEPS = 4


def fill(project: Any) -> Any:
    """Write the project's files."""
    for name, text in FILES.items():
        project.write(name, text)
    return project


def ready(project: Any, seconds: float = 10.0) -> Any:
    """Write the project as if long ago, and run it; the next command has nothing to do."""
    fill(project)
    done = project.cli("run")
    assert done.code == 0, done.stderr
    return project


def rewrite(path: Path, data: bytes) -> None:
    """Write other bytes of the same length in place, and give the file its old time of modification."""
    before = path.stat()
    assert len(data) == before.st_size
    with open(path, "r+b") as stream:
        stream.write(data)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def was_quick(done: Any) -> bool:
    """Tell whether a command was answered without the user's code."""
    return done.code == 0 and LOADED not in done.stderr
