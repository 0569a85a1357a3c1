"""Fields and members: dataclasses, named tuples, enums, and what the standard library builds on classes."""
from __future__ import annotations

from .model import change

CHANGES = [
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
