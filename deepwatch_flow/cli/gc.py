"""``deepwatch gc``: remove stored results that nobody needs."""
from __future__ import annotations

import argparse
import os
import re
from typing import List

from ..amounts import amount
from ..collecting import Order, Swept, sweep
from ..report.documents import Json
from ..report.explain import size
from ..state.collect import EVICTED, GIT, LOCK, RUNS, YOUNG
from ..state.watchlist import carried_over
from .console import Console
from .parser import Command, add_json
from .session import settings

_KEEPERS = ((LOCK, "named by deepwatch.lock"), (GIT, "named by the lockfile of a branch or a tag"),
            (RUNS, "used by the last runs"), (YOUNG, "written just now"))


def add_gc(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``gc``."""
    defaults = Order()
    parser.add_argument("-n", "--dry-run", action="store_true", help="only tell what would be removed")
    parser.add_argument("--runs", metavar="N", type=_count, default=defaults.runs,
                        help=f"keep what the last N runs used (default: {defaults.runs})")
    parser.add_argument("--max-size", metavar="SIZE", type=_size,
                        help="remove more, least recently used first, until SIZE is left (500MB, 2GiB); "
                             "what deepwatch.lock names stays")
    parser.add_argument("--grace", metavar="SECONDS", type=_count, default=int(defaults.grace),
                        help=f"keep what was written within the last SECONDS (default: {int(defaults.grace)})")
    parser.add_argument("--no-git", action="store_true", help="don't ask git what branches and tags need")
    add_json(parser)


def gc(args: argparse.Namespace, console: Console) -> int:
    """Remove what nobody needs, and tell what it was."""
    order = Order(args.runs, args.grace, args.max_size, not args.no_git, args.dry_run)
    config = settings(args)
    with carried_over(config.root, os.path.join(config.root, config.store)):
        swept = sweep(config, order, console.emit)
    if console.json:
        console.document(document(swept, order))
    else:
        console.result(*lines(swept, order))
    return 0


def lines(swept: Swept, order: Order) -> List[str]:
    """Return what a collection did as text."""
    collection = swept.collection
    told = []
    for name, words in _KEEPERS:
        blobs = collection.kept[name]
        if blobs:
            told.append(f"keep    {_amount(len(blobs), sum(blob.size for blob in blobs))}: {words}")
    by_reason = {True: [each.blob for each in collection.removed if each.why == EVICTED],
                 False: [each.blob for each in collection.removed if each.why != EVICTED]}
    for evicted, words in ((False, "needed by nobody"), (True, "used longest ago")):
        if by_reason[evicted]:
            told.append(f"remove  {_amount(len(by_reason[evicted]), sum(blob.size for blob in by_reason[evicted]))}: {words}")
    if swept.leftovers:
        count = len(swept.leftovers)
        told.append(f"remove  {_amount(count, sum(each.size for each in swept.leftovers), 'file')}: unfinished or damaged")
    if order.max_size is not None and collection.kept_size > order.max_size:
        told.append(f"{size(collection.kept_size)} are left, more than {size(order.max_size)}: "
                    "the rest is needed by deepwatch.lock or was written just now")
    told.append(f"{'would free' if order.dry else 'freed'} {size(swept.freed)}")
    return told


def document(swept: Swept, order: Order) -> Json:
    """Return what a collection did for programs."""
    collection = swept.collection
    return {
        "dry_run": order.dry, "freed": swept.freed, "kept_size": collection.kept_size, "revisions": swept.revisions,
        "kept": {name: {"blobs": len(blobs), "size": sum(blob.size for blob in blobs)}
                 for name, blobs in collection.kept.items()},
        "removed": [{"blob": each.blob.digest, "size": each.blob.size, "why": each.why} for each in collection.removed],
        "leftovers": len(swept.leftovers)}


def _amount(count: int, total: int, noun: str = "blob") -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}, {size(total)}"


def _count(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise argparse.ArgumentTypeError(f"must be a number from 0, got `{text}`")
    return int(text)


def _size(text: str) -> int:
    try:
        return int(amount(text))
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a size such as 500MB or 2GiB, got `{text}`") from None


COMMANDS = {"gc": Command(add_gc, gc)}
