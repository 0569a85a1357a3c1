"""Runs that something happens to: started in the background, signalled, and looked after when they have ended."""
from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import uuid
from typing import Any, List, Optional

#: a variable of the environment by which all that a run has started is known
MARK = "DEEPWATCH_MARK_OF_THIS_TEST"


def _hears_all() -> None:
    # whoever runs these tests may be deaf to a signal (`nohup`, a job in the background), and that is inherited
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


class Begun:
    """A command in the background, at the head of a session of its own."""

    def __init__(self, project: Any, *args: str) -> None:
        self.mark = uuid.uuid4().hex
        self.project = project
        self.scratch = project.root.parent / f"scratch-{self.mark[:8]}"
        self.scratch.mkdir()
        environ = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        environ.update({"PYTHONPATH": os.pathsep.join(sys.path), "PYTHONDONTWRITEBYTECODE": "1",
                        "TMPDIR": str(self.scratch), MARK: self.mark})
        self.process = subprocess.Popen([sys.executable, "-m", "deepwatch_flow", *args], cwd=str(project.root), env=environ,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        start_new_session=True, preexec_fn=_hears_all)
        self.told = ""

    def until(self, *names: str) -> "Begun":
        """Wait until files are in the project."""
        deadline = time.monotonic() + 120
        while not all(self.project.path(name).exists() for name in names):
            assert self.process.poll() is None, self.process.communicate()
            assert time.monotonic() < deadline, f"{names} did not come"
            time.sleep(0.01)
        return self

    def tell(self, number: int, group: bool = True) -> "Begun":
        """Send a signal, as a terminal does to the whole group, or to the command alone."""
        (os.killpg if group else os.kill)(self.process.pid, number)
        return self

    def ends(self) -> int:
        """Return the exit code; nothing is left of the command but what it has written, and it showed no traceback of ours."""
        try:
            out, err = self.process.communicate(timeout=120)
        except subprocess.TimeoutExpired:
            left = living(self.mark)
            for number in [self.process.pid, *left]:
                os.kill(number, signal.SIGKILL)
            raise AssertionError(f"it does not end; alive: {left}") from None
        self.told = out.decode() + err.decode()
        return self.process.returncode

    def leaves_nothing(self) -> None:
        """Assert that no process is alive, no temporary file left, and the state unlocked."""
        left = living(self.mark)
        for _ in range(100):                    # a killed process takes its time
            if not left:
                break
            time.sleep(0.05)
            left = living(self.mark)
        for number in left:
            os.kill(number, signal.SIGKILL)
        assert left == [], self.told
        assert os.listdir(str(self.scratch)) == []
        assert "Traceback (most recent call last)" not in self.told.replace("| Traceback", "| traceback"), self.told


def living(mark: str) -> List[int]:
    """Return the processes with a mark in their environment: those that live."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit() and _environ(name) is not None and mark.encode("ascii") in (_environ(name) or b""):
            found.append(int(name))
    return found


def _environ(name: str) -> Optional[bytes]:
    try:
        with open(f"/proc/{name}/environ", "rb") as file:
            return file.read()
    except OSError:
        return None
