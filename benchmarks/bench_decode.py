"""Decoding heatmaps: ours beside reading the same bytes, vectorised NumPy and MMPose's own functions, in one run.

    python benchmarks/bench_decode.py [--rounds N]

The first table times C++ alone (csrc/tests/bench_core.cpp, built in build/bench). The second times the Python
call on one thread. MMPose's columns need its sources (`pip install --no-deps mmpose==1.3.2`), PyTorch and OpenCV.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import json
import subprocess
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from timing import least

from edgehand import _core
from edgehand.decode import decode_heatmaps

ROOT = Path(__file__).resolve().parent.parent
METHODS = ("argmax", "quarter", "taylor", "parabola", "softargmax")
SCALE, ZERO_POINT = 1 / 255, -128


def bumps(batch: int, side: int) -> NDArray[np.float32]:
    """(batch, 21, side, side): Gaussians at random places with a little noise, in 0..1."""
    random = np.random.default_rng(0)
    centre = random.uniform(0, side, (batch, 21, 1, 1, 2))
    y, x = np.mgrid[:side, :side]
    values = 0.9 * np.exp(-((x - centre[..., 0]) ** 2 + (y - centre[..., 1]) ** 2) / 8)
    return (values + 0.05 * random.random(values.shape)).astype(np.float32)


def numpy_quarter(heatmaps: NDArray[np.float32]) -> tuple[NDArray[Any], NDArray[Any]]:
    """MMPose 1.x's rule without a loop."""
    batch, keypoints, height, width = heatmaps.shape
    values = heatmaps.reshape(-1)
    index = heatmaps.reshape(batch * keypoints, -1).argmax(1)
    y, x = np.divmod(index, width)
    index += np.arange(0, len(values), height * width)
    scores = values.take(index)
    dx = values.take(index + 1, mode="clip") - values.take(index - 1, mode="clip")
    dy = values.take(index + width, mode="clip") - values.take(index - width, mode="clip")
    points = np.empty((len(index), 2), np.float32)
    points[:, 0] = x + 0.25 * np.sign(dx) * ((x > 1) & (x < width - 1) & (y > 0))
    points[:, 1] = y + 0.25 * np.sign(dy) * ((y > 1) & (y < height - 1) & (x > 0))
    points[scores <= 0] = -1
    return points.reshape(batch, keypoints, 2), scores.reshape(batch, keypoints)


def to_planar_float(heatmaps: NDArray[Any], layout: str) -> NDArray[np.float32]:
    values = heatmaps
    if heatmaps.dtype == np.int8:
        values = (heatmaps.astype(np.float32) - ZERO_POINT) * np.float32(SCALE)
    if layout == "NHWC":
        values = np.ascontiguousarray(values.transpose(0, 3, 1, 2))
    return values


def load_mmpose() -> types.SimpleNamespace | None:
    """MMPose's decoding functions from its sources, without importing the rest of it."""
    spec = importlib.util.find_spec("mmpose")
    if spec is None or not spec.submodule_search_locations:
        return None
    package = types.ModuleType("mmpose_utils")
    package.__path__ = [str(Path(spec.submodule_search_locations[0], "codecs", "utils"))]
    sys.modules["mmpose_utils"] = package
    post = importlib.import_module("mmpose_utils.post_processing")
    refinement = importlib.import_module("mmpose_utils.refinement")
    importlib.import_module("cv2").setNumThreads(1)

    def quarter(heatmaps: NDArray[np.float32]) -> Any:
        keypoints, _ = post.get_heatmap_maximum(heatmaps[0])
        return refinement.refine_keypoints(keypoints[None], heatmaps[0])

    def dark(heatmaps: NDArray[np.float32]) -> Any:
        maps = heatmaps[0].copy()  # it works in place
        keypoints, _ = post.get_heatmap_maximum(maps)
        return refinement.refine_keypoints_dark(keypoints[None], maps, 11)

    return types.SimpleNamespace(quarter=quarter, dark=dark)


def bench_cpp(rounds: int) -> None:
    build = ROOT / "build" / "bench"
    options = ["-DEDGEHAND_BUILD_PYTHON=OFF", "-DEDGEHAND_BUILD_TESTS=ON"]
    subprocess.run(["cmake", "-S", ROOT, "-B", build, *options], check=True, stdout=subprocess.DEVNULL)
    subprocess.run(
        ["cmake", "--build", build, "--target", "bench_core"], check=True, stdout=subprocess.DEVNULL
    )
    lines = subprocess.run(
        [build / "bench_core", str(rounds)], check=True, capture_output=True, text=True
    ).stdout
    print("C++ alone: ns (GB/s, times reading the same bytes)")
    print(f"{'kernel dtype layout cells batch memory':50} {'read':>16}", *(f"{name:>22}" for name in METHODS))
    for case in map(json.loads, lines.splitlines()):
        size = case["bytes"]
        name = "{kernel} {dtype} {layout} {side}x{side} {batch} {memory}".format(**case)
        read = f"{case['read']:.0f} ({size / case['read']:.0f})"
        cells = (
            f"{case[method]:.0f} ({size / case[method]:.0f}, {case[method] / case['read']:.2f})"
            for method in METHODS
        )
        print(f"{name:50} {read:>16}", *(f"{cell:>22}" for cell in cells))


def bench_python() -> None:
    mmpose = load_mmpose()
    print(f"\nPython call, kernel {_core.kernel()}: us a call")
    for dtype in ("float32", "int8"):
        for layout in ("NCHW", "NHWC"):
            for side in (64, 48):
                for batch in (1, 16):
                    bench_case(dtype, layout, side, batch, mmpose)
    tiny = np.zeros((1, 1, 1, 1), np.float32)
    times = least({"call": lambda: decode_heatmaps(tiny), "empty": lambda: None})
    print(f"\ncall overhead (one map of one cell): {times['call'] - times['empty']:.2f} us")


def bench_case(dtype: str, layout: str, side: int, batch: int, mmpose: types.SimpleNamespace | None) -> None:
    planar = bumps(batch, side)
    heatmaps: NDArray[Any] = (
        planar if layout == "NCHW" else np.ascontiguousarray(planar.transpose(0, 2, 3, 1))
    )
    options: dict[str, Any] = {"layout": layout}
    if dtype == "int8":
        heatmaps = np.clip(np.rint(heatmaps / SCALE) + ZERO_POINT, -128, 127).astype(np.int8)
        options |= {"scale": SCALE, "zero_point": ZERO_POINT}
    expected = numpy_quarter(to_planar_float(heatmaps, layout))
    np.testing.assert_array_equal(decode_heatmaps(heatmaps, method="quarter", **options)[0], expected[0])

    functions: dict[str, Callable[[], Any]] = {
        method: lambda method=method: decode_heatmaps(heatmaps, method=method, **options)  # type: ignore[misc]
        for method in ("quarter", "taylor", "softargmax")
    }
    functions["NumPy"] = lambda: numpy_quarter(to_planar_float(heatmaps, layout))
    if mmpose is not None and batch == 1:
        functions["MMPose quarter"] = lambda: mmpose.quarter(to_planar_float(heatmaps, layout))
        functions["MMPose DARK"] = lambda: mmpose.dark(to_planar_float(heatmaps, layout))
    times = least(functions)
    cells = [f"{name} {value:.1f}" for name, value in times.items()]
    ratios = [f"NumPy / quarter {times['NumPy'] / times['quarter']:.1f}"]
    if "MMPose DARK" in times:
        ratios.append(f"MMPose / quarter {times['MMPose quarter'] / times['quarter']:.1f}")
        ratios.append(f"DARK / taylor {times['MMPose DARK'] / times['taylor']:.1f}")
    print(f"{dtype} {layout} {side}x{side} batch {batch}:", ", ".join(cells), "|", ", ".join(ratios))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=60, help="timings of each figure of the first table")
    bench_cpp(parser.parse_args().rounds)
    bench_python()
