"""The executor `ray`: batches as tasks of a Ray cluster, one that is there or one on this machine."""
from __future__ import annotations

import contextlib
import importlib
import logging
import os
from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence, Set, Tuple

from ..engine.dispatch import Answer, Dispatch, Order, Work
from ..errors import ConfigError, EnvironmentFault
from ..events import Notice
from .batches import GIVE_BACK, BatchExecutor, Broken, Died, Result, as_failure, missing

#: how often Ray repeats a batch whose worker died
_REPEATED = 2
#: of a cluster of our own: values go through the store, not through Ray's
_OBJECT_STORE_BYTES = 100 * 2**20
#: what steps ask for that Ray has a word of its own for
_WORDS = {"cpu": "num_cpus", "cpus": "num_cpus", "gpu": "num_gpus", "gpus": "num_gpus", "memory": "memory"}


def executor(jobs: int, dispatch: Dispatch) -> BatchExecutor:
    """Return the executor; raises ConfigError where Ray is missing, EnvironmentFault where no cluster answers."""
    # where it is a cluster of ours, nothing is told to Ray's makers
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        ray = importlib.import_module("ray")
    except ImportError as error:
        raise ConfigError(**missing("ray", "ray", error)) from error
    return BatchExecutor(_Ray(ray, jobs, dispatch), dispatch)


def execute_batch(work: Work, name: str, kit: Sequence[Any], orders: Sequence[Order], seconds: float) -> List[Answer]:
    """Execute orders in this process; the kit is fetched where it is needed first."""
    def fetch() -> bytes:
        found: bytes = importlib.import_module("ray").get(kit[0])
        return found

    return work(name, fetch, orders, seconds)


class _Ray:
    def __init__(self, ray: Any, jobs: int, dispatch: Dispatch) -> None:
        self._ray = ray
        self._dispatch = dispatch
        self._numbers: Dict[Any, int] = {}       # by the reference of the result
        self._told: Set[str] = set()
        self._own = False
        if not ray.is_initialized():             # a notebook may have its own connection: that is used, and left
            self._own = True
            self._start(dispatch.settings.get("address"), dispatch.settings.get("workers", jobs))
        self._kit = [ray.put(dispatch.kit)]      # in a list: it is not sent along with each batch
        self._task = ray.remote(max_retries=_REPEATED)(execute_batch)

    def _start(self, address: Optional[str], workers: int) -> None:
        quiet: Dict[str, Any] = {"logging_level": logging.ERROR, "log_to_driver": False}
        if address is None:
            totals = dict(self._dispatch.totals)
            own = {word: totals.pop(name) for name, word in _WORDS.items() if name in totals and word != "num_cpus"}
            memory = own.pop("memory", None)
            quiet.update(num_cpus=workers, include_dashboard=False, object_store_memory=_OBJECT_STORE_BYTES,
                         resources={name: each for name, each in totals.items() if name not in _WORDS}, _node_ip_address="127.0.0.1",
                         **own, **({"_memory": memory} if memory else {}))
        try:
            self._ray.init(address=address or "local", **quiet)
        except Exception as error:
            where = f"no Ray cluster answers at {address}" if address else "Ray could not be started on this machine"
            raise EnvironmentFault(f"{where}: {type(error).__name__}: {str(error).strip().partition(chr(10))[0][:300]}",
                                   hint="check [ray] address; without it a cluster on this machine is started") from error

    # -- batches ----------------------------------------------------------------------------------

    def slots(self) -> int:
        """Return how many batches can be executed at a time: one for each CPU that Ray counts."""
        return max(1, int(self._ray.cluster_resources().get("CPU", 1)))

    def send(self, number: int, orders: Sequence[Order], wants: Mapping[str, float]) -> None:
        """Submit a batch as a task."""
        options: Dict[str, Any] = {}
        for name, amount in wants.items():
            if self._own and self._dispatch.settings.get("address") is None and name not in self._dispatch.totals:
                continue                          # not counted, as without an engine
            if name in _WORDS:
                options[_WORDS[name]] = int(amount) if name == "memory" else amount
            else:
                options.setdefault("resources", {})[name] = amount
        self._offered(wants, options)
        reference = self._task.options(**options).remote(
            self._dispatch.work, self._dispatch.name, self._kit, orders, GIVE_BACK)
        self._numbers[reference] = number

    def _offered(self, wants: Mapping[str, float], options: Mapping[str, Any]) -> None:
        """Tell of what the cluster has not: Ray waits for it."""
        words = {"num_cpus": "CPU", "num_gpus": "GPU"}
        asked = {words.get(name, name): amount for name, amount in options.items() if name != "resources"}
        there = self._ray.cluster_resources() if wants else {}
        for name, amount in {**asked, **options.get("resources", {})}.items():
            if name not in self._told and there.get(name, 0) < amount:
                self._told.add(name)
                self._dispatch.tell(Notice(f"the Ray cluster does not offer {name}={amount:g}: steps that ask for it wait for it",
                                           "start a node that has it"))

    def wait(self, seconds: Optional[float]) -> Iterator[Tuple[int, Result]]:
        """Return finished batches."""
        finished, _ = self._ray.wait(list(self._numbers), num_returns=1, timeout=seconds)
        if finished:
            more, _ = self._ray.wait(list(self._numbers), num_returns=len(self._numbers), timeout=0)
            finished = list(dict.fromkeys([*finished, *more]))
        for reference in finished:
            yield self._numbers.pop(reference), self._result(reference)

    def _result(self, reference: Any) -> Result:
        errors = self._ray.exceptions
        try:
            answers: List[Answer] = self._ray.get(reference)
        except (errors.WorkerCrashedError, errors.NodeDiedError, errors.OutOfMemoryError) as error:
            return Died(f"Ray tried it {_REPEATED + 1} times ({type(error).__name__})")
        except errors.RayTaskError as error:
            if isinstance(error.cause, ModuleNotFoundError):
                return Broken(f"a worker of the Ray cluster can't import {error.cause.name}", "install deepwatch-flow on the workers")
            return as_failure(error.cause if isinstance(error.cause, BaseException) else error)
        except errors.RayError as error:
            return as_failure(error)
        return answers

    def close(self, cancel: bool) -> None:
        """Cancel what is in flight, and end or leave the cluster as it was found."""
        if cancel:
            for reference in self._numbers:
                with contextlib.suppress(Exception):     # it may just have ended
                    self._ray.cancel(reference, force=True)
        self._numbers.clear()
        self._kit.clear()
        if self._own:
            self._ray.shutdown()
