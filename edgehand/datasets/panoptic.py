"""CMU Panoptic HandDB, with MPII and NZSL: hands of people at work and in talk.

T. Simon et al., "Hand Keypoint Detection in Single Images using Multiview Bootstrapping" (2017).
"""

from __future__ import annotations

from pathlib import Path

from edgehand.datasets import Sample, coco
from edgehand.datasets._published import Published

PADDING = 1.76
"""Its boxes are tight around the keypoints: MMPose takes 0.8 of the 2.2 of the data set's authors."""

_PUBLISHED = Published(
    name="panoptic",
    pictures="http://domedb.perception.cs.cmu.edu/handdb.html",
    labels="https://download.openmmlab.com/mmpose/datasets/panoptic_annotations.tar",
    licence="non-commercial research only",
    tree="hand143_panopticdb/imgs/ ...\nhand_labels/manual_train/ ...\nhand_labels/manual_test/ ...",
)

label_file = _PUBLISHED.label_file


def read(file: Path, skipped: list[str] | None = None) -> list[Sample]:
    """Read its labels, as `edgehand.datasets.coco.read` does."""
    return coco.read(file, skipped, head_size=True)
