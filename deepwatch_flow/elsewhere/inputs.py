"""Declared inputs of steps on workers that have another folder: sent by their content."""
from __future__ import annotations

import os
from typing import Dict, Iterator, List, Optional, Sequence, Tuple

from ..engine.calls import Failure
from ..engine.dispatch import Parcel
from ..engine.products import is_executable, make_executable, product_files
from ..hashing.files import digest_file
from ..model import Digest
from ..state import disk
from ..state.store import BlobStore


class Packing:
    """Puts input files into the store, each once as long as it is not touched."""

    def __init__(self, root: str, store: BlobStore) -> None:
        self._root, self._store = root, store
        self._known: Dict[Tuple[str, int, int, int], Tuple[Digest, int]] = {}

    def parcels(self, paths: Sequence[str]) -> List[Parcel]:
        """Return the files of declared inputs; raises DeepwatchError for what can't be kept."""
        return [self._parcel(file) for path in paths for file in self._files(path)]

    def _files(self, path: str) -> Iterator[str]:
        yield from product_files(os.path.join(self._root, path)) or ()

    def _parcel(self, file: str) -> Parcel:
        now = os.stat(file)
        key = (file, now.st_size, now.st_mtime_ns, now.st_ino)
        if key not in self._known:
            self._known[key] = self._store.put_file(file)
        inside = os.path.join(self._root, "")
        path = file[len(inside):].replace(os.sep, "/") if file.startswith(inside) else file
        return Parcel(path, *self._known[key], is_executable(file))


def differs(parcel: Parcel, root: str, keep: bool) -> Optional[Failure]:
    """Tell what keeps a worker from having an input as the driver has it.

    With `keep` a file that is there is never replaced: the folder is somebody's checkout. What lies outside
    of the project has to be there.
    """
    path = os.path.join(root, parcel.path)
    outside = os.path.isabs(parcel.path)
    if not os.path.isfile(path):
        return None if not outside else Failure(
            f"its input `{parcel.path}` is not on the worker", hint="put it there, or into the project's folder: then it is sent")
    if not (keep or outside) or digest_file(path)[0] == parcel.blob:
        return None
    return Failure(f"its input `{parcel.path}` on the worker has another content than here",
                   hint="bring the worker's copy up to date" + ("" if outside else ", or let the code be shipped"))


def bring(parcel: Parcel, root: str, store: BlobStore) -> None:
    """Put an input where the step expects it; raises BlobMissing."""
    path = os.path.join(root, parcel.path)
    if os.path.isfile(path) and digest_file(path)[0] == parcel.blob:
        return
    disk.make_folder(os.path.dirname(path))
    store.copy_to(parcel.blob, path)
    if parcel.executable:
        make_executable(path)
