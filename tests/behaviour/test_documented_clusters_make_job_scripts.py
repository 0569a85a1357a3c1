"""The clusters that docs/clusters.md shows can be made, and ask for what the text says."""
from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from docs_blocks import blocks

pytest.importorskip("dask_jobqueue", reason="dask-jobqueue is not installed")

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "clusters.md"


def documented() -> str:
    """The block of the document, up to where jobs would be submitted."""
    text = next(block.text for block in blocks(DOCUMENT.read_text(encoding="utf-8")) if "SLURMCluster(" in block.text)
    assert "cluster.adapt(" in text
    return text.partition("cluster.adapt(")[0]


@pytest.mark.parametrize(("kind", "asks"), [("SLURMCluster", "#SBATCH -p cpu"), ("PBSCluster", "#PBS -q cpu")])
def test_the_job_script_starts_a_worker_with_one_thread_and_its_resources(tmp_path: Path, kind: str, asks: str) -> None:
    script = tmp_path / "made.py"
    made = documented().replace("SLURMCluster", kind).replace("import PBSCluster      # PBSCluster", "import PBSCluster  # SLURMCluster")
    script.write_text(made + "print(cluster.job_script())\ncluster.close()\n")
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, cwd=tmp_path, timeout=60)
    assert done.returncode == 0, done.stderr
    assert asks in done.stdout
    assert "--nthreads 1 " in done.stdout
    assert "--resources memory=8e9" in done.stdout
    assert "distributed.cli.dask_worker tcp://" in done.stdout
