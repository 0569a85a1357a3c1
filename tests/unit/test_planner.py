"""The decision, with fakes only: keys, verdicts, reasons, and what waits for what."""
from __future__ import annotations

from typing import Any, Callable, Dict, List, Mapping, Optional, Set, Tuple

import pytest

from deepwatch_flow.engine import planner
from deepwatch_flow.engine.planner import World, differences, inputs_of, judge, key_of, upstreams_of
from deepwatch_flow.engine.planning import plan
from deepwatch_flow.engine.restored import Restored
from deepwatch_flow.hashing.digest import Hasher
from deepwatch_flow.model import (
    Accepted, Artifact, Digest, Fingerprint, Fresh, History, Input, Param, Pending, Policy, ProductFile, Reason, Stale, StepFacts,
    Trace, Upstream,
)


def code(digest: str = "code", **others: Any) -> Fingerprint:
    return Fingerprint(Digest(digest), Digest("root of " + digest), ())._replace(**others)


def param(name: str, value: str) -> Param:
    return Param(name, Digest(value), f"shown {value}")


STEP = StepFacts("s", code(), (param("p", "1"), param("q", "2")), (("file", "data/a.csv"), ("other", "data/b.csv")),
                 (("out", "out/a.png"),), (("raw", "load"), ("ref", "fetch")), ("load", "fetch"))
INPUTS = (Input("data/a.csv", Digest("in a")), Input("data/b.csv", Digest("in b")))
UPSTREAMS = (Upstream("raw", "load", Digest("out load")), Upstream("ref", "fetch", Digest("out fetch")))


def key(facts: StepFacts = STEP, inputs: Tuple[Input, ...] = INPUTS, upstreams: Tuple[Upstream, ...] = UPSTREAMS) -> Digest:
    return key_of(facts, inputs, upstreams)


COUNTS: Dict[str, Callable[[], Digest]] = {
    "the code": lambda: key(STEP._replace(fingerprint=code("other"))),
    "a param's value": lambda: key(STEP._replace(params=(param("p", "x"), param("q", "2")))),
    "a param's name": lambda: key(STEP._replace(params=(param("x", "1"), param("q", "2")))),
    "a param more": lambda: key(STEP._replace(params=(*STEP.params, param("r", "3")))),
    "a param less": lambda: key(STEP._replace(params=STEP.params[:1])),
    "two params' values swapped": lambda: key(STEP._replace(params=(param("p", "2"), param("q", "1")))),
    "an input's content": lambda: key(inputs=(INPUTS[0]._replace(digest=Digest("x")), INPUTS[1])),
    "an input's path": lambda: key(inputs=(INPUTS[0]._replace(path="x"), INPUTS[1])),
    "an input's parameter": lambda: key(STEP._replace(files=(("x", "data/a.csv"), ("other", "data/b.csv")))),
    "two inputs' parameters swapped": lambda: key(STEP._replace(files=(("other", "data/a.csv"), ("file", "data/b.csv")))),
    "an input less": lambda: key(STEP._replace(files=STEP.files[:1]), INPUTS[:1]),
    "an upstream output": lambda: key(upstreams=(UPSTREAMS[0]._replace(output=Digest("x")), UPSTREAMS[1])),
    "an upstream's parameter": lambda: key(upstreams=(UPSTREAMS[0]._replace(parameter="x"), UPSTREAMS[1])),
    "two upstream outputs swapped": lambda: key(upstreams=(UPSTREAMS[0]._replace(output=Digest("out fetch")),
                                                           UPSTREAMS[1]._replace(output=Digest("out load")))),
    "an upstream less": lambda: key(upstreams=UPSTREAMS[:1]),
    "a product's path": lambda: key(STEP._replace(products=(("out", "x.png"),))),
    "a product's parameter": lambda: key(STEP._replace(products=(("x", "out/a.png"),))),
    "a product less": lambda: key(STEP._replace(products=())),
}


@pytest.mark.parametrize("other", COUNTS.values(), ids=list(COUNTS))
def test_counts_in_the_key(other: Callable[[], Digest]) -> None:
    assert other() != key()


def test_all_keys_differ() -> None:
    assert len({other() for other in COUNTS.values()} | {key()}) == len(COUNTS) + 1


@pytest.mark.parametrize("dropped", ["code", "param", "value", "input", "path", "content", "upstream", "output", "product"])
def test_each_field_of_the_key_is_needed(dropped: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class Forgetful(Hasher):
        def field(self, name: str, value: Any) -> Any:
            return self if name == dropped else super().field(name, value)

    monkeypatch.setattr(planner, "Hasher", Forgetful)
    assert len({other() for other in COUNTS.values()} | {key()}) < len(COUNTS) + 1


@pytest.mark.parametrize("same", [
    lambda: key(STEP._replace(name="renamed")), lambda: key(STEP._replace(needs=("load", "fetch", "more"))),
    lambda: key(STEP._replace(fingerprint=code(root=Digest("x"), packages=(("numpy", "1"),)))),
    lambda: key(STEP._replace(params=(STEP.params[0]._replace(shown="?"), STEP.params[1]))),
    lambda: key(upstreams=(UPSTREAMS[0]._replace(step="renamed"), UPSTREAMS[1])),
], ids=["the step's name", "order of steps", "what the fingerprint tells besides", "how a param is shown", "an upstream's name"])
def test_what_does_not_count_in_the_key(same: Callable[[], Digest]) -> None:
    assert same() == key()


# -- a small world ----------------------------------------------------------------------------------------

class Past:
    """Facts of steps, and what was recorded of them."""

    def __init__(self, *steps: StepFacts) -> None:
        made = [(path, step.name) for step in steps for _, path in step.products]
        self.facts = {step.name: step._replace(makers=tuple(
            (file, maker) for _, file in step.files for path, maker in made if f"{path}/".startswith(f"{file}/") or f"{file}/".startswith(f"{path}/")))
            for step in steps}
        self.files: Dict[str, Digest] = {}
        self.filled: Optional[Digest] = None      #: what a folder will be, once products are back
        self.by_key: Dict[Digest, Tuple[Trace, ...]] = {}
        self.latest: Dict[str, Trace] = {}
        self.lost: Set[str] = set()
        self.restore: Dict[str, Tuple[ProductFile, ...]] = {}
        self.produced = {path: step.name for step in steps for _, path in step.products}

    def world(self, **edited: StepFacts) -> World:
        def holdings(trace: Trace, wanted: bool) -> Tuple[Tuple[Reason, ...], Tuple[ProductFile, ...]]:
            lost = (Reason("artifact", trace.step),) if wanted and trace.step in self.lost else ()
            return lost, self.restore.get(trace.step, ())

        def ahead(restored: Restored) -> Tuple[Callable[[str], Optional[Digest]], Callable[[Trace], Tuple[Reason, ...]]]:
            def digest(path: str) -> Optional[Digest]:
                return restored.files[path].blob if path in restored.files else self.filled if restored.kind(path) else self.files.get(path)

            return digest, lambda _: ()

        return World({**self.facts, **edited}, History(self.by_key, self.latest), self.files.get, holdings, self.produced, ahead=ahead)

    def record(self) -> None:
        """Record an execution of every step with what is there now."""
        outputs: Dict[str, Digest] = {}
        for name, facts in self.facts.items():
            inputs, _ = inputs_of(facts, self.files.get)
            upstreams = upstreams_of(facts, outputs)
            trace = Trace(name, key_of(facts, inputs, upstreams), facts.fingerprint.digest, facts.fingerprint.root, facts.params,
                          inputs, upstreams, Artifact(Digest("out " + name), Digest("blob " + name), 1, "json"),
                          tuple(ProductFile(path, Digest("blob"), 1) for _, path in facts.products), facts.fingerprint.packages)
            self.by_key[trace.key] = (trace,)
            self.latest[name] = trace
            outputs[name] = trace.artifact.output

    def plan(self, *wanted: str, force: Tuple[str, ...] = (), **edited: StepFacts) -> Mapping[str, Any]:
        return plan(self.world(**edited), Policy(force=force), set(wanted)).verdicts


def step(name: str, *upstreams: str, files: Tuple[str, ...] = (), products: Tuple[str, ...] = (), **others: Any) -> StepFacts:
    return StepFacts(name, code("code of " + name), (), tuple((f"file{i}", path) for i, path in enumerate(files)),
                     tuple((f"product{i}", path) for i, path in enumerate(products)),
                     tuple((up, up) for up in upstreams), upstreams)._replace(**others)


def chain(*, recorded: bool = True) -> Past:
    past = Past(step("a", files=("in.csv",)), step("b", "a"), step("c", "b"))
    past.files["in.csv"] = Digest("1")
    if recorded:
        past.record()
    return past


def kinds(verdicts: Mapping[str, Any]) -> Dict[str, str]:
    return {name: type(verdict).__name__ for name, verdict in verdicts.items()}


def told(verdict: Any) -> List[Tuple[str, str]]:
    return [(reason.kind, reason.subject) for reason in verdict.reasons]


# -- one step -----------------------------------------------------------------------------------------------

def test_a_step_with_a_trace_of_its_key_is_fresh() -> None:
    past = chain()
    assert judge(past.world(), "a", {}, Policy(), False) == Fresh(past.latest["a"])


def test_all_traces_count_and_not_only_the_last_one() -> None:
    past = chain()
    first = past.latest["a"]
    past.files["in.csv"] = Digest("2")
    past.record()
    past.files["in.csv"] = Digest("1")
    assert judge(past.world(), "a", {}, Policy(), False) == Fresh(first)


def test_another_steps_trace_with_the_same_key_serves_too() -> None:
    past = chain()
    renamed = past.facts["a"]._replace(name="z")
    assert isinstance(judge(past.world(z=renamed), "z", {}, Policy(), False), Fresh)


def test_a_step_that_never_ran() -> None:
    past = chain(recorded=False)
    verdict = judge(past.world(), "a", {}, Policy(), False)
    assert verdict == Stale((Reason("never-ran", "a"),), key_of(past.facts["a"], (Input("in.csv", Digest("1")),), ()))


def test_a_missing_input_makes_no_key() -> None:
    past = chain()
    del past.files["in.csv"]
    assert judge(past.world(), "a", {}, Policy(), False) == Stale((Reason("input", "in.csv"),), None)


def test_an_uncacheable_step_is_stale_with_the_reason_and_without_a_key_even_when_forced() -> None:
    past = chain()
    edited = past.facts["a"]._replace(fingerprint=code("code of a", uncacheable="an open file"))
    for policy in (Policy(), Policy(force=("a",))):
        assert judge(past.world(a=edited), "a", {}, policy, False) == Stale((Reason("uncacheable", "a", new="an open file"),), None)


def test_a_forced_step_is_stale_and_keeps_its_key() -> None:
    past = chain()
    assert judge(past.world(), "a", {}, Policy(force=("a",)), False) == Stale((Reason("forced", "a"),), past.latest["a"].key)


def test_a_lost_value_counts_only_where_it_is_wanted() -> None:
    past = chain()
    past.lost.add("a")
    assert isinstance(judge(past.world(), "a", {}, Policy(), False), Fresh)
    assert judge(past.world(), "a", {}, Policy(), True) == Stale((Reason("artifact", "a"),), past.latest["a"].key)


def test_a_fresh_verdict_names_the_products_to_put_back() -> None:
    past = chain()
    past.restore["a"] = (ProductFile("out.png", Digest("x"), 3),)
    assert judge(past.world(), "a", {}, Policy(), False) == Fresh(past.latest["a"], past.restore["a"])


def test_inputs_are_given_in_the_order_of_their_declaration_and_missing_ones_apart() -> None:
    facts = step("s", files=("b", "x", "a"))
    assert inputs_of(facts, {"a": Digest("1"), "b": Digest("2")}.get) == ((Input("b", Digest("2")), Input("a", Digest("1"))), ("x",))


# -- reasons ----------------------------------------------------------------------------------------------------

LAST = Trace("s", Digest("k"), Digest("code"), Digest("root of code"), STEP.params, INPUTS, UPSTREAMS,
             Artifact(Digest("o"), Digest("b"), 1, "json"), (ProductFile("out/a.png", Digest("b"), 1),), (("numpy", "1.0"),))


@pytest.mark.parametrize(("facts", "inputs", "upstreams", "expected"), [
    (STEP._replace(fingerprint=code("new")), INPUTS, UPSTREAMS, [Reason("code", "s", "root of code", "root of new")]),
    (STEP._replace(fingerprint=code("new", packages=(("numpy", "2.0"), ("scipy", "1")))), INPUTS, UPSTREAMS,
     [Reason("package", "numpy", "1.0", "2.0"), Reason("code", "s", "root of code", "root of new")]),
    (STEP._replace(params=(param("p", "x"), param("r", "3"))), INPUTS, UPSTREAMS,
     [Reason("param", "p", "shown 1", "shown x"), Reason("param", "q", "shown 2", None), Reason("param", "r", None, "shown 3")]),
    (STEP, (INPUTS[0]._replace(digest=Digest("new")), Input("c", Digest("in c"))), UPSTREAMS,
     [Reason("input", "c", None, "in c"), Reason("input", "data/a.csv", "in a", "new"), Reason("input", "data/b.csv", "in b", None)]),
    (STEP, INPUTS, (UPSTREAMS[0]._replace(output=Digest("new")), UPSTREAMS[1]), [Reason("upstream", "load", "out load", "new")]),
    (STEP, INPUTS, UPSTREAMS[:1], [Reason("upstream", "fetch", "out fetch", None)]),
    (STEP._replace(products=(("out", "new.png"),)), INPUTS, UPSTREAMS, [Reason("product", "new.png")]),
    (STEP, INPUTS, UPSTREAMS, [Reason("never-ran", "s", new="not with these inputs")]),
], ids=["code", "a package", "params", "inputs", "an upstream output", "an upstream that went", "a product", "nothing that is known"])
def test_reasons_say_what_differs_from_the_last_time(facts: StepFacts, inputs: Any, upstreams: Any, expected: List[Reason]) -> None:
    assert list(differences(facts, inputs, upstreams, LAST)) == expected


def test_without_a_last_time_the_step_never_ran() -> None:
    assert differences(STEP, INPUTS, UPSTREAMS, None) == (Reason("never-ran", "s"),)


# -- all steps -----------------------------------------------------------------------------------------------------

def test_a_recorded_chain_is_fresh() -> None:
    assert kinds(chain().plan("c")) == {"a": "Fresh", "b": "Fresh", "c": "Fresh"}


def test_below_a_stale_step_all_wait() -> None:
    past = chain()
    past.files["in.csv"] = Digest("2")
    verdicts = past.plan("c")
    assert told(verdicts["a"]) == [("input", "in.csv")]
    assert verdicts["b"] == Pending(("a",), ())
    assert verdicts["c"] == Pending(("b",), ())


def test_a_step_that_waits_already_tells_what_it_knows() -> None:
    past = chain()
    past.files["in.csv"] = Digest("2")
    verdicts = past.plan(b=past.facts["b"]._replace(fingerprint=code("new")),
                         c=past.facts["c"]._replace(params=(param("p", "1"),)))
    assert told(verdicts["b"]) == [("code", "b")]
    assert told(verdicts["c"]) == [("param", "p")]
    assert isinstance(verdicts["c"], Pending)


def test_a_step_that_never_ran_waits_with_that_reason() -> None:
    assert told(chain(recorded=False).plan()["b"]) == [("never-ran", "b")]


def test_an_edit_in_the_middle_leaves_what_is_above_fresh() -> None:
    past = chain()
    assert kinds(past.plan(b=past.facts["b"]._replace(fingerprint=code("new")))) == {"a": "Fresh", "b": "Stale", "c": "Pending"}


def test_force_makes_one_step_stale_even_while_it_waits() -> None:
    past = chain()
    assert kinds(past.plan(force=("b",))) == {"a": "Fresh", "b": "Stale", "c": "Pending"}
    past.files["in.csv"] = Digest("2")
    assert past.plan(force=("b",))["b"] == Stale((Reason("forced", "b"),), None)


def test_an_uncacheable_step_does_not_wait_to_be_told_stale() -> None:
    past = chain()
    past.files["in.csv"] = Digest("2")
    verdict = past.plan(b=past.facts["b"]._replace(fingerprint=code("code of b", uncacheable="x")))["b"]
    assert verdict == Stale((Reason("uncacheable", "b", new="x"),), None)


def test_a_diamond_waits_for_its_stale_side_only() -> None:
    past = Past(step("a"), step("left", "a"), step("right", "a"), step("end", "left", "right"))
    past.record()
    verdicts = past.plan(left=past.facts["left"]._replace(fingerprint=code("new")))
    assert kinds(verdicts) == {"a": "Fresh", "left": "Stale", "right": "Fresh", "end": "Pending"}
    assert verdicts["end"].on == ("left",)


def test_a_lost_value_in_the_middle_does_not_matter_while_all_is_fresh() -> None:
    past = chain()
    past.lost |= {"a", "b"}
    assert kinds(past.plan("c")) == {"a": "Fresh", "b": "Fresh", "c": "Fresh"}


def test_a_lost_value_that_a_stale_step_needs_has_its_step_run_and_so_on_upwards() -> None:
    past = chain()
    past.lost |= {"a", "b"}
    verdicts = past.plan("c", c=past.facts["c"]._replace(fingerprint=code("new")))
    assert kinds(verdicts) == {"a": "Stale", "b": "Stale", "c": "Stale"}
    assert told(verdicts["a"]) == [("artifact", "a")]


def test_a_lost_value_that_a_waiting_step_may_need_has_its_step_run() -> None:
    past = Past(step("a"), step("b"), step("c", "a", "b"))
    past.record()
    past.lost.add("a")
    assert kinds(past.plan("c", force=("b",))) == {"a": "Stale", "b": "Stale", "c": "Pending"}


def test_a_lost_value_that_is_wanted_itself_has_its_step_run() -> None:
    past = chain()
    past.lost.add("c")
    assert kinds(past.plan("c")) == {"a": "Fresh", "b": "Fresh", "c": "Stale"}
    assert kinds(past.plan()) == {"a": "Fresh", "b": "Fresh", "c": "Fresh"}


@pytest.mark.parametrize(("product", "file"), [("out/a.csv", "out/a.csv"), ("out", "out/a.csv"), ("out", "out/deep/a.csv"), ("out/a.csv", "out")])
def test_a_step_that_reads_a_product_waits_for_the_step_that_writes_it(product: str, file: str) -> None:
    past = Past(step("maker", products=(product,)), step("reader", files=(file,), needs=("maker",)))
    past.files[file] = Digest("1")
    past.record()
    assert kinds(past.plan()) == {"maker": "Fresh", "reader": "Fresh"}
    verdicts = past.plan(force=("maker",))
    assert verdicts["reader"] == Pending(("maker",), ())


def test_what_will_be_put_back_counts_as_it_will_be() -> None:
    past = Past(step("maker", products=("out/a.csv",)), step("reader", files=("out/a.csv",), needs=("maker",)),
                step("folder", files=("out",), needs=("maker",)))
    past.files.update({"out/a.csv": Digest("blob"), "out": Digest("names")})
    past.record()
    del past.files["out/a.csv"]
    past.restore["maker"] = (ProductFile("out/a.csv", Digest("blob"), 1),)
    past.filled = Digest("names")
    assert kinds(past.plan()) == {"maker": "Fresh", "reader": "Fresh", "folder": "Fresh"}
    past.filled = Digest("other names")
    assert kinds(past.plan()) == {"maker": "Fresh", "reader": "Fresh", "folder": "Stale"}


def test_a_product_that_is_not_there_yet_is_no_missing_input() -> None:
    past = Past(step("maker", products=("a.csv",)), step("reader", files=("a.csv",), needs=("maker",)))
    assert told(past.plan()["reader"]) == [("never-ran", "reader")]


def test_a_producer_outside_of_the_selection_is_not_waited_for() -> None:
    past = Past(step("maker", products=("a.csv",)), step("reader", files=("a.csv",)))
    past.files["a.csv"] = Digest("1")
    past.record()
    del past.facts["maker"]
    assert kinds(past.plan()) == {"reader": "Fresh"}


def test_a_chain_of_five_thousand_is_no_deep_recursion() -> None:
    past = Past(*[step(f"s{i}", *([f"s{i - 1}"] if i else [])) for i in range(5000)])
    past.record()
    assert set(kinds(past.plan()).values()) == {"Fresh"}
    assert kinds(past.plan(force=("s0",)))["s4999"] == "Pending"


# -- accepted changes -------------------------------------------------------------------------------------

SAID = (Accepted("b", "m.f", Digest("1"), Digest("2"), "it does not matter"),)


def edited(accepted_code: str = "code of b", **others: Any) -> StepFacts:
    """The step `b` with other code, which was accepted to count as some code."""
    return step("b", "a")._replace(fingerprint=code("new code"), accepted=SAID, accepted_code=Digest(accepted_code))._replace(**others)


def test_code_that_counts_as_the_former_one_is_fresh_by_the_former_trace() -> None:
    past = chain()
    verdicts = past.plan("c", b=edited())
    assert kinds(verdicts) == {"a": "Fresh", "b": "Fresh", "c": "Fresh"}
    assert (verdicts["b"].trace, verdicts["b"].key, verdicts["b"].accepted) == (past.latest["b"], None, SAID)
    assert verdicts["a"].accepted == ()


def test_a_trace_of_the_code_of_now_comes_first() -> None:
    past = chain()
    facts = edited()
    key = key_of(facts, (), upstreams_of(facts, {"a": Digest("out a")}))
    past.by_key[key] = (past.latest["b"]._replace(key=key, code=Digest("new code")),)
    verdict = past.plan("c", b=facts)["b"]
    assert (verdict.trace.key, verdict.accepted) == (key, ())


def test_what_was_accepted_does_not_cover_other_changes() -> None:
    past = chain()
    verdict = past.plan("c", b=edited("code that nobody ran"))["b"]
    assert told(verdict) == [("code", "b")]
    assert verdict.key == key_of(edited(), (), upstreams_of(edited(), {"a": Digest("out a")}))
    past.files["in.csv"] = Digest("2")
    assert kinds(past.plan("c", b=edited())) == {"a": "Stale", "b": "Pending", "c": "Pending"}


def test_a_change_that_was_accepted_is_no_reason() -> None:
    past = chain()
    verdict = past.plan("c", b=edited(params=(param("p", "1"),)))["b"]
    assert told(verdict) == [("param", "p")]
    past.files["in.csv"] = Digest("2")
    assert past.plan("c", b=edited())["b"].reasons == ()


def test_a_lost_value_makes_an_accepted_step_run_by_its_code_of_now() -> None:
    past = chain()
    past.lost = {"b"}
    verdict = past.plan("b", "c", b=edited())["b"]
    assert told(verdict) == [("artifact", "b")]
    assert verdict.key == key_of(edited(), (), upstreams_of(edited(), {"a": Digest("out a")}))
    verdict = past.plan("c", b=edited(), c=step("c", "b")._replace(fingerprint=code("new")))["b"]
    assert (told(verdict), verdict.key) == ([("artifact", "b")], None)


def test_force_and_no_key_come_before_what_was_accepted() -> None:
    past = chain()
    assert told(past.plan("c", force=("b",), b=edited())["b"]) == [("forced", "b")]
    uncacheable = edited(fingerprint=code("new code", uncacheable="why"))
    assert told(past.plan("c", b=uncacheable)["b"]) == [("uncacheable", "b")]
