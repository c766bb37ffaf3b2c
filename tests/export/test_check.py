"""The comparison of heatmaps sees what it is there to see."""

from __future__ import annotations

import numpy as np
import pytest

from edgehand.export.check import agreement
from edgehand.training.networks import NETWORKS

SPEC = NETWORKS["lite"][1]


def heatmaps(shift: int = 0) -> np.ndarray:
    """Two hands' logits: a Gaussian's parabola above a floor, at a place of its own for each keypoint."""
    rows, columns = np.mgrid[: SPEC.heatmap_size, : SPEC.heatmap_size]
    places = np.random.default_rng(0).uniform(10, 30, (2, 21, 2))
    across = (columns - places[..., :1, None] - shift) ** 2
    down = (rows - places[..., 1:, None]) ** 2
    return np.maximum(8 - (across + down) / 4.5, -8).astype(np.float32)


def test_equal_heatmaps_agree() -> None:
    found = agreement(heatmaps(), heatmaps(), SPEC)
    assert found.cosine == pytest.approx(1)
    assert found.distance == 0
    assert not found.collapsed


def test_a_shift_is_a_distance_of_the_box() -> None:
    found = agreement(heatmaps(), heatmaps(3), SPEC)
    assert found.distance == pytest.approx(3 * SPEC.stride / (SPEC.input_size / SPEC.padding), rel=0.01)


def test_coarser_heatmaps_agree_and_other_ones_have_collapsed() -> None:
    expected = heatmaps()
    assert not agreement(expected, np.round(expected * 8) / 8, SPEC).collapsed
    assert agreement(expected, np.zeros_like(expected), SPEC).collapsed
    assert agreement(expected, np.full_like(expected, np.nan), SPEC).collapsed
    assert agreement(expected, -expected, SPEC).collapsed
    peakless = agreement(expected, np.full_like(expected, expected.min()), SPEC)
    assert peakless.cosine > 0.9
    assert peakless.collapsed
