"""What the loading of a module depends on beyond files and variables: clocks, chance, other machines.

A value such as ``TODAY = date.today()`` is another one tomorrow, though nothing on the disk changed.
Told by the names that compiled code reads while it loads: a name that only looks like a clock costs
time, a clock under a name of its own is missed.
"""
from __future__ import annotations

import dis
from types import CodeType
from typing import AbstractSet, Callable, Iterator, Optional

#: what differs from one moment or caller to the next
CLOCKS = frozenset({
    "Popen", "argv", "asctime", "check_call", "check_output", "cpu_count", "create_connection", "ctime", "device_count",
    "disk_usage", "fork", "getfqdn", "gethostname", "getloadavg", "getlogin", "getoutput", "getpid", "getppid", "getuser",
    "gmtime", "httpx", "input", "is_available", "localtime", "monotonic", "monotonic_ns", "node", "now", "orig_argv",
    "perf_counter", "perf_counter_ns", "popen", "process_time", "requests", "socket", "stdin", "strftime", "subprocess",
    "system", "time", "time_ns", "today", "uname", "urlopen", "urlretrieve", "utcnow", "virtual_memory"})
#: what differs from one process to the next, unless it was seeded
CHANCE = frozenset({
    "NamedTemporaryFile", "RandomState", "TemporaryDirectory", "default_rng", "getrandbits", "hash", "id", "mkdtemp", "mkstemp",
    "rand", "randint", "randn", "random", "randrange", "secrets", "token_bytes", "token_hex", "token_urlsafe", "urandom",
    "uuid1", "uuid4"})

_ALL = CLOCKS | CHANCE
_OPTIMIZED = 0x1      # the flag of functions: bodies of modules and classes run where they stand
_COMPREHENSIONS = ("<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>")


def names_read(code: CodeType, ran: Callable[[CodeType], bool], among: Optional[AbstractSet[str]] = _ALL) -> Iterator[str]:
    """Yield the names, or those of them `among` some, that a module's code reads while it loads.

    `ran` tells of functions.
    """
    waiting = [code]
    while waiting:
        each = waiting.pop()
        for inner in each.co_consts:
            if isinstance(inner, CodeType) and (
                    not inner.co_flags & _OPTIMIZED or inner.co_name in _COMPREHENSIONS or ran(inner)):
                waiting.append(inner)
        if among is None or not among.isdisjoint(each.co_names):      # an import alone has the name as well
            for instruction in dis.get_instructions(each):
                name = instruction.argval
                if instruction.opname.startswith("LOAD_") and isinstance(name, str) and (
                        instruction.opname != "LOAD_CONST" and (among is None or name in among)):
                    yield name
