"""Data sets: one file a format, all giving the same Sample.

A format is a module of this package with `label_file(path, subset)`, which finds its label file, and
`read(file, skipped)`, which reads it.
"""

from __future__ import annotations

import hashlib
import importlib
import pkgutil
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

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
    """(21,) 0 not labelled; 1 labelled but hidden, or labelled and no more said; 2 seen."""
    box: tuple[float, float, float, float]
    """x, y, width, height in pixels, tight around the hand."""
    head_size: float | None = None
    """Normaliser of PCKh in pixels, where the data set gives one (CMU Panoptic)."""
    image_size: tuple[int, int] | None = None
    """Width and height of the picture when it was labelled, pixels, where the data set gives them."""


def formats() -> list[str]:
    """Names of the formats: the modules of this package."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_"))


def load(source: str, subset: str = "test", skipped: list[str] | None = None) -> list[Sample]:
    """Read the labels of a data set.

    Args:
        source: "FORMAT:PATH", PATH being a label file or the data set's folder, e.g. "rhd:/data/rhd".
        subset: "train" or "test": which labels to take from a folder that has both.
        skipped: gets a sentence for each hand left out because its label or picture is bad; None stops at the
            first.
    Returns:
        its samples in the order of the file.
    Raises:
        DataError: unknown format, missing files, wrong labels, or no hand at all.
    """
    module, path = _parse(source)
    samples: list[Sample] = module.read(module.label_file(path, subset), skipped)
    if not samples and not skipped:
        raise DataError(f"data {source!r}: holds no labelled hand")
    return samples


def label_files(source: str) -> list[Path]:
    """The label files that `source` ("FORMAT:PATH") names: of a folder, those of its subsets that are there.

    Raises:
        DataError: unknown format, or none is there.
    """
    module, path = _parse(source)
    files: dict[Path, None] = {}
    problem: DataError | None = None
    for subset in ("train", "test"):
        try:
            files[module.label_file(path, subset)] = None
        except DataError as error:
            problem = error
    if problem and not files:
        raise problem
    return list(files)


def _parse(source: str) -> tuple[ModuleType, Path]:
    name, colon, path = source.partition(":")
    if not colon or name not in formats() or not path:
        raise DataError(f"data {source!r}: expected FORMAT:PATH with FORMAT one of {', '.join(formats())}")
    return importlib.import_module(f"{__name__}.{name}"), Path(path)


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
