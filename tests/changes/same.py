"""Edits after which a step does the same: renamed locals, moved code, code that can't run, unrelated code."""
from __future__ import annotations

from .model import change

CHANGES = [
    change("alpha_rename_parameter", "skip", "A parameter that is given by position.", """
def double(x):
    return x * 2

def step():
    return double(2)
""", ("double(x):\n    return x", "double(value):\n    return value"), hard=True),
    change("alpha_rename_private_function", "skip", "A private helper gets another name.", """
def _double(x):
    return x * 2

def step():
    return _double(2)
""", ("def _double", "def _twice"), ("return _double", "return _twice"), hard=True),
    change("alpha_rename_loop_variable", "skip", "The variable of a loop.", """
def step():
    found = []
    for i, v in enumerate("ab"):
        found.append([i, v])
    return found
""", ("for i, v", "for index, letter"), ("[i, v]", "[index, letter]"), hard=True),
    change("alpha_rename_comprehension_variable", "skip", "The variable of a comprehension.", """
def step():
    return [[x * y for x in (1, 2)] for y in (3, 4)]
""", ("[[x * y for x in (1, 2)] for y in (3, 4)]", "[[a * b for a in (1, 2)] for b in (3, 4)]"), hard=True),
    change("alpha_rename_exception_variable", "skip", "The variable of an except clause.", """
def step():
    try:
        raise ValueError("no")
    except ValueError as e:
        return str(e)
""", ("as e:", "as error:"), ("str(e)", "str(error)"), hard=True),
    change("alpha_rename_lambda_parameter", "skip", "The parameter of a lambda.", """
def step():
    return sorted([3, 1, 2], key=lambda v: -v)
""", ("lambda v: -v", "lambda number: -number"), hard=True),
    change("alpha_rename_with_target", "skip", "The target of a with statement.", """
import io

def step():
    with io.StringIO("a") as f:
        return f.read()
""", ("as f:", "as handle:"), ("f.read", "handle.read"), hard=True),
    change("alpha_rename_walrus_target", "skip", "The target of a walrus.", """
def step():
    if (n := len("abc")) > 2:
        return n
""", ("(n :=", "(length :="), ("return n", "return length"), hard=True),
    change("alpha_rename_match_capture", "skip", "A capture of a match.", """
def step():
    match [1, 2]:
        case [a, *more]:
            return [a, more]
""", ("case [a, *more]", "case [first, *rest]"), ("return [a, more]", "return [first, rest]"), hard=True, python=(3, 10)),
    change("alpha_rename_nested_function", "skip", "A nested function and its variable.", """
def step():
    def f(x):
        return x + base
    base = 2
    return f(1)
""", ("def f(x):\n        return x + base\n    base = 2\n    return f(1)",
      "def add(n):\n        return n + start\n    start = 2\n    return add(1)"), hard=True),
    change("alpha_rename_self", "skip", "self is called this.", """
class Box:
    size = 2

    def twice(self):
        return self.size * 2

def step():
    return Box().twice()
""", ("twice(self):\n        return self.size", "twice(this):\n        return this.size"), hard=True),
    change("alpha_rename_star_parameters", "skip", "*args and **kwargs get other names.", """
def show(*args, **kwargs):
    return [list(args), kwargs]

def step():
    return show(1, a=2)
""", ("show(*args, **kwargs)", "show(*values, **options)"), ("[list(args), kwargs]", "[list(values), options]"), hard=True),
    change("alpha_rename_import_alias", "skip", "The alias of an imported module.", """
import statistics as st

def step():
    return st.mean([1, 3])
""", ("import statistics as st", "import statistics as stats"), ("st.mean", "stats.mean"), hard=True),
    change("alpha_rename_constant", "skip", "A private constant.", """
_N = 3

def step():
    return _N
""", ("_N = 3", "_LIMIT = 3"), ("return _N", "return _LIMIT"), hard=True),
    change("alpha_rename_keyword_parameter", "rerun", "A parameter is renamed that a caller names, so the call fails.", """
def double(x):
    return x * 2

def step():
    try:
        return double(x=2)
    except TypeError:
        return "wrong call"
""", ("double(x):\n    return x", "double(value):\n    return value")),
    change("alpha_rename_keyword_from_dict", "rerun", "A parameter is renamed that a dict of arguments names.", """
def double(x=1, **more):
    return x * 2

OPTIONS = {"x": 4}

def step():
    return double(**OPTIONS)
""", ("double(x=1, **more):\n    return x", "double(value=1, **more):\n    return value")),
    change("alpha_rename_keyword_in_partial", "rerun", "A parameter is renamed that a partial names.", """
from functools import partial

def double(x=1, **more):
    return x * 2

four = partial(double, x=2)

def step():
    return four()
""", ("double(x=1, **more):\n    return x", "double(value=1, **more):\n    return value")),
    change("alpha_rename_function_name_read", "rerun", "The name of a function is read.", """
def clean():
    return 1

def step():
    return clean.__name__
""", ("def clean", "def tidy"), ("return clean", "return tidy")),
    change("alpha_rename_function_name_read_elsewhere", "rerun", "A helper reads the name of what it is given.", """
from report import label

def clean():
    return 1

def step():
    return label(clean)
== report.py
def label(function):
    return function.__name__.upper()
""", ("def clean", "def tidy"), ("label(clean)", "label(tidy)")),
    change("alpha_rename_class_name_read", "rerun", "The name of a class is read by its base.", """
class Base:
    def label(self):
        return type(self).__name__

class Clean(Base):
    pass

def step():
    return Clean().label()
""", ("class Clean", "class Tidy"), ("return Clean()", "return Tidy()")),
    change("alpha_rename_private_method", "rerun", "A method gets the name of an inherited one that is called.", """
class Base:
    def size(self):
        return 1

    def show(self):
        return self.size()

class Box(Base):
    def _size(self):
        return 2

def step():
    return Box().show()
""", ("def _size", "def size")),
    change("alpha_rename_collides_with_global", "rerun", "A local is renamed on one side only, so a global is meant.", """
total = 100

def step():
    total = 1
    for n in (1, 2):
        total = total + n
    return total
""", ("    total = 1\n", "    result = 1\n"), ("        total = total + n\n", "        result = result + n\n")),
]
