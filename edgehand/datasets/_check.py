"""What is in a data set, what is wrong with it, and a sheet of pictures to look at."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edgehand import image
from edgehand.crop import crop, invert, patch_to_image, square, transform
from edgehand.datasets import Sample
from edgehand.draw import draw
from edgehand.errors import ImageError
from edgehand.hand import Hand

TILE = 160
"""Side of one hand on the sheet, pixels."""
COLUMNS, ROWS = 8, 6


@dataclass
class Check:
    """Counts of a label file, and its problems."""

    problems: list[str]
    """A sentence for each hand or picture that cannot be used."""
    remarks: list[str] = field(default_factory=list)
    """What is odd, yet can be used."""
    hands: int = 0
    pictures: int = 0
    keypoints: Counter[int] = field(default_factory=Counter)
    """Number of keypoints by visibility."""
    sides: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    """Longer side of each box, pixels."""


def check(samples: list[Sample], problems: list[str]) -> tuple[Check, Image.Image | None]:
    """Look at every label and every picture.

    Args:
        samples: what could be read of the labels.
        problems: what could not.
    Returns:
        the findings, and a contact sheet of hands from all over the data set, None if there is none.
    """
    found = Check(problems, hands=len(samples), sides=np.array([max(sample.box[2:]) for sample in samples]))
    by_picture: dict[Path, list[Sample]] = {}
    for sample in samples:
        by_picture.setdefault(sample.image, []).append(sample)
        found.keypoints.update(sample.visibility.tolist())
    found.pictures = len(by_picture)
    step = max(1, -(-len(samples) // (COLUMNS * ROWS)))
    shown = {sample.id for sample in samples[::step]}
    contents: dict[bytes, Path] = {}
    tiles: list[Image.Image] = []
    for path, hands in by_picture.items():
        try:
            picture = image.load(path)
        except ImageError as error:
            found.problems.append(str(error))
            continue
        digest = hashlib.sha256(path.read_bytes()).digest()
        if digest in contents:
            found.remarks.append(f"{path} is a copy of {contents[digest]}")
        contents.setdefault(digest, path)
        height, width = picture.shape[:2]
        labelled = hands[0].image_size
        if labelled not in (None, (width, height)):
            found.problems.append(
                f"{path}: {width} x {height} pixels, its labels are of {labelled[0]} x {labelled[1]}; it was resized "
                "or turned since"
            )
        _boxes(path, hands, width, height, found)
        tiles += [_tile(picture, hand) for hand in hands if hand.id in shown]
    return found, _sheet(tiles) if tiles else None


def _boxes(path: Path, hands: list[Sample], width: int, height: int, found: Check) -> None:
    boxes: dict[tuple[float, ...], int] = {}
    for hand in hands:
        x, y, w, h = hand.box
        if x >= width or y >= height or x + w <= 0 or y + h <= 0:
            found.problems.append(f"{path}: box of hand {hand.id} is outside the picture")
        elif x < 0 or y < 0 or x + w > width or y + h > height:
            found.remarks.append(f"{path}: box of hand {hand.id} reaches beyond the picture")
        points = hand.keypoints[hand.visibility > 0]
        beyond = ((points < (x - 1, y - 1)) | (points > (x + w + 1, y + h + 1))).any(axis=1).sum()
        if beyond:
            found.remarks.append(f"{path}: {beyond} keypoints of hand {hand.id} are outside its box")
        if hand.box in boxes:
            found.problems.append(f"{path}: hands {boxes[hand.box]} and {hand.id} have the same box")
        boxes[hand.box] = hand.id


def _tile(picture: NDArray[np.uint8], sample: Sample) -> Image.Image:
    matrix = patch_to_image(*square(sample.box, 1.4), TILE)
    points = transform(invert(matrix), sample.keypoints).astype(np.float32)
    points[sample.visibility == 0] = np.nan
    scores = (sample.visibility / 2).astype(np.float32)
    return draw(crop(picture, matrix, TILE, antialias=True), [Hand(points, scores, sample.box)])


def _sheet(tiles: list[Image.Image]) -> Image.Image:
    rows = -(-len(tiles) // COLUMNS)
    sheet = Image.new("RGB", (min(len(tiles), COLUMNS) * TILE, rows * TILE), "white")
    for index, tile in enumerate(tiles):
        sheet.paste(tile, (index % COLUMNS * TILE, index // COLUMNS * TILE))
    return sheet
