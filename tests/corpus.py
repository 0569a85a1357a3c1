"""The change cases of tests/cases, run by the real command line as their README.md says.

    python tests/corpus.py [--precise] [NAME...]      run cases (all of them) and print what was decided
"""
from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional

CASES = Path(__file__).resolve().parent / "cases"
REPOSITORY = CASES.parent.parent

PIPELINE = "import work\nfrom deepwatch_flow import step\n\nstep(work.step)\n"

#: The hard cases that deepwatch gets wrong in each mode, and why; docs/precision.md says the same at more
#: length. A strict xfail: a case that starts to be right has to leave this table.
_ALWAYS = {"environment_package_edited_in_place": "an installed package counts by its version"}
KNOWN_MISSES: Dict[str, Dict[str, str]] = {
    "deep": {
        **_ALWAYS,
        "dynamic_unselected_entry_edited": "a dispatch table counts as a whole, whichever entry is called",
        "unused_method_of_used_class": "a class counts as a whole, whichever methods are called",
    },
    "precise": _ALWAYS,
}


class Case(NamedTuple):
    """One folder of tests/cases."""

    name: str
    folder: Path
    facts: Dict[str, Any]          # case.json

    @property
    def reruns(self) -> bool:
        return bool(self.facts["expect"] == "rerun")

    @property
    def hard(self) -> bool:
        return bool(self.facts.get("hard", False))

    @property
    def runs_here(self) -> bool:
        return sys.version_info >= tuple(map(int, self.facts.get("python", "3.8").split(".")))


class Run(NamedTuple):
    """What one run of the command line did."""

    executed: int                  # lines that the step's mark() wrote
    code: int
    output: str
    errors: str

    @property
    def step(self) -> Dict[str, Any]:
        (step,) = json.loads(self.output)["steps"]
        return dict(step)

    def __str__(self) -> str:
        return f"executed {self.executed}, exit code {self.code}\n{self.output}\n{self.errors}"


def load() -> List[Case]:
    """All cases, sorted by name."""
    found = []
    for path in sorted(CASES.glob("*/case.json")):
        found.append(Case(path.parent.name, path.parent, json.loads(path.read_text(encoding="utf-8"))))
    return found


class Stage:
    """A case laid out in a folder: the tree, its site-packages, the log."""

    def __init__(self, case: Case, folder: Path, mode: str) -> None:
        self.case = case
        self.mode = mode
        self.home = folder / "home"
        self.log = folder / "log"
        self.place = folder / "one"
        self.elsewhere = folder / "two"
        self.home.mkdir()
        self.place.mkdir()
        # copyfile: the copies have the current time as their modification time
        shutil.copytree(str(case.folder / "before"), str(self.tree), copy_function=shutil.copyfile)
        (self.tree / "pipeline.py").write_text(PIPELINE, encoding="utf-8")
        self._site("site_before")

    @property
    def tree(self) -> Path:
        return self.place / "tree"

    @property
    def site(self) -> Path:
        return self.place / "site-packages"

    def run(self, when: str) -> Run:
        """Run the pipeline in a fresh process; `when` is before or after."""
        facts = self.case.facts
        lang = facts.get("lang_" + when) or facts.get("lang_before", {})
        environ = {name: value for name, value in os.environ.items()
                   if not name.startswith(("PYTHON", "DEEPWATCH", "COVERAGE", "PYTEST"))}
        environ.update(
            HOME=str(self.home),
            CASE_LOG=str(self.log),
            PYTHONDONTWRITEBYTECODE="1",
            PYTHONPATH=os.pathsep.join(map(str, (self.tree, self.site, CASES / "casekit", REPOSITORY))),
        )
        if "hashseed" in lang:
            environ["PYTHONHASHSEED"] = lang["hashseed"]
        environ.update(facts.get("env_" + when) or facts.get("env_before", {}))
        self.log.write_text("")
        flags = lang.get("flags", [])
        if isinstance(flags, str):
            flags = flags.split()
        done = subprocess.run(
            [sys.executable, *flags, "-m", "deepwatch_flow", "run", "--json",
             *(["--precise"] if self.mode == "precise" else [])],
            cwd=str(self.tree), env=environ, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, timeout=120)
        return Run(len(self.log.read_text().splitlines()), done.returncode,
                   done.stdout.decode("utf-8"), done.stderr.decode("utf-8"))

    def change(self) -> None:
        """Apply the case's change in place."""
        facts = self.case.facts
        for name in facts.get("deleted", ()):
            path = self.tree / name
            if path.is_dir():
                shutil.rmtree(str(path))
            else:
                path.unlink()
        after = self.case.folder / "after"
        for path in sorted(after.rglob("*")) if after.is_dir() else ():
            target = self.tree / path.relative_to(after)
            if path.is_dir():
                target.mkdir(exist_ok=True)
            else:
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(str(path), str(target))
        if "site_after" in facts:
            shutil.rmtree(str(self.site))
            self._site("site_after")
        for name in facts.get("touch", ()):
            os.utime(str(self.tree / name), (time.time() + 5, time.time() + 5))
        if facts.get("relocate"):
            self.place.rename(self.elsewhere)
            self.place = self.elsewhere

    def _site(self, key: str) -> None:
        if key in self.case.facts:
            source = self.case.folder / self.case.facts[key]
            shutil.copytree(str(source), str(self.site), copy_function=shutil.copyfile)
        else:
            self.site.mkdir(exist_ok=True)


def fault(case: Case, folder: Path, mode: str = "deep") -> Optional[str]:
    """Run one case in an empty folder; None where it went as expected, else what was wrong."""
    stage = Stage(case, folder, mode)
    first = stage.run("before")
    if first.code != 0 or first.executed != 1:
        return f"the first run should execute the step once: {first}"
    stage.change()
    second = stage.run("after")
    if second.code != 0:
        return f"the second run failed: {second}"
    if bool(second.executed) != case.reruns:
        kind = "missed rerun" if case.reruns else "needless rerun"
        return f"{kind} ({case.facts['why']}): {second}"
    if (second.step["outcome"] == "ran") != case.reruns:
        return f"the report does not say what happened: {second}"
    return None


def main() -> int:
    mode = "precise" if "--precise" in sys.argv else "deep"
    wanted = set(sys.argv[1:]) - {"--precise"}
    wrong = 0
    for case in load():
        if (wanted and case.name not in wanted) or not case.runs_here:
            continue
        with tempfile.TemporaryDirectory() as folder:
            found = fault(case, Path(folder).resolve(), mode)
        known = " (known)" if case.name in KNOWN_MISSES[mode] else ""
        print(f"{'wrong' if found else 'right'}{known} {'hard ' if case.hard else ''}{case.name}")
        if found and wanted:
            print(found)
        wrong += bool(found) and not known
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
