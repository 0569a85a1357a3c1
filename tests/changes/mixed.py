"""Cases that join several things: order of definitions, patches, nested scopes, what the stdlib calls back."""
from __future__ import annotations

from .model import change

CHANGES = [
    change("helper_import_inside_for_its_effect", "rerun", "A module imported inside the step registers functions.", """
from registry import RULES

def step():
    import rules  # noqa: F401
    return [rule(5) for rule in RULES]
== registry.py
RULES = []
== rules.py
from registry import RULES

def even(n):
    return n % 2 == 0

RULES.append(even)
""", ("n % 2 == 0", "n % 2 == 1")),
    change("dynamic_name_shadowed_in_computed_import", "rerun", "A parameter hides a global of the same name.", """
import importlib

name = "a"

def load(name):
    return importlib.import_module("plugins." + name).run()

def step():
    return load("b")
== plugins/__init__.py
== plugins/a.py
def run():
    return "a"
== plugins/b.py
def run():
    return "b"
""", ('return "b"', 'return "bb"')),
    change("dynamic_setattr_in_loop", "rerun", "Methods are put on a class by a loop.", """
class Model:
    pass

def run(self):
    return 1

for name, function in {"run": run}.items():
    setattr(Model, name, function)

def step():
    return Model().run()
""", ("return 1", "return 2")),
    change("dynamic_method_redecorated", "rerun", "A method is wrapped after the class.", """
class Model:
    def run(self):
        return 1

def twice(function):
    return lambda self: function(self) * 2

Model.run = twice(Model.run)

def step():
    return Model().run()
""", ("* 2", "* 3")),
    change("dynamic_method_on_instance", "rerun", "A function bound to one instance.", """
import types

class Model:
    def run(self):
        return 0

def run(self):
    return 1

model = Model()
model.run = types.MethodType(run, model)

def step():
    return model.run()
""", ("return 1", "return 2")),
    change("dynamic_getmembers", "rerun", "All functions of a module by inspect.getmembers.", """
import inspect

import checks

def step():
    return [f() for name, f in inspect.getmembers(checks, inspect.isfunction) if name.startswith("check_")]
== checks.py
def check_a():
    return 1

def check_b():
    return 2
""", ("return 2", "return 3")),
    change("dynamic_getattr_on_own_module", "rerun", "getattr(sys.modules[__name__], ...).", """
import sys

def run_a():
    return 1

def step():
    return getattr(sys.modules[__name__], "run_" + "a")()
""", ("return 1", "return 2")),
    change("dynamic_module_dict", "rerun", "module.__dict__ by a computed name.", """
import tax

def step():
    return tax.__dict__["le" + "vy"](3)
== tax.py
def levy(price):
    return price * 2
""", ("price * 2", "price * 3")),
    change("dynamic_json_encoder", "rerun", "json calls default of an own encoder.", """
import json

class Encoder(json.JSONEncoder):
    def default(self, value):
        return sorted(value)

def step():
    return json.dumps({1, 2}, cls=Encoder)
""", ("sorted(value)", "sorted(value)[:1]")),
    change("dynamic_node_visitor", "rerun", "ast.NodeVisitor calls a method by name.", """
import ast

class Names(ast.NodeVisitor):
    def __init__(self):
        self.names = []

    def visit_Name(self, node):
        self.names.append(node.id)

def step():
    visitor = Names()
    visitor.visit(ast.parse("a + b"))
    return visitor.names
""", ("append(node.id)", "append(node.id * 2)")),
    change("dynamic_argparse_type", "rerun", "argparse calls the type function of an option.", """
import argparse

def kilo(text):
    return int(text) * 1000

PARSER = argparse.ArgumentParser()
PARSER.add_argument("--size", type=kilo)

def step():
    return PARSER.parse_args(["--size", "2"]).size
""", ("* 1000", "* 1024")),
    change("dynamic_effect_of_package_init", "rerun", "The parent package sets the precision when its module is imported.", """
from shop.core import share

def step():
    return share()
== shop/__init__.py
import decimal

decimal.getcontext().prec = 6
== shop/core.py
from decimal import Decimal

def share():
    return str(Decimal(1) / 7)
""", ("prec = 6", "prec = 9")),
    change("dynamic_constant_set_from_other_module", "rerun", "A module sets a constant of another one.", """
import config
import setup

def step():
    return config.LIMIT
== config.py
LIMIT = 1
== setup.py
import config

config.LIMIT = 5
""", ("LIMIT = 5", "LIMIT = 6")),
    change("dynamic_function_attribute", "rerun", "An attribute of a function.", """
def run():
    return run.factor * 2

run.factor = 3

def step():
    return run()
""", ("factor = 3", "factor = 4")),
    change("dynamic_source_read", "rerun", "inspect.getsource sees a comment.", """
import inspect

def one():
    return 1  # one

def step():
    return inspect.getsource(one)
""", ("# one", "# uno")),
    change("dynamic_line_number_read", "rerun", "A line number is returned, and a line is added above.", """
import sys

def step():
    return sys._getframe().f_lineno
""", ("def step", "\n\ndef step"), hard=True),
    change("dynamic_code_object_read", "rerun", "The names of local variables by __code__.", """
def one():
    total = 1
    return total

def step():
    return one.__code__.co_varnames
""", ("    total = 1\n    return total", "    result = 1\n    return result")),
    change("dynamic_module_name_read", "rerun", "A module returns its own name, and is renamed.", """
from tools import name

def step():
    return name()
== tools.py
def name():
    return __name__
""", {"tools.py": None, "gear.py": "def name():\n    return __name__\n"}, ("from tools", "from gear")),
    change("refactor_logger_named_after_module", "skip", "A function with a module's logger moves.", """
from tools import one

def step():
    return one()
== tools.py
import logging

log = logging.getLogger(__name__)

def one():
    log.debug("one")
    return 1
""", {"tools.py": None, "gear.py": """import logging

log = logging.getLogger(__name__)

def one():
    log.debug("one")
    return 1
"""}, ("from tools", "from gear"), hard=True),
    change("unrelated_overload_stub", "skip", "A stub under @overload.", """
from typing import overload

@overload
def one(n: int) -> int: ...
@overload
def one(n: str) -> str: ...
def one(n):
    return n

def step():
    return one(1)
""", ("def one(n: str) -> str: ...", "def one(n: bytes) -> bytes: ...")),
    change("unrelated_first_of_two_definitions", "skip", "A function is defined twice, and the first changes.", """
def one():
    return 0

def one():
    return 1

def step():
    return one()
""", ("return 0", "return 5")),
    change("direct_second_of_two_definitions", "rerun", "A function is defined twice, and the second changes.", """
def one():
    return 0

def one():
    return 1

def step():
    return one()
""", ("return 1", "return 5")),
    change("unrelated_type_checking_else", "skip", "The branch for type checkers.", """
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    Number = int
else:
    Number = float

def step():
    return Number("3")
""", ("Number = int", "Number = complex")),
]
