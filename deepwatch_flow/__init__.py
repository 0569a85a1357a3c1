"""Run the pipeline steps that an edit really touches, and show why.

    from deepwatch_flow import Each, File, Product, step  declare steps in pipeline.py
    from deepwatch_flow import load, run                   use a pipeline from a notebook or script
    from deepwatch_flow import deep_hash, dependencies     the deep code hash of any function

Names are imported when they are first used: pipelines and worker processes pay for what they need.
"""

__all__ = [
    "DeepwatchError", "Each", "File", "Product", "__version__", "deep_hash", "dependencies", "hookimpl", "import_path", "include",
    "load",
    "run", "sh", "shallow_hash", "step",
]

_HOMES = {
    "DeepwatchError": "errors", "Each": "pipeline.step", "File": "pipeline.step", "Product": "pipeline.step", "step": "pipeline.step",
    "__version__": "_version", "deep_hash": "inspection", "shallow_hash": "inspection", "dependencies": "inspection",
    "import_path": "loading.importing", "hookimpl": "hooks", "include": "pipeline.including", "sh": "pipeline.shell",
    "load": "api", "run": "api",
}

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ._version import __version__
    from .api import load, run
    from .errors import DeepwatchError
    from .hooks import hookimpl
    from .inspection import deep_hash, dependencies, shallow_hash
    from .loading.importing import import_path
    from .pipeline.including import include
    from .pipeline.shell import sh
    from .pipeline.step import Each, File, Product, step


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    value = getattr(importlib.import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> "list[str]":
    return sorted(__all__)
