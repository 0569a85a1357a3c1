"""Steps are executed by workers of a Dask cluster: one on this machine, or one that is there already."""
from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from dask_cluster import cluster, deepwatch, environment

pytest.importorskip("distributed", reason="Dask is not installed")

LOCAL = 'executor = "dask"\n[dask]\nworkers = 2\n'


def project(folder: Path, pipeline: str, settings: str = LOCAL) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pipeline.py").write_text(pipeline)
    (folder / "deepwatch.toml").write_text(settings)
    return folder


def at(address: str, more: str = "", before: str = "") -> str:
    return f'executor = "dask"\n{before}[dask]\naddress = "{address}"\n{more}'


FAMILY = """
import os
from deepwatch_flow import Each, Product, step
@step
def numbers(count=8):
    return list(range(count))
@step
def square(number=Each("numbers")):
    return number * number
@step
def total(square, out=Product("total.txt")):
    print("of", len(square), flush=True)
    os.system("echo from a program")
    out.write_text(str(sum(square.values())))
    return os.getpid()
"""


def test_a_local_cluster_executes_steps_in_other_processes_and_a_second_run_none(tmp_path: Path) -> None:
    root = project(tmp_path / "p", FAMILY)
    first = deepwatch(root, "run")
    assert first.returncode == 0, first.stdout
    assert "10 ran" in first.stdout
    assert (root / "total.txt").read_text() == "140"
    assert deepwatch(root, "log", "total").stdout.splitlines()[-2:] == ["of 8", "from a program"]
    assert "printed nothing" in deepwatch(root, "log", "numbers").stdout
    assert "up to date" in deepwatch(root, "run").stdout
    assert os.listdir(root / ".deepwatch" / "engines") == []
    edited = FAMILY.replace("number * number", "number + number")
    assert "9 ran" in deepwatch(project(root, edited), "run").stdout


PLACES = """
import os
from deepwatch_flow import File, Product, step
import helper
@step
def where():
    return {"cwd": os.getcwd(), "home": os.path.expanduser("~"), "folder": os.path.basename(os.getcwd())}
@step
def write(source=File("data/in.txt"), out=Product("out/made.txt")):
    out.write_text(helper.shout(source.read_text()))
@step
def read(where, write, made=File("out/made.txt")):
    print("read it")
    return made.read_text() + "!"
"""


def with_data(root: Path) -> Path:
    (root / "helper.py").write_text("def shout(text):\n    return text.upper()\n")
    (root / "data").mkdir()
    (root / "data" / "in.txt").write_text("hello")
    return root


def test_workers_in_another_folder_with_another_home_work_in_the_projects_folder(tmp_path: Path) -> None:
    with cluster(tmp_path / "c") as dask:
        dask.worker(tmp_path / "elsewhere")
        root = with_data(project(tmp_path / "p", PLACES, at(dask.address)))
        done = deepwatch(root, "run")
        assert done.returncode == 0, done.stdout
        assert (root / "out" / "made.txt").read_text() == "HELLO"
        shown = deepwatch(root, "show", "where").stdout
        assert str(root) in shown
        assert str(tmp_path / "elsewhere") in shown
        assert dask.processes[1].poll() is None     # the cluster is somebody else's: it lives on


def test_workers_without_a_shared_file_system_use_the_remote(tmp_path: Path) -> None:
    with cluster(tmp_path / "c") as dask:
        root = tmp_path / "p"
        dask.worker(tmp_path / "elsewhere", hidden=[root])
        store = f'[store]\nremote = "file://{tmp_path / "remote"}"\n'
        with_data(project(root, PLACES, at(dask.address) + store))
        done = deepwatch(root, "run")
        assert done.returncode == 0, done.stdout
        assert (root / "out" / "made.txt").read_text() == "HELLO"
        held = sum(len(files) for _, _, files in os.walk(root / ".deepwatch" / "objects"))
        assert held < sum(len(files) for _, _, files in os.walk(tmp_path / "remote" / "objects"))     # values stay there until they are asked for
        assert "HELLO!" in deepwatch(root, "show", "read").stdout
        assert deepwatch(root, "log", "read").stdout.splitlines()[-1] == "read it"
        assert "'folder': 'p'" not in deepwatch(root, "show", "where").stdout      # the code was sent to where the worker may write
        assert "up to date" in deepwatch(root, "run").stdout
        (root / "data" / "in.txt").write_text("bye")
        assert "2 ran" in deepwatch(root, "run").stdout
        assert (root / "out" / "made.txt").read_text() == "BYE"


BY_LABEL = """
from deepwatch_flow import Each, File, Product, step
@step
def names():
    return {"in": 1, "more": 2}
@step
def write(name=Each("names"), source=File("data/{name}.txt"), out=Product("out/{name}.txt")):
    out.write_text(source.read_text().upper())
@step
def read(name=Each(["in", "more"]), made=File("out/{name}.txt")):
    return made.read_text() + "!"
"""


def test_files_by_label_are_sent_to_workers_without_a_shared_file_system_and_come_back(tmp_path: Path) -> None:
    with cluster(tmp_path / "c") as dask:
        root = tmp_path / "p"
        dask.worker(tmp_path / "elsewhere", hidden=[root])
        with_data(project(root, BY_LABEL, at(dask.address) + f'[store]\nremote = "file://{tmp_path / "remote"}"\n'))
        (root / "data" / "more.txt").write_text("again")
        done = deepwatch(root, "run")
        assert done.returncode == 0, done.stdout
        assert [(root / "out" / name).read_text() for name in ("in.txt", "more.txt")] == ["HELLO", "AGAIN"]
        assert "HELLO!" in deepwatch(root, "show", "read[in]").stdout
        (root / "data" / "in.txt").write_text("bye")
        assert "2 ran" in deepwatch(root, "run").stdout
        assert "BYE!" in deepwatch(root, "show", "read[in]").stdout


def test_a_worker_that_sees_neither_state_nor_remote_says_what_is_missing(tmp_path: Path) -> None:
    with cluster(tmp_path / "c") as dask:
        root = tmp_path / "p"
        dask.worker(tmp_path / "elsewhere", hidden=[root])
        done = deepwatch(with_data(project(root, PLACES, at(dask.address))), "run")
        assert done.returncode == 1
        assert "shares no file system with the driver" in done.stdout
        assert "[store] remote" in done.stdout


UNDECLARED = """
import os
from deepwatch_flow import step
@step
def lists():
    return sorted(os.listdir("data")) if os.path.isdir("data") else []
@step
def asks():
    return os.environ.get("REGION", "none")
@step
def computes(name="REG"):
    return os.environ.get(name + "ION", "none")
"""


def test_what_a_step_sees_otherwise_on_a_worker_than_here_is_no_result(tmp_path: Path) -> None:
    with cluster(tmp_path / "c") as dask:
        root = tmp_path / "p"
        dask.worker(tmp_path / "elsewhere", hidden=[root])
        store = f'[store]\nremote = "file://{tmp_path / "remote"}"\n'
        with_data(project(root, UNDECLARED, at(dask.address) + store))
        done = deepwatch(root, "run", REGION="north")
        assert done.returncode == 1
        assert "it looked at `data`" in done.stdout
        assert "has other code: its fingerprint of `asks`" in done.stdout        # a variable that the code names is part of it
        assert "or an environment variable that it reads" in done.stdout
        assert "it read the environment variable REGION, which is another one on the worker" in done.stdout


def test_a_worker_whose_code_differs_refuses_and_names_both_fingerprints(tmp_path: Path) -> None:
    with cluster(tmp_path / "c") as dask:
        dask.worker(tmp_path / "elsewhere")
        root = with_data(project(tmp_path / "p", PLACES))
        shutil.copytree(root, tmp_path / "checkout")
        project(root, PLACES, at(dask.address, f'code = "found"\nfolder = "{tmp_path / "checkout"}"\n'))
        (root / "helper.py").write_text("def shout(text):\n    return text.title()\n")
        done = deepwatch(root, "run")
        assert done.returncode == 1
        told = " ".join(done.stdout.split())
        assert "has other code: its fingerprint of `write` is" in told
        assert "the driver's is" in told
        assert not (root / "out" / "made.txt").exists()
        shutil.copy(root / "helper.py", tmp_path / "checkout" / "helper.py")
        done = deepwatch(root, "run")
        assert done.returncode == 0, done.stdout
        assert (root / "out" / "made.txt").read_text() == "Hello"
        assert "'folder': 'checkout'" in deepwatch(root, "show", "where").stdout


DEADLY = """
import os, signal
from pathlib import Path
from deepwatch_flow import Each, step
@step
def fine(number=Each(list(range(6)))):
    return number
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
"""


@pytest.mark.skipif(os.name != "posix", reason="kills by signal")
def test_a_step_that_kills_its_worker_fails_alone_and_what_was_lost_once_is_repeated(tmp_path: Path) -> None:
    done = deepwatch(project(tmp_path / "p", DEADLY), "run")
    assert done.returncode == 1
    told = " ".join(done.stdout.split())
    assert "the worker died while it ran this step" in told
    assert "1 failed" in told
    assert "7 ran" in told


SLOW = """
import time
from deepwatch_flow import step
@step(timeout=0.5)
def slow():
    time.sleep(60)
@step(timeout=30)
def quick():
    return 1
"""


def test_a_step_that_takes_longer_than_its_timeout_is_ended(tmp_path: Path) -> None:
    with cluster(tmp_path / "c") as dask:
        dask.worker(tmp_path / "elsewhere")
        done = deepwatch(project(tmp_path / "p", SLOW, at(dask.address)), "run")
        assert done.returncode == 1
        assert "it took longer than its timeout of 0.5 s" in done.stdout
        assert "1 ran" in done.stdout
        assert "in slow" in done.stdout


RESOURCES = """
import os
from deepwatch_flow import Each, step
@step(resources={"gpu": 1})
def trained(number=Each(list(range(4)))):
    return os.path.expanduser("~")
@step
def homes(trained):
    return sorted(set(trained.values()))
"""


def test_what_a_step_asks_for_is_asked_of_dask(tmp_path: Path) -> None:
    with cluster(tmp_path / "c") as dask:
        dask.worker(tmp_path / "plain")
        dask.worker(tmp_path / "with-gpu", "--resources", "gpu=1")
        root = project(tmp_path / "p", RESOURCES, at(dask.address))
        done = deepwatch(root, "run")
        assert done.returncode == 0, done.stdout
        shown = deepwatch(root, "show", "homes").stdout
        assert str(tmp_path / "with-gpu") in shown
        assert str(tmp_path / "plain") not in shown


def test_a_scheduler_that_does_not_answer_is_an_error_with_a_cure(tmp_path: Path) -> None:
    done = deepwatch(project(tmp_path / "p", FAMILY, at("tcp://127.0.0.1:1")), "run", DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT="1s")
    assert done.returncode == 6
    assert "no Dask scheduler answers at tcp://127.0.0.1:1" in done.stdout
    assert "hint:" in done.stdout


def test_the_engine_is_only_asked_for_where_it_is_not_installed(tmp_path: Path) -> None:
    root = project(tmp_path / "p", FAMILY)
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    (hidden / "distributed.py").write_text("raise ImportError('not here')\n")
    done = deepwatch(root, "run", PYTHONPATH=os.pathsep.join([str(hidden), str(Path(__file__).resolve().parents[2])]))
    assert done.returncode == 2
    assert 'pip install "deepwatch-flow[dask]"' in done.stdout


LONG = """
import os, time
from pathlib import Path
from deepwatch_flow import step
@step
def sleeps():
    Path("begun").write_text(str(os.getpid()))
    time.sleep(600)
"""


@pytest.mark.skipif(os.name != "posix", reason="interrupts by signal")
def test_ctrl_c_ends_the_cluster_that_was_started_for_the_run(tmp_path: Path) -> None:
    root = project(tmp_path / "p", LONG)
    running = subprocess.Popen([sys.executable, "-m", "deepwatch_flow", "run"], cwd=root, env=environment(), stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, start_new_session=True)
    begun = root / "begun"
    for _ in range(600):
        if begun.exists() and begun.read_text():
            break
        assert running.poll() is None
        time.sleep(0.05)
    os.killpg(running.pid, signal.SIGINT)
    told = running.communicate(timeout=60)[0].decode()
    assert running.returncode == 130, told
    assert "interrupted" in told
    with pytest.raises(ProcessLookupError):
        os.kill(int(begun.read_text()), 0)
