"""Every artifact on the same hands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from edgehand import datasets, metrics
from edgehand.datasets import Sample
from edgehand.evaluation.figures import Outcome
from edgehand.evaluation.measure import Found, Measurement
from edgehand.export.calibration import sha256, spread
from edgehand.reporting.artifacts import Artifact
from edgehand.reporting.notes import Notes

PROTOCOL = "1.x"
CURVE = tuple(round(0.01 * step, 2) for step in range(31))
"""Thresholds of the PCK curve, fractions of the box's longer side."""


@dataclass(frozen=True, eq=False)
class Data:
    """One labelled data set."""

    source: str
    """FORMAT:PATH."""
    samples: list[Sample]
    sha256: str
    """Of the pictures' files and boxes."""

    @property
    def calibration_sha256(self) -> str:
        """Of those among them that would calibrate a model: what its file says where it was calibrated on them."""
        return sha256((sample.image, sample.box) for sample in spread(self.samples))


def load(source: str) -> Data:
    """Read a data set.

    Raises:
        DataError: it cannot be used.
    """
    samples = datasets.load(source)
    return Data(source, samples, sha256((sample.image, sample.box) for sample in samples))


def measure(
    artifact: Artifact, data: list[Data], threads: int, notes: Notes, progress: Callable[[], object]
) -> Outcome:
    """What an artifact finds in every hand; hands that an earlier run has measured are taken from its notes.

    Args:
        artifact: to measure.
        data: at least one hand.
        threads: CPU threads.
        notes: of the report.
        progress: is called after each hand.
    Raises:
        ImageError, DataError: a picture or box is bad.
    """
    samples: list[Sample] = []
    found: list[Found] = []
    model = artifact.open(threads)
    for part in data:
        file = notes.file("keypoints", artifact.sha256, part.sha256, suffix=".jsonl")
        for hand in Measurement(model, part.samples, PROTOCOL, flip_test=False, notes=file).run(None):
            assert hand is not None  # only where bad hands are skipped
            found.append(hand)
            progress()
        samples += part.samples
    return Outcome.of(samples, found)


def figures(outcome: Outcome, reference: Outcome) -> dict[str, Any]:
    """Accuracy with 95 % intervals, and the paired differences from the reference.

    Args:
        outcome, reference: of the same hands.
    Returns:
        plain data: figures, joints, curve.
    """
    found, expected = outcome.resampled(), reference.resampled()
    errors, visible = outcome.errors(), outcome.visibility > 0
    return {
        "figures": {
            name: {**asdict(value.figure()), "difference": asdict((value - expected[name]).figure())}
            for name, value in found.items()
        },
        "joints": {name: part["error/box"] for name, part in outcome.joints().items()},
        "curve": [metrics.pck(errors, visible, threshold) for threshold in CURVE],
    }
