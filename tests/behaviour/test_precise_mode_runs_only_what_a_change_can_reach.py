"""In precise mode a step is fresh where nothing that its last execution used has changed."""
from __future__ import annotations

from typing import Any, Tuple

import pytest

TOOLS = """
    import dataclasses
    LIMIT = 3
    UNREAD = 4

    def used(x):
        return x + LIMIT

    def uncalled(x):
        return x - UNREAD

    TABLE = {"a": used, "b": uncalled}

    def traced(function):
        marked(function)
        return function

    def marked(function):
        function.mark = 1

    class Base:
        size = 2

        def area(self):
            return self.size * self.height()

        def height(self):
            return 5

        def help(self):
            return "help"

    class Box(Base):
        def height(self):
            return 7

    @dataclasses.dataclass
    class Point:
        x: int = 1

        def length(self):
            return self.x

        def unused(self):
            return 0
    """
PIPELINE = """
    from deepwatch_flow import step
    import tools
    from tools import TABLE, Box, Point, traced, used, uncalled

    @step
    def answer(which="a", deep=False):
        if deep:
            uncalled(1)
        return [TABLE[which](1), Box().area(), Point().length()]

    @step
    def after(answer):
        return answer
    """


@pytest.fixture
def ran(project: Any) -> Any:
    project.write("tools.py", TOOLS)
    project.write("pipeline.py", PIPELINE)
    project.run("--precise")
    return project


#: edits of tools.py or pipeline.py that can't change what the execution did
UNAFFECTED = {
    "a function that was not called": ("tools.py", "x - UNREAD", "x * UNREAD"),
    "a constant that only it reads": ("tools.py", "UNREAD = 4", "UNREAD = 5"),
    "a method that was not called": ("tools.py", '"help"', '"more"'),
    "an inherited method that is overridden": ("tools.py", "return 5", "return 6"),
    "a method of a dataclass": ("tools.py", "return 0", "return 1"),
    "code that can't run": ("tools.py", "    return x + LIMIT", "    if False:\n        x = 9\n    return x + LIMIT"),
    "a local name of an inner function": ("pipeline.py", "        uncalled(1)", "        uncalled(1 + 0)"),
    "a new method that nothing asks for": ("tools.py", '            return "help"', '            return "help"\n\n'
                                           "        def assistance(self):\n            return 2"),
}
#: edits that do, or may
AFFECTED = {
    "a function that was called": ("tools.py", "x + LIMIT", "x - LIMIT"),
    "a constant that it reads": ("tools.py", "LIMIT = 3", "LIMIT = 30"),
    "a method that was called": ("tools.py", "return 7", "return 8"),
    "an inherited method that was called": ("tools.py", "self.size * self.height()", "self.size + self.height()"),
    "an attribute of a class": ("tools.py", "size = 2", "size = 3"),
    "a default of a dataclass": ("tools.py", "x: int = 1", "x: int = 2"),
    "what a name leads to": ("tools.py", '"a": used', '"a": lambda x: x'),
    "the base of a class": ("tools.py", "class Box(Base)", "class Box(Other)"),
    "an overriding method": ("tools.py", "    class Box(Base):", "    class Box(Base):\n        def area(self):\n            return 1\n"),
    "a branch that was not taken": ("pipeline.py", "uncalled(1)", "uncalled(2)"),
}


def edit(project: Any, change: Tuple[str, str, str]) -> None:
    import textwrap
    name, old, new = change
    original = textwrap.dedent(TOOLS if name == "tools.py" else PIPELINE).lstrip("\n")
    dedent = lambda text: text if text in original else "\n".join(  # noqa: E731
        line[4:] if line.startswith("    ") else line for line in text.split("\n"))
    changed = original.replace(dedent(old), dedent(new) if dedent(old) != old else new, 1)
    assert changed != original
    project.path(name).write_text(changed.replace("class Box(Other)", "class Other(Base):\n    size = 4\n\nclass Box(Other)"))


@pytest.mark.parametrize("name", UNAFFECTED)
def test_what_was_not_used_may_change(ran: Any, name: str) -> None:
    before = ran.lock
    edit(ran, UNAFFECTED[name])
    status = ran.status("--precise").document
    assert [step["verdict"] for step in status["steps"]] == ["fresh", "fresh"]
    done = ran.run("--precise")
    assert done.executed == []
    assert done.outcomes["answer"] in ("unaffected", "reused")
    if done.outcomes["answer"] == "unaffected":
        assert status["steps"][0]["unaffected"]
        assert ran.lock != before                               # the code's digest is a new one
    assert ran.run().executed == []                             # and from now on it is plainly fresh
    assert ran.run("--locked").executed == []


@pytest.mark.parametrize("name", AFFECTED)
def test_what_was_used_may_not(ran: Any, name: str) -> None:
    edit(ran, AFFECTED[name])
    assert "answer" in ran.run("--precise").executed


def test_several_edits_one_after_the_other(ran: Any) -> None:
    edit(ran, UNAFFECTED["a function that was not called"])
    assert ran.run("--precise").executed == []
    ran.edit("tools.py", "UNREAD = 4", "UNREAD = 5")
    assert ran.run("--precise").executed == []
    ran.edit("tools.py", "LIMIT = 3", "LIMIT = 4")
    assert ran.run("--precise").executed == ["answer", "after"]
    ran.edit("tools.py", '"help"', '"more"')
    assert ran.run("--precise").executed == []


def test_deep_mode_is_the_default_and_runs_for_all_that_is_reached(ran: Any) -> None:
    edit(ran, UNAFFECTED["a function that was not called"])
    assert ran.status().verdicts["answer"] == "stale"
    assert ran.run().executed == ["answer"]


def test_locked_refuses_what_would_give_the_lockfile_another_digest(ran: Any) -> None:
    edit(ran, UNAFFECTED["a function that was not called"])
    ran.run("--precise", "--locked", code=3)


@pytest.mark.parametrize("how", ["settings", "step"])
def test_the_mode_can_be_set_for_a_project_and_for_a_step(ran: Any, how: str) -> None:
    edit(ran, UNAFFECTED["a function that was not called"])
    if how == "settings":
        ran.write("deepwatch.toml", '[invalidate]\nmode = "precise"\n')
    else:
        ran.edit("pipeline.py", "@step\ndef answer", '@step(invalidate="precise")\ndef answer')
    assert ran.run().executed == []


def test_status_and_why_say_that_a_step_is_unaffected(ran: Any) -> None:
    edit(ran, UNAFFECTED["a function that was not called"])
    assert "unaffected" in ran.cli("status", "--precise").stdout
    ran.write("deepwatch.toml", '[invalidate]\nmode = "precise"\n')
    assert "unaffected" in ran.cli("why", "answer").stdout


def test_what_ran_while_the_modules_loaded_is_no_proof(project: Any) -> None:
    project.write("tools.py", """
        def traced(function):
            function.limit = helper()
            return function

        def helper():
            return 1 + 1
        """)
    project.write("pipeline.py", """
        from deepwatch_flow import step
        from tools import traced

        @traced
        def limit():
            return limit.limit

        @step
        def answer():
            return limit()
        """)
    project.run("--precise")
    project.edit("tools.py", "1 + 1", "1 + 2")
    assert project.run("--precise").executed == ["answer"]
    assert project.value("answer") == 3


def test_code_that_reads_docstrings_leaves_nothing_proved(project: Any) -> None:
    project.write("pipeline.py", """
        from deepwatch_flow import step

        def uncalled():
            "old"

        @step
        def answer():
            return uncalled.__doc__
        """)
    project.run("--precise")
    project.edit("pipeline.py", '"old"', '"new"')
    assert project.run("--precise").executed == ["answer"]


def test_a_function_that_a_value_holds_counts(project: Any) -> None:
    project.write("tools.py", "def scale(x):\n    return x * 2\n")
    project.write("pipeline.py", """
        from deepwatch_flow import step
        import tools

        @step
        def chosen():
            return {"how": tools.scale}

        @step
        def answer(chosen):
            return chosen["how"](1)
        """)
    project.run("--precise")
    project.edit("tools.py", "x * 2", "x * 3")
    assert project.run("--precise").executed == ["chosen", "answer"]
    assert project.value("answer") == 3


def test_a_method_that_only_a_consumer_calls_runs_the_consumer(project: Any) -> None:
    project.write("shapes.py", """
        class Square:
            def __init__(self):
                self.side = 2

            def area(self):
                return self.side ** 2
        """)
    project.write("pipeline.py", """
        from deepwatch_flow import step
        from shapes import Square

        @step
        def square():
            return Square()

        @step
        def area(square):
            return square.area()
        """)
    project.run("--precise")
    project.edit("shapes.py", "** 2", "** 3")
    assert "area" in project.run("--precise").executed
    assert project.value("area") == 8


REFLECTED = {
    "a function in a table becomes a generator": (
        "def f(a):\n    return 1\nL = [f]\n", "[inspect.isgeneratorfunction(each) for each in tools.L]", "return 1", "yield 1"),
    "a method becomes a generator": (
        "class A:\n    def f(self):\n        return 1\n",
        "[inspect.isgeneratorfunction(each) for each in vars(tools.A).values()]", "return 1", "yield 1"),
    "a method comes that an alias of dir shows": (
        "class A:\n    def f(self):\n        return 1\nd = dir\n", "len(tools.d(tools.A))", "        return 1\n",
        "        return 1\n    def g(self):\n        return 2\n"),
    "a method comes that a getter made at load asks for": (
        "import operator\nclass A:\n    def f(self):\n        return 1\n    def __getattr__(self, name):\n        return 3\n"
        "get = operator.attrgetter('g')\n", "get_of_tools()", "        return 1\n", "        return 1\n    g = 4\n"),
}


@pytest.mark.parametrize("case", sorted(REFLECTED))
def test_what_looks_at_functions_and_names_sees_the_change(project: Any, case: str) -> None:
    tools, asked, old, new = REFLECTED[case]
    project.write("tools.py", tools)
    project.write("pipeline.py", f"import inspect\nimport tools\nfrom deepwatch_flow import step\n"
                                 f"def get_of_tools(): return tools.get(tools.A())\n@step\ndef s():\n    return {asked}\n")
    project.run("--precise")
    before = project.value("s")
    project.edit("tools.py", old, new)
    assert project.run("--precise").outcomes == {"s": "ran"}
    assert project.value("s") != before
