"""Constants in patterns and formats, values captured by defaults and closures, variables by computed names."""
from __future__ import annotations

from .model import change

CHANGES = [
    change("data_match_constant", "rerun", "A dotted constant in a pattern.", """
import config

def step():
    match 3:
        case config.LIMIT:
            return "limit"
        case _:
            return "other"
== config.py
LIMIT = 3
""", ("LIMIT = 3", "LIMIT = 4"), python=(3, 10)),
    change("data_environment_name_in_constant", "rerun", "The variable's name is a constant.", """
import os

NAME = "WORK_MODE"

def step():
    return os.environ.get(NAME, "none")
""", env=({"WORK_MODE": "a"}, {"WORK_MODE": "b"})),
    change("data_environment_membership", "rerun", "A variable that is only asked for.", """
from os import environ

def step():
    return "WORK_MODE" in environ
""", env=({}, {"WORK_MODE": "b"}), hard=True),
    change("data_environment_name_passed", "rerun", "The variable's name is an argument.", """
import os

def setting(name):
    return os.environ["WORK_" + name]

def step():
    return setting("MODE")
""", env=({"WORK_MODE": "a"}, {"WORK_MODE": "b"}), hard=True),
    change("data_format_width_global", "rerun", "A global in an f-string's format specification.", """
WIDTH = 4

def step():
    return f"{1:>{WIDTH}}"
""", ("WIDTH = 4", "WIDTH = 5")),
    change("data_self_import", "rerun", "A constant through an import of the module itself.", """
LIMIT = 3

def step():
    import work
    return work.LIMIT
""", ("LIMIT = 3", "LIMIT = 4")),
    change("data_class_default_argument", "rerun", "An own class as a default argument.", """
class Box:
    size = 1

def make(kind=Box):
    return kind().size

def step():
    return make()
""", ("size = 1", "size = 2")),
    change("data_lambda_default_argument", "rerun", "A lambda as a default argument.", """
def make(key=lambda n: -n):
    return sorted([1, 2], key=key)

def step():
    return make()
""", ("lambda n: -n", "lambda n: n")),
    change("data_closure_over_function", "rerun", "A closure holds an own function.", """
def compose(*functions):
    def run(value):
        for function in functions:
            value = function(value)
        return value
    return run

def double(x):
    return x * 2

both = compose(double, str)

def step():
    return both(2)
""", ("x * 2", "x * 3")),
    change("text_function_shifted", "skip", "Lines above shift lambdas and closures.", """
ADD = {"a": lambda x: x + 1, "b": lambda x: x + 2}

def make():
    return [lambda: n for n in range(2)]

MADE = make()

def step():
    return [ADD["a"](1), ADD["b"](1), [f() for f in MADE]]
""", ("ADD = {", "# one\n\n# two\nADD = {")),
]
