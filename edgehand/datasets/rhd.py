"""Rendered Hand Pose Dataset: drawn hands.

C. Zimmermann, T. Brox, "Learning to Estimate 3D Hand Pose from Single RGB Images" (2017).
"""

from __future__ import annotations

from pathlib import Path

from edgehand.datasets import Sample, coco
from edgehand.datasets._published import Published

ORDER = (0, *(4 * finger + joint for finger in range(5) for joint in (4, 3, 2, 1)))
"""ORDER[k] is RHD's index of the project's keypoint k: RHD numbers each finger from its tip to its base."""

_PUBLISHED = Published(
    name="rhd",
    pictures="https://lmb.informatik.uni-freiburg.de/resources/datasets/RenderedHandposeDataset.en.html",
    labels="https://download.openmmlab.com/mmpose/datasets/rhd_annotations.zip",
    licence="research only, no commercial use",
    tree="training/color/00000.png ...\nevaluation/color/00000.png ...",
)

label_file = _PUBLISHED.label_file


def read(file: Path, skipped: list[str] | None = None) -> list[Sample]:
    """Read its labels, as `edgehand.datasets.coco.read` does."""
    return coco.read(file, skipped, order=ORDER)
