"""A training step of lite_depthwise on one CPU core: bfloat16 as it is, every convolution in bfloat16, and float32.

    python benchmarks/bench_training.py

Prints the least CPU time of each and the ratio to bfloat16 as it is. That all three train the same network is seen
by their losses.
"""

from __future__ import annotations

import time

import torch
from torch import Tensor, nn

from edgehand.training.loss import spatial_cross_entropy
from edgehand.training.networks import NETWORKS, build

BATCH, ROUNDS = 64, 4


def step(network: nn.Module, images: Tensor, keypoints: Tensor, *, bfloat16: bool) -> tuple[float, float]:
    """One forward and backward pass: its CPU seconds and its loss."""
    network.zero_grad()
    started = time.process_time()
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bfloat16):
        heatmaps = network(images)
    loss = spatial_cross_entropy(heatmaps, keypoints, torch.ones(BATCH, 21), sigma=1.5)
    loss.backward()  # type: ignore[no-untyped-call]
    return time.process_time() - started, loss.item()


def main() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    spec = NETWORKS["lite_depthwise"][1]
    network = build("lite_depthwise").train().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    size = spec.input_size
    images = torch.randn(BATCH, 3, size, size).contiguous(memory_format=torch.channels_last)
    keypoints = torch.rand(BATCH, 21, 2) * spec.heatmap_size

    own = {module: type(module) for module in network.modules()}
    runs = {"bfloat16": True, "bfloat16 in every convolution": True, "float32": False}
    times: dict[str, list[float]] = {name: [] for name in runs}
    losses: dict[str, float] = {}
    for _ in range(ROUNDS):
        for name, bfloat16 in runs.items():
            for module, kind in own.items():
                plain = "every" in name and isinstance(module, nn.Conv2d)
                module.__class__ = nn.Conv2d if plain else kind
            seconds, losses[name] = step(network, images, keypoints, bfloat16=bfloat16)
            times[name].append(seconds)
    assert max(losses.values()) - min(losses.values()) < 0.02, losses
    for name, measured in times.items():
        least, ratio = min(measured), min(measured) / min(times["bfloat16"])
        print(f"{name:32} {least:6.2f} s  {BATCH / least:6.1f} images/s  x{ratio:.2f}")


if __name__ == "__main__":
    main()
