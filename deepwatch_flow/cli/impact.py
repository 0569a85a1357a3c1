"""``deepwatch impact``: which steps an edit would make stale, before anything runs."""
from __future__ import annotations

import argparse
import os
from typing import Any, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from ..config import PYPROJECT
from ..errors import ConfigError
from ..git import Repository
from ..histories import history_of
from ..locking.edits import Edit, edits_between, names_in
from ..locking.impact import BY_PARAM, BY_UPSTREAM, Hit, Looked, below, impact
from ..model import Lock, LockEntry, StepFacts
from ..pipeline.hints import nearest
from ..report import explain
from ..report.documents import Json
from ..state import lockfile
from ..vouching import LOCKFILE
from ..workspace import Workspace
from .console import Console
from .parser import Command, add_json, add_set
from .session import opened, settings

_SETTINGS = ("deepwatch.toml", PYPROJECT)
_SOURCES = (".py", ".pyw")


class _Asked(NamedTuple):
    """What the command is about."""

    edits: Tuple[Edit, ...]
    lock: Optional[Lock] = None       #: that of the revision since which the edits are
    settings: Tuple[str, ...] = ()    #: which files of settings are edited


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``impact``."""
    parser.add_argument("places", metavar="PATH[:DEFINITION]", nargs="*",
                        help="a file or folder, or a function, class or constant in a file: helpers.py:clean")
    parser.add_argument("--since", metavar="REV", help="the edits since a git revision, those not committed included")
    add_set(parser)
    add_json(parser)


def call(args: argparse.Namespace, console: Console) -> int:
    """Tell which steps an edit would make stale."""
    if bool(args.places) == bool(args.since):
        raise ConfigError("`deepwatch impact` takes either places or `--since REV`",
                          hint="deepwatch impact helpers.py:clean, deepwatch impact --since main")
    root = settings(args).root
    asked = _since(root, args.since) if args.since else _places(root, args.places)
    with opened(args, console) as workspace:
        hits = _hits(workspace, asked)
        steps = len(workspace.graph.order)
    direct = sum(hit.by != BY_UPSTREAM for hit in hits)
    if console.json:
        console.document({"edits": [edit.name for edit in asked.edits], "steps": [_document(hit) for hit in hits],
                          "counts": {"stale": direct, "below": len(hits) - direct, "steps": steps}})
        return 0
    rows = [(explain.printable(hit.step), "stale" if hit.by != BY_UPSTREAM else "below", _way(hit)) for hit in hits]
    console.result(*(f"{console.paint('name', name)}  {word}  {console.paint('dim', way)}".rstrip()
                     for name, word, way in explain.columns(rows)))
    console.say(_summary(direct, len(hits) - direct, steps))
    return 0


def _way(hit: Hit) -> str:
    arrow = " -> ".join(map(explain.printable, hit.path))
    return arrow if hit.by in ("code", BY_UPSTREAM) else f"{arrow} ({hit.by})"


def _summary(direct: int, further: int, steps: int) -> str:
    told = f"{direct} of {steps} {'step' if steps == 1 else 'steps'} would be stale"
    if not direct:
        return f"no step would be stale, of {steps}"
    return told + (f"; {further} below, if what {'it gives' if direct == 1 else 'they give'} differs" if further else "")


def _document(hit: Hit) -> Json:
    return {"name": hit.step, "verdict": "stale" if hit.by != BY_UPSTREAM else "pending", "by": hit.by,
            "edit": hit.edit, "path": list(hit.path)}


def _hits(workspace: Workspace, asked: _Asked) -> Tuple[Hit, ...]:
    looked = Looked(workspace.graph, workspace.survey.facts(workspace.graph.order), workspace.project.analysis,
                    history_of(workspace.database, workspace.lock).latest)
    lock = asked.lock
    entries = lock.steps if lock is not None else {}
    same = [name for name, facts in looked.facts.items() if name in entries and entries[name].code == facts.fingerprint.digest]
    hits = {hit.step: hit for hit in impact(looked, asked.edits, same) if hit.by != BY_UPSTREAM}
    for name, facts in looked.facts.items():
        param, edit = _param(facts, entries.get(name), workspace.config.params.get(name, {}), asked)
        if param and name not in hits:
            hits[name] = Hit(name, BY_PARAM, edit, (name, param))
    return below(looked, hits)


def _param(facts: StepFacts, entry: Optional[LockEntry], settings: Mapping[str, Any], asked: _Asked) -> Tuple[str, str]:
    """Return a param of a step that an edit changes, and the edit; two empty texts where there is none."""
    by_settings = asked.settings[0] if asked.settings else ""
    if entry is None:
        return (min(settings), by_settings) if settings and by_settings else ("", "")
    changed = {param for param, _ in {(each.name, each.digest) for each in facts.params} ^ set(entry.params)}
    if not changed:
        return ("", "")
    param = min(changed)
    return (param, by_settings if by_settings and param in settings else f"{facts.name}.{param}")


# -- what is asked --------------------------------------------------------------------------------

def _since(root: str, revision: str) -> _Asked:
    git = Repository(root)
    git.revision(revision)
    changed = [path for path in git.changed(revision) if path != LOCKFILE]
    data = git.show(LOCKFILE, revision)
    lock = lockfile.decode(data, f"{revision}:{LOCKFILE}") if data is not None else None
    edits: List[Edit] = []
    for path in changed:
        if path.endswith(_SOURCES):
            edits += edits_between(path, git.show(path, revision), _read(root, path))
        else:
            edits.append(Edit(path))
    return _Asked(tuple(edits), lock, tuple(path for path in changed if path in _SETTINGS))


def _places(root: str, places: Sequence[str]) -> _Asked:
    edits = tuple(_place(root, each) for each in places)
    return _Asked(edits, None, tuple(edit.path for edit in edits if edit.path in _SETTINGS))


def _place(root: str, text: str) -> Edit:
    full = os.path.abspath(text)
    definition = ""
    if not os.path.lexists(full) and ":" in text:
        path, _, definition = text.rpartition(":")
        full = os.path.abspath(path)
    if not os.path.lexists(full):
        raise ConfigError(f"there is no file `{explain.printable(text.rpartition(':')[0] or text)}`", hint="PATH, or PATH:DEFINITION")
    inside = os.path.relpath(os.path.realpath(full), os.path.realpath(root)).replace(os.sep, "/")
    path = full.replace(os.sep, "/") if inside == ".." or inside.startswith("../") else inside
    if definition:
        definition = _definition(full, path, definition)
    return Edit(path, definition)


def _definition(full: str, path: str, given: str) -> str:
    """Return a definition's name as its module has it; raises ConfigError for one that is not there."""
    data = _read("", full)
    known = names_in(data) if data is not None else None
    if known is None:
        raise ConfigError(f"`{explain.printable(path)}` is no Python file that can be read: its definitions are not known",
                          hint="name the file alone")
    fitting = sorted(name for name in known if name == given or name.endswith(f".{given}"))
    if not fitting:
        raise ConfigError(f"`{explain.printable(path)}` has no `{explain.printable(given)}`",
                          hint=nearest(given, known) or "it has: " + ", ".join(sorted(known)[:10]))
    return given if given in known else fitting[0]


def _read(root: str, path: str) -> Optional[bytes]:
    try:
        with open(os.path.join(root, path), "rb") as stream:
            return stream.read()
    except OSError:
        return None


COMMANDS = {"impact": Command(add_arguments, call)}
