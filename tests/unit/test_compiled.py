"""Two texts of a definition are the same code if they compile to the same."""
from __future__ import annotations

import pytest

from deepwatch_flow.analysis.compiled import same_code

SAME = {
    "a comment": ("def f(x):\n    return x\n", "def f(x):\n    # why\n    return x\n"),
    "a docstring": ("def f(x):\n    'old'\n    return x\n", "def f(x):\n    'new'\n    return x\n"),
    "an annotation": ("def f(x: int) -> int:\n    return x\n", "def f(x):\n    return x\n"),
    "a branch that can't run": ("def f(x):\n    return x\n", "def f(x):\n    if False:\n        x += 1\n    return x\n"),
    "a folded constant": ("def f():\n    return 86400\n", "def f():\n    return 24 * 60 * 60\n"),
    "a local variable": ("def f(x):\n    total = x\n    return total\n", "def f(x):\n    sum_ = x\n    return sum_\n"),
    "an inner function's name": ("def f(x):\n    def one(y):\n        return y\n    return one(x)\n",
                                 "def f(x):\n    def two(y):\n        return y\n    return two(x)\n"),
    "a captured variable": ("def f(x):\n    n = x\n    return lambda: n\n", "def f(x):\n    m = x\n    return lambda: m\n"),
    "an indented method": ("    def f(self):\n        return 1\n", "    def f(self):\n\n        return 1\n"),
}
OTHER = {
    "a constant": ("def f():\n    return 1\n", "def f():\n    return 2\n"),
    "a constant of another type": ("def f():\n    return 1\n", "def f():\n    return True\n"),
    "a negative zero": ("def f():\n    return 0.0\n", "def f():\n    return -0.0\n"),
    "a nested constant": ("def f(x):\n    return x in (1, 2)\n", "def f(x):\n    return x in (1, 2.0)\n"),
    "a global name": ("def f():\n    return one()\n", "def f():\n    return two()\n"),
    "an attribute": ("def f(x):\n    return x.one\n", "def f(x):\n    return x.two\n"),
    "a decorator": ("@one\ndef f():\n    return 1\n", "@two\ndef f():\n    return 1\n"),
    "a default": ("def f(x=1):\n    return x\n", "def f(x=2):\n    return x\n"),
    "a parameter's name": ("def f(x):\n    return x\n", "def f(y):\n    return y\n"),
    "an inner function": ("def f():\n    return lambda: 1\n", "def f():\n    return lambda: 2\n"),
    "a caught exception": ("def f():\n    try:\n        g()\n    except KeyError:\n        pass\n",
                           "def f():\n    try:\n        g()\n    except ValueError:\n        pass\n"),
    "what a try covers": ("def f():\n    try:\n        g()\n        h()\n    except KeyError:\n        pass\n",
                          "def f():\n    try:\n        g()\n    except KeyError:\n        pass\n    h()\n"),
    "a local name that is seen": ("def f():\n    one = 1\n    return locals()\n", "def f():\n    two = 1\n    return locals()\n"),
    "a local name that is spoken": ("def f(frame):\n    one = 1\n    return frame.query('x > @one and two')\n",
                                    "def f(frame):\n    two = 1\n    return frame.query('x > @one and two')\n"),
    "the order of operands": ("def f(a, b):\n    return a - b\n", "def f(a, b):\n    return b - a\n"),
    "the order of local operands": ("def f():\n    a = g()\n    b = g()\n    return a - b\n",
                                    "def f():\n    a = g()\n    b = g()\n    return b - a\n"),
    "which names are assigned": ("def f():\n    a = g()\n    b = h()\n    return a\n",
                                 "def f():\n    b = g()\n    a = h()\n    return a\n"),
    "the name of an argument": ("def f(g):\n    return g(a=1, b=2)\n", "def f(g):\n    return g(b=1, a=2)\n"),
    "a format": ("def f(x):\n    return f'{x:.2f}'\n", "def f(x):\n    return f'{x:.3f}'\n"),
    "a comparison": ("def f(x):\n    return x < 1\n", "def f(x):\n    return x <= 1\n"),
    "an unpacking": ("def f(x):\n    a, *b = x\n    return a\n", "def f(x):\n    *b, a = x\n    return a\n"),
    "a slice": ("def f(x):\n    return x[1:]\n", "def f(x):\n    return x[:1]\n"),
    "the order of captured operands": (
        "def f():\n    a = g()\n    b = g()\n    return (lambda: a)(), (lambda: a - b), (lambda: b)()\n",
        "def f():\n    a = g()\n    b = g()\n    return (lambda: a)(), (lambda: b - a), (lambda: b)()\n"),
    "which variable is captured": (
        "def f():\n    a = g()\n    b = g()\n    return (lambda: a), (lambda: b), (lambda: a)\n",
        "def f():\n    a = g()\n    b = g()\n    return (lambda: a), (lambda: b), (lambda: b)\n"),
    "a generator": ("def f():\n    return 1\n", "def f():\n    return 1\n    yield\n"),
}


@pytest.mark.parametrize("name", SAME)
def test_what_compiles_to_the_same_is_the_same(name: str) -> None:
    old, new = SAME[name]
    assert same_code(old, new)
    assert same_code(new, old)


@pytest.mark.parametrize("name", OTHER)
def test_what_may_do_something_else_is_another(name: str) -> None:
    old, new = OTHER[name]
    assert not same_code(old, new)
    assert not same_code(new, old)


def test_parameters_of_inner_functions_may_be_renamed_where_nothing_says_their_names() -> None:
    old = "def f(n):\n    def g(x):\n        return x + n\n    return g(1)\n"
    new = "def f(n):\n    def add(y):\n        return y + n\n    return add(1)\n"
    assert same_code(old, new, alone=True)
    assert not same_code(old, new)
    assert not same_code(old.replace("g(1)", "g(x=1)"), new.replace("add(1)", "add(x=1)"), alone=True)
    assert not same_code(old.replace("f(n)", "f(m)").replace("+ n", "+ m"), old, alone=True)
    assert not same_code(old.replace("g(x)", "g(x, y)"), old.replace("g(x)", "g(y, x)"), alone=True)


def test_what_does_not_compile_is_never_the_same() -> None:
    assert not same_code("x = [", "x = [")
