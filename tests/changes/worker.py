"""Looks at one tree in a process of its own: the value of its step, what it writes, its fingerprint.

Run as a script it reads one request (JSON) a line and answers with one line each. Every request is
served by forks, so that nothing of one project reaches the next: one imports the tree as Python does
and runs the step, another fingerprints it and runs nothing.
"""
from __future__ import annotations

import gc
import importlib
import json
import os
import sys
import traceback
from typing import Any, Callable, Dict

REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
#: loaded once, so that not every fork loads them
COMMON = ("argparse", "asyncio", "concurrent.futures.thread", "csv", "dataclasses", "decimal", "enum", "inspect", "logging",
          "random", "sqlite3", "typing")


def files_below(root: str) -> Dict[str, str]:
    """Return the content of all files of a folder, by relative path."""
    found = {}
    for folder, _, names in os.walk(root):
        for name in names:
            path = os.path.join(folder, name)
            with open(path, "rb") as handle:
                found[os.path.relpath(path, root)] = handle.read().decode("latin-1")
    return found


def value(request: Dict[str, Any]) -> Any:
    """Run the step; return its value as JSON text, and the files that are new or changed since."""
    before = files_below(request["root"])
    result = json.dumps(importlib.import_module("work").step())
    after = files_below(request["root"])
    return [result, {path: text for path, text in after.items() if before.get(path) != text}]


def fingerprint(request: Dict[str, Any]) -> Any:
    """Return the digest of the step, and what in it can't be seen."""
    boundary = Boundary(request["root"])
    origins = Origins(boundary)
    snapshot = Snapshot()
    with ImportWorld(snapshot, origins, request["root"]) as world:
        step = world.load("work.py").step
        found = Analysis(boundary, origins, snapshot).fingerprint(step)
    return [found.digest, [str(each) for each in found.untracked], found.uncacheable]


def look(request: Dict[str, Any], task: Callable[[Dict[str, Any]], Any]) -> Any:
    """Do a task in a fork, in the request's folder, path and environment."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.close(reader)
            os.environ.update(request["env"])
            os.chdir(request["root"])
            sys.path[:0] = [request["root"], request["site"]]
            importlib.invalidate_caches()
            os.dup2(2, 1)                   # what a project prints is no answer
            answer = json.dumps(task(request))
            with os.fdopen(writer, "w") as handle:
                handle.write(answer)
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(status)
    os.close(writer)
    with os.fdopen(reader) as handle:
        answer = handle.read()
    os.waitpid(child, 0)
    return json.loads(answer) if answer else None


def main() -> None:
    """Serve requests until the input ends."""
    for name in COMMON:
        importlib.import_module(name)
    gc.freeze()
    for line in sys.stdin:
        request = json.loads(line)
        answer = {task.__name__: look(request, task) for task in (value, fingerprint) if task.__name__ in request["tasks"]}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    sys.path[0] = REPOSITORY                # never this folder: a case may have modules of any name
    from deepwatch_flow.analysis.fingerprint import Analysis
    from deepwatch_flow.loading.importing import ImportWorld
    from deepwatch_flow.loading.origin import Origins
    from deepwatch_flow.loading.snapshot import Snapshot
    from deepwatch_flow.model import Boundary

    main()
