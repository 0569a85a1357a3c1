"""Fixtures for all tests: no test sees the developer's home or state, and `project` drives deepwatch.

Tests of behaviour use `project`: write files, run the command line in a fresh process (or in this
one), edit a file, run again, and assert *which steps ran and why*, not only what came out.
"""
from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Sequence

import hypothesis
import pytest

REPOSITORY = Path(__file__).resolve().parent.parent

hypothesis.settings.register_profile(
    "deepwatch",
    deadline=None,                    # machines differ
    database=None,                    # no state beside the tests
    suppress_health_check=[hypothesis.HealthCheck.too_slow,
                           hypothesis.HealthCheck.function_scoped_fixture],
)
hypothesis.settings.load_profile("deepwatch")


def pytest_addoption(parser: Any) -> None:
    parser.addoption("--repeat", type=int, default=1, metavar="N", help="run each test so many times")


def pytest_generate_tests(metafunc: Any) -> None:
    often = metafunc.config.getoption("--repeat")
    if often > 1:
        metafunc.fixturenames.append("_repetition")
        metafunc.parametrize("_repetition", range(often))


@pytest.fixture(autouse=True)
def _nobodys_home(tmp_path_factory: Any, monkeypatch: Any) -> None:
    """A home of its own, no settings from outside, and a working directory that is nobody's project."""
    place = tmp_path_factory.mktemp("nobody")
    for name in [name for name in os.environ if name.startswith("DEEPWATCH")]:
        monkeypatch.delenv(name)
    for name in ("HOME", "USERPROFILE", "APPDATA", "LOCALAPPDATA"):
        monkeypatch.setenv(name, str(place))
    for name in ("XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    monkeypatch.chdir(place)


class Done(NamedTuple):
    """A finished command."""

    code: int
    stdout: str
    stderr: str

    @property
    def document(self) -> Dict[str, Any]:
        """What `--json` printed."""
        return dict(json.loads(self.stdout))

    @property
    def steps(self) -> Dict[str, Dict[str, Any]]:
        return {step["name"]: step for step in self.document["steps"]}

    @property
    def outcomes(self) -> Dict[str, str]:
        return {name: step["outcome"] for name, step in self.steps.items()}

    @property
    def verdicts(self) -> Dict[str, str]:
        return {name: step["verdict"] for name, step in self.steps.items()}

    @property
    def executed(self) -> List[str]:
        """The steps that ran, in the order of the report."""
        return [name for name, outcome in self.outcomes.items() if outcome in ("ran", "failed")]

    @property
    def counts(self) -> Dict[str, int]:
        """The counters that are not zero."""
        return {name: count for name, count in self.document["counts"].items() if count}

    def reasons(self, step: str) -> List[Dict[str, Any]]:
        return list(self.steps[step]["reasons"])

    def kinds(self, step: str) -> List[str]:
        return [reason["kind"] for reason in self.reasons(step)]


class Project:
    """A project folder and the command line."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir(parents=True, exist_ok=True)

    # -- files

    def path(self, name: str) -> Path:
        return self.root / name

    def write(self, name: str, text: str) -> Path:
        """Write a file; the text is dedented."""
        path = self.path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(textwrap.dedent(text).lstrip("\n").encode("utf-8"))
        return path

    def read(self, name: str) -> str:
        return self.path(name).read_text(encoding="utf-8")

    def edit(self, name: str, old: str, new: str) -> None:
        """Replace `old`, which must be there exactly once."""
        text = self.read(name)
        assert text.count(old) == 1, f"{name} holds {old!r} {text.count(old)} times"
        self.path(name).write_bytes(text.replace(old, new).encode("utf-8"))

    @property
    def lock(self) -> bytes:
        return self.path("deepwatch.lock").read_bytes()

    # -- the command line

    def cli(self, *args: str, python: Optional[str] = None, env: Optional[Dict[str, str]] = None,
            inline: bool = False, cwd: Optional[Path] = None) -> Done:
        """Run `deepwatch ARGS` in the project: in a fresh process, or in this one with `inline`."""
        if inline:
            return self._inline(args)
        environ = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        environ.update(PYTHONPATH=str(REPOSITORY), PYTHONDONTWRITEBYTECODE="1")
        environ.update(env or {})
        done = subprocess.run([python or sys.executable, "-m", "deepwatch_flow", *args], cwd=str(cwd or self.root),
                              env=environ, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=300)
        return Done(done.returncode, done.stdout.decode("utf-8"), done.stderr.decode("utf-8"))

    def _inline(self, args: Sequence[str]) -> Done:
        from deepwatch_flow.cli.main import main

        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main(["-C", str(self.root), *args])
        return Done(code, out.getvalue(), err.getvalue())

    def run(self, *args: str, code: int = 0, **options: Any) -> Done:
        """`deepwatch run --json ARGS`, which must end with `code`."""
        return self._expect(self.cli("run", "--json", *args, **options), code)

    def status(self, *args: str, code: int = 0, **options: Any) -> Done:
        return self._expect(self.cli("status", "--json", *args, **options), code)

    def value(self, step: str, **options: Any) -> Any:
        """The stored value of a step, which must be plain JSON data."""
        return json.loads(self._expect(self.cli("show", step, "--json", **options), 0).stdout)["value"]

    @staticmethod
    def _expect(done: Done, code: int) -> Done:
        assert done.code == code, f"exit code {done.code}, not {code}\n{done.stdout}\n{done.stderr}"
        return done


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """An empty project folder."""
    return Project(tmp_path / "project")


@pytest.fixture
def make_project(tmp_path: Path) -> Iterator[Any]:
    """Make projects by name, for tests that need two."""
    yield lambda name: Project(tmp_path / name)


def other_pythons() -> Dict[str, str]:
    """Other interpreters that can run deepwatch here: version -> program.

    They are those of the environments that scripts/test makes, `.venv-VERSION`, and of
    DEEPWATCH_TEST_PYTHONS (a path list).
    """
    candidates = [str(path) for path in sorted(REPOSITORY.glob(".venv*/bin/python"))]
    candidates += [path for path in EXTRA_PYTHONS if path]
    found: Dict[str, str] = {}
    for program in candidates:
        done = subprocess.run(
            [program, "-c", "import sys, blake3, pluggy, rich, cloudpickle; print('%d.%d' % sys.version_info[:2])"],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, universal_newlines=True, timeout=60)
        version = done.stdout.strip()
        if done.returncode == 0 and version != "%d.%d" % sys.version_info[:2]:
            found.setdefault(version, program)
    return found


EXTRA_PYTHONS = os.environ.get("DEEPWATCH_TEST_PYTHONS", "").split(os.pathsep)
