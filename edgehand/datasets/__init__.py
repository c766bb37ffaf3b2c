"""Data sets: one file a format, all giving the same Sample."""

from __future__ import annotations

import hashlib
import importlib
import pkgutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgehand.errors import DataError


@dataclass(frozen=True, eq=False)
class Sample:
    """One labelled hand in one picture."""

    id: int
    """The annotation's own number, unique within its data set."""
    image: Path
    """The picture's file."""
    keypoints: NDArray[np.float32]
    """(21, 2) x, y in pixels of the picture, in the order of `edgehand.KEYPOINT_NAMES`."""
    visibility: NDArray[np.uint8]
    """(21,) 0 not labelled, 1 labelled but hidden, 2 seen."""
    box: tuple[float, float, float, float]
    """x, y, width, height in pixels, tight around the hand."""
    head_size: float | None = None
    """Normaliser of PCKh in pixels, where the data set gives one (CMU Panoptic)."""


def formats() -> list[str]:
    """Names of the formats: the modules of this package."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def load(source: str) -> list[Sample]:
    """Read the labels of a data set.

    Args:
        source: "FORMAT:PATH", e.g. "coco:photos/annotations.json".
    Returns:
        its samples in the order of the file.
    Raises:
        DataError: unknown format, missing files, or labels that are wrong.
    """
    name, colon, path = source.partition(":")
    if not colon or name not in formats() or not path:
        raise DataError(f"data {source!r}: expected FORMAT:PATH with FORMAT one of {', '.join(formats())}")
    samples: list[Sample] = importlib.import_module(f"{__name__}.{name}").load(Path(path))
    return samples


def split(samples: list[Sample], holdout: float) -> tuple[list[Sample], list[Sample]]:
    """Divide samples by picture, the same way every time and whatever else is in the data set.

    Args:
        samples: of one or several data sets.
        holdout: fraction of the pictures to hold out, 0..1.
    Returns:
        (training samples, held-out samples); a picture's hands are all on one side.
    """
    kept: list[Sample] = []
    held_out: list[Sample] = []
    for sample in samples:
        digest = hashlib.sha256(sample.image.name.encode()).digest()
        fraction = int.from_bytes(digest[:8], "big") / 2**64
        (held_out if fraction < holdout else kept).append(sample)
    return kept, held_out
