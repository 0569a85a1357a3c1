"""The graph of steps: edges, order, selection, and what is no graph."""
from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Dict, List, Sequence, Tuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepwatch_flow.errors import ConfigError, PipelineError
from deepwatch_flow.pipeline.graph import StepGraph, build
from deepwatch_flow.pipeline.step import File, Product, Step, step

ROOT = str(Path("/project").absolute())


def graph_of(**needs: Sequence[str]) -> StepGraph:
    """A graph of steps with these values from upstream, in this order."""
    return build([declared(name, upstreams) for name, upstreams in needs.items()], {}, ROOT)


def declared(name: str, upstreams: Sequence[str] = (), **more: Any) -> Step:
    return step(lambda **rest: 0, name=name, needs={f"p{n}": each for n, each in enumerate(upstreams)}, **more)


def writes(name: str, path: str, **more: Any) -> Step:
    return step(lambda out=Product(path): 0, name=name, **more)


def reads(name: str, path: str, **more: Any) -> Step:
    return step(lambda source=File(path): 0, name=name, **more)


# -- the example of the README ------------------------------------------------------------------------

def test_the_declarations_of_the_documentation() -> None:
    @step
    def trips(path=File("data/trips.csv")):
        ...

    @step
    def clean(trips, max_minutes: int = 180):
        ...

    @step(needs={"df": clean}, tags=["ml"])
    def model(df, lr=0.1):
        ...

    @step(after=["model"])
    def plot(clean, model, out=Product("reports/fares.png")):
        ...

    graph = build([trips, clean, model, plot], {"clean": {"max_minutes": 90}}, ROOT)
    assert graph.order == ("trips", "clean", "model", "plot")
    assert graph.nodes["clean"].params == {"max_minutes": 90}
    assert graph.nodes["model"].tags == ("ml",)
    assert graph.upstreams("plot") == ("clean", "model")
    assert graph.downstream("clean") == ("model", "plot")


def test_steps_made_in_a_loop() -> None:
    made = [step(name=f"part {n}")(lambda n=n: n) for n in range(3)]
    total = declared("total", [each.name for each in made])
    graph = build([*made, total], {}, ROOT)
    assert graph.upstreams("total") == ("part 0", "part 1", "part 2")
    assert [graph.nodes[f"part {n}"].params for n in range(3)] == [{"n": 0}, {"n": 1}, {"n": 2}]


# -- order ------------------------------------------------------------------------------------------

def test_steps_run_in_the_order_of_declaration_where_nothing_else_is_needed() -> None:
    assert graph_of(a=(), b=("a",), c=(), d=("c", "a")).order == ("a", "b", "c", "d")


def test_a_step_declared_before_what_it_needs_comes_after_it() -> None:
    assert graph_of(d=("c",), a=(), c=("b",), b=()).order == ("a", "b", "c", "d")


@given(st.lists(st.lists(st.integers(0, 30)), max_size=12), st.randoms())
def test_every_step_comes_after_what_it_needs(edges: List[List[int]], random: Any) -> None:
    needs = {f"s{n}": [f"s{each % n}" for each in row] if n else [] for n, row in enumerate(edges)}
    shuffled = list(needs)
    random.shuffle(shuffled)
    graph = graph_of(**{name: needs[name] for name in shuffled})
    assert sorted(graph.order) == sorted(needs)
    assert all(graph.order.index(upstream) < graph.order.index(name) for name in needs for upstream in needs[name])
    for name in needs:
        chosen = graph.select([name])
        assert chosen == tuple(each for each in graph.order if each in chosen)
        assert chosen[-1] == name
        assert all(upstream in chosen for each in chosen for upstream in graph.upstreams(each))


# -- files ------------------------------------------------------------------------------------------

@pytest.mark.parametrize(("product", "file"), [
    ("out/x.csv", "out/x.csv"), ("out", "out/x.csv"), ("out", "out/deep/x.csv"), ("out/x.csv", "out"), ("./out/x", "out//x"),
])
def test_reading_what_another_step_writes_makes_the_edge(product: str, file: str) -> None:
    graph = build([reads("b", file), writes("a", product)], {}, ROOT)
    assert graph.order == ("a", "b")
    assert graph.upstreams("b") == ("a",)
    assert graph.nodes["b"].upstreams == {}


def test_reading_a_file_beside_a_product_makes_none() -> None:
    assert build([reads("b", "out/xy"), writes("a", "out/x")], {}, ROOT).upstreams("b") == ()


def test_a_folder_of_several_products_comes_after_all_of_them() -> None:
    graph = build([reads("all", "out"), writes("a", "out/a"), writes("b", "out/b")], {}, ROOT)
    assert graph.upstreams("all") == ("a", "b")


def test_an_edge_declared_and_made_counts_once() -> None:
    graph = build([writes("a", "x"), step(lambda a, f=File("x"): 0, name="b", after="a")], {}, ROOT)
    assert graph.upstreams("b") == ("a",)
    assert graph.downstream("a") == ("b",)


@pytest.mark.parametrize(("product", "file"), [("x", "x"), ("out", "out/x"), ("out/x", "out")])
def test_a_step_can_t_read_what_it_writes(product: str, file: str) -> None:
    with pytest.raises(PipelineError) as raised:
        build([step(lambda f=File(file), p=Product(product): 0, name="a")], {}, ROOT)
    assert "`a`" in raised.value.message
    assert product in raised.value.message


@pytest.mark.parametrize(("one", "other"), [("x", "x"), ("out", "out/x"), ("out/x", "out"), ("a/x", "./a//x")])
def test_two_steps_can_t_write_one_product(one: str, other: str) -> None:
    with pytest.raises(PipelineError) as raised:
        build([writes("a", one), writes("b", other)], {}, ROOT)
    assert "`a`" in raised.value.message
    assert "`b`" in raised.value.message


def test_a_step_can_t_declare_one_product_twice() -> None:
    with pytest.raises(PipelineError, match="twice"):
        build([step(lambda p=Product("x"), q=Product("x"): 0, name="a")], {}, ROOT)


def test_a_cycle_through_files_is_a_cycle() -> None:
    steps = [step(lambda f=File("y"), p=Product("x"): 0, name="a"), step(lambda f=File("x"), p=Product("y"): 0, name="b")]
    with pytest.raises(PipelineError, match="a -> b -> a"):
        build(steps, {}, ROOT)


# -- cycles and names -------------------------------------------------------------------------------

@pytest.mark.parametrize(("needs", "path"), [
    ({"a": ["b"], "b": ["a"]}, "a -> b -> a"),
    ({"x": [], "c": ["b", "x"], "a": ["c"], "b": ["a"], "y": ["c"]}, "a -> c -> b -> a"),
])
def test_a_cycle_is_named_as_a_path(needs: Dict[str, Any], path: str) -> None:
    with pytest.raises(PipelineError) as raised:
        graph_of(**needs)
    arrows = path.split(" -> ")
    forward = [" -> ".join(arrows), " -> ".join(reversed(arrows))]
    assert any(each in raised.value.message for each in forward)


def test_a_cycle_through_after() -> None:
    with pytest.raises(PipelineError, match="a -> b -> a"):
        build([declared("a", after="b"), declared("b", ["a"])], {}, ROOT)


def test_a_step_after_itself_is_a_cycle() -> None:
    with pytest.raises(PipelineError, match="a -> a"):
        build([declared("a", after="a")], {}, ROOT)


def test_two_steps_of_one_name_are_told_with_both_places() -> None:
    with pytest.raises(PipelineError) as raised:
        build([declared("a"), writes("a", "x")], {}, ROOT)
    assert raised.value.message.count("test_graph.py:") == 2


def test_two_names_that_look_alike_are_told_apart_or_refused() -> None:
    with pytest.raises(PipelineError, match="Clean"):
        build([declared("clean"), declared("Clean")], {}, ROOT)
    with pytest.raises(PipelineError):
        build([declared("caf\u00e9"), declared("cafe\u0301")], {}, ROOT)


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "a\0", "a\x7f", "a\x85b", "\ud800", "a\u2028b", "[x]"])
def test_a_name_that_can_t_be_shown_is_refused(name: str) -> None:
    with pytest.raises(PipelineError, match="name"):
        build([declared(name)], {}, ROOT)


@pytest.mark.parametrize("name", ["a b", "..", "a/b", "ünï", "日本", "a.b", "a\"b", "*"])
def test_any_other_name_is_a_name(name: str) -> None:
    graph = build([declared(name)], {}, ROOT)
    assert graph.select([name]) == (name,)


def test_settings_for_a_step_that_is_not_there() -> None:
    with pytest.raises(ConfigError) as raised:
        build([declared("clean")], {"claen": {"x": 1}}, ROOT)
    assert "`clean`" in (raised.value.hint or "")


# -- selection --------------------------------------------------------------------------------------

@pytest.mark.parametrize(("targets", "tags", "chosen"), [
    ((), (), ("a", "b", "c", "d", "e")),
    (("d",), (), ("a", "c", "d")),
    (("b", "a"), (), ("a", "b")),
    (("[bd]",), (), ("a", "b", "c", "d")),
    ((), ("t",), ("a", "b")),
    (("e",), ("t",), ("a", "b", "e")),
])
def test_targets_and_tags_choose_steps_with_all_that_they_need(targets: Any, tags: Any, chosen: Tuple[str, ...]) -> None:
    steps = [declared("a"), declared("b", "a", tags="t"), declared("c", "a"), declared("d", "c"), declared("e")]
    assert build(steps, {}, ROOT).select(targets, tags) == chosen


def test_a_product_is_a_target_for_the_step_that_writes_it() -> None:
    graph = build([writes("plot", "reports/x.png"), declared("other")], {}, ROOT)
    assert graph.select(["reports/x.png"]) == ("plot",)


def test_targets_and_tags_that_are_not_there_get_a_suggestion() -> None:
    graph = build([declared("model", tags="slow")], {}, ROOT)
    for targets, tags, near in [(["modle"], (), "`model`"), ((), ["solw"], "`slow`")]:
        with pytest.raises(ConfigError) as raised:
            graph.select(targets, tags)
        assert near in (raised.value.hint or "")
    with pytest.raises(ConfigError):
        graph.select(["z*"])


# -- size -------------------------------------------------------------------------------------------

def test_a_chain_of_5000_steps() -> None:
    steps = [declared(f"s{n}", [f"s{n - 1}"] if n else []) for n in range(5000)]
    graph = build(steps[::-1], {}, ROOT)
    assert graph.order == tuple(f"s{n}" for n in range(5000))
    assert len(graph.select(["s4999"])) == 5000


def test_a_cycle_of_5000_steps_is_told() -> None:
    with pytest.raises(PipelineError, match="cycle"):
        build([declared(f"s{n}", [f"s{(n - 1) % 5000}"]) for n in range(5000)], {}, ROOT)


def test_ten_thousand_steps_take_a_moment_only() -> None:
    def part(x=1, y=2):
        ...

    steps = [step(part, name=f"s{n}") for n in range(10_000)]
    started = time.process_time()
    build(steps, {}, ROOT)
    assert time.process_time() - started < 1.5   # measured: 0.15 s; a quadratic way would take many times that
