"""The names that `deepwatch_flow` exports are the documented ones, and importing it is cheap."""
from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, List

import deepwatch_flow

REPOSITORY = Path(__file__).resolve().parent.parent

#: the table of the README's section "Names"
EXPORTED = {"Each", "File", "Product", "include", "sh", "step", "load", "run", "deep_hash", "shallow_hash", "dependencies", "import_path",
            "DeepwatchError", "hookimpl", "__version__"}


def fresh(code: str) -> Any:
    """What `code` prints as JSON, in a fresh interpreter."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run([sys.executable, "-c", code], env=dict(environ, PYTHONPATH=str(REPOSITORY)),
                          stdout=subprocess.PIPE, timeout=60, check=True)
    return json.loads(done.stdout.decode("utf-8"))


def modules_after(code: str) -> List[str]:
    """The modules that `code` adds to those of a bare interpreter."""
    return fresh(f"import sys\nbefore = set(sys.modules)\n{code}\nadded = sorted(set(sys.modules) - before)\n"
                 "import json\nprint(json.dumps(added))")


def test_the_exported_names_are_the_documented_ones() -> None:
    assert set(deepwatch_flow.__all__) == EXPORTED
    assert all(hasattr(deepwatch_flow, name) for name in EXPORTED)
    assert EXPORTED <= set(dir(deepwatch_flow))


def test_each_exported_name_is_in_the_readme() -> None:
    text = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    assert [name for name in EXPORTED if f"`{name}`" not in text] == []


def test_nothing_else_is_reachable_by_accident() -> None:
    public = fresh("import json, deepwatch_flow\n"
                   "print(json.dumps([n for n in vars(deepwatch_flow) if not n.startswith('_')]))")
    # the submodules that the declarations need are attributes by nature of Python's import
    assert set(public) <= EXPORTED | {"pipeline", "annotations", "TYPE_CHECKING"}


def test_declaring_steps_loads_no_heavy_module() -> None:
    added = modules_after("from deepwatch_flow import step, File, Product")
    assert [name for name in added if name.split(".")[0] in
            ("sqlite3", "asyncio", "concurrent", "typing", "dataclasses", "inspect", "enum", "re", "pathlib", "json",
             "pluggy", "blake3", "rich", "cloudpickle", "shtab", "tomli", "numpy", "pandas")] == []
    outside = fresh(
        "import json, sys\nbefore = set(sys.modules)\nfrom deepwatch_flow import step, File, Product\n"
        "added = [sys.modules[name] for name in set(sys.modules) - before]\n"
        "print(json.dumps([m.__name__ for m in added if 'site-packages' in (getattr(m, '__file__', '') or '')]))")
    assert outside == []


def test_the_version_is_the_distribution_s() -> None:
    text = (REPOSITORY / "deepwatch_flow" / "_version.py").read_text(encoding="utf-8")
    assert f'__version__ = "{deepwatch_flow.__version__}"' in text
    changes = (REPOSITORY / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"\n## {deepwatch_flow.__version__} " in changes
