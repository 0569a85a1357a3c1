"""Loading a pipeline file and collecting its steps."""
from __future__ import annotations

import sys
import textwrap
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, Optional, Tuple

import pytest

from deepwatch_flow.errors import ConfigError, PipelineError
from deepwatch_flow.loading.importing import ImportWorld
from deepwatch_flow.loading.origin import Origins
from deepwatch_flow.loading.snapshot import Snapshot
from deepwatch_flow.model import Boundary
from deepwatch_flow.pipeline.loader import load_pipeline
from deepwatch_flow.pipeline.step import Step, step

Load = Callable[..., Tuple[Step, ...]]


@pytest.fixture
def load(tmp_path: Path) -> Iterator[Load]:
    """Write files, then load a pipeline of them in a world of its own."""
    def loaded(files: Dict[str, str], path: str = "pipeline.py", collector: Any = None) -> Tuple[Step, ...]:
        for name, text in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(textwrap.dedent(text), encoding="utf-8")
        root = str(tmp_path)
        with ImportWorld(Snapshot(), Origins(Boundary(root)), root) as world:
            return load_pipeline(world, path, collector)

    before = set(sys.modules)
    yield loaded
    assert not {"pipeline", "parts", "work"} & (set(sys.modules) - before)


def names(steps: Tuple[Step, ...]) -> Tuple[str, ...]:
    return tuple(each.name for each in steps)


def test_steps_come_in_the_order_in_which_they_are_made(load: Load) -> None:
    assert names(load({"pipeline.py": """
        from deepwatch_flow import step

        @step
        def zulu(): ...

        for n in range(2):
            step(name=f"loop {n}")(lambda: 0)

        @step
        def alpha(zulu): ...
        """})) == ("zulu", "loop 0", "loop 1", "alpha")


def test_steps_of_imported_modules_and_packages_belong_to_the_pipeline(load: Load) -> None:
    assert names(load({
        "pipeline.py": "from parts.one import first\nimport work\n",
        "parts/__init__.py": "",
        "parts/one.py": "from deepwatch_flow import step\nfrom .two import second\n@step\ndef first(): ...\n",
        "parts/two.py": "from deepwatch_flow import step\n@step\ndef second(): ...\n",
        "work.py": "from deepwatch_flow import step\ndef third(): ...\nstep(third)\n",
    })) == ("second", "first", "third")


def test_loading_again_gives_the_steps_as_the_files_are_then(load: Load) -> None:
    text = "from deepwatch_flow import step\n@step\ndef {}(): ...\n"
    assert names(load({"pipeline.py": "import work\n", "work.py": text.format("one")})) == ("one",)
    assert names(load({"work.py": text.format("two")})) == ("two",)


def test_a_pipeline_in_a_folder_finds_what_lies_beside_it(load: Load) -> None:
    assert names(load({"flows/main.py": "import beside\n",
                       "flows/beside.py": "from deepwatch_flow import step\nstep(name='x')(len)\n"}, "flows/main.py")) == ("x",)


def test_a_plugin_collects_from_another_kind_of_file(load: Load, tmp_path: Path) -> None:
    asked = []

    def collector(path: str) -> Optional[Any]:
        asked.append(path)
        return [step(len, name="made"), step(len, name="more")]

    assert names(load({"pipeline.yaml": "x"}, "pipeline.yaml", collector)) == ("made", "more")
    assert asked == [str(tmp_path / "pipeline.yaml")]


def test_no_file(load: Load) -> None:
    with pytest.raises(PipelineError) as raised:
        load({})
    assert "pipeline.py" in raised.value.message
    assert "deepwatch init" in (raised.value.hint or "")


def test_a_folder_is_no_pipeline(load: Load) -> None:
    with pytest.raises(PipelineError):
        load({"flow/x.py": ""}, "flow")


def test_a_kind_of_file_that_no_plugin_knows(load: Load) -> None:
    for collector in (None, lambda path: None):
        with pytest.raises(PipelineError, match="plugin"):
            load({"pipeline.yaml": "x"}, "pipeline.yaml", collector)


@pytest.mark.parametrize("text", ["", "x = 1\n", "from deepwatch_flow import step\n"])
def test_no_steps(load: Load, text: str) -> None:
    with pytest.raises(PipelineError) as raised:
        load({"pipeline.py": text})
    assert "no steps" in raised.value.message
    assert "@step" in (raised.value.hint or "")


@pytest.mark.parametrize(("text", "told"), [
    ("def f(:\n", "pipeline.py:1"),
    ("\n\nimport nowhere_at_all\n", "pipeline.py:3"),
    ("\n1 / 0\n", "pipeline.py:2"),
    ("raise SystemExit(3)\n", "pipeline.py:1"),
    ("from deepwatch_flow import step\nstep(3)\n", "pipeline.py:2"),
])
def test_an_error_while_loading_names_file_and_line(load: Load, text: str, told: str) -> None:
    with pytest.raises(PipelineError) as raised:
        load({"pipeline.py": text})
    assert told in raised.value.message
    assert raised.value.hint
    assert "deepwatch_flow" not in (raised.value.traceback or "").replace("from deepwatch_flow import", "")


def test_an_error_in_a_helper_names_the_helper(load: Load) -> None:
    with pytest.raises(PipelineError, match=r"parts/two\.py:2"):
        load({"pipeline.py": "import parts.two\n", "parts/__init__.py": "", "parts/two.py": "x = 1\nx.y\n"})


def test_an_interrupt_stays_an_interrupt(load: Load) -> None:
    with pytest.raises(KeyboardInterrupt):
        load({"pipeline.py": "raise KeyboardInterrupt\n"})


def test_other_errors_of_ours_stay_what_they_are(load: Load) -> None:
    with pytest.raises(ConfigError):
        load({"pipeline.py": "from deepwatch_flow.errors import ConfigError\nraise ConfigError('x')\n"})
