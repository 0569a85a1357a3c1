"""Deep digests with former ones in the place of those of now: what lies above comes out as it was."""
from __future__ import annotations

from typing import Dict, Sequence, Tuple

from deepwatch_flow.analysis.merkle import Merkle
from deepwatch_flow.analysis.nodes import Link, Node
from deepwatch_flow.analysis.substituted import Substituted

LINKS = [("top", "left"), ("top", "right"), ("left", "base"), ("right", "base"), ("left", "even"), ("even", "odd"), ("odd", "even"),
         ("odd", "base")]
TEXTS = {name: name for name in ("top", "left", "right", "base", "even", "odd")}


def graph(texts: Dict[str, str], links: Sequence[Tuple[str, str]] = LINKS) -> Dict[str, Node]:
    nodes: Dict[str, Node] = {}
    for index, name in enumerate(texts):
        node = nodes[name] = Node(name, "function")
        node.text, node.index = texts[name], index
    for source, target in links:
        nodes[source].links.append(Link(target, nodes[target]))
    return nodes


def digests(nodes: Dict[str, Node]) -> Dict[str, str]:
    merkle = Merkle()
    return {name: merkle.digest(node) for name, node in nodes.items()}


def substituted(texts: Dict[str, str], *names: str) -> Tuple[Dict[str, str], int]:
    """What all digests are if some definitions count as what they were, and how many were met."""
    former, nodes = digests(graph(TEXTS)), graph(texts)
    true = Merkle()
    now = {name: true.digest(node) for name, node in nodes.items()}
    merkle = Substituted(true, {now[name]: former[name] for name in names})
    return {name: merkle.digest(node) for name, node in nodes.items()}, len(merkle.met)


def test_what_lies_above_is_as_it_was() -> None:
    assert substituted({**TEXTS, "base": "other"}, "base", "even", "odd") == (digests(graph(TEXTS)), 3)


def test_each_change_counts_on_its_own() -> None:
    texts = {**TEXTS, "base": "other", "right": "another"}
    found, _ = substituted(texts, "base", "even", "odd")
    former = digests(graph(TEXTS))
    assert {name for name in former if found[name] != former[name]} == {"right", "top"}
    assert substituted(texts, "base", "even", "odd", "right")[0] == former


def test_a_knot_counts_as_what_it_was_if_all_of_it_does() -> None:
    texts = {**TEXTS, "even": "other"}
    former = digests(graph(TEXTS))
    assert substituted(texts, "even", "odd")[0] == former
    assert substituted(texts, "even")[0]["odd"] != former["odd"]


def test_nothing_is_exchanged_that_is_not_what_was_said() -> None:
    texts = {**TEXTS, "base": "other"}
    nodes = graph(texts)
    true = Merkle()
    now = {name: true.digest(node) for name, node in nodes.items()}
    merkle = Substituted(true, {digests(graph({**TEXTS, "base": "not this one"}))["base"]: digests(graph(TEXTS))["base"]})
    assert {name: merkle.digest(node) for name, node in nodes.items()} == now
    assert merkle.met == set()


def test_the_true_digests_are_left_alone() -> None:
    nodes = graph({**TEXTS, "base": "other"})
    true = Merkle()
    now = {name: true.digest(node) for name, node in nodes.items()}
    Substituted(true, {now["base"]: now["top"]}).digest(nodes["top"])
    assert {name: true.digest(node) for name, node in nodes.items()} == now


def test_a_chain_has_no_limit() -> None:
    texts = {str(i): "text" for i in range(20_000)}
    links = [(str(i), str(i + 1)) for i in range(19_999)]
    nodes, former = graph({**texts, "19999": "other"}, links), digests(graph(texts, links))
    true = Merkle()
    true.digest(nodes["0"])
    assert Substituted(true, {true.digest(nodes["19999"]): former["19999"]}).digest(nodes["0"]) == former["0"]
