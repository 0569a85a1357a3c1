"""Patches and effects of an import, and callbacks."""
from __future__ import annotations

from .model import change

CHANGES = [
    change("dynamic_sys_modules", "rerun", "A module reached through sys.modules.", """
import sys

import tax

def step():
    return sys.modules["tax"].levy(3)
== tax.py
def levy(price):
    return price * 2
""", ("price * 2", "price * 3")),
    change("dynamic_methodcaller", "rerun", "operator.methodcaller names a method.", """
from operator import methodcaller

class Item:
    def price(self):
        return 2

    def cost(self):
        return 1

get = methodcaller("price")

def step():
    return get(Item())
""", ("return 2", "return 3")),
    change("dynamic_attrgetter_name", "rerun", "The name that operator.attrgetter holds.", """
from operator import attrgetter

class Item:
    price = 2
    cost = 1

get = attrgetter("price")

def step():
    return get(Item)
""", ('attrgetter("price")', 'attrgetter("cost")')),
    change("dynamic_monkeypatched_stdlib", "rerun", "A module replaces a function of the standard library.", """
import math

import patches

def step():
    return math.floor(2.5)
== patches.py
import math

def floor(value):
    return -1

math.floor = floor
""", ("return -1", "return -2")),
    change("dynamic_monkeypatched_own_class", "rerun", "A method is put on a class from outside.", """
import patch
from model import Model

def step():
    return Model().run()
== model.py
class Model:
    def run(self):
        return "plain"
== patch.py
from model import Model

def run(self):
    return "patched"

Model.run = run
""", ('"patched"', '"better"')),
    change("dynamic_monkeypatched_module_function", "rerun", "A function of an own module is replaced at import.", """
import setup
import tools

def step():
    return tools.load()
== tools.py
def load():
    return "file"
== setup.py
import tools

tools.load = lambda: "memory"
""", ('lambda: "memory"', 'lambda: "cache"')),
    change("dynamic_decimal_precision", "rerun", "The decimal context is set at import.", """
import decimal

decimal.getcontext().prec = 6

def step():
    return str(decimal.Decimal(1) / decimal.Decimal(7))
""", ("prec = 6", "prec = 9")),
    change("dynamic_decimal_precision_elsewhere", "rerun", "The decimal context is set in an imported module.", """
import decimal

import precision

def step():
    return str(decimal.Decimal(1) / decimal.Decimal(7))
== precision.py
from decimal import getcontext

getcontext().prec = 6
""", ("prec = 6", "prec = 9")),
    change("dynamic_random_seed_at_import", "rerun", "The seed is set when the module is imported.", """
import random

random.seed(1)

def step():
    return random.randint(0, 10**9)
""", ("seed(1)", "seed(2)")),
    change("dynamic_environ_set_at_import", "rerun", "A variable is set at import and read by the step.", """
import os

os.environ["WORK_MODE"] = "a"

def step():
    return os.environ["WORK_MODE"]
""", ('= "a"', '= "b"')),
    change("dynamic_recursion_limit", "rerun", "The recursion limit is set at import.", """
import sys

sys.setrecursionlimit(2000)

def depth(n):
    return 0 if n == 0 else 1 + depth(n - 1)

def step():
    try:
        return depth(900)
    except RecursionError:
        return "too deep"
""", ("limit(2000)", "limit(500)")),
    change("dynamic_callback_in_instance", "rerun", "A callback kept in the state of an instance.", """
class Pipeline:
    def __init__(self, *stages):
        self.stages = stages

    def run(self, value):
        for stage in self.stages:
            value = stage(value)
        return value

def double(x):
    return x * 2

pipeline = Pipeline(double, str)

def step():
    return pipeline.run(3)
""", ("x * 2", "x * 3")),
    change("dynamic_method_returned_object", "rerun", "The method of an object that a factory makes.", """
from factory import make

def step():
    return make("x").run()
== factory.py
from kinds import Kind

def make(name):
    return Kind()
== kinds.py
class Kind:
    def run(self):
        return 1
""", ("return 1", "return 2")),
    change("dynamic_pickled_class", "rerun", "A class named by a pickle that the step makes and loads.", """
import pickle

from model import Model

def step():
    return pickle.loads(pickle.dumps(Model())).value
== model.py
class Model:
    def __init__(self):
        self.value = 1

    def __setstate__(self, state):
        self.value = 5
""", ("self.value = 5", "self.value = 6"),
           ("self.value = 1", "self.value = 1\n        self.more = 2")),
    change("dynamic_thread_pool", "rerun", "A function handed to a pool.", """
from concurrent.futures import ThreadPoolExecutor

def work(n):
    return n * 2

def step():
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(work, [1, 2]))
""", ("n * 2", "n * 3")),
    change("dynamic_atexit_order_of_imports", "rerun", "Two imports whose order decides a constant.", """
import first
import second
import shared

def step():
    return shared.LOG
== shared.py
LOG = []
== first.py
import shared

shared.LOG.append("first")
== second.py
import shared

shared.LOG.append("second")
""", ("import first\nimport second\n", "import second\nimport first\n")),
    change("dynamic_warnings_filter", "rerun", "A warning filter set at import decides how the step ends.", """
import warnings

warnings.simplefilter("ignore")

def step():
    try:
        warnings.warn("old")
    except UserWarning:
        return "raised"
    return "quiet"
""", ('"ignore"', '"error"')),
    change("dynamic_builtins_patched", "rerun", "A function put into builtins.", """
import builtins

builtins.unit = lambda: 1

def step():
    return unit()
""", ("lambda: 1", "lambda: 2")),
]
