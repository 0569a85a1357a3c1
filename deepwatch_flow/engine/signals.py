"""What a step does to the signals of its process ends with the step: Ctrl-C must still be heard after it."""
from __future__ import annotations

import _signal  # type: ignore[import-not-found]     # below `signal`, whose enums cost as much as a short step
import contextlib
import signal
import threading
from typing import Iterator

_KEPT = tuple(int(getattr(signal, name)) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
_HAS_MASKS = hasattr(signal, "pthread_sigmask")


@contextlib.contextmanager
def signals_kept() -> Iterator[None]:
    """Put the handlers of the signals that end a process back afterwards, and let through those that were blocked."""
    if threading.current_thread() is not threading.main_thread():
        yield          # only the main thread may set handlers
        return
    handlers = [_signal.getsignal(number) for number in _KEPT]
    mask = _signal.pthread_sigmask(signal.SIG_BLOCK, ()) if _HAS_MASKS else None
    try:
        yield
    finally:
        for number, handler in zip(_KEPT, handlers):
            if handler is not None and _signal.getsignal(number) is not handler:
                signal.signal(number, handler)
        if mask is not None:
            _signal.pthread_sigmask(signal.SIG_SETMASK, mask)
