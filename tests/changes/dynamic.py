"""Decorators, registries, computed names, patches, effects of an import: what no name leads to."""
from __future__ import annotations

from .model import change

DECORATED = """
from decorators import around

@around
def load():
    return [1, 2]

def step():
    return load()
== decorators.py
"""

CHANGES = [
    change("dynamic_decorator_without_wraps", "rerun", "The function within a wrapper that hides it.", DECORATED + """
def around(function):
    def wrapper():
        return function() + ["end"]
    return wrapper
""", ("[1, 2]", "[1, 3]")),
    change("dynamic_decorator_wrapper_body", "rerun", "The wrapper of a decorator in another module.", DECORATED + """
from functools import wraps

def around(function):
    @wraps(function)
    def wrapper(*args):
        return function(*args) + ["end"]
    return wrapper
""", ('["end"]', '["END"]')),
    change("dynamic_decorator_class_based", "rerun", "__call__ of a class used as a decorator.", DECORATED + """
class around:
    def __init__(self, function):
        self.function = function

    def __call__(self):
        return self.function() + ["end"]
""", ('["end"]', '["END"]')),
    change("dynamic_decorator_class_based_inner", "rerun", "The function kept by a class used as a decorator.",
           DECORATED + """
class around:
    def __init__(self, function):
        self.function = function

    def __call__(self):
        return self.function() + ["end"]
""", ("[1, 2]", "[1, 3]")),
    change("dynamic_decorator_outer_code", "rerun", "The decorator itself chooses what to return.", DECORATED + """
def around(function):
    return function
""", ("return function", "return lambda: function()[:1]")),
    change("dynamic_decorators_stacked", "rerun", "Two decorators change places.", """
def twice(function):
    return lambda: function() * 2

def plus(function):
    return lambda: function() + 1

@twice
@plus
def load():
    return 3

def step():
    return load()
""", ("@twice\n@plus", "@plus\n@twice")),
    change("dynamic_decorator_parametrised", "rerun", "An argument of a decorator in another module.", """
from decorators import repeat

@repeat(times=2)
def load():
    return "a"

def step():
    return load()
== decorators.py
def repeat(times):
    def decorate(function):
        return lambda: function() * times
    return decorate
""", ("times=2", "times=3")),
    change("dynamic_decorator_removed", "rerun", "A decorator is taken away.", """
def twice(function):
    return lambda: function() * 2

@twice
def load():
    return 3

def step():
    return load()
""", ("@twice\n", "")),
    change("dynamic_contextmanager", "rerun", "The body of a context manager.", """
from contextlib import contextmanager

LOG = []

@contextmanager
def logged(name):
    LOG.append("begin " + name)
    yield
    LOG.append("end " + name)

def step():
    with logged("x"):
        pass
    return LOG
""", ('"end " + name', '"done " + name')),
    change("dynamic_lru_cache", "rerun", "A cached function's body.", """
from functools import lru_cache

@lru_cache(maxsize=None)
def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)

def step():
    return fib(10)
""", ("n if n < 2", "1 if n < 2")),
    change("dynamic_singledispatch_new_type", "rerun", "An implementation for another type is registered.", """
from functools import singledispatch

@singledispatch
def show(value):
    return "?"

@show.register(int)
def _(value):
    return "int"

def step():
    return [show(1), show("a")]
""", ('    return "int"\n', '    return "int"\n\n@show.register(str)\ndef _(value):\n    return "str"\n')),
]
