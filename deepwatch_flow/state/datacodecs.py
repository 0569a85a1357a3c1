"""The codecs for arrays, tables and images, registered as a plugin's are.

    npy       numpy arrays without objects; mapped when read: changes stay in memory and cost only their pages
    arrow     tables of pandas, polars and pyarrow as an Arrow IPC stream; of pandas, large ones unless chosen
    parquet   tables of pandas and pyarrow, compressed; only where it is chosen
    png       images of PIL that PNG gives back exactly

A table that would not come back with an equal digest is not taken, which is tried piece by piece while it is written.
"""
from __future__ import annotations

import importlib
import importlib.util
import io
import os
import sys
from typing import Any, Callable, Optional

from ..hashing.frames import digest_frame
from ..hashing.values import ValueHasher
from .plaincodecs import StreamCodec, memory_of

#: cells of a pandas table from which Arrow is worth it; below, pickle is as good and needs no pyarrow
_LARGE_TABLE = 100_000
_ROWS = 1 << 16
_hasher = ValueHasher(digesters=[digest_frame])
#: bytes of an array from which it is mapped
_MAPPED = 1 << 16


class NpyCodec(StreamCodec):
    """A numpy array as an ``.npy`` file."""

    name = "npy"

    def write(self, value: Any, file: Any) -> bool:
        """Write an array; False for other types and for arrays that hold objects or fields."""
        numpy: Any = sys.modules.get("numpy")
        if numpy is None or type(value) is not numpy.ndarray:
            return False
        dtype = value.dtype
        if dtype.hasobject or dtype.metadata or dtype.names is not None or dtype.kind == "T":
            return False  # records are padded with left-over memory: not the same bytes each time
        flat = value if value.flags.c_contiguous else value.T
        if not flat.flags.c_contiguous or not value.size or not dtype.itemsize:
            numpy.lib.format.write_array(file, value, allow_pickle=False)
            return True
        header = numpy.lib.format.header_data_from_array_1_0(value)
        numpy.lib.format.write_array_header_1_0(file, header)
        file.write(flat.reshape(-1).view(numpy.uint8).data)
        return True

    def read(self, file: Any) -> object:
        """Return the array in a file: mapped where it is large; what is changed in it stays in memory."""
        numpy: Any = importlib.import_module("numpy")
        forms = numpy.lib.format
        if isinstance(file, io.BytesIO) or os.name == "nt" or forms.read_magic(file) != (1, 0):
            file.seek(0)
            return forms.read_array(file, allow_pickle=False)
        shape, fortran, dtype = forms.read_array_header_1_0(file)
        start = file.tell()
        if os.fstat(file.fileno()).st_size - start < _MAPPED or dtype.hasobject:
            file.seek(0)
            return forms.read_array(file, allow_pickle=False)
        order = "F" if fortran else "C"
        mapped = numpy.memmap(file, dtype=dtype, mode="c", offset=start, shape=shape, order=order)
        return numpy.asarray(mapped)    # an array like any other: a memmap is another type


class _Borrowed:
    """A file that stays open when Arrow closes it."""

    closed = False

    def __init__(self, file: Any) -> None:
        self.write, self.tell = file.write, file.tell

    def flush(self) -> None:
        """Do nothing: who lent the file flushes it."""

    def close(self) -> None:
        """Do nothing: who lent the file closes it."""


class _TableCodec(StreamCodec):
    """Tables by way of Arrow's record batches; subclasses give writer and reader."""

    def writer(self, file: Any, schema: Any) -> Any:
        """Return a context manager whose `write_batch` and `write_table` write; None: can't hold such columns."""
        raise NotImplementedError

    def table(self, file: Any) -> Any:
        """Return the Arrow table in a file."""
        raise NotImplementedError

    def by_default(self, value: Any) -> bool:
        """Tell whether a value that nothing was chosen for is worth a table."""
        if type(value).__module__.partition(".")[0] == "pandas":
            return len(getattr(value, "shape", ())) == 2 and value.shape[0] * value.shape[1] >= _LARGE_TABLE
        return True

    def write(self, value: Any, file: Any) -> bool:
        """Write a table; False for other types and for a table that would come back another one."""
        package = type(value).__module__.partition(".")[0]
        if package not in ("pandas", "pyarrow") or importlib.util.find_spec("pyarrow") is None:
            return False
        arrow: Any = importlib.import_module("pyarrow")
        if type(value) is arrow.Table:
            return self._write_arrow(arrow, value, file)
        return type(value) is sys.modules["pandas"].DataFrame and self._write_pandas(arrow, value, file)

    def _write_arrow(self, arrow: Any, value: Any, file: Any) -> bool:
        with arrow.PythonFile(_Borrowed(file), mode="w") as sink:
            metadata = {**(value.schema.metadata or {}), b"deepwatch": b"table"}     # no table of pandas, though it may come from one
            made = self.writer(sink, value.schema.with_metadata(metadata))
            if made is None:
                return False
            with made as writer:
                for batch in value.to_batches(max_chunksize=_ROWS):
                    writer.write_batch(batch.replace_schema_metadata(metadata))
        return True

    def _write_pandas(self, arrow: Any, value: Any, file: Any) -> bool:
        if not all(isinstance(name, str) for name in value.columns):
            return False        # Arrow would make text of the names
        try:
            schema = arrow.Schema.from_pandas(value)
            if not len(value) or schema.metadata is None:
                return False
            with arrow.PythonFile(_Borrowed(file), mode="w") as sink:
                made = self.writer(sink, schema)
                if made is None:
                    return False
                with made as writer:
                    return all(self._write_piece(arrow, value.iloc[start:start + _ROWS], schema, writer)
                               for start in range(0, len(value), _ROWS))
        except (arrow.ArrowException, TypeError, ValueError, LookupError, OverflowError, AttributeError):
            return False        # Arrow has no such column: objects of several types, sparse, complex, equal names

    def _write_piece(self, arrow: Any, piece: Any, schema: Any, writer: Any) -> bool:
        """Write some rows; False if they do not come back as they are, in type, order and every bit."""
        batch = arrow.RecordBatch.from_pandas(piece, schema=schema)
        schema_of_piece = arrow.Schema.from_pandas(piece).metadata     # tells a range index's own start and stop
        back = batch.replace_schema_metadata(schema_of_piece).to_pandas()
        if _hasher.encoding(back) != _hasher.encoding(piece) or _object_types(back) != _object_types(piece):
            return False
        writer.write_batch(batch)
        return True

    def read(self, file: Any) -> object:
        """Return the table in a file; one of pandas can be changed in place."""
        table = self.table(file)
        metadata = dict(table.schema.metadata or {})
        if metadata.pop(b"deepwatch", None) == b"table":
            return table.replace_schema_metadata(metadata or None)
        frame = table.to_pandas()
        # one piece is not joined to others, so its columns may still be Arrow's, which can't be written to
        return frame.copy() if any(column.num_chunks < 2 for column in table.columns) else frame


def _object_types(frame: Any) -> "list[list[type]]":
    """Return the types in columns of objects, where None and NaN may have one digest and are not the same."""
    return [list(map(type, series.array)) for _, series in frame.items() if series.dtype == object]


class ArrowCodec(_TableCodec):
    """Tables as an Arrow IPC stream."""

    name = "arrow"

    def writer(self, file: Any, schema: Any) -> Any:
        """Return a writer of an IPC stream."""
        return importlib.import_module("pyarrow.ipc").new_stream(file, schema)

    def table(self, file: Any) -> Any:
        """Return the table of an IPC stream, its buffers in the mapped file."""
        arrow: Any = importlib.import_module("pyarrow")
        with importlib.import_module("pyarrow.ipc").open_stream(arrow.py_buffer(memory_of(file))) as reader:
            return reader.read_all()


class ParquetCodec(_TableCodec):
    """Tables as a Parquet file."""

    name = "parquet"

    def by_default(self, _: Any) -> bool:
        """Tell that this codec has to be chosen."""
        return False

    def writer(self, file: Any, schema: Any) -> Any:
        """Return a writer of a Parquet file, None for a schema that Parquet would give back as another one."""
        if not all(_is_simple(field.type) for field in schema):
            return None
        parquet: Any = importlib.import_module("pyarrow.parquet")
        return parquet.ParquetWriter(file, schema, version="2.6", compression="zstd")

    def table(self, file: Any) -> Any:
        """Return the table of a Parquet file."""
        return importlib.import_module("pyarrow.parquet").ParquetFile(file).read()


def _is_simple(kind: Any) -> bool:
    """Tell whether Parquet gives back a type exactly, whatever the row groups; dictionaries lose unused entries."""
    types: Any = importlib.import_module("pyarrow").types
    tests: "tuple[Callable[[Any], bool], ...]" = (
        types.is_boolean, types.is_signed_integer, types.is_unsigned_integer, types.is_float32, types.is_float64,
        types.is_string, types.is_large_string, types.is_binary, types.is_date32)
    return any(test(kind) for test in tests) or (types.is_timestamp(kind) and kind.unit != "s")


class PolarsCodec(StreamCodec):
    """Tables of polars as an Arrow IPC file."""

    name = "polars"

    def write(self, value: Any, file: Any) -> bool:
        """Write a table of numbers, texts, bytes and times; False for any other value."""
        polars: Any = sys.modules.get("polars")
        if polars is None or type(value) is not polars.DataFrame:
            return False
        plain = (polars.Boolean, polars.String, polars.Binary, polars.Date, polars.Time)
        if not all(kind.is_numeric() or kind in plain for kind in value.dtypes) or polars.Decimal in value.dtypes:
            return False
        value.write_ipc(file)
        return True

    def read(self, file: Any) -> object:
        """Return the table in a file; polars never changes one in place."""
        polars: Any = importlib.import_module("polars")
        return polars.read_ipc(file)


class PngCodec(StreamCodec):
    """Images of PIL as PNG, where that is all there is to them."""

    name = "png"

    def write(self, value: Any, file: Any) -> bool:
        """Write an image; False for other types, and for modes and notes that PNG would not give back."""
        images: Optional[Any] = sys.modules.get("PIL.Image")
        if images is None or type(value) is not images.Image or value.mode not in ("1", "L", "LA", "RGB", "RGBA"):
            return False
        if value.info or 0 in value.size:
            return False
        buffer = io.BytesIO()
        value.save(buffer, "PNG")
        file.write(buffer.getvalue())
        return True

    def read(self, file: Any) -> object:
        """Return the image in a file."""
        with importlib.import_module("PIL.Image").open(file) as image:
            return image.copy()
