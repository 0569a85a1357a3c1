"""The hooks that plugins may implement, and the manager that finds and checks the plugins.

Plugins come from the entry point group ``deepwatch``, from ``[plugins]`` in the settings and from
``deepwatch_plugins.py`` in the project; our own codecs, digesters and commands are handed in by the
composition root and registered in the same way. Later ones are asked first: the project's own file
wins over the settings, these over entry points, and all over what is built in. A plugin that can't
be imported, does not fit a hook, or fails in one is a PluginError that names both.
"""
from __future__ import annotations

import functools
import importlib
import inspect
import os
import sys
from contextlib import contextmanager
from types import ModuleType
from typing import Any, Callable, Dict, Iterable, Iterator, List, NamedTuple, Optional, Sequence, Tuple

import pluggy

from .errors import DeepwatchError, PluginError
from .events import RunReport

GROUP = "deepwatch"
PROJECT_FILE = "deepwatch_plugins.py"

hookspec = pluggy.HookspecMarker(GROUP)
#: marks a function of a plugin as the implementation of the hook that has its name
hookimpl = pluggy.HookimplMarker(GROUP)

#: name, help, add_arguments(parser), call(args, console) -> exit code
Command = Tuple[str, str, Callable[..., None], Callable[..., int]]


class Hooks:
    """Every hook, with what it is given and what it may return."""

    @hookspec(firstresult=True)
    def deepwatch_collect_steps(self, path: str) -> Optional[List[Any]]:
        """Return the steps that a pipeline file (absolute `path`, not a ``.py``) declares, or None."""

    @hookspec(firstresult=True)
    def deepwatch_digest_value(self, value: object) -> Optional[Iterable[Any]]:
        """Return what makes up a value, as an iterable of bytes and strings, or None for other types."""

    @hookspec
    def deepwatch_codecs(self) -> Optional[List[Any]]:
        """Return codecs: objects with `name`, `encode(value)` (None: not mine) and `decode(data)`."""

    @hookspec(firstresult=True)
    def deepwatch_executor(self, name: str, jobs: int, execute: Callable[[Any], Any],
                           dispatch: Callable[[], Any]) -> Optional[Any]:
        """Return the executor that the setting `executor` names, for so many steps at a time, or None.

        An executor has the methods of ``engine.executors.Executor``; `execute` runs one call in this
        process and gives its outcome. `dispatch` makes what workers in other processes or on other machines
        need (``engine.dispatch.Dispatch``).
        """

    @hookspec(firstresult=True)
    def deepwatch_store(self, folder: str) -> Optional[Any]:
        """Return the blob store for what the setting `store` says (a folder, a URL), or None."""

    @hookspec
    def deepwatch_commands(self) -> Optional[List[Command]]:
        """Return commands as (name, help, add_arguments(parser), call(args, console) -> exit code)."""

    @hookspec
    def deepwatch_reporter(self) -> Optional[Callable[[Any], None]]:
        """Return a callable that takes every event of a run (``deepwatch_flow.events``), or None."""

    @hookspec
    def deepwatch_run_started(self, run: str, steps: Sequence[str]) -> None:
        """Take note that a run begins, with the names of the selected steps in order."""

    @hookspec
    def deepwatch_step_started(self, step: str) -> None:
        """Take note that a step is about to be executed."""

    @hookspec
    def deepwatch_step_finished(self, step: str, outcome: str) -> None:
        """Take note that a step is done with; outcomes are those of ``events.OUTCOMES``."""

    @hookspec
    def deepwatch_run_finished(self, report: RunReport) -> None:
        """Take note that a run is over."""


#: what a hook has to return where it returns anything
_RETURNS: Dict[str, Tuple[str, Callable[[Any], bool]]] = {
    "deepwatch_collect_steps": ("a list of steps", lambda result: isinstance(result, (list, tuple))),
    "deepwatch_codecs": ("a list of codecs", lambda result: isinstance(result, (list, tuple)) and all(map(_is_codec, result))),
    "deepwatch_commands": ("a list of (name, help, add_arguments, call)",
                           lambda result: isinstance(result, (list, tuple)) and all(map(_is_command, result))),
    "deepwatch_reporter": ("a callable that takes an event", callable),
}


class EntryPoint(NamedTuple):
    """One line of the group ``deepwatch`` in a distribution's ``entry_points.txt``."""

    name: str
    value: str            #: module, or module:attribute
    distribution: str


def plugin_manager(root: str, modules: Sequence[str] = (), builtin: Sequence[object] = ()) -> pluggy.PluginManager:
    """Return a manager with all plugins of the project in the folder `root`, imported and checked.

    To let plugins see the very classes that the pipeline uses, call it inside the run's import world.
    """
    manager = pluggy.PluginManager(GROUP)
    manager.add_hookspecs(Hooks)
    for plugin in builtin:
        _register(manager, plugin, f"built-in {getattr(plugin, '__name__', type(plugin).__name__)}")
    for entry in entry_points(sys.path):
        name = f"{entry.name} of {entry.distribution}"
        load = functools.partial(_of_entry_point, entry)
        _register(manager, _loaded(load, name, f"reinstall or uninstall `{entry.distribution}`"), name)
    for module in modules:
        load = functools.partial(_of_module, root, module)
        hint = "check [plugins] modules in the settings; they are found from the project's folder first"
        _register(manager, _loaded(load, module, hint), module)
    path = os.path.join(root, PROJECT_FILE)
    if os.path.isfile(path):
        load = functools.partial(_of_file, root, path)
        _register(manager, _loaded(load, PROJECT_FILE, f"correct {PROJECT_FILE} in the project's folder"), PROJECT_FILE)
    return manager


# -- finding and loading --------------------------------------------------------------------------

def entry_points(path: Sequence[str]) -> List[EntryPoint]:
    """Return the entry points of our group, by name; the first distribution of a name on the path wins."""
    found: Dict[str, List[EntryPoint]] = {}
    for folder in path:
        try:
            names = sorted(name for name in os.listdir(folder or ".") if name.endswith((".dist-info", ".egg-info")))
        except OSError:
            continue  # entries of sys.path need not exist, nor be folders
        for name in names:
            distribution = name.rpartition(".")[0].split("-")[0]
            if distribution not in found:
                text = _text_with_group(os.path.join(folder, name, "entry_points.txt"))
                found[distribution] = list(_parse_entry_points(text, distribution))
    return sorted(entry for entries in found.values() for entry in entries)


def _text_with_group(path: str) -> str:
    try:
        with open(path, "rb") as handle:
            data = handle.read()
    except OSError:
        return ""  # most distributions have no entry points
    return data.decode("utf-8", "replace") if b"[" + GROUP.encode() + b"]" in data else ""


def _parse_entry_points(text: str, distribution: str) -> Iterator[EntryPoint]:
    section = ""
    for line in map(str.strip, text.splitlines()):
        if line.startswith("["):
            section = line.strip("[] ")
        elif section == GROUP and "=" in line and not line.startswith(("#", ";")):
            name, _, value = line.partition("=")
            yield EntryPoint(name.strip(), value.partition("[")[0].replace(" ", ""), distribution)


def _loaded(load: Callable[[], object], name: str, hint: str) -> object:
    try:
        return load()
    except DeepwatchError:
        raise
    except (Exception, SystemExit) as error:  # a plugin's module may raise anything
        raise PluginError(f"plugin `{name}` can't be loaded: {type(error).__name__}: {error}", hint=hint) from error


def _of_entry_point(entry: EntryPoint) -> object:
    module, _, attributes = entry.value.partition(":")
    plugin: Any = importlib.import_module(module)
    for attribute in filter(None, attributes.split(".")):
        plugin = getattr(plugin, attribute)
    return plugin() if isinstance(plugin, type) else plugin


def _of_module(root: str, name: str) -> object:
    with _first_on_path(root):
        return importlib.import_module(name)


def _of_file(root: str, path: str) -> object:
    """Run the project's plugin file; compiled afresh, so that no bytecode file is read or left behind."""
    module = ModuleType(os.path.splitext(PROJECT_FILE)[0])
    module.__file__ = path
    before = sys.modules.get(module.__name__)
    sys.modules[module.__name__] = module  # dataclasses and pickle look their module up there
    try:
        with _first_on_path(root), open(path, "rb") as stream:
            exec(compile(stream.read(), path, "exec", dont_inherit=True), vars(module))  # noqa: S102
    except BaseException:
        del sys.modules[module.__name__]
        if before is not None:
            sys.modules[module.__name__] = before
        raise
    return module


@contextmanager
def _first_on_path(root: str) -> Iterator[None]:
    before = list(sys.path)
    sys.path.insert(0, root)
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path[:] = before


# -- registering ----------------------------------------------------------------------------------

class _Adapted:
    """What stands for a plugin in the manager: its implementations of hooks, guarded."""

    def __init__(self, plugin: object, name: str) -> None:
        self.plugin = plugin
        for hook, function in _implementations(plugin, name):
            wrapper = any(getattr(function, f"{GROUP}_impl").get(each) for each in ("wrapper", "hookwrapper"))
            setattr(self, hook, function if wrapper else _guarded(function, name, hook))


def _register(manager: pluggy.PluginManager, plugin: object, name: str) -> None:
    if any(getattr(known, "plugin", None) is plugin for known in manager.get_plugins()):
        return  # found in two ways: by an entry point and by the settings, say
    try:
        manager.register(_Adapted(plugin, name), name)
    except (ValueError, pluggy.PluginValidationError) as error:
        raise PluginError(f"plugin `{name}` does not fit: {error}", hint="docs/plugins.md lists every hook") from error


def _implementations(plugin: object, name: str) -> Iterator[Tuple[str, Callable[..., Any]]]:
    """Yield a plugin's implementations, checked before pluggy does it with less helpful words."""
    for attribute in sorted(dir(plugin)):
        function = getattr(plugin, attribute, None) if attribute.startswith(f"{GROUP}_") else None
        if not inspect.isroutine(function):
            continue
        specification = getattr(Hooks, attribute, None)
        marked = hasattr(function, f"{GROUP}_impl")
        if not marked and specification is not None:
            raise PluginError(f"plugin `{name}`: `{attribute}` is not marked as the implementation of a hook",
                              hint="write @hookimpl above it (from deepwatch_flow import hookimpl)")
        if not marked:
            continue  # a function of its own that happens to have our prefix
        if specification is None:
            raise PluginError(f"plugin `{name}` implements `{attribute}`, which is no hook", hint=_meant(attribute))
        known = list(inspect.signature(specification).parameters)[1:]
        others = [each for each in inspect.signature(function).parameters if each not in known]
        if others:
            raise PluginError(f"plugin `{name}` does not fit hook `{attribute}`: it takes `{'`, `'.join(others)}`",
                              hint=f"the hook passes: {', '.join(known) or 'nothing'}; any of it may be left out")
        yield attribute, function


def _guarded(function: Callable[..., Any], name: str, hook: str) -> Callable[..., Any]:
    """Wrap a plugin's function so that what it raises, or returns wrongly, names the plugin and the hook."""
    expected, fits = _RETURNS.get(hook, ("", None))

    @functools.wraps(function)
    def call(*args: Any) -> Any:
        try:
            result = function(*args)
        except DeepwatchError:
            raise
        except Exception as error:
            raise PluginError(f"plugin `{name}` failed in `{hook}`: {type(error).__name__}: {error}",
                              hint="correct the plugin, or take it out") from error
        if result is not None and fits is not None and not fits(result):
            raise PluginError(f"plugin `{name}`: `{hook}` must return {expected}, got {type(result).__name__}",
                              hint="docs/plugins.md shows what each hook returns")
        return result

    return call


def _is_codec(each: Any) -> bool:
    return isinstance(getattr(each, "name", None), str) and callable(getattr(each, "encode", None)) \
        and callable(getattr(each, "decode", None))


def _is_command(each: Any) -> bool:
    return isinstance(each, (tuple, list)) and len(each) == 4 and all(isinstance(text, str) for text in each[:2]) \
        and callable(each[2]) and callable(each[3])


def _meant(name: str) -> str:
    import difflib  # only where something is wrong: it is not free

    hooks = [hook for hook in vars(Hooks) if hook.startswith("deepwatch_")]
    close = difflib.get_close_matches(name, hooks, 1)
    return f"did you mean `{close[0]}`?" if close else "docs/plugins.md lists every hook"
