"""Hand: what comes out, with the names and the bones of its 21 keypoints."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

KEYPOINT_NAMES: tuple[str, ...] = (
    "wrist",
    *(
        f"{finger}{joint}"
        for finger in ("thumb", "index", "middle", "ring", "little")
        for joint in (1, 2, 3, 4)
    ),
)
"""Keypoint order everywhere: wrist, then each finger from its base (1) to its tip (4)."""

BONES: tuple[tuple[int, int], ...] = tuple(
    (0 if joint == 0 else 4 * finger + joint, 4 * finger + joint + 1)
    for finger in range(5)
    for joint in range(4)
)
"""Pairs of keypoints that a bone joins."""


def tight_box(points: NDArray[np.floating[Any]]) -> tuple[float, float, float, float]:
    """x, y, width, height of the box around points (N, 2), in their unit."""
    low, high = points.min(0), points.max(0)
    return float(low[0]), float(low[1]), float(high[0] - low[0]), float(high[1] - low[1])


@dataclass(frozen=True, eq=False)
class Hand:
    """One hand in one picture."""

    keypoints: NDArray[np.float32]
    """(21, 2) x, y in pixels of the picture, in the order of KEYPOINT_NAMES."""
    scores: NDArray[np.float32]
    """(21,) confidence of each keypoint, 0..1."""
    box: tuple[float, float, float, float]
    """x, y, width, height in pixels: where the hand was looked for, without padding."""

    def __post_init__(self) -> None:
        if self.keypoints.shape != (21, 2) or self.scores.shape != (21,) or len(self.box) != 4:
            raise ValueError(
                f"Hand: keypoints {self.keypoints.shape}, scores {self.scores.shape} and box of {len(self.box)}, "
                "expected (21, 2), (21,) and 4"
            )

    @property
    def score(self) -> float:
        """Mean of the keypoints' scores, 0..1."""
        return float(self.scores.mean())

    @property
    def keypoint_box(self) -> tuple[float, float, float, float]:
        """x, y, width, height in pixels, tight around the keypoints: where to look in the next frame of a video."""
        return tight_box(self.keypoints)

    def to_dict(self) -> dict[str, Any]:
        """The hand as plain lists: box, score, and a [x, y, score] for each keypoint name."""
        return {
            "box": [float(value) for value in self.box],
            "score": self.score,
            "keypoints": {
                name: [float(x), float(y), float(score)]
                for name, (x, y), score in zip(KEYPOINT_NAMES, self.keypoints, self.scores, strict=True)
            },
        }

    def to_json(self) -> str:
        """`to_dict` as one line of JSON."""
        return json.dumps(self.to_dict())
