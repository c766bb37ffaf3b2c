"""What a user of the device alone installs: small, without torch, and working."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.slow
@pytest.mark.xdist_group("install")
def test_a_plain_install_finds_a_hand_without_torch(tmp_path: Path) -> None:
    def run(*command: object, **options: str) -> str:
        done = subprocess.run(
            list(map(str, command)),
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": "", **options},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    python = tmp_path / "venv" / "bin" / "python"
    run(sys.executable, "-m", "venv", tmp_path / "venv")
    # As the README has it: the newest packages, where all other tests have those of constraints.txt.
    run(python, "-m", "pip", "install", "--quiet", ROOT)
    installed = run(python, "-m", "pip", "list", "--format=freeze").lower()
    assert "ai-edge-litert==" in installed
    assert "numpy==2." in installed
    names = [line.partition("==")[0] for line in installed.splitlines()]
    assert not any(name.startswith(("torch", "onnx", "openvino", "opencv")) for name in names)
    said = run(
        python.with_name("edgehand"), "predict", ROOT / "examples" / "hand.jpg", "--box", "100,36,118,183",
        "--draw", "drawn.png",
    )  # fmt: skip
    assert "1 hand, score" in said
    assert (tmp_path / "drawn.png").stat().st_size > 10_000
