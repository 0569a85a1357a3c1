"""What a step saw of files and variables on a worker, told so that the driver can compare it with what is there.

A result may count for the project only if the step saw what it would have seen there.
"""
from __future__ import annotations

import os
from typing import Callable, Dict, Iterator, List, Sequence, Tuple

from ..engine.conditions import OURS
from ..engine.dispatch import View
from ..engine.relevance import path_counts, variable_counts
from ..errors import DeepwatchError
from ..hashing.digest import digest_bytes
from ..hashing.files import digest_input
from ..observation.seen import Seen


def views_of(seen: Seen, root: str, declared: Sequence[str], there: Callable[[str], str]) -> Tuple[View, ...]:
    """Return what a step saw of paths that it does not declare, and of variables; `there` gives the driver's path."""
    found: List[View] = []
    for path, kind in _looked(seen):
        if path_counts(path, kind, root) and not any(path == each or path.startswith(os.path.join(each, "")) for each in declared):
            # what it wrote is there now, and was not
            text = "absent" if kind == "absent" else view(kind, path, _written_in(path, seen, declared))
            found.append(View(kind, there(path), text))
    found += [View("variable", name, _value(value)) for name, value in seen.variables.items()
              if name not in seen.foreign and variable_counts(name)]
    return tuple(found)


def view(kind: str, path: str, without: Sequence[str] = ()) -> str:
    """Return what is to be seen of a path."""
    try:
        if kind == "folder":
            return "\n".join(sorted(set(os.listdir(path)) - OURS - set(without)))
        if kind == "link":
            return os.readlink(path)
        if kind == "file":
            return digest_input(path)
        if kind == "size" and os.path.isfile(path):
            return str(os.path.getsize(path))
    except (OSError, DeepwatchError):
        return "absent"
    return "absent" if not os.path.exists(path) else "folder" if os.path.isdir(path) else "file"


def unlike(views: Sequence[View], declared: Sequence[str], environ: Dict[str, str]) -> Iterator[View]:
    """Yield those of a worker's views that are not what is to be seen here."""
    for each in views:
        here = _value(environ.get(each.name)) if each.kind == "variable" else view(each.kind, each.name, _inside(each.name, declared))
        if here != each.seen:
            yield each


def _looked(seen: Seen) -> Iterator[Tuple[str, str]]:
    yield from ((path, "file") for path in seen.reads)
    yield from ((path, "folder") for path in seen.listed)
    yield from ((path, "link") for path in seen.links if path not in seen.written)
    known = {*seen.reads, *seen.listed, *seen.written}
    for kind, paths in (("size", seen.sized), ("present", seen.present), ("absent", seen.absent)):
        yield from ((path, kind) for path in paths if path not in known)
        known |= set(paths)


def _written_in(folder: str, seen: Seen, declared: Sequence[str]) -> List[str]:
    return [*_inside(folder, declared), *_inside(folder, list(seen.written))]


def _inside(folder: str, paths: Sequence[str]) -> List[str]:
    """Return the names in a folder that lead to some paths."""
    inside = os.path.join(folder, "")
    return [path[len(inside):].split(os.sep)[0] for path in paths if path.startswith(inside)]


def _value(value: object) -> str:
    return "unset" if value is None else digest_bytes(str(value).encode("utf-8", "surrogateescape"))
