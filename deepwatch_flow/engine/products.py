"""Products: which files a step wrote, and how they are put back where they are missing.

A product is the content of its files, and whether they may be executed. Links are followed: what
they lead to is kept, and is put back as files. A folder counts by the files in it, so an empty one
inside a product is not kept. What is put back never replaces a file whose content is known nowhere
else: that is somebody's edit.
"""
from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import stat
from typing import Callable, Dict, Iterator, List, Mapping, Optional, Sequence, Set, Tuple

from ..errors import DeepwatchError, EnvironmentFault, quoted
from ..events import Emit, Notice
from ..model import Digest, Fresh, History, ProductFile, Reason, Stale, Trace, Verdict
from ..state import disk
from ..state.store import BlobStore

try:
    import fcntl
except ImportError:
    fcntl = None  # type: ignore[assignment]    # Windows

#: Linux: make a file of the very blocks of another one, to be copied when either is written to
_FICLONE = 0x40049409
#: what tells that this way of putting a file back is not to be had here: the bytes are copied then
_NOT_HERE = (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS,
             errno.EINVAL, errno.ENOTTY, errno.EBADF)


#: the file in the state that tells what executions left at the paths of products when they came to no end
UNFINISHED = "unfinished.json"


class Edited(DeepwatchError):
    """A product can't be put back: something else is in its place, and would be lost."""

    exit_code = 1

    def told(self, step: str) -> str:
        """Return the cure, for a product of this step."""
        return (self.hint or "").replace("STEP", quoted(step))

    def notice(self, step: str) -> Notice:
        """Return what is to be told of it before a run."""
        return Notice(f"`deepwatch run` will not get past `{step}`: {self.message}", self.told(step), subject=f"products of {step}")


# -- after a step -----------------------------------------------------------------------------------

def product_files(path: str) -> Optional[List[str]]:
    """Return the files of a product, itself or those in its folder; None where there is none.

    Raises DeepwatchError for what can't be kept: a link that leads nowhere or back, a pipe.
    """
    if os.path.isfile(path):
        return [path]
    if not os.path.isdir(path):
        return None
    found: List[str] = []
    # with the identities of the folders above: a folder inside itself is a loop
    pending: List[Tuple[str, Tuple[Tuple[int, int], ...]]] = [(path, ())]
    while pending:
        folder, above = pending.pop()
        at = os.stat(folder)
        if (at.st_dev, at.st_ino) in above:
            raise DeepwatchError(f"the product `{folder}` is a link that leads back to a folder that it lies in",
                                 hint="let the step write no such link: links in products are kept as what they lead to")
        for name in sorted(os.listdir(folder)):
            inner = os.path.join(folder, name)
            kind = _kind(inner)
            if kind == "folder":
                pending.append((inner, (*above, (at.st_dev, at.st_ino))))
            else:
                found.append(inner)
    return sorted(found)


def _kind(path: str) -> str:
    try:
        mode = os.stat(path).st_mode
    except OSError as error:
        what = "a link that leads nowhere" if os.path.islink(path) else f"not readable ({error.strerror})"
        raise DeepwatchError(f"`{path}` in a product is {what}",
                             hint="links in products are kept as what they lead to; write that first, or leave the link out") from error
    if stat.S_ISDIR(mode):
        return "folder"
    if stat.S_ISREG(mode):
        return "file"
    raise DeepwatchError(f"`{path}` in a product is neither a file nor a folder", hint="let the step remove it before it ends")


def is_executable(path: str) -> bool:
    """Tell whether its owner may execute a file; on Windows that is nothing that a file has."""
    return os.name == "posix" and bool(os.stat(path).st_mode & stat.S_IXUSR)


def make_executable(path: str) -> None:
    """Let those execute a file who may read it."""
    if os.name == "posix":
        mode = stat.S_IMODE(os.stat(path).st_mode)
        os.chmod(path, mode | (mode & 0o444) >> 2)


# -- before a step's consumers ------------------------------------------------------------------------

class Restorer:
    """Puts products back into the project's folder."""

    def __init__(self, root: str, store: BlobStore, link: str, digest_of: Callable[[str], Optional[Digest]],
                 history: Callable[[], History], aside: str = "edited") -> None:
        self._root = root
        self._aside = os.path.join(root, aside)      #: where edited products go that a step overwrites
        self._store = store
        self._link = link                #: copy | reflink | hardlink
        self._digest_of = digest_of      #: of the file at a path, None where there is none
        self._history = history
        self._written: Optional[Set[Tuple[str, Digest]]] = None    # what the steps ever wrote, once it is asked for
        self._unfinished = os.path.join(os.path.dirname(self._aside), UNFINISHED)

    def refused(self, verdicts: Mapping[str, Verdict], emit: Emit) -> Dict[str, str]:
        """Return why a run would fail steps rather than lose an edited product, and tell of each."""
        found = {name: edited for name, verdict in verdicts.items() for edited in [self._in_the_way(verdict)] if edited is not None}
        for name, edited in found.items():
            emit(edited.notice(name))
        return {name: edited.message for name, edited in found.items()}

    def _in_the_way(self, verdict: Verdict) -> Optional[Edited]:
        """Return what a run would have to complain of when it puts the products of a step back, None where there is nothing."""
        try:
            if isinstance(verdict, Fresh):
                for product in verdict.restore:
                    self._refuse(product.path)
            elif isinstance(verdict, Stale):
                self.guard(verdict.reasons)
        except Edited as edited:
            return edited
        return None

    def restore(self, product: ProductFile) -> None:
        """Put a product's file back, complete or not at all; raises Edited, BlobMissing."""
        path = os.path.join(self._root, product.path)
        self._refuse(product.path)
        folder = os.path.dirname(path)
        try:
            disk.make_folder(folder)
        except EnvironmentFault as fault:
            if not _is_blocked(self._root, folder):
                raise
            raise Edited(f"`{product.path}` can't be put back: a file is where its folder has to be",
                         hint="move that file away, and run again") from fault
        if self._link == "copy" and not product.executable:
            self._store.copy_to(product.blob, path)
            return
        temporary = disk.temporary_path(folder)
        try:
            self._bring(product, temporary)
            disk.replace(temporary, path)
        finally:
            # renaming one name of a file to another name of the same file leaves both
            disk.discard(temporary)

    def put_aside(self, trace: Trace) -> Iterator[Notice]:
        """Keep a copy of what a step that is about to run would overwrite, where its content is known nowhere else."""
        for product in trace.products:
            path = os.path.join(self._root, product.path)
            if os.path.islink(path):       # what it leads to is nobody's product: the step must not write there
                os.unlink(path)
                continue
            found = self._digest_of(product.path) if os.path.isfile(path) else None
            if found in (None, product.blob) or self._store.has(found or product.blob) or self._was_written(product.path, found or product.blob):
                continue
            kept = os.path.join(self._aside, product.path)
            disk.make_folder(os.path.dirname(kept))
            temporary = disk.temporary_path(os.path.dirname(kept))
            shutil.copyfile(path, temporary)       # it stays as well: the step may fail before it writes
            disk.replace(temporary, kept)
            yield Notice(f"`{product.path}` was not as `{trace.step}` had left it, and the step writes it anew",
                         f"what was there is kept as {os.path.relpath(kept, self._root)}")

    def guard(self, reasons: Sequence[Reason]) -> None:
        """Raise Edited where a step that runs for these reasons would overwrite an edit, and has nothing else to do.

        Who changed the code of a step wants its products written; who edited a product may not.
        """
        for reason in reasons if all(reason.kind in ("product", "artifact") for reason in reasons) else ():
            if reason.kind == "product" and os.path.isfile(os.path.join(self._root, reason.subject)):
                self._refuse(reason.subject)

    def left(self, paths: Sequence[str]) -> None:
        """Note what an execution that came to no end has left at the paths of its products: that is nobody's edit."""
        noted = {(path, digest) for path, digest in self._left_before() if self._digest_of(path) == digest}
        for path in paths:
            with contextlib.suppress(DeepwatchError):       # what is no product leaves nothing to note
                for full in product_files(os.path.join(self._root, path)) or ():
                    name = os.path.relpath(full, self._root).replace(os.sep, "/")
                    noted.update((name, digest) for digest in [self._digest_of(name)] if digest is not None)
        disk.make_folder(os.path.dirname(self._unfinished))
        disk.write_atomic(self._unfinished, json.dumps(sorted(noted)).encode("ascii"))

    def _left_before(self) -> Set[Tuple[str, Digest]]:
        try:
            return {(str(path), Digest(digest)) for path, digest in json.loads(disk.read_bytes(self._unfinished).decode("ascii"))}
        except (FileNotFoundError, ValueError, TypeError):     # none yet; or damaged: then it may look like an edit
            return set()

    def _refuse(self, path: str) -> None:
        """Raise Edited where having a product again would lose what is in its place."""
        if not os.path.exists(os.path.join(self._root, path)):
            return              # nothing, or a link that leads nowhere
        found = self._digest_of(path)
        if found is None:
            raise Edited(f"`{path}` can't be put back: something that is no file is in its place",
                         hint="move it away, and run again")
        if not self._store.has(found) and not self._was_written(path, found):
            raise Edited(f"`{path}` was edited, and would be overwritten by what its step gave",
                         hint="move it away to have the product again, or give `--force STEP` to have it written anew")

    def _was_written(self, path: str, digest: Digest) -> bool:
        """Tell whether a step wrote this content there once, though the store does not have it."""
        if self._written is None:       # what this run will write is in the store
            traces = (trace for each in self._history().by_key.values() for trace in each)
            self._written = {(product.path, product.blob) for trace in traces for product in trace.products}
        return (path, digest) in self._written or (path, digest) in self._left_before()

    def _bring(self, product: ProductFile, temporary: str) -> None:
        """Make the file under a temporary name, in the way that the settings ask for where that is to be had."""
        linked = False
        if self._link == "reflink":
            linked = _clone(self._store.path(product.blob), temporary)
        elif self._link == "hardlink" and not product.executable:     # the blob's mode would change with it
            linked = _hard_link(self._store.path(product.blob), temporary)
        if not linked:
            self._store.copy_to(product.blob, temporary)
        if product.executable:
            make_executable(temporary)


def _hard_link(source: str, target: str) -> bool:
    """Give a file another name; tell whether that is to be had here."""
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno not in _NOT_HERE:
            raise disk.explain(error, "make a hard link at", target) from error
        return False
    return True


def _clone(source: str, target: str) -> bool:
    """Make a file that shares the blocks of another one; tell whether that is to be had here."""
    if fcntl is None:
        return False
    with open(source, "rb") as original:
        descriptor = disk.create(target)
        try:
            fcntl.ioctl(descriptor, _FICLONE, original.fileno())
        except OSError as error:
            disk.discard(target)
            if error.errno not in _NOT_HERE:
                raise disk.explain(error, "write", target) from error
            return False
        finally:
            os.close(descriptor)
    return True


def _is_blocked(root: str, folder: str) -> bool:
    """Tell whether something that is no folder is on the way from the root to a folder."""
    while len(folder) > len(root):
        if os.path.lexists(folder) and not os.path.isdir(folder):
            return True
        folder = os.path.dirname(folder)
    return False
