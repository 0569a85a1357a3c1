"""Paths with places for labels: how they are read, what may stand in them, and whose paths they may be."""
from __future__ import annotations

from typing import Any, List, Optional, Sequence, Tuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepwatch_flow.engine.families import Claims, instances
from deepwatch_flow.engine.planner import key_of
from deepwatch_flow.errors import PipelineError
from deepwatch_flow.model import Axis, Digest, Family, Fingerprint, Input, Param, StepFacts, Template, Templates
from deepwatch_flow.pipeline.graph import build
from deepwatch_flow.pipeline.paths import Products, may_meet
from deepwatch_flow.pipeline.step import Each, File, Product, step
from deepwatch_flow.pipeline.templates import given_labels, marked, missing_places, name_of, paths_of, template_of

ROOT = "/project"


def template(text: str, *axes: str) -> Template:
    found = template_of("out", marked(text, axes or ("a", "b"), "it"))
    assert found is not None
    return found


def paths(text: str, **labels: str) -> str:
    ((_, path),) = paths_of([template(text)], labels, "fit[x]", True)
    return path


@pytest.mark.parametrize(("text", "pieces"), [
    ("out/{a}.csv", ("out/", "a", ".csv")), ("{a}{b}", ("", "a", "", "b", "")), ("{{{a}}}", ("{", "a", "}")), ("{a}/{a}", ("", "a", "/", "a", "")),
])
def test_a_path_is_text_and_places_by_turns(text: str, pieces: Tuple[str, ...]) -> None:
    assert template(text).pieces == pieces
    assert template_of("out", marked("plain{{}}", ("a",), "it")) is None
    assert marked("plain{{}}", ("a",), "it") == "plain{}"


@given(st.lists(st.text("xy/{}", max_size=3), min_size=2, max_size=4), st.lists(st.text("pq.", min_size=1, max_size=3), min_size=3, max_size=3))
def test_what_is_declared_comes_back(texts: List[str], labels: List[str]) -> None:
    declared = "{a}".join(text.replace("{", "{{").replace("}", "}}") for text in texts)
    found = template(declared)
    assert found.joined(labels[:1] * (len(texts) - 1)) == labels[0].join(texts)
    assert found.shown == "{a}".join(texts)
    assert declared.format(a=labels[0]) == found.joined(labels[:1] * (len(texts) - 1))


@pytest.mark.parametrize("label", ["", " ", ".", "..", "/", "a/b", "../x", "a\\b", "a\nb", "a\0b", "\u202e"])
def test_a_label_that_is_no_name_of_a_file_can_t_stand_in_a_path(label: str) -> None:
    for text in ("out/{a}", "{a}/x"):
        with pytest.raises(PipelineError) as raised:
            paths(text, a=label)
        assert "`fit[x]`" in raised.value.message
        assert text in raised.value.message
        assert raised.value.hint


def test_dots_with_something_beside_them_are_a_name() -> None:
    assert paths("out/{a}.csv", a="..") == "out/...csv"
    assert paths("out/{a}", a="v1.0") == "out/v1.0"
    assert list(paths_of([template("../data/{a}")], {"a": "x"}, "fit[x]", False)) == [("out", "../data/x")]
    with pytest.raises(PipelineError, match="another folder"):
        list(paths_of([template("../data/{a}{b}")], {"a": ".", "b": "."}, "fit[x]", False))


def test_which_places_a_product_needs() -> None:
    assert missing_places(None, ["a", "b"], False) == ["a", "b"]
    assert missing_places(template("{a}"), ["a", "b"], False) == ["b"]
    assert missing_places(template("{a}"), ["a", "b"], True) == []
    assert missing_places(None, ["a", "b"], True) == ["a", "b"]


def test_the_labels_of_instances_stand_in_the_order_of_their_names() -> None:
    axes = {"b": {"1": 1, "2": 2}, "a": {"x": 0, "y": 0}}
    assert [name_of("fit", each) for each in given_labels(axes, False)] == ["fit[x,1]", "fit[x,2]", "fit[y,1]", "fit[y,2]"]
    assert [name_of("fit", each) for each in given_labels(axes, True)] == ["fit[x,1]", "fit[y,2]"]
    assert list(given_labels({**axes, "c": "chunks"}, False)) == []


# -- who writes what may be read -----------------------------------------------------------------------------

@pytest.mark.parametrize(("text", "path", "meets"), [
    ("out/{a}.csv", "out/us.csv", True), ("out/{a}.csv", "out", True), ("out/{a}.csv", "out/us.csv/x", True), ("out/{a}.csv", "out/us.txt", False),
    ("out/{a}.csv", "out/.csv", False), ("{a}/x", "q/x", True), ("{a}/x", "q/y", False), ("out/{a}.csv", "data/us.csv", False),
    ("out/{a}-{b}", "out/1-2", True), ("out/{a}.csv", "out/a/b.csv", False),
])
def test_which_path_a_template_may_stand_for(text: str, path: str, meets: bool) -> None:
    assert may_meet(template(text), path) == meets


@pytest.mark.parametrize(("one", "other", "meets"), [
    ("out/{a}.csv", "out/{b}.csv", True), ("out/{a}.csv", "out/{b}.txt", False), ("out/x{a}", "out/y{b}", False), ("out/{a}", "out/y{b}/z", True),
])
def test_which_templates_may_stand_for_one_path(one: str, other: str, meets: bool) -> None:
    products = Products()
    products.add_template(template(one), "first")
    assert bool(products.makers_of_template("second", template(other))) == meets


def test_a_known_writer_comes_before_one_that_may_be() -> None:
    products = Products({"out/sum.csv": "total"})
    products.add_template(template("out/{a}.csv"), "fit")
    assert products.overlapping("out/sum.csv") == {"out/sum.csv": "total"}
    assert products.overlapping("out/us.csv") == {"out/{a}.csv": "fit"}
    assert products.overlapping("out") == {"out/sum.csv": "total", "out/{a}.csv": "fit"}


def needs(*steps: Any) -> Any:
    graph = build(list(steps), {}, ROOT)
    return {name: graph.upstreams(name) for name in graph.order}


def test_a_reader_comes_after_a_family_whose_labels_are_known_later() -> None:
    @step
    def read(src: Any = File("out/us.csv")) -> None: ...

    @step
    def elsewhere(src: Any = File("data/us.csv")) -> None: ...

    @step
    def fit(country: Any = Each("countries"), out: Any = Product("out/{country}.csv")) -> None: ...

    @step
    def again(country: Any = Each("countries"), src: Any = File("out/{country}.csv"), out: Any = Product("again/{country}.csv")) -> None: ...

    @step
    def countries() -> Any: ...

    found = needs(read, elsewhere, fit, again, countries)
    assert found["read"] == ("fit",)
    assert found["elsewhere"] == ()
    assert found["again"] == ("countries", "fit")


def test_a_reader_of_what_no_given_label_names_depends_on_nothing() -> None:
    @step
    def read(src: Any = File("out/fr.csv")) -> None: ...

    @step
    def fit(country: Any = Each(["us", "de"]), out: Any = Product("out/{country}.csv")) -> None: ...

    @step
    def plot(country: Any = Each(["us"]), src: Any = File("out/{country}.csv")) -> None: ...

    assert needs(read, fit, plot) == {"read": (), "fit": (), "plot": ("fit",)}
    graph = build([fit], {}, ROOT)
    assert graph.products.writers == {"out/us.csv": "fit[us]", "out/de.csv": "fit[de]"}
    assert graph.targets(["out/de.csv"]) == ("fit[de]",)


# -- instances -----------------------------------------------------------------------------------------------

CODE = Fingerprint(Digest("code"), Digest("root"), ())


def family(files: Sequence[Template] = (), products: Sequence[Template] = (), source: str = "", labels: Sequence[str] = ("x", "y")) -> StepFacts:
    axis = Axis("a", source, () if source else tuple((label, Param("a", Digest(label), label)) for label in labels))
    return StepFacts("fit", CODE, files=(("common", "common.txt"),), family=Family((axis,), False, Templates(tuple(files), tuple(products))))


def test_an_instance_has_its_own_paths_in_its_key() -> None:
    facts = family([Template("src", ("data/", "a", ""))], [Template("out", ("out/", "a", ""))])
    one, other = instances(facts, lambda _: {})
    assert one.files == (("common", "common.txt"), ("src", "data/x"))
    assert other.products == (("out", "out/y"),)
    same = [Input("common.txt", Digest("1")), Input("data/x", Digest("2"))]
    bare = one._replace(params=(), products=())
    assert key_of(one, same, ()) != key_of(one._replace(products=other.products), same, ())
    assert key_of(bare, same, ()) != key_of(bare, [same[0], Input("data/y", Digest("2"))], ())


def test_a_family_without_templates_shares_the_paths_of_its_step() -> None:
    facts = family()
    assert all(each.files is facts.files for each in instances(facts, lambda _: {}))


@pytest.mark.parametrize(("labels", "produced", "told"), [
    (("US", "us"), {}, "differ by case"), (("É", "E\u0301"), {}, "accents"), (("x",), {"out/x": "other"}, "both `other` and `fit[x]`"),
    (("x",), {"out/x/deep": "other"}, "one inside the other"), (("x", "y"), {}, None), (("x",), {"OUT/X": "other[1]"}, "differ by case"),
])
def test_what_instances_write_is_claimed_when_their_labels_are_known(labels: Sequence[str], produced: Any, told: Optional[str]) -> None:
    facts = family(products=[Template("out", ("out/", "a", ""))], source="chunks")
    parts = {f"chunks[{label}]": None for label in labels}
    members = instances(facts, lambda _: parts)      # type: ignore[arg-type,return-value]
    if told is None:
        assert Claims(produced).taken(facts, members) == members
        return
    with pytest.raises(PipelineError, match=told.replace("[", r"\[").replace("]", r"\]")):
        Claims(produced).taken(facts, members)
