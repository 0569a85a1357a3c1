"""Choosing steps by names, patterns, tags, what lies below and what does not count."""
from __future__ import annotations

from types import SimpleNamespace
from typing import Any, Dict, Sequence, Tuple

import pytest

from deepwatch_flow.errors import ConfigError
from deepwatch_flow.pipeline.selection import chosen

NODES: Dict[str, Any] = {
    "load": SimpleNamespace(files={}, products={}, tags=("slow",), each={}, outputs=()),
    "clean": SimpleNamespace(files={}, products={"out": "out/clean.csv"}, tags=(), each={}, outputs=()),
    "fit": SimpleNamespace(files={}, products={}, tags=("slow", "gpu"), each={"country": {"de": 1}}, outputs=()),
    "plot": SimpleNamespace(files={}, products={}, tags=(), each={}, outputs=()),
    "cut": SimpleNamespace(files={}, products={}, tags=(), each={}, outputs=("train", "test")),
    "odd+name": SimpleNamespace(files={}, products={}, tags=(), each={}, outputs=()),
}
USERS = {"load": ("clean",), "clean": ("fit", "plot"), "fit": (), "plot": (), "cut": (), "odd+name": ()}


@pytest.mark.parametrize("words, names", [
    (("clean",), ("clean",)), (("+clean",), ("clean",)), (("clean+",), ("clean", "fit", "plot")), (("*l*",), ("load", "clean", "plot")),
    (("@slow",), ("load", "fit")), (("@slow", "!fit"), ("load",)), (("load+", "!@slow"), ("clean", "plot")),
    (("out/clean.csv",), ("clean",)), (("fit[de]",), ("fit[de]",)), (("odd+name",), ("odd+name",)),
    (("!plot",), ("load", "clean", "fit", "cut", "odd+name")), (("load", "!load"), ()), (("clean+", "!p*"), ("clean", "fit")),
    (("cut.train",), ("cut",)), (("cut[test]",), ("cut",)), (("!cut.test", "clean"), ("clean",)),
])
def test_words_and_what_they_name(words: Sequence[str], names: Tuple[str, ...]) -> None:
    assert chosen(words, NODES, USERS.__getitem__) == names


@pytest.mark.parametrize("word, hint", [("claen", "did you mean `clean`"), ("@slwo", "did you mean `slow`"), ("!claen", "did you mean"),
                                        ("plot[de]", "did you mean"), ("cut.tran", "did you mean `train`"), ("cut.zz", "its outputs: train, test"), ("@", "the tags: gpu, slow"), ("+", "the steps:"), ("!", "the steps:")])
def test_a_word_that_fits_nothing_is_an_error(word: str, hint: str) -> None:
    with pytest.raises(ConfigError) as raised:
        chosen([word], NODES, USERS.__getitem__)
    assert hint in str(raised.value.hint)
