"""What a step may be, and what decides how it is called."""
from __future__ import annotations

from .model import change

CHANGES = [
    change("direct_optimize_flag", "rerun", "python -O drops an assertion that the step counts on.", """
def step():
    try:
        assert False
    except AssertionError:
        return "checked"
    return "unchecked"
""", category="environment", flags=("", "-O")),
    change("direct_optimize_flag_unused", "skip", "python -O, without assertions or __debug__.", """
def step():
    return 1
""", category="environment", flags=("", "-O")),
    change("direct_keyword_only_marker", "rerun", "A parameter becomes keyword-only, so the call fails.", """
def area(width, height=1):
    return width * height

def step():
    try:
        return area(2, 3)
    except TypeError:
        return "wrong call"
""", ("width, height=1", "width, *, height=1")),
    change("direct_positional_only_marker", "rerun", "A parameter becomes positional-only, so a keyword goes to **more.", """
def area(width, **more):
    return [width, more]

def step():
    try:
        return area(1, width=2)
    except TypeError:
        return "twice"
""", ("width, **more", "width, /, **more")),
    change("direct_lambda_default", "rerun", "A default of a lambda binds early.", """
def step():
    return [f() for f in [lambda: n for n in range(3)]]
""", ("lambda: n for", "lambda n=n: n for")),
    change("direct_nested_function_default", "rerun", "A default of a nested function.", """
def step():
    def scale(x, by=2):
        return x * by
    return scale(3)
""", ("by=2", "by=4")),
    change("direct_nested_class_method", "rerun", "A method of a class within the step.", """
def step():
    class Point:
        x = 1

        def double(self):
            return self.x * 2
    return Point().double()
""", ("self.x * 2", "self.x * 3")),
    change("direct_large_number", "rerun", "The last digit of a large number.", """
def step():
    return 12345678901234567890
""", ("345678901", "345678902")),
    change("direct_negative_zero", "rerun", "0.0 becomes -0.0.", """
def step():
    return 0.0
""", ("return 0.0", "return -0.0")),
    change("direct_unicode_normalisation", "rerun", "Two texts that look alike.", """
def step():
    return "caf\u00e9"
""", ("caf\u00e9", "cafe\u0301")),
    change("direct_type_parameters", "rerun", "The body of a generic function of Python 3.12.", """
def first[T](values: list[T]) -> T:
    return values[0]

def step():
    return first([1, 2])
""", ("values[0]", "values[1]"), python=(3, 12)),
    change("direct_type_alias", "rerun", "A `type` statement is read.", """
type Number = int

def step():
    return Number.__value__.__name__
""", ("type Number = int", "type Number = float"), python=(3, 12)),
    change("direct_except_group", "rerun", "except* of Python 3.11.", """
def step():
    found = []
    try:
        raise ExceptionGroup("g", [ValueError(1), KeyError(2)])
    except* ValueError:
        found.append("value")
    except* KeyError:
        found.append("key")
    return found
""", ('append("key")', 'append("name")'), python=(3, 11)),
    change("direct_decorated_step", "rerun", "The step itself is wrapped by an own decorator that changes the result.", """
def rounded(function):
    def wrapper():
        return round(function(), 1)
    return wrapper

@rounded
def step():
    return 1.2345
""", ("function(), 1)", "function(), 2)")),
    change("direct_step_is_partial", "rerun", "The step is a partial of a function.", """
from functools import partial

def run(n):
    return n * 2

step = partial(run, 2)
""", ("n * 2", "n * 3")),
    change("direct_step_is_instance", "rerun", "The step is an instance with __call__.", """
class Run:
    def __init__(self, n):
        self.n = n

    def __call__(self):
        return self.n * 2

step = Run(2)
""", ("self.n * 2", "self.n * 3")),
    change("direct_step_is_lambda", "rerun", "The step is a lambda.", """
step = lambda: 1 + 1
""", ("1 + 1", "1 + 2")),
    change("direct_step_is_bound_method", "rerun", "The step is a bound method.", """
class Run:
    n = 2

    def go(self):
        return self.n * 2

step = Run().go
""", ("n = 2", "n = 3")),
    change("direct_step_is_class", "rerun", "The step is a class that makes a dict.", """
class step(dict):
    def __init__(self):
        super().__init__(a=1)
""", ("a=1", "a=2")),
    change("direct_step_imported", "rerun", "work.py only imports the step.", """
from jobs.clean import run as step
== jobs/clean.py
def run():
    return 1
""", ("return 1", "return 2")),
]
