"""The records of what is there: code, values, executions, and what the lockfile says of them."""
from __future__ import annotations

from bisect import bisect_left
from typing import Mapping, NamedTuple, NewType, Optional, Tuple

Digest = NewType("Digest", str)    #: 64 hexadecimal digits of BLAKE3

#: the version of the scheme by which code, values and keys are digested; part of the lockfile.
#: Raise it with any change that gives an unchanged step another key.
SCHEME = 2


def part_name(step: str, label: object) -> str:
    """Return the name of one part of a step's value, or of one instance of a step."""
    return f"{step}[{label}]"


def base_of(name: str) -> str:
    """Return the step that a part or an instance is of; of a step, its own name."""
    return name.partition("[")[0]


# -- code ---------------------------------------------------------------------------------------

class Unit(NamedTuple):
    """One piece of code or data that a fingerprint covers."""

    name: str                     #: for people: ``helpers.clean``, ``helpers.Basket.total``
    kind: str                     #: function | class | data | module | statement | package | file
    origin: str                   #: own | package | stdlib | builtin
    file: Optional[str]           #: relative to the root where below it, POSIX separators
    line: Optional[int]
    own: Digest                   #: of the unit itself
    deep: Digest                  #: of the unit and all that it links to
    sight: str = ""               #: of a function: its name and its parameters, for uses that can see them
    links: Tuple[Tuple[str, Digest], ...] = ()   #: (the text by which it is used, deep digest)


class Untracked(NamedTuple):
    """Something a fingerprint knows that it can't see."""

    name: str
    file: Optional[str]
    line: Optional[int]
    why: str


class Fingerprint(NamedTuple):
    """The deep code hash of one function."""

    digest: Digest
    root: Digest                              #: deep digest of the function's own unit
    packages: Tuple[Tuple[str, str], ...]     #: (distribution, version as the policy sees it)
    untracked: Tuple[Untracked, ...] = ()
    uncacheable: Optional[str] = None         #: why no key can be made, if none can


class Boundary(NamedTuple):
    """Which code is the user's own, and how packages count."""

    root: str                                  #: absolute path of the project
    packages: str = "exact"                    #: exact | minor | ignore
    overrides: Mapping[str, str] = {}          #: distribution -> exact | minor | ignore


# -- inputs, outputs, traces ----------------------------------------------------------------------

class Param(NamedTuple):
    """A parameter of a step that is neither a file nor an upstream step."""

    name: str
    digest: Digest
    shown: str                    #: short text for people; stays on this machine


class Input(NamedTuple):
    """A declared input file or folder."""

    path: str                     #: relative to the root, POSIX separators
    digest: Digest


class Upstream(NamedTuple):
    """The output of another step, as a step sees it."""

    parameter: str
    step: str
    output: Digest


class Artifact(NamedTuple):
    """The stored output of a step."""

    output: Digest                #: of the value: equality
    blob: Digest                  #: of the bytes: address in the store
    size: int                     #: bytes
    codec: str


class ProductFile(NamedTuple):
    """A declared output: a file, or one file of a declared output folder."""

    path: str                     #: relative to the root, POSIX separators
    blob: Digest
    size: int
    executable: bool = False      #: whether its owner may execute it


class SeenFile(NamedTuple):
    """A file or folder that a step was seen to depend on without declaring it."""

    path: str                     #: relative to the root where below it, POSIX separators
    kind: str                     #: file | folder (its names) | absent | present (what it is) | size | link (what it says)
    digest: Digest                #: of the content, the names, what is there, how large it is


class SeenVariable(NamedTuple):
    """An environment variable that a step was seen to read; `name` is ``*`` where it read all of them."""

    name: str
    digest: Digest                #: of the value; the value itself is kept nowhere
    own: bool = True              #: whether own code read it, and not only packages


class SeenUnit(NamedTuple):
    """Own code that was seen running, or loaded, and that the step's fingerprint does not reach.

    What is *held* is code in the step's value: its output digest was made with it.
    """

    kind: str                     #: function | class | module | source (of a module imported meanwhile) | held
    module: str
    qualname: str                 #: empty for a module
    file: str                     #: relative to the root where below it, POSIX separators
    digest: Digest                #: deep, of the definition; of a source: of all that stands in it


class Observation(NamedTuple):
    """What one execution was seen to run and to read, beyond what its step declares."""

    ran: Tuple[Tuple[str, Digest], ...] = ()         #: (name, own digest) of the fingerprint's functions that ran
    hidden: Tuple[SeenUnit, ...] = ()
    files: Tuple[SeenFile, ...] = ()
    variables: Tuple[SeenVariable, ...] = ()
    packages: Tuple[Tuple[str, str], ...] = ()       #: (distribution, version) that the fingerprint does not reach
    gaps: Tuple[str, ...] = ()                       #: what could not be observed
    code: bool = True                                #: whether code was observed at all

    @property
    def conditions(self) -> Tuple[object, ...]:
        """What a result is bound to beyond its key; two executions that agree in it are one trace."""
        return (self.hidden, self.files, self.variables, self.packages)


class Trace(NamedTuple):
    """The record of one execution of one step."""

    step: str
    key: Digest
    code: Digest                  #: Fingerprint.digest
    root: Digest                  #: Fingerprint.root: where ``why`` starts to compare units
    params: Tuple[Param, ...]
    inputs: Tuple[Input, ...]
    upstreams: Tuple[Upstream, ...]
    artifact: Artifact
    products: Tuple[ProductFile, ...] = ()
    packages: Tuple[Tuple[str, str], ...] = ()
    observation: Optional[Observation] = None      #: None where the execution was not observed

    def roots(self) -> Tuple[Digest, ...]:
        """Return the roots of the fingerprints that it tells of: its step's, those of hidden code."""
        hidden = self.observation.hidden if self.observation is not None else ()
        return (self.root, *(unit.digest for unit in hidden))


class LockEntry(NamedTuple):
    """What the lockfile vouches for, for one step."""

    key: Digest
    code: Digest
    params: Tuple[Tuple[str, Digest], ...]
    inputs: Tuple[Input, ...]
    upstreams: Tuple[Upstream, ...]
    artifact: Artifact
    products: Tuple[ProductFile, ...] = ()
    observed: Tuple[Tuple[str, Digest], ...] = ()   #: (what the step was seen to depend on, its digest)


#: the definition that stands for all of a step's code
ALL = "*"


class Accepted(NamedTuple):
    """A change of code that somebody said to be of no effect on a step."""

    step: str
    definition: str               #: name of the unit; `ALL` for all of the step's code
    old: Digest                   #: deep digest of the unit as the step's result was made with it
    new: Digest                   #: deep digest of the unit that counts as the old one
    reason: str


class FamilyEntry(NamedTuple):
    """What the lockfile vouches for, for the instances of one family: a line an instance, whatever its label is."""

    code: Digest
    instances: Tuple[Tuple[Digest, Artifact], ...]         #: (key, its artifact), sorted
    observed: Tuple[Tuple[str, Digest], ...] = ()          #: what any of them was seen to depend on
    inputs: Tuple[Input, ...] = ()                         #: the files of which each instance reads its own, sorted
    products: Tuple[Tuple[Digest, Tuple[ProductFile, ...]], ...] = ()    #: (key, what that instance wrote), sorted


class Lock(NamedTuple):
    """The parsed lockfile."""

    steps: Mapping[str, LockEntry]
    definitions: Mapping[str, Digest]          #: unit name -> own digest
    packages: Mapping[str, str]                #: distribution -> version, of all steps together
    scheme: int = SCHEME
    accepted: Tuple[Accepted, ...] = ()        #: sorted by step and definition
    families: Mapping[str, FamilyEntry] = {}

    def products_of(self, name: str) -> Tuple[ProductFile, ...]:
        """Return what a step wrote, or all instances of a family."""
        if name in self.steps:
            return self.steps[name].products
        written = self.families[name].products if name in self.families else ()
        return tuple([product for _, products in written for product in products])

    def vouches(self, name: str, key: Digest) -> bool:
        """Tell whether a step or an instance has an entry with this key."""
        if name in self.steps:
            return self.steps[name].key == key
        made = self.families[base_of(name)].instances if base_of(name) in self.families else ()
        at = bisect_left(made, (key, Artifact(Digest(""), Digest(""), 0, "")))     # it may be asked for each of a million
        return at < len(made) and made[at][0] == key
