"""``deepwatch verify``: which steps give something else, where it first differs, and nothing touched."""
from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Dict, List

import pytest

PIPELINE = """
    import os
    import random
    import time

    from deepwatch_flow import File, Product, step

    class Model:
        def __init__(self, weights):
            self.weights = weights
            self.size = 3

    @step
    def words(source=File("data/words.txt")):
        return source.read_text().split()

    @step
    def shuffled(words):
        return {"order": list(set(words)), "count": len(words)}

    @step
    def first(shuffled):
        return shuffled["order"][0], shuffled["count"]

    @step
    def model(words):
        return Model({"bias": 0.5, "slope": random.random()})

    @step
    def report(model, text=Product("out/report.txt"), raw=Product("out/raw.bin")):
        text.write_text(f"a report\\n{time.time()!r}\\n")
        raw.write_bytes(b"12345" + os.urandom(16))

    @step
    def copied(report, text=File("out/report.txt")):
        return text.read_text()
    """
WORDS = "one two three four five six seven eight nine ten eleven twelve"


@pytest.fixture
def done(project: Any) -> Any:
    project.write("pipeline.py", PIPELINE)
    project.write("data/words.txt", WORDS)
    project.run()
    return project


def verify(project: Any, *args: str, code: int) -> Dict[str, Any]:
    done = project.cli("verify", "--json", *args)
    assert done.code == code, done.stderr + done.stdout
    return {each["name"]: each for each in done.document["steps"]}


def outcomes(found: Dict[str, Any]) -> Dict[str, str]:
    return {name: each["outcome"] for name, each in found.items()}


def tree(root: Path) -> Dict[str, object]:
    """Every file of a project and what is in it, without what a command that only looks may touch."""
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*"))
            if path.is_file() and not path.name.startswith(("state.db", "mutex", "watchlist"))}


def test_the_culprits_are_named_and_not_what_follows_them(done: Any) -> None:
    found = verify(done, code=1)
    assert outcomes(found) == {"words": "reproducible", "shuffled": "differs", "first": "reproducible",
                               "model": "differs", "report": "differs", "copied": "reproducible"}


def test_the_places_are_told(done: Any) -> None:
    found = verify(done, code=1)
    assert found["shuffled"]["differences"][0]["path"].startswith("['order'][")
    (place,) = found["model"]["differences"]
    assert place["path"] == ".weights['slope']"
    assert float(place["old"]) != float(place["new"])
    raw, text = found["report"]["products"]
    assert (raw["file"], raw["text"][:8]) == ("out/raw.bin", "byte 5: ")
    assert (text["file"], text["text"][:8]) == ("out/report.txt", "line 2, ")
    assert found["words"]["now"] == found["words"]["locked"]
    plain = done.cli("verify", "model")
    assert "value.weights['slope']: 0." in plain.stdout
    assert plain.stdout.endswith("1 differs\n")


def test_nothing_of_the_project_is_changed(done: Any) -> None:
    before = tree(done.root)
    verify(done, code=1)
    assert tree(done.root) == before
    assert done.status("--check").verdicts["copied"] == "fresh"
    assert done.run("--locked").executed == []


def test_nothing_is_left_behind(done: Any, tmp_path: Path) -> None:
    place = tmp_path / "temporary"
    place.mkdir()
    assert done.cli("verify", env={"TMPDIR": str(place), "TEMP": str(place)}).code == 1
    assert list(place.iterdir()) == []


@pytest.mark.skipif(os.name == "nt", reason="no signals")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_nothing_is_left_behind_when_it_is_stopped(done: Any, tmp_path: Path, number: int, code: int) -> None:
    place = tmp_path / "temporary"
    place.mkdir()
    done.write("pipeline.py", """
        import os
        import time
        from deepwatch_flow import step

        @step
        def slow():
            if "deepwatch-verify" in os.getcwd():
                with open(os.environ["MARKER"], "w"):
                    pass
                time.sleep(100)
            return 1
        """)
    marker = tmp_path / "started"
    done.run(env={"MARKER": str(marker)})
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parent.parent.parent), "TMPDIR": str(place), "MARKER": str(marker)}
    running = subprocess.Popen([sys.executable, "-m", "deepwatch_flow", "verify"], cwd=str(done.root), env=environ,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not marker.exists() and running.poll() is None:
        time.sleep(0.05)
    running.send_signal(number)
    assert running.wait(60) == code
    assert list(place.iterdir()) == []


def test_some_steps(done: Any) -> None:
    assert outcomes(verify(done, "words", "first", code=0)) == {"words": "reproducible", "first": "reproducible"}
    assert outcomes(verify(done, "mod*", code=1)) == {"model": "differs"}
    assert "there is no step `nothing`" in done.cli("verify", "nothing").stderr


def test_another_hash_seed(project: Any) -> None:
    project.write("pipeline.py", """
        import os
        from deepwatch_flow import step

        @step
        def seed():
            return hash("text")
        """)
    project.run(env={"PYTHONHASHSEED": "7"})
    done = project.cli("verify", "--json", env={"PYTHONHASHSEED": "7"})
    assert done.code == 1
    assert done.document["hash_seed"] != "7"


def test_a_step_that_fails_in_a_clean_place(done: Any) -> None:
    done.write("pipeline.py", """
        from pathlib import Path
        from deepwatch_flow import step

        @step
        def lonely():
            marker = Path(__file__).resolve().parent / "beside"
            if not marker.exists():
                raise RuntimeError(f"no {marker.name}")
            return 1

        @step
        def other():
            return 2

        @step
        def dies():
            import os
            if "deepwatch-verify" in os.getcwd():
                os._exit(3)
            return 3
        """)
    done.path("beside").mkdir()     # no file: it is not copied
    done.run()
    found = verify(done, code=1)
    assert outcomes(found) == {"lonely": "failed", "other": "reproducible", "dies": "failed"}
    assert "no beside" in found["lonely"]["why"]
    assert "died" in found["dies"]["why"]
    plain = done.cli("verify", "lonely")
    assert 'File "pipeline.py", line 8' in plain.stdout
    assert "deepwatch-verify" not in plain.stdout


def test_steps_that_are_out_of_date_are_not_compared(done: Any) -> None:
    done.edit("pipeline.py", "source.read_text().split()", "source.read_text().split()[:3]")
    found = verify(done, "words", "first", code=3)
    assert outcomes(found) == {"words": "unverified", "first": "reproducible"}
    assert "out of date: its code changed" in found["words"]["why"]
    done.path("deepwatch.lock").unlink()
    assert "there is no `deepwatch.lock`" in done.cli("verify").stderr


def test_a_lost_value_of_an_upstream_step(done: Any) -> None:
    shutil.rmtree(str(done.path(".deepwatch/objects")))
    found = verify(done, "words", "first", code=3)
    assert outcomes(found) == {"words": "reproducible", "first": "unverified"}
    assert "what `shuffled` gave is not stored here" in found["first"]["why"]
    # that it differs is seen by the digests alone
    found = verify(done, "words", code=0)


def test_a_lost_value_that_differs(done: Any) -> None:
    lock = done.lock.decode()
    block = lock[lock.index('[steps."model"]'):]
    blob = block[block.index('blob = "') + 8:][:64]
    os.chmod(str(done.path(f".deepwatch/objects/{blob[:2]}/{blob[2:]}")), 0o644)
    done.path(f".deepwatch/objects/{blob[:2]}/{blob[2:]}").unlink()
    (place,) = verify(done, "model", code=1)["model"]["differences"]
    assert "the one in the lockfile is not stored here" in place["text"]


def test_an_accepted_change_is_put_to_the_test(done: Any) -> None:
    done.edit("pipeline.py", "source.read_text().split()", "source.read_text().split(' ')")
    assert done.cli("accept", "words", "--reason", "the same for these words").code == 0
    found = verify(done, "words", code=0)
    assert found["words"]["accepted"][0]["reason"] == "the same for these words"
    done.cli("accept", "words", "--undo")
    done.edit("pipeline.py", "split(' ')", "split(' ')[::-1]")
    assert done.cli("accept", "words", "--reason", "it is not").code == 0
    assert outcomes(verify(done, "words", code=1)) == {"words": "differs"}


def test_a_project_in_a_repository(done: Any) -> None:
    def git(*words: str) -> None:
        subprocess.run(["git", "-c", "user.name=n", "-c", "user.email=e@x.org", *words], cwd=str(done.root), check=True,
                       stdout=subprocess.DEVNULL)

    done.write(".gitignore", "data/\nout/\n.deepwatch/\nignored.txt\nhuge.bin\nsettings.txt\n")
    done.write("settings.txt", "5")
    done.edit("pipeline.py", "class Model:", "SETTINGS = int(open('settings.txt').read())\n\nclass Model:")
    done.write("ignored.txt", "it is read all the same")
    done.write("huge.bin", "nobody reads this")
    done.edit("pipeline.py", "return text.read_text()", 'return text.read_text() + open("ignored.txt").read() + str(os.path.exists("huge" + ".bin"))')
    git("init", "-q")
    git("add", "-A")
    git("commit", "-qm", "all")
    done.run()
    # what is tracked, what is declared, and what a step was seen to read is there
    assert outcomes(verify(done, "words", "copied", code=0)) == {"words": "reproducible", "copied": "reproducible"}


def test_links(done: Any, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "table.txt").write_text("far")
    try:
        os.symlink(str(elsewhere / "table.txt"), str(done.path("far.txt")))
        os.symlink(str(done.path("data/words.txt")), str(done.path("near.txt")))
        os.symlink("data", str(done.path("folder")))
    except OSError:
        pytest.skip("no links here")
    done.write("pipeline.py", """
        import os
        from deepwatch_flow import File, step

        @step
        def linked(far=File("far.txt"), near=File("near.txt"), deep=File("folder/words.txt")):
            inside = os.path.realpath("near.txt").startswith(os.path.realpath(os.getcwd()))
            return far.read_text(), near.read_text(), deep.read_text(), inside
        """)
    done.run()
    assert outcomes(verify(done, code=0)) == {"linked": "reproducible"}


def test_modules_in_folders_and_params(project: Any) -> None:
    project.write("lab/__init__.py", "")
    project.write("lab/parts.py", "import os\n\ndef where():\n    return os.path.basename(os.path.dirname(os.path.abspath(__file__)))\n")
    project.write("deepwatch.toml", "[steps.only.params]\ntimes = 3\n")
    project.write("pipeline.py", """
        from deepwatch_flow import step
        from lab.parts import where

        @step
        def only(times=1):
            import lab.parts
            assert lab.parts.__file__.startswith(__file__.rpartition("/")[0])
            return [where()] * times
        """)
    project.run()
    assert outcomes(verify(project, code=0)) == {"only": "reproducible"}
    (project.path("nothing")).mkdir()
    assert project.cli("verify", cwd=project.path("nothing")).code == 0


def test_a_frame(project: Any) -> None:
    pytest.importorskip("pandas")
    project.write("pipeline.py", """
        import random
        import pandas as pd
        from deepwatch_flow import step

        @step
        def table():
            return pd.DataFrame({"same": [1, 2], "noise": [0.0, random.random()]}, index=["a", "b"])
        """)
    project.run()
    places: List[Any] = verify(project, code=1)["table"]["differences"]
    assert [each["path"] for each in places] == ["['noise']"]
    assert places[0]["text"].startswith("row 1 (index 'b'): ")


FAILS = """
    import os
    from deepwatch_flow import Each, step

    @step(observe=False)
    def many(n=Each(range(3))):
        print("step", n, "prints")
        os.system("echo its child prints")
        if os.path.exists("bad"):
            raise ValueError("no")
        return n

    @step(observe=False)
    def chatty():
        print("chatty prints")
        return 1
    """


def test_what_steps_print_is_captured_and_told_of_those_that_fail(project: Any) -> None:
    project.write("pipeline.py", FAILS)
    project.run()
    done = project.cli("verify")
    assert done.code == 0 and "prints" not in done.stdout + done.stderr
    assert "chatty prints" in project.cli("verify", "-v", "chatty").stdout
    project.write("bad", "")
    done = project.cli("verify")
    assert done.code == 1 and "prints" not in done.stderr
    assert "| step 1 prints" in done.stdout and "| its child prints" in done.stdout and "chatty" in done.stdout
    assert "chatty prints" not in done.stdout
    steps = project.cli("verify", "--json").steps
    assert steps["many[2]"]["printed"].splitlines() == ["step 2 prints", "its child prints"]


def test_a_traceback_that_several_instances_have_is_shown_once(project: Any) -> None:
    project.write("pipeline.py", FAILS)
    project.run()
    project.write("bad", "")
    for done in (project.cli("verify"), project.cli("run", "--force", "many")):
        told = done.stdout + done.stderr
        assert told.count("Traceback (most") == 1 and told.count("| the same traceback as of `many[0]`") == 2, told
        assert told.count("ValueError: no") == 4            # and one a line of a step
