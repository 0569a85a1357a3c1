"""Methods, bases, fields and protocols of classes."""
from __future__ import annotations

from .model import change

CHANGES = [
    change("class_mixin_order", "rerun", "The bases change places, and with them the order of methods.", """
class Upper:
    def show(self, text):
        return text.upper()

class Title:
    def show(self, text):
        return text.title()

class View(Upper, Title):
    pass

def step():
    return View().show("aB c")
""", ("View(Upper, Title)", "View(Title, Upper)")),
    change("class_super_chain", "rerun", "The end of a chain of super() calls.", """
class A:
    def run(self):
        return ["a"]

class B(A):
    def run(self):
        return super().run() + ["b"]

class C(A):
    def run(self):
        return super().run() + ["c"]

class D(B, C):
    def run(self):
        return super().run() + ["d"]

def step():
    return D().run()
""", ('["c"]', '["cc"]')),
    change("class_abstract_implementation", "rerun", "The implementation of an abstract method.", """
from abc import ABC, abstractmethod

class Shape(ABC):
    @abstractmethod
    def area(self):
        ...

    def twice(self):
        return 2 * self.area()

class Square(Shape):
    def area(self):
        return 4

def step():
    return Square().twice()
""", ("return 4", "return 9")),
    change("class_slots_missing", "rerun", "An instance can't keep an attribute any more.", """
class Point:
    __slots__ = ("x", "y")

def step():
    point = Point()
    try:
        point.y = 1
    except AttributeError:
        return "no y"
    return point.y
""", ('("x", "y")', '("x",)')),
    change("class_attribute_inherited", "rerun", "A class attribute of a base in another module.", """
from base import Job

class Mine(Job):
    def run(self):
        return self.retries

def step():
    return Mine().run()
== base.py
class Job:
    retries = 3
""", ("retries = 3", "retries = 4")),
    change("class_classmethod", "rerun", "A class method used as a constructor.", """
class Money:
    def __init__(self, cents):
        self.cents = cents

    @classmethod
    def parse(cls, text):
        return cls(int(float(text) * 100))

def step():
    return Money.parse("2.5").cents
""", ("* 100", "* 1000")),
    change("class_property_setter", "rerun", "The setter of a property.", """
class Box:
    @property
    def size(self):
        return self._size

    @size.setter
    def size(self, value):
        self._size = max(0, value)

def step():
    box = Box()
    box.size = -3
    return box.size
""", ("max(0, value)", "abs(value)")),
    change("class_descriptor", "rerun", "A descriptor of the project's own.", """
class Positive:
    def __set_name__(self, owner, name):
        self.name = name

    def __set__(self, instance, value):
        instance.__dict__[self.name] = abs(value)

class Order:
    amount = Positive()

    def __init__(self, amount):
        self.amount = amount

def step():
    return Order(-2).amount
""", ("= abs(value)", "= abs(value) + 1")),
    change("class_getattr", "rerun", "__getattr__ makes up attributes.", """
class Config:
    def __getattr__(self, name):
        return name.upper()

def step():
    return Config().path
""", ("name.upper()", "name.title()")),
    change("class_call", "rerun", "An instance is called.", """
class Scale:
    def __init__(self, factor):
        self.factor = factor

    def __call__(self, value):
        return value * self.factor

scale = Scale(3)

def step():
    return scale(2)
""", ("value * self.factor", "value + self.factor")),
    change("class_instance_state", "rerun", "The state of an instance made at import.", """
class Scale:
    def __init__(self, factor):
        self.factor = factor

    def __call__(self, value):
        return value * self.factor

scale = Scale(3)

def step():
    return scale(2)
""", ("Scale(3)", "Scale(4)")),
    change("class_init_subclass", "rerun", "__init_subclass__ of the base sets an attribute.", """
class Base:
    def __init_subclass__(cls, **keywords):
        super().__init_subclass__(**keywords)
        cls.label = cls.__name__.lower()

class Clean(Base):
    pass

def step():
    return Clean.label
""", ("__name__.lower()", "__name__.upper()")),
    change("class_init_subclass_keyword", "rerun", "A keyword of the class statement.", """
class Base:
    def __init_subclass__(cls, kind, **keywords):
        super().__init_subclass__(**keywords)
        cls.kind = kind

class Clean(Base, kind="csv"):
    pass

def step():
    return Clean.kind
""", ('kind="csv"', 'kind="tsv"')),
    change("class_metaclass_method", "rerun", "A method of the metaclass.", """
class Meta(type):
    def __len__(cls):
        return 3

class Things(metaclass=Meta):
    pass

def step():
    return len(Things)
""", ("return 3", "return 4")),
    change("class_metaclass_new", "rerun", "The metaclass writes the class's attributes.", """
class Meta(type):
    def __new__(mcs, name, bases, namespace):
        namespace["table"] = name.lower() + "s"
        return super().__new__(mcs, name, bases, namespace)

class User(metaclass=Meta):
    pass

def step():
    return User().table
""", ('+ "s"', '+ "_table"')),
    change("class_decorator_own", "rerun", "A class decorator adds a method.", """
def with_repr(cls):
    def show(self):
        return cls.__name__ + "()"
    cls.show = show
    return cls

@with_repr
class Thing:
    pass

def step():
    return Thing().show()
""", ('+ "()"', '+ "[]"')),
    change("class_dataclass_factory", "rerun", "A default factory of a field.", """
from dataclasses import dataclass, field

def tags():
    return ["new"]

@dataclass
class Item:
    name: str
    tags: list = field(default_factory=tags)

def step():
    return Item("x").tags
""", ('["new"]', '["old"]')),
    change("class_dataclass_post_init", "rerun", "__post_init__ of a dataclass.", """
from dataclasses import dataclass

@dataclass
class Item:
    price: float
    total: float = 0

    def __post_init__(self):
        self.total = self.price * 1.5

def step():
    return Item(2).total
""", ("* 1.5", "* 2.5")),
    change("class_dataclass_order", "rerun", "An option of the dataclass decorator.", """
from dataclasses import dataclass

@dataclass(eq=True)
class Item:
    price: float

def step():
    return Item(2) == Item(2)
""", ("eq=True", "eq=False")),
    change("class_dataclass_field_order", "rerun", "The fields of a dataclass change places.", """
from dataclasses import astuple, dataclass

@dataclass
class Item:
    price: float
    count: int

def step():
    return astuple(Item(2, 3)) + (Item(2, 3).price,)
""", ("    price: float\n    count: int", "    count: int\n    price: float")),
    change("class_namedtuple_field", "rerun", "A default of a NamedTuple's field.", """
from typing import NamedTuple

class Point(NamedTuple):
    x: int
    y: int = 0

def step():
    return Point(1)
""", ("y: int = 0", "y: int = 5")),
    change("class_namedtuple_call", "rerun", "The fields of a namedtuple made by a call.", """
from collections import namedtuple

Point = namedtuple("Point", "x y")

def step():
    return Point(1, 2)._asdict()
""", ('"x y"', '"y x"')),
    change("class_typeddict_keys", "rerun", "The keys of a TypedDict are read.", """
from typing import TypedDict

class Row(TypedDict):
    name: str
    age: int

def step():
    return sorted(Row.__annotations__)
""", ("age: int", "years: int")),
    change("class_enum_auto_order", "rerun", "Members numbered by auto() change places.", """
from enum import Enum, auto

class Color(Enum):
    RED = auto()
    BLUE = auto()

def step():
    return Color.BLUE.value
""", ("    RED = auto()\n    BLUE = auto()", "    BLUE = auto()\n    RED = auto()")),
    change("class_flag_member_added", "rerun", "A flag is added, and the step goes through all.", """
from enum import Flag, auto

class Mode(Flag):
    READ = auto()
    WRITE = auto()

def step():
    return [mode.name for mode in Mode]
""", ("WRITE = auto()", "WRITE = auto()\n    RUN = auto()")),
    change("class_enum_method", "rerun", "A method of an enum.", """
from enum import Enum

class Color(Enum):
    RED = "r"

    def css(self):
        return "#" + self.value

def step():
    return Color("r").css()
""", ('"#" +', '"." +')),
    change("class_generic", "rerun", "A generic class's method.", """
from typing import Generic, List, TypeVar

T = TypeVar("T")

class Stack(Generic[T]):
    def __init__(self) -> None:
        self.items: List[T] = []

    def push(self, item: T) -> None:
        self.items.append(item)

def step():
    stack = Stack[int]()
    stack.push(1)
    return stack.items
""", ("append(item)", "insert(0, [item])")),
    change("class_nested", "rerun", "A class within a class.", """
class Outer:
    class Inner:
        limit = 3

        def run(self):
            return self.limit

def step():
    return Outer.Inner().run()
""", ("limit = 3", "limit = 4")),
    change("class_cached_property", "rerun", "The function of a cached property.", """
from functools import cached_property

class Data:
    @cached_property
    def rows(self):
        return [1, 2]

def step():
    return Data().rows
""", ("[1, 2]", "[1, 2, 3]")),
    change("class_singledispatchmethod", "rerun", "An implementation of a singledispatchmethod.", """
from functools import singledispatchmethod

class Show:
    @singledispatchmethod
    def show(self, value):
        return "?"

    @show.register
    def _(self, value: int):
        return "int"

    @show.register(str)
    def _(self, value):
        return "str"

def step():
    return [Show().show(1), Show().show("a"), Show().show(None)]
""", ('return "int"', 'return "integer"')),
    change("class_total_ordering", "rerun", "The one comparison from which total_ordering makes the rest.", """
from functools import total_ordering

@total_ordering
class Version:
    def __init__(self, text):
        self.text = text

    def __eq__(self, other):
        return self.text == other.text

    def __lt__(self, other):
        return self.text < other.text

def step():
    return Version("10") >= Version("9")
""", ("self.text < other.text", "int(self.text) < int(other.text)")),
    change("class_protocol_runtime", "rerun", "A runtime protocol's members.", """
from typing import Protocol, runtime_checkable

@runtime_checkable
class Closable(Protocol):
    def close(self):
        ...

class Handle:
    def close(self):
        pass

def step():
    return isinstance(Handle(), Closable)
""", ("class Closable(Protocol):\n    def close(self):", "class Closable(Protocol):\n    def shut(self):")),
]
