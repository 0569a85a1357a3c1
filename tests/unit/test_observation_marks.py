"""Code that notes that it ran: nothing else about it is another, wherever it goes."""
from __future__ import annotations

import copy
import dis
import doctest
import glob
import inspect
import os
import pickle
import subprocess
import sys
import textwrap
import threading
import traceback
import types
import warnings
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Optional, Set, Tuple

import pytest

from deepwatch_flow.analysis.locate import Sources
from deepwatch_flow.hashing.marked import Mark, constants, is_mark, same_code
from deepwatch_flow.hashing.values import ValueHasher
from deepwatch_flow.loading.snapshot import Snapshot
from deepwatch_flow.observation import prologue
from deepwatch_flow.observation.marks import Marks

CODES = ("co_argcount", "co_posonlyargcount", "co_kwonlyargcount", "co_varnames", "co_freevars", "co_cellvars", "co_flags",
         "co_name", "co_filename", "co_firstlineno", "co_nlocals", "co_qualname")


def inside(code: types.CodeType) -> Iterator[types.CodeType]:
    yield code
    for const in code.co_consts:
        if isinstance(const, types.CodeType):
            yield from inside(const)


def compiled(source: str, path: str = "module.py") -> types.CodeType:
    return compile(textwrap.dedent(source), path, "exec", dont_inherit=True)


class Ran:
    """A text, marked and executed."""

    def __init__(self, source: str, path: str = "module.py", **names: Any) -> None:
        self.marks = Marks()
        self.code = self.marks.prepare(compiled(source, path))
        self.names: Dict[str, Any] = {"__name__": "module", **names}
        exec(self.code, self.names)

    def of(self, act: Callable[[Dict[str, Any]], Any]) -> Set[str]:
        self.marks.clear()
        act(self.names)
        return {name for _, _, name in self.marks.ran()}


def test_of_thousands_of_functions_just_those_that_ran_are_told() -> None:
    count = 2500
    many = Ran("".join(f"def f{n}(x):\n    return [y + {n} for y in x] and (lambda: {n})()\n\n" for n in range(count)))
    for numbers in ([0], [499, 500, 501], [count - 1, 1700, 1], range(0, count, 7), []):
        ran = many.of(lambda names, chosen=numbers: [names[f"f{n}"]([1]) for n in chosen])  # type: ignore[misc]
        wanted = {f"f{n}" for n in numbers}
        assert {name for name in ran if name.startswith("f")} == wanted
        for ask in (many.marks.codes, many.marks.clear):
            assert {code.co_name for code in ask() if code.co_name.startswith("f")} == wanted
        assert not many.marks.ran()


# -- what ran -----------------------------------------------------------------------------------------

SOURCE = """
    def deco(g): return g
    @deco
    def f(a=lambda: 1): return [g(x) for x in (1,)]
    g = lambda x: x
    class C:
        "Text."
        def m(self): return super().__init__()
        async def n(self): return 1
    def gen():
        yield 1
    def outer():
        n = 0
        def inner():
            nonlocal n
            n += 1
        return inner
    def text():
        "Only a docstring."
    lazy = (g(x) for x in (1, 2))
    def loop():
        while True:
            return 1
"""


def test_what_ran_is_told_by_its_place_modules_and_class_bodies_too() -> None:
    ran = Ran(SOURCE)
    assert {("module.py", ran.code.co_firstlineno, "<module>"), ("module.py", 2, "deco"), ("module.py", 6, "C")} <= ran.marks.ran()
    assert not {"f", "<lambda>", "m"} & {name for _, _, name in ran.marks.ran()}
    assert ran.marks.covers(ran.code)
    assert all(ran.marks.covers(code) for code in inside(ran.code))
    assert not any(ran.marks.covers(code) for code in inside(compiled(SOURCE)))
    assert not any(Marks().covers(code) for code in inside(ran.code))


@pytest.mark.parametrize(("act", "names"), [
    (lambda n: None, set()),
    (lambda n: n["f"](), {"f", "<lambda>"}),
    (lambda n: n["f"].__defaults__[0](), {"<lambda>"}),
    (lambda n: n["C"]().m(), {"m"}),
    (lambda n: n["C"]().n().close(), set()),
    (lambda n: pytest.raises(StopIteration, n["C"]().n().send, None), {"n"}),
    (lambda n: n["gen"](), set()),
    (lambda n: next(n["gen"]()), {"gen"}),
    (lambda n: n["outer"]()(), {"outer", "inner"}),
    (lambda n: n["text"](), {"text"}),
    (lambda n: n["loop"](), {"loop"}),
    (lambda n: list(n["lazy"]), {"<genexpr>", "<lambda>"}),
])
def test_a_code_ran_where_its_body_began(act: Any, names: Set[str]) -> None:
    comprehensions = {"<listcomp>"} if "f" in names and sys.version_info < (3, 12) else set()
    assert Ran(SOURCE).of(act) == names | comprehensions


def test_threads_and_forked_children_note_too() -> None:
    ran = Ran("def f(): pass\ndef g(): pass\n")

    def in_thread(names: Any) -> None:
        thread = threading.Thread(target=names["f"])
        thread.start()
        thread.join()

    assert ran.of(in_thread) == {"f"}
    if hasattr(os, "fork") and sys.version_info < (3, 12):
        child = os.fork()
        if child == 0:
            ran.names["g"]()
            os._exit({name for _, _, name in ran.marks.ran()} == {"f", "g"})
        assert os.waitpid(child, 0)[1] >> 8 == 1
        assert {name for _, _, name in ran.marks.ran()} == {"f"}


# -- nothing else is another ---------------------------------------------------------------------------

BODIES = [
    SOURCE,
    "\n\n\ndef f(a, /, b, *c, d=1, **e) -> int:\n    '''Doc.'''\n    return (\n        a\n    )\nr = f(1, 2)\n",
    "'''Doc.'''\nfrom __future__ import annotations\ndef f(x: Any): return x\nr = f(1)\n",
    "def f():\n    while True:\n        for i in range(3):\n            if i == 1: continue\n            if i == 2: break\n        return i\nr = f()\n",
    "def f(n):\n    while n: n -= 1\n    return n\nr = f(3)\n",
    "def f():\n    try:\n        raise KeyError(\n            1)\n    except KeyError as e:\n        return repr(e)\n    finally:\n        print\nr = f()\n",
    "def f():\n    try: yield 1\n    finally: yield 2\ng = f(); r = [next(g), g.throw(KeyError)]; g.close()\n",
    "def f():\n    x = yield\n    y = yield from h(x)\n    return y\ndef h(x):\n    yield x\n    return 5\nr = list(f())\n",
    "import asyncio\nasync def a():\n    async with M() as m:\n        async for i in s(): pass\n        return [j async for j in s()], m, i\n"
    "class M:\n    async def __aenter__(self): return 1\n    async def __aexit__(self, *x): pass\n"
    "async def s():\n    yield 1\n    yield 2\nloop = asyncio.new_event_loop(); r = loop.run_until_complete(a()); loop.close()\n",
    "class B:\n    def m(self): return 1\nclass C(B):\n    x = [i for i in range(2)]\n    def m(self):\n        return super().m(), __class__.__name__\nr = C().m(), C.x\n",
    "def f():\n    global G\n    G = 1\n    a = 2\n    del a\n    exec('b = 1')\n    return sorted(locals()), eval('1 + 1')\nr = f(), G\n",
    "def f():\n    x = 1\n    def g():\n        nonlocal x\n        x += 1\n        return lambda: (\n            x)\n    return g()()\nr = f()\n",
    "f = lambda: 1; g = lambda: 1; h = lambda *a: (yield)\nr = f(), g(), next(h())\n",
    "r = [\n  (lambda: i)()\n  for i in range(2)\n], {\n k: v for k, v in {1: 2}.items()}, {*(i for i in (1,))}\n",
    "def f():\n    return 1 if (\n        0 or\n        2) else 3\nr = f()\n",
    "def f(): pass\ndef g(): ...\ndef h(): 'x'\ndef i(): 1\nr = f(), g(), h(), i()\n",
    "def f():\n    with open(\n            __import__('os').devnull) as s:\n        return s.read()\nr = f()\n",
    "def f():\n    for x in (\n            1,\n            2): pass\n    else: return x\nr = f()\n",
    "def f():\n    assert (\n       False), 'no'\nf()\n",
    "def f():\n    return [\n       1, g(\n         2)]\ndef g(n):\n    return n / (\n       0)\nf()\n",
    "def f():\n    yield (\n        1 / 0)\nlist(f())\n",
    "class C:\n    x = (\n       1 / 0)\n",
]
if sys.version_info >= (3, 10):
    BODIES.append("def f(x):\n    match x:\n        case [a, *b]: return a, b\n        case {'k': v}: return v\nr = f([1, 2]), f({'k': 3})\n")
if sys.version_info >= (3, 12):
    BODIES.append("def f[T](x: T) -> T:\n    return x\nclass C[T]:\n    def m(self): return f(1)\ntype A[T] = list[T]\nr = C().m(), str(A.__value__)\n")


def watched(code: types.CodeType) -> Tuple[List[Any], Any, Optional[str]]:
    """Return what a trace function sees of the execution of a module, its result and its traceback."""
    events: List[Any] = []
    own = {id(each) for each in inside(code)}

    def trace(frame: types.FrameType, event: str, argument: Any) -> Any:
        if id(frame.f_code) not in own:
            return None
        events.append((event, frame.f_lineno, frame.f_code.co_name, argument[0] if event == "exception" else None))
        return trace

    names: Dict[str, Any] = {"__name__": "module"}
    before, error = sys.gettrace(), None
    sys.settrace(trace)
    try:
        exec(code, names)
    except Exception:
        sys.settrace(before)
        error = traceback.format_exc()
    finally:
        sys.settrace(before)
    return events, names.get("r"), error


@pytest.mark.parametrize("source", BODIES)
def test_nothing_that_can_be_seen_is_another(source: str) -> None:
    plain, marked = compiled(source), Marks().prepare(compiled(source))
    assert marked is not plain
    assert watched(marked) == watched(plain)
    for one, other in zip(inside(plain), inside(marked)):
        assert [getattr(one, name, None) for name in CODES] == [getattr(other, name, None) for name in CODES]
        assert [const for const in constants(other) if not isinstance(const, types.CodeType)] \
            == [const for const in one.co_consts if not isinstance(const, types.CodeType)] + [True]
        hash(other)


def test_documentation_source_and_doctests_stay(tmp_path: Path) -> None:
    file = tmp_path / "module.py"
    file.write_text('"""Doc."""\nfrom __future__ import annotations\n\n\ndef f(x):\n    """F.\n\n    >>> f(2)\n    3\n    """\n'
                    "    return x + 1\n\n\nclass C:\n    '''K.'''\n    def m(self): return 1\n\n\ng = lambda: 5\n\n\ndef h():\n    return 1\n")
    module = types.ModuleType("module")
    names = vars(module)
    exec(Marks().prepare(compiled(file.read_text(), str(file))), names)
    assert (names["__doc__"], names["f"].__doc__.split(), names["C"].__doc__) == ("Doc.", ["F.", ">>>", "f(2)", "3"], "K.")
    assert names["C"].m.__doc__ is names["g"].__doc__ is names["h"].__doc__ is None
    assert inspect.getsource(names["f"]).startswith("def f(x):")
    assert str(inspect.signature(names["f"])) == "(x)"
    assert doctest.testmod(module) == (0, 1)
    assert list(dis.get_instructions(names["h"]))


def library() -> List[str]:
    folder = os.path.dirname(os.__file__)
    return sorted([*glob.glob(os.path.join(folder, "*.py")), *glob.glob(os.path.join(folder, "asyncio", "*.py"))])[::20]


def instructions(code: types.CodeType) -> List[Tuple[Any, ...]]:
    """Return a code's instructions, with jumps told by the number of the instruction they lead to."""
    found, number = [], {}
    waiting: List[int] = []
    for each in dis.get_instructions(code):
        if each.opname != "CACHE":
            waiting.append(each.offset)
        if each.opname not in ("CACHE", "EXTENDED_ARG"):
            number.update(dict.fromkeys(waiting, len(found)))
            waiting = []
            found.append(each)
    number[len(code.co_code)] = len(found)
    places = list(code.co_positions()) if sys.version_info >= (3, 11) else None
    lines: Dict[int, Any] = {}
    if sys.version_info >= (3, 10):
        lines = {offset: line for start, end, line in code.co_lines() for offset in range(start, end, 2)}
    else:
        line, starts = None, dict(dis.findlinestarts(code))
        for offset in range(0, len(code.co_code), 2):
            line = lines[offset] = starts.get(offset, line)
    jumps = {*dis.hasjabs, *dis.hasjrel}
    rows = [(each.opname, number[each.argval] if each.opcode in jumps else each.arg, lines[each.offset],
             places and places[each.offset // 2], each.opcode in jumps) for each in found]
    if sys.version_info >= (3, 11):
        rows += [("handler", number[each.start], number[each.end], number[each.target], each.depth, each.lasti)
                 for each in dis._parse_exception_table(code)]  # type: ignore[attr-defined]
    return rows


def unmarked(rows: List[Tuple[Any, ...]], marks: int) -> List[Tuple[Any, ...]]:
    """Take the three instructions of each mark out of a list of instructions."""
    size = 3 * marks
    top = next(i for i, row in enumerate(rows) if row[0] == "STORE_ATTR") - 2
    assert top < 30
    assert len({row[2:4] for row in rows[top:top + size + 1]}) == 1, "the mark stands where the first instruction stands"

    def back(number: int) -> int:
        return number - size if number >= top + size else number

    return [(row[0], *map(back, row[1:4]), *row[4:]) if row[0] == "handler" else (row[0], back(row[1]), *row[2:]) if row[4] else row
            for row in rows[:top] + rows[top + size:]]


@pytest.mark.parametrize("path", library(), ids=os.path.basename)
def test_the_instructions_of_the_standard_library_are_the_same_but_for_the_mark(path: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        plain = compile(Path(path).read_bytes(), path, "exec", dont_inherit=True)
    for one, other in zip(inside(plain), inside(Marks().prepare(plain))):
        assert unmarked(instructions(other), sum(map(is_mark, other.co_consts))) == instructions(one)
        assert other.co_stacksize <= max(one.co_stacksize, 2)


@pytest.mark.parametrize("lines", [*range(20, 32), 62, 63, 64, 65, 1000])
def test_jumps_of_every_width(lines: int) -> None:
    body = "".join(f"        if n == {i}: continue\n" for i in range(lines))
    source = f"def f(k):\n    r = 0\n    for n in range(k):\n{body}        r += n\n        while r > 10**6: r -= 1\n    return r\nr = f({lines + 9})\n"
    plain = compiled(source)
    marked = Marks().prepare(plain)
    for one, other in zip(inside(plain), inside(marked)):
        assert unmarked(instructions(other), sum(map(is_mark, other.co_consts))) == instructions(one)
    assert watched(marked) == watched(plain)


def test_many_constants_and_names() -> None:
    source = "def f():\n    a = [" + ", ".join(f"'{i}' + g{i}" for i in range(400)) + "]\n    return len(a)\n"
    ran = Ran(source, **{f"g{i}": "" for i in range(400)})
    assert ran.of(lambda names: names["f"]()) == {"f"}
    assert ran.names["f"]() == 400


# -- pickles ---------------------------------------------------------------------------------------------

def test_a_function_pickled_by_value_is_the_same_whatever_ran_and_needs_no_deepwatch(tmp_path: Path) -> None:
    cloudpickle = pytest.importorskip("cloudpickle")
    ran = Ran("def make(n):\n    def inner(x):\n        return (lambda: x + n)()\n    return inner\nf = make(1)\n", "/x/module.py")
    ran.marks.clear()
    before = cloudpickle.dumps(ran.names["f"])
    assert ran.of(lambda names: names["f"](1)) == {"inner", "<lambda>"}
    assert cloudpickle.dumps(ran.names["f"]) == before
    assert b"deepwatch" not in before
    script = ("import sys, pickle, cloudpickle\nf = pickle.loads(bytes.fromhex(sys.argv[1]))\nassert f(2) == 3\nhash(f.__code__)\n"
              "f = cloudpickle.loads(cloudpickle.dumps(f))\nassert f(2) == 3\n"
              "assert not any(name.startswith('deepwatch') for name in sys.modules)\n")
    subprocess.run([sys.executable, "-c", script, before.hex()], check=True, cwd=str(tmp_path))


def test_marks_are_copied_as_exceptions_and_equal_only_to_themselves() -> None:
    mark = Mark()
    assert mark == mark != Mark()
    assert is_mark(pickle.loads(pickle.dumps(mark)))
    assert is_mark(copy.deepcopy(mark))
    assert not is_mark(KeyError())


# -- analysis ----------------------------------------------------------------------------------------------

LAMBDAS = "def g(): return (lambda: 1), (lambda: 1), (lambda: 2), (lambda a: 1)\nc = lambda: 3; d = lambda: 3\n"


@pytest.mark.parametrize("source", [SOURCE, LAMBDAS, *BODIES[1:4]])
def test_code_is_found_marked_plain_and_unpickled(tmp_path: Path, source: str) -> None:
    file = tmp_path / "module.py"
    file.write_text(textwrap.dedent(source))
    snapshot = Snapshot(Marks().prepare)
    plain = compile(file.read_bytes(), str(file), "exec", dont_inherit=True)
    expected = Sources(Snapshot()).file(str(file))
    found = Sources(snapshot).file(str(file))
    assert expected is not None
    assert found is not None
    marked = snapshot.read(str(file)).code()
    for one, other in zip(inside(plain), inside(marked)):
        at = expected.of_code(one)
        assert found.of_code(other) == found.of_code(one) == found.of_code(unpickled(other)) == at
        if at is not None:
            assert at.line == one.co_firstlineno


def unpickled(code: types.CodeType) -> types.CodeType:
    """Return a code object as a pickle brings it."""
    return code.replace(co_consts=tuple(
        unpickled(const) if isinstance(const, types.CodeType) else pickle.loads(pickle.dumps(const)) if is_mark(const) else const
        for const in code.co_consts))


def test_equal_lambdas_on_one_line_stay_equal_and_others_differ() -> None:
    ran = Ran("a = lambda: 1; b = lambda: 1; c = lambda: 2; d = lambda: 1.0\n")
    a, b, c, d = (ran.names[name].__code__ for name in "abcd")
    plain = compiled("a = lambda: 1; b = lambda: 1\n")
    assert (a == b) == (len({const for const in plain.co_consts if isinstance(const, types.CodeType)}) == 1)
    assert a.co_consts[-1] is b.co_consts[-1]
    assert not same_code(a, c)
    assert not same_code(a, d)
    assert same_code(a, unpickled(a))
    assert not same_code(c, unpickled(a))
    assert not same_code(a, compiled("a = lambda: 1").co_consts[0])


def test_digests_of_code_do_not_see_what_ran_nor_where_it_was_pickled(tmp_path: Path) -> None:
    ran = Ran("def f(): return (lambda: 1)()\n")
    code = ran.names["f"].__code__
    ran.marks.clear()
    before = ValueHasher(str(tmp_path)).digest(code)
    ran.names["f"]()
    assert ValueHasher(str(tmp_path)).digest(code) == before == ValueHasher(str(tmp_path)).digest(unpickled(code))
    assert not any(is_mark(const) for const in constants(code))


# -- whatever the compiler takes --------------------------------------------------------------------------

@pytest.mark.parametrize("data", [
    b"\xef\xbb\xbfx = 1\r\n", b"# coding: latin-1\nx = '\xe9'\n", b"", b"\n", b"x = 1\x0c\n", b"x = (\n", b"x = '\0'\n", b"# coding: nope\n",
    b"  x = 1\n y = 2\n", b"def f():\n\treturn 1\r\n",
])
def test_sources_compile_or_fail_as_without(tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "module.py"
    file.write_bytes(data)
    results = []
    for snapshot in (Snapshot(), Snapshot(Marks().prepare)):
        try:
            names: Dict[str, Any] = {}
            exec(snapshot.read(str(file)).code(), names)
            names.pop("__builtins__")
            results.append(sorted(names))
        except SyntaxError as error:
            results.append([error.msg, error.filename, error.lineno, error.text])
    assert results[0] == results[1]


def test_deep_code_and_code_of_other_pythons_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    code = compiled("def f(): return lambda: 1\n")
    marks = Marks()
    with monkeypatch.context() as patch:
        patch.setattr("deepwatch_flow.observation.marks.KNOWN", False)
        assert marks.prepare(code) is code
    with monkeypatch.context() as patch:
        patch.setattr("deepwatch_flow.observation.marks.with_marks", lambda *_: None)
        assert marks.prepare(code) is code
    for _ in range(2000):
        code = code.replace(co_consts=(code,))
    assert marks.prepare(code) is code
    assert not marks.covers(code)


def test_a_snapshot_keeps_one_marked_code_for_each_source_and_the_plain_one(tmp_path: Path) -> None:
    file = tmp_path / "module.py"
    file.write_text("def f(): pass\n")
    marks = Marks()
    snapshot = Snapshot(marks.prepare)
    source = snapshot.read(str(file))
    assert source.code() is source.code()
    assert marks.covers(source.code())
    assert source.plain() is source.plain()
    assert not marks.covers(source.plain())
    other = Snapshot(marks.prepare)
    other.preload(snapshot.data())
    assert other.read(str(file)).code() == source.code()
    plain = Snapshot().read(str(file))
    assert plain.plain() is plain.code()


def test_the_mark_is_three_instructions_whatever_python() -> None:
    assert prologue.KNOWN
    rows = instructions(Marks().prepare(compiled("x = 1\n")))
    assert [row[0] for row in rows if row[0] != "RESUME"][2] == "STORE_ATTR"
