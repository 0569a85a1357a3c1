"""The wording of every reason, outcome and count, as plain text without colour.

Pure: records in, sentences and rows out. What a reason *is* was decided in the planner; nothing is
decided here. All text that comes from the user (names, paths, values) passes `printable`, so no
control character reaches a terminal.
"""
from __future__ import annotations

from typing import Callable, Dict, Iterable, List, Mapping, Optional, Sequence, Tuple

from ..events import OUTCOMES
from ..model import ALL, Accepted, Fresh, Pending, Plan, Reason, Verdict

#: what a verdict is called, in the order in which they are counted
VERDICTS = ("stale", "pending", "fresh")

_DIGEST = 64          # hexadecimal digits of a digest
_DIFF_LINES = 80      # a longer diff is cut: the file is at hand
_BIDI = frozenset("\u061c\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff")


def printable(text: str, keep: str = "") -> str:
    """Return `text` with control, direction and surrogate characters written as escapes.

    `keep` names the control characters that may stay (line ends in a traceback).
    """
    if text.isascii() and text.isprintable():      # the usual case, at the price of two scans
        return text
    return "".join(char if char in keep or not _hostile(char) else _escaped(char) for char in text)


def _hostile(char: str) -> bool:
    code = ord(char)
    return code < 32 or 127 <= code < 160 or 0xD800 <= code < 0xE000 or char in _BIDI


def _escaped(char: str) -> str:
    code = ord(char)
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"


def block(text: str) -> str:
    """Return text of several lines made printable, its line ends kept."""
    return printable(text.replace("\r\n", "\n"), keep="\n\t")


# -- reasons --------------------------------------------------------------------------------------

def sentence(reason: Reason) -> str:
    """Return the one sentence that tells this reason, without a full stop."""
    wording = _WORDING.get(reason.kind, _unknown)
    return wording(reason)


def _name(reason: Reason) -> str:
    return f"`{printable(reason.subject)}`"


def _is_digest(text: Optional[str]) -> bool:
    return text is not None and len(text) == _DIGEST and all(char in "0123456789abcdef" for char in text)


def _short(text: Optional[str]) -> str:
    if text is None:
        return "nothing"
    if _is_digest(text):
        return text[:8]
    shown = printable(text)
    return shown if len(shown) <= 60 else shown[:57] + "..."


def _change(reason: Reason, what: str, added: str, removed: str) -> str:
    if reason.old is None and reason.new is not None:
        return f"{what} {added}"
    if reason.new is None and reason.old is not None:
        return f"{what} {removed}"
    return f"{what} changed"


def _never_ran(reason: Reason) -> str:
    of = f" of {_name(reason)}" if reason.subject else ""
    return f"no result{of} is recorded" + (f", {printable(reason.new)}" if reason.new else "")


def _code(reason: Reason) -> str:
    if not reason.subject:
        return "its code changed"
    # without an old text: not used before, or not recorded here (a fresh clone knows only the lockfile)
    return _change(reason, _name(reason), "is new or changed", "is no longer used")


def _package(reason: Reason) -> str:
    if reason.old is not None and reason.new is not None:
        return f"package {_name(reason)} changed: {_short(reason.old)} -> {_short(reason.new)}"
    version = _short(reason.new if reason.new is not None else reason.old)
    return _change(reason, f"package {_name(reason)} {version}", "is used now and was not before",
                   "is no longer used")


def _param(reason: Reason) -> str:
    text = _change(reason, f"param {_name(reason)}", "is new", "is gone")
    if reason.old is None and reason.new is None:
        return text
    if reason.old is None or reason.new is None:
        value = reason.new if reason.old is None else reason.old
        return text if _is_digest(value) else f"{text}: {_short(value)}"
    if _is_digest(reason.old) and _is_digest(reason.new):
        return text
    return f"{text}: {_short(reason.old)} -> {_short(reason.new)}"


def _input(reason: Reason) -> str:
    if reason.new is None:
        return f"input {_name(reason)} is missing" if reason.old is None else f"input {_name(reason)} is gone"
    return _change(reason, f"input {_name(reason)}", "is new", "is missing")


def _upstream(reason: Reason) -> str:
    return _change(reason, f"the output of step {_name(reason)}", "is a new input of it",
                   "is no longer an input of it")


def _product(reason: Reason) -> str:
    return f"product {_name(reason)} is {'missing, and not in the store' if reason.new == 'gone' else 'not as recorded'}"


def _artifact(reason: Reason) -> str:
    of = f"the value of {_name(reason)}" if reason.subject else "its value"
    return f"{of} is not in the store"      # removed, damaged, or never here: a fresh clone has the lockfile only


def _forced(_: Reason) -> str:
    return "forced by --force"


def _uncacheable(reason: Reason) -> str:
    subject = _name(reason) if reason.subject else "its result"
    why = printable(reason.new or reason.old or "")
    return f"{subject} can't be cached: {why}" if why else f"{subject} can't be cached"


def _scheme(reason: Reason) -> str:
    if reason.old and reason.new:
        return f"its result was recorded under hash scheme {_short(reason.old)}, this is {_short(reason.new)}"
    return "its result was recorded under another hash scheme"


def _upstream_failed(reason: Reason) -> str:
    return f"step {_name(reason)} failed"


_SEEN = {"file": "which it was seen to read,", "folder": "whose names it was seen to list,",
         "size": "whose size it was seen to ask for,", "present": "which it was seen to look for,",
         "link": "which it was seen to follow,"}


def _seen_file(reason: Reason) -> str:
    if reason.new == "elsewhere":
        return "it was seen to read files outside of the project, and the lockfile does not tell which"
    if reason.old == "absent":
        return f"{_name(reason)}, which it looked for in vain, is there now"
    seen = _SEEN.get(reason.old or "", "which it was seen to read,")
    return f"{_name(reason)}, {seen} {'is gone' if reason.new == 'gone' else 'changed'}"


def _seen_variable(reason: Reason) -> str:
    if reason.subject == "*":
        return "the environment, all of which it was seen to read, changed"
    return f"the environment variable {_name(reason)}, which it was seen to read, changed"


def _seen_code(reason: Reason) -> str:
    did = "imported" if reason.old == "source" else "used"
    return f"{_name(reason)}, which it was seen to have {did}, {'is gone' if reason.new == 'gone' else 'changed'}"


def _unknown(reason: Reason) -> str:
    return f"{printable(reason.kind)} {_name(reason)}" if reason.subject else printable(reason.kind)


_WORDING: Dict[str, Callable[[Reason], str]] = {
    "never-ran": _never_ran, "code": _code, "package": _package, "param": _param, "input": _input,
    "upstream": _upstream, "product": _product, "artifact": _artifact, "forced": _forced,
    "uncacheable": _uncacheable, "scheme": _scheme, "cue": lambda _: 'it runs each time: cue="always"', "upstream-failed": _upstream_failed,
    "seen-file": _seen_file, "seen-variable": _seen_variable, "seen-code": _seen_code,
}


def place(reason: Reason) -> str:
    """Return ``file:line`` of the definition, as far as it is known."""
    if reason.file is None:
        return ""
    file = printable(reason.file)
    return file if reason.line is None else f"{file}:{reason.line}"


def route(reason: Reason) -> str:
    """Return the path ``step -> ... -> changed definition``, empty where it tells nothing more."""
    return " -> ".join(printable(name) for name in reason.path) if len(reason.path) > 1 else ""


def headline(reasons: Sequence[Reason]) -> str:
    """Return all reasons of one step in one short line: the first, its place, how many more."""
    if not reasons:
        return ""
    first = reasons[0]
    text = sentence(first)
    if place(first):
        text += f" ({place(first)})"
    if len(reasons) > 1:
        text += f", and {len(reasons) - 1} more"
    return text


def difference(reason: Reason) -> List[str]:
    """Return a unified diff of the old and the new text, where the reason carries both as text."""
    old, new = reason.old, reason.new
    if reason.kind != "code" or old is None or new is None or _is_digest(old) or _is_digest(new):
        return []
    import difflib  # a run has no use for it

    lines = list(difflib.unified_diff(old.splitlines(), new.splitlines(), "recorded", "now", n=2, lineterm=""))
    if len(lines) > _DIFF_LINES:
        lines[_DIFF_LINES:] = [f"... {len(lines) - _DIFF_LINES} more lines"]
    return [printable(line, keep="\t") for line in lines]


# -- verdicts and counts --------------------------------------------------------------------------

def verdict_name(verdict: Verdict) -> str:
    """Return ``fresh``, ``stale`` or ``pending``."""
    if isinstance(verdict, Fresh):
        return "fresh"
    return "pending" if isinstance(verdict, Pending) else "stale"


def is_unaffected(verdict: Fresh) -> bool:
    """Tell whether code changed since the result was recorded, none of it used."""
    return verdict.key is not None


def accepted(changes: Sequence[Accepted]) -> str:
    """Return which changes somebody said to be of no effect, and why; nothing where there are none."""
    said: Dict[str, List[str]] = {}
    for each in changes:
        said.setdefault(each.reason, []).append("all of its code" if each.definition == ALL else f"`{printable(each.definition)}`")
    return "; ".join(f"accepted: {', '.join(definitions)}: {printable(reason)}" for reason, definitions in said.items())


def verdict_reasons(verdict: Verdict) -> Tuple[Reason, ...]:
    """Return what the verdict says against reuse; nothing for a fresh one."""
    return () if isinstance(verdict, Fresh) else verdict.reasons


def verdict_line(verdict: Verdict) -> str:
    """Return why the verdict is what it is, in one line."""
    if isinstance(verdict, Fresh):
        told = accepted(verdict.accepted)
        return told or ("unaffected: its code changed, and nothing that it used did" if is_unaffected(verdict) else "")
    text = headline(verdict.reasons)
    if isinstance(verdict, Pending):
        waits = f"depends on what {names(verdict.on, 3)} will give"
        text = f"{text}; {waits}" if text else waits
    return text


def plan_counts(plan: Plan) -> Dict[str, int]:
    """Return how many steps have each verdict; every verdict is present."""
    counts = dict.fromkeys(VERDICTS, 0)
    for verdict in plan.verdicts.values():
        counts[verdict_name(verdict)] += 1
    return counts


def counted(counts: Mapping[str, int], order: Iterable[str]) -> str:
    """Return ``3 ran, 5 reused``: the counts that are not zero, in the order given."""
    return ", ".join(f"{counts[name]} {name}" for name in order if counts.get(name))


def closing(counts: Mapping[str, int], elapsed: float, interrupted: bool = False, left: int = 0) -> str:
    """Return the last line of a run; `left` steps were not reached."""
    text = counted(counts, OUTCOMES)
    if interrupted:
        parts = [part for part in (text, f"{left} not done" if left else "") if part]
        return f"interrupted: {', '.join(parts) or 'nothing done'} in {seconds(elapsed)}"
    if text and not any(counts.get(name) for name in OUTCOMES if name not in ("reused", "unaffected")):
        return up_to_date(sum(counts.values()), counts.get("unaffected", 0))
    return f"{text or 'no steps'} in {seconds(elapsed)}"


def up_to_date(steps: int, unaffected: int = 0) -> str:
    """Return what a command with nothing to do says; ``cli.quick`` says the same, and needs no time for it."""
    text = f"{steps} {'step' if steps == 1 else 'steps'} up to date"
    return f"{text}, {unaffected} of them unaffected by what changed" if unaffected else text


def names(listed: Sequence[str], limit: int) -> str:
    """Return names in backticks, the first `limit` of them."""
    shown = ", ".join(f"`{printable(name)}`" for name in listed[:limit])
    more = len(listed) - limit
    return f"{shown} and {more} more" if more > 0 else shown


def seconds(elapsed: float) -> str:
    """Return a duration for people: ``0.03 s``, ``12.4 s``, ``3 min 05 s``, ``2 h 10 min``."""
    if elapsed < 9.995:
        return f"{elapsed:.2f} s"
    if elapsed < 59.95:
        return f"{elapsed:.1f} s"
    whole = int(elapsed + 0.5)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def size(count: int) -> str:
    """Return a number of bytes for people."""
    amount = float(count)
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if amount < 1024:
            return f"{count} bytes" if unit == "bytes" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} TiB"


def columns(rows: Sequence[Sequence[str]], widest: int = 40) -> List[List[str]]:
    """Return the rows with every cell but the last padded to its column's width; a cell wider than `widest` stands out, and pads no other."""
    count = max((len(row) for row in rows), default=1) - 1
    widths = [column_width((row[number] for row in rows if number < len(row) - 1), widest) for number in range(count)]
    return [[*(pad(cell, cells) for cell, cells in zip(row[:-1], widths)), row[-1]] for row in rows]


def column_width(cells: Iterable[str], widest: int, least: int = 0) -> int:
    """Return how wide a column has to be for those of its cells that are no wider than `widest`."""
    return max([least, *(each for each in map(width, cells) if each <= widest)])


def pad(text: str, cells: int) -> str:
    """Return `text` filled with spaces to so many terminal cells."""
    return text + " " * (cells - width(text))


def width(text: str) -> int:
    """Return how many terminal cells a text takes (wide East Asian characters take two)."""
    if text.isascii():
        return len(text)
    import unicodedata  # only for names that need it: a no-op run has no use for its tables

    return sum(0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1
               for char in text)
