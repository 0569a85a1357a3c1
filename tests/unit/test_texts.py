"""Many texts in a row are digested as a whole: the same for each way in which they are kept and cut."""
from __future__ import annotations

import pathlib

import pytest

from deepwatch_flow.hashing import arrow, texts
from deepwatch_flow.hashing.frames import digest_frame
from deepwatch_flow.hashing.values import ValueHasher

WORDS = [f"word {i}" for i in range(100)]
digest = ValueHasher(digesters=[digest_frame]).digest


def in_pieces(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr(texts, "PIECE", size)
    monkeypatch.setattr(arrow, "PIECE", size)


@pytest.mark.parametrize("words", [WORDS, [f"w\u00f6rd {i}" for i in range(100)], [*WORDS, "\ud800", "\udc00"],
                                   [*WORDS, "\u00f6", ""], [""] * 64])
def test_the_pieces_in_which_they_are_read_do_not_count(monkeypatch, words):
    whole = digest(words)
    in_pieces(monkeypatch, 7)
    assert digest(words) == whole


def test_what_stands_among_them_counts_with_its_place():
    variants = [WORDS, [*WORDS, None], [None, *WORDS], [*WORDS, float("nan")], [*WORDS, 1], [*WORDS, True],
                [*WORDS, "None"], [*WORDS, b"x"], [*WORDS, pathlib.PurePosixPath("x")], [*WORDS, "x"]]
    assert len({digest(variant) for variant in variants}) == len(variants)


def test_those_below_the_root_are_the_same_in_another_checkout():
    def files(root: str) -> list:
        return [f"{root}/data/{i}.csv" for i in range(100)]

    here, there = ValueHasher("/home/a/project").digest, ValueHasher("/srv/b").digest
    for count in (100, 1):
        assert here([*WORDS, *files("/home/a/project")[:count]]) == there([*WORDS, *files("/srv/b")[:count]])
    assert here(files("/home/a/project")) != here(files("/data/100"))
    assert here(files("/home/a/project")) != here([name[len("/home/a/project"):] for name in files("/home/a/project")])
    # what only looks like it is text like any other
    assert here([*WORDS, "see /home/a/project/x", "/home/a/project2"]) == there(
        [*WORDS, "see /home/a/project/x", "/home/a/project2"])


def test_a_column_of_text_is_the_same_for_each_way_to_keep_it(monkeypatch):
    pandas, pyarrow = pytest.importorskip("pandas"), pytest.importorskip("pyarrow")
    words = [*WORDS, None, "/home/a/project/x", "\u00f6"]
    column = pandas.Series(words, dtype="string[python]")
    for root in (None, "/home/a/project"):
        hasher = ValueHasher(root, [digest_frame])
        kept = hasher.digest(column)
        assert hasher.digest(pandas.Series(words, dtype="string[pyarrow]")) == kept
        assert hasher.digest(column.iloc[::-1].iloc[::-1]) == kept
        chunks = pyarrow.chunked_array([pyarrow.array(words[:40]), pyarrow.array(words)[40:]])
        assert hasher.digest(chunks) == hasher.digest(pyarrow.chunked_array([words]))
    # it is stored as it is, so a path below the root is the text that it was
    assert ValueHasher("/home/a/project", [digest_frame]).digest(column) == digest(column)
    in_pieces(monkeypatch, 7)
    assert digest(column) == digest(pandas.Series(words, dtype="string[pyarrow]"))


def test_a_polars_column_of_text_is_the_same_with_and_without_arrow(monkeypatch):
    polars = pytest.importorskip("polars")
    series = polars.Series([*WORDS, None, "\u00f6"])
    kept = digest(series)
    in_pieces(monkeypatch, 7)  # more than a piece: read by way of Arrow
    assert digest(series) == kept
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    assert digest(series) == kept
