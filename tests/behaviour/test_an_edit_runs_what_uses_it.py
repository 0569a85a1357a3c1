"""Editing a definition runs the steps that use it, at any distance, and no other."""
from __future__ import annotations

from typing import Any

import pytest

FILES = {
    "pipeline.py": """
        from deepwatch_flow import step
        import near

        @step
        def first():
            return near.one(1)

        @step
        def second(first):
            return near.two(first) % 2

        @step
        def third(second):
            return second + 1

        @step
        def apart():
            return near.apart()
        """,
    "near.py": """
        from far import deep, LIMIT

        def one(x):
            return deep(x)

        def two(x):
            return min(x, LIMIT)

        def apart():
            return "apart"
        """,
    "far.py": """
        LIMIT = 1000

        def deep(x):
            return x + 10

        def unused():
            return 1
        """,
}


@pytest.fixture
def ready(project: Any) -> Any:
    for name, text in FILES.items():
        project.write(name, text)
    assert project.run().counts == {"ran": 4}
    return project


def test_nothing_changed_nothing_runs(ready: Any) -> None:
    before = ready.lock
    done = ready.run()
    assert done.counts == {"reused": 4}
    assert ready.lock == before


def test_a_helper_two_modules_away(ready: Any) -> None:
    ready.edit("far.py", "x + 10", "x + 11")
    done = ready.run()
    assert done.executed == ["first", "second", "third"]
    assert done.kinds("first") == ["code"]
    assert done.reasons("first")[0]["file"] == "far.py"
    assert done.reasons("first")[0]["subject"].endswith("deep")
    assert done.kinds("second") == ["upstream"]
    assert ready.value("third") == 1


def test_the_same_output_ends_the_wave(ready: Any) -> None:
    ready.edit("far.py", "x + 10", "x + 12")        # first: 13, second: 13 % 2 as before
    assert ready.run().executed == ["first", "second"]


def test_a_constant_in_another_module(ready: Any) -> None:
    ready.edit("far.py", "LIMIT = 1000", "LIMIT = 4")
    done = ready.run()
    assert done.executed == ["second", "third"]
    assert done.kinds("second") == ["code"]
    assert done.reasons("second")[0]["subject"].endswith("LIMIT")


def test_what_no_step_uses(ready: Any) -> None:
    ready.edit("far.py", "return 1", "return 2")
    ready.write("near.py", "# a remark\n" + ready.read("near.py"))
    assert ready.run().executed == []


def test_taking_an_edit_back_restores_the_earlier_results(ready: Any) -> None:
    ready.edit("far.py", "x + 10", "x + 11")
    ready.run()
    ready.edit("far.py", "x + 11", "x + 10")
    assert ready.run().counts == {"reused": 4}
    assert ready.value("first") == 11


def test_an_edit_as_long_as_what_it_replaces_within_the_same_second(ready: Any) -> None:
    for digit in "23456":
        text = ready.read("far.py")
        ready.path("far.py").write_text(text.replace(text[text.index("x + "):][:6], f"x + {digit}7"))
        assert "first" in ready.run(inline=True).executed


def test_status_and_why_tell_before_and_change_nothing(ready: Any) -> None:
    ready.edit("far.py", "x + 10", "x + 11")
    status = ready.status()
    assert status.verdicts == {"first": "stale", "second": "pending", "third": "pending", "apart": "fresh"}
    assert ready.status("--check", code=3).verdicts == status.verdicts
    why = ready.cli("why", "first")
    assert why.code == 0
    assert "far.py:3" in why.stdout
    assert "deep" in why.stdout
    assert ready.run("--dry-run").verdicts == status.verdicts
    assert ready.run().executed == ["first", "second", "third"]


def test_only_the_targets_and_what_they_need_run(ready: Any) -> None:
    ready.edit("far.py", "x + 10", "x + 11")
    ready.edit("near.py", '"apart"', '"far apart"')
    assert ready.run("second").executed == ["first", "second"]
    assert ready.run().executed == ["third", "apart"]
    assert ready.run("--force", "apart").executed == ["apart"]


def test_locked_refuses_what_would_change_the_lockfile(ready: Any) -> None:
    before = ready.lock
    assert ready.run("--locked").counts == {"reused": 4}
    ready.edit("far.py", "x + 10", "x + 11")
    assert ready.cli("run", "--locked").code == 3
    assert ready.lock == before


def test_without_state_steps_run_again_and_the_lockfile_stays(ready: Any) -> None:
    import shutil

    before = ready.lock
    shutil.rmtree(str(ready.path(".deepwatch")))
    assert ready.run().counts == {"ran": 4}
    assert ready.lock == before


def test_params_come_from_the_signature_the_settings_and_the_command_line(project: Any) -> None:
    project.write("pipeline.py", """
        from deepwatch_flow import step

        @step
        def one(size: int = 1):
            return size
        """)
    project.run()
    assert project.value("one") == 1
    project.write("deepwatch.toml", "[steps.one.params]\nsize = 2\n")
    done = project.run()
    assert (done.kinds("one"), project.value("one")) == (["param"], 2)
    project.run("--set", "one.size=3")
    assert project.value("one", ) in (2, 3)      # `show` looks with the settings, or at the last run
    assert project.run().executed == []
