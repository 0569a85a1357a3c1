"""Comments, layout, spelling, docstrings, annotations: text that the compiler does not keep, or that nobody reads."""
from __future__ import annotations

from .model import change

ONE = """
def step():
    return [1, "a", 2.5]
"""

LONG = """
def step():
    values = [
        1,
        2,
    ]
    text = "one" "two"
    if values and text:
        return [values, text]
    return None
"""

CHANGES = [
    change("text_tabs", "skip", "Tabs instead of blanks.", """
def step():
    for n in (1, 2):
        if n > 1:
            return n
""", {"work.py": "def step():\n\tfor n in (1, 2):\n\t\tif n > 1:\n\t\t\treturn n\n"}),
    change("text_byte_order_mark", "skip", "The file gets a byte order mark.", ONE,
           {"work.py": b"\xef\xbb\xbf" + ONE.lstrip().encode()}),
    change("text_crlf_in_string", "skip", "CRLF within a triple-quoted text: Python reads it as LF.", '''
def step():
    return """one
two"""
''', {"work.py": b'def step():\r\n    return """one\r\ntwo"""\r\n'}),
    change("text_encoding_declared", "skip", "The file is stored as Latin-1 and says so.", """
def step():
    return "caf\u00e9"
""", {"work.py": '# -*- coding: latin-1 -*-\ndef step():\n    return "caf\u00e9"\n'.encode("latin-1")}),
    change("text_encoding_changed", "rerun", "The same bytes under another declared encoding.", "",
           {"work.py": b'# coding: cp1252\ndef step():\n    return "\xa4"\n'},
           encoded={"work.py": b'# coding: iso8859-15\ndef step():\n    return "\xa4"\n'}),
    change("text_no_newline_at_end", "skip", "The last newline is gone.", ONE, {"work.py": ONE.strip()}),
    change("text_form_feed", "skip", "A form feed between definitions.", ONE, {"work.py": "\f" + ONE}),
    change("text_line_continuation", "skip", "A backslash continues a line.", """
def step():
    total = 1 + \\
        2
    return total
""", ("1 + \\\n        2", "1 + 2")),
    change("text_quotes", "skip", "Other quotes.", """
def step():
    return ['a', "it's", '''b''']
""", ("['a', \"it's\", '''b''']", "[\"a\", 'it\\'s', 'b']")),
    change("text_parentheses", "skip", "Parentheses that group nothing.", """
def step():
    a = 1
    return a + 2 * 3
""", ("return a + 2 * 3", "return (a + (2 * 3))")),
    change("text_trailing_commas", "skip", "Trailing commas in calls, displays and parameters.", """
def pair(a, b):
    return [a, b]

def step():
    return pair(1, {"x": (1, 2)})
""", ("pair(a, b)", "pair(\n    a,\n    b,\n)"), ('pair(1, {"x": (1, 2)})', 'pair(1, {"x": (1, 2,),},)')),
    change("text_string_concatenation", "skip", "A text written as two adjacent ones.", """
def step():
    return "onetwo"
""", ('"onetwo"', '("one"\n            "two")')),
    change("text_number_spelling", "skip", "Numbers are spelled otherwise.", """
def step():
    return [1000000, 255, 0.5, 1e3, 10]
""", ("[1000000, 255, 0.5, 1e3, 10]", "[1_000_000, 0xFF, .5, 1000.0, 0b1010]")),
    change("text_string_escapes", "skip", "Escapes instead of characters.", """
def step():
    return "\u00e9\\t\\\\d"
""", ('"\u00e9\\t\\\\d"', '"\\xe9\\x09" r"\\d"')),
    change("text_fstring_spelling", "skip", "An f-string with other quotes, and split in two.", """
def step():
    row = {"a": 1}
    return f"n={row['a']} and more"
""", ("f\"n={row['a']} and more\"", "(f'n={row[\"a\"]} ' 'and more')")),
    change("text_fstring_blanks", "skip", "Blanks within an f-string's field.", """
def step():
    a = 1
    return f"{a+1}"
""", ("{a+1}", "{ a + 1 }")),
    change("text_semicolons", "skip", "Two statements on a line.", """
def step():
    a = 1; b = 2
    return a + b
""", ("a = 1; b = 2", "a = 1\n    b = 2")),
    change("text_elif", "skip", "`elif` spelled as an if within else.", """
def kind(n):
    if n == 1:
        return "one"
    elif n == 2:
        return "two"
    else:
        return "many"

def step():
    return [kind(1), kind(2), kind(3)]
""", ('    elif n == 2:\n        return "two"\n    else:\n        return "many"',
      '    else:\n        if n == 2:\n            return "two"\n        else:\n            return "many"')),
    change("text_comment_in_expression", "skip", "Comments within an expression.", LONG,
           ("        1,\n", "        1,  # the first\n        # the second\n")),
    change("text_type_comment", "skip", "A type comment.", LONG, ("    values = [", "    values = [  # type: list"),),
    change("text_noqa_and_pragmas", "skip", "Pragmas for tools.", LONG,
           ('text = "one" "two"', 'text = "one" "two"  # noqa: E501  # pragma: no cover')),
    change("text_shebang", "skip", "A shebang line and a licence above all.", ONE,
           {"work.py": "#!/usr/bin/env python3\n# Copyright\n" + ONE}),
    change("text_one_line_function", "skip", "A body on the line of def.", """
def one():
    return 1

def step():
    return one()
""", ("one():\n    return 1", "one(): return 1")),
    change("text_set_display_order", "skip", "The elements of a frozen constant set are written in another order.", """
STOP = frozenset({"a", "b"})

def step():
    return sorted(STOP)
""", ('{"a", "b"}', '{"b", "a"}'), category="equivalent"),
    change("text_unicode_identifier", "skip", "An identifier in another normal form, which Python folds.", """
def step():
    caf\u00e9 = 1
    return caf\u00e9
""", {"work.py": "def step():\n    cafe\u0301 = 1\n    return cafe\u0301\n"}),
    change("text_import_layout", "skip", "Imports written in parentheses, in another order.", """
from tools import one, two

def step():
    return [one(), two()]
== tools.py
def one():
    return 1

def two():
    return 2
""", ("from tools import one, two", "from tools import (\n    two,\n    one,\n)")),
    change("text_decorator_parentheses", "skip", "lru_cache with and without parentheses.", """
from functools import lru_cache

@lru_cache(maxsize=128)
def one():
    return 1

def step():
    return one()
""", ("@lru_cache(maxsize=128)", "@lru_cache( maxsize = 128, )")),
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
