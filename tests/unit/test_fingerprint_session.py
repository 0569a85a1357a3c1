"""Fingerprints of one session: packages, the environment, what can't be seen, what is shared."""
from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import Any, Dict, Iterator, List

import pytest
from laboratory import Laboratory, Session

from deepwatch_flow.analysis import facts, nodes
from deepwatch_flow.analysis.fingerprint import Analysis
from deepwatch_flow.loading.origin import Origins
from deepwatch_flow.loading.snapshot import Snapshot
from deepwatch_flow.model import Boundary


@pytest.fixture
def lab(tmp_path: Path) -> Laboratory:
    return Laboratory(tmp_path / "lab")


# -- packages -----------------------------------------------------------------------------------------

class Site:
    """A folder with an installed distribution."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def install(self, version: str, text: str = "def use(x): return x\nTABLE = [1]\nclass Base: pass\n") -> None:
        for old in self.folder.glob("dist_x-*"):
            for file in old.iterdir():
                file.unlink()
            old.rmdir()
        info = self.folder / f"dist_x-{version}.dist-info"
        info.mkdir(parents=True)
        (self.folder / "xlib.py").write_text(text)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: dist-x\nVersion: {version}\n")
        (info / "top_level.txt").write_text("xlib\n")
        (info / "RECORD").write_text("xlib.py,,\n")
        sys.modules.pop("xlib", None)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    folder = tmp_path / "lib" / "site-packages"
    folder.mkdir(parents=True)
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield Site(folder)
    sys.modules.pop("xlib", None)


USES = {
    "a function": "import xlib\ndef f(x): return xlib.use(x)",
    "a name": "from xlib import use\ndef f(x): return use(x)",
    "data": "from xlib import TABLE\ndef f(x): return TABLE",
    "a base class": "import xlib\nclass C(xlib.Base): pass\ndef f(x): return C()",
    "inside": "def f(x):\n    import xlib\n    return xlib.use(x)",
    "a decorator": "import xlib\n@xlib.use\ndef f(x): return x",
    "a helper": "from low import g\ndef f(x): return g(x)",
    "an instance": "import xlib\nB = xlib.Base()\ndef f(x): return B",
}


def version_counts(lab: Laboratory, site: Site, main: str, old: str, new: str, **policy: Any) -> bool:
    files = {"main": main, "low": "import xlib\ndef g(x): return xlib.use(x)"}
    site.install(old)
    before = lab.digest(files, **policy)
    site.install(new)
    return before != lab.digest(files, **policy)


@pytest.mark.parametrize("main", USES.values(), ids=list(USES))
def test_a_package_that_is_used_counts_by_its_version(lab: Laboratory, site: Site, main: str) -> None:
    assert version_counts(lab, site, main, "1.0", "1.1")
    assert not version_counts(lab, site, main, "1.0", "1.0")


def test_a_package_that_is_only_imported_does_not_count(lab: Laboratory, site: Site) -> None:
    assert not version_counts(lab, site, "import xlib\ndef f(x): return x", "1.0", "2.0")


def test_a_packages_own_code_is_not_followed(lab: Laboratory, site: Site) -> None:
    files = {"main": USES["a function"]}
    site.install("1.0")
    before = lab.digest(files)
    site.install("1.0", "def use(x): return [x]\n")
    assert lab.digest(files) == before


@pytest.mark.parametrize(("old", "new", "policy", "counts"), [
    ("1.0.0", "1.0.1", {"packages": "minor"}, False), ("1.0.0", "1.1.0", {"packages": "minor"}, True),
    ("1.0.0", "2.0.0", {"packages": "ignore"}, False), ("1.0.0", "1.0.1", {"packages": "exact"}, True),
    ("1.0.0", "1.0.1", {"overrides": {"dist-x": "minor"}}, False), ("1.0", "2.0", {"overrides": {"dist-x": "ignore"}}, False),
    ("1.0.0", "1.0.1", {"packages": "ignore", "overrides": {"dist-x": "exact"}}, True),
])
def test_the_policy_says_how_much_of_a_version_counts(lab: Laboratory, site: Site, old: str, new: str, policy: Dict[str, Any],
                                                       counts: bool) -> None:
    assert version_counts(lab, site, USES["a function"], old, new, **policy) is counts


def test_a_fingerprint_lists_its_packages_with_their_versions(lab: Laboratory, site: Site) -> None:
    site.install("1.2.3")
    assert lab.fingerprint({"main": USES["a function"]}).packages == (("dist-x", "1.2.3"),)
    assert lab.fingerprint({"main": USES["a function"]}, packages="minor").packages == (("dist-x", "1.2"),)
    assert lab.fingerprint({"main": "def f(x): return x"}).packages == ()


def test_a_foreign_decorator_may_read_docstrings_and_annotations(lab: Laboratory, site: Site) -> None:
    site.install("1.0")
    assert lab.differs({"main": "import xlib\n@xlib.use\ndef f(x):\n    'one'\n    return x"}, "'one'", "'two'")
    assert lab.differs({"main": "import xlib\n@xlib.use\ndef f(x: int): return x"}, ": int", ": str")
    assert lab.differs({"main": "import xlib\nclass C(xlib.Base):\n    'one'\ndef f(): return C()"}, "'one'", "'two'")


# -- what surrounds the code -----------------------------------------------------------------------------

@pytest.mark.parametrize("read", [
    "os.environ['DW_X']", "os.environ.get('DW_X')", "os.getenv('DW_X')", "os.environ.get('DW_X', 'no')", "os.environ[NAME]",
    "os.environ['DW_' + 'X']", "os.environ[f'DW_{LAST}']",
])
def test_an_environment_variable_that_is_read_counts(lab: Laboratory, monkeypatch: pytest.MonkeyPatch, read: str) -> None:
    files = {"main": f"import os\nNAME, LAST = 'DW_X', 'X'\ndef f(): return {read}"}
    seen = []
    for value in ("1", "2"):
        monkeypatch.setenv("DW_X", value)
        seen.append(lab.digest(files))
    monkeypatch.delenv("DW_X")
    seen.append(lab.digest(files))
    assert len(set(seen)) == 3
    monkeypatch.setenv("DW_OTHER", "1")
    assert lab.digest(files) == seen[-1]


def test_an_environment_variable_of_an_unknown_name_is_untracked(lab: Laboratory) -> None:
    found = lab.fingerprint({"main": "import os\ndef f(name): return os.environ[name]"}).untracked
    assert [(each.file, each.line) for each in found] == [("main.py", 2)]


def test_a_value_computed_at_import_time_counts_by_what_came_out(lab: Laboratory, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {"main": "import os\nMODE = os.environ.get('DW_X', 'slow')\ndef f(): return MODE"}
    before = lab.digest(files)
    monkeypatch.setenv("DW_X", "fast")
    assert lab.digest(files) != before


def test_a_function_of_the_standard_library_that_own_code_replaced_counts(lab: Laboratory) -> None:
    files = {"main": "import math\ndef floor(x): return 1\nmath.floor = floor\ndef f(x): return math.floor(x)"}
    original = math.floor
    try:
        assert lab.differs(files, "return 1", "return 2")
    finally:
        math.floor = original


@pytest.mark.parametrize("place", ["ROOT = Path(__file__).parent", "ROOT = str(Path(__file__).parent / 'data')",
                                   "ROOT = {'a': [Path(__file__).resolve()]}", "ROOT = __file__",
                                   "class ROOT:\n    at = Path(__file__).parent"])
def test_a_path_below_the_root_is_the_same_in_another_checkout(lab: Laboratory, place: str) -> None:
    files = {"main": f"from pathlib import Path\n{place}\ndef f(x, y=Path(__file__)): return ROOT"}
    assert lab.digest(files) == lab.digest(files)


def test_a_file_that_was_edited_after_it_was_imported_is_not_believed(lab: Laboratory) -> None:
    root = lab.write({"main": "def f(x):\n    return x + 1\n"})
    with Session(root) as session:
        before = session.fingerprint()
        (root / "main.py").write_text("def f(x):\n    return x + 2\n")
        assert session.fingerprint().digest == before.digest      # the snapshot is what runs
        boundary = Boundary(str(root))
        found = Analysis(boundary, Origins(boundary), Snapshot()).fingerprint(session.main.f)
    assert found.digest != before.digest
    assert ["edited after it was imported" in each.why for each in found.untracked] == [True]


# -- what can't be seen -----------------------------------------------------------------------------------

def test_what_can_t_be_digested_counts_by_the_statement_that_defines_it_and_is_listed(lab: Laboratory) -> None:
    files = {"main": "G = (i for i in range(3))\ndef f(): return next(G)"}
    found = lab.fingerprint(files)
    assert found.uncacheable is None
    assert [(each.name, each.file, each.line) for each in found.untracked] == [("main.G", "main.py", 1)]
    assert lab.differs(files, "range(3)", "range(4)")


def test_a_statement_that_stands_for_a_value_is_followed(lab: Laboratory) -> None:
    assert lab.differs({"main": "def n(): return 3\nG = iter(str(n()))\ndef f(): return next(G)"}, "return 3", "return 4")


@pytest.mark.parametrize("main", [
    "def make(h):\n    def f(): return h\n    return f\nf = make(open(0, closefd=False))",
    "def make():\n    h = [iter('a')]\n    return lambda: h\nf = make()",
    "import functools\nf = functools.partial(print, open(0, closefd=False))",
], ids=["a file in a closure", "an iterator in a list in a closure", "a file in a partial"])
def test_a_value_that_nothing_stands_for_makes_the_function_uncacheable(lab: Laboratory, main: str) -> None:
    found = lab.fingerprint({"main": main})
    assert found.uncacheable is not None
    assert "can't be digested" in found.uncacheable


def test_an_uncacheable_helper_makes_its_users_uncacheable_and_nobody_else(lab: Laboratory) -> None:
    root = lab.write({"main": "def make(h): return lambda: h\ng = make(iter('a'))\ndef f(): return g()\ndef other(): return 1\n"})
    with Session(root) as session:
        assert session.fingerprint("f").uncacheable is not None
        assert session.fingerprint("other").uncacheable is None


def test_a_lock_or_a_logger_is_no_data(lab: Laboratory) -> None:
    found = lab.fingerprint({"main": "import threading, logging\nL, M = threading.Lock(), logging.getLogger('x')\n"
                                     "def f():\n    with L: M.info('x')"})
    assert (found.untracked, found.uncacheable) == ((), None)


@pytest.mark.parametrize("space", ["{}", "{'__name__': __name__}"])
def test_code_without_source_counts_by_bytecode_and_says_so(lab: Laboratory, space: str) -> None:
    files = {"main": f"def made(text):\n    space = {space}\n    exec(text, space)\n    return space['g']\n"
                     "g = made('def g(x): return 1')\ndef f(x): return g(x)\n"}
    assert lab.differs(files, "return 1", "return 2")
    assert ["has no source" in each.why for each in lab.fingerprint(files).untracked] == [True]


def test_an_import_that_fails_is_untracked_and_counts_as_unbound(lab: Laboratory) -> None:
    found = lab.fingerprint({"main": "def f():\n    from no_such_module_dw import x\n    return x"})
    assert found.uncacheable is None
    assert ["ModuleNotFoundError" in each.why for each in found.untracked] == [True]


def test_a_clean_function_has_nothing_untracked(lab: Laboratory) -> None:
    found = lab.fingerprint({"main": "import json, os.path\nT = {'a': 1}\ndef g(x): return json.dumps(x)\ndef f(x): return g(T[x])"})
    assert (found.untracked, found.uncacheable) == ((), None)


# -- one session --------------------------------------------------------------------------------------------

def test_functions_over_one_helper_share_its_work(lab: Laboratory, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: List[str] = []
    own = nodes.Node.own

    def counted(self: nodes.Node, variant: int) -> Any:
        asked.append(self.name)
        return own(self, variant)

    monkeypatch.setattr(nodes.Node, "own", counted)
    steps = "".join(f"def f{i}(x): return helper(x, {i})\n" for i in range(50))
    with Session(lab.write({"main": "def helper(x, n): return low(x)\ndef low(x): return x\n" + steps})) as session:
        assert len({session.fingerprint(f"f{i}").digest for i in range(50)}) == 50
    assert asked.count("main.helper") == asked.count("main.low") == 1


def test_a_function_that_is_asked_about_again_adds_nothing(lab: Laboratory) -> None:
    with Session(lab.write({"main": "def g(x): return x\ndef f(x, n=1): return g(x)\n"})) as session:
        first = [session.analysis.fingerprint(session.main.f, params_apart=apart) for apart in (False, True)]
        nodes_before = len(session.analysis.graph.nodes)
        again = [session.analysis.fingerprint(session.main.f, params_apart=apart) for apart in (False, True)]
        assert again == first
        assert first[0].digest != first[1].digest
        assert len(session.analysis.graph.nodes) == nodes_before


def test_a_file_is_parsed_once_and_not_at_all_where_its_facts_are_known(lab: Laboratory, monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: List[object] = []
    facts_of = facts.facts_of
    monkeypatch.setattr(facts, "facts_of", lambda tree: parsed.append(tree) or facts_of(tree))
    root = lab.write({"main": "from low import g\ndef f(x): return g(x)\ndef h(x): return g(x)", "low": "def g(x): return x"})
    kept: Dict[Any, bytes] = {}
    found = []
    for _ in range(2):
        with Session(root) as session:
            session.analysis.sources.kept = kept
            found.append((session.fingerprint("f"), session.fingerprint("h")))
            assert session.analysis.sources.dumped() == kept
        assert len(parsed) == 2
    assert found[0] == found[1]


def test_the_units_of_a_function_are_listed_once_with_file_and_line(lab: Laboratory) -> None:
    root = lab.write({"main": "import low\nLIMIT = 1\ndef f(x): return low.g(x) + low.g(LIMIT)", "low": "\n\ndef g(x): return x"})
    with Session(root) as session:
        units = {unit.name: unit for unit in session.analysis.units([session.fingerprint().root]) if unit.kind != "step"}
        assert {name: (unit.kind, unit.file, unit.line) for name, unit in units.items()} == {
            "main.f": ("function", "main.py", 3), "low.g": ("function", "low.py", 1), "main.LIMIT": ("data", "main.py", 2)}
        assert session.analysis.text(units["low.g"]) == "def g(x): return x\n"
        assert {text for text, _ in units["main.f"].links} == {"low.g", "LIMIT"}


def test_a_params_value_may_hold_code(lab: Laboratory) -> None:
    digests = []
    for body in ("1", "2"):
        with Session(lab.write({"main": f"def g(): return {body}\n"})) as session:
            digests.append(session.analysis.value({"a": session.main.g}, "p")[0])
            digests.append(session.analysis.value(7, "p")[0])
    assert digests[0] != digests[2]
    assert digests[1] == digests[3]


def test_a_param_that_can_t_be_digested_says_why(lab: Laboratory) -> None:
    with Session(lab.write({"main": ""})) as session:
        why = session.analysis.value([iter("a")], "p")[1]
    assert why is not None
    assert "`p`" in why


def test_defaults_of_a_steps_own_parameters_don_t_count_where_its_params_count_apart(lab: Laboratory) -> None:
    digests = {}
    for default in ("1", "2"):
        with Session(lab.write({"main": f"def f(x={default}): return x\n"})) as session:
            for apart in (True, False):
                digests[default, apart] = session.analysis.fingerprint(session.main.f, params_apart=apart).digest
    assert digests["1", True] == digests["2", True]
    assert digests["1", False] != digests["2", False]


def test_the_interpreters_facts_count_where_they_are_read(lab: Laboratory, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {"main": "import sys\ndef f(): return sys.platform\ndef g(): return sys.argv"}
    before = [lab.digest(files, name) for name in "fg"]
    monkeypatch.setattr(sys, "platform", "elsewhere")
    assert [lab.digest(files, name) == digest for name, digest in zip("fg", before)] == [False, True]


def test_deep_chains_of_helpers_and_data_are_no_deep_recursion(lab: Laboratory) -> None:
    helpers = "".join(f"def h{i}(x): return h{i + 1}(x)\n" for i in range(3000)) + "def h3000(x): return x\n"
    data = "D = []\nfor _ in range(5000): D = [D]\n"
    assert lab.differs({"main": helpers + data + "def f(x): return h0(x), D"}, "def h3000(x): return x", "def h3000(x): return 1")
