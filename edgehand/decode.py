"""Heatmaps to keypoints; the work is done in C++, `edgehand.decode_reference` says the same in NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgehand import _core


def decode_heatmaps(
    heatmaps: NDArray[Any],
    *,
    method: str = "quarter",
    layout: str = "NCHW",
    scale: float | None = None,
    zero_point: int = 0,
    flipped: NDArray[Any] | None = None,
    flip_shift: bool = False,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Find the keypoint of every heatmap.

    The peak is the largest number of the map, the first in row order among equals; NaN is never
    a peak, and a map of nothing but NaN gives (-1, -1) with score NaN. Where a refinement comes
    out as no finite number, the cell of the peak stays.

    Args:
        heatmaps: (N, K, H, W) or, with layout "NHWC", (N, H, W, K); float32, float16, int8 or uint8.
        method: how the position between cells is found:
            "argmax": the cell of the peak.
            "quarter": a quarter of a cell towards the larger neighbour, x if 1 < x < W - 1 and y > 0,
                y if 1 < y < H - 1 and x > 0 (MMPose 1.x).
            "quarter-0x": the same, only if 1 < x < W - 1 and 1 < y < H - 1 (MMPose 0.x).
            "taylor": Newton's step on the logarithm of the map blurred by an 11 x 11 Gaussian
                (DARK, Zhang et al., CVPR 2020), if 1 < x < W - 2 and 1 < y < H - 2.
            "udp": Newton's step on the logarithm of the same blurred map, cut off to 0.001 .. 50, from the eight
                neighbours (UDP, Huang et al., CVPR 2020); beyond the border stands the nearest cell.
            "parabola": vertex of the parabola through the peak and its two neighbours, each axis on its
                own, none on the border.
            "softargmax": mean position weighted by exp(value - peak) over the 9 x 9 cells around the peak
                that lie in the map; if it is nearer to another cell, over those around that one instead.
            The first five follow MMPose: a peak that is not positive gives (-1, -1). The last two read
            logits, whose sign says nothing, and always give a position.
        layout: "NCHW" or "NHWC".
        scale: real value of one integer step, heatmap = scale * (integer - zero_point); None is 1.
        zero_point: integer that means zero.
        flipped: heatmaps of the mirrored picture, like `heatmaps`: the mean of `heatmaps` and of
            `flipped` mirrored back is decoded.
        flip_shift: move the mirrored-back maps right by one cell before the mean, keeping column 0.
    Returns:
        keypoints (N, K, 2) float32, x and y in heatmap cells; scores (N, K) float32, the peaks' values.
    Raises:
        TypeError: an array of another dtype, or no array.
        ValueError: another shape, an unknown method or layout, an impossible scale or zero_point.
    """
    return _core.decode_heatmaps(heatmaps, method, layout, scale, zero_point, flipped, flip_shift)
