"""The architecture holds: layers, no cycles, sizes (docs/architecture.md), read from the source text."""
from __future__ import annotations

import ast
from pathlib import Path
from typing import Dict, Iterator, List, Set, Tuple

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "deepwatch_flow"

#: A module imports only from lines below its own, or from its own entry.
LAYERS: Tuple[Tuple[str, ...], ...] = (
    ("cli", "api"),
    ("workspace", "verifying",),
    ("elsewhere",),
    ("workers", "outlining", "watching", "collecting", "checkup", "sharing", "reproducing", "telling", "naming"),
    ("project", "inspection", "survey", "histories", "reasons", "vouching", "locking", "accepting"),
    ("builtin",),
    ("engines",),
    ("engine", "report", "remote"),
    ("analysis", "observation", "pipeline", "state", "config", "git", "hooks"),
    ("loading",),
    ("hashing",),
    ("events", "checking"),
    ("model",),
    ("errors", "amounts", "pausing", "_compat", "_version"),
)
#: third-party or heavy modules -> the entries that may import them
ONLY_IN = {"rich": {"report", "cli"}, "sqlite3": {"state"}, "pluggy": {"hooks"}, "shtab": {"cli"},
           "fsspec": set(), "distributed": {"engines"}, "ray": set(), "blake3": {"hashing", "state", "remote"}, "cloudpickle": {"state", "engine"}}
MAX_MODULE, MAX_FUNCTION, MAX_PARAMETERS = 350, 50, 6

LEVEL = {entry: len(LAYERS) - level for level, entries in enumerate(LAYERS) for entry in entries}
MODULES = {".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).replace(".__init__", ""): path
           for path in sorted(PACKAGE.rglob("*.py"))}
TREES = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in MODULES.items()}


def imports(name: str) -> Iterator[Tuple[str, bool]]:
    """(module or module.attribute, whether inside a function) for each import outside TYPE_CHECKING."""
    package = name.split(".") if MODULES[name].name == "__init__.py" else name.split(".")[:-1]
    todo: List[Tuple[ast.AST, bool]] = [(TREES[name], False)]
    while todo:
        node, inside = todo.pop()
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test):
                continue
            if isinstance(child, ast.Import):
                yield from ((alias.name, inside) for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                base = package[: len(package) + 1 - child.level] if child.level else []
                prefix = ".".join(base + ([child.module] if child.module else []))
                yield from ((f"{prefix}.{alias.name}", inside) for alias in child.names)
            todo.append((child, inside or isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))))


def own(target: str) -> str:
    """The module of this package that an import names, or ''."""
    return target if target in MODULES else target.rpartition(".")[0] if target.rpartition(".")[0] in MODULES else ""


def entry(module: str) -> str:
    return module.split(".")[1] if "." in module else "__init__"


GRAPH: Dict[str, Set[str]] = {name: {own(t) for t, _ in imports(name)} - {"", name} for name in MODULES}


def test_the_package_is_there() -> None:
    assert len(MODULES) > 5


def test_a_module_imports_only_from_the_layers_below() -> None:
    wrong = []
    for name, targets in GRAPH.items():
        a = entry(name)
        if a in ("__init__", "__main__"):      # the public API, and the way in
            continue
        for b in map(entry, targets):
            if a != b and (b == "__init__" or LEVEL[b] >= LEVEL[a]):
                wrong.append(f"{name} imports {b}")
    assert wrong == []


def test_every_module_has_a_layer() -> None:
    assert {entry(name) for name in MODULES} - {"__init__", "__main__"} <= set(LEVEL)


def test_there_is_no_cycle_of_imports() -> None:
    graph = {name: {target for target in targets if not name.startswith(target + ".")}
             for name, targets in GRAPH.items()}
    while graph:
        leaves = {name for name, targets in graph.items() if not targets & set(graph)}
        assert leaves, f"modules that import each other are among {sorted(graph)}"
        graph = {name: targets for name, targets in graph.items() if name not in leaves}


def test_no_module_of_ours_is_imported_inside_a_function() -> None:
    # the top package is exempt: it gives out its names on demand, so that importing it costs nothing
    assert [f"{name}: {target}" for name in MODULES if name != "deepwatch_flow"
            for target, inside in imports(name) if inside and own(target)] == []


@pytest.mark.parametrize("library", sorted(ONLY_IN))
def test_a_library_is_imported_by_its_one_place(library: str) -> None:
    users = {name for name in MODULES for target, _ in imports(name) if target.split(".")[0] == library}
    assert {name for name in users if entry(name) not in ONLY_IN[library]} == set()


def test_sizes_stay_readable() -> None:
    large = [f"{name}: {count} lines" for name, path in MODULES.items()
             for count in [path.read_text(encoding="utf-8").count("\n")] if count > MAX_MODULE]
    for name, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                lines = (node.end_lineno or 0) - node.lineno + 1
                args = [arg.arg for arg in node.args.posonlyargs + node.args.args + node.args.kwonlyargs]
                count = len(args) - (args[:1] in (["self"], ["cls"]))
                if lines > MAX_FUNCTION or count > MAX_PARAMETERS:
                    large.append(f"{name}.{node.name}: {lines} lines, {count} parameters")
    assert large == []


@pytest.mark.parametrize("name", sorted(MODULES))
def test_a_module_says_what_it_decides(name: str) -> None:
    assert MODULES[name].read_text(encoding="utf-8").strip() == "" or ast.get_docstring(TREES[name])
