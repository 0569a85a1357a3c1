"""Code that moves without changing, code that the compiler takes for the same, code that can not run."""
from __future__ import annotations

from .model import change

CHANGES = [
    change("refactor_module_becomes_package", "skip", "A module becomes a package of the same name.", """
from tools import double

def step():
    return double(2)
== tools.py
def double(x):
    return x * 2
""", {"tools.py": None, "tools/__init__.py": "from .numbers import double\n",
      "tools/numbers.py": "def double(x):\n    return x * 2\n"}, hard=True),
    change("refactor_module_renamed", "skip", "A module gets another name.", """
from tools import double

def step():
    return double(2)
== tools.py
def double(x):
    return x * 2
""", {"tools.py": None, "arithmetic.py": "def double(x):\n    return x * 2\n"}, ("from tools", "from arithmetic"),
           hard=True),
    change("refactor_import_style", "skip", "`from x import f` becomes `import x`.", """
from tools import double

def step():
    return double(2)
== tools.py
def double(x):
    return x * 2
""", ("from tools import double", "import tools"), ("return double", "return tools.double"), hard=True),
    change("refactor_import_into_function", "skip", "An import moves into the function.", """
from tools import double

def step():
    return double(2)
== tools.py
def double(x):
    return x * 2
""", ("from tools import double\n\n", ""), ("    return double", "    from tools import double\n\n    return double"),
           hard=True),
    change("refactor_constant_to_config", "skip", "A constant moves to a config module.", """
LIMIT = 3

def step():
    return LIMIT
""", ("LIMIT = 3", "from config import LIMIT"), {"config.py": "LIMIT = 3\n"}, hard=True),
    change("refactor_class_moved", "skip", "A class moves to another module.", """
class Box:
    def __init__(self, size):
        self.size = size

    def twice(self):
        return self.size * 2

def step():
    return Box(2).twice()
""", ("""class Box:
    def __init__(self, size):
        self.size = size

    def twice(self):
        return self.size * 2
""", "from boxes import Box\n"), {"boxes.py": """class Box:
    def __init__(self, size):
        self.size = size

    def twice(self):
        return self.size * 2
"""}, hard=True),
    change("refactor_dataclass_moved", "skip", "A dataclass moves to another module.", """
from dataclasses import dataclass, field

@dataclass
class Box:
    size: int
    tags: list = field(default_factory=list)

def step():
    return Box(2).size
""", ("""from dataclasses import dataclass, field

@dataclass
class Box:
    size: int
    tags: list = field(default_factory=list)
""", "from boxes import Box\n"), {"boxes.py": """from dataclasses import dataclass, field

@dataclass
class Box:
    size: int
    tags: list = field(default_factory=list)
"""}, hard=True),
    change("refactor_recursive_function_moved", "skip", "A recursive function moves with its constant.", """
BASE = 1

def fact(n):
    return BASE if n < 2 else n * fact(n - 1)

def step():
    return fact(4)
""", ("BASE = 1\n\ndef fact(n):\n    return BASE if n < 2 else n * fact(n - 1)\n", "from maths import fact\n"),
           {"maths.py": "BASE = 1\n\ndef fact(n):\n    return BASE if n < 2 else n * fact(n - 1)\n"}, hard=True),
    change("refactor_relative_import", "skip", "An absolute import becomes a relative one.", """
from shop import total

def step():
    return total(2)
== shop/__init__.py
from shop.core import total
== shop/core.py
def total(n):
    return n * 2
""", ("from shop.core", "from .core")),
    change("refactor_definitions_reordered", "skip", "Definitions of a module change places.", """
LIMIT = 3

def one():
    return 1

def step():
    return one() + LIMIT
""", ("LIMIT = 3\n\ndef one():\n    return 1\n", "def one():\n    return 1\n\nLIMIT = 3\n")),
    change("refactor_methods_reordered", "skip", "The methods of a class change places.", """
class Box:
    def one(self):
        return 1

    def two(self):
        return self.one() + 1

def step():
    return Box().two()
""", ("    def one(self):\n        return 1\n\n    def two(self):\n        return self.one() + 1\n",
      "    def two(self):\n        return self.one() + 1\n\n    def one(self):\n        return 1\n")),
    change("refactor_step_moved", "skip", "The step itself moves, and work.py imports it.", """
LIMIT = 3

def step():
    return LIMIT
""", {"work.py": "from jobs import step\n", "jobs.py": "LIMIT = 3\n\n\ndef step():\n    return LIMIT\n"}, hard=True),
    change("equivalent_pass", "skip", "A `pass` too many.", """
def step():
    return 1
""", ("    return 1", "    pass\n    return 1")),
    change("equivalent_return_none", "skip", "`return None` at the end.", """
def hook(log):
    log.append(1)

def step():
    log = []
    return [hook(log), log]
""", ("log.append(1)\n", "log.append(1)\n    return None\n"), hard=True),
    change("equivalent_bare_return", "skip", "`return` becomes `return None`.", """
def first(values):
    for value in values:
        if value > 1:
            return
    return 1

def step():
    return [first([1]), first([2])]
""", ("            return\n", "            return None\n")),
    change("equivalent_if_false", "skip", "`if False` around new code.", """
def step():
    return 1
""", ("    return 1", "    if False:\n        print(undefined)\n    return 1"), hard=True),
    change("equivalent_if_true", "skip", "`if True` around the body.", """
def step():
    return 1
""", ("    return 1", "    if True:\n        return 1"), hard=True),
    change("equivalent_while_false", "skip", "`while 0` around new code.", """
def step():
    return 1
""", ("    return 1", "    while 0:\n        print()\n    return 1"), hard=True),
    change("equivalent_not_in", "skip", "`not x in y` becomes `x not in y`.", """
def step():
    return [n for n in (1, 2) if not n in (2, 3)]
""", ("if not n in", "if n not in"), hard=True),
    change("equivalent_code_after_raise", "skip", "Code after a raise.", """
def fail():
    raise ValueError

def step():
    try:
        fail()
    except ValueError:
        return 1
""", ("    raise ValueError\n", "    raise ValueError\n    print(1)\n"), hard=True),
    change("equivalent_code_after_break", "skip", "Code after a break.", """
def step():
    for n in (1, 2):
        break
    return n
""", ("        break\n", "        break\n        n = 5\n"), hard=True),
    change("equivalent_dead_yield", "rerun", "A yield that never runs makes a generator.", """
def hook():
    return 1

def step():
    return type(hook()).__name__
""", ("    return 1", "    return 1\n    yield")),
    change("equivalent_dead_local", "rerun", "An assignment that never runs makes a name local.", """
n = 5

def get():
    return n

def step():
    try:
        return get()
    except UnboundLocalError:
        return "unbound"
""", ("    return n\n", "    return n\n    n = 1\n")),
    change("equivalent_folded_text", "skip", "A product of constants.", """
def step():
    return 86400 * 7
""", ("86400 * 7", "24 * 60 * 60 * 7"), hard=True),
    change("equivalent_negative_number", "skip", "-1 in brackets.", """
def step():
    return [1, 2][-1]
""", ("[-1]", "[(-1)]")),
    change("equivalent_list_in_membership", "skip", "A list of constants behind `in` becomes a tuple.", """
def step():
    return 2 in [1, 2]
""", ("[1, 2]", "(1, 2)"), hard=True),
    change("equivalent_stray_constant", "skip", "A text that stands alone as a comment.", """
def step():
    a = 1
    return a
""", ("    a = 1\n", '    a = 1\n    "now a is 1"\n    ...\n'), hard=True),
    change("equivalent_else_pass", "skip", "An else with only pass.", """
def step():
    n = 1
    if n:
        n = 2
    return n
""", ("        n = 2\n", "        n = 2\n    else:\n        pass\n"), hard=True),
    change("equivalent_object_base", "skip", "A class names object as its base.", """
class Box:
    size = 1

def step():
    return Box.size
""", ("class Box:", "class Box(object):"), hard=True),
    change("equivalent_empty_parentheses", "skip", "A class statement with empty parentheses.", """
class Box:
    size = 1

def step():
    return Box.size
""", ("class Box:", "class Box():")),
    change("equivalent_future_import", "skip", "`from __future__ import annotations`.", """
def one(n: int):
    return n

def step():
    return one(1)
""", ("def one", "from __future__ import annotations\n\ndef one"), hard=True),
    change("equivalent_if_debug", "skip", "`if __debug__` around an assertion that holds.", """
def step():
    n = 1
    assert n == 1
    return n
""", ("    assert n == 1\n", "    if not __debug__:\n        n = 2\n    assert n == 1\n"), hard=True),
]
