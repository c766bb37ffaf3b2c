"""What was measured, as data and as a table."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgehand import metrics
from edgehand.datasets import Sample
from edgehand.evaluation.measure import Found
from edgehand.hand import KEYPOINT_NAMES

VISIBILITY = {1: "labelled or hidden (1)", 2: "seen (2)"}


def report(samples: list[Sample], found: list[Found]) -> dict[str, Any]:
    """The figures of all hands, of each joint and of each visibility.

    Args:
        samples: labelled hands, at least one.
        found: what was found in each, in the same order.
    Returns:
        plain data: figures with confidence intervals, joints, visibility, hands, pictures.
    """
    predicted = np.stack([hand.keypoints for hand in found])
    true = np.stack([sample.keypoints for sample in samples])
    labels = np.stack([sample.visibility for sample in samples])
    boxes = np.array([hand.box for hand in found])
    pictures = np.array([str(sample.image) for sample in samples])
    heads = None
    if all(sample.head_size is not None for sample in samples):
        heads = np.array([sample.head_size for sample in samples], np.float64)
    figures = metrics.summary(predicted, true, labels > 0, boxes, head_sizes=heads, groups=pictures)
    if heads is not None:
        # The figure that this data set is published with comes first.
        figures = {"PCKh@0.7": figures["PCKh@0.7"], **figures}

    pixels = metrics.distances(predicted, true)
    by_box = metrics.distances(predicted, true, metrics.longer_sides(boxes))

    def part(counted: NDArray[np.bool_]) -> dict[str, float]:
        return {
            "keypoints": int(counted.sum()),
            "PCK@0.2": metrics.pck(by_box, counted, 0.2),
            "EPE": metrics.epe(pixels, counted),
            "error/box": metrics.epe(by_box, counted),
        }

    joint = np.arange(len(KEYPOINT_NAMES))
    return {
        "hands": len(samples),
        "pictures": len(set(pictures)),
        "figures": {name: asdict(figure) for name, figure in figures.items()},
        "joints": {name: part((labels > 0) & (joint == k)) for k, name in enumerate(KEYPOINT_NAMES)},
        "visibility": {
            name: part(labels == value) for value, name in VISIBILITY.items() if (labels == value).any()
        },
    }


def table(content: dict[str, Any]) -> str:
    """What `report` gave, to be read by people."""
    lines = [f"{content['hands']} hands in {content['pictures']} pictures", ""]
    lines.append(f"{'':12}{'value':>9}   95 % interval")
    for name, figure in content["figures"].items():
        digits = 2 if name == "EPE" else 4
        low, high = (f"{figure[end]:.{digits}f}" for end in ("low", "high"))
        lines.append(f"{name:12}{figure['value']:>9.{digits}f}   {low} .. {high}")
    for title in ("joints", "visibility"):
        lines += ["", f"{title:24}{'keypoints':>10}{'PCK@0.2':>10}{'EPE':>10}{'error/box':>11}"]
        for name, part in content[title].items():
            lines.append(
                f"{name:24}{part['keypoints']:>10}{part['PCK@0.2']:>10.4f}{part['EPE']:>10.2f}"
                f"{part['error/box']:>11.4f}"
            )
    return "\n".join(lines)
