"""The executor `dask`: batches as tasks of a Dask cluster, one that is there or a local one."""
from __future__ import annotations

import contextlib
import importlib
import logging
import queue
import shutil
import tempfile
import time
from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence, Set, Tuple

from ..engine.dispatch import Dispatch, Order
from ..errors import ConfigError, EnvironmentFault
from ..events import Notice
from .batches import GIVE_BACK, BatchExecutor, Broken, Died, Result, as_failure, missing

_FIRST_ANSWER_SECONDS = 5
#: for how long what the scheduler told of its workers is taken to hold
_STALE_SECONDS = 2.0
#: how often a cluster of our own repeats a batch whose worker died
_REPEATED = 1


def executor(jobs: int, dispatch: Dispatch) -> BatchExecutor:
    """Return the executor; raises ConfigError where Dask is missing, EnvironmentFault where no scheduler answers."""
    try:
        distributed = importlib.import_module("distributed")
    except ImportError as error:
        raise ConfigError(**missing("distributed", "dask", error)) from error
    return BatchExecutor(_Dask(distributed, jobs, dispatch), dispatch)


class _Dask:
    def __init__(self, distributed: Any, jobs: int, dispatch: Dispatch) -> None:
        self._distributed = distributed
        self._dispatch = dispatch
        self._finished: queue.SimpleQueue[Tuple[int, Any]] = queue.SimpleQueue()
        self._futures: Dict[int, Any] = {}
        self._told: Set[str] = set()
        self._known: Mapping[str, Any] = {}
        self._asked = -_STALE_SECONDS
        with contextlib.ExitStack() as stack:     # undone if anything fails on the way
            address = dispatch.settings.get("address")
            self._own = address is None
            self._client = self._connected(address) if address else self._local(stack, dispatch.settings.get("workers", jobs))
            stack.callback(self._client.close)
            workers = importlib.import_module("deepwatch_flow.engines.dask_workers")
            self._execute = workers.execute_batch
            plugin = workers.KitPlugin(dispatch.name, dispatch.kit)
            self._registered(plugin)
            stack.callback(self._unregister, plugin.name)
            self._stack = stack.pop_all()
        self._look()

    def _connected(self, address: str) -> Any:
        try:
            return self._distributed.Client(address, set_as_default=False, timeout=_FIRST_ANSWER_SECONDS)
        except (OSError, ValueError, TypeError) as error:
            raise EnvironmentFault(f"no Dask scheduler answers at {address} ({type(error).__name__})",
                                   hint="check [dask] address; without it a cluster on this machine is started") from error

    def _local(self, stack: contextlib.ExitStack, workers: int) -> Any:
        """Start a cluster of our own: a process for each step that may run at a time, reached by this machine alone."""
        folder = tempfile.mkdtemp(prefix="deepwatch-dask-")
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        config = importlib.import_module("dask").config
        # steps with a timeout have a process of their own, which a daemon may not have
        stack.enter_context(config.set({"distributed.scheduler.allowed-failures": _REPEATED, "distributed.worker.daemon": False}))
        cluster = self._distributed.LocalCluster(
            n_workers=workers, threads_per_worker=1, processes=True, host="127.0.0.1", dashboard_address=None,
            local_directory=folder, memory_limit=0, silence_logs=logging.CRITICAL, resources=dict(self._dispatch.totals))
        stack.callback(cluster.close)
        return self._distributed.Client(cluster, set_as_default=False)

    def _registered(self, plugin: Any) -> None:
        register = getattr(self._client, "register_plugin", None) or self._client.register_worker_plugin
        try:
            register(plugin)
        except Exception as error:
            if self._own or not isinstance(error, (ImportError, AttributeError, TypeError)):
                raise
            raise EnvironmentFault(f"a worker of the Dask cluster can't take deepwatch's code: {type(error).__name__}: {error}",
                                   hint="install the same version of deepwatch-flow on the workers") from error

    def _unregister(self, name: str) -> None:
        with contextlib.suppress(Exception):    # workers may be gone, which is what is wanted
            self._client.unregister_worker_plugin(name)

    def _look(self) -> None:
        """Tell of workers with several threads."""
        threads = [each["nthreads"] for each in self._workers().values()]
        if any(number > 1 for number in threads):
            self._dispatch.tell(Notice(
                f"workers of the Dask cluster have up to {max(threads)} threads: one step at a time is executed in each process",
                "start them with --nthreads 1 and more --nworkers", level="note"))

    def _workers(self) -> Mapping[str, Any]:
        """Return the workers by address, as they were a moment ago: asking costs a message."""
        if time.monotonic() - self._asked >= _STALE_SECONDS:
            number = {"n_workers": -1} if "n_workers" in self._client.scheduler_info.__code__.co_varnames else {}
            self._known = self._client.scheduler_info(**number)["workers"]
            self._asked = time.monotonic()
        return self._known

    # -- batches ----------------------------------------------------------------------------------

    def slots(self) -> int:
        """Return how many processes there are now."""
        return max(1, len(self._workers()))

    def send(self, number: int, orders: Sequence[Order], wants: Mapping[str, float]) -> None:
        """Submit a batch as a task."""
        counted = {name: amount for name, amount in wants.items() if not self._own or name in self._dispatch.totals}
        self._offered(counted)
        future = self._client.submit(
            self._execute, self._dispatch.work, self._dispatch.name, orders, GIVE_BACK, pure=False,
            key=(f"deepwatch-{self._dispatch.name}", number), resources=counted or None)
        self._futures[number] = future
        future.add_done_callback(lambda _: self._finished.put((number, future)))

    def _offered(self, wants: Mapping[str, float]) -> None:
        """Tell of what no worker offers: Dask waits for one that does."""
        for name in wants:
            if name not in self._told and not any(each["resources"].get(name, 0) >= wants[name] for each in self._workers().values()):
                self._told.add(name)
                self._dispatch.tell(Notice(f"no worker of the Dask cluster offers {name}={wants[name]:g}: steps that ask for it wait for one",
                                           f'start workers with --resources "{name}={wants[name]:g}"'))

    def wait(self, seconds: Optional[float]) -> Iterator[Tuple[int, Result]]:
        """Return finished batches."""
        try:
            finished = [self._finished.get(timeout=seconds)]
        except queue.Empty:
            return
        while not self._finished.empty():
            finished.append(self._finished.get())
        for number, future in finished:
            if self._futures.pop(number, None) is not None:
                yield number, self._result(future)

    def _result(self, future: Any) -> Result:
        try:
            answers: List[Any] = future.result()
        except self._distributed.KilledWorker as error:
            last = getattr(getattr(error, "last_worker", None), "address", None)
            return Died(f"Dask gave it up after several workers{f', {last} the last,' if last else ''} were lost")
        except Exception as error:  # noqa: BLE001 - the engine's own errors are of many types; each is told
            if isinstance(error, ModuleNotFoundError):
                return Broken(f"a worker of the Dask cluster can't import {error.name}", "install deepwatch-flow on the workers")
            return as_failure(error)
        return answers

    def close(self, cancel: bool) -> None:
        """Cancel what is in flight, and end the cluster if it is ours."""
        if cancel and self._futures and not self._own:
            self._client.cancel(list(self._futures.values()))
        self._futures.clear()
        self._stack.close()

