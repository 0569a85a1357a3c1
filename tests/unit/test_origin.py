"""Origins: what is the user's own code, what a package's, what Python's."""
from __future__ import annotations

import collections
import functools
import json
import os
import subprocess
import sys
import venv
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, Iterable, Sequence

import pytest

import deepwatch_flow.errors
from deepwatch_flow.loading.origin import Origins
from deepwatch_flow.model import Boundary

OWN, STDLIB, BUILTIN = ("own", None), ("stdlib", None), ("builtin", None)


def origins(root: Path, *entries: Path) -> Origins:
    root.mkdir(parents=True, exist_ok=True)
    return Origins(Boundary(str(root)), [str(root), *map(str, entries), *sys.path])


def install(site: Path, name: str, files: Sequence[str], direct_url: str = "", version: str = "1.0") -> None:
    info = site / f"{name}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "RECORD").write_text("".join(f"{file},,\n" for file in files))
    if direct_url:
        (info / "direct_url.json").write_text(direct_url)
    for file in files:
        (site / file).parent.mkdir(parents=True, exist_ok=True)
        (site / file).write_text("")


# -- files ------------------------------------------------------------------------------------------

def test_files_below_the_root_and_files_of_nobody_are_own(tmp_path: Path) -> None:
    found = origins(tmp_path / "root")
    assert found.of_file(str(tmp_path / "root" / "a.py")) == OWN
    assert found.of_file(str(tmp_path / "elsewhere" / "a.py")) == OWN
    assert found.of_file("<string>") == found.of_file("<ipython-input-3>") == OWN


def test_the_standard_library_is_found_by_folder_frozen_or_not() -> None:
    found = Origins(Boundary("/nowhere"))
    assert found.of_file(json.__file__) == found.of_file(os.__file__) == STDLIB
    assert found.of_file("<frozen importlib._bootstrap>") == STDLIB
    for name in ("json", "json.decoder", "os", "sys", "os.path", "importlib._bootstrap", "zipimport", "_sqlite3", "turtle", "xml.dom"):
        assert found.of_module(name) == STDLIB, name
    assert found.of_module("builtins") == BUILTIN


def test_installed_packages_are_told_by_distribution_and_version(tmp_path: Path) -> None:
    found = Origins(Boundary(str(tmp_path)))
    assert found.of_file(pytest.__file__) == ("package", "pytest")
    assert found.of_module("_pytest.fixtures") == ("package", "pytest")
    assert found.version("PyTest") == pytest.__version__
    assert found.version("no-such-distribution") == ""


def test_deepwatch_itself_is_a_package_even_from_a_checkout() -> None:
    checkout = os.path.dirname(os.path.dirname(os.path.abspath(deepwatch_flow.__file__)))
    found = Origins(Boundary(checkout))
    assert found.of_module("deepwatch_flow.model") == found.of_object(Boundary) == ("package", "deepwatch-flow")


@pytest.mark.parametrize("place", [".venv/lib/python3.11/site-packages", "env/Lib/site-packages", "a/b/dist-packages"])
def test_a_virtual_environment_inside_the_project_holds_packages(tmp_path: Path, place: str) -> None:
    install(tmp_path / place, "Some_Dist", ["some/__init__.py"])
    (tmp_path / place / "loose.py").write_text("")
    for found in (origins(tmp_path, tmp_path / place), origins(tmp_path)):   # on the path or not
        assert found.of_file(str(tmp_path / place / "some" / "__init__.py")) == ("package", "some-dist")
        assert found.of_file(str(tmp_path / place / "loose.py")) == OWN
        assert found.version("some-dist") == "1.0"


def test_packages_vendored_into_the_project_are_own(tmp_path: Path) -> None:
    install(tmp_path / "vendor", "dist", ["dist.py"])
    assert origins(tmp_path, tmp_path / "vendor").of_file(str(tmp_path / "vendor" / "dist.py")) == OWN


@pytest.mark.parametrize("name", ["site-packages", "libs"])
def test_a_folder_on_the_path_beside_the_project_holds_packages_where_metadata_says_so(tmp_path: Path, name: str) -> None:
    install(tmp_path / name, "dist", ["dist.py"])
    (tmp_path / name / "mine.py").write_text("")
    found = origins(tmp_path / "root", tmp_path / name)
    assert found.of_file(str(tmp_path / name / "dist.py")) == ("package", "dist")
    assert found.of_file(str(tmp_path / name / "mine.py")) == OWN
    assert found.of_module("dist") == ("package", "dist")   # not loaded: found as Python would find it
    assert found.of_module("mine") == OWN


def test_an_editable_install_is_own(tmp_path: Path) -> None:
    site, tree = tmp_path / "site-packages", tmp_path / "tree"
    tree.mkdir()
    (tree / "work.py").write_text("")
    (tree / "work.egg-info").mkdir()
    install(site, "work", ["__editable__.work-1.0.pth", "__editable___work_1_0_finder.py"], '{"dir_info": {"editable": true}}')
    install(site, "other", ["other.py"], '{"dir_info": {"editable": true}}')
    found = origins(tmp_path / "root", site, tree)
    assert found.of_file(str(tree / "work.py")) == found.of_file(str(site / "other.py")) == OWN
    assert found.of_module("work") == found.of_module("other") == OWN
    assert found.of_file(str(site / "__editable___work_1_0_finder.py"))[0] == "package"


def test_parts_of_a_namespace_belong_to_their_distributions_and_to_the_project(tmp_path: Path) -> None:
    site, root = tmp_path / "site-packages", tmp_path / "root"
    install(site, "ns_a", ["ns/a/__init__.py"])
    install(site, "ns_b", ["ns/b.py"])
    found = origins(root, site)
    assert found.of_file(str(site / "ns" / "a" / "__init__.py")) == ("package", "ns-a")
    assert found.of_file(str(site / "ns" / "b.py")) == ("package", "ns-b")
    assert found.of_file(str(root / "ns" / "c.py")) == OWN
    namespace = ModuleType("ns")
    namespace.__path__ = [str(root / "ns")]
    assert found.of_module(namespace) == OWN


def test_folders_put_on_the_path_later_count(tmp_path: Path) -> None:
    install(tmp_path / "late", "dist", ["dist.py"])
    path = [str(tmp_path / "root")]
    found = Origins(Boundary(str(tmp_path / "root")), path)
    assert found.version("dist") == ""
    path.append(str(tmp_path / "late"))
    assert found.version("dist") == "1.0"
    assert found.of_file(str(tmp_path / "late" / "dist.py")) == ("package", "dist")


def test_in_a_real_virtual_environment_inside_the_project(tmp_path: Path) -> None:
    """The standard library stays what it is, and what is in the environment is a package."""
    venv.create(str(tmp_path / ".venv"), with_pip=False, symlinks=os.name != "nt")
    python = tmp_path / ".venv" / ("Scripts" if os.name == "nt" else "bin") / "python"
    ask = "import sysconfig; print(sysconfig.get_paths()['purelib'])"
    site = Path(subprocess.run([str(python), "-c", ask], stdout=subprocess.PIPE, check=True).stdout.decode().strip())
    install(site, "dist", ["dist.py"])
    code = ("import sys, json, os; sys.path.append(sys.argv[2])\nfrom deepwatch_flow.loading.origin import Origins\n"
            "from deepwatch_flow.model import Boundary\nimport dist\no = Origins(Boundary(sys.argv[1]))\n"
            "print(o.of_module(dist), o.of_module(json), o.of_file(os.__file__))")
    places = [os.path.dirname(os.path.dirname(os.path.abspath(deepwatch_flow.__file__))), *(p for p in sys.path if "site-packages" in p)]
    code = f"import sys; sys.path += {places!r}\n" + code
    result = subprocess.run([str(python), "-c", code, str(tmp_path), str(site)], stdout=subprocess.PIPE, check=True)
    assert result.stdout.decode().strip() == f"('package', 'dist') {STDLIB} {STDLIB}"


# -- modules and objects ------------------------------------------------------------------------------

def test_a_module_made_at_run_time_is_of_its_parent_and_else_own() -> None:
    found = Origins(Boundary("/nowhere"))
    assert found.of_module(ModuleType("json.made")) == STDLIB
    assert found.of_module(ModuleType("made_up")) == OWN
    assert found.of_module("no_such_module_anywhere") == OWN


def test_objects_are_of_their_module_their_class_or_their_code() -> None:
    found = Origins(Boundary(os.path.dirname(os.path.abspath(__file__))))

    @functools.wraps(json.dumps)
    def pretends_to_be_of_json() -> None:
        pass

    class Mine:
        def method(self) -> None:
            pass

    expected: Iterable[Any] = [
        (pretends_to_be_of_json, OWN), (Mine, OWN), (Mine(), OWN), (Mine().method, OWN), (Mine.method, OWN),
        (json, STDLIB), (json.dumps, STDLIB), (json.JSONEncoder, STDLIB), (json.JSONEncoder(), STDLIB),
        (collections.OrderedDict.popitem, STDLIB), (functools.partial(max), STDLIB),
        (len, BUILTIN), ([].append, BUILTIN), (str.join, BUILTIN), (int, BUILTIN), (3, BUILTIN), (ValueError, BUILTIN),
        (dict.fromkeys, BUILTIN), (collections.OrderedDict().keys, STDLIB),
        (pytest.raises, ("package", "pytest")), (sys.getsizeof, STDLIB), (SimpleNamespace(), STDLIB),
    ]
    told = [(value, found.of_object(value)) for value, _ in expected]
    assert [(repr(v), o) for v, o in told] == [(repr(v), o) for v, o in expected]


def test_code_made_by_exec_is_of_the_module_whose_globals_it_has() -> None:
    names: dict = {"__name__": "json"}
    exec("def f(): pass", names)
    assert Origins(Boundary("/nowhere")).of_object(names["f"]) == STDLIB
    exec("def f(): pass", {"__name__": "made_up"}, names)
    assert Origins(Boundary("/nowhere")).of_object(names["f"]) == OWN


def test_an_object_that_refuses_every_question_is_judged_by_its_class() -> None:
    class Proxy:
        def __getattribute__(self, name: str) -> object:
            raise RuntimeError("working outside of a context")

    assert Origins(Boundary("/nowhere")).of_object(Proxy()) == OWN


def test_a_name_of_the_standard_library_below_the_root_is_own(tmp_path: Path) -> None:
    (tmp_path / "turtle.py").write_text("")
    assert origins(tmp_path).of_module("turtle") == OWN
    assert origins(tmp_path).of_file(str(tmp_path / "turtle.py")) == OWN
