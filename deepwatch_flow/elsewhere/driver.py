"""The driver's side of execution elsewhere: what is sent, and what is done with what comes back."""
from __future__ import annotations

import os
import pickle
import re
import secrets
import socket
import sys
from typing import Callable, Dict, List, Mapping, Optional, Set

from .._version import __version__
from ..engine.arguments import paths_of
from ..engine.calls import Call, Failure, Outcome
from ..engine.dispatch import Answer, Order, View
from ..engine.products import make_executable
from ..errors import DeepwatchError
from ..events import Notice, Printed
from ..hooks import PROJECT_FILE
from ..model import Digest, Fingerprint, ProductFile, base_of
from ..project import Project
from ..remote.blobs import RemoteBlobs
from ..state import disk
from ..state.parts import blobs_of
from ..state.store import BlobMissing, BlobStore
from .inputs import Packing
from .kit import SHIPPED, TOKENS, Kit
from .site import perform
from .views import unlike

#: files that are read while the project loads are sent along up to this size
_LARGEST = 8 * 2**20


class Dispatcher:
    """A `Dispatch` for one run of a project."""

    def __init__(self, project: Project, store: BlobStore, folder: str, blobs: Optional[RemoteBlobs],
                 tell: Callable[[Notice], None], logs: Optional[str] = None) -> None:
        """`blobs` is the remote, where workers may read and write it; `logs` the folder for what steps print there."""
        self._logs = logs
        self._project, self._store, self._blobs, self.tell = project, store, blobs, tell
        config = project.config
        self.settings: Mapping[str, object] = config.engines.get(config.executor, {})
        self.totals = config.resources
        self.work = perform
        self.name = secrets.token_hex(8)
        self._host = socket.gethostname()
        self._posting = False
        self._posted: Set[Digest] = set()
        self._packing = Packing(config.root, store)
        self._fingerprints: Dict[str, Fingerprint] = {}
        self._token = os.path.join(folder, TOKENS, self.name)
        self.kit = pickle.dumps(self._kit(folder))

    def _kit(self, folder: str) -> Kit:
        project, config = self._project, self._project.config
        token = secrets.token_hex(16)
        disk.make_folder(os.path.dirname(self._token))
        disk.write_atomic(self._token, token.encode("ascii"))
        sources = project.snapshot.data()
        inside = os.path.join(config.root, "")
        wanted = [os.path.join(config.root, PROJECT_FILE), os.path.join(config.root, config.pipeline),
                  *(path for path in project.loaded.reads if path.startswith(inside))]
        others = {path: data for path in wanted if path not in sources for data in [_content(path)] if data is not None}
        path = tuple(entry for entry in map(os.path.abspath, sys.path) if not (entry + os.sep).startswith(inside)
                     and any(source.startswith(os.path.join(entry, "")) and not source.startswith(inside) for source in sources))
        url = config.storing.remote if self._blobs is not None else None
        code = str(self.settings.get("code", SHIPPED))
        checkout = self.settings.get("folder")
        return Kit(self.name, __version__, sys.version_info[:2], config._replace(sources={}), os.path.abspath(folder), token, project.scratch, sources,
                   others, path, code, str(checkout) if checkout else None, url, self._logs is not None)

    def order(self, call: Call) -> Order:
        """Return what is to be sent for a call; all that it needs is put into the remote where workers need that."""
        node = self._project.graph.nodes[base_of(call.step)]
        fingerprint = self._fingerprint(base_of(call.step))
        if not self._posting:
            return Order(call, fingerprint.digest)
        parcels = self._packing.parcels(list({**node.files, **dict(call.files)}.values()))
        blobs = {parcel.blob: parcel.size for parcel in parcels}
        for _, _, artifact in call.upstreams:
            blobs.update(blobs_of(artifact, self._store.get))
        self._post(blobs)
        return Order(call, fingerprint.digest, True, tuple(parcels))

    def accept(self, order: Order, answer: Answer) -> Optional[Outcome]:
        """Return what came of an order; None where it has to be sent again, with all that it needs."""
        if answer.unposted:
            self._posting = True
            return None
        if answer.outcome is None:
            return Outcome(failure=self._refused(order.call.step, answer))
        outcome = answer.outcome._replace(printed=self._kept(answer))
        if self._blobs is not None:
            self._blobs.learn(dict(answer.travelled))
            self._posted.update(digest for digest, _ in answer.travelled)
        if outcome.failure is not None:
            return outcome
        wrong = next(unlike(answer.views, self._declared(order.call), dict(os.environ)), None) \
            if answer.apart or answer.host != self._host else self._unlike_variable(answer)
        if wrong is not None:
            return Outcome(seconds=outcome.seconds, failure=_unlike(wrong, answer, self._project.config.root))
        if answer.apart:
            failure = self._bring(outcome)
            if failure is not None:
                return Outcome(seconds=outcome.seconds, failure=failure)
        if outcome.seen is not None and (answer.apart or answer.host != self._host):
            # their stat data is another disk's; the contents were compared
            outcome = outcome._replace(seen=outcome.seen._replace(reads=dict.fromkeys(outcome.seen.reads)))
        return outcome

    def resources(self, step: str) -> Mapping[str, float]:
        """Return what a step asks for."""
        wants: Mapping[str, float] = self._project.graph.nodes[base_of(step)].step.options["resources"]
        return wants

    def close(self) -> None:
        """Remove the token."""
        disk.remove(self._token)

    # -- details ----------------------------------------------------------------------------------

    def _fingerprint(self, name: str) -> Fingerprint:
        if name not in self._fingerprints:
            function = self._project.graph.nodes[name].step.function
            self._fingerprints[name] = self._project.analysis.fingerprint(function, params_apart=True)
        return self._fingerprints[name]

    def _post(self, blobs: Mapping[Digest, int]) -> None:
        new = {digest: size for digest, size in blobs.items() if digest not in self._posted}
        if new and self._blobs is not None:
            # what is not in the local store came from the remote, or is lost: the worker tells then
            self._blobs.send_many({digest: size for digest, size in new.items() if self._store.size(digest) is not None})
        self._posted.update(new)

    def _kept(self, answer: Answer) -> Optional[Printed]:
        """Add what a step has printed to the log of its machine."""
        if self._logs is None or not answer.text:
            return None
        path = os.path.join(self._logs, re.sub(r"[^\w.-]", "_", answer.host) + ".log")
        try:
            disk.make_folder(self._logs)
            with open(path, "ab") as file:
                start = file.tell()
                file.write(answer.text)
        except (OSError, DeepwatchError) as error:
            self.tell(Notice(f"what `{answer.worker}` printed is not kept: {error}", subject="logs"))
            return None
        return Printed(path, start, start + len(answer.text))

    def _declared(self, call: Call) -> List[str]:
        node = self._project.graph.nodes[base_of(call.step)]
        return [os.path.join(self._project.config.root, path) for path in paths_of(node, call).values()]

    def _refused(self, step: str, answer: Answer) -> Failure:
        ours = self._fingerprint(base_of(step))
        here, there = dict(ours.packages), dict(answer.packages)
        other = [f"{name} is {there.get(name, 'missing')} there and {here.get(name, 'missing')} here"
                 for name in sorted({*here, *there}) if here.get(name) != there.get(name)]
        why = "; ".join(other[:5]) or "the code that it reaches differs, or an environment variable that it reads"
        return Failure(f"the worker {answer.worker} has other code: its fingerprint of `{base_of(step)}` is {answer.code}, "
                       f"the driver's is {ours.digest}",
                       hint=f"{why}: bring the worker up to date, or have the code shipped")

    def _unlike_variable(self, answer: Answer) -> Optional[View]:
        return next(unlike([each for each in answer.views if each.kind == "variable"], (), dict(os.environ)), None)

    def _bring(self, outcome: Outcome) -> Optional[Failure]:
        """Write the products of a step that was executed in another folder."""
        for product in outcome.products:
            try:
                self._write(product)
            except BlobMissing:
                return Failure(f"its product `{product.path}` did not come back from the worker", hint="is the remote in good order?")
        return None

    def _write(self, product: ProductFile) -> None:
        path = os.path.join(self._project.config.root, product.path)
        disk.make_folder(os.path.dirname(path))
        self._store.copy_to(product.blob, path)
        if product.executable:
            make_executable(path)


def _content(path: str) -> Optional[bytes]:
    """Return the bytes of a file that is not too large; None where there is none."""
    try:
        if not os.path.isfile(path) or os.path.getsize(path) > _LARGEST:
            return None
        return disk.read_bytes(path)
    except (OSError, DeepwatchError):
        return None


def _unlike(found: View, answer: Answer, root: str) -> Failure:
    if found.kind == "variable":
        return Failure(f"it read the environment variable {found.name}, which is another one on the worker {answer.worker}",
                       hint=f'set it alike on the workers, or let it not count: [observe] ignore = ["{found.name}"]')
    inside = os.path.join(root, "")
    path = found.name[len(inside):] if found.name.startswith(inside) else found.name
    return Failure(f"it looked at `{path}`, which on the worker {answer.worker} is not as it is here",
                   hint='declare it: a parameter of the step with the default File("...") is sent to workers')
