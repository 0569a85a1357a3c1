"""Checks of what deepwatch keeps on this machine: the store, the database, the watch list, leftovers."""
from __future__ import annotations

import contextlib
import os
import stat
import time
from functools import partial
from typing import Dict, Iterable, Iterator

from ..errors import DeepwatchError
from ..model import Digest, ProductFile
from ..report.explain import size
from ..state import disk, health, lockfile, stock, watched, watchlist
from ..state.database import Database
from ..state.mutex import Mutex
from ..state.store import BlobMissing, LocalStore
from ..vouching import LOCKFILE
from .findings import Finding, Site, curable, note, problem

_DATABASE = os.path.basename(watchlist.STATE)
_OTHERS_WRITE = stat.S_IWOTH


def folders(site: Site) -> Iterator[Finding]:
    """Whether the folders can be written to by their owner, and by nobody else."""
    if not os.path.isdir(site.state):
        yield note("store", f"there is no `{site.config.store}` yet: nothing ran here", "deepwatch run")
        return
    for folder in (site.state, site.objects):
        if not os.path.isdir(folder):
            continue
        at = os.stat(folder)
        if not os.access(folder, os.W_OK | os.X_OK):
            yield problem("store", f"`{site.short(folder)}` can't be written to: no result would be kept", f"chmod u+rwx {site.short(folder)}")
        if hasattr(os, "getuid") and os.getuid() not in (0, at.st_uid):
            yield problem("store", f"`{site.short(folder)}` belongs to another user, whose results would be unpickled",
                          "remove it, or have its owner run deepwatch")
        if os.name == "posix" and at.st_mode & _OTHERS_WRITE:
            yield curable("store", f"anybody on this machine may write to `{site.short(folder)}`", f"chmod o-w {site.short(folder)}",
                          partial(os.chmod, folder, stat.S_IMODE(at.st_mode) & ~_OTHERS_WRITE))


def blobs(site: Site) -> Iterator[Finding]:
    """Whether each blob is what its name says, and read-only."""
    owners = _Owners(site)
    if not os.path.isdir(site.objects):
        return
    store = LocalStore(site.objects)
    for digest, path in stock.blob_paths(site.objects):
        try:
            at = os.lstat(path)
            intact = stat.S_ISREG(at.st_mode) and (site.quick or stock.digest_unnoticed(path) == digest)
        except FileNotFoundError:
            continue            # a run set it aside, or cleaned up
        except OSError as error:
            yield problem("store", f"{owners.name(digest)} can't be read: {error.strerror}", "check the disk, owner and mode of the file")
            continue
        if not intact:
            yield curable("store", f"{owners.name(digest)} is damaged", "move it aside; what is needed of it runs again",
                          partial(_set_aside, store, digest))
        elif os.name == "posix" and at.st_mode & 0o222:
            yield curable("store", f"{owners.name(digest)} can be written to", f"chmod a-w {site.short(path)}",
                          partial(os.chmod, path, stat.S_IMODE(at.st_mode) & ~0o222))


def _set_aside(store: LocalStore, digest: Digest) -> None:
    with contextlib.suppress(BlobMissing):      # the store does that itself with what it finds damaged
        store.path(digest)


class _Owners:
    """Tells whose a blob is; the database is asked when the first one is."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._names: Dict[str, str] = {}
        self._asked = False

    def name(self, digest: str) -> str:
        """Return what a blob is, for people."""
        if not self._asked:
            self._asked = True
            self._ask()
        return self._names.get(digest, f"the blob {digest}")

    def _ask(self) -> None:
        path = os.path.join(self._site.state, _DATABASE)
        if os.path.isfile(path) and not health.database_faults(path):
            with Database.open(path, lambda _: None) as database:
                for traces in database.traces().values():
                    for trace in traces:
                        self._add(trace.step, trace.artifact.blob, trace.products)
        with contextlib.suppress(DeepwatchError):       # what is wrong with it is told by its own check
            lock = lockfile.read(os.path.join(self._site.config.root, LOCKFILE))
            for step, entry in lock.steps.items() if lock is not None else ():
                self._add(step, entry.artifact.blob, entry.products)
            for name, family in lock.families.items() if lock is not None else ():
                wrote = dict(family.products)
                for key, artifact in family.instances:
                    self._add(name, artifact.blob, wrote.get(key, ()))

    def _add(self, step: str, blob: str, products: Iterable[ProductFile]) -> None:
        self._names[blob] = f"the stored value of `{step}` ({blob[:12]})"
        for product in products:
            self._names.setdefault(product.blob, f"the stored product `{product.path}` of `{step}` ({product.blob[:12]})")


def litter(site: Site) -> Iterator[Finding]:
    """What killed processes and damaged disks left behind."""
    now = time.time()
    places = (os.path.join(site.objects, stock.TEMPORARY), site.state, site.config.root)
    for each in (each for place in places for each in stock.leftovers(place)):
        if now - each.written > disk.ABANDONED_SECONDS:
            yield curable("leftovers", f"`{site.short(each.path)}` was left unfinished by a process that was killed ({size(each.size)})",
                          "remove it", partial(disk.remove, each.path))
    for path in stock.strays(site.objects):
        yield note("leftovers", f"`{site.short(path)}` is not deepwatch's", "move it elsewhere, or remove it")
    aside = stock.set_aside(site.objects)
    if aside:
        yield note("leftovers", f"{len(aside)} damaged {'blob was' if len(aside) == 1 else 'blobs were'} moved to "
                                f"`{site.short(os.path.join(site.objects, stock.CORRUPT))}` ({size(sum(each.size for each in aside))})",
                   "`deepwatch gc` removes them")


def database(site: Site) -> Iterator[Finding]:
    """Whether the database is sound, and what became of those that were not."""
    path = os.path.join(site.state, _DATABASE)
    for fault in health.database_faults(path):
        yield problem("database", f"`{site.short(path)}`: {fault}",
                      "deepwatch run: it begins a new one; the lockfile knows what is fresh, only the history is lost")
    for name in sorted(os.listdir(site.state)) if os.path.isdir(site.state) else ():
        if name.startswith(f"{_DATABASE}.corrupt-") and name.rpartition("-")[2].isdigit():
            yield note("database", f"`{site.short(os.path.join(site.state, name))}` was damaged and was moved aside", "remove it")


def watch_list(site: Site) -> Iterator[Finding]:
    """Whether the watch list can be read; one of another version is no fault."""
    path = watchlist.path_in(site.state)
    try:
        watched.load(path)
    except FileNotFoundError:
        return
    except (OSError, ValueError, EOFError, TypeError) as error:
        yield curable("watch list", f"`{site.short(path)}` can't be read: {error}", "remove it; the next run writes it again",
                      partial(disk.remove, path))


def mutex(site: Site) -> Iterator[Finding]:
    """Whether a run goes on: what is half done then is no fault."""
    if not os.path.isdir(site.state) or not os.access(site.state, os.W_OK):
        return
    try:
        Mutex(os.path.join(site.state, "mutex"), "deepwatch doctor").acquire(timeout=0).release()
    except DeepwatchError as error:
        yield note("mutex", error.message, error.hint or "")
