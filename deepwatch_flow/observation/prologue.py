"""Putting instructions at the top of a code object that the compiler has made.

They go into the bytecode and not into the syntax tree: so they stand where the code's first instruction
stands (no new line is traced, no docstring or `from __future__` moves, lambdas have room for them),
whatever the compiler takes is taken, and it costs a few microseconds a code object. What moves is
adjusted: absolute jumps and the line table up to Python 3.10, from 3.11 on the tables of positions
and of exceptions. Code that can't be adjusted is left as it is.
"""
from __future__ import annotations

import opcode
import re
import sys
from types import CodeType
from typing import Any, Callable, Dict, Iterator, List, Optional, Sequence, Tuple

from ..hashing.marked import ATTRIBUTE, Mark

_VERSION = sys.version_info[:2]
#: whether the bytecode of this Python is known here
KNOWN = sys.implementation.name == "cpython" and (3, 8) <= _VERSION <= (3, 14)

_LOAD_CONST, _STORE_ATTR = opcode.opmap["LOAD_CONST"], opcode.opmap["STORE_ATTR"]
_EXTENDED, _RESUME, _GEN_START = opcode.EXTENDED_ARG, opcode.opmap.get("RESUME"), opcode.opmap.get("GEN_START")
_ABSOLUTE = frozenset(opcode.hasjabs)
_RELATIVE = frozenset(opcode.hasjrel)
#: jumps count bytes before Python 3.10, then instructions of two bytes
_STEP = 2 if _VERSION < (3, 10) else 1


def _caches() -> int:
    """Return how many units of inline cache follow a STORE_ATTR."""
    entries: Any = getattr(opcode, "_inline_cache_entries", {})
    return int(entries.get("STORE_ATTR", 0) if isinstance(entries, dict) else entries[_STORE_ATTR])


_CACHES = bytes(2 * _caches())
_JUMPS = re.compile(b"[" + b"".join(re.escape(bytes([op])) for op in sorted(_ABSOLUTE)) + b"]") if _ABSOLUTE else None


def with_marks(code: CodeType, marks: Sequence[Mark], consts: Tuple[Any, ...]) -> Optional[CodeType]:
    """Return code with these constants that sets some marks first; None where that can't be done."""
    names = code.co_names if ATTRIBUTE in code.co_names else code.co_names + (ATTRIBUTE,)
    store = _instruction(_STORE_ATTR, names.index(ATTRIBUTE)) + _CACHES
    extra = b"".join([_instruction(_LOAD_CONST, len(consts)) + _instruction(_LOAD_CONST, number) + store
                      for number, _ in enumerate(marks, len(consts) + 1)])
    tables = _relative(code, extra) if _RESUME is not None else _absolute(code, extra)
    if tables is None:
        return None
    return code.replace(co_consts=(*consts, True, *marks), co_names=names, co_stacksize=max(code.co_stacksize, 2), **tables)


def _instruction(op: int, argument: int) -> bytes:
    parts = [op, argument & 0xFF]
    while argument > 0xFF:
        argument >>= 8
        parts[:0] = [_EXTENDED, argument & 0xFF]
    return bytes(parts)


# -- from Python 3.11 on: all jumps are relative, none goes across the top ---------------------------

def _relative(code: CodeType, extra: bytes) -> Optional[Dict[str, Any]]:
    found = code.co_code
    at = found[::2].find(bytes([_RESUME or 0])) + 1
    if at == 0:
        return None
    units = len(extra) // 2
    lines = _positions(code.co_linetable, at, units)
    if lines is None:
        return None
    changed = {"co_code": found[:2 * at] + extra + found[2 * at:], "co_linetable": lines}
    exceptions: bytes = getattr(code, "co_exceptiontable", b"")
    if exceptions:
        changed["co_exceptiontable"] = _exceptions(exceptions, at, units)
    return changed


def _positions(table: bytes, at: int, units: int) -> Optional[bytes]:
    """Return a table of positions in which more units stand where the one at `at` stands."""
    end = start = index = 0
    while index < len(table):
        start, index = index, index + 1
        while index < len(table) and not table[index] & 0x80:     # only an entry's first byte has this bit
            index += 1
        end += (table[start] & 7) + 1
        if end > at:
            return table[:index] + _repeated(table[start:index], units) + table[index:]
    return None


def _repeated(entry: bytes, units: int) -> bytes:
    """Return entries that give further units the position of an entry."""
    form = entry[0] >> 3 & 15
    rest = entry[1:]
    if form in (10, 11, 12):        # on the line 0, 1 or 2 further on
        form = 10
    elif form in (13, 14):          # the first number is how many lines further on
        size = next(i for i, byte in enumerate(rest) if not byte & 0x40) + 1
        rest = b"\0" + rest[size:]
    made = b""
    while units > 0:
        made += bytes([0x80 | form << 3 | min(units, 8) - 1]) + rest
        units -= 8
    return made


def _exceptions(table: bytes, at: int, units: int) -> bytes:
    made = bytearray()
    for first, size, target, depth in zip(*[_numbers(table)] * 4):
        if first >= at:
            first += units
        elif first + size > at:
            size += units
        begin = len(made)
        for number in (first, size, target + units if target >= at else target, depth):
            chunks = [number & 0x3F]    # six bits each, the highest first
            while number > 0x3F:
                number >>= 6
                chunks.insert(0, 0x40 | number & 0x3F)
            made += bytes(chunks)
        made[begin] |= 0x80
    return bytes(made)


def _numbers(table: bytes) -> Iterator[int]:
    number = 0
    for byte in table:
        number = number << 6 | byte & 0x3F
        if not byte & 0x40:
            yield number
            number = 0


# -- up to Python 3.10: absolute jumps and plain line tables ---------------------------------------------

def _absolute(code: CodeType, extra: bytes) -> Optional[Dict[str, Any]]:
    found = code.co_code
    at = 2 if _GEN_START is not None and found[0] == _GEN_START else 0
    moved = _shifted(found, len(extra))
    if moved is not None:
        size = len(extra)
        found = moved[:at] + extra + moved[at:]

        def place(old: int) -> int:
            return old if old <= at else old + size
    else:
        widened = _reassembled(found, at, extra)
        if widened is None:
            return None
        found, places = widened

        def place(old: int) -> int:
            return old if old <= at else places[old >> 1]
    if _VERSION >= (3, 10):
        return {"co_code": found, "co_linetable": _ranges(code.co_linetable, place)}
    return {"co_code": found, "co_lnotab": _lines(code.co_lnotab, place)}


def _shifted(found: bytes, size: int) -> Optional[bytes]:
    """Return bytecode whose absolute jumps go further on; None where one of them has no room for that."""
    assert _JUMPS is not None
    ops = found[::2]
    made: Optional[bytearray] = None
    for match in _JUMPS.finditer(ops):
        if made is None:
            made = bytearray(found)
        index = 2 * match.start() + 1
        argument = found[index] + size * _STEP // 2
        made[index] = argument & 0xFF
        if argument > 0xFF:
            if index < 2 or found[index - 3] != _EXTENDED or found[index - 2] == 0xFF:
                return None
            made[index - 2] += 1
    return found if made is None else bytes(made)


def _reassembled(found: bytes, at: int, extra: bytes) -> Optional[Tuple[bytes, List[int]]]:
    """Return bytecode with `extra` in it and jumps as wide as they need be, and where each old unit is now."""
    starts, ops, arguments = _decoded(found)
    number = {start: i for i, start in enumerate(starts)}
    ends = [*starts[1:], len(found) // 2]
    sizes = [end - start for start, end in zip(starts, ends)]
    targets: Dict[int, int] = {}
    for i, op in enumerate(ops):
        if op in _ABSOLUTE or op in _RELATIVE:
            target = arguments[i] // _STEP + (ends[i] if op in _RELATIVE else 0)
            if target not in number:
                return None
            targets[i] = number[target]
    settled = False
    while not settled:
        settled, position, now = True, 0, []
        for i, size in enumerate(sizes):
            position += len(extra) // 2 if starts[i] == at // 2 else 0
            now.append(position)
            position += size
        for i, target in targets.items():
            arguments[i] = (now[target] - (now[i] + sizes[i] if ops[i] in _RELATIVE else 0)) * _STEP
            needed = len(_instruction(ops[i], arguments[i])) // 2
            if needed > sizes[i]:
                sizes[i], settled = needed, False
    made, places = bytearray(), []
    for i, op in enumerate(ops):
        made += extra if starts[i] == at // 2 else b""
        written = _instruction(op, arguments[i])
        made += bytes([_EXTENDED, 0]) * (sizes[i] - len(written) // 2) + written
        places += [2 * (now[i] + k) for k in range(ends[i] - starts[i])]
    return bytes(made), [*places, len(made)]


def _decoded(found: bytes) -> Tuple[List[int], List[int], List[int]]:
    """Return of each instruction its first unit, its operation and its argument."""
    starts, ops, arguments = [], [], []
    start = argument = 0
    for index in range(0, len(found), 2):
        argument = argument << 8 | found[index + 1]
        if found[index] != _EXTENDED:
            starts.append(start)
            ops.append(found[index])
            arguments.append(argument)
            start, argument = index // 2 + 1, 0
    return starts, ops, arguments


def _lines(table: bytes, place: Callable[[int], int]) -> bytes:
    """Return a table of (bytes further on, lines further on), as up to Python 3.9, for code that has moved."""
    made = bytearray()
    address = before = 0
    for index in range(0, len(table), 2):
        address += table[index]
        if not table[index + 1]:
            continue    # the rest of a step that is too long for one byte
        step = place(address) - before
        before += step
        while step > 0xFF:
            made += b"\xff\0"
            step -= 0xFF
        made += bytes([step, table[index + 1]])
    return bytes(made)


def _ranges(table: bytes, place: Callable[[int], int]) -> bytes:
    """Return a table of (bytes, lines further on), as in Python 3.10, for code that has moved."""
    made = bytearray()
    address = 0
    for index in range(0, len(table), 2):
        size, lines = place(address + table[index]) - place(address), table[index + 1]
        address += table[index]
        while size > 0xFE:
            made += bytes([0xFE, lines])
            size -= 0xFE
            lines = lines if lines == 0x80 else 0     # 0x80: no line at all
        made += bytes([size, lines])
    return bytes(made)
