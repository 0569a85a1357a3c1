"""Values that are stored in parts: each element, or each declared output, is a blob of its own.

The artifact of such a value is a *manifest*: the labels of the parts and their artifacts. So a step
that consumes one part depends on that part alone, and a value of a million elements is neither
written nor read as a whole. A part is named ``STEP[LABEL]``.
"""
from __future__ import annotations

import io
import json
from typing import Any, Callable, Dict, Iterable, Iterator, List, Mapping, NamedTuple, Optional, Tuple

from ..errors import StateError
from ..hashing.digest import Hasher
from ..model import Artifact, Digest, part_name

#: the codec of manifests
CODEC = "parts/1"
#: what may be a label as it stands in JSON: the key of a dictionary
_LABELS = (str, int, float, bool, type(None))

_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))

_HEADS = tuple(f'["{kind}",['.encode() for kind in ("list", "tuple", "dict", "family"))
LONGEST_HEAD = max(map(len, _HEADS))

#: encodes, digests and stores one value
Keep = Callable[[Any], Artifact]


class Part(NamedTuple):
    """One part of a value: its label, a key as it stands in the value, and where it is stored."""

    label: Any
    artifact: Artifact


class Manifest(NamedTuple):
    """A value's parts; `kind` tells what they make together: list | tuple | dict | family."""

    kind: str
    parts: Tuple[Part, ...]


def part_artifacts(step: str, manifest: Manifest) -> Dict[str, Artifact]:
    """Return the artifacts of parts by the names of the parts."""
    return {part_name(step, part.label): part.artifact for part in manifest.parts}


def dump(kind: str, parts: Iterable[Part]) -> bytes:
    """Return a manifest as bytes; it need not be there as a whole."""
    data = io.BytesIO()       # row by row: there may be a million, and one text of all of them is enough
    data.write(f'["{kind}",['.encode())
    for number, part in enumerate(parts):
        data.write(("," * bool(number) + _JSON.encode([part.label, *part.artifact])).encode("utf-8", "surrogatepass"))
    data.write(b"]]")
    return data.getvalue()


def is_manifest(head: bytes) -> bool:
    """Tell whether bytes that begin so may be a manifest; some other list of texts may, too."""
    return head.startswith(_HEADS)


def parse(data: bytes) -> Manifest:
    """Return the manifest in some bytes; raises StateError where they are none."""
    try:
        kind, rows = json.loads(data.decode("utf-8", "surrogatepass"))
        parts = tuple([Part(label, Artifact(Digest(output), Digest(blob), int(size), str(codec)))
                       for label, output, blob, size, codec in rows])
    except (ValueError, TypeError) as error:
        raise StateError("a stored value is no list of parts", hint="deepwatch run makes it anew") from error
    return Manifest(str(kind), parts)


def output_of(kind: str, parts: Iterable[Part]) -> Digest:
    """Return the output digest of the whole, where it was never there as a whole."""
    hasher = Hasher("parts/1").field("kind", kind)
    for part in parts:
        hasher.field("label", json.dumps(part.label)).field("output", part.artifact.output)
    return hasher.digest()


class NotInParts(Exception):
    """A value can't be stored in parts; says why, and what to do about it."""

    def __init__(self, why: str, hint: str = "give each a label of its own, of text or a number") -> None:
        super().__init__(why)
        self.hint = hint


def taken_apart(value: Any, labels: Tuple[str, ...], keep: Keep, by_label: Mapping[str, Keep] = {}) -> Manifest:
    """Store a value in parts: those of some labels, or its own elements where there are none.

    Those parts that `by_label` names are kept as it says. Raises NotInParts for a value that has no such parts. A generator's elements are stored as they come.
    """
    kind, items = _declared(value, labels) if labels else _elements(value)
    parts: List[Part] = []
    seen = set()
    for label, element in items:
        if str(label) in seen:
            raise NotInParts(f"it has two parts that are called `{label}`")
        seen.add(str(label))
        if isinstance(label, str) and not label.isascii() and label != label.encode("utf-8", "replace").decode():
            raise NotInParts(f"it has a part that is called {label!a}, which is no valid Unicode")
        parts.append(Part(label, by_label.get(label, keep)(element)))
    return Manifest(kind, tuple(parts))


def _declared(value: Any, labels: Tuple[str, ...]) -> Tuple[str, Iterable[Tuple[Any, Any]]]:
    if isinstance(value, Mapping):
        if set(value) != set(labels):
            raise NotInParts(f"it returned the keys {_told(value)}, and its outputs are {_told(labels)}", "return a dict with these keys")
        return "dict", [(label, value[label]) for label in value]
    if isinstance(value, (tuple, list)):
        if len(value) != len(labels):
            raise NotInParts(f"it returned {len(value)} values, and its outputs are {len(labels)}: {_told(labels)}", "return a value for each")
        return "tuple", list(zip(labels, value))
    raise NotInParts(f"it returned a value of type `{type(value).__name__}`, and its outputs are {_told(labels)}",
                     "return a tuple or a dict of them")


def _elements(value: Any) -> Tuple[str, Iterable[Tuple[Any, Any]]]:
    if type(value) in (list, tuple):
        return type(value).__name__, enumerate(value)
    if isinstance(value, dict):
        odd = next((key for key in value if type(key) not in _LABELS), None)
        if odd is not None:
            raise NotInParts(f"it has the key {odd!r}: the labels of parts are texts and numbers")
        return "dict", value.items()
    if isinstance(value, Iterator):
        return "list", enumerate(value)
    raise NotInParts(f"it returned a value of type `{type(value).__name__}`, and a step goes through its elements (`Each`)",
                     "return a list, a dict or a generator")


def _told(labels: Iterable[Any]) -> str:
    return ", ".join(f"`{label}`" for label in labels) or "none"


def put_together(manifest: Manifest, load: Callable[[Artifact], Any]) -> Any:
    """Return the whole; a family's as a mapping whose values are loaded when they are asked for."""
    if manifest.kind == "family":
        return Loaded(manifest, load)
    values = [load(part.artifact) for part in manifest.parts]
    if manifest.kind == "dict":
        return dict(zip([part.label for part in manifest.parts], values))
    return tuple(values) if manifest.kind == "tuple" else values


class Loaded(Mapping[Any, Any]):
    """A mapping of labels to values that are loaded when they are asked for, each time anew."""

    def __init__(self, manifest: Manifest, load: Callable[[Artifact], Any]) -> None:
        self._artifacts = {part.label: part.artifact for part in manifest.parts}
        self._load = load

    def __getitem__(self, label: Any) -> Any:
        return self._load(self._artifacts[label])

    def __contains__(self, label: object) -> bool:
        return label in self._artifacts      # without loading it

    def __iter__(self) -> Iterator[Any]:
        return iter(self._artifacts)

    def __len__(self) -> int:
        return len(self._artifacts)

    def __repr__(self) -> str:
        shown = ", ".join(map(repr, list(self._artifacts)[:10]))
        return f"<{len(self)} values: {shown}{', ...' if len(self) > 10 else ''}>"


def blobs_of(artifact: Artifact, read: Callable[[Digest], Optional[bytes]]) -> List[Tuple[Digest, int]]:
    """Return all blobs of a value with their sizes, its parts' too; `read` gives a blob's bytes, None where it is lost."""
    found: List[Tuple[Digest, int]] = []
    todo = [artifact]
    while todo:
        each = todo.pop()
        found.append((each.blob, each.size))
        data = read(each.blob) if each.codec == CODEC else None
        if data is not None:
            todo += [part.artifact for part in parse(data).parts]
    return found
