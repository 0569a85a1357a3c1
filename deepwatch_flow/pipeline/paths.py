"""Where declared files and products may lie, and which steps are bound together by them.

A path is kept relative to the root with POSIX separators, so that it says the same in another
checkout. Products lie below the root, and each has one step that writes it.
"""
from __future__ import annotations

import os
from typing import Dict, Iterable, List, Mapping, Tuple

from ..errors import PipelineError
from .step import File, Product

#: what deepwatch itself writes into a project
_OURS = (".deepwatch", "deepwatch.lock")


def file_path(marker: File, step: str, root: str) -> str:
    """Return the path of a declared input; one outside the root stays as it was written."""
    text = _text(marker, step)
    full = os.path.normpath(os.path.join(root, text))
    if full == root:
        raise PipelineError(f"File `{text}` of step `{step}` is the whole project, which every run changes",
                            hint="name the files or folders that the step reads")
    if full.startswith(os.path.join(root, "")):
        return os.path.relpath(full, root).replace(os.sep, "/")
    return (full if os.path.isabs(text) else os.path.normpath(text)).replace(os.sep, "/")


def product_path(marker: Product, step: str, root: str) -> str:
    """Return the path of a declared output."""
    text = _text(marker, step)
    full = os.path.normpath(os.path.join(root, text))
    if not full.startswith(os.path.join(root, "")):
        raise PipelineError(f"Product `{text}` of step `{step}` is not inside the project's folder",
                            hint="write products below the folder that pipeline.py is in")
    path = os.path.relpath(full, root).replace(os.sep, "/")
    if "\\" in path:
        raise PipelineError(f"Product `{text}` of step `{step}` has a backslash in its path",
                            hint="use / between folders; the lockfile has to hold on every system")
    if path.split("/", 1)[0] in _OURS:
        raise PipelineError(f"Product `{text}` of step `{step}` is where deepwatch keeps its own files",
                            hint="write it to another folder")
    return path


class Products:
    """Which step writes which path."""

    def __init__(self) -> None:
        self._writers: Dict[str, str] = {}
        self._below: Dict[str, List[str]] = {}      #: folder -> the products somewhere in it

    def __bool__(self) -> bool:
        return bool(self._writers)

    def add(self, path: str, step: str) -> None:
        """Note a product; raises PipelineError where another step writes there already."""
        for other, writer in self.overlapping(path).items():
            both = f"`{path}`" if other == path else f"`{path}` and `{other}`, one inside the other,"
            if writer == step:
                raise PipelineError(f"step `{step}` declares {both} twice" if other == path
                                    else f"step `{step}` declares the products {both} twice",
                                    hint="declare each file once")
            raise PipelineError(f"{both} {'is a product' if other == path else 'are products'} of both `{writer}` and `{step}`",
                                hint="each file has one step that writes it")
        self._writers[path] = step
        for folder in _folders_of(path):
            self._below.setdefault(folder, []).append(path)

    def overlapping(self, path: str) -> Dict[str, str]:
        """Return the products that are a path, a folder around it or something inside it, with their steps."""
        for each in (path, *_folders_of(path)):
            if each in self._writers:
                return {each: self._writers[each]}
        return {each: self._writers[each] for each in self._below.get(path, ())}

    def makers(self, step: str, files: Mapping[str, str]) -> Tuple[str, ...]:
        """Return the steps that write what `step` reads; raises PipelineError for the step itself."""
        found: Dict[str, None] = {}
        for path in files.values():
            for product, writer in self.overlapping(path).items():
                if writer == step:
                    raise PipelineError(
                        f"step `{step}` reads `{path}` and writes `{product}`",
                        hint="let it write another file than it reads: else no two runs start from the same input")
                found[writer] = None
        return tuple(found)


def _folders_of(path: str) -> Iterable[str]:
    end = path.rfind("/")
    while end > 0:
        yield path[:end]
        end = path.rfind("/", 0, end)


def _text(marker: object, step: str) -> str:
    path: object = getattr(marker, "path", None)
    text = os.fspath(path) if isinstance(path, (str, os.PathLike)) else None
    if not isinstance(text, str) or not text.strip() or "\0" in text:
        raise PipelineError(f"{type(marker).__name__} of step `{step}` has no usable path: {path!r}",
                            hint="give it a text or a Path")
    return text
