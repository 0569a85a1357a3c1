"""What stands on a Dask worker: the kits of runs, and the function that executes a batch. Imports distributed."""
from __future__ import annotations

from typing import Any, Dict, List, Sequence

from distributed import WorkerPlugin

from ..engine.dispatch import Answer, Order, Work

#: the bytes of kits in this process, by name
_KITS: Dict[str, bytes] = {}


class KitPlugin(WorkerPlugin):
    """Brings a run's kit to each worker, those that join later or come back after a death among them."""

    def __init__(self, kit_name: str, kit: bytes) -> None:
        self.name = f"deepwatch-{kit_name}"
        self._kit_name, self._kit = kit_name, kit

    def setup(self, worker: Any) -> None:    # noqa: ARG002 - as Dask calls it
        """Take the kit; the project is opened by the first batch, in the thread that executes steps."""
        _KITS[self._kit_name] = self._kit

    def teardown(self, worker: Any) -> None:    # noqa: ARG002
        """Let go of the kit."""
        _KITS.pop(self._kit_name, None)


def execute_batch(work: Work, name: str, orders: Sequence[Order], seconds: float) -> List[Answer]:
    """Execute orders in this process."""
    return work(name, lambda: _KITS[name], orders, seconds)
