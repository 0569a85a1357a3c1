"""Digests of numpy's arrays, scalars, dtypes and random generators, by their data and not their layout.

An array is its dtype, its shape and its cells in C order. The bytes of a big array are read in place, block by
block where they don't lie in C order. numpy is never imported here: what exists has it loaded.
"""
from __future__ import annotations

import sys
from typing import Any, Iterator, List, Optional

from blake3 import blake3

from .leaves import LONG

Parts = List[object]

#: cells that have to be put in order first are copied in blocks of about so many bytes
_BLOCK = 1 << 20


def numpy_parts(value: Any) -> Optional[Parts]:
    """Return what makes up a value of one of numpy's types, None where it is taken apart like others."""
    numpy: Any = sys.modules["numpy"]
    if isinstance(value, numpy.dtype):
        return ["dtype", *_dtype(value)]
    if isinstance(value, numpy.generic):
        return ["scalar", *_dtype(value.dtype), *_cells(numpy.asarray(value))]
    masked: Any = sys.modules.get("numpy.ma")  # not loaded as long as nobody uses it
    if masked is not None and isinstance(value, masked.MaskedArray):
        return _masked(numpy, value)
    if isinstance(value, numpy.ndarray):
        return ["array", *_array(value.view(numpy.ndarray)), *_own(numpy, value)]
    if isinstance(value, numpy.ufunc):
        # those of numpy itself are known by their names
        name = str(value.__name__)
        return ["ufunc", name] if getattr(numpy, name, None) is value else None
    random: Any = sys.modules.get("numpy.random")
    return None if random is None else _random(random, value)


def _own(numpy: Any, value: Any) -> Parts:
    """Return a subclass of arrays, with what it adds."""
    kind = type(value)
    if kind in (numpy.ndarray, numpy.memmap):
        return []
    if kind.__module__.partition(".")[0] == "numpy":
        return [kind.__qualname__]  # its modules move between releases
    return [kind, dict(sorted(getattr(value, "__dict__", {}).items()))]


def _masked(numpy: Any, value: Any) -> Parts:
    # the data below a mask are what was left there: they don't count
    mask, kept = numpy.ma.getmaskarray(value), value.data
    if value.dtype.names is None:
        kept = numpy.where(mask, numpy.zeros((), value.dtype), kept)
    kind = type(value)
    own: Parts = [] if kind.__module__.partition(".")[0] == "numpy" else [kind]
    return ["masked", *_array(kept), *_array(mask), *_array(numpy.asarray(value.fill_value)), value.hardmask, *own]


def _random(random: Any, value: Any) -> Optional[Parts]:
    """Return the state of a random generator: its pickle is another one with each release of numpy."""
    kind = type(value)
    own: Parts = [kind.__qualname__ if kind.__module__.partition(".")[0] == "numpy" else kind]
    if isinstance(value, random.SeedSequence):
        return ["seeds", *own, *_seeds(value)]
    if isinstance(value, random.RandomState):
        return ["random", *own, value.get_state(legacy=False)]
    if isinstance(value, (random.Generator, random.BitGenerator)):
        bits = getattr(value, "bit_generator", value)
        # from numpy 2 a pickle keeps what decides on the children of a generator; before, they are others each time
        kept = sys.modules["numpy"].__version__[:2] not in ("0.", "1.")
        return ["random", *own, bits.state, *(_seeds(bits.seed_seq) if kept else ())]
    return None


def _seeds(found: Any) -> Parts:
    return [getattr(found, name, None) for name in ("entropy", "spawn_key", "pool_size", "n_children_spawned")]


def _array(value: Any) -> Iterator[object]:
    yield from _dtype(value.dtype)
    yield value.shape
    yield from _cells(value)


def _dtype(dtype: Any) -> Iterator[object]:
    if dtype.names is not None:
        yield [(name, dtype.fields[name][1], list(_dtype(dtype.fields[name][0]))) for name in dtype.names]
        yield dtype.itemsize
        if any(len(field) > 2 for field in dtype.fields.values()):
            yield ["titles", [dtype.fields[name][2:] for name in dtype.names]]
    elif dtype.subdtype is not None:
        yield [list(_dtype(dtype.subdtype[0])), dtype.subdtype[1]]
    elif dtype.kind == "T":
        yield ["string", dtype.coerce, *([dtype.na_object] if hasattr(dtype, "na_object") else [])]
    elif dtype.kind == "V" and dtype.name[:4] != "void":
        yield [dtype.str, dtype.name]  # a package's own type, like bfloat16
    else:
        yield dtype.str
    if dtype.metadata:
        yield dict(dtype.metadata)


def _cells(value: Any) -> Iterator[object]:
    """Yield the cells of an array in C order: as bytes, or the digest of many bytes, where they are bytes."""
    dtype = value.dtype
    if dtype.names is not None:
        for name in dtype.names:  # field by field: what pads a record is left-over memory
            yield list(_cells(value[name]))
    elif dtype.hasobject or dtype.kind == "T":
        yield value.ravel(order="C").tolist()
    elif value.size:
        numpy: Any = sys.modules["numpy"]
        if dtype.kind == "g" or dtype.str[1:] in ("f16", "c32"):
            # long doubles are padded, too
            flat = numpy.ascontiguousarray(value).reshape(-1)
            yield [numpy.format_float_scientific(half) for cell in flat for half in (cell.real, cell.imag)]
        elif value.nbytes <= LONG:
            yield value.tobytes()
        else:
            yield _digest_of_cells(numpy, value)


def _digest_of_cells(numpy: Any, value: Any) -> bytes:
    hasher = blake3()
    pending = [value]
    while pending:
        part = pending.pop()
        if part.flags.c_contiguous or part.nbytes <= _BLOCK:
            hasher.update(numpy.ascontiguousarray(part).reshape(-1).view(numpy.uint8).data)
        elif len(part) == 1:
            pending.append(part[0])
        else:
            rows = max(1, _BLOCK * len(part) // part.nbytes)
            pending += [part[at:at + rows] for at in reversed(range(0, len(part), rows))]
    return hasher.digest()
