"""Whether processes live."""
from __future__ import annotations

import os
import subprocess
import time


def gone(pid: int) -> bool:
    """Whether a process ends within some seconds; one that is only waited for by nobody has ended."""
    for _ in range(200):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], stdout=subprocess.PIPE, check=False).stdout
        if state.strip()[:1] in (b"", b"Z"):
            return True
        time.sleep(0.05)
    return False
