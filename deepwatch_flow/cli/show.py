"""The command that shows a stored value as people like to see it, or writes it to a file."""
from __future__ import annotations

import argparse
import json
import os
import pprint
import re
import reprlib
import shutil
from typing import Any, Callable, Dict, List, Tuple

from ..errors import DeepwatchError
from ..model import Trace
from ..report import explain
from ..report.documents import Document, Json, trace_document
from ..state import disk
from ..workspace import Shown
from .console import Console
from .exports import ENDINGS, export, is_picture, summary, summary_text, writer_for
from .parser import Command, add_json
from .session import opened

_SHOWN_LINES = 60
_PRETTY = 200_000          # bytes of a stored value that pprint can lay out without a pause

_NO_REPR: Any = object.__repr__
_ADDRESS = re.compile(r"(<[\w.]+ [\w.<>]+) at 0x[0-9a-fA-F]+>")       # <work.Model object at 0x...>, <function f at 0x...>


def add_show(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``show``."""
    parser.add_argument("step", metavar="STEP", help="the step whose value to show")
    parser.add_argument("--export", metavar="FILE", help=f"write the value to a file instead; its ending tells how: {', '.join(ENDINGS)}")
    add_json(parser)


def show(args: argparse.Namespace, console: Console) -> int:
    """Show the stored value of a step, and on stderr what is recorded of it; or write it to a file."""
    target = None if args.export is None else os.path.abspath(args.export)
    if target is not None:
        writer_for(target)
    with opened(args, console) as workspace:
        shown = workspace.show(args.step)
        lines: List[str] = []
        document: Document = {}
        if target is not None:
            export(shown.value, target)
            document = {"step": shown.step, "fresh": shown.fresh, "file": args.export}
            lines = [explain.printable(args.export)]
        elif console.json:
            document = _shown_document(shown)
        else:
            lines = _value_lines(shown, console, workspace.folder)      # a value's repr is user code, too
    if console.json:
        console.document(document)
        return 0
    console.result(*lines)
    if console.verbosity >= 0 and target is None:
        rows = _record(shown)
        # apart, as `log` does: `$(deepwatch show STEP)` is the value and nothing else
        console.say("\n".join(["", *(f"{console.paint_err('dim', left)}  {right}" for left, right in explain.columns(rows))]))
    return 0


def _shown_document(shown: Shown) -> Document:
    value = _plain(shown.value)
    document: Document = {"step": shown.step, "fresh": shown.fresh, "type": _type_name(shown.value), "value": value}
    document.update(summary(shown.value))
    if value is None and shown.value is not None:
        document["repr"] = _placeless(_safe(repr, shown.value))
    document.update(trace_document(shown.trace))
    return document


def _picture(shown: Shown, folder: str) -> str:
    """Return the path of a PNG file that shows a figure or an image."""
    path = os.path.join(folder, "shown", f"{shown.trace.artifact.blob[:16]}.png")
    try:
        disk.make_folder(os.path.dirname(path))
        export(shown.value, path)
    except DeepwatchError as error:
        return f"no picture could be made: {error.message}"
    return os.path.relpath(path)


def _plain(value: Any) -> Json:
    """Return a value as JSON data (tuples as lists), None where it is none."""
    try:
        plain: Json = json.loads(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError, RecursionError):
        return None
    return plain


def _value_lines(shown: Shown, console: Console, folder: str) -> List[str]:
    value = shown.value
    columns = shutil.get_terminal_size((100, 24)).columns
    text_of = _laid_out if shown.trace.artifact.size <= _PRETTY else _brief
    if is_picture(value):
        text = f"{_type_name(value)}: {_picture(shown, folder)}"
    elif isinstance(value, str):
        text = value
    elif type(value) in (dict, list, tuple, set, frozenset):
        text = _placeless(_safe(text_of, value, columns))
    elif getattr(type(value), "__repr__", None) is _NO_REPR:
        text = _placeless(_safe(_attributes, value, columns, text_of))
    else:
        text = _placeless(_safe(summary_text, value, columns))
    lines = explain.block(text).rstrip("\n").split("\n")
    if len(lines) > _SHOWN_LINES and console.verbosity <= 0:
        more = len(lines) - _SHOWN_LINES
        lines[_SHOWN_LINES:] = [f"... {more} more lines (--verbose shows them)"]
    return lines


def _laid_out(value: Any, width: int) -> str:
    return pprint.pformat(value, width=width, compact=True, sort_dicts=False)


def _attributes(value: Any, width: int, text_of: Callable[[Any, int], str]) -> str:
    """Return an object whose class has no repr of its own: its type, and a line for each of its attributes."""
    names = [name for kind in reversed(type(value).__mro__) for name in _slots(kind)]
    found = {name: getattr(value, name) for name in names if hasattr(value, name)}
    found.update(getattr(value, "__dict__", {}))
    lines = [f"{_type_name(value)} object"]
    for name, each in found.items():
        first, *more = _safe(text_of, each, max(width - len(name) - 5, 20)).split("\n")
        lines += [f"  {name} = {first}", *(f"  {' ' * len(name)}   {line}" for line in more)]
    return "\n".join(lines)


def _slots(kind: type) -> Tuple[str, ...]:
    slots = vars(kind).get("__slots__", ())
    return (slots,) if isinstance(slots, str) else tuple(name for name in slots if not name.startswith("__"))


def _placeless(text: str) -> str:
    """Return text without the addresses of objects: they were made when the value was read, and are no part of it."""
    return _ADDRESS.sub(r"\1>", text)


def _brief(value: Any, _: int) -> str:
    short = reprlib.Repr()
    short.maxlist = short.maxtuple = short.maxdict = short.maxset = short.maxfrozenset = 50
    short.maxstring = short.maxother = 200
    return short.repr(value)


def _safe(text_of: Any, value: Any, *more: Any) -> str:
    try:
        return str(text_of(value, *more))
    except Exception as error:  # noqa: BLE001 - a user's __repr__ may raise anything
        return f"<{_type_name(value)}: its repr failed with {type(error).__name__}: {error}>"


def _type_name(value: Any) -> str:
    kind = type(value)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _record(shown: Shown) -> List[Tuple[str, str]]:
    trace: Trace = shown.trace
    artifact = trace.artifact
    state = "fresh" if shown.fresh else "not fresh: running the step may give another value"
    rows = [("step", f"{explain.printable(shown.step)} ({state})"), ("type", explain.printable(_type_name(shown.value))),
            ("stored", f"{explain.size(artifact.size)}, {artifact.codec}, blob {artifact.blob[:12]}"),
            *([("key", trace.key[:12])] if trace.key else []), ("output", artifact.output[:12])]      # a family has none
    listed: Dict[str, List[str]] = {
        "params": [f"{param.name} = {param.shown}" for param in trace.params],
        "inputs": [item.path for item in trace.inputs],
        "upstreams": [item.step for item in trace.upstreams],
        "products": [f"{item.path} ({explain.size(item.size)})" for item in trace.products],
        "packages": [f"{name} {version}" for name, version in trace.packages]}
    rows += [(word, explain.printable(", ".join(items))) for word, items in listed.items() if items]
    return rows


COMMANDS = {"show": Command(add_show, show)}
