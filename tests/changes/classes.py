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
]
