"""Observations one after the other, one inside the other, and what is left of them."""
from __future__ import annotations

import importlib
import os
import pickle
import sys
import threading
from pathlib import Path
from typing import Any, Iterator, Tuple

import pytest
from observed import Place, names

from deepwatch_flow.observation import recorder
from deepwatch_flow.observation.environment import Environment
from deepwatch_flow.observation.findings import NOW
from deepwatch_flow.observation.modules import AskedModules
from deepwatch_flow.observation.probes import Probes
from deepwatch_flow.observation.recorder import Recorder
from deepwatch_flow.observation.seen import EMPTY


@pytest.fixture
def place(tmp_path: Path, monkeypatch: Any) -> Iterator[Place]:
    monkeypatch.chdir(tmp_path)
    made = Place(tmp_path)
    made.write("a.txt")
    made.write("b.txt")
    with made.recorder:
        yield made


def test_what_is_seen_can_be_pickled(place: Place) -> None:
    own = place.code("import os\ndef f():\n    open('a.txt').close()\n    os.environ.get('SEEN_X')\n")
    seen = place.seen(own["f"])
    assert pickle.loads(pickle.dumps(seen)) == seen
    assert seen.reads
    assert seen.variables == {"SEEN_X": None}


def test_observations_share_nothing(place: Place) -> None:
    first = place.seen(lambda: (open("a.txt").close(), os.getenv("SEEN_X")))
    second = place.seen(lambda: open("b.txt").close())
    assert (place.below(first.reads), place.below(second.reads)) == ({"a.txt"}, {"b.txt"})
    assert second.variables == {}


def test_the_inner_observation_belongs_to_the_outer_one(place: Place) -> None:
    with place.recorder.observing() as outer:
        open("a.txt").close()
        with pytest.raises(ValueError), place.recorder.observing() as inner:
            open("b.txt").close()
            os.getenv("SEEN_X")
            raise ValueError
        os.path.exists("c")
    assert (place.below(inner().reads), place.below(inner().absent)) == ({"b.txt"}, set())
    assert (place.below(outer().reads), place.below(outer().absent)) == ({"a.txt", "b.txt"}, {"c"})
    assert outer().variables == {"SEEN_X": None}


def test_two_recorders(place: Place) -> None:
    other = Recorder(place.origins, place.recorder.wants)
    with place.recorder.observing() as outer:
        with other, other.observing() as inner:
            open("b.txt").close()
        open("a.txt").close()
        os.stat("b.txt")
    assert place.below(inner().reads) == {"b.txt"}
    assert place.below(outer().reads) == {"a.txt", "b.txt"}
    assert place.below(outer().sized) == {"b.txt"}


def exchanged() -> Tuple[Any, ...]:
    environ: Any = os.environ
    return (os.stat, environ._data, sys.getprofile(), getattr(threading, "_profile_hook", None),
            vars(vars(importlib)["_bootstrap"])["_gcd_import"])


def test_nothing_is_left_of_an_observation(tmp_path: Path) -> None:
    before = exchanged()
    monitoring: Any = getattr(sys, "monitoring", None)
    tools = [monitoring.get_tool(tool) for tool in range(6)] if monitoring else []
    place = Place(tmp_path)
    with place.recorder:
        with pytest.raises(SystemExit):
            place.seen(sys.exit)
        assert not any(ours == theirs for ours, theirs in zip(exchanged()[::4], before[::4]))
        assert NOW.active is None
    assert exchanged() == before
    assert tools == ([monitoring.get_tool(tool) for tool in range(6)] if monitoring else [])
    place.recorder.close()      # once more does no harm


def test_a_recorder_may_be_used_again_after_it_was_closed(place: Place) -> None:
    place.recorder.close()
    assert place.below(place.seen(lambda: open("a.txt").close()).reads) == {"a.txt"}


def test_threads_of_the_step_are_observed(place: Place) -> None:
    def step() -> None:
        thread = threading.Thread(target=lambda: (open("a.txt").close(), os.getenv("SEEN_X")))
        thread.start()
        thread.join()

    seen = place.seen(step)
    assert place.below(seen.reads) == {"a.txt"}
    assert seen.variables == {"SEEN_X": None}


def test_asking_for_what_was_seen_is_not_seen(place: Place) -> None:
    first = place.seen(lambda: open("a.txt").close())
    with place.recorder.observing() as outer:
        place.recorder.observing()
    assert outer()._replace(codes=frozenset()) == EMPTY
    assert place.below(first.reads) == {"a.txt"}


def test_many_observations(place: Place) -> None:
    own = place.code("def f(): return 1\n")
    assert {frozenset(names(place.seen(own["f"]))) for _ in range(300)} == {frozenset({"f"})}


@pytest.mark.parametrize("where", [(AskedModules, "install"), (Probes, "install"), (Environment, "install"), (recorder, "install_forks")])
def test_an_interrupt_while_it_is_installed_leaves_nothing_and_the_next_one_sees(where: Any, place: Place, monkeypatch: Any) -> None:
    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    before = exchanged()
    with monkeypatch.context() as patched:
        patched.setattr(*where, interrupted)
        with pytest.raises(KeyboardInterrupt), place.recorder:
            place.recorder.observing()
    assert exchanged() == before
    own = place.code("import os\ndef f():\n    os.stat('a.txt')\n    os.environ.get('SEEN_X')\n")
    seen = place.seen(own["f"])
    assert seen.variables == {"SEEN_X": None}
    assert place.below(seen.sized) == {"a.txt"}
