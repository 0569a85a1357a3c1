"""A text with the conflict markers of a merge, taken apart into its two sides. Pure."""
from __future__ import annotations

import re
from typing import List, NamedTuple, Optional

_MARKER = re.compile(r"(<{7}|\|{7}|={7}|>{7})(?: (.*))?")


class Sides(NamedTuple):
    """The two texts of a conflict, and what git calls them."""

    ours: str
    theirs: str
    our_name: str
    their_name: str


def sides_of(text: str) -> Optional[Sides]:
    """Return the two sides of a text with conflict markers, None where the markers don't fit together."""
    ours: List[str] = []
    theirs: List[str] = []
    names = {"<<<<<<<": "", ">>>>>>>": ""}
    part = ""               # the marker that the lines now belong to; outside of a conflict none
    follows = {"<<<<<<<": ("",), "|||||||": ("<<<<<<<",), "=======": ("<<<<<<<", "|||||||"), ">>>>>>>": ("=======",)}
    for line in text.splitlines(keepends=True):
        found = _MARKER.fullmatch(line.rstrip("\r\n"))
        if found is not None:
            marker = found.group(1)
            if part not in follows[marker]:
                return None
            part = "" if marker == ">>>>>>>" else marker
            if marker in names and found.group(2):
                names[marker] = names[marker] or found.group(2)
        elif part != "|||||||":     # those are the lines of the common ancestor
            if part != "=======":
                ours.append(line)
            if part != "<<<<<<<":
                theirs.append(line)
    if part:
        return None
    return Sides("".join(ours), "".join(theirs), names["<<<<<<<"] or "one side", names[">>>>>>>"] or "the other side")
