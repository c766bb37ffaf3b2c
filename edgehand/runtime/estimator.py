"""HandPose: a picture and boxes in, hands out."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgehand import image as images
from edgehand import models
from edgehand.crop import BOX_SIDES, crop_input, input_table, patch_to_image, square
from edgehand.errors import InputError
from edgehand.hand import Hand
from edgehand.image import ImageLike
from edgehand.keypoints import read_keypoints
from edgehand.runtime.artifact import Model, open_model

Box = tuple[float, float, float, float]

POOR = 0.7
"""A box was a poor one if its square and that around the keypoints overlap by less (intersection over union)."""
TURNED = 60.0
"""A hand that is turned by more degrees from upright is one as the network has seen few."""


class HandPose:
    """Finds the 21 keypoints of hands; threads may share one, and then take turns.

    Args:
        model: a file that `edgehand export` wrote, or the name of a model that ships, in INT8: "lite" (which None
            takes), "tiny" or "lite_depthwise".
        engine: "tflite", "onnx" or "openvino"; None takes the one that reads the file.
        threads: CPU threads; None takes one a core, at most four.
    Raises:
        ModelFileError: the file cannot be used.
        EngineError: its engine is not installed.
        InputError: unknown engine or thread count.
    """

    def __init__(
        self, model: str | Path | None = None, engine: str | None = None, threads: int | None = None
    ) -> None:
        self.model = open_model(models.model_file("lite" if model is None else model), engine, threads)
        self._table = table_for(self.model)
        # An engine writes each result over the last one.
        self._turn = threading.Lock()

    def __call__(self, image: ImageLike, boxes: Sequence[Sequence[float]] | None = None) -> list[Hand]:
        """Find the keypoints of each box's hand, with a second look where the first was a poor one.

        Where the box is much larger than the hand or off its middle, or the hand is turned by more than 60 degrees, the
        keypoints say where and how to look again, which takes as long again (docs/model-card.md: what it is good for).

        Args:
            image: path, encoded bytes, PIL image or uint8 RGB array (H, W, 3).
            boxes: (x, y, width, height) in pixels, tight around each hand; None takes the whole picture as one.
        Returns:
            one Hand a box, in their order.
        Raises:
            ImageError: the picture cannot be read.
            InputError: a box is malformed or outside the picture.
        """
        picture = images.load(image)
        height, width = picture.shape[:2]
        wanted = [(0, 0, width, height)] if boxes is None else boxes
        checked = [check_box(box, width, height) for box in wanted]
        with self._turn:
            return [self._hand(picture, box) for box in checked]

    def _hand(self, picture: NDArray[np.uint8], box: Box) -> Hand:
        keypoints, scores = find_keypoints(self.model, self._table, picture, box)
        turned, at_least = turn(keypoints), max(box[2:]) / 8
        poor = overlap(box, box_around(keypoints, at_least)) < POOR or abs(turned) > TURNED
        if poor and scores.all():  # what was not found cannot tell where to look
            better = box_around(keypoints, at_least, turned)
            keypoints, scores = find_keypoints(self.model, self._table, picture, better, rotation=turned)
        return Hand(keypoints=keypoints, scores=scores, box=box)


def table_for(model: Model) -> NDArray[Any]:
    """What the model's input is for each channel and grey level: (3, 256) of its own type."""
    spec, taken = model.metadata.spec, model.metadata.input
    return input_table(spec.mean, spec.std, dtype=taken.dtype, scale=taken.scale, zero_point=taken.zero_point)


def input_crop(
    model: Model, table: NDArray[Any], picture: NDArray[np.uint8], box: Box, *, rotation: float = 0.0
) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """What the model is given, and where it lies.

    Args:
        model: opened.
        table: of this model, see `table_for`.
        picture: uint8 RGB (H, W, 3).
        box: x, y, width, height, tight around the hand, pixels.
        rotation: of the square around the box's centre, degrees, x towards y.
    Returns:
        the crop in the model's own type and layout, and the matrix (2, 3) from its pixels to the picture's.
    """
    spec, layout = model.metadata.spec, model.metadata.input.layout
    matrix = patch_to_image(*square(box, spec.padding), spec.input_size, rotation=rotation)
    crop = crop_input(picture, matrix, spec.input_size, table, layout=layout, antialias=spec.antialias)
    return crop, matrix


def find_keypoints(
    model: Model,
    table: NDArray[Any],
    picture: NDArray[np.uint8],
    box: Box,
    *,
    rotation: float = 0.0,
    flip_test: bool = False,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The device's whole route: crop, engine, heatmaps, keypoints.

    Args:
        model: opened.
        table: of this model, see `table_for`.
        picture: uint8 RGB (H, W, 3).
        box: x, y, width, height, tight around the hand, pixels.
        rotation: of the square around the box's centre, degrees, x towards y.
        flip_test: average with the mirrored crop.
    Returns:
        keypoints (21, 2) float32 in pixels of the picture, scores (21,) float32 in 0..1.
    """
    spec, taken, given = model.metadata.spec, model.metadata.input, model.metadata.output
    crop, matrix = input_crop(model, table, picture, box, rotation=rotation)
    heatmaps = model.backend.infer(crop)
    flipped = None
    if flip_test:
        heatmaps = heatmaps.copy()  # the engine writes the next result over this one
        mirrored = np.flip(crop, axis=taken.layout.index("W"))
        flipped = model.backend.infer(np.ascontiguousarray(mirrored))
    return read_keypoints(
        heatmaps,
        matrix,
        spec,
        layout=given.layout,
        scale=given.scale,
        zero_point=given.zero_point,
        flipped=flipped,
    )


def turn(keypoints: NDArray[np.float32]) -> float:
    """By how much a hand is turned from upright, by its wrist and the bases of its four fingers.

    Args:
        keypoints: (21, 2) x, y, pixels.
    Returns:
        degrees, x towards y, -180..180.
    """
    across, down = keypoints[[5, 9, 13, 17]].mean(0) - keypoints[0]
    return float(np.degrees(np.arctan2(across, -down)))


def box_around(keypoints: NDArray[np.float32], at_least: float, rotation: float = 0.0) -> Box:
    """The box of a hand whose keypoints are known.

    Args:
        keypoints: (21, 2) x, y, pixels.
        at_least: width and height that it has at any rate, pixels, more than 0.
        rotation: of the box around its centre, degrees, x towards y.
    Returns:
        x, y, width, height, pixels, as if it were turned back around its centre.
    """
    axes = patch_to_image(0, 0, 1, 1, rotation=rotation)[:, :2]
    along = keypoints @ axes
    low, high = along.min(0), along.max(0)
    width, height = np.maximum(high - low, at_least)
    cx, cy = axes @ (low + high) / 2
    return float(cx - width / 2), float(cy - height / 2), float(width), float(height)


def overlap(box: Box, other: Box) -> float:
    """Intersection over union of the squares that two boxes are cropped by.

    Args:
        box, other: x, y, width, height, pixels.
    Returns:
        0..1.
    """
    (ax, ay, a), (bx, by, b) = square(box, 1.0), square(other, 1.0)
    across, down = (
        max(0.0, min(p + a / 2, q + b / 2) - max(p - a / 2, q - b / 2)) for p, q in ((ax, bx), (ay, by))
    )
    return across * down / (a * a + b * b - across * down)


def check_box(box: Any, width: int, height: int) -> Box:
    """A box as four floats.

    Args:
        box: x, y, width, height, pixels.
        width, height: of the picture.
    Raises:
        InputError: not four finite numbers, empty, too small or large, or wholly outside the picture.
    """
    try:
        x, y, w, h = (float(value) for value in box)
    except (TypeError, ValueError):
        raise InputError(f"box {box!r}: expected four numbers x, y, width, height") from None
    if not np.isfinite([x, y, w, h]).all() or w <= 0 or h <= 0:
        raise InputError(f"box {box!r}: expected finite x, y and positive width, height")
    least, largest = BOX_SIDES
    if not least <= min(w, h) <= max(w, h) <= largest:
        raise InputError(f"box {box!r}: expected width and height from {least:g} to {largest:g} pixels")
    if x >= width or y >= height or x + w <= 0 or y + h <= 0:
        raise InputError(f"box {box!r}: outside the picture of {width} x {height} pixels")
    return x, y, w, h
