"""Accuracy of keypoints, in NumPy, as the field and MMPose's published tables define it.

PCK and AUC are means over joints of each joint's own fraction (macro); EPE is one mean over all keypoints
(micro). Distances are rounded to float32 and compared strictly, as MMPose does: equal predictions give equal
figures.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]

AUC_PIXELS = 30.0
"""Largest threshold of AUC, pixels of the picture."""
MAX_DROP = 0.5
"""Points of PCK@0.1 that quantization may lose where nobody says: the project's own bar."""
_AUC_THRESHOLDS = [i / 20 for i in range(20)]


def distances(predicted: Floats, true: Floats, normaliser: Floats | float = 1.0) -> NDArray[np.float32]:
    """Euclidean distance of each keypoint from the truth.

    Args:
        predicted, true: (N, K, 2) pixels.
        normaliser: (N,) or one number, pixels, divides the distances; NaN comes out where it is not positive.
    Returns:
        (N, K) float32.
    """
    sizes = np.broadcast_to(np.asarray(normaliser, np.float64), len(predicted))
    sizes = np.where(sizes > 0, sizes, np.nan)[:, None, None]
    offsets = (np.asarray(predicted, np.float64) - np.asarray(true, np.float64)) / sizes
    return np.asarray(np.linalg.norm(offsets, axis=-1), np.float32)


def longer_sides(boxes: Floats) -> NDArray[np.float64]:
    """max(width, height) of each box (N, 4): the normaliser of PCK."""
    return np.asarray(np.asarray(boxes, np.float64)[:, 2:].max(axis=1))


def clip_boxes(boxes: Floats, sizes: NDArray[np.integer[Any]]) -> NDArray[np.float64]:
    """Boxes cut at the picture's last pixels, as MMPose 1.x does before it crops and normalises PCK.

    Args:
        boxes: (N, 4) x, y, width, height, pixels.
        sizes: (N, 2) width, height of each picture.
    Returns:
        (N, 4).
    """
    boxes = np.asarray(boxes, np.float64)
    low = boxes[:, :2].clip(0, np.asarray(sizes) - 1)
    high = (boxes[:, :2] + boxes[:, 2:]).clip(0, np.asarray(sizes) - 1)
    return np.hstack([low, high - low])


def pck(errors: NDArray[np.float32], visible: NDArray[np.bool_], threshold: float) -> float:
    """Percentage of correct keypoints: the mean over joints of the fraction with an error below a threshold.

    With `distances` divided by the boxes' longer sides this is PCK, divided by head sizes PCKh
    (Y. Yang, D. Ramanan, 2013; M. Andriluka et al., 2014).

    Args:
        errors: (N, K) from `distances`; NaN is left out.
        visible: (N, K) keypoints that count.
        threshold: in the unit of `errors`; equal is not below.
    Returns:
        0..1; joints that are visible nowhere do not count, and 0 if there are none.
    """
    return float(_macro(_Counts.of(errors, visible, [threshold]))[0])


def auc(errors: NDArray[np.float32], visible: NDArray[np.bool_]) -> float:
    """Area under the curve of PCK over 20 thresholds from 0 up to, not including, 30 pixels.

    Args:
        errors: (N, K) from `distances` with normaliser AUC_PIXELS.
        visible: (N, K).
    Returns:
        0..0.95: nothing is below the threshold 0.
    """
    return float(_macro(_Counts.of(errors, visible, _AUC_THRESHOLDS))[0])


def epe(errors: NDArray[np.float32], visible: NDArray[np.bool_]) -> float:
    """End-point error: the mean distance over all visible keypoints.

    Args:
        errors: (N, K) from `distances`, pixels.
        visible: (N, K).
    Returns:
        pixels, 0 if no keypoint is visible.
    """
    # Joint by joint and in float32: the order and precision of MMPose's own sum.
    counted = errors.T[visible.T & np.isfinite(errors.T)]
    return float(counted.sum()) / float(max(1, counted.size))


@dataclass(frozen=True)
class _Counts:
    """What PCK and AUC are made of: sums that a bootstrap can weight."""

    correct: NDArray[np.float64]
    """(N, K) the fraction of the thresholds that each keypoint passes; 0 where it does not count."""
    total: NDArray[np.float64]
    """(N, K) 1 where it counts."""

    @classmethod
    def of(cls, errors: NDArray[np.float32], visible: NDArray[np.bool_], thresholds: list[float]) -> _Counts:
        counts = visible & np.isfinite(errors)
        passed = sum((errors < np.float32(threshold)) & counts for threshold in thresholds)
        return cls(np.asarray(passed, np.float64) / len(thresholds), counts.astype(np.float64))


def _macro(counts: _Counts, weights: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
    """Mean over joints; with weights (B, N) one figure for each of the B ways to weight the hands."""
    if weights is None:
        weights = np.ones((1, len(counts.total)))
    total = weights @ counts.total
    fractions = np.divide(weights @ counts.correct, total, out=np.zeros_like(total), where=total > 0)
    return np.asarray(fractions.sum(axis=1) / (total > 0).sum(axis=1).clip(1))


@dataclass(frozen=True)
class Figure:
    """A figure and its 95 % confidence interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, eq=False)
class Resampled:
    """A figure of a set of hands, and what it would be of others like it."""

    value: float
    draws: NDArray[np.float64]
    """(resamples,) the figure of each bootstrap sample."""

    def __sub__(self, other: Resampled) -> Resampled:
        """The paired difference: both must come from the same hands, `resamples` and `seed`."""
        return Resampled(self.value - other.value, self.draws - other.draws)

    def figure(self) -> Figure:
        """With the percentile interval (B. Efron, 1979)."""
        low, high = np.percentile(self.draws, [2.5, 97.5])
        return Figure(self.value, float(low), float(high))


def resampled(
    predicted: Floats,
    true: Floats,
    visible: NDArray[np.bool_],
    boxes: Floats,
    *,
    head_sizes: Floats | None = None,
    groups: NDArray[Any] | None = None,
    resamples: int = 1000,
    seed: int = 0,
) -> dict[str, Resampled]:
    """All figures of a set of hands, and of bootstrap samples of its pictures (B. Efron, 1979).

    Args:
        predicted, true: (N, K, 2) pixels.
        visible: (N, K).
        boxes: (N, 4) x, y, width, height, pixels, of the labels.
        head_sizes: (N,) pixels, adds PCKh.
        groups: (N,) the picture of each hand: hands of one picture are drawn together; None takes each alone.
        resamples: how many samples are drawn.
        seed: of the draws: the same seed and groups draw the same pictures, so that two models can be compared.
    Returns:
        by name: PCK@0.2, @0.1, @0.05 (of the box), PCKh@0.7, AUC, EPE (pixels), error/box.
    """
    pixels = distances(predicted, true)
    by_box = distances(predicted, true, longer_sides(boxes))
    macro = {f"PCK@{limit}": _Counts.of(by_box, visible, [limit]) for limit in (0.2, 0.1, 0.05)}
    if head_sizes is not None:
        macro["PCKh@0.7"] = _Counts.of(distances(predicted, true, head_sizes), visible, [0.7])
    macro["AUC"] = _Counts.of(distances(predicted, true, AUC_PIXELS), visible, _AUC_THRESHOLDS)
    micro = {"EPE": pixels, "error/box": by_box}

    _, members = np.unique(np.arange(len(pixels)) if groups is None else groups, return_inverse=True)
    pictures = int(members.max()) + 1
    rng = np.random.default_rng(seed)
    draws = rng.multinomial(pictures, np.full(pictures, 1 / pictures), resamples).astype(np.float64)
    weights = draws[:, members]
    found = {
        name: Resampled(float(_macro(counts)[0]), _macro(counts, weights)) for name, counts in macro.items()
    }
    for name, errors in micro.items():
        counted = visible & np.isfinite(errors)
        sums, numbers = np.where(counted, errors, 0.0).sum(axis=1), counted.sum(axis=1)
        found[name] = Resampled(epe(errors, visible), weights @ sums / (weights @ numbers).clip(1))
    return found
