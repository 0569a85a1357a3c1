"""Where declared files and products may lie, and which steps are bound together by them.

A path is kept relative to the root with POSIX separators, so that it says the same in another
checkout. Products lie below the root, and each has one step that writes it.
"""
from __future__ import annotations

import os
import re
import unicodedata
from typing import Dict, Iterable, List, Mapping, Optional, Tuple

from ..errors import PipelineError
from ..model import Template, base_of
from .templates import MARK, OURS, shown

#: the names in a path, with marks for labels
_Shape = Tuple[str, ...]


def file_path(text: str, step: str, root: str) -> str:
    """Return the path of a declared input; one outside the root stays as it was written. Places for labels may be marked in it."""
    full = os.path.normpath(os.path.join(root, text))
    if full == root:
        raise PipelineError(f"File `{shown(text)}` of step `{step}` is the whole project, which every run changes",
                            hint="name the files or folders that the step reads")
    if full.startswith(os.path.join(root, "")):
        return os.path.relpath(full, root).replace(os.sep, "/")
    return (full if os.path.isabs(text) else os.path.normpath(text)).replace(os.sep, "/")


def product_path(text: str, step: str, root: str) -> str:
    """Return the path of a declared output. Places for labels may be marked in it."""
    full = os.path.normpath(os.path.join(root, text))
    if not full.startswith(os.path.join(root, "")):
        raise PipelineError(f"Product `{shown(text)}` of step `{step}` is not inside the project's folder",
                            hint="write products below the folder that pipeline.py is in")
    path = os.path.relpath(full, root).replace(os.sep, "/")
    if "\\" in path:
        raise PipelineError(f"Product `{shown(text)}` of step `{step}` has a backslash in its path",
                            hint="use / between folders; the lockfile has to hold on every system")
    if path.split("/", 1)[0] in OURS:
        raise PipelineError(f"Product `{shown(text)}` of step `{step}` is where deepwatch keeps its own files",
                            hint="write it to another folder")
    return path


class Products:
    """Which step writes which path; what an instance writes stands under its own name.

    The paths of a family that goes through what a step returns are known once that has run: until then
    its templates stand for them, and whoever reads what may be one of them comes after the family.
    """

    def __init__(self, writers: Optional[Mapping[str, str]] = None) -> None:
        #: the step or instance by path, as far as the paths are known
        self.writers: Dict[str, str] = {}
        self._below: Dict[str, List[str]] = {}      #: folder -> the products somewhere in it
        self._folded: Optional[Dict[str, str]] = None     #: path as a system sees it that knows no case -> path; once it is asked for
        self._templates: List[Tuple[_Shape, str, str]] = []      #: with the path as it was declared, and the family
        for path, writer in (writers or {}).items():
            self._put(path, writer)

    def __bool__(self) -> bool:
        return bool(self.writers or self._templates)

    def add(self, path: str, step: str) -> None:
        """Note a product of a step; raises PipelineError where another step writes there already."""
        for other, writer in self._known(path).items():
            both = f"`{path}`" if other == path else f"`{path}` and `{other}`, one inside the other,"
            if writer == step:
                raise PipelineError(f"step `{step}` declares {both} twice" if other == path
                                    else f"step `{step}` declares the products {both} twice",
                                    hint="declare each file once")
            raise PipelineError(f"{both} {'is a product' if other == path else 'are products'} of both `{writer}` and `{step}`",
                                hint="each file has one step that writes it")
        self._put(path, step)

    def add_of_instance(self, path: str, instance: str) -> None:
        """Note a product of an instance, as `add`; raises PipelineError as well where paths differ by case only."""
        if self._folded is None:
            self._folded = {_folded(each): each for each in self.writers}
        other = self._folded.setdefault(_folded(path), path)
        if other != path:
            raise PipelineError(f"`{other}` of `{self.writers[other]}` and `{path}` of `{instance}` differ by case or by how accents are "
                                "written only: some systems take them for one file", hint="give the elements labels that can't be mixed up")
        self.add(path, instance)

    def add_template(self, template: Template, family: str) -> None:
        """Note that a family writes what fits a template, as far as its labels are not known yet."""
        self._templates.append((shape_of(template), template.shown, family))

    def overlapping(self, path: str) -> Dict[str, str]:
        """Return the products that are a path, a folder around it or something inside it, with their steps."""
        found = self._known(path)
        if self._templates and not any(path == each or path.startswith(f"{each}/") for each in found):
            shape = tuple(path.split("/"))
            found.update((told, family) for each, told, family in self._templates if _may_meet(each, shape))
        return found

    def makers(self, step: str, files: Iterable[str]) -> Tuple[Tuple[str, str], ...]:
        """Return who writes what `step` reads, as (path, step); raises PipelineError for the step itself."""
        return self._others(step, ((path, self.overlapping(path)) for path in files))

    def makers_of_template(self, step: str, template: Template) -> Tuple[Tuple[str, str], ...]:
        """Return who may write what a family reads whose labels are not known yet."""
        shape = shape_of(template)
        known = {path: writer for path, writer in self.writers.items() if _may_meet(shape, tuple(path.split("/")))}
        known.update((told, family) for each, told, family in self._templates if _may_meet(shape, each))
        # what it may write itself is told once its labels are known
        return self._others(step, [(template.shown, {path: writer for path, writer in known.items() if base_of(writer) != step})])

    def _others(self, step: str, found: Iterable[Tuple[str, Mapping[str, str]]]) -> Tuple[Tuple[str, str], ...]:
        makers: Dict[Tuple[str, str], None] = {}
        for path, products in found:
            for product, writer in products.items():
                if base_of(writer) == base_of(step) and product in self.writers:
                    writes = "writes" if writer == step else f"`{writer}` writes"
                    raise PipelineError(
                        f"{'step' if step == base_of(step) else 'instance'} `{step}` reads `{path}` and {writes} `{product}`",
                        hint="let it write another file than it reads: else no two runs start from the same input")
                if base_of(writer) != base_of(step):
                    makers[path, base_of(writer)] = None
        return tuple(makers)

    def _known(self, path: str) -> Dict[str, str]:
        for each in (path, *folders_of(path)):
            if each in self.writers:
                return {each: self.writers[each]}
        return {each: self.writers[each] for each in self._below.get(path, ())}

    def _put(self, path: str, writer: str) -> None:
        self.writers[path] = writer
        if self._folded is not None:
            self._folded.setdefault(_folded(path), path)
        for folder in folders_of(path):
            self._below.setdefault(folder, []).append(path)


def _folded(path: str) -> str:
    return path.lower() if path.isascii() else unicodedata.normalize("NFC", path).casefold()


def shape_of(template: Template) -> _Shape:
    """Return the names in a template's path, each with marks for its places."""
    return tuple(MARK.join(template.pieces[::2]).split("/"))


def may_meet(template: Template, path: str) -> bool:
    """Tell whether a template may stand for a path, a folder around it or something inside it."""
    return _may_meet(shape_of(template), tuple(path.split("/")))


def _may_meet(one: _Shape, other: _Shape) -> bool:
    """Tell whether a path of one shape may be a path of the other, or one inside it."""
    return all(map(_may_be_same, one, other))


def _may_be_same(one: str, other: str) -> bool:
    if MARK in one and MARK in other:       # by what stands before and behind the labels alone
        (front, end), (front_too, end_too) = ((each.split(MARK)[0], each.split(MARK)[-1]) for each in (one, other))
        return (front.startswith(front_too) or front_too.startswith(front)) and (end.endswith(end_too) or end_too.endswith(end))
    shape, name = (one, other) if MARK in one else (other, one)
    return shape == name or (MARK in shape and re.fullmatch(".+".join(map(re.escape, shape.split(MARK))), name) is not None)


def folders_of(path: str) -> Iterable[str]:
    """Yield the folders that a path lies in, the innermost first."""
    end = path.rfind("/")
    while end > 0:
        yield path[:end]
        end = path.rfind("/", 0, end)


def path_text(marker: object, step: str) -> str:
    """Return the path that a `File` or a `Product` was declared with; raises PipelineError for what is none."""
    path: object = getattr(marker, "path", None)
    text = os.fspath(path) if isinstance(path, (str, os.PathLike)) else None
    if not isinstance(text, str) or not text.strip() or "\0" in text:
        raise PipelineError(f"{type(marker).__name__} of step `{step}` has no usable path: {path!r}",
                            hint="give it a text or a Path")
    return text
