"""What is exchanged in the interpreter while there is a recorder, once per process."""
from __future__ import annotations

import threading
from typing import Dict, Hashable, List, Optional, Set

from . import auditing
from .code import Watcher, make_watcher
from .environment import Environment
from .findings import Findings, Wants
from .modules import AskedModules
from .probes import Probes


class Machinery:
    """What is installed in this process, for as many recorders as use it."""

    def __init__(self) -> None:
        self._users: Dict[str, Set[Hashable]] = {"code": set(), "files": set(), "env": set()}
        self._lock = threading.RLock()
        self._probes = Probes()
        self._asked = AskedModules()
        self.environment = Environment()
        self.watcher: Optional[Watcher] = None

    def acquire(self, user: Hashable, wants: Wants) -> None:
        """Install what a user wants and is not there yet; if it is interrupted, `release` puts back what was done of it."""
        auditing.install()
        with self._lock:
            for name in _names(wants):
                self._users[name].add(user)
                if len(self._users[name]) == 1:
                    if name == "code":
                        self._asked.install()
                        self.watcher = make_watcher()
                    elif name == "files":
                        self._probes.install()
                    else:
                        self.environment.install()

    def release(self, user: Hashable) -> None:
        """Put back what nobody wants any more."""
        with self._lock:
            for name, users in self._users.items():
                if users == {user}:
                    self._put_back(name)
                users.discard(user)      # last: what was interrupted before can be done again

    def _put_back(self, name: str) -> None:
        if name == "code":
            self._asked.remove()
            if self.watcher is not None:
                self.watcher.close()
                self.watcher = None
        elif name == "files":
            self._probes.remove()
        elif name == "env":
            self.environment.remove()

    def start_code(self, found: Findings, at_once: bool = False) -> None:
        """Have the code that runs noted; `at_once` rather than at the end of the observation."""
        if found.wants.code and self.watcher is not None:
            noting = found.noting
            found.watcher = noting if noting is not None and noting.is_enough() and not at_once else self.watcher
            _tell(found, found.watcher.start(found.code, at_once))

    def stop_code(self, found: Findings) -> None:
        """Have it noted no more."""
        if found.watcher is not None:
            _tell(found, found.watcher.stop())


def _names(wants: Wants) -> List[str]:
    return [name for name, wanted in zip(Wants._fields, wants) if wanted]


def _tell(found: Findings, gap: Optional[str]) -> None:
    if gap is not None:
        found.note("gaps", gap)


MACHINERY = Machinery()
