"""Names that stand for objects: when a class or function is known by its name, and how that is encoded.

A class counts as its module and qualified name, a function where that name leads to it. This is how
a value's digest sees code when nobody is asked for a better token (see ``values.Reference``).
"""
from __future__ import annotations

import sys
import types
from typing import Any, Optional

from .leaves import framed, text_bytes


def type_name(kind: type) -> str:
    """Return the name of a type for people: ``dict``, ``decimal.Context``."""
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


#: modules that a class moved into in one Python version and is not known by in the others
MOVED = {"pathlib._local": "pathlib", "pathlib._abc": "pathlib"}

#: what has a name: functions, classes and their kin
NAMED = (types.FunctionType, types.BuiltinFunctionType, types.MethodType, type, types.ModuleType,
         types.WrapperDescriptorType, types.MethodDescriptorType, types.ClassMethodDescriptorType)


def name_token(module: object, qualname: str) -> bytes:
    """Return the encoding of something known by its name alone."""
    module = MOVED.get(module, module) if isinstance(module, str) else "?"
    if module.startswith("numpy._core"):
        module = "numpy.core" + module[len("numpy._core"):]  # its name before numpy 2
    return b"g" + framed(text_bytes(f"{module}:{qualname}"))


def importable(obj: object, module: object, qualname: str) -> bool:
    """Tell whether `module` has this very object under `qualname`; imports nothing."""
    found: object = sys.modules.get(module) if isinstance(module, str) else None
    for name in qualname.split("."):
        # not getattr: a module's __getattr__ or a descriptor would run code
        namespace = getattr(found, "__dict__", None)
        if namespace is None or name not in namespace:
            return False
        found = namespace[name]
    return found is obj or getattr(found, "__func__", None) is obj


def global_token(obj: Any) -> Optional[bytes]:
    """Return the encoding of a class, or of a function that can be imported by its name."""
    if isinstance(obj, type):
        return name_token(obj.__module__, obj.__qualname__)
    if isinstance(obj, types.FunctionType):
        name = obj.__qualname__
        return name_token(obj.__module__, name) if importable(obj, obj.__module__, name) else None
    if isinstance(obj, types.BuiltinFunctionType):
        bound = obj.__self__ is not None and not isinstance(obj.__self__, types.ModuleType)
        return None if bound else name_token(obj.__module__, obj.__qualname__)
    return None
