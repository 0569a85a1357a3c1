"""Deep digests: what is below counts, cycles are digested as groups, and each unit only once."""
from __future__ import annotations

import itertools
from typing import Any, ClassVar, Dict, List, Sequence, Tuple

import pytest

from deepwatch_flow.analysis.merkle import Merkle
from deepwatch_flow.analysis.nodes import Link, Node
from deepwatch_flow.analysis.reads import READS_ANNOTATIONS, READS_DOC


def graph(texts: Dict[str, str], links: Sequence[Tuple[str, str]], order: Sequence[str] = ()) -> Dict[str, Node]:
    """Nodes by name; a link's label is the number that it has among its node's links."""
    nodes: Dict[str, Node] = {}
    for index, name in enumerate(order or texts):
        node = nodes[name] = Node(name, "function")
        node.text, node.index = texts[name], index
    for source, target in links:
        nodes[source].links.append(Link(str(len(nodes[source].links)), nodes[target]))
    return nodes


def digests(nodes: Dict[str, Node], first: Sequence[str] = ()) -> Dict[str, str]:
    merkle = Merkle()
    for name in first:
        merkle.digest(nodes[name])
    return {name: merkle.digest(node) for name, node in nodes.items()}


CHAIN = ({"a": "1", "b": "2", "c": "3"}, [("a", "b"), ("b", "c")])
CYCLE = ({"a": "1", "b": "2", "c": "3", "d": "4", "out": "5"},
         [("a", "b"), ("b", "c"), ("c", "a"), ("c", "d"), ("d", "b"), ("d", "out"), ("b", "b")])


def test_a_change_reaches_all_that_is_above_and_nothing_else() -> None:
    before = digests(graph(*CHAIN))
    after = digests(graph({**CHAIN[0], "b": "x"}, CHAIN[1]))
    assert [name for name in before if before[name] != after[name]] == ["a", "b"]


def test_names_of_units_don_t_count() -> None:
    renamed = digests(graph({"x": "1", "y": "2", "z": "3"}, [("x", "y"), ("y", "z")]))
    assert list(renamed.values()) == list(digests(graph(*CHAIN)).values())


def test_the_label_of_a_link_counts_and_so_does_the_order_of_links() -> None:
    texts = {"a": "1", "b": "2", "c": "3"}
    plain = graph(texts, [("a", "b"), ("a", "c")])
    swapped = graph(texts, [("a", "c"), ("a", "b")])
    labelled = graph(texts, [("a", "b"), ("a", "c")])
    labelled["a"].links[0] = Link("other", labelled["b"])
    without = graph(texts, [("a", "b"), ("a", "c")])
    without["a"].links[0] = Link("0", None)
    assert len({digests(each)["a"] for each in (plain, swapped, labelled, without)}) == 4


@pytest.mark.parametrize("first", list(itertools.permutations("abcd")), ids="".join)
def test_a_cycle_has_the_same_digests_whichever_member_is_entered_first(first: Tuple[str, ...]) -> None:
    assert digests(graph(*CYCLE), first) == digests(graph(*CYCLE))


@pytest.mark.parametrize("order", list(itertools.permutations(["a", "b", "c", "d", "out"]))[::7], ids="".join)
def test_a_cycle_has_the_same_digests_whichever_order_its_nodes_were_made_in(order: Tuple[str, ...]) -> None:
    found = digests(graph(CYCLE[0], CYCLE[1], order))
    expected = digests(graph(*CYCLE))
    assert {name: found[name] for name in expected} == expected


@pytest.mark.parametrize("changed", ["a", "b", "c", "d", "out"])
def test_a_change_in_a_cycle_or_below_it_changes_every_member(changed: str) -> None:
    before = digests(graph(*CYCLE))
    after = digests(graph({**CYCLE[0], changed: "x"}, CYCLE[1]))
    assert all(before[name] != after[name] for name in "abcd")
    assert (before["out"] != after["out"]) is (changed == "out")


def test_members_of_a_cycle_with_the_same_text_are_told_apart_by_what_they_use() -> None:
    nodes = graph({"a": "1", "b": "1", "leaf": "2"}, [("a", "b"), ("b", "a"), ("b", "leaf")])
    found = digests(nodes)
    assert found["a"] != found["b"]


def test_which_member_of_a_cycle_is_used_counts() -> None:
    texts = {"top": "0", "a": "1", "b": "2"}
    one = digests(graph(texts, [("a", "b"), ("b", "a"), ("top", "a")]))
    other = digests(graph(texts, [("a", "b"), ("b", "a"), ("top", "b")]))
    assert one["a"] == other["a"]
    assert one["top"] != other["top"]


def test_edges_inside_a_cycle_count() -> None:
    texts = {"a": "1", "b": "2", "c": "3"}
    one = digests(graph(texts, [("a", "b"), ("b", "c"), ("c", "a")]))
    other = digests(graph(texts, [("a", "c"), ("c", "b"), ("b", "a")]))
    assert one["a"] != other["a"]


def test_a_unit_that_uses_itself_is_a_group_of_one() -> None:
    recursive = digests(graph({"a": "1"}, [("a", "a")]))
    plain = digests(graph({"a": "1"}, []))
    assert recursive["a"] != plain["a"]
    assert recursive == digests(graph({"a": "1"}, [("a", "a")]))


def test_a_cycle_through_an_annotation_is_a_group_in_the_variant_where_annotations_count() -> None:
    node = graph({"a": "1"}, [])["a"]
    node.annotations = "text"
    node.annotation_links.append(Link("0", node))
    assert Merkle(0).digest(node) != Merkle(READS_ANNOTATIONS).digest(node)


def test_a_component_of_a_thousand() -> None:
    names = [str(i) for i in range(1000)]
    ring = [(names[i], names[(i + 1) % 1000]) for i in range(1000)]
    one = digests(graph(dict(zip(names, names)), ring))
    assert len(set(one.values())) == 1000
    assert digests(graph(dict(zip(names, names)), ring), ["500"]) == one
    changed = digests(graph({**dict(zip(names, names)), "7": "x"}, ring))
    assert not set(one.values()) & set(changed.values())


def test_a_chain_of_twenty_thousand_is_no_deep_recursion() -> None:
    names = [str(i) for i in range(20_000)]
    nodes = graph(dict(zip(names, names)), list(zip(names, names[1:])))
    merkle = Merkle()
    top = merkle.digest(nodes["0"])
    assert len(merkle.deep) == 20_000
    nodes["19999"].text = "x"
    assert Merkle().digest(nodes["0"]) != top


class Counting(Node):
    """Counts how often its own digest is asked for."""

    asked: ClassVar[List[str]] = []

    def own(self, variant: int) -> Any:
        self.asked.append(self.name)
        return super().own(variant)


def test_each_unit_is_digested_once_however_many_use_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Counting, "asked", [])
    helper = Counting("helper", "function")
    helper.index = 0
    users = []
    for i in range(1, 500):
        user = Counting(f"user{i}", "function")
        user.index, user.text = i, str(i)
        user.links.append(Link("", helper))
        users.append(user)
    merkle = Merkle()
    assert len({merkle.digest(user) for user in users}) == 499
    for user in users:
        merkle.digest(user)
    assert Counting.asked.count("helper") == 1
    assert len(Counting.asked) == 500


def test_flags_packages_and_modules_are_summed_up_from_below() -> None:
    nodes = graph({"a": "1", "b": "2", "c": "3", "d": "4"}, [("a", "b"), ("b", "c"), ("c", "b"), ("c", "d")])
    nodes["c"].flags, nodes["d"].package, nodes["b"].module = READS_DOC, "numpy", "/m.py"
    merkle = Merkle()
    merkle.digest(nodes["a"])
    assert [merkle.flags[nodes[name].index] for name in "abcd"] == [READS_DOC] * 3 + [0]
    assert [merkle.names("package", merkle.packages[nodes[name].index]) for name in "abcd"] == [["numpy"]] * 4
    assert [merkle.names("module", merkle.modules[nodes[name].index]) for name in "abcd"] == [["/m.py"]] * 3 + [[]]


def test_docstrings_count_in_the_variant_for_code_that_reads_them_only() -> None:
    one, other = graph(*CHAIN), graph(*CHAIN)
    one["c"].docs, other["c"].docs = "x", "y"
    assert Merkle().digest(one["a"]) == Merkle().digest(other["a"])
    assert Merkle(READS_DOC).digest(one["a"]) != Merkle(READS_DOC).digest(other["a"])


def test_names_are_numbered_once_for_each_kind() -> None:
    merkle = Merkle()
    assert merkle.bit("package", "a") == merkle.bit("package", "a") == 1
    assert merkle.bit("package", "b") == 2
    assert merkle.bit("module", "a") == 1
    assert merkle.names("package", 3) == ["a", "b"]
