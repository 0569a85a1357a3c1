"""`run --pdb` opens the debugger in a step that failed; `debug STEP` calls a step under it."""
from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Tuple

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent.parent
PIPELINE = """
    from deepwatch_flow import Each, Product, sh, step
    import helper

    @step
    def load():
        return [1, 2]

    @step(retries=2)
    def clean(load):
        factor = 7
        return helper.halves(load) + factor

    @step
    async def later(load, n=Each([1, 2])):
        n += 1
        return sum(load) / n

    @step
    def write(load, out=Product("out/a.txt")):
        out.write_text(str(load))

    bad = sh("echo hello >&2; exit 3", name="bad")
"""


@pytest.fixture
def failing(project: Any) -> Any:
    project.write("pipeline.py", PIPELINE)
    project.write("helper.py", """
        import json


        def halves(rows):
            secret = len(rows) + 40
            return json.loads("{" + str(rows))
    """)
    return project


def environment() -> Any:
    return {**{name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}, "PYTHONPATH": str(REPOSITORY)}


def typed(project: Any, lines: str, *words: str) -> Tuple[int, str, str]:
    done = subprocess.run([sys.executable, "-m", "deepwatch_flow", *words], cwd=str(project.root), env=environment(),
                          input=lines, stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True, timeout=120, check=False)
    return done.returncode, done.stdout, done.stderr


def test_pdb_stops_in_the_users_frame_with_the_real_values_and_the_run_goes_on(failing: Any) -> None:
    code, out, err = typed(failing, "p secret\nup\np ('here', factor, load)\nup\nq\n", "run", "--pdb", "-j", "3", "clean", "write")
    assert code == 1
    assert "`clean` failed: JSONDecodeError" in out
    assert "(Pdb) 42" in out
    assert "('here', 7, [1, 2])" in out
    assert "Oldest frame" in out        # ours are not among them
    assert "without 3 jobs, the retries of `clean`" in err
    assert "failed  clean" in err
    assert "ran  write" in err


def test_pdb_is_not_opened_where_nothing_fails(failing: Any) -> None:
    code, out, _ = typed(failing, "", "run", "--pdb", "write")
    assert (code, out) == (0, "")


def test_pdb_leads_to_the_users_code_through_an_error_that_only_wraps(project: Any) -> None:
    project.write("pipeline.py", """
        import concurrent.futures
        from deepwatch_flow import step

        def inner(x):
            marker = x + 1
            raise ValueError(x)

        @step
        def thread():
            with concurrent.futures.ThreadPoolExecutor(1) as pool:
                return pool.submit(inner, 41).result()
    """)
    code, out, _ = typed(project, "p marker\nq\n", "run", "--pdb")
    assert (code, "(Pdb) 42" in out) == (1, True)


def test_debug_stops_at_the_first_line_and_records_nothing(failing: Any) -> None:
    failing.cli("run", "load")
    before = failing.lock
    code, out, err = typed(failing, "p load\nn\np ('here', factor)\nc\nq\n", "debug", "clean")
    assert code == 1
    assert "clean()" in out
    assert "(Pdb) [1, 2]" in out
    assert "('here', 7)" in out
    assert "`clean` failed: JSONDecodeError" in out
    assert failing.lock == before
    assert failing.status().verdicts["clean"] == "stale"
    assert failing.cli("log").stdout.count("\n") == 1, err


def test_debug_on_error_opens_only_where_it_fails(failing: Any) -> None:
    failing.cli("run", "load")
    assert typed(failing, "p secret\nq\n", "debug", "--on-error", "clean")[:2][1].count("(Pdb)") == 2
    code, out, err = typed(failing, "", "debug", "--on-error", "later[2]")
    assert (code, out) == (0, "")
    assert "returned a value of type float; nothing was recorded" in err


def test_debug_takes_an_instance_of_an_async_step(failing: Any) -> None:
    failing.cli("run", "load")
    code, out, err = typed(failing, "p ('here', load, n)\nc\n", "debug", "later[2]")
    assert (code, "('here', [1, 2], 2)" in out) == (0, True), err


def test_debug_leaves_the_products_of_a_step_alone(failing: Any) -> None:
    failing.cli("run", "write")
    failing.path("out/a.txt").write_text("mine")
    code, _, err = typed(failing, "c\n", "debug", "write")
    assert (code, failing.read("out/a.txt")) == (0, "mine"), err


def test_leaving_the_debugger_is_no_failure(failing: Any) -> None:
    failing.cli("run", "load")
    code, _, err = typed(failing, "q\n", "debug", "clean")
    assert code == 0
    assert "was left before its end" in err


@pytest.mark.parametrize(("step", "told"), [
    ("clean", "`clean` needs `load`, which is not up to date"), ("later", "has instances"), ("later[9]", "no instance `later[9]`"),
    ("cleen", "did you mean `clean`?"),
])
def test_what_can_not_be_debugged_is_told(failing: Any, step: str, told: str) -> None:
    if step != "clean":
        failing.cli("run", "load")
    code, out, err = typed(failing, "", "debug", step)
    assert code in (2, 4)
    assert told in err
    assert "hint: " in err
    assert out == ""


@pytest.mark.skipif(os.name == "nt", reason="there are no pseudo-terminals")
def test_pdb_works_in_a_terminal_where_the_display_is_live(failing: Any) -> None:
    pty = pytest.importorskip("pty")
    parent, child = pty.openpty()
    process = subprocess.Popen([sys.executable, "-m", "deepwatch_flow", "run", "--pdb", "clean"], cwd=str(failing.root),
                               env={**environment(), "TERM": "xterm"}, stdin=child, stdout=child, stderr=child)
    os.close(child)
    os.write(parent, b"p secret\nq\n")
    said = b""
    while True:
        try:
            more = os.read(parent, 4096)
        except OSError:         # the other end is closed
            break
        if not more:
            break
        said += more
    os.close(parent)
    assert process.wait(60) == 1
    assert b"42\r\n" in said
    assert b"failed" in said
