"""The settings of a project: where they are found, what they may be, which place each comes from.

Settings stand in ``deepwatch.toml`` or in ``[tool.deepwatch]`` of ``pyproject.toml``, never in both;
then come a few environment variables, then ``--set step.param=value``. What is not known or has the
wrong type is an error that names the file and the key: a misspelt setting must not go unnoticed.
Whether a step has a param of that name is for ``pipeline.graph`` to say.
"""
from __future__ import annotations

import os
import re
from typing import (
    Any,
    Callable,
    Dict,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
)

from ._compat import toml_loads
from .amounts import amount
from .checking import Place, count, no_others, one_of, string, strings, table, wrong
from .errors import ConfigError, EnvironmentFault
from .loading.distributions import normalise
from .model import Boundary

SETTINGS_FILE = "deepwatch.toml"
PYPROJECT = "pyproject.toml"
PIPELINE_FILE = "pipeline.py"
POLICIES = ("exact", "minor", "ignore")
MODES = ("deep", "precise")
#: what is observed of executions unless the settings say otherwise
OBSERVED: Mapping[str, Any] = {"code": True, "files": True, "env": True, "ignore": []}

#: how products are put back, what of a remote is believed, what is done with it
LINKS = ("copy", "reflink", "hardlink")
TRUST = ("signed", "remote")
REMOTE_MODES = ("read-write", "read", "off")
#: the engines, each with a table of settings and an executor of its name; how their workers come by the code
ENGINES = ("dask", "ray")
CODE = ("shipped", "found")

#: environment variable -> the setting that it overrides
VARIABLES = {"DEEPWATCH_JOBS": "jobs", "DEEPWATCH_STORE": "store.folder", "DEEPWATCH_REMOTE": "store.remote",
             "DEEPWATCH_REMOTE_MODE": "remote.mode", "DEEPWATCH_EXECUTOR": "executor",
             "DEEPWATCH_DASK_ADDRESS": "dask.address", "DEEPWATCH_RAY_ADDRESS": "ray.address"}

_SET = re.compile(r"(?P<step>.+?)\.(?P<param>[^\W\d]\w*)\s*=(?P<value>.*)", re.DOTALL)
_WORDS = {"True": True, "False": False, "None": None}   # as a Python programmer writes them


class Storing(NamedTuple):
    """Where and how results are kept besides the local folder: the tables ``[store]`` and ``[remote]``."""

    remote: Optional[str] = None                          #: URL of the store that is shared
    mode: str = REMOTE_MODES[0]                           #: read-write | read | off
    sign_with: Optional[str] = None                       #: where the key for signatures is: "env:NAME"
    trust: str = TRUST[0]                                 #: signed | remote: which traces of a remote count
    link: str = LINKS[0]                                  #: copy | reflink | hardlink: how products are put back
    codecs: Mapping[str, str] = {}                        #: type (its full name, or a pattern) -> codec


class Config(NamedTuple):
    """All settings of a project, checked."""

    root: str                                             #: absolute path of the project
    pipeline: str = PIPELINE_FILE                         #: relative to the root
    jobs: int = 1
    packages: str = "exact"                               #: exact | minor | ignore
    overrides: Mapping[str, str] = {}                     #: distribution -> exact | minor | ignore
    params: Mapping[str, Mapping[str, Any]] = {}          #: step -> param -> value
    plugins: Tuple[str, ...] = ()                         #: modules
    store: str = ".deepwatch"                             #: folder, relative to the root
    executor: str = "auto"                                #: auto | inline | processes | threads | dask | ray | a plugin's
    invalidate: str = "deep"                              #: deep | precise
    observe: Mapping[str, Any] = {}                       #: code, files, env: bool; ignore: patterns
    storing: Storing = Storing()
    resources: Mapping[str, float] = {}                   #: name -> how much of it there is, sizes in bytes
    engines: Mapping[str, Mapping[str, Any]] = {}         #: dask, ray -> address, workers, code, folder
    sources: Mapping[str, str] = {}                       #: dotted setting -> file, variable, flag or "default"

    @property
    def boundary(self) -> Boundary:
        """What the settings say of own code and packages."""
        return Boundary(self.root, self.packages, self.overrides)


def load(start: str, environ: Mapping[str, str], overrides: Sequence[str] = ()) -> Config:
    """Return the settings of the project that the folder `start` is in.

    `overrides` are ``step.param=value`` texts. Raises ConfigError for anything that is not usable.
    Where nothing marks a project, `start` itself is the root, with the defaults.
    """
    root = find_root(start)
    file, table = _read_settings(root)
    values, sources = _checked(table, file)
    for variable, key in VARIABLES.items():
        if environ.get(variable):
            text = environ[variable]
            given = int(text) if key == "jobs" and re.fullmatch(r"\d{1,9}", text) else text
            top, _, inner = key.partition(".")
            checked = _CHECKS[top]({inner: given} if inner else given, Place(f"environment variable {variable}", top))
            values[SETTINGS[top]] = {**values.get(SETTINGS[top], {}), **checked} if inner else checked
            sources[key] = variable
    params: Dict[str, Dict[str, Any]] = values.pop("params", {})
    for text in overrides:
        step, param, value = parse_override(text)
        params.setdefault(step, {})[param] = value
        sources[f"steps.{step}.params.{param}"] = "--set"
    stored = {**values.pop("store", {}), **values.pop("remote", {})}
    folder = stored.pop("folder", Config._field_defaults["store"])
    engines: Dict[str, Any] = {name: values.pop(name) for name in ENGINES if name in values}
    config = Config(root, params=params, engines=engines, store=folder, storing=Storing(**stored), **values)
    _check_store(config, sources)
    for key in ("pipeline", "jobs", "packages", "store.folder", "executor"):
        sources.setdefault(key, "default")
    return config._replace(sources=sources)


def find_root(start: str) -> str:
    """Return the nearest folder from `start` upwards that is a project, else `start`.

    A ``pipeline.py`` marks a project unless it is a module of a package.
    """
    start = os.path.abspath(start)
    folder = start
    while True:
        if os.path.isfile(os.path.join(folder, SETTINGS_FILE)) or _pyproject_table(folder) is not None:
            return folder
        if os.path.isfile(os.path.join(folder, PIPELINE_FILE)) and not os.path.isfile(os.path.join(folder, "__init__.py")):
            return folder
        parent = os.path.dirname(folder)
        if parent == folder:
            return start
        folder = parent


def parse_override(text: str) -> Tuple[str, str, Any]:
    """Split a ``step.param=value`` text; the value is read as TOML where it is TOML, else it is a string.

    ``True``, ``False`` and ``None`` mean what they mean in Python: as strings they would all be true.
    """
    match = _SET.fullmatch(text)
    if match is None:
        raise ConfigError(f"`--set {text}` has not the form STEP.PARAM=VALUE", hint="for example: --set clean.max_minutes=90")
    value = match["value"].strip()
    if value in _WORDS:
        return match["step"], match["param"], _WORDS[value]
    try:
        parsed = toml_loads(f"value = {value}")
    except (ValueError, RecursionError):
        return match["step"], match["param"], value  # not TOML: the text itself is meant
    return match["step"], match["param"], parsed["value"] if parsed.keys() == {"value"} else value


# -- files ----------------------------------------------------------------------------------------

def _read_settings(root: str) -> Tuple[str, Dict[str, Any]]:
    """Return the name of the file that has the settings, and its table."""
    in_pyproject = _pyproject_table(root)
    if not os.path.isfile(os.path.join(root, SETTINGS_FILE)):
        return PYPROJECT, in_pyproject or {}
    if in_pyproject is not None:
        raise ConfigError(f"both {SETTINGS_FILE} and [tool.deepwatch] of {PYPROJECT} have settings",
                          hint="keep them in one of the two files")
    return SETTINGS_FILE, _parse(os.path.join(root, SETTINGS_FILE))


def _pyproject_table(folder: str) -> Optional[Dict[str, Any]]:
    path = os.path.join(folder, PYPROJECT)
    if not os.path.isfile(path) or "deepwatch" not in _text(path):
        return None  # most files on the way up are somebody else's: they are not even parsed
    tool = _parse(path).get("tool")
    table = tool.get("deepwatch") if isinstance(tool, dict) else None
    if table is not None and not isinstance(table, dict):
        wrong(Place(PYPROJECT, "tool.deepwatch"), "a table", table)
    return table


def _parse(path: str) -> Dict[str, Any]:
    try:
        parsed: Dict[str, Any] = toml_loads(_text(path))
    except ValueError as error:
        raise ConfigError(f"{path} is not valid TOML: {error}", hint="correct the line; strings need quotes") from error
    except RecursionError:
        raise ConfigError(f"{path} is nested too deep to be read", hint="settings are flat tables") from None
    return parsed


def _text(path: str) -> str:
    try:
        with open(path, "rb") as handle:
            return handle.read().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 (byte {error.start})", hint="save the file as UTF-8") from error
    except OSError as error:
        raise EnvironmentFault(f"can't read {path}: {error.strerror}", hint="check the permissions of the file") from error


# -- checks ---------------------------------------------------------------------------------------

def _checked(table: Mapping[str, Any], file: str) -> Tuple[Dict[str, Any], Dict[str, str]]:
    """Check a settings table; return the fields of Config that it gives, and where each comes from."""
    place = Place(file, "")
    no_others(table, SETTINGS, place)
    values: Dict[str, Any] = {}
    sources: Dict[str, str] = {}
    for key, value in table.items():
        values[SETTINGS[key]] = checked = _CHECKS[key](value, place.below(key))
        sources[key] = file
        if key == "package-policy":
            sources.update((f"{key}.{name}", file) for name in checked)
        elif key == "store" and isinstance(value, str):
            sources["store.folder"] = file
        elif key in ("observe", "invalidate", "store", "remote", "resources", *ENGINES):
            sources.update((f"{key}.{name}", file) for name in value)
        elif key == "steps":
            sources.update((f"steps.{step}.params.{param}", file) for step in checked for param in checked[step])
    return values, sources


def _pipeline(value: Any, place: Place) -> str:
    path = string(value, place)
    if os.path.isabs(path) or os.path.normpath(path).split(os.sep)[0] in (os.pardir, os.curdir):
        raise ConfigError(f"{place.file}: `{place.key}` must be a file inside the project, got {path!r}",
                          hint="give its path relative to the project's folder")
    return path


def _policy(value: Any, place: Place) -> str:
    return one_of(value, POLICIES, place)


def _policies(value: Any, place: Place) -> Dict[str, str]:
    policies: Dict[str, str] = {}
    for name, policy in table(value, place).items():
        if normalise(name) in policies:
            raise ConfigError(f"{place.file}: `{place.key}` has `{normalise(name)}` twice, in two spellings", hint="keep one of them")
        policies[normalise(name)] = _policy(policy, place.below(name))
    return policies


def _invalidate(value: Any, place: Place) -> str:
    given = table(value, place)
    no_others(given, ("mode",), place)
    inside = place.below("mode")
    return one_of(given.get("mode", MODES[0]), MODES, inside)


def _observe(value: Any, place: Place) -> Dict[str, Any]:
    given = table(value, place)
    no_others(given, ("code", "files", "env", "ignore"), place)
    for key, each in given.items():
        inside = place.below(key)
        if key == "ignore":
            strings(each, inside)
        elif not isinstance(each, bool):
            wrong(inside, "true or false", each)
    return dict(given)


def _store(value: Any, place: Place) -> Dict[str, Any]:
    if isinstance(value, str):
        return {"folder": string(value, place)}
    given = table(value, place) if isinstance(value, dict) else wrong(place, "a string or a table", value)
    no_others(given, ("folder", "remote", "sign_with", "trust", "link", "codecs"), place)
    checked: Dict[str, Any] = {}
    for key, each in given.items():
        inside = place.below(key)
        if key == "trust":
            checked[key] = one_of(each, TRUST, inside)
        elif key == "link":
            checked[key] = one_of(each, LINKS, inside)
        elif key == "codecs":
            checked[key] = {name: string(codec, inside.below(name)) for name, codec in table(each, inside).items()}
        else:
            checked[key] = string(each, inside)
    if not re.fullmatch(r"env:\w+", checked.get("sign_with", "env:_")):
        raise ConfigError(f"{place.file}: `{place.key}.sign_with` must name an environment variable, got {checked['sign_with']!r}",
                          hint='write "env:NAME", and put the key into that variable: settings are committed, keys are not')
    return checked


def _remote(value: Any, place: Place) -> Dict[str, Any]:
    given = table(value, place)
    no_others(given, ("mode",), place)
    return {key: one_of(each, REMOTE_MODES, place.below(key)) for key, each in given.items()}


def _resources(value: Any, place: Place) -> Dict[str, float]:
    totals: Dict[str, float] = {}
    for name, given in table(value, place).items():
        try:
            totals[name] = amount(given)
        except ValueError:
            wrong(place.below(name), 'a number, or a size such as "16GB"', given)
    return totals


def _engine(value: Any, place: Place) -> Dict[str, Any]:
    checks = {"address": string, "workers": count, "code": lambda each, inside: one_of(each, CODE, inside), "folder": string}
    no_others(table(value, place), checks, place)
    return {key: checks[key](each, place.below(key)) for key, each in value.items()}


def _steps(value: Any, place: Place) -> Dict[str, Dict[str, Any]]:
    params: Dict[str, Dict[str, Any]] = {}      # [steps.etl.clean.params] are tables in tables, and the step `etl.clean`
    for step, settings in table(value, place).items():
        inside = place.below(step)
        below = {name: inner for name, inner in table(settings, inside).items() if name != "params"
                 and isinstance(inner, dict) and inner and all(isinstance(each, dict) for each in inner.values())}
        no_others(settings, ("params", *below), inside, hint=f"params of a step stand in [steps.{step}.params]")
        if "params" in settings or not below:
            params[step] = dict(table(settings.get("params", {}), inside.below("params")))
        params.update((f"{step}.{name}", found) for name, found in _steps(below, inside).items())
    return params


def _plugins(value: Any, place: Place) -> Tuple[str, ...]:
    given = table(value, place)
    no_others(given, ("modules",), place)
    inside = place.below("modules")
    names = strings(given.get("modules", []), inside)
    for name in names:
        if not all(part.isidentifier() for part in name.split(".")):
            raise ConfigError(f"{place.file}: `{inside.key}` has {name!r}, which is no module name",
                              hint='write it as in an import statement: "package.module"')
    return names


def _check_store(config: Config, sources: Mapping[str, str]) -> None:
    """Refuse a store whose folder would hold the project itself: cleaning it would remove the project."""
    folder = os.path.normpath(os.path.join(config.root, config.store))
    if "://" not in config.store and (config.root + os.sep).startswith(folder.rstrip(os.sep) + os.sep):
        raise ConfigError(f"{sources['store.folder']}: `store` must not be the project's folder or one above it, got {config.store!r}",
                          hint='give it a folder of its own, such as ".deepwatch"')


#: setting in a file -> field of Config; deepwatch.toml.example explains each
SETTINGS = {"pipeline": "pipeline", "jobs": "jobs", "packages": "packages", "package-policy": "overrides",
            "steps": "params", "plugins": "plugins", "store": "store", "executor": "executor",
            "invalidate": "invalidate", "observe": "observe", "remote": "remote", "resources": "resources",
            "dask": "dask", "ray": "ray"}
_CHECKS: Dict[str, Callable[[Any, Place], Any]] = {
    "pipeline": _pipeline, "jobs": count, "packages": _policy, "package-policy": _policies, "steps": _steps,
    "plugins": _plugins, "store": _store, "executor": string, "invalidate": _invalidate, "observe": _observe,
    "remote": _remote, "resources": _resources, "dask": _engine, "ray": _engine}
