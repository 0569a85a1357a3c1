"""What an earlier execution wrote is no proof that this one wrote it."""
from __future__ import annotations

from pathlib import Path

from deepwatch_flow import run

WRITES = "from deepwatch_flow import Product, step\n@step\ndef report(out=Product('out/a.txt')):\n    out.write_text('one')\n    return 1\n"


def test_a_product_left_over_from_an_earlier_execution_does_not_count(tmp_path: Path) -> None:
    (tmp_path / "pipeline.py").write_text(WRITES)
    assert run(root=str(tmp_path)).ok
    (tmp_path / "pipeline.py").write_text(WRITES.replace("    out.write_text('one')\n", ""))
    report = run(root=str(tmp_path))
    assert report.outcome("report") == "failed"
    assert "did not write its product `out/a.txt`" in str(report.steps[0].error)


def test_a_product_that_was_edited_by_hand_stays_until_it_is_written_anew(tmp_path: Path) -> None:
    (tmp_path / "pipeline.py").write_text(WRITES)
    run(root=str(tmp_path))
    (tmp_path / "out" / "a.txt").write_text("mine")
    (tmp_path / "pipeline.py").write_text(WRITES.replace("    out.write_text('one')\n", "    raise ValueError\n"))
    run(root=str(tmp_path))
    assert (tmp_path / "out" / "a.txt").read_text() == "mine"


def test_undoing_the_edit_brings_the_product_back(tmp_path: Path) -> None:
    (tmp_path / "pipeline.py").write_text(WRITES)
    run(root=str(tmp_path))
    (tmp_path / "pipeline.py").write_text(WRITES.replace("    out.write_text('one')\n", ""))
    run(root=str(tmp_path))
    (tmp_path / "pipeline.py").write_text(WRITES)
    assert run(root=str(tmp_path)).outcome("report") == "restored"
    assert (tmp_path / "out" / "a.txt").read_text() == "one"
