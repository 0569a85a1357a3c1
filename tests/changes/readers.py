"""Docstrings and annotations: unread ones count for nothing, read ones do."""
from __future__ import annotations

from .model import change

CHANGES = [
    change("docstring_of_step", "skip", "The step's docstring.", '''
def step():
    """Do it."""
    return 1
''', ("Do it.", "Does it.")),
    change("docstring_added", "skip", "A docstring is added to a helper and to its module.", '''
from tools import one

def step():
    return one()
== tools.py
def one():
    return 1
''', {"tools.py": '"""Tools."""\n\n\ndef one():\n    """Return one."""\n    return 1\n'}),
    change("docstring_only_body", "skip", "`pass` becomes a docstring.", '''
def hook():
    pass

def step():
    return hook()
''', ("    pass", '    """Do nothing."""')),
    change("docstring_of_class", "skip", "A class's docstring, and its method's.", '''
class Box:
    """A box."""

    def size(self):
        """Its size."""
        return 1

def step():
    return Box().size()
''', ("A box.", "Some box."), ("Its size.", "The size.")),
    change("docstring_of_dataclass", "skip", "A dataclass's docstring.", '''
from dataclasses import dataclass

@dataclass
class Box:
    """A box."""

    size: int = 1

def step():
    return Box().size
''', ("A box.", "Some box.")),
    change("docstring_read_by_getdoc", "rerun", "inspect.getdoc of a helper.", '''
import inspect

def one():
    """Return one."""
    return 1

def step():
    return inspect.getdoc(one)
''', ("Return one.", "Returns one.")),
    change("docstring_read_in_helper", "rerun", "A helper in another module reads __doc__ of what it is given.", '''
from prompts import prompt

def summarise():
    """Summarise the text."""

def step():
    return prompt(summarise)
== prompts.py
def prompt(function):
    return function.__doc__ + "!"
''', ("Summarise the text.", "Summarise the words.")),
    change("docstring_read_by_decorator", "rerun", "A decorator turns the docstring into a prompt.", '''
from prompts import prompt

@prompt
def summarise():
    """Summarise the text."""

def step():
    return summarise()
== prompts.py
def prompt(function):
    text = function.__doc__
    return lambda: text
''', ("Summarise the text.", "Summarise the words.")),
    change("docstring_of_module_read", "rerun", "argparse's description is the module's docstring.", '''
"""Cleans."""
import argparse

def step():
    return argparse.ArgumentParser(description=__doc__, prog="x").description
''', ("Cleans.", "Cleans all.")),
    change("docstring_of_module_as_constant", "rerun", "A constant is made of the module's docstring.", '''
from tool import USAGE

def step():
    return USAGE
== tool.py
"""Cleans."""

USAGE = __doc__.upper()
''', ("Cleans.", "Cleans all.")),
    change("docstring_of_class_read", "rerun", "A class's __doc__ through type(self).", '''
class Prompt:
    """Be brief."""

    def text(self):
        return type(self).__doc__

def step():
    return Prompt().text()
''', ("Be brief.", "Be very brief.")),
    change("docstring_by_getattr", "rerun", "getattr with the constant __doc__.", '''
def one():
    """Return one."""

def step():
    return getattr(one, "__doc__")
''', ("Return one.", "Returns one.")),
    change("docstring_unrelated_read", "skip", "A docstring is read by a function that the step does not use.", '''
def usage():
    return one.__doc__

def one():
    """Return one."""
    return 1

def step():
    return one()
''', ("Return one.", "Returns one.")),
    change("annotation_of_step", "skip", "The step's return annotation.", """
def step() -> int:
    return 1
""", ("-> int", "-> float")),
    change("annotation_imports_for_typing", "skip", "Annotations with an import under TYPE_CHECKING.", """
def one(n):
    return n

def step():
    return one(1)
""", ("def one(n):", "from typing import TYPE_CHECKING, Optional\n\nif TYPE_CHECKING:\n    from decimal import Decimal\n\n"
      'def one(n: "Optional[Decimal]"):')),
    change("annotation_of_local", "skip", "A local variable is annotated.", """
def step():
    total = 0
    return total
""", ("total = 0", "total: int = 0")),
    change("annotation_of_global", "skip", "A module-level constant is annotated.", """
LIMIT = 3

def step():
    return LIMIT
""", ("LIMIT = 3", "LIMIT: int = 3")),
    change("annotation_by_own_type", "skip", "An annotation names an own class, whose method changes.", """
class Row:
    def text(self):
        return "a"

def size(row: Row) -> int:
    return 1

def step():
    return size(None)
""", ('"a"', '"b"'), category="unrelated"),
    change("annotation_of_attribute", "skip", "An attribute of self is annotated.", """
class Box:
    def __init__(self):
        self.size = 1

def step():
    return Box().size
""", ("self.size = 1", "self.size: int = 1")),
    change("annotation_get_type_hints", "rerun", "typing.get_type_hints of a helper.", """
from typing import get_type_hints

def one(n: int):
    return n

def step():
    return get_type_hints(one)["n"].__name__
""", ("n: int", "n: float")),
    change("annotation_signature", "rerun", "inspect.signature of a helper.", """
import inspect

def one(n: int):
    return n

def step():
    return str(inspect.signature(one))
""", ("n: int", "n: float")),
    change("annotation_signature_name", "rerun", "A parameter's name seen by inspect.signature.", """
import inspect

def one(n):
    return n

def step():
    return list(inspect.signature(one).parameters)
""", ("def one(n):\n    return n", "def one(m):\n    return m"), category="alpha-rename"),
    change("annotation_dataclass_fields", "rerun", "dataclasses.fields gives the types.", """
from dataclasses import dataclass, fields

@dataclass
class Row:
    age: int = 0

def step():
    return [field.type.__name__ for field in fields(Row)]
""", ("age: int", "age: float")),
    change("annotation_dataclass_metadata", "rerun", "The metadata of a field.", """
from dataclasses import dataclass, field, fields

@dataclass
class Row:
    age: int = field(default=0, metadata={"unit": "years"})

def step():
    return [each.metadata["unit"] for each in fields(Row)]
""", ('"years"', '"months"'), category="class"),
    change("annotation_classvar", "rerun", "ClassVar takes a field from a dataclass.", """
from dataclasses import dataclass, fields
from typing import ClassVar

@dataclass
class Row:
    age: int = 0
    size: int = 0

def step():
    return [field.name for field in fields(Row)]
""", ("size: int", "size: ClassVar[int]")),
    change("annotation_singledispatch", "rerun", "singledispatch registers by annotation.", """
from functools import singledispatch

@singledispatch
def show(value):
    return "?"

@show.register
def _(value: int):
    return "number"

def step():
    return [show(1), show(1.0)]
""", ("value: int", "value: float")),
    change("annotation_decorator_casts", "rerun", "An own decorator converts arguments by annotation.", """
def cast(function):
    def wrapper(value):
        return function(function.__annotations__["value"](value))
    return wrapper

@cast
def double(value: int):
    return value * 2

def step():
    return double("4")
""", ("value: int", "value: str")),
    change("annotation_method_unread", "skip", "Annotations of a method.", """
class Box:
    def grow(self, by):
        return by + 1

def step():
    return Box().grow(1)
""", ("self, by)", "self, by: int) -> int")),
]
