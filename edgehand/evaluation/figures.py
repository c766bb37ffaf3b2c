"""What was measured, as data and as a table."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgehand import metrics
from edgehand.datasets import Sample
from edgehand.evaluation.measure import Found
from edgehand.hand import KEYPOINT_NAMES

VISIBILITY = {1: "labelled or hidden (1)", 2: "seen (2)"}


@dataclass(frozen=True, eq=False)
class Outcome:
    """Labelled hands and what was found in them, as arrays."""

    predicted: NDArray[np.float32]
    """(N, 21, 2) pixels of the pictures."""
    true: NDArray[np.float32]
    """(N, 21, 2)."""
    visibility: NDArray[np.uint8]
    """(N, 21) see `Sample.visibility`."""
    boxes: NDArray[np.float64]
    """(N, 4) that were looked into."""
    pictures: NDArray[np.str_]
    """(N,) each hand's file: hands of one picture are drawn together."""
    head_sizes: NDArray[np.float64] | None
    """(N,) where the data set gives them."""

    @classmethod
    def of(cls, samples: list[Sample], found: list[Found]) -> Outcome:
        """Labelled hands, at least one, and what was found in each, in the same order."""
        heads = [sample.head_size for sample in samples if sample.head_size is not None]
        return cls(
            predicted=np.stack([hand.keypoints for hand in found]),
            true=np.stack([sample.keypoints for sample in samples]),
            visibility=np.stack([sample.visibility for sample in samples]),
            boxes=np.array([hand.box for hand in found]),
            pictures=np.array([str(sample.image) for sample in samples]),
            head_sizes=np.array(heads, np.float64) if len(heads) == len(samples) else None,
        )

    def errors(self) -> NDArray[np.float32]:
        """(N, 21) distance from the truth, as a fraction of the box's longer side."""
        return metrics.distances(self.predicted, self.true, metrics.longer_sides(self.boxes))

    def resampled(self) -> dict[str, metrics.Resampled]:
        """All figures, see `metrics.resampled`; the one that the data set is published with comes first."""
        found = metrics.resampled(
            self.predicted,
            self.true,
            self.visibility > 0,
            self.boxes,
            head_sizes=self.head_sizes,
            groups=self.pictures,
        )
        return found if self.head_sizes is None else {"PCKh@0.7": found["PCKh@0.7"], **found}

    def part(self, counted: NDArray[np.bool_]) -> dict[str, float]:
        """The figures of some keypoints (N, 21)."""
        errors = self.errors()
        return {
            "keypoints": int(counted.sum()),
            "PCK@0.2": metrics.pck(errors, counted, 0.2),
            "EPE": metrics.epe(metrics.distances(self.predicted, self.true), counted),
            "error/box": metrics.epe(errors, counted),
        }

    def joints(self) -> dict[str, dict[str, float]]:
        """The figures of each joint."""
        joint = np.arange(len(KEYPOINT_NAMES))
        return {
            name: self.part((self.visibility > 0) & (joint == k)) for k, name in enumerate(KEYPOINT_NAMES)
        }


def summarise(outcome: Outcome) -> dict[str, Any]:
    """The figures of all hands with their intervals, of each joint and of each visibility, as plain data."""
    labels = outcome.visibility
    return {
        "hands": len(outcome.pictures),
        "pictures": len(set(outcome.pictures)),
        "figures": {name: asdict(found.figure()) for name, found in outcome.resampled().items()},
        "joints": outcome.joints(),
        "visibility": {
            name: outcome.part(labels == value)
            for value, name in VISIBILITY.items()
            if (labels == value).any()
        },
    }


def table(content: dict[str, Any]) -> str:
    """What `summarise` gave, to be read by people."""
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
