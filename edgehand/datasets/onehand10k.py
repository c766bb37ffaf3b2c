"""OneHand10K: photos of single hands.

Y. Wang et al., "Mask-pose Cascaded CNN for 2D Hand Pose Estimation from Single Color Images" (2018).
"""

from __future__ import annotations

from pathlib import Path

from edgehand.datasets import Sample, coco
from edgehand.datasets._published import Published

_PUBLISHED = Published(
    name="onehand10k",
    pictures="https://www.yangangwang.com/papers/WANG-MCC-2018-10.html",
    labels="https://download.openmmlab.com/mmpose/datasets/onehand10k_annotations.tar",
    licence="research only, ask its authors for anything else",
    tree="Train/source/0.jpg ...\nTest/source/0.jpg ...",
)

label_file = _PUBLISHED.label_file


def read(file: Path, skipped: list[str] | None = None) -> list[Sample]:
    """Read its labels, as `edgehand.datasets.coco.read` does."""
    return coco.read(file, skipped)
