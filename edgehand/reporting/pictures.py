"""The hands that quantization moved farthest, drawn as both models see them."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edgehand import image
from edgehand.crop import crop, invert, patch_to_image, square, transform
from edgehand.draw import draw
from edgehand.evaluation.figures import Outcome
from edgehand.hand import Hand

SIDE = 192
"""Of a picture in the report, pixels."""
PADDING = 1.4
"""Side of what is shown, as a multiple of the box's longer side."""


def worst(outcome: Outcome, reference: Outcome, count: int) -> list[dict[str, Any]]:
    """The hands whose mean error grew most.

    Args:
        outcome, reference: of the same hands.
        count: how many, at most.
    Returns:
        plain data: index, picture, error/box of the reference and of the artifact; largest growth first.
    """
    errors = [_mean_errors(reference), _mean_errors(outcome)]
    growth = np.nan_to_num(errors[1] - errors[0])
    chosen = np.argsort(-growth, kind="stable")[:count]
    return [
        {
            "hand": int(index),
            "picture": str(outcome.pictures[index]),
            "reference": float(errors[0][index]),
            "artifact": float(errors[1][index]),
        }
        for index in chosen
        if growth[index] > 0
    ]


def _mean_errors(outcome: Outcome) -> NDArray[np.float64]:
    counted = (outcome.visibility > 0) & np.isfinite(outcome.errors())
    sums = np.where(counted, outcome.errors(), 0).sum(axis=1, dtype=np.float64)
    return np.asarray(sums / counted.sum(axis=1).clip(1))


def data_uri(outcome: Outcome, index: int) -> str:
    """One hand, cut out of its picture, with the keypoints found in it, as a JPEG inside a URI."""
    box = tuple(float(value) for value in outcome.boxes[index])
    matrix = patch_to_image(*square(box, PADDING), SIDE)  # type: ignore[arg-type]
    patch = crop(image.load(str(outcome.pictures[index])), matrix, SIDE, antialias=True)
    keypoints = transform(invert(matrix), outcome.predicted[index]).astype(np.float32)
    hand = Hand(keypoints=keypoints, scores=np.ones(len(keypoints), np.float32), box=(0, 0, SIDE, SIDE))
    buffer = io.BytesIO()
    _save(draw(patch, [hand]), buffer)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()


def _save(picture: Image.Image, buffer: io.BytesIO) -> None:
    picture.save(buffer, format="JPEG", quality=80)
