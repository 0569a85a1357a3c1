"""Declaring steps: the `step` decorator and the markers for files.

Nothing is imported here, because every pipeline and every worker pays for it: not even functools and
contextlib, which would be nine tenths of the price. A step stays an ordinary callable; what its
parameters mean is decided when the graph is built.
"""
from __future__ import annotations

from .options import DEFAULTS, options_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import (
        Any,
        Callable,
        Dict,
        Iterable,
        List,
        Mapping,
        Optional,
        Tuple,
        TypeVar,
        Union,
        overload,
    )

    from typing_extensions import Unpack

    from .options import Options

    F = TypeVar("F", bound=Callable[..., Any])

#: the lists that collect steps while pipelines load, the innermost last
_collecting: "List[List[Step]]" = []


class _Marker:
    """A path that is declared by being a parameter's default."""

    __slots__ = ("path",)

    def __init__(self, path: "Any") -> None:
        self.path = path

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.path)!r})"

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and str(other.path) == str(self.path)

    def __hash__(self) -> int:
        return hash((type(self).__name__, str(self.path)))


class File(_Marker):
    """A declared input file or folder; it arrives as a `pathlib.Path` relative to the project's folder."""

    __slots__ = ()

    if TYPE_CHECKING:
        # so that `path: Path = File("x")`, which is what the function gets, satisfies type checkers
        def __new__(cls, path: Any) -> Any: ...  # noqa: D102


class Product(_Marker):
    """A declared output file or folder; its path arrives as a `pathlib.Path`, and the step writes there."""

    __slots__ = ()

    if TYPE_CHECKING:
        # so that `path: Path = Product("x")`, which is what the function gets, satisfies type checkers
        def __new__(cls, path: Any) -> Any: ...  # noqa: D102


class Each:
    """What a step goes through, an instance for each element: given values, or the elements of a step's value.

    As a parameter's default: ``country=Each(["us", "de"])``, ``model=Each({"small": 10, "large": 99})``, or
    ``chunk=Each("chunks")`` for the list, dict or generator that the step `chunks` returns.
    """

    __slots__ = ("source",)

    def __init__(self, source: "Any") -> None:
        if not (isinstance(source, (str, list, tuple, range, dict)) or callable(source)):
            raise TypeError(f"Each(...) takes a list or dict of values, or a step, not {source!r}")
        self.source = source

    def __repr__(self) -> str:
        return f"Each({self.source!r})"

    if TYPE_CHECKING:
        # so that `country: str = Each(["us"])`, which is what the function gets, satisfies type checkers
        def __new__(cls, source: Any) -> Any: ...  # noqa: D102


class Step:
    """A declared step: a callable with its function's signature and docstring."""

    def __init__(self, function: "Callable[..., Any]", *, name: "Optional[str]" = None,
                 needs: "Optional[Mapping[str, Union[str, Step, Callable[..., Any]]]]" = None,
                 after: "Iterable[Union[str, Step, Callable[..., Any]]]" = (), tags: "Iterable[str]" = (),
                 options: "Mapping[str, Any]" = DEFAULTS) -> None:
        inner: "Any" = function.function if isinstance(function, Step) else function
        if not callable(inner):
            raise TypeError(f"@step takes a function, not {inner!r}; a name is given as @step(name=...)")
        if name is not None and not isinstance(name, str):
            raise TypeError(f"@step(name=...) takes a text, not {name!r}")
        if needs is not None and not hasattr(needs, "keys"):
            raise TypeError(f"@step(needs=...) takes parameters and their steps, as needs={{\"df\": clean}}, not {needs!r}")
        _wear(self, inner)
        self.function: "Callable[..., Any]" = inner
        self.name: str = name if name is not None else _name_of(inner)
        self.needs = dict(needs or {})
        self.after = (after,) if isinstance(after, str) or callable(after) else _several("after", after)
        self.tags = (tags,) if isinstance(tags, str) else _several("tags", tags)
        if not all(isinstance(tag, str) for tag in self.tags):
            raise TypeError(f"@step(tags=...) takes texts, not {tags!r}")
        #: what it was declared as, and the prefixes that names in it are looked up with, the innermost first
        self.own_name = self.name
        self.scopes: "Tuple[str, ...]" = ("",)
        #: how it is executed and when it is reused (``options``), all of them
        self.options: "Mapping[str, Any]" = options
        code = getattr(inspect_target(inner), "__code__", None)
        self.file: "Optional[str]" = getattr(code, "co_filename", None)
        self.line: "Optional[int]" = getattr(code, "co_firstlineno", None)
        for steps in _collecting[-1:]:
            steps.append(self)

    def __call__(self, *args: "Any", **kwargs: "Any") -> "Any":
        """Call the function itself: no cache, no pipeline. A declared file arrives as a Path, too."""
        target = inspect_target(self.function)
        defaults = (getattr(target, "__defaults__", None) or ()) + tuple((getattr(target, "__kwdefaults__", None) or {}).values())
        if any(isinstance(default, _Marker) for default in defaults):
            kwargs = {**_paths_left_out(self.function, args, kwargs), **kwargs}
        return self.function(*args, **kwargs)

    def __get__(self, instance: "Any", owner: "Any" = None) -> "Any":
        """Bind like a function, so that a step may stand in a class."""
        return self if instance is None else _METHOD(self, instance)

    def __getattr__(self, name: str) -> "Any":
        # asked only for what is not found otherwise; annotations may be costly or fail, so they are not copied
        if name in ("__annotations__", "__annotate__", "__type_params__") and "function" in self.__dict__:
            return getattr(self.function, name)
        raise AttributeError(f"step {self.__dict__.get('name')!r} has no attribute {name!r}")

    def __repr__(self) -> str:
        return f"<step {self.name}>"

    def __reduce__(self) -> "Any":
        """Pickle by reference where the module's name leads here, else by what it was made of."""
        module = __import__("sys").modules.get(getattr(self, "__module__", ""))
        found: "Any" = module
        for part in getattr(self, "__qualname__", "?").split("."):
            found = getattr(found, part, None)
        if isinstance(found, Step) and found.function is self.function:     # of an included step the file has the declared one
            return self.__qualname__
        return _remade, (self.function, self.name, self.needs, self.after, self.tags, self.options)


def _remade(function: "Any", name: str, needs: "Any", after: "Any", tags: "Any", options: "Any") -> Step:
    with collect():
        return Step(function, name=name, needs=needs, after=after, tags=tags, options=options)


def take_over(step: Step, prefix: str) -> None:
    """Declare a step of an included file under a prefix; names in it are looked up with the prefix first."""
    made = Step(step.function, name=prefix + step.name, needs=step.needs, after=step.after, tags=step.tags, options=step.options)
    made.own_name, made.file, made.line = step.own_name, step.file, step.line
    made.scopes = (*(prefix + scope for scope in step.scopes), "")


def collected() -> "List[Step]":
    """Return the list that steps which are created now are added to."""
    return _collecting[-1]


def declared_by(file: str) -> "List[Step]":
    """Take the steps that a file has declared out of those that are collected now."""
    if not _collecting:
        return []
    found = [step for step in _collecting[-1] if step.file == file and len(step.scopes) == 1]
    _collecting[-1][:] = [step for step in _collecting[-1] if step not in found]
    return found


def _wear(step: Step, function: "Any") -> None:
    """Make a step look like its function, as functools.update_wrapper does."""
    step.__dict__.update(getattr(function, "__dict__", None) or {})
    for name in ("__module__", "__name__", "__qualname__"):
        found = getattr(function, name, None)
        if found is not None:
            step.__dict__[name] = found
    step.__dict__["__doc__"] = getattr(function, "__doc__", None)  # None, too: else the class's would show
    step.__dict__["__wrapped__"] = function


def _name_of(function: "Any") -> str:
    for each in (function, inspect_target(function)):
        name = getattr(each, "__name__", None)
        if isinstance(name, str):
            return name
    return type(function).__name__


def _several(what: str, given: "Any") -> "Tuple[Any, ...]":
    try:
        return tuple(given or ())
    except TypeError:
        raise TypeError(f"@step({what}=...) takes a list, not {given!r}") from None


def _paths_left_out(function: "Any", args: "Any", kwargs: "Any") -> "Dict[str, Any]":
    """Return the paths of declared files that a call leaves to their defaults."""
    import inspect
    from pathlib import Path

    signature = inspect.signature(function)
    try:
        given = signature.bind_partial(*args, **kwargs).arguments
    except TypeError:
        return {}  # the call itself will say better what is wrong with it
    defaults = {name: parameter.default for name, parameter in signature.parameters.items()}
    axes = {name: default for name, default in defaults.items() if isinstance(default, Each)}
    return {name: Path(_with_labels(default, axes, given) if axes else default.path) for name, default in defaults.items()
            if isinstance(default, _Marker) and name not in given}


def _with_labels(marker: "Any", axes: "Dict[str, Each]", given: "Any") -> str:
    """Return a path of a family for a call with some elements."""
    labels = {name: _label_of(each.source, given[name]) for name, each in axes.items() if name in given}
    try:
        return str(marker.path).format_map(labels)
    except KeyError as error:
        raise TypeError(f"the path {str(marker.path)!r} needs the label of {error.args[0]!r}: give that argument, or the path") from None


def _label_of(source: "Any", element: "Any") -> str:
    known = source.items() if isinstance(source, dict) else ()
    return next((str(label) for label, value in known if value is element or (type(value) in (str, int, float) and value == element)), str(element))


def inspect_target(function: "Any") -> "Any":
    """Return the function behind decorators and partials: where a definition stands."""
    for _ in range(100):
        inner = getattr(function, "__wrapped__", None) or getattr(function, "func", None)
        if inner is None or not callable(inner):
            break
        function = inner
    return getattr(function, "__func__", function)


class collect:  # noqa: N801 - used as a function is, `with collect() as steps`
    """Gather the steps that are created inside, in their order."""

    def __init__(self) -> None:
        self._steps: "List[Step]" = []

    def __enter__(self) -> "List[Step]":
        _collecting.append(self._steps)
        return self._steps

    def __exit__(self, *_: object) -> None:
        # by identity: two empty lists are equal
        place = max(number for number, each in enumerate(_collecting) if each is self._steps)
        del _collecting[place]


#: the type of bound methods
_METHOD: "Any" = type(collect().__enter__)


if TYPE_CHECKING:
    @overload
    def step(function: F, /) -> F: ...
    @overload
    def step(*, name: Optional[str] = ..., needs: Optional[Mapping[str, Any]] = ..., after: Iterable[Any] = ...,
             tags: Iterable[str] = ..., **options: Unpack[Options]) -> Callable[[F], F]: ...


def step(function: "Any" = None, /, *, name: "Optional[str]" = None, needs: "Any" = None, after: "Any" = (),
         tags: "Any" = (), **options: "Any") -> "Any":
    """Declare a step, as ``@step``, ``@step(name=..., needs=..., after=..., tags=...)`` or ``step(function)``.

    `needs` maps parameters to steps or names of steps, where a parameter has another name than the
    step; `after` lists steps that must be done before, without passing a value; `tags` are for
    choosing steps on the command line.

    Options say how it is executed (`retries`, `retry_delay` and `timeout` in seconds, `resources`, `seed`) and
    when its result is reused (`cache=False`: never; `cue="always"` or ``"never"``; ``invalidate="precise"``: a
    proof that a change of code is of no effect spares it). With ``observe=False`` its executions are not
    observed: what it reads without declaring it and code that only a run can find are not noticed.
    ``codec="parquet"`` names the codec that is asked first to store the value; it changes no result.
    """
    chosen = options_of(options) if options else DEFAULTS
    if function is None:
        return lambda decorated: Step(decorated, name=name, needs=needs, after=after, tags=tags, options=chosen)
    return Step(function, name=name, needs=needs, after=after, tags=tags, options=chosen)
