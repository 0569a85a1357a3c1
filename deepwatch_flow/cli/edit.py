"""``deepwatch status`` where of all that is watched the body of one function has changed.

By the project's outline (``outlining``): the function's old and new text are parsed, and if they
differ in nothing but their own digest, the fingerprints above it are made anew, and the verdicts
told, with nothing of the user's imported. It says what the ordinary way says, or nothing: then that
one is taken. Rules and wordings that are repeated here are the planner's and those of
``report.explain``; a test holds both to the same words.
"""
import marshal
import os
import warnings

from ..analysis.facts import facts_of
from ..hashing.digest import Hasher
from ..state import watched

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional, Sequence, Set, Tuple

    from ..analysis.facts import Definition

OUTLINE = os.path.join(".deepwatch", "outline")
_COLOURS = {"stale": "33", "pending": "36", "name": "1"}
_WIDEST, _NAMED = 40, 3
#: from the compiler: return the tree only
_TREE = 0x400


class Unclear(Exception):
    """The outline does not tell: the ordinary way has to."""


def answer(table: "Dict[str, Any]", path: str, color: bool) -> "Tuple[bool, str]":
    """Return whether all is fresh, and what ``status`` prints, given the one file that has changed."""
    outline = _outline(table)
    function, new = _edited(outline, path)
    if function is None or new is None:
        return True, up_to_date(table["count"])
    deep = _deep(outline, function, new)
    stale = {number: node for number, (_, node, *_) in enumerate(outline["steps"]) if node in deep}
    if any(deep[node][:16] in outline["codes"] for node in stale.values()) or not set(outline["deep"].values()).isdisjoint(deep.values()):
        raise Unclear("it has been that way before, or something else is that way")
    verdicts = _verdicts(outline, set(stale))
    first = outline["nodes"][function[4][0]]
    place = f"`{first[1]}` changed ({first[2]}:{first[3]})"
    rows = _rows(outline, verdicts, set(stale), place)
    if not rows:
        return True, up_to_date(table["count"])
    return False, "".join([f"{line}\n" for line in _lines(rows, len(verdicts), color)])


def up_to_date(count: int) -> str:
    """Return what a command with nothing to do says."""
    return f"{count} {'step' if count == 1 else 'steps'} up to date\n"


def _outline(table: "Dict[str, Any]") -> "Dict[str, Any]":
    data = watched.content(OUTLINE)
    end = data.find(b"\n") + 1
    if table.get("outline") != watched.stamp(os.stat(OUTLINE)) or data[:end] != watched.header(len(data) - end):
        raise Unclear("it is of another list")
    outline: "Dict[str, Any]" = marshal.loads(memoryview(data)[end:])
    return outline


# -- the function -----------------------------------------------------------------------------------

def _edited(outline: "Dict[str, Any]", path: str) -> "Tuple[Any, Optional[Definition]]":
    """Return the function that was edited and its new facts; None where the edit says nothing."""
    old, functions = outline["sources"][path]
    new = watched.content(path)
    if new == old:
        return None, None
    before, after = _plain_lines(old), _plain_lines(new)
    first, last = _changed(before, after)
    for function in functions:
        if function[0] - 1 <= first and last <= function[1]:
            break
    else:
        raise Unclear("more than one function was edited")
    start, end = function[0] - 1, function[1] + len(after) - len(before)
    was, now = _facts(before[start:function[1]], function[2]), _facts(after[start:end], function[2])
    if was.text.digest != function[3] or now._replace(text=was.text, end=was.end) != was \
            or now.text._replace(digest=was.text.digest) != was.text:
        raise Unclear("more than its own text changed")
    # what no step uses has no number
    return (None, None) if now.text.digest == was.text.digest or not function[4] else (function, now)


def _plain_lines(data: bytes) -> "List[bytes]":
    """Return the lines of a source whose encoding and line ends leave no questions."""
    lines = data.split(b"\n")
    if b"\r" in data or b"\0" in data or b"\f" in data or data[:3] == b"\xef\xbb\xbf" or b"coding" in b"".join(lines[:2]) or lines[-1]:
        raise Unclear("its text is not plain")
    data.decode("utf-8")
    return lines


def _changed(before: "Sequence[bytes]", after: "Sequence[bytes]") -> "Tuple[int, int]":
    """Return which of the old lines were changed: the first, and the one behind the last."""
    most = min(len(before), len(after))
    first = 0
    while first < most and before[first] == after[first]:
        first += 1
    same = 0
    while same < most - first and before[-1 - same] == after[-1 - same]:
        same += 1
    return first, len(before) - same


def _facts(lines: "Sequence[bytes]", name: str) -> "Definition":
    """Return the facts of a text that is one function of this name, and nothing besides."""
    text = b"\n".join(lines) + b"\n"
    with warnings.catch_warnings():
        warnings.simplefilter("error")      # the compiler's warnings are told in the ordinary way
        compile(text, "<function>", "exec", 0, True)
        found: "Any" = facts_of(compile(text, "<function>", "exec", _TREE, True))
    if len(found.assigned) != 1 or found.statements or found.imports or found.definitions[0].name != name:
        raise Unclear("it is no single function any more")
    definition: "Definition" = found.definitions[0]
    return definition


# -- what lies above --------------------------------------------------------------------------------

def _deep(outline: "Dict[str, Any]", function: "Any", new: "Definition") -> "Dict[int, str]":
    """Return the new deep digests, by number: of the function and of all that leads to it."""
    nodes = outline["nodes"]
    users = _users(nodes)
    above = _above(nodes, users, function[4])
    deep: "Dict[int, str]" = {}
    left = {number: len({link[1] for link in nodes[number][5]} & above) for number in above}
    ready = [number for number, count in left.items() if not count]
    while ready:
        number = ready.pop()
        text = new.text.digest if number in function[4] else nodes[number][4]
        deep[number] = _digest(nodes[number], text, deep, outline["deep"])
        for user in users.get(number, ()):
            left[user] -= 1
            if not left[user]:
                ready.append(user)
    if len(deep) != len(above):
        raise Unclear("functions that use each other are digested together")
    return deep


def _users(nodes: "Dict[int, Any]") -> "Dict[int, Set[int]]":
    """Return for each node those that link to it."""
    users: "Dict[int, Set[int]]" = {}
    for number, node in nodes.items():
        for target in [link[1] for link in node[5]] if node[0] else node[1]:
            users.setdefault(target, set()).add(number)
    return users


def _above(nodes: "Dict[int, Any]", users: "Dict[int, Set[int]]", start: "Sequence[int]") -> "Set[int]":
    """Return the nodes from which some are reached, and these."""
    above = set(start)
    waiting = list(above)
    while waiting:
        for number in users.get(waiting.pop(), ()):
            if not nodes[number][0]:
                raise Unclear("it is used by something other than functions")
            if number not in above:
                above.add(number)
                waiting.append(number)
    return above


def _digest(node: "Any", text: str, new: "Dict[int, str]", old: "Dict[int, str]") -> str:
    """Return a node's deep digest, as ``analysis.nodes`` and ``analysis.merkle`` make it."""
    kind, links = node[0], node[5]
    own = Hasher("unit/1").field("kind", kind).field("text", text).fields("labels", [link[0] for link in links]).digest()
    hasher = Hasher("deep/1").field("own", own)
    for label, target, seen in links:
        hasher.field("use", label)
        if target >= 0:
            if seen:
                hasher.field("name", seen[0]).field("parameters", seen[1])
            hasher.field("target", new.get(target) or old[target])
    return hasher.digest()


# -- the verdicts -----------------------------------------------------------------------------------

def _verdicts(outline: "Dict[str, Any]", stale: "Set[int]") -> "List[Tuple[str, List[int]]]":
    """Return for each step its verdict, and the steps that it waits for."""
    steps = outline["steps"]
    verdicts: "List[Tuple[str, List[int]]]" = []
    for number, (_, _, waits, _, _, _) in enumerate(steps):
        on = [each for each in waits if verdicts[each][0] != "fresh"]
        verdicts.append(("pending", on) if on else ("stale" if number in stale else "fresh", []))
    for number, (word, _) in enumerate(verdicts):
        for upstream in steps[number][3] if word != "fresh" else ():
            if verdicts[upstream][0] == "fresh" and not watched.holds_blobs([steps[upstream][4:]]):
                raise Unclear("the value of an upstream step is lost")
    return verdicts


def _rows(outline: "Dict[str, Any]", verdicts: "Sequence[Tuple[str, List[int]]]", stale: "Set[int]",
          place: str) -> "List[Tuple[str, str, str]]":
    """Return what is not fresh as (verdict, step, why)."""
    rows = []
    for number, (word, on) in enumerate(verdicts):
        if word == "fresh":
            continue
        why = place if number in stale else ""
        if on:
            shown = ", ".join([f"`{outline['steps'][each][0]}`" for each in on[:_NAMED]])
            more = f" and {len(on) - _NAMED} more" if len(on) > _NAMED else ""
            waits = f"depends on what {shown}{more} will give"
            why = f"{why}; {waits}" if why else waits
        row = (word, outline["steps"][number][0], why)
        if not all(text.isascii() and text.isprintable() for text in row):
            raise Unclear("names that need to be escaped")
        rows.append(row)
    return rows


def _lines(rows: "Sequence[Tuple[str, str, str]]", count: int, color: bool) -> "List[str]":
    """Return the rows as aligned lines, and the counts."""
    def paint(style: str, text: str) -> str:
        return f"\x1b[{_COLOURS[style]}m{text}\x1b[0m" if color else text

    words = max([len(word) for word, _, _ in rows])
    names = max([0, *[len(name) for _, name, _ in rows if len(name) <= _WIDEST]])
    lines = [f"{paint(word, word.ljust(words))}  {paint('name', name.ljust(names))}  {why}".rstrip() for word, name, why in rows]
    counts = {"stale": 0, "pending": 0, "fresh": count - len(rows)}
    for word, _, _ in rows:
        counts[word] += 1
    return [*lines, ", ".join([f"{number} {word}" for word, number in counts.items() if number])]
