"""Digests of sparse matrices, estimators, images and tensors by their data.

Their pickles would not do: they hold the version of the package, what was remembered on the way, or memory
that belongs to nothing. None of the packages is imported here: what exists has it loaded.
"""
from __future__ import annotations

import importlib
import sys
from typing import Any, Dict, List, Optional

from .naming import type_name
from .reduction import Undigestible

Parts = List[object]


def sparse_parts(value: Any) -> Optional[Parts]:
    """Return what makes up a sparse matrix or array of scipy, None for its other types.

    The cells count in order, those that were stored twice as their sum; how wide the indices are does not.
    """
    sparse: Any = sys.modules.get("scipy.sparse")
    if sparse is None or not sparse.issparse(value):
        return None
    facts: Parts = ["sparse", value.format, bool(isinstance(value, getattr(sparse, "spmatrix", ()))), value.shape]
    if len(value.shape) != 2:
        plain = value.tocoo(copy=True)
        plain.sum_duplicates()
        return [*facts, [_indices(axis) for axis in plain.coords], plain.data]
    rows = value if value.format in ("csr", "csc") else value.tocsr()
    # what is remembered of the order lies in the object: asked of another one over the same buffers
    view = type(rows)((rows.data, rows.indices, rows.indptr), shape=rows.shape, copy=False)
    if not view.has_canonical_format:
        rows = rows.copy()
        rows.has_canonical_format = rows.has_sorted_indices = False
        rows.sum_duplicates()
    return [*facts, _indices(rows.indptr), _indices(rows.indices), rows.data[:rows.indptr[-1]]]


def _indices(found: Any) -> Any:
    return found.astype("<i8", copy=False)


def learned_parts(value: Any) -> Optional[Parts]:
    """Return what makes up an estimator: its attributes by name, without the version of scikit-learn."""
    base: Any = sys.modules.get("sklearn.base")
    if base is None or isinstance(value, type) or not isinstance(value, base.BaseEstimator):
        return None
    state = value.__getstate__()
    if type(state) is not dict:
        return None
    kept: Dict[str, object] = {name: state[name] for name in sorted(state) if name != "_sklearn_version"}
    kind = type(value)
    own = kind.__qualname__ if kind.__module__.partition(".")[0] == "sklearn" else kind
    return ["estimator", own, kept]


def figure_parts(value: Any) -> Optional[Parts]:
    """Return what makes up a figure: what it looks like. Its objects hold addresses, and differ each time it is made."""
    module: Any = sys.modules.get("matplotlib.figure")
    if module is None or not isinstance(value, module.Figure):
        return None
    canvas = value.canvas
    try:
        drawn: Any = importlib.import_module("matplotlib.backends.backend_agg").FigureCanvasAgg(value)
        drawn.draw()
        pixels = bytes(drawn.buffer_rgba())
    finally:
        value.set_canvas(canvas)
    return ["figure", str(value.get_dpi()), list(drawn.get_width_height()), pixels]


def image_parts(value: Any) -> Optional[Parts]:
    """Return what makes up an image: pixels, palette and notes; not the file that it was read from."""
    module: Any = sys.modules.get("PIL.Image")
    if module is None or isinstance(value, type) or not isinstance(value, module.Image):
        return None
    pixels = value.tobytes()  # reads the file, where that was put off
    palette = value.palette
    colors = None if palette is None else [palette.mode, bytes(palette.tobytes())]
    return ["image", value.mode, value.size, colors, dict(sorted(value.info.items(), key=_by_name)), pixels]


def _by_name(pair: Any) -> str:
    return str(pair[0])


def tensor_parts(value: Any) -> Optional[Parts]:
    """Return what makes up a tensor, or a random generator, of torch; None for its other types."""
    torch: Any = sys.modules["torch"]
    if isinstance(value, torch.Generator):
        return ["random", str(value.device), value.get_state()]
    if not isinstance(value, torch.Tensor):
        return None
    kind = type(value)
    facts: Parts = ["tensor", str(value.dtype), tuple(value.shape), str(value.layout), value.device.type,
                    value.requires_grad]
    facts.append(kind.__qualname__ if kind.__module__.partition(".")[0] == "torch" else kind)
    plain = value.detach() if kind is torch.Tensor else value.detach().as_subclass(torch.Tensor)
    if plain.layout == torch.sparse_coo:
        plain = plain.coalesce()
        return [*facts, plain.indices(), plain.values()]
    if plain.layout == torch.sparse_csr:
        return [*facts, plain.crow_indices(), plain.col_indices(), plain.values()]
    if plain.layout == torch.sparse_csc:
        return [*facts, plain.ccol_indices(), plain.row_indices(), plain.values()]
    if plain.layout != torch.strided or plain.is_quantized or plain.device.type == "meta":
        raise Undigestible(type_name(kind), f"a tensor of this kind ({value.dtype}, {value.layout}, on "
                                            f"{value.device.type}) has no plain cells; make it a dense one")
    plain = plain.cpu().resolve_conj().resolve_neg().contiguous()
    return [*facts, plain.reshape(-1).view(torch.uint8).numpy() if plain.numel() else None]
