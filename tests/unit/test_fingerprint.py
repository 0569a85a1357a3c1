"""What an edit does to the fingerprint of a function: each case is a project, an edit, and seen or not."""
from __future__ import annotations

import sys
from pathlib import Path
from typing import Dict, List, Tuple

import pytest
from laboratory import Laboratory

Case = Tuple[Dict[str, str], str, str]


@pytest.fixture
def lab(tmp_path: Path) -> Laboratory:
    return Laboratory(tmp_path)


def main(text: str, **others: str) -> Dict[str, str]:
    return {"main": text, **others}


HELPER = "def helper(x):\n    return x + 1\n"

SEEN: Dict[str, Case] = {
    "a helper": (main("from helpers import helper\ndef f(x): return helper(x)", helpers=HELPER), "x + 1", "x + 2"),
    "a helper by its module": (main("import helpers\ndef f(x): return helpers.helper(x)", helpers=HELPER), "x + 1", "x + 2"),
    "a helper in a package": (main("import pkg.low\ndef f(x): return pkg.low.helper(x)",
                                   **{"pkg/__init__": "", "pkg/low": HELPER}), "x + 1", "x + 2"),
    "a helper imported inside": (main("def f(x):\n    from helpers import helper\n    return helper(x)", helpers=HELPER),
                                 "x + 1", "x + 2"),
    "a module imported inside for what it does": (main("def f(x):\n    import effects\n    return x", effects="import sys\nA = 1\n"),
                                                  "A = 1", "A = 2"),
    "a helper's helper": (main("from helpers import helper\ndef f(x): return helper(x)",
                               helpers="from low import low\ndef helper(x): return low(x)", low="def low(x): return x * 2"),
                          "x * 2", "x * 3"),
    "mutual recursion": (main("def f(x): return g(x - 1) if x else 0\ndef g(x): return f(x - 1) if x else 1"), "else 1", "else 2"),
    "a constant": (main("LIMIT = 3\ndef f(x): return x < LIMIT"), "LIMIT = 3", "LIMIT = 4"),
    "a constant from elsewhere": (main("from settings import LIMIT\ndef f(x): return x < LIMIT", settings="LIMIT = 3"), "= 3", "= 4"),
    "a constant that is computed": (main("A = 1\nB = A + 1\ndef f(x): return B"), "A = 1", "A = 2"),
    "a table of data": (main("T = {'a': [1, 2]}\ndef f(x): return T[x]"), "[1, 2]", "[1, 3]"),
    "a default": (main("def f(x, y=1): return x + y"), "y=1", "y=2"),
    "a keyword-only default": (main("def f(x, *, y=1): return x + y"), "y=1", "y=2"),
    "a default that is a helper": (main("def g(): return 1\ndef f(x=g): return x()"), "return 1", "return 2"),
    "a closure's value": (main("def make(n):\n    def f(x): return x + n\n    return f\nf = make(1)"), "make(1)", "make(2)"),
    "a closure's function": (main("def make(g):\n    def f(x): return g(x)\n    return f\ndef one(x): return 1\nf = make(one)"),
                             "return 1", "return 2"),
    "a closure made later": (main("def make():\n    def f(x): return g(x)\n    def g(x): return 1\n    return f\nf = make()"),
                             "return 1", "return 2"),
    "a partial's function": (main("from functools import partial\ndef g(x, y): return x + y\np = partial(g, 1)\ndef f(x): return p(x)"),
                             "x + y", "x - y"),
    "a partial's argument": (main("from functools import partial\ndef g(x, y): return x + y\np = partial(g, 1)\ndef f(x): return p(x)"),
                             "partial(g, 1)", "partial(g, 2)"),
    "a wrapped function": (main("import functools\ndef deco(g):\n    @functools.wraps(g)\n    def w(*a): return g(*a)\n    return w\n"
                                "@deco\ndef f(x): return 1"), "return 1", "return 2"),
    "a decorator's wrapper": (main("import functools\ndef deco(g):\n    @functools.wraps(g)\n    def w(*a): return [g(*a), 1]\n    return w\n"
                                   "@deco\ndef f(x): return 0"), ", 1]", ", 2]"),
    "a decorator without wraps": (main("def deco(g):\n    def w(*a): return g(*a)\n    return w\n@deco\ndef f(x): return 1"),
                                  "return 1", "return 2"),
    "a decorator that changes nothing but the function": (main("def deco(g):\n    g.level = 1\n    return g\n@deco\ndef f(x): return f.level"),
                                                          "level = 1", "level = 2"),
    "a decorator's argument": (main("def deco(n):\n    def d(g):\n        def w(*a): return g(*a) * n\n        return w\n    return d\n"
                                    "@deco(2)\ndef f(x): return 1"), "deco(2)", "deco(3)"),
    "below lru_cache": (main("from functools import lru_cache\n@lru_cache(None)\ndef g(x): return 1\ndef f(x): return g(x)"),
                        "return 1", "return 2"),
    "a step that is an lru_cache": (main("from functools import lru_cache\n@lru_cache(None)\ndef f(x): return 1"), "return 1", "return 2"),
    "below a context manager": (main("from contextlib import contextmanager\n@contextmanager\ndef g():\n    yield 1\n"
                                     "def f():\n    with g() as x: return x"), "yield 1", "yield 2"),
    "singledispatch's default": (main("from functools import singledispatch\n@singledispatch\ndef g(x): return 1\n"
                                      "@g.register(int)\ndef _(x): return 20\ndef f(x): return g(x)"), "return 1\n", "return 2\n"),
    "singledispatch's other": (main("from functools import singledispatch\n@singledispatch\ndef g(x): return 1\n"
                                    "@g.register(int)\ndef _(x): return 20\ndef f(x): return g(x)"), "return 20", "return 30"),
    "singledispatch's type": (main("from functools import singledispatch\n@singledispatch\ndef g(x): return 1\n"
                                   "@g.register(int)\ndef _(x): return 20\ndef f(x): return g(x)"), "(int)", "(str)"),
    "a dispatch table": (main("def a(): return 1\ndef b(): return 20\nT = {'a': a, 'b': b}\ndef f(x): return T[x]()"), "return 20", "return 30"),
    "a method": (main("class C:\n    def m(self): return 1\ndef f(): return C().m()"), "return 1", "return 2"),
    "a static method": (main("class C:\n    @staticmethod\n    def m(): return 1\ndef f(): return C.m()"), "return 1", "return 2"),
    "a class method": (main("class C:\n    @classmethod\n    def m(cls): return 1\ndef f(): return C.m()"), "return 1", "return 2"),
    "static or class method": (main("class C:\n    @staticmethod\n    def m(*a): return a\ndef f(): return C.m()"), "staticmethod", "classmethod"),
    "a property": (main("class C:\n    @property\n    def m(self): return 1\ndef f(): return C().m"), "return 1", "return 2"),
    "a property's setter": (main("class C:\n    @property\n    def m(self): return 0\n    @m.setter\n    def m(self, v): self.v = v + 1\n"
                                 "def f():\n    C().m = 3"), "v + 1", "v + 2"),
    "a cached property": (main("from functools import cached_property\nclass C:\n    @cached_property\n    def m(self): return 1\n"
                               "def f(): return C().m"), "return 1", "return 2"),
    "a method below a cache": (main("from functools import lru_cache\nclass C:\n    @lru_cache()\n    def m(self): return 1\n"
                                    "def f(): return C().m()"), "return 1", "return 2"),
    "singledispatchmethod": (main("from functools import singledispatchmethod\nclass C:\n    @singledispatchmethod\n"
                                  "    def m(self, x): return 0\n    @m.register(int)\n    def _(self, x): return 1\n"
                                  "def f(): return C().m(1)"), "return 1", "return 2"),
    "a partialmethod": (main("from functools import partialmethod\nclass C:\n    def m(self, x): return x\n    n = partialmethod(m, 1)\n"
                             "def f(): return C().n()"), "(m, 1)", "(m, 2)"),
    "an own descriptor's code": (main("class D:\n    def __get__(self, o, t=None): return 1\nclass C:\n    d = D()\ndef f(): return C().d"),
                                 "return 1", "return 2"),
    "an own descriptor's state": (main("class D:\n    def __init__(self, n): self.n = n\n    def __get__(self, o, t=None): return self.n\n"
                                       "class C:\n    d = D(1)\ndef f(): return C().d"), "D(1)", "D(2)"),
    "a base class's method": (main("class B:\n    def m(self): return 1\nclass C(B): pass\ndef f(): return C().m()"), "return 1", "return 2"),
    "a metaclass": (main("class M(type):\n    def __call__(cls): return 1\nclass C(metaclass=M): pass\ndef f(): return C()"), "return 1", "return 2"),
    "__init_subclass__": (main("class B:\n    def __init_subclass__(cls): cls.x = 1\nclass C(B): pass\ndef f(): return C.x"), "x = 1", "x = 2"),
    "a class decorator": (main("def deco(c):\n    c.x = 1\n    return c\n@deco\nclass C: pass\ndef f(): return C.x"), "x = 1", "x = 2"),
    "a class attribute": (main("class C:\n    x = 1\ndef f(): return C.x"), "x = 1", "x = 2"),
    "a class attribute set from outside": (main("class C: pass\nC.x = 1\ndef f(): return C.x"), "x = 1", "x = 2"),
    "an instance's state": (main("class C:\n    def __init__(self, n): self.n = n\nc = C(1)\ndef f(): return c.n"), "C(1)", "C(2)"),
    "an instance's class": (main("class C:\n    def m(self): return 1\nc = C()\ndef f(): return c.m()"), "return 1", "return 2"),
    "a bound method": (main("class C:\n    def __init__(self, n): self.n = n\n    def m(self): return self.n\nm = C(1).m\ndef f(): return m()"),
                       "C(1)", "C(2)"),
    "a callable instance as the step": (main("class C:\n    def __call__(self): return 1\nf = C()"), "return 1", "return 2"),
    "a dataclass's default": (main("from dataclasses import dataclass\n@dataclass\nclass C:\n    x: int = 1\ndef f(): return C()"), "= 1", "= 2"),
    "a dataclass's field type": (main("from dataclasses import dataclass\n@dataclass\nclass C:\n    x: int = 1\ndef f(): return C()"), ": int", ": str"),
    "a dataclass's field name": (main("from dataclasses import dataclass\n@dataclass\nclass C:\n    x: int = 1\ndef f(): return C()"), "x: int", "y: int"),
    "a dataclass's flag": (main("from dataclasses import dataclass\n@dataclass(order=False)\nclass C:\n    x: int = 1\ndef f(): return C()"),
                           "order=False", "order=True"),
    "a dataclass's factory": (main("from dataclasses import dataclass, field\ndef new(): return [1]\n@dataclass\nclass C:\n"
                                   "    x: list = field(default_factory=new)\ndef f(): return C()"), "[1]", "[2]"),
    "an enum's value": (main("from enum import Enum\nclass E(Enum):\n    A = 1\n    B = 20\ndef f(): return E.A"), "A = 1", "A = 2"),
    "an enum's method": (main("from enum import Enum\nclass E(Enum):\n    A = 1\n    def m(self): return 5\ndef f(): return E.A.m()"),
                         "return 5", "return 6"),
    "an enum's order": (main("from enum import Enum\nclass E(Enum):\n    A = 1\n    B = 1 + 1\ndef f(): return list(E)"),
                        "A = 1\n    B = 1 + 1", "B = 1 + 1\n    A = 1"),
    "a NamedTuple's default": (main("from typing import NamedTuple\nclass N(NamedTuple):\n    x: int = 1\ndef f(): return N()"), "= 1", "= 2"),
    "a namedtuple's fields": (main("from collections import namedtuple\nN = namedtuple('N', 'x y')\ndef f(): return N(1, 2)"), "'x y'", "'y x'"),
    "a slot": (main("class C:\n    __slots__ = ('a',)\ndef f(): return C()"), "('a',)", "('a', 'b')"),
    "a special method's alias": (main("class C:\n    def m(self): return 1\n    __len__ = m\ndef f(): return len(C())"), "__len__ = m", "__bool__ = m"),
    "a class in a function": (main("def make():\n    class C:\n        x = 1\n    return C\nC = make()\ndef f(): return C.x"), "x = 1", "x = 2"),
    "getattr by a constant name": (main("import helpers\ndef f(x): return getattr(helpers, 'helper')(x)", helpers=HELPER), "x + 1", "x + 2"),
    "getattr by a computed name": (main("import helpers\ndef f(x): return getattr(helpers, x)(1)", helpers=HELPER), "x + 1", "x + 2"),
    "a module as a value": (main("import helpers\ndef f(x): return vars(helpers)[x]", helpers="A = 1\n"), "A = 1", "A = 2"),
    "a module put into a table": (main("import helpers\nT = [helpers]\ndef f(x): return T[0].A", helpers="A = 1\n"), "A = 1", "A = 2"),
    "a module's __getattr__": (main("import helpers\ndef f(x): return helpers.thing", helpers="def __getattr__(name): return 1\n"),
                               "return 1", "return 2"),
    "globals()": (main("A = 1\ndef f(x): return globals()[x]"), "A = 1", "A = 2"),
    "import_module of a constant": (main("import importlib\ndef f(): return importlib.import_module('helpers').helper(1)", helpers=HELPER),
                                    "x + 1", "x + 2"),
    "import_module of a global's value": (main("import importlib\nN = 'two'\ndef f(): return importlib.import_module('one_' + N).A",
                                               one_two="A = 1", one_three="A = 5"), "A = 1", "A = 2"),
    "import_module of an unknown module of a package": (main("import importlib\ndef f(n): return importlib.import_module('pkg.' + n)",
                                                             **{"pkg/__init__": "", "pkg/one": "A = 1"}), "A = 1", "A = 2"),
    "an effect of importing a module": (main("import effects\nfrom helpers import helper\ndef f(x): return helper(x)", helpers=HELPER,
                                             effects="import decimal\ndecimal.getcontext().prec = 6\n"), "prec = 6", "prec = 7"),
    "an effect in the same module": (main("import locale\nlocale.setlocale(locale.LC_ALL, 'C')\ndef f(x): return x"),
                                     "LC_ALL", "LC_NUMERIC"),
    "an operator of the standard library": (main("import math\ndef f(x): return math.floor(x)"), "math.floor", "math.ceil"),
    "the import of a name": (main("from math import floor as g\ndef f(x): return g(x)"), "floor as", "ceil as"),
    "a builtin": (main("def f(x): return min(x)"), "min(x)", "max(x)"),
    "a builtin that is hidden": (main("def f(x): return min(x)\n"), "\n", "\ndef min(x): return 1\n"),
    "code made by exec": (main("space = {}\nexec('def g(x): return 1', space)\ng = space['g']\ndef f(x): return g(x)"), "return 1", "return 2"),
    "a lambda among others on its line": (main("g, h = (lambda: 1), (lambda: 5)\ndef f(): return g()"), "lambda: 1", "lambda: 2"),
    "a regular expression": (main("import re\nP = re.compile('a+')\ndef f(x): return P.match(x)"), "'a+'", "'b+'"),
    "a docstring that is read": (main("def g(x):\n    'one'\n    return x\ndef f(x): return g.__doc__"), "'one'", "'two'"),
    "a docstring that getdoc reads": (main("import inspect\ndef g(x):\n    'one'\n    return x\ndef f(x): return inspect.getdoc(g)"), "'one'", "'two'"),
    "the own docstring, read": (main("def f(x):\n    'one'\n    return f.__doc__"), "'one'", "'two'"),
    "a docstring read by a helper": (main("from helpers import show\ndef g():\n    'one'\ndef f(x): return show(g)",
                                          helpers="def show(g): return g.__doc__"), "'one'", "'two'"),
    "a class's docstring that is read": (main("class C:\n    'one'\ndef f(): return C.__doc__"), "'one'", "'two'"),
    "annotations that are read": (main("from typing import get_type_hints\ndef g(x: int): return x\ndef f(): return get_type_hints(g)"), ": int", ": str"),
    "an annotation's class that is read": (main("from typing import get_type_hints\nclass C:\n    x = 1\ndef g(x: C): return x\n"
                                                "def f(): return get_type_hints(g)"), "x = 1", "x = 2"),
    "a name that is read": (main("def g(): return 1\nT = [g]\ndef f(): return [each.__name__ for each in T]"),
                            "def g(): return 1\nT = [g]", "def h(): return 1\nT = [h]"),
    "parameter names that are read": (main("import inspect\ndef g(x): return 1\ndef f(): return inspect.signature(g)"), "g(x)", "g(y)"),
    "source that is read": (main("import inspect\ndef g(x): return 1\ndef f(): return inspect.getsource(g)"), "return 1", "return  1"),
    "names of a helper's parameters where it is called by name": (main("def g(x, y): return x - y\ndef f(): return g(x=2, y=1)"),
                                                                  "g(x, y): return x - y", "g(y, x): return y - x"),
    "names of a method's parameters": (main("class C:\n    def g(self, x, y): return x - y\ndef f(): return C().g(x=2, y=1)"),
                                       "x, y): return x - y", "y, x): return y - x"),
    "names of the parameters of the function itself": (main("def f(x, y): return x - y"), "x, y): return x - y", "y, x): return y - x"),
    "the body of a loop at module level": (main("T = {}\nfor i in range(3):\n    T[i] = i * 2\ndef f(x): return T[x]"), "i * 2", "i * 3"),
    "one side of a choice at module level": (main("import sys\nif sys.maxsize > 5:\n    def g(): return 1\nelse:\n    def g(): return 7\n"
                                                  "def f(): return g()"), "return 1", "return 2"),
    "a conditional definition that is not taken": (main("import sys\nif sys.maxsize > 5:\n    A = 1\nelse:\n    A = 7\ndef f(): return A"),
                                                   "sys.maxsize > 5", "sys.maxsize < 5"),
    "a global that is not there": (main("def f(x): return missing(x)"), "missing(x)", "lost(x)"),
    "an except clause's class": (main("class E(Exception):\n    code = 1\ndef f():\n    try: pass\n    except E as e: return e.code"), "code = 1", "code = 2"),
    "a generator's helper": (main("def g(): return 1\ndef f():\n    yield g()"), "return 1", "return 2"),
    "an async helper": (main("async def g(): return 1\nasync def f(): return await g()"), "return 1", "return 2"),
    "a subclass that is looked up": (main("class B: pass\nclass C(B):\n    x = 1\ndef f(): return [c.x for c in B.__subclasses__()]"), "x = 1", "x = 2"),
    "a registry that a decorator fills": (main("R = {}\ndef register(g):\n    R[g.__name__] = g\n    return g\n@register\ndef one(): return 1\n"
                                               "def f(): return [g() for g in R.values()]"), "return 1", "return 2"),
    "a file of data by its path": (main("from pathlib import Path\nP = Path(__file__).parent / 'a.txt'\ndef f(): return P"), "a.txt", "b.txt"),
}


@pytest.mark.parametrize("case", SEEN.values(), ids=list(SEEN))
def test_an_edit_of_what_a_function_uses_is_seen(lab: Laboratory, case: Case) -> None:
    assert lab.differs(*case)


UNSEEN: Dict[str, Case] = {
    "a comment in a helper": (main("from helpers import helper\ndef f(x): return helper(x)", helpers=HELPER), "x + 1", "x + 1  # more"),
    "a helper's docstring": (main("def g(x):\n    'one'\n    return x\ndef f(x): return g(x)"), "'one'", "'two'"),
    "a helper's annotation": (main("def g(x: int): return x\ndef f(x): return g(x)"), ": int", ": str"),
    "a helper's name": (main("def f(x): return g(x)\ndef g(x): return x"), "g(x)\ndef g", "h(x)\ndef h"),
    "a helper's local": (main("def g(x):\n    y = x\n    return y\ndef f(x): return g(x)"), "y = x\n    return y", "z = x\n    return z"),
    "a helper's parameter that is given by position": (main("def g(x): return x\ndef f(a): return g(a)"), "g(x): return x", "g(y): return y"),
    "a helper that nobody uses": (main("from helpers import helper\ndef f(x): return helper(x)", helpers=HELPER + "def other(): return 1\n"),
                                  "return 1", "return 2"),
    "a constant that nobody uses": (main("A = 1\nB = 7\ndef f(x): return B"), "A = 1", "A = 2"),
    "another attribute of a module": (main("import helpers\ndef f(x): return helpers.helper(x)", helpers=HELPER + "A = 3\n"), "A = 3", "A = 4"),
    "another branch's module": (main("import low, other\ndef f(x): return low.A", low="A = 1", other="B = 5"), "B = 5", "B = 6"),
    "another line": (main("A = 1\ndef f(x): return x"), "A = 1\n", "A = 1\n\n\n# far below\n"),
    "how a value is computed where it comes out the same": (main("A = 2 * 3\ndef f(x): return A"), "2 * 3", "3 + 3"),
    "the name of a constant": (main("def f(x): return LIMIT\nLIMIT = 1"), "LIMIT\nLIMIT", "MOST\nMOST"),
    "an alias of an import": (main("import helpers as hh\ndef f(x): return hh.helper(x)", helpers=HELPER), "as hh\ndef f(x): return hh", "as k\ndef f(x): return k"),
    "from-import or attribute": (main("from helpers import helper\ndef f(x): return helper(x)", helpers=HELPER),
                                 "from helpers import helper\ndef f(x): return helper", "import helpers\ndef f(x): return helpers.helper"),
    "print at module level": (main("print('hello')\ndef f(x): return x"), "hello", "good day"),
    "the main guard": (main("def f(x): return x\nif __name__ == '__main__':\n    print(1)"), "print(1)", "print(2)"),
    "a step's tags": (main("from deepwatch_flow import step\n@step(tags=['a'])\ndef g(): return 1\nf = g.function"), "['a']", "['b']"),
    "a class's docstring": (main("class C:\n    'one'\n    x = 1\ndef f(): return C.x"), "'one'", "'two'"),
    "a lambda on another's line": (main("g, h = (lambda: 1), (lambda: 5)\ndef f(): return g()"), "lambda: 5", "lambda: 6"),
    "a module's docstring": (main("import helpers\ndef f(x): return helpers.helper(x)", helpers="'one'\n" + HELPER), "'one'", "'two'"),
    "an annotation of a variable at module level that is read by value": (main("A: int = 1\ndef f(x): return A"), ": int", ": float"),
    "the order of definitions": (main("def g(): return 1\ndef h(): return 2\ndef f(): return g() + h()"),
                                 "def g(): return 1\ndef h(): return 2", "def h(): return 2\ndef g(): return 1"),
}


@pytest.mark.parametrize("case", UNSEEN.values(), ids=list(UNSEEN))
def test_an_edit_of_anything_else_is_not_seen(lab: Laboratory, case: Case) -> None:
    assert not lab.differs(*case)


def test_a_helper_that_moves_to_another_module_changes_nothing(lab: Laboratory) -> None:
    use = "def f(x): return helper(x)"
    here = lab.digest(main(HELPER + use))
    assert here == lab.digest(main("from helpers import helper\n" + use, helpers=HELPER))
    assert here == lab.digest(main("from pkg import helper\n" + use, **{"pkg/__init__": "from .low import helper", "pkg/low": HELPER}))


def test_a_constant_that_moves_to_another_module_changes_nothing(lab: Laboratory) -> None:
    use = "def f(x): return LIMIT"
    assert lab.digest(main("LIMIT = [1]\n" + use)) == lab.digest(main("from settings import LIMIT\n" + use, settings="LIMIT = [1]"))


def test_a_function_named_otherwise_has_the_same_digest(lab: Laboratory) -> None:
    files = main("def f(x): return x\ndef g(x): return x\n")
    assert lab.digest(files, "f") == lab.digest(files, "g")


def test_one_effect_in_two_modules_counts_once_whichever_is_met_first(tmp_path: Path) -> None:
    effect = "import decimal\ndecimal.getcontext().prec = 6\n"
    with_two = {"main": effect + "import other\ndef f(x): return other.g(x)", "other": effect + "def g(x): return x"}
    lab = Laboratory(tmp_path)
    both_changed = {name: text.replace("prec = 6", "prec = 7") for name, text in with_two.items()}
    assert lab.digest(with_two) != lab.digest(both_changed)
    assert lab.digest(with_two) == lab.digest({**with_two, "other": "# again\n" + with_two["other"]})
