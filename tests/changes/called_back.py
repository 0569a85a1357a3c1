"""Classes that the standard library calls back, that decorators and functions make, and their attributes."""
from __future__ import annotations

from .model import change

CHANGES = [
    change("class_exception_base", "rerun", "The base of an own exception decides which clause catches it.", """
class NoRows(KeyError):
    pass

def step():
    try:
        raise NoRows("x")
    except KeyError:
        return "key"
    except ValueError:
        return "value"
""", ("NoRows(KeyError)", "NoRows(ValueError)")),
    change("class_context_manager", "rerun", "__exit__ decides whether an error goes on.", """
class Quiet:
    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        return True

def step():
    try:
        with Quiet():
            raise ValueError
        return "quiet"
    except ValueError:
        return "loud"
""", ("return True", "return False")),
    change("class_attribute_is_function", "rerun", "A class attribute refers to a function of another module.", """
from tools import double

class Job:
    run = staticmethod(double)

def step():
    return Job().run(2)
== tools.py
def double(x):
    return x * 2
""", ("x * 2", "x * 3")),
    change("class_attribute_lambda", "rerun", "A lambda as a class attribute, and one in property().", """
class Job:
    run = lambda self: 1
    size = property(lambda self: 2)

def step():
    return [Job().run(), Job().size]
""", ("lambda self: 2", "lambda self: 3")),
    change("class_partialmethod", "rerun", "An argument of a partialmethod.", """
from functools import partialmethod

class Job:
    def set(self, n):
        return n

    set_two = partialmethod(set, 2)

def step():
    return Job().set_two()
""", ("(set, 2)", "(set, 3)")),
    change("class_decorated_method", "rerun", "A method's own decorator in another module.", """
from deco import twice

class Job:
    @twice
    def run(self):
        return 1

def step():
    return Job().run()
== deco.py
from functools import wraps

def twice(function):
    @wraps(function)
    def wrapper(self):
        return [function(self)] * 2
    return wrapper
""", ("* 2", "* 3")),
    change("class_method_below_decorator", "rerun", "A method below a decorator changes.", """
from deco import twice

class Job:
    @twice
    def run(self):
        return 1

def step():
    return Job().run()
== deco.py
from functools import wraps

def twice(function):
    @wraps(function)
    def wrapper(self):
        return [function(self)] * 2
    return wrapper
""", ("return 1", "return 2")),
    change("class_lru_cache_on_method", "rerun", "A cached method.", """
from functools import lru_cache

class Job:
    @lru_cache(maxsize=None)
    def run(self, n):
        return n + 1

    @classmethod
    @lru_cache()
    def make(cls):
        return 7

def step():
    return [Job().run(1), Job.make()]
""", ("return 7", "return 8")),
    change("class_enum_missing", "rerun", "_missing_ of an enum.", """
from enum import Enum

class Color(Enum):
    RED = "r"

    @classmethod
    def _missing_(cls, value):
        return cls.RED

    @property
    def label(self):
        return self.name.lower()

def step():
    return Color("x").label
""", ("self.name.lower()", "self.name.title()")),
    change("class_enum_functions", "rerun", "The value of an enum member holds a function.", """
from enum import Enum

def up(text):
    return text.upper()

class Stage(Enum):
    UP = (up,)

def step():
    return Stage.UP.value[0]("ab")
""", ("text.upper()", "text.title()")),
    change("class_enum_auto_value", "rerun", "_generate_next_value_ of an enum.", """
from enum import Enum, auto

class Color(Enum):
    def _generate_next_value_(name, start, count, last):
        return name.lower()

    RED = auto()

def step():
    return Color.RED.value
""", ("name.lower()", "name.title()")),
    change("class_dataclass_slots", "rerun", "A method of a dataclass with slots, which is made anew.", """
from dataclasses import dataclass

@dataclass(frozen=True, slots=True)
class Box:
    size: int = 1

    def twice(self):
        return self.size * 2

def step():
    return Box().twice()
""", ("* 2", "* 3"), python=(3, 10)),
    change("class_dataclass_inherited_field", "rerun", "A field that a dataclass inherits.", """
from dataclasses import asdict, dataclass

@dataclass
class Base:
    size: int = 1

@dataclass
class Box(Base):
    name: str = "x"

def step():
    return asdict(Box())
""", ("size: int = 1", "size: int = 2")),
    change("class_dataclass_repr_option", "rerun", "An option of a dataclass's field.", """
from dataclasses import dataclass, field

@dataclass
class Box:
    size: int = field(default=1, repr=True)

def step():
    return repr(Box())
""", ("repr=True", "repr=False")),
    change("class_made_by_function", "rerun", "A class is made in a function, with a value of its closure.", """
def make(rate):
    class Job:
        def run(self):
            return rate * 2
    return Job

Job = make(3)

def step():
    return Job().run()
""", ("make(3)", "make(4)")),
    change("class_made_by_function_method", "rerun", "A method of a class that is made in a function.", """
def make(rate):
    class Job:
        def run(self):
            return rate * 2
    return Job

Job = make(3)

def step():
    return Job().run()
""", ("rate * 2", "rate * 3")),
    change("class_match_args", "rerun", "__match_args__ decides what a pattern binds.", """
class Point:
    __match_args__ = ("x", "y")
    x = 1
    y = 2

def step():
    match Point():
        case Point(a):
            return a
""", ('("x", "y")', '("y", "x")'), python=(3, 10)),
]
