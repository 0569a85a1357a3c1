"""Installed packages: used, unused, upgraded, passed on."""
from __future__ import annotations

from .model import change, dist

STATS = "== tinystats/__init__.py\ndef mean(values):\n    return sum(values) / len(values)\n"
STATS_2 = "== tinystats/__init__.py\ndef mean(values):\n    return sum(values) // len(values)\n"

CHANGES = [
    change("environment_unused_package", "skip", "A package that is imported, and used by nothing that the step uses.", """
import tinystats

def average():
    return tinystats.mean([1, 2])

def step():
    return 1
""", site=(dist("tinystats", "1.0", STATS), dist("tinystats", "2.0", STATS_2))),
    change("environment_used_in_helper_module", "rerun", "A package used by a helper two modules away.", """
from tools import average

def step():
    return average()
== tools.py
import tinystats as ts

def average():
    return ts.mean([1, 2])
""", site=(dist("tinystats", "1.0", STATS), dist("tinystats", "2.0", STATS_2))),
    change("environment_package_from_import", "rerun", "A function imported from the package.", """
from tinystats import mean as average

def step():
    return average([1, 2])
""", site=(dist("tinystats", "1.0", STATS), dist("tinystats", "2.0", STATS_2))),
    change("environment_package_inside_function", "rerun", "A package imported inside the function.", """
def step():
    import tinystats
    return tinystats.mean([1, 2])
""", site=(dist("tinystats", "1.0", STATS), dist("tinystats", "2.0", STATS_2))),
    change("environment_package_submodule", "rerun", "A module of a package, imported inside the function.", """
def step():
    from tinystats.core import mean
    return mean([1, 2])
""", site=(dist("tinystats", "1.0", STATS.replace("__init__", "core") + "== tinystats/__init__.py\n"),
           dist("tinystats", "2.0", STATS_2.replace("__init__", "core") + "== tinystats/__init__.py\n"))),
    change("environment_single_module_package", "rerun", "A package that is a single module.", """
import tinystats

def step():
    return tinystats.mean([1, 2])
""", site=(dist("tinystats", "1.0", STATS.replace("/__init__", "")),
           dist("tinystats", "2.0", STATS_2.replace("/__init__", "")))),
    change("environment_package_other_name", "rerun", "The distribution has another name than its module.", """
from tinystats import mean

def step():
    return mean([1, 2])
""", site=(dist("Tiny_Statistics", "1.0", STATS), dist("Tiny_Statistics", "2.0", STATS_2))),
    change("environment_namespace_package", "rerun", "One of two distributions that share a namespace.", """
from corp.stats import mean

def step():
    return mean([1, 2])
""", site=({**dist("corp-stats", "1.0", STATS.replace("tinystats/__init__", "corp/stats")),
            **dist("corp-text", "1.0", "== corp/text.py\n")},
           {**dist("corp-stats", "1.1", STATS_2.replace("tinystats/__init__", "corp/stats")),
            **dist("corp-text", "1.0", "== corp/text.py\n")})),
    change("environment_namespace_package_other", "skip", "The other of two distributions that share a namespace.", """
from corp.stats import mean

def step():
    return mean([1, 2])
""", site=({**dist("corp-stats", "1.0", STATS.replace("tinystats/__init__", "corp/stats")),
            **dist("corp-text", "1.0", "== corp/text.py\n")},
           {**dist("corp-stats", "1.0", STATS.replace("tinystats/__init__", "corp/stats")),
            **dist("corp-text", "1.1", "== corp/text.py\nX = 1\n")})),
    change("environment_package_decorator", "rerun", "A package's decorator on a helper.", """
from tinydeco import twice

@twice
def load():
    return 1

def step():
    return load()
""", site=(dist("tinydeco", "1.0", "== tinydeco.py\ndef twice(f):\n    return lambda: [f(), f()]\n"),
           dist("tinydeco", "1.1", "== tinydeco.py\ndef twice(f):\n    return lambda: [f(), f(), 0]\n"))),
    change("environment_function_below_package_decorator", "rerun", "A helper wrapped by a package's decorator.", """
from tinydeco import twice

@twice
def load():
    return 1

def step():
    return load()
""", ("return 1", "return 2"), category="direct",
           site=(dist("tinydeco", "1.0", "== tinydeco.py\ndef twice(f):\n    return lambda: [f(), f()]\n"),) * 2),
    change("environment_package_base_class", "rerun", "The base of a class comes from a package.", """
from tinybase import Base

class Job(Base):
    pass

def step():
    return Job().run()
""", site=(dist("tinybase", "1.0", "== tinybase.py\nclass Base:\n    def run(self):\n        return 1\n"),
           dist("tinybase", "1.1", "== tinybase.py\nclass Base:\n    def run(self):\n        return 2\n"))),
    change("environment_package_annotations_read", "rerun", "A package's base class reads the annotations.", """
from tinybase import Base

class Row(Base):
    age: int

def step():
    return Row.parse({"age": "3"})
""", ("age: int", "age: str"), category="annotation", site=(dist("tinybase", "1.0", """
== tinybase.py
class Base:
    @classmethod
    def parse(cls, raw):
        return {name: kind(raw[name]) for name, kind in cls.__annotations__.items()}
"""),) * 2),
    change("environment_package_decorator_reads_doc", "rerun", "A package's decorator reads the docstring.", '''
from tinyprompt import prompt

@prompt
def ask():
    """Be brief."""

def step():
    return ask()
''', ("Be brief.", "Be very brief."), category="docstring",
           site=(dist("tinyprompt", "1.0", "== tinyprompt.py\ndef prompt(f):\n    return lambda: f.__doc__\n"),) * 2),
    change("environment_package_decorator_reads_annotations", "rerun", "A package's decorator reads annotations.", """
from tinycast import cast

@cast
def double(value: int):
    return value * 2

def step():
    return double("2")
""", ("value: int", "value: str"), category="annotation", site=(dist("tinycast", "1.0", """
== tinycast.py
def cast(f):
    return lambda value: f(f.__annotations__["value"](value))
"""),) * 2),
    change("environment_package_instance", "rerun", "An instance of a package's class with its state.", """
from tinymodel import Model

model = Model(2)

def step():
    return model.predict(3)
""", ("Model(2)", "Model(4)"), category="data", site=(dist("tinymodel", "1.0", """
== tinymodel.py
class Model:
    def __init__(self, n):
        self.n = n

    def predict(self, x):
        return x * self.n
"""),) * 2),
    change("environment_package_instance_upgraded", "rerun", "A package whose instance is kept in a global.", """
from tinymodel import Model

model = Model(2)

def step():
    return model.predict(3)
""", site=(dist("tinymodel", "1.0", """
== tinymodel.py
class Model:
    def __init__(self, n):
        self.n = n

    def predict(self, x):
        return x * self.n
"""), dist("tinymodel", "1.1", """
== tinymodel.py
class Model:
    def __init__(self, n):
        self.n = n

    def predict(self, x):
        return x + self.n
"""))),
    change("environment_module_without_distribution", "rerun", "A loose module in site-packages is edited.", """
import loose

def step():
    return loose.double(2)
""", site=({"loose.py": "def double(x):\n    return x * 2\n"}, {"loose.py": "def double(x):\n    return x * 3\n"})),
    change("environment_package_installed", "rerun", "A package for which the code asks is installed.", """
try:
    import tinystats
except ImportError:
    tinystats = None

def step():
    return "fast" if tinystats else "slow"
""", site=({}, dist("tinystats", "1.0", STATS))),
    change("environment_package_installed_asked_inside", "rerun", "A package for which the function asks is installed.", """
def step():
    try:
        import tinystats
    except ImportError:
        return "slow"
    return "fast"
""", site=({}, dist("tinystats", "1.0", STATS))),
    change("environment_package_version_read", "rerun", "importlib.metadata gives the version.", """
from importlib.metadata import version

def step():
    return version("tinystats")
""", site=(dist("tinystats", "1.0", STATS), dist("tinystats", "1.1", STATS)), hard=True),
    change("environment_package_passed_as_value", "rerun", "A package's module is passed as a value.", """
import tinystats

def use(library):
    return library.mean([1, 2])

def step():
    return use(tinystats)
""", site=(dist("tinystats", "1.0", STATS), dist("tinystats", "2.0", STATS_2))),
    change("environment_package_in_default", "rerun", "A package's function as a default argument.", """
import tinystats

def use(values, how=tinystats.mean):
    return how(values)

def step():
    return use([1, 2])
""", site=(dist("tinystats", "1.0", STATS), dist("tinystats", "2.0", STATS_2))),
    change("environment_package_in_table", "rerun", "A package's function in a dispatch table.", """
import tinystats

HOW = {"mean": tinystats.mean, "max": max}

def step():
    return HOW["mean"]([1, 2])
""", site=(dist("tinystats", "1.0", STATS), dist("tinystats", "2.0", STATS_2))),
    change("environment_package_star_import", "rerun", "A star import from a package.", """
from tinystats import *

def step():
    return mean([1, 2])
""", site=(dist("tinystats", "1.0", STATS), dist("tinystats", "2.0", STATS_2))),
    change("environment_package_reexported", "rerun", "A package's function passed on by an own module.", """
from compat import mean

def step():
    return mean([1, 2])
== compat.py
from tinystats import mean
""", site=(dist("tinystats", "1.0", STATS), dist("tinystats", "2.0", STATS_2))),
    change("environment_package_constant", "rerun", "A constant computed by a package.", """
import tinystats

MEAN = tinystats.mean([1, 2])

def step():
    return MEAN
""", site=(dist("tinystats", "1.0", STATS), dist("tinystats", "2.0", STATS_2))),
    change("environment_upgraded_without_effect_on_constant", "skip", "An upgrade gives the same constant, and no code of it.", """
import tinystats

COUNT = tinystats.count([1, 2])

def step():
    return COUNT
""", site=(dist("tinystats", "1.0", "== tinystats.py\ndef count(values):\n    return len(values)\n"),
           dist("tinystats", "1.1", "== tinystats.py\ndef count(values):\n    return sum(1 for _ in values)\n")), hard=True),
]
