"""Whatever is edited: a command says "up to date" by the watch list only where the ordinary way would say so."""
from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path
from typing import Any, Callable, Dict, List

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from watched_project import FILES, LOADED, fill, rewrite

from tests.conftest import Project

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no time of change: no list is written there")


def _bytes(path: Path) -> bytes:
    return path.read_bytes() if path.is_file() else b""


def _swap_digit(project: Project, name: str) -> None:
    """Another digit in the place of the first one: the same size, and the old time of modification."""
    path = project.path(name)
    data = _bytes(path)
    for old in b"0123456789":
        if bytes([old]) in data:
            rewrite(path, data.replace(bytes([old]), bytes([48 + (old - 47) % 10]), 1))
            return


def _append(project: Project, name: str) -> None:
    path = project.path(name)
    if path.is_file():
        path.write_bytes(path.read_bytes() + (b"7\n" if name.endswith((".txt", ".csv")) else b"# a comment\n"))


def _touch(project: Project, name: str) -> None:
    if project.path(name).exists():
        os.utime(project.path(name))


def _restore(project: Project, name: str) -> None:
    project.write(name, FILES[name])


def _replace(project: Project, name: str) -> None:
    """Another file of the same content under the name."""
    path = project.path(name)
    if path.is_file():
        other = path.with_name(path.name + "~")
        shutil.copy2(str(path), str(other))
        os.replace(other, path)


def _drop_blob(project: Project, number: int) -> None:
    blobs = [path for path in sorted(project.path(".deepwatch/objects").glob("??/*")) if path.is_file()]
    if blobs:
        path = blobs[number % len(blobs)]
        path.chmod(stat.S_IWRITE | stat.S_IREAD)
        path.unlink()


def _cut_blob(project: Project, number: int) -> None:
    blobs = [path for path in sorted(project.path(".deepwatch/objects").glob("??/*")) if path.is_file()]
    if blobs:
        path = blobs[number % len(blobs)]
        path.chmod(stat.S_IWRITE | stat.S_IREAD)
        path.write_bytes(path.read_bytes()[:-1])


def _remove(project: Project, name: str) -> None:
    path = project.path(name)
    if path.is_dir():
        shutil.rmtree(str(path))
    elif path.exists():
        path.unlink()


def _write(project: Project, name: str, text: str) -> None:
    if not project.path(name).is_dir():
        project.write(name, text)


NAMES = ["helpers.py", "parts/inner.py", "settings.txt", "data.csv", "tables/a.txt"]
edits: Dict[str, Callable[[Project], None]] = {}
for each in NAMES:
    for act in (_swap_digit, _append, _touch, _restore, _replace):
        edits[f"{act.__name__} {each}"] = lambda project, act=act, each=each: act(project, each)
for each in ("out/report.txt", "deepwatch.lock"):
    for act in (_touch, _remove, _replace):
        edits[f"{act.__name__} {each}"] = lambda project, act=act, each=each: act(project, each)
for number in range(4):
    for act in (_drop_blob, _cut_blob):
        edits[f"{act.__name__} {number}"] = lambda project, act=act, number=number: act(project, number)
edits.update({
    "helpers": lambda project: _write(project, "helpers.py", "def trim(text):\n    return text[:1]\n"),
    "product": lambda project: _write(project, "out/report.txt", "99"),
    "shadow": lambda project: _write(project, "helpers/__init__.py", "def trim(text):\n    return text[:2]\n"),
    "no shadow": lambda project: _remove(project, "helpers"),
    "faster": lambda project: _write(project, "faster.py", "EXTRA = 5\n"),
    "no faster": lambda project: _remove(project, "faster.py"),
    "beside": lambda project: _write(project, "notes.txt", "x\n"),
    "table": lambda project: _write(project, "tables/b.txt", "b\n"),
    "no table": lambda project: _remove(project, "tables/b.txt"),
    "database": lambda project: _remove(project, ".deepwatch/state.db"),
    "a note in the settings": lambda project: _write(project, "deepwatch.toml", "# nothing\n"),
})

variables = st.sampled_from([{}, {}, {"WATCHED_MODE": "other"}, {"WATCHED_NAME": "you"}, {"UNRELATED": "1"}, {"LC_ALL": "C"}])
rounds = st.lists(st.tuples(st.lists(st.sampled_from(sorted(edits)), max_size=2), variables, st.booleans()),
                  min_size=2, max_size=5)


@settings(max_examples=8)
@given(rounds=rounds)
def test_both_ways_agree(rounds: List[Any], tmp_path_factory: Any) -> None:
    project: Any = fill(Project(tmp_path_factory.mktemp("watched") / "project"))
    assert project.cli("run").code == 0
    for names, env, again in rounds:
        for name in names:
            edits[name](project)
        command = "run" if again else "status"
        lock = project.path("deepwatch.lock").read_bytes() if project.path("deepwatch.lock").exists() else None
        quick = project.cli(command, env=env)
        if "up to date" in quick.stdout + quick.stderr and LOADED not in quick.stderr:      # it was answered by the list
            ordinary = project.cli("status", "--json", env=env)
            assert ordinary.code == 0, (names, ordinary.stderr)
            assert set(ordinary.verdicts.values()) == {"fresh"}, (names, env, ordinary.verdicts)
            # the ordinary way would not have changed the lockfile either
            done = project.cli("run", env=env)
            assert "up to date" in done.stderr
            assert project.path("deepwatch.lock").read_bytes() == lock
        else:
            if command == "status":     # by the outline, perhaps
                assert "up to date" not in quick.stdout or set(project.status(env=env).verdicts.values()) == {"fresh"}
            project.cli("run", env=env)


@pytest.mark.parametrize("name", sorted(edits))
def test_each_edit_alone(name: str, project: Any) -> None:
    fill(project)
    assert project.cli("run").code == 0
    edits[name](project)
    quick = project.cli("status")
    ordinary = project.cli("status", "--json")
    fresh = ordinary.code == 0 and set(ordinary.verdicts.values()) == {"fresh"} and not any(each["refused"] for each in ordinary.steps.values())
    assert ("up to date" in quick.stdout) == fresh
