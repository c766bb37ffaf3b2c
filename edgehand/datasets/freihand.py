"""FreiHAND: photos of hands, often with an object.

C. Zimmermann et al., "FreiHAND: A Dataset for Markerless Capture of Hand Pose and Shape" (2019).
"""

from __future__ import annotations

from pathlib import Path

from edgehand.datasets import Sample, coco
from edgehand.datasets._published import Published

_PUBLISHED = Published(
    name="freihand",
    pictures="https://lmb.informatik.uni-freiburg.de/resources/datasets/FreihandDataset.en.html",
    labels="https://download.openmmlab.com/mmpose/datasets/frei_annotations.tar",
    licence="research only, no commercial use",
    tree="training/rgb/00000000.jpg ...",
)

label_file = _PUBLISHED.label_file


def read(file: Path, skipped: list[str] | None = None) -> list[Sample]:
    """Read its labels, as `edgehand.datasets.coco.read` does."""
    return coco.read(file, skipped)
