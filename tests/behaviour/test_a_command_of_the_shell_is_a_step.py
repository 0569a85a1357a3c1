"""``sh(...)``: a command with its files, values and version as a step."""
from __future__ import annotations

import os
from typing import Any

import pytest

pytestmark = pytest.mark.skipif(os.name != "posix", reason="there is no POSIX shell")

STEPS = """
    from deepwatch_flow import File, Product, sh, step

    @step
    def n():
        return 3

    head = sh("head -c {n} < {src} > {out}; echo {word}", src=File("it's a.txt"), out=Product("out/b c.txt"), word="a; b $HOME",
              needs={"n": "n"}, name="head", version="head 9")

    @step
    def read(src=File("out/b c.txt")):
        return src.read_text()
    """


@pytest.fixture
def ran(project: Any) -> Any:
    project.write("pipeline.py", STEPS)
    project.write("it's a.txt", "hello")
    assert project.run().outcomes == {"n": "ran", "head": "ran", "read": "ran"}
    return project


def test_it_gets_its_parameters_quoted_and_gives_what_it_writes(ran: Any) -> None:
    assert ran.read("out/b c.txt") == "hel"
    assert ran.value("head") == "a; b $HOME\n"
    assert set(ran.run().outcomes.values()) == {"reused"}


@pytest.mark.parametrize("file, old, new, subject", [
    ("it's a.txt", "hello", "help!", "it's a.txt"), ("pipeline.py", "head 9", "head 10", "version"),
    ("pipeline.py", "head -c {n}", "head -c  {n}", "command"), ("pipeline.py", 'word="a', 'word="c', "word"), ("pipeline.py", "return 3", "return 2", "n")])
def test_files_values_command_and_version_make_it_stale(ran: Any, file: str, old: str, new: str, subject: str) -> None:
    ran.edit(file, old, new)
    done = ran.run()
    assert done.outcomes["head"] == "ran"
    assert subject in [reason["subject"] for reason in done.reasons("head")]


@pytest.mark.parametrize("ending, told", [("exit 3", "ended with 3"), ("kill -9 $$", "killed by signal 9")])
def test_a_command_that_fails_fails_its_step_and_tells_what_it_said(ran: Any, ending: str, told: str) -> None:
    ran.edit("pipeline.py", "echo {word}", f"echo oh no >&2; {ending}")
    done = ran.run(code=1)
    assert done.outcomes == {"n": "reused", "head": "failed", "read": "blocked"}
    assert told in str(done.steps["head"])
    assert "oh no" in str(done.steps["head"])


def test_a_product_that_it_does_not_write_fails_it(ran: Any) -> None:
    ran.edit("pipeline.py", "> {out}", "> /dev/null")
    assert "did not write its product" in str(ran.run(code=1).steps["head"])


@pytest.mark.parametrize("call, told", [
    ('sh("echo {nothing}")', "names {nothing}"), ('sh("echo {")', "a brace that stands alone"), ("sh(5)", "takes the text of a command"),
    ('sh("true", retry=2)', ""), ('sh("true", retries=-1)', "a whole number")])
def test_a_command_that_can_t_be_is_told_where_it_stands(project: Any, call: str, told: str) -> None:
    project.write("pipeline.py", f"from deepwatch_flow import sh\nmade = {call}\n")
    done = project.cli("status")
    assert done.code == (2 if told else 0)
    assert told in done.stderr


def test_a_value_that_is_no_word_fails_the_step(ran: Any) -> None:
    ran.edit("pipeline.py", "return 3", "return [3]")
    assert "`n` is a list" in str(ran.run(code=1).steps["head"])


def test_options_and_workers_serve_it_as_any_step(project: Any) -> None:
    project.write("pipeline.py", """
        from deepwatch_flow import sh
        slow = sh("sleep 30", timeout=1, name="slow", tags=["t"])
        quick = sh("echo {{1}}")
        """)
    done = project.run("-j", "2", code=1)
    assert done.outcomes == {"slow": "failed", "echo": "ran"}
    assert "timeout of 1 s" in str(done.steps["slow"])
    assert project.value("echo") == "{1}\n"
