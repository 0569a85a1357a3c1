"""Run an example in a copy: everything runs, then nothing, and after an edit just what its README says.

    python .ci/examples.py NAME...
"""
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"

#: example -> (its steps, [(file, old text, new text, steps that run)...], files that it makes)
EXPECTED = {
    "quickstart": (
        ["sources", "sizes", "words", "complexity", "ranking", "report"],
        [
            ("measures.py", "BRANCH_WEIGHT = 1", "BRANCH_WEIGHT = 2", ["complexity", "ranking", "report"]),
            ("measures.py", "BRANCH_WEIGHT = 2", "BRANCH_WEIGHT = 1", []),
            ("layout.py", '"-" * (width + 10)', '"=" * (width + 10)', ["report"]),
            ("measures.py", "stripped", "bare", []),
        ],
        ["reports/library.txt"],
    ),
    "diabetes": (
        ["patients", "clean", "parts", "features", "ridge", "svr", "evaluate", "plot"],
        [
            ("lab/scales.py", "CUT = 4.0", "CUT = 2.5", ["features", "ridge", "svr", "evaluate", "plot"]),
            ("lab/scales.py", "values * spread + center", "center + values * spread", []),
            ("lab/scales.py", "CUT = 2.5", "CUT = 4.0", []),
            ("pipeline.py", "alpha=1.0", "alpha=3.0", ["ridge", "evaluate", "plot"]),
        ],
        ["reports/diabetes.png"],
    ),
}


def run(folder, *args):
    """Run the pipeline; return what each step did."""
    done = subprocess.run([sys.executable, "-m", "deepwatch_flow", "-C", str(folder), "run", "--json", *args],
                          stdout=subprocess.PIPE, check=False)
    if done.returncode:
        sys.exit(f"{folder.name}: deepwatch run ended with {done.returncode}\n{done.stdout.decode()}")
    return {step["name"]: step["outcome"] for step in json.loads(done.stdout)["steps"]}


def check(name, what, outcomes, expected):
    """Exit where other steps than the expected ones were executed."""
    ran = {step for step, outcome in outcomes.items() if outcome == "ran"}
    if ran != set(expected):
        sys.exit(f"{name}: {what}: should run {sorted(expected)}, ran {sorted(ran)}")
    print(f"{name}: {what}: {', '.join(expected) or 'nothing to do'}")


def main():
    for name in sys.argv[1:]:
        steps, edits, files = EXPECTED[name]
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place).resolve() / name
            shutil.copytree(str(EXAMPLES / name), str(folder),
                            ignore=shutil.ignore_patterns(".deepwatch", "deepwatch.lock", "reports", "__pycache__"))
            check(name, "first run", run(folder), steps)
            check(name, "second run", run(folder), [])
            check(name, "second run, --locked", run(folder, "--locked"), [])
            for file, old, new, expected in edits:
                text = (folder / file).read_text(encoding="utf-8")
                if old not in text:
                    sys.exit(f"{name}: {file} does not hold {old!r}")
                (folder / file).write_text(text.replace(old, new), encoding="utf-8")
                check(name, f"{file}: {old} -> {new}", run(folder), expected)
            missing = [file for file in files if not (folder / file).stat().st_size]
            if missing:
                sys.exit(f"{name}: empty: {missing}")


if __name__ == "__main__":
    main()
