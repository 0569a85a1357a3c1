"""Own code that is observed by its marks, and when it no longer is."""
from __future__ import annotations

import gc
import os
import subprocess
import sys
import textwrap
import threading
import types
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, Set

import pytest

from deepwatch_flow.loading.importing import ImportWorld
from deepwatch_flow.loading.origin import Origins
from deepwatch_flow.loading.snapshot import Snapshot
from deepwatch_flow.model import Boundary
from deepwatch_flow.observation.code import Profiling
from deepwatch_flow.observation.marks import Marks
from deepwatch_flow.observation.noting import ELSEWHERE, Noting
from deepwatch_flow.observation.recorder import Recorder, Wants
from deepwatch_flow.observation.seen import Seen


class Project:
    """A folder whose modules are imported with marks, and observed."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.origins = Origins(Boundary(str(root)))
        self.marks = Marks()
        self.world = ImportWorld(Snapshot(self.marks.prepare), self.origins, str(root))
        self.spool = root.parent / "spool"
        self.spool.mkdir()
        self.recorder = Recorder(self.origins, Wants(), str(self.spool), self.marks)

    def load(self, text: str, name: str = "own") -> Any:
        (self.root / f"{name}.py").write_text(textwrap.dedent(text), encoding="utf-8")
        return self.world.load(f"{name}.py")

    def seen(self, function: Callable[[], Any]) -> Seen:
        with self.recorder.observing() as seen:
            function()
        return seen()

    @property
    def is_by_marks(self) -> bool:
        assert self.recorder.noting is not None
        return self.recorder.noting.is_enough()


def names(seen: Seen) -> Set[str]:
    """The names of the own code that ran; that of the tests is own, too, and left out here."""
    return {name for file, _, name in seen.codes if os.path.dirname(file) != os.path.dirname(os.path.abspath(__file__))}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    # what runs the tests is no own code of the project's
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    # nor are threads that another test of this process has left, which wait for ever
    left, count = threading.active_count() - 1, threading.active_count
    monkeypatch.setattr(threading, "active_count", lambda: count() - left)
    made = Project(tmp_path / "project")
    with made.world, made.recorder:
        yield made


OWN = """
    def used(): return helper()
    def helper(): return (lambda: 1)()
    def other(): pass
    class C:
        def method(self): return used()
    def numbers():
        yield 1
        yield 2
    def later():
        import part
        return part.f()
"""


def test_what_ran_is_seen_without_a_profile_function(project: Project) -> None:
    own = project.load(OWN)
    profile: Any = []
    seen = project.seen(lambda: (own.used(), profile.append(sys.getprofile())))
    assert names(seen) == {"used", "helper", "<lambda>"}
    assert seen.gaps == ()
    assert (profile, project.is_by_marks) == ([None], True)
    assert names(project.seen(own.C().method)) == {"method", "used", "helper", "<lambda>"}
    assert names(project.seen(lambda: None)) == set()


def test_what_a_step_imports(project: Project) -> None:
    own = project.load(OWN)
    (project.root / "part.py").write_text("def f(): return 1\n")
    seen = project.seen(own.later)
    assert names(seen) == {"later", "f", "<module>"}
    assert {name for name, _ in seen.modules} == {"part"}
    assert project.is_by_marks


def test_packages_that_a_step_imports(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("packaging.version")
    for name in [name for name in sys.modules if name.partition(".")[0] == "packaging"]:
        monkeypatch.delitem(sys.modules, name)
    own = project.load("def f():\n    import packaging.version\n")
    assert project.seen(own.f).distributions == {"packaging"}


def test_nested_observations_and_failures(project: Project) -> None:
    own = project.load("def a(): pass\ndef b(): pass\ndef c(): raise KeyError\n")
    with project.recorder.observing() as outer:
        own.a()
        inner = project.seen(own.b)
        with pytest.raises(KeyError):
            own.c()
    assert (names(inner), names(outer())) == ({"b"}, {"a", "b", "c"})


def test_generators_that_were_begun_before(project: Project) -> None:
    own = project.load(OWN)
    begun = own.numbers()
    project.seen(lambda: next(begun))
    assert names(project.seen(lambda: next(begun))) == {"numbers"}
    begun.close()
    assert names(project.seen(lambda: None)) == set()
    unbegun = own.numbers()
    project.seen(lambda: None)
    assert names(project.seen(lambda: next(unbegun))) == {"numbers"}


def test_generators_that_were_begun_before_and_that_the_collector_is_spared(project: Project) -> None:
    own = project.load(OWN)
    begun = own.numbers()
    next(begun)
    gc.freeze()         # as a run and its workers do once all is loaded
    try:
        assert names(project.seen(lambda: next(begun))) == {"numbers"}
        assert gc.get_freeze_count()
    finally:
        gc.unfreeze()


def test_all_threads_are_seen(project: Project) -> None:
    own = project.load("""
        def work(go, ready, stop):
            go.wait(30)
            inside()
            ready.set()
            stop.wait(30)
        def inside(): pass
        """)
    go, ready, stop = threading.Event(), threading.Event(), threading.Event()
    thread = threading.Thread(target=own.work, args=(go, ready, stop))
    thread.start()
    assert names(project.seen(lambda: (go.set(), ready.wait(30)))) == {"work", "inside"}
    assert names(project.seen(lambda: None)) == {"work"}
    stop.set()
    thread.join()


# -- own code without marks -------------------------------------------------------------------------------

STRANGE: Dict[str, Callable[[str], Any]] = {
    "exec": lambda path: exec(compile(Path(path).read_text(), path, "exec"), {}),
    "runpy": lambda path: __import__("runpy").run_path(path),
    "a function made of code": lambda path: types.FunctionType(
        next(each for each in compile(Path(path).read_text(), path, "exec").co_consts if isinstance(each, types.CodeType)), {"g": int})(),
    "another loader": lambda path: __import__("importlib.machinery").machinery.SourceFileLoader("strange", path).load_module(),
}


@pytest.mark.filterwarnings("ignore:.*load_module.*")
@pytest.mark.parametrize("way", list(STRANGE))
def test_own_code_that_is_loaded_otherwise_is_seen_by_a_profile_function(project: Project, way: str) -> None:
    own = project.load(OWN)
    path = project.root / "strange.py"
    path.write_text("def f(): return g()\ndef g(): return 1\nf()\n")
    seen = project.seen(lambda: (own.used(), STRANGE[way](str(path)), own.C()))
    assert {"used", "helper", "<lambda>", "f"} <= names(seen)
    assert ("g" in names(seen)) == (way != "a function made of code")
    assert seen.gaps == ()
    assert sys.getprofile() is None
    assert not project.is_by_marks
    assert names(project.seen(own.used)) == {"used", "helper", "<lambda>"}
    sys.modules.pop("strange", None)


def test_a_function_of_a_pickle(project: Project) -> None:
    cloudpickle = pytest.importorskip("cloudpickle")
    own = project.load("def make(n):\n    def inner(): return n\n    return inner\n")
    made = cloudpickle.loads(cloudpickle.dumps(own.make(1)))
    is_named = made.__code__.co_filename == own.__file__    # newer versions leave the file out
    assert project.is_by_marks != is_named
    assert names(project.seen(made)) == ({"inner"} if is_named else set())


def test_code_that_is_exchanged(project: Project) -> None:
    own = project.load(OWN)
    own.used.__code__ = own.used.__code__.replace(co_consts=(5,) + own.used.__code__.co_consts)
    assert project.is_by_marks      # the mark is in there still
    own.used.__code__ = compile("def used(): pass", own.__file__, "exec").co_consts[0]
    assert not project.is_by_marks
    assert names(project.seen(own.used)) == {"used"}


def test_own_modules_that_were_there_before(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("before")
    module.__file__ = str(project.root / "before.py")
    monkeypatch.setitem(sys.modules, "before", module)
    assert not project.is_by_marks


@pytest.mark.parametrize(("names", "by_marks"), [
    ({"__file__": "run.py"}, False), ({"__file__": "run"}, True), ({"__file__": "run", "f": lambda: 1}, False),
    ({"f": lambda: 1}, True), ({"f": lambda: 1, "get_ipython": None}, False),
])
def test_the_program_itself_may_be_own_code(project: Project, monkeypatch: pytest.MonkeyPatch, names: Any, by_marks: bool) -> None:
    main = types.ModuleType("__main__")
    vars(main).update(names)
    if "__file__" in names:
        main.__file__ = os.path.join(str(project.root), names["__file__"])
    if "f" in names:
        names["f"].__module__ = "__main__"
    monkeypatch.setitem(sys.modules, "__main__", main)
    assert project.is_by_marks == by_marks


@pytest.mark.parametrize("text", ["from numba import njit\n", "from accelerated import jit\n", "import torch.nn as nn\n", "def f():\n    import numba\n"])
def test_modules_with_functions_that_others_compile_have_no_marks(text: str) -> None:
    marks = Marks()
    before = compile("x = 1", "before.py", "exec")
    code = compile(text, "own.py", "exec")
    assert marks.covers(marks.prepare(before))
    assert marks.prepare(code) is code
    assert marks.prepare(before) is before


def test_code_loaded_in_another_thread_is_a_gap(project: Project) -> None:
    path = project.root / "strange.py"
    path.write_text("def f(): return 1\n")

    def step() -> None:
        thread = threading.Thread(target=STRANGE["exec"], args=(str(path),))
        thread.start()
        thread.join()

    assert project.seen(step).gaps == (ELSEWHERE,)


# -- child processes ----------------------------------------------------------------------------------------

@pytest.mark.skipif(not hasattr(os, "fork") or sys.version_info >= (3, 12), reason="needs fork, and is not needed")
def test_forked_children_are_seen_however_they_end(project: Project) -> None:
    own = project.load("""
        import os, signal
        def step():
            for how in (lambda: os._exit(0), lambda: os.kill(os.getpid(), signal.SIGKILL)):
                child = os.fork()
                if child == 0:
                    inside()
                    how()
                os.waitpid(child, 0)
            after()
        def inside(): pass
        def after(): pass
        """)
    seen = project.seen(own.step)
    assert {"step", "inside", "after"} <= names(seen)
    assert seen.gaps == ()
    assert project.is_by_marks


@pytest.mark.skipif(sys.platform == "win32", reason="children are observed on POSIX")
def test_spawned_children_are_seen_by_a_profile_function_of_their_own(tmp_path: Path) -> None:
    """In a program of its own: a spawned child imports the program that started it."""
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "own.py").write_text(textwrap.dedent("""
        import multiprocessing
        def step():
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                return pool.map(inside, [1])
        def inside(n):
            return n
        """))
    program = textwrap.dedent("""
        import sys
        sys.path.insert(0, sys.argv[2])
        from test_observation_noting import Project, names
        from pathlib import Path
        project = Project(Path(sys.argv[1]) / "project")
        with project.world, project.recorder:
            own = project.world.load("own.py")
            seen = project.seen(own.step)
            assert project.is_by_marks
            assert {"step", "inside"} <= names(seen), seen
            assert seen.gaps == (), seen.gaps
        """)
    here = os.path.dirname(os.path.abspath(__file__))
    subprocess.run([sys.executable, "-W", "ignore", "-c", program, str(tmp_path), here], check=True, cwd=str(tmp_path / "project"), timeout=60,
                   env={**os.environ, "PYTHONPATH": os.path.dirname(os.path.dirname(here))})


def test_a_closed_recorder_looks_at_nothing(project: Project) -> None:
    noting = Noting(project.marks, project.origins)
    noting.close()
    noting.close()
    exec(compile("x = 1", str(project.root / "strange.py"), "exec"), {})
    assert noting.is_enough()


def test_noting_is_what_a_profile_function_sees(project: Project) -> None:
    own = project.load(OWN)
    by_profile: Set[str] = set()
    profiling = Profiling()
    profiling.start(lambda code: by_profile.add(code.co_name) if code.co_filename == own.__file__ else None)
    own.C().method()
    list(own.numbers())
    profiling.stop()
    assert names(project.seen(lambda: (own.C().method(), list(own.numbers())))) == by_profile
