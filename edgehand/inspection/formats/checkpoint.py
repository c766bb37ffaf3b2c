"""Checkpoints: the network's layers, called as recipes call them."""

from __future__ import annotations

from pathlib import Path

from edgehand.inspection.formats import Layer
from edgehand.training.checkpoint import load_checkpoint


def layers(files: tuple[Path, ...]) -> list[Layer]:
    """The modules that have weights, in their order."""
    network, _ = load_checkpoint(files[0])
    found = []
    for name, module in network.named_modules():
        own = list(module.parameters(recurse=False))
        if own:
            dtype = str(own[0].dtype).removeprefix("torch.")
            size = sum(weight.numel() * weight.element_size() for weight in own)
            found.append(Layer(name, type(module).__name__, dtype, dtype, size))
    return found
