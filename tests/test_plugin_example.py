"""The example plugin of docs/plugins.md: as it is printed there, installed, and in use."""
from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).resolve().parent
PLUGIN = HERE / "plugin_example"

PIPELINE = """
    from deepwatch_flow import step
    from deepwatch_series import Series

    @step
    def measured(count=4):
        return Series(range(count))

    @step
    def total(measured):
        return sum(measured.numbers)
    """


def test_the_document_prints_the_plugin_as_it_is() -> None:
    text = (HERE.parent / "docs" / "plugins.md").read_text(encoding="utf-8")
    for name in ("deepwatch_series.py", "pyproject.toml"):
        assert (PLUGIN / name).read_text(encoding="utf-8") in text


@pytest.fixture(scope="module")
def site(tmp_path_factory: Any) -> Path:
    """A folder into which pip installed the plugin, without an index."""
    place = tmp_path_factory.mktemp("plugin")
    source = place / "source"
    source.mkdir()
    for name in ("deepwatch_series.py", "pyproject.toml"):
        (source / name).write_bytes((PLUGIN / name).read_bytes())
    pytest.importorskip("hatchling")
    done = subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index",
         "--disable-pip-version-check", "--target", str(place / "site"), str(source)],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300)
    assert done.returncode == 0, done.stdout.decode()
    return Path(place / "site")


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_an_installed_plugin_is_found_and_used(project: Any, site: Path, jobs: str) -> None:
    env = {"PYTHONPATH": f"{HERE.parent}{os.pathsep}{site}", "SERIES_JOURNAL": str(project.root / "journal.txt")}
    project.write("pipeline.py", PIPELINE)

    def run(*args: str) -> Any:
        done = project.cli("run", "--json", "-j", jobs, *args, env=env)
        assert done.code == 0, done.stderr
        return done

    assert run().counts == {"ran": 2}
    assert project.read("journal.txt") == "measured ran\ntotal ran\n"
    assert run().counts == {"reused": 2}
    assert run("--set", "measured.count=5").executed == ["measured", "total"]
    project.edit("pipeline.py", "sum(measured.numbers)", "max(measured.numbers)")
    assert run().executed == ["total"]          # measured comes out of the store, through the plugin's codec
    assert project.cli("sum", "1", "2.5", env=env).stdout.strip() == "3.5"


def test_without_the_plugin_the_value_is_refused_with_its_type(project: Any) -> None:
    project.write("deepwatch_series.py", "import threading\n\n\nclass Series:\n    def __init__(self, numbers):\n"
                  "        self.numbers = list(numbers)\n        self.lock = threading.Lock()\n")
    project.write("pipeline.py", PIPELINE)
    done = project.cli("run")
    assert done.code == 1
    assert "lock" in done.stderr
    assert "hint:" in done.stderr
