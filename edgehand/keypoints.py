"""Heatmaps as an engine gives them -> keypoints in the picture, as the ModelSpec says."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgehand.crop import Layout, transform
from edgehand.decode import decode_heatmaps
from edgehand.spec import ModelSpec


def read_keypoints(
    heatmaps: NDArray[Any],
    matrix: NDArray[np.float64],
    spec: ModelSpec,
    *,
    layout: Layout = "NCHW",
    scale: float | None = None,
    zero_point: int = 0,
    flipped: NDArray[Any] | None = None,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Find the keypoints of one hand.

    Args:
        heatmaps: (1, 21, H, W) or (1, H, W, 21) by `layout`; float32, int8 or uint8.
        matrix: (2, 3) from patch pixels to picture pixels, see `edgehand.crop.patch_to_image`.
        spec: of the network that gave the heatmaps.
        layout: "NCHW" or "NHWC".
        scale, zero_point: of quantized heatmaps; floats need none.
        flipped: heatmaps of the mirrored crop, to average with; mirrored back they lie one cell too far left.
    Returns:
        keypoints (21, 2) float32 in pixels of the picture and scores (21,) float32 in 0..1, both in the
        project's keypoint order.
    """
    cells, peaks = decode_heatmaps(
        heatmaps,
        method=spec.decode,
        layout=layout,
        scale=scale if heatmaps.dtype.kind in "iu" else None,
        zero_point=zero_point,
        flipped=flipped,
        flip_shift=flipped is not None,
    )
    order = list(spec.keypoint_order)
    scores = 1 / (1 + np.exp(-peaks[0])) if spec.score == "logit" else peaks[0].clip(0, 1)
    keypoints = transform(matrix, cells[0] * spec.stride)
    return keypoints[order].astype(np.float32), scores[order].astype(np.float32)
