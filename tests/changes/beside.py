"""Code beside what the step uses."""
from __future__ import annotations

from .model import change

USES = """
def step():
    return 1
"""

CHANGES = [
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
