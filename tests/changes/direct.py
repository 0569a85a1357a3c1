"""The text of functions: all kinds of statements and expressions."""
from __future__ import annotations

from .model import change

CHANGES = [
    change("direct_generator", "rerun", "What a generator yields last.", """
def numbers():
    yield 1
    yield from (2, 3)

def step():
    return list(numbers())
""", ("(2, 3)", "(2, 4)")),
    change("direct_generator_return", "rerun", "The value that a generator returns.", """
def numbers():
    yield 1
    return 2

def all_of():
    last = yield from numbers()
    yield last

def step():
    return list(all_of())
""", ("return 2", "return 3")),
    change("direct_async", "rerun", "A coroutine called by another.", """
import asyncio

async def fetch(n):
    await asyncio.sleep(0)
    return n

async def main():
    return await asyncio.gather(fetch(1), fetch(2))

def step():
    return asyncio.run(main())
""", ("    return n\n", "    return -n\n")),
    change("direct_async_comprehension", "rerun", "The condition of an asynchronous comprehension.", """
import asyncio

async def ticks():
    for n in range(4):
        yield n

async def main():
    return [n async for n in ticks() if n % 2]

def step():
    return asyncio.run(main())
""", ("if n % 2]", "if not n % 2]")),
    change("direct_comprehension_scope", "rerun", "A comprehension's first iterable is seen from outside.", """
def step():
    x = [1, 2]
    return [x for x in x], x
""", ("[x for x in x]", "[y for y in x[:1]]")),
    change("direct_walrus", "rerun", "A walrus in a condition.", """
def step():
    values = iter([3, 5, 0, 7])
    found = []
    while (value := next(values)):
        found.append(value)
    return found
""", ("while (value := next(values)):", "while (value := next(values)) != 5:")),
    change("direct_match", "rerun", "A guard of a match.", """
def kind(value):
    match value:
        case int(n) if n > 1:
            return "many"
        case [first, *rest]:
            return first
        case {"a": a, **more}:
            return a
        case _:
            return None

def step():
    return [kind(2), kind([1, 2]), kind({"a": 5}), kind("x")]
""", ("n > 1", "n > 2"), python=(3, 10)),
    change("direct_match_capture_swapped", "rerun", "Two captures change places.", """
def pair(value):
    match value:
        case [a, b]:
            return a

def step():
    return pair([1, 2])
""", ("[a, b]", "[b, a]"), python=(3, 10)),
    change("direct_try_finally", "rerun", "What finally does.", """
def step():
    log = []
    try:
        log.append("try")
    finally:
        log.append("finally")
    return log
""", ('"finally"', '"done"')),
    change("direct_try_else_moved", "rerun", "A statement moves from try to else.", """
def step():
    try:
        value = 1
        raise ValueError
    except ValueError:
        return "caught"
    else:
        return value
""", ("        raise ValueError\n", ""), ("        return value", "        return -1")),
    change("direct_except_type", "rerun", "The class of exceptions that is caught.", """
def step():
    try:
        try:
            return {}["a"]
        except KeyError:
            return "inner"
    except LookupError:
        return "outer"
""", ("except KeyError", "except IndexError")),
    change("direct_operand_order", "rerun", "The operands of a subtraction change places.", """
def minus(a, b):
    return a - b

def step():
    return minus(3, 1)
""", ("a - b", "b - a")),
    change("direct_parameter_order", "rerun", "The parameters change places.", """
def minus(a, b):
    return a - b

def step():
    return minus(3, 1)
""", ("minus(a, b)", "minus(b, a)")),
    change("direct_argument_by_keyword", "rerun", "A keyword argument names another parameter.", """
def show(a=0, b=0):
    return [a, b]

def step():
    return show(a=1)
""", ("show(a=1)", "show(b=1)")),
    change("direct_precedence", "rerun", "Parentheses which group otherwise.", """
def step():
    return 2 + 3 * 4
""", ("2 + 3 * 4", "(2 + 3) * 4")),
    change("direct_indentation", "rerun", "A statement moves out of the loop.", """
def step():
    total = count = 0
    for n in (1, 2, 3):
        total += n
        count += 1
    return [total, count]
""", ("        count += 1\n", "    count += 1\n")),
    change("direct_trailing_comma", "rerun", "A comma makes a tuple.", """
def step():
    value = 1
    return value
""", ("    value = 1\n", "    value = 1,\n")),
    change("direct_fstring_conversion", "rerun", "A conversion in an f-string.", """
def step():
    name = "a"
    return f"{name}"
""", ("{name}", "{name!r}")),
    change("direct_fstring_debug", "rerun", "The text of an expression before `=` in an f-string.", """
def step():
    a = 1
    return f"{a+1=}"
""", ("{a+1=}", "{a + 1=}")),
    change("direct_fstring_debug_name", "rerun", "A local variable's name is printed by `=` in an f-string.", """
def step():
    total = 1
    return f"{total=}"
""", ("    total = 1\n    return f\"{total=}\"", "    summe = 1\n    return f\"{summe=}\"")),
    change("direct_bytes_or_text", "rerun", "A text becomes bytes.", """
def step():
    return str("a")
""", ('str("a")', 'str(b"a")')),
    change("direct_global_statement", "rerun", "`global` makes an assignment visible elsewhere.", """
count = 1

def fill():
    global count
    count = 5

def step():
    fill()
    return count
""", ("    global count\n", "")),
    change("direct_nonlocal_statement", "rerun", "`nonlocal` is taken away.", """
def step():
    count = 1
    def fill():
        nonlocal count
        count = 5
    fill()
    return count
""", ("        nonlocal count\n", "")),
    change("direct_slice_step", "rerun", "The stride of a slice.", """
def step():
    return [0, 1, 2, 3, 4, 5][1:5:2]
""", ("1:5:2", "1:5:3")),
    change("direct_slice_bound_missing", "rerun", "A bound of a slice moves to the other side.", """
def step():
    return [0, 1, 2, 3][2:]
""", ("[2:]", "[:2]")),
    change("direct_star_argument", "rerun", "A star is taken from an argument.", """
def count(*values):
    return len(values)

def step():
    return count(*[1, 2, 3])
""", ("*[1", "[1")),
    change("direct_dict_unpacking_order", "rerun", "Which of two dicts wins.", """
def step():
    a, b = {"x": 1}, {"x": 2}
    return {**a, **b}
""", ("{**a, **b}", "{**b, **a}")),
    change("direct_is_not", "rerun", "`is not` becomes `is`.", """
def step():
    value = None
    return value is not None
""", ("is not None", "is None")),
    change("direct_chained_comparison", "rerun", "A bound of a chain of comparisons.", """
def step():
    return [n for n in range(5) if 0 < n <= 3]
""", ("n <= 3", "n < 3")),
    change("direct_loop_else", "rerun", "The else of a loop becomes an ordinary statement.", """
def step():
    found = []
    for n in (1, 2):
        if n == 1:
            break
    else:
        found.append("none")
    return found
""", ('    else:\n        found.append("none")', '    found.append("none")')),
    change("direct_with_two_items", "rerun", "The second of two context managers.", """
from contextlib import suppress

def step():
    with suppress(KeyError), suppress(IndexError):
        [][1]
    return "done"
""", ("suppress(IndexError)", "suppress(LookupError)"), ('return "done"', 'return "over"')),
    change("direct_assert_message", "rerun", "The message of an assertion that fails.", """
def step():
    try:
        assert False, "no rows"
    except AssertionError as error:
        return str(error)
""", ("no rows", "no row")),
]
