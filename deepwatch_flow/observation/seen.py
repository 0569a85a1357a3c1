"""The records of an observation: plain data that can be pickled, no machinery."""
from __future__ import annotations

from typing import Any, Dict, FrozenSet, Iterable, List, Mapping, NamedTuple, Optional, Set, Tuple


class Stamp(NamedTuple):
    """What the disk tells of a file without its content being read."""

    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int
    device: int


class Seen(NamedTuple):
    """What was observed; every path is absolute and normal, every name is own unless it says otherwise."""

    codes: FrozenSet[Tuple[str, int, str]] = frozenset()     #: code that ran: (co_filename, co_firstlineno, co_name)
    distributions: FrozenSet[str] = frozenset()              #: packages of which code ran
    reads: Mapping[str, Optional[Stamp]] = {}                #: opened for reading, as it was at the first time
    listed: FrozenSet[str] = frozenset()                     #: folders whose names were listed
    absent: FrozenSet[str] = frozenset()                     #: looked for and not there
    present: Mapping[str, str] = {}                          #: asked only whether it is there: file | folder | other
    sized: Mapping[str, int] = {}                            #: asked for its stat data: its size
    written: FrozenSet[str] = frozenset()                    #: made, changed, moved or removed
    variables: Mapping[str, Optional[str]] = {}              #: environment variables read: value, None: not set
    all_variables: bool = False                              #: the environment was read as a whole
    modules: FrozenSet[Tuple[str, str]] = frozenset()        #: imported meanwhile: (name, file)
    classes: FrozenSet[Tuple[str, str]] = frozenset()        #: got by name, in what was unpickled or from importlib:
                                                             #: (module, qualname), empty for the module itself
    gaps: Tuple[str, ...] = ()                               #: what could not be observed, a short sentence each
    foreign: FrozenSet[str] = frozenset()                    #: of the variables, those that packages alone read
    links: Mapping[str, str] = {}                            #: symbolic links whose text was asked for, and that

    @property
    def only_code(self) -> bool:
        """Whether nothing was seen but code that ran."""
        return not any(self[2:])


EMPTY = Seen()


def merged(seens: Iterable[Seen]) -> Seen:
    """Return several observations as one; what the earlier ones saw of a file or variable stands."""
    every = list(seens)
    if len(every) < 2:
        return every[0] if every else EMPTY
    of_paths: List[Dict[str, Any]] = [{}, {}, {}, {}]
    variables: Dict[str, Optional[str]] = {}
    listed: Set[str] = set()
    absent: Set[str] = set()
    written: Set[str] = set()
    for each in every:
        # what an earlier one wrote is no reading of a later one
        for found, more in zip(of_paths, (each.reads, each.present, each.sized, each.links)):
            found.update((path, what) for path, what in more.items() if path not in found and path not in written)
        absent |= each.absent - written
        listed |= each.listed
        written |= each.written
        for name, value in each.variables.items():
            variables.setdefault(name, value)
    reads, present, sized, links = of_paths
    return Seen(
        frozenset().union(*(each.codes for each in every)),
        frozenset().union(*(each.distributions for each in every)),
        reads, frozenset(listed), frozenset(absent), present, sized, frozenset(written), variables,
        any(each.all_variables for each in every),
        frozenset().union(*(each.modules for each in every)),
        frozenset().union(*(each.classes for each in every)),
        tuple(dict.fromkeys(gap for each in every for gap in each.gaps)),
        frozenset(name for name in variables if all(name in each.foreign for each in every if name in each.variables)),
        links)
