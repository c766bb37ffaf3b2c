"""Recipes: how a network is trained, as data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Recipe:
    """All that fixes a training run besides the data, the seed and the machine."""

    network: str
    """One of `edgehand.training.networks.NETWORKS`."""
    epochs: int
    batch_size: int
    """Pictures a step."""
    learning_rate: float
    """Of AdamW, at the top of a one-cycle schedule: warm-up, then a cosine to nearly nothing."""
    weight_decay: float
    sigma: float
    """Of the target's Gaussian, heatmap cells."""
    ema: float
    """Decay a step of the averaged weights, which are what is evaluated and kept."""


RECIPES: dict[str, Recipe] = {
    "lite": Recipe(
        network="lite",
        epochs=30,
        batch_size=64,
        learning_rate=2e-3,
        weight_decay=0.02,
        sigma=1.5,
        ema=0.995,
    ),
}
