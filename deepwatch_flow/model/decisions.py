"""The records of deciding: what the planner is told, its verdicts with their reasons, and what was asked for."""
from __future__ import annotations

from typing import Collection, Dict, FrozenSet, Mapping, NamedTuple, Optional, Sequence, Tuple, Union

from .records import Accepted, Digest, Fingerprint, Param, ProductFile, Trace, base_of


class Axis(NamedTuple):
    """What one parameter of a family goes through: the parts of a step's value, or declared values."""

    parameter: str
    step: str = ""                                     #: whose value's parts; empty where values are declared
    values: Tuple[Tuple[str, Param], ...] = ()         #: (label, value) of declared ones


class Template(NamedTuple):
    """A path with places for the labels of an instance: text and names of parameters by turns, text first and last."""

    parameter: str                                     #: whose path it is
    pieces: Tuple[str, ...]

    @property
    def shown(self) -> str:
        """The path as it was declared: ``out/{country}.csv``."""
        return self.joined([f"{{{parameter}}}" for parameter in self.parameters])

    @property
    def parameters(self) -> Tuple[str, ...]:
        """Whose labels stand in it."""
        return self.pieces[1::2]

    def joined(self, labels: Sequence[str]) -> str:
        """Return the path with texts in its places, in their order."""
        return "".join([text for pair in zip(self.pieces[::2], [*labels, ""]) for text in pair])


class Templates(NamedTuple):
    """The paths of a family's files and products that differ from instance to instance."""

    files: Tuple[Template, ...] = ()
    products: Tuple[Template, ...] = ()


class Family(NamedTuple):
    """How a step is multiplied: an instance for each combination along its axes, or each pair where they are zipped."""

    axes: Tuple[Axis, ...]
    zipped: bool = False
    templates: Templates = Templates()

    @property
    def is_given(self) -> bool:
        """Whether its labels are declared, and so known before anything runs."""
        return not any(axis.step for axis in self.axes)


class StepFacts(NamedTuple):
    """What the planner is told of one step, apart from what its upstream steps yield."""

    name: str
    fingerprint: Fingerprint
    params: Tuple[Param, ...] = ()
    files: Tuple[Tuple[str, str], ...] = ()        #: (parameter, path) of declared inputs
    products: Tuple[Tuple[str, str], ...] = ()     #: (parameter, path) of declared outputs
    upstreams: Tuple[Tuple[str, str], ...] = ()    #: (parameter, step)
    needs: Tuple[str, ...] = ()                    #: all steps that must be done before this one
    precise: bool = False                          #: whether a proof that a change is of no effect will do
    cue: Optional[str] = None                      #: always | never: when it runs whatever has changed
    parts: Optional[Tuple[str, ...]] = None        #: labels by which its value is stored; (): its own elements; None: whole
    family: Optional[Family] = None                #: of a step that stands for instances
    labels: Tuple[Tuple[str, str], ...] = ()       #: of an instance: (parameter, label) along the axes of declared values
    accepted: Tuple[Accepted, ...] = ()            #: changes in its code that somebody said to be of no effect
    accepted_code: Optional[Digest] = None         #: what its code counts as by them
    apart: Tuple[str, ...] = ()                    #: those declared outputs that are stored by their elements
    forced: bool = False                           #: of an instance: whether it was asked for by name to run in any case
    makers: Tuple[Tuple[str, str], ...] = ()       #: (path, step): who may write what stands at the paths of its files


class History(NamedTuple):
    """What is known of earlier executions."""

    by_key: Mapping[Digest, Tuple[Trace, ...]]     #: each with another observation, the latest first
    latest: Mapping[str, Trace]                    #: by step: what a changed step is compared with
    by_step: Mapping[str, Tuple[Trace, ...]] = {}  #: the latest first
    families: Mapping[str, Digest] = {}            #: by family: the code by which the lockfile's instances were made
    by_product: Mapping[str, Trace] = {}           #: what the lockfile says of instances, by what they wrote and the folders around it

    def wrote(self, facts: StepFacts) -> Tuple[Trace, ...]:
        """Return the executions whose products stand where a step will write: its last one, or what the lockfile knows of these paths."""
        if facts.name in self.latest:
            return (self.latest[facts.name],)
        return tuple([self.by_product[path] for _, path in facts.products if path in self.by_product])

class Reason(NamedTuple):
    """One fact that makes a step stale.

    `kind` is one of: never-ran, code, package, param, input, upstream, product, artifact, forced,
    uncacheable, scheme, cue, upstream-failed; or, of what the last execution was seen to depend on,
    seen-file, seen-variable, seen-code.
    """

    kind: str
    subject: str = ""             #: definition, package, param, path or step
    old: Optional[str] = None
    new: Optional[str] = None
    file: Optional[str] = None
    line: Optional[int] = None
    path: Tuple[str, ...] = ()    #: step -> ... -> changed definition

    def told_of(self, name: str, family: str) -> Reason:
        """Return a reason of the instance `name` as one of its family: it may hold for many of them alike."""
        some = self.kind == "never-ran" and self.new is None and self.subject == name != family
        return self._replace(subject=family if self.subject == name else self.subject, new="for some of its instances" if some else self.new,
                             path=tuple([family if each == name else each for each in self.path]))


class Fresh(NamedTuple):
    """The recorded result is the one that running would give."""

    trace: Trace
    restore: Tuple[ProductFile, ...] = ()      #: products to put back from the store
    key: Optional[Digest] = None               #: that of now, where code changed that the execution did not use
    pinned: bool = False                       #: whatever changed does not count: its cue is never
    accepted: Tuple[Accepted, ...] = ()        #: the changes that somebody accepted, without which it were stale


class Stale(NamedTuple):
    """The step has to run."""

    reasons: Tuple[Reason, ...]
    key: Optional[Digest]         #: None where no key can be made


class Pending(NamedTuple):
    """Not decidable before these upstream steps have run."""

    on: Tuple[str, ...]
    reasons: Tuple[Reason, ...] = ()


Verdict = Union[Fresh, Stale, Pending]


class Orphan(NamedTuple):
    """A file that is as a step or an instance wrote it, and a product of nothing now."""

    path: str                     #: relative to the root, POSIX separators
    step: str                     #: which wrote it


class Plan(NamedTuple):
    """Verdicts for all selected steps, in topological order."""

    verdicts: Mapping[str, Verdict]            #: of steps; a family that is taken apart stands in it by its instances
    families: Mapping[str, Trace] = {}         #: what the values of families are together, where all instances are fresh
    failed: Mapping[str, str] = {}             #: of those not fresh: whose last execution failed -> in which run
    absent: Optional[FrozenSet[str]] = None    #: fresh steps whose values are not in the local store; None: nobody looked
    refused: Mapping[str, str] = {}            #: steps that a run fails rather than lose an edited product -> why
    orphans: Tuple[Orphan, ...] = ()           #: products on disk of steps and instances that there are no more

    def of(self, name: str) -> Optional[Verdict]:
        """Return the verdict on a step, on an instance, or on a family by its instances; None where it is not in the plan.

        A family is stale where any of its instances is; its reasons are theirs, each told once.
        """
        found = self.verdicts.get(name)
        if found is not None:
            return found
        if base_of(name) != name:
            return self.verdicts.get(base_of(name))      # of a family whose instances are not known yet
        members = self.members(name)
        undone = {each: verdict for each, verdict in members.items() if not isinstance(verdict, Fresh)}
        if undone:
            return Stale(tuple(dict.fromkeys([reason.told_of(each, name) for each, verdict in undone.items() for reason in verdict.reasons])), None)
        whole = self.families.get(name)
        if whole is None:
            return None
        accepted = dict.fromkeys([each for verdict in members.values() if isinstance(verdict, Fresh) for each in verdict.accepted])
        return Fresh(whole, accepted=tuple(accepted))

    def members(self, family: str) -> Dict[str, Verdict]:
        """Return the verdicts on the instances of a family that are in the plan."""
        return {name: verdict for name, verdict in self.verdicts.items() if base_of(name) == family and name != family}


class Policy(NamedTuple):
    """What the user asked of one run."""

    targets: Tuple[str, ...] = ()
    tags: Tuple[str, ...] = ()
    force: Collection[str] = ()
    jobs: int = 1
    locked: bool = False
    fail_fast: bool = False
    accept_scheme: bool = False
    wait: Optional[float] = None               #: seconds to wait for another run; None: as long as it takes
    precise: bool = False                      #: a proof that a change of code is of no effect will do
    hermetic: bool = False                     #: reading what is not declared fails the step
    debug: bool = False                        #: a failed step opens the debugger
    capture: bool = False                      #: what steps print goes into logs, not to the terminal
    follow: bool = False                       #: events tell where a step that is executed prints
