"""Pictures -> the crops that show a quantizer which values occur, and that measure what it made of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from edgehand import datasets, image, models
from edgehand.crop import crop_input, input_table, invert, patch_to_image, square, transform
from edgehand.errors import DataError
from edgehand.spec import NUM_KEYPOINTS, ModelSpec

LIMIT = 128
"""Pictures used at most, evenly spread over those given: more change little and cost time."""
Box = tuple[float, float, float, float]
Picture = tuple[Path, Box | None, NDArray[np.floating[Any]]]
T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Calibration:
    """Crops, and what the recipe says of them."""

    source: str
    """Where the pictures came from."""
    sha256: str
    """Of the pictures' files and boxes."""
    inputs: NDArray[np.float32]
    """(N, 3, S, S) normalised."""
    keypoints: NDArray[np.float32]
    """(N, 21, 2) labels in pixels of the crop; NaN where there is none."""


def load(source: str | None, spec: ModelSpec, limit: int = LIMIT, *, subset: str = "train") -> Calibration:
    """Read calibration pictures.

    Args:
        source: a folder of pictures, each filled by one hand; "FORMAT:PATH" of a labelled data set, whose boxes
            are then used; None takes the set inside the package.
        spec: how the network's crops are made.
        limit: pictures used at most.
        subset: "train", to calibrate, or "test", to measure: which labels to take from a folder that has both.
    Returns:
        at most `limit` crops.
    Raises:
        DataError: there is no picture.
        ImageError: a picture cannot be read.
    """
    given = f"coco:{models.CALIBRATION}" if source is None else source
    prefix, colon, _ = given.partition(":")
    found = _labelled(given, subset) if colon and prefix in datasets.formats() else _folder(Path(given))
    if not found:
        raise DataError(f"{given}: holds no picture; give a folder with some, or a data set as FORMAT:PATH")
    table = input_table(spec.mean, spec.std, dtype=np.float32)
    crops: list[tuple[Path, Box]] = []
    used = spread(found, limit)
    inputs = np.empty((len(used), 3, spec.input_size, spec.input_size), np.float32)
    keypoints = np.empty((len(used), NUM_KEYPOINTS, 2), np.float32)
    for index, (path, box, labels) in enumerate(used):
        picture = image.load(path)
        height, width = picture.shape[:2]
        box = box or (0.0, 0.0, float(width), float(height))
        matrix = patch_to_image(*square(box, spec.padding), spec.input_size)
        inputs[index] = crop_input(
            picture, matrix, spec.input_size, table, layout="NCHW", antialias=spec.antialias
        )[0]
        keypoints[index] = transform(invert(matrix), labels)
        crops.append((path, box))
    return Calibration(
        source="edgehand's own" if source is None else source,
        sha256=sha256(crops),
        inputs=inputs,
        keypoints=keypoints,
    )


def sha256(crops: Iterable[tuple[Path, Box]]) -> str:
    """Hash of pictures' files and boxes."""
    digest = hashlib.sha256()
    for path, box in crops:
        digest.update(path.read_bytes())
        digest.update(np.array(box, np.float64).tobytes())
    return digest.hexdigest()


def spread(items: Sequence[T], limit: int = LIMIT) -> list[T]:
    """At most `limit` of them, from the first to the last."""
    places = np.linspace(0, len(items) - 1, min(limit, len(items))).round().astype(int)
    return [items[place] for place in places]


def _labelled(source: str, subset: str) -> list[Picture]:
    return [
        (sample.image, sample.box, np.where(sample.visibility[:, None] > 0, sample.keypoints, np.nan))
        for sample in datasets.load(source, subset)
    ]


def _folder(path: Path) -> list[Picture]:
    if not path.is_dir():
        raise DataError(f"{path}: no such folder; give one with pictures, or a data set as FORMAT:PATH")
    if (path / "annotations.json").is_file():
        raise DataError(
            f"{path}: holds labelled pictures, whose boxes are to be used; give it as coco:{path}"
        )
    nothing = np.full((NUM_KEYPOINTS, 2), np.nan)
    return [(file, None, nothing) for file in image.pictures(path)]
