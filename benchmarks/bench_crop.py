"""Cropping a hand: ours beside OpenCV's warpAffine followed by NumPy's normalisation, in one run on one thread.

    python benchmarks/bench_crop.py

640 x 480 -> 256 x 256. "NumPy" is (patch - mean) / std, quantized for int8 and laid out as the network wants it;
"lookup" is the quickest NumPy way known to us, a table of 256 values a channel, as ours. Needs OpenCV.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from timing import least

from edgehand.crop import crop, crop_input, input_table, patch_to_image

SIZE = 256
MEAN = np.array((123.675, 116.28, 103.53), np.float32)
STD = np.array((58.395, 57.12, 57.375), np.float32)
SCALE, ZERO_POINT = 0.0187, -13


def picture() -> NDArray[np.uint8]:
    noise = np.random.default_rng(0).integers(0, 256, (480, 640, 3), dtype=np.uint8)
    return np.asarray(cv2.GaussianBlur(noise, (9, 9), 0), np.uint8)


def warp(image: NDArray[np.uint8], matrix: NDArray[np.float64]) -> NDArray[np.uint8]:
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(image, matrix, (SIZE, SIZE), flags=flags), np.uint8)


def lay_out(values: NDArray[Any], layout: str) -> NDArray[Any]:
    return np.ascontiguousarray(values.transpose(2, 0, 1) if layout == "NCHW" else values)[None]


def bench(image: NDArray[np.uint8], side: float, rotation: float, dtype: Any, layout: Any) -> None:
    matrix = patch_to_image(320, 240, side, SIZE, rotation=rotation)
    integer = dtype is np.int8
    table = input_table(MEAN, STD, dtype=dtype, scale=SCALE, zero_point=ZERO_POINT if integer else 0)

    def opencv_numpy() -> NDArray[Any]:
        values = (warp(image, matrix).astype(np.float32) - MEAN) / STD
        if integer:
            values = np.clip(np.rint(values / SCALE) + ZERO_POINT, -128, 127).astype(np.int8)
        return lay_out(values, layout)

    def opencv_lookup() -> NDArray[Any]:
        patch = warp(image, matrix)
        return lay_out(np.stack([table[c].take(patch[..., c]) for c in range(3)], axis=-1), layout)

    def ours(antialias: bool = False) -> NDArray[Any]:
        return crop_input(image, matrix, SIZE, table, layout=layout, antialias=antialias)

    patches = crop(image, matrix, SIZE, antialias=False).astype(int) - warp(image, matrix)
    difference = np.abs(ours().astype(np.float64) - opencv_numpy()).max()
    functions: dict[str, Callable[[], Any]] = {
        "ours": ours,
        "ours antialias": lambda: ours(True),
        "warpAffine alone": lambda: warp(image, matrix),
        "OpenCV + NumPy": opencv_numpy,
        "OpenCV + lookup": opencv_lookup,
    }
    times = least(functions, 0.5)
    print(
        f"{np.dtype(dtype).name} {layout} side {side:.0f} rotation {rotation:.0f}:",
        ", ".join(f"{name} {value:.0f} us" for name, value in times.items()),
        f"| OpenCV + NumPy / ours {times['OpenCV + NumPy'] / times['ours']:.1f},",
        f"OpenCV + lookup / ours {times['OpenCV + lookup'] / times['ours']:.1f};",
        f"patch differs by {np.abs(patches).max()} levels, input by {difference:.2g}",
    )


if __name__ == "__main__":
    cv2.setNumThreads(1)
    for dtype in (np.float32, np.int8):
        for layout in ("NCHW", "NHWC"):
            for side, rotation in ((300, 0), (300, 30), (560, 0)):
                bench(picture(), side, rotation, dtype, layout)
