"""What surrounds the call of a step's function: a loop for an async one, an end for the processes that it forks."""
from __future__ import annotations

import contextlib
import importlib
import inspect
import os
import sys
from typing import Any, Iterator


def awaited(value: Any) -> Any:
    """Return what a step's function gave, of an async one what it returns in the end."""
    return _awaited(value) if inspect.iscoroutine(value) else value


def _awaited(coroutine: Any) -> Any:
    asyncio: Any = importlib.import_module("asyncio")
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(coroutine)
    # a notebook has a loop of its own in this thread, which waits for us
    with importlib.import_module("concurrent.futures").ThreadPoolExecutor(1) as beside:
        return beside.submit(asyncio.run, coroutine).result()


@contextlib.contextmanager
def forks_end_here() -> Iterator[None]:
    """End a process that a step has forked where it leaves the step: the run goes on in its parent alone."""
    driver = os.getpid()
    code = 1
    try:
        yield
        code = 0
    except SystemExit as leave:
        code = leave.code if isinstance(leave.code, int) else int(leave.code is not None)
        raise
    finally:
        if os.getpid() != driver:
            for stream in (sys.stdout, sys.stderr):
                with contextlib.suppress(OSError, ValueError, AttributeError):    # closed, or none at all
                    stream.flush()
            os._exit(code & 0xFF)
