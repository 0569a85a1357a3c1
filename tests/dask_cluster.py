"""A Dask cluster in processes of its own: a scheduler, and workers in other folders with another home."""
from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Dict, Iterator, List, Optional

REPOSITORY = Path(__file__).resolve().parent.parent
#: run by each Python of a worker at its start: some folders are not there for it, as on a machine that does not share them
BLIND = """
import os, sys
HIDDEN = os.environ["TEST_HIDDEN"].split(os.pathsep)

def hide(event, args):
    if event in ("open", "os.listdir", "os.scandir") and args and isinstance(args[0], str):
        path = os.path.join(os.path.abspath(args[0]), "")
        if any(path.startswith(os.path.join(each, "")) for each in HIDDEN):
            raise FileNotFoundError(2, "hidden from this worker", args[0])

sys.addaudithook(hide)
"""


def environment(**more: str) -> Dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "DEEPWATCH_"))}
    return {**kept, "PYTHONPATH": str(REPOSITORY), "RAY_USAGE_STATS_ENABLED": "0", "NO_COLOR": "1", **more}


def deepwatch(root: Path, *args: str, **more: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, "-m", "deepwatch_flow", *args], cwd=root, env=environment(**more), text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, timeout=120)


class Cluster:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "scheduler.json"
        self.processes: List["subprocess.Popen[bytes]"] = []
        self._start("distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard",
                    "--scheduler-file", str(self.file), cwd=folder)
        self.address = self._address()

    def worker(self, folder: Path, *args: str, hidden: Optional[List[Path]] = None) -> "subprocess.Popen[bytes]":
        """Start a worker in a folder, which is its home as well."""
        folder.mkdir(parents=True, exist_ok=True)
        more = {"HOME": str(folder)}
        if hidden:
            (folder / "site").mkdir()
            (folder / "site" / "sitecustomize.py").write_text(BLIND)
            more.update(TEST_HIDDEN=os.pathsep.join(map(str, hidden)), PYTHONPATH=os.pathsep.join([str(folder / "site"), str(REPOSITORY)]))
        return self._start("distributed.cli.dask_worker", self.address, "--nthreads", "1", "--no-dashboard", "--host", "127.0.0.1",
                           "--local-directory", str(folder / "dask"), *args, cwd=folder, **more)

    def close(self) -> None:
        for process in reversed(self.processes):
            if os.name == "posix":
                os.killpg(process.pid, signal.SIGKILL)      # a worker and its nanny
            else:
                process.kill()
            process.wait()

    def _start(self, module: str, *args: str, cwd: Path, **more: str) -> "subprocess.Popen[bytes]":
        with open(self.folder / f"log-{len(self.processes)}", "wb") as log:
            process = subprocess.Popen([sys.executable, "-m", module, *args], cwd=cwd, env=environment(**more), stdout=log,
                                       stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, start_new_session=True)
        self.processes.append(process)
        return process

    def _address(self) -> str:
        import json

        for _ in range(600):
            if self.file.exists() and self.file.stat().st_size:
                return str(json.loads(self.file.read_text())["address"])
            assert self.processes[0].poll() is None, (self.folder / "log-0").read_text()
            time.sleep(0.05)
        raise AssertionError("the scheduler did not start")


@contextmanager
def cluster(folder: Path) -> Iterator[Cluster]:
    folder.mkdir(parents=True, exist_ok=True)
    made = Cluster(folder)
    try:
        yield made
    finally:
        made.close()
