"""Pictures without hands, by which a network learns that its keypoints may be nowhere."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edgehand import image
from edgehand.datasets import Sample
from edgehand.errors import DataError
from edgehand.spec import NUM_KEYPOINTS

WINDOWS = (
    (0, 0, 1),
    *((left, top, 0.5) for top in (0, 0.5) for left in (0, 0.5)),
    *((left, top, 0.36) for top in (0.12, 0.32, 0.52) for left in (0.12, 0.32, 0.52)),
)
"""Left, top and size of each, as parts of the picture's width and height.

Crops of the last nine mostly end within the picture: what is black around the others would else be what tells them
from hands.
"""
NOWHERE = -1e6
"""Where the keypoints of no hand lie, pixels: outside every crop, however it is moved or turned."""


def windows(folder: Path) -> list[Sample]:
    """Boxes without a hand: each picture as a whole, its four quarters, and nine smaller parts of what lies within.

    Args:
        folder: of pictures, with or without folders in it.
    Returns:
        fourteen samples a picture, every keypoint labelled and far outside.
    Raises:
        DataError: no such folder, or no picture in it.
        ImageError: a picture cannot be read.
    """
    files = image.pictures(folder)
    if not files:
        raise DataError(
            f"{folder}: no picture ({', '.join(image.SUFFIXES)}) in it; give a folder of pictures without hands"
        )
    samples: list[Sample] = []
    for file in files:
        height, width = image.load(file).shape[:2]
        for left, top, part in WINDOWS:
            samples.append(
                Sample(
                    id=len(samples),
                    image=file,
                    keypoints=np.full((NUM_KEYPOINTS, 2), NOWHERE, np.float32),
                    visibility=np.ones(NUM_KEYPOINTS, np.uint8),
                    box=(left * width, top * height, part * width, part * height),
                )
            )
    return samples
