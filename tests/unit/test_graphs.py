"""Trees, Mermaid and Graphviz, for graphs of any shape and size."""
from __future__ import annotations

import re

from deepwatch_flow.report.graphs import DEEPEST, Node, dot, mermaid, step_tree

DIAMOND = [Node("load"), Node("left", ("load",)), Node("right", ("load",)), Node("join", ("left", "right"))]


def test_a_branch_that_was_drawn_is_marked_and_not_repeated() -> None:
    nodes = [Node("raw"), Node("load", ("raw",)), *DIAMOND[1:]]
    assert step_tree(nodes) == [
        "join",
        "├── left",
        "│   └── load",
        "│       └── raw",
        "└── right",
        "    └── load (*)",
    ]


def test_a_leaf_is_repeated_without_a_mark() -> None:
    assert step_tree(DIAMOND)[-1] == "    └── load"


def test_the_tree_can_do_without_drawing_characters() -> None:
    assert step_tree(DIAMOND[:2], unicode=False) == ["left", "`-- load"]


def test_steps_that_are_only_ordered_are_in_the_tree_too() -> None:
    assert step_tree([Node("a"), Node("b", (), ("a",))]) == ["b", "└── a"]


def test_a_note_stands_behind_the_name() -> None:
    assert step_tree([Node("a", note="stale")]) == ["a  stale"]


def test_upstreams_that_were_not_selected_are_left_out() -> None:
    assert step_tree([Node("b", ("a",))]) == ["b"]


def test_a_chain_of_5000_steps_is_drawn_completely_and_stays_narrow() -> None:
    chain = [Node("s0"), *(Node(f"s{i}", (f"s{i - 1}",)) for i in range(1, 5000))]
    lines = step_tree(chain)
    assert max(map(len, lines)) < 4 * (DEEPEST + 10)
    shown = {name for line in lines for name in re.findall(r"s\d+", line)}
    assert shown == {node.name for node in chain}


def test_a_dense_graph_is_drawn_in_lines_that_grow_with_its_edges() -> None:
    layers = [[Node(f"n{row}.{i}", tuple(f"n{row - 1}.{k}" for k in range(10)) if row else ()) for i in range(10)]
              for row in range(30)]
    nodes = [node for layer in layers for node in layer]
    assert len(step_tree(nodes)) <= sum(len(node.upstreams) for node in nodes) + len(nodes)


def test_mermaid_has_nodes_edges_and_dotted_order() -> None:
    text = mermaid([Node("a"), Node("b", ("a",)), Node("c", (), ("b",), "stale")])
    assert text.splitlines()[0] == "flowchart LR"
    assert "    s0 --> s1" in text
    assert "    s1 -.-> s2" in text
    assert "class s2 changed" in text


def test_mermaid_labels_can_t_break_out() -> None:
    text = mermaid([Node('a"] --> b["#1<x>`\x1b')])
    assert '["a#quot;] --#gt; b[#quot;#35;1#lt;x#gt;#96;\\x1b"]' in text


def test_dot_quotes_names_and_dots_order() -> None:
    text = dot([Node('a"\\b'), Node("c", ('a"\\b',), ())])
    assert '"a\\"\\\\b" -> "c";' in text
    assert '"x" -> "y" [style=dotted];' in dot([Node("x"), Node("y", (), ("x",))])
    assert text.startswith("digraph") and text.endswith("}")


def test_an_empty_graph_is_drawn_as_nothing() -> None:
    assert step_tree([]) == []
    assert mermaid([]) == "flowchart LR"
