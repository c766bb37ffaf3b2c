"""A hand's keypoints as a COCO annotation says them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def placed(labels: NDArray[Any]) -> NDArray[np.bool_]:
    """Which keypoints are somewhere: where nobody knows, COCO has 0, 0 and visibility 0.

    Args:
        labels: (21, 3) x, y, visibility.
    Returns:
        (21,)
    """
    result: NDArray[np.bool_] = labels.any(axis=1)
    return result


def described(labels: NDArray[Any]) -> dict[str, Any]:
    """The part of an annotation that follows from the keypoints.

    Args:
        labels: (21, 3) x, y, visibility; those of visibility 0 count for the box as well, if `placed`.
    Returns:
        keypoints, num_keypoints, bbox and area.
    """
    points = labels[placed(labels), :2]
    low, size = points.min(0), np.ptp(points, axis=0)
    return {
        "keypoints": labels.ravel().tolist(),
        "num_keypoints": int((labels[:, 2] > 0).sum()),
        "bbox": [*low.tolist(), *size.tolist()],
        "area": float(size.prod()),
    }
