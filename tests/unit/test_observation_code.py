"""Which own code ran, and which packages."""
from __future__ import annotations

import cProfile
import os
import sys
import threading
from pathlib import Path
from typing import Any, Iterator

import pytest
from observed import Place, names

from deepwatch_flow.observation.recorder import Wants

BEFORE_312 = not hasattr(sys, "monitoring")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: Any) -> Iterator[Place]:
    monkeypatch.chdir(tmp_path)
    made = Place(tmp_path)
    with made.recorder:
        yield made


def test_what_ran_and_not_what_did_not(place: Place) -> None:
    own = place.code("""
        def used():
            return helper()

        def helper():
            return 1

        def other():
            return 2
        """)
    seen = place.seen(own["used"])
    assert seen.codes == {(place.path("own.py"), 2, "used"), (place.path("own.py"), 5, "helper")}


def test_all_kinds_of_code(place: Place) -> None:
    own = place.code("""
        import functools

        def everything():
            class Local:
                value = 1
                def method(self):
                    return (lambda: self.value)()
                @property
                def prop(self):
                    return 1
            def closure():
                return Local().prop
            def generator():
                yield closure()
            return Local().method(), list(generator()), functools.reduce(combine, [1, 2, 3])

        def combine(a, b):
            return a + b
        """)
    assert names(place.seen(own["everything"])) == {
        "everything", "Local", "method", "<lambda>", "prop", "closure", "generator", "combine"}


def test_the_body_of_a_module(place: Place) -> None:
    place.write("body.py", "def later():\n    pass\n")
    path = place.path("body.py")
    seen = place.seen(lambda: exec(compile(Path(path).read_text(), path, "exec"), {}))
    assert (path, 1, "<module>") in seen.codes


def test_recursion_and_exceptions(place: Place) -> None:
    own = place.code("""
        def down(n):
            if n == 0:
                return bottom()
            return down(n - 1)

        def bottom():
            raise ValueError

        def caught():
            try:
                down(50)
            except ValueError:
                return handler()

        def handler():
            return 1
        """)
    assert names(place.seen(own["caught"])) == {"down", "bottom", "caught", "handler"}


def test_each_observation_sees_all_of_its_own_code(place: Place) -> None:
    own = place.code("""
        def first():
            return shared()

        def second():
            return shared()

        def shared():
            return 1
        """)
    for _ in range(3):
        assert names(place.seen(own["first"])) == {"first", "shared"}
        assert names(place.seen(own["second"])) == {"second", "shared"}


def test_nothing_is_seen_outside_of_an_observation(place: Place) -> None:
    own = place.code("def before(): pass\ndef inside(): pass\n")
    place.seen(own["inside"])
    own["before"]()
    assert names(place.seen(own["inside"])) == {"inside"}


def test_a_generator_that_was_begun_before(place: Place) -> None:
    own = place.code("""
        def numbers():
            yield 1
            yield 2
        """)
    begun = own["numbers"]()
    next(begun)
    assert names(place.seen(lambda: next(begun))) == {"numbers"}


def test_a_coroutine(place: Place) -> None:
    own = place.code("""
        import asyncio

        async def outer():
            await asyncio.sleep(0)
            return await inner()

        async def inner():
            return 1

        def run():
            return asyncio.run(outer())
        """)
    assert names(place.seen(own["run"])) == {"run", "outer", "inner"}


def test_threads_that_start_meanwhile(place: Place) -> None:
    own = place.code("""
        import threading

        def run():
            for number in range(5):
                thread = threading.Thread(target=target)
                thread.start()
                thread.join()

        def target():
            helper()

        def helper():
            pass
        """)
    for _ in range(3):
        assert names(place.seen(own["run"])) == {"run", "target", "helper"}
        assert place.seen(lambda: None).gaps == ()


def test_a_thread_that_goes_on_after_the_observation(place: Place) -> None:
    go, ready = threading.Event(), threading.Event()
    own = place.code("""
        def work(go, ready):
            first()
            ready.set()
            go.wait(30)
            second()

        def first():
            pass

        def second():
            pass
        """)
    thread = threading.Thread(target=own["work"], args=(go, ready))

    def starts() -> None:
        thread.start()
        assert ready.wait(30)

    def goes_on() -> None:
        go.set()
        thread.join()

    assert names(place.seen(starts)) == {"work", "first"}
    assert "second" in names(place.seen(goes_on))


def test_packages_of_which_code_ran(place: Place) -> None:
    packaging = pytest.importorskip("packaging.version")
    assert place.seen(lambda: packaging.Version("1.0")).distributions == {"packaging"}
    assert place.seen(lambda: None).distributions == frozenset()


def test_code_without_a_file_does_not_count(place: Place) -> None:
    assert names(place.seen(lambda: exec("def f(): pass\nf()", {}))) == set()


def test_nested_observations(place: Place) -> None:
    own = place.code("def a(): pass\ndef b(): pass\ndef c(): pass\n")
    with place.recorder.observing() as outer:
        own["a"]()
        inner = place.seen(own["b"])
        own["c"]()
    assert names(inner) == {"b"}
    assert names(outer()) == {"a", "b", "c"}


def test_an_exception_ends_the_observation(place: Place) -> None:
    own = place.code("def bad(): raise KeyError\ndef later(): pass\n")
    with pytest.raises(KeyError):
        place.seen(own["bad"])
    own["later"]()
    assert names(place.seen(lambda: None)) == set()
    assert sys.getprofile() is None


def test_what_is_not_wanted_is_not_seen(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    made = Place(tmp_path, Wants(code=False, files=False, env=False))
    own = made.code("def f():\n    import os\n    os.environ.get('A'); os.path.exists('x'); open('own.py').close()\n")
    with made.recorder:
        assert made.seen(own["f"]) == made.seen(lambda: None)


# -- others who watch -------------------------------------------------------------------------------------

def test_a_profile_function_of_the_user_goes_on(place: Place) -> None:
    own = place.code("def f(): pass\n")
    called = []

    def profile(frame: Any, event: str, arg: Any) -> None:
        if event == "call":
            called.append(frame.f_code.co_name)

    sys.setprofile(profile)
    try:
        seen = place.seen(own["f"])
        assert sys.getprofile() is profile
    finally:
        sys.setprofile(None)
    assert names(seen) == {"f"}
    assert "f" in called


def test_cprofile_around_an_observation(place: Place) -> None:
    own = place.code("def f(): pass\n")
    profile = cProfile.Profile()
    profile.enable()
    try:
        seen = place.seen(own["f"])
    finally:
        profile.disable()
    profile.create_stats()
    assert any(name == "f" for _, _, name in profile.stats)     # type: ignore[attr-defined]
    assert names(seen) == {"f"} or seen.gaps


def test_a_profiler_inside_of_an_observation_is_a_gap_or_none_the_worse(place: Place) -> None:
    own = place.code("def f(): pass\ndef g(): pass\n")

    def step() -> None:
        profile = cProfile.Profile()
        profile.enable()
        own["f"]()
        profile.disable()
        own["g"]()

    seen = place.seen(step)
    assert names(seen) == {"f", "g"} or seen.gaps
    assert sys.getprofile() is None
    assert place.seen(own["g"]).gaps == ()


def test_a_debugger(place: Place) -> None:
    own = place.code("def f():\n    return 1\n")
    lines = []
    before = sys.gettrace()

    def trace(frame: Any, event: str, arg: Any) -> Any:
        if frame.f_code.co_name == "f":
            lines.append(event)
        return trace

    sys.settrace(trace)
    try:
        seen = place.seen(own["f"])
        assert sys.gettrace() is trace
    finally:
        sys.settrace(before)
    assert names(seen) == {"f"}
    assert lines == ["call", "line", "return"]


@pytest.mark.skipif(BEFORE_312, reason="there is no sys.monitoring")
def test_another_tool_of_sys_monitoring_sees_what_it_would(place: Place) -> None:
    monitoring: Any = sys.monitoring       # type: ignore[attr-defined,unused-ignore]
    own = place.code("def f():\n    return 1\n")
    tool = next(each for each in (1, 0, 5) if monitoring.get_tool(each) is None)
    lines = []

    def line(code: Any, number: int) -> Any:
        if code.co_name == "f":
            lines.append(number)
        return monitoring.DISABLE

    monitoring.use_tool_id(tool, "lines")
    try:
        monitoring.register_callback(tool, monitoring.events.LINE, line)
        monitoring.set_events(tool, monitoring.events.LINE)
        assert names(place.seen(own["f"])) == {"f"}
        assert set(lines) == {2}
        assert monitoring.get_events(tool) == monitoring.events.LINE
    finally:
        monitoring.set_events(tool, 0)
        monitoring.register_callback(tool, monitoring.events.LINE, None)
        monitoring.free_tool_id(tool)


@pytest.mark.skipif(BEFORE_312, reason="there is no sys.monitoring")
def test_where_all_tools_are_taken(tmp_path: Path, monkeypatch: Any) -> None:
    monitoring: Any = sys.monitoring       # type: ignore[attr-defined,unused-ignore]
    taken = [tool for tool in range(6) if monitoring.get_tool(tool) is None]
    for tool in taken:
        monitoring.use_tool_id(tool, "taken")
    try:
        made = Place(tmp_path)
        own = made.code("def f(): pass\n")
        with made.recorder:
            seen = made.seen(own["f"])
    finally:
        for tool in taken:
            monitoring.free_tool_id(tool)
    assert names(seen) == {"f"}
    assert len(seen.gaps) == 1


def test_callbacks_are_called_once_for_each_code(place: Place, monkeypatch: Any) -> None:
    """What is noted does not grow with the number of calls."""
    from deepwatch_flow.observation.findings import Findings

    own = place.code("def f(): pass\ndef many():\n    for _ in range(10_000): f()\n")
    noted = []
    monkeypatch.setattr(Findings, "code", lambda self, code: noted.append(code.co_name))
    place.seen(own["many"])
    assert noted.count("f") == 1


def test_modules_imported_meanwhile(place: Place, monkeypatch: Any) -> None:
    monkeypatch.syspath_prepend(str(place.root))
    place.write("seen_package/__init__.py")
    path = place.write("seen_package/part.py", "VALUE = 1\n")
    try:
        seen = place.seen(lambda: __import__("seen_package.part"))
        assert seen.modules == {("seen_package", place.path("seen_package/__init__.py")), ("seen_package.part", path)}
        assert names(seen) == {"<module>"}
        assert (seen.reads, seen.listed) == ({}, frozenset())     # reading code is no reading of data
        assert place.seen(lambda: __import__("seen_package.part")).modules == frozenset()
        del sys.modules["seen_package.part"]
        assert place.seen(lambda: __import__("seen_package.part")).modules == {("seen_package.part", path)}
    finally:
        for name in ("seen_package", "seen_package.part"):
            sys.modules.pop(name, None)


def test_classes_named_by_a_pickle(place: Place, monkeypatch: Any) -> None:
    import collections
    import pickle

    monkeypatch.syspath_prepend(str(place.root))
    place.write("seen_classes.py", "class Thing:\n    pass\n")
    module = __import__("seen_classes")
    data = pickle.dumps([module.Thing(), collections.OrderedDict()])
    try:
        assert place.seen(lambda: pickle.loads(data)).classes == {("seen_classes", "Thing")}
    finally:
        del sys.modules["seen_classes"]
    assert os.getcwd() == str(place.root)
