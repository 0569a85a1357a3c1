"""``deepwatch deps STEP --observed``: what the last execution of a step was seen to run and to read.

What reading the code had missed is marked: hidden code, packages that only ran, files and variables
that no declaration names.
"""
from __future__ import annotations

import argparse
from typing import Dict, List, Tuple

from ..errors import StateError, quoted
from ..model import Observation
from ..report import explain
from ..report.documents import Document, Json
from .console import Console
from .session import opened

_MARK = "missed by reading the code"
_WORDS = {"function": "ran", "class": "used", "module": "used", "source": "imported"}
_FILES = {"file": "read", "folder": "listed", "absent": "looked for in vain", "present": "looked for", "size": "size asked for", "link": "followed"}


def show_observed(args: argparse.Namespace, console: Console) -> int:
    """Tell what was observed of a step's last execution."""
    with opened(args, console) as workspace:
        name, observation = workspace.observation(args.target)
        node = workspace.graph.nodes.get(name)
    if observation is None and node is not None and node.each:
        raise StateError(f"`{name}` is a family: each of its instances is observed by itself",
                         hint=f"`deepwatch deps {quoted(f'{name}[LABEL]')} --observed`; `deepwatch status -v {quoted(name)}` lists them")
    if observation is None:
        raise StateError(f"no execution of `{name}` was observed",
                         hint=f"`deepwatch run {quoted(name)} --force {quoted(name)}`; a step with observe=False is never observed")
    if console.json:
        console.document({"step": name, **document_of(observation)})
        return 0
    rows = rows_of(observation)
    console.result(f"{console.paint('name', explain.printable(name))}: its last execution", *(
        f"  {console.paint('dim', word)}  {explain.printable(what)}  {console.paint('warn', note)}".rstrip()
        for word, what, note in explain.columns(rows, 60)))
    if observation.gaps:
        console.result("", "not seen:", *(f"  {explain.printable(gap)}" for gap in observation.gaps))
    return 0


def rows_of(observation: Observation) -> List[Tuple[str, str, str]]:
    """Return what was seen as (what happened, to what, what is special about it)."""
    rows = [("ran", name, "") for name, _ in observation.ran]
    for unit in observation.hidden:
        name = f"{unit.module}.{unit.qualname}" if unit.qualname else unit.module
        word = _WORDS.get(unit.kind)
        if word is not None:
            rows.append((word, f"{name} ({unit.file})" if unit.file else name, _MARK))
    rows += [("ran", f"package {name} {version}", _MARK) for name, version in observation.packages]
    rows += [(_FILES.get(each.kind, each.kind), each.path, "undeclared") for each in observation.files]
    rows += [("variable", "all of the environment" if each.name == "*" else each.name,
              "undeclared" if each.own else "by a package")
             for each in observation.variables]
    if not observation.code:
        rows.append(("ran", "code was not observed", ""))
    return rows


def document_of(observation: Observation) -> Document:
    """Return what was seen as JSON data; values of variables are not among it."""
    ran: Dict[str, Json] = dict(observation.ran)
    hidden: List[Json] = [dict(unit._asdict()) for unit in observation.hidden]
    files: List[Json] = [dict(each._asdict()) for each in observation.files]
    return {"ran": ran, "missed": hidden, "files": files, "variables": [each.name for each in observation.variables],
            "packages": dict(observation.packages), "gaps": list(observation.gaps), "code": observation.code}
