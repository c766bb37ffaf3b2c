"""The choice of a kernel, and that every kernel gives the same through Python."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from edgehand import _core

PROGRAM = """
import numpy as np
from edgehand import _core
from edgehand.decode import decode_heatmaps
values = np.random.default_rng(0).integers(-128, 128, (2, 64, 64, 21), dtype=np.int8)
keypoints, scores = decode_heatmaps(values, method="softargmax", layout="NHWC", scale=0.02)
print(_core.kernel(), keypoints.tobytes().hex(), scores.tobytes().hex())
"""


def run(kernel: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "EDGEHAND_KERNEL": kernel}
    return subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=False
    )


def test_every_kernel_can_be_forced_and_gives_the_same() -> None:
    outputs = {kernel: run(kernel).stdout.split() for kernel in _core.kernels()}
    assert "scalar" in outputs
    assert all(output[0] == kernel for kernel, output in outputs.items())
    assert len({tuple(output[1:]) for output in outputs.values()}) == 1


def test_the_best_kernel_is_chosen() -> None:
    if "EDGEHAND_KERNEL" in os.environ:
        pytest.skip("one is forced")
    assert _core.kernel() == _core.kernels()[-1]


def test_unknown_kernel_is_refused_by_name() -> None:
    result = run("sse9")
    assert result.returncode == 1
    assert "ValueError: EDGEHAND_KERNEL is 'sse9', expected one of scalar" in result.stderr
