"""Losses between a network's heatmaps and the true keypoints."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from edgehand.training.heatmaps import gaussian_targets


def log_probabilities(heatmaps: Tensor, sigma: float) -> Tensor:
    """Log of where each keypoint is: a softmax over its cells and one more place, "not in here".

    Args:
        heatmaps: (N, K, H, W) logits.
        sigma: of the targets, cells: the more place has the fixed logit log(2 pi sigma^2).
    Returns:
        (N, K, H * W + 1) float32.
    """
    logits = heatmaps.float().flatten(2)
    absent = torch.full_like(logits[..., :1], math.log(2 * math.pi * sigma**2))
    return functional.log_softmax(torch.cat([logits, absent], dim=2), dim=2)


def spatial_cross_entropy(heatmaps: Tensor, keypoints: Tensor, weights: Tensor, *, sigma: float) -> Tensor:
    """Cross-entropy between each heatmap's softmax and a Gaussian around its keypoint, or "not in here".

    The softmax runs over the cells and one more place of fixed logit, log(2 pi sigma^2), which is the target
    of keypoints outside the heatmap. It pins the heatmap's level: a Gaussian with peak logit p then holds
    sigmoid(p) of the probability, so that the peak itself is the logit of the score.

    Args:
        heatmaps: (N, K, H, W) logits.
        keypoints: (N, K, 2) x, y in cells.
        weights: (N, K) 0 leaves a keypoint out.
        sigma: of the Gaussian, cells.
    Returns:
        scalar, mean over the keypoints by weight.
    """
    height, width = heatmaps.shape[-2:]
    x, y = keypoints.float().unbind(-1)
    columns = torch.arange(width, device=heatmaps.device, dtype=torch.float32)
    rows = torch.arange(height, device=heatmaps.device, dtype=torch.float32)
    across = torch.exp(-((columns - x[..., None]) ** 2) / (2 * sigma**2))
    down = torch.exp(-((rows - y[..., None]) ** 2) / (2 * sigma**2))
    target = (down[..., :, None] * across[..., None, :]).flatten(2)
    inside = (x >= -0.5) & (x < width - 0.5) & (y >= -0.5) & (y < height - 0.5)
    target = inside[..., None] * target / target.sum(2, keepdim=True).clamp_min(1e-12)
    target = torch.cat([target, (~inside)[..., None].float()], dim=2)

    loss = -(target * log_probabilities(heatmaps, sigma)).sum(2)
    return (loss * weights).sum() / weights.sum().clamp_min(1)


def mean_squared_error(heatmaps: Tensor, keypoints: Tensor, weights: Tensor, *, sigma: float) -> Tensor:
    """Mean squared difference from a Gaussian around each keypoint; what is not labelled counts as right.

    Args:
        heatmaps: (N, K, H, W), H = W.
        keypoints: (N, K, 2) x, y in cells.
        weights: (N, K) factor of each keypoint's error; 0 leaves it out.
        sigma: of the Gaussian, cells.
    Returns:
        scalar, mean over all cells of all keypoints.
    """
    targets, weights = gaussian_targets(keypoints, weights, heatmaps.shape[-1], sigma)
    return ((heatmaps.float() - targets) ** 2 * weights[..., None, None]).mean()


LOSSES: dict[str, Callable[..., Tensor]] = {
    "spatial cross-entropy": spatial_cross_entropy,
    "mean squared error": mean_squared_error,
}
