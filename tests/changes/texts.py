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
]
