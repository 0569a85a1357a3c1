"""Importing own code by path, and the world that a run imports it into.

An `ImportWorld` is what ``sys.modules`` and ``sys.path`` look like during a run: the project's root
comes first, its modules are loaded afresh from one snapshot, and all is put back at the end. So a
run in a notebook sees the files as they are now, and leaves the notebook's own modules alone. How
an error is told is left to ``failures``.
"""
from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from contextlib import ExitStack
from types import ModuleType, TracebackType
from typing import Any, Dict, FrozenSet, Iterable, Iterator, List, Optional, Tuple, Type, Union

from ..errors import PipelineError
from ..model import Boundary
from .failures import failed
from .finder import OwnFinder, SnapshotLoader
from .origin import Origins
from .snapshot import Snapshot

#: these are what they are, whatever a project calls its modules: Python itself runs on them
_FIXED = frozenset({
    "__main__", "__mp_main__", "deepwatch_flow", "abc", "codecs", "encodings", "genericpath", "importlib", "io", "ntpath",
    "os", "posixpath", "site", "stat", "sys", "sitecustomize", "usercustomize", "types", "warnings", "threading",
    "_collections_abc", "_sitebuiltins", "_weakrefset", *sys.builtin_module_names,
})


class ImportWorld:
    """The modules of one run; a context manager."""

    def __init__(self, snapshot: Snapshot, origins: Origins, root: str) -> None:
        self.snapshot = snapshot
        self.origins = origins
        self.root = os.path.abspath(root)
        self._finder = OwnFinder(snapshot, origins)
        self._aside: Dict[str, ModuleType] = {}
        self._names: FrozenSet[str] = frozenset()
        self._path: List[str] = []
        self._stack = ExitStack()

    def __enter__(self) -> ImportWorld:
        self._path = list(sys.path)
        sys.path[:] = [self.root] + [each for each in self._path if os.path.abspath(each) != self.root]
        self._aside = _set_aside([*self._own_modules(), *_hidden(self.root)])
        self._names = frozenset(sys.modules)
        self._stack.enter_context(self._finder)
        importlib.invalidate_caches()
        return self

    def __exit__(self, kind: Optional[Type[BaseException]], error: Optional[BaseException],
                 trace: Optional[TracebackType]) -> None:
        self._stack.close()
        # all are found before any goes: a namespace package below another asks that one for its folders
        for name in [name for name, module in list(sys.modules.items())
                     if name not in self._names and (_snapshot_loaded(module) or self._is_own_namespace(module))]:
            del sys.modules[name]
        _put_back(self._aside)
        self._aside = {}
        sys.path[:] = self._path

    def load(self, path: str) -> ModuleType:
        """Import a file as the module that its place below the root makes it.

        Raises PipelineError with the user's traceback where the file, or what it imports, fails.
        """
        full = os.path.abspath(os.path.join(self.root, path))
        if not os.path.isfile(full):
            raise PipelineError(f"there is no file `{path}`", hint="check the path; it is relative to the project's folder")
        name, base = module_name(full, self.root)
        for folder in (base, os.path.dirname(full)):  # what lies beside a script can be imported by it
            if folder not in sys.path and not os.path.isfile(os.path.join(folder, "__init__.py")):
                sys.path.insert(1, folder)
        try:
            return _import_file(name, full, self._finder)
        except (Exception, SystemExit) as error:  # importing runs the user's code: whatever it raises is told
            raise failed(path, error, self.root, self.origins) from error

    def forget(self, names: Iterable[str]) -> None:
        """Take modules that a step imported out of the world, so that the next step imports them itself.

        What they do and read while they load belongs to each step that imports them.
        """
        _set_aside([name for name in names if name.partition(".")[0] not in _FIXED])

    def _own_modules(self) -> Iterator[str]:
        for name, module in list(sys.modules.items()):
            if name.partition(".")[0] in _FIXED or module is None:
                continue
            file = _plain(module, "__file__")
            if isinstance(file, str):
                if file.endswith((".py", ".pyw", ".pyc")) and self.origins.is_own(file):
                    yield name
            # a namespace package holds its modules as attributes: it goes where they go
            elif self._is_own_namespace(module):
                yield name

    def _is_own_namespace(self, module: ModuleType) -> bool:
        return _plain(module, "__file__") is None and _plain(module, "__path__") is not None \
            and self.origins.of_module(module)[0] == "own"


def module_name(path: str, root: str) -> Tuple[str, str]:
    """Return the dotted name of a file, and the folder that has to be on the path for it.

    Below the root that is the file's path, whether folders have an ``__init__.py`` or not; the name
    of the root's folder is never part of it, since checkouts have different ones. Elsewhere the
    outermost folder with an ``__init__.py`` begins the name.
    """
    folder, file = os.path.split(path)
    parts = [os.path.splitext(file)[0].replace(".", "_")]
    inside = (folder + os.sep).startswith(os.path.join(root, ""))
    while os.path.isfile(os.path.join(folder, "__init__.py")) and folder != root:
        folder, name = os.path.split(folder)
        parts.insert(0, name)
    if inside and folder != root:
        below = os.path.relpath(folder, root).split(os.sep)
        source = os.path.join(root, "src")
        if below[0] == "src" and not os.path.isfile(os.path.join(source, "__init__.py")):
            return ".".join(below[1:] + parts), source  # the src layout: what is in there is installed without it
        if all(part.isidentifier() for part in below):
            parts, folder = below + parts, root
    if parts[-1] == "__init__" and len(parts) > 1:
        parts.pop()
    return ".".join(parts), folder


def import_path(path: Union[str, "os.PathLike[str]"], root: Union[str, "os.PathLike[str]", None] = None) -> ModuleType:
    """Import a module by the path of its file; relative imports and packages work.

    `root` is the folder that absolute imports start from, by default the folder above the file's
    outermost package. ``sys.path`` and the working directory are as before afterwards. A file that
    was imported already is imported again only where files below the root were edited since.
    Raises PipelineError, naming the file, where there is none or where it can't be imported.
    """
    shown = os.fspath(path)
    full = os.path.abspath(shown)
    if not os.path.isfile(full):
        what = "is a folder, not a file" if os.path.isdir(full) else "does not exist"
        raise PipelineError(f"can't import `{shown}`: it {what}", hint="check the path")
    base = os.path.abspath(os.fspath(root)) if root is not None else _outermost(full)
    origins = Origins(Boundary(base))
    name, extra = module_name(full, base)
    with ExitStack() as stack:
        stack.callback(os.chdir, os.getcwd())
        stack.callback(sys.path.__setitem__, slice(None), list(sys.path))
        sys.path[:] = [extra, *([base] if base != extra else []), *sys.path]
        importlib.invalidate_caches()
        # inside a run its finder is there: what is imported belongs to the run's snapshot
        finder = next((each for each in sys.meta_path if isinstance(each, OwnFinder)), None)
        inside = finder is not None
        if finder is None:
            finder = stack.enter_context(OwnFinder(Snapshot(), origins))
            _forget_edited(base)
        hidden = _set_aside(_hidden(base, extra))
        try:
            return _import_file(name, full, finder)
        except (Exception, SystemExit) as error:  # importing runs the user's code: whatever it raises is told
            raise failed(shown, error, base, origins) from error
        finally:
            # Another project's module gives way to this one's if we imported it, too; what a program
            # or a run has imported stays as it was.
            _put_back({each: module for each, module in hidden.items() if inside or not _snapshot_loaded(module)})


# -- one file -------------------------------------------------------------------------------------

def _import_file(name: str, path: str, finder: OwnFinder) -> ModuleType:
    known = sys.modules.get(name)
    if known is not None and _same_file(known, path):
        return known
    if "." in name:
        _import_package(name.rpartition(".")[0])  # relative imports need it
        known = sys.modules.get(name)
        if known is not None and _same_file(known, path):
            return known
    # by its place and not by its name: another file may be found first under the same name
    spec = importlib.util.spec_from_file_location(
        name, path, loader=SnapshotLoader(name, path, finder),
        submodule_search_locations=[os.path.dirname(path)] if os.path.basename(path) == "__init__.py" else None)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    vars(spec)["_initializing"] = True  # as the import system does: a circular import is then told as one
    try:
        assert spec.loader is not None
        spec.loader.exec_module(module)
    except BaseException:
        sys.modules.pop(name, None)
        if known is not None:
            sys.modules[name] = known
        raise
    finally:
        vars(spec)["_initializing"] = False
    module = sys.modules.get(name, module)  # a module may put something else in its place
    parent, _, child = name.rpartition(".")
    if parent in sys.modules:
        setattr(sys.modules[parent], child, module)
    return module


def _import_package(name: str) -> None:
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        # A folder without __init__.py whose name a module elsewhere has (`code`, `test`) is hidden by
        # it: then the file is imported all the same, only relative imports won't work.
        if error.name is None or not (name + ".").startswith(error.name + "."):
            raise


def _outermost(path: str) -> str:
    folder = os.path.dirname(path)
    while os.path.isfile(os.path.join(folder, "__init__.py")):
        folder = os.path.dirname(folder)
    return folder


# -- what is in sys.modules -----------------------------------------------------------------------

def _hidden(*folders: str) -> Iterator[str]:
    """Yield names of loaded modules that are not those which the folders have under these names.

    Python would find the folders' modules first, had the others not been there before. A folder
    without ``__init__.py`` comes after all others: it only counts against modules that we loaded.
    """
    tops: Dict[str, str] = {}
    for folder in reversed(folders):
        tops.update(_importable(folder))
    for name, module in list(sys.modules.items()):
        top = name.partition(".")[0]
        if top not in tops or top in _FIXED or module is None:
            continue
        regular = tops[top].endswith(".py")
        package = tops[top][:-len("__init__.py")] if tops[top].endswith(os.sep + "__init__.py") else os.path.join(tops[top], "")
        places = [os.path.abspath(place) for place in (_plain(module, "__file__"), *list(_plain(module, "__path__") or ())[:1])
                  if isinstance(place, str)]
        if not any(place == tops[top] or os.path.join(place, "").startswith(package) for place in places) \
                and (regular or _snapshot_loaded(module)):
            yield name


def _importable(folder: str) -> Iterator[Tuple[str, str]]:
    """Yield the top-level names of a folder: each with its file, or with its folder if that is no package."""
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                name, extension = os.path.splitext(entry.name)
                if extension == ".py":
                    yield name, entry.path
                elif not extension and entry.is_dir():
                    init = os.path.join(entry.path, "__init__.py")
                    yield name, init if os.path.isfile(init) else entry.path
    except OSError:
        return  # a root that is not there has no modules; loading the file says so


def _set_aside(names: Iterable[str]) -> Dict[str, ModuleType]:
    """Take modules out of ``sys.modules``, and out of the packages that stay there."""
    aside = {name: sys.modules.pop(name) for name in list(names) if name in sys.modules}
    for name, module in aside.items():
        parent, _, child = name.rpartition(".")
        if _plain(sys.modules.get(parent), child) is module:
            delattr(sys.modules[parent], child)
    return aside


def _put_back(aside: Dict[str, ModuleType]) -> None:
    sys.modules.update(aside)
    for name, module in aside.items():
        parent, _, child = name.rpartition(".")
        if parent in sys.modules:
            setattr(sys.modules[parent], child, module)


def _forget_edited(base: str) -> None:
    """Take this root's modules out of ``sys.modules`` if one of them is no longer what is on disk."""
    ours = {name: module for name, module in sys.modules.items() if _snapshot_loaded(module)
            and os.path.abspath(str(module.__file__)).startswith(os.path.join(base, ""))}
    if not all(_up_to_date(module) for module in ours.values()):
        _set_aside(ours)


def _up_to_date(module: ModuleType) -> bool:
    loader = getattr(module.__spec__, "loader", None)
    assert isinstance(loader, SnapshotLoader)
    try:
        with open(loader.path, "rb") as stream:
            return stream.read() == loader.get_data(loader.path)
    except OSError:
        return False  # the file is gone


def _same_file(module: ModuleType, path: str) -> bool:
    file = _plain(module, "__file__")
    return isinstance(file, str) and os.path.abspath(file) == path


def _snapshot_loaded(module: Optional[ModuleType]) -> bool:
    return isinstance(getattr(_plain(module, "__spec__"), "loader", None), SnapshotLoader) \
        and isinstance(_plain(module, "__file__"), str)


def _plain(module: Optional[ModuleType], name: str) -> Any:
    """Return an attribute that a module really has: asking some lazy modules makes them load."""
    return getattr(module, "__dict__", {}).get(name)
