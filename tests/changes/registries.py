"""Registries, plugins and names that are computed."""
from __future__ import annotations

from .model import change

CHANGES = [
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
]
