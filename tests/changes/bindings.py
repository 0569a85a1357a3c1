"""Globals: how they are bound, bound again, read from the environment and from files."""
from __future__ import annotations

from .model import change

CHANGES = [
    change("data_regex_flags", "rerun", "The flags of a compiled pattern.", """
import re

WORD = re.compile("[a-z]+", re.I)

def step():
    return WORD.findall("Ab1c")
""", (", re.I", "")),
    change("data_decimal_and_date", "rerun", "A Decimal constant.", """
from decimal import Decimal

PRICE = Decimal("1.10")

def step():
    return str(PRICE)
""", ('"1.10"', '"1.1"')),
    change("data_datetime_constant", "rerun", "A date constant.", """
import datetime as dt

START = dt.date(2024, 1, 31)

def step():
    return START.isoformat()
""", ("1, 31", "1, 30")),
    change("data_path_constant", "rerun", "A relative path constant.", """
from pathlib import PurePosixPath

TARGET = PurePosixPath("data") / "clean"

def step():
    return str(TARGET / "a.csv")
""", ('"clean"', '"cleaned"')),
    change("data_environment_at_import", "rerun", "A variable read when a module is imported.", """
import os

MODE = os.environ.get("MODE", "fast")

def step():
    return MODE
""", env=({"MODE": "a"}, {"MODE": "b"})),
    change("data_environment_of_no_use", "skip", "Another variable changes.", """
import os

MODE = os.environ.get("MODE", "fast")

def step():
    return MODE
""", category="unrelated", env=({"EDITOR": "a"}, {"EDITOR": "b"})),
    change("data_environment_default", "rerun", "The default of a variable that is not set.", """
import os

def step():
    return os.getenv("WORK_MODE_OF_NOBODY", "fast")
""", ('"fast"', '"slow"')),
    change("data_constant_reexported", "rerun", "A constant that passes through two modules.", """
from middle import LIMIT

def step():
    return LIMIT
== middle.py
from config import *
== config.py
LIMIT = 2
""", ("LIMIT = 2", "LIMIT = 3")),
    change("data_constant_shadowed_by_local", "skip", "The step has a local variable of the constant's name.", """
LIMIT = 1

def step():
    LIMIT = 5
    return LIMIT
""", ("LIMIT = 1", "LIMIT = 2"), category="unrelated"),
    change("data_constant_shadowed_by_parameter", "skip", "A parameter has the constant's name.", """
limit = 1

def cut(text, limit):
    return text[:limit]

def step():
    return cut("abc", 2)
""", ("limit = 1", "limit = 3"), category="unrelated"),
    change("data_global_rebound_below", "rerun", "A global is bound again at the end of the module.", """
LIMIT = 1

def step():
    return LIMIT

LIMIT = 2
""", ("LIMIT = 2", "LIMIT = 3")),
    change("data_global_rebound_above", "skip", "The first of two assignments to a global.", """
LIMIT = 1

def step():
    return LIMIT

LIMIT = 2
""", ("LIMIT = 1", "LIMIT = 0"), category="unrelated"),
    change("data_global_augmented", "rerun", "An augmented assignment at module level.", """
STOP = ["a"]
STOP += ["the"]

def step():
    return STOP
""", ('+= ["the"]', '+= ["an"]')),
    change("data_global_in_loop", "rerun", "A table built by a loop at module level.", """
TABLE = {}
for n in range(3):
    TABLE[n] = n * n

def step():
    return TABLE[2]
""", ("n * n", "n * n * n")),
    change("data_star_unpacked", "rerun", "A constant bound by unpacking with a star.", """
FIRST, *REST = [1, 2, 3]

def step():
    return REST
""", ("[1, 2, 3]", "[1, 3, 3]")),
    change("data_unpacked_sibling", "skip", "The other name of a tuple assignment.", """
WIDTH, HEIGHT = 3, 4

def step():
    return WIDTH
""", ("3, 4", "3, 5"), category="unrelated"),
    change("data_name_deleted", "rerun", "`del` makes a global's name fall back to a builtin.", """
def max(values):
    return "own"

def step():
    return max([1, 2])
""", ("def step", "del max\n\ndef step")),
    change("data_global_changed_by_step", "rerun", "A helper assigns a global, which the step reads.", """
STATE = 0

def fill():
    global STATE
    STATE = 7

def step():
    fill()
    return STATE
""", ("STATE = 7", "STATE = 8")),
    change("data_frozenset_of_tuples", "rerun", "A pair in a frozenset.", """
EDGES = frozenset({("a", "b"), ("b", "c")})

def step():
    return sorted(EDGES)
""", ('("b", "c")', '("b", "d")')),
    change("data_list_comprehension_constant", "rerun", "A constant made by a comprehension with a helper.", """
def name(n):
    return "col%d" % n

NAMES = [name(n) for n in range(2)]

def step():
    return NAMES
""", ("col%d", "column%d")),
    change("data_json_text_in_module", "rerun", "Data in a text in a module.", """
import json

CONFIG = json.loads('{"rate": 2}')

def step():
    return CONFIG["rate"]
""", ('"rate": 2', '"rate": 3')),
    change("data_named_constant_class", "rerun", "A class used as a bag of constants.", """
class Config:
    RATE = 2
    NAME = "x"

def step():
    return Config.RATE
""", ("RATE = 2", "RATE = 3")),
    change("data_simple_namespace", "rerun", "A SimpleNamespace of settings.", """
from types import SimpleNamespace

config = SimpleNamespace(rate=2, paths=SimpleNamespace(raw="raw"))

def step():
    return config.paths.raw
""", ('raw="raw"', 'raw="in"')),
    change("data_defaultdict_factory", "rerun", "The factory of a defaultdict.", """
from collections import defaultdict

COUNTS = defaultdict(lambda: 1)

def step():
    return COUNTS["x"]
""", ("lambda: 1", "lambda: 2")),
    change("data_string_template", "rerun", "A string.Template at module level.", """
from string import Template

QUERY = Template("select $what")

def step():
    return QUERY.substitute(what="a")
""", ("select $what", "select distinct $what")),
    change("data_bytes_table", "rerun", "A translation table.", """
TABLE = str.maketrans("ab", "xy")

def step():
    return "abc".translate(TABLE)
""", ('"xy"', '"xz"')),
    change("data_itemgetter", "rerun", "operator.itemgetter at module level.", """
from operator import itemgetter

key = itemgetter("b")

def step():
    return [row["a"] for row in sorted([{"a": 1, "b": 2}, {"a": 2, "b": 1}], key=key)]
""", ('itemgetter("b")', 'itemgetter("a")')),
    change("data_iterator_at_module_level", "rerun", "An iterator, which has no digest: its statement counts.", """
import itertools

ids = itertools.count(10)

def step():
    return [next(ids), next(ids)]
""", ("count(10)", "count(20)")),
    change("data_generator_at_module_level", "rerun", "A generator made by an own function.", """
def numbers():
    yield 1
    yield 2

STREAM = numbers()

def step():
    return list(STREAM)
""", ("yield 2", "yield 3")),
    change("data_csv_file_at_import", "rerun", "A text file read when the module is imported.", """
from rates import RATES

def step():
    return RATES["EUR"]
== rates.py
from pathlib import Path

RATES = dict(line.split("=") for line in (Path(__file__).parent / "rates.txt").read_text().split())
== rates.txt
EUR=1
USD=2
""", ("EUR=1", "EUR=3")),
    change("data_file_entry_unread", "skip", "Another line of a file that is read whole.", """
from rates import EURO

def step():
    return EURO
== rates.py
from pathlib import Path

_RATES = dict(line.split("=") for line in (Path(__file__).parent / "rates.txt").read_text().split())
EURO = _RATES["EUR"]
== rates.txt
EUR=1
USD=2
""", ("USD=2", "USD=3"), category="unrelated"),
    change("data_file_in_step", "rerun", "A file opened by the step itself.", """
def step():
    with open("numbers.txt") as handle:
        return sum(map(int, handle))
== numbers.txt
1
2
""", ("2", "3"), hard=True),
    change("data_directory_listed", "rerun", "A file is added to a folder that the step lists.", """
import os

def step():
    return sorted(os.listdir("inbox"))
== inbox/a.txt
a
""", {"inbox/b.txt": "b\n"}, hard=True),
]
