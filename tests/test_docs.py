"""The documents do not lie: their code blocks run, their links lead somewhere."""
from __future__ import annotations

import re
from pathlib import Path

import pytest
from docs_blocks import REPOSITORY, Scratch, blocks

DOCUMENTS = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md")),
             *sorted((REPOSITORY / "examples").glob("*/README.md"))]
NAMES = [str(path.relative_to(REPOSITORY)) for path in DOCUMENTS]


@pytest.mark.parametrize("document", DOCUMENTS, ids=NAMES)
def test_the_blocks_of_a_document_run(document: Path, tmp_path: Path) -> None:
    scratch = Scratch(tmp_path)
    for block in blocks(document.read_text(encoding="utf-8")):
        try:
            scratch.do(block)
        except AssertionError as error:
            pytest.fail(f"{document.name}:{block.line}: {error}", pytrace=False)


@pytest.mark.parametrize("document", DOCUMENTS, ids=NAMES)
def test_the_links_of_a_document_lead_to_files(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    targets = [target.split("#")[0] for target in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in target]
    assert [target for target in targets if target and not (document.parent / target).exists()] == []


def test_the_architecture_fits_on_a_page() -> None:
    text = (REPOSITORY / "docs" / "architecture.md").read_text(encoding="utf-8")
    assert text.count("\n") <= 60


def test_a_wrong_block_is_noticed(tmp_path: Path) -> None:
    scratch = Scratch(tmp_path)
    for wrong in ("```python\nassert False\n```", "```console\n$ false\n```", "```console\n$ echo a\nb\n```"):
        (block,) = blocks(wrong)
        with pytest.raises(AssertionError):
            scratch.do(block)
