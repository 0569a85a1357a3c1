"""``deepwatch doctor``: look at everything, tell what is wrong, cure what can be cured without a loss."""
from __future__ import annotations

import argparse
import os
from contextlib import ExitStack
from typing import Dict, Iterator, List, Mapping, Tuple

from ..checkup import around, stored, vouched
from ..checkup.findings import PROBLEM, Finding, Site
from ..errors import ConfigError, DeepwatchError
from ..report.documents import Json
from ..report.explain import block
from ..state.mutex import Mutex
from ..state.watchlist import carried_over
from .console import Console
from .parser import Command, add_json
from .session import settings


def add_doctor(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``doctor``."""
    parser.add_argument("--fix", action="store_true", help="cure what can be cured without losing anything")
    parser.add_argument("--quick", action="store_true", help="don't read all stored bytes")
    add_json(parser)


def doctor(args: argparse.Namespace, console: Console) -> int:
    """Look at everything; the exit code is 1 where something is wrong."""
    try:
        config = settings(args)
    except ConfigError as error:       # nothing else can be told without settings
        return _told([(Finding("settings", PROBLEM, error.message, error.hint or ""), "")], console)
    site = Site(config, args.quick)
    found: List[Tuple[Finding, str]] = []
    with console.results_apart(), ExitStack() as stack:
        stack.enter_context(carried_over(config.root, site.state))
        if args.fix and os.path.isdir(site.state):
            stack.enter_context(Mutex(os.path.join(site.state, "mutex"), "deepwatch doctor --fix").acquire(timeout=0))
        for finding in examine(site, console.environ, running=not args.fix):
            found.append((finding, _fixed(finding) if args.fix and finding.fixable else ""))
    return _told(found, console)


def examine(site: Site, environ: Mapping[str, str], running: bool = True) -> Iterator[Finding]:
    """Yield all findings; with `running`, also whether a run goes on."""
    if running:
        yield from stored.mutex(site)
    yield from around.sharing(site, environ)
    yield from stored.folders(site)
    yield from stored.database(site)
    yield from stored.litter(site)      # before anybody opens the store, which sweeps
    yield from stored.blobs(site)
    yield from stored.watch_list(site)
    lock, findings = vouched.lock_of(site)
    yield from findings
    if lock is not None:
        yield from vouched.entries(site, lock)
        yield from vouched.products(site, lock)
        yield from vouched.packages(site, lock)
    yield from vouched.pipeline(site, lock)
    yield from around.repository(site)


def _fixed(finding: Finding) -> str:
    """Cure something, and return how that went: ``fixed``, or why not."""
    try:
        finding.fix()
    except (DeepwatchError, OSError) as error:
        return f"not fixed: {error}"
    return "fixed"


def _told(found: List[Tuple[Finding, str]], console: Console) -> int:
    """Tell the findings, and return the exit code."""
    left = [finding for finding, outcome in found if finding.level == PROBLEM and outcome != "fixed"]
    if console.json:
        versions: Dict[str, Json] = dict(around.versions())
        console.document({"ok": not left, "versions": versions, "findings": [
            {"check": each.check, "level": each.level, "text": each.what, "cure": each.cure, "fixable": each.fixable,
             "fixed": outcome == "fixed"} for each, outcome in found]})
        return 1 if left else 0
    paint = console.paint
    for each, outcome in found:
        style = "bad" if each.level == PROBLEM and outcome != "fixed" else "dim"
        lines = [f"{paint(style, f'{outcome or each.level}: {each.check}:')} {block(each.what)}"]
        if each.cure and outcome != "fixed":
            lines.append(f"    {block(each.cure)}")
        console.result(*lines)
    console.result(_closing(found, left))
    return 1 if left else 0


def _closing(found: List[Tuple[Finding, str]], left: List[Finding]) -> str:
    about = ", ".join(f"{name} {version}" for name, version in around.versions().items())
    fixable = sum(finding.fixable for finding in left)
    count = f"{len(left)} {'problem' if len(left) == 1 else 'problems'}" if left else "no problems"
    hint = f"; `deepwatch doctor --fix` cures {fixable} of them" if fixable and not any(outcome for _, outcome in found) else ""
    return f"{count}{hint} ({about})"


COMMANDS = {"doctor": Command(add_doctor, doctor)}
