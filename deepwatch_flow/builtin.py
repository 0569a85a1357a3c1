"""What deepwatch itself brings, registered as any plugin is: codecs, digesters, engines."""
from __future__ import annotations

from typing import Any, Callable, Iterable, List, Optional

from .engines import on_dask, on_ray
from .hashing.frames import digest_frame
from .hooks import hookimpl
from .state.codecs import Codec
from .state.datacodecs import (
    ArrowCodec,
    NpyCodec,
    ParquetCodec,
    PngCodec,
    PolarsCodec,
)


@hookimpl
def deepwatch_codecs() -> List[Codec]:
    """Arrays, tables and images; the codecs for plain data and pickles are always there."""
    return [NpyCodec(), ArrowCodec(), ParquetCodec(), PolarsCodec(), PngCodec()]


@hookimpl(trylast=True)
def deepwatch_digest_value(value: Any) -> Optional[Iterable[object]]:
    """Arrays and tables by their data."""
    return digest_frame(value)


@hookimpl(trylast=True)
def deepwatch_executor(name: str, jobs: int, dispatch: Callable[[], Any]) -> Optional[Any]:
    """Dask and Ray, where they are installed."""
    engine = {"dask": on_dask, "ray": on_ray}.get(name)
    return engine.executor(jobs, dispatch()) if engine is not None else None
