"""A hand's keypoints as a COCO annotation says them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def described(labels: NDArray[Any]) -> dict[str, Any]:
    """The part of an annotation that follows from the keypoints.

    Args:
        labels: (21, 3) x, y, visibility; those of visibility 0 have their place in the box as well, but for 0, 0,
            by which COCO says that nobody knows where.
    Returns:
        keypoints, num_keypoints, bbox and area.
    """
    placed = labels[labels.any(axis=1), :2]
    low, size = placed.min(0), np.ptp(placed, axis=0)
    return {
        "keypoints": labels.ravel().tolist(),
        "num_keypoints": int((labels[:, 2] > 0).sum()),
        "bbox": [*low.tolist(), *size.tolist()],
        "area": float(size.prod()),
    }
