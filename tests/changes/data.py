"""Constants, captured values, defaults, dispatch tables: what code is given, not what it does."""
from __future__ import annotations

from .model import change

CHANGES = [
    change("data_tuple_element", "rerun", "An element of a module-level tuple.", """
COLUMNS = ("a", "b")

def step():
    return list(COLUMNS)
""", ('"b"', '"c"')),
    change("data_set_constant", "rerun", "A set of stop words.", """
STOP = {"a", "the"}

def step():
    return [word for word in "the cat sat on a mat".split() if word not in STOP]
""", ('{"a", "the"}', '{"a", "the", "on"}')),
    change("data_nested_dict", "rerun", "A value deep in a settings dict.", """
SETTINGS = {"train": {"steps": [1, 2, {"rate": 0.1}]}}

def step():
    return SETTINGS["train"]["steps"][2]["rate"]
""", ("0.1", "0.2")),
    change("data_dict_order", "rerun", "The order of a dict, through which the step goes.", """
SIZES = {"small": 1, "large": 2}

def step():
    return list(SIZES)
""", ('{"small": 1, "large": 2}', '{"large": 2, "small": 1}')),
    change("data_computed_constant", "rerun", "A constant computed from another in another module.", """
from base import HOURS

MINUTES = HOURS * 60

def step():
    return MINUTES
== base.py
HOURS = 24
""", ("HOURS = 24", "HOURS = 12")),
    change("data_constant_kind", "rerun", "1 becomes True, which JSON shows.", """
FLAG = 1

def step():
    return FLAG
""", ("FLAG = 1", "FLAG = True")),
    change("data_int_becomes_float", "rerun", "1 becomes 1.0, which JSON shows.", """
RATE = 1

def step():
    return RATE * 3
""", ("RATE = 1", "RATE = 1.0")),
    change("data_closure_cell", "rerun", "The value captured by a closure.", """
def times(n):
    def multiply(x):
        return x * n
    return multiply

triple = times(3)

def step():
    return triple(2)
""", ("times(3)", "times(4)")),
    change("data_closure_counter", "rerun", "The first value of a nonlocal counter.", """
def counter(start):
    count = start
    def tick():
        nonlocal count
        count += 1
        return count
    return tick

tick = counter(10)

def step():
    return [tick(), tick()]
""", ("counter(10)", "counter(20)")),
    change("data_default_from_constant", "rerun", "A default argument taken from a constant of another module.", """
from config import LIMIT

def top(values, limit=LIMIT):
    return sorted(values)[:limit]

def step():
    return top([3, 1, 2])
== config.py
LIMIT = 2
""", ("LIMIT = 2", "LIMIT = 1")),
    change("data_default_mutable", "rerun", "A mutable default argument.", """
def collect(value, into=[0]):
    into.append(value)
    return into

def step():
    return collect(1)
""", ("into=[0]", "into=[5]")),
    change("data_default_keyword_only", "rerun", "A keyword-only default.", """
def join(values, *, separator=","):
    return separator.join(values)

def step():
    return join("abc")
""", ('separator=","', 'separator=";"')),
    change("data_partial_of_partial", "rerun", "The inner one of two partials.", """
from functools import partial

def show(a, b, c):
    return [a, b, c]

one = partial(show, 1)
two = partial(one, 2)

def step():
    return two(3)
""", ("partial(show, 1)", "partial(show, 9)")),
    change("data_partial_keyword", "rerun", "A keyword of a partial of a builtin.", """
from functools import partial

parse = partial(int, base=16)

def step():
    return parse("10")
""", ("base=16", "base=8")),
    change("data_bound_method", "rerun", "A bound method kept in a global: the state of its object.", """
class Scale:
    def __init__(self, factor):
        self.factor = factor

    def apply(self, value):
        return self.factor * value

apply = Scale(2).apply

def step():
    return apply(5)
""", ("Scale(2)", "Scale(3)")),
    change("data_bound_method_of_builtin", "rerun", "A bound method of a list or pattern.", """
import re

find = re.compile("[0-9]+").findall

def step():
    return find("a1b22")
""", ('"[0-9]+"', '"[0-9]"')),
    change("data_bound_method_of_dict", "rerun", "dict.get as a function.", """
price = {"tea": 2, "coffee": 3}.get

def step():
    return [price("tea"), price("milk", 0)]
""", ('"tea": 2', '"tea": 4')),
    change("data_lambdas_on_one_line", "rerun", "One of several lambdas of a line.", """
first, second, third = (lambda x: x), (lambda x: x + 1), (lambda x: x + 2)

def step():
    return [first(1), second(1), third(1)]
""", ("x + 2", "x + 3")),
    change("data_lambdas_on_one_line_swapped", "rerun", "Two lambdas of a line change places.", """
ACTIONS = {"up": lambda x: x + 1, "down": lambda x: x - 1}

def step():
    return ACTIONS["up"](1)
""", ('"up": lambda x: x + 1, "down": lambda x: x - 1', '"up": lambda x: x - 1, "down": lambda x: x + 1')),
    change("data_dispatch_by_list", "rerun", "A list of functions, applied in turn.", """
def strip(text):
    return text.strip()

def lower(text):
    return text.lower()

def cut(text):
    return text[:3]

STAGES = [strip, lower, cut]

def step():
    text = "  ABCDE "
    for stage in STAGES:
        text = stage(text)
    return text
""", ("[strip, lower, cut]", "[cut, strip, lower]")),
    change("data_dispatch_by_class", "rerun", "A dict of classes.", """
class Csv:
    def write(self):
        return "a,b"

class Tsv:
    def write(self):
        return "a\\tb"

WRITERS = {"csv": Csv, "tsv": Tsv}

def step():
    return WRITERS["tsv"]().write()
""", ('"tsv": Tsv', '"tsv": Csv')),
    change("data_dispatch_edited_in_module", "rerun", "A dispatch table is filled by an assignment below it.", """
TABLE = {}

def one():
    return 1

def two():
    return 2

TABLE["x"] = one

def step():
    return TABLE["x"]()
""", ('TABLE["x"] = one', 'TABLE["x"] = two')),
]
