"""What each parameter of a step means."""
from __future__ import annotations

from pathlib import Path
from typing import Any, Mapping

import pytest

from deepwatch_flow.errors import ConfigError, PipelineError
from deepwatch_flow.pipeline.graph import StepNode, build
from deepwatch_flow.pipeline.step import File, Product, step

ROOT = str(Path("/project").absolute())


def node(function: Any, *others: str, settings: Mapping[str, Any] = {}, **declared: Any) -> StepNode:
    """The node of one step among others of these names."""
    steps = [step(lambda: 0, name=name) for name in others]
    made = step(function, **declared)
    return build([*steps, made], {made.name: settings} if settings else {}, ROOT).nodes[made.name]


# -- kinds ----------------------------------------------------------------------------------------

def test_each_kind_is_told_apart() -> None:
    def model(clean, path=File("data/x.csv"), out=Product("reports/y.png"), lr=0.1, *, deep=True):
        ...

    it = node(model, "clean")
    assert it.upstreams == {"clean": "clean"}
    assert it.files == {"path": "data/x.csv"}
    assert it.products == {"out": "reports/y.png"}
    assert it.params == {"lr": 0.1, "deep": True}


def test_a_step_s_name_comes_before_a_default() -> None:
    def model(clean=None):
        ...

    assert node(model, "clean").upstreams == {"clean": "clean"}
    assert node(model).params == {"clean": None}


def test_needs_gives_a_parameter_another_name() -> None:
    clean = step(lambda: 0, name="clean")

    def model(df, other):
        ...

    made = step(model, needs={"df": clean, "other": "clean"})
    assert build([clean, made], {}, ROOT).nodes["model"].upstreams == {"df": "clean", "other": "clean"}


def test_needs_may_name_the_plain_function_of_a_step() -> None:
    def clean():
        ...

    made = step(lambda df: 0, name="m", needs={"df": clean}, after=[])
    assert build([step(clean, name="c"), made], {}, ROOT).nodes["m"].upstreams == {"df": "c"}


def test_a_function_that_is_two_steps_has_to_be_named() -> None:
    def clean():
        ...

    steps = [step(clean, name="a"), step(clean, name="b"), step(lambda df: 0, name="m", needs={"df": clean})]
    with pytest.raises(PipelineError, match="several steps: a, b"):
        build(steps, {}, ROOT)


def test_settings_come_before_the_default() -> None:
    def clean(x, max_minutes=180):
        ...

    assert node(clean, settings={"max_minutes": 90, "x": [1]}).params == {"x": [1], "max_minutes": 90}


def test_open_keywords_take_needs_and_settings() -> None:
    def model(**rest):
        ...

    it = node(model, "clean", settings={"lr": 1}, needs={"df": "clean"})
    assert (it.upstreams, it.params) == ({"df": "clean"}, {"lr": 1})


def test_open_positionals_get_nothing() -> None:
    def model(x=1, *rest):
        ...

    assert node(model).params == {"x": 1}


def test_the_signature_is_that_which_decorators_show() -> None:
    import functools

    def clean(trips, k=1):
        ...

    @functools.wraps(clean)
    def outer(*args, **kwargs):
        return clean(*args, **kwargs)

    it = node(outer, "trips")
    assert (it.upstreams, it.params) == ({"trips": "trips"}, {"k": 1})


def test_a_partial_s_values_are_params() -> None:
    import functools

    def clean(trips, k):
        ...

    it = node(functools.partial(clean, k=2), "trips")
    assert (it.upstreams, it.params) == ({"trips": "trips"}, {"k": 2})


# -- what can't be ----------------------------------------------------------------------------------

def test_a_parameter_without_a_meaning_gets_a_suggestion_and_its_place() -> None:
    def model(claen):
        ...

    with pytest.raises(PipelineError) as raised:
        node(model, "clean")
    assert "`claen`" in raised.value.message
    assert "test_parameters.py" in raised.value.message
    assert "`clean`" in (raised.value.hint or "")


def test_a_misspelt_param_is_not_taken_for_a_missing_one() -> None:
    def clean(max_minutes=180):
        ...

    with pytest.raises(ConfigError) as raised:
        node(clean, settings={"max_minuets": 90})
    assert "`max_minuets`" in raised.value.message
    assert "`max_minutes`" in (raised.value.hint or "")


@pytest.mark.parametrize("name", ["trips", "path", "out"])
def test_settings_for_what_is_no_param_are_refused(name: str) -> None:
    def clean(trips, path=File("a"), out=Product("b")):
        ...

    with pytest.raises(ConfigError, match=name):
        node(clean, "trips", settings={name: 1})


def test_needs_for_a_parameter_that_is_not_there() -> None:
    def model(clean):
        ...

    with pytest.raises(PipelineError, match="`cleen`"):
        node(model, "clean", needs={"cleen": "clean"})


def test_needs_for_a_file_is_a_contradiction() -> None:
    def model(path=File("a")):
        ...

    with pytest.raises(PipelineError, match="`path`"):
        node(model, "clean", needs={"path": "clean"})


@pytest.mark.parametrize("where", ["needs", "after"])
def test_an_unknown_step_gets_a_suggestion(where: str) -> None:
    declared: Any = {"needs": {"df": "claen"}, "after": ["claen"]}[where]
    with pytest.raises(PipelineError) as raised:
        node(lambda df=1: 0, "clean", name="m", **{where: declared})
    assert "`claen`" in raised.value.message
    assert "`clean`" in (raised.value.hint or "")


def test_a_step_of_another_pipeline_is_no_upstream() -> None:
    elsewhere = step(lambda: 0, name="elsewhere")
    with pytest.raises(PipelineError, match="elsewhere"):
        node(lambda df: 0, "clean", name="m", needs={"df": elsewhere})


def test_another_step_that_has_the_same_name_is_no_upstream() -> None:
    elsewhere = step(lambda: 1, name="clean")
    with pytest.raises(PipelineError, match="clean"):
        node(lambda df: 0, "clean", name="m", needs={"df": elsewhere})


def test_a_step_can_t_take_itself() -> None:
    def clean(clean):
        ...

    with pytest.raises(PipelineError, match="clean -> clean"):
        node(clean)


def test_a_parameter_by_position_only_is_told() -> None:
    namespace: Any = {}
    exec("def model(clean, /, k=1): ...", namespace)
    with pytest.raises(PipelineError, match="position"):
        node(namespace["model"], "clean")


def test_a_method_without_its_object_is_told() -> None:
    class Model:
        def fit(self, clean):
            ...

    with pytest.raises(PipelineError) as raised:
        node(Model.fit, "clean")
    assert "method" in (raised.value.hint or "")


@pytest.mark.parametrize("needed", [3, None, lambda: 0])
def test_needs_what_is_no_step(needed: Any) -> None:
    with pytest.raises(PipelineError, match="no step"):
        node(lambda df: 0, "clean", name="m", needs={"df": needed})


# -- paths ----------------------------------------------------------------------------------------

@pytest.mark.parametrize(("given", "kept"), [
    ("data/x.csv", "data/x.csv"), ("./data//x.csv", "data/x.csv"), ("data/", "data"), ("a/../b", "b"),
    (Path("data") / "x.csv", "data/x.csv"), (ROOT + "/data/x.csv", "data/x.csv"), ("ünï cödé/ä b", "ünï cödé/ä b"),
    ("/elsewhere/x.csv", "/elsewhere/x.csv"), ("../shared/x.csv", "../shared/x.csv"),
])
def test_a_file_s_path_is_relative_to_the_root_where_that_says_the_same_elsewhere(given: Any, kept: str) -> None:
    assert node(lambda path=File(given): 0, name="m").files == {"path": kept}


@pytest.mark.parametrize("given", ["../x", "/elsewhere/x", "", " ", ".", "a/..", "a/../../x", "a\0b", 3, None, b"x", ROOT, ROOT + "x/y"])
def test_a_product_outside_the_project_or_without_a_path_is_refused(given: Any) -> None:
    with pytest.raises(PipelineError, match="m"):
        node(lambda out=Product(given): 0, name="m")


@pytest.mark.parametrize("given", ["", " ", "a\0b", 3, None])
def test_a_file_without_a_usable_path_is_refused(given: Any) -> None:
    with pytest.raises(PipelineError, match="m"):
        node(lambda path=File(given): 0, name="m")


@pytest.mark.parametrize("given", [".deepwatch/x", "deepwatch.lock"])
def test_a_product_can_t_be_what_deepwatch_itself_writes(given: str) -> None:
    with pytest.raises(PipelineError, match="deepwatch"):
        node(lambda out=Product(given): 0, name="m")
