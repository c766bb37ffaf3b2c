"""`edgehand report`, whole: what ships, on tiny data."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from edgehand import models

WITHOUT_TORCH = """
import sys
from edgehand.cli import main
code = main(sys.argv[1:])
assert "torch" not in sys.modules
sys.exit(code)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, write_dataset: Any) -> Path:
    """A report of the model that ships, which is its own reference."""
    root = tmp_path_factory.mktemp("report")
    data = write_dataset(root / "data", "coco", hands=4)
    command = [sys.executable, "-c", WITHOUT_TORCH, "report", "--model", str(models.int8_model())]
    command += ["--data", f"coco:{data}", "--threads", "1", "-o", str(root / "out")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return root / "out"


def test_a_report_without_torch(folder: Path) -> None:
    content = json.loads((folder / "report.json").read_text())
    (row,) = content["artifacts"]
    assert row["name"] == content["reference"] == "tflite int8"
    assert row["size"] == models.int8_model().stat().st_size
    assert content["hands"] == 4
    assert row["verdict"]["sentence"] in (folder / "report.html").read_text()
    assert row["verdict"]["sentence"] in (folder / "report.md").read_text()
