"""What a newcomer does wrong is told once: what, where, why and how to mend it, without our own frames and classes."""
from __future__ import annotations

import os
import subprocess
from typing import Any

import pytest


def once(done: Any, code: int, *words: str) -> str:
    """The command ended with `code` and said each of `words` just once, nothing of our code; return what it said."""
    text: str = done.stderr + done.stdout
    assert done.code == code, text
    assert {word: text.count(word) for word in words} == dict.fromkeys(words, 1), text
    assert text.count("hint:") == 1, text
    assert os.path.join("deepwatch_flow", "") not in text and "deepwatch_flow." not in text, text
    return text


def test_an_included_file_that_is_not_there(project: Any) -> None:
    project.write("pipeline.py", """
        from deepwatch_flow import include
        include("flows/nope.py", prefix="etl.")
        """)
    text = once(project.cli("run"), 2, "pipeline.py:2:", "`flows/nope.py` is not there", "relative to the file")
    assert "Traceback" not in text


def test_an_included_file_that_includes_what_is_not_there(project: Any) -> None:
    project.write("flows/etl.py", 'from deepwatch_flow import include\ninclude("nope.py")\n')
    project.write("pipeline.py", 'from deepwatch_flow import include\ninclude("flows/etl.py")\n')
    text = once(project.cli("run"), 2, "pipeline.py:2: flows/etl.py:2:", "`flows/nope.py` is not there")
    assert "Traceback" not in text


def test_an_include_in_a_function_shows_who_called_that(project: Any) -> None:
    project.write("pipeline.py", """
        from deepwatch_flow import include

        def both():
            include("nope.py")

        both()
        """)
    once(project.cli("run"), 2, "`nope.py` is not there", "line 6, in <module>", "line 4, in both")


def test_an_error_in_an_included_file_shows_its_own_lines(project: Any) -> None:
    project.write("flows/etl.py", "x = 1 / 0\n")
    project.write("pipeline.py", 'from deepwatch_flow import include\ninclude("flows/etl.py")\n')
    once(project.cli("run"), 2, "pipeline.py:2: `flows/etl.py` can't be imported: flows/etl.py:1:", "x = 1 / 0")


def test_a_command_of_the_shell_that_fails(project: Any) -> None:
    project.write("pipeline.py", """
        from deepwatch_flow import sh
        sh("exit 3", name="page")
        """)
    text = project.cli("run")
    assert text.code == 1 and text.stderr.count("`exit 3` ended with 3") == 1, text
    assert "CommandFailed" not in text.stderr and "Traceback" not in text.stderr and "deepwatch_flow" not in text.stderr


def test_an_error_of_ours_that_a_step_s_call_gives_shows_the_step_s_lines(project: Any) -> None:
    project.write("pipeline.py", """
        import deepwatch_flow

        @deepwatch_flow.step
        def late():
            try:
                {}["key"]
            except KeyError:
                deepwatch_flow.load("nope")
        """)
    done = project.cli("run")
    assert done.code == 1
    assert done.stderr.count("no result of a step `nope`") == 1 and done.stderr.count("hint:") == 1
    assert "KeyError" in done.stderr and 'deepwatch_flow.load("nope")' in done.stderr     # the user's own lines and errors
    assert os.path.join("deepwatch_flow", "") not in done.stderr and "StateError" not in done.stderr


def test_a_generator_that_breaks_what_it_declares(project: Any) -> None:
    project.write("pipeline.py", """
        from deepwatch_flow import step

        @step(outputs=["train", "test"])
        def split():
            yield 1
            yield 2
        """)
    text = once(project.cli("run"), 1, "`split` can't be taken apart", "of type `generator`")
    assert "Traceback" not in text


@pytest.mark.parametrize("returned", ["(n for n in range(3))", "{1: 2}.values()"])
def test_a_step_that_returns_what_has_no_elements_yet(project: Any, returned: str) -> None:
    project.write("pipeline.py", f"""
        from deepwatch_flow import step

        @step
        def numbers():
            return {returned}
        """)
    once(project.cli("run"), 1, "can't store a value of type", "return a list of its elements", "Each(")


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_step_that_asks_where_nobody_answers(project: Any, jobs: str) -> None:
    project.write("pipeline.py", """
        from deepwatch_flow import step

        @step
        def asks():
            return input("how many? ")

        @step
        def other():
            return 1
        """)
    once(project.cli("run", "-j", jobs), 1, "has nobody to ask", "`-j 1`", "--set")


def test_the_folder_of_the_state_keeps_itself_out_of_git(project: Any) -> None:
    project.write("pipeline.py", """
        from deepwatch_flow import step

        @step
        def one():
            return 1
        """)
    git = ["git", "-c", "user.name=A", "-c", "user.email=a@example.org"]
    subprocess.run([*git, "init", "-q"], cwd=str(project.root), check=True)
    project.run()
    listed = subprocess.run([*git, "status", "--porcelain", "-uall"], cwd=str(project.root), check=True, stdout=subprocess.PIPE)
    assert sorted(listed.stdout.decode().split()) == ["??", "??", "deepwatch.lock", "pipeline.py"]
    ours = project.path(".deepwatch/.gitignore")
    ours.unlink()
    project.run("--force", "one")
    assert not ours.exists()            # whoever takes it away wants to commit what is there


@pytest.fixture
def writing(project: Any) -> Any:
    project.write("pipeline.py", """
        from deepwatch_flow import File, Product, step

        @step
        def fit(raw=File("data/raw.csv"), out=Product("out/x.txt")):
            out.write_text(raw.read_text())

        @step
        def other(out=Product("sub/out/x.txt")):
            out.write_text("other")

        @step
        def parts(out=Product("out/parts")):
            out.mkdir()
            (out / "a.txt").write_text("a")
        """)
    project.write("data/raw.csv", "1")
    return project


def test_a_target_may_be_any_path_of_a_product(writing: Any) -> None:
    sub = writing.path("sub")
    sub.mkdir()
    full = str(writing.path("out/x.txt"))
    for word, cwd, step in [("out/x.txt", None, "fit"), ("./out/x.txt", None, "fit"), (full, None, "fit"), ("out//x.txt", None, "fit"),
                            ("out/parts/", None, "parts"), ("out/parts/a.txt", None, "parts"), ("./out/x.txt+", None, "fit"),
                            ("out/x.txt", sub, "fit"), ("./out/x.txt", sub, "other"), ("../out/x.txt", sub, "fit"), (full, sub, "fit")]:
        done = writing.status(word, cwd=cwd)
        assert list(done.steps) == [step], (word, cwd, done.stdout)


@pytest.mark.parametrize(("word", "hint"), [("./nope", "the steps: fit, other, parts"), ("/etc/passwd", "the steps:"), ("./out/xx.txt", "did you mean `out/x.txt`?"),
                                            ("./data/raw.csv", "`data/raw.csv` is an input of fit"), ("fitt", "did you mean `fit`?")])
def test_a_target_that_fits_nothing(writing: Any, word: str, hint: str) -> None:
    once(writing.cli("run", word), 2, f"there is no step `{word}`", hint)


@pytest.mark.parametrize(("word", "hint"), [("fit", "pipeline.py:fit"), ("pipeline.py", "name a function in it: pipeline.py:FUNC"), ("a b", "work.py:clean")])
@pytest.mark.parametrize("command", ["deps", "hash"])
def test_a_function_that_is_not_named_in_full(writing: Any, command: str, word: str, hint: str) -> None:
    once(writing.cli(command, word), 2, "is not of the form FILE:FUNC", hint)


def test_loading_what_was_never_recorded(writing: Any) -> None:
    from deepwatch_flow import load
    from deepwatch_flow.errors import StateError

    def told(step: str) -> str:
        with pytest.raises(StateError) as caught:
            load(step, root=str(writing.root))
        return str(caught.value)

    assert "deepwatch run nope" in told("nope") and "root=" in told("nope")
    writing.run("fit", "other")
    assert "recorded are: fit, other" in told("nope") and "did you mean `fit`?" in told("fitt")
