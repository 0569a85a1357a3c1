"""``python -m deepwatch_flow``, and the script: the command line as a process of its own."""
import os
import sys

from .cli.main import main

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn


def start() -> "NoReturn":
    """Run the command that this process was started with, and end the process."""
    try:
        code = main()
    except KeyboardInterrupt:      # before the command has begun: later ones it hears itself
        code = 130
    if code > 128:      # a signal has ended the command: another one must not spoil the exit code
        import signal

        signal.signal(signal.SIGINT, signal.SIG_IGN)
    if "deepwatch_flow.cli.commands" not in sys.modules and "threading" not in sys.modules:
        _leave(code)
    sys.exit(code)


def _leave(code: int) -> None:
    """End at once where nothing of consequence was loaded: taking Python down costs a tenth of its start."""
    import atexit

    if not getattr(atexit, "_ncallbacks", lambda: 1)():       # whoever measures us wants to be asked
        try:
            for stream in (sys.stdout, sys.stderr):
                if stream is not None:
                    stream.flush()
        except (OSError, ValueError):
            return          # nobody reads it: Python has its way with that
        os._exit(code)


if __name__ == "__main__":       # a spawned worker imports this module under another name
    start()
