"""Commands that are asked about a family, or one of its instances, do it or say that they can't."""
from __future__ import annotations

from typing import Any

import pytest

from deepwatch_flow.cli.diff import facts_told
from deepwatch_flow.locking.differences import differences
from deepwatch_flow.state.lockfile import decode

STEPS = """
    from deepwatch_flow import Each, step

    @step
    def rows():
        return ["x", "y"]

    @step
    def fit(row=Each("rows"), country=Each(["us", "de"])):
        return row + country

    @step
    def last(fit):
        return sorted(fit.values())
    """


@pytest.fixture
def families(project: Any) -> Any:
    project.write("pipeline.py", STEPS)
    assert len(project.run(inline=True).executed) == 6
    return project


def test_cleaning_a_family_forgets_its_instances(families: Any) -> None:
    assert families.cli("clean", "fit[de,0]", inline=True).stderr.splitlines()[0] == "removed 1 stored value"
    assert families.cli("clean", "fit", inline=True).stderr.splitlines()[0] == "removed 3 stored values"
    (families.root / "deepwatch.lock").unlink()
    families.edit("pipeline.py", "sorted(fit.values())", "list(fit.values())")
    assert len(families.run(inline=True).executed) == 5


def verified(project: Any, *args: str, code: int = 0) -> Any:
    done = project.cli("verify", "--json", *args)
    assert done.code == code, done.stderr + done.stdout
    return {each["name"]: each["outcome"] for each in done.document["steps"]}


def test_verify_executes_the_instances_of_families_and_what_takes_them(families: Any) -> None:
    assert verified(families) == dict.fromkeys(["rows", "fit[us,0]", "fit[us,1]", "fit[de,0]", "fit[de,1]", "last"], "reproducible")
    assert list(verified(families, "fit")) == ["fit[us,0]", "fit[us,1]", "fit[de,0]", "fit[de,1]"]
    assert list(verified(families, "fit[de,*]", "rows")) == ["rows", "fit[de,0]", "fit[de,1]"]
    missing = families.cli("verify", "fit[zz]")
    assert (missing.code, "`fit` has no instance `fit[zz]`" in missing.stderr) == (2, True)


def test_verify_names_the_instance_that_differs(project: Any) -> None:
    project.write("pipeline.py", """
        import random
        from deepwatch_flow import Each, step

        @step(outputs=["train", "test"])
        def split():
            return [1, 2], [3]

        @step
        def fit(row=Each("split.train")):
            return {"row": row, "luck": random.random() if row == 2 else 0}

        @step
        def grown(fit=Each("fit")):
            return fit["row"] + 1

        @step
        def none(row=Each("split.test")):
            return row

        @step
        def last(grown, split, none):
            return sorted(grown.values()), split, len(none)
        """)
    project.run()
    found = project.cli("verify", "--json")
    assert found.code == 1
    outcomes = {each["name"]: each["outcome"] for each in found.document["steps"]}
    assert outcomes == {"split": "reproducible", "fit[0]": "reproducible", "fit[1]": "differs", "grown[0]": "reproducible",
                        "grown[1]": "reproducible", "none[0]": "reproducible", "last": "reproducible"}
    (place,) = found.document["steps"][2]["differences"]
    assert place["path"] == "['luck']"


def test_verify_says_which_instances_it_leaves_out(families: Any) -> None:
    families.edit("pipeline.py", "row + country", "country + row")
    assert verified(families, code=3) == {"rows": "reproducible", **dict.fromkeys(["fit[us,0]", "fit[us,1]", "fit[de,0]", "fit[de,1]"], "unverified"),
                                          "last": "reproducible"}
    families.edit("pipeline.py", '["x", "y"]', "[str(number) for number in range(30)]")
    families.edit("pipeline.py", "country + row", "row + country")
    told = families.cli("verify", "fit").stdout
    assert "unverified  fit[" not in told and told.endswith("4 reproducible\n")      # of the elements that the lockfile speaks of
    families.run()
    assert "reproducible  fit[60 of 60]" in families.cli("verify", "fit").stdout
    assert families.cli("verify", "fit", "-v").stdout.count("reproducible  fit[") == 60
    (families.root / ".deepwatch" / "objects").rename(families.root / "elsewhere")
    told = families.cli("verify", "fit")
    assert (told.code, told.stdout) == (3, "unverified  fit  what `rows` gave is not stored here\n1 unverified\n")


def accepted(project: Any, *args: str) -> Any:
    done = project.cli("accept", *args, "--reason", "spelled otherwise", inline=True)
    assert done.code == 0, done.stderr
    return done


def test_a_change_of_a_family_is_accepted_for_all_its_instances(families: Any) -> None:
    before = families.lock
    families.edit("pipeline.py", "row + country", "row[:] + country")
    assert "accepted for `fit`: `pipeline.fit`\n`fit` is fresh" in accepted(families, "fit").stderr
    lock = families.lock
    assert len(set(before.splitlines()) - set(lock.splitlines())) == 1      # the digest of the definition
    assert set(families.status("--check", inline=True).verdicts.values()) == {"fresh"}
    assert families.run("--locked", inline=True).executed == families.run(inline=True).executed == []
    assert families.lock == lock
    assert "accepted: `pipeline.fit`: spelled otherwise" in families.cli("why", "fit", inline=True).stdout
    quick = families.cli("status")
    assert quick.stdout.count("accepted: `pipeline.fit`") == 4 and quick.stdout.endswith("6 steps up to date\n")
    (families.root / ".deepwatch" / "state.db").unlink()      # as in a clone: the lockfile alone tells it
    assert set(families.status(inline=True).verdicts.values()) == {"fresh"}
    assert families.run(inline=True).executed == [] and families.lock == lock


def test_it_lasts_until_all_instances_have_run_by_the_code_of_now(families: Any) -> None:
    families.edit("pipeline.py", "row + country", "row[:] + country")
    accepted(families, "fit:fit")
    families.edit("pipeline.py", '["x", "y"]', '["x", "y", "z"]')
    assert families.run(inline=True).executed == ["rows", "fit[us,2]", "fit[de,2]", "last"]
    assert families.run("--locked", inline=True).executed == []
    assert b"spelled otherwise" in families.lock
    assert families.run("--force", "fit[us,0]", inline=True).executed == ["fit[us,0]"]
    assert families.run("--locked", inline=True).executed == []
    families.run("--force", "fit", inline=True)
    assert b"spelled otherwise" not in families.lock
    assert families.run("--locked", inline=True).executed == []


def test_an_acceptance_of_a_family_can_be_taken_back(families: Any) -> None:
    before = families.lock
    families.edit("pipeline.py", "row + country", "row[:] + country")
    accepted(families, "fit")
    undone = families.cli("accept", "fit", "--undo", inline=True)
    assert "taken back for `fit`: `pipeline.fit`" in undone.stderr and "`fit` is stale" in undone.stderr
    assert families.lock == before
    assert families.status("fit", inline=True).counts == {"stale": 4, "fresh": 1}


def test_what_can_not_be_accepted_of_a_family_is_said(families: Any) -> None:
    def refused(target: str) -> str:
        done = families.cli("accept", target, "--reason", "no matter", inline=True)
        assert done.code == 2
        return str(done.stderr)

    assert "`fit` is fresh: there is nothing to accept" in refused("fit")
    families.edit("pipeline.py", '["us", "de"]', '["at", "ch"]')
    assert "the code of `fit` is what it was" in refused("fit")
    families.edit("pipeline.py", "row + country", "row[:] + country")
    assert "`fit[at,0]` would run all the same" in refused("fit")
    assert "`fit[at,0]` is an instance" in refused("fit[at,0]")
    families.edit("pipeline.py", '["x", "y"]', 'list("xy")')
    assert "`fit` depends on what `rows` will give: its instances are not known yet" in refused("fit")


def test_what_was_observed_is_asked_of_an_instance(families: Any) -> None:
    assert "pipeline.fit" in families.cli("deps", "fit[de,0]", "--observed", inline=True).stdout
    assert "`fit` is a family: each of its instances is observed by itself" in families.cli("deps", "fit", "--observed", inline=True).stderr


def test_a_family_whose_results_are_not_kept_runs_under_a_lockfile(families: Any) -> None:
    families.edit("pipeline.py", "@step\ndef fit(", "@step(cache=False)\ndef fit(")
    families.run(inline=True)
    assert len(families.run("--locked", inline=True).executed) == 4
    families.edit("pipeline.py", "country=Each", "land=Each")
    families.edit("pipeline.py", "row + country", "row + land + '!'")
    assert families.cli("run", "--locked", inline=True).code != 0     # `last` is another


def test_a_diff_counts_the_instances_that_came_and_went(families: Any) -> None:
    before = families.lock
    families.edit("pipeline.py", '["x", "y"]', '["x", "z", "zz"]')
    families.run(inline=True)
    (change,) = [each for each in differences(decode(before, "before"), decode(families.lock, "after")).steps if each.name == "fit"]
    assert facts_told(change) == ["4 instances new, 2 instances gone"]
    assert not change.same_output


def test_a_pattern_chooses_instances_by_their_labels(families: Any) -> None:
    families.edit("pipeline.py", "row + country", "country + row")
    chosen = families.run("fit[us,*]", inline=True)
    assert set(chosen.outcomes) == {"rows", "fit[us,0]", "fit[us,1]"}
    assert families.status("fit[*0]").verdicts == {"rows": "fresh", "fit[us,0]": "fresh", "fit[de,0]": "stale"}
    assert families.run("--force", "fit[*,1]", "fit", inline=True).executed == ["fit[us,1]", "fit[de,0]", "fit[de,1]"]
    assert "no instance `fit[z*]`" in families.cli("run", "fit[z*]", inline=True).stderr


COMMANDS = [("run",), ("run", "--locked"), ("run", "--dry-run"), ("status",), ("why",), ("show",), ("log",), ("debug",), ("deps", "--observed"), ("clean",),
            ("graph", "--status"), ("verify",)]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_each_command_tells_alike_that_there_is_no_such_instance(families: Any, command: Any) -> None:
    for word in ("fit[zz,0]", "fit[z*]"):
        done = families.cli(command[0], word, *command[1:], inline=True)
        assert (done.code, done.stderr.splitlines()[0]) == (2, f"error: `fit` has no instance `{word}`")
    assert families.cli(command[0], "fit[de,5]", *command[1:], inline=True).stderr.splitlines()[1] == "hint: did you mean `fit[de,1]`?"


def test_an_instance_that_there_is_not_ends_a_run_before_it_begins(families: Any) -> None:
    families.edit("pipeline.py", "sorted(fit.values())", "list(fit.values())")
    refused = families.cli("run", "last", "--force", "fit[zz]", inline=True)
    assert (refused.code, "`fit` has no instance `fit[zz]`" in refused.stderr) == (2, True)
    assert families.status().verdicts["last"] == "stale"


def test_where_only_the_run_can_tell_it_ends_with_the_same_code(families: Any) -> None:
    families.edit("pipeline.py", '["x", "y"]', '["x", "y", "z"]')
    assert families.cli("why", "fit[zz]", inline=True).stdout.startswith("fit[zz] is pending: it depends on what `rows` will give")
    refused = families.cli("run", "fit[zz]", "--json", inline=True)
    assert (refused.code, refused.outcomes) == (2, {"rows": "ran", "fit": "failed"})
    assert "`fit` has no instance `fit[zz]`" in refused.steps["fit"]["error"]


def test_what_is_recorded_of_an_instance_that_is_no_more_can_be_shown_and_forgotten(families: Any) -> None:
    families.edit("pipeline.py", '["us", "de"]', '["us"]')
    assert "fit[de,0]: ran" in families.cli("log", "fit[de,*]", inline=True).stdout
    assert families.cli("clean", "fit[de,*]", inline=True).stderr.splitlines() == [
        "removed 2 stored values",
        "deepwatch.lock still vouches for `fit`: a value is made again when it is needed, or by `deepwatch run fit`"]
    assert families.cli("clean", "fit[de,0]", inline=True).code == 2
    assert families.cli("clean", "fit[us,0]", inline=True).code == families.cli("clean", "fit[us,0]", inline=True).code == 0


def test_a_pattern_may_stand_for_the_one_instance_that_it_fits(families: Any) -> None:
    assert families.value("fit[d*0]", inline=True) == "xde"
    assert families.cli("why", "fit[d*0]", inline=True).stdout.startswith("fit[de,0] is fresh")
    several = families.cli("why", "fit[d*]", inline=True)
    assert (several.code, "`fit[d*]` fits 2 instances: `fit[de,0]`, `fit[de,1]`" in several.stderr) == (2, True)


def drawn(project: Any, *args: str) -> Any:
    done = project.cli("graph", *args, inline=True)
    assert done.code == 0, done.stderr
    return done


def test_the_graph_folds_the_instances_of_a_family(families: Any) -> None:
    assert "last\n└── fit [4 instances]\n    └── rows\n" == drawn(families).stdout.replace("`-- ", "└── ")
    families.edit("pipeline.py", '["us", "de"]', '["us", "at"]')
    assert "fit [4 instances, 2 stale]  stale" in drawn(families, "--status").stdout
    assert 's1["fit [4 instances, 2 stale]"]' in drawn(families, "--status", "--mermaid").stdout
    assert '"fit" [label="fit [4 instances, 2 stale]", style=dashed];' in drawn(families, "--status", "--dot").stdout
    assert "fit [1 instance]  fresh" in drawn(families, "--status", "fit[us,0]").stdout
    (fit,) = [each for each in drawn(families, "--status", "--json").document["steps"] if each["name"] == "fit"]
    assert fit["instances"] == {"count": 4, "stale": 2, "pending": 0, "fresh": 2}
    assert (fit["verdict"], fit["upstreams"], fit["after"]) == ("stale", ["rows"], [])


def test_the_graph_does_not_run_anything_to_count(families: Any) -> None:
    families.edit("pipeline.py", '["x", "y"]', '["x", "y", "z"]')
    for form, text in (("--mermaid", '"fit [?]"'), ("--dot", 'label="fit [?]"'), ("--json", '"count": null')):
        assert text in drawn(families, form).stdout
    assert "fit [?]  pending" in drawn(families, "--status").stdout
    families.edit("pipeline.py", 'row=Each("rows")', "rows")     # what is given is counted
    families.edit("pipeline.py", "row + country", "rows[0] + country")
    assert "fit [2 instances]  pending" in drawn(families, "--status").stdout
    assert families.status(inline=True).verdicts["rows"] == "stale"


def test_elements_that_do_not_fit_are_no_hindrance_to_draw_the_steps(families: Any) -> None:
    families.edit("pipeline.py", "@step\n    def fit".replace("    ", ""), '@step(each="zip")\ndef fit')
    families.edit("pipeline.py", '["us", "de"]', '["us"]')
    assert "fit [?]" in drawn(families).stdout
    assert families.cli("graph", "--status", inline=True).code == 2


def test_a_family_is_shown_in_the_order_of_its_elements_and_without_a_key(project: Any) -> None:
    project.write("pipeline.py", """
        from deepwatch_flow import Each, step

        @step
        def fit(n=Each(range(12))):
            return n
        """)
    project.run(inline=True)
    done = project.cli("show", "fit", inline=True)
    shown = done.stdout
    assert shown.startswith("{'0': 0, '1': 1, '2': 2, '3': 3, '4': 4, '5': 5, '6': 6, '7': 7, '8': 8, '9': 9, '10': 10, '11': 11}".replace(", '9", ",\n '9", 0))
    assert not any(line.startswith("key") for line in done.stderr.splitlines()) and "fit (fresh)" in done.stderr
    assert "key" in project.cli("show", "fit[3]", inline=True).stderr


def test_a_family_is_told_with_how_many_instances_would_run(families: Any) -> None:
    families.edit("pipeline.py", '["us", "de"]', '["us", "at"]')
    told = families.cli("why", "fit", inline=True)
    assert told.stdout == ("fit is stale: 2 of its 4 instances would run\n"
                           "  1. no result of `fit` is recorded, for some of its instances\n")
    document = families.cli("why", "fit", "--json", inline=True).document
    assert document["instances"] == {"fit[us,0]": "fresh", "fit[us,1]": "fresh", "fit[at,0]": "stale", "fit[at,1]": "stale"}


def test_in_a_clone_an_edited_family_is_told_by_its_edit(families: Any) -> None:
    (families.root / ".deepwatch" / "state.db").unlink()
    assert set(families.status(inline=True).verdicts.values()) == {"fresh"}
    families.edit("pipeline.py", "row + country", "country + row")
    found = families.status(inline=True)
    assert found.kinds("fit[de,1]") == ["code"]
    assert "`pipeline.fit` is new or changed" in families.cli("why", "fit", inline=True).stdout
    families.edit("pipeline.py", '["us", "de"]', '["us", "at"]')
    assert families.status(inline=True).kinds("fit[at,1]") == ["never-ran"]


def test_a_family_without_instances_is_no_step_to_be_counted(project: Any) -> None:
    project.write("pipeline.py", """
        from deepwatch_flow import Each, step

        @step
        def rows():
            return []

        @step
        def fit(row=Each("rows")):
            return row

        @step
        def last(fit):
            return len(fit)
        """)
    assert project.run().counts == {"ran": 2}
    ordinary, quick = project.cli("status", "rows", "fit", "last"), project.cli("status")
    assert ordinary.stdout == quick.stdout == "2 steps up to date\n"
    assert project.cli("status", "-v").stdout.endswith("2 steps up to date\n")
    assert project.cli("run", "last").stderr == "2 steps up to date\n"
    assert project.cli("why", "fit").stdout.startswith("fit is fresh")
    assert project.cli("show", "fit").stdout.startswith("{}\n")


@pytest.mark.parametrize(("given", "told"), [("lambda: [1, 2]", "a lambda"), ("helper", "the function `helper`")])
def test_a_function_that_is_no_step_is_told_without_its_address(project: Any, given: str, told: str) -> None:
    project.write("pipeline.py", f"""
        from deepwatch_flow import Each, step

        def helper():
            return [1]

        @step
        def fit(row=Each({given})):
            return row
        """)
    done = project.cli("status", inline=True)
    assert (done.code, done.stderr.splitlines()) == (2, [
        f"error: parameter `row` of step `fit` goes through {told}, which is no step",
        "hint: give Each the values themselves, a list or a dict, or a step that returns them"])


def test_an_output_is_named_like_its_step(project: Any) -> None:
    project.write("pipeline.py", """
        from deepwatch_flow import Each, step

        @step(outputs=["train", "test"])
        def split():
            print("splitting")
            return [1, 2], "three"

        @step
        def fit(row=Each("split.train")):
            return row
        """)
    assert project.run("split.test").executed == ["split"]
    assert project.value("split.train") == [1, 2]
    assert project.value("split[test]") == "three"
    shown = project.cli("show", "split.test")
    assert shown.stdout == "three\n" and "split[test] (fresh)" in shown.stderr
    assert project.cli("why", "split.train").stdout.startswith("split is fresh")
    assert project.cli("log", "split.train").stdout == "splitting\n"
    assert list(project.status("split.test").verdicts) == ["split"]
    assert project.cli("clean", "split.test").code == 0
    missing = project.cli("show", "split.tain")
    assert (missing.code, missing.stderr) == (2, "error: `split` has no output `tain`\nhint: did you mean `train`?\n")
    assert project.cli("show", "split.train").code == 4


def test_single_instances_are_sent_and_brought(families: Any, make_project: Any, tmp_path: Any) -> None:
    settings = f'[store]\nremote = "file://{tmp_path.as_posix()}/remote"\n[remote]\nmode = "off"\n'
    families.write("deepwatch.toml", settings)
    assert families.cli("push", "rows", "fit[de,*]", "fit[us,0]", inline=True).stdout.startswith("6 blobs sent")     # a list, its two elements, three
    clone = make_project("clone")
    for name in ("pipeline.py", "deepwatch.lock", "deepwatch.toml"):
        clone.path(name).write_bytes(families.path(name).read_bytes())
    unknown = clone.cli("pull", "fit[de,0]", inline=True)
    assert (unknown.code, "the instances of `fit` are not known while `rows` is not up to date" in unknown.stderr) == (2, True)
    assert clone.cli("pull", "rows", inline=True).stdout.startswith("3 blobs came")
    assert clone.cli("pull", "fit[de,0]", inline=True).stdout.startswith("1 blob came")
    assert clone.cli("pull", "fit[zz]", inline=True).stderr.startswith("error: `fit` has no instance `fit[zz]`")
    assert clone.status("fit", inline=True).verdicts == {"rows": "fresh", "fit[us,0]": "stale", "fit[us,1]": "stale", "fit[de,0]": "fresh", "fit[de,1]": "stale"}
