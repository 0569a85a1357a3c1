"""What a step does to the signals of its process ends with the step: Ctrl-C must still be heard after it."""
from __future__ import annotations

import contextlib
import signal
import threading
from typing import Iterator

_KEPT = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


@contextlib.contextmanager
def signals_kept() -> Iterator[None]:
    """Put the handlers of the signals that end a process back afterwards, and let through those that were blocked."""
    if threading.current_thread() is not threading.main_thread():
        yield          # only the main thread may set handlers
        return
    handlers = [signal.getsignal(number) for number in _KEPT]
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, ()) if hasattr(signal, "pthread_sigmask") else None
    try:
        yield
    finally:
        for number, handler in zip(_KEPT, handlers):
            if handler is not None and signal.getsignal(number) is not handler:
                signal.signal(number, handler)
        if mask is not None:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
