"""Which step or instance a name means, where that takes a plan, or a look at what is recorded.

A name was checked against the graph before; which instances a family has the graph does not know.
"""
from __future__ import annotations

from typing import Callable, Dict, Iterable, List

from .engine.families import meant
from .errors import ConfigError, NoInstance
from .model import Plan, base_of


def one_of(plan: Plan, name: str) -> str:
    """Return the step or instance that a name means; of a pattern of instances the only one that it fits.

    Raises NoInstance where it fits none, ConfigError where it fits several. While the instances are not known yet,
    it is the name itself.
    """
    base = base_of(name)
    if name == base or name in plan.verdicts or base in plan.verdicts:
        return name
    members = plan.members(base)
    fitting = meant(base, members, (name,))
    if len(fitting) > 1:
        listed = [f"`{each}`" for each in members if each in fitting]
        raise ConfigError(f"`{name}` fits {len(fitting)} instances: {', '.join(listed[:5])}{', ...' if len(listed) > 5 else ''}", hint="name one of them")
    return fitting.pop()


def recorded_of(names: Iterable[str], recorded: Iterable[str], plan: Callable[[str], Plan]) -> List[str]:
    """Return the steps that names mean, with the recorded instances of families and of patterns.

    `plan` is asked for the plan of a name that fits nothing recorded: raises NoInstance where there is no such instance now either.
    """
    members: Dict[str, List[str]] = {}
    for each in recorded:
        if base_of(each) != each:
            members.setdefault(base_of(each), []).append(each)
    found: Dict[str, None] = {}
    for name in names:
        base = base_of(name)
        if name == base:
            found.update(dict.fromkeys([name, *members.get(base, ())]))
            continue
        try:
            found.update(dict.fromkeys(meant(base, members.get(base, ()), (name,))))
        except NoInstance:
            plan(name)
    return list(found)
