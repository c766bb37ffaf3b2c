"""Hands drawn on pictures."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from PIL import Image, ImageDraw

from edgehand import image as images
from edgehand.hand import BONES, Hand
from edgehand.image import ImageLike

FINGER_COLOURS = ("#e6194b", "#f58231", "#ffe119", "#3cb44b", "#4363d8")
"""Of thumb, index, middle, ring, little."""


def draw(image: ImageLike, hands: Iterable[Hand]) -> Image.Image:
    """Draw bones and keypoints, a colour a finger, fainter where the network is less sure.

    Args:
        image: what `HandPose` took.
        hands: what it gave; keypoints that are NaN are left out.
    Returns:
        a new RGB picture.
    Raises:
        ImageError: the picture cannot be read.
    """
    picture = Image.fromarray(images.load(image)).convert("RGBA")
    for hand in hands:
        known = np.isfinite(hand.keypoints).all(axis=1)
        width = max(2, round(float(np.ptp(hand.keypoints[known], axis=0).max()) / 60)) if known.any() else 2
        layer = Image.new("RGBA", picture.size)
        pen = ImageDraw.Draw(layer)
        points = [(float(x), float(y)) for x, y in hand.keypoints]
        for start, end in BONES:
            if not (known[start] and known[end]):
                continue
            faintness = float(min(hand.scores[start], hand.scores[end]))
            colour = _colour(end, faintness)
            pen.line([points[start], points[end]], fill=colour, width=width)
        for index in np.flatnonzero(known):
            x, y = points[index]
            pen.ellipse(
                [x - width, y - width, x + width, y + width],
                fill=_colour(index, float(hand.scores[index])),
                outline=(255, 255, 255, 255),
            )
        picture = Image.alpha_composite(picture, layer)
    return picture.convert("RGB")


def _colour(keypoint: int, score: float) -> tuple[int, int, int, int]:
    name = "#ffffff" if keypoint == 0 else FINGER_COLOURS[(keypoint - 1) // 4]
    red, green, blue = (int(name[start : start + 2], 16) for start in (1, 3, 5))
    return red, green, blue, 80 + round(175 * min(1.0, max(0.0, score)))
