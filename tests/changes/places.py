"""Checkouts and written files."""
from __future__ import annotations

from .model import change

USES = """
def step():
    return 1
"""

CHANGES = [
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
]
