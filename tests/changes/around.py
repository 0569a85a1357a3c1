"""Packages, the interpreter, checkouts, written files, and code beside what the step uses."""
from __future__ import annotations

from .model import change, dist

STATS = "== tinystats/__init__.py\ndef mean(values):\n    return sum(values) / len(values)\n"
STATS_2 = "== tinystats/__init__.py\ndef mean(values):\n    return sum(values) // len(values)\n"
USES = """
def step():
    return 1
"""

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
    change("checkout_root_constant", "skip", "ROOT = Path(__file__).parent, elsewhere.", """
from pathlib import Path

ROOT = Path(__file__).resolve().parent
DATA = ROOT / "data"

def step():
    return (DATA / "a.txt").read_text()
== data/a.txt
a
""", relocate=True),
    change("checkout_root_as_text", "skip", "A folder as a text made by os.path.", """
import os

HERE = os.path.dirname(os.path.abspath(__file__))
FILES = [os.path.join(HERE, name) for name in ("a.txt", "b.txt")]

def step():
    return [os.path.basename(name) for name in FILES]
""", relocate=True),
    change("checkout_root_in_default", "skip", "The root in a default argument.", """
from pathlib import Path

def load(name, root=Path(__file__).parent / "data"):
    return (root / name).read_text()

def step():
    return load("a.txt")
== data/a.txt
a
""", relocate=True),
    change("checkout_root_in_class", "skip", "The root in a class attribute and an instance.", """
from pathlib import Path

class Config:
    root = Path(__file__).parent

    def __init__(self, root):
        self.data = root / "data"

CONFIG = Config(Config.root)

def step():
    return CONFIG.data.name
""", relocate=True),
    change("checkout_root_in_f_string", "skip", "The root within a text.", """
import os

ROOT = os.path.dirname(os.path.abspath(__file__))
COMMAND = f"--input={ROOT}/data --fast"

def step():
    return COMMAND.endswith("--fast")
""", relocate=True, hard=True),
    change("checkout_root_in_closure", "skip", "The root in a closure.", """
import os

def loader(root):
    def load(name):
        with open(os.path.join(root, name)) as handle:
            return handle.read()
    return load

load = loader(os.path.dirname(os.path.abspath(__file__)))

def step():
    return load("a.txt")
== a.txt
a
""", relocate=True),
    change("checkout_hash_seed_sets", "skip", "Sets, frozensets and dicts of sets, under another hash seed.", """
STOP = {"a", "an", "the", "of"}
GROUPS = {"x": frozenset(STOP), "y": {("a", "b"), ("c", "d"), ("e", "f")}}
NAMES = frozenset({frozenset({"a", "b"}), frozenset({"c", "d"})})

def step():
    found = {word for word in ("a", "b", "the") if word in {"a", "the"}}
    return [len(STOP), sorted(GROUPS["y"]), len(NAMES), sorted(found)]
""", hashseed=("1", "2")),
    change("checkout_hash_seed_enum_set", "skip", "A set of enum members and functions, under another hash seed.", """
from enum import Enum

class Color(Enum):
    RED = 1
    BLUE = 2

def one():
    return 1

def two():
    return 2

WARM = {Color.RED, Color.BLUE}
ALL = {one, two}

def step():
    return [len(WARM), sum(f() for f in ALL)]
""", hashseed=("1", "2")),
    change("checkout_hash_seed_class_state", "skip", "Objects whose state holds sets, under another hash seed.", """
class Rules:
    names = {"a", "b", "c"}

    def __init__(self, *words):
        self.words = set(words)

RULES = [Rules("x", "y", "z")]

def step(rules=RULES):
    return sorted(rules[0].words | rules[0].names)
""", hashseed=("1", "2")),
    change("checkout_dict_from_set", "skip", "A logger, a lock and a compiled pattern as globals.", """
import logging
import re
import threading

log = logging.getLogger(__name__)
lock = threading.Lock()
WORD = re.compile("[a-z]+")

def step():
    with lock:
        log.info("run")
        return WORD.findall("ab 1 c")
""", hashseed=("1", "2"), relocate=True),
    change("checkout_object_default", "skip", "A sentinel object() as a default.", """
MISSING = object()

def get(row, key, default=MISSING):
    if key in row:
        return row[key]
    return None if default is MISSING else default

def step():
    return [get({"a": 1}, "a"), get({}, "a"), get({}, "a", 2)]
""", hashseed=("1", "2"), relocate=True),
    change("checkout_instances_without_state", "skip", "Instances that Python can't take apart.", """
import threading
import weakref
from contextvars import ContextVar

LOCAL = threading.local()
CURRENT = ContextVar("current", default=3)
CACHE = weakref.WeakValueDictionary()

def step():
    LOCAL.x = 1
    return [LOCAL.x, CURRENT.get(), len(CACHE)]
""", hashseed=("1", "2"), relocate=True),
    change("checkout_bytes_compiled_beside", "skip", "Other files appear in the project.", USES,
           {"notes.md": "x\n", ".gitignore": "*.pyc\n", "tests/test_work.py": "import work\n"}),
    change("effect_file_name", "rerun", "The name of the written file.", """
NAME = "report.txt"

def step():
    with open(NAME, "w") as handle:
        handle.write("x")
    return 1
""", ('"report.txt"', '"result.txt"')),
    change("effect_file_content_from_helper", "rerun", "A helper formats what is written.", """
from tools import line

def step():
    with open("out.txt", "w") as handle:
        print(line(1), file=handle)
    return None
== tools.py
def line(n):
    return "n=%d" % n
""", ("n=%d", "n: %d")),
    change("effect_file_newline", "rerun", "The newline argument of open.", """
def step():
    with open("out.txt", "w", newline="") as handle:
        handle.write("a\\n")
    return None
""", ('newline=""', 'newline="\\r\\n"')),
    change("effect_json_indent", "rerun", "The indentation of a written JSON file.", """
import json
from pathlib import Path

OPTIONS = {"indent": 2}

def step():
    Path("out.json").write_text(json.dumps([1, 2], **OPTIONS))
""", ('"indent": 2', '"indent": 4')),
    change("effect_file_no_longer_written", "rerun", "A file is no longer written.", """
from pathlib import Path

def step():
    for name in ("a", "b"):
        Path(name).write_text(name)
    return 1
""", ('("a", "b")', '("a",)')),
    change("effect_logging_text", "skip", "A log message, which goes nowhere.", """
import logging

log = logging.getLogger(__name__)

def step():
    log.debug("begin")
    return 1
""", ('"begin"', '"start"'), category="equivalent", hard=True),
    change("effect_log_level_at_import", "skip", "The level of logging, which changes no result.", """
import logging

logging.basicConfig(level=logging.ERROR)
log = logging.getLogger(__name__)

def step():
    log.info("run")
    return 1
""", ("logging.ERROR", "logging.CRITICAL"), category="unrelated"),
    change("unrelated_main_guard", "skip", "Code under `if __name__ == __main__`.", """
def step():
    return 1

if __name__ == "__main__":
    print(step())
""", ("print(step())", "print('result', step())")),
    change("unrelated_dunder_all", "skip", "__all__ of an imported module.", """
from tools import one

def step():
    return one()
== tools.py
__all__ = ["one"]

def one():
    return 1

def two():
    return 2
""", ('["one"]', '["one", "two"]')),
    change("unrelated_function_in_imported_module", "skip", "Another function of an imported module.", """
import tools

def step():
    return tools.one()
== tools.py
def one():
    return 1

def two():
    return 2
""", ("return 2", "return 3")),
    change("unrelated_class_in_same_file", "skip", "Another class of the file.", """
class Used:
    def run(self):
        return 1

class Other:
    def run(self):
        return 2

def step():
    return Used().run()
""", ("return 2", "return 3")),
    change("unrelated_subclass_of_used_class", "skip", "A subclass that the step does not use.", """
class Used:
    def run(self):
        return 1

class Other(Used):
    def run(self):
        return 2

def step():
    return Used().run()
""", ("return 2", "return 3")),
    change("unrelated_caller", "skip", "A function which calls what the step calls.", """
def one():
    return 1

def other():
    return one() + 1

def step():
    return one()
""", ("one() + 1", "one() + 2")),
    change("unrelated_version_constant", "skip", "__version__ of the package.", """
from shop import one

def step():
    return one()
== shop/__init__.py
__version__ = "1.0"
from .core import one
== shop/core.py
def one():
    return 1
""", ('"1.0"', '"1.1"')),
    change("unrelated_import_added", "skip", "An import that nobody uses.", USES, ("def step", "import json\n\ndef step")),
    change("unrelated_print_at_import", "skip", "A print at import.", USES, ("def step", 'print("loaded")\n\ndef step')),
    change("unrelated_sibling_module_imported", "skip", "A module imported beside, used by another function.", """
import tools
import other

def report():
    return other.two()

def step():
    return tools.one()
== tools.py
def one():
    return 1
== other.py
def two():
    return 2
""", ("return 2", "return 3")),
    change("unrelated_package_init_neighbour", "skip", "A neighbour that the package's __init__ imports too.", """
from shop import one

def step():
    return one()
== shop/__init__.py
from .core import one
from .more import two
== shop/core.py
def one():
    return 1
== shop/more.py
def two():
    return 2
""", ("return 2", "return 3")),
    change("unrelated_registered_elsewhere", "skip", "A registry that the step does not use.", """
RULES = []

def rule(function):
    RULES.append(function)
    return function

@rule
def positive(n):
    return n > 0

def one():
    return 1

def step():
    return one()
""", ("n > 0", "n >= 0")),
    change("unrelated_method_order_of_module", "skip", "A constant that only an unused function uses.", """
LIMIT = 3

def cut(values):
    return values[:LIMIT]

def step():
    return 1
""", ("LIMIT = 3", "LIMIT = 4")),
    change("unrelated_other_step", "skip", "Another step of the file.", """
def load():
    return 1

def clean():
    return load() + 1

def step():
    return load()
""", ("load() + 1", "load() + 2")),
    change("unused_method_of_module_instance", "skip", "A method, never called, of a module-level instance's class.", """
class Tool:
    def run(self):
        return 1

    def help(self):
        return "help"

tool = Tool()

def step():
    return tool.run()
""", ('"help"', '"more help"'), hard=True),
    change("unused_method_inherited", "skip", "A method, never called, of a base class.", """
class Base:
    def close(self):
        return "closed"

class Tool(Base):
    def run(self):
        return 1

def step():
    return Tool().run()
""", ('"closed"', '"shut"'), hard=True),
    change("unused_method_overridden", "skip", "A method that a subclass overrides.", """
class Base:
    def run(self):
        return 0

class Tool(Base):
    def run(self):
        return 1

def step():
    return Tool().run()
""", ("return 0", "return 5"), hard=True),
    change("unused_method_added", "skip", "A method is added that nobody calls.", """
class Tool:
    def run(self):
        return 1

def step():
    return Tool().run()
""", ("        return 1\n", "        return 1\n\n    def help(self):\n        return 2\n"), hard=True),
    change("unused_method_static_call", "skip", "Only a static method is called on the class.", """
class Tool:
    @staticmethod
    def run():
        return 1

    def help(self):
        return "help"

def step():
    return Tool.run()
""", ('"help"', '"more help"'), hard=True),
    change("unused_method_dunder_added", "rerun", "__eq__ is added, which Python calls by itself.", """
class Tool:
    def __init__(self, n):
        self.n = n

def step():
    return Tool(1) == Tool(1)
""", ("        self.n = n\n", "        self.n = n\n\n    def __eq__(self, other):\n        return self.n == other.n\n"),
           category="class"),
    change("unused_method_bool_added", "rerun", "__len__ is added, and the object becomes false.", """
class Rows:
    def __init__(self):
        self.rows = []

def step():
    return "rows" if Rows() else "none"
""", ("        self.rows = []\n", "        self.rows = []\n\n    def __len__(self):\n        return len(self.rows)\n"),
           category="class"),
]
