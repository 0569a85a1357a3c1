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
    change("dynamic_registry_of_subclasses", "rerun", "A class found through __subclasses__.", """
class Loader:
    pass

class Csv(Loader):
    name = "csv"

    def load(self):
        return [1]

def step():
    return {cls.name: cls().load() for cls in Loader.__subclasses__()}
""", ("return [1]", "return [2]")),
    change("dynamic_registry_of_subclasses_added", "rerun", "Another subclass appears in a module imported for that.", """
import plugins
from base import Loader

def step():
    return sorted(cls.__name__ for cls in Loader.__subclasses__())
== base.py
class Loader:
    pass
== plugins.py
from base import Loader

class Csv(Loader):
    pass
""", ("class Csv(Loader):\n    pass\n", "class Csv(Loader):\n    pass\n\nclass Tsv(Loader):\n    pass\n")),
    change("dynamic_registry_by_init_subclass", "rerun", "Subclasses register themselves.", """
class Loader:
    known = {}

    def __init_subclass__(cls):
        Loader.known[cls.__name__] = cls

class Csv(Loader):
    def load(self):
        return 1

def step():
    return Loader.known["Csv"]().load()
""", ("return 1", "return 2")),
    change("dynamic_registry_by_metaclass", "rerun", "A metaclass registers the classes.", """
KNOWN = []

class Meta(type):
    def __init__(cls, name, bases, namespace):
        super().__init__(name, bases, namespace)
        KNOWN.append(cls)

class Base(metaclass=Meta):
    def run(self):
        return "base"

class Clean(Base):
    def run(self):
        return "clean"

def step():
    return [cls().run() for cls in KNOWN]
""", ('"clean"', '"cleaned"')),
    change("dynamic_registry_list_append", "rerun", "A decorator appends to a list in another module.", """
import rules
from registry import RULES

def step():
    return [rule(5) for rule in RULES]
== registry.py
RULES = []

def rule(function):
    RULES.append(function)
    return function
== rules.py
from registry import rule

@rule
def positive(n):
    return n > 0

@rule
def even(n):
    return n % 2 == 0
""", ("n % 2 == 0", "n % 2 == 1")),
    change("dynamic_registry_function_added", "rerun", "One more function is registered.", """
import rules
from registry import RULES

def step():
    return [rule(5) for rule in RULES]
== registry.py
RULES = []

def rule(function):
    RULES.append(function)
    return function
== rules.py
from registry import rule

@rule
def positive(n):
    return n > 0
""", ("    return n > 0\n", "    return n > 0\n\n@rule\ndef negative(n):\n    return n < 0\n")),
    change("dynamic_plugins_by_pkgutil", "rerun", "All modules of a package are imported by pkgutil.", """
import importlib
import pkgutil

import plugins

def step():
    found = []
    for info in sorted(pkgutil.iter_modules(plugins.__path__), key=lambda info: info.name):
        found.append(importlib.import_module("plugins." + info.name).run())
    return found
== plugins/__init__.py
== plugins/a.py
def run():
    return "a"
== plugins/b.py
def run():
    return "b"
""", ('return "b"', 'return "bb"')),
    change("dynamic_plugin_module_added", "rerun", "A module appears in a package that is walked.", """
import importlib
import pkgutil

import plugins

def step():
    names = sorted(info.name for info in pkgutil.iter_modules(plugins.__path__))
    return [importlib.import_module("plugins." + name).run() for name in names]
== plugins/__init__.py
== plugins/a.py
def run():
    return "a"
""", {"plugins/b.py": 'def run():\n    return "b"\n'}),
    change("dynamic_import_module_constant", "rerun", "importlib.import_module with a constant.", """
from importlib import import_module

def step():
    return import_module("plugins.a").run()
== plugins/__init__.py
== plugins/a.py
def run():
    return "a"
""", ('return "a"', 'return "A"')),
    change("dynamic_dunder_import", "rerun", "__import__ with a constant.", """
def step():
    return __import__("tax").tax(2)
== tax.py
def tax(price):
    return price * 2
""", ("price * 2", "price * 3")),
    change("dynamic_import_from_table", "rerun", "The module's name is looked up in a table.", """
import importlib

ENGINES = {"fast": "engines.fast", "slow": "engines.slow"}
CHOSEN = "fast"

def step():
    return importlib.import_module(ENGINES[CHOSEN]).run()
== engines/__init__.py
== engines/fast.py
def run():
    return "fast"
== engines/slow.py
def run():
    return "slow"
""", ('return "fast"', 'return "faster"')),
    change("dynamic_import_by_dotted_path", "rerun", "A function named by a text `module:function` in a constant.", """
import importlib

TARGET = "jobs.clean:run"

def load(target):
    module, _, name = target.partition(":")
    return getattr(importlib.import_module(module), name)

def step():
    return load(TARGET)()
== jobs/__init__.py
== jobs/clean.py
def run():
    return 1
""", ("return 1", "return 2"), hard=True),
    change("dynamic_getattr_constant", "rerun", "getattr with a constant on a module.", """
import tax

def step():
    return getattr(tax, "levy")(3)
== tax.py
def levy(price):
    return price * 2
""", ("price * 2", "price * 3")),
    change("dynamic_getattr_computed", "rerun", "getattr with a computed name on a module.", """
import tax

def step():
    return [getattr(tax, "levy_" + kind)(3) for kind in ("low", "high")]
== tax.py
def levy_low(price):
    return price

def levy_high(price):
    return price * 2
""", ("price * 2", "price * 3")),
    change("dynamic_getattr_on_instance", "rerun", "A method chosen by a computed name.", """
class Visitor:
    def visit(self, node):
        return getattr(self, "visit_" + type(node).__name__)(node)

    def visit_int(self, node):
        return node + 1

    def visit_str(self, node):
        return node.upper()

def step():
    return [Visitor().visit(1), Visitor().visit("a")]
""", ("node + 1", "node + 2")),
    change("dynamic_globals_by_name", "rerun", "A function called through globals().", """
def run_a():
    return 1

def step():
    return globals()["run_" + "a"]()
""", ("return 1", "return 2")),
    change("dynamic_eval_text", "rerun", "eval of a constant that names a global.", """
RATE = 2

def step():
    return eval("RATE * 3")
""", ("RATE = 2", "RATE = 3")),
    change("dynamic_exec_text", "rerun", "The text that exec runs is a constant.", """
SOURCE = '''
def double(x):
    return x * 2
'''

def step():
    names = {}
    exec(SOURCE, names)
    return names["double"](4)
""", ("x * 2", "x * 3")),
    change("dynamic_exec_at_import", "rerun", "A function made by exec at import.", """
exec('''
def double(x):
    return x * 2
''')

def step():
    return double(4)
""", ("x * 2", "x * 3")),
    change("dynamic_locals_names", "rerun", "A local variable's name is seen through locals().", """
def step():
    low, high = 1, 2
    return "{low}-{high}".format(**locals()) + str(sorted(locals()))
""", ("low, high = 1, 2\n    return \"{low}-", "least, high = 1, 2\n    return \"{least}-")),
    change("dynamic_vars_of_module", "rerun", "All constants of a module through vars().", """
import config

def step():
    return {name: value for name, value in sorted(vars(config).items()) if name.isupper()}
== config.py
RATE = 2
""", ("RATE = 2\n", "RATE = 2\nLIMIT = 3\n")),
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
