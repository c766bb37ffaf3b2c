"""Keypoints -> the heatmaps that a network is trained towards."""

from __future__ import annotations

import torch
from torch import Tensor


def gaussian_targets(keypoints: Tensor, weights: Tensor, size: int, sigma: float) -> tuple[Tensor, Tensor]:
    """A Gaussian of height 1 around the nearest cell of each keypoint, cut off at three sigma.

    After B. Xiao et al., "Simple Baselines for Human Pose Estimation and Tracking" (2018), as MMPose has it.

    Args:
        keypoints: (N, K, 2) x, y in cells.
        weights: (N, K) 0 where a keypoint is not labelled.
        size: side of the square heatmaps, cells.
        sigma: cells.
    Returns:
        targets (N, K, size, size), all 0 where the weight is, and the weights, 0 also where no part of the
        Gaussian lies in the heatmap.
    """
    radius = int(3 * sigma)
    # Towards zero, not down: it matters left of and above the heatmap.
    centres = (keypoints.float() + 0.5).trunc()
    inside = ((centres - radius < size) & (centres + radius + 1 >= 0)).all(-1)
    weights = weights * inside
    distances = torch.arange(size, device=keypoints.device) - centres[..., None]
    lines = torch.exp(-(distances**2) / (2 * sigma**2)) * (distances.abs() <= radius)
    across, down = lines.unbind(-2)
    targets = down[..., :, None] * across[..., None, :]
    return targets * (weights > 0)[..., None, None], weights
