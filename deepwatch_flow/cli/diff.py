"""``deepwatch diff``: what differs between the lockfiles of two revisions."""
from __future__ import annotations

import argparse
import os
from typing import Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from ..errors import ConfigError
from ..git import Repository
from ..locking.differences import ADDED, CHANGED, REMOVED, Fact, LockDiff, NameChange, StepChange, differences
from ..locking.merge import EMPTY
from ..model import Lock
from ..report import explain
from ..report.documents import Document, Json
from ..state import lockfile
from ..vouching import LOCKFILE
from .console import Console
from .parser import Command, add_json
from .session import settings

_SIGNS = {ADDED: "+", REMOVED: "-", CHANGED: "~"}
_STYLES = {ADDED: "add", REMOVED: "remove", CHANGED: "name"}
_SHOWN = 8
_WORKING_TREE = "the working tree"


class _Side(NamedTuple):
    name: str
    lock: Optional[Lock]          #: None where there is no lockfile


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``diff``."""
    parser.add_argument("revisions", metavar="REV", nargs="*",
                        help="one: that revision and the working tree; two: these (default: HEAD and the working tree)")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--markdown", action="store_true", help="print Markdown, for a comment on a pull request")
    add_json(form)  # type: ignore[arg-type]


def diff(args: argparse.Namespace, console: Console) -> int:
    """Tell what differs between two lockfiles."""
    if len(args.revisions) > 2:
        raise ConfigError(f"`deepwatch diff` takes at most two revisions, not {len(args.revisions)}", hint="deepwatch diff main HEAD")
    root = settings(args).root
    git = Repository(root)
    old = _revision(git, args.revisions[0] if args.revisions else "HEAD")
    new = _revision(git, args.revisions[1]) if len(args.revisions) > 1 else _working(root)
    if old.lock is None and new.lock is None:
        raise ConfigError(f"neither {old.name} nor {new.name} has a `{LOCKFILE}`", hint="deepwatch run writes it")
    found = differences(old.lock or EMPTY._replace(scheme=(new.lock or EMPTY).scheme), new.lock or EMPTY._replace(
        scheme=(old.lock or EMPTY).scheme))
    if console.json:
        console.document(document_of(found, old.name, new.name))
        return 0
    for side in (old, new):
        if side.lock is None:
            console.say(f"note: {side.name} has no `{LOCKFILE}`")
    console.result(*(markdown_of(found, old.name, new.name) if args.markdown else text_of(found, console, old.name, new.name)))
    return 0


def _revision(git: Repository, name: str) -> _Side:
    data = git.show(LOCKFILE, git.revision(name))
    return _Side(name, None if data is None else lockfile.decode(data, f"{name}:{LOCKFILE}"))


def _working(root: str) -> _Side:
    return _Side(_WORKING_TREE, lockfile.read(os.path.join(root, LOCKFILE)))


# -- text -----------------------------------------------------------------------------------------

def text_of(found: LockDiff, console: Console, old: str, new: str) -> List[str]:
    """Return a difference as lines."""
    if not found.any:
        return [f"no difference between the lockfiles of {explain.printable(old)} and {explain.printable(new)}"]
    paint = console.paint
    lines = [f"scheme of digests: {found.scheme[0]} -> {found.scheme[1]}"] if found.scheme is not None else []
    for change in found.steps:
        line = f"{_SIGNS[change.change]} {paint(_STYLES[change.change], explain.printable(change.name))}"
        lines.append(f"{line}  {paint('dim', '; '.join(facts_told(change)))}" if change.facts else line)
    for title, names in _named(found):
        lines += ["", f"{title}:"]
        lines += [f"  {_SIGNS[each.change]} {explain.printable(each.name)}{_versions(title, each)}" for each in names]
    return [*lines, "", summary(found)]


def _named(found: LockDiff) -> Iterator[Tuple[str, Tuple[NameChange, ...]]]:
    titles = (("definitions", found.definitions), ("packages", found.packages), ("accepted", found.accepted))
    return ((title, names) for title, names in titles if names)


def _versions(title: str, each: NameChange) -> str:
    if title == "definitions":
        return ""
    told = " -> ".join(explain.printable(text) for text in (each.old, each.new) if text is not None)
    return f"  {told}" if told else ""


def facts_told(change: StepChange) -> List[str]:
    """Return in words what differs in a step."""
    words: Dict[str, List[str]] = {}
    for fact in change.facts:
        words.setdefault(fact.kind, []).append(_fact_name(fact))
    told = [_words(kind, names) for kind, names in words.items() if kind != "stored" or len(words) == 1]
    return [*told, "same output"] if change.same_output and set(words) - {"stored", "product"} else told


def _words(kind: str, names: Sequence[str]) -> str:
    if kind == "stored":
        return "the same value in other bytes"
    named = [name for name in names if name]
    return f"{kind} {explain.names(named, _SHOWN)}" if named else kind


def _fact_name(fact: Fact) -> str:
    sign = "+" if fact.old is None else "-" if fact.new is None else ""
    return f"{sign}{fact.name}" if fact.name else ""


def summary(found: LockDiff) -> str:
    """Return the counts of a difference as one line."""
    counts = {word: sum(each.change == word for each in found.steps) for word in (CHANGED, ADDED, REMOVED)}
    parts = [f"{count} {word}" for word, count in counts.items() if count]
    same = sum(each.same_output for each in found.steps)
    steps = f"steps: {', '.join(parts) or 'none'}" + (f" ({same} with the same output)" if same else "")
    return f"{steps}; definitions: {len(found.definitions) or 'none'}"


# -- Markdown -------------------------------------------------------------------------------------

def markdown_of(found: LockDiff, old: str, new: str) -> List[str]:
    """Return a difference as a comment on a pull request; long lists are folded."""
    lines = [f"### deepwatch: {_code(old)} → {_code(new)}", ""]
    if not found.any:
        return [*lines, "No step differs."]
    lines += [summary(found).capitalize() + ".", ""]
    if found.scheme is not None:
        lines += [f"The scheme of digests is another one: {found.scheme[0]} → {found.scheme[1]}.", ""]
    if found.steps:
        lines += ["| Step | | What differs |", "|---|---|---|"]
        lines += [f"| {_code(each.name)} | {each.change} | {_prose('; '.join(facts_told(each)))} |" for each in found.steps]
        lines.append("")
    for title, names in _named(found):
        lines += [f"<details><summary>{title.capitalize()}: {len(names)}</summary>", ""]
        lines += [f"- {_code(each.name)} {each.change}{_prose(_versions(title, each))}" for each in names]
        lines += ["", "</details>", ""]
    return lines[:-1] if not lines[-1] else lines


def _code(text: str) -> str:
    """Return a name as code, which no character in it can end."""
    return f"<code>{_cell(explain.printable(text))}</code>"


def _prose(text: str) -> str:
    """Return a sentence, what stands in backticks in it as code."""
    return "".join(_code(part) if at % 2 else _cell(part) for at, part in enumerate(text.split("`")))


def _cell(text: str) -> str:
    for character, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("|", "&#124;"), ("*", "&#42;"), ("_", "&#95;"),
                              ("[", "&#91;"), ("@", "&#64;")):
        text = text.replace(character, entity)
    return text


# -- JSON -----------------------------------------------------------------------------------------

def document_of(found: LockDiff, old: str, new: str) -> Document:
    """Return a difference as a document."""
    steps: Json = [{"name": each.name, "change": each.change, "same_output": each.same_output,
                    "facts": [dict(fact._asdict()) for fact in each.facts]} for each in found.steps]
    counts: Json = {word: sum(each.change == word for each in found.steps) for word in (CHANGED, ADDED, REMOVED)}
    document: Document = {"old": old, "new": new, "steps": steps, "counts": counts,
                          "scheme": list(found.scheme) if found.scheme is not None else None}
    named = (("definitions", found.definitions), ("packages", found.packages), ("accepted", found.accepted))
    document.update((title, [dict(each._asdict()) for each in names]) for title, names in named)
    return document


COMMANDS = {"diff": Command(add_arguments, diff)}
