"""The spatial cross-entropy against its definition, written out in NumPy in double precision."""

from __future__ import annotations

import math

import numpy as np
import torch

from edgehand.training.loss import spatial_cross_entropy

SIGMA = 1.5


def reference(heatmap: np.ndarray, x: float, y: float) -> float:
    height, width = heatmap.shape
    logits = np.append(heatmap.ravel(), math.log(2 * math.pi * SIGMA**2)).astype(np.float64)
    log_probability = logits - np.log(np.exp(logits - logits.max()).sum()) - logits.max()
    target = np.zeros(height * width + 1)
    if -0.5 <= x < width - 0.5 and -0.5 <= y < height - 0.5:
        rows, columns = np.mgrid[:height, :width]
        gaussian = np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * SIGMA**2))
        target[:-1] = (gaussian / gaussian.sum()).ravel()
    else:
        target[-1] = 1
    return float(-(target * log_probability).sum())


def loss(heatmaps: torch.Tensor, points: list[tuple[float, float]], weights: list[float]) -> torch.Tensor:
    return spatial_cross_entropy(heatmaps, torch.tensor([points]), torch.tensor([weights]), sigma=SIGMA)


def test_equals_its_definition() -> None:
    torch.manual_seed(0)
    heatmaps = torch.randn(1, 4, 9, 12) * 3
    points = [(3.2, 4.9), (0.0, 8.4), (11.4, 0.1), (40.0, 2.0)]
    weights = [1.0, 0.5, 2.0, 1.0]
    expected = [
        reference(heatmap, *point) for heatmap, point in zip(heatmaps[0].numpy(), points, strict=True)
    ]
    found = loss(heatmaps, points, weights)
    np.testing.assert_allclose(float(found), np.average(expected, weights=weights), rtol=1e-5)


def test_what_is_left_out_does_not_count() -> None:
    heatmaps = torch.randn(1, 2, 8, 8)
    both = loss(heatmaps, [(2.0, 3.0), (float(5), 5.0)], [1.0, 0.0])
    one = spatial_cross_entropy(heatmaps[:, :1], torch.tensor([[(2.0, 3.0)]]), torch.ones(1, 1), sigma=SIGMA)
    torch.testing.assert_close(both, one)
    assert float(loss(heatmaps, [(2.0, 3.0), (5.0, 5.0)], [0.0, 0.0])) == 0


def test_best_heatmap_peaks_at_the_keypoint_with_a_confident_logit() -> None:
    """Descending the loss alone gives a peak at the keypoint, whose height is the logit of being there."""
    heatmaps = torch.zeros(1, 2, 16, 16, requires_grad=True)
    optimizer = torch.optim.Adam([heatmaps], lr=0.2)
    for _ in range(300):
        optimizer.zero_grad()
        loss(heatmaps, [(6.0, 9.0), (-9.0, 4.0)], [1.0, 1.0]).backward()
        optimizer.step()
    inside, outside = heatmaps.detach()[0]
    assert divmod(int(inside.argmax()), 16) == (9, 6)
    assert inside.max() > 3
    assert outside.max() < -1
    # Near the peak it is the parabola of a Gaussian: half a cell of sigma away from it.
    np.testing.assert_allclose(float(inside[9, 6] - inside[9, 7]), 1 / (2 * SIGMA**2), rtol=0.1)
