"""Accuracy of keypoints, in NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def box_errors(
    predicted: NDArray[np.floating[Any]],
    true: NDArray[np.floating[Any]],
    visible: NDArray[np.bool_],
    boxes: NDArray[np.floating[Any]],
) -> NDArray[np.float64]:
    """Distance of each visible keypoint from the truth, as a fraction of its box's longer side.

    Args:
        predicted, true: (N, K, 2) pixels.
        visible: (N, K).
        boxes: (N, 4) x, y, width, height, tight, pixels.
    Returns:
        one number a visible keypoint, in order.
    """
    distances = np.linalg.norm(np.asarray(predicted, np.float64) - true, axis=-1)
    errors = distances / np.max(np.asarray(boxes)[:, 2:], axis=1)[:, None]
    return np.asarray(errors[np.asarray(visible, bool)], np.float64)
