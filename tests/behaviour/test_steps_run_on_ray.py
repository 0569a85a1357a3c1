"""Steps are executed by workers of a Ray cluster: one on this machine, or one that is there already."""
from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from dask_cluster import BLIND, REPOSITORY, deepwatch, environment

pytest.importorskip("ray", reason="Ray is not installed: it has no wheel for some Pythons and systems")

PIPELINE = """
import os, signal, time
from pathlib import Path
from deepwatch_flow import Each, Product, step
@step
def numbers(count=6):
    return list(range(count))
@step
def square(number=Each("numbers")):
    return number * number
@step
def total(square, out=Product("total.txt")):
    out.write_text(str(sum(square.values())))
@step(resources={"gpu": 1, "memory": "50MB"})
def on_gpu():
    import ray
    return ray.get_gpu_ids()
@step
def deadly():
    os.kill(os.getpid(), signal.SIGKILL)
@step
def lost_once():
    mark = Path("was-here")
    if not mark.exists():
        mark.write_text("")
        os.kill(os.getpid(), signal.SIGKILL)
    return 1
@step(timeout=0.5)
def slow():
    time.sleep(60)
"""
SETTINGS = 'executor = "ray"\n[ray]\nworkers = 2\n[resources]\ngpu = 1\nmemory = "500MB"\n'


def project(folder: Path, pipeline: str, settings: str) -> Path:
    folder.mkdir()
    (folder / "pipeline.py").write_text(pipeline)
    (folder / "deepwatch.toml").write_text(settings)
    return folder


@pytest.mark.skipif(os.name != "posix", reason="kills by signal")
def test_a_cluster_on_this_machine_executes_steps_and_survives_those_that_kill(tmp_path: Path) -> None:
    root = project(tmp_path / "p", PIPELINE, SETTINGS)
    done = deepwatch(root, "run")
    told = " ".join(done.stdout.split())
    assert done.returncode == 1, done.stdout
    assert "failed deadly" in told
    assert "the worker died while it ran this step" in told
    assert "it took longer than its timeout of 0.5 s" in told
    assert "10 ran, 2 failed" in told
    assert (root / "total.txt").read_text() == "55"
    shown = deepwatch(root, "show", "on_gpu").stdout
    assert shown.startswith(("[0]", "['0']"))
    assert "9 steps up to date" in deepwatch(root, "run", "total", "on_gpu").stdout


ELSEWHERE = """
import os
from deepwatch_flow import File, Product, step
@step
def where():
    return {"folder": os.path.basename(os.getcwd()), "home": os.path.expanduser("~")}
@step
def write(source=File("in.txt"), out=Product("made.txt")):
    out.write_text(source.read_text().upper())
"""


@pytest.mark.skipif(os.name != "posix", reason="ends a group of processes")
def test_workers_of_a_cluster_without_the_projects_files_use_the_remote(tmp_path: Path) -> None:
    home, root = tmp_path / "elsewhere", tmp_path / "p"
    home.mkdir()
    (home / "site").mkdir()
    (home / "site" / "sitecustomize.py").write_text(BLIND)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    hidden = environment(HOME=str(home), TEST_HIDDEN=str(root), PYTHONPATH=os.pathsep.join([str(home / "site"), str(REPOSITORY)]))
    head = subprocess.Popen(
        [sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block", "--node-ip-address", "127.0.0.1", "--port", str(port),
         "--num-cpus", "2", "--object-store-memory", "100000000", "--include-dashboard", "false", "--disable-usage-stats"],
        cwd=home, env=hidden, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, start_new_session=True)
    try:
        _wait_for(port, head)
        project(root, ELSEWHERE, f'executor = "ray"\n[ray]\naddress = "127.0.0.1:{port}"\n[store]\nremote = "file://{tmp_path / "remote"}"\n')
        (root / "in.txt").write_text("hello")
        done = deepwatch(root, "run")
        assert done.returncode == 0, done.stdout
        assert (root / "made.txt").read_text() == "HELLO"
        shown = deepwatch(root, "show", "where").stdout
        assert f"'home': '{home}'" in shown
        assert "'folder': 'p'" not in shown
        assert head.poll() is None
    finally:
        os.killpg(head.pid, signal.SIGKILL)
        head.communicate()


def _wait_for(port: int, head: "subprocess.Popen[bytes]") -> None:
    for _ in range(400):
        assert head.poll() is None, head.communicate()[0].decode()
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                time.sleep(1)
                return
        time.sleep(0.1)
    raise AssertionError("Ray did not start")
